// Convolution by Winograd's F(2x4, 3x3): 24 products where the plain sum needs 72. Its rounding
// errors are 1.2 to 1.6 times those of the plain sum (docs/design/convolution.md).
//
// S. Winograd, Arithmetic Complexity of Computations, 1980; A. Lavin and S. Gray, Fast Algorithms
// for Convolutional Neural Networks, arXiv 1509.09308, equations 5 to 8; B. Barabasz, A. Anderson,
// K. Soodhalter and D. Gregg, Error Analysis and Improving the Accuracy of Winograd Convolution,
// arXiv 1803.10986.
#include "cpu/conv_winograd.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include "cpu/conv.h"
#include "cpu/scratch.h"
#include "cpu/simd.h"
#include "pool/pool.h"

namespace rl::winograd {
namespace {

constexpr int64_t kMaxChannels = 2048, kMaxWidth = kMaxChannels;
constexpr int kDown = 4, kAcross = 6;  // positions of a tile of 2 x 4 outputs
constexpr int64_t kPositions = kDown * kAcross;
constexpr int64_t kStep = 256;       // inputs between additions to the sums
constexpr int64_t kMostTiles = 132;  // of a block

// Tiles whose outputs go to images (n, rows, cols, channels).
struct OutputRun {
  const Place* tiles;
  int64_t count;
  float* data;
  int64_t rows, cols, channels;
  const float* bias;  // may be null

  // Null for what is another tile's or nobody's.
  void pointers(const Place& t, float** to) const {
    for (int64_t y = 0; y < 2; y++)
      for (int64_t x = 0; x < 4; x++) {
        const bool own = y < t.rows && x < t.cols && t.y + y < rows && t.x + x < cols;
        *to++ = own ? data + ((t.image * rows + t.y + y) * cols + t.x + x) * channels : nullptr;
      }
  }
};

// Kernel taps of (output, input) at data + output * output_step + input * input_step.
struct WeightView {
  const float* data;
  int64_t inputs, outputs, input_step, output_step;
  bool flipped;

  float tap(int64_t output, int64_t input, int64_t i) const {
    return data[output * output_step + input * input_step + (flipped ? 8 - i : i)];
  }
};

struct WinogradKernels {
  void (*transform_inputs)(const Image& image, const Place* tiles, int64_t count, float* out,
                           int64_t position_step);
  void (*transform_outputs)(const OutputRun& run, const float* in, int64_t position_step,
                            bool* strange);
  void (*transform_weights)(const WeightView& w, int64_t first, int64_t width, float* out,
                            int64_t position_step);
  void (*multiply)(int64_t rows, int64_t inputs, int64_t outputs, const float* a,
                   const float* panels, float* c);
  void (*add_rows)(const float* in, int64_t rows, int64_t channels, float* sum);
  int panel;
};

#define RL_NO_BASELINE
#define RL_KERNELS "cpu/conv_winograd.inc"
#include "cpu/levels.inc"

const WinogradKernels& best() {
  static const WinogradKernels& chosen =
      simd::level() == simd::Level::avx512 ? avx512::kernels() : avx2::kernels();
  return chosen;
}

// Positions lie one cache line further apart than their size: at powers of two all would fall on
// one set of the first cache.
int64_t padded(int64_t floats) { return floats + 16; }

// Tiles per block: few, so that a position's data stay in the first caches, but more where the
// weights are read from memory for each block; the same number of blocks for every thread. A tile's
// results do not depend on its block.
int64_t block_tiles(int64_t tiles, int64_t weights) {
  const int64_t most = weights > int64_t{4} << 20 ? kMostTiles : 60, threads = num_threads();
  const int64_t rounds = (tiles + most * threads - 1) / (most * threads);
  const int64_t step = (tiles + rounds * threads - 1) / (rounds * threads);
  return std::max<int64_t>(12, (step + 5) / 6 * 6);
}

void pack_panels(const WeightView& w, float* u) {
  const WinogradKernels& k = best();
  const int64_t panels = (w.outputs + k.panel - 1) / k.panel, step = padded(w.inputs * w.outputs);
  parallel_for(panels, 1, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin * k.panel; i < std::min(w.outputs, end * k.panel); i += k.panel)
      k.transform_weights(w, i, std::min<int64_t>(k.panel, w.outputs - i), u + i * w.inputs, step);
  });
}

