#include "cpu/conv.h"

#include <algorithm>
#include <optional>
#include <type_traits>

#include "cpu/batchnorm.h"
#include "cpu/gemm.h"
#include "cpu/scratch.h"
#include "cpu/transpose.h"
#include "pool/pool.h"

namespace rl {
namespace {

// ------------------------------------------------------------------------------ im2col + gemm

// Sizes of one group of one image, spatial dimensions always three.
struct Columns {
  int64_t ic, oc, in[3], out[3], kernel[3], stride[3], pad[3], dilation[3];
  int64_t in_size = 1, out_size = 1, taps;

  explicit Columns(const ConvProblem& p) : ic(p.ic / p.groups), oc(p.oc / p.groups) {
    for (int i = 0; i < 3; i++) {
      const int j = i - (3 - p.nd);
      in[i] = j < 0 ? 1 : p.in[j];
      out[i] = j < 0 ? 1 : p.out_size(j);
      kernel[i] = j < 0 ? 1 : p.kernel[j];
      stride[i] = j < 0 ? 1 : p.stride[j];
      pad[i] = j < 0 ? 0 : p.pad_lo[j];
      dilation[i] = j < 0 ? 1 : p.dilation[j];
      in_size *= in[i];
      out_size *= out[i];
    }
    taps = ic * kernel[0] * kernel[1] * kernel[2];
  }

  // Output columns [first, last) whose input column lies inside the image for this tap.
  void inside(int64_t tap, int64_t& first, int64_t& last) const {
    const int64_t shift = tap * dilation[2] - pad[2];
    first = shift < 0 ? std::min(out[2], (-shift + stride[2] - 1) / stride[2]) : 0;
    const int64_t room = in[2] - 1 - shift;
    last = room < 0 ? 0 : std::min(out[2], room / stride[2] + 1);
    last = std::max(last, first);
  }

