// Positions of a mask's true elements, and what boolean masks pick and fill.
#include <atomic>
#include <cstring>

#include "cpu/parallel.h"
#include "ops/indices.h"

namespace rl {
namespace {

// Eight bytes of 0 or 1 as eight bits, the first byte lowest.
inline uint64_t pack_bytes(const bool* p) {
  uint64_t bytes;
  std::memcpy(&bytes, p, 8);
  return bytes * 0x0102040810204080u >> 56;
}

// Calls f(i) for every true p[i], i < n, in order. One branch for each true element and one for 64.
template <class F>
inline void each_true(const bool* p, int64_t n, const F& f) {
  int64_t i = 0;
  for (; i + 64 <= n; i += 64) {
    uint64_t bits = 0;
    for (int k = 0; k < 8; ++k) bits |= pack_bytes(p + i + 8 * k) << (8 * k);
    for (; bits; bits &= bits - 1) f(i + __builtin_ctzll(bits));
  }
  for (; i < n; ++i) {
    if (p[i]) f(i);
  }
}

int64_t count_true(const bool* p, int64_t n) {
  int64_t found = 0;
  for (int64_t start = 0; start < n; start += 128) {
    uint8_t few = 0;
    int64_t end = std::min(n, start + 128);
    for (int64_t i = start; i < end; ++i) few = uint8_t(few + p[i]);
    found += few;
  }
  return found;
}

// The mask in stretches, and how many true elements stand before each; the last entry is the total.
struct Stretches {
  static constexpr int64_t kLength = 16384;
  const bool* mask;
  int64_t n;
  std::vector<int64_t> before;

