// Complex functions, element by element, through std::complex: scalar code. Where it is compiled
// for several instruction levels, the baseline objects must come first in the link.
#pragma once

#include <cmath>
#include <complex>

#include "vec_math_core.h"

namespace rl {
inline namespace RL_ISA_NS {
namespace vm {

template <class T>
using Complex = std::complex<T>;

template <class T>
RL_VM Complex<T> exp(Complex<T> z) {
  return std::exp(z);
}
template <class T>
RL_VM Complex<T> log(Complex<T> z) {
  return std::log(z);
}
template <class T>
RL_VM Complex<T> log2(Complex<T> z) {
  Complex<T> y = std::log(z);
  constexpr T log2e = T(1.44269504088896340736);
  return {y.real() * log2e, y.imag() * log2e};
}
template <class T>
RL_VM Complex<T> log10(Complex<T> z) {
  return std::log10(z);
}
// log(1 + z), the real part by log1p so that a small z keeps its digits
template <class T>
RL_VM Complex<T> log1p(Complex<T> z) {
  T x = z.real(), y = z.imag();
  T size = std::hypot(x, y);
  T real = size < T(0.5) ? T(0.5) * std::log1p(x * (T(2) + x) + y * y)
                         : std::log(std::hypot(T(1) + x, y));
  return {real, std::atan2(y, T(1) + x)};
}
// exp(z) - 1: exp(x) cos(y) - 1 = expm1(x) cos(y) - 2 sin(y/2)^2
template <class T>
RL_VM Complex<T> expm1(Complex<T> z) {
  T x = z.real(), y = z.imag();
  T half = std::sin(y / T(2));
  return {std::expm1(x) * std::cos(y) - T(2) * half * half, std::exp(x) * std::sin(y)};
}
template <class T>
RL_VM Complex<T> sqrt(Complex<T> z) {
  return std::sqrt(z);
}
template <class T>
RL_VM Complex<T> rsqrt(Complex<T> z) {
  return T(1) / std::sqrt(z);
}
template <class T>
RL_VM Complex<T> reciprocal(Complex<T> z) {
  return T(1) / z;
}
template <class T>
RL_VM Complex<T> sigmoid(Complex<T> z) {
  return T(1) / (T(1) + std::exp(-z));
}

#define RL_VM_COMPLEX(name)             \
  template <class T>                    \
  RL_VM Complex<T> name(Complex<T> z) { \
    return std::name(z);                \
  }
RL_VM_COMPLEX(sin)
RL_VM_COMPLEX(cos)
RL_VM_COMPLEX(tan)
RL_VM_COMPLEX(sinh)
RL_VM_COMPLEX(cosh)
RL_VM_COMPLEX(tanh)
RL_VM_COMPLEX(asin)
RL_VM_COMPLEX(acos)
RL_VM_COMPLEX(atan)
RL_VM_COMPLEX(asinh)
RL_VM_COMPLEX(acosh)
RL_VM_COMPLEX(atanh)
#undef RL_VM_COMPLEX

// Anything to the power 0 is 1; 0 to any other power is exp(w * log(0)), as the reference has it.
template <class T>
RL_VM Complex<T> pow(Complex<T> z, Complex<T> w) {
  if (w == Complex<T>(0)) return Complex<T>(1);
  return std::pow(z, w);
}
template <class T>
RL_VM T abs(Complex<T> z) {
  return std::hypot(z.real(), z.imag());
}
template <class T>
RL_VM T angle(Complex<T> z) {
  return std::atan2(z.imag(), z.real());
}
// z / |z|, 0 for 0
template <class T>
RL_VM Complex<T> sgn(Complex<T> z) {
  T size = std::hypot(z.real(), z.imag());
  return size == T(0) ? Complex<T>(0) : Complex<T>(z.real() / size, z.imag() / size);
}

}  // namespace vm
}  // namespace RL_ISA_NS
}  // namespace rl
