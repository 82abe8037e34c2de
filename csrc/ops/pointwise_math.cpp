// Elementary functions of one operand. Compiled once per instruction level.
#include "ops/pointwise_types.h"

namespace rl {
inline namespace RL_ISA_NS {
namespace {

RL_UNARY(Exp, vm::exp(x))
RL_UNARY(Exp2, vm::exp2(x))
template <class T>
struct Exp2<std::complex<T>> {
  RL_FN std::complex<T> operator()(std::complex<T> x) const {
    return vm::exp(x * T(0.69314718055994530942));
  }
};
RL_UNARY(Expm1, vm::expm1(x))
RL_UNARY(Log, vm::log(x))
RL_UNARY(Log2, vm::log2(x))
RL_UNARY(Log10, vm::log10(x))
RL_UNARY(Log1p, vm::log1p(x))
RL_UNARY(Sqrt, vm::sqrt(x))
RL_UNARY(Rsqrt, vm::rsqrt(x))
RL_UNARY(Reciprocal, T(T(1) / x))
template <class T>
struct Sin : vm::Sin {
  RL_FN T operator()(T x) const { return vm::sin(x); }
};
template <class T>
struct Cos : vm::Cos {
  RL_FN T operator()(T x) const { return vm::cos(x); }
};
template <class T>
struct Tan : vm::Tan {
  RL_FN T operator()(T x) const { return vm::tan(x); }
};
#define RL_COMPLEX_TRIG(Name, f)                                                   \
  template <class T>                                                               \
  struct Name<std::complex<T>> {                                                   \
    RL_FN std::complex<T> operator()(std::complex<T> x) const { return vm::f(x); } \
  };
RL_COMPLEX_TRIG(Sin, sin)
RL_COMPLEX_TRIG(Cos, cos)
RL_COMPLEX_TRIG(Tan, tan)
RL_UNARY(Asin, vm::asin(x))
RL_UNARY(Acos, vm::acos(x))
RL_UNARY(Atan, vm::atan(x))
RL_UNARY(Sinh, vm::sinh(x))
RL_UNARY(Cosh, vm::cosh(x))
RL_UNARY(Tanh, vm::tanh(x))
RL_UNARY(Asinh, vm::asinh(x))
RL_UNARY(Acosh, vm::acosh(x))
RL_UNARY(Atanh, vm::atanh(x))
RL_UNARY(Sigmoid, vm::sigmoid(x))
RL_UNARY(Sinc, vm::sinc(x))
template <class T>
struct Sinc<std::complex<T>> {
  RL_FN std::complex<T> operator()(std::complex<T> x) const {
    if (x == std::complex<T>(0)) return T(1);
    x *= T(3.14159265358979323846);
    return vm::sin(x) / x;
  }
};

// Functions of which integers give floats.
#define RL_FUNCTION(name, Functor)    \
  OP(#name "(Tensor self) -> Tensor") \
      .pointwise(pointwise<Functor, 1, FloatComplexTypes, Promote::IntToFloat>())

#define RL_HALVES_FUNCTION(name, Functor) \
  OP(#name "(Tensor self) -> Tensor")     \
      .pointwise(pointwise_halves<Functor, 1, FloatComplexTypes, Promote::IntToFloat>())

constexpr double kLn2 = 0.69314718055994530942, kLn10 = 2.30258509299404568402;
Tensor sqr(const Tensor& x) { return x * x; }
Tensor sqrt(const Tensor& x) { return call<"sqrt">(x); }
Tensor rsqrt(const Tensor& x) { return call<"rsqrt">(x); }

RL_HALVES_FUNCTION(exp, Exp).grad("self", "result",
                                  [](GradContext& c) { return c.grad() * conj(c.result()); });
RL_FUNCTION(exp2, Exp2).grad("self", "result", [](GradContext& c) {
  return c.grad() * conj(c.result()) * Scalar(kLn2);
});
RL_FUNCTION(expm1, Expm1).grad("self", "result", [](GradContext& c) {
  return c.grad() * (conj(c.result()) + Scalar(1));
});
RL_FUNCTION(log, Log).grad("self", "self",
                           [](GradContext& c) { return c.grad() / conj(c.tensor("self")); });
RL_FUNCTION(log2, Log2).grad("self", "self", [](GradContext& c) {
  return c.grad() / (conj(c.tensor("self")) * Scalar(kLn2));
});
RL_FUNCTION(log10, Log10).grad("self", "self", [](GradContext& c) {
  return c.grad() / (conj(c.tensor("self")) * Scalar(kLn10));
});
RL_FUNCTION(log1p, Log1p).grad("self", "self", [](GradContext& c) {
  return c.grad() / conj(c.tensor("self") + Scalar(1));
});
RL_FUNCTION(sqrt, Sqrt).grad("self", "result", [](GradContext& c) {
  return c.grad() / (conj(c.result()) * Scalar(2));
});
RL_FUNCTION(rsqrt, Rsqrt).grad("self", "result", [](GradContext& c) {
  Tensor r = conj(c.result());
  return c.grad() * Scalar(-0.5) * (r * r * r);
});
RL_FUNCTION(reciprocal, Reciprocal).grad("self", "result", [](GradContext& c) {
  return -c.grad() * conj(sqr(c.result()));
});

RL_FUNCTION(sin, Sin).grad("self", "self", [](GradContext& c) {
  return c.grad() * conj(call<"cos">(c.tensor("self")));
});
RL_FUNCTION(cos, Cos).grad("self", "self", [](GradContext& c) {
  return c.grad() * -conj(call<"sin">(c.tensor("self")));
});
RL_FUNCTION(tan, Tan).grad("self", "result", [](GradContext& c) {
  return c.grad() * conj(Scalar(1) + sqr(c.result()));
});
RL_FUNCTION(asin, Asin).grad("self", "self", [](GradContext& c) {
  return c.grad() * conj(rsqrt(Scalar(1) - sqr(c.tensor("self"))));
});
RL_FUNCTION(acos, Acos).grad("self", "self", [](GradContext& c) {
  return c.grad() * -conj(rsqrt(Scalar(1) - sqr(c.tensor("self"))));
});
RL_FUNCTION(atan, Atan).grad("self", "self", [](GradContext& c) {
  return c.grad() / conj(sqr(c.tensor("self")) + Scalar(1));
});
RL_FUNCTION(sinh, Sinh).grad("self", "self", [](GradContext& c) {
  return c.grad() * conj(call<"cosh">(c.tensor("self")));
});
RL_FUNCTION(cosh, Cosh).grad("self", "self", [](GradContext& c) {
  return c.grad() * conj(call<"sinh">(c.tensor("self")));
});
RL_FUNCTION(asinh, Asinh).grad("self", "self", [](GradContext& c) {
  return c.grad() * conj(rsqrt(sqr(c.tensor("self")) + Scalar(1)));
});
RL_FUNCTION(acosh, Acosh).grad("self", "self", [](GradContext& c) {
  Tensor x = c.tensor("self");
  if (!is_complex(x.dtype())) return c.grad() * rsqrt(sqr(x) - Scalar(1));
  return c.grad() * conj(rsqrt(x - Scalar(1)) * rsqrt(x + Scalar(1)));
});
RL_FUNCTION(atanh, Atanh).grad("self", "self", [](GradContext& c) {
  return c.grad() * conj(call<"reciprocal">(Scalar(1) - sqr(c.tensor("self"))));
});
RL_HALVES_FUNCTION(tanh, Tanh).grad("self", "result", [](GradContext& c) {
  return over_grad<"tanh_backward">(c, c.result());
});
RL_HALVES_FUNCTION(sigmoid, Sigmoid).grad("self", "result", [](GradContext& c) {
  return over_grad<"sigmoid_backward">(c, c.result());
});
RL_FUNCTION(sinc, Sinc).grad("self", "self", [](GradContext& c) {
  Tensor x = c.tensor("self"), p = x * Scalar(3.14159265358979323846);
  Tensor slope = (p * call<"cos">(p) - call<"sin">(p)) / (p * x);
  return select(call<"eq.Tensor">(x, wrapped_number(Scalar(0))), Scalar(0), c.grad() * conj(slope));
});

template <class T>
RL_FN T conjugate(T x) {
  if constexpr (kIsComplex<T>) {
    return std::conj(x);
  } else {
    return x;
  }
}
template <class T>
struct TanhBackward {
  RL_FN T operator()(T g, T y) const { return g * (T(1) - conjugate(y * y)); }
};
template <class T>
struct SigmoidBackward {
  RL_FN T operator()(T g, T y) const { return g * conjugate((T(1) - y) * y); }
};
OP("tanh_backward(Tensor grad_output, Tensor output) -> Tensor")
    .hidden()
    .pointwise(pointwise_halves<TanhBackward, 2, FloatComplexTypes>())
    .grad("grad_output", "output",
          [](GradContext& c) { return call<"tanh_backward">(c.grad(), conj(c.tensor("output"))); })
    .grad("output", "grad_output output", [](GradContext& c) {
      return conj(c.grad()) * (Scalar(-2) * conj(c.tensor("output")) * c.tensor("grad_output"));
    });
OP("sigmoid_backward(Tensor grad_output, Tensor output) -> Tensor")
    .hidden()
    .pointwise(pointwise_halves<SigmoidBackward, 2, FloatComplexTypes>())
    .grad("grad_output", "output",
          [](GradContext& c) {
            return call<"sigmoid_backward">(c.grad(), conj(c.tensor("output")));
          })
    .grad("output", "grad_output output", [](GradContext& c) {
      return conj(c.grad()) * c.tensor("grad_output") *
             (Scalar(-2) * conj(c.tensor("output")) + Scalar(1));
    });

// ---- powers ----

template <class T>
RL_FN T int_power(T base, T exponent) {
  if constexpr (std::is_signed_v<T>) {
    if (exponent < 0) {
      if (base == 1) return 1;
      return base == T(-1) ? (exponent % 2 ? T(-1) : T(1)) : T(0);
    }
  }
  T result = 1;
  for (T e = exponent; e > 0; e = T(e >> 1)) {
    if (e & 1) result = wrap_mul(result, base);
    base = wrap_mul(base, base);
  }
  return result;
}
template <class T>
RL_FN T power(T a, T b) {
  if constexpr (kIsInt<T>) {
    return int_power(a, b);
  } else {
    return vm::pow(a, b);
  }
}
RL_BINARY(Pow, power(a, b))
template <class T>
struct PowScalar {
  T exponent;
  explicit PowScalar(const Value* args) : exponent(to_scalar(args[1]).to<T>()) {}
  RL_FN T operator()(T x) const { return power(x, exponent); }
  template <class F>
  RL_FN static void loop(T* out, const T* x, int64_t n, F f) {
#pragma GCC ivdep
    for (int64_t i = 0; i < n; ++i) out[i] = f(x[i]);
  }
  RL_FN void run(T* out, const T* x, int64_t n) const {
    if (exponent == T(2)) return loop(out, x, n, [](T v) { return wrap_mul(v, v); });
    if (exponent == T(3)) return loop(out, x, n, [](T v) { return wrap_mul(wrap_mul(v, v), v); });
    if (exponent == T(1)) return loop(out, x, n, [](T v) { return v; });
    if constexpr (!kIsInt<T>) {
      if (exponent == T(0.5)) return loop(out, x, n, [](T v) { return vm::sqrt(v); });
      if (exponent == T(-0.5)) return loop(out, x, n, [](T v) { return vm::rsqrt(v); });
      if (exponent == T(-1)) return loop(out, x, n, [](T v) { return T(T(1) / v); });
      if (exponent == T(-2)) return loop(out, x, n, [](T v) { return T(T(1) / (v * v)); });
    }
    // A constant exponent makes the compiler split the loop instead of vectorising it.
    constexpr int64_t kSame = 256;
    T same[kSame];
    for (T& e : same) e = exponent;
    asm volatile("" : : "r"(same) : "memory");
    for (int64_t start = 0; start < n; start += kSame) {
      int64_t m = n - start < kSame ? n - start : kSame;
#pragma GCC ivdep
      for (int64_t i = 0; i < m; ++i) out[start + i] = power(x[start + i], same[i]);
    }
  }
};
template <class T>
struct PowBase {
  T base;
  explicit PowBase(const Value* args) : base(to_scalar(args[0]).to<T>()) {}
  RL_FN T operator()(T x) const { return power(base, x); }
};
template <template <class> class F>
const PointwiseSpec& pow_spec() {
  static const PointwiseSpec spec = [] {
    PointwiseSpec s = make_pointwise<F, 1>(NumberTypes(), Promote::Default);
    s.promote_scalars = true;
    return s;
  }();
  return spec;
}

Tensor zero_where(const Tensor& condition, const Tensor& value) {
  return select(condition, Scalar(0), value);
}
Tensor eq_zero(const Tensor& t) { return call<"eq.Tensor">(t, wrapped_number(Scalar(0))); }
Tensor ge_zero(const Tensor& t) {
  Tensor real = call<"real">(t);
  return call<"ge.Tensor">(real, wrapped_number(Scalar(0)));
}

OP("pow.Tensor_Tensor(Tensor self, Tensor exponent) -> Tensor")
    .pointwise(pointwise<Pow, 2, NumberTypes>())
    .word("pow")
    .node_name("PowBackward1")
    .grad("self", "self exponent",
          [](GradContext& c) {
            Tensor e = c.tensor("exponent");
            Tensor slope = e * call<"pow.Tensor_Tensor">(c.tensor("self"), e - Scalar(1));
            return zero_where(eq_zero(e), c.grad() * conj(slope));
          })
    .grad("exponent", "self exponent result", [](GradContext& c) {
      Tensor x = c.tensor("self"), e = c.tensor("exponent");
      Tensor flat = call<"logical_and">(eq_zero(x), ge_zero(e));
      return c.grad() * zero_where(flat, conj(c.result() * call<"log">(x)));
    });
OP("pow.Scalar(Scalar self, Tensor exponent) -> Tensor")
    .pointwise(pow_spec<PowBase>())
    .word("pow")
    .node_name("PowBackward2")
    .grad("exponent", "exponent result", [](GradContext& c) {
      Scalar base = c.scalar("self");
      Tensor log =
          call<"log">(wrapped_number(base.is_integral() ? Scalar(base.to_double()) : base));
      Tensor g = c.grad() * conj(c.result() * log);
      return base.equal(0) ? zero_where(ge_zero(c.tensor("exponent")), g) : g;
    });
OP("pow.Tensor_Scalar(Tensor self, Scalar exponent) -> Tensor")
    .pointwise(pow_spec<PowScalar>())
    .word("pow")
    .check([](const Value* args, DType common) {
      Scalar e = to_scalar(args[1]);
      RL_CHECK(!(is_integral(common, true) && e.is_integral() && e.to_int() < 0),
               "Integers to negative integer powers are not allowed.");
    })
    .grad("self", "self", [](GradContext& c) -> Tensor {
      Scalar e = c.scalar("exponent");
      if (e.equal(0)) return zeros_like(c.grad());
      Tensor x = c.tensor("self");
      if (e.equal(2)) return c.grad() * conj(x) * Scalar(2);
      Scalar less = e.is_integral()  ? Scalar(e.to_int() - 1)
                    : e.is_complex() ? Scalar(e.to<complex128>() - 1.)
                                     : Scalar(e.to_double() - 1);
      return c.grad() * conj(e * call<"pow.Tensor_Scalar">(x, less));
    });
OP("square(Tensor self) -> Tensor").inplace().composite([](const Tensor& self) {
  return call<"pow.Tensor_Scalar">(self, int64_t(2));
});

DType power_dtype(bool complex) { return complex ? DType::Complex128 : DType::Float64; }
OP("float_power.Tensor_Tensor(Tensor self, Tensor exponent) -> Tensor")
    .inplace()
    .composite([](const Tensor& self, const Tensor& exponent) {
      DType d = power_dtype(is_complex(self.dtype()) || is_complex(exponent.dtype()));
      return call<"pow.Tensor_Tensor">(to_dtype(self, d), to_dtype(exponent, d));
    });
OP("float_power.Scalar(Scalar self, Tensor exponent) -> Tensor")
    .composite([](const Scalar& self, const Tensor& exponent) {
      DType d = power_dtype(self.is_complex() || is_complex(exponent.dtype()));
      return call<"pow.Scalar">(self, to_dtype(exponent, d));
    });
OP("float_power.Tensor_Scalar(Tensor self, Scalar exponent) -> Tensor")
    .inplace()
    .composite([](const Tensor& self, const Scalar& exponent) {
      DType d = power_dtype(is_complex(self.dtype()) || exponent.is_complex());
      return call<"pow.Tensor_Scalar">(to_dtype(self, d), exponent);
    });

}  // namespace
}  // namespace RL_ISA_NS
}  // namespace rl