  // Calls f(column row, output row offset, input row or -1, tap of the last dimension).
  template <class F>
  void rows(F f) const {
    int64_t t = 0;
    for (int64_t c = 0; c < ic; c++)
      for (int64_t kz = 0; kz < kernel[0]; kz++)
        for (int64_t ky = 0; ky < kernel[1]; ky++)
          for (int64_t kx = 0; kx < kernel[2]; kx++, t++)
            for (int64_t z = 0; z < out[0]; z++)
              for (int64_t y = 0; y < out[1]; y++) {
                const int64_t iz = z * stride[0] + kz * dilation[0] - pad[0];
                const int64_t iy = y * stride[1] + ky * dilation[1] - pad[1];
                const bool ok = iz >= 0 && iz < in[0] && iy >= 0 && iy < in[1];
                f(t, (z * out[1] + y) * out[2], ok ? ((c * in[0] + iz) * in[1] + iy) * in[2] : -1,
                  kx);
              }
  }
};

template <class T>
void image_to_columns(const Columns& g, const T* image, T* columns) {
  g.rows([&](int64_t t, int64_t at, int64_t row, int64_t kx) {
    T* out = columns + t * g.out_size + at;
    int64_t first, last;
    g.inside(kx, first, last);
    if (row < 0) first = last = 0;
    for (int64_t x = 0; x < first; x++) out[x] = T(0);
    const T* from = image + row + kx * g.dilation[2] - g.pad[2];
    for (int64_t x = first; x < last; x++) out[x] = from[x * g.stride[2]];
    for (int64_t x = last; x < g.out[2]; x++) out[x] = T(0);
  });
}

template <class T>
void add_columns_to_image(const Columns& g, const T* columns, T* image) {
  g.rows([&](int64_t t, int64_t at, int64_t row, int64_t kx) {
    if (row < 0) return;
    const T* in = columns + t * g.out_size + at;
    int64_t first, last;
    g.inside(kx, first, last);
    T* to = image + row + kx * g.dilation[2] - g.pad[2];
    for (int64_t x = first; x < last; x++) to[x * g.stride[2]] = T(to[x * g.stride[2]] + in[x]);
  });
}

template <class T>
void columns_forward(const ConvProblem& p, const T* src, const T* weight, const T* bias, T* dst) {
  const Columns g(p);
  parallel_for(p.n * p.groups, 1, [&](int64_t begin, int64_t end) {
    const Scratch block(sizeof(T) * g.taps * g.out_size);
    T* const columns = block.template get<T>();
    for (int64_t i = begin; i < end; i++) {
      const int64_t group = i % p.groups;
      T* out = dst + i * g.oc * g.out_size;
      image_to_columns(g, src + i * g.ic * g.in_size, columns);
      for (int64_t o = 0; bias && o < g.oc; o++)
        std::fill_n(out + o * g.out_size, g.out_size, bias[group * g.oc + o]);
      gemm<T>(false, false, g.oc, g.out_size, g.taps, T(1), weight + group * g.oc * g.taps, g.taps,
              columns, g.out_size, bias ? T(1) : T(0), out, g.out_size);
    }
  });
}

template <class T>
void columns_backward_data(const ConvProblem& p, const T* weight, const T* diff_dst, T* diff_src) {
  const Columns g(p);
  parallel_for(p.n * p.groups, 1, [&](int64_t begin, int64_t end) {
    const Scratch block(sizeof(T) * g.taps * g.out_size);
    T* const columns = block.template get<T>();
    for (int64_t i = begin; i < end; i++) {
      const T* w = weight + i % p.groups * g.oc * g.taps;
      gemm<T>(true, false, g.taps, g.out_size, g.oc, T(1), w, g.taps,
              diff_dst + i * g.oc * g.out_size, g.out_size, T(0), columns, g.out_size);
      T* image = diff_src + i * g.ic * g.in_size;
      std::fill_n(image, g.ic * g.in_size, T(0));
      add_columns_to_image(g, columns, image);
    }
  });
}

template <class T>
void columns_backward_weights(const ConvProblem& p, const T* src, const T* diff_dst, T* diff_weight,
                              T* diff_bias) {
  const Columns g(p);
  // Images are cut into chunks by size alone and the chunks' sums are added in order, so that the
  // result does not depend on the number of threads.
  const int64_t chunk = std::max<int64_t>(1, (p.n + 7) / 8), chunks = (p.n + chunk - 1) / chunk;
  const int64_t weights = g.oc * g.taps, part = weights + g.oc;
  const Scratch sums(sizeof(T) * part * chunks * p.groups);
  parallel_for(chunks * p.groups, 1, [&](int64_t begin, int64_t end) {
    const Scratch block(sizeof(T) * g.taps * g.out_size);
    T* const columns = block.template get<T>();
    for (int64_t i = begin; i < end; i++) {
      const int64_t group = i / chunks, first = i % chunks * chunk;
      T* sum = sums.template get<T>() + i * part;
      std::fill_n(sum, part, T(0));
      for (int64_t n = first; n < std::min(p.n, first + chunk); n++) {
        const int64_t item = n * p.groups + group;
        const T* diff = diff_dst + item * g.oc * g.out_size;
        image_to_columns(g, src + item * g.ic * g.in_size, columns);
        gemm<T>(false, true, g.oc, g.taps, g.out_size, T(1), diff, g.out_size, columns, g.out_size,
                T(1), sum, g.taps);
        for (int64_t o = 0; diff_bias && o < g.oc; o++)
          for (int64_t x = 0; x < g.out_size; x++) sum[weights + o] += diff[o * g.out_size + x];
      }
    }
  });
  for (int64_t group = 0; group < p.groups; group++)
    for (int64_t w = 0; w < part; w++) {
      T total = T(0);
      for (int64_t i = 0; i < chunks; i++)
        total += sums.template get<T>()[(group * chunks + i) * part + w];
      if (w < weights)
        diff_weight[group * weights + w] = total;
      else if (diff_bias)
        diff_bias[group * g.oc + w - weights] = total;
    }
}

bool empty(const ConvProblem& p) {
  int64_t size = p.n * p.oc;
  for (int i = 0; i < p.nd; i++) size *= p.out_size(i);
  return size == 0;
}

int64_t image_count(const ConvProblem& p) {
  int64_t size = p.n * p.ic;
  for (int i = 0; i < p.nd; i++) size *= p.in[i];
  return size;
}

int64_t weight_count(const ConvProblem& p) {
  int64_t size = p.oc * (p.ic / p.groups);
  for (int i = 0; i < p.nd; i++) size *= p.kernel[i];
  return size;
}

// An activation (n, channels, size) in plain order, whatever order it came in; written back to
// where it came from when `finish` is called.
template <class T>
class PlainCopy {
 public:
  PlainCopy(onednn::Order order, int64_t n, int64_t channels, const int64_t* spatial, int nd,
            const T* data)
      : n_(n), c_(channels), turned_(order == onednn::Order::channels_last), data_(data) {
    for (int i = 0; i < nd; i++) s_ *= spatial[i];
    if (turned_) block_.emplace(sizeof(T) * n_ * c_ * s_);
  }
  const T* read() const {
    if (!turned_) return data_;
    turn(s_, c_, data_, block_->template get<T>());
    return block_->template get<T>();
  }
  T* write() const { return turned_ ? block_->template get<T>() : const_cast<T*>(data_); }
  void finish() const {
    if (turned_) turn(c_, s_, block_->template get<T>(), const_cast<T*>(data_));
  }

