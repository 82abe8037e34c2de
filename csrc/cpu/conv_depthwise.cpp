// Convolution of every channel with a kernel of its own, channels last: lanes are channels, and a
// vector of inputs serves all the taps that reach it.
#include <algorithm>
#include <cstring>

#include "cpu/conv.h"
#include "cpu/scratch.h"
#include "cpu/simd.h"
#include "cpu/transpose.h"
#include "pool/pool.h"

namespace rl::depthwise {
namespace {

constexpr int kMaxKernel = 7;

// One row of results, (out_width, channels).
struct RowJob {
  const float* in[kMaxKernel];  // the row that each kernel row reads; null: outside of the image
  const float* weight;          // [taps][channels]
  const float* bias;            // [channels] or null
  float* out;
  int64_t channels, in_width, out_width, left;
};

// Some rows' part of the weight gradient, channels [first, last).
struct WeightJob {
  const float* const* in;    // [rows][kernel rows], null: outside of the image
  const float* const* grad;  // [rows]
  int64_t rows, channels, first, last, in_width, out_width, left, stride;
  float* sum;  // [taps][sum_step]
  int64_t sum_step;
  float* bias_sum;  // [channels] or null
};

struct DepthwiseKernels {
  void (*forward[2])(const RowJob&);  // by stride - 1
  void (*scatter)(const RowJob&);     // gradient of the input at stride two
  void (*weights)(const WeightJob&);
};

#define RL_NO_BASELINE
#define RL_KERNELS "cpu/conv_depthwise.inc"
#include "cpu/levels.inc"

const DepthwiseKernels& best(const ConvProblem& p) {
  return simd::level() == simd::Level::avx512 ? avx512::kernels(p.kernel[0])
                                              : avx2::kernels(p.kernel[0]);
}

// Rows of the result that make a task worth a thread.
int64_t row_grain(const ConvProblem& p, int64_t width) {
  return std::max<int64_t>(1, (1 << 18) / (width * p.ic * p.kernel[0] * p.kernel[0]));
}

// [channels][taps] -> [taps][channels], the taps turned round where `flipped`.
void turn_weight(const ConvProblem& p, const float* weight, bool flipped, float* out) {
  const int64_t taps = p.kernel[0] * p.kernel[1], item = sizeof(float);
  if (!flipped) {
    transpose(reinterpret_cast<const char*>(weight), taps * item, reinterpret_cast<char*>(out),
              p.ic * item, p.ic, taps, item);
    return;
  }
  for (int64_t t = 0; t < taps; t++)
    for (int64_t c = 0; c < p.ic; c++) out[(taps - 1 - t) * p.ic + c] = weight[c * taps + t];
}

// out(y) = sum over k of in(y * stride + k - pad) * weight(k), rows and columns alike.
void run_forward(const ConvProblem& p, const int64_t* in, const int64_t* out, int64_t stride,
                 const int64_t* pad, const float* src, const float* weight, const float* bias,
                 float* dst) {
  const auto row = best(p).forward[stride - 1];
  parallel_for(p.n * out[0], row_grain(p, out[1]), [&](int64_t begin, int64_t end) {
    RowJob job{{}, weight, bias, nullptr, p.ic, in[1], out[1], pad[1]};
    for (int64_t i = begin; i < end; i++) {
      const float* image = src + i / out[0] * in[0] * in[1] * p.ic;
      for (int64_t k = 0; k < p.kernel[0]; k++) {
        const int64_t y = i % out[0] * stride + k - pad[0];
        job.in[k] = y >= 0 && y < in[0] ? image + y * in[1] * p.ic : nullptr;
      }
      job.out = dst + i * out[1] * p.ic;
      row(job);
    }
  });
}

// Rows of the gradient that one task of the weight gradient reads, and how the work is cut: by size
// alone, and the parts are added in order, so that the sums do not depend on the number of threads.
struct WeightCut {
  static constexpr int64_t kSlice = 128;  // channels of a task
  int64_t group, groups, slices, chunks;

