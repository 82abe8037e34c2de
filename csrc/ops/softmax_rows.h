// Steps of a softmax along one contiguous row, for files that are compiled once per level.
#pragma once
#include <cstdint>
#include <limits>
#include <utility>

#include "cpu/vec_math.h"

namespace rl {
inline namespace RL_ISA_NS {
namespace {

constexpr int kLanes = 16;

// Vectors by name: compilers make branches of comparisons, and scalars of a row's last elements,
// otherwise.
template <class T>
struct RowVector {
  typedef T type __attribute__((vector_size(64)));
  static constexpr int64_t width = 64 / sizeof(T);
  static type load(const T* from) {
    type v;
    __builtin_memcpy(&v, from, sizeof v);
    return v;
  }
  // True in the lanes from `first` on.
  static auto from(int64_t first) {
    decltype(type{} == type{}) lane;
    for (int64_t k = 0; k < width; ++k) lane[k] = k;
    return lane >= decltype(lane[0] + 0)(first);
  }
};

template <int64_t Step, class V, int64_t... K>
V swap_lanes(V v, std::integer_sequence<int64_t, K...>) {
  return __builtin_shuffle(v, decltype(v == v){(K ^ Step)...});
}

// All lanes of a vector joined by f.
template <class V, class F>
auto fold_row(V v, const F& f) {
  constexpr int64_t kWidth = sizeof(V) / sizeof(v[0]);
  constexpr auto lanes = std::make_integer_sequence<int64_t, kWidth>();
  if constexpr (kWidth > 8) v = f(swap_lanes<8>(v, lanes), v);
  v = f(swap_lanes<4>(v, lanes), v);
  v = f(swap_lanes<2>(v, lanes), v);
  v = f(swap_lanes<1>(v, lanes), v);
  return v[0];
}

// The largest element; a NaN if there is one.
template <class T>
T row_max(const T* x, int64_t n) {
  using Vector = typename RowVector<T>::type;
  constexpr int64_t kWidth = RowVector<T>::width;
  const auto larger = [](auto next, auto best) {
    return (next > best) | (next != next) ? next : best;
  };
  const auto load = RowVector<T>::load;
  T best = -std::numeric_limits<T>::infinity();
  if (n < kWidth) {
    for (int64_t i = 0; i < n; ++i) best = larger(x[i], best);
    return best;
  }
  Vector even = Vector{} + best, odd = even;
  int64_t i = 0;
  for (; i + 2 * kWidth <= n; i += 2 * kWidth) {
    even = larger(load(x + i), even);
    odd = larger(load(x + i + kWidth), odd);
  }
  if (i + kWidth <= n) even = larger(load(x + i), even);
  even = larger(load(x + n - kWidth), even);  // some of them for the second time
  even = larger(odd, even);
  return fold_row(even, larger);
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
