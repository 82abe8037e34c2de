// Running sums, products, extremes and logarithms of sums along a dimension.
#include <cmath>
#include <limits>

#include "cpu/parallel.h"
#include "cpu/transpose.h"
#include "dispatch/promotion.h"
#include "ops/reduction.h"

namespace rl {
namespace {

using DT = std::optional<DType>;

// Running values are kept wider than the elements.
template <class T>
struct Wide {
  using type = T;
};
template <>
struct Wide<float> {
  using type = double;
};
template <>
struct Wide<Half> {
  using type = float;
};
template <>
struct Wide<BFloat16> {
  using type = float;
};
template <>
struct Wide<complex64> {
  using type = complex128;
};

struct Extent {
  int64_t outer = 1, n = 1, inner = 1;
  Extent(const Dims& sizes, int dim) {
    for (int i = 0; i < sizes.ndim(); ++i) (i < dim ? outer : i == dim ? n : inner) *= sizes[i];
  }
};

// f(outer index, first column, columns): independent stretches of a scan.
template <class F>
void each_stretch(const Extent& e, const F& f) {
  constexpr int64_t kColumns = 512;
  int64_t blocks = (e.inner + kColumns - 1) / kColumns;
  if (e.outer * blocks == 0 || e.n == 0) return;
  int64_t work = e.n * std::min(e.inner, kColumns);
  parallel(e.outer * blocks, std::max<int64_t>(1, kGrain / work), [&](int64_t begin, int64_t end) {
    for (int64_t u = begin; u < end; ++u) {
      int64_t column = u % blocks * kColumns;
      f(u / blocks, column, std::min(kColumns, e.inner - column));
    }
  });
}

// Rows scanned side by side: each step waits for the one before it, but not for other rows.
constexpr int64_t kSideBySide = 8;

// out[r] = state = f(state, in[r]) down the rows of each column, or from the last row upwards; in
// and out contiguous.
template <class T, class W, class F>
void scan(const Tensor& x, const Tensor& out, int dim, W start, const F& f, bool upwards = false) {
  Extent e(x.sizes(), dim);
  const T* in = x.data<T>();
  T* to = out.data<T>();
  const int64_t first = upwards ? (e.n - 1) * e.inner : 0, step = upwards ? -e.inner : e.inner;
  if (e.inner == 1) {
    // A few elements of each row at a time, turned so that the rows lie side by side: then a step
    // of all of them is one of vectors. Rows a power of two apart do not drive each other out
    // either.
    auto rows = [&](const T* p, T* q, auto count) {
      constexpr int64_t k = decltype(count)::value, line = 16, item = sizeof(T);
      W state[k];
      std::fill_n(state, k, start);
      alignas(64) T buffer[line][k];
      auto* middle = reinterpret_cast<char*>(buffer);
      for (int64_t done = 0; done < e.n; done += line) {
        const int64_t m = std::min(line, e.n - done), at = upwards ? e.n - done - m : done;
        transpose(reinterpret_cast<const char*>(p + at), e.n * item, middle, k * item, k, m, item);
        for (int64_t t = 0; t < m; ++t) {
          T* values = buffer[upwards ? m - 1 - t : t];
#pragma GCC ivdep
          for (int64_t j = 0; j < k; ++j) {
            state[j] = f(state[j], W(values[j]));
            values[j] = T(state[j]);
          }
        }
        transpose(middle, k * item, reinterpret_cast<char*>(q + at), e.n * item, m, k, item);
      }
    };
    if (e.n == 0) return;
    if constexpr (std::is_integral_v<W>) {  // steps as short as the turning would be
      parallel(e.outer, std::max<int64_t>(1, kGrain / 2 / e.n), [&](int64_t begin, int64_t end) {
        for (int64_t row = begin; row < end; ++row) {
          const T* p = in + row * e.n + first;
          T* q = to + row * e.n + first;
          const auto walk = [&, p, q](auto by) {  // a step that the compiler knows
            W state = start;
            for (int64_t r = 0; r < e.n; ++r) {
              state = f(state, W(p[r * by.value]));
              q[r * by.value] = T(state);
            }
          };
          if (upwards) {
            walk(std::integral_constant<int64_t, -1>());
          } else {
            walk(std::integral_constant<int64_t, 1>());
          }
        }
      });
      return;
    }
    int64_t groups = (e.outer + kSideBySide - 1) / kSideBySide;
    parallel(groups, std::max<int64_t>(1, kGrain / 2 / (kSideBySide * e.n)),
             [&](int64_t begin, int64_t end) {
               for (int64_t g = begin; g < end; ++g) {
                 int64_t row = g * kSideBySide, last = std::min(e.outer, row + kSideBySide);
                 if (last - row == kSideBySide) {
                   rows(in + row * e.n, to + row * e.n,
                        std::integral_constant<int64_t, kSideBySide>());
                   continue;
                 }
                 for (; row < last; ++row) {
                   rows(in + row * e.n, to + row * e.n, std::integral_constant<int64_t, 1>());
                 }
               }
             });
    return;
  }
  each_stretch(e, [&](int64_t o, int64_t column, int64_t cols) {
    const T* p = in + o * e.n * e.inner + column + first;
    T* q = to + o * e.n * e.inner + column + first;
    W state[512];
    std::fill_n(state, cols, start);
    for (int64_t r = 0; r < e.n; ++r, p += step, q += step) {
#pragma GCC ivdep
      for (int64_t j = 0; j < cols; ++j) {
        state[j] = f(state[j], W(p[j]));
        q[j] = T(state[j]);
      }
    }
  });
}

DType scan_dtype(const Tensor& self, DT dtype) {
  return dtype.value_or(is_integral(self.dtype(), true) ? DType::Int64 : self.dtype());
}

using ScanTypes = TypeList<uint8_t, int8_t, int16_t, int32_t, int64_t, float, double, Half,
                           BFloat16, complex64, complex128>;

void cumulate(bool product, const Tensor& self, int64_t dim, const Tensor& out) {
  DType dtype = out.dtype();
  Tensor x = contiguous(to_dtype(self, dtype)), made = out;
  if (dtype == DType::Bool) {
    x = to_dtype(x, DType::UInt8);
    made = empty(out.sizes(), DType::UInt8);
  }
  dispatch(made.dtype(), product ? "cumprod_out_cpu" : "cumsum_out_cpu", ScanTypes(),
           [&]<class T>() {
             using W = typename Wide<T>::type;
             int d = wrap_dim(dim, self.ndim());
             if (product) {
               scan<T>(x, made, d, W(1), [](W a, W b) { return W(a * b); });
             } else {
               scan<T>(x, made, d, W(0), [](W a, W b) { return W(a + b); });
             }
           });
  if (dtype == DType::Bool) call<"copy_">(out, made);
}

Tensor reversed_sum(const Tensor& t, int64_t dim) {
  if (t.numel() <= 1 || t.ndim() == 0) return t;
  return call<"_reverse_cumsum">(t, dim);
}

// The sum of each element and those behind it: the gradient of cumsum.
OP("_reverse_cumsum(Tensor self, int dim) -> Tensor")
    .hidden()
    .infer([](const Tensor& self, int64_t dim) {
      wrap_dim(dim, self.ndim());
      return TensorSpec{self.sizes(), self.dtype()};
    })
    .cpu([](const Tensor& self, int64_t dim, const Tensor& out) {
      Tensor x = contiguous(self);
      dispatch(self.dtype(), "cumsum_out_cpu", ScanTypes(), [&]<class T>() {
        using W = typename Wide<T>::type;
        scan<T>(x, out, wrap_dim(dim, self.ndim()), W(0), [](W a, W b) { return W(a + b); }, true);
      });
    })
    .grad("self", "",
          [](GradContext& c) { return call<"cumsum">(c.grad(), c.get<int64_t>("dim")); });

OP("cumsum(Tensor self, int dim, *, ScalarType? dtype=None) -> Tensor")
    .inplace()
    .infer([](const Tensor& self, int64_t dim, DT dtype) {
      wrap_dim(dim, self.ndim());
      return TensorSpec{self.sizes(), scan_dtype(self, dtype)};
    })
    .cpu([](const Tensor& self, int64_t dim, DT, const Tensor& out) {
      cumulate(false, self, dim, out);
    })
    .grad("self", "", [](GradContext& c) { return reversed_sum(c.grad(), c.get<int64_t>("dim")); });

// With zeros in x: the gradient of element i is made of the products that leave it out.
Tensor cumprod_backward_with_zeros(const Tensor& grad, const Tensor& x, int64_t dim) {
  int64_t n = x.sizes()[dim];
  TensorList parts;
  Tensor one = call<"ones_like">(call<"narrow">(detach(x), dim, int64_t(0), int64_t(1)));
  for (int64_t i = 0; i < n; ++i) {
    Tensor tail = call<"cat">(TensorList{one, call<"narrow">(x, dim, i + 1, n - i - 1)}, dim);
    Tensor products = call<"cumprod">(tail, dim);
    if (i > 0) {
      products = products * call<"prod.dim_int">(call<"narrow">(x, dim, int64_t(0), i), dim, true);
    }
    Tensor g = call<"narrow">(grad, dim, i, n - i) * conj(products);
    parts.push_back(call<"sum.dim_IntList">(g, Dims({dim}), true));
  }
  return call<"cat">(parts, dim);
}

OP("cumprod(Tensor self, int dim, *, ScalarType? dtype=None) -> Tensor")
    .inplace()
    .infer([](const Tensor& self, int64_t dim, DT dtype) {
      wrap_dim(dim, self.ndim());
      return TensorSpec{self.sizes(), scan_dtype(self, dtype)};
    })
    .cpu([](const Tensor& self, int64_t dim, DT, const Tensor& out) {
      cumulate(true, self, dim, out);
    })
    .grad("self", "self result", [](GradContext& c) -> Tensor {
      Tensor x = to_dtype(c.tensor("self"), c.grad().dtype()), g = c.grad();
      if (x.ndim() == 0 || x.numel() <= 1) return g;
      int64_t dim = wrap_dim(c.get<int64_t>("dim"), x.ndim());
      if (x.sizes()[dim] == 1) return g;
      bool zeros = !x.is_meta() && item(call<"any">(equals(detach(x), 0))).to<bool>();
      if (zeros) return cumprod_backward_with_zeros(g, x, dim);
      return reversed_sum(g * conj(c.result()), dim) / conj(x);
    });

// ---- running extremes ----
template <class T, bool IsMax>
void scan_extreme(const Tensor& x, const Tensor& values, const Tensor& indices, int dim) {
  Extent e(x.sizes(), dim);
  const T* in = x.data<T>();
  T* v = values.data<T>();
  int64_t* at = indices.data<int64_t>();
  each_stretch(e, [&](int64_t o, int64_t column, int64_t cols) {
    int64_t base = o * e.n * e.inner + column;
    for (int64_t r = 0; r < e.n; ++r) {
      for (int64_t j = 0; j < cols; ++j) {
        int64_t i = base + r * e.inner + j, before = i - e.inner;
        T x = in[i];
        // Of equals the latest counts; NaN wins.
        bool take = r == 0 || x != x ||
                    (v[before] == v[before] && (IsMax ? x >= v[before] : x <= v[before]));
        v[i] = take ? x : v[before];
        at[i] = take ? r : at[before];
      }
    }
  });
}

#define RL_RUNNING(name, is_max)                                                              \
  OP(name "(Tensor self, int dim) -> (Tensor values, Tensor indices)")                        \
      .infer([](const Tensor& self, int64_t dim) {                                            \
        wrap_dim(dim, self.ndim());                                                           \
        return std::tuple(TensorSpec{self.sizes(), self.dtype()},                             \
                          TensorSpec{self.sizes(), DType::Int64});                            \
      })                                                                                      \
      .cpu([](const Tensor& self, int64_t dim, const Tensor& values, const Tensor& indices) { \
        DType compute =                                                                       \
            self.dtype() == DType::Bool ? DType::UInt8 : accumulate_extreme(self.dtype());    \
        Tensor x = contiguous(to_dtype(self, compute));                                       \
        Tensor made = compute == self.dtype() ? values : empty(values.sizes(), compute);      \
        dispatch(compute, name "_cpu", OrderedTypes(), [&]<class T>() {                       \
          scan_extreme<T, is_max>(x, made, indices, wrap_dim(dim, self.ndim()));              \
        });                                                                                   \
        if (!made.same(values)) call<"copy_">(values, made);                                  \
      })                                                                                      \
      .grad("self", "result1", [](GradContext& c) -> Tensor {                                 \
        Tensor g = c.grad();                                                                  \
        if (g.numel() == 0) return g;                                                         \
        return call<"scatter_add">(zeros_like(g), c.get<int64_t>("dim"), c.result(1), g);     \
      });
using OrderedTypes = TypeList<uint8_t, int8_t, int16_t, int32_t, int64_t, float, double>;
DType accumulate_extreme(DType d) { return is_half(d) ? DType::Float32 : d; }
RL_RUNNING("cummax", true)
RL_RUNNING("cummin", false)
#undef RL_RUNNING

// ---- running log(sum(exp)) ----
template <class T>
T log_add_exp(T a, T b) {
  if constexpr (is_complex(dtype_of<T>)) {
    if (std::isnan(a.real()) || std::isnan(a.imag())) return a;
    if (std::isnan(b.real()) || std::isnan(b.imag())) return b;
    if (a.real() < b.real()) std::swap(a, b);
    if (std::isinf(a.real())) {
      if (a.real() < 0) return a;
      if (b.real() == a.real()) return std::log(std::exp(a) + std::exp(b));
      return a;
    }
    return a + std::log(T(1) + std::exp(b - a));
  } else {
    T low = std::isnan(b) || (!std::isnan(a) && a > b) ? b : a, high = low == a ? b : a;
    if (std::isnan(a) || std::isnan(b)) return std::numeric_limits<T>::quiet_NaN();
    if (low == high && std::isinf(low)) return low;
    return high + std::log1p(std::exp(low - high));
  }
}

OP("logcumsumexp(Tensor self, int dim) -> Tensor")
    .infer([](const Tensor& self, int64_t dim) {
      wrap_dim(dim, self.ndim());
      return TensorSpec{self.sizes(), self.dtype()};
    })
    .cpu([](const Tensor& self, int64_t dim, const Tensor& out) {
      using Types = TypeList<float, double, Half, BFloat16, complex64, complex128>;
      Tensor x = contiguous(self);
      dispatch(self.dtype(), "logcumsumexp_out_cpu", Types(), [&]<class T>() {
        using W = typename Wide<T>::type;
        W start = W(-std::numeric_limits<double>::infinity());
        scan<T>(x, out, wrap_dim(dim, self.ndim()), start,
                [](W a, W b) { return log_add_exp(a, b); });
      });
    })
    .grad("self", "self result", [](GradContext& c) -> Tensor {
      Tensor g = c.grad(), self = c.tensor("self"), result = c.result();
      int64_t dim = c.get<int64_t>("dim");
      if (g.ndim() == 0 || g.numel() == 0) return g;
      auto reversed = [&](const Tensor& t) {
        return call<"flip">(call<"logcumsumexp">(call<"flip">(t, Dims({dim})), dim), Dims({dim}));
      };
      if (is_complex(g.dtype())) {
        Tensor log_g = call<"log">(conj(g));
        return conj(call<"exp">(reversed(log_g - result) + self));
      }
      Tensor lowest = scalar_tensor(-std::numeric_limits<double>::infinity(), g.dtype());
      auto side = [&](const Tensor& part) {
        Tensor log_part = call<"where.self">(above(detach(part), 0), call<"log">(part), lowest);
        return call<"exp">(reversed(log_part - result) + self);
      };
      return side(g) - side(-g);
    });

}  // namespace
}  // namespace rl
