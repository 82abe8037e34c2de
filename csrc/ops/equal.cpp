// equal: one Python bool for two tensors.
#include <atomic>

#include "cpu/parallel.h"
#include "dispatch/call.h"
#include "dispatch/promotion.h"

namespace rl {
namespace {

template <class T>
bool same_elements(const T* a, const T* b, int64_t n) {
  constexpr int64_t kBlock = 4096;  // looked at without branches, so that the loop vectorises
  for (int64_t at = 0; at < n; at += kBlock) {
    const int64_t end = std::min(n, at + kBlock);
    bool same = true;
    for (int64_t i = at; i < end; ++i) {
      if constexpr (std::is_same_v<T, Half> || std::is_same_v<T, BFloat16>) {
        same &= float(a[i]) == float(b[i]);
      } else {
        same &= a[i] == b[i];
      }
    }
    if (!same) return false;
  }
  return true;
}

// Same shape and all elements equal after type promotion; nan equals nothing.
bool equal(const Tensor& self, const Tensor& other) {
  RL_CHECK_KIND(NotImplemented, !self.is_meta() && !other.is_meta(),
                "equal: meta tensors have no elements to compare");
  if (self.sizes() != other.sizes()) return false;
  const DType dtype = promote_types(self.dtype(), other.dtype());
  const Tensor a = contiguous(to_dtype(self, dtype)), b = contiguous(to_dtype(other, dtype));
  std::atomic<bool> same{true};
  dispatch(dtype, "equal", StoredTypes(), [&]<class T>() {
    const T *x = a.data<T>(), *y = b.data<T>();
    parallel(a.numel(), kGrain, [&](int64_t begin, int64_t end) {
      if (!same_elements(x + begin, y + begin, end - begin)) same = false;
    });
  });
  return same;
}

OP("equal(Tensor self, Tensor other) -> bool")
    .no_out()
    .direct([](const Tensor& self, const Tensor& other) { return equal(self, other); });

}  // namespace
}  // namespace rl