 private:
  void turn(int64_t rows, int64_t cols, const T* from, T* to) const {
    parallel_for(n_, 1, [&](int64_t begin, int64_t end) {
      for (int64_t i = begin * rows * cols; i < end * rows * cols; i += rows * cols)
        for (int64_t r = 0; r < rows; r++)
          for (int64_t c = 0; c < cols; c++) to[i + c * rows + r] = from[i + r * cols + c];
    });
  }

  int64_t n_, c_, s_ = 1;
  bool turned_;
  const T* data_;
  std::optional<Scratch> block_;
};

template <class T>
PlainCopy<T> plain_src(const ConvProblem& p, const T* src) {
  return PlainCopy<T>(p.src_order, p.n, p.ic, p.in, p.nd, src);
}

template <class T>
PlainCopy<T> plain_dst(const ConvProblem& p, const T* dst) {
  const int64_t out[3] = {p.out_size(0), p.nd > 1 ? p.out_size(1) : 1,
                          p.nd > 2 ? p.out_size(2) : 1};
  return PlainCopy<T>(p.dst_order, p.n, p.oc, out, p.nd, dst);
}

// ---- gradients in one spatial dimension: as images of height one with channels last, turned there
// and back, where the library takes 0.6 of its time on rows in plain order

bool wants_turning(const ConvProblem& p) {
  return p.nd == 1 && p.type == onednn::Type::f32 && p.ic >= 16 && p.oc >= 16 &&
         p.src_order == onednn::Order::plain && p.dst_order == onednn::Order::plain &&
         image_count(p) >= int64_t{1} << 16 && onednn::available();
}
ConvProblem as_image(const ConvProblem& p) {
  ConvProblem q = p;
  q.nd = 2;
  q.src_order = q.dst_order = onednn::Order::channels_last;
  for (int64_t* v : {q.in, q.kernel, q.stride, q.pad_lo, q.pad_hi, q.dilation}) v[1] = v[0];
  q.in[0] = q.kernel[0] = q.stride[0] = q.dilation[0] = 1;
  q.pad_lo[0] = q.pad_hi[0] = 0;
  return q;
}
// (n, rows, cols) to (n, cols, rows).
void turn_images(int64_t n, int64_t rows, int64_t cols, const float* from, float* to) {
  constexpr int64_t kBand = 512, item = sizeof(float);
  const int64_t row_bands = (rows + kBand - 1) / kBand,
                bands = row_bands * ((cols + kBand - 1) / kBand);
  parallel_for(n * bands, 1, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; i++) {
      const int64_t r = i % bands % row_bands * kBand, c = i % bands / row_bands * kBand;
      const int64_t image = i / bands * rows * cols;
      transpose(reinterpret_cast<const char*>(from + image + r * cols + c), cols * item,
                reinterpret_cast<char*>(to + image + c * rows + r), rows * item,
                std::min(kBand, rows - r), std::min(kBand, cols - c), item);
    }
  });
}
struct TurnedRows {
  int64_t n, channels, length;
  Scratch block;

