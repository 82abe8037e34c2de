// Extremes along a dimension with their positions. Compiled once per instruction level.
#include <limits>

#include "cpu/parallel.h"
#include "cpu/reduce_kernels.h"
#include "ops/reduction.h"

namespace rl {
inline namespace RL_ISA_NS {
namespace {

constexpr int64_t kArgBlock = 65536;  // elements of a long row that one task searches
constexpr int64_t kArgColumns = 256;

using ArgTypes = TypeList<uint8_t, int8_t, int16_t, int32_t, int64_t, float, double>;

template <class T, bool IsMax>
struct Extreme {
  using In = T;
  using Acc = T;
  using Out = T;
  static constexpr bool vector = true;
  T identity() const {
    using L = std::numeric_limits<T>;
    if (IsMax) return L::has_infinity ? -L::infinity() : L::lowest();
    return L::has_infinity ? L::infinity() : L::max();
  }
  template <class V>
  V step(V a, V x) const {
    return IsMax ? larger(a, x) : smaller(a, x);
  }
  template <class V>
  V merge(V a, V b) const {
    return step(a, b);
  }
  T finish(T a) const { return a; }
};

// Is b, which comes later, to replace a? NaN is the extreme, and of equals the first stays.
template <class T, bool IsMax>
inline bool replaces(T b, T a) {
  return (IsMax ? b > a : b < a) | ((b != b) & (a == a));
}

template <class T, bool IsMax>
void search_row(const T* p, int64_t n, T* value, int64_t* index) {
  T best = reduce_run(Extreme<T, IsMax>(), p, n);
  bool nan = best != best;
  constexpr int64_t step = 256;
  int64_t i = 0;
  for (; i + step <= n; i += step) {
    unsigned found = 0;
    if (nan) {
      for (int64_t j = 0; j < step; ++j) found |= p[i + j] != p[i + j];
    } else {
      for (int64_t j = 0; j < step; ++j) found |= p[i + j] == best;
    }
    if (found) break;
  }
  while (i < n - 1 && !(nan ? p[i] != p[i] : p[i] == best)) ++i;
  *value = p[i];
  *index = i;
}

template <class T, bool IsMax>
void search_columns(const T* p, int64_t n, int64_t stride, int64_t cols, T* values,
                    int64_t* indices) {
  for (int64_t b = 0; b < cols; b += kArgColumns) {
    int64_t m = std::min(kArgColumns, cols - b);
    T best[kArgColumns];
    int32_t low[kArgColumns];
    std::copy_n(p + b, m, best);
    std::fill_n(indices + b, m, int64_t(0));
    // Positions count from the start of a stretch in 32 bits, which vectorise with the values.
    for (int64_t from = 0; from < n; from += INT32_MAX) {
      int64_t to = std::min<int64_t>(n, from + INT32_MAX);
      std::fill_n(low, m, -1);
      for (int64_t r = from; r < to; ++r) {
        const T* row = p + r * stride + b;
        int32_t here = int32_t(r - from);
#pragma GCC ivdep
        for (int64_t j = 0; j < m; ++j) {
          bool take = replaces<T, IsMax>(row[j], best[j]);
          best[j] = take ? row[j] : best[j];
          low[j] = take ? here : low[j];
        }
      }
      for (int64_t j = 0; j < m; ++j) {
        if (low[j] >= 0) indices[b + j] = from + low[j];
      }
    }
    std::copy_n(best, m, values + b);
  }
}

template <class T, bool IsMax>
void search(const T* p, int64_t outer, int64_t n, int64_t inner, T* values, int64_t* indices) {
  if (inner == 1 && outer == 1 && n > kArgBlock) {
    int64_t blocks = (n + kArgBlock - 1) / kArgBlock;
    std::vector<T> best(blocks);
    std::vector<int64_t> at(blocks);
    parallel(blocks, 1, [&](int64_t begin, int64_t end) {
      for (int64_t b = begin; b < end; ++b) {
        search_row<T, IsMax>(p + b * kArgBlock, std::min(kArgBlock, n - b * kArgBlock), &best[b],
                             &at[b]);
      }
    });
    int64_t winner = 0;
    for (int64_t b = 1; b < blocks; ++b) {
      if (replaces<T, IsMax>(best[b], best[winner])) winner = b;
    }
    *values = best[winner];
    *indices = winner * kArgBlock + at[winner];
    return;
  }
  parallel(outer, std::max<int64_t>(1, kGrain / (n * inner)), [&](int64_t begin, int64_t end) {
    for (int64_t o = begin; o < end; ++o) {
      if (inner == 1) {
        search_row<T, IsMax>(p + o * n, n, values + o, indices + o);
      } else {
        search_columns<T, IsMax>(p + o * n * inner, n, inner, inner, values + o * inner,
                                 indices + o * inner);
      }
    }
  });
}

// `dim` < 0: over all elements. `values` may be undefined.
void arg_extreme(const char* name, bool is_max, const Tensor& self, int dim, const Tensor& values,
                 const Tensor& indices) {
  DType compute = is_half(self.dtype()) ? DType::Float32 : self.dtype();
  if (indices.numel() == 0) return;
  Tensor x = contiguous(to_dtype(self, compute));
  int64_t outer = 1, n = x.numel(), inner = 1;
  if (dim >= 0 && x.ndim() > 0) {
    n = x.sizes()[dim];
    for (int i = 0; i < dim; ++i) outer *= x.sizes()[i];
    for (int i = dim + 1; i < x.ndim(); ++i) inner *= x.sizes()[i];
  }
  bool direct = values.defined() && values.dtype() == compute;
  Tensor found = direct ? values : empty(indices.sizes(), compute);
  dispatch(compute == DType::Bool ? DType::UInt8 : compute, name, ArgTypes(), [&]<class T>() {
    auto run = is_max ? &search<T, true> : &search<T, false>;
    run(x.data<T>(), outer, n, inner, found.data<T>(), indices.data<int64_t>());
  });
  if (values.defined() && !direct) call<"copy_">(values, found);
}

std::tuple<TensorSpec, TensorSpec> pick_spec(const Tensor& self, int64_t dim, bool keepdim,
                                             const char* name) {
  Over over(self.ndim(), Dims({dim}));
  if (self.numel() == 0 && self.ndim() > 0) check_not_empty(self, over, name);
  Dims sizes = reduced_sizes(self, over, keepdim);
  return {TensorSpec{sizes, self.dtype()}, TensorSpec{sizes, DType::Int64}};
}
TensorSpec arg_spec(const Tensor& self, std::optional<int64_t> dim, bool keepdim,
                    const char* name) {
  RL_CHECK(!is_complex(self.dtype()), name, "(): does not support complex input");
  RL_CHECK(self.dtype() != DType::Bool, name, "(): does not support bool input");
  if (!dim) {
    RL_CHECK_KIND(Index, self.numel() != 0, name,
                  "(): Expected reduction dim to be specified for input.numel() == 0.");
    return {reduced_sizes(self, Over(), keepdim), DType::Int64};
  }
  Over over(self.ndim(), Dims({*dim}));
  check_not_empty(self, over, name);
  return {reduced_sizes(self, over, keepdim), DType::Int64};
}

#define RL_PICK(name, is_max, other_name)                                                          \
  /* Before .dim, which would take a tensor of one integer for a dim. */                           \
  OP(name ".other(Tensor self, Tensor other) -> Tensor")                                           \
      .composite(                                                                                  \
          [](const Tensor& self, const Tensor& other) { return call<other_name>(self, other); });  \
  OP(name ".dim(Tensor self, int dim, bool keepdim=False) -> (Tensor values, Tensor indices)")     \
      .infer([](const Tensor& self, int64_t dim, bool keepdim) {                                   \
        return pick_spec(self, dim, keepdim, name);                                                \
      })                                                                                           \
      .cpu(                                                                                        \
          [](const Tensor& self, int64_t dim, bool, const Tensor& values, const Tensor& indices) { \
            arg_extreme(name, is_max, self, wrap_dim(dim, self.ndim()), values, indices);          \
          })                                                                                       \
      .grad("self", "result1", [](GradContext& c) {                                                \
        return pick_backward(c.grad(), c.get<int64_t>("dim"), c.result(1), c.sizes("self"),        \
                             c.get<bool>("keepdim"));                                              \
      });                                                                                          \
  OP("arg" name "(Tensor self, int? dim=None, bool keepdim=False) -> Tensor")                      \
      .infer([](const Tensor& self, std::optional<int64_t> dim, bool keepdim) {                    \
        return arg_spec(self, dim, keepdim, "arg" name);                                           \
      })                                                                                           \
      .cpu([](const Tensor& self, std::optional<int64_t> dim, bool, const Tensor& out) {           \
        arg_extreme("arg" name "_cpu", is_max, self, dim ? wrap_dim(*dim, self.ndim()) : -1,       \
                    Tensor(), out);                                                                \
      });
RL_PICK("max", true, "maximum")
RL_PICK("min", false, "minimum")
#undef RL_PICK

}  // namespace
}  // namespace RL_ISA_NS
}  // namespace rl
