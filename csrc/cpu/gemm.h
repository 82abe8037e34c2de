#pragma once
// Matrix products on raw row-major memory, every element type. Sums of integers wrap; half types
// sum in float32 (complex64 in float32, complex128 in float64). The order in which an element of C
// is summed depends on k and the type alone, never on the number of threads (the library's float32
// product, used above a size, is the exception: see cpu/onednn.h).

#include <complex>
#include <cstdint>

#include "core/dtype.h"

namespace rl {

// C (m, n) = alpha * op(A) (m, k) * op(B) (k, n) + beta * C. With beta == 0, C is not read.
// lda is the distance between stored rows: op(A)[i][j] is a[i * lda + j], or a[j * lda + i] when
// trans_a; B alike. k == 0 gives beta * C.
template <class T>
struct GemmScalar {
  using type = T;
};
template <>
struct GemmScalar<Half> {
  using type = float;
};
template <>
struct GemmScalar<BFloat16> {
  using type = float;
};

template <class T>
void gemm(bool trans_a, bool trans_b, int64_t m, int64_t n, int64_t k,
          typename GemmScalar<T>::type alpha, const T* a, int64_t lda, const T* b, int64_t ldb,
          typename GemmScalar<T>::type beta, T* c, int64_t ldc);

// C (m, n) = op(A) op(B) + bias (n), for floating types; half types are rounded once. False where
// the library has no kernel for it: nothing has been done then.
template <class T>
bool gemm_with_bias(bool trans_a, bool trans_b, int64_t m, int64_t n, int64_t k, const T* a,
                    int64_t lda, const T* b, int64_t ldb, const T* bias, T* c, int64_t ldc);

// `batch` independent products; stride_* are the distances between matrices in elements (0 repeats
// an operand; stride_c must not be 0 when batch > 1).
template <class T>
void gemm_batched(int64_t batch, bool trans_a, bool trans_b, int64_t m, int64_t n, int64_t k,
                  typename GemmScalar<T>::type alpha, const T* a, int64_t lda, int64_t stride_a,
                  const T* b, int64_t ldb, int64_t stride_b, typename GemmScalar<T>::type beta,
                  T* c, int64_t ldc, int64_t stride_c);

// sum_i x[i * incx] * y[i * incy], summed as a gemm would.
template <class T>
T dot(int64_t n, const T* x, int64_t incx, const T* y, int64_t incy);

}  // namespace rl
