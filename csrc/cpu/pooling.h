#pragma once
// Max, average and adaptive pooling over one to three spatial dimensions on raw memory.

#include <cstdint>

#include "cpu/onednn.h"

namespace rl {

// Always three spatial dimensions; missing leading ones have size 1, kernel 1, stride 1, padding 0.
// The output size is the caller's (ceil_mode and adaptive pooling decide it).
struct PoolProblem {
  int64_t n = 0, c = 0;
  int64_t in[3] = {1, 1, 1}, out[3] = {1, 1, 1};
  int64_t kernel[3] = {1, 1, 1}, stride[3] = {1, 1, 1}, pad[3] = {0, 0, 0};
  int64_t dilation[3] = {1, 1, 1};
  onednn::Order order = onednn::Order::plain;

  int64_t in_size() const { return in[0] * in[1] * in[2]; }
  int64_t out_size() const { return out[0] * out[1] * out[2]; }
};

// T: float, double, int64_t, int32_t, int16_t, int8_t, uint8_t. Indices count positions within the
// (unpadded) spatial plane and lie in the order of the output; the first of equal values wins and
// a NaN wins over every number. indices may be null. Outputs are overwritten.
template <class T>
void max_pool(const PoolProblem& p, const T* src, T* dst, int64_t* indices);

// Windows of output o along a dimension: [o * in / out, ceil((o + 1) * in / out)).
template <class T>
void adaptive_max_pool(const PoolProblem& p, const T* src, T* dst, int64_t* indices);

// The gradient of both.
template <class T>
void max_pool_backward(const PoolProblem& p, const T* diff_dst, const int64_t* indices,
                       T* diff_src);

// divisor 0: the number of elements of the window, with or without those in the padding.
template <class T>
void avg_pool(const PoolProblem& p, bool count_include_pad, int64_t divisor, const T* src, T* dst);
template <class T>
void avg_pool_backward(const PoolProblem& p, bool count_include_pad, int64_t divisor,
                       const T* diff_dst, T* diff_src);

template <class T>
void adaptive_avg_pool(const PoolProblem& p, const T* src, T* dst);
template <class T>
void adaptive_avg_pool_backward(const PoolProblem& p, const T* diff_dst, T* diff_src);

}  // namespace rl
