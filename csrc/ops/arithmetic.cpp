// Arithmetic of two operands. Compiled once per instruction level.
#include "cpu/pointwise.h"
#include "dispatch/call.h"

namespace rl {
inline namespace RL_ISA_NS {
namespace {


template <class T>
struct Add {
  T alpha;
  explicit Add(const Value* args) : alpha(to_scalar(args[2]).to<T>()) {}
  T operator()(T a, T b) const {
    if constexpr (std::is_same_v<T, bool>) {
      return a || (alpha && b);
    } else {
      return T(a + T(alpha * b));
    }
  }
};
template <class T>
struct Sub {
  T alpha;
  explicit Sub(const Value* args) : alpha(to_scalar(args[2]).to<T>()) {}
  T operator()(T a, T b) const { return T(a - T(alpha * b)); }
};
template <class T>
struct Mul {
  T operator()(T a, T b) const {
    if constexpr (std::is_same_v<T, bool>) {
      return a && b;
    } else {
      return T(a * b);
    }
  }
};
template <class T>
struct Div {
  T operator()(T a, T b) const { return a / b; }
};
template <class T>
struct Neg {
  T operator()(T a) const { return T(-a); }
};

using NumberTypes = TypeList<uint8_t, int8_t, int16_t, int32_t, int64_t, float, double, complex64, complex128>;
using NumberBoolTypes =
    TypeList<bool, uint8_t, int8_t, int16_t, int32_t, int64_t, float, double, complex64, complex128>;

Tensor scaled(const Tensor& g, const Scalar& alpha) { return alpha.equal(1) ? g : g * alpha; }

OP("add.Tensor(Tensor self, Tensor other, *, Scalar alpha=1) -> Tensor")
    .pointwise(pointwise<Add, 2, NumberBoolTypes>())
    .grad("self", "", [](GradContext& c) { return c.grad(); })
    .grad("other", "", [](GradContext& c) { return scaled(c.grad(), c.scalar("alpha")); });
OP("sub.Tensor(Tensor self, Tensor other, *, Scalar alpha=1) -> Tensor")
    .pointwise(pointwise<Sub, 2, NumberTypes>())
    .grad("self", "", [](GradContext& c) { return c.grad(); })
    .grad("other", "", [](GradContext& c) { return -scaled(c.grad(), c.scalar("alpha")); });
OP("mul.Tensor(Tensor self, Tensor other) -> Tensor")
    .pointwise(pointwise<Mul, 2, NumberBoolTypes>())
    .grad("self", "other", [](GradContext& c) { return c.grad() * conj(c.tensor("other")); })
    .grad("other", "self", [](GradContext& c) { return c.grad() * conj(c.tensor("self")); });
OP("div.Tensor(Tensor self, Tensor other) -> Tensor")
    .pointwise(pointwise<Div, 2, FloatComplexTypes, Promote::IntToFloat>())
    .grad("self", "other", [](GradContext& c) { return c.grad() / conj(c.tensor("other")); })
    .grad("other", "self other", [](GradContext& c) {
      Tensor other = c.tensor("other");
      return -c.grad() * conj((c.tensor("self") / other) / other);
    });
OP("neg(Tensor self) -> Tensor")
    .pointwise(pointwise<Neg, 1, NumberTypes>())
    .grad("self", "", [](GradContext& c) { return -c.grad(); });

}  // namespace
}  // namespace RL_ISA_NS
}  // namespace rl
