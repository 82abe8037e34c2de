// Convolution by Winograd's F(2x2, 3x3): 16 products where the plain sum needs 36. Its rounding
// errors are 1.2 to 2.1 times those of the plain sum (docs/design/convolution.md).
//
// S. Winograd, Arithmetic Complexity of Computations, 1980; A. Lavin and S. Gray, Fast Algorithms
// for Convolutional Neural Networks, arXiv 1509.09308, equations 5 to 8.
#include "cpu/conv_winograd.h"

#include <algorithm>
#include <cstring>

#include "cpu/conv.h"
#include "cpu/scratch.h"
#include "cpu/simd.h"
#include "pool/pool.h"

namespace rl::winograd {
namespace {

constexpr int64_t kMaxChannels = 2048;

// The tiles of a batch of images: an `in` side that tiles of 4 x 4 are read from and an `out` side
// of which each tile covers 2 x 2, both (n, height, width, channels).
struct TileGrid {
  int64_t in_h, in_w, out_h, out_w, top, left, in_channels, out_channels;
  int64_t rows, cols, tiles;  // tiles down, across, and in all images

  template <class T>
  void input_pointers(int64_t tile, const T* data, const T* outside, const T** to) const {
    const int64_t image = tile / (rows * cols), y0 = tile / cols % rows * 2 - top,
                  x0 = tile % cols * 2 - left;
    for (int64_t y = 0; y < 4; y++)
      for (int64_t x = 0; x < 4; x++) {
        const bool inside = y0 + y >= 0 && y0 + y < in_h && x0 + x >= 0 && x0 + x < in_w;
        *to++ = inside ? data + ((image * in_h + y0 + y) * in_w + x0 + x) * in_channels : outside;
      }
  }
  template <class T>
  void output_pointers(int64_t tile, T* data, T* outside, T** to) const {
    const int64_t image = tile / (rows * cols), y0 = tile / cols % rows * 2, x0 = tile % cols * 2;
    for (int64_t y = 0; y < 2; y++)
      for (int64_t x = 0; x < 2; x++) {
        const bool inside = y0 + y < out_h && x0 + x < out_w;
        *to++ =
            inside ? data + ((image * out_h + y0 + y) * out_w + x0 + x) * out_channels : outside;
      }
  }
};

// Channels [channel, channel + channels) of tiles [first, first + tiles).
struct TileRun {
  const TileGrid* grid;
  const float* data;
  int64_t first, tiles, channel, channels;
  int64_t position_step;  // floats between positions of the transformed data
};

// Kernel taps of (output, input) at data + output * output_step + input * input_step.
struct WeightView {
  const float* data;
  int64_t inputs, outputs, input_step, output_step;
  bool flipped;
};

struct WinogradKernels {
  void (*transform_inputs)(const TileRun& run, float* out);
  void (*transform_gradients)(const TileRun& run, float* out);
  void (*transform_outputs)(const TileRun& run, const float* in, const float* bias, float* out);
  void (*transform_weights)(const WeightView& w, int64_t first, int64_t width, float* out,
                            int64_t position_step);
  void (*finish_weights)(const float* sum, int64_t position_step, float* out);
  void (*multiply)(int64_t tiles, int64_t inputs, int64_t outputs, const float* a,
                   const float* panels, float* c);
  void (*correlate)(int64_t tiles, int64_t outputs, int64_t inputs, const float* g, const float* a,
                    float* sum);
  void (*add_rows)(const float* in, int64_t rows, int64_t channels, float* sum);
  int vector, panel;
};

#define RL_NO_BASELINE
#define RL_KERNELS "cpu/conv_winograd.inc"
#include "cpu/levels.inc"

const WinogradKernels& best() {
  static const WinogradKernels& chosen =
      simd::level() == simd::Level::avx512 ? avx512::kernels() : avx2::kernels();
  return chosen;
}

TileGrid make_grid(const int64_t* in, const int64_t* out, const int64_t* pad, int64_t n,
                   int64_t in_channels, int64_t out_channels) {
  TileGrid g{in[0], in[1], out[0], out[1], pad[0], pad[1], in_channels, out_channels};
  g.rows = (g.out_h + 1) / 2;
  g.cols = (g.out_w + 1) / 2;
  g.tiles = n * g.rows * g.cols;
  return g;
}

// Positions lie one cache line further apart than their size: at powers of two all 16 would fall on
// one set of the first cache.
int64_t padded(int64_t floats) { return floats + 16; }

// Tiles per block: many share what is read of the transformed weights, but one position of a
// block's data stays in the L2 cache; the same number of blocks for every thread. A tile's results
// do not depend on its block.
int64_t block_tiles(int64_t tiles) {
  constexpr int64_t kMost = 128;
  const int64_t threads = num_threads();
  const int64_t rounds = (tiles + kMost * threads - 1) / (kMost * threads);
  const int64_t step = (tiles + rounds * threads - 1) / (rounds * threads);
  return std::max<int64_t>(12, (step + 3) / 4 * 4);
}

void pack_panels(const WeightView& w, float* u) {
  const WinogradKernels& k = best();
  const int64_t panels = (w.outputs + k.panel - 1) / k.panel, step = padded(w.inputs * w.outputs);
  parallel_for(panels, 1, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin * k.panel; i < std::min(w.outputs, end * k.panel); i += k.panel)
      k.transform_weights(w, i, std::min<int64_t>(k.panel, w.outputs - i), u + i * w.inputs, step);
  });
}

