#pragma once
// The three instruction levels that hand-written kernels are compiled for, and which one this
// processor runs. A kernel file is included once per level between RL_SIMD_BEGIN / RL_SIMD_END.

#include <immintrin.h>

#include <cstdint>

namespace rl::simd {

enum class Level : int { baseline = 0, avx2 = 1, avx512 = 2 };

// Chosen once by CPUID; RUSHLIGHT_ISA=baseline|avx2|avx512 lowers it.
Level level();

}  // namespace rl::simd
