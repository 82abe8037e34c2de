// Random fills on plain memory, bit for bit those of PyTorch 2.13 on x86 with AVX2.
//
// Each function takes the generator's lock for the whole fill and draws for out[0], out[1], ... in
// order; an empty fill draws nothing. Arguments are checked by the operators, not here. T is an
// element type of core/dtype.h; "real" functions exist for float, double, Half and BFloat16, the
// others for every non-complex type.
#pragma once

#include <cstdint>

#include "core/dtype.h"
#include "random/generator.h"

namespace rl::rng {

// Real. Uniform on [from, to): 24 bits a number, or 53 for double; a result rounded up to `to`
// becomes `from`.
template <class T>
void uniform(CpuGenerator& gen, T* out, int64_t n, double from, double to);

// Real. Normal numbers. For n >= 16 in contiguous memory PyTorch uses blocks of 16 in the type's
// own precision (normal_block, n >= 16), otherwise one number at a time in double with the
// generator's spare (normal_scalar).
template <class T>
void normal_block(CpuGenerator& gen, T* out, int64_t n, double mean, double std);
template <class T>
void normal_scalar(CpuGenerator& gen, T* out, int64_t n, double mean, double std);

// Real; computed in double and then rounded to T.
template <class T>
void exponential(CpuGenerator& gen, T* out, int64_t n, double lambda);
template <class T>
void cauchy(CpuGenerator& gen, T* out, int64_t n, double median, double sigma);
template <class T>
void log_normal(CpuGenerator& gen, T* out, int64_t n, double mean, double std);
template <class T>
void geometric(CpuGenerator& gen, T* out, int64_t n, double p);

// 1 with probability p, else 0: 53 bits a number whatever T is.
template <class T>
void bernoulli(CpuGenerator& gen, T* out, int64_t n, double p);
// The same draws with another number than 1.
template <class T>
void bernoulli_scaled(CpuGenerator& gen, T* out, int64_t n, double p, T on);
// The same draws as one byte each.
void bernoulli_mask(CpuGenerator& gen, uint8_t* out, int64_t n, double p);
// One probability an element: 24 bits a number, or 53 for double probabilities. Throws when one
// lies outside [0, 1].
template <class P>
void bernoulli_each(CpuGenerator& gen, uint8_t* out, const P* p, int64_t n);

// Integers base + (draw mod range); range 0 stands for 2^64. Ranges of 2^28 and more use 64-bit
// draws.
template <class T>
void random_from_to(CpuGenerator& gen, T* out, int64_t n, uint64_t range, int64_t base);
// Tensor.random_() without bounds: [0, max] of an integer type, [0, 2^mantissa] of a floating one.
template <class T>
void random_any(CpuGenerator& gen, T* out, int64_t n);

// A permutation of 0 .. n-1.
template <class T>
void randperm(CpuGenerator& gen, T* out, int64_t n);

// Real. out[i] ~ Poisson(rate[i]). Throws when a rate is negative or nan.
template <class T>
void poisson(CpuGenerator& gen, T* out, const T* rate, int64_t n);

// Real. `samples` indices drawn with replacement from each row of weights (rows, categories), into
// (rows, samples). Throws when a row holds a negative or non-finite weight, or sums to 0.
template <class T>
void multinomial_replace(CpuGenerator& gen, int64_t* out, const T* weights, int64_t rows,
                         int64_t categories, int64_t samples);

// Real. Without replacement: the `samples` categories of each row with the largest weight / Exp(1),
// the largest first.
template <class T>
void multinomial_race(CpuGenerator& gen, int64_t* out, const T* weights, int64_t rows,
                      int64_t categories, int64_t samples);

// Real. Slopes of rrelu in training: noise[i] ~ U(lower, upper) where x[i] <= 0, else 1; out = x *
// noise.
template <class T>
void rrelu(CpuGenerator& gen, T* out, T* noise, const T* x, int64_t n, double lower, double upper);

}  // namespace rl::rng
