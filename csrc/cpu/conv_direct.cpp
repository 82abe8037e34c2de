#include <algorithm>
#include <cstring>

#include "cpu/conv.h"
#include "cpu/scratch.h"
#include "cpu/simd.h"
#include "pool/pool.h"

namespace rl::direct {
namespace {

struct ForwardBlock {
  const float* src;
  const int64_t* offset;  // [taps]
  int64_t taps;
  const float* weight;  // [taps][channels]
  const float* bias;    // [channels] or null
  float* out;           // [channels][out_step]
  int64_t out_step, positions;
  int channels;  // 8, 6, 4, 2 or 1
};

struct WeightBlock {
  int64_t images, channels, taps, positions;
  const float* src;
  int64_t src_image;
  const int64_t* offset;
  const float* diff;  // [images][channels][diff_step], zero where no output is
  int64_t diff_image, diff_step;
  float* sum;  // [channels][taps][vector]
};

struct LastBlock {
  int64_t rows, width, channels, taps;
  const float* src;
  int64_t src_row;
  const int64_t* offset;
  const float* diff;  // [rows][width][channels]
  float* sum;         // [taps][channels]
};

struct LastForward {
  int64_t width, channels, taps;
  const float* src;  // where tap 0 of the first position reads
  const int64_t* offset;
  const float* weight;  // [taps][channels]
  const float* bias;    // [channels] or null
  float* out;           // [width][channels]
};

struct DirectKernels {
  void (*forward)(const ForwardBlock&);
  void (*weights)(const WeightBlock&);
  void (*last)(const LastBlock&);
  void (*last_forward)(const LastForward&);
  void (*fold)(const float* sum, int64_t count, float* out);
  void (*copy)(const float* in, int64_t n, float* out);
  float (*row_sum)(const float* in, int64_t n);
  int vector;
};

#define RL_KERNELS "cpu/conv_direct.inc"
#include "cpu/levels.inc"

const DirectKernels& best() {
  static const DirectKernels& chosen =
      simd::pick(baseline::kernels(), avx2::kernels(), avx512::kernels());
  return chosen;
}

// A two-dimensional view of the problem (one dimension has height 1), one group at a time.
struct Geometry {
  int64_t ic, oc;  // per group
  int64_t h, w, oh, ow, kh, kw, sh, sw, dh, dw;
  int64_t top, left;
  int64_t plane_h, plane_w, plane;  // one phase of the padded input
  int64_t image;                    // floats of all phases and channels, with slack
  int64_t taps, positions;          // positions: rounded up to whole vectors
  int64_t out_step;

  Geometry(const ConvProblem& p, int vector) {
    const int y = p.nd - 2, x = p.nd - 1;
    const bool flat = p.nd == 1;
    ic = p.ic / p.groups;
    oc = p.oc / p.groups;
    h = flat ? 1 : p.in[y], w = p.in[x];
    kh = flat ? 1 : p.kernel[y], kw = p.kernel[x];
    sh = flat ? 1 : p.stride[y], sw = p.stride[x];
    dh = flat ? 1 : p.dilation[y], dw = p.dilation[x];
    top = flat ? 0 : p.pad_lo[y], left = p.pad_lo[x];
    oh = flat ? 1 : p.out_size(y), ow = p.out_size(x);
    // Rows and columns that some tap reads.
    const int64_t full_h = (oh - 1) * sh + dh * (kh - 1) + 1;
    const int64_t full_w = (ow - 1) * sw + dw * (kw - 1) + 1;
    plane_h = (full_h + sh - 1) / sh;
    plane_w = (full_w + sw - 1) / sw;
    plane = plane_h * plane_w;
    taps = ic * kh * kw;
    const int64_t exact = (oh - 1) * plane_w + ow;
    positions = (exact + vector - 1) / vector * vector;
    out_step = positions;
    // The last vector of the last tap may read this far past the last plane.
    image = (ic * sh * sw * plane + 2 * vector + 15) / 16 * 16;
  }