// Every tile of `grid`: data is read from its `in` side, results go to its `out` side. u: the
// weights as pack_panels left them.
void run(const TileGrid& grid, const float* u, const float* data, const float* bias, float* out) {
  const WinogradKernels& k = best();
  const int64_t inputs = grid.in_channels, outputs = grid.out_channels,
                u_step = padded(inputs * outputs), step = block_tiles(grid.tiles);
  parallel_for((grid.tiles + step - 1) / step, 1, [&](int64_t begin, int64_t end) {
    const int64_t v_step = padded(step * inputs), m_step = padded(step * outputs);
    const Scratch block(sizeof(float) * 16 * (v_step + m_step));
    float *const v = block.get<float>(), *const m = v + 16 * v_step;
    for (int64_t first = begin * step; first < std::min(grid.tiles, end * step); first += step) {
      const int64_t tiles = std::min(step, grid.tiles - first);
      k.transform_inputs({&grid, data, first, tiles, 0, inputs, v_step}, v);
      for (int64_t p = 0; p < 16; p++)
        k.multiply(tiles, inputs, outputs, v + p * v_step, u + p * u_step, m + p * m_step);
      k.transform_outputs({&grid, nullptr, first, tiles, 0, outputs, m_step}, m, bias, out);
    }
  });
}

constexpr int64_t kWeightBlock = 64;  // channels of either side of a block of the weight gradient
constexpr int64_t kWeightTasks = 32;

// Output positions from which on the weight's gradient goes by large tiles: their error is then
// below that of the plain sum, which grows with its length.
constexpr int64_t kLargeTiles = 768;