  TurnedRows(int64_t n, int64_t channels, int64_t length)
      : n(n), channels(channels), length(length), block(sizeof(float) * n * channels * length) {}
  float* data() const { return block.get<float>(); }
  const float* read(const float* rows) const {
    turn_images(n, channels, length, rows, data());
    return data();
  }
  void write(float* rows) const { turn_images(n, length, channels, data(), rows); }
};

bool turned_backward_data(const ConvProblem& p, const float* weight, const float* diff_dst,
                          float* diff_src) {
  if (!wants_turning(p)) return false;
  const TurnedRows x(p.n, p.ic, p.in[0]), y(p.n, p.oc, p.out_size(0));
  if (!onednn::conv_backward_data(as_image(p), weight, y.read(diff_dst), x.data())) return false;
  x.write(diff_src);
  return true;
}
bool turned_backward_weights(const ConvProblem& p, const float* src, const float* diff_dst,
                             float* diff_weight, float* diff_bias) {
  if (!wants_turning(p)) return false;
  const TurnedRows x(p.n, p.ic, p.in[0]), y(p.n, p.oc, p.out_size(0));
  return onednn::conv_backward_weights(as_image(p), x.read(src), y.read(diff_dst), diff_weight,
                                       diff_bias);
}

// ---- kernels of one tap with channels last: matrix products as they lie

bool one_tap(const ConvProblem& p) {
  if (p.groups != 1 || p.ic == 0 || p.type != onednn::Type::f32 || !onednn::available() ||
      p.src_order != onednn::Order::channels_last || p.dst_order != onednn::Order::channels_last)
    return false;
  for (int i = 0; i < p.nd; i++)
    if (p.kernel[i] != 1 || p.stride[i] != 1 || p.pad_lo[i] != 0 || p.pad_hi[i] != 0) return false;
  return true;
}

}  // namespace

namespace {
// Runs the forward pass if one of our kernels takes it.
bool forward_by_ours(const ConvProblem& p, const float* src, const float* weight, const float* bias,
                     float* dst, const void* packed) {
  const float* const ordered = static_cast<const float*>(packed);
  if (depthwise::handles_ordered(p))
    depthwise::forward(p, src, weight, ordered, bias, dst);
  else if (direct::handles_mixed(p))
    direct::forward_mixed(p, src, weight, bias, dst);
  else if (direct::handles_forward(p))
    direct::forward(p, src, weight, bias, dst);
  else if (packed ? winograd::handles_packed(p) : winograd::handles(p))
    winograd::forward(p, src, weight, ordered, bias, dst);
  else
    return false;
  return true;
}
}  // namespace

template <class T>
void conv_forward(const ConvProblem& p, const T* src, const T* weight, const T* bias, T* dst,
                  const void* packed) {
  if (empty(p)) return;
  if constexpr (std::is_same_v<T, float>) {
    if (forward_by_ours(p, src, weight, bias, dst, packed)) return;
    if (p.ic > 0 && onednn::conv_forward(p, src, weight, bias, dst, packed)) return;
  }
  const PlainCopy<T> x = plain_src(p, src), y = plain_dst(p, dst);
  columns_forward(p, x.read(), weight, bias, y.write());
  y.finish();
}

