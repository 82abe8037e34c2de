#include <algorithm>
#include <cstring>

#include "cpu/conv.h"
#include "cpu/scratch.h"
#include "cpu/simd.h"
#include "pool/pool.h"

namespace rl::lanes {
namespace {

// A contiguous range of kernel taps.
struct Taps {
  int64_t first, count;
};

int64_t floor_div(int64_t a, int64_t b) { return a >= 0 ? a / b : -((-a + b - 1) / b); }
int64_t ceil_div(int64_t a, int64_t b) { return -floor_div(-a, b); }

// One dimension of a pass: target position t reads the source at t * stride + origin + sign * k *
// dilation through tap k. Forward, the target is the output and sign is 1; in the gradient of the
// input the target is the input and sign is -1.
struct Axis {
  int64_t source, target, kernel, stride, origin, dilation, sign;

  int64_t source_of(int64_t t, int64_t tap) const {
    return t * stride + origin + sign * tap * dilation;
  }
  // Taps through which some position of [from, to] reads inside of the source.
  Taps taps(int64_t from, int64_t to) const {
    const int64_t low = from * stride + origin, high = to * stride + origin;
    const int64_t first =
        sign > 0 ? ceil_div(-high, dilation) : ceil_div(low - source + 1, dilation);
    const int64_t last =
        sign > 0 ? floor_div(source - 1 - low, dilation) : floor_div(high, dilation);
    const int64_t begin = std::clamp<int64_t>(first, 0, kernel - 1);
    return {begin, std::max<int64_t>(0, std::min(last, kernel - 1) - begin + 1)};
  }
  // Positions that read inside of the source through this tap (sign is 1).
  void targets(int64_t tap, int64_t& first, int64_t& count) const {
    const int64_t shift = origin + tap * dilation;
    first = std::clamp<int64_t>(ceil_div(-shift, stride), 0, target - 1);
    const int64_t last = std::min(target - 1, floor_div(source - 1 - shift, stride));
    count = std::max<int64_t>(0, last - first + 1);
  }
};

// Vectors of one block of images: source rows are `width` vectors long, of which the first `margin`
// and the last few stand for what lies outside of the image and are zero. Steps are in floats.
struct LaneSum {
  Axis y, x;
  int64_t channels, width, margin;
  const float* src;  // [channels][y.source][width]
  int64_t plane, row, col, step;
  const float* weight;  // [channels][y.kernel][x.kernel][target channels of the block]
  int64_t weight_channel, weight_row;
  const float* bias;
  float* out;  // [target channels of the block][y.target][x.target]
  int64_t out_channel;
};

struct LaneWeights {
  Axis y, x;
  int64_t channels, width;
  const float* src;
  int64_t plane, row, col, step;
  const float* diff;  // [target channels][y.target][x.target]
  int64_t diff_channel;
  float* sum;  // [target channels][channels][y.kernel][x.kernel]
  int64_t sum_channel;
};

struct LaneKernels {
  void (*turn_in)(const float* in, int64_t ldi, int64_t images, int64_t n, float* out);
  void (*turn_out)(const float* in, int64_t n, int64_t images, float* out, int64_t ldo);
  void (*sum)(const LaneSum&, int channels);
  void (*weights)(const LaneWeights&, int64_t channels);
  void (*fold)(const float* in, int64_t count, float* out);
  void (*add_positions)(const float* in, int64_t channels, int64_t positions, float* sum);
  int64_t vector;
};

#define RL_KERNELS "cpu/conv_lanes.inc"
#include "cpu/levels.inc"

const LaneKernels& best() {
  static const LaneKernels& chosen =
      simd::pick(baseline::kernels(), avx2::kernels(), avx512::kernels());
  return chosen;
}

constexpr int kChannelBlock = 8;

// One group of a problem as a sum over source channels for each target channel.
struct Pass {
  int64_t from, to;  // channels of source and target
  Axis y, x;
  int64_t margin, width;

  Pass(const ConvProblem& p, bool forward) {
    from = (forward ? p.ic : p.oc) / p.groups;
    to = (forward ? p.oc : p.ic) / p.groups;
    y = p.nd == 1 ? Axis{1, 1, 1, 1, 0, 1, 1} : axis(p, p.nd - 2, forward);
    x = axis(p, p.nd - 1, forward);
    // A tile of up to eight positions reads at most seven beyond what its first or last may read.
    const int64_t low = x.source_of(0, forward ? 0 : x.kernel - 1);
    const int64_t high = x.source_of(x.target - 1, forward ? x.kernel - 1 : 0);
    margin = std::max<int64_t>(0, forward ? -low : std::min<int64_t>(7, -low));
    const int64_t after = high - x.source + 1;
    width = margin + x.source + std::max<int64_t>(0, forward ? after : std::min<int64_t>(7, after));
  }

