// Arithmetic of two operands. Compiled once per instruction level.
#include "ops/open_steps.h"
#include "ops/pointwise_types.h"

namespace rl {
inline namespace RL_ISA_NS {
namespace {

template <class T>
struct Add {
  static constexpr bool kNumber = true;
  T alpha;
  explicit Add(const Value* args) : alpha(to_scalar(args[2]).to<T>()) {}
  RL_FN T operator()(T a, T b) const {
    if constexpr (std::is_same_v<T, bool>) {
      return a || (alpha && b);
    } else {
      return wrap_add(a, wrap_mul(alpha, b));
    }
  }
  RL_FN void run(T* out, const T* a, const T* b, int64_t n) const {
    if (alpha == T(1)) {
#pragma GCC ivdep
      for (int64_t i = 0; i < n; ++i) {
        if constexpr (std::is_same_v<T, bool>) {
          out[i] = a[i] || b[i];
        } else {
          out[i] = wrap_add(a[i], b[i]);
        }
      }
    } else {
#pragma GCC ivdep
      for (int64_t i = 0; i < n; ++i) out[i] = (*this)(a[i], b[i]);
    }
  }
};
template <class T>
struct Sub {
  static constexpr bool kNumber = true;
  T alpha;
  explicit Sub(const Value* args) : alpha(to_scalar(args[2]).to<T>()) {}
  RL_FN T operator()(T a, T b) const { return wrap_sub(a, wrap_mul(alpha, b)); }
  RL_FN void run(T* out, const T* a, const T* b, int64_t n) const {
    if (alpha == T(1)) {
#pragma GCC ivdep
      for (int64_t i = 0; i < n; ++i) out[i] = wrap_sub(a[i], b[i]);
    } else {
#pragma GCC ivdep
      for (int64_t i = 0; i < n; ++i) out[i] = (*this)(a[i], b[i]);
    }
  }
};
template <class T>
struct Rsub {
  T alpha;
  explicit Rsub(const Value* args) : alpha(to_scalar(args[2]).to<T>()) {}
  RL_FN T operator()(T a, T b) const { return wrap_sub(b, wrap_mul(alpha, a)); }
};
template <class T>
struct Mul {
  static constexpr bool kNumber = true;
  RL_FN T operator()(T a, T b) const {
    if constexpr (std::is_same_v<T, bool>) {
      return a && b;
    } else {
      return wrap_mul(a, b);
    }
  }
};
template <class T>
struct Div {
  static constexpr bool kNumber = true;
  RL_FN T operator()(T a, T b) const { return quotient(a, b); }
};
RL_UNARY(Neg, wrap_sub(T(0), x))
template <class T>
  requires(!kIsInt<T>)
struct Neg<T> {
  RL_FN T operator()(T x) const { return -x; }
};

// ---- divisions with rounding ----

template <class T>
RL_FN T int_quotient(T a, T b) {
  if constexpr (std::is_signed_v<T>) {
    if (b == T(-1)) return wrap_sub(T(0), a);  // the least integer has no negative
  }
  return T(a / b);
}
template <class T>
RL_FN T int_remainder(T a, T b) {
  if constexpr (std::is_signed_v<T>) {
    if (b == T(-1)) return T(0);
  }
  return T(a % b);
}

template <class T, bool = kIsInt<T>>
struct DivTrunc {
  RL_FN static bool valid(T, T b) { return b != 0; }
  RL_FN T operator()(T a, T b) const { return int_quotient(a, b); }
};
template <class T>
struct DivTrunc<T, false> {
  RL_FN T operator()(T a, T b) const { return vm::trunc(a / b); }
};
template <class T, bool = kIsInt<T>>
struct DivFloor {
  RL_FN static bool valid(T, T b) { return b != 0; }
  RL_FN T operator()(T a, T b) const {
    T q = int_quotient(a, b);
    if constexpr (std::is_signed_v<T>) {
      T r = int_remainder(a, b);
      if (r != 0 && (r < 0) != (b < 0)) --q;
    }
    return q;
  }
};
template <class T>
struct DivFloor<T, false> {
  RL_FN static bool hard(T a, T b) { return vm::FloorDivide::hard(a, b); }
  RL_FN static T slow(T a, T b) { return vm::FloorDivide::slow(a, b); }
  RL_FN T operator()(T a, T b) const { return vm::FloorDivide::fast(a, b); }
};
template <class T, bool = kIsInt<T>>
struct Fmod {
  RL_FN static bool valid(T, T b) { return b != 0; }
  RL_FN T operator()(T a, T b) const { return int_remainder(a, b); }
};
template <class T>
struct Fmod<T, false> {
  RL_FN static bool hard(T a, T b) { return vm::Fmod::hard(a, b); }
  RL_FN static T slow(T a, T b) { return vm::Fmod::slow(a, b); }
  RL_FN T operator()(T a, T b) const { return vm::Fmod::fast(a, b); }
};
template <class T, bool = kIsInt<T>>
struct Remainder {
  RL_FN static bool valid(T, T b) { return b != 0; }
  RL_FN T operator()(T a, T b) const {
    T r = int_remainder(a, b);
    if constexpr (std::is_signed_v<T>) {
      if (r != 0 && (r < 0) != (b < 0)) r = T(r + b);
    }
    return r;
  }
};
template <class T>
struct Remainder<T, false> {
  RL_FN static bool hard(T a, T b) { return vm::Remainder::hard(a, b); }
  RL_FN static T slow(T a, T b) { return vm::Remainder::slow(a, b); }
  RL_FN T operator()(T a, T b) const { return vm::Remainder::fast(a, b); }
};
template <class T>
using DivTruncOf = DivTrunc<T>;
template <class T>
using DivFloorOf = DivFloor<T>;
template <class T>
using FmodOf = Fmod<T>;
template <class T>
using RemainderOf = Remainder<T>;

// ---- three operands ----

template <class T>
struct Addcmul {
  T value;
  explicit Addcmul(const Value* args) : value(to_scalar(args[3]).to<T>()) {}
  RL_FN T operator()(T a, T b, T c) const { return wrap_add(a, wrap_mul(wrap_mul(value, b), c)); }
};
template <class T>
struct Addcdiv {
  T value;
  explicit Addcdiv(const Value* args) : value(to_scalar(args[3]).to<T>()) {}
  RL_FN T operator()(T a, T b, T c) const { return a + value * b / c; }
};
// From the nearer end, so that weights 0 and 1 give the ends themselves.
template <class T>
RL_FN T lerp(T start, T end, T weight) {
  bool near_start;
  if constexpr (kIsComplex<T>) {
    using R = typename T::value_type;
    near_start = std::norm(weight) < R(0.25);
  } else {
    near_start = vm::abs(weight) < T(0.5);
  }
  T d = end - start;
  return near_start ? start + weight * d : end - d * (T(1) - weight);
}
template <class T>
struct LerpTensor {
  RL_FN T operator()(T a, T b, T w) const { return lerp(a, b, w); }
};
template <class T>
struct LerpScalar {
  T weight;
  explicit LerpScalar(const Value* args) : weight(to_scalar(args[2]).to<T>()) {}
  RL_FN T operator()(T a, T b) const { return lerp(a, b, weight); }
};

// ---- checks ----

DType dtype_at(const Value* args, int i) { return Unbox<Tensor>::get(args[i]).dtype(); }

void check_alpha(const Value* args, DType common) {
  Scalar alpha = to_scalar(args[2]);
  RL_CHECK(!alpha.is_bool() || common == DType::Bool,
           "Boolean alpha only supported for Boolean results.");
  RL_CHECK(is_floating(common) || is_complex(common) || alpha.is_integral(),
           "For integral input tensors, argument alpha must not be a floating point number.");
  RL_CHECK(is_complex(common) || !alpha.is_complex(),
           "For non-complex input tensors, argument alpha must not be a complex number.");
}
void check_sub(const Value* args, DType common) {
  bool a = dtype_at(args, 0) == DType::Bool, b = dtype_at(args, 1) == DType::Bool;
  RL_CHECK(!a || !b,
           "Subtraction, the `-` operator, with two bool tensors is not supported. Use the `^` or "
           "`logical_xor()` operator instead.");
  RL_CHECK(
      !a && !b,
      "Subtraction, the `-` operator, with a bool tensor is not supported. If you are trying to "
      "invert a mask, use the `~` or `logical_not()` operator instead.");
  check_alpha(args, common);
}
void check_neg(const Value* args, DType) {
  RL_CHECK(dtype_at(args, 0) != DType::Bool,
           "Negation, the `-` operator, on a bool tensor is not supported. If you are trying to "
           "invert a mask, use the `~` or `logical_not()` operator instead.");
}
void check_addcdiv(const Value* args, DType) {
  RL_CHECK(
      !is_integral(dtype_at(args, 1), true) || !is_integral(dtype_at(args, 2), true),
      "Integer division with addcdiv is no longer supported, and in a future  release addcdiv "
      "will perform a true division of tensor1 and tensor2. The historic addcdiv behavior can be "
      "implemented as (input + value * torch.trunc(tensor1 / tensor2)).to(input.dtype) for "
      "integer inputs and as (input + value * tensor1 / tensor2) for float inputs. The future "
      "addcdiv behavior is just the latter implementation: (input + value * tensor1 / tensor2), "
      "for all dtypes.");
}
std::string lower_word(DType d) {
  std::string s = dtype_word(d);
  if (d == DType::Complex64) return "c10::complex<float>";
  if (d == DType::Complex128) return "c10::complex<double>";
  for (char& c : s) c = char(std::tolower((unsigned char)c));
  return s;
}
void check_lerp(const Value* args, DType) {
  DType d = dtype_at(args, 0);
  RL_CHECK(dtype_at(args, 1) == d, "expected dtype ", lower_word(d), " for `end` but got dtype ",
           lower_word(dtype_at(args, 1)));
}
void check_lerp_weight(const Value* args, DType common) {
  check_lerp(args, common);
  DType d = dtype_at(args, 0);
  RL_CHECK(dtype_at(args, 2) == d, "expected dtype ", lower_word(d), " for `weight` but got dtype ",
           lower_word(dtype_at(args, 2)));
}

Tensor scaled(const Tensor& g, const Scalar& alpha) {
  if (alpha.equal(1)) return g;
  return g * (alpha.is_complex() ? Scalar(std::conj(alpha.to<complex128>())) : alpha);
}
Tensor div_other(const Tensor& grad, const Tensor& self, const Tensor& other) {
  return -grad * conj((self / other) / other);
}

// ---- operators ----

OP("add.Tensor(Tensor self, Tensor other, *, Scalar alpha=1) -> Tensor")
    .pointwise(pointwise_halves<Add, 2, NumberBoolTypes>())
    .join(join_add)
    .check(check_alpha)
    .grad("self", "", [](GradContext& c) { return c.grad(); })
    .grad("other", "", [](GradContext& c) { return scaled(c.grad(), c.scalar("alpha")); });
OP("sub.Tensor(Tensor self, Tensor other, *, Scalar alpha=1) -> Tensor")
    .pointwise(pointwise_halves<Sub, 2, NumberTypes>())
    .check(check_sub)
    .grad("self", "", [](GradContext& c) { return c.grad(); })
    .grad("other", "", [](GradContext& c) { return -scaled(c.grad(), c.scalar("alpha")); });
OP("rsub.Tensor(Tensor self, Tensor other, *, Scalar alpha=1) -> Tensor")
    .pointwise(pointwise<Rsub, 2, NumberTypes>())
    .check(check_sub)
    .grad("self", "", [](GradContext& c) { return -scaled(c.grad(), c.scalar("alpha")); })
    .grad("other", "", [](GradContext& c) { return c.grad(); });
OP("rsub.Scalar(Tensor self, Scalar other, Scalar alpha=1) -> Tensor")
    .composite([](const Tensor& self, const Scalar& other, const Scalar& alpha) {
      return call<"rsub.Tensor">(self, wrapped_number(other), alpha);
    })
    .node_name("RsubBackward1")
    .grad("self", "", [](GradContext& c) { return -scaled(c.grad(), c.scalar("alpha")); });
OP("mul.Tensor(Tensor self, Tensor other) -> Tensor")
    .pointwise(pointwise_halves<Mul, 2, NumberBoolUIntTypes>())
    .grad("self", "other", [](GradContext& c) { return c.grad() * conj(c.tensor("other")); })
    .grad("other", "self", [](GradContext& c) { return c.grad() * conj(c.tensor("self")); });
OP("div.Tensor(Tensor self, Tensor other) -> Tensor")
    .pointwise(pointwise_halves<Div, 2, FloatComplexTypes, Promote::IntToFloat>())
    .grad("self", "other", [](GradContext& c) { return c.grad() / conj(c.tensor("other")); })
    .grad("other", "self other",
          [](GradContext& c) { return div_other(c.grad(), c.tensor("self"), c.tensor("other")); });
OP("neg(Tensor self) -> Tensor")
    .pointwise(pointwise<Neg, 1, NumberTypes>())
    .check(check_neg)
    .grad("self", "", [](GradContext& c) { return -c.grad(); });

OP("_div_trunc(Tensor self, Tensor other) -> Tensor")
    .hidden()
    .pointwise(pointwise<DivTruncOf, 2, OrderedTypes>())
    .word("div_trunc_cpu")
    .node_name("DivBackward2")
    .grad("self", "", zero_gradient)
    .grad("other", "", zero_gradient);
OP("_div_floor(Tensor self, Tensor other) -> Tensor")
    .hidden()
    .pointwise(pointwise<DivFloorOf, 2, OrderedTypes>())
    .word("div_floor_cpu")
    .node_name("DivBackward2")
    .grad("self", "", zero_gradient)
    .grad("other", "", zero_gradient);
OP("div.Tensor_mode(Tensor self, Tensor other, *, str? rounding_mode) -> Tensor")
    .numbers()
    .inplace()
    .composite([](const Tensor& self, const Tensor& other, std::optional<std::string> mode) {
      if (!mode) return call<"div.Tensor">(self, other);
      if (*mode == "trunc") return call<"_div_trunc">(self, other);
      RL_CHECK(*mode == "floor",
               "div expected rounding_mode to be one of None, 'trunc', or 'floor' but found '",
               *mode, "'");
      return call<"_div_floor">(self, other);
    });
OP("floor_divide(Tensor self, Tensor other) -> Tensor")
    .pointwise(pointwise<DivFloorOf, 2, OrderedTypes>())
    .word("div_floor_cpu")
    .node_name("NotImplemented");
OP("fmod.Tensor(Tensor self, Tensor other) -> Tensor")
    .pointwise(pointwise<FmodOf, 2, OrderedTypes>())
    .word("fmod_cpu")
    .node_name("FmodBackward1")
    .grad("self", "", [](GradContext& c) { return c.grad(); })
    .grad("other", "self other", [](GradContext& c) {
      return -c.grad() * call<"_div_trunc">(c.tensor("self"), c.tensor("other"));
    });
OP("fmod.Scalar(Tensor self, Scalar other) -> Tensor")
    .inplace()
    .composite([](const Tensor& self, const Scalar& other) {
      return call<"fmod.Tensor">(self, wrapped_number(other));
    })
    .grad("self", "", [](GradContext& c) { return c.grad(); });
OP("remainder.Tensor(Tensor self, Tensor other) -> Tensor")
    .pointwise(pointwise<RemainderOf, 2, OrderedTypes>())
    .word("remainder_cpu")
    .node_name("RemainderBackward1")
    .grad("self", "", [](GradContext& c) { return c.grad(); })
    .grad("other", "self other", [](GradContext& c) {
      return -c.grad() * call<"_div_floor">(c.tensor("self"), c.tensor("other"));
    });
OP("remainder.Scalar(Tensor self, Scalar other) -> Tensor")
    .inplace()
    .composite([](const Tensor& self, const Scalar& other) {
      return call<"remainder.Tensor">(self, wrapped_number(other));
    })
    .grad("self", "", [](GradContext& c) { return c.grad(); });
OP("remainder.Scalar_Tensor(Scalar self, Tensor other) -> Tensor")
    .composite([](const Scalar& self, const Tensor& other) {
      return call<"remainder.Tensor">(wrapped_number(self), other);
    });

OP("addcmul(Tensor self, Tensor tensor1, Tensor tensor2, *, Scalar value=1) -> Tensor")
    .pointwise(pointwise<Addcmul, 3, NumberTypes>())
    .tensors_only()
    .word("addcmul_cpu_out")
    .grad("self", "", [](GradContext& c) { return c.grad(); })
    .grad("tensor1", "tensor2",
          [](GradContext& c) {
            return scaled(c.grad() * conj(c.tensor("tensor2")), c.scalar("value"));
          })
    .grad("tensor2", "tensor1", [](GradContext& c) {
      return scaled(c.grad() * conj(c.tensor("tensor1")), c.scalar("value"));
    });
OP("addcdiv(Tensor self, Tensor tensor1, Tensor tensor2, *, Scalar value=1) -> Tensor")
    .pointwise(pointwise<Addcdiv, 3, FloatComplexTypes>())
    .tensors_only()
    .word("addcdiv_cpu_out")
    .check(check_addcdiv)
    .grad("self", "", [](GradContext& c) { return c.grad(); })
    .grad("tensor1", "tensor2",
          [](GradContext& c) {
            return scaled(c.grad() / conj(c.tensor("tensor2")), c.scalar("value"));
          })
    .grad("tensor2", "tensor1 tensor2", [](GradContext& c) {
      return scaled(div_other(c.grad(), c.tensor("tensor1"), c.tensor("tensor2")),
                    c.scalar("value"));
    });
OP("lerp.Tensor(Tensor self, Tensor end, Tensor weight) -> Tensor")
    .pointwise(pointwise<LerpTensor, 3, FloatComplexTypes>())
    .tensors_only()
    .word("lerp_kernel_tensor")
    .node_name("LerpBackward1")
    .check(check_lerp_weight)
    .grad("self", "weight",
          [](GradContext& c) { return c.grad() * conj(Scalar(1) - c.tensor("weight")); })
    .grad("end", "weight", [](GradContext& c) { return c.grad() * conj(c.tensor("weight")); })
    .grad("weight", "self end",
          [](GradContext& c) { return c.grad() * conj(c.tensor("end") - c.tensor("self")); });
OP("lerp.Scalar(Tensor self, Tensor end, Scalar weight) -> Tensor")
    .pointwise(pointwise<LerpScalar, 2, FloatComplexTypes>())
    .tensors_only()
    .word("lerp_kernel_scalar")
    .check(check_lerp)
    .grad("self", "",
          [](GradContext& c) {
            Scalar w = c.scalar("weight");
            return scaled(c.grad(), w.is_complex() ? Scalar(1. - w.to<complex128>())
                                                   : Scalar(1 - w.to_double()));
          })
    .grad("end", "", [](GradContext& c) { return scaled(c.grad(), c.scalar("weight")); });

}  // namespace
}  // namespace RL_ISA_NS
}  // namespace rl
