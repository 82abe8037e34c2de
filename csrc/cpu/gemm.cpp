#include "cpu/gemm.h"

#include <algorithm>
#include <cstring>
#include <type_traits>

#include "cpu/onednn.h"
#include "cpu/scratch.h"
#include "cpu/simd.h"
#include "pool/pool.h"

namespace rl {
namespace {

constexpr int64_t kMc = 144;          // rows of A per block: kMc * 384 floats stay in the L2 cache
constexpr int64_t kNc = 1536;         // columns of B per block
constexpr int64_t kTurnedRows = 256;  // rows of A whose panels, 256 * 384 floats, fit the L2 cache

template <class T>
struct GemmKernels {
  using Product = void(bool ta, bool tb, int64_t m, int64_t n, int64_t k, T alpha, const T* a,
                       int64_t lda, const T* b, int64_t ldb, T beta, T* c, int64_t ldc, T* buffer);
  Product* small;
  Product* large;
  void (*turned)(int64_t m, int64_t n, int64_t k, T alpha, const T* a, int64_t lda, const T* b,
                 int64_t ldb, T beta, T* c, int64_t ldc, T* buffer);
  T (*dot)(int64_t n, const T* x, const T* y);
  void (*turn)(const T* in, int64_t ldi, int64_t rows, int64_t cols, T* out, int64_t ldo);
  int mr, nr;
};

#define RL_KERNELS "cpu/gemm_kernel.inc"
#include "cpu/levels.inc"

constexpr int64_t kKc = baseline::kKc;
constexpr int64_t kMaxNr = 32;

template <class T>
const GemmKernels<T>& best() {
  static const GemmKernels<T>& chosen =
      simd::pick(baseline::kernels<T>(), avx2::kernels<T>(), avx512::kernels<T>());
  return chosen;
}

// ---------------------------------------------------------------------- float32 and float64

// Products below this many multiplications run on the calling thread.
constexpr int64_t kParallelWork = 200'000;

template <class T>
struct Product {
  bool ta, tb;
  int64_t m, n, k;
  T alpha;
  const T* a;
  int64_t lda;
  const T* b;
  int64_t ldb;
  T beta;
  T* c;
  int64_t ldc;
  const T* row = nullptr;  // added to every row of C; beta is 0 then

