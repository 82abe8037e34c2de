// dispatch/promotion.h: PyTorch's type promotion.
#pragma once
#include "core/tensor.h"

namespace rl {

DType default_dtype();
void set_default_dtype(DType dtype);
// Where factories put new tensors when no device is given.
Device default_device();
void set_default_device(Device device);

DType promote_types(DType a, DType b);

// Collects operands: tensors with dimensions outrank 0-d tensors, which outrank Python numbers,
// within a category (bool < integer < floating < complex).
class Promotion {
 public:
  void add(const Tensor& t);
  void add(const Scalar& s);
  DType result() const;

 private:
  DType dims_ = DType::Undefined, zero_ = DType::Undefined, number_ = DType::Undefined;
};

}  // namespace rl
