// core/shape.h: arithmetic on sizes and strides.
#pragma once
#include "core/dims.h"
#include "core/error.h"

namespace rl {

inline int64_t count(const Dims& sizes) {
  int64_t n = 1;
  for (int64_t s : sizes) n *= s;
  return n;
}

inline Dims contiguous_strides(const Dims& sizes) {
  Dims strides(sizes.size(), 1);
  int64_t step = 1;
  for (int i = sizes.ndim() - 1; i >= 0; --i) {
    strides[i] = step;
    step *= std::max<int64_t>(sizes[i], 1);
  }
  return strides;
}

inline bool is_contiguous(const Dims& sizes, const Dims& strides) {
  int64_t step = 1;
  bool dense = true;
  for (int i = sizes.ndim() - 1; i >= 0; --i) {
    if (sizes[i] == 0) return true;
    if (sizes[i] != 1) {
      dense &= strides[i] == step;
      step *= sizes[i];
    }
  }
  return dense;
}

// Strides of a dense (N, C, *spatial) tensor whose channels vary fastest.
Dims channels_last_strides(const Dims& sizes);
bool is_channels_last(const Dims& sizes, const Dims& strides);
// Dense and without overlap, in whatever order of dimensions.
bool is_dense(const Dims& sizes, const Dims& strides);

// Checks sizes before any allocation: none negative, product representable.
int64_t checked_count(const Dims& sizes);

int wrap_dim(int64_t dim, int ndim);
// Wraps a list of dims and refuses repeats; an empty list stays empty.
Dims wrap_dims(const Dims& dims, int ndim);

Dims broadcast_shapes(const Dims& a, const Dims& b);
// Is `from` broadcastable to `to`?
bool expandable(const Dims& from, const Dims& to);

// Fills in one -1 and checks the number of elements.
Dims infer_size(const Dims& shape, int64_t numel);
// Strides with which a tensor can be viewed in another shape, or false if it must be copied.
bool view_strides(const Dims& sizes, const Dims& strides, const Dims& shape, Dims* out);

// Output sizes after reducing `dims` (empty: all).
Dims reduced_sizes(const Dims& sizes, const Dims& dims, bool keepdim);

}  // namespace rl
