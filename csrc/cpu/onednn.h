#pragma once
// oneDNN behind one door: matrix product and convolution primitives, opened with dlopen on first
// use. Raw pointers in, raw pointers out; nothing here knows tensors. Every function may be called
// from any thread, and from a forked child.

#include <cstddef>
#include <cstdint>

namespace rl::onednn {

enum class Type : uint8_t { f32, bf16, f16 };

// Physical order of an activation: (N, C, spatial...) or (N, spatial..., C).
enum class Order : uint8_t { plain, channels_last };

// One convolution problem. Spatial arrays hold `nd` entries. Weights are always plain, contiguous
// (oc, ic / groups, kernel...). Output size follows from the rest: see out_size().
struct ConvProblem {
  int nd = 2;
  int64_t n = 0, ic = 0, oc = 0, groups = 1;
  int64_t in[3] = {1, 1, 1};
  int64_t kernel[3] = {1, 1, 1};
  int64_t stride[3] = {1, 1, 1};
  int64_t pad_lo[3] = {0, 0, 0};
  int64_t pad_hi[3] = {0, 0, 0};
  int64_t dilation[3] = {1, 1, 1};
  Type type = Type::f32;
  Order src_order = Order::plain;
  Order dst_order = Order::plain;

  int64_t out_size(int i) const {
    return (in[i] + pad_lo[i] + pad_hi[i] - dilation[i] * (kernel[i] - 1) - 1) / stride[i] + 1;
  }
};

// What follows a forward convolution before its results are written, rounded after each step:
// y * scale[c] + shift[c], plus `other` (in dst_order) where it is there, and then, with relu, 0
// for negative results (NaN stays).
struct ConvAfter {
  const float *scale = nullptr, *shift = nullptr, *other = nullptr;
  bool relu = false;
};

// Opens the library. False when it is missing or RUSHLIGHT_ONEDNN=0: then no function below may be
// called but version(), conv_* and half_gemm, which return "" and false.
bool available();

// The library's version as "3.2.0", or "" where available() is false. Opens the library.
const char* version();

// Row-major C = alpha * op(A) op(B) + beta * C.
void sgemm(bool trans_a, bool trans_b, int64_t m, int64_t n, int64_t k, float alpha, const float* a,
           int64_t lda, const float* b, int64_t ldb, float beta, float* c, int64_t ldc);

// Row-major C = op(A) op(B) for bf16 or f16 operands with float32 sums; `c_type` f32 or `type`.
// Returns false when this processor has no such kernel (the caller converts and uses sgemm).
bool half_gemm(Type type, Type c_type, bool trans_a, bool trans_b, int64_t m, int64_t n, int64_t k,
               const void* a, int64_t lda, const void* b, int64_t ldb, void* c, int64_t ldc,
               const void* bias = nullptr);

// Each returns false when oneDNN has no kernel for the problem; nothing is written then.
// `packed`, where given, is what conv_pack wrote: `weight` is not read then.
bool conv_forward(const ConvProblem& p, const void* src, const void* weight, const void* bias,
                  void* dst, const void* packed = nullptr, const ConvAfter* after = nullptr);
// Bytes of the weight in the order that conv_forward turns it into; 0 where it takes it as it is.
size_t conv_packed_bytes(const ConvProblem& p, bool bias);
void conv_pack(const ConvProblem& p, bool bias, const void* weight, void* packed);
bool conv_backward_data(const ConvProblem& p, const void* weight, const void* diff_dst,
                        void* diff_src);
// diff_bias may be null.
bool conv_backward_weights(const ConvProblem& p, const void* src, const void* diff_dst,
                           void* diff_weight, void* diff_bias);

// Drops cached primitives.
void clear_cache();

}  // namespace rl::onednn

namespace rl {

// While true, kernels of the library whose sums depend on the number of threads (float32 products,
// weight gradients of convolutions) give way to ours.
void set_thread_independent(bool on);
bool thread_independent();

}  // namespace rl
