#include "cpu/scratch.h"

#include <sys/mman.h>

#include <algorithm>
#include <cstdlib>
#include <new>

namespace rl {
namespace {

constexpr int kSlots = 4;
#if defined(__SANITIZE_ADDRESS__)
// Kept and rounded blocks would hide what the sanitizer looks for.
constexpr size_t kKeepBytes = 0;
constexpr size_t kUnit = 1;
#else
constexpr size_t kKeepBytes = size_t{64} << 20;  // kept per thread, all slots together
constexpr size_t kUnit = 4096;
#endif
constexpr size_t kHugePage = size_t{2} << 20;

struct Block {
  void* data = nullptr;
  size_t capacity = 0;
};

struct Keep {
  Block slots[kSlots];
  ~Keep() { clear(); }
  void clear() {
    for (Block& b : slots) {
      std::free(b.data);
      b = Block{};
    }
  }
  size_t bytes() const {
    size_t total = 0;
    for (const Block& b : slots) total += b.capacity;
    return total;
  }
};

thread_local Keep keep;

void* allocate(size_t bytes) {
  const size_t align = bytes >= kHugePage ? kHugePage : 64;
  void* p = nullptr;
  if (posix_memalign(&p, align, bytes) != 0) throw std::bad_alloc();
  if (bytes >= kHugePage) madvise(p, bytes, MADV_HUGEPAGE);
  return p;
}

}  // namespace

Scratch::Scratch(size_t bytes) {
  bytes = (std::max<size_t>(bytes, 64) + kUnit - 1) / kUnit * kUnit;
  Block* best = nullptr;
  for (Block& b : keep.slots)
    if (b.capacity >= bytes && (!best || b.capacity < best->capacity)) best = &b;
  if (best) {
    data_ = best->data;
    capacity_ = best->capacity;
    *best = Block{};
    return;
  }
  data_ = allocate(bytes);
  capacity_ = bytes;
}

Scratch::~Scratch() {
  Block* smallest = &keep.slots[0];
  for (Block& b : keep.slots)
    if (b.capacity < smallest->capacity) smallest = &b;
  const bool larger = capacity_ > smallest->capacity;
  if (larger && keep.bytes() - smallest->capacity + capacity_ <= kKeepBytes) {
    std::free(smallest->data);
    *smallest = Block{data_, capacity_};
  } else {
    std::free(data_);
  }
}

void release_scratch() { keep.clear(); }

}  // namespace rl
