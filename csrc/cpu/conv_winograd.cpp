// Convolution by Winograd's F(2x4, 3x3): 24 products where the plain sum needs 72; at stride two by
// tiles of 3 x 3 outputs, 49 for 81. Rounding errors are 1.2 to 1.6 times those of the plain sum
// (docs/design/convolution.md).
//
// S. Winograd, Arithmetic Complexity of Computations, 1980; A. Lavin and S. Gray, Fast Algorithms
// for Convolutional Neural Networks, arXiv 1509.09308, equations 5 to 8; B. Barabasz, A. Anderson,
// K. Soodhalter and D. Gregg, Error Analysis and Improving the Accuracy of Winograd Convolution,
// arXiv 1803.10986.
#include "cpu/conv_winograd.h"

#include <algorithm>
#include <cmath>
#include <memory>
#include <vector>

#include "cpu/conv.h"
#include "cpu/scratch.h"
#include "cpu/simd.h"
#include "pool/pool.h"

namespace rl::winograd {
namespace {

constexpr int64_t kMaxChannels = 2048, kMaxWidth = kMaxChannels;
constexpr int64_t kMaxField = 49, kMaxOutputs = 36;  // of a tile
constexpr int64_t kStep = 128;                       // inputs between additions to the sums

// Tiles whose outputs go to channels [channel, channel + width) of images (n, rows, cols,
// channels), `scale` of them in each direction for each that a place counts.
struct OutputRun {
  const Place* tiles;
  int64_t count;
  float* data;
  int64_t rows, cols, channels, scale, channel, width;
  const float* bias;  // of these channels; may be null