  // The same product for rows [i0, i1) and columns [j0, j1) of C.
  Product block(int64_t i0, int64_t i1, int64_t j0, int64_t j1) const {
    Product p = *this;
    p.m = i1 - i0;
    p.n = j1 - j0;
    p.a += ta ? i0 : i0 * lda;
    p.b += tb ? j0 * ldb : j0;
    p.c += i0 * ldc + j0;
    if (row) p.row += j0;
    return p;
  }
  // The same with `row` in C already.
  Product started() const {
    Product p = *this;
    p.row = nullptr;
    p.beta = T(1);
    for (int64_t i = 0; i < m; i++) std::memcpy(c + i * ldc, row, size_t(n) * sizeof(T));
    return p;
  }
  void small(T* buffer) const {
    best<T>().small(ta, tb, m, n, k, alpha, a, lda, b, ldb, beta, c, ldc, buffer);
  }
  void large(T* buffer) const {
    best<T>().large(ta, tb, m, n, k, alpha, a, lda, b, ldb, beta, c, ldc, buffer);
  }
};

// C = beta * C, what is left of a product without terms.
template <class T>
void scale(int64_t m, int64_t n, T beta, T* c, int64_t ldc) {
  for (int64_t i = 0; i < m; i++)
    for (int64_t j = 0; j < n; j++) c[i * ldc + j] = beta == T(0) ? T(0) : T(beta * c[i * ldc + j]);
}

// Few rows against B stored by columns: dot products along contiguous k.
template <class T>
void few_rows(const Product<T>& p) {
  const auto dot = best<T>().dot;
  const int64_t grain = std::max<int64_t>(1, kParallelWork / (p.m * p.k));
  parallel_for(p.n, grain, [&](int64_t begin, int64_t end) {
    for (int64_t j = begin; j < end; j++)
      for (int64_t i = 0; i < p.m; i++) {
        T r = p.alpha * dot(p.k, p.a + i * p.lda, p.b + j * p.ldb);
        T& c = p.c[i * p.ldc + j];
        c = p.beta == T(0) ? r : r + p.beta * c;
      }
  });
}

// One column (n == 1) with A stored by rows and x contiguous is the mirror image of few_rows.
template <class T>
bool matrix_vector(const Product<T>& p) {
  if (p.n == 1 && !p.ta && (p.ldb == 1 || p.tb) && p.k >= 8) {
    const auto dot = best<T>().dot;
    const int64_t grain = std::max<int64_t>(1, kParallelWork / p.k);
    parallel_for(p.m, grain, [&](int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; i++) {
        T r = p.alpha * dot(p.k, p.a + i * p.lda, p.b);
        T& c = p.c[i * p.ldc];
        c = p.beta == T(0) ? r : r + p.beta * c;
      }
    });
    return true;
  }
  if (p.tb && !p.ta && p.m <= 3 && p.k >= 16) {
    few_rows(p);
    return true;
  }
  if (p.n == 1 && p.ta && p.ldc == 1 && !p.tb && p.ldb == 1) {
    // C^T = x^T A: the row form reads A along its rows.
    Product<T> q = p;
    q.ta = q.tb = false;
    q.m = 1, q.n = p.m;
    q.a = p.b, q.lda = p.k;
    q.b = p.a, q.ldb = p.lda;
    q.ldc = p.m;
    gemm(q.ta, q.tb, q.m, q.n, q.k, q.alpha, q.a, q.lda, q.b, q.ldb, q.beta, q.c, q.ldc);
    return true;
  }
  return false;
}

enum class Blocks { small, large, turned };

template <class T>
void run_block(const Product<T>& p, Blocks blocks) {
  if (p.row) return run_block(p.started(), blocks);
  const int64_t nr = best<T>().nr;
  if (blocks == Blocks::small) {
    alignas(64) T buffer[kMaxNr * kKc];
    return p.small(buffer);
  }
  if (blocks == Blocks::turned) {
    const int64_t panels = (p.m + nr - 1) / nr * nr;
    const int64_t depth = baseline::turned_depth<T>(p.m, p.k);
    const Scratch buffer(sizeof(T) * (panels * depth + best<T>().mr * (depth + 64 / sizeof(T))));
    return best<T>().turned(p.m, p.n, p.k, p.alpha, p.a, p.lda, p.b, p.ldb, p.beta, p.c, p.ldc,
                            buffer.get<T>());
  }
  const int64_t nc = (std::min(p.n, kNc) + nr - 1) / nr * nr;
  const Scratch buffer(sizeof(T) * (kMc * kKc + std::min(p.k, kKc) * nc));
  p.large(buffer.get<T>());
}

// Splits C into one block per thread; a block's sums do not depend on the split.
template <class T>
void split(const Product<T>& p, Blocks blocks) {
  // Rows first: what reads or writes C or B's rows next, an optimizer above all, divides them among
  // the threads in the same way, and lines need not travel between caches (60 ns each). Steps finer
  // than a tile leave the threads nearly the same share.
  const bool copied = blocks == Blocks::large || p.tb;  // every thread copies what it needs of B
  const bool by_rows = blocks == Blocks::turned ? false
                       : copied                 ? p.m * best<T>().nr >= p.n * best<T>().mr
                                                : p.m >= 16 * num_threads();
  const int64_t unit = by_rows || blocks == Blocks::turned ? 4 : best<T>().nr / 2;
  const int64_t total = by_rows ? p.m : p.n;
  const int64_t units = (total + unit - 1) / unit;
  const int64_t work = p.m * p.n * p.k;
  const int64_t grain =
      std::max<int64_t>(1, units * kParallelWork / 2 / std::max<int64_t>(work, 1));
  parallel_for(units, grain, [&](int64_t begin, int64_t end) {
    const int64_t from = begin * unit, to = std::min(total, end * unit);
    run_block(by_rows ? p.block(from, to, 0, p.n) : p.block(0, p.m, from, to), blocks);
  });
}

// Which of the three: see the functions of these names. With few rows against a transposed B,
// turned blocks reach 170-205 GFLOP/s where the library's product reaches 22-180 (Zen 4, two
// cores).
template <class T>
Blocks choose_blocks(const Product<T>& p) {
  const int64_t half = best<T>().nr / 2, padded = (p.m + half - 1) / half * half;
  if (p.tb && !p.ta && p.m <= kTurnedRows && p.m <= p.n && p.k >= 64 && padded * 7 <= p.m * 8)
    return Blocks::turned;
  const bool large = p.m >= 64 && p.k * p.n * int64_t(sizeof(T)) > (256 << 10);
  return large ? Blocks::large : Blocks::small;
}

template <class T>
void tiny(const Product<T>& p) {
  const int64_t a_row = p.ta ? 1 : p.lda, a_k = p.ta ? p.lda : 1;
  const int64_t b_col = p.tb ? p.ldb : 1, b_k = p.tb ? 1 : p.ldb;
  for (int64_t i = 0; i < p.m; i++)
    for (int64_t j = 0; j < p.n; j++) {
      const T *a = p.a + i * a_row, *b = p.b + j * b_col;
      T s = T(0);
      for (int64_t q = 0; q < p.k; q++) s += a[q * a_k] * b[q * b_k];
      T& c = p.c[i * p.ldc + j];
      c = p.beta == T(0) ? p.alpha * s : p.alpha * s + p.beta * c;
    }
}

// Up to here ours is as fast, and programs that stay below never open the library.
constexpr int64_t kLibraryWork = int64_t{32} << 20;

bool use_library_sgemm(int64_t m, int64_t n, int64_t k) {
  if (thread_independent()) return false;
  if (m * n * k <= kLibraryWork) return false;
  return onednn::available();
}

// The library reads a transposed B slowly unless C is large: copying it the other way round first
// is worth its time. Measured with oneDNN 3.2 on Zen 4: 140-210 against 215-230 GFLOP/s.
bool turn_b_first(int64_t m, int64_t n, int64_t k) {
  if (k * n > (int64_t{8} << 20)) return false;  // the copy would not stay in this thread's scratch
  if (m >= 1024) return n <= 512;
  return m >= 192 && k % 512 == 0;  // the steps at which the library's loads collide in the cache
}

void library_sgemm(const Product<float>& p) {
  if (!p.tb || !turn_b_first(p.m, p.n, p.k))
    return onednn::sgemm(p.ta, p.tb, p.m, p.n, p.k, p.alpha, p.a, p.lda, p.b, p.ldb, p.beta, p.c,
                         p.ldc);
  const Scratch turned(sizeof(float) * size_t(p.k * p.n));
  float* const b = turned.get<float>();
  const auto turn = best<float>().turn;
  parallel_for(p.k, std::max<int64_t>(64, kDefaultGrain / p.n), [&](int64_t from, int64_t to) {
    turn(p.b + from, p.ldb, p.n, to - from, b + from * p.n, p.n);
  });
  onednn::sgemm(p.ta, false, p.m, p.n, p.k, p.alpha, p.a, p.lda, b, p.n, p.beta, p.c, p.ldc);
}

template <class T>
void real_gemm(const Product<T>& p);

// What does not add a row itself begins with it.
template <class T>
void begin_with_row(Product<T> p) {
  parallel_for(p.m, std::max<int64_t>(1, kDefaultGrain / p.n),
               [&](int64_t from, int64_t to) { p.block(from, to, 0, p.n).started(); });
  p.row = nullptr;
  p.beta = T(1);
  real_gemm(p);
}

template <class T>
void real_gemm(const Product<T>& p) {
  if (p.m <= 0 || p.n <= 0) return;
  if (p.row && p.k <= 0) return begin_with_row(p);
  if (p.k <= 0 || p.alpha == T(0)) return scale(p.m, p.n, p.beta, p.c, p.ldc);
  const int64_t work = p.m * p.n * p.k;
  const Blocks blocks = choose_blocks(p);
  bool library = false;
  if constexpr (std::is_same_v<T, float>)
    library = blocks != Blocks::turned && use_library_sgemm(p.m, p.n, p.k);
  if (p.row && (library || p.m <= 3 || p.n == 1 || work <= 128)) return begin_with_row(p);
  if (work <= 128) return tiny(p);
  if (matrix_vector(p)) return;
  if constexpr (std::is_same_v<T, float>) {
    if (library) return library_sgemm(p);
  }
  split(p, blocks);
}

// ------------------------------------------------------------------------------------ integers

// Wraps as the hardware does, without the undefined behaviour of signed overflow.
template <class T>
struct Wrapping {
  using type = std::make_unsigned_t<T>;
};
template <>
struct Wrapping<bool> {
  using type = bool;
};

template <class T>
void integer_rows(const Product<T>& p, int64_t begin, int64_t end) {
  using U = std::conditional_t<(sizeof(T) < 4), uint32_t, typename Wrapping<T>::type>;
  const Scratch block(sizeof(U) * p.n);
  U* const sum = block.template get<U>();
  for (int64_t i = begin; i < end; i++) {
    std::fill_n(sum, p.n, U(0));
    for (int64_t q = 0; q < p.k; q++) {
      const U x = U(p.ta ? p.a[q * p.lda + i] : p.a[i * p.lda + q]);
      if (p.tb) {
        for (int64_t j = 0; j < p.n; j++) sum[j] += U(x * U(p.b[j * p.ldb + q]));
      } else {
        const T* b = p.b + q * p.ldb;
        for (int64_t j = 0; j < p.n; j++) sum[j] += U(x * U(b[j]));
      }
    }
    T* c = p.c + i * p.ldc;
    for (int64_t j = 0; j < p.n; j++) {
      const U r = U(U(p.alpha) * sum[j]);
      c[j] = p.beta == T(0) ? T(r) : T(U(r + U(U(p.beta) * U(c[j]))));
    }
  }
}

template <class T>
void integer_gemm(const Product<T>& p) {
  if (p.m <= 0 || p.n <= 0) return;
  const int64_t row = std::max<int64_t>(1, p.n * std::max<int64_t>(p.k, 1));
  parallel_for(p.m, std::max<int64_t>(1, kParallelWork / row),
               [&](int64_t begin, int64_t end) { integer_rows(p, begin, end); });
}

// ------------------------------------------------------------------------------------- complex

// Real and imaginary parts of op(A), apart and packed: (rows, cols) each.
template <class R>
void split_parts(bool trans, const std::complex<R>* a, int64_t lda, int64_t rows, int64_t cols,
                 R* re, R* im) {
  for (int64_t i = 0; i < rows; i++)
    for (int64_t j = 0; j < cols; j++) {
      const std::complex<R> x = trans ? a[j * lda + i] : a[i * lda + j];
      re[i * cols + j] = x.real();
      im[i * cols + j] = x.imag();
    }
}

// Four real products: three would lose digits where the parts differ in size.
template <class R>
void complex_gemm(const Product<std::complex<R>>& p) {
  using C = std::complex<R>;
  if (p.m <= 0 || p.n <= 0) return;
  if (p.k <= 0) return scale(p.m, p.n, p.beta, p.c, p.ldc);
  if (p.m * p.n * p.k <= 512) return tiny(p);
  const int64_t as = p.m * p.k, bs = p.k * p.n, cs = p.m * p.n;
  const Scratch block(sizeof(R) * 2 * (as + bs + cs));
  R *ar = block.template get<R>(), *ai = ar + as, *br = ai + as, *bi = br + bs, *cr = bi + bs,
    *ci = cr + cs;
  split_parts(p.ta, p.a, p.lda, p.m, p.k, ar, ai);
  split_parts(p.tb, p.b, p.ldb, p.k, p.n, br, bi);
  const auto part = [&](R alpha, const R* x, const R* y, R beta, R* z) {
    real_gemm(Product<R>{false, false, p.m, p.n, p.k, alpha, x, p.k, y, p.n, beta, z, p.n});
  };
  part(1, ar, br, 0, cr);
  part(-1, ai, bi, 1, cr);
  part(1, ar, bi, 0, ci);
  part(1, ai, br, 1, ci);
  for (int64_t i = 0; i < p.m; i++)
    for (int64_t j = 0; j < p.n; j++) {
      C& c = p.c[i * p.ldc + j];
      const C r = p.alpha * C(cr[i * p.n + j], ci[i * p.n + j]);
      c = p.beta == C(0) ? r : r + p.beta * c;
    }
}

// ---------------------------------------------------------------------------------- half types

template <class H>
void widen_matrix(const H* in, int64_t ld, int64_t rows, int64_t cols, float* out) {
  parallel_for(rows, std::max<int64_t>(1, 16384 / std::max<int64_t>(cols, 1)),
               [&](int64_t begin, int64_t end) {
                 for (int64_t i = begin; i < end; i++)
                   for (int64_t j = 0; j < cols; j++) out[i * cols + j] = float(in[i * ld + j]);
               });
}

template <class H>
void half_gemm(bool ta, bool tb, int64_t m, int64_t n, int64_t k, float alpha, const H* a,
               int64_t lda, const H* b, int64_t ldb, float beta, H* c, int64_t ldc) {
  if (m <= 0 || n <= 0) return;
  constexpr auto type = std::is_same_v<H, Half> ? onednn::Type::f16 : onednn::Type::bf16;
  const bool big = k > 0 && m * n * k > 32 * 32 * 32;
  if (big && alpha == 1 && beta == 0 &&
      onednn::half_gemm(type, type, ta, tb, m, n, k, a, lda, b, ldb, c, ldc))
    return;
  const int64_t ar = ta ? k : m, ac = ta ? m : k, br = tb ? n : k, bc = tb ? k : n;
  const Scratch block(sizeof(float) * (m * k + k * n + m * n));
  float *af = block.get<float>(), *bf = af + m * k, *cf = bf + k * n;
  if (!(big &&
        onednn::half_gemm(type, onednn::Type::f32, ta, tb, m, n, k, a, lda, b, ldb, cf, n))) {
    widen_matrix(a, lda, ar, ac, af);
    widen_matrix(b, ldb, br, bc, bf);
    real_gemm(Product<float>{ta, tb, m, n, k, 1, af, ac, bf, bc, 0, cf, n});
  }
  parallel_for(m, std::max<int64_t>(1, 16384 / n), [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; i++)
      for (int64_t j = 0; j < n; j++) {
        H& to = c[i * ldc + j];
        const float r = alpha * cf[i * n + j];
        to = H(beta == 0 ? r : r + beta * float(to));
      }
  });
}

}  // namespace

