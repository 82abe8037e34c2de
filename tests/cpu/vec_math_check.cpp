// Accuracy and speed of csrc/cpu/vec_math*.h at one instruction level: one line per function with
// the largest error in ulp against long double, where it occurs, and nanoseconds per element.
// tests/cpu/check_vec_math.sh compiles and runs it. Exit status 1 if a bound is exceeded.
#include <chrono>
#include <cmath>
#include <complex>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <vector>

#include "cpu/vec_math.h"

namespace vm = rl::vm;
using ld = long double;

static long g_samples = 1 << 20;
static const char* g_only = nullptr;
static bool g_failed = false;
static double g_relax = 1;  // factor on the bounds
// Without fma a few double functions lose another ulp.
static constexpr double kSlack = vm::kHasFma ? 2.5 : 3.5;

static double ulps(auto got, ld want) {
  using T = decltype(got);
  T rounded = static_cast<T>(want);
  if (std::isnan(want)) return std::isnan(got) ? 0 : INFINITY;
  if (std::isnan(got)) return INFINITY;
  if (std::isinf(rounded)) {
    if (got == rounded) return 0;
    return std::fabs(got) == std::numeric_limits<T>::max() && !std::isinf(want) ? 1 : INFINITY;
  }
  if (std::isinf(got)) {
    return std::fabs(rounded) == std::numeric_limits<T>::max() ? 1 : INFINITY;
  }
  if (got == 0 && rounded == 0 && std::signbit(got) != std::signbit(rounded)) return INFINITY;
  int e = rounded == 0 ? -10000 : std::ilogb(rounded);
  int least = std::numeric_limits<T>::min_exponent - 1;
  int digits = std::numeric_limits<T>::digits - 1;
  ld unit = std::ldexp(ld(1), std::max(e, least) - digits);
  return static_cast<double>(std::fabs(static_cast<ld>(got) - want) / unit);
}

static uint64_t g_state = 88172645463325252ull;
static uint64_t next_random() {
  g_state ^= g_state << 13;
  g_state ^= g_state >> 7;
  g_state ^= g_state << 17;
  return g_state * 0x2545F4914F6CDD1Dull;
}
static double uniform(double lo, double hi) {
  return lo + (hi - lo) * (next_random() >> 11) * 0x1p-53;
}

template <class T>
static std::vector<T> samples(double lo, double hi, double speed_lo, double speed_hi) {
  std::vector<T> v;
  for (T e : {T(0), T(1), T(0.5), T(2), T(1.5), std::numeric_limits<T>::infinity(), T(10),
              std::numeric_limits<T>::quiet_NaN(), std::numeric_limits<T>::min(), T(100), T(3),
              std::numeric_limits<T>::denorm_min(), std::numeric_limits<T>::max(), T(0.25),
              std::nextafter(T(1), T(0)), std::nextafter(T(1), T(2)), T(1e5), T(88.72), T(709.7)})
    for (T s : {e, -e}) v.push_back(s);
  for (long i = 0; i < g_samples; ++i) {
    T x;
    if (i % 2 == 0) {  // all bit patterns alike
      if constexpr (sizeof(T) == 4) {
        uint32_t b = static_cast<uint32_t>(next_random() >> 32);
        std::memcpy(&x, &b, 4);
      } else {
        uint64_t b = next_random();
        std::memcpy(&x, &b, 8);
      }
    } else {
      x = static_cast<T>(uniform(speed_lo, speed_hi));
    }
    v.push_back(x);
  }
  std::erase_if(v, [&](T x) { return x < lo || x > hi; });
  return v;
}

template <class T, class F>
[[gnu::noinline, gnu::flatten]] static void map1(F f, const T* in, T* out, long n) {
#pragma GCC ivdep
  for (long i = 0; i < n; ++i) out[i] = f(in[i]);
}
template <class T, class F>
[[gnu::noinline, gnu::flatten]] static void map2(F f, const T* a, const T* b, T* out, long n) {
#pragma GCC ivdep
  for (long i = 0; i < n; ++i) out[i] = f(a[i], b[i]);
}

template <class Work>
static double ns_per(long n, Work work) {
  double best = 1e9;
  for (int rep = 0; rep < 9; ++rep) {
    auto t0 = std::chrono::steady_clock::now();
    work();
    auto t1 = std::chrono::steady_clock::now();
    best = std::min(best, std::chrono::duration<double, std::nano>(t1 - t0).count() / n);
  }
  return best;
}