// A task holds the 16 sums of up to 64 x 64 pairs of channels in the cache while it passes over its
// share of the tiles. Shares depend on the problem alone, and are added in order.
void small_tile_weights(const ConvProblem& p, const float* src, const float* diff_dst,
                        float* diff_weight) {
  const WinogradKernels& k = best();
  const int64_t out[2] = {p.out_size(0), p.out_size(1)};
  const TileGrid grid = make_grid(p.in, out, p.pad_lo, p.n, p.ic, p.oc);
  const auto blocks = [](int64_t n) { return (n + kWeightBlock - 1) / kWeightBlock; };
  const int64_t pairs = blocks(p.ic) * blocks(p.oc), weights = p.ic * p.oc * 9;
  constexpr int64_t step = 64;  // tiles between additions to the sums
  const int64_t shares =
      std::clamp<int64_t>(kWeightTasks / pairs, 1, (grid.tiles + step - 1) / step);
  const int64_t share = (grid.tiles + shares - 1) / shares;
  const Scratch partial(shares > 1 ? sizeof(float) * weights * shares : 0);
  float* const parts = shares > 1 ? partial.get<float>() : diff_weight;
  parallel_for(pairs * shares, 1, [&](int64_t begin, int64_t end) {
    const int64_t square = padded(kWeightBlock * kWeightBlock), side = padded(step * kWeightBlock);
    const Scratch block(sizeof(float) * 16 * (square + 2 * side));
    float *const sum = block.get<float>(), *const v = sum + 16 * square, *const g = v + 16 * side;
    for (int64_t task = begin; task < end; task++) {
      const int64_t pair = task % pairs, part = task / pairs,
                    ic0 = pair % blocks(p.ic) * kWeightBlock,
                    oc0 = pair / blocks(p.ic) * kWeightBlock,
                    ics = std::min(kWeightBlock, p.ic - ic0),
                    ocs = std::min(kWeightBlock, p.oc - oc0),
                    last = std::min(grid.tiles, (part + 1) * share);
      std::fill_n(sum, 16 * square, 0.0f);
      for (int64_t first = part * share; first < last; first += step) {
        const int64_t tiles = std::min(step, last - first);
        k.transform_inputs({&grid, src, first, tiles, ic0, ics, side}, v);
        k.transform_gradients({&grid, diff_dst, first, tiles, oc0, ocs, side}, g);
        for (int64_t i = 0; i < 16; i++)
          k.correlate(tiles, ocs, ics, g + i * side, v + i * side, sum + i * square);
      }
      float* to = parts + part * weights;
      for (int64_t o = 0; o < ocs; o++)
        for (int64_t i = 0; i < ics; i += k.vector)
          k.finish_weights(sum + o * ics + i, square, to + ((oc0 + o) * p.ic + ic0 + i) * 9);
    }
  });
  if (shares > 1)
    parallel_for(weights, 4096, [&](int64_t begin, int64_t end) {
      std::copy(parts + begin, parts + end, diff_weight + begin);
      for (int64_t s = 1; s < shares; s++)
        for (int64_t i = begin; i < end; i++) diff_weight[i] += parts[s * weights + i];
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
  // Below this, reading 16 transformed taps for 9 costs more.
  return p.n * p.out_size(0) * p.out_size(1) >= 128 && handles_weights(p);
}

size_t packed_bytes(const ConvProblem& p) { return sizeof(float) * 16 * padded(p.ic * p.oc); }

void pack(const ConvProblem& p, const float* weight, float* packed) {
  pack_panels({weight, p.ic, p.oc, 9, p.ic * 9, false}, packed);
}

void forward(const ConvProblem& p, const float* src, const float* weight, const float* packed,
             const float* bias, float* dst) {
  const int64_t out[2] = {p.out_size(0), p.out_size(1)};
  const Scratch own(packed ? 0 : packed_bytes(p));
  if (!packed) {
    pack(p, weight, own.get<float>());
    packed = own.get<float>();
  }
  run(make_grid(p.in, out, p.pad_lo, p.n, p.ic, p.oc), packed, src, bias, dst);
}

// The gradient of the input is a convolution of the output's gradient with the kernel turned round.
void backward_data(const ConvProblem& p, const float* weight, const float* diff_dst,
                   float* diff_src) {
  const int64_t out[2] = {p.out_size(0), p.out_size(1)},
                pad[2] = {2 - p.pad_lo[0], 2 - p.pad_lo[1]};
  const Scratch packed(packed_bytes(p));
  pack_panels({weight, p.oc, p.ic, p.ic * 9, 9, true}, packed.get<float>());
  run(make_grid(out, p.in, pad, p.n, p.oc, p.ic), packed.get<float>(), diff_dst, nullptr, diff_src);
}

void backward_weights(const ConvProblem& p, const float* src, const float* diff_dst,
                      float* diff_weight, float* diff_bias) {
  if (p.n * p.out_size(0) * p.out_size(1) >= kLargeTiles)
    large_tile_weights(p, src, diff_dst, diff_weight);
  else
    small_tile_weights(p, src, diff_dst, diff_weight);
  if (diff_bias) bias_gradient(p, diff_dst, diff_bias);
}

}  // namespace rl::winograd
