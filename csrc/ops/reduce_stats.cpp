// Variances, norms and logarithms of sums. Compiled once per instruction level.
#include <cmath>
#include <limits>

#include "cpu/reduce_kernels.h"
#include "dispatch/promotion.h"
#include "ops/reduction.h"

namespace rl {
inline namespace RL_ISA_NS {
namespace {

using IntListArg = const std::optional<Dims>&;
using DT = std::optional<DType>;

// ---- variance ----

// Count, mean and sum of squared deviations; merged in double.
struct Moments {
  double n = 0, mean = 0, m2 = 0;
};

template <class T>
struct Variance {
  using In = T;
  using Acc = Moments;
  struct Out {
    T spread, mean;
  };
  static constexpr bool vector = false;
  static constexpr int64_t kRun = 512;  // short enough for sums in T
  double correction = 1;
  bool root = false;

  Moments identity() const { return {}; }
  Moments step(Moments a, T) const { return a; }
  Moments merge(const Moments& a, const Moments& b) const {
    if (a.n == 0) return b;
    if (b.n == 0) return a;
    double n = a.n + b.n, d = b.mean - a.mean;
    return {n, a.mean + d * (b.n / n), a.m2 + b.m2 + d * d * (a.n * b.n / n)};
  }
  struct Adder {
    using In = T;
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
  struct Squares : Adder {
    T center;
    template <class V>
    V step(V a, V x) const {
      V d = x - center;
      return a + d * d;
    }
  };
  struct Deviations : Adder {
    T center;
    template <class V>
    V step(V a, V x) const {
      return a + (x - center);
    }
  };
  template <class F>
  static T lanes(const F& f, const T* p, int64_t n) {
    struct G : F {
      using In = T;
      using Acc = T;
    };
    return reduce_lanes(G{f}, p, n);
  }
  Moments run(const T* p, int64_t n) const {
    T center = lanes(Adder(), p, n) / T(n);
    Squares squares;
    Deviations deviations;
    squares.center = deviations.center = center;
    double off = double(lanes(deviations, p, n)), sum = double(lanes(squares, p, n));
    return {double(n), double(center) + off / double(n), sum - off * off / double(n)};
  }
  Moments block(const T* p, int64_t n) const {
    Moments all;
    for (int64_t b = 0; b < n; b += kRun) all = merge(all, run(p + b, std::min(kRun, n - b)));
    return all;
  }
  void add_columns(const T* in, int64_t rows, int64_t stride, int64_t cols, Moments* acc) const {
    constexpr int64_t kWidth = 128;
    T center[kWidth], off[kWidth], sum[kWidth];
    for (int64_t b = 0; b < cols; b += kWidth) {
      int64_t w = std::min(kWidth, cols - b);
      for (int64_t from = 0; from < rows; from += kRun) {
        int64_t n = std::min(kRun, rows - from);
        const T* p = in + from * stride + b;
        std::fill_n(center, w, T(0));
        std::fill_n(off, w, T(0));
        std::fill_n(sum, w, T(0));
        for (int64_t r = 0; r < n; ++r) {
          for (int64_t j = 0; j < w; ++j) center[j] += p[r * stride + j];
        }
        for (int64_t j = 0; j < w; ++j) center[j] /= T(n);
        for (int64_t r = 0; r < n; ++r) {
          for (int64_t j = 0; j < w; ++j) {
            T d = p[r * stride + j] - center[j];
            off[j] += d;
            sum[j] += d * d;
          }
        }
        for (int64_t j = 0; j < w; ++j) {
          double o = off[j], k = double(n);
          acc[b + j] =
              merge(acc[b + j], Moments{k, double(center[j]) + o / k, double(sum[j]) - o * o / k});
        }
      }
    }
  }
  Out finish(const Moments& a) const {
    double nan = std::numeric_limits<double>::quiet_NaN();
    double v = a.n > 0 ? a.m2 / std::max(0.0, a.n - correction) : nan;
    return {T(root ? std::sqrt(v) : v), T(a.n > 0 ? a.mean : nan)};
  }
};

void run_spread(const Tensor& self, const Over& over, double correction, bool root,
                const Tensor& spread, const Tensor& mean) {
  dispatch(accumulate_dtype(self.dtype()), "std_var_kernel", FloatTypes(), [&]<class T>() {
    Variance<T> f;
    f.correction = correction;
    f.root = root;
    static const ReduceKernel k = reduce_kernel<Variance<T>>(dtype_of<T>, dtype_of<T>);
    run_reduce_pair(k, &f, self, over.dims, over.all, spread, mean);
  });
}

double correction_of(const std::optional<Scalar>& correction) {
  return correction ? correction->to_double() : 1.0;
}

// `mean` may be undefined.
void spread(const Tensor& self, const Over& over, double correction, bool root, const Tensor& out,
            const Tensor& mean) {
  if (!is_complex(self.dtype())) {
    run_spread(self, over, correction, root, out,
               mean.defined() ? mean : empty(out.sizes(), out.dtype()));
    return;
  }
  // The variance of a complex number is that of its parts, added.
  Tensor parts[2] = {call<"real">(self), call<"imag">(self)}, variances[2], means[2];
  for (int i = 0; i < 2; ++i) {
    variances[i] = empty(out.sizes(), out.dtype());
    means[i] = empty(out.sizes(), out.dtype());
    run_spread(parts[i], over, correction, false, variances[i], means[i]);
  }
  Tensor total = variances[0] + variances[1];
  call<"copy_">(out, root ? call<"sqrt">(total) : total);
  if (mean.defined()) call<"copy_">(mean, call<"complex">(means[0], means[1]));
}

TensorSpec spread_spec(const Tensor& self, IntListArg dim, bool keepdim) {
  RL_CHECK(is_differentiable(self.dtype()),
           "std and var only support floating point and complex dtypes");
  return {reduced_sizes(self, Over(self.ndim(), dim), keepdim), real_dtype(self.dtype())};
}

struct SpreadArgs {
  Over over;
  bool keepdim;
  double correction;
  explicit SpreadArgs(GradContext& c)
      : over(c.sizes("self").ndim(), c.get<std::optional<Dims>>("dim")),
        keepdim(c.get<bool>("keepdim")),
        correction(correction_of(c.get<std::optional<Scalar>>("correction"))) {}
};

Tensor var_backward(const Tensor& grad, const Tensor& self, const SpreadArgs& a) {
  double n = double(reduced_count(self.sizes(), a.over));
  Value dims = a.over.all ? Value() : Value(a.over.dims);
  Tensor g = with_dims(grad, self.sizes(), a.over, a.keepdim) * Scalar(2.0 / (n - a.correction));
  return g * (self - call<"mean.dim">(self, dims, true));
}
Tensor mean_backward(const Tensor& grad, const Tensor& self, const SpreadArgs& a) {
  return expand_reduced(grad, self.sizes(), a.over, a.keepdim) /
         Scalar(reduced_count(self.sizes(), a.over));
}
Tensor std_to_var(const Tensor& grad, const Tensor& result) {
  return call<"masked_fill.Scalar">(grad / (result * Scalar(2)), equals(detach(result), 0), 0);
}
Tensor spread_and_mean_backward(GradContext& c, bool root) {
  Tensor self = c.tensor("self"), out;
  SpreadArgs a(c);
  if (c.has_grad(0)) {
    out = var_backward(root ? std_to_var(c.grad(0), c.result(0)) : c.grad(0), self, a);
  }
  if (c.has_grad(1)) {
    Tensor g = mean_backward(c.grad(1), self, a);
    out = out.defined() ? out + g : g;
  }
  return out;
}

Value unbiased_correction(bool unbiased) { return Value(int64_t(unbiased ? 1 : 0)); }

#define RL_SPREAD(name, is_root, backward)                                                                                  \
  OP(name "(Tensor self, bool unbiased=True) -> Tensor")                                                                    \
      .composite([](const Tensor& self, bool unbiased) {                                                                    \
        return call<name ".correction">(self, Value(), unbiased_correction(unbiased));                                      \
      });                                                                                                                   \
  OP(name ".dim(Tensor self, int[1]? dim, bool unbiased=True, bool keepdim=False) -> Tensor")                               \
      .composite([](const Tensor& self, IntListArg dim, bool unbiased, bool keepdim) {                                      \
        return call<name ".correction">(self, dim, unbiased_correction(unbiased), keepdim);                                 \
      });                                                                                                                   \
  OP(name                                                                                                                   \
     ".correction(Tensor self, int[1]? dim=None, *, Scalar? correction=None, bool keepdim=False) -> Tensor")                \
      .infer([](const Tensor& self, IntListArg dim, const std::optional<Scalar>&, bool keepdim) {                           \
        return spread_spec(self, dim, keepdim);                                                                             \
      })                                                                                                                    \
      .cpu([](const Tensor& self, IntListArg dim, const std::optional<Scalar>& correction, bool,                            \
              const Tensor& out) {                                                                                          \
        spread(self, Over(self.ndim(), dim), correction_of(correction), is_root, out, Tensor());                            \
      })                                                                                                                    \
      .grad("self", "self result", [](GradContext& c) {                                                                     \
        return var_backward(backward, c.tensor("self"), SpreadArgs(c));                                                     \
      });                                                                                                                   \
  OP(name "_mean(Tensor self, bool unbiased=True) -> (Tensor, Tensor)")                                                     \
      .function_only()                                                                                                      \
      .composite([](const Tensor& self, bool unbiased) {                                                                    \
        TensorList r =                                                                                                      \
            call_all<name "_mean.correction">(self, Value(), unbiased_correction(unbiased));                                \
        return std::tuple(r[0], r[1]);                                                                                      \
      });                                                                                                                   \
  OP(name                                                                                                                   \
     "_mean.dim(Tensor self, int[1]? dim, bool unbiased=True, bool keepdim=False) -> (Tensor, Tensor)")                     \
      .function_only()                                                                                                      \
      .composite([](const Tensor& self, IntListArg dim, bool unbiased, bool keepdim) {                                      \
        TensorList r =                                                                                                      \
            call_all<name "_mean.correction">(self, dim, unbiased_correction(unbiased), keepdim);                           \
        return std::tuple(r[0], r[1]);                                                                                      \
      });                                                                                                                   \
  OP(name                                                                                                                   \
     "_mean.correction(Tensor self, int[1]? dim=None, *, Scalar? correction=None, bool keepdim=False) -> (Tensor, Tensor)") \
      .function_only()                                                                                                      \
      .infer([](const Tensor& self, IntListArg dim, const std::optional<Scalar>&, bool keepdim) {                           \
        TensorSpec s = spread_spec(self, dim, keepdim), mean = s;                                                           \
        mean.dtype = self.dtype();                                                                                          \
        return std::tuple(s, mean);                                                                                         \
      })                                                                                                                    \
      .cpu([](const Tensor& self, IntListArg dim, const std::optional<Scalar>& correction, bool,                            \
              const Tensor& out, const Tensor& mean) {                                                                      \
        spread(self, Over(self.ndim(), dim), correction_of(correction), is_root, out, mean);                                \
      })                                                                                                                    \
      .grad("self", "self result0",                                                                                         \
            [](GradContext& c) { return spread_and_mean_backward(c, is_root); });
RL_SPREAD("var", false, c.grad())
RL_SPREAD("std", true, std_to_var(c.grad(), c.result()))
#undef RL_SPREAD

// ---- norms ----
template <class T>
struct NormBase {
  using In = T;
  using Acc = T;
  using Out = T;
  static constexpr bool vector = true;
  T p = T(2);
  T identity() const { return T(0); }
  template <class V>
  V merge(V a, V b) const {
    return a + b;
  }
  T finish(T a) const { return a; }
};
template <class T>
struct CountNorm : NormBase<T> {
  template <class V>
  V step(V a, V x) const {
    return a + (x != 0 ? V{} + T(1) : V{});
  }
};
template <class T>
struct AbsNorm : NormBase<T> {
  template <class V>
  V step(V a, V x) const {
    return a + magnitude(x);
  }
};
template <class T>
struct SquareNorm : NormBase<T> {
  template <class V>
  V step(V a, V x) const {
    return a + x * x;
  }
  T finish(T a) const { return std::sqrt(a); }
};
template <class T>
struct MaxNorm : NormBase<T> {
  template <class V>
  V step(V a, V x) const {
    return larger(a, magnitude(x));
  }
  template <class V>
  V merge(V a, V b) const {
    return larger(a, b);
  }
};
template <class T>
struct MinNorm : NormBase<T> {
  T identity() const { return std::numeric_limits<T>::infinity(); }
  template <class V>
  V step(V a, V x) const {
    return smaller(a, magnitude(x));
  }
  template <class V>
  V merge(V a, V b) const {
    return smaller(a, b);
  }
};
template <class T>
struct PowerNorm : NormBase<T> {
  static constexpr bool vector = false;
  T step(T a, T x) const { return a + std::pow(std::abs(x), this->p); }
  T merge(T a, T b) const { return a + b; }
  T finish(T a) const { return std::pow(a, T(1) / this->p); }
};

template <template <class> class F, class T>
void norm_with(double p, const Tensor& self, const Over& over, const Tensor& out) {
  F<T> f;
  f.p = T(p);
  run_reduce(kernel_of<F<T>>(), &f, self, over.dims, over.all, out);
}
void vector_norm(double p, const Tensor& self, const Over& over, const Tensor& out) {
  dispatch(accumulate_dtype(self.dtype()), "norm_kernel", FloatTypes(), [&]<class T>() {
    if (p == 0) return norm_with<CountNorm, T>(p, self, over, out);
    if (p == 1) return norm_with<AbsNorm, T>(p, self, over, out);
    if (p == 2) return norm_with<SquareNorm, T>(p, self, over, out);
    if (p == std::numeric_limits<double>::infinity())
      return norm_with<MaxNorm, T>(p, self, over, out);
    if (p == -std::numeric_limits<double>::infinity())
      return norm_with<MinNorm, T>(p, self, over, out);
    norm_with<PowerNorm, T>(p, self, over, out);
  });
}

TensorSpec norm_spec(const Tensor& self, const Scalar& ord, IntListArg dim, bool keepdim,
                     DT dtype) {
  RL_CHECK(is_differentiable(self.dtype()),
           "linalg.vector_norm: Expected a floating point or complex tensor as input. Got ",
           dtype_word(self.dtype()));
  if (dtype) {
    RL_CHECK(is_differentiable(*dtype),
             "linalg.vector_norm: dtype should be floating point or complex, but got ",
             dtype_word(*dtype));
    RL_CHECK(is_complex(self.dtype()) == is_complex(*dtype), "linalg.vector_norm: dtype should be ",
             is_complex(self.dtype()) ? "complex" : "real", " for ",
             is_complex(self.dtype()) ? "complex" : "real", " inputs, but got ",
             dtype_word(*dtype));
    RL_CHECK(promote_types(self.dtype(), *dtype) == *dtype,
             "linalg.vector_norm: the dtype of the input (", dtype_word(self.dtype()),
             ") should be convertible without narrowing to the specified dtype (",
             dtype_word(*dtype), ")");
  }
  Over over(self.ndim(), dim);
  double p = ord.to_double();
  if (self.numel() == 0 && (p < 0 || p == std::numeric_limits<double>::infinity())) {
    const char* shown = p < 0 ? "negative order" : "inf";
    RL_CHECK(!over.all, "linalg.vector_norm cannot compute the ", shown,
             " norm on an empty tensor because the operation does not have an identity");
    for (int64_t d : over.dims) {
      RL_CHECK(self.sizes()[d] != 0, "linalg.vector_norm cannot compute the ", shown,
               " norm on the dimension ", d,
               "because this dimension is empty and the operation does not have an identity");
    }
  }
  return {reduced_sizes(self, over, keepdim), real_dtype(dtype.value_or(self.dtype()))};
}

Tensor zero_where(const Tensor& t, const Tensor& mask) {
  return call<"masked_fill.Scalar">(t, mask, 0);
}

// Gradient of the norm of x over dims; grad and norm have these dims, of size 1.
Tensor norm_gradient(const Tensor& x, const Tensor& g, const Tensor& norm, const Over& over,
                     double p) {
  if (p == 0) return zeros_like(x);
  Tensor nothing = equals(detach(norm), 0);
  if (p == 1) return call<"sgn">(x) * g;
  if (p == 2) return g * zero_where(x / norm, nothing);
  if (std::isinf(p)) {
    Tensor size = call<"abs">(x);
    Tensor same = call<"logical_or">(call<"eq.Tensor">(detach(size), detach(norm)),
                                     call<"isnan">(detach(size)));
    Value dims = over.all ? Value() : Value(over.dims);
    return call<"sgn">(x) * (g / call<"sum.dim_IntList">(same, dims, true)) * same;
  }
  if (p < 1) {
    Tensor scaled = call<"sgn">(x) * zero_where(call<"pow.Tensor_Scalar">(call<"abs">(x), p - 1),
                                                equals(detach(x), 0));
    return scaled * g * call<"pow.Tensor_Scalar">(norm, 1 - p);
  }
  Tensor scale = zero_where(g / call<"pow.Tensor_Scalar">(norm, p - 1), nothing);
  if (p < 2) return call<"sgn">(x) * call<"pow.Tensor_Scalar">(call<"abs">(x), p - 1) * scale;
  return x * call<"pow.Tensor_Scalar">(call<"abs">(x), p - 2) * scale;
}

Tensor norm_backward(GradContext& c) {
  Tensor x = c.tensor("self");
  Over over(x.ndim(), c.get<std::optional<Dims>>("dim"));
  bool keepdim = c.get<bool>("keepdim");
  if (auto dtype = c.get<DT>("dtype")) x = to_dtype(x, *dtype);
  return norm_gradient(x, with_dims(c.grad(), x.sizes(), over, keepdim),
                       with_dims(c.result(), x.sizes(), over, keepdim), over,
                       c.scalar("ord").to_double());
}

OP("linalg_vector_norm(Tensor self, Scalar ord=2, int[1]? dim=None, bool keepdim=False, *, ScalarType? dtype=None) -> Tensor")
    .hidden()
    .infer([](const Tensor& self, const Scalar& ord, IntListArg dim, bool keepdim, DT dtype) {
      return norm_spec(self, ord, dim, keepdim, dtype);
    })
    .cpu([](const Tensor& self, const Scalar& ord, IntListArg dim, bool, DT dtype,
            const Tensor& out) {
      Tensor x = dtype ? to_dtype(self, *dtype) : self;
      vector_norm(ord.to_double(), is_complex(x.dtype()) ? call<"abs">(x) : x,
                  Over(self.ndim(), dim), out);
    })
    .grad("self", "self result", norm_backward);

OP("dist(Tensor self, Tensor other, Scalar p=2) -> Tensor")
    .composite([](const Tensor& self, const Tensor& other, const Scalar& p) {
      Tensor d = self - other;
      RL_CHECK(is_differentiable(d.dtype()),
               "norm(): input dtype should be either floating point or complex. Got ",
               dtype_word(d.dtype()), " instead.");
      return call<"linalg_vector_norm">(d, p);
    })
    .grads("self other", "self other result", [](GradContext& c) {
      Tensor d = c.tensor("self") - c.tensor("other");
      Tensor g = norm_gradient(d, c.grad(), c.result(), Over(), c.scalar("p").to_double());
      if (c.needs("self")) c.set("self", g);
      if (c.needs("other")) c.set("other", -g);
    });

OP("renorm(Tensor self, Scalar p, int dim, Scalar maxnorm) -> Tensor")
    .inplace()
    .composite([](const Tensor& self, const Scalar& p, int64_t dim, const Scalar& maxnorm) {
      RL_CHECK(p.to_double() > 0, "renorm: non-positive-norm not supported");
      RL_CHECK(maxnorm.to_double() >= 0, "renorm: expected maxnorm to be >= 0 but got ",
               maxnorm.to_double());
      RL_CHECK(self.ndim() > 1, "renorm: input needs at least 2 dimensions, got ", self.ndim(),
               " dimensions");
      int at = wrap_dim(dim, self.ndim());
      Dims others;
      for (int i = 0; i < self.ndim(); ++i) {
        if (i != at) others.push_back(i);
      }
      Tensor norm = call<"linalg_vector_norm">(self, p, others, true);
      Tensor one = call<"ones_like">(detach(norm));
      Tensor factor =
          call<"where.self">(above(detach(norm), maxnorm), maxnorm / (norm + Scalar(1e-7)), one);
      return self * factor;
    });

// ---- logsumexp ----
Tensor logsumexp(const Tensor& given, const Dims& dim, bool keepdim) {
  Tensor self = is_integral(given.dtype(), true) ? to_dtype(given, default_dtype()) : given;
  Over over(self.ndim(), dim);
  Value dims = over.all ? Value() : Value(over.dims);
  if (self.numel() == 0)
    return call<"log">(call<"sum.dim_IntList">(call<"exp">(self), dims, keepdim));
  Tensor top = call<"amax">(is_complex(self.dtype()) ? call<"real">(self) : self, over.dims, true);
  top = call<"masked_fill.Scalar">(top, call<"isinf">(top), 0);
  Tensor sum = call<"sum.dim_IntList">(call<"exp">(self - top), dims, keepdim);
  return call<"log">(sum) + (keepdim ? top : call<"reshape">(top, sum.sizes()));
}
OP("logsumexp(Tensor self, int[1] dim, bool keepdim=False) -> Tensor")
    .composite(logsumexp)
    .grad("self", "self result", [](GradContext& c) {
      Tensor self = c.tensor("self");
      Over over(self.ndim(), c.get<Dims>("dim"));
      bool keepdim = c.get<bool>("keepdim");
      Tensor g = with_dims(c.grad(), self.sizes(), over, keepdim);
      Tensor r = with_dims(c.result(), self.sizes(), over, keepdim);
      return g * conj(call<"exp">(self - r));
    });

}  // namespace
}  // namespace RL_ISA_NS
}  // namespace rl
