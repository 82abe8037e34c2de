#pragma once
// Convolution of one to three spatial dimensions on raw memory: forward, gradient of the input,
// gradient of weight and bias. Chooses between the library, our direct kernels and im2col + gemm.
// A transposed convolution is the gradient of the input of the convolution it transposes.

#include <cstdint>

#include "cpu/onednn.h"

namespace rl {

using onednn::ConvAfter;
using onednn::ConvProblem;

// T: float, double, or any integer type gemm knows.
// Activations lie in p.src_order and p.dst_order (channels_last for float only); weight and its
// gradient are plain. bias and diff_bias may be null. Outputs are overwritten.
// `packed`, where given, is the weight as pack_weight left it.
template <class T>
void conv_forward(const ConvProblem& p, const T* src, const T* weight, const T* bias, T* dst,
                  const void* packed = nullptr);
// With steps that follow in the same pass where the kernel can, else in one more. `other` may not
// be dst.
void conv_forward_after(const ConvProblem& p, const float* src, const float* weight,
                        const float* bias, const ConvAfter& after, float* dst,
                        const void* packed = nullptr);
template <class T>
void conv_backward_data(const ConvProblem& p, const T* weight, const T* diff_dst, T* diff_src);
template <class T>
void conv_backward_weights(const ConvProblem& p, const T* src, const T* diff_dst, T* diff_weight,
                           T* diff_bias);

// A float32 weight in the order that conv_forward turns it into at every call. 0 bytes: in none.
size_t packed_weight_bytes(const ConvProblem& p, bool bias);
void pack_weight(const ConvProblem& p, bool bias, const float* weight, void* packed);

// The same in the half type p.type, sums in float32. Each returns false where the processor or the
// library has no kernel; nothing is written then.
bool half_conv_forward(const ConvProblem& p, const void* src, const void* weight, const void* bias,
                       void* dst);
bool half_conv_backward_data(const ConvProblem& p, const void* weight, const void* diff_dst,
                             void* diff_src);
bool half_conv_backward_weights(const ConvProblem& p, const void* src, const void* diff_dst,
                                void* diff_weight, void* diff_bias);

// Every window of every image as a column, (n, ic, in...) to (n, ic * kernel, windows), and the sum
// of such columns back into images. p.oc and p.groups do not matter. T: floating, complex or bool.
template <class T>
void unfold_images(const ConvProblem& p, const T* images, T* columns);
template <class T>
void fold_images(const ConvProblem& p, const T* columns, T* images);

// The order in which this problem runs fastest, all three passes together. The answer
// does not read p.src_order and p.dst_order.
onednn::Order preferred_order(const ConvProblem& p);

namespace direct {

// Kernels for few channels, float32, plain order, one or two spatial dimensions. Their sums do not
// depend on the number of threads.
bool handles_forward(const ConvProblem& p);
bool handles_backward_data(const ConvProblem& p);
bool handles_backward_weights(const ConvProblem& p);
// Plain input of up to four channels (images), output with channels last: forward and the gradient
// of the weight.
bool handles_mixed(const ConvProblem& p);
void forward_mixed(const ConvProblem& p, const float* src, const float* weight, const float* bias,
                   float* dst);
void backward_mixed_weights(const ConvProblem& p, const float* src, const float* diff_dst,
                            float* diff_weight, float* diff_bias);
void forward(const ConvProblem& p, const float* src, const float* weight, const float* bias,
             float* dst);
void backward_data(const ConvProblem& p, const float* weight, const float* diff_dst,
                   float* diff_src);
void backward_weights(const ConvProblem& p, const float* src, const float* diff_dst,
                      float* diff_weight, float* diff_bias);

}  // namespace direct

namespace lanes {

// The direct kernels' problems again, with one image of a large batch in each lane of a vector: no
// lane is wasted, however narrow the images. Each is asked after direct::handles_* said yes.
// `forward`: whether the pass reads the input (forward, gradient of the weight) or the output.
bool handles(const ConvProblem& p, bool forward);
void forward(const ConvProblem& p, const float* src, const float* weight, const float* bias,
             float* dst);
void backward_data(const ConvProblem& p, const float* weight, const float* diff_dst,
                   float* diff_src);
void backward_weights(const ConvProblem& p, const float* src, const float* diff_dst,
                      float* diff_weight, float* diff_bias);

}  // namespace lanes

namespace depthwise {

// A kernel of 3 x 3, 5 x 5 or 7 x 7 for every channel, stride one or two, float32. Its sums do not
// depend on the number of threads.
bool handles(const ConvProblem& p);          // in channels-last order
bool handles_ordered(const ConvProblem& p);  // in the orders that `p` names
size_t packed_bytes(const ConvProblem& p);
void pack(const ConvProblem& p, const float* weight, float* packed);
// Reads either the plain weight or, where not null, the packed one.
void forward(const ConvProblem& p, const float* src, const float* weight, const float* packed,
             const float* bias, float* dst);
void backward_data(const ConvProblem& p, const float* weight, const float* diff_dst,
                   float* diff_src);
void backward_weights(const ConvProblem& p, const float* src, const float* diff_dst,
                      float* diff_weight, float* diff_bias);

}  // namespace depthwise

namespace winograd {

// 3 x 3 kernels at stride one or two with channels last, float32. Their sums do not depend on the
// number of threads.
bool handles(const ConvProblem& p);          // forward and the gradient of the input
bool handles_packed(const ConvProblem& p);   // forward with a packed weight
bool handles_weights(const ConvProblem& p);  // the gradient of the weight
size_t packed_bytes(const ConvProblem& p);
void pack(const ConvProblem& p, const float* weight, float* packed);
// Reads the packed weight where not null, and the plain one about what is not finite.
void forward(const ConvProblem& p, const float* src, const float* weight, const float* packed,
             const float* bias, float* dst);
void backward_data(const ConvProblem& p, const float* weight, const float* diff_dst,
                   float* diff_src);
void backward_weights(const ConvProblem& p, const float* src, const float* diff_dst,
                      float* diff_weight, float* diff_bias);

}  // namespace winograd
}  // namespace rl