  WeightCut(const ConvProblem& p, int64_t rows, int64_t width) {
    group = std::clamp<int64_t>(64 / width, 1, std::min<int64_t>(rows, 16));
    groups = (rows + group - 1) / group;
    slices = (p.ic + kSlice - 1) / kSlice;
    chunks = std::clamp<int64_t>(32 / slices, 1, groups);
  }
};

void add_chunk(const ConvProblem& p, const WeightCut& cut, int64_t task, const float* src,
               const float* grad, float* sum, float* bias_sum) {
  const int64_t out_h = p.out_size(0), out_w = p.out_size(1), rows = p.n * out_h, K = p.kernel[0],
                chunk = task / cut.slices, slice = task % cut.slices;
  const float *in[16 * kMaxKernel], *grads[16];
  WeightJob job{in,  grads,   0,       p.ic,        slice * cut.kSlice,
                0,   p.in[1], out_w,   p.pad_lo[1], p.stride[1],
                sum, p.ic,    bias_sum};
  job.last = std::min(p.ic, job.first + cut.kSlice);
  const int64_t begin = cut.groups * chunk / cut.chunks * cut.group,
                end = std::min(rows, cut.groups * (chunk + 1) / cut.chunks * cut.group);
  for (int64_t row = begin; row < end; row += job.rows) {
    job.rows = std::min(cut.group, end - row);
    for (int64_t i = 0; i < job.rows; i++) {
      const int64_t image = (row + i) / out_h, top = (row + i) % out_h * p.stride[0] - p.pad_lo[0];
      grads[i] = grad + (row + i) * out_w * p.ic;
      for (int64_t k = 0; k < K; k++) {
        const int64_t y = top + k;
        in[i * K + k] =
            y >= 0 && y < p.in[0] ? src + (image * p.in[0] + y) * p.in[1] * p.ic : nullptr;
      }
    }
    best(p).weights(job);
  }
}

}  // namespace

bool handles(const ConvProblem& p) {
  const int64_t k = p.kernel[0];
  return p.type == onednn::Type::f32 && p.nd == 2 && p.groups == p.ic && p.oc == p.ic &&
         p.ic >= 8 && (k == 3 || k == 5 || k == 7) && p.kernel[1] == k && p.dilation[0] == 1 &&
         p.dilation[1] == 1 && p.stride[0] == p.stride[1] && p.stride[0] <= 2 &&
         simd::level() >= simd::Level::avx2;
}
bool handles_ordered(const ConvProblem& p) {
  return p.src_order == onednn::Order::channels_last &&
         p.dst_order == onednn::Order::channels_last && handles(p);
}

size_t packed_bytes(const ConvProblem& p) {
  return sizeof(float) * size_t(p.ic * p.kernel[0] * p.kernel[1]);
}
void pack(const ConvProblem& p, const float* weight, float* packed) {
  turn_weight(p, weight, false, packed);
}

void forward(const ConvProblem& p, const float* src, const float* weight, const float* packed,
             const float* bias, float* dst) {
  const int64_t out[2] = {p.out_size(0), p.out_size(1)};
  const Scratch turned(packed ? 0 : packed_bytes(p));
  if (!packed) turn_weight(p, weight, false, turned.get<float>());
  run_forward(p, p.in, out, p.stride[0], p.pad_lo, src, packed ? packed : turned.get<float>(), bias,
              dst);
}

void backward_data(const ConvProblem& p, const float* weight, const float* diff_dst,
                   float* diff_src) {
  const int64_t out[2] = {p.out_size(0), p.out_size(1)}, K = p.kernel[0];
  const Scratch turned(packed_bytes(p));
  if (p.stride[0] == 1) {  // a convolution with the kernel turned round
    const int64_t pad[2] = {K - 1 - p.pad_lo[0], K - 1 - p.pad_lo[1]};
    turn_weight(p, weight, true, turned.get<float>());
    run_forward(p, out, p.in, 1, pad, diff_dst, turned.get<float>(), nullptr, diff_src);
    return;
  }
  turn_weight(p, weight, false, turned.get<float>());
  const auto scatter = best(p).scatter;
  const float* const taps = turned.get<float>();
  parallel_for(p.n * p.in[0], row_grain(p, p.in[1]), [&](int64_t begin, int64_t end) {
    RowJob job{{}, taps, nullptr, nullptr, p.ic, out[1], p.in[1], p.pad_lo[1]};
    for (int64_t i = begin; i < end; i++) {
      const float* image = diff_dst + i / p.in[0] * out[0] * out[1] * p.ic;
      for (int64_t k = 0; k < K; k++) {
        const int64_t y = i % p.in[0] + p.pad_lo[0] - k;
        job.in[k] =
            y >= 0 && y % 2 == 0 && y / 2 < out[0] ? image + y / 2 * out[1] * p.ic : nullptr;
      }
      job.out = diff_src + i * p.in[1] * p.ic;
      scatter(job);
    }
  });
}

void backward_weights(const ConvProblem& p, const float* src, const float* diff_dst,
                      float* diff_weight, float* diff_bias) {
  const int64_t taps = p.kernel[0] * p.kernel[1], part = (taps + 1) * p.ic;
  const WeightCut cut(p, p.n * p.out_size(0), p.out_size(1));
  const Scratch sums(sizeof(float) * part * cut.chunks);
  float* const sum = sums.get<float>();
  std::fill_n(sum, part * cut.chunks, 0.f);
  parallel_for(cut.chunks * cut.slices, 1, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; i++) {
      float* own = sum + i / cut.slices * part;
      add_chunk(p, cut, i, src, diff_dst, own, diff_bias ? own + taps * p.ic : nullptr);
    }
  });
  for (int64_t k = 1; k < cut.chunks; k++)
    for (int64_t i = 0; i < part; i++) sum[i] += sum[k * part + i];
  for (int64_t c = 0; c < p.ic; c++)
    for (int64_t t = 0; t < taps; t++) diff_weight[c * taps + t] = sum[t * p.ic + c];
  if (diff_bias) std::copy_n(sum + taps * p.ic, p.ic, diff_bias);
}

}  // namespace rl::depthwise