WeightView forward_view(const ConvProblem& p, const float* weight) {
  return {weight, p.ic, p.oc, 9, p.ic * 9, false};
}

// A convolution of images (n, in[0], in[1], inputs) to (n, out[0], out[1], outputs).
struct Convolution {
  const int64_t *in, *out, *pad;
  const float* data;
  WeightView weight;
  const float* bias;  // may be null
  float* result;

  Image image() const {
    return {data, in[0], in[1], weight.inputs, pad[0], pad[1], 0, weight.inputs, false};
  }
  OutputRun outputs(const Tiles& tiles) const {
    return {tiles.data(), tiles.size(), result, out[0], out[1], weight.outputs, bias};
  }
};

// In a tile an infinity or a NaN reaches outputs that do not read it. These are summed again as
// they are defined.
void repair(const Convolution& c, const Place& t) {
  const int64_t inputs = c.weight.inputs, outputs = c.weight.outputs;
  const std::vector<float> zeros(size_t(inputs), 0.0f);
  const float* from[kPositions];
  c.image().pointers<kDown, kAcross>(t, zeros.data(), from);
  bool finite[kPositions];
  for (int64_t i = 0; i < kPositions; i++)
    finite[i] = std::all_of(from[i], from[i] + inputs, [](float v) { return std::isfinite(v); });
  float* to[8];
  OutputRun{&t, 1, c.result, c.out[0], c.out[1], outputs, c.bias}.pointers(t, to);
  for (int64_t i = 0; i < 8; i++) {
    const int64_t corner = i / 4 * kAcross + i % 4;
    bool reads_finite = true;
    for (int64_t tap = 0; tap < 9; tap++)
      reads_finite = reads_finite && finite[corner + tap / 3 * kAcross + tap % 3];
    for (int64_t o = 0; to[i] && reads_finite && o < outputs; o++) {
      double sum = c.bias ? c.bias[o] : 0;
      for (int64_t tap = 0; tap < 9; tap++) {
        const float* const x = from[corner + tap / 3 * kAcross + tap % 3];
        for (int64_t k = 0; k < inputs; k++) sum += double(x[k]) * c.weight.tap(o, k, tap);
      }
      to[i][o] = float(sum);
    }
  }
}

// u: the weights as pack_panels left them.
void run(const Convolution& c, int64_t n, const float* u) {
  const WinogradKernels& k = best();
  const Axis rows(c.out[0], 2), cols(c.out[1], 4);
  const int64_t inputs = c.weight.inputs, outputs = c.weight.outputs,
                all = n * rows.tiles * cols.tiles, u_step = padded(inputs * outputs),
                step = block_tiles(all, kPositions * u_step);
  parallel_for((all + step - 1) / step, 1, [&](int64_t begin, int64_t end) {
    const int64_t v_step = padded(step * inputs), m_step = padded(step * outputs);
    const Scratch block(sizeof(float) * kPositions * (v_step + m_step));
    float *const v = block.get<float>(), *const m = v + kPositions * v_step;
    for (int64_t first = begin * step; first < std::min(all, end * step); first += step) {
      const Tiles tiles(rows, cols, first, std::min(step, all - first));
      k.transform_inputs(c.image(), tiles.data(), tiles.size(), v, v_step);
      for (int64_t p = 0; p < kPositions; p++) {
        // An even number: rows next to the range are computed and not read.
        const auto [from, to] = tiles.needing(p / kAcross, p % kAcross, kDown, kAcross);
        const int64_t row = from / 2 * 2, count = (to - row + 1) / 2 * 2;
        k.multiply(count, inputs, outputs, v + p * v_step + row * inputs, u + p * u_step,
                   m + p * m_step + row * outputs);
      }
      bool strange[kMostTiles];
      k.transform_outputs(c.outputs(tiles), m, m_step, strange);
      for (int64_t i = 0; i < tiles.size(); i++)
        if (strange[i]) repair(c, tiles.data()[i]);
    }
  });
}