template <class T>
void gemm(bool ta, bool tb, int64_t m, int64_t n, int64_t k, typename GemmScalar<T>::type alpha,
          const T* a, int64_t lda, const T* b, int64_t ldb, typename GemmScalar<T>::type beta, T* c,
          int64_t ldc) {
  if constexpr (std::is_same_v<T, Half> || std::is_same_v<T, BFloat16>) {
    half_gemm(ta, tb, m, n, k, alpha, a, lda, b, ldb, beta, c, ldc);
  } else {
    const Product<T> p{ta, tb, m, n, k, alpha, a, lda, b, ldb, beta, c, ldc};
    if constexpr (std::is_floating_point_v<T>)
      real_gemm(p);
    else if constexpr (std::is_integral_v<T>)
      integer_gemm(p);
    else
      complex_gemm(p);
  }
}

template <class T>
bool gemm_with_bias(bool ta, bool tb, int64_t m, int64_t n, int64_t k, const T* a, int64_t lda,
                    const T* b, int64_t ldb, const T* bias, T* c, int64_t ldc) {
  if constexpr (std::is_same_v<T, Half> || std::is_same_v<T, BFloat16>) {
    constexpr auto type = std::is_same_v<T, Half> ? onednn::Type::f16 : onednn::Type::bf16;
    if (m <= 0 || n <= 0 || m * n * k <= 32 * 32 * 32) return false;
    return onednn::half_gemm(type, type, ta, tb, m, n, k, a, lda, b, ldb, c, ldc, bias);
  } else {
    real_gemm(Product<T>{ta, tb, m, n, k, T(1), a, lda, b, ldb, T(0), c, ldc, bias});
    return true;
  }
}
#define RL_BIAS(T)                                                                          \
  template bool gemm_with_bias<T>(bool, bool, int64_t, int64_t, int64_t, const T*, int64_t, \
                                  const T*, int64_t, const T*, T*, int64_t);
