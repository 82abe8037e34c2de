// cpu/transfer.h: element-by-element copy between tensors of any strides and dtypes.
#pragma once
#include "core/tensor.h"

namespace rl {

// out[...] = src[...], broadcasting src; both on the CPU. Handles overlap by copying first.
void transfer(const Tensor& src, const Tensor& out);

}  // namespace rl