  static Axis axis(const ConvProblem& p, int d, bool forward) {
    const int64_t out = p.out_size(d);
    if (forward) return {p.in[d], out, p.kernel[d], p.stride[d], -p.pad_lo[d], p.dilation[d], 1};
    return {out, p.in[d], p.kernel[d], 1, p.pad_lo[d], p.dilation[d], -1};
  }

  int64_t taps() const { return y.kernel * x.kernel; }
  int64_t source_size() const { return y.source * x.source; }
  int64_t target_size() const { return y.target * x.target; }
  int64_t source_floats() const { return from * y.source * width * best().vector; }

  // `images` images of one group into vectors; what lies outside is left as it is.
  void read(const float* src, int64_t image_step, int64_t images, float* out) const {
    const int64_t v = best().vector;
    if (width == x.source)
      return best().turn_in(src, image_step, images, from * source_size(), out);
    for (int64_t r = 0; r < from * y.source; r++)
      best().turn_in(src + r * x.source, image_step, images, x.source,
                     out + (r * width + margin) * v);
  }
};

int block_channels(int64_t left) {
  if (left == 10 || left == 12) return 6;
  for (int size : {8, 6, 4, 2})
    if (left >= size) return size;
  return 1;
}

// weight: element (target, source, tap) of a group at target * to_step + source * from_step + tap.
// Packed: blocks of target channels, each [source][tap][channels of the block].
void pack(const Pass& a, const float* weight, int64_t to_step, int64_t from_step, float* out) {
  for (int64_t o = 0; o < a.to;) {
    const int size = block_channels(a.to - o);
    for (int64_t c = 0; c < a.from; c++)
      for (int64_t t = 0; t < a.taps(); t++)
        for (int i = 0; i < size; i++) *out++ = weight[(o + i) * to_step + c * from_step + t];
    o += size;
  }
}

// One block of images and one group, already in vectors.
void sum_block(const Pass& a, const float* source, const float* weight, const float* bias,
               int64_t images, float* rows, float* dst, int64_t image_step) {
  const int64_t v = best().vector, size = a.target_size();
  for (int64_t o = 0; o < a.to;) {
    const int block = block_channels(a.to - o);
    best().sum(LaneSum{a.y, a.x, a.from, a.width, a.margin, source, a.y.source * a.width * v,
                       a.y.sign * a.y.dilation * a.width * v, a.x.sign * a.x.dilation * v,
                       a.x.stride * v, weight + o * a.from * a.taps(), a.taps() * block,
                       a.x.kernel * block, bias ? bias + o : nullptr, rows, size * v},
               block);
    best().turn_out(rows, block * size, images, dst + o * size, image_step);
    o += block;
  }
}

// `weight` is packed by group; bias may be null.
void run_pass(const ConvProblem& p, const Pass& a, const float* src, const float* weight,
              const float* bias, float* dst) {
  const int64_t v = best().vector, blocks = (p.n + v - 1) / v;
  const int64_t in_step = p.groups * a.from * a.source_size();
  const int64_t out_step = p.groups * a.to * a.target_size();
  parallel_for(blocks * p.groups, 1, [&](int64_t begin, int64_t end) {
    const Scratch block(sizeof(float) * (a.source_floats() + kChannelBlock * a.target_size() * v));
    float *source = block.get<float>(), *rows = source + a.source_floats();
    std::memset(source, 0, sizeof(float) * a.source_floats());
    for (int64_t i = begin; i < end; i++) {
      const int64_t group = i % p.groups, image = i / p.groups * v;
      const int64_t images = std::min(v, p.n - image);
      a.read(src + image * in_step + group * a.from * a.source_size(), in_step, images, source);
      sum_block(a, source, weight + group * a.to * a.from * a.taps(),
                bias ? bias + group * a.to : nullptr, images, rows,
                dst + image * out_step + group * a.to * a.target_size(), out_step);
    }
  });
}

constexpr int64_t kFloats = int64_t{256} << 10;  // of a block's source: a megabyte

// Blocks enough for some threads, and few lanes empty. The answer must not depend on the number of
// threads: neither may results.
bool full_lanes(const ConvProblem& p) {
  const int64_t v = best().vector, padded = (p.n + v - 1) / v * v;
  return p.n >= 4 * v && padded * 7 <= p.n * 8;
}

}  // namespace

bool handles(const ConvProblem& p, bool forward) {
  if (!full_lanes(p)) return false;
  const Pass a(p, forward);
  return a.source_floats() <= kFloats && a.target_size() * best().vector * kChannelBlock <= kFloats;
}

void forward(const ConvProblem& p, const float* src, const float* weight, const float* bias,
             float* dst) {
  const Pass a(p, true);
  const int64_t size = a.to * a.from * a.taps();
  const Scratch packed(sizeof(float) * p.groups * size);
  for (int64_t g = 0; g < p.groups; g++)
    pack(a, weight + g * size, a.from * a.taps(), a.taps(), packed.get<float>() + g * size);
  run_pass(p, a, src, packed.get<float>(), bias, dst);
}

void backward_data(const ConvProblem& p, const float* weight, const float* diff_dst,
                   float* diff_src) {
  const Pass a(p, false);
  const int64_t size = a.to * a.from * a.taps();
  const Scratch packed(sizeof(float) * p.groups * size);
  for (int64_t g = 0; g < p.groups; g++)
    pack(a, weight + g * size, a.taps(), a.to * a.taps(), packed.get<float>() + g * size);
  run_pass(p, a, diff_dst, packed.get<float>(), nullptr, diff_src);
}

namespace {

// Sums of images [begin, end) of one group, as vectors: weights, then one for each bias.
void weight_sums(const ConvProblem& p, const Pass& a, const float* src, const float* diff_dst,
                 int64_t group, int64_t begin, int64_t end, float* source, float* diff,
                 float* sum) {
  const int64_t v = best().vector, size = a.target_size();
  const int64_t in_step = p.groups * a.from * a.source_size(), out_step = p.groups * a.to * size;
  for (int64_t i = begin; i < end; i += v) {
    const int64_t images = std::min(v, end - i);
    a.read(src + i * in_step + group * a.from * a.source_size(), in_step, images, source);
    for (int64_t o = 0; o < a.to; o += kChannelBlock) {
      const int64_t channels = std::min<int64_t>(kChannelBlock, a.to - o);
      best().turn_in(diff_dst + i * out_step + (group * a.to + o) * size, out_step, images,
                     channels * size, diff);
      best().weights(LaneWeights{a.y, a.x, a.from, a.width, source, a.y.source * a.width * v,
                                 a.y.stride * a.width * v, a.x.dilation * v, a.x.stride * v, diff,
                                 size * v, sum + o * a.from * a.taps() * v, a.from * a.taps() * v},
                     channels);
      best().add_positions(diff, channels, size, sum + (a.to * a.from * a.taps() + o) * v);
    }
  }
}

}  // namespace

void backward_weights(const ConvProblem& p, const float* src, const float* diff_dst,
                      float* diff_weight, float* diff_bias) {
  const Pass a(p, true);
  const int64_t v = best().vector, weights = a.to * a.from * a.taps(), part = weights + a.to;
  // Images are cut into chunks by size alone; the chunks' sums are added in order.
  const int64_t blocks = (p.n + v - 1) / v, chunk = (blocks + 7) / 8 * v;
  const int64_t chunks = (p.n + chunk - 1) / chunk;
  const Scratch parts(sizeof(float) * part * chunks * p.groups);
  parallel_for(chunks * p.groups, 1, [&](int64_t begin, int64_t end) {
    const int64_t diff_floats = kChannelBlock * a.target_size() * v;
    const Scratch block(sizeof(float) * (a.source_floats() + diff_floats + part * v));
    float *source = block.get<float>(), *diff = source + a.source_floats(),
          *sum = diff + diff_floats;
    std::memset(source, 0, sizeof(float) * a.source_floats());
    for (int64_t i = begin; i < end; i++) {
      const int64_t first = i % chunks * chunk;
      std::memset(sum, 0, sizeof(float) * part * v);
      weight_sums(p, a, src, diff_dst, i / chunks, first, std::min(p.n, first + chunk), source,
                  diff, sum);
      best().fold(sum, part, parts.get<float>() + i * part);
    }
  });
  for (int64_t group = 0; group < p.groups; group++) {
    const float* from = parts.get<float>() + group * chunks * part;
    for (int64_t w = 0; w < part; w++) {
      float total = 0;
      for (int64_t i = 0; i < chunks; i++) total += from[i * part + w];
      if (w < weights)
        diff_weight[group * weights + w] = total;
      else if (diff_bias)
        diff_bias[group * a.to + w - weights] = total;
    }
  }
}

}  // namespace rl::lanes
