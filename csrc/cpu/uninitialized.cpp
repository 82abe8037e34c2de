#include "cpu/uninitialized.h"

#include <atomic>
#include <cstring>
#include <limits>
#include <string_view>

namespace rl {
namespace {

std::atomic<bool> fill{false};

void fill_integers(char* to, size_t bytes, DType dtype) {
  std::memset(to, 0xff, bytes);
  if (std::string_view(dtype_name(dtype)).starts_with("u")) return;
  size_t item = item_size(dtype);
  for (size_t i = item - 1; i < bytes; i += item) to[i] = 0x7f;  // little endian: the sign's byte
}

void fill_pattern(char* to, size_t bytes, const Tensor& one) {
  size_t item = one.item_size();
  for (size_t i = 0; i < bytes; i += item) std::memcpy(to + i, one.storage()->raw_data(), item);
}

}  // namespace

void set_fill_uninitialized(bool on) { fill.store(on, std::memory_order_relaxed); }
bool fills_uninitialized() { return fill.load(std::memory_order_relaxed); }

Tensor uninitialized(Tensor t, size_t first_byte) {
  if (!fills_uninitialized() || t.is_meta()) return t;
  const size_t bytes = t.storage()->bytes();
  if (bytes <= first_byte) return t;
  char* to = static_cast<char*>(t.storage()->raw_data()) + first_byte;
  const DType dtype = t.dtype();
  if (is_integral(dtype, false)) {
    fill_integers(to, bytes - first_byte, dtype);
  } else if (dtype == DType::Bool) {
    std::memset(to, 1, bytes - first_byte);
  } else {
    const double nan = std::numeric_limits<double>::quiet_NaN();
    fill_pattern(to, bytes - first_byte, scalar_tensor(nan, dtype));
  }
  return t;
}

}  // namespace rl
