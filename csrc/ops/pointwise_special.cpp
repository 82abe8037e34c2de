// Special functions and rarer functions of two operands. Compiled once per instruction level.
#include <numeric>

#include "ops/pointwise_types.h"

namespace rl {
inline namespace RL_ISA_NS {
namespace {

constexpr double kPi = 3.14159265358979323846, kRootPi = 1.77245385090551602730;

RL_UNARY(Erf, vm::erf(x))
RL_UNARY(Erfc, vm::erfc(x))
RL_UNARY(Erfcx, vm::erfcx(x))
RL_UNARY(Erfinv, vm::erfinv(x))
RL_UNARY(Ndtr, vm::ndtr(x))
RL_UNARY(Ndtri, vm::ndtri(x))
RL_UNARY(LogNdtr, vm::log_ndtr(x))
template <class T>
struct Lgamma {
  RL_FN T operator()(T x) const {
    int sign;
    if constexpr (std::is_same_v<T, float>) {
      return float(::lgamma_r(double(x), &sign));  // lgammaf is off by 2 ulp
    } else {
      return ::lgamma_r(x, &sign);
    }
  }
};
RL_UNARY(Digamma, vm::digamma(x))
RL_UNARY(I0, vm::i0(x))
RL_UNARY(I0e, vm::i0e(x))
RL_UNARY(I1, vm::i1(x))
RL_UNARY(I1e, vm::i1e(x))
RL_UNARY(Rad2Deg, T(x* T(180 / kPi)))
RL_UNARY(Deg2Rad, T(x* T(kPi / 180)))
template <class T>
struct Entr {
  RL_FN T operator()(T x) const {
    T y = -x * vm::log(x);
    y = x == T(0) ? T(0) : y;
    return x < T(0) ? -vm::kInf<T> : y;
  }
};
template <class T>
struct Polygamma {
  int64_t n;
  explicit Polygamma(const Value* a) : n(Unbox<int64_t>::get(a[0])) {}
  RL_FN T operator()(T x) const { return n > 0 && x == vm::kInf<T> ? T(0) : vm::polygamma(n, x); }
};
template <class T>
struct Logit {
  T lo, hi;
  bool limited;
  explicit Logit(const Value* a) : limited(!is_none(a[1])) {
    lo = limited ? T(to_scalar(a[1]).to_double()) : T(0);
    hi = T(1) - lo;
  }
  RL_FN T operator()(T x) const {
    T z = x < lo ? lo : (x > hi ? hi : x);
    z = limited ? z : x;
    return vm::log(z / (T(1) - z));
  }
};
template <class T>
struct LogitBackward {
  T lo, hi, outside;
  explicit LogitBackward(const Value* a) {
    bool limited = !is_none(a[2]);
    lo = limited ? T(to_scalar(a[2]).to_double()) : T(0);
    hi = T(1) - lo;
    outside = limited ? T(0) : vm::kNan<T>;
  }
  RL_FN T operator()(T g, T x) const {
    return ((x < lo) | (x > hi)) ? outside : g / (x * (T(1) - x));
  }
};
template <class T, bool = is_floating(dtype_of<T>)>
struct NanToNum {
  T nan, high, low;
  explicit NanToNum(const Value* a) {
    nan = is_none(a[1]) ? T(0) : T(to_scalar(a[1]).to_double());
    high = is_none(a[2]) ? std::numeric_limits<T>::max() : T(to_scalar(a[2]).to_double());
    low = is_none(a[3]) ? std::numeric_limits<T>::lowest() : T(to_scalar(a[3]).to_double());
  }
  RL_FN T operator()(T x) const {
    T y = x == vm::kInf<T> ? high : (x == -vm::kInf<T> ? low : x);
    return x == x ? y : nan;
  }
};
template <class T>
struct NanToNum<T, false> {
  RL_FN T operator()(T x) const { return x; }
};
template <class R>
struct NanToNum<std::complex<R>, false> {
  NanToNum<R> part;
  explicit NanToNum(const Value* a) : part(a) {}
  RL_FN std::complex<R> operator()(std::complex<R> x) const {
    return {part(x.real()), part(x.imag())};
  }
};
template <class T>
using NanToNumOf = NanToNum<T>;

RL_BINARY(Atan2, vm::atan2(a, b))
RL_BINARY(Hypot, T(std::hypot(a, b)))
RL_BINARY(LogAddExp, vm::logaddexp(a, b))
// The operand with the larger real part is taken out.
template <class R>
struct LogAddExp<std::complex<R>> {
  using C = std::complex<R>;
  RL_FN C operator()(C a, C b) const {
    if (a.real() != a.real() || a.imag() != a.imag()) return a;
    if (b.real() != b.real() || b.imag() != b.imag()) return b;
    C hi = a.real() >= b.real() ? a : b, lo = a.real() >= b.real() ? b : a;
    if (hi.real() == lo.real() && !(vm::abs(hi.real()) < vm::kInf<R>)) {
      return hi.real() < 0 ? hi : vm::log(vm::exp(lo) + vm::exp(hi));
    }
    return hi + vm::log1p(vm::exp(lo - hi));
  }
};
RL_BINARY(LogAddExp2, vm::logaddexp2(a, b))
RL_BINARY(Xlogy, vm::xlogy(a, b))
RL_BINARY(Xlog1py, vm::xlog1py(a, b))
RL_BINARY(Zeta, vm::zeta(a, b))
template <class T>
struct Heaviside {
  RL_FN T operator()(T x, T at_zero) const { return x == T(0) ? at_zero : T(x > T(0)); }
};
template <class T>
struct Gcd {
  RL_FN T operator()(T a, T b) const {
    T x = magnitude(a), y = magnitude(b);
    while (y != 0) {
      T r = T(x % y);
      x = y;
      y = r;
    }
    return x;
  }
  RL_FN static T magnitude(T v) { return v < 0 ? wrap_sub(T(0), v) : v; }
};
template <class T>
struct Lcm {
  RL_FN T operator()(T a, T b) const {
    T g = Gcd<T>()(a, b);
    return g == 0 ? T(0) : Gcd<T>::magnitude(wrap_mul(T(a / g), b));
  }
};
template <class T>
struct NextAfter {
  RL_FN T operator()(T a, T b) const {
    if constexpr (is_half(dtype_of<T>)) {
      float from = a, to = b;
      if (from != from || to != to) return T(from + to);
      if (from == to) return b;
      T out;
      if (from == 0) {
        out.bits = uint16_t((to < 0 ? 0x8000 : 0) | 1);
      } else {
        out.bits = uint16_t((from < to) == (from > 0) ? a.bits + 1 : a.bits - 1);
      }
      return out;
    } else {
      return std::nextafter(a, b);
    }
  }
};

// ---- operators ----

#define RL_SPECIAL(name, Functor)     \
  OP(#name "(Tensor self) -> Tensor") \
      .pointwise(pointwise<Functor, 1, FloatTypes, Promote::IntToFloat>())

Tensor exp(const Tensor& x) { return call<"exp">(x); }
Tensor zero() { return wrapped_number(Scalar(0)); }

RL_SPECIAL(erf, Erf).grad("self", "self", [](GradContext& c) {
  Tensor x = c.tensor("self");
  return c.grad() * (exp(-(x * x)) * Scalar(2 / kRootPi));
});
RL_SPECIAL(erfc, Erfc).grad("self", "self", [](GradContext& c) {
  Tensor x = c.tensor("self");
  return c.grad() * (exp(-(x * x)) * Scalar(-2 / kRootPi));
});
RL_SPECIAL(erfinv, Erfinv).grad("self", "result", [](GradContext& c) {
  Tensor y = c.result();
  return c.grad() * (exp(y * y) * Scalar(kRootPi / 2));
});
RL_SPECIAL(special_erfcx, Erfcx).hidden().grad("self", "self result", [](GradContext& c) {
  return c.grad() * (c.tensor("self") * c.result() * Scalar(2) - Scalar(2 / kRootPi));
});
RL_SPECIAL(special_ndtr, Ndtr).hidden().grad("self", "self", [](GradContext& c) {
  Tensor x = c.tensor("self");
  return c.grad() * (exp(x * x * Scalar(-0.5)) * Scalar(0.39894228040143267794));
});
RL_SPECIAL(special_ndtri, Ndtri).hidden().grad("self", "result", [](GradContext& c) {
  Tensor y = c.result();
  return c.grad() * (exp(y * y * Scalar(0.5)) * Scalar(2.50662827463100050242));
});
RL_SPECIAL(special_log_ndtr, LogNdtr).hidden().grad("self", "self", [](GradContext& c) {
  Tensor x = c.tensor("self");
  Tensor scaled = call<"special_erfcx">(x * Scalar(-0.70710678118654752440));
  return c.grad() / scaled * Scalar(0.79788456080286535588);
});
RL_SPECIAL(special_entr, Entr).hidden().grad("self", "self", [](GradContext& c) {
  return c.grad() * -(call<"log">(c.tensor("self")) + Scalar(1));
});
RL_SPECIAL(lgamma, Lgamma).grad("self", "self", [](GradContext& c) {
  return c.grad() * call<"digamma">(c.tensor("self"));
});
RL_SPECIAL(digamma, Digamma).grad("self", "self", [](GradContext& c) {
  return c.grad() * call<"polygamma">(int64_t(1), c.tensor("self"));
});
OP("polygamma(int n, Tensor self) -> Tensor")
    .function_only()
    .pointwise(pointwise<Polygamma, 1, FloatTypes, Promote::IntToFloat>())
    .check([](const Value* args, DType) {
      RL_CHECK(Unbox<int64_t>::get(args[0]) >= 0, "polygamma(n, x) does not support negative n.");
    })
    .grad("self", "self", [](GradContext& c) {
      return c.grad() * call<"polygamma">(c.get<int64_t>("n") + 1, c.tensor("self"));
    });
OP("mvlgamma(Tensor self, int p) -> Tensor").inplace().composite([](const Tensor& self, int64_t p) {
  RL_CHECK(p >= 1, "p has to be greater than or equal to 1");
  DType d = is_integral(self.dtype(), true) ? DType::Float32 : self.dtype();
  Tensor x = to_dtype(self, d), sum = call<"lgamma">(x);
  for (int64_t j = 1; j < p; ++j) sum = sum + call<"lgamma">(x - Scalar(double(j) / 2));
  return sum + Scalar(double(p * (p - 1)) / 4 * std::log(kPi));
});
RL_SPECIAL(i0, I0).grad("self", "self", [](GradContext& c) {
  return c.grad() * call<"special_i1">(c.tensor("self"));
});
RL_SPECIAL(special_i0e, I0e).hidden().grad("self", "self result", [](GradContext& c) {
  Tensor x = c.tensor("self");
  return c.grad() * (call<"special_i1e">(x) - call<"sgn">(x) * c.result());
});
RL_SPECIAL(special_i1, I1).hidden().grad("self", "self result", [](GradContext& c) {
  Tensor x = c.tensor("self"), flat = call<"eq.Tensor">(x, zero());
  Tensor slope = call<"i0">(x) - c.result() / select(flat, Scalar(1), x);
  return c.grad() * select(flat, Scalar(0.5), slope);
});
RL_SPECIAL(special_i1e, I1e).hidden().grad("self", "self result", [](GradContext& c) {
  Tensor x = c.tensor("self"), flat = call<"eq.Tensor">(x, zero());
  Tensor inverse = call<"reciprocal">(select(flat, Scalar(1), x));
  Tensor slope = call<"special_i0e">(x) - c.result() * (call<"sgn">(x) + inverse);
  return c.grad() * select(flat, Scalar(0.5), slope);
});
RL_SPECIAL(rad2deg, Rad2Deg).grad("self", "", [](GradContext& c) {
  return call<"rad2deg">(c.grad());
});
RL_SPECIAL(deg2rad, Deg2Rad).grad("self", "", [](GradContext& c) {
  return call<"deg2rad">(c.grad());
});
OP("logit(Tensor self, float? eps=None) -> Tensor")
    .pointwise(pointwise<Logit, 1, FloatTypes, Promote::IntToFloat>())
    .grad("self", "self", [](GradContext& c) {
      return call<"logit_backward">(c.grad(), c.tensor("self"), c.value("eps"));
    });
OP("logit_backward(Tensor grad_output, Tensor self, float? eps=None) -> Tensor")
    .hidden()
    .pointwise(pointwise<LogitBackward, 2, FloatTypes>())
    .grad("grad_output", "self",
          [](GradContext& c) {
            return call<"logit_backward">(c.grad(), c.tensor("self"), c.value("eps"));
          })
    .grad("self", "grad_output self", [](GradContext& c) {
      Tensor x = c.tensor("self");
      Tensor slope = call<"logit_backward">(c.tensor("grad_output"), x, c.value("eps"));
      return c.grad() * slope * (x * Scalar(2) - Scalar(1)) / (x * (Scalar(1) - x));
    });
OP("nan_to_num(Tensor self, float? nan=None, float? posinf=None, float? neginf=None) -> Tensor")
    .pointwise(pointwise<NanToNumOf, 1, NumberBoolTypes>())
    .grad("self", "self",
          [](GradContext& c) { return c.grad() * call<"isfinite">(c.tensor("self")); });

OP("atan2(Tensor self, Tensor other) -> Tensor")
    .pointwise(pointwise<Atan2, 2, FloatTypes, Promote::IntToFloat>())
    .tensors_only()
    .grads("self other", "self other", [](GradContext& c) {
      Tensor y = c.tensor("self"), x = c.tensor("other");
      Tensor g = c.grad() * call<"reciprocal">(y * y + x * x);
      if (c.needs("self")) c.set("self", g * x);
      if (c.needs("other")) c.set("other", g * -y);
    });
OP("hypot(Tensor self, Tensor other) -> Tensor")
    .pointwise(pointwise<Hypot, 2, FloatTypes>())
    .tensors_only()
    .word("hypot_cpu")
    .grad("self", "self result",
          [](GradContext& c) { return c.grad() * (c.tensor("self") / c.result()); })
    .grad("other", "other result",
          [](GradContext& c) { return c.grad() * (c.tensor("other") / c.result()); });
OP("logaddexp(Tensor self, Tensor other) -> Tensor")
    .pointwise(pointwise<LogAddExp, 2, FloatComplexTypes>())
    .tensors_only()
    .word("logaddexp_cpu")
    .grad("self", "self other",
          [](GradContext& c) {
            return c.grad() / conj(exp(c.tensor("other") - c.tensor("self")) + Scalar(1));
          })
    .grad("other", "self other", [](GradContext& c) {
      return c.grad() / conj(exp(c.tensor("self") - c.tensor("other")) + Scalar(1));
    });
OP("logaddexp2(Tensor self, Tensor other) -> Tensor")
    .pointwise(pointwise<LogAddExp2, 2, FloatTypes>())
    .tensors_only()
    .word("logaddexp2_cpu")
    .grad("self", "self other",
          [](GradContext& c) {
            return c.grad() / (call<"exp2">(c.tensor("other") - c.tensor("self")) + Scalar(1));
          })
    .grad("other", "self other", [](GradContext& c) {
      return c.grad() / (call<"exp2">(c.tensor("self") - c.tensor("other")) + Scalar(1));
    });
OP("xlogy.Tensor(Tensor self, Tensor other) -> Tensor")
    .pointwise(pointwise<Xlogy, 2, FloatTypes, Promote::IntToFloat>())
    .grad("self", "self other",
          [](GradContext& c) {
            Tensor y = c.tensor("other");
            Tensor flat = call<"logical_and">(call<"eq.Tensor">(c.tensor("self"), zero()),
                                              call<"le.Tensor">(y, zero()));
            return select(flat, Scalar(0), c.grad() * call<"log">(y));
          })
    .grad("other", "self other",
          [](GradContext& c) { return c.grad() * c.tensor("self") / c.tensor("other"); });
OP("special_xlog1py(Tensor self, Tensor other) -> Tensor")
    .hidden()
    .pointwise(pointwise<Xlog1py, 2, FloatTypes, Promote::IntToFloat>())
    .grad("self", "self other",
          [](GradContext& c) {
            Tensor y = c.tensor("other");
            Tensor flat = call<"logical_and">(call<"eq.Tensor">(c.tensor("self"), zero()),
                                              call<"le.Tensor">(y, wrapped_number(Scalar(-1))));
            return select(flat, Scalar(0), c.grad() * call<"log1p">(y));
          })
    .grad("other", "self other", [](GradContext& c) {
      return c.grad() * c.tensor("self") / (c.tensor("other") + Scalar(1));
    });
OP("special_zeta(Tensor self, Tensor other) -> Tensor")
    .hidden()
    .pointwise(pointwise<Zeta, 2, FloatTypes, Promote::IntToFloat>())
    .grad("other", "self other", [](GradContext& c) {
      Tensor x = c.tensor("self");
      return c.grad() * -x * call<"special_zeta">(x + Scalar(1), c.tensor("other"));
    });
OP("heaviside(Tensor self, Tensor values) -> Tensor")
    .pointwise(pointwise<Heaviside, 2, OrderedBoolTypes>())
    .tensors_only()
    .check([](const Value* args, DType d) {
      RL_CHECK(!is_complex(d), "heaviside is not yet implemented for complex tensors.");
      RL_CHECK(Unbox<Tensor>::get(args[0]).dtype() == Unbox<Tensor>::get(args[1]).dtype(),
               "heaviside is not yet implemented for tensors with different dtypes.");
    })
    .node_name("NotImplemented");
OP("gcd(Tensor self, Tensor other) -> Tensor")
    .pointwise(pointwise<Gcd, 2, IntTypes>())
    .tensors_only()
    .word("gcd_cpu");
OP("lcm(Tensor self, Tensor other) -> Tensor")
    .pointwise(pointwise<Lcm, 2, IntTypes>())
    .tensors_only()
    .word("lcm_cpu");
OP("nextafter(Tensor self, Tensor other) -> Tensor")
    .pointwise(pointwise<NextAfter, 2, FloatHalfTypes>())
    .tensors_only()
    .word("nextafter_cpu")
    .grad("self", "self other",
          [](GradContext& c) {
            return select(call<"eq.Tensor">(c.tensor("self"), c.tensor("other")), Scalar(0),
                          c.grad());
          })
    .grad("other", "", zero_gradient);
OP("ldexp.Tensor(Tensor self, Tensor other) -> Tensor")
    .inplace()
    .composite([](const Tensor& self, const Tensor& other) {
      return self * call<"pow.Scalar">(2.0, other);
    })
    .grad("self", "other",
          [](GradContext& c) { return c.grad() * call<"pow.Scalar">(2.0, c.tensor("other")); })
    .grad("other", "result",
          [](GradContext& c) { return c.grad() * c.result() * Scalar(0.69314718055994530942); });
OP("frexp.Tensor(Tensor self) -> (Tensor mantissa, Tensor exponent)")
    .infer([](const Tensor& self) {
      RL_CHECK(is_floating(self.dtype()), "torch.frexp() only supports floating-point dtypes");
      return std::make_tuple(TensorSpec{self.sizes(), self.dtype(), {}},
                             TensorSpec{self.sizes(), DType::Int32, {}});
    })
    .cpu([](const Tensor& self, const Tensor& mantissa, const Tensor& exponent) {
      Tensor x = contiguous(self);
      dispatch(x.dtype(), "frexp_cpu", FloatHalfTypes(), [&]<class T>() {
        const T* from = x.data<T>();
        T* m = mantissa.data<T>();
        int32_t* e = exponent.data<int32_t>();
        for (int64_t i = 0, n = x.numel(); i < n; ++i) {
          int power = 0;
          m[i] = T(std::frexp(
              static_cast<std::conditional_t<is_half(dtype_of<T>), float, T>>(from[i]), &power));
          e[i] = power;
        }
      });
    })
    .grad("self", "result1",
          [](GradContext& c) { return c.grad() / call<"pow.Scalar">(2.0, c.result(1)); });

}  // namespace
}  // namespace RL_ISA_NS
}  // namespace rl
