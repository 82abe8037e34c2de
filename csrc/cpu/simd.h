#pragma once
// The three instruction levels that hand-written kernels are compiled for, and which one this
// processor runs. A kernel file is included once per level by cpu/levels.inc.

#include <immintrin.h>

#include <cstdint>

namespace rl::simd {

enum class Level : int { baseline = 0, avx2 = 1, avx512 = 2 };

// Chosen once by CPUID; RUSHLIGHT_ISA=baseline|avx2|avx512 lowers it.
Level level();

// Of something made for each level, this processor's.
template <class T>
const T& pick(const T& baseline, const T& avx2, const T& avx512) {
  return level() == Level::avx512 ? avx512 : level() == Level::avx2 ? avx2 : baseline;
}

// Takes a cache line for writing: back from other caches, or from memory, while work goes on. The
// compiler's builtin asks for a shared copy unless it may assume the instruction; processors
// without it take it for nothing.
inline void prefetch_to_write(const void* p) {
#if defined(__x86_64__)
  asm volatile("prefetchw %0" : : "m"(*static_cast<const char*>(p)));
#else
  __builtin_prefetch(p, 1);
#endif
}

}  // namespace rl::simd
