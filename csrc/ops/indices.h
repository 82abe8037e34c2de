// ops/indices.h: what operators that take index tensors share.
#pragma once
#include "dispatch/call.h"

namespace rl {

// Index values as a dense run of int64, whatever integer dtype and strides they came in.
inline Tensor as_int64(const Tensor& t) { return contiguous(to_dtype(t, DType::Int64)); }

// self[mask] and self[mask] = value for a bool mask of self's leading sizes, of at least one
// dimension. `self` of the second is contiguous, `value` has one element of its dtype.
Tensor select_by_mask(const Tensor& self, const Tensor& mask);
void fill_by_mask(const Tensor& self, const Tensor& mask, const Tensor& value);

// Do all of p[0..n) lie in [low, high)?
bool all_within(const int64_t* p, int64_t n, int64_t low, int64_t high);

}  // namespace rl
