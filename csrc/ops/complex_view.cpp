// Complex tensors seen as pairs of real numbers, and back.
#include "dispatch/call.h"

namespace rl {
namespace {

Tensor reinterpreted(const Tensor& self, DType dtype, Dims sizes, Dims strides, int64_t offset) {
  Tensor out = alias(self, std::move(sizes), std::move(strides), offset);
  out->dtype = dtype;
  return out;
}

Tensor view_as_real(const Tensor& self) {
  RL_CHECK(is_complex(self.dtype()), "view_as_real is only supported for complex tensors");
  Dims sizes = self.sizes(), strides = self.strides();
  for (int64_t& s : strides) s *= 2;
  sizes.push_back(2);
  strides.push_back(1);
  return reinterpreted(self, real_dtype(self.dtype()), sizes, strides, self.offset() * 2);
}

Tensor view_as_complex(const Tensor& self) {
  const DType d = self.dtype();
  RL_CHECK(d == DType::Float32 || d == DType::Float64,
           "view_as_complex is only supported for floating point tensors, but got a tensor of "
           "scalar type: ",
           dtype_word(d));
  RL_CHECK(self.ndim() > 0, "Input tensor must have one or more dimensions");
  RL_CHECK(self.size(-1) == 2, "Tensor must have a last dimension of size 2");
  RL_CHECK(self.stride(-1) == 1, "Tensor must have a last dimension with stride 1");
  RL_CHECK(self.offset() % 2 == 0, "Tensor must have a storage_offset divisible by 2");
  Dims sizes = self.sizes(), strides = self.strides();
  sizes.pop_back();
  strides.pop_back();
  for (int64_t& s : strides) {
    RL_CHECK(s % 2 == 0, "Tensor must have a stride divisible by 2 for all but last dimension");
    s /= 2;
  }
  return reinterpreted(self, complex_dtype(d), sizes, strides, self.offset() / 2);
}

Tensor real(const Tensor& self) {
  if (!is_complex(self.dtype())) return self;
  return call<"select.int">(call<"view_as_real">(self), -1, 0);
}

Tensor imag(const Tensor& self) {
  RL_CHECK(is_complex(self.dtype()),
           "imag is not implemented for tensors with non-complex dtypes.");
  return call<"select.int">(call<"view_as_real">(self), -1, 1);
}

OP("view_as_real(Tensor(a) self) -> Tensor(a)")
    .function_only()
    .no_out()
    .view([](const Tensor& self) { return view_as_real(self); })
    .grad("self", "", [](GradContext& c) { return call<"view_as_complex">(contiguous(c.grad())); });
OP("view_as_complex(Tensor(a) self) -> Tensor(a)")
    .function_only()
    .no_out()
    .view([](const Tensor& self) { return view_as_complex(self); })
    .grad("self", "", [](GradContext& c) { return call<"view_as_real">(c.grad()); });
OP("real(Tensor(a) self) -> Tensor(a)").function_only().no_out().composite([](const Tensor& self) {
  return real(self);
});
OP("imag(Tensor(a) self) -> Tensor(a)").function_only().no_out().composite([](const Tensor& self) {
  return imag(self);
});

}  // namespace
}  // namespace rl
