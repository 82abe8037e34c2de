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

// out[i] = dx / dalpha of a number x = sample[i] ~ Gamma(alpha[i], 1) at a fixed cumulative
// probability.
template <class T>
void standard_gamma_grad(T* out, const T* alpha, const T* sample, int64_t n);

// The same for a coordinate x of a Dirichlet number with parameters of sum `total`, divided by 1 -
// x.
template <class T>
void dirichlet_grad(T* out, const T* x, const T* alpha, const T* total, int64_t n);

}  // namespace rl::rng
