#include "allocator.h"

#include <pthread.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/sysinfo.h>

#include <algorithm>
#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <new>
#include <unordered_map>

#include "size_class.h"

namespace rl {
namespace {

using namespace memory;

constexpr size_t kPage = 4096;

// ---- the system's memory
// --------------------------------------------------------------------------

size_t round_up(size_t bytes, size_t unit) noexcept { return (bytes + unit - 1) / unit * unit; }

// Maps `bytes` (whole pages) at a multiple of `alignment`; null when refused.
void* map_aligned(size_t bytes, size_t alignment) noexcept {
  const size_t extra = alignment > kPage ? alignment : 0;
  void* raw =
      mmap(nullptr, bytes + extra, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (raw == MAP_FAILED) return nullptr;
  char* start = static_cast<char*>(raw);
  if (extra == 0) return start;
  char* aligned = reinterpret_cast<char*>(round_up(reinterpret_cast<uintptr_t>(start), alignment));
  if (aligned > start) munmap(start, aligned - start);
  const size_t after = start + extra - aligned;
  if (after > 0) munmap(aligned + bytes, after);
  return aligned;
}

size_t number_in_file(const char* path) noexcept {
  unsigned long long value = 0;
  if (FILE* file = fopen(path, "re")) {
    if (fscanf(file, "%llu", &value) != 1) value = 0;
    fclose(file);
  }
  return value;
}

size_t usable_memory() noexcept {
  struct sysinfo info;
  size_t total = sysinfo(&info) == 0 ? size_t{info.totalram} * info.mem_unit : size_t{1} << 32;
  for (const char* path :
       {"/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"})
    if (const size_t limit = number_in_file(path)) total = std::min(total, limit);
  return total;
}

size_t default_limit() noexcept {
  if (const char* text = getenv("RUSHLIGHT_CPU_CACHE_LIMIT")) {
    char* end = nullptr;
    const double value = strtod(text, &end);
    const char unit = end == text ? '\0' : static_cast<char>(*end | 32);
    const double scale = unit == 'k'   ? 1024.0
                         : unit == 'm' ? 1048576.0
                         : unit == 'g' ? 1073741824.0
                                       : 1.0;
    if (end != text && value >= 0 && value * scale < 9e18)
      return static_cast<size_t>(value * scale);
  }
  return usable_memory() / 4;
}

// ---- statistics
// -----------------------------------------------------------------------------------

struct Counter {
  int64_t current[2] = {};  // small, large
  int64_t total[2] = {};
  int64_t peak[3] = {};  // all, small, large

  void add(int pool, int64_t amount) noexcept {
    current[pool] += amount;
    total[pool] += amount;
    peak[1 + pool] = std::max(peak[1 + pool], current[pool]);
    peak[0] = std::max(peak[0], current[0] + current[1]);
  }
  void remove(int pool, int64_t amount) noexcept { current[pool] -= amount; }
  void reset_peak() noexcept {
    peak[0] = current[0] + current[1];
    peak[1] = current[0];
    peak[2] = current[1];
  }
  // What was freed is what was allocated and is no longer there: counting anew sets both to zero.
  int64_t base[2] = {};
  void reset_totals() noexcept {
    for (int pool : {0, 1}) {
      total[pool] = 0;
      base[pool] = current[pool];
    }
  }
  void report(MemoryStat (&out)[3]) const noexcept {
    out[0] = {0, peak[0], 0, 0};
    for (int pool : {0, 1}) {
      const int64_t freed = base[pool] + total[pool] - current[pool];
      out[1 + pool] = {current[pool], peak[1 + pool], total[pool], freed};
      out[0].current += current[pool];
      out[0].allocated += total[pool];
      out[0].freed += freed;
    }
  }
};

struct Statistics {
  Counter allocation, requested, allocated, segment, reserved;
  int64_t retries = 0, ooms = 0, maps = 0, unmaps = 0;
};

// ---- the cache
// ------------------------------------------------------------------------------------

class SpinLock {
 public:
  void lock() noexcept {
    while (held_.exchange(true, std::memory_order_acquire)) {
      for (int i = 0; held_.load(std::memory_order_relaxed); ++i)
        if (i > 100) sched_yield();  // the holder may wait for this core
    }
  }
  void unlock() noexcept { held_.store(false, std::memory_order_release); }

 private:
  std::atomic<bool> held_{false};
};

struct Guard {
  explicit Guard(SpinLock& l) noexcept : lock(l) { lock.lock(); }
  ~Guard() { lock.unlock(); }
  SpinLock& lock;
};

struct FreeBlock {
  FreeBlock* next;
};

// Header at the start of a slab; its blocks follow. Slabs are aligned to their size, so a block
// finds its header by address and size class.
struct alignas(64) Slab {
  Slab *previous, *next;  // in its class's list of slabs with room, or in the list of empty slabs
  FreeBlock* free;        // blocks given back
  char* fresh;            // start of what was never given out
  char* end;
  uint32_t used;
  bool listed;
};

struct List {
  Slab* head = nullptr;
  void push(Slab* slab) noexcept {
    slab->previous = nullptr;
    slab->next = head;
    if (head) head->previous = slab;
    head = slab;
  }
  void remove(Slab* slab) noexcept {
    (slab->previous ? slab->previous->next : head) = slab->next;
    if (slab->next) slab->next->previous = slab->previous;
  }
};

// Blocks of up to 64 KB come from slabs of 1 MB, those above from slabs of 16 MB.
constexpr int kSlabKinds = 2;
constexpr size_t kSlabSize[kSlabKinds] = {size_t{1} << 20, size_t{16} << 20};
constexpr int kFirstBigClass = size_class((size_t{64} << 10) + 1);
constexpr int slab_kind(int index) noexcept { return index >= kFirstBigClass; }

// A mapped block above 1 MB that nobody uses. Newest first, so that the oldest is evicted.
struct Large {
  void* block;
  int size_class;
  Large *newer, *older;                // all free blocks
  Large *class_next, *class_previous;  // free blocks of this class
};

struct Cache {
  SpinLock lock;
  List partial[kSmallClasses];  // slabs with room
  List empty[kSlabKinds];       // slabs without a block in use
  Large* large[kAllClasses] = {};
  Large *newest = nullptr, *oldest = nullptr;
  size_t cached = 0;  // bytes of empty slabs and free large blocks
  size_t limit = 0;
  Statistics stats;
  // Class of each large block in use that was given out for a smaller class.
  std::unordered_map<void*, int> oversized;
};

void lock_for_fork();
void unlock_after_fork();

// Never destroyed: tensors may be freed after static destructors have run.
Cache& cache() noexcept {
  alignas(Cache) static char storage[sizeof(Cache)];
  static Cache* const instance = [] {
    auto* made = new (storage) Cache;
    made->limit = default_limit();
    pthread_atfork(lock_for_fork, unlock_after_fork, unlock_after_fork);
    return made;
  }();
  return *instance;
}

void lock_for_fork() { cache().lock.lock(); }
void unlock_after_fork() { cache().lock.unlock(); }

// A chain of mappings to undo after the lock is released; the links lie in the mappings themselves.
struct Doomed {
  Doomed* next;
  size_t bytes;
};

void doom(Cache& c, Doomed*& chain, void* memory, size_t bytes, int pool) noexcept {
  c.stats.segment.remove(pool, 1);
  c.stats.reserved.remove(pool, static_cast<int64_t>(bytes));
  ++c.stats.unmaps;
  chain = new (memory) Doomed{chain, bytes};
}

void unmap(Doomed* chain) noexcept {
  while (chain) {
    Doomed* next = chain->next;
    munmap(chain, chain->bytes);
    chain = next;
  }
}

void count_mapping(Cache& c, size_t bytes, int pool) noexcept {
  c.stats.segment.add(pool, 1);
  c.stats.reserved.add(pool, static_cast<int64_t>(bytes));
  ++c.stats.maps;
}

size_t mapped_size(int index) noexcept { return round_up(class_size(index), kPage); }

void unlink(Cache& c, Large* entry) noexcept {
  (entry->newer ? entry->newer->older : c.newest) = entry->older;
  (entry->older ? entry->older->newer : c.oldest) = entry->newer;
  (entry->class_previous ? entry->class_previous->class_next : c.large[entry->size_class]) =
      entry->class_next;
  if (entry->class_next) entry->class_next->class_previous = entry->class_previous;
  c.cached -= mapped_size(entry->size_class);
}

// Entries live at the start of the free block they describe.
void link(Cache& c, void* block, int index) noexcept {
  auto* entry = new (block) Large{block, index, nullptr, c.newest, c.large[index], nullptr};
  (c.newest ? c.newest->newer : c.oldest) = entry;
  c.newest = entry;
  if (entry->class_next) entry->class_next->class_previous = entry;
  c.large[index] = entry;
  c.cached += mapped_size(index);
}

// Frees cached memory, oldest large blocks first, until no more than `limit` bytes are cached.
Doomed* trim(Cache& c, size_t limit) noexcept {
  Doomed* chain = nullptr;
  while (c.cached > limit && c.oldest) {
    Large* entry = c.oldest;
    const int index = entry->size_class;
    unlink(c, entry);
    doom(c, chain, entry, mapped_size(index), 1);
  }
  for (int kind = kSlabKinds - 1; kind >= 0; --kind) {
    while (c.cached > limit && c.empty[kind].head) {
      Slab* slab = c.empty[kind].head;
      c.empty[kind].remove(slab);
      c.cached -= kSlabSize[kind];
      doom(c, chain, slab, kSlabSize[kind], 0);
    }
  }
  return chain;
}

// Called without the lock: asks the system, after emptying the cache if it refuses at first.
void* map_or_empty_cache(Cache& c, size_t bytes, size_t alignment) noexcept {
  if (void* memory = map_aligned(bytes, alignment)) return memory;
  cpu_empty_cache();
  void* memory = map_aligned(bytes, alignment);
  Guard guard(c.lock);
  ++c.stats.retries;
  if (!memory) ++c.stats.ooms;
  return memory;
}

void count_block(Cache& c, int pool, size_t asked, size_t given) noexcept {
  c.stats.allocation.add(pool, 1);
  c.stats.requested.add(pool, static_cast<int64_t>(asked));
  c.stats.allocated.add(pool, static_cast<int64_t>(given));
}

void uncount_block(Cache& c, int pool, size_t asked, size_t given) noexcept {
  c.stats.allocation.remove(pool, 1);
  c.stats.requested.remove(pool, static_cast<int64_t>(asked));
  c.stats.allocated.remove(pool, static_cast<int64_t>(given));
}

// ---- small blocks
// ---------------------------------------------------------------------------------

void open_slab(Cache& c, Slab* slab, int index) noexcept {
  char* base = reinterpret_cast<char*>(slab);
  const size_t size = class_size(index);
  const size_t count = (kSlabSize[slab_kind(index)] - sizeof(Slab)) / size;
  *slab = {};
  slab->fresh = base + sizeof(Slab);
  slab->end = slab->fresh + count * size;
  slab->listed = true;
  c.partial[index].push(slab);
}

// Makes sure that some slab of the class has room. Called with the lock, which it gives up while
// the system is asked.
bool add_slab(Cache& c, int index) noexcept {
  const int kind = slab_kind(index);
  if (Slab* slab = c.empty[kind].head) {
    c.empty[kind].remove(slab);
    c.cached -= kSlabSize[kind];
    open_slab(c, slab, index);
    return true;
  }
  c.lock.unlock();
  void* memory = map_or_empty_cache(c, kSlabSize[kind], kSlabSize[kind]);
  if (memory && kind == 1) madvise(memory, kSlabSize[kind], MADV_HUGEPAGE);
  c.lock.lock();
  if (!memory) return false;
  count_mapping(c, kSlabSize[kind], 0);
  open_slab(c, static_cast<Slab*>(memory), index);
  return true;
}

void* allocate_small(Cache& c, size_t bytes, int index) noexcept {
  const size_t size = class_size(index);
  Guard guard(c.lock);
  while (!c.partial[index].head)
    if (!add_slab(c, index)) return nullptr;
  Slab* slab = c.partial[index].head;
  void* block = slab->free;
  if (block) {
    slab->free = slab->free->next;
  } else {
    block = slab->fresh;
    slab->fresh += size;
  }
  ++slab->used;
  if (!slab->free && slab->fresh == slab->end) {
    c.partial[index].remove(slab);
    slab->listed = false;
  }
  count_block(c, 0, bytes, size);
  return block;
}

void free_small(Cache& c, void* block, size_t bytes, int index) noexcept {
  const int kind = slab_kind(index);
  const uintptr_t mask = kSlabSize[kind] - 1;
  auto* slab = reinterpret_cast<Slab*>(reinterpret_cast<uintptr_t>(block) & ~mask);
  Doomed* chain = nullptr;
  {
    Guard guard(c.lock);
    uncount_block(c, 0, bytes, class_size(index));
    slab->free = new (block) FreeBlock{slab->free};
    if (!slab->listed) {
      slab->listed = true;
      c.partial[index].push(slab);
    }
    // The last slab of a class stays with it: otherwise one block allocated and freed in turn would
    // build the slab anew every time.
    if (--slab->used == 0 && (slab->next || slab->previous)) {
      c.partial[index].remove(slab);
      c.empty[kind].push(slab);
      c.cached += kSlabSize[kind];
      if (c.cached > c.limit) chain = trim(c, c.limit);
    }
  }
  unmap(chain);
}

// ---- large blocks
// ---------------------------------------------------------------------------------

void* allocate_large(Cache& c, size_t bytes, int index) noexcept {
  const size_t size = mapped_size(index);
  {
    Guard guard(c.lock);
    // The next class up serves as well: its pages are there already.
    for (int found = index; found <= index + 1; ++found) {
      Large* entry = c.large[found];
      if (!entry) continue;
      if (found != index) {
        try {
          c.oversized.emplace(entry, found);
        } catch (const std::bad_alloc&) {
          continue;
        }
      }
      unlink(c, entry);
      count_block(c, 1, bytes, mapped_size(found));
      return entry;
    }
  }
  const bool huge = size >= kHugePage;
  void* memory = map_or_empty_cache(c, size, huge ? kHugePage : kPage);
  if (!memory) return nullptr;
  if (huge) madvise(memory, size, MADV_HUGEPAGE);
  Guard guard(c.lock);
  count_mapping(c, size, 1);
  count_block(c, 1, bytes, size);
  return memory;
}

void free_large(Cache& c, void* block, size_t bytes, int index) noexcept {
  Doomed* chain = nullptr;
  {
    Guard guard(c.lock);
    if (!c.oversized.empty()) {
      if (auto found = c.oversized.find(block); found != c.oversized.end()) {
        index = found->second;
        c.oversized.erase(found);
      }
    }
    uncount_block(c, 1, bytes, mapped_size(index));
    link(c, block, index);
    if (c.cached > c.limit) chain = trim(c, c.limit);
  }
  unmap(chain);
}

}  // namespace

#if defined(__SANITIZE_ADDRESS__)

// Kept blocks would hide uses after free from the sanitizer, and rounded ones accesses past the
// end.
void* cpu_allocate(size_t bytes) noexcept {
  if (bytes == 0) return nullptr;
  void* block = nullptr;
  if (posix_memalign(&block, 64, bytes) != 0) block = nullptr;
  Cache& c = cache();
  Guard guard(c.lock);
  if (block) count_block(c, bytes > kSmallLimit, bytes, round_up(bytes, 64));
  return block;
}

void cpu_free(void* block, size_t bytes) noexcept {
  if (!block) return;
  std::free(block);
  Cache& c = cache();
  Guard guard(c.lock);
  uncount_block(c, bytes > kSmallLimit, bytes, round_up(bytes, 64));
}

#else

void* cpu_allocate(size_t bytes) noexcept {
  if (bytes == 0) return nullptr;
  Cache& c = cache();
  if (bytes <= kSmallLimit) return allocate_small(c, bytes, size_class(bytes));
  if (bytes <= class_size(kAllClasses - 2)) return allocate_large(c, bytes, size_class(bytes));
  Guard guard(c.lock);
  ++c.stats.ooms;
  return nullptr;
}

void cpu_free(void* block, size_t bytes) noexcept {
  if (!block) return;
  Cache& c = cache();
  const int index = size_class(bytes);
  if (bytes <= kSmallLimit) {
    free_small(c, block, bytes, index);
  } else {
    free_large(c, block, bytes, index);
  }
}

#endif

void cpu_empty_cache() noexcept {
  Cache& c = cache();
  Doomed* chain;
  {
    Guard guard(c.lock);
    for (int index = 0; index < kSmallClasses; ++index) {
      for (Slab *slab = c.partial[index].head, *next; slab; slab = next) {
        next = slab->next;
        if (slab->used > 0) continue;
        c.partial[index].remove(slab);
        c.empty[slab_kind(index)].push(slab);
        c.cached += kSlabSize[slab_kind(index)];
      }
    }
    chain = trim(c, 0);
  }
  unmap(chain);
}

size_t cpu_cache_limit() noexcept {
  Cache& c = cache();
  Guard guard(c.lock);
  return c.limit;
}

void cpu_set_cache_limit(size_t bytes) noexcept {
  Cache& c = cache();
  Doomed* chain;
  {
    Guard guard(c.lock);
    c.limit = bytes;
    chain = trim(c, bytes);
  }
  unmap(chain);
}

MemoryStats cpu_memory_stats() noexcept {
  Cache& c = cache();
  MemoryStats out{};
  Guard guard(c.lock);
  const Statistics& s = c.stats;
  s.allocation.report(out.allocation);
  s.requested.report(out.requested_bytes);
  s.allocated.report(out.allocated_bytes);
  s.segment.report(out.segment);
  s.reserved.report(out.reserved_bytes);
  out.num_alloc_retries = s.retries;
  out.num_ooms = s.ooms;
  out.num_device_alloc = s.maps;
  out.num_device_free = s.unmaps;
  return out;
}

void cpu_reset_peak_memory_stats() noexcept {
  Cache& c = cache();
  Guard guard(c.lock);
  Statistics& s = c.stats;
  for (Counter* counter : {&s.allocation, &s.requested, &s.allocated, &s.segment, &s.reserved})
    counter->reset_peak();
}

void cpu_reset_accumulated_memory_stats() noexcept {
  Cache& c = cache();
  Guard guard(c.lock);
  Statistics& s = c.stats;
  for (Counter* counter : {&s.allocation, &s.requested, &s.allocated, &s.segment, &s.reserved})
    counter->reset_totals();
  s.retries = s.ooms = s.maps = s.unmaps = 0;
}

}  // namespace rl
