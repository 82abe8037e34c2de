// Memory of CPU tensors. Freed blocks are kept and given out again: asking the system for a large
// block costs a page fault per 4 KB, several times what filling it costs.
//
// Blocks up to 1 MB are cut from slabs that hold blocks of one size; larger ones are mapped one by
// one, from 2 MB on with huge pages. Sizes are rounded up by at most 12.5 % (64 bytes at least).
// All functions may be called from any thread and in a forked child.
#pragma once

#include <cstddef>
#include <cstdint>

namespace rl {

// Returns memory for `bytes` bytes, aligned to 64 and readable up to the next multiple of 64; null
// for 0 bytes or when the system has no more. Contents are arbitrary.
void* cpu_allocate(size_t bytes) noexcept;

// Gives back what cpu_allocate(bytes) returned; null is allowed.
void cpu_free(void* block, size_t bytes) noexcept;

// Returns all cached memory that no block lives in to the system.
void cpu_empty_cache() noexcept;

// Most bytes of free memory kept. Default: RUSHLIGHT_CPU_CACHE_LIMIT (bytes, with an optional
// K, M or G; 0 keeps nothing), else a quarter of the memory this process may use.
size_t cpu_cache_limit() noexcept;
void cpu_set_cache_limit(size_t bytes) noexcept;

// One figure of the statistics, as torch.cuda.memory_stats() names its parts.
struct MemoryStat {
  int64_t current;
  int64_t peak;
  int64_t allocated;  // total of all increases
  int64_t freed;      // total of all decreases
};

// Index into the three pools of each figure: blocks above 1 MB are "large".
enum MemoryPool { kAllPools = 0, kSmallPool = 1, kLargePool = 2 };

struct MemoryStats {
  MemoryStat allocation[3];       // blocks given out
  MemoryStat requested_bytes[3];  // as asked for
  MemoryStat allocated_bytes[3];  // rounded up
  MemoryStat segment[3];          // slabs and large blocks held from the system
  MemoryStat reserved_bytes[3];   // their bytes
  int64_t num_alloc_retries;      // the system refused, and the cache was emptied to try again
  int64_t num_ooms;               // allocations that failed
  int64_t num_device_alloc;       // mappings made
  int64_t num_device_free;        // mappings undone
};

MemoryStats cpu_memory_stats() noexcept;
void cpu_reset_peak_memory_stats() noexcept;         // peak = current
void cpu_reset_accumulated_memory_stats() noexcept;  // allocated = freed = 0, and the counters

}  // namespace rl
