// Type lists and small functors shared by the files of pointwise operators.
#pragma once
#include "cpu/pointwise.h"
#include "cpu/vec_complex.h"
#include "cpu/vec_convert.h"
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

// ---- 16-bit floats, widened in registers: for the operators that mixed precision uses most ----

inline void widen(const Half* p, float* to, int64_t n) {
  convert_half_to_float(reinterpret_cast<const uint16_t*>(p), to, n);
}
inline void widen(const BFloat16* p, float* to, int64_t n) {
  convert_bfloat16_to_float(reinterpret_cast<const uint16_t*>(p), to, n);
}
inline void narrow(const float* p, Half* to, int64_t n) {
  convert_float_to_half(p, reinterpret_cast<uint16_t*>(to), n);
}
inline void narrow(const float* p, BFloat16* to, int64_t n) {
  convert_float_to_bfloat16(p, reinterpret_cast<uint16_t*>(to), n);
}

template <class F, class H, size_t... I>
[[gnu::flatten]] void widening_loop(const void* functor, char* out, const char* const* in,
                                    int64_t n, std::index_sequence<I...>) {
  constexpr int64_t kStep = 32;
  const F f = *static_cast<const F*>(functor);
  const H* const p[] = {reinterpret_cast<const H*>(in[I])...};
  H* o = reinterpret_cast<H*>(out);
  alignas(64) float a[sizeof...(I)][kStep] = {}, r[kStep];
  auto compute = [&] {
    if constexpr (requires { f.run(r, a[I]..., kStep); }) {
      f.run(r, a[I]..., kStep);
    } else {
#pragma GCC ivdep
      for (int64_t j = 0; j < kStep; ++j) r[j] = f(a[I][j]...);
    }
  };
  int64_t i = 0;
  for (; i + kStep <= n; i += kStep) {
    (widen(p[I] + i, a[I], kStep), ...);
    compute();
    narrow(r, o + i, kStep);
  }
  if (i < n) {
    (widen(p[I] + i, a[I], n - i), ...);
    compute();
    narrow(r, o + i, n - i);
  }
}
template <template <class> class F, class H, int Arity>
PointwiseKernel widening_kernel() {
  PointwiseKernel k = pointwise_kernel<F, float, Arity>();
  k.loop = [](const void* f, char* out, const char* const* in, int64_t n) {
    widening_loop<F<float>, H>(f, out, in, n, std::make_index_sequence<Arity>());
  };
  k.number[0] = k.number[1] = nullptr;
  k.result = dtype_of<H>;
  return k;
}
// pointwise<> with kernels of their own for the 16-bit floats.
template <template <class> class F, int Arity, class Types, Promote P = Promote::Default>
const PointwiseSpec& pointwise_halves() {
  static const PointwiseSpec spec = [] {
    PointwiseSpec s = make_pointwise<F, Arity>(Types(), P);
    s.kernels[int(DType::Float16)] = widening_kernel<F, Half, Arity>();
    s.kernels[int(DType::BFloat16)] = widening_kernel<F, BFloat16, Arity>();
    s.widening = true;
    return s;
  }();
  return spec;
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