void bias_gradient(const ConvProblem& p, const float* diff_dst, float* diff_bias) {
  const WinogradKernels& k = best();
  const int64_t size = p.out_size(0) * p.out_size(1);
  const Scratch images(sizeof(float) * p.n * p.oc);
  float* const sums = images.get<float>();
  std::fill_n(sums, p.n * p.oc, 0.0f);
  parallel_for(p.n, 1, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; i++)
      k.add_rows(diff_dst + i * size * p.oc, size, p.oc, sums + i * p.oc);
  });
  std::fill_n(diff_bias, p.oc, 0.0f);
  k.add_rows(sums, p.n, p.oc, diff_bias);
}

}  // namespace

bool handles_weights(const ConvProblem& p) {
  if (simd::level() == simd::Level::baseline || p.nd != 2 || p.groups != 1) return false;
  if (p.src_order != onednn::Order::channels_last || p.dst_order != onednn::Order::channels_last)
    return false;
  for (int i = 0; i < 2; i++)
    if (p.kernel[i] != 3 || p.stride[i] != 1 || p.dilation[i] != 1 || p.pad_lo[i] > 2) return false;
  // Narrower layers leave the products too short.
  return p.ic % 16 == 0 && p.oc % 16 == 0 && std::min(p.ic, p.oc) >= 32 &&
         std::max(p.ic, p.oc) <= kMaxChannels;
}

bool handles(const ConvProblem& p) {
  // Below this the weights' transform costs more than the products it saves.
  return p.n * p.out_size(0) * p.out_size(1) >= 256 && handles_weights(p);
}

bool handles_packed(const ConvProblem& p) {
  // Below this, reading 24 transformed taps for 9 costs more.
  return p.n * p.out_size(0) * p.out_size(1) >= 128 && handles_weights(p);
}

size_t packed_bytes(const ConvProblem& p) {
  return sizeof(float) * kPositions * padded(p.ic * p.oc);
}

void pack(const ConvProblem& p, const float* weight, float* packed) {
  pack_panels(forward_view(p, weight), packed);
}

void forward(const ConvProblem& p, const float* src, const float* weight, const float* packed,
             const float* bias, float* dst) {
  const int64_t out[2] = {p.out_size(0), p.out_size(1)};
  const Scratch own(packed ? 0 : packed_bytes(p));
  if (!packed) {
    pack(p, weight, own.get<float>());
    packed = own.get<float>();
  }
  run({p.in, out, p.pad_lo, src, forward_view(p, weight), bias, dst}, p.n, packed);
}

// The gradient of the input is a convolution of the output's gradient with the kernel turned round.
void backward_data(const ConvProblem& p, const float* weight, const float* diff_dst,
                   float* diff_src) {
  const int64_t out[2] = {p.out_size(0), p.out_size(1)},
                pad[2] = {2 - p.pad_lo[0], 2 - p.pad_lo[1]};
  const WeightView view{weight, p.oc, p.ic, p.ic * 9, 9, true};
  const Scratch packed(packed_bytes(p));
  pack_panels(view, packed.get<float>());
  run({out, p.in, pad, diff_dst, view, nullptr, diff_src}, p.n, packed.get<float>());
}

void backward_weights(const ConvProblem& p, const float* src, const float* diff_dst,
                      float* diff_weight, float* diff_bias) {
  weight_gradient(p, src, diff_dst, diff_weight);
  if (diff_bias) bias_gradient(p, diff_dst, diff_bias);
}

}  // namespace rl::winograd