  // Null for what is another tile's or nobody's.
  void pointers(const Place& t, int64_t down, int64_t across, float** to) const {
    const int64_t y0 = t.y * scale, x0 = t.x * scale, below = std::min(rows, y0 + t.rows * scale),
                  right = std::min(cols, x0 + t.cols * scale);
    for (int64_t y = y0; y < y0 + down; y++)
      for (int64_t x = x0; x < x0 + across; x++) {
        const bool own = y < below && x < right;
        *to++ = own ? data + ((t.image * rows + y) * cols + x) * channels + channel : nullptr;
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

// One way of convolving, and its sizes in both directions: of the field that a tile reads, of its
// positions, of its outputs, of its positions that have weights of their own.
struct Steps {
  int64_t field_rows, field_cols, down, across, out_rows, out_cols, weight_rows, weight_cols;
  void (*transform_inputs)(const Image& image, const Place* tiles, int64_t count, float* out,
                           int64_t position_step);
  void (*transform_outputs)(const OutputRun& run, const float* in, int64_t position_step,
                            bool* strange);
  void (*transform_weights)(const WeightView& w, int64_t first, int64_t width, float* out,
                            int64_t position_step);

  int64_t positions() const { return down * across; }
  int64_t weights() const { return weight_rows * weight_cols; }
  // Positions past the last that has weights of its own share that one's.
  int64_t weight_of(int64_t position) const {
    return std::min(position / across, weight_rows - 1) * weight_cols +
           std::min(position % across, weight_cols - 1);
  }
};

struct WinogradKernels {
  Steps plain, strided, strided_gradient;
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

// Into how many blocks of tiles the work is cut: of few, so that a position's data stay in the
// first caches, but of more where the weights are read from memory for each block; as many for
// every thread. A tile's results do not depend on its block.
int64_t block_count(int64_t tiles, int64_t weights) {
  const int64_t most = weights > int64_t{4} << 20 ? 132 : 60, threads = num_threads();
  const int64_t rounds = (tiles + most * threads - 1) / (most * threads);
  return std::min(rounds * threads, std::max<int64_t>(1, tiles / 12));
}

size_t packed_size(const Steps& steps, const WeightView& w) {
  return sizeof(float) * steps.weights() * padded(w.inputs * w.outputs);
}

void pack_panels(const Steps& steps, const WeightView& w, float* u) {
  const WinogradKernels& k = best();
  const int64_t panels = (w.outputs + k.panel - 1) / k.panel, step = padded(w.inputs * w.outputs);
  parallel_for(panels, 1, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin * k.panel; i < std::min(w.outputs, end * k.panel); i += k.panel)
      steps.transform_weights(w, i, std::min<int64_t>(k.panel, w.outputs - i), u + i * w.inputs,
                              step);
  });
}

WeightView forward_view(const ConvProblem& p, const float* weight) {
  return {weight, p.ic, p.oc, 9, p.ic * 9, false};
}

const Steps& forward_steps(const ConvProblem& p) {
  return p.stride[0] == 2 ? best().strided : best().plain;
}

// A convolution of images (n, in[0], in[1], inputs) to (n, out[0], out[1], outputs). `scale`:
// outputs for each input, two for the gradient of an input that was read at stride two.
struct Convolution {
  const Steps& steps;
  const int64_t *in, *out;
  int64_t top, left, stride, scale;
  const float* data;
  WeightView weight;
  const float* bias;  // may be null
  float* result;

  Image image() const {
    return {data, in[0], in[1], weight.inputs, top, left, stride, 0, weight.inputs, false};
  }
  OutputRun outputs(const Place* tiles, int64_t count, int64_t channel, int64_t width) const {
    return {tiles,          count, result,  out[0], out[1],
            weight.outputs, scale, channel, width,  bias ? bias + channel : nullptr};
  }
  Axis axis(int64_t direction) const {
    return {(out[direction] + scale - 1) / scale,
            (direction ? steps.out_cols : steps.out_rows) / scale};
  }
  // The field's row that output row `i` of a tile reads with tap `tap`, or -1; columns alike.
  int64_t reads(int64_t i, int64_t tap) const {
    if (scale == 1) return i * stride + tap;
    if (i % 2 == 0) return tap == 1 ? i / 2 : -1;
    return tap == 1 ? -1 : i / 2 + tap / 2;
  }
};

// Output `o` where its taps read the inputs at `field`; null where a tap reads none.
float plain_sum(const Convolution& c, int64_t o, const float* const* field) {
  double sums[9] = {};
  for (int64_t k = 0; k < c.weight.inputs; k++)
    for (int64_t tap = 0; tap < 9; tap++)
      if (field[tap]) sums[tap] += double(field[tap][k]) * c.weight.tap(o, k, tap);
  double sum = c.bias ? c.bias[o] : 0;
  for (const double s : sums) sum += s;
  return float(sum);
}

// In a tile an infinity or a NaN of the inputs reaches outputs that do not read it. These are
// summed again as they are defined.
void repair(const Convolution& c, const Place& t, int64_t channel, int64_t width) {
  const Steps& steps = c.steps;
  const int64_t inputs = c.weight.inputs, size = steps.field_rows * steps.field_cols;
  const std::vector<float> zeros(size_t(inputs), 0.0f);
  const float* from[kMaxField];
  c.image().pointers(t, steps.field_rows, steps.field_cols, zeros.data(), from);
  bool finite[kMaxField];
  for (int64_t i = 0; i < size; i++)
    finite[i] = std::all_of(from[i], from[i] + inputs, [](float v) { return std::isfinite(v); });
  if (std::all_of(finite, finite + size, [](bool f) { return f; })) return;  // weights, or overflow
  float* to[kMaxOutputs];
  c.outputs(&t, 1, channel, width).pointers(t, steps.out_rows, steps.out_cols, to);
  for (int64_t i = 0; i < steps.out_rows * steps.out_cols; i++) {
    const float* field[9];
    bool reads_finite = true;
    for (int64_t tap = 0; tap < 9; tap++) {
      const int64_t y = c.reads(i / steps.out_cols, tap / 3),
                    x = c.reads(i % steps.out_cols, tap % 3), at = y * steps.field_cols + x;
      field[tap] = y < 0 || x < 0 ? nullptr : from[at];
      reads_finite = reads_finite && (!field[tap] || finite[at]);
    }
    for (int64_t o = 0; to[i] && reads_finite && o < width; o++)
      to[i][o] = plain_sum(c, channel + o, field);
  }
}

// Every position's product of transformed inputs v with `width` outputs' weights u.
void multiply(const Steps& steps, const Tiles& tiles, int64_t inputs, int64_t width, const float* v,
              int64_t v_step, const float* u, int64_t u_step, float* m, int64_t m_step) {
  for (int64_t p = 0; p < steps.positions(); p++) {
    // An even number: rows next to the range are computed and not read.
    const auto [from, to] = tiles.needing(serves_last(p / steps.across, steps.down),
                                          serves_last(p % steps.across, steps.across));
    const int64_t row = from / 2 * 2, count = (to - row + 1) / 2 * 2;
    best().multiply(count, inputs, width, v + p * v_step + row * inputs,
                    u + steps.weight_of(p) * u_step, m + p * m_step + row * width);
  }
}

// Outputs [channel, channel + width) of the tiles from their products.
void write_outputs(const Convolution& c, const Tiles& tiles, int64_t channel, int64_t width,
                   const float* m, int64_t m_step) {
  const std::unique_ptr<bool[]> strange(new bool[size_t(tiles.size())]);
  c.steps.transform_outputs(c.outputs(tiles.data(), tiles.size(), channel, width), m, m_step,
                            strange.get());
  for (int64_t t = 0; t < tiles.size(); t++)
    if (strange[size_t(t)]) repair(c, tiles.data()[t], channel, width);
}

// Threads divide the tiles. u: the weights as pack_panels left them.
void run_by_tiles(const Convolution& c, const Axis& rows, const Axis& cols, int64_t all,
                  const float* u) {
  const Steps& steps = c.steps;
  const int64_t inputs = c.weight.inputs, outputs = c.weight.outputs,
                u_step = padded(inputs * outputs),
                blocks = block_count(all, steps.weights() * u_step);
  parallel_for(blocks, 1, [&](int64_t begin, int64_t end) {
    const int64_t most = (all + blocks - 1) / blocks + 1, v_step = padded(most * inputs),
                  m_step = padded(most * outputs);
    const Scratch block(sizeof(float) * steps.positions() * (v_step + m_step));
    float *const v = block.get<float>(), *const m = v + steps.positions() * v_step;
    for (int64_t i = begin; i < end; i++) {
      const int64_t first = all * i / blocks;
      const Tiles tiles(rows, cols, first, all * (i + 1) / blocks - first);
      steps.transform_inputs(c.image(), tiles.data(), tiles.size(), v, v_step);
      multiply(steps, tiles, inputs, outputs, v, v_step, u, u_step, m, m_step);
      write_outputs(c, tiles, 0, outputs, m, m_step);
    }
  });
}

// Threads divide the outputs, which pays where the weights are larger than the images: what is
// transformed of them stays with the thread that reads it.
void run_by_outputs(const Convolution& c, const Axis& rows, const Axis& cols, int64_t all) {
  constexpr int64_t kRun = 8;
  const Steps& steps = c.steps;
  const int64_t inputs = c.weight.inputs, outputs = c.weight.outputs, panel = best().panel,
                v_step = padded((all + 1) * inputs), u_step = padded(inputs * panel),
                m_step = padded((all + 1) * panel);
  const Tiles tiles(rows, cols, 0, all);
  const Scratch images(sizeof(float) * steps.positions() * v_step);
  float* const v = images.get<float>();
  parallel_for_fixed((all + kRun - 1) / kRun, [&](int64_t i) {
    steps.transform_inputs(c.image(), tiles.data() + i * kRun, std::min(kRun, all - i * kRun),
                           v + i * kRun * inputs, v_step);
  });
  parallel_for((outputs + panel - 1) / panel, 1, [&](int64_t begin, int64_t end) {
    const Scratch block(sizeof(float) * (steps.weights() * u_step + steps.positions() * m_step));
    float *const u = block.get<float>(), *const m = u + steps.weights() * u_step;
    for (int64_t o = begin * panel; o < std::min(outputs, end * panel); o += panel) {
      const int64_t width = std::min(panel, outputs - o);
      steps.transform_weights(c.weight, o, width, u, u_step);
      multiply(steps, tiles, inputs, width, v, v_step, u, u_step, m, m_step);
      write_outputs(c, tiles, o, width, m, m_step);
    }
  });
}

// packed: the weights as pack_panels left them, or null.
void run(const Convolution& c, int64_t n, const float* packed) {
  const Axis rows = c.axis(0), cols = c.axis(1);
  const int64_t all = n * rows.tiles * cols.tiles;
  if (!packed && all <= c.weight.outputs) return run_by_outputs(c, rows, cols, all);
  const Scratch own(packed ? 0 : packed_size(c.steps, c.weight));
  if (!packed) {
    pack_panels(c.steps, c.weight, own.get<float>());
    packed = own.get<float>();
  }
  run_by_tiles(c, rows, cols, all, packed);
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
  const int64_t stride = p.stride[0];
  for (int i = 0; i < 2; i++) {
    if (p.kernel[i] != 3 || p.stride[i] != stride || p.dilation[i] != 1) return false;
    if (stride == 2 ? p.pad_lo[i] != 1 : stride != 1 || p.pad_lo[i] > 2) return false;
  }
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
  return packed_size(forward_steps(p), forward_view(p, nullptr));
}

void pack(const ConvProblem& p, const float* weight, float* packed) {
  pack_panels(forward_steps(p), forward_view(p, weight), packed);
}

void forward(const ConvProblem& p, const float* src, const float* weight, const float* packed,
             const float* bias, float* dst) {
  const int64_t out[2] = {p.out_size(0), p.out_size(1)};
  run({forward_steps(p), p.in, out, p.pad_lo[0], p.pad_lo[1], p.stride[0], 1, src,
       forward_view(p, weight), bias, dst},
      p.n, packed);
}

// The gradient of the input is a convolution of the output's gradient with the kernel turned round.
// At stride two and padding one, inputs 2 i and 2 i + 1 read gradients i and i + 1.
void backward_data(const ConvProblem& p, const float* weight, const float* diff_dst,
                   float* diff_src) {
  const int64_t out[2] = {p.out_size(0), p.out_size(1)};
  const bool strided = p.stride[0] == 2;
  const Steps& steps = strided ? best().strided_gradient : best().plain;
  const WeightView view{weight, p.oc, p.ic, p.ic * 9, 9, true};
  run({steps, out, p.in, strided ? 0 : 2 - p.pad_lo[0], strided ? 0 : 2 - p.pad_lo[1], 1,
       strided ? 2 : 1, diff_dst, view, nullptr, diff_src},
      p.n, nullptr);
}

void backward_weights(const ConvProblem& p, const float* src, const float* diff_dst,
                      float* diff_weight, float* diff_bias) {
  weight_gradient(p, src, diff_dst, diff_weight);
  if (diff_bias) bias_gradient(p, diff_dst, diff_bias);
}

}  // namespace rl::winograd
