// softmax and log_softmax. Compiled once per instruction level.
#include <cmath>
#include <limits>

#include "cpu/convert.h"
#include "cpu/parallel.h"
#include "cpu/reduce_kernels.h"
#include "cpu/vec_math.h"
#include "dispatch/call.h"

namespace rl {
inline namespace RL_ISA_NS {
namespace {

template <class T>
struct RowMax {
  using In = T;
  using Acc = T;
  static constexpr bool vector = true;
  T identity() const { return -std::numeric_limits<T>::infinity(); }
  template <class V>
  V step(V a, V x) const {
    return larger(a, x);  // a NaN stays
  }
  template <class V>
  V merge(V a, V b) const {
    return larger(a, b);
  }
};
template <class T>
struct RowSum {
  using In = T;
  using Acc = T;
  static constexpr bool vector = true;
  T identity() const { return T(0); }
  template <class V>
  V step(V a, V x) const {
    return a + x;
  }
  template <class V>
  V merge(V a, V b) const {
    return a + b;
  }
};

// ---- along the last dimension: rows ----

constexpr int64_t kPiece = 1024;  // of a row, still in the first-level cache when it is read again

template <class T>
[[gnu::flatten]] void exp_less(const T* x, T* y, T m, int64_t n) {
#pragma GCC ivdep
  for (int64_t i = 0; i < n; ++i) y[i] = vm::exp(x[i] - m);
}
// Sum of term(i, n, buffer), which puts n values from i on into the buffer.
template <class T, class F>
T sum_of(int64_t n, const F& term) {
  alignas(64) T buffer[kPiece];
  T sum = 0;
  for (int64_t i = 0; i < n; i += kPiece) {
    int64_t m = std::min(kPiece, n - i);
    term(i, m, buffer);
    sum += reduce_lanes(RowSum<T>(), buffer, m);
  }
  return sum;
}

template <class T>
void softmax_row(const T* x, T* y, int64_t n) {
  T m = reduce_lanes(RowMax<T>(), x, n), sum = 0;
  for (int64_t i = 0; i < n; i += kPiece) {
    int64_t k = std::min(kPiece, n - i);
    exp_less(x + i, y + i, m, k);
    sum += reduce_lanes(RowSum<T>(), y + i, k);
  }
  T by = T(1) / sum;
  for (int64_t i = 0; i < n; ++i) y[i] *= by;
}
template <class T>
void log_softmax_row(const T* x, T* y, int64_t n) {
  T m = reduce_lanes(RowMax<T>(), x, n);
  T shift = std::log(
      sum_of<T>(n, [=](int64_t i, int64_t k, T* buffer) { exp_less(x + i, buffer, m, k); }));
  for (int64_t i = 0; i < n; ++i) y[i] = (x[i] - m) - shift;
}
template <class T>
void softmax_backward_row(const T* g, const T* y, T* out, int64_t n) {
  T s = sum_of<T>(n, [=](int64_t at, int64_t k, T* buffer) {
    for (int64_t i = 0; i < k; ++i) buffer[i] = g[at + i] * y[at + i];
  });
#pragma GCC ivdep
  for (int64_t i = 0; i < n; ++i) out[i] = (g[i] - s) * y[i];
}
template <class T>
[[gnu::flatten]] void log_softmax_backward_row(const T* g, const T* y, T* out, int64_t n) {
  T s = reduce_run(RowSum<T>(), g, n);
#pragma GCC ivdep
  for (int64_t i = 0; i < n; ++i) out[i] = g[i] - vm::exp(y[i]) * s;
}

// ---- along another dimension: columns side by side, `step` elements from row to row ----

constexpr int64_t kColumns = 64;

template <class T, bool Log>
[[gnu::flatten]] void softmax_columns(const T* x, T* y, int64_t n, int64_t step, int64_t cols) {
  T m[kColumns], s[kColumns] = {};
  for (T& v : m) v = -std::numeric_limits<T>::infinity();
  for (int64_t r = 0; r < n; ++r) {
    for (int64_t j = 0; j < cols; ++j) m[j] = larger(m[j], x[r * step + j]);
  }
  for (int64_t r = 0; r < n; ++r) {
    const T* a = x + r * step;
    T* b = y + r * step;
#pragma GCC ivdep
    for (int64_t j = 0; j < cols; ++j) {
      T e = vm::exp(a[j] - m[j]);
      if (!Log) b[j] = e;
      s[j] += e;
    }
  }
  for (int64_t j = 0; j < cols; ++j) s[j] = Log ? std::log(s[j]) : T(1) / s[j];
  for (int64_t r = 0; r < n; ++r) {
    const T* a = x + r * step;
    T* b = y + r * step;
#pragma GCC ivdep
    for (int64_t j = 0; j < cols; ++j) b[j] = Log ? (a[j] - m[j]) - s[j] : b[j] * s[j];
  }
}
template <class T, bool Log>
[[gnu::flatten]] void backward_columns(const T* g, const T* y, T* out, int64_t n, int64_t step,
                                       int64_t cols) {
  T s[kColumns] = {};
  for (int64_t r = 0; r < n; ++r) {
    for (int64_t j = 0; j < cols; ++j)
      s[j] += Log ? g[r * step + j] : g[r * step + j] * y[r * step + j];
  }
  for (int64_t r = 0; r < n; ++r) {
    const T *a = g + r * step, *b = y + r * step;
    T* o = out + r * step;
#pragma GCC ivdep
    for (int64_t j = 0; j < cols; ++j)
      o[j] = Log ? a[j] - vm::exp(b[j]) * s[j] : (a[j] - s[j]) * b[j];
  }
}

// How a tensor is cut along a dimension, and the form in which it is computed: contiguous, in float
// at least. Where few columns lie side by side, the dimension is moved to the end first.
struct Cut {
  int64_t dim, last, outer = 1, n = 1, inner = 1;
  bool moved;
  DType compute;
  Cut(const Tensor& t, int64_t dim_)
      : dim(wrap_dim(dim_, t.ndim())), last(std::max(t.ndim() - 1, 0)), compute(t.dtype()) {
    for (int i = 0; i < t.ndim(); ++i) (i < dim ? outer : i == dim ? n : inner) *= t.sizes()[i];
    constexpr int64_t kFew = 16;
    moved = dim != last && inner < kFew;
    if (moved) {
      outer *= inner;
      inner = 1;
    }
    // Rows of 16-bit numbers are widened one by one.
    if (is_half(compute) && inner > 1) compute = DType::Float32;
  }
  Tensor enter(const Tensor& t) const {
    Tensor x = to_dtype(t, compute);
    return contiguous(moved ? call<"transpose.int">(x, dim, last) : x);
  }
  Tensor leave(Tensor t, DType dtype) const {
    if (moved) t = contiguous(call<"transpose.int">(t, dim, last));
    return to_dtype(t, dtype);
  }
  // f(offset of the first element, columns)
  template <class F>
  void each(const F& f) const {
    int64_t blocks = (inner + kColumns - 1) / kColumns, work = n * std::min(inner, kColumns);
    if (outer * n * inner == 0) return;
    parallel(outer * blocks, std::max<int64_t>(1, kGrain / 2 / work), [&](int64_t b, int64_t e) {
      for (int64_t u = b; u < e; ++u) {
        int64_t column = u % blocks * kColumns;
        f(u / blocks * n * inner + column, std::min(kColumns, inner - column));
      }
    });
  }
};

// Rows of 16-bit numbers, computed in float: f(float inputs..., float output).
template <class H, class F>
void half_rows(const Cut& cut, std::initializer_list<const H*> inputs, H* out, const F& f) {
  const H* const* in = inputs.begin();
  const DType half = dtype_of<H>;
  cut.each([&](int64_t at, int64_t) {
    thread_local std::vector<float> wide;
    wide.resize(std::max(wide.size(), inputs.size() * size_t(cut.n)));
    float* rows[2];
    for (size_t k = 0; k < inputs.size(); ++k) {
      rows[k] = wide.data() + k * size_t(cut.n);
      convert(half, in[k] + at, 2, DType::Float32, rows[k], 4, cut.n);
    }
    f(rows);
    convert(DType::Float32, rows[0], 4, half, out + at, 2, cut.n);
  });
}

template <bool Log>
Tensor softmax(const Tensor& self, int64_t dim, bool) {
  Cut cut(self, dim);
  RL_CHECK_KIND(NotImplemented, is_floating(self.dtype()),
                Log ? "\"log_softmax_lastdim_kernel_impl\"" : "\"softmax_lastdim_kernel_impl\"",
                " not implemented for '", dtype_word(self.dtype()), "'");
  if (self.is_meta()) return empty(self.sizes(), self.dtype(), self.device());
  Tensor x = cut.enter(self);
  Tensor y = empty(x.sizes(), x.dtype());
  int64_t n = cut.n, inner = cut.inner;
  dispatch(x.dtype(), "softmax", FloatHalfTypes(), [&]<class T>() {
    const T* in = x.data<T>();
    T* out = y.data<T>();
    if constexpr (is_half(dtype_of<T>)) {
      half_rows<T>(cut, {in}, out, [n](float** rows) {
        Log ? log_softmax_row(rows[0], rows[0], n) : softmax_row(rows[0], rows[0], n);
      });
    } else if (inner == 1) {
      cut.each([=](int64_t at, int64_t) {
        Log ? log_softmax_row(in + at, out + at, n) : softmax_row(in + at, out + at, n);
      });
    } else {
      cut.each([=](int64_t at, int64_t cols) {
        softmax_columns<T, Log>(in + at, out + at, n, inner, cols);
      });
    }
  });
  return cut.leave(y, self.dtype());
}

template <bool Log>
Tensor softmax_backward(const Tensor& grad, const Tensor& output, int64_t dim, DType) {
  Cut cut(output, dim);
  Tensor g = cut.enter(grad), y = cut.enter(output);
  Tensor out = empty(g.sizes(), g.dtype());
  int64_t n = cut.n, inner = cut.inner;
  dispatch(g.dtype(), "softmax_backward", FloatHalfTypes(), [&]<class T>() {
    const T *pg = g.data<T>(), *py = y.data<T>();
    T* po = out.data<T>();
    if constexpr (is_half(dtype_of<T>)) {
      half_rows<T>(cut, {pg, py}, po, [n](float** rows) {
        Log ? log_softmax_backward_row(rows[0], rows[1], rows[0], n)
            : softmax_backward_row(rows[0], rows[1], rows[0], n);
      });
    } else if (inner == 1) {
      cut.each([=](int64_t at, int64_t) {
        Log ? log_softmax_backward_row(pg + at, py + at, po + at, n)
            : softmax_backward_row(pg + at, py + at, po + at, n);
      });
    } else {
      cut.each([=](int64_t at, int64_t cols) {
        backward_columns<T, Log>(pg + at, py + at, po + at, n, inner, cols);
      });
    }
  });
  return cut.leave(out, output.dtype());
}

OP("_softmax(Tensor self, int dim, bool half_to_float) -> Tensor")
    .hidden()
    .node_name("SoftmaxBackward0")
    .direct(softmax<false>)
    .grad("self", "result", [](GradContext& c) {
      return call<"_softmax_backward_data">(c.grad(), c.result(), c.get<int64_t>("dim"),
                                            c.dtype("self"));
    });
OP("_log_softmax(Tensor self, int dim, bool half_to_float) -> Tensor")
    .hidden()
    .node_name("LogSoftmaxBackward0")
    .direct(softmax<true>)
    .grad("self", "result", [](GradContext& c) {
      return call<"_log_softmax_backward_data">(c.grad(), c.result(), c.get<int64_t>("dim"),
                                                c.dtype("self"));
    });
OP("_softmax_backward_data(Tensor grad_output, Tensor output, int dim, ScalarType input_dtype) -> Tensor")
    .hidden()
    .direct(softmax_backward<false>)
    .grad("grad_output", "output",
          [](GradContext& c) {
            return call<"_softmax_backward_data">(c.grad(), c.tensor("output"),
                                                  c.get<int64_t>("dim"), c.dtype("output"));
          })
    .grad("output", "grad_output output", [](GradContext& c) {
      Dims dim({c.get<int64_t>("dim")});
      Tensor g = c.tensor("grad_output"), y = c.tensor("output"), v = c.grad();
      return v * (g - call<"sum.dim_IntList">(g * y, dim, true)) -
             g * call<"sum.dim_IntList">(v * y, dim, true);
    });
OP("_log_softmax_backward_data(Tensor grad_output, Tensor output, int dim, ScalarType input_dtype) -> Tensor")
    .hidden()
    .direct(softmax_backward<true>)
    .grad("grad_output", "output",
          [](GradContext& c) {
            Dims dim({c.get<int64_t>("dim")});
            Tensor p = call<"exp">(c.tensor("output"));
            return c.grad() - call<"sum.dim_IntList">(c.grad() * p, dim, true);
          })
    .grad("output", "grad_output output", [](GradContext& c) {
      Dims dim({c.get<int64_t>("dim")});
      Tensor p = call<"exp">(c.tensor("output"));
      return -c.grad() * p * call<"sum.dim_IntList">(c.tensor("grad_output"), dim, true);
    });

OP("softmax.int(Tensor self, int dim, ScalarType? dtype=None) -> Tensor")
    .composite([](const Tensor& self, int64_t dim, std::optional<DType> dtype) {
      return call<"_softmax">(dtype ? to_dtype(self, *dtype) : self, dim, false);
    });
OP("log_softmax.int(Tensor self, int dim, ScalarType? dtype=None) -> Tensor")
    .composite([](const Tensor& self, int64_t dim, std::optional<DType> dtype) {
      return call<"_log_softmax">(dtype ? to_dtype(self, *dtype) : self, dim, false);
    });

}  // namespace
}  // namespace RL_ISA_NS
}  // namespace rl
