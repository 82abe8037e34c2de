// Rounding of block sizes: multiples of 64 up to 512, then eight steps per power of two, so that at
// most an eighth of a block is lost.
#pragma once

#include <bit>
#include <cstddef>

namespace rl::memory {

inline constexpr size_t kSmallLimit = size_t{1} << 20;
inline constexpr size_t kHugePage = size_t{2} << 20;

// Class of a size in [1, 2^62]; classes are numbered from 0 in order of size.
constexpr int size_class(size_t bytes) noexcept {
  if (bytes <= 512) return static_cast<int>((bytes - 1) / 64);
  const int log = std::bit_width(bytes - 1) - 1;  // 2^log < bytes <= 2^(log+1), log >= 9
  return 8 * (log - 8) + static_cast<int>(((bytes - 1) >> (log - 3)) & 7);
}

// Bytes of a block of the class.
constexpr size_t class_size(int index) noexcept {
  if (index < 8) return static_cast<size_t>(index + 1) * 64;
  return static_cast<size_t>(index % 8 + 9) << (index / 8 + 5);
}

inline constexpr int kSmallClasses = size_class(kSmallLimit) + 1;
inline constexpr int kAllClasses = size_class(size_t{1} << 50) + 1;

static_assert(size_class(512) == 7 && size_class(513) == 8 && class_size(8) == 576);
static_assert(size_class(1024) == 15 && class_size(15) == 1024 && size_class(1025) == 16);
static_assert(class_size(kSmallClasses - 1) == kSmallLimit);

}  // namespace rl::memory