RL_BIAS(float)
RL_BIAS(double)
RL_BIAS(Half)
RL_BIAS(BFloat16)
#undef RL_BIAS

template <class T>
void gemm_batched(int64_t batch, bool ta, bool tb, int64_t m, int64_t n, int64_t k,
                  typename GemmScalar<T>::type alpha, const T* a, int64_t lda, int64_t stride_a,
                  const T* b, int64_t ldb, int64_t stride_b, typename GemmScalar<T>::type beta,
                  T* c, int64_t ldc, int64_t stride_c) {
  const auto one = [&](int64_t i) {
    gemm(ta, tb, m, n, k, alpha, a + i * stride_a, lda, b + i * stride_b, ldb, beta,
         c + i * stride_c, ldc);
  };
  const int64_t work = std::max<int64_t>(1, m * n * std::max<int64_t>(k, 1));
  // Whole matrices per thread when there are enough of them; threads within a matrix otherwise.
  if (batch >= 2 * num_threads() || work < kParallelWork) {
    parallel_for(batch, std::max<int64_t>(1, kParallelWork / work),
                 [&](int64_t begin, int64_t end) {
                   for (int64_t i = begin; i < end; i++) one(i);
                 });
  } else {
    for (int64_t i = 0; i < batch; i++) one(i);
  }
}

