// Comparisons, logic, bits, choices. Compiled once per instruction level.
#include "ops/pointwise_types.h"

namespace rl {
inline namespace RL_ISA_NS {
namespace {

RL_BINARY(Eq, bool(a == b))
RL_BINARY(Ne, bool(a != b))
RL_BINARY(Lt, bool(a < b))
RL_BINARY(Le, bool(a <= b))
RL_BINARY(Gt, bool(a > b))
RL_BINARY(Ge, bool(a >= b))
RL_UNARY(LogicalNot, bool(x == T(0)))
RL_BINARY(LogicalAnd, bool((a != T(0)) & (b != T(0))))
RL_BINARY(LogicalOr, bool((a != T(0)) | (b != T(0))))
RL_BINARY(LogicalXor, bool((a != T(0)) != (b != T(0))))

#define RL_COMPARISON(name, Functor, Types)                \
  OP(#name ".Tensor(Tensor self, Tensor other) -> Tensor") \
      .pointwise(pointwise<Functor, 2, Types>())           \
      .word(#name "_cpu")                                  \
      .no_grad()
RL_COMPARISON(eq, Eq, NumberBoolUIntTypes);
RL_COMPARISON(ne, Ne, NumberBoolUIntTypes);
RL_COMPARISON(lt, Lt, OrderedBoolTypes);
RL_COMPARISON(le, Le, OrderedBoolTypes);
RL_COMPARISON(gt, Gt, OrderedBoolTypes);
RL_COMPARISON(ge, Ge, OrderedBoolTypes);

OP("logical_not(Tensor self) -> Tensor")
    .pointwise(pointwise<LogicalNot, 1, NumberBoolTypes>())
    .no_grad();
OP("logical_and(Tensor self, Tensor other) -> Tensor")
    .pointwise(pointwise<LogicalAnd, 2, NumberBoolTypes>())
    .tensors_only()
    .no_grad();
OP("logical_or(Tensor self, Tensor other) -> Tensor")
    .pointwise(pointwise<LogicalOr, 2, NumberBoolTypes>())
    .tensors_only()
    .no_grad();
OP("logical_xor(Tensor self, Tensor other) -> Tensor")
    .pointwise(pointwise<LogicalXor, 2, NumberBoolTypes>())
    .tensors_only()
    .no_grad();

// ---- bits ----

template <class T>
struct BitwiseNot {
  RL_FN T operator()(T x) const {
    if constexpr (std::is_same_v<T, bool>) {
      return !x;
    } else {
      return T(~x);
    }
  }
};
RL_BINARY(BitwiseAnd, T(a& b))
RL_BINARY(BitwiseOr, T(a | b))
RL_BINARY(BitwiseXor, T(a ^ b))
// Shifts by the width or more, or by negative numbers, leave nothing but the sign.
template <class T>
struct ShiftLeft {
  RL_FN T operator()(T a, T b) const {
    using U = std::make_unsigned_t<T>;
    constexpr U width = U(sizeof(T) * 8);
    bool out = U(b) >= width;
    return T(U(U(a) << (out ? U(0) : U(b))) * U(out ? 0 : 1));
  }
};
template <class T>
struct ShiftRight {
  RL_FN T operator()(T a, T b) const {
    using U = std::make_unsigned_t<T>;
    constexpr U most = std::is_signed_v<T> ? U(sizeof(T) * 8 - 1) : U(sizeof(T) * 8);
    bool out = U(b) >= most;
    if constexpr (std::is_signed_v<T>) {
      return T(a >> (out ? most : U(b)));
    } else {
      return out ? T(0) : T(a >> b);
    }
  }
};

OP("bitwise_not(Tensor self) -> Tensor")
    .pointwise(pointwise<BitwiseNot, 1, IntBoolTypes>())
    .word("bitwise_not_cpu");
OP("bitwise_and.Tensor(Tensor self, Tensor other) -> Tensor")
    .pointwise(pointwise<BitwiseAnd, 2, IntBoolUIntTypes>())
    .word("bitwise_and_cpu");
OP("bitwise_or.Tensor(Tensor self, Tensor other) -> Tensor")
    .pointwise(pointwise<BitwiseOr, 2, IntBoolUIntTypes>())
    .word("bitwise_or_cpu");
OP("bitwise_xor.Tensor(Tensor self, Tensor other) -> Tensor")
    .pointwise(pointwise<BitwiseXor, 2, IntBoolUIntTypes>())
    .word("bitwise_xor_cpu");
OP("bitwise_left_shift.Tensor(Tensor self, Tensor other) -> Tensor")
    .pointwise(pointwise<ShiftLeft, 2, IntTypes>())
    .word("lshift_cpu");
OP("bitwise_right_shift.Tensor(Tensor self, Tensor other) -> Tensor")
    .pointwise(pointwise<ShiftRight, 2, IntTypes>())
    .word("rshift_cpu");

// ---- classification ----

template <class T>
struct IsNan {
  RL_FN bool operator()(T x) const { return !(x == x); }
};
template <class T>
RL_FN bool infinite(T x) {
  if constexpr (kIsComplex<T>) {
    return infinite(x.real()) | infinite(x.imag());
  } else if constexpr (kIsInt<T>) {
    return false;
  } else {
    return vm::abs(x) == vm::kInf<T>;
  }
}
template <class T>
RL_FN bool finite(T x) {
  if constexpr (kIsComplex<T>) {
    return finite(x.real()) & finite(x.imag());
  } else if constexpr (kIsInt<T>) {
    return true;
  } else {
    return vm::abs(x) < vm::kInf<T>;
  }
}
RL_UNARY(IsInf, infinite(x))
RL_UNARY(IsFinite, finite(x))
template <class T>
struct IsPosInf {
  RL_FN bool operator()(T x) const {
    if constexpr (kIsInt<T>) {
      return false;
    } else {
      return x == vm::kInf<T>;
    }
  }
};
template <class T>
struct IsNegInf {
  RL_FN bool operator()(T x) const {
    if constexpr (kIsInt<T>) {
      return false;
    } else {
      return x == -vm::kInf<T>;
    }
  }
};
template <class T>
struct IsReal {
  RL_FN bool operator()(T x) const {
    if constexpr (kIsComplex<T>) {
      return x.imag() == 0;
    } else {
      return true;
    }
  }
};
template <class T>
struct SignBit {
  RL_FN bool operator()(T x) const {
    if constexpr (kIsInt<T>) {
      return x < T(0);
    } else {
      return std::signbit(x);
    }
  }
};

OP("isnan(Tensor self) -> Tensor").pointwise(pointwise<IsNan, 1, NumberBoolUIntTypes>()).no_grad();
OP("isinf(Tensor self) -> Tensor").pointwise(pointwise<IsInf, 1, NumberBoolUIntTypes>()).no_grad();
OP("isfinite(Tensor self) -> Tensor")
    .pointwise(pointwise<IsFinite, 1, NumberBoolUIntTypes>())
    .no_grad();
OP("isreal(Tensor self) -> Tensor").pointwise(pointwise<IsReal, 1, NumberBoolTypes>()).no_grad();
OP("isposinf(Tensor self) -> Tensor")
    .pointwise(pointwise<IsPosInf, 1, OrderedBoolTypes>())
    .check([](const Value*, DType d) {
      RL_CHECK(!is_complex(d), "isposinf does not support complex inputs.");
    })
    .no_grad();
OP("isneginf(Tensor self) -> Tensor")
    .pointwise(pointwise<IsNegInf, 1, OrderedBoolTypes>())
    .check([](const Value*, DType d) {
      RL_CHECK(!is_complex(d), "isneginf does not support complex inputs.");
    })
    .no_grad();
OP("signbit(Tensor self) -> Tensor")
    .pointwise(pointwise<SignBit, 1, OrderedBoolTypes>())
    .check([](const Value*, DType d) {
      RL_CHECK(!is_complex(d), "signbit is not implemented for complex tensors.");
    })
    .no_grad();

// ---- maxima, minima ----

template <class T>
RL_FN T largest(T a, T b) {  // nan wins
  if constexpr (kIsInt<T>) {
    return a > b ? a : b;
  } else {
    return a != a ? a : (a > b ? a : b);
  }
}
template <class T>
RL_FN T smallest(T a, T b) {
  if constexpr (kIsInt<T>) {
    return a < b ? a : b;
  } else {
    return a != a ? a : (a < b ? a : b);
  }
}
RL_BINARY(Maximum, largest(a, b))
RL_BINARY(Minimum, smallest(a, b))
RL_BINARY(Fmax, ((a >= b) | (b != b)) ? a : b)
RL_BINARY(Fmin, ((a <= b) | (b != b)) ? a : b)

Tensor of_winner(const Tensor& grad, const Tensor& loses, const Tensor& tie) {
  return select(loses, Scalar(0), select(tie, grad / Scalar(2), grad));
}
OP("maximum(Tensor self, Tensor other) -> Tensor")
    .pointwise(pointwise<Maximum, 2, OrderedBoolTypes>())
    .tensors_only()
    .check([](const Value*, DType d) {
      RL_CHECK(!is_complex(d), "maximum not implemented for complex tensors.");
    })
    .grads("self other", "self other", [](GradContext& c) {
      Tensor a = c.tensor("self"), b = c.tensor("other"), tie = call<"eq.Tensor">(a, b);
      if (c.needs("self")) c.set("self", of_winner(c.grad(), call<"lt.Tensor">(a, b), tie));
      if (c.needs("other")) c.set("other", of_winner(c.grad(), call<"gt.Tensor">(a, b), tie));
    });
OP("minimum(Tensor self, Tensor other) -> Tensor")
    .pointwise(pointwise<Minimum, 2, OrderedBoolTypes>())
    .tensors_only()
    .check([](const Value*, DType d) {
      RL_CHECK(!is_complex(d), "minimum not implemented for complex tensors.");
    })
    .grads("self other", "self other", [](GradContext& c) {
      Tensor a = c.tensor("self"), b = c.tensor("other"), tie = call<"eq.Tensor">(a, b);
      if (c.needs("self")) c.set("self", of_winner(c.grad(), call<"gt.Tensor">(a, b), tie));
      if (c.needs("other")) c.set("other", of_winner(c.grad(), call<"lt.Tensor">(a, b), tie));
    });

template <FixedString Order>
void ignoring_nan(GradContext& c) {
  Tensor b = c.tensor("other");
  Tensor first = call<"logical_or">(call<Order>(c.tensor("self"), b), call<"isnan">(b));
  if (c.needs("self")) c.set("self", select(first, c.grad(), Scalar(0)));
  if (c.needs("other")) c.set("other", select(first, Scalar(0), c.grad()));
}
OP("fmax(Tensor self, Tensor other) -> Tensor")
    .pointwise(pointwise<Fmax, 2, OrderedBoolTypes>())
    .tensors_only()
    .check([](const Value*, DType d) {
      RL_CHECK(!is_complex(d), "fmax not implemented for complex tensors.");
    })
    .grads("self other", "self other", ignoring_nan<"ge.Tensor">);
OP("fmin(Tensor self, Tensor other) -> Tensor")
    .pointwise(pointwise<Fmin, 2, OrderedBoolTypes>())
    .tensors_only()
    .check([](const Value*, DType d) {
      RL_CHECK(!is_complex(d), "fmin not implemented for complex tensors.");
    })
    .grads("self other", "self other", ignoring_nan<"le.Tensor">);

// ---- choices ----

template <class T>
struct Where {
  RL_FN T operator()(T condition, T a, T b) const { return condition != T(0) ? a : b; }
};
const PointwiseSpec& where_spec() {
  static const PointwiseSpec spec = [] {
    PointwiseSpec s = make_pointwise<Where, 3>(NumberBoolUIntTypes(), Promote::Default);
    s.ignored = 1;
    return s;
  }();
  return spec;
}
OP("where.self(Tensor condition, Tensor self, Tensor other) -> Tensor")
    .pointwise(where_spec())
    .check([](const Value* args, DType) {
      const Tensor& condition = Unbox<Tensor>::get(args[0]);
      RL_CHECK(condition.dtype() == DType::Bool || condition.dtype() == DType::UInt8,
               "where expected condition to be a boolean tensor, but got a tensor with dtype ",
               dtype_word(condition.dtype()));
    })
    .grad("self", "condition",
          [](GradContext& c) { return select(c.tensor("condition"), c.grad(), Scalar(0)); })
    .grad("other", "condition",
          [](GradContext& c) { return select(c.tensor("condition"), Scalar(0), c.grad()); });

void check_clamp(const Value*, DType d) {
  RL_CHECK_KIND(NotImplemented, !is_complex(d), "clamp is not supported for complex types");
}
template <class T>
struct Clamp {
  T lo, hi;
  bool has_lo, has_hi;
  explicit Clamp(const Value* args) : has_lo(!is_none(args[1])), has_hi(!is_none(args[2])) {
    lo = has_lo ? to_scalar(args[1]).to<T>() : least();
    hi = has_hi ? to_scalar(args[2]).to<T>() : most();
  }
  static T least() {
    if constexpr (kIsInt<T>) {
      return std::numeric_limits<T>::lowest();
    } else {
      return -vm::kInf<T>;
    }
  }
  static T most() {
    if constexpr (kIsInt<T>) {
      return std::numeric_limits<T>::max();
    } else {
      return vm::kInf<T>;
    }
  }
  RL_FN T operator()(T x) const {
    T y = x < lo ? lo : x;
    y = y > hi ? hi : y;
    if constexpr (!kIsInt<T>) {
      y = lo != lo ? lo : y;
      y = hi != hi ? hi : y;
      y = x != x ? x : y;
    }
    return y;
  }
};
template <class T>
struct ClampMin {
  T lo;
  explicit ClampMin(const Value* args) : lo(to_scalar(args[1]).to<T>()) {}
  RL_FN T operator()(T x) const { return largest(x, lo); }
};
template <class T>
struct ClampMax {
  T hi;
  explicit ClampMax(const Value* args) : hi(to_scalar(args[1]).to<T>()) {}
  RL_FN T operator()(T x) const { return smallest(x, hi); }
};
RL_BINARY(ClampMinTensor, largest(a, b))
RL_BINARY(ClampMaxTensor, smallest(a, b))
template <class T>
struct ClampTensor {
  RL_FN T operator()(T x, T lo, T hi) const { return smallest(largest(x, lo), hi); }
};
template <template <class> class F>
const PointwiseSpec& clamp_spec() {
  static const PointwiseSpec spec = [] {
    PointwiseSpec s = make_pointwise<F, 1>(OrderedTypes(), Promote::Default);
    s.promote_scalars = true;
    return s;
  }();
  return spec;
}

OP("_clamp_between(Tensor self, Tensor min, Tensor max) -> Tensor")
    .hidden()
    .pointwise(pointwise<ClampTensor, 3, OrderedTypes>())
    .word("clamp_scalar_cpu")
    .check(check_clamp)
    .node_name("ClampBackward0")
    .grads("self min max", "self min max", [](GradContext& c) {
      Tensor x = c.tensor("self"), lo = c.tensor("min"), hi = c.tensor("max"), g = c.grad();
      if (c.needs("self")) {
        Tensor inside = call<"logical_and">(call<"ge.Tensor">(x, lo), call<"le.Tensor">(x, hi));
        c.set("self", select(inside, g, Scalar(0)));
      }
      if (c.needs("min")) {
        Tensor at = call<"logical_and">(call<"lt.Tensor">(lo, hi), call<"lt.Tensor">(x, lo));
        c.set("min", select(at, g, Scalar(0)));
      }
      if (c.needs("max")) {
        Tensor at = call<"logical_or">(call<"gt.Tensor">(x, hi), call<"lt.Tensor">(hi, lo));
        c.set("max", select(at, g, Scalar(0)));
      }
    });
OP("clamp_min.Tensor(Tensor self, Tensor min) -> Tensor")
    .pointwise(pointwise<ClampMinTensor, 2, OrderedBoolTypes>())
    .tensors_only()
    .word("clamp_min_cpu")
    .check(check_clamp)
    .node_name("ClampMinBackward1")
    .grads("self min", "self min", [](GradContext& c) {
      Tensor above = call<"ge.Tensor">(c.tensor("self"), c.tensor("min"));
      Tensor below = call<"lt.Tensor">(c.tensor("self"), c.tensor("min"));
      if (c.needs("self")) c.set("self", select(above, c.grad(), Scalar(0)));
      if (c.needs("min")) c.set("min", select(below, c.grad(), Scalar(0)));
    });
OP("clamp_max.Tensor(Tensor self, Tensor max) -> Tensor")
    .pointwise(pointwise<ClampMaxTensor, 2, OrderedBoolTypes>())
    .tensors_only()
    .word("clamp_max_cpu")
    .check(check_clamp)
    .node_name("ClampMaxBackward1")
    .grads("self max", "self max", [](GradContext& c) {
      Tensor below = call<"le.Tensor">(c.tensor("self"), c.tensor("max"));
      Tensor above = call<"gt.Tensor">(c.tensor("self"), c.tensor("max"));
      if (c.needs("self")) c.set("self", select(below, c.grad(), Scalar(0)));
      if (c.needs("max")) c.set("max", select(above, c.grad(), Scalar(0)));
    });
OP("clamp_min(Tensor self, Scalar min) -> Tensor")
    .pointwise(clamp_spec<ClampMin>())
    .word("clamp_min_scalar_cpu")
    .check(check_clamp)
    .grad("self", "self", [](GradContext& c) {
      Tensor keep = call<"ge.Tensor">(c.tensor("self"), wrapped_number(c.scalar("min")));
      return select(keep, c.grad(), Scalar(0));
    });
OP("clamp_max(Tensor self, Scalar max) -> Tensor")
    .pointwise(clamp_spec<ClampMax>())
    .word("clamp_max_scalar_cpu")
    .check(check_clamp)
    .grad("self", "self", [](GradContext& c) {
      Tensor keep = call<"le.Tensor">(c.tensor("self"), wrapped_number(c.scalar("max")));
      return select(keep, c.grad(), Scalar(0));
    });
OP("clamp(Tensor self, Scalar? min=None, Scalar? max=None) -> Tensor")
    .pointwise(clamp_spec<Clamp>())
    .word("clamp_scalar_cpu")
    .check([](const Value* args, DType d) {
      RL_CHECK(!is_none(args[1]) || !is_none(args[2]),
               "torch.clamp: At least one of 'min' or 'max' must not be None");
      check_clamp(args, d);
    })
    .node_name("ClampBackward1")
    .grad("self", "self", [](GradContext& c) {
      Tensor x = c.tensor("self"), keep;
      if (!is_none(c.value("min"))) keep = call<"ge.Tensor">(x, wrapped_number(c.scalar("min")));
      if (!is_none(c.value("max"))) {
        Tensor below = call<"le.Tensor">(x, wrapped_number(c.scalar("max")));
        keep = keep.defined() ? call<"logical_and">(keep, below) : below;
      }
      return select(keep, c.grad(), Scalar(0));
    });
OP("clamp.Tensor(Tensor self, Tensor? min=None, Tensor? max=None) -> Tensor")
    .inplace()
    .composite([](const Tensor& self, const Tensor& min, const Tensor& max) {
      RL_CHECK(min.defined() || max.defined(),
               "torch.clamp: At least one of 'min' or 'max' must not be None");
      if (!max.defined()) return call<"clamp_min.Tensor">(self, min);
      if (!min.defined()) return call<"clamp_max.Tensor">(self, max);
      return call<"_clamp_between">(self, min, max);
    });

}  // namespace
}  // namespace RL_ISA_NS
}  // namespace rl
