// Reversed order. Compiled once per instruction level.
#include <array>
#include <cstring>

#include "cpu/parallel.h"
#include "dispatch/call.h"

namespace rl {
inline namespace RL_ISA_NS {
namespace {

// y = the `n` elements of x in reversed order.
template <class T>
void reverse_row(const T* x, int64_t n, T* y) {
  const T* end = x + n - 1;
  for (int64_t i = 0; i < n; ++i) y[i] = end[-i];
}
void reverse_row(const uint8_t* x, int64_t n, uint8_t* y) {
  int64_t i = 0;
  for (; i + 8 <= n; i += 8) {
    uint64_t eight;
    std::memcpy(&eight, x + n - 8 - i, 8);
    eight = __builtin_bswap64(eight);
    std::memcpy(y + i, &eight, 8);
  }
  for (; i < n; ++i) y[i] = x[n - 1 - i];
}

// T: as many bytes as an element. Rows are found by an odometer over all but the last dimension.
template <class T>
void flip_rows(const Tensor& from, const std::vector<bool>& reversed, const Tensor& to) {
  const int n = from.ndim();
  if (n == 0) {
    *static_cast<T*>(to.data()) = *static_cast<const T*>(from.data());
    return;
  }
  const Dims sizes = from.sizes(), strides = contiguous_strides(sizes);
  const int64_t row = sizes[size_t(n - 1)], rows = from.numel() / row;
  const bool last = reversed[size_t(n - 1)];
  const T* x = static_cast<const T*>(from.data());
  T* y = static_cast<T*>(to.data());
  parallel(rows, std::max<int64_t>(1, kGrain / row), [&](int64_t begin, int64_t end) {
    for (int64_t r = begin; r < end; ++r) {
      int64_t at = 0, rest = r;
      for (int d = n - 2; d >= 0; --d) {
        const int64_t size = sizes[size_t(d)], i = rest % size;
        at += (reversed[size_t(d)] ? size - 1 - i : i) * strides[size_t(d)];
        rest /= size;
      }
      if (last) {
        reverse_row(x + at, row, y + r * row);
      } else {
        std::copy(x + at, x + at + row, y + r * row);
      }
    }
  });
}

OP("flip(Tensor self, int[] dims) -> Tensor")
    .infer([](const Tensor& self, const Dims& dims) {
      wrap_dims(dims, self.ndim());
      return TensorSpec{self.sizes(), self.dtype()};
    })
    .cpu([](const Tensor& self, const Dims& dims, const Tensor& out) {
      Dims order = wrap_dims(dims, self.ndim());
      Tensor dense = self.is_contiguous() ? self : call<"contiguous">(self);
      if (out.numel() == 0) return;
      std::vector<bool> reversed(size_t(std::max(self.ndim(), 1)), false);
      for (int64_t d : order) reversed[size_t(d)] = true;
      const size_t item = dense.item_size();
      switch (item) {
        case 1:
          return flip_rows<uint8_t>(dense, reversed, out);
        case 2:
          return flip_rows<uint16_t>(dense, reversed, out);
        case 4:
          return flip_rows<uint32_t>(dense, reversed, out);
        case 8:
          return flip_rows<uint64_t>(dense, reversed, out);
        default:
          return flip_rows<std::array<uint64_t, 2>>(dense, reversed, out);
      }
    })
    .grad("self", "", [](GradContext& c) { return call<"flip">(c.grad(), c.get<Dims>("dims")); });

}  // namespace
}  // namespace RL_ISA_NS
}  // namespace rl
