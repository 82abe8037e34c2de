// cpu/reduce_kernels.h: a ReduceKernel from a functor; for files compiled once per instruction
// level.
//
// A functor has In, Acc, Out; identity(), step(acc, x), merge(acc, acc), finish(acc). With
// `static constexpr bool vector = true` (then Acc is In) step and merge are templates that also
// take GCC vectors. With block(p, n) it reduces a run of at most kReduceBlock elements by itself,
// and with add_columns(...) blocks of columns.
#pragma once
#include "cpu/reduce.h"
#include "cpu/vec_convert.h"

namespace rl {
inline namespace RL_ISA_NS {
namespace {

constexpr int64_t kReduceBlock = 4096;

// One register: wider vectors would have their comparisons and selections done lane by lane.
#if defined(__AVX512F__)
constexpr int kLaneBytes = 64;
#elif defined(__AVX2__)
constexpr int kLaneBytes = 32;
#else
constexpr int kLaneBytes = 16;
#endif
template <class T>
struct Lanes {
  static constexpr int width = int(kLaneBytes / sizeof(T));
  typedef T type __attribute__((vector_size(kLaneBytes)));
};

template <class T>
inline typename Lanes<T>::type load_lanes(const T* p) {
  typename Lanes<T>::type v;
  __builtin_memcpy(&v, p, sizeof v);
  return v;
}

template <class F>
typename F::Acc reduce_lanes(const F& f, const typename F::In* p, int64_t n) {
  using T = typename F::In;
  using V = typename Lanes<T>::type;
  constexpr int w = Lanes<T>::width;
  T acc = f.identity();
  int64_t i = 0;
  if (n >= w) {
    V a = V{} + f.identity();
    if (n >= 4 * w) {
      V b = a, c = a, d = a;
      for (; i + 4 * w <= n; i += 4 * w) {
        a = f.step(a, load_lanes(p + i));
        b = f.step(b, load_lanes(p + i + w));
        c = f.step(c, load_lanes(p + i + 2 * w));
        d = f.step(d, load_lanes(p + i + 3 * w));
      }
      a = f.merge(f.merge(a, b), f.merge(c, d));
    }
    for (; i + w <= n; i += w) a = f.step(a, load_lanes(p + i));
    T lanes[w];
    __builtin_memcpy(lanes, &a, sizeof a);
    for (int h = w / 2; h > 0; h /= 2) {
      for (int j = 0; j < h; ++j) lanes[j] = f.merge(lanes[j], lanes[j + h]);
    }
    acc = lanes[0];
  }
  for (; i < n; ++i) acc = f.step(acc, p[i]);
  return acc;
}

inline void widen_lanes(const Half* p, float* to, int64_t n) {
  convert_half_to_float(reinterpret_cast<const uint16_t*>(p), to, n);
}
inline void widen_lanes(const BFloat16* p, float* to, int64_t n) {
  convert_bfloat16_to_float(reinterpret_cast<const uint16_t*>(p), to, n);
}

// Pairwise above a block: the error of a sum grows with the logarithm of its length.
template <class F>
typename F::Acc reduce_run(const F& f, const typename F::In* p, int64_t n) {
  if (n > kReduceBlock) {
    int64_t half = (n / 2 + kReduceBlock - 1) / kReduceBlock * kReduceBlock;
    auto left = reduce_run(f, p, half);
    return f.merge(left, reduce_run(f, p + half, n - half));
  }
  if constexpr (requires { f.block(p, n); }) {
    return f.block(p, n);
  } else if constexpr (F::vector) {
    return reduce_lanes(f, p, n);
  } else {
    typename F::Acc a[4] = {f.identity(), f.identity(), f.identity(), f.identity()};
    int64_t i = 0;
    for (; i + 4 <= n; i += 4) {
      for (int j = 0; j < 4; ++j) a[j] = f.step(a[j], p[i + j]);
    }
    for (; i < n; ++i) a[0] = f.step(a[0], p[i]);
    return f.merge(f.merge(a[0], a[1]), f.merge(a[2], a[3]));
  }
}

template <class F>
void reduce_columns(const F& f, const typename F::In* in, int64_t rows, int64_t stride,
                    int64_t cols, typename F::Acc* acc) {
  constexpr int64_t kWide = 64;
  if (cols <= kWide / 4 && stride == cols && rows >= 2 * (kWide / cols)) {
    // A narrow matrix: several rows side by side make one wide row.
    int64_t fold = kWide / cols, wide = fold * cols, n = rows / fold;
    typename F::Acc part[kWide];
    for (int64_t j = 0; j < wide; ++j) part[j] = f.identity();
    reduce_columns(f, in, n, wide, wide, part);
    for (int64_t k = 0; k < fold; ++k) {
      for (int64_t j = 0; j < cols; ++j) acc[j] = f.merge(acc[j], part[k * cols + j]);
    }
    in += n * wide;
    rows -= n * fold;
  }
  if constexpr (requires { f.add_columns(in, rows, stride, cols, acc); }) {
    f.add_columns(in, rows, stride, cols, acc);
  } else {
    int64_t r = 0;
    for (; r + 4 <= rows; r += 4) {
      const auto *a = in + r * stride, *b = a + stride, *c = b + stride, *d = c + stride;
#pragma GCC ivdep
      for (int64_t j = 0; j < cols; ++j) {
        acc[j] = f.step(f.step(f.step(f.step(acc[j], a[j]), b[j]), c[j]), d[j]);
      }
    }
    for (; r < rows; ++r) {
      const auto* a = in + r * stride;
#pragma GCC ivdep
      for (int64_t j = 0; j < cols; ++j) acc[j] = f.step(acc[j], a[j]);
    }
  }
}

template <class F>
ReduceKernel reduce_kernel(DType compute = dtype_of<typename F::In>,
                           DType result = dtype_of<typename F::Out>) {
  using In = typename F::In;
  using Acc = typename F::Acc;
  using Out = typename F::Out;
  static_assert(sizeof(Acc) <= kMaxAccBytes);
  ReduceKernel k;
  k.compute = compute;
  k.result = result;
  k.acc_bytes = sizeof(Acc);
  k.init = [](const void* f, void* acc, int64_t n) {
    std::fill_n(static_cast<Acc*>(acc), n, static_cast<const F*>(f)->identity());
  };
  k.rows = [](const void* fp, const void* in, int64_t n, int64_t count, int64_t stride, void* acc) {
    const F& f = *static_cast<const F*>(fp);
    auto* a = static_cast<Acc*>(acc);
    auto* p = static_cast<const In*>(in);
    for (int64_t i = 0; i < count; ++i) a[i] = f.merge(a[i], reduce_run(f, p + i * stride, n));
  };
  k.columns = [](const void* fp, const void* in, int64_t rows, int64_t stride, int64_t cols,
                 void* acc) {
    reduce_columns(*static_cast<const F*>(fp), static_cast<const In*>(in), rows, stride, cols,
                   static_cast<Acc*>(acc));
  };
  k.combine = [](const void* fp, void* acc, const void* other, int64_t n) {
    const F& f = *static_cast<const F*>(fp);
    auto* a = static_cast<Acc*>(acc);
    auto* b = static_cast<const Acc*>(other);
    for (int64_t i = 0; i < n; ++i) a[i] = f.merge(a[i], b[i]);
  };
  k.finish = [](const void* fp, const void* acc, int64_t n, void* out) {
    const F& f = *static_cast<const F*>(fp);
    auto* a = static_cast<const Acc*>(acc);
    auto* o = static_cast<Out*>(out);
    for (int64_t i = 0; i < n; ++i) o[i] = f.finish(a[i]);
  };
  return k;
}

// A float functor over 16-bit numbers, widened in registers.
template <class F, class H>
struct Widened {
  using In = H;
  using Acc = float;
  using Out = typename F::Out;
  static constexpr bool vector = false;
  static constexpr int width = Lanes<float>::width;
  F f;
  float identity() const { return f.identity(); }
  float step(float a, H x) const { return f.step(a, float(x)); }
  float merge(float a, float b) const { return f.merge(a, b); }
  Out finish(float a) const { return f.finish(a); }
  static typename Lanes<float>::type load(const H* p) {
    float wide[width];
    widen_lanes(p, wide, width);
    return load_lanes(wide);
  }
  float block(const H* p, int64_t n) const {
    float acc = f.identity();
    int64_t i = 0;
    if (n >= 4 * width) {
      auto a = Lanes<float>::type{} + f.identity(), b = a, c = a, d = a;
      for (; i + 4 * width <= n; i += 4 * width) {
        a = f.step(a, load(p + i));
        b = f.step(b, load(p + i + width));
        c = f.step(c, load(p + i + 2 * width));
        d = f.step(d, load(p + i + 3 * width));
      }
      a = f.merge(f.merge(a, b), f.merge(c, d));
      float lanes[width];
      __builtin_memcpy(lanes, &a, sizeof a);
      for (int h = width / 2; h > 0; h /= 2) {
        for (int j = 0; j < h; ++j) lanes[j] = f.merge(lanes[j], lanes[j + h]);
      }
      acc = lanes[0];
    }
    for (; i < n; ++i) acc = step(acc, p[i]);
    return acc;
  }
  void add_columns(const H* in, int64_t rows, int64_t stride, int64_t cols, float* acc) const {
    constexpr int64_t piece = 256;
    float wide[4][piece];
    for (int64_t j = 0; j < cols; j += piece) {
      const int64_t m = j + piece < cols ? piece : cols - j;
      float* to = acc + j;
      int64_t r = 0;
      for (; r + 4 <= rows; r += 4) {
        for (int k = 0; k < 4; ++k) widen_lanes(in + (r + k) * stride + j, wide[k], m);
#pragma GCC ivdep
        for (int64_t i = 0; i < m; ++i) {
          to[i] =
              f.step(f.step(f.step(f.step(to[i], wide[0][i]), wide[1][i]), wide[2][i]), wide[3][i]);
        }
      }
      for (; r < rows; ++r) {
        widen_lanes(in + r * stride + j, wide[0], m);
        for (int64_t i = 0; i < m; ++i) to[i] = f.step(to[i], wide[0][i]);
      }
    }
  }
};

template <class F>
const ReduceKernel& kernel_of() {
  static const ReduceKernel k = reduce_kernel<F>();
  return k;
}

// acc and x may be scalars or vectors.
template <class V>
inline V larger(V acc, V x) {
  return x > acc ? x : (x != x ? x : acc);
}
template <class V>
inline V smaller(V acc, V x) {
  return x < acc ? x : (x != x ? x : acc);
}
template <class V>
inline V magnitude(V x) {
  return x < 0 ? -x : x;
}

}  // namespace
}  // namespace RL_ISA_NS
}  // namespace rl