static bool wanted(const char* name) { return !g_only || std::strcmp(g_only, name) == 0; }

static void report(const char* type, const char* name, double worst, double bound, ld a, ld b,
                   ld got, double ns) {
  bool bad = !(worst <= bound * g_relax);
  g_failed |= bad;
  std::printf("%-3s %-12s max %9.3f ulp  %7.3f ns%s", type, name, worst, ns, bad ? "  FAIL" : "");
  if (bad) std::printf(" at %.17Lg, %.17Lg: %.17Lg", a, b, got);
  std::printf("\n");
  std::fflush(stdout);
}

struct Span {
  double lo = -INFINITY, hi = INFINITY, speed_lo = -5, speed_hi = 5;
};

template <class T, class F, class R>
static void check1(const char* type, const char* name, F f, R ref, double bound, Span s) {
  if (!wanted(name)) return;
  auto in = samples<T>(s.lo, s.hi, s.speed_lo, s.speed_hi);
  std::vector<T> out(in.size());
  map1(f, in.data(), out.data(), static_cast<long>(in.size()));
  double worst = -1;
  size_t where = 0;
  for (size_t i = 0; i < in.size(); ++i) {
    double u = ulps(out[i], ref(static_cast<ld>(in[i])));
    if (u > worst) worst = u, where = i;
  }
  std::vector<T> fast(4096), res(4096);
  for (auto& x : fast) x = static_cast<T>(uniform(s.speed_lo, s.speed_hi));
  double ns = ns_per(4096, [&] { map1(f, fast.data(), res.data(), 4096); });
  report(type, name, worst, bound, in[where], 0, out[where], ns);
}

template <class T, class F, class R>
static void check2(const char* type, const char* name, F f, R ref, double bound, Span s, Span t) {
  if (!wanted(name)) return;
  auto a = samples<T>(s.lo, s.hi, s.speed_lo, s.speed_hi);
  auto b = samples<T>(t.lo, t.hi, t.speed_lo, t.speed_hi);
  size_t n = std::min(a.size(), b.size());
  a.resize(n), b.resize(n);
  for (size_t i = n - 1; i > 0; --i) std::swap(b[i], b[next_random() % (i + 1)]);
  size_t edges = std::min<size_t>(n, 38);  // every edge with every edge
  for (size_t i = 0; i < edges; ++i)
    for (size_t j = 0; j < edges; ++j) a.push_back(a[i]), b.push_back(a[j]);
  n = a.size();
  std::vector<T> out(n);
  map2(f, a.data(), b.data(), out.data(), static_cast<long>(n));
  double worst = -1;
  size_t where = 0;
  for (size_t i = 0; i < n; ++i) {
    double u = ulps(out[i], ref(static_cast<ld>(a[i]), static_cast<ld>(b[i])));
    if (u > worst) worst = u, where = i;
  }
  std::vector<T> x(4096), y(4096), res(4096);
  for (auto& v : x) v = static_cast<T>(uniform(s.speed_lo, s.speed_hi));
  for (auto& v : y) v = static_cast<T>(uniform(t.speed_lo, t.speed_hi));
  double ns = ns_per(4096, [&] { map2(f, x.data(), y.data(), res.data(), 4096); });
  report(type, name, worst, bound, a[where], b[where], out[where], ns);
}

