// Activation functions and their gradients. Compiled once per instruction level.
#include "ops/open_steps.h"
#include "ops/pointwise_types.h"

namespace rl {
inline namespace RL_ISA_NS {
namespace {

template <class T>
T number(const Value* args, int i) {
  return to_scalar(args[i]).to<T>();
}

// ---- piecewise linear ----

template <class T>
struct Relu {
  RL_FN T operator()(T x) const { return x < T(0) ? T(0) : x; }  // nan passes
};
template <class T>
struct Threshold {
  T threshold, value;
  explicit Threshold(const Value* a) : threshold(number<T>(a, 1)), value(number<T>(a, 2)) {}
  RL_FN T operator()(T x) const { return x <= threshold ? value : x; }
};
template <class T>
struct ThresholdBackward {
  T threshold;
  explicit ThresholdBackward(const Value* a) : threshold(number<T>(a, 2)) {}
  RL_FN T operator()(T g, T x) const { return x <= threshold ? T(0) : g; }
};
template <class T>
struct Hardtanh {
  T lo, hi;
  explicit Hardtanh(const Value* a) : lo(number<T>(a, 1)), hi(number<T>(a, 2)) {}
  RL_FN T operator()(T x) const {
    T y = x < lo ? lo : x;
    return y > hi ? hi : y;
  }
};
template <class T>
struct HardtanhBackward {
  T lo, hi;
  explicit HardtanhBackward(const Value* a) : lo(number<T>(a, 2)), hi(number<T>(a, 3)) {}
  RL_FN T operator()(T g, T x) const { return ((x > lo) & (x < hi)) ? g : T(0); }
};
template <class T>
struct LeakyRelu {
  T slope;
  explicit LeakyRelu(const Value* a) : slope(number<T>(a, 1)) {}
  RL_FN T operator()(T x) const { return x > T(0) ? x : x * slope; }
};
template <class T>
struct LeakyReluBackward {
  T slope;
  explicit LeakyReluBackward(const Value* a) : slope(number<T>(a, 2)) {}
  RL_FN T operator()(T g, T x) const { return x > T(0) ? g : g * slope; }
};
RL_BINARY(Prelu, a > T(0) ? a : b * a)
template <class T>
struct Softshrink {
  T l;
  explicit Softshrink(const Value* a) : l(number<T>(a, 1)) {}
  RL_FN T operator()(T x) const { return x > l ? x - l : (x < -l ? x + l : x * T(0)); }
};
template <class T>
struct Hardshrink {
  T l;
  explicit Hardshrink(const Value* a) : l(number<T>(a, 1)) {}
  RL_FN T operator()(T x) const { return ((x >= -l) & (x <= l)) ? T(0) : x; }
};
template <class T>
struct ShrinkBackward {
  T l;
  explicit ShrinkBackward(const Value* a) : l(number<T>(a, 2)) {}
  RL_FN T operator()(T g, T x) const { return ((x < -l) | (x > l)) ? g : T(0); }
};
template <class T>
RL_FN T clamp6(T x) {
  T y = x < T(0) ? T(0) : x;
  return y > T(6) ? T(6) : y;
}
RL_UNARY(Hardswish, T(x* clamp6(T(x + T(3))) / T(6)))
template <class T>
struct HardswishBackward {
  RL_FN T operator()(T g, T x) const {
    return x <= T(-3) ? T(0) : (x < T(3) ? g * (x / T(3) + T(0.5)) : g);
  }
};
RL_UNARY(Hardsigmoid, T(clamp6(T(x + T(3))) / T(6)))
template <class T>
struct HardsigmoidBackward {
  RL_FN T operator()(T g, T x) const { return ((x > T(-3)) & (x < T(3))) ? g / T(6) : T(0); }
};

// ---- quadratic near zero ----

// smooth_l1_loss and huber_loss of each pair.
template <class T>
struct HuberLike {
  T bound, square, shift, slope;
  explicit HuberLike(const Value* a) : bound(number<T>(a, 2)) {
    const bool huber = Unbox<bool>::get(a[3]);
    square = huber ? T(0.5) : T(0.5) / bound;
    shift = T(0.5) * bound;
    slope = huber ? bound : T(1);
  }
  RL_FN T operator()(T x, T y) const {
    T d = x - y, z = d < T(0) ? -d : d;
    return z < bound ? z * z * square : (z - shift) * slope;
  }
};
// Their slope: the difference over `divisor`, within +-limit.
template <class T>
struct ClampedDifference {
  T divisor, limit;
  explicit ClampedDifference(const Value* a) : divisor(number<T>(a, 2)), limit(number<T>(a, 3)) {}
  RL_FN T operator()(T x, T y) const {
    T d = (x - y) / divisor;
    return d < -limit ? -limit : (d > limit ? limit : d);
  }
};

// ---- smooth ----

template <class T>
struct Elu {
  T negative, scale, input_scale;
  explicit Elu(const Value* a)
      : negative(number<T>(a, 1) * number<T>(a, 2)),
        scale(number<T>(a, 2)),
        input_scale(number<T>(a, 3)) {}
  RL_FN T operator()(T x) const {
    T low = vm::expm1(x * input_scale) * negative;
    return x <= T(0) ? low : x * scale;
  }
};
template <class T>
struct EluBackward {
  T negative, scale, input_scale;
  bool is_result;
  explicit EluBackward(const Value* a)
      : negative(number<T>(a, 1) * number<T>(a, 2)),
        scale(number<T>(a, 2)),
        input_scale(number<T>(a, 3)),
        is_result(Unbox<bool>::get(a[4])) {}
  RL_FN T operator()(T g, T x) const {
    T low = is_result ? x + negative : negative * vm::exp(x * input_scale);
    return x <= T(0) ? g * input_scale * low : g * scale;
  }
  // The choice is made once: inside the loop it would keep vectors out.
  [[gnu::flatten]] void run(T* out, const T* g, const T* x, int64_t n) const {
    if (is_result) {
#pragma GCC ivdep
      for (int64_t i = 0; i < n; ++i) {
        out[i] = x[i] <= T(0) ? g[i] * input_scale * (x[i] + negative) : g[i] * scale;
      }
    } else {
#pragma GCC ivdep
      for (int64_t i = 0; i < n; ++i) {
        T low = negative * vm::exp(x[i] * input_scale), gi = g[i];
        out[i] = x[i] <= T(0) ? gi * input_scale * low : gi * scale;
      }
    }
  }
};
template <class T>
struct Softplus {
  T beta, threshold;
  explicit Softplus(const Value* a) : beta(number<T>(a, 1)), threshold(number<T>(a, 2)) {}
  RL_FN T operator()(T x) const { return vm::softplus(x, beta, threshold); }
};
template <class T>
struct SoftplusBackward {
  T beta, threshold;
  explicit SoftplusBackward(const Value* a) : beta(number<T>(a, 2)), threshold(number<T>(a, 3)) {}
  RL_FN T operator()(T g, T x) const {
    T z = x * beta, s = g * vm::sigmoid(z);
    return z > threshold ? g : s;
  }
};
RL_UNARY(LogSigmoid, vm::log_sigmoid(x))
template <class T>
struct LogSigmoidBackward {
  RL_FN T operator()(T g, T x) const { return g * vm::sigmoid(-x); }
};
RL_UNARY(Silu, T(x / vm::one_plus_exp(-x)))
template <class T>
struct Silu<std::complex<T>> {
  RL_FN std::complex<T> operator()(std::complex<T> x) const { return x * vm::sigmoid(x); }
};
template <class T>
struct SiluBackward {
  RL_FN T operator()(T g, T x) const { return g * vm::silu_grad(x); }
};
template <class T>
struct SiluBackward<std::complex<T>> {
  using C = std::complex<T>;
  RL_FN C operator()(C g, C x) const {
    C s = vm::sigmoid(x);
    return g * std::conj(s * (T(1) + x * (T(1) - s)));
  }
};
RL_UNARY(Mish, x == -vm::kInf<T> ? vm::kNan<T> : vm::mish(x))
template <class T>
struct MishBackward {
  RL_FN T operator()(T g, T x) const {
    T e = vm::exp(x > T(40) ? T(40) : x), n = e * (e + T(2));
    T t = n / (n + T(2)), s = e / (T(1) + e);
    T flat = (T(2) / (n + T(2))) * (T(1) + t);  // 1 - t * t
    T slope = t + x * s * flat;
    return g * (x > T(40) ? T(1) : (x < T(-700) ? T(0) : slope));
  }
};

bool is_tanh(const Value& v) {
  const std::string& mode = Unbox<std::string>::get(v);
  RL_CHECK(mode == "tanh" || mode == "none", "approximate argument must be either none or tanh.");
  return mode == "tanh";
}
template <class T>
struct Gelu {
  bool tanh;
  explicit Gelu(const Value* a) : tanh(is_tanh(a[1])) {}
  RL_FN T operator()(T x) const { return tanh ? vm::gelu_tanh(x) : vm::gelu(x); }
  RL_FN void run(T* out, const T* x, int64_t n) const {
    if (tanh) {
#pragma GCC ivdep
      for (int64_t i = 0; i < n; ++i) out[i] = vm::gelu_tanh(x[i]);
    } else {
#pragma GCC ivdep
      for (int64_t i = 0; i < n; ++i) out[i] = vm::gelu(x[i]);
    }
  }
};
template <class T>
struct GeluBackward {
  bool tanh;
  explicit GeluBackward(const Value* a) : tanh(is_tanh(a[2])) {}
  RL_FN T operator()(T g, T x) const {
    return g * (tanh ? vm::gelu_tanh_grad(x) : vm::gelu_grad(x));
  }
  RL_FN void run(T* out, const T* g, const T* x, int64_t n) const {
    if (tanh) {
#pragma GCC ivdep
      for (int64_t i = 0; i < n; ++i) out[i] = g[i] * vm::gelu_tanh_grad(x[i]);
    } else {
#pragma GCC ivdep
      for (int64_t i = 0; i < n; ++i) out[i] = g[i] * vm::gelu_grad(x[i]);
    }
  }
};

// Second derivatives are rare: made of operators.
Tensor second(GradContext& c, const Tensor& slope) {
  return c.grad() * c.tensor("grad_output") * slope;
}
Tensor silu_second(const Tensor& x) {
  Tensor s = call<"sigmoid">(x);
  return s * (Scalar(1) - s) * (Scalar(2) + x * (Scalar(1) - Scalar(2) * s));
}
Tensor mish_second(const Tensor& x) {
  Tensor s = call<"sigmoid">(x), t = call<"tanh">(call<"softplus">(x)), flat = Scalar(1) - t * t;
  return flat * s * (Scalar(2) + x * (Scalar(1) - s - Scalar(2) * t * s));
}
Tensor gelu_second(const Tensor& x, bool tanh) {
  Tensor sq = x * x;
  if (!tanh) {
    return call<"exp">(sq * Scalar(-0.5)) * Scalar(0.39894228040143267794) * (Scalar(2) - sq);
  }
  constexpr double k = 0.79788456080286535588, c = 0.044715;
  Tensor t = call<"tanh">((x + x * sq * Scalar(c)) * Scalar(k)), flat = Scalar(1) - t * t;
  Tensor u1 = (Scalar(1) + sq * Scalar(3 * c)) * Scalar(k), u2 = x * Scalar(6 * c * k);
  return flat * (u1 + x * Scalar(0.5) * (u2 - Scalar(2) * t * u1 * u1));
}

#define RL_REAL(name)                                                  \
  check([](const Value*, DType d) {                                    \
    RL_CHECK(d != DType::Bool, "Bool inputs not supported for " name); \
  })

OP("relu(Tensor self) -> Tensor")
    .pointwise(pointwise_halves<Relu, 1, OrderedTypes>())
    .join(join_relu)
    .check([](const Value*, DType d) {
      RL_CHECK(d != DType::Bool, "Boolean inputs not supported for relu");
      RL_CHECK_KIND(NotImplemented, !is_complex(d), "clamp is not supported for complex types");
    })
    .grad("self", "result", relu_gradient);
OP("threshold(Tensor self, Scalar threshold, Scalar value) -> Tensor")
    .function_only()
    .pointwise(pointwise<Threshold, 1, OrderedTypes>())
    .word("threshold_cpu")
    .grad("self", "self", [](GradContext& c) {
      return over_grad<"threshold_backward">(c, c.tensor("self"), c.scalar("threshold"));
    });
OP("threshold_backward(Tensor grad_output, Tensor self, Scalar threshold) -> Tensor")
    .hidden()
    .pointwise(pointwise_halves<ThresholdBackward, 2, OrderedTypes>())
    .grad("grad_output", "self", [](GradContext& c) {
      return call<"threshold_backward">(c.grad(), c.tensor("self"), c.scalar("threshold"));
    });
OP("hardtanh(Tensor self, Scalar min_val=-1, Scalar max_val=1) -> Tensor")
    .hidden()
    .pointwise(pointwise<Hardtanh, 1, OrderedTypes>())
    .RL_REAL("hardtanh")
    .grad("self", "self", [](GradContext& c) {
      return over_grad<"hardtanh_backward">(c, c.tensor("self"), c.scalar("min_val"),
                                            c.scalar("max_val"));
    });
OP("hardtanh_backward(Tensor grad_output, Tensor self, Scalar min_val, Scalar max_val) -> Tensor")
    .hidden()
    .pointwise(pointwise<HardtanhBackward, 2, FloatTypes>())
    .grad("grad_output", "self", [](GradContext& c) {
      return call<"hardtanh_backward">(c.grad(), c.tensor("self"), c.scalar("min_val"),
                                       c.scalar("max_val"));
    });
OP("relu6(Tensor self) -> Tensor").hidden().inplace().composite([](const Tensor& self) {
  return call<"hardtanh">(self, int64_t(0), int64_t(6));
});
OP("leaky_relu(Tensor self, Scalar negative_slope=0.01) -> Tensor")
    .hidden()
    .pointwise(pointwise<LeakyRelu, 1, FloatTypes>())
    .word("leaky_relu_cpu")
    .grad("self", "self", [](GradContext& c) {
      return over_grad<"leaky_relu_backward">(c, c.tensor("self"), c.scalar("negative_slope"),
                                              false);
    });
OP("leaky_relu_backward(Tensor grad_output, Tensor self, Scalar negative_slope, bool "
   "self_is_result) "
   "-> Tensor")
    .hidden()
    .pointwise(pointwise<LeakyReluBackward, 2, FloatTypes>())
    .grad("grad_output", "self", [](GradContext& c) {
      return call<"leaky_relu_backward">(c.grad(), c.tensor("self"), c.scalar("negative_slope"),
                                         false);
    });
OP("_prelu_kernel(Tensor self, Tensor weight) -> Tensor")
    .hidden()
    .pointwise(pointwise<Prelu, 2, FloatTypes>())
    .word("prelu_cpu")
    .grads("self weight", "self weight", [](GradContext& c) {
      Tensor x = c.tensor("self"), g = c.grad();
      Tensor above = call<"gt.Tensor">(x, wrapped_number(Scalar(0)));
      if (c.needs("self")) c.set("self", select(above, g, c.tensor("weight") * g));
      if (c.needs("weight")) c.set("weight", select(above, Scalar(0), x * g));
    });
OP("prelu(Tensor self, Tensor weight) -> Tensor")
    .composite([](const Tensor& self, const Tensor& weight) {
      RL_CHECK(self.dtype() == weight.dtype(), "prelu: Type promoting not supported. Got ",
               dtype_word(self.dtype()), " and ", dtype_word(weight.dtype()));
      if (weight.numel() == 1) {
        return call<"_prelu_kernel">(self, call<"reshape">(weight, Dims(size_t(self.ndim()), 1)));
      }
      RL_CHECK(self.ndim() > 0, "Not allow zero-dim input tensor.");
      int64_t channels = self.ndim() > 1 ? self.sizes()[1] : 1;
      RL_CHECK(channels == weight.numel(),
               "Mismatch of parameter numbers and input channel size. Found parameter numbers = ",
               weight.numel(), " and channel size = ", channels, ".");
      RL_CHECK(
          weight.ndim() <= 1,
          "prelu: Expected `weight` to be a scalar or 1D tensor, but got: ndim = ", weight.ndim());
      Dims sizes(size_t(self.ndim()), 1);
      sizes[self.ndim() > 1 ? 1 : 0] = weight.numel();
      return call<"_prelu_kernel">(self, call<"reshape">(weight, sizes));
    });
OP("softshrink(Tensor self, Scalar lambd=0.5) -> Tensor")
    .hidden()
    .pointwise(pointwise<Softshrink, 1, FloatTypes>())
    .word("softshrink_cpu")
    .check([](const Value* args, DType) {
      double l = to_scalar(args[1]).to_double();
      RL_CHECK(l >= 0, "lambda must be greater or equal to 0, but found to be ", l, ".");
    })
    .grad("self", "self", [](GradContext& c) {
      return call<"softshrink_backward">(c.grad(), c.tensor("self"), c.scalar("lambd"));
    });
OP("softshrink_backward(Tensor grad_output, Tensor self, Scalar lambd) -> Tensor")
    .hidden()
    .pointwise(pointwise<ShrinkBackward, 2, FloatTypes>())
    .grad("grad_output", "self", [](GradContext& c) {
      return call<"softshrink_backward">(c.grad(), c.tensor("self"), c.scalar("lambd"));
    });
OP("hardshrink(Tensor self, Scalar lambd=0.5) -> Tensor")
    .pointwise(pointwise<Hardshrink, 1, FloatTypes>())
    .word("hardshrink_cpu")
    .grad("self", "self", [](GradContext& c) {
      return call<"hardshrink_backward">(c.grad(), c.tensor("self"), c.scalar("lambd"));
    });
OP("hardshrink_backward(Tensor grad_out, Tensor self, Scalar lambd) -> Tensor")
    .hidden()
    .pointwise(pointwise<ShrinkBackward, 2, FloatTypes>())
    .grad("grad_out", "self", [](GradContext& c) {
      return call<"hardshrink_backward">(c.grad(), c.tensor("self"), c.scalar("lambd"));
    });
OP("hardswish(Tensor self) -> Tensor")
    .hidden()
    .pointwise(pointwise<Hardswish, 1, FloatTypes>())
    .word("hardswish_cpu")
    .grad("self", "self",
          [](GradContext& c) { return over_grad<"hardswish_backward">(c, c.tensor("self")); });
OP("hardswish_backward(Tensor grad_output, Tensor self) -> Tensor")
    .hidden()
    .pointwise(pointwise<HardswishBackward, 2, FloatTypes>())
    .grad("grad_output", "self",
          [](GradContext& c) { return call<"hardswish_backward">(c.grad(), c.tensor("self")); })
    .grad("self", "grad_output self", [](GradContext& c) {
      Tensor x = c.tensor("self");
      Tensor inside = call<"logical_and">(call<"gt.Tensor">(x, wrapped_number(Scalar(-3))),
                                          call<"lt.Tensor">(x, wrapped_number(Scalar(3))));
      return select(inside, c.grad() * c.tensor("grad_output") / Scalar(3), Scalar(0));
    });
OP("hardsigmoid(Tensor self) -> Tensor")
    .hidden()
    .pointwise(pointwise<Hardsigmoid, 1, FloatTypes>())
    .word("hardsigmoid_cpu")
    .grad("self", "self",
          [](GradContext& c) { return over_grad<"hardsigmoid_backward">(c, c.tensor("self")); });
OP("hardsigmoid_backward(Tensor grad_output, Tensor self) -> Tensor")
    .hidden()
    .pointwise(pointwise<HardsigmoidBackward, 2, FloatTypes>())
    .grad("grad_output", "self",
          [](GradContext& c) { return call<"hardsigmoid_backward">(c.grad(), c.tensor("self")); });

OP("elu(Tensor self, Scalar alpha=1, Scalar scale=1, Scalar input_scale=1) -> Tensor")
    .hidden()
    .pointwise(pointwise<Elu, 1, FloatTypes>())
    .word("elu_cpu")
    .grad("self", "self", [](GradContext& c) {
      return over_grad<"elu_backward">(c, c.scalar("alpha"), c.scalar("scale"),
                                       c.scalar("input_scale"), false, c.tensor("self"));
    });
OP("_huber_like(Tensor self, Tensor target, Scalar bound, bool huber) -> Tensor")
    .hidden()
    .no_grad()
    .pointwise(pointwise<HuberLike, 2, FloatTypes>())
    .word("huber_cpu");
OP("_clamped_difference(Tensor self, Tensor target, Scalar divisor, Scalar limit) -> Tensor")
    .hidden()
    .pointwise(pointwise<ClampedDifference, 2, FloatTypes>())
    .word("huber_cpu")
    .grads("self target", "self target", [](GradContext& c) {
      Scalar divisor = c.scalar("divisor");
      Tensor inside =
          call<"le.Tensor">(call<"abs">((c.tensor("self") - c.tensor("target")) / divisor),
                            wrapped_number(c.scalar("limit")));
      Tensor g = c.grad() * inside / divisor;
      if (c.needs("self")) c.set("self", g);
      if (c.needs("target")) c.set("target", -g);
    });
OP("elu_backward(Tensor grad_output, Scalar alpha, Scalar scale, Scalar input_scale, bool "
   "is_result, "
   "Tensor self_or_result) -> Tensor")
    .hidden()
    .pointwise(pointwise<EluBackward, 2, FloatTypes>())
    .grad("grad_output", "self_or_result",
          [](GradContext& c) {
            return call<"elu_backward">(c.grad(), c.scalar("alpha"), c.scalar("scale"),
                                        c.scalar("input_scale"), c.get<bool>("is_result"),
                                        c.tensor("self_or_result"));
          })
    .grad("self_or_result", "grad_output self_or_result", [](GradContext& c) {
      Tensor x = c.tensor("self_or_result");
      double in = c.scalar("input_scale").to_double();
      double low = c.scalar("alpha").to_double() * c.scalar("scale").to_double() * in * in;
      Tensor g = c.grad() * c.tensor("grad_output");
      Tensor slope =
          c.get<bool>("is_result") ? g * Scalar(in) : g * call<"exp">(x * Scalar(in)) * Scalar(low);
      return select(call<"lt.Tensor">(x, wrapped_number(Scalar(0))), slope, Scalar(0));
    });
OP("celu(Tensor self, Scalar alpha=1.) -> Tensor")
    .function_only()
    .inplace()
    .composite([](const Tensor& self, const Scalar& alpha) {
      RL_CHECK(!alpha.equal(0), "ZeroDivisionError: alpha cannot be 0 for CELU");
      return call<"elu">(self, alpha, 1.0, 1 / alpha.to_double());
    })
    .grad("self", "self", [](GradContext& c) {
      Scalar alpha = c.scalar("alpha");
      return over_grad<"elu_backward">(c, alpha, 1.0, 1 / alpha.to_double(), false,
                                       c.tensor("self"));
    });
OP("selu(Tensor self) -> Tensor").function_only().inplace().composite([](const Tensor& self) {
  return call<"elu">(self, 1.6732632423543772848170429916717, 1.0507009873554804934193349852946);
});
OP("softplus(Tensor self, Scalar beta=1, Scalar threshold=20) -> Tensor")
    .hidden()
    .pointwise(pointwise<Softplus, 1, FloatTypes>())
    .word("softplus_cpu")
    .grad("self", "self", [](GradContext& c) {
      return over_grad<"softplus_backward">(c, c.tensor("self"), c.scalar("beta"),
                                            c.scalar("threshold"));
    });
OP("softplus_backward(Tensor grad_output, Tensor self, Scalar beta, Scalar threshold) -> Tensor")
    .hidden()
    .pointwise(pointwise<SoftplusBackward, 2, FloatTypes>())
    .grad("grad_output", "self",
          [](GradContext& c) {
            return call<"softplus_backward">(c.grad(), c.tensor("self"), c.scalar("beta"),
                                             c.scalar("threshold"));
          })
    .grad("self", "grad_output self", [](GradContext& c) {
      Tensor z = c.tensor("self") * c.scalar("beta"), s = call<"sigmoid">(z);
      Tensor g = second(c, s * (Scalar(1) - s) * c.scalar("beta"));
      return select(call<"gt.Tensor">(z, wrapped_number(c.scalar("threshold"))), Scalar(0), g);
    });
OP("log_sigmoid(Tensor self) -> Tensor")
    .hidden()
    .pointwise(pointwise<LogSigmoid, 1, FloatTypes>())
    .word("log_sigmoid_cpu")
    .grad("self", "self", [](GradContext& c) {
      return call<"log_sigmoid_backward">(c.grad(), c.tensor("self"), Value());
    });
OP("log_sigmoid_backward(Tensor grad_output, Tensor self, Tensor? buffer) -> Tensor")
    .hidden()
    .pointwise(pointwise<LogSigmoidBackward, 2, FloatTypes>())
    .grad("grad_output", "self",
          [](GradContext& c) {
            return call<"log_sigmoid_backward">(c.grad(), c.tensor("self"), Value());
          })
    .grad("self", "grad_output self", [](GradContext& c) {
      Tensor s = call<"sigmoid">(c.tensor("self"));
      return -second(c, s * (Scalar(1) - s));
    });
OP("silu(Tensor self) -> Tensor")
    .hidden()
    .pointwise(pointwise_halves<Silu, 1, FloatComplexTypes>())
    .word("silu_cpu")
    .grad("self", "self",
          [](GradContext& c) { return over_grad<"silu_backward">(c, c.tensor("self")); });
OP("silu_backward(Tensor grad_output, Tensor self) -> Tensor")
    .hidden()
    .pointwise(pointwise_halves<SiluBackward, 2, FloatComplexTypes>())
    .grad("grad_output", "self",
          [](GradContext& c) { return call<"silu_backward">(c.grad(), c.tensor("self")); })
    .grad("self", "grad_output self",
          [](GradContext& c) { return second(c, silu_second(c.tensor("self"))); });
OP("mish(Tensor self) -> Tensor")
    .hidden()
    .pointwise(pointwise<Mish, 1, FloatTypes>())
    .word("mish_cpu")
    .grad("self", "self",
          [](GradContext& c) { return over_grad<"mish_backward">(c, c.tensor("self")); });
OP("mish_backward(Tensor grad_output, Tensor self) -> Tensor")
    .hidden()
    .pointwise(pointwise<MishBackward, 2, FloatTypes>())
    .grad("grad_output", "self",
          [](GradContext& c) { return call<"mish_backward">(c.grad(), c.tensor("self")); })
    .grad("self", "grad_output self",
          [](GradContext& c) { return second(c, mish_second(c.tensor("self"))); });
OP("gelu(Tensor self, *, str approximate='none') -> Tensor")
    .hidden()
    .pointwise(pointwise_halves<Gelu, 1, FloatTypes>())
    .word("GeluKernelImpl")
    .grad("self", "self", [](GradContext& c) {
      return over_grad<"gelu_backward">(c, c.tensor("self"), c.get<std::string>("approximate"));
    });
OP("gelu_backward(Tensor grad_output, Tensor self, *, str approximate='none') -> Tensor")
    .hidden()
    .pointwise(pointwise_halves<GeluBackward, 2, FloatTypes>())
    .grad("grad_output", "self",
          [](GradContext& c) {
            return call<"gelu_backward">(c.grad(), c.tensor("self"),
                                         c.get<std::string>("approximate"));
          })
    .grad("self", "grad_output self", [](GradContext& c) {
      bool tanh = c.get<std::string>("approximate") == "tanh";
      return second(c, gelu_second(c.tensor("self"), tanh));
    });

struct Halves {
  Tensor a, b;
};
Halves halve(const Tensor& self, int64_t dim) {
  RL_CHECK(self.ndim() > 0, "glu does not support 0-dimensional tensors");
  int d = wrap_dim(dim, self.ndim());
  int64_t n = self.sizes()[d];
  RL_CHECK(n % 2 == 0, "Halving dimension must be even, but dimension ", d, " is size ", n);
  return {call<"slice.Tensor">(self, int64_t(d), int64_t(0), n / 2),
          call<"slice.Tensor">(self, int64_t(d), n / 2, n)};
}
OP("glu(Tensor self, int dim=-1) -> Tensor")
    .hidden()
    .composite([](const Tensor& self, int64_t dim) {
      Halves h = halve(self, dim);
      return h.a * call<"sigmoid">(h.b);
    })
    .grad("self", "self", [](GradContext& c) {
      int64_t dim = c.get<int64_t>("dim");
      Halves h = halve(c.tensor("self"), dim);
      Tensor s = call<"sigmoid">(h.b), first = c.grad() * s;
      return call<"cat">(TensorList{first, first * h.a * (Scalar(1) - s)}, dim);
    });

}  // namespace
}  // namespace RL_ISA_NS
}  // namespace rl
