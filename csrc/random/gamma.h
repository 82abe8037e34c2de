// Sampling by rejection, element after element: gamma, Dirichlet and binomial numbers.
#pragma once

#include <cstdint>

#include "random/generator.h"

namespace rl::rng {

// T is float or double; everything is computed in double. Lock and argument rules as in
// distributions.h.

// out[i] ~ Gamma(alpha[i], 1), at least the smallest normal T.
template <class T>
void standard_gamma(CpuGenerator& gen, T* out, const T* alpha, int64_t n);

// Rows of `categories` gamma numbers divided by their sum, kept inside (0, 1).
template <class T>
void dirichlet(CpuGenerator& gen, T* out, const T* alpha, int64_t rows, int64_t categories);

// out[i] ~ Binomial(count[i], p[i]).
template <class T>
void binomial(CpuGenerator& gen, T* out, const T* count, const T* p, int64_t n);

}  // namespace rl::rng