  void offsets(int64_t* out) const {
    for (int64_t c = 0; c < ic; c++)
      for (int64_t y = 0; y < kh; y++)
        for (int64_t x = 0; x < kw; x++) {
          const int64_t phase = (y * dh % sh) * sw + x * dw % sw;
          *out++ = (c * sh * sw + phase) * plane + y * dh / sh * plane_w + x * dw / sw;
        }
  }
};

// Copies channels [ic][h][w] into the padded phases of `out`, which is zero outside of the image.
void copy_padded(const Geometry& g, const float* src, float* out) {
  const auto copy = best().copy;
  for (int64_t c = 0; c < g.ic; c++)
    for (int64_t py = 0; py < g.sh; py++)
      for (int64_t r = 0; r < g.plane_h; r++) {
        const int64_t y = r * g.sh + py - g.top;
        if (y < 0 || y >= g.h) continue;
        const float* row = src + (c * g.h + y) * g.w;
        for (int64_t px = 0; px < g.sw; px++) {
          float* to = out + ((c * g.sh + py) * g.sw + px) * g.plane + r * g.plane_w;
          // Plane column q holds image column q * sw + px - left.
          const int64_t first = g.left > px ? (g.left - px + g.sw - 1) / g.sw : 0;
          const int64_t last =
              std::min(g.plane_w, (g.w - 1 + g.left - px + g.sw) / g.sw);  // one past
          const float* from = row + first * g.sw + px - g.left;
          if (last <= first) continue;
          if (g.sw == 1)
            copy(from, last - first, to + first);
          else
            for (int64_t q = first; q < last; q++, from += g.sw) to[q] = *from;
        }
      }
}

int block_channels(int64_t left) {
  if (left == 10 || left == 12) return 6;
  for (int size : {8, 6, 4, 2})
    if (left >= size) return size;
  return 1;
}

// [oc][taps] -> blocks of [taps][channels of the block].
void pack_weight(const Geometry& g, const float* weight, float* out) {
  for (int64_t o = 0; o < g.oc;) {
    const int size = block_channels(g.oc - o);
    for (int64_t t = 0; t < g.taps; t++)
      for (int i = 0; i < size; i++) *out++ = weight[(o + i) * g.taps + t];
    o += size;
  }
}

void forward_image(const Geometry& g, const float* padded, const int64_t* offset,
                   const float* weight, const float* bias, float* rows, float* dst) {
  for (int64_t o = 0; o < g.oc;) {
    const int size = block_channels(g.oc - o);
    best().forward(ForwardBlock{padded, offset, g.taps, weight + o * g.taps, bias ? bias + o : bias,
                                rows, g.out_step, g.positions, size});
    for (int i = 0; i < size; i++)
      for (int64_t y = 0; y < g.oh; y++)
        best().copy(rows + i * g.out_step + y * g.plane_w, g.ow, dst + ((o + i) * g.oh + y) * g.ow);
    o += size;
  }
}

// `weight` is packed by group; bias may be null.
void forward_all(const ConvProblem& p, const Geometry& g, const float* src, const float* weight,
                 const float* bias, float* dst) {
  const Scratch offset_block(sizeof(int64_t) * g.taps);
  int64_t* const offset = offset_block.get<int64_t>();
  g.offsets(offset);
  const int64_t items = p.n * p.groups;
  const int64_t work = g.taps * g.oc * g.positions;
  parallel_for(items, std::max<int64_t>(1, 200'000 / work), [&](int64_t begin, int64_t end) {
    const Scratch block(sizeof(float) * (g.image + 8 * g.out_step));
    float *padded = block.get<float>(), *rows = padded + g.image;
    std::memset(padded, 0, sizeof(float) * g.image);
    for (int64_t i = begin; i < end; i++) {
      const int64_t group = i % p.groups;
      copy_padded(g, src + i * g.ic * g.h * g.w, padded);
      forward_image(g, padded, offset, weight + group * g.oc * g.taps,
                    bias ? bias + group * g.oc : nullptr, rows, dst + i * g.oc * g.oh * g.ow);
    }
  });
}

// The convolution whose forward pass is the input gradient of `p` (stride 1).
ConvProblem mirrored(const ConvProblem& p) {
  ConvProblem m = p;
  std::swap(m.ic, m.oc);
  for (int i = 0; i < p.nd; i++) {
    const int64_t reach = p.dilation[i] * (p.kernel[i] - 1);
    m.in[i] = p.out_size(i);
    m.pad_lo[i] = reach - p.pad_lo[i];
    m.pad_hi[i] = p.in[i] - 1 + p.pad_lo[i] - (p.out_size(i) - 1);
  }
  return m;
}

bool plain_float(const ConvProblem& p) {
  return p.type == onednn::Type::f32 && p.nd <= 2 && p.src_order == onednn::Order::plain &&
         p.dst_order == onednn::Order::plain;
}

// Share of computed positions that are outputs, and of vectors that are full.
bool worthwhile(const Geometry& g) { return g.oh * g.ow * 2 >= g.positions && g.ow >= 4; }

constexpr int64_t kPaddedLimit = int64_t{1} << 20;  // floats of one padded image group

}  // namespace

bool handles_forward(const ConvProblem& p) {
  if (!plain_float(p)) return false;
  const Geometry g(p, best().vector);
  // More input channels than this, and the library's blocked kernels are faster.
  return g.ic <= 16 && g.oc <= 64 && g.image <= kPaddedLimit && worthwhile(g);
}

bool handles_backward_data(const ConvProblem& p) {
  if (!plain_float(p)) return false;
  for (int i = 0; i < p.nd; i++)
    if (p.stride[i] != 1 || p.pad_lo[i] > p.dilation[i] * (p.kernel[i] - 1)) return false;
  const ConvProblem m = mirrored(p);
  const Geometry g(m, best().vector);
  return g.oc <= 16 && g.ic <= 64 && g.image <= kPaddedLimit && worthwhile(g);
}

bool handles_backward_weights(const ConvProblem& p) {
  if (!plain_float(p)) return false;
  const Geometry g(p, best().vector);
  return g.ic <= 16 && g.oc <= 64 && g.image <= kPaddedLimit && worthwhile(g) &&
         g.taps * g.oc <= 16384;
}

void forward(const ConvProblem& p, const float* src, const float* weight, const float* bias,
             float* dst) {
  if (lanes::handles(p, true)) return lanes::forward(p, src, weight, bias, dst);
  const Geometry g(p, best().vector);
  const Scratch packed(sizeof(float) * p.oc * g.taps);
  for (int64_t i = 0; i < p.groups; i++)
    pack_weight(g, weight + i * g.oc * g.taps, packed.get<float>() + i * g.oc * g.taps);
  forward_all(p, g, src, packed.get<float>(), bias, dst);
}

void backward_data(const ConvProblem& p, const float* weight, const float* diff_dst,
                   float* diff_src) {
  if (lanes::handles(p, false)) return lanes::backward_data(p, weight, diff_dst, diff_src);
  const ConvProblem m = mirrored(p);
  const Geometry g(m, best().vector);  // g.ic: channels of diff_dst, g.oc: of diff_src
  const int64_t kernel = g.kh * g.kw;
  const Scratch turned(sizeof(float) * m.oc * g.taps), packed(sizeof(float) * m.oc * g.taps);
  for (int64_t group = 0; group < p.groups; group++) {
    const float* from = weight + group * g.ic * g.oc * kernel;
    float* to = turned.get<float>();
    for (int64_t c = 0; c < g.oc; c++)
      for (int64_t o = 0; o < g.ic; o++)
        for (int64_t k = 0; k < kernel; k++)
          to[(c * g.ic + o) * kernel + k] = from[(o * g.oc + c) * kernel + kernel - 1 - k];
    pack_weight(g, to, packed.get<float>() + group * g.oc * g.taps);
  }
  forward_all(m, g, diff_dst, packed.get<float>(), nullptr, diff_src);
}

namespace {

// Images [begin, end) of one group: weight sums into `sum` (vectors), channel sums into `bias`.
// A few images are laid out at a time, so that sums stay in registers over several of them.
struct WeightJob {
  const ConvProblem& p;
  const Geometry& g;
  const float *src, *diff_dst;
  const int64_t* offset;
  int64_t together;  // images laid out at a time

