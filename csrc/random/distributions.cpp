#include "random/distributions.h"

#include <math.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <type_traits>
#include <vector>

namespace rl::rng {
namespace {

using Lock = std::lock_guard<std::mutex>;

constexpr double kPi = 3.14159265358979323846;
constexpr double kTwo53 = 0x1p53;
constexpr int kChunk = kNormalChunk;  // numbers made at a time, in a buffer on the stack

template <class T>
constexpr bool is_real =
    std::is_floating_point_v<T> || std::is_same_v<T, Half> || std::is_same_v<T, BFloat16>;
template <class T>
constexpr int digits = std::numeric_limits<T>::digits;
template <>
constexpr int digits<Half> = 11;
template <>
constexpr int digits<BFloat16> = 8;

// The conversion of C++ from a double or an integer, through float for the 16-bit types.
template <class T, class V>
T convert(V value) {
  if constexpr (std::is_same_v<T, bool>) {
    return value != 0;
  } else if constexpr (std::is_same_v<T, Half> || std::is_same_v<T, BFloat16>) {
    return T(static_cast<float>(value));
  } else if constexpr (std::is_integral_v<T> && std::is_floating_point_v<V>) {
    // Out of range or nan: the value x86 gives, where C++ leaves it open.
    if (!(value >= -0x1p63 && value < 0x1p63))
      return static_cast<T>(std::numeric_limits<int64_t>::min());
    return static_cast<T>(static_cast<int64_t>(value));
  } else {
    return static_cast<T>(value);
  }
}

// Calls f(offset, count) for pieces of at most kChunk numbers.
template <class F>
void in_chunks(int64_t n, F&& f) {
  for (int64_t i = 0; i < n; i += kChunk) f(i, std::min<int64_t>(kChunk, n - i));
}

// out[i] = convert(f(u)), u of 53 bits.
template <class T, class F>
void transform53(CpuGenerator& gen, T* out, int64_t n, F&& f) {
  Lock lock(gen.mutex());
  uint32_t raw[2 * kChunk];
  double unit[kChunk];
  in_chunks(n, [&](int64_t at, int64_t m) {
    gen.engine().fill32(raw, 2 * m);
    unit_f64(unit, raw, m);
    for (int64_t i = 0; i < m; ++i) out[at + i] = convert<T>(f(unit[i]));
  });
}

}  // namespace

template <class T>
void uniform(CpuGenerator& gen, T* out, int64_t n, double from, double to) {
  Lock lock(gen.mutex());
  if constexpr (std::is_same_v<T, double>) {
    uint32_t raw[2 * kChunk];
    in_chunks(n, [&](int64_t at, int64_t m) {
      gen.engine().fill32(raw, 2 * m);
      uniform_f64(out + at, raw, m, from, to, to - from);
    });
  } else {
    const auto low = static_cast<float>(from), high = static_cast<float>(to);
    uint32_t raw[kChunk];
    if constexpr (std::is_same_v<T, float>) {
      in_chunks(n, [&](int64_t at, int64_t m) {
        gen.engine().fill32(raw, m);
        uniform_f32(out + at, raw, m, low, high, high - low);
      });
    } else {
      const T low_t(low), high_t(high);
      const float edge = high_t;
      float wide[kChunk];
      in_chunks(n, [&](int64_t at, int64_t m) {
        gen.engine().fill32(raw, m);
        // nan as the bound: the comparison belongs after the rounding to T.
        uniform_f32(wide, raw, m, low, std::numeric_limits<float>::quiet_NaN(), high - low);
        for (int64_t i = 0; i < m; ++i) {
          const T value(wide[i]);
          out[at + i] = static_cast<float>(value) == edge ? low_t : value;
        }
      });
    }
  }
}

namespace {

// d holds 8 numbers for radii and 8 for angles.
void normal_16(double* d, double mean, double std) {
  for (int j = 0; j < 8; ++j) {
    const double radius = std::sqrt(-2.0 * std::log(1.0 - d[j]));
    const double theta = 2.0 * kPi * d[j + 8];
    d[j] = std::fma(radius * std::cos(theta), std, mean);
    d[j + 8] = std::fma(radius * std::sin(theta), std, mean);
  }
}

// n a multiple of 16.
template <class T>
void normal_blocks(CpuGenerator& gen, T* out, int64_t n, double mean, double std) {
  if constexpr (std::is_same_v<T, double>) {
    uint32_t raw[2 * kChunk];
    in_chunks(n, [&](int64_t at, int64_t m) {
      gen.engine().fill32(raw, 2 * m);
      unit_f64(out + at, raw, m);
      for (int64_t i = 0; i < m; i += 16) normal_16(out + at + i, mean, std);
    });
  } else {
    uint32_t raw[kChunk];
    float wide[kChunk];
    in_chunks(n, [&](int64_t at, int64_t m) {
      gen.engine().fill32(raw, m);
      if constexpr (std::is_same_v<T, float>) {
        normal_f32(out + at, raw, m, static_cast<float>(mean), static_cast<float>(std));
      } else {
        normal_f32(wide, raw, m, static_cast<float>(mean), static_cast<float>(std));
        for (int64_t i = 0; i < m; ++i) out[at + i] = T(wide[i]);
      }
    });
  }
}

}  // namespace

template <class T>
void normal_block(CpuGenerator& gen, T* out, int64_t n, double mean, double std) {
  Lock lock(gen.mutex());
  if constexpr (std::is_same_v<T, double>) {
    // All n uniforms are drawn before the tail's, so the incomplete last block still takes its
    // share.
    const int64_t whole = n / 16 * 16;
    normal_blocks(gen, out, whole, mean, std);
    if (whole != n) {
      uint32_t skipped[32];
      gen.engine().fill32(skipped, 2 * (n - whole));
      normal_blocks(gen, out + n - 16, 16, mean, std);
    }
  } else {
    const int64_t whole = n / 16 * 16;
    normal_blocks(gen, out, whole, mean, std);
    if (whole != n) {
      if constexpr (std::is_same_v<T, float>) {
        uint32_t skipped[16];
        gen.engine().fill32(skipped, n - whole);
      }
      normal_blocks(gen, out + n - 16, 16, mean, std);
    }
  }
}

template <class T>
void normal_scalar(CpuGenerator& gen, T* out, int64_t n, double mean, double std) {
  Lock lock(gen.mutex());
  for (int64_t i = 0; i < n; ++i) out[i] = convert<T>(std::fma(gen.normal_unit(), std, mean));
}

template <class T>
void log_normal(CpuGenerator& gen, T* out, int64_t n, double mean, double std) {
  Lock lock(gen.mutex());
  for (int64_t i = 0; i < n; ++i)
    out[i] = convert<T>(std::exp(std::fma(gen.normal_unit(), std, mean)));
}

template <class T>
void exponential(CpuGenerator& gen, T* out, int64_t n, double lambda) {
  const double scale = -1.0 / lambda;
  if constexpr (std::is_same_v<T, double>) {
    transform53(gen, out, n, [=](double u) { return scale * std::log1p(-u); });
  } else {
    // Rounding to float hides how the logarithm was computed, except close to a boundary.
    Lock lock(gen.mutex());
    uint32_t raw[2 * kChunk];
    float wide[kChunk];
    uint8_t sure[kChunk];
    in_chunks(n, [&](int64_t at, int64_t m) {
      gen.engine().fill32(raw, 2 * m);
      neg_log_f32(wide, sure, raw, m, scale);
      for (int64_t i = 0; i < m; ++i) {
        if (!sure[i]) [[unlikely]] {
          double u;
          unit_f64(&u, raw + 2 * i, 1);
          wide[i] = static_cast<float>(scale * std::log1p(-u));
        }
        out[at + i] = convert<T>(wide[i]);
      }
    });
  }
}

template <class T>
void cauchy(CpuGenerator& gen, T* out, int64_t n, double median, double sigma) {
  transform53(gen, out, n,
              [=](double u) { return std::fma(sigma, std::tan(kPi * (u - 0.5)), median); });
}

template <class T>
void geometric(CpuGenerator& gen, T* out, int64_t n, double p) {
  const double scale = std::log1p(-p);
  transform53(gen, out, n, [=](double u) { return std::ceil(std::log(u) / scale); });
}

void bernoulli_mask(CpuGenerator& gen, uint8_t* out, int64_t n, double p) {
  // k * 2^-53 < p for an integer k exactly when k < ceil(p * 2^53); the product is exact.
  const auto bound = static_cast<uint64_t>(std::ceil(p * kTwo53));
  Lock lock(gen.mutex());
  uint32_t raw[2 * kChunk];
  in_chunks(n, [&](int64_t at, int64_t m) {
    gen.engine().fill32(raw, 2 * m);
    below_u8(out + at, raw, m, bound);
  });
}

template <class T>
void bernoulli_scaled(CpuGenerator& gen, T* out, int64_t n, double p, T on) {
  const auto bound = static_cast<uint64_t>(std::ceil(p * kTwo53));
  Lock lock(gen.mutex());
  uint32_t raw[2 * kChunk];
  uint8_t hit[kChunk];
  const T off = convert<T>(0);
  in_chunks(n, [&](int64_t at, int64_t m) {
    gen.engine().fill32(raw, 2 * m);
    below_u8(hit, raw, m, bound);
    if constexpr (std::is_same_v<T, float>) {
      mask_f32(out + at, hit, m, on);
    } else if constexpr (std::is_same_v<T, double>) {
      mask_f64(out + at, hit, m, on);
    } else {
      for (int64_t i = 0; i < m; ++i) out[at + i] = hit[i] ? on : off;
    }
  });
}

template <class T>
void bernoulli(CpuGenerator& gen, T* out, int64_t n, double p) {
  if constexpr (sizeof(T) == 1) {
    bernoulli_mask(gen, reinterpret_cast<uint8_t*>(out), n, p);
  } else {
    bernoulli_scaled(gen, out, n, p, convert<T>(1));
  }
}

template <class P>
void bernoulli_each(CpuGenerator& gen, uint8_t* out, const P* p, int64_t n) {
  using Wide = std::conditional_t<std::is_same_v<P, double>, double, float>;
  Lock lock(gen.mutex());
  for (int64_t i = 0; i < n; ++i) {
    const auto probability = static_cast<Wide>(p[i]);
    RL_CHECK(
        probability >= 0 && probability <= 1,
        "Expected p_in >= 0 && p_in <= 1 to be true, but got false.  (bernoulli: a probability is ",
        probability, "; probabilities must lie in [0, 1])");
    if constexpr (std::is_same_v<P, double>) {
      out[i] = gen.unit53() < probability;
    } else {
      out[i] = gen.unit24() < probability;
    }
  }
}

template <class T>
void random_from_to(CpuGenerator& gen, T* out, int64_t n, uint64_t range, int64_t base) {
  Lock lock(gen.mutex());
  // Unsigned arithmetic wraps as the two's complement sum does.
  const auto offset = static_cast<uint64_t>(base);
  if (range == 0 || range >= uint64_t{1} << 28) {
    for (int64_t i = 0; i < n; ++i) {
      const uint64_t draw = gen.engine().next64();
      const uint64_t value = (range == 0 ? draw : draw % range) + offset;
      out[i] = convert<T>(static_cast<int64_t>(value));
    }
    return;
  }
  uint32_t raw[kChunk], rest[kChunk];
  in_chunks(n, [&](int64_t at, int64_t m) {
    gen.engine().fill32(raw, m);
    mod_u32(rest, raw, m, static_cast<uint32_t>(range));
    for (int64_t i = 0; i < m; ++i)
      out[at + i] = convert<T>(static_cast<int64_t>(rest[i] + offset));
  });
}

template <class T>
void random_any(CpuGenerator& gen, T* out, int64_t n) {
  Lock lock(gen.mutex());
  if constexpr (std::is_same_v<T, int64_t> || std::is_same_v<T, double>) {
    constexpr uint64_t range = (uint64_t{1} << (std::is_same_v<T, double> ? 53 : 63)) +
                               (std::is_same_v<T, double> ? 1 : 0);
    for (int64_t i = 0; i < n; ++i) out[i] = static_cast<T>(gen.engine().next64() % range);
  } else {
    constexpr uint32_t range = std::is_same_v<T, bool> ? 2
                               : is_real<T>            ? (1U << digits<T>)+1
                                                       : 1U << digits<T>;
    uint32_t raw[kChunk], rest[kChunk];
    in_chunks(n, [&](int64_t at, int64_t m) {
      gen.engine().fill32(raw, m);
      mod_u32(rest, raw, m, range);
      for (int64_t i = 0; i < m; ++i) out[at + i] = convert<T>(static_cast<int64_t>(rest[i]));
    });
  }
}

template <class T>
void randperm(CpuGenerator& gen, T* out, int64_t n) {
  // Up to here a modulo bias below 5 % is accepted with 32-bit draws: n / 2^32 < 1 / 20.
  constexpr int64_t kLimit = std::numeric_limits<uint32_t>::max() / 20;
  Lock lock(gen.mutex());
  if (n >= kLimit) {
    for (int64_t i = 0; i < n; ++i) {
      const auto z = static_cast<int64_t>(gen.engine().next64() % static_cast<uint64_t>(i + 1));
      out[i] = convert<T>(i);
      out[i] = out[z];
      out[z] = convert<T>(i);
    }
    return;
  }
  for (int64_t i = 0; i < n; ++i) out[i] = convert<T>(i);
  uint32_t raw[kChunk];
  in_chunks(n - 1, [&](int64_t at, int64_t m) {
    gen.engine().fill32(raw, m);
    for (int64_t k = 0; k < m; ++k) {
      const int64_t i = at + k;
      std::swap(out[i], out[i + raw[k] % static_cast<uint32_t>(n - i)]);
    }
  });
}

namespace {

// Multiplication of uniforms below 10, otherwise the transformed rejection PTRS of Hoermann (1993).
int64_t poisson_one(CpuGenerator& gen, double rate) {
  if (rate == 0) return 0;
  if (rate < 10) {
    const double limit = std::exp(-rate);
    double product = 1;
    for (int64_t k = 0;; ++k) {
      product *= gen.unit53();
      if (product <= limit) return k;
    }
  }
  const double root = std::sqrt(rate), log_rate = std::log(rate);
  const double b = 0.931 + 2.53 * root, a = -0.059 + 0.02483 * b;
  const double inverse_alpha = 1.1239 + 1.1328 / (b - 3.4), squeeze = 0.9277 - 3.6224 / (b - 2);
  for (;;) {
    const double u = gen.unit53() - 0.5;
    const double v = gen.unit53();
    const double us = 0.5 - std::fabs(u);
    const auto k = static_cast<int64_t>(std::floor((2 * a / us + b) * u + rate + 0.43));
    if (us >= 0.07 && v <= squeeze) return k;
    if (k < 0 || (us < 0.013 && v > us)) continue;
    int sign;
    const double left = std::log(v) + std::log(inverse_alpha) - std::log(a / (us * us) + b);
    const double right =
        -rate + static_cast<double>(k) * log_rate - ::lgamma_r(static_cast<double>(k) + 1, &sign);
    if (left <= right) return k;
  }
}

}  // namespace

template <class T>
void poisson(CpuGenerator& gen, T* out, const T* rate, int64_t n) {
  Lock lock(gen.mutex());
  for (int64_t i = 0; i < n; ++i) {
    const auto value = static_cast<double>(rate[i]);
    RL_CHECK(value >= 0, "invalid Poisson rate, expected rate to be non-negative");
    out[i] = convert<T>(poisson_one(gen, value));
  }
}

template <class T>
void multinomial_replace(CpuGenerator& gen, int64_t* out, const T* weights, int64_t rows,
                         int64_t categories, int64_t samples) {
  using Sum = std::conditional_t<std::is_same_v<T, double>, double, float>;
  Lock lock(gen.mutex());
  std::vector<Sum> cumulative(static_cast<size_t>(categories));
  for (int64_t row = 0; row < rows; ++row, weights += categories) {
    Sum sum = 0;
    for (int64_t j = 0; j < categories; ++j) {
      const auto w = static_cast<Sum>(weights[j]);
      RL_CHECK(w >= 0, "invalid multinomial distribution (encountering probability entry < 0)");
      RL_CHECK(
          std::isfinite(w),
          "invalid multinomial distribution (encountering probability entry = infinity or NaN)");
      sum += w;
      cumulative[static_cast<size_t>(j)] = sum;
    }
    RL_CHECK(sum > 0, "invalid multinomial distribution (sum of probabilities <= 0)");
    for (Sum& c : cumulative) c /= sum;
    cumulative.back() = 1;
    for (int64_t k = 0; k < samples; ++k) {
      const double u = gen.unit53();
      const auto at =
          std::lower_bound(cumulative.begin(), cumulative.end(), u,
                           [](Sum c, double value) { return static_cast<double>(c) < value; });
      *out++ = at - cumulative.begin();
    }
  }
}

template <class T>
void multinomial_race(CpuGenerator& gen, int64_t* out, const T* weights, int64_t rows,
                      int64_t categories, int64_t samples) {
  for (int64_t row = 0; row < rows; ++row) {
    double sum = 0;
    for (int64_t j = 0; j < categories; ++j) {
      const auto w = static_cast<double>(weights[row * categories + j]);
      RL_CHECK(w >= 0 && std::isfinite(w),
               "probability tensor contains either `inf`, `nan` or element < 0");
      sum += w;
    }
    RL_CHECK(sum > 0, "invalid multinomial distribution (sum of probabilities <= 0)");
  }
  std::vector<T> score(static_cast<size_t>(rows * categories));
  exponential(gen, score.data(), rows * categories, 1.0);
  std::vector<int64_t> index(static_cast<size_t>(categories));
  for (int64_t row = 0; row < rows; ++row, weights += categories) {
    T* s = score.data() + row * categories;
    for (int64_t j = 0; j < categories; ++j) {
      s[j] = convert<T>(weights[j] / s[j]);
      index[static_cast<size_t>(j)] = j;
    }
    const auto larger = [s](int64_t a, int64_t b) {
      return s[a] > s[b] || (s[a] == s[b] && a < b);
    };
    if (samples == 1) {
      *out++ = *std::min_element(index.begin(), index.end(), larger);
    } else {
      std::partial_sort(index.begin(), index.begin() + samples, index.end(), larger);
      out = std::copy_n(index.begin(), samples, out);
    }
  }
}

template <class T>
void rrelu(CpuGenerator& gen, T* out, T* noise, const T* x, int64_t n, double lower, double upper) {
  using Wide = std::conditional_t<std::is_same_v<T, double>, double, float>;
  const auto low = static_cast<double>(static_cast<Wide>(lower));
  const auto high = static_cast<double>(static_cast<Wide>(upper));
  Lock lock(gen.mutex());
  for (int64_t i = 0; i < n; ++i) {
    const auto value = static_cast<Wide>(x[i]);
    if (value <= 0) {
      const auto slope = static_cast<Wide>(gen.unit53() * (high - low) + low);
      noise[i] = convert<T>(slope);
      out[i] = convert<T>(value * slope);
    } else {
      noise[i] = convert<T>(1);
      out[i] = x[i];
    }
  }
}

#define RL_REAL(T)                                                                                 \
  template void uniform<T>(CpuGenerator&, T*, int64_t, double, double);                            \
  template void normal_block<T>(CpuGenerator&, T*, int64_t, double, double);                       \
  template void normal_scalar<T>(CpuGenerator&, T*, int64_t, double, double);                      \
  template void exponential<T>(CpuGenerator&, T*, int64_t, double);                                \
  template void cauchy<T>(CpuGenerator&, T*, int64_t, double, double);                             \
  template void log_normal<T>(CpuGenerator&, T*, int64_t, double, double);                         \
  template void bernoulli_each<T>(CpuGenerator&, uint8_t*, const T*, int64_t);                     \
  template void poisson<T>(CpuGenerator&, T*, const T*, int64_t);                                  \
  template void multinomial_replace<T>(CpuGenerator&, int64_t*, const T*, int64_t, int64_t,        \
                                       int64_t);                                                   \
  template void multinomial_race<T>(CpuGenerator&, int64_t*, const T*, int64_t, int64_t, int64_t); \
  template void bernoulli_scaled<T>(CpuGenerator&, T*, int64_t, double, T);                        \
  template void rrelu<T>(CpuGenerator&, T*, T*, const T*, int64_t, double, double);
RL_REAL(float)
RL_REAL(double)
RL_REAL(Half)
RL_REAL(BFloat16)

#define RL_RANGE(T) template void random_from_to<T>(CpuGenerator&, T*, int64_t, uint64_t, int64_t);
#define RL_ANY(T)                                                 \
  template void geometric<T>(CpuGenerator&, T*, int64_t, double); \
  template void bernoulli<T>(CpuGenerator&, T*, int64_t, double); \
  template void random_any<T>(CpuGenerator&, T*, int64_t);        \
  template void randperm<T>(CpuGenerator&, T*, int64_t);          \
  RL_RANGE(T)
RL_ANY(bool)
RL_ANY(uint8_t)
RL_ANY(int8_t)
RL_ANY(int16_t)
RL_ANY(int32_t)
RL_ANY(int64_t)
RL_ANY(float)
RL_ANY(double)
RL_ANY(Half)
RL_ANY(BFloat16)
RL_RANGE(uint16_t)
RL_RANGE(uint32_t)
RL_RANGE(uint64_t)

}  // namespace rl::rng
