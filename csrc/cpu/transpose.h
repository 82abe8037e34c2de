// cpu/transpose.h: small matrices turned over, element by element of any size.
#pragma once
#include <cstdint>

namespace rl {

// to[r][c] = from[c][r] for `columns` x `rows` elements of `item` bytes: element (c, r) of the
// input lies at from + c * from_stride + r * item, element (r, c) of the output at to + r *
// to_stride + c * item. Strides in bytes.
void transpose(const char* from, int64_t from_stride, char* to, int64_t to_stride, int64_t columns,
               int64_t rows, int64_t item);

}  // namespace rl
