// Steps of a softmax along one contiguous row, for files that are compiled once per level.
#pragma once
#include <cstdint>
#include <limits>

#include "cpu/vec_math.h"

namespace rl {
inline namespace RL_ISA_NS {
namespace {

constexpr int kLanes = 16;

// The largest element; a NaN if there is one.
template <class T>
T row_max(const T* x, int64_t n) {
  // Vectors by name: compilers make branches of the comparisons otherwise.
  typedef T Vector __attribute__((vector_size(64)));
  constexpr int64_t kWidth = 64 / sizeof(T);
  const auto larger = [](auto next, auto best) {
    return (next > best) | (next != next) ? next : best;
  };
  constexpr T kLeast = -std::numeric_limits<T>::infinity();
  const auto load = [](const T* from) {
    Vector v;
    __builtin_memcpy(&v, from, sizeof v);
    return v;
  };
  Vector even = Vector{} + kLeast, odd = even;
  int64_t i = 0;
  for (; i + 2 * kWidth <= n; i += 2 * kWidth) {
    even = larger(load(x + i), even);
    odd = larger(load(x + i + kWidth), odd);
  }
  even = larger(odd, even);
  T best = kLeast;
  for (int64_t k = 0; k < kWidth; ++k) best = larger(T(even[k]), best);
  for (; i < n; ++i) best = larger(x[i], best);
  return best;
}

template <class T>
T sum_lanes(const T* lanes) {
  T s[kLanes];
  for (int k = 0; k < kLanes; ++k) s[k] = lanes[k];
  for (int w = kLanes / 2; w > 0; w /= 2) {
    for (int k = 0; k < w; ++k) s[k] += s[k + w];
  }
  return s[0];
}

// y = exp(x - m); returns the sum.
template <class T>
[[gnu::flatten]] T exp_row(const T* x, T* y, T m, int64_t n) {
  T lanes[kLanes] = {};
  int64_t i = 0;
  for (; i + kLanes <= n; i += kLanes) {
    for (int k = 0; k < kLanes; ++k) {
      T e = vm::exp(x[i + k] - m);
      y[i + k] = e;
      lanes[k] += e;
    }
  }
  for (; i < n; ++i) {
    y[i] = vm::exp(x[i] - m);
    lanes[i % kLanes] += y[i];
  }
  return sum_lanes(lanes);
}

template <class T>
T dot_row(const T* a, const T* b, int64_t n) {
  T lanes[kLanes] = {};
  int64_t i = 0;
  for (; i + kLanes <= n; i += kLanes) {
    for (int k = 0; k < kLanes; ++k) lanes[k] += a[i + k] * b[i + k];
  }
  for (; i < n; ++i) lanes[i % kLanes] += a[i] * b[i];
  return sum_lanes(lanes);
}

}  // namespace
}  // namespace RL_ISA_NS
}  // namespace rl
