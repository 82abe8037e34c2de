#pragma once
// Per-channel statistics and per-channel affine maps, what batch normalisation is made of.
// x is (n, c, s) in plain order or (n, s, c) with channels last; T is float or double.
// Sums are taken over blocks of fixed size and combined in double: they depend neither on the
// number of threads nor, to first order, on the size of the mean.

#include <cstdint>

#include "cpu/onednn.h"

namespace rl {

struct ChannelShape {
  int64_t n = 0, c = 0, s = 0;
  onednn::Order order = onednn::Order::plain;
};

// Mean and biased variance of each channel. n * s must not be 0.
template <class T>
void channel_statistics(const ChannelShape& shape, const T* x, double* mean, double* variance);

// data * scale[c] + shift[c]; data alone where there is no scale.
template <class T>
struct ChannelTerm {
  const T *data = nullptr, *scale = nullptr, *shift = nullptr;
};

// x, plus `other` where it has data, and then, with relu, 0 for negative results (NaN stays).
template <class T>
struct ChannelMap {
  ChannelTerm<T> x, other;
  bool relu = false;
};

// y may be x.data or other.data. x has a scale.
template <class T>
void channel_map(const ChannelShape& shape, const ChannelMap<T>& map, T* y);

// The gradient of a result, and the input it came from. With a scale a relu took the result
// x * scale[c] + shift[c]: dy counts only where that is above 0.
template <class T>
struct ChannelGradient {
  const T *dy, *x;
  const T *scale = nullptr, *shift = nullptr;
};

// sum_dy[c] = sum of dy, sum_dy_x[c] = sum of dy * (x - center[c]).
template <class T>
void channel_gradient_sums(const ChannelShape& shape, const ChannelGradient<T>& g, const T* center,
                           double* sum_dy, double* sum_dy_x);

// dx = a[c] * dy + b[c] * x + k[c]. dx may be dy.
template <class T>
void channel_gradient(const ChannelShape& shape, const ChannelGradient<T>& g, const T* a,
                      const T* b, const T* k, T* dx);

}  // namespace rl