void conv_forward_after(const ConvProblem& p, const float* src, const float* weight,
                        const float* bias, const ConvAfter& after, float* dst, const void* packed) {
  if (empty(p)) return;
  if (!forward_by_ours(p, src, weight, bias, dst, packed)) {
    if (p.ic > 0 && onednn::conv_forward(p, src, weight, bias, dst, packed, &after)) return;
    conv_forward<float>(p, src, weight, bias, dst, packed);
  }
  ChannelShape shape{p.n, p.oc, 1, p.dst_order};
  for (int i = 0; i < p.nd; i++) shape.s *= p.out_size(i);
  channel_map<float>(shape, {{dst, after.scale, after.shift}, {after.other}, after.relu}, dst);
}

size_t packed_weight_bytes(const ConvProblem& p, bool bias) {
  if (empty(p) || p.ic == 0) return 0;
  if (depthwise::handles_ordered(p)) return depthwise::packed_bytes(p);
  if (direct::handles_forward(p) || direct::handles_mixed(p)) return 0;
  if (winograd::handles_packed(p)) return winograd::packed_bytes(p);
  return onednn::conv_packed_bytes(p, bias);
}

void pack_weight(const ConvProblem& p, bool bias, const float* weight, void* packed) {
  if (depthwise::handles_ordered(p)) return depthwise::pack(p, weight, static_cast<float*>(packed));
  if (winograd::handles_packed(p)) return winograd::pack(p, weight, static_cast<float*>(packed));
  onednn::conv_pack(p, bias, weight, packed);
}

template <class T>
void conv_backward_data(const ConvProblem& p, const T* weight, const T* diff_dst, T* diff_src) {
  if (empty(p)) {
    std::fill_n(diff_src, image_count(p), T(0));
    return;
  }
  if constexpr (std::is_same_v<T, float>) {
    if (depthwise::handles_ordered(p))
      return depthwise::backward_data(p, weight, diff_dst, diff_src);
    if (direct::handles_backward_data(p))
      return direct::backward_data(p, weight, diff_dst, diff_src);
    if (winograd::handles(p)) return winograd::backward_data(p, weight, diff_dst, diff_src);
    if (one_tap(p))
      return gemm<float>(false, false, image_count(p) / p.ic, p.ic, p.oc, 1.0f, diff_dst, p.oc,
                         weight, p.ic, 0.0f, diff_src, p.ic);
    if (turned_backward_data(p, weight, diff_dst, diff_src)) return;
    if (p.ic > 0 && onednn::conv_backward_data(p, weight, diff_dst, diff_src)) return;
  }
  const PlainCopy<T> dx = plain_src(p, diff_src), dy = plain_dst(p, diff_dst);
  columns_backward_data(p, weight, dy.read(), dx.write());
  dx.finish();
}

template <class T>
void conv_backward_weights(const ConvProblem& p, const T* src, const T* diff_dst, T* diff_weight,
                           T* diff_bias) {
  if (empty(p)) {
    std::fill_n(diff_weight, weight_count(p), T(0));
    if (diff_bias) std::fill_n(diff_bias, p.oc, T(0));
    return;
  }
  if constexpr (std::is_same_v<T, float>) {
    if (depthwise::handles_ordered(p))
      return depthwise::backward_weights(p, src, diff_dst, diff_weight, diff_bias);
    if (direct::handles_mixed(p))
      return direct::backward_mixed_weights(p, src, diff_dst, diff_weight, diff_bias);
    if (direct::handles_backward_weights(p))
      return direct::backward_weights(p, src, diff_dst, diff_weight, diff_bias);
    if (winograd::handles_weights(p))
      return winograd::backward_weights(p, src, diff_dst, diff_weight, diff_bias);
    if (one_tap(p) && !diff_bias)
      return gemm<float>(true, false, p.oc, p.ic, image_count(p) / p.ic, 1.0f, diff_dst, p.oc, src,
                         p.ic, 0.0f, diff_weight, p.ic);
    if (!thread_independent() && turned_backward_weights(p, src, diff_dst, diff_weight, diff_bias))
      return;
    if (p.ic > 0 && !thread_independent() &&
        onednn::conv_backward_weights(p, src, diff_dst, diff_weight, diff_bias))
      return;
  }
  const PlainCopy<T> x = plain_src(p, src), dy = plain_dst(p, diff_dst);
  columns_backward_weights(p, x.read(), dy.read(), diff_weight, diff_bias);
}

