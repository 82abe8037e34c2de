#include "dispatch/promotion.h"

namespace rl {

namespace {

DType default_dtype_ = DType::Float32;
Device default_device_;

DType skip_undefined(DType a, DType b) {
  if (a == DType::Undefined) return b;
  if (b == DType::Undefined) return a;
  return promote_types(a, b);
}

DType combine(DType higher, DType lower) {
  if (is_complex(higher)) return higher;
  if (is_floating(higher)) {
    // A float dtype meeting a weaker complex one keeps its precision.
    return is_complex(lower) ? complex_dtype(higher) : higher;
  }
  if (higher == DType::Bool || is_floating(lower) || is_complex(lower)) {
    return skip_undefined(higher, lower);
  }
  return higher != DType::Undefined ? higher : lower;
}

DType number_dtype(DType d) {
  if (is_complex(d)) return complex_dtype(default_dtype_);
  if (is_floating(d)) return default_dtype_;
  return d;
}

}  // namespace

DType default_dtype() { return default_dtype_; }
void set_default_dtype(DType dtype) { default_dtype_ = dtype; }
Device default_device() { return default_device_; }
void set_default_device(Device device) { default_device_ = device; }

DType promote_types(DType a, DType b) {
  if (a == b) return a;
  if (is_wide_unsigned(a) || is_wide_unsigned(b)) {
    DType other = is_wide_unsigned(a) ? b : a;
    RL_CHECK(is_floating(other) || is_complex(other),
             "Promotion for uint16, uint32, uint64 types is not supported, attempted to promote ",
             dtype_word(a), " and ", dtype_word(b));
    return other;
  }
  if (a > b) std::swap(a, b);  // b is of the same or a higher category
  if (is_complex(b)) {
    bool wide = b == DType::Complex128 || a == DType::Complex128 || a == DType::Float64;
    return wide ? DType::Complex128 : DType::Complex64;
  }
  if (is_floating(b)) {
    if (a == DType::Float16 && b == DType::BFloat16) return DType::Float32;
    return b;
  }
  if (a == DType::UInt8 && b == DType::Int8) return DType::Int16;
  return b;
}

void Promotion::add(const Tensor& t) {
  DType d = t.dtype();
  if (t->wrapped_number) {
    number_ = skip_undefined(number_, number_dtype(d));
  } else if (t.ndim() == 0) {
    zero_ = skip_undefined(zero_, d);
  } else {
    dims_ = skip_undefined(dims_, d);
  }
}

void Promotion::add(const Scalar& s) { number_ = skip_undefined(number_, number_dtype(s.dtype())); }

DType Promotion::result() const { return combine(dims_, combine(zero_, number_)); }

}  // namespace rl
