// Sums, products, extremes and tests over dimensions. Compiled once per instruction level.
#include <limits>

#include "cpu/reduce_kernels.h"
#include "dispatch/promotion.h"
#include "ops/reduction.h"

namespace rl {
inline namespace RL_ISA_NS {
namespace {

using IntListArg = const std::optional<Dims>&;
using DT = std::optional<DType>;

template <class T>
inline constexpr bool is_vectorizable = std::is_arithmetic_v<T>;

template <class T>
struct Sum {
  using In = T;
  using Acc = T;
  using Out = T;
  static constexpr bool vector = is_vectorizable<T>;
  T divisor = T(1);
  T identity() const { return T(0); }
  template <class V>
  V step(V a, V x) const {
    return a + x;
  }
  template <class V>
  V merge(V a, V b) const {
    return a + b;
  }
  T finish(T a) const { return a; }
};
template <class T>
struct Mean : Sum<T> {
  T finish(T a) const { return a / this->divisor; }
};
template <class T>
struct NanSum : Sum<T> {
  template <class V>
  V step(V a, V x) const {
    return a + (x == x ? x : V{});
  }
};
template <class T>
struct Prod {
  using In = T;
  using Acc = T;
  using Out = T;
  static constexpr bool vector = is_vectorizable<T>;
  T identity() const { return T(1); }
  template <class V>
  V step(V a, V x) const {
    return a * x;
  }
  template <class V>
  V merge(V a, V b) const {
    return a * b;
  }
  T finish(T a) const { return a; }
};
template <class T>
struct Max {
  using In = T;
  using Acc = T;
  using Out = T;
  static constexpr bool vector = true;
  T identity() const {
    using L = std::numeric_limits<T>;
    return L::has_infinity ? -L::infinity() : L::lowest();
  }
  template <class V>
  V step(V a, V x) const {
    return larger(a, x);
  }
  template <class V>
  V merge(V a, V b) const {
    return larger(a, b);
  }
  T finish(T a) const { return a; }
};
template <class T>
struct Min : Max<T> {
  T identity() const {
    using L = std::numeric_limits<T>;
    return L::has_infinity ? L::infinity() : L::max();
  }
  template <class V>
  V step(V a, V x) const {
    return smaller(a, x);
  }
  template <class V>
  V merge(V a, V b) const {
    return smaller(a, b);
  }
};
// Bytes of bool: 0 or 1.
struct Any {
  using In = uint8_t;
  using Acc = uint8_t;
  using Out = uint8_t;
  static constexpr bool vector = true;
  uint8_t identity() const { return 0; }
  template <class V>
  V step(V a, V x) const {
    return a | x;
  }
  template <class V>
  V merge(V a, V b) const {
    return a | b;
  }
  uint8_t finish(uint8_t a) const { return a; }
};
struct All : Any {
  uint8_t identity() const { return 1; }
  template <class V>
  V step(V a, V x) const {
    return a & x;
  }
  template <class V>
  V merge(V a, V b) const {
    return a & b;
  }
};

using SumTypes = TypeList<int64_t, float, double, complex64, complex128>;
using OrderTypes = TypeList<int64_t, float, double>;

// The input as `dtype` sees it: values first become bool if the result is.
Tensor as_summand(const Tensor& self, DType dtype) {
  bool narrows =
      dtype == DType::Bool || (is_integral(dtype, true) && !is_integral(self.dtype(), true));
  return narrows ? to_dtype(self, dtype) : self;
}

DType sum_dtype(const Tensor& self, DT dtype) {
  return dtype.value_or(is_integral(self.dtype(), true) ? DType::Int64 : self.dtype());
}

template <class F>
void reduce_with(const F& f, const Tensor& self, const Over& over, const Tensor& out) {
  if constexpr (std::is_same_v<typename F::In, float>) {
    auto widened = [&]<class H>(H) {
      Widened<F, H> wide{f};
      run_reduce(kernel_of<Widened<F, H>>(), &wide, self, over.dims, over.all, out);
    };
    if (self.dtype() == DType::Float16) return widened(Half());
    if (self.dtype() == DType::BFloat16) return widened(BFloat16());
  }
  run_reduce(kernel_of<F>(), &f, self, over.dims, over.all, out);
}
template <template <class> class F, class Types>
void reduce(const char* name, DType dtype, const Tensor& self, const Over& over,
            const Tensor& out) {
  // Sums wrap around in int64, as PyTorch's do; an order would be wrong there.
  if constexpr (std::is_same_v<Types, OrderTypes>) {
    RL_CHECK_KIND(NotImplemented, dtype != DType::UInt64, "\"", name,
                  "\" not implemented for 'UInt64'");
  }
  dispatch(accumulate_dtype(dtype), name, Types(),
           [&]<class T>() { reduce_with(F<T>(), self, over, out); });
}

// ---- sum, mean, nansum ----
OP("sum(Tensor self, *, ScalarType? dtype=None) -> Tensor")
    .infer([](const Tensor& self, DT dtype) { return TensorSpec{{}, sum_dtype(self, dtype)}; })
    .cpu([](const Tensor& self, DT, const Tensor& out) {
      reduce<Sum, SumTypes>("sum_cpu", out.dtype(), as_summand(self, out.dtype()), Over(), out);
    })
    .grad("self", "", [](GradContext& c) { return call<"expand">(c.grad(), c.sizes("self")); });
OP("sum.dim_IntList(Tensor self, int[1]? dim, bool keepdim=False, *, ScalarType? dtype=None) -> Tensor")
    .node_name("SumBackward1")
    .infer([](const Tensor& self, IntListArg dim, bool keepdim, DT dtype) {
      return TensorSpec{reduced_sizes(self, Over(self.ndim(), dim), keepdim),
                        sum_dtype(self, dtype)};
    })
    .cpu([](const Tensor& self, IntListArg dim, bool, DT, const Tensor& out) {
      reduce<Sum, SumTypes>("sum_cpu", out.dtype(), as_summand(self, out.dtype()),
                            Over(self.ndim(), dim), out);
    })
    .grad("self", "", [](GradContext& c) {
      const Dims& sizes = c.sizes("self");
      return expand_reduced(c.grad(), sizes, Over(sizes.ndim(), c.get<std::optional<Dims>>("dim")),
                            c.get<bool>("keepdim"));
    });

DType mean_dtype(const Tensor& self, DT dtype) {
  DType d = dtype.value_or(self.dtype());
  if (!is_differentiable(d)) {
    throw Error(
        ErrorKind::Runtime,
        concat("mean(): could not infer output dtype. ", dtype ? "Optional" : "Input",
               " dtype must be either a floating point or complex dtype. Got: ", dtype_word(d)),
        "use x.float().mean() or x.mean(dtype=torch.float32)");
  }
  return d;
}
void mean(const Tensor& self, const Over& over, const Tensor& out) {
  int64_t n = reduced_count(self.sizes(), over);
  dispatch(accumulate_dtype(out.dtype()), "mean_cpu", FloatComplexTypes(), [&]<class T>() {
    Mean<T> f;
    f.divisor = T(double(n));
    reduce_with(f, self, over, out);
  });
}
OP("mean(Tensor self, *, ScalarType? dtype=None) -> Tensor")
    .infer([](const Tensor& self, DT dtype) { return TensorSpec{{}, mean_dtype(self, dtype)}; })
    .cpu([](const Tensor& self, DT, const Tensor& out) { mean(self, Over(), out); })
    .grad("self", "", [](GradContext& c) {
      const Dims& sizes = c.sizes("self");
      return call<"expand">(c.grad() / Scalar(count(sizes)), sizes);
    });
OP("mean.dim(Tensor self, int[1]? dim, bool keepdim=False, *, ScalarType? dtype=None) -> Tensor")
    .node_name("MeanBackward1")
    .infer([](const Tensor& self, IntListArg dim, bool keepdim, DT dtype) {
      return TensorSpec{reduced_sizes(self, Over(self.ndim(), dim), keepdim),
                        mean_dtype(self, dtype)};
    })
    .cpu([](const Tensor& self, IntListArg dim, bool, DT, const Tensor& out) {
      mean(self, Over(self.ndim(), dim), out);
    })
    .grad("self", "", [](GradContext& c) {
      const Dims& sizes = c.sizes("self");
      Over over(sizes.ndim(), c.get<std::optional<Dims>>("dim"));
      Tensor each = c.grad() / Scalar(reduced_count(sizes, over));
      return expand_reduced(each, sizes, over, c.get<bool>("keepdim"));
    });
OP("nansum(Tensor self, int[1]? dim=None, bool keepdim=False, *, ScalarType? dtype=None) -> Tensor")
    .infer([](const Tensor& self, IntListArg dim, bool keepdim, DT dtype) {
      RL_CHECK(!is_complex(self.dtype()), "nansum on CPU does not support complex inputs");
      return TensorSpec{reduced_sizes(self, Over(self.ndim(), dim), keepdim),
                        sum_dtype(self, dtype)};
    })
    .cpu([](const Tensor& self, IntListArg dim, bool, DT, const Tensor& out) {
      reduce<NanSum, SumTypes>("nansum_cpu", out.dtype(), as_summand(self, out.dtype()),
                               Over(self.ndim(), dim), out);
    })
    .grad("self", "self", [](GradContext& c) {
      Tensor self = c.tensor("self");
      Over over(self.ndim(), c.get<std::optional<Dims>>("dim"));
      Tensor g = expand_reduced(to_dtype(c.grad(), self.dtype()), self.sizes(), over,
                                c.get<bool>("keepdim"));
      return g * call<"logical_not">(call<"isnan">(self));
    });
OP("nanmean(Tensor self, int[1]? dim=None, bool keepdim=False, *, ScalarType? dtype=None) -> Tensor")
    .composite([](const Tensor& self, IntListArg dim, bool keepdim, DT dtype) {
      RL_CHECK(is_differentiable(self.dtype()),
               "nanmean(): expected input to have floating point or complex dtype but got ",
               dtype_word(self.dtype()));
      Value over = dim ? Value(*dim) : Value();
      Tensor n =
          call<"sum.dim_IntList">(call<"logical_not">(call<"isnan">(detach(self))), over, keepdim);
      return call<"nansum">(self, over, keepdim, dtype) / n;
    });

// ---- product ----

// The product of all the others, without division: prefix products from both sides.
Tensor products_of_others(const Tensor& x, int64_t dim) {
  int64_t n = x.sizes()[dim];
  Tensor one = call<"ones_like">(call<"narrow">(x, dim, int64_t(0), int64_t(1)));
  Tensor left = call<"cat">(TensorList{one, call<"narrow">(x, dim, int64_t(0), n - 1)}, dim);
  Tensor right = call<"flip">(call<"narrow">(x, dim, int64_t(1), n - 1), Dims({dim}));
  right = call<"cat">(TensorList{one, right}, dim);
  return call<"cumprod">(left, dim) * call<"flip">(call<"cumprod">(right, dim), Dims({dim}));
}
bool has_zero(const Tensor& x) { return item(call<"any">(equals(detach(x), 0))).to<bool>(); }

Tensor prod_backward(GradContext& c, bool whole) {
  Tensor x = c.tensor("self"), g = c.grad(), result = c.result();
  if (x.ndim() == 0) return g;
  int64_t dim = 0;
  if (whole) {
    x = call<"reshape">(x, Dims({-1}));
  } else {
    dim = wrap_dim(c.get<int64_t>("dim"), x.ndim());
    if (!c.get<bool>("keepdim")) {
      g = call<"unsqueeze">(g, dim);
      result = call<"unsqueeze">(result, dim);
    }
  }
  x = to_dtype(x, g.dtype());
  Tensor out;
  if (x.numel() == 0 || x.sizes()[dim] == 1) {
    out = call<"expand">(g, x.sizes());
  } else if (!x.is_meta() && has_zero(x)) {
    out = g * conj(products_of_others(x, dim));
  } else {
    out = g * conj(result / x);
  }
  return whole ? call<"reshape">(out, c.sizes("self")) : out;
}
OP("prod(Tensor self, *, ScalarType? dtype=None) -> Tensor")
    .infer([](const Tensor& self, DT dtype) { return TensorSpec{{}, sum_dtype(self, dtype)}; })
    .cpu([](const Tensor& self, DT, const Tensor& out) {
      reduce<Prod, SumTypes>("prod_cpu", out.dtype(), as_summand(self, out.dtype()), Over(), out);
    })
    .grad("self", "self result", [](GradContext& c) { return prod_backward(c, true); });
OP("prod.dim_int(Tensor self, int dim, bool keepdim=False, *, ScalarType? dtype=None) -> Tensor")
    .node_name("ProdBackward1")
    .infer([](const Tensor& self, int64_t dim, bool keepdim, DT dtype) {
      return TensorSpec{reduced_sizes(self, Over(self.ndim(), Dims({dim})), keepdim),
                        sum_dtype(self, dtype)};
    })
    .cpu([](const Tensor& self, int64_t dim, bool, DT, const Tensor& out) {
      reduce<Prod, SumTypes>("prod_cpu", out.dtype(), as_summand(self, out.dtype()),
                             Over(self.ndim(), Dims({dim})), out);
    })
    .grad("self", "self result", [](GradContext& c) { return prod_backward(c, false); });

// ---- extremes ----

#define RL_EXTREME(name, Functor, Node)                                                          \
  OP("a" name "(Tensor self, int[1] dim=[], bool keepdim=False) -> Tensor")                      \
      .infer([](const Tensor& self, const Dims& dim, bool keepdim) {                             \
        Over over(self.ndim(), dim);                                                             \
        check_not_empty(self, over, "a" name);                                                   \
        return TensorSpec{reduced_sizes(self, over, keepdim), self.dtype()};                     \
      })                                                                                         \
      .cpu([](const Tensor& self, const Dims& dim, bool, const Tensor& out) {                    \
        reduce<Functor, OrderTypes>(name "_values_cpu", self.dtype(), self,                      \
                                    Over(self.ndim(), dim), out);                                \
      })                                                                                         \
      .grad("self", "self result", [](GradContext& c) {                                          \
        Tensor self = c.tensor("self");                                                          \
        return share_backward(c.grad(), self, c.result(), Over(self.ndim(), c.get<Dims>("dim")), \
                              c.get<bool>("keepdim"), false);                                    \
      });                                                                                        \
  OP(name "(Tensor self) -> Tensor")                                                             \
      .node_name(Node)                                                                           \
      .infer([](const Tensor& self) {                                                            \
        check_not_empty(self, Over(), name);                                                     \
        return TensorSpec{{}, self.dtype()};                                                     \
      })                                                                                         \
      .cpu([](const Tensor& self, const Tensor& out) {                                           \
        reduce<Functor, OrderTypes>(name "_all", self.dtype(), self, Over(), out);               \
      })                                                                                         \
      .grad("self", "self result", [](GradContext& c) {                                          \
        return share_backward(c.grad(), c.tensor("self"), c.result(), Over(), false, true);      \
      });
RL_EXTREME("max", Max, "MaxBackward1")
RL_EXTREME("min", Min, "MinBackward1")
#undef RL_EXTREME

OP("aminmax(Tensor self, *, int? dim=None, bool keepdim=False) -> (Tensor min, Tensor max)")
    .infer([](const Tensor& self, std::optional<int64_t> dim, bool keepdim) {
      RL_CHECK(
          dim || self.numel() > 0,
          "aminmax(): cannot compute aminmax over an empty dimension as the operation has no identity.");
      Over over = dim ? Over(self.ndim(), Dims({*dim})) : Over();
      if (dim && self.numel() == 0) {
        int64_t d = over.dims[0];
        RL_CHECK_KIND(Index, self.sizes()[d] != 0, "aminmax: Expected reduction dim ", d,
                      " to have non-zero size.");
      }
      TensorSpec spec{reduced_sizes(self, over, keepdim), self.dtype()};
      return std::tuple(spec, spec);
    })
    .cpu([](const Tensor& self, std::optional<int64_t> dim, bool, const Tensor& least,
            const Tensor& most) {
      Over over = dim ? Over(self.ndim(), Dims({*dim})) : Over();
      reduce<Min, OrderTypes>("aminmax_cpu", self.dtype(), self, over, least);
      reduce<Max, OrderTypes>("aminmax_cpu", self.dtype(), self, over, most);
    })
    .grad("self", "self result0 result1", [](GradContext& c) -> Tensor {
      Tensor self = c.tensor("self"), out;
      auto dim = c.get<std::optional<int64_t>>("dim");
      Over over = dim ? Over(self.ndim(), Dims({*dim})) : Over();
      for (int i = 0; i < 2; ++i) {
        if (!c.has_grad(i)) continue;
        Tensor g =
            share_backward(c.grad(i), self, c.result(i), over, c.get<bool>("keepdim"), false);
        out = out.defined() ? out + g : g;
      }
      return out;
    });

// ---- any, all ----
const ReduceKernel& bool_kernel(bool any) {
  static const ReduceKernel any_kernel = reduce_kernel<Any>(DType::Bool, DType::Bool);
  static const ReduceKernel all_kernel = reduce_kernel<All>(DType::Bool, DType::Bool);
  return any ? any_kernel : all_kernel;
}
DType truth_dtype(const Tensor& self) {
  return self.dtype() == DType::UInt8 ? DType::UInt8 : DType::Bool;
}
// An empty list of dims (not None) tests every element by itself.
Over truth_dims(const Tensor& self, IntListArg dim) {
  Over over(self.ndim(), dim);
  if (dim) over.all = false;
  return over;
}
void test(bool any, const Tensor& self, const Over& over, const Tensor& out) {
  Any f_any;
  All f_all;
  const void* f = any ? static_cast<const void*>(&f_any) : &f_all;
  run_reduce(bool_kernel(any), f, self, over.dims, over.all, out);
}
#define RL_TRUTH(name, is_any)                                                              \
  OP(name "(Tensor self) -> Tensor")                                                        \
      .infer([](const Tensor& self) { return TensorSpec{{}, truth_dtype(self)}; })          \
      .cpu([](const Tensor& self, const Tensor& out) { test(is_any, self, Over(), out); }); \
  OP(name ".dim(Tensor self, int dim, bool keepdim=False) -> Tensor")                       \
      .infer([](const Tensor& self, int64_t dim, bool keepdim) {                            \
        return TensorSpec{reduced_sizes(self, Over(self.ndim(), Dims({dim})), keepdim),     \
                          truth_dtype(self)};                                               \
      })                                                                                    \
      .cpu([](const Tensor& self, int64_t dim, bool, const Tensor& out) {                   \
        test(is_any, self, Over(self.ndim(), Dims({dim})), out);                            \
      });                                                                                   \
  OP(name ".dims(Tensor self, int[]? dim=None, bool keepdim=False) -> Tensor")              \
      .infer([](const Tensor& self, IntListArg dim, bool keepdim) {                         \
        bool each = dim && dim->empty();                                                    \
        return TensorSpec{                                                                  \
            each ? self.sizes() : reduced_sizes(self, Over(self.ndim(), dim), keepdim),     \
            truth_dtype(self)};                                                             \
      })                                                                                    \
      .cpu([](const Tensor& self, IntListArg dim, bool, const Tensor& out) {                \
        test(is_any, self, truth_dims(self, dim), out);                                     \
      });
RL_TRUTH("any", true)
RL_TRUTH("all", false)
#undef RL_TRUTH

}  // namespace
}  // namespace RL_ISA_NS
}  // namespace rl
