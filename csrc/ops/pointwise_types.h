// Type lists and small functors shared by the files of pointwise operators.
#pragma once
#include "cpu/pointwise.h"
#include "cpu/vec_complex.h"
#include "cpu/vec_math.h"
#include "dispatch/call.h"

#define RL_FN inline __attribute__((always_inline))
// One-argument functor: RL_UNARY(Exp, vm::exp(x)) makes template <class T> struct Exp.
#define RL_UNARY(Name, expression)                          \
  template <class T>                                        \
  struct Name {                                             \
    RL_FN auto operator()(T x) const { return expression; } \
  };
#define RL_BINARY(Name, expression)                              \
  template <class T>                                             \
  struct Name {                                                  \
    RL_FN auto operator()(T a, T b) const { return expression; } \
  };

namespace rl {
inline namespace RL_ISA_NS {
namespace {

using NumberTypes =
    TypeList<uint8_t, int8_t, int16_t, int32_t, int64_t, float, double, complex64, complex128>;
using NumberBoolTypes = TypeList<bool, uint8_t, int8_t, int16_t, int32_t, int64_t, float, double,
                                 complex64, complex128>;
// The types of copies and comparisons for equality, and of what little else PyTorch computes in
// the wide unsigned types.
using NumberBoolUIntTypes = TypeList<bool, uint8_t, int8_t, int16_t, int32_t, int64_t, float,
                                     double, complex64, complex128, uint16_t, uint32_t, uint64_t>;
using OrderedTypes = TypeList<uint8_t, int8_t, int16_t, int32_t, int64_t, float, double>;
using OrderedUIntTypes = TypeList<uint8_t, int8_t, int16_t, int32_t, int64_t, float, double,
                                  uint16_t, uint32_t, uint64_t>;
using OrderedBoolTypes = TypeList<bool, uint8_t, int8_t, int16_t, int32_t, int64_t, float, double>;

template <class T>
inline constexpr bool kIsComplex = is_complex(dtype_of<T>);
template <class T>
inline constexpr bool kIsInt = std::is_integral_v<T>;

// Integer arithmetic wraps around.
template <class T>
RL_FN T wrap_add(T a, T b) {
  if constexpr (kIsInt<T>) {
    using U = std::make_unsigned_t<T>;
    return T(U(U(a) + U(b)));
  } else {
    return a + b;
  }
}
template <class T>
RL_FN T wrap_sub(T a, T b) {
  if constexpr (kIsInt<T>) {
    using U = std::make_unsigned_t<T>;
    return T(U(U(a) - U(b)));
  } else {
    return a - b;
  }
}
// Complex products and quotients are the plain formulas: no recovery of infinities.
template <class T>
RL_FN T wrap_mul(T a, T b) {
  if constexpr (kIsInt<T>) {
    using U = std::make_unsigned_t<T>;
    return T(U(uint64_t(a) * uint64_t(b)));
  } else if constexpr (kIsComplex<T>) {
    return T(a.real() * b.real() - a.imag() * b.imag(), a.real() * b.imag() + a.imag() * b.real());
  } else {
    return a * b;
  }
}
template <class T>
RL_FN T quotient(T a, T b) {
  if constexpr (kIsComplex<T>) {
    using R = typename T::value_type;
    R c = vm::abs(b.real()), d = vm::abs(b.imag());
    R largest = c > d ? c : d;
    R re = b.real() / largest, im = b.imag() / largest;
    R size = b.real() * re + b.imag() * im;
    R real = (a.real() * re + a.imag() * im) / size, imag = (a.imag() * re - a.real() * im) / size;
    T y = largest == R(0) ? T(a.real() / largest, a.imag() / largest) : T(real, imag);
    return largest == vm::kInf<R> ? T(a.real() * R(0), a.imag() * R(0)) : y;
  } else {
    return a / b;
  }
}

inline Tensor zero_gradient(GradContext& c) { return zeros_like(c.grad()); }
inline Tensor select(const Tensor& condition, const Tensor& a, const Tensor& b) {
  return call<"where.self">(condition, a, b);
}
inline Tensor select(const Tensor& condition, const Tensor& a, const Scalar& b) {
  return call<"where.self">(condition, a, wrapped_number(b));
}
inline Tensor select(const Tensor& condition, const Scalar& a, const Tensor& b) {
  return call<"where.self">(condition, wrapped_number(a), b);
}

}  // namespace
}  // namespace RL_ISA_NS
}  // namespace rl
