// The vectorised inner loops of the random engine. Every function gives the same bits on every
// machine: a product and sum that PyTorch's x86 builds round once goes through std::fma, all else
// is rounded step by step. kernels.cpp is compiled without floating-point contraction and once per
// instruction level.
#pragma once

#include <cstdint>

namespace rl::rng {

inline constexpr int kMtWords = 624;

void mt_twist(uint32_t* state);                                   // (624,) in place
void mt_temper(uint32_t* out, const uint32_t* state, int64_t n);  // out[i] = temper(state[i])

// The 24 low bits of u[i] as a float in [0, 1), scaled to x * scale + from with one rounding; `to`
// becomes `from`.
void uniform_f32(float* out, const uint32_t* u, int64_t n, float from, float to, float scale);
// The 53 low bits of the 64-bit number (u[2i] high, u[2i+1] low), likewise.
void uniform_f64(double* out, const uint32_t* u, int64_t n, double from, double to, double scale);
void unit_f32(float* out, const uint32_t* u, int64_t n);
void unit_f64(double* out, const uint32_t* u, int64_t n);

// Box-Muller on n raw numbers, n a multiple of 16 and at most kNormalChunk: in each block of 16 the
// first eight make radii and the last eight angles; out[j] gets the cosine branch, out[j + 8] the
// sine branch.
inline constexpr int kNormalChunk = 1024;
void normal_f32(float* out, const uint32_t* u, int64_t n, float mean, float std);

// out[i] = 1 where the 53-bit number is below `bound` (a count of 2^-53 steps), else 0.
void below_u8(uint8_t* out, const uint32_t* u, int64_t n, uint64_t bound);
// out[i] = hit[i] * on
void mask_f32(float* out, const uint8_t* hit, int64_t n, float on);
void mask_f64(double* out, const uint8_t* hit, int64_t n, double on);

// out[i] = float(scale * log(1 - u)) for the 53-bit number u, and sure[i] = 1 where that is the
// float nearest to the exact value or, failing that, provably the one any good logarithm in double
// leads to; elsewhere sure[i] = 0.
void neg_log_f32(float* out, uint8_t* sure, const uint32_t* u, int64_t n, double scale);

// out[i] = u[i] mod range, range > 0, by multiplication with the precomputed reciprocal.
void mod_u32(uint32_t* out, const uint32_t* u, int64_t n, uint32_t range);

}  // namespace rl::rng
