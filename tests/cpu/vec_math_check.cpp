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
// Without fma a few double functions lose another ulp.
static constexpr double kSlack = vm::kHasFma ? 2.0 : 3.0;

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
[[gnu::noinline]] static void map1(F f, const T* in, T* out, long n) {
#pragma GCC ivdep
  for (long i = 0; i < n; ++i) out[i] = f(in[i]);
}
template <class T, class F>
[[gnu::noinline]] static void map2(F f, const T* a, const T* b, T* out, long n) {
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
  bool bad = !(worst <= bound);
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
  BOTH1(mish, x * std::tanh(std::log1p(std::exp(x))), 1.0, 4.0, (Span{.lo = -700.}));
  BOTH1(sinh, std::sinh(x), 1.0, 2.0, {});
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

int main(int argc, char** argv) {
  if (argc > 1) g_samples = std::atol(argv[1]);
  if (argc > 2) g_only = argv[2];
  check_exponentials();
  check_trigonometry();
  Span positive{.lo = 0., .speed_lo = 0, .speed_hi = 20};
  BOTH2(logaddexp, ref_logaddexp(x, y), 2.0, 2.0, positive, positive);
  return g_failed ? 1 : 0;
}