  int64_t diff_image() const { return g.oc * g.positions; }

  void spread(const float* diff, float* out, float* bias) const {
    for (int64_t o = 0; o < g.oc; o++) {
      for (int64_t y = 0; y < g.oh; y++)
        best().copy(diff + (o * g.oh + y) * g.ow, g.ow, out + o * g.positions + y * g.plane_w);
      if (bias) bias[o] += best().row_sum(diff + o * g.oh * g.ow, g.oh * g.ow);
    }
  }

  void run(int64_t group, int64_t begin, int64_t end, float* padded, float* spread_diff, float* sum,
           float* bias) const {
    for (int64_t i = begin; i < end; i += together) {
      const int64_t count = std::min(together, end - i);
      for (int64_t j = 0; j < count; j++) {
        const int64_t item = (i + j) * p.groups + group;
        copy_padded(g, src + item * g.ic * g.h * g.w, padded + j * g.image);
        spread(diff_dst + item * g.oc * g.oh * g.ow, spread_diff + j * diff_image(), bias);
      }
      best().weights(WeightBlock{count, g.oc, g.taps, g.positions, padded, g.image, offset,
                                 spread_diff, diff_image(), g.positions, sum});
    }
  }
};

}  // namespace

void backward_weights(const ConvProblem& p, const float* src, const float* diff_dst,
                      float* diff_weight, float* diff_bias) {
  if (lanes::handles(p, true))
    return lanes::backward_weights(p, src, diff_dst, diff_weight, diff_bias);
  const Geometry g(p, best().vector);
  const Scratch offset_block(sizeof(int64_t) * g.taps);
  g.offsets(offset_block.get<int64_t>());
  // Images are cut into chunks by size alone; the chunks' sums are added in order.
  const int64_t chunk = std::max<int64_t>(1, (p.n + 15) / 16);
  const int64_t chunks = (p.n + chunk - 1) / chunk;
  const int64_t bytes = sizeof(float) * (g.image + g.oc * g.positions);
  const int64_t together = std::clamp<int64_t>((256 << 10) / bytes, 1, chunk);
  const WeightJob job{p, g, src, diff_dst, offset_block.get<int64_t>(), together};

  const int64_t weights = g.oc * g.taps, part = weights + g.oc;
  const Scratch parts(sizeof(float) * part * chunks * p.groups);
  parallel_for(chunks * p.groups, 1, [&](int64_t begin, int64_t end) {
    const int64_t vectors = weights * best().vector;
    const Scratch block(sizeof(float) * (together * (g.image + job.diff_image()) + vectors));
    float *padded = block.get<float>(), *spread = padded + together * g.image,
          *sum = spread + together * job.diff_image();
    std::memset(padded, 0, sizeof(float) * together * (g.image + job.diff_image()));
    for (int64_t i = begin; i < end; i++) {
      const int64_t group = i / chunks, first = i % chunks * chunk;
      float* out = parts.get<float>() + i * part;
      std::memset(sum, 0, sizeof(float) * vectors);
      std::memset(out + weights, 0, sizeof(float) * g.oc);
      job.run(group, first, std::min(p.n, first + chunk), padded, spread, sum,
              diff_bias ? out + weights : nullptr);
      best().fold(sum, weights, out);
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
        diff_bias[group * g.oc + w - weights] = total;
    }
  }
}

bool handles_mixed(const ConvProblem& p) {
  if (p.type != onednn::Type::f32 || p.nd != 2 || p.groups != 1 || p.ic > 4) return false;
  if (p.src_order != onednn::Order::plain || p.dst_order != onednn::Order::channels_last)
    return false;
  const Geometry g(p, best().vector);
  return p.oc % best().vector == 0 && g.image <= kPaddedLimit && g.ow >= 4;
}

void forward_mixed(const ConvProblem& p, const float* src, const float* weight, const float* bias,
                   float* dst) {
  const Geometry g(p, best().vector);
  const Scratch offset_block(sizeof(int64_t) * g.taps), packed(sizeof(float) * g.taps * g.oc);
  int64_t* const offset = offset_block.get<int64_t>();
  g.offsets(offset);
  float* const turned = packed.get<float>();
  for (int64_t o = 0; o < g.oc; o++)
    for (int64_t t = 0; t < g.taps; t++) turned[t * g.oc + o] = weight[o * g.taps + t];
  const int64_t work = g.ow * g.taps * g.oc;
  parallel_for(p.n * g.oh, std::max<int64_t>(1, 200'000 / work), [&](int64_t begin, int64_t end) {
    const Scratch block(sizeof(float) * g.image);
    float* const padded = block.get<float>();
    std::memset(padded, 0, sizeof(float) * g.image);
    for (int64_t i = begin; i < end; i++) {
      const int64_t image = i / g.oh, y = i % g.oh;
      if (i == begin || y == 0) copy_padded(g, src + image * g.ic * g.h * g.w, padded);
      best().last_forward(LastForward{g.ow, g.oc, g.taps, padded + y * g.plane_w, offset, turned,
                                      bias, dst + i * g.ow * g.oc});
    }
  });
}

void backward_mixed_weights(const ConvProblem& p, const float* src, const float* diff_dst,
                            float* diff_weight, float* diff_bias) {
  const Geometry g(p, best().vector);
  const Scratch offset_block(sizeof(int64_t) * g.taps);
  int64_t* const offset = offset_block.get<int64_t>();
  g.offsets(offset);
  const int64_t chunk = std::max<int64_t>(1, (p.n + 15) / 16);
  const int64_t chunks = (p.n + chunk - 1) / chunk;
  // A strip of the gradient stays in the second-level cache while all taps pass over it.
  const int64_t strip = std::clamp<int64_t>((192 << 10) / (4 * g.ow * g.oc), 1, g.oh);
  const int64_t part = (g.taps + 1) * g.oc;  // the last row: sums for the bias
  const Scratch parts(sizeof(float) * part * chunks);
  parallel_for(chunks, 1, [&](int64_t begin, int64_t end) {
    const Scratch block(sizeof(float) * g.image);
    float* const padded = block.get<float>();
    std::memset(padded, 0, sizeof(float) * g.image);
    for (int64_t i = begin; i < end; i++) {
      float* sum = parts.get<float>() + i * part;
      std::memset(sum, 0, sizeof(float) * part);
      for (int64_t n = i * chunk; n < std::min(p.n, (i + 1) * chunk); n++) {
        copy_padded(g, src + n * g.ic * g.h * g.w, padded);
        const float* diff = diff_dst + n * g.oh * g.ow * g.oc;
        for (int64_t y = 0; y < g.oh; y += strip)
          best().last(LastBlock{std::min(strip, g.oh - y), g.ow, g.oc, g.taps,
                                padded + y * g.plane_w, g.plane_w, offset, diff + y * g.ow * g.oc,
                                sum});
        float* bias = sum + g.taps * g.oc;
        for (int64_t x = 0; diff_bias && x < g.oh * g.ow; x++)
          for (int64_t o = 0; o < g.oc; o++) bias[o] += diff[x * g.oc + o];
      }
    }
  });
  for (int64_t o = 0; o < g.oc; o++)
    for (int64_t t = 0; t <= g.taps; t++) {
      float total = 0;
      for (int64_t i = 0; i < chunks; i++) total += parts.get<float>()[i * part + t * g.oc + o];
      if (t < g.taps)
        diff_weight[o * g.taps + t] = total;
      else if (diff_bias)
        diff_bias[o] = total;
    }
}

}  // namespace rl::direct