#define REF1(expr) [](ld x) -> ld { return expr; }
#define REF2(expr) [](ld x, ld y) -> ld { return expr; }
#define BOTH1(name, expr, bound_f, bound_d, ...)                                            \
  check1<float>(                                                                            \
      "f32", #name, [](float x) { return vm::name(x); }, REF1(expr), bound_f, __VA_ARGS__); \
  check1<double>(                                                                           \
      "f64", #name, [](double x) { return vm::name(x); }, REF1(expr), bound_d, __VA_ARGS__)
#define BOTH2(name, expr, bound_f, bound_d, s, t)                                                \
  check2<float>(                                                                                 \
      "f32", #name, [](float x, float y) { return vm::name(x, y); }, REF2(expr), bound_f, s, t); \
  check2<double>(                                                                                \
      "f64", #name, [](double x, double y) { return vm::name(x, y); }, REF2(expr), bound_d, s, t)

static ld ref_log_sigmoid(ld x) {
  if (x > 800) return 0;
  return std::fmin(x, ld(0)) - std::log1p(std::exp(-std::fabs(x)));
}
static ld ref_tanh(ld x) { return std::tanh(x); }
static ld ref_sigmoid(ld x) {
  return x < 0 ? std::exp(x) / (1 + std::exp(x)) : 1 / (1 + std::exp(-x));
}
static ld ref_logaddexp(ld x, ld y) {
  if (std::isnan(x) || std::isnan(y)) return NAN;
  if (x == y) return x + std::log(ld(2));
  return std::fmax(x, y) + std::log1p(std::exp(-std::fabs(x - y)));
}

static void check_exponentials() {
  BOTH1(exp, std::exp(x), 1.0, 1.0, {});
  BOTH1(exp2, std::exp2(x), 1.5, 1.5, {});
  BOTH1(expm1, std::expm1(x), 2.0, 2.0, {});
  BOTH1(log, std::log(x), 1.0, 1.0, (Span{.speed_lo = 0.01, .speed_hi = 5}));
  BOTH1(log2, std::log2(x), 1.5, 1.0, (Span{.speed_lo = 0.01, .speed_hi = 5}));
  BOTH1(log10, std::log10(x), 1.5, 1.0, (Span{.speed_lo = 0.01, .speed_hi = 5}));
  BOTH1(log1p, std::log1p(x), 1.5, 1.5, (Span{.speed_lo = -0.99, .speed_hi = 5}));
  BOTH1(tanh, ref_tanh(x), 2.0, 2.0, {});
  BOTH1(sigmoid, ref_sigmoid(x), 2.0, kSlack, {});
  BOTH1(log_sigmoid, ref_log_sigmoid(x), 2.0, 2.0, (Span{.hi = 87.}));
  BOTH1(silu, x * ref_sigmoid(x), 2.5, kSlack, (Span{.lo = -1e5}));
  BOTH1(mish, x * std::tanh(std::log1p(std::exp(x))), 1.0, 5.0, (Span{.lo = -700.}));
  BOTH1(sinh, std::sinh(x), 1.0, 2.5, {});
  BOTH1(cosh, std::cosh(x), 1.0, 2.0, {});
  BOTH1(asinh, std::asinh(x), 1.0, 2.5, {});
  BOTH1(acosh, std::acosh(x), 1.0, 2.5, (Span{.speed_lo = 1, .speed_hi = 5}));
  BOTH1(atanh, std::atanh(x), 1.0, 2.5, (Span{.speed_lo = -1, .speed_hi = 1}));
}

static void check_trigonometry() {
  double lim_f = vm::TrigLimit<float>::kMax, lim_d = vm::TrigLimit<double>::kMax;
  auto trig = [&](const char* name, auto f, auto ref, double bf, double bd) {
    check1<float>("f32", name, [f](float x) { return f(x); }, ref, bf, {-lim_f, lim_f, -20, 20});
    check1<double>("f64", name, [f](double x) { return f(x); }, ref, bd, {-lim_d, lim_d, -20, 20});
  };
  trig("sin", [](auto x) { return vm::sin(x); }, REF1(std::sin(x)), 2.0, 2.0);
  trig("cos", [](auto x) { return vm::cos(x); }, REF1(std::cos(x)), 2.0, 2.0);
  trig("tan", [](auto x) { return vm::tan(x); }, REF1(std::tan(x)), 2.0, kSlack);
  Span unit{.speed_lo = -1, .speed_hi = 1};
  BOTH1(asin, std::asin(x), 1.0, 2.0, unit);
  BOTH1(acos, std::acos(x), 1.0, 2.0, unit);
  BOTH1(atan, std::atan(x), 2.0, 2.0, {});
  BOTH2(atan2, std::atan2(x, y), 1.0, 2.5, {}, {});
}

static ld ref_tail(ld x) { return std::erfc(x / std::sqrt(ld(2))) / 2; }
static ld ref_density(ld x) { return std::exp(-x * x / 2) / std::sqrt(2 * std::acos(ld(-1))); }
static ld ref_gelu(ld x) { return x * ref_tail(-x); }
static ld ref_gelu_grad(ld x) { return ref_tail(-x) + x * ref_density(x); }
static ld ref_gelu_tanh(ld x) {
  ld u = std::sqrt(2 / std::acos(ld(-1))) * (x + ld(0.044715L) * x * x * x);
  return x * ref_sigmoid(2 * u);
}
static ld ref_erfinv(ld x) {
  ld a = std::fabs(x);
  if (!(a <= 1)) return NAN;
  if (a == 1) return std::copysign(ld(INFINITY), x);
  ld y = vm::erfinv(static_cast<double>(a));  // where to start
  for (int k = 0; k < 4; ++k) {
    ld step = a < 0.5 ? std::erf(y) - a : (1 - a) - std::erfc(y);
    y -= step * std::sqrt(std::acos(ld(-1))) / 2 * std::exp(y * y);
  }
  return std::copysign(y, x);
}
// I0 or I1 by the power series, whose terms are all positive
static ld ref_bessel(ld x, int order, bool scaled) {
  if (std::isnan(x)) return x;
  if (std::isinf(x)) return scaled ? std::copysign(ld(0), x) : x;
  ld a = std::fabs(x), z = a * a / 4, term = order == 1 ? a / 2 : 1, sum = 0;
  for (int k = 1; k < 3000 && term > sum * ld(1e-21L); ++k) {
    sum += term;
    term *= z / (ld(k) * (k + order));
  }
  sum = scaled ? sum * std::exp(-a) : sum;
  return order == 1 ? std::copysign(sum, x) : sum;
}
static ld ref_sinc(ld x) {
  ld r = std::fmod(x, ld(2)), pi = std::acos(ld(-1));
  return x == 0 ? 1 : std::sin(r * pi) / (pi * x);
}

static void check_special() {
  g_relax = vm::kHasFma ? 1.0 : 2.0;
  Span unit{.lo = -1, .hi = 1, .speed_lo = -1, .speed_hi = 1};
  BOTH1(erf, std::erf(x), 2.0, 2.0, {});
  BOTH1(erfc, std::erfc(x), 1.0, 4.0, {});
  BOTH1(erfcx, std::exp(x * x) * std::erfc(x), 1.0, 4.0, (Span{.lo = -9, .hi = 60}));
  BOTH1(ndtr, ref_tail(-x), 3.5, 5.0, {});
  BOTH1(gelu, ref_gelu(x), 3.5, 5.0, (Span{.lo = -1e5}));
  BOTH1(gelu_grad, ref_gelu_grad(x), 3.0, 4.0, (Span{.lo = 0, .hi = 1e9}));
  BOTH1(gelu_tanh, ref_gelu_tanh(x), 2.5, 2.5, (Span{.lo = -0.5, .hi = 1e5}));
  BOTH1(silu_grad, ref_sigmoid(x) * (1 + x * ref_sigmoid(-x)), 3.5, 3.5,
        (Span{.lo = 0, .hi = 1e9}));
  check1<float>("f32", "erfinv", [](float x) { return vm::erfinv(x); }, ref_erfinv, 1.0, unit);
  Span bessel{.lo = -715, .hi = 715};
  BOTH1(i0, ref_bessel(x, 0, false), 1.0, 7.0, bessel);
  BOTH1(i0e, ref_bessel(x, 0, true), 1.0, 7.0, bessel);
  BOTH1(i1, ref_bessel(x, 1, false), 1.0, 7.0, bessel);
  BOTH1(i1e, ref_bessel(x, 1, true), 1.0, 7.0, bessel);
  BOTH1(sinc, ref_sinc(x), 3.0, 3.0, (Span{.lo = -0.9, .hi = 0.9}));
}

static void check_scalar() {
  Span unit{.lo = -1, .hi = 1, .speed_lo = -1, .speed_hi = 1};
  check1<double>("f64", "erfinv", [](double x) { return vm::erfinv(x); }, ref_erfinv, 4.0, unit);
  BOTH1(ndtri,
        x < 0.5 ? -std::sqrt(ld(2)) * ref_erfinv(1 - 2 * x)
                : std::sqrt(ld(2)) * ref_erfinv(2 * x - 1),
        2.0, 16.0, (Span{.lo = 0.01, .hi = 1, .speed_lo = 0, .speed_hi = 1}));
  BOTH1(log_ndtr, x < 0 ? std::log(ref_tail(-x)) : std::log1p(-ref_tail(x)), 1.0, 5.0,
        (Span{.lo = -100, .hi = 5}));
  check1<float>("f32", "lgamma", [](float x) { return vm::lgamma(x); }, REF1(std::lgamma(x)), 1.0,
                {.lo = 0});
}

static void check_arithmetic() {
  g_relax = 1;
  Span any{.speed_lo = 0.1, .speed_hi = 5};
  BOTH2(pow, std::pow(x, y), 1.0, 1.0, any, any);
  check2<float>("f32", "pow_near_1", [](float x, float y) { return vm::pow(x, y); },
                REF2(std::pow(x, y)), 1.0,
                {.lo = 0.9, .hi = 1.1, .speed_lo = 0.99, .speed_hi = 1.01},
                {.speed_lo = -5000, .speed_hi = 5000});
  BOTH2(hypot, std::hypot(x, y), 1.0, 1.5, any, any);
}

// Operations through apply: every float or double, in place too
template <class T, class Op, class R>
static void check_apply1(const char* type, const char* name, Op, R ref, double bound) {
  if (!wanted(name)) return;
  auto in = samples<T>(-INFINITY, INFINITY, -20, 20);
  std::vector<T> out(in.size()), same = in;
  vm::apply<Op>(in.data(), out.data(), static_cast<int64_t>(in.size()));
  vm::apply<Op>(same.data(), same.data(), static_cast<int64_t>(in.size()));
  double worst = -1;
  size_t where = 0;
  for (size_t i = 0; i < in.size(); ++i) {
    double u = ulps(out[i], ref(static_cast<ld>(in[i])));
    if (std::memcmp(&out[i], &same[i], sizeof(T)) != 0 && out[i] == out[i]) u = INFINITY;
    if (u > worst) worst = u, where = i;
  }
  std::vector<T> fast(4096), res(4096);
  for (auto& x : fast) x = static_cast<T>(uniform(-20, 20));
  double ns = ns_per(4096, [&] { vm::apply<Op>(fast.data(), res.data(), 4096); });
  report(type, name, worst, bound, in[where], 0, out[where], ns);
}
template <class T, class Op, class R>
static void check_apply2(const char* type, const char* name, Op, R ref, double bound) {
  if (!wanted(name)) return;
  auto a = samples<T>(-INFINITY, INFINITY, -20, 20), b = a;
  for (size_t i = b.size() - 1; i > 0; --i) std::swap(b[i], b[next_random() % (i + 1)]);
  for (size_t i = 0; i < 38; ++i)
    for (size_t j = 0; j < 38; ++j) a.push_back(a[i]), b.push_back(a[j]);
  std::vector<T> out(a.size());
  vm::apply<Op>(a.data(), b.data(), out.data(), static_cast<int64_t>(a.size()));
  double worst = -1;
  size_t where = 0;
  for (size_t i = 0; i < a.size(); ++i) {
    double u = ulps(out[i], static_cast<ld>(ref(a[i], b[i])));
    if (u > worst) worst = u, where = i;
  }
  std::vector<T> x(4096), y(4096), res(4096);
  for (auto& v : x) v = static_cast<T>(uniform(-20, 20));
  for (auto& v : y) v = static_cast<T>(uniform(0.5, 5));
  double ns = ns_per(4096, [&] { vm::apply<Op>(x.data(), y.data(), res.data(), 4096); });
  report(type, name, worst, bound, a[where], b[where], out[where], ns);
}

// Python's % and // by other means
template <class T>
static T ref_remainder(T x, T y) {
  T m = std::fmod(x, y);
  if (m != 0 && (m < 0) != (y < 0)) m += y;
  return m;
}

static void check_applied() {
  auto both1 = [](const char* name, auto op, auto ref) {
    check_apply1<float>("f32", name, op, ref, 2.0);
    check_apply1<double>("f64", name, op, ref, kSlack);
  };
  both1("apply sin", vm::Sin{}, REF1(std::sin(x)));
  both1("apply cos", vm::Cos{}, REF1(std::cos(x)));
  both1("apply tan", vm::Tan{}, REF1(std::tan(x)));
  auto both2 = [](const char* name, auto op, auto ref) {
    check_apply2<float>("f32", name, op, [ref](float x, float y) { return ref(x, y); }, 0.0);
    check_apply2<double>("f64", name, op, [ref](double x, double y) { return ref(x, y); }, 0.0);
  };
  both2("fmod", vm::Fmod{}, [](auto x, auto y) { return std::fmod(x, y); });
  both2("remainder", vm::Remainder{}, [](auto x, auto y) { return ref_remainder(x, y); });
}

static void check_rounding() {
  BOTH1(floor, std::floor(x), 0.0, 0.0, {});
  BOTH1(ceil, std::ceil(x), 0.0, 0.0, {});
  BOTH1(trunc, std::trunc(x), 0.0, 0.0, {});
  BOTH1(round_even, std::nearbyint(x), 0.0, 0.0, {});
  BOTH1(sqrt, std::sqrt(x), 0.5, 0.5, (Span{.speed_lo = 0}));
  BOTH1(rsqrt, 1 / std::sqrt(x), 1.5, 1.5, (Span{.speed_lo = 0.1}));
}

// Every half and bfloat16 there and back; ties and neighbours of all of them in float
static void check_conversions() {
  if (!wanted("convert")) return;
  constexpr long n = 65536;
  std::vector<uint16_t> all(n), back(n);
  std::vector<float> wide(n);
  for (long i = 0; i < n; ++i) all[i] = static_cast<uint16_t>(i);
  long wrong = 0;
  auto compare = [&](bool half) {
    for (long i = 0; i < n; ++i) {
      if (std::isnan(wide[i])) {
        float again = half ? rl::half_to_float(back[i]) : rl::bfloat16_to_float(back[i]);
        wrong += !std::isnan(again);
      } else {
        wrong += back[i] != all[i];
        int e = (i >> 10) & 31, m = i & 1023;
        float want = std::ldexp(float(e != 0 ? m + 1024 : m), (e != 0 ? e : 1) - 25);
        wrong += half && e != 31 && wide[i] != (i & 0x8000 ? -want : want);
      }
    }
  };
  rl::convert_half_to_float(all.data(), wide.data(), n);
  rl::convert_float_to_half(wide.data(), back.data(), n);
  compare(true);
  // Between two neighbours: the tie goes to the even one, the rest to the nearer one.
  for (int i = 0; i < 0x7c00; ++i) {
    float lo = rl::half_to_float(static_cast<uint16_t>(i));
    float hi = i == 0x7bff ? 65536.f : rl::half_to_float(static_cast<uint16_t>(i + 1));
    float mid = 0.5f * (lo + hi);
    wrong += rl::float_to_half(mid) != (i & 1 ? i + 1 : i);
    wrong += rl::float_to_half(std::nextafter(mid, 0.f)) != i;
    wrong += rl::float_to_half(std::nextafter(-mid, -INFINITY)) != (0x8000 | (i + 1));
  }
  rl::convert_bfloat16_to_float(all.data(), wide.data(), n);
  rl::convert_float_to_bfloat16(wide.data(), back.data(), n);
  compare(false);
  wrong += rl::float_to_bfloat16(std::numeric_limits<float>::max()) != 0x7f80;
  wrong +=
      rl::float_to_bfloat16(1.00390625f) != 0x3f80 || rl::float_to_bfloat16(1.01171875f) != 0x3f82;
  double to_half = ns_per(n, [&] { rl::convert_float_to_half(wide.data(), back.data(), n); });
  double from_half = ns_per(n, [&] { rl::convert_half_to_float(all.data(), wide.data(), n); });
  double to_b = ns_per(n, [&] { rl::convert_float_to_bfloat16(wide.data(), back.data(), n); });
  double from_b = ns_per(n, [&] { rl::convert_bfloat16_to_float(all.data(), wide.data(), n); });
  g_failed |= wrong != 0;
  std::printf(
      "convert: %ld wrong; float->half %.3f, half->float %.3f, float->bf16 %.3f, bf16->float %.3f "
      "ns\n",
      wrong, to_half, from_half, to_b, from_b);
}

int main(int argc, char** argv) {
  if (argc > 1) g_samples = std::atol(argv[1]);
  if (argc > 2) g_only = argv[2];
  check_exponentials();
  check_trigonometry();
  Span positive{.lo = 0., .speed_lo = 0, .speed_hi = 20};
  BOTH2(logaddexp, ref_logaddexp(x, y), 2.0, 2.0, positive, positive);
  check_special();
  check_scalar();
  check_arithmetic();
  check_applied();
  check_rounding();
  check_conversions();
  return g_failed ? 1 : 0;
}
