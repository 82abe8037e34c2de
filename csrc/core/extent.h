#pragma once
// How much of a storage a tensor reaches into.
#include "core/dims.h"
#include "core/error.h"

namespace rl {

// Bytes from the start of the storage to the end of the last element; 0 without elements. Strides
// and offset are not negative. Raises where the number cannot be held.
inline size_t extent_bytes(const Dims& sizes, const Dims& strides, int64_t offset, size_t item) {
  int64_t last = offset, bytes = 0;
  bool fits = true;
  for (size_t i = 0; i < sizes.size(); ++i) {
    if (sizes[i] == 0) return 0;
    int64_t reach = 0;
    if (sizes[i] == 1) continue;
    fits &= !__builtin_mul_overflow(sizes[i] - 1, strides[i], &reach);
    fits &= !__builtin_add_overflow(last, reach, &last);
  }
  fits &= !__builtin_add_overflow(last, 1, &last);
  fits &= !__builtin_mul_overflow(last, int64_t(item), &bytes);
  RL_CHECK(fits, "Storage size calculation overflowed with sizes=", sizes,
           " and strides=", strides);
  return size_t(bytes);
}

}  // namespace rl
