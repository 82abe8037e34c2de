#pragma once
// What convolution and batch normalisation leave open (Storage::leave_open): the sum of a
// convolution, x * scale + shift, and an addition and a relu that follow are one pass over memory.
// docs/design/engine.md, "Open steps".
#include "dispatch/op.h"

namespace rl {

struct ChannelShape;
namespace onednn {
struct ConvProblem;
}
class Activation;
class PackedWeight;

// Leaves a forward convolution open in `out`, which is fresh and lies channels last. False where
// that does not pay or changes of what it reads would not be seen.
bool leave_conv_open(const Tensor& out, const onednn::ConvProblem& problem, Activation& x,
                     const Tensor& weight, const Tensor& bias, const Ref<PackedWeight>& packed);

// Leaves x * scale[c] + shift[c] open in `out`, which is fresh. `input` is where x came from: an
// open convolution is taken over.
bool leave_affine_open(const Tensor& out, const ChannelShape& shape, Activation& x,
                       const std::vector<float>& scale, const std::vector<float>& shift);
bool leave_conv_affine_open(const Tensor& out, const Tensor& input, const ChannelShape& shape,
                            const std::vector<float>& scale, const std::vector<float>& shift);

// The gradient of relu: left open for batch normalisation where relu joined it.
Tensor relu_gradient(GradContext& c);

// A gradient that relu_gradient left open, for the batch norm of `input`: `data` before the relu,
// which is passed where input * scale[c] + shift[c] is above 0. Without a step: not open, or
// another batch norm's.
struct OpenGradient {
  Ref<OpenStep> step;
  const void* data = nullptr;
  const float *scale = nullptr, *shift = nullptr;
};
OpenGradient open_gradient(const Tensor& grad, const Tensor& input, const ChannelShape& shape);

// Op::join of relu and of add.Tensor.
bool join_relu(const Value* args, const Tensor* self, Value& result);
bool join_add(const Value* args, const Tensor* self, Value& result);

}  // namespace rl