template <class T>
void unfold_images(const ConvProblem& p, const T* images, T* columns) {
  const Columns g(p);
  parallel_for(p.n, 1, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; i++)
      image_to_columns(g, images + i * g.ic * g.in_size, columns + i * g.taps * g.out_size);
  });
}

template <class T>
void fold_images(const ConvProblem& p, const T* columns, T* images) {
  const Columns g(p);
  parallel_for(p.n, 1, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; i++) {
      T* image = images + i * g.ic * g.in_size;
      std::fill_n(image, g.ic * g.in_size, T(0));
      add_columns_to_image(g, columns + i * g.taps * g.out_size, image);
    }
  });
}

#define RL_UNFOLD(T)                                                \
  template void unfold_images<T>(const ConvProblem&, const T*, T*); \
  template void fold_images<T>(const ConvProblem&, const T*, T*);

RL_UNFOLD(bool)
RL_UNFOLD(float)
RL_UNFOLD(double)
RL_UNFOLD(Half)
RL_UNFOLD(BFloat16)
RL_UNFOLD(complex64)
RL_UNFOLD(complex128)
#undef RL_UNFOLD

#define RL_CONV(T)                                                                    \
  template void conv_forward<T>(const ConvProblem&, const T*, const T*, const T*, T*, \
                                const void*);                                         \
  template void conv_backward_data<T>(const ConvProblem&, const T*, const T*, T*);    \
  template void conv_backward_weights<T>(const ConvProblem&, const T*, const T*, T*, T*);

RL_CONV(float)
RL_CONV(double)
RL_CONV(int64_t)
RL_CONV(int32_t)
RL_CONV(int16_t)
RL_CONV(int8_t)
RL_CONV(uint8_t)
#undef RL_CONV

namespace {
bool half_kernels(const ConvProblem& p) {
  if (empty(p) || p.ic == 0) return false;
  // Without the instructions the library emulates them; converting to float32 is faster.
  if (p.type == onednn::Type::bf16) return __builtin_cpu_supports("avx512bf16");
  return false;
}
}  // namespace

bool half_conv_forward(const ConvProblem& p, const void* src, const void* weight, const void* bias,
                       void* dst) {
  return half_kernels(p) && onednn::conv_forward(p, src, weight, bias, dst);
}

bool half_conv_backward_data(const ConvProblem& p, const void* weight, const void* diff_dst,
                             void* diff_src) {
  return half_kernels(p) && onednn::conv_backward_data(p, weight, diff_dst, diff_src);
}

bool half_conv_backward_weights(const ConvProblem& p, const void* src, const void* diff_dst,
                                void* diff_weight, void* diff_bias) {
  return half_kernels(p) && onednn::conv_backward_weights(p, src, diff_dst, diff_weight, diff_bias);
}

onednn::Order preferred_order(const ConvProblem& p) {
  if (depthwise::handles(p)) return onednn::Order::channels_last;
  ConvProblem q = p;
  q.src_order = q.dst_order = onednn::Order::plain;
  if (p.type == onednn::Type::f32 && direct::handles_forward(q) &&
      direct::handles_backward_weights(q) && direct::handles_backward_data(q))
    return onednn::Order::plain;
  return onednn::available() ? onednn::Order::channels_last : onednn::Order::plain;
}

}  // namespace rl
