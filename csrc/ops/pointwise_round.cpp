// Rounding, signs, absolute values, complex numbers. Compiled once per instruction level.
#include "ops/pointwise_types.h"

namespace rl {
inline namespace RL_ISA_NS {
namespace {

template <class T>
RL_FN T same_if_int(T x) {
  return x;
}
#define RL_ROUNDING(Name, f)        \
  template <class T>                \
  struct Name {                     \
    RL_FN T operator()(T x) const { \
      if constexpr (kIsInt<T>) {    \
        return x;                   \
      } else {                      \
        return f(x);                \
      }                             \
    }                               \
  };
RL_FN float nearest(float x) { return __builtin_rintf(x); }
RL_FN double nearest(double x) { return __builtin_rint(x); }
RL_FN float ceiling(float x) { return __builtin_ceilf(x); }
RL_FN double ceiling(double x) { return __builtin_ceil(x); }
RL_ROUNDING(Floor, vm::floor)
RL_ROUNDING(Ceil, ceiling)
RL_ROUNDING(Trunc, vm::trunc)
RL_ROUNDING(Round, nearest)
RL_UNARY(Frac, T(x - vm::trunc(x)))
template <class T>
struct RoundDecimals {
  T scale;
  bool up;
  explicit RoundDecimals(const Value* args) {
    int64_t decimals = Unbox<int64_t>::get(args[1]);
    up = decimals >= 0;
    scale = T(std::pow(T(10), double(up ? decimals : -decimals)));
  }
  RL_FN T operator()(T x) const {
    return up ? nearest(x * scale) / scale : nearest(x / scale) * scale;
  }
};

#define RL_ROUND_OP(name, Functor)                                   \
  OP(#name "(Tensor self) -> Tensor")                                \
      .pointwise(pointwise<Functor, 1, OrderedUIntTypes>())          \
      .word(#name "_vml_cpu")                                        \
      .check([](const Value*, DType d) {                             \
        RL_CHECK_KIND(NotImplemented, !is_complex(d),                \
                      #name " is not supported for complex inputs"); \
      })                                                             \
      .grad("self", "", zero_gradient)
RL_ROUND_OP(floor, Floor);
RL_ROUND_OP(ceil, Ceil);
RL_ROUND_OP(trunc, Trunc);
RL_ROUND_OP(round, Round);
OP("round.decimals(Tensor self, *, int decimals) -> Tensor")
    .pointwise(pointwise<RoundDecimals, 1, FloatTypes>())
    .word("round_cpu")
    .node_name("RoundBackward1")
    .grad("self", "", zero_gradient);
OP("frac(Tensor self) -> Tensor")
    .pointwise(pointwise<Frac, 1, FloatTypes>())
    .word("frac_cpu")
    .grad("self", "", [](GradContext& c) { return c.grad(); });

// ---- signs ----

template <class T>
struct Abs {
  RL_FN auto operator()(T x) const {
    if constexpr (kIsComplex<T>) {
      return vm::abs(x);
    } else if constexpr (!kIsInt<T>) {
      return vm::abs(x);
    } else if constexpr (std::is_signed_v<T>) {
      return T(x < 0 ? wrap_sub(T(0), x) : x);
    } else {
      return x;
    }
  }
};
template <class T>
struct Sign {
  RL_FN T operator()(T x) const {
    if constexpr (std::is_same_v<T, bool>) {
      return x;
    } else if constexpr (std::is_signed_v<T> || !kIsInt<T>) {
      return T((T(0) < x) - (x < T(0)));
    } else {
      return T(x > 0);
    }
  }
};
template <class T>
struct Sgn : Sign<T> {};
template <class T>
struct Sgn<std::complex<T>> {
  RL_FN std::complex<T> operator()(std::complex<T> x) const { return vm::sgn(x); }
};

OP("abs(Tensor self) -> Tensor")
    .pointwise(pointwise<Abs, 1, NumberTypes>())
    .word("abs_cpu")
    .grad("self", "self", [](GradContext& c) { return c.grad() * call<"sgn">(c.tensor("self")); });
OP("sign(Tensor self) -> Tensor")
    .pointwise(pointwise<Sign, 1, OrderedBoolTypes>())
    .check([](const Value*, DType d) {
      RL_CHECK_KIND(
          NotImplemented, !is_complex(d),
          "Unlike NumPy, torch.sign is not intended to support complex numbers. Please use "
          "torch.sgn instead.");
    })
    .grad("self", "", zero_gradient);
OP("sgn(Tensor self) -> Tensor")
    .pointwise(pointwise<Sgn, 1, NumberBoolTypes>())
    .grad("self", "self result", [](GradContext& c) -> Tensor {
      Tensor x = c.tensor("self");
      if (!is_complex(x.dtype())) return zeros_like(c.grad());
      Tensor size = call<"abs">(x), sgn = c.result();
      Tensor along = call<"real">(c.grad() / sgn);
      Tensor g = (c.grad() - along * sgn) / size;
      return select(call<"eq.Tensor">(size, wrapped_number(Scalar(0))), Scalar(0), g);
    });
RL_BINARY(CopySign, T(vm::copysign(a, b)))
Tensor copysign_backward(GradContext& c) {
  Tensor x = c.tensor("self");
  Tensor ratio = call<"where.self">(call<"eq.Tensor">(x, wrapped_number(Scalar(0))),
                                    wrapped_number(Scalar(0.)), c.result() / x);
  return c.grad() * ratio;
}
OP("copysign.Tensor(Tensor self, Tensor other) -> Tensor")
    .pointwise(pointwise<CopySign, 2, FloatTypes, Promote::IntToFloat>())
    .word("copysign_cpu")
    .grad("self", "self result", copysign_backward)
    .grad("other", "", zero_gradient);
OP("copysign.Scalar(Tensor self, Scalar other) -> Tensor")
    .inplace()
    .composite([](const Tensor& self, const Scalar& other) {
      return call<"copysign.Tensor">(self, wrapped_number(other));
    })
    .node_name("CopysignBackward1")
    .grad("self", "self result", copysign_backward);
OP("positive(Tensor(a) self) -> Tensor(a)").composite([](const Tensor& self) {
  RL_CHECK(self.dtype() != DType::Bool, "The `+` operator, on a bool tensor is not supported.");
  return self;
});

// ---- complex numbers ----

template <class T>
struct ConjPhysical {
  RL_FN T operator()(T x) const {
    if constexpr (kIsComplex<T>) {
      return std::conj(x);
    } else {
      return x;
    }
  }
};
RL_UNARY(Angle, vm::angle(x))
template <class T>
struct ToComplex {
  RL_FN std::complex<T> operator()(T a, T b) const { return {a, b}; }
};
template <class T>
struct Polar {
  RL_FN std::complex<T> operator()(T size, T angle) const {
    return {size * std::cos(angle), size * std::sin(angle)};
  }
};

OP("conj_physical(Tensor self) -> Tensor")
    .pointwise(pointwise<ConjPhysical, 1, NumberBoolTypes>())
    .grad("self", "", [](GradContext& c) { return conj(c.grad()); });
OP("conj(Tensor(a) self) -> Tensor(a)")
    .composite([](const Tensor& self) {
      return is_complex(self.dtype()) ? call<"conj_physical">(self) : self;
    })
    .grad("self", "", [](GradContext& c) { return conj(c.grad()); });
OP("angle(Tensor self) -> Tensor")
    .pointwise(pointwise<Angle, 1, FloatComplexTypes, Promote::IntToFloat>())
    .grad("self", "self", [](GradContext& c) -> Tensor {
      Tensor x = c.tensor("self");
      if (!is_complex(x.dtype())) return zeros_like(c.grad());
      Tensor a = call<"real">(x), b = call<"imag">(x);
      Tensor square = a * a + b * b;
      Tensor zero = call<"logical_and">(call<"eq.Tensor">(a, wrapped_number(Scalar(0))),
                                        call<"eq.Tensor">(b, wrapped_number(Scalar(0))));
      Tensor da = select(zero, Scalar(0), c.grad() * (-b / square));
      Tensor db = select(zero, Scalar(0), c.grad() * (a / square));
      return call<"complex">(da, db);
    });

void check_parts(const Value* args, const char* second) {
  DType a = Unbox<Tensor>::get(args[0]).dtype(), b = Unbox<Tensor>::get(args[1]).dtype();
  RL_CHECK(is_floating(a) && is_floating(b) && a != DType::BFloat16 && b != DType::BFloat16,
           "Expected both inputs to be Half, Float or Double tensors but got ", dtype_word(a),
           " and ", dtype_word(b));
  RL_CHECK(a == b, "Expected object of scalar type ", dtype_word(a), " but got scalar type ",
           dtype_word(b), " for second argument", second);
}
OP("complex(Tensor real, Tensor imag) -> Tensor")
    .function_only()
    .pointwise(pointwise<ToComplex, 2, FloatTypes>())
    .tensors_only()
    .check([](const Value* args, DType) { check_parts(args, ""); })
    .grad("real", "", [](GradContext& c) { return call<"real">(c.grad()); })
    .grad("imag", "", [](GradContext& c) { return call<"imag">(c.grad()); });
OP("polar(Tensor abs, Tensor angle) -> Tensor")
    .function_only()
    .pointwise(pointwise<Polar, 2, FloatTypes>())
    .tensors_only()
    .check([](const Value* args, DType) { check_parts(args, ""); })
    .grads("abs angle", "angle result", [](GradContext& c) {
      Tensor g = conj(c.grad()), z = c.result(), angle = c.tensor("angle");
      if (c.needs("abs")) {
        Tensor one = call<"complex">(call<"cos">(angle), call<"sin">(angle));
        c.set("abs", call<"real">(g * one));
      }
      if (c.needs("angle")) c.set("angle", -call<"imag">(g * z));
    });

Tensor with_dtype(const Tensor& self, Dims sizes, Dims strides, int64_t offset, DType dtype) {
  self.data();  // plain order from here on
  Tensor out(
      make_ref<TensorImpl>(self.storage(), std::move(sizes), std::move(strides), offset, dtype));
  out->counter = self->version_counter();
  return out;
}
OP("view_as_real(Tensor(a) self) -> Tensor(a)")
    .view([](const Tensor& self) {
      RL_CHECK(is_complex(self.dtype()), "view_as_real is only supported for complex tensors");
      Dims sizes = self.sizes(), strides = self.strides();
      for (int64_t& s : strides) s *= 2;
      sizes.push_back(2);
      strides.push_back(1);
      return with_dtype(self, sizes, strides, self.offset() * 2, real_dtype(self.dtype()));
    })
    .function_only()
    .grad("self", "", [](GradContext& c) { return call<"view_as_complex">(contiguous(c.grad())); });
OP("view_as_complex(Tensor(a) self) -> Tensor(a)")
    .view([](const Tensor& self) {
      RL_CHECK(
          self.dtype() == DType::Float32 || self.dtype() == DType::Float64,
          "view_as_complex is only supported for half, float and double tensors, but got a tensor "
          "of scalar type: ",
          dtype_word(self.dtype()));
      RL_CHECK(self.ndim() > 0, "Input tensor must have one or more dimensions");
      RL_CHECK(self.sizes().back() == 2, "Tensor must have a last dimension of size 2");
      RL_CHECK(self.strides().back() == 1, "Tensor must have a last dimension with stride 1");
      Dims sizes = self.sizes(), strides = self.strides();
      sizes.pop_back();
      strides.pop_back();
      for (int64_t& s : strides) {
        RL_CHECK(s % 2 == 0, "Tensor must have a stride divisible by 2 for all but last dimension");
        s /= 2;
      }
      RL_CHECK(self.offset() % 2 == 0, "Tensor must have a storage_offset divisible by 2");
      return with_dtype(self, sizes, strides, self.offset() / 2, complex_dtype(self.dtype()));
    })
    .function_only()
    .grad("self", "", [](GradContext& c) { return call<"view_as_real">(c.grad()); });
OP("real(Tensor(a) self) -> Tensor(a)").function_only().composite([](const Tensor& self) -> Tensor {
  if (!is_complex(self.dtype())) return self;
  return call<"select.int">(call<"view_as_real">(self), int64_t(-1), int64_t(0));
});
OP("imag(Tensor(a) self) -> Tensor(a)").function_only().composite([](const Tensor& self) {
  RL_CHECK(is_complex(self.dtype()),
           "imag is not implemented for tensors with non-complex dtypes.");
  return call<"select.int">(call<"view_as_real">(self), int64_t(-1), int64_t(1));
});

}  // namespace
}  // namespace RL_ISA_NS
}  // namespace rl