  Stretches(const bool* mask, int64_t n) : mask(mask), n(n) {
    int64_t stretches = (n + kLength - 1) / kLength;
    before.assign(size_t(stretches) + 1, 0);
    each([this](int64_t s, int64_t begin, int64_t end) {
      before[size_t(s) + 1] = count_true(this->mask + begin, end - begin);
    });
    for (size_t s = 1; s < before.size(); ++s) before[s] += before[s - 1];
  }
  int64_t total() const { return before.back(); }
  // f(stretch, begin, end)
  template <class F>
  void each(const F& f) const {
    parallel(int64_t(before.size()) - 1, kGrain / kLength, [&](int64_t b, int64_t e) {
      for (int64_t s = b; s < e; ++s) f(s, s * kLength, std::min(n, (s + 1) * kLength));
    });
  }
};

Tensor nonzero(const Tensor& self) {
  RL_CHECK(!self.is_meta(), "nonzero: a tensor on the meta device has no values");
  Tensor mask =
      contiguous(self.dtype() == DType::Bool ? self : call<"ne.Tensor">(self, wrapped_number(0)));
  Stretches parts(mask.data<bool>(), mask.numel());
  int nd = self.ndim();
  // PyTorch returns the transpose of an (ndim, found) block.
  Tensor out = empty({parts.total(), nd}, DType::Int64);
  if (out.numel() == 0) return out;
  int64_t* to = out.data<int64_t>();
  int64_t width = self.sizes().back();
  const Dims sizes = self.sizes();
  parts.each([&](int64_t s, int64_t begin, int64_t end) {
    int64_t* o = to + parts.before[size_t(s)] * nd;
    Dims at(static_cast<size_t>(nd));
    // Row by row: only the last coordinate changes inside.
    while (begin < end) {
      int64_t row = begin / width, first = begin % width, n = std::min(end - begin, width - first);
      for (int d = nd - 2; d >= 0; --d) {
        at[size_t(d)] = row % sizes[size_t(d)];
        row /= sizes[size_t(d)];
      }
      each_true(parts.mask + begin, n, [&](int64_t i) {
        for (int d = 0; d + 1 < nd; ++d) o[d] = at[size_t(d)];
        o[nd - 1] = first + i;
        o += nd;
      });
      begin += n;
    }
  });
  return out;
}
OP("nonzero(Tensor self) -> Tensor").no_grad().direct(nonzero);
OP("where(Tensor condition) -> Tensor[]")
    .function_only()
    .no_grad()
    .direct([](const Tensor& condition) -> TensorList {
      Tensor c = condition.ndim() > 0 ? condition : call<"unsqueeze">(condition, int64_t(0));
      return call_all<"unbind.int">(nonzero(c), int64_t(1));
    });

// f of a null pointer to a type of `item` bytes.
template <class F>
void by_item(size_t item, const F& f) {
  if (item == 1) f((uint8_t*)nullptr);
  if (item == 2) f((uint16_t*)nullptr);
  if (item == 4) f((uint32_t*)nullptr);
  if (item == 8) f((uint64_t*)nullptr);
  if (item == 16) f((complex128*)nullptr);
}

[[gnu::target_clones("avx512f", "avx2", "default")]] bool within(const int64_t* p, int64_t n,
                                                                 int64_t low, int64_t high) {
  const uint64_t range = uint64_t(high) - uint64_t(low);
  constexpr int64_t kBlock = 1024;  // without branches, so that the loop becomes vectors
  for (int64_t start = 0; start < n; start += kBlock) {
    int64_t end = start + kBlock < n ? start + kBlock : n;
    uint64_t bad = 0;
    for (int64_t i = start; i < end; ++i) bad |= uint64_t(p[i]) - uint64_t(low) >= range;
    if (bad) return false;
  }
  return true;
}

}  // namespace

bool all_within(const int64_t* p, int64_t n, int64_t low, int64_t high) {
  if (high <= low) return n == 0;
  std::atomic<bool> bad{false};
  parallel(n, kGrain, [&](int64_t begin, int64_t end) {
    if (!within(p + begin, end - begin, low, high)) bad = true;
  });
  return !bad;
}

Tensor select_by_mask(const Tensor& self, const Tensor& mask) {
  Tensor dense = contiguous(self), m = contiguous(mask);
  Stretches parts(m.data<bool>(), m.numel());
  Dims sizes({parts.total()});
  for (int d = mask.ndim(); d < self.ndim(); ++d) sizes.push_back(self.sizes()[size_t(d)]);
  Tensor out = empty(sizes, self.dtype());
  if (out.numel() == 0) return out;
  int64_t width = dense.numel() / m.numel(), item = int64_t(self.item_size());
  const char* from = static_cast<const char*>(dense.data());
  char* to = static_cast<char*>(out.data());
  if (width > 1) {
    parts.each([&](int64_t s, int64_t begin, int64_t end) {
      char* o = to + parts.before[size_t(s)] * width * item;
      each_true(parts.mask + begin, end - begin, [&](int64_t i) {
        std::memcpy(o, from + (begin + i) * width * item, size_t(width * item));
        o += width * item;
      });
    });
    return out;
  }
  by_item(size_t(item), [&]<class T>(T*) {
    parts.each([&](int64_t s, int64_t begin, int64_t end) {
      T* o = reinterpret_cast<T*>(to) + parts.before[size_t(s)];
      const T* x = reinterpret_cast<const T*>(from) + begin;
      each_true(parts.mask + begin, end - begin, [&](int64_t i) { *o++ = x[i]; });
    });
  });
  return out;
}

// x[i] = v where the mask says so. Plain arguments: a compiler that must reload them makes no
// vectors.
template <class T>
void blend(T* __restrict x, const bool* __restrict mask, T v, int64_t begin, int64_t end) {
  const uint8_t* const m = reinterpret_cast<const uint8_t*>(mask);
  for (int64_t i = begin; i < end; ++i) {
    const T now = x[i];
    x[i] = m[i] ? v : now;
  }
}

void fill_by_mask(const Tensor& self, const Tensor& mask, const Tensor& value) {
  Tensor m = contiguous(mask);
  int64_t width = self.numel() / std::max<int64_t>(m.numel(), 1);
  const bool* p = m.data<bool>();
  by_item(self.item_size(), [&]<class T>(T*) {
    T v;
    std::memcpy(&v, value.data(), sizeof v);
    T* x = static_cast<T*>(self.data());
    parallel(m.numel(), std::max<int64_t>(1, kGrain / std::max<int64_t>(width, 1)),
             [=](int64_t begin, int64_t end) {
               if (width == 1) return blend(x, p, v, begin, end);
               for (int64_t i = begin; i < end; ++i) {
                 if (p[i]) std::fill_n(x + i * width, width, v);
               }
             });
  });
}

}  // namespace rl
