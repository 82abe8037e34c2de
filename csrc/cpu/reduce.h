// cpu/reduce.h: reductions from a combining expression.
//
// A ReduceKernel knows how to reduce contiguous rows and blocks of columns of its compute dtype
// (cpu/reduce_kernels.h makes one from a functor); the driver here does strides, conversions,
// threads and the splitting of long reductions. Work is cut into blocks whose size depends on the
// shape alone and whose results are combined as a tree: a result never depends on the number of
// threads.
#pragma once
#include "dispatch/op.h"

namespace rl {

struct ReduceKernel {
  DType compute = DType::Undefined;  // the input is converted to this
  DType result = DType::Undefined;   // what finish writes
  int64_t acc_bytes = 0;             // size of one accumulator, at most kMaxAccBytes
  void (*init)(const void* f, void* acc, int64_t n) = nullptr;
  // acc[i] takes in row i of `count` contiguous rows of n elements, row_stride elements apart.
  void (*rows)(const void* f, const void* in, int64_t n, int64_t count, int64_t row_stride,
               void* acc) = nullptr;
  // acc[j] takes in column j of `rows` contiguous rows of `cols` elements.
  void (*columns)(const void* f, const void* in, int64_t rows, int64_t row_stride, int64_t cols,
                  void* acc) = nullptr;
  void (*combine)(const void* f, void* acc, const void* other, int64_t n) = nullptr;
  void (*finish)(const void* f, const void* acc, int64_t n, void* out) = nullptr;
};

constexpr int64_t kMaxAccBytes = 32;

// Reduces `self` over `dims` (wrapped; all of them if `all`) into the fresh contiguous tensor
// `out`.
void run_reduce(const ReduceKernel& kernel, const void* functor, const Tensor& self,
                const Dims& dims, bool all, const Tensor& out);
// Two results from one pass: finish writes pairs, whose halves go to the two tensors.
void run_reduce_pair(const ReduceKernel& kernel, const void* functor, const Tensor& self,
                     const Dims& dims, bool all, const Tensor& first, const Tensor& second);

}  // namespace rl
