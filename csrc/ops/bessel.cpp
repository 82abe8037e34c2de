// Bessel, Airy and incomplete gamma functions, orthogonal polynomials: rare, computed one by one.
#include <cmath>

#include "cpu/pointwise.h"
#include "dispatch/call.h"

namespace rl {
namespace {

constexpr double kPi = 3.14159265358979323846;
const double kNan = std::nan("");
const double kInf = HUGE_VAL;

double airy_ai(double x) {
  if (std::isinf(x)) return kNan;
  double z = 2.0 / 3 * std::pow(std::fabs(x), 1.5);
  if (x > 103.892) return 0;  // the double underflows
  if (x > 0) return std::sqrt(x / 3) / kPi * std::cyl_bessel_k(1.0 / 3, z);
  if (x == 0) return 0.355028053887817239;
  double j = std::cyl_bessel_j(1.0 / 3, z), y = std::cyl_neumann(1.0 / 3, z);
  return 0.5 * std::sqrt(-x) * (j - y / std::sqrt(3.0));
}
double bessel_k(double order, double x) {
  if (x == 0) return kInf;
  if (!(x > 0)) return kNan;
  return x > 700 ? 0 : std::cyl_bessel_k(order, x);
}
// exp(x) K(x). From 600 on, where K itself would vanish, by the first terms of the asymptotic
// series.
double scaled_bessel_k(double order, double x) {
  if (!(x > 600)) return x > 0 ? std::exp(x) * bessel_k(order, x) : bessel_k(order, x);
  double m = 4 * order * order, t = 1 / (8 * x);
  return std::sqrt(kPi / (2 * x)) *
         (1 + (m - 1) * t * (1 + (m - 9) * t / 2 * (1 + (m - 25) * t / 3)));
}
double spherical_j0(double x) {
  if (std::isinf(x)) return 0;
  if (std::fabs(x) < 0.5) {
    double z = x * x;
    return 1 - z / 6 * (1 - z / 20 * (1 - z / 42 * (1 - z / 72 * (1 - z / 110 * (1 - z / 156)))));
  }
  return std::sin(x) / x;
}

// Regularised incomplete gamma functions P(a, x) and Q(a, x): the power series below a + 1, Lentz's
// continued fraction above.
double gamma_series(double a, double x, double front) {
  double term = 1 / a, sum = term;
  for (int k = 1; k < 100000; ++k) {
    term *= x / (a + k);
    sum += term;
    if (term < sum * 1e-17) break;
  }
  return front * sum;
}
double gamma_fraction(double a, double x, double front) {
  constexpr double tiny = 1e-300;
  double b = x + 1 - a, c = 1 / tiny, d = 1 / b, h = d;
  for (int k = 1; k < 100000; ++k) {
    double an = -k * (k - a);
    b += 2;
    d = an * d + b;
    c = b + an / c;
    d = 1 / (std::fabs(d) < tiny ? tiny : d);
    c = std::fabs(c) < tiny ? tiny : c;
    h *= d * c;
    if (std::fabs(d * c - 1) < 1e-16) break;
  }
  return front * h;
}
double gamma_part(double a, double x, bool upper) {
  if (!(a >= 0) || !(x >= 0)) return kNan;
  if (a == 0) return x > 0 ? (upper ? 0 : 1) : kNan;
  if (x == 0) return upper ? 1 : 0;
  if (std::isinf(a)) return std::isinf(x) ? kNan : (upper ? 1 : 0);
  if (std::isinf(x)) return upper ? 0 : 1;
  double front = std::exp(a * std::log(x) - x - std::lgamma(a));
  if (x < a + 1) {
    double p = gamma_series(a, x, front);
    return upper ? 1 - p : p;
  }
  double q = gamma_fraction(a, x, front);
  return upper ? q : 1 - q;
}

// ---- polynomials: p(0), p(1) and the step of the recurrence ----

bool even(int64_t n) { return n % 2 == 0; }
template <class Step>
double recur(int64_t n, double first, double second, Step step) {
  if (n < 0) return 0;
  if (n == 0) return first;
  for (int64_t k = 1; k < n && second == second; ++k) {
    double next = step(k, first, second);
    first = second;
    second = next;
  }
  return second;
}
enum class Kind { T, U, V, W };
double chebyshev(Kind kind, double x, int64_t n) {
  if (n < 0) return 0;
  if (std::fabs(x) == 1) {
    double odd_sign = even(n) ? 1 : -1, many = 2 * double(n) + 1;
    switch (kind) {
      case Kind::T:
        return x > 0 ? 1 : odd_sign;
      case Kind::U:
        return (x > 0 ? 1 : odd_sign) * double(n + 1);
      case Kind::V:
        return x > 0 ? 1 : odd_sign * many;
      case Kind::W:
        return x > 0 ? many : odd_sign;
    }
  }
  double second = kind == Kind::T ? x : 2 * x - (kind == Kind::V) + (kind == Kind::W);
  return recur(n, 1, second, [&](int64_t, double p, double q) { return 2 * x * q - p; });
}
double hermite_h(double x, int64_t n) {
  return recur(n, 1, 2 * x,
               [&](int64_t k, double p, double q) { return 2 * (x * q - double(k) * p); });
}
double hermite_he(double x, int64_t n) {
  return recur(n, 1, x, [&](int64_t k, double p, double q) { return x * q - double(k) * p; });
}
double laguerre(double x, int64_t n) {
  return recur(n, 1, 1 - x, [&](int64_t k, double p, double q) {
    return ((2 * double(k) + 1 - x) * q - double(k) * p) / double(k + 1);
  });
}
double legendre(double x, int64_t n) {
  return recur(n, 1, x, [&](int64_t k, double p, double q) {
    return ((2 * double(k) + 1) * x * q - double(k) * p) / double(k + 1);
  });
}

#define RL_ONE(op, Name, expression)          \
  template <class T>                          \
  struct Name {                               \
    T operator()(T v) const {                 \
      double x = v;                           \
      return T(expression);                   \
    }                                         \
  };                                          \
  OP("special_" op "(Tensor self) -> Tensor") \
      .hidden()                               \
      .pointwise(pointwise<Name, 1, FloatTypes, Promote::IntToFloat>());
#define RL_POLYNOMIAL(op, Name, expression)                \
  template <class T>                                       \
  struct Name {                                            \
    T operator()(T v, T degree) const {                    \
      double x = v;                                        \
      int64_t n = degree == degree ? int64_t(degree) : -1; \
      return T(expression);                                \
    }                                                      \
  };                                                       \
  OP("special_" op "(Tensor x, Tensor n) -> Tensor")       \
      .hidden()                                            \
      .pointwise(pointwise<Name, 2, FloatTypes, Promote::IntToFloat>());

RL_ONE("airy_ai", AiryAi, airy_ai(x))
RL_ONE("bessel_j0", BesselJ0, ::j0(x))
RL_ONE("bessel_j1", BesselJ1, ::j1(x))
RL_ONE("bessel_y0", BesselY0, x < 0 ? kNan : ::y0(x))
RL_ONE("bessel_y1", BesselY1, x < 0 ? kNan : ::y1(x))
RL_ONE("modified_bessel_k0", BesselK0, bessel_k(0, x))
RL_ONE("modified_bessel_k1", BesselK1, bessel_k(1, x))
RL_ONE("scaled_modified_bessel_k0", ScaledK0, scaled_bessel_k(0, x))
RL_ONE("scaled_modified_bessel_k1", ScaledK1, scaled_bessel_k(1, x))
RL_ONE("spherical_bessel_j0", SphericalJ0, spherical_j0(x))
RL_POLYNOMIAL("chebyshev_polynomial_t", ChebyshevT, chebyshev(Kind::T, x, n))
RL_POLYNOMIAL("chebyshev_polynomial_u", ChebyshevU, chebyshev(Kind::U, x, n))
RL_POLYNOMIAL("chebyshev_polynomial_v", ChebyshevV, chebyshev(Kind::V, x, n))
RL_POLYNOMIAL("chebyshev_polynomial_w", ChebyshevW, chebyshev(Kind::W, x, n))
RL_POLYNOMIAL("shifted_chebyshev_polynomial_t", ShiftedT, chebyshev(Kind::T, 2 * x - 1, n))
RL_POLYNOMIAL("shifted_chebyshev_polynomial_u", ShiftedU, chebyshev(Kind::U, 2 * x - 1, n))
RL_POLYNOMIAL("shifted_chebyshev_polynomial_v", ShiftedV, chebyshev(Kind::V, 2 * x - 1, n))
RL_POLYNOMIAL("shifted_chebyshev_polynomial_w", ShiftedW, chebyshev(Kind::W, 2 * x - 1, n))
RL_POLYNOMIAL("hermite_polynomial_h", HermiteH, hermite_h(x, n))
RL_POLYNOMIAL("hermite_polynomial_he", HermiteHe, hermite_he(x, n))
RL_POLYNOMIAL("laguerre_polynomial_l", Laguerre, laguerre(x, n))
RL_POLYNOMIAL("legendre_polynomial_p", Legendre, legendre(x, n))

template <class T>
struct Igamma {
  T operator()(T a, T x) const { return T(gamma_part(a, x, false)); }
};
template <class T>
struct Igammac {
  T operator()(T a, T x) const { return T(gamma_part(a, x, true)); }
};
Tensor gamma_density(GradContext& c) {
  Tensor a = c.tensor("self"), x = c.tensor("other");
  return c.grad() * call<"exp">((a - Scalar(1)) * call<"log">(x) - x - call<"lgamma">(a));
}
OP("igamma(Tensor self, Tensor other) -> Tensor")
    .pointwise(pointwise<Igamma, 2, FloatTypes>())
    .tensors_only()
    .word("igamma")
    .grad("other", "self other", gamma_density);
OP("igammac(Tensor self, Tensor other) -> Tensor")
    .pointwise(pointwise<Igammac, 2, FloatTypes>())
    .tensors_only()
    .word("igammac")
    .grad("other", "self other", [](GradContext& c) { return -gamma_density(c); });

}  // namespace
}  // namespace rl
