// ops/indices.h: what operators that take index tensors share.
#pragma once
#include "dispatch/call.h"

namespace rl {

// Index values as a dense run of int64, whatever integer dtype and strides they came in.
inline Tensor as_int64(const Tensor& t) { return contiguous(to_dtype(t, DType::Int64)); }

}  // namespace rl
