#include "cpu/transpose.h"

#include <cstring>

namespace rl {
namespace {

// The elements of two registers in turn: their lower and their upper halves.
template <class V>
inline V lower(V a, V b) {
  constexpr int n = sizeof(V) / sizeof(a[0]);
  if constexpr (n == 2) return __builtin_shufflevector(a, b, 0, 2);
  if constexpr (n == 4) return __builtin_shufflevector(a, b, 0, 4, 1, 5);
  if constexpr (n == 8) return __builtin_shufflevector(a, b, 0, 8, 1, 9, 2, 10, 3, 11);
  if constexpr (n == 16) {
    return __builtin_shufflevector(a, b, 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23);
  }
}
template <class V>
inline V upper(V a, V b) {
  constexpr int n = sizeof(V) / sizeof(a[0]);
  if constexpr (n == 2) return __builtin_shufflevector(a, b, 1, 3);
  if constexpr (n == 4) return __builtin_shufflevector(a, b, 2, 6, 3, 7);
  if constexpr (n == 8) return __builtin_shufflevector(a, b, 4, 12, 5, 13, 6, 14, 7, 15);
  if constexpr (n == 16) {
    return __builtin_shufflevector(a, b, 8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15,
                                   31);
  }
}

// A square of 16-byte rows. Each round interleaves register i with register i + N/2; after log2(N)
// rounds every element stands in its place.
template <class U>
inline void square(const char* from, int64_t from_stride, char* to, int64_t to_stride) {
  typedef U V __attribute__((vector_size(16)));
  constexpr int n = 16 / sizeof(U);
  V a[n], b[n];
  for (int i = 0; i < n; ++i) std::memcpy(&a[i], from + i * from_stride, 16);
  for (int round = 1; round < n; round *= 2) {
    for (int i = 0; i < n / 2; ++i) {
      b[2 * i] = lower(a[i], a[i + n / 2]);
      b[2 * i + 1] = upper(a[i], a[i + n / 2]);
    }
    for (int i = 0; i < n; ++i) a[i] = b[i];
  }
  for (int i = 0; i < n; ++i) std::memcpy(to + i * to_stride, &a[i], 16);
}

template <class U>
void turn(const char* from, int64_t from_stride, char* to, int64_t to_stride, int64_t columns,
          int64_t rows) {
  constexpr int64_t n = 16 / sizeof(U), item = sizeof(U);
  auto one = [&](int64_t c, int64_t r) {
    std::memcpy(to + r * to_stride + c * item, from + c * from_stride + r * item, sizeof(U));
  };
  int64_t c = 0;
  for (; c + n <= columns; c += n) {
    int64_t r = 0;
    for (; r + n <= rows; r += n) {
      square<U>(from + c * from_stride + r * item, from_stride, to + r * to_stride + c * item,
                to_stride);
    }
    for (; r < rows; ++r) {
      for (int64_t i = 0; i < n; ++i) one(c + i, r);
    }
  }
  for (; c < columns; ++c) {
    for (int64_t r = 0; r < rows; ++r) one(c, r);
  }
}

}  // namespace

void transpose(const char* from, int64_t from_stride, char* to, int64_t to_stride, int64_t columns,
               int64_t rows, int64_t item) {
  switch (item) {
    case 1:
      return turn<uint8_t>(from, from_stride, to, to_stride, columns, rows);
    case 2:
      return turn<uint16_t>(from, from_stride, to, to_stride, columns, rows);
    case 4:
      return turn<uint32_t>(from, from_stride, to, to_stride, columns, rows);
    case 8:
      return turn<uint64_t>(from, from_stride, to, to_stride, columns, rows);
    default:
      for (int64_t c = 0; c < columns; ++c) {
        for (int64_t r = 0; r < rows; ++r) {
          std::memcpy(to + r * to_stride + c * item, from + c * from_stride + r * item,
                      size_t(item));
        }
      }
  }
}

}  // namespace rl
