// dispatch/call.h: calling operators by name from C++: call<"mul.Tensor">(a, b).
#pragma once
#include "dispatch/op.h"

namespace rl {

template <size_t N>
struct FixedString {
  char text[N];
  constexpr FixedString(const char (&s)[N]) { std::copy_n(s, N, text); }
};

Op& require_op(const char* full_name);

template <FixedString Name>
struct OpHandle {
  static Op& get() {
    static Op& op = require_op(Name.text);
    return op;
  }
};

template <class... A>
void fill_args(const Op& op, ValueBuffer& buffer, A&&... args) {
  size_t i = 0;
  ((buffer[i++] = box(std::forward<A>(args))), ...);
  for (; i < op.schema.args.size(); ++i) buffer[i] = op.schema.args[i].default_value;
}

// First result of the operator; positional arguments, the rest by default.
template <FixedString Name, class... A>
Tensor call(A&&... args) {
  const Op& op = OpHandle<Name>::get();
  ValueBuffer buffer(op.schema.args.size() + kMaxResults);
  fill_args(op, buffer, std::forward<A>(args)...);
  Value results[kMaxResults];
  call_op(op, buffer.data(), results);
  return Unbox<Tensor>::get(results[0]);
}

// All results.
template <FixedString Name, class... A>
TensorList call_all(A&&... args) {
  const Op& op = OpHandle<Name>::get();
  ValueBuffer buffer(op.schema.args.size() + kMaxResults);
  fill_args(op, buffer, std::forward<A>(args)...);
  Value results[kMaxResults];
  call_op(op, buffer.data(), results);
  if (auto* list = std::get_if<TensorList>(&results[0])) return std::move(*list);
  TensorList out;
  for (size_t i = 0; i < op.schema.returns.size(); ++i) {
    out.push_back(Unbox<Tensor>::get(results[i]));
  }
  return out;
}

// The in-place form: call_<"add.Tensor">(x, y) is x.add_(y).
template <FixedString Name, class... A>
void call_(A&&... args) {
  const Op& op = OpHandle<Name>::get();
  ValueBuffer buffer(op.schema.args.size() + kMaxResults);
  fill_args(op, buffer, std::forward<A>(args)...);
  Value results[kMaxResults];
  call_op_inplace(op, buffer.data(), results);
}

// call<Name>(c.grad(), args...) for a pointwise operator, written over the gradient where nothing
// else holds it: no fresh memory, and one stream of bytes less.
template <FixedString Name, class... A>
Tensor over_grad(GradContext& c, A&&... args) {
  const Tensor grad = c.take_grad();
  const bool ours = !GradMode::enabled() && grad->use_count() == 1 &&
                    grad.storage()->use_count() == 1 && grad.is_contiguous() &&
                    grad.dtype() == c.result_dtype();
  if (!ours) return call<Name>(grad, std::forward<A>(args)...);
  call_<Name>(grad, std::forward<A>(args)...);
  return grad;
}

// Arithmetic for gradient rules and composites.
inline Tensor operator+(const Tensor& a, const Tensor& b) { return call<"add.Tensor">(a, b); }
inline Tensor operator-(const Tensor& a, const Tensor& b) { return call<"sub.Tensor">(a, b); }
inline Tensor operator*(const Tensor& a, const Tensor& b) { return call<"mul.Tensor">(a, b); }
inline Tensor operator/(const Tensor& a, const Tensor& b) { return call<"div.Tensor">(a, b); }
inline Tensor operator-(const Tensor& a) { return call<"neg">(a); }
inline Tensor operator+(const Tensor& a, const Scalar& b) { return a + wrapped_number(b); }
inline Tensor operator-(const Tensor& a, const Scalar& b) { return a - wrapped_number(b); }
inline Tensor operator*(const Tensor& a, const Scalar& b) { return a * wrapped_number(b); }
inline Tensor operator/(const Tensor& a, const Scalar& b) { return a / wrapped_number(b); }
inline Tensor operator+(const Scalar& a, const Tensor& b) { return wrapped_number(a) + b; }
inline Tensor operator-(const Scalar& a, const Tensor& b) { return wrapped_number(a) - b; }
inline Tensor operator*(const Scalar& a, const Tensor& b) { return wrapped_number(a) * b; }
inline Tensor operator/(const Scalar& a, const Tensor& b) { return wrapped_number(a) / b; }

// Frequent steps of gradient rules.
inline Tensor conj(const Tensor& t) { return is_complex(t.dtype()) ? call<"conj_physical">(t) : t; }
inline Tensor zeros_like(const Tensor& t) { return call<"zeros_like">(t); }
inline Tensor contiguous(const Tensor& t) { return t.is_contiguous() ? t : call<"contiguous">(t); }
inline Tensor to_dtype(const Tensor& t, DType d) {
  return t.dtype() == d ? t : call<"_to_copy">(t, d);
}
// Sums a gradient over broadcast dimensions back to `sizes`.
Tensor sum_to_size(const Tensor& t, const Dims& sizes);

}  // namespace rl