template <class T>
T dot(int64_t n, const T* x, int64_t incx, const T* y, int64_t incy) {
  if constexpr (std::is_floating_point_v<T>) {
    if (incx == 1 && incy == 1) return best<T>().dot(n, x, y);
  }
  if constexpr (std::is_same_v<T, Half> || std::is_same_v<T, BFloat16>) {
    float s = 0;
    for (int64_t i = 0; i < n; i++) s += float(x[i * incx]) * float(y[i * incy]);
    return T(s);
  } else if constexpr (std::is_integral_v<T>) {
    uint64_t s = 0;
    for (int64_t i = 0; i < n; i++) s += uint64_t(x[i * incx]) * uint64_t(y[i * incy]);
    return T(s);
  } else {
    T s = T(0);
    for (int64_t i = 0; i < n; i++) s += x[i * incx] * y[i * incy];
    return s;
  }
}

#define RL_GEMM(T)                                                                            \
  template void gemm<T>(bool, bool, int64_t, int64_t, int64_t, GemmScalar<T>::type, const T*, \
                        int64_t, const T*, int64_t, GemmScalar<T>::type, T*, int64_t);        \
  template void gemm_batched<T>(int64_t, bool, bool, int64_t, int64_t, int64_t,               \
                                GemmScalar<T>::type, const T*, int64_t, int64_t, const T*,    \
                                int64_t, int64_t, GemmScalar<T>::type, T*, int64_t, int64_t); \
  template T dot<T>(int64_t, const T*, int64_t, const T*, int64_t);

RL_GEMM(float)
RL_GEMM(double)
RL_GEMM(int64_t)
RL_GEMM(int32_t)
RL_GEMM(int16_t)
RL_GEMM(int8_t)
RL_GEMM(uint8_t)
RL_GEMM(std::complex<float>)
RL_GEMM(std::complex<double>)
RL_GEMM(Half)
RL_GEMM(BFloat16)
#undef RL_GEMM

}  // namespace rl
