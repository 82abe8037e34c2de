// ops/reduction.h: what reduction operators and their gradients share.
#pragma once
#include "dispatch/call.h"

namespace rl {

// The dims of a reduction, wrapped; none given means all.
struct Over {
  Dims dims;
  bool all = false;
  Over() : all(true) {}
  Over(int ndim, const Dims& given) : dims(wrap_dims(given, ndim)), all(given.empty()) {}
  Over(int ndim, const std::optional<Dims>& given) : Over(ndim, given.value_or(Dims())) {}
  bool has(int d) const { return all || std::find(dims.begin(), dims.end(), d) != dims.end(); }
};

inline Dims reduced_sizes(const Tensor& self, const Over& over, bool keepdim) {
  return reduced_sizes(self.sizes(), over.dims, keepdim);
}
inline int64_t reduced_count(const Dims& sizes, const Over& over) {
  int64_t n = 1;
  for (int i = 0; i < sizes.ndim(); ++i) n *= over.has(i) ? sizes[i] : 1;
  return n;
}

inline Tensor equals(const Tensor& t, const Scalar& v) {
  return call<"eq.Tensor">(t, wrapped_number(v));
}
inline Tensor above(const Tensor& t, const Scalar& v) {
  return call<"gt.Tensor">(t, wrapped_number(v));
}

// A reduced tensor with its dims of size 1 put back.
inline Tensor with_dims(const Tensor& t, const Dims& sizes, const Over& over, bool keepdim) {
  if (keepdim || over.all || sizes.empty()) return t;
  return call<"reshape">(t, reduced_sizes(sizes, over.dims, true));
}
inline Tensor expand_reduced(const Tensor& t, const Dims& sizes, const Over& over, bool keepdim) {
  return call<"expand">(with_dims(t, sizes, over, keepdim), sizes);
}

// "amax(): Expected reduction dim ...": reductions without an identity.
inline void check_not_empty(const Tensor& self, const Over& over, const char* name) {
  if (self.numel() != 0) return;
  RL_CHECK(
      !over.all || self.ndim() == 0, name,
      "(): Expected reduction dim to be specified for input.numel() == 0. Specify the reduction dim "
      "with the 'dim' argument.");
  for (int64_t d : over.dims) {
    RL_CHECK_KIND(Index, self.sizes()[d] != 0, name, "(): Expected reduction dim ", d,
                  " to have non-zero size.");
  }
}

// Gradient of picking values[i] = self[indices[i]] along dim.
inline Tensor pick_backward(const Tensor& grad, int64_t dim, const Tensor& indices,
                            const Dims& sizes, bool keepdim) {
  Tensor g = grad, at = indices;
  if (!keepdim && !sizes.empty()) {
    g = call<"unsqueeze">(g, dim);
    at = call<"unsqueeze">(at, dim);
  }
  Tensor zeros = call<"zeros">(sizes, grad.dtype(), Value(), grad.device());
  return call<"scatter.src">(zeros, dim, at, g);
}

// Shares the gradient among the elements that equal the result.
inline Tensor share_backward(const Tensor& grad, const Tensor& self, const Tensor& result,
                             const Over& over, bool keepdim, bool nans_too) {
  Tensor g = with_dims(grad, self.sizes(), over, keepdim),
         r = with_dims(result, self.sizes(), over, keepdim);
  Tensor same = call<"eq.Tensor">(self, r);
  if (nans_too && self.numel() && item(call<"isnan">(detach(r))).to<bool>())
    same = call<"isnan">(detach(self));
  Value dims = over.all ? Value() : Value(over.dims);
  return g / call<"sum.dim_IntList">(same, dims, true) * same;
}
inline DType accumulate_dtype(DType d) {
  return is_half(d) ? DType::Float32 : is_integral(d, true) ? DType::Int64 : d;
}

}  // namespace rl
