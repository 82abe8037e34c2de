#include "cpu/batchnorm.h"

#include <algorithm>

#include "cpu/scratch.h"
#include "cpu/simd.h"
#include "pool/pool.h"

namespace rl {
namespace {

template <class T>
struct ChannelKernels {
  void (*run_moments)(const T*, int64_t, T*, T*);
  void (*block_moments)(const T*, int64_t, int64_t, T*, T*);
  void (*run_map)(const ChannelMap<T>&, int64_t, int64_t, int64_t, T*);
  void (*block_map)(const ChannelMap<T>&, int64_t, int64_t, int64_t, T*);
  void (*run_gradient_sums)(const ChannelGradient<T>&, int64_t, int64_t, int64_t, T, T*, T*);
  void (*block_gradient_sums)(const ChannelGradient<T>&, int64_t, int64_t, int64_t, const T*, T*,
                              T*);
  void (*run_gradient)(const ChannelGradient<T>&, int64_t, int64_t, int64_t, T, T, T, T*);
  void (*block_gradient)(const ChannelGradient<T>&, int64_t, int64_t, int64_t, const T*, const T*,
                         const T*, T*);
};

#define RL_KERNELS "cpu/batchnorm.inc"
#include "cpu/levels.inc"

template <class T>
const ChannelKernels<T>& best() {
  static const ChannelKernels<T>& chosen =
      simd::pick(baseline::kernels<T>(), avx2::kernels<T>(), avx512::kernels<T>());
  return chosen;
}

constexpr int64_t kBlock = 16384;  // elements summed in T before double takes over

bool last(const ChannelShape& s) { return s.order == onednn::Order::channels_last; }

int64_t ceil_div(int64_t a, int64_t b) { return (a + b - 1) / b; }

// How a reduction is cut: plain order into (channel, image, piece of the plane), channels last
// into blocks of rows. Each block yields `c` (or one) pair of partial results.
struct Cut {
  int64_t per_block, blocks;

  explicit Cut(const ChannelShape& s) {
    if (last(s)) {
      per_block = std::max<int64_t>(1, kBlock / std::max<int64_t>(s.c, 1));
      blocks = ceil_div(s.n * s.s, per_block);
    } else {
      per_block = kBlock;
      blocks = s.n * ceil_div(s.s, per_block);
    }
  }

  // Elements of one channel in block b.
  int64_t size(const ChannelShape& s, int64_t b) const {
    if (last(s)) return std::min(per_block, s.n * s.s - b * per_block);
    const int64_t pieces = blocks / s.n, piece = b % pieces;
    return std::min(per_block, s.s - piece * per_block);
  }

  // Offset of channel c in block b (plain order).
  int64_t offset(const ChannelShape& s, int64_t c, int64_t b) const {
    const int64_t pieces = blocks / s.n;
    return ((b / pieces) * s.c + c) * s.s + b % pieces * per_block;
  }
};

// Channels for which a thread adds up the blocks' results.
int64_t channel_grain(const Cut& cut) {
  return std::max<int64_t>(16, kDefaultGrain / std::max<int64_t>(cut.blocks, 1));
}

// Fills pairs[block][2][c]: calls `run(offset, size, c, out0, out1)` in plain order,
// `block(offset, rows, out0, out1)` with channels last.
template <class T, class Run, class Block>
void reduce_blocks(const ChannelShape& s, const Cut& cut, T* pairs, Run run, Block block) {
  if (last(s)) {
    parallel_for(cut.blocks, 1, [&](int64_t begin, int64_t end) {
      for (int64_t b = begin; b < end; b++)
        block(b * cut.per_block * s.c, cut.size(s, b), pairs + b * 2 * s.c,
              pairs + b * 2 * s.c + s.c);
    });
    return;
  }
  const int64_t grain = std::max<int64_t>(1, kBlock / std::max<int64_t>(s.n * s.s, 1));
  parallel_for(s.c, grain, [&](int64_t begin, int64_t end) {
    for (int64_t c = begin; c < end; c++)
      for (int64_t b = 0; b < cut.blocks; b++)
        run(cut.offset(s, c, b), cut.size(s, b), c, pairs + b * 2 * s.c + c,
            pairs + b * 2 * s.c + s.c + c);
  });
}

// Calls `run(offset, size, c)` or `block(offset, rows)` over everything.
template <class Run, class Block>
void map_blocks(const ChannelShape& s, Run run, Block block) {
  if (last(s)) {
    const int64_t grain = std::max<int64_t>(1, kDefaultGrain / std::max<int64_t>(s.c, 1));
    parallel_for(s.n * s.s, grain,
                 [&](int64_t begin, int64_t end) { block(begin * s.c, end - begin); });
    return;
  }
  const int64_t grain = std::max<int64_t>(1, kDefaultGrain / std::max<int64_t>(s.s, 1));
  parallel_for(s.n * s.c, grain, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; i++) run(i * s.s, s.s, i % s.c);
  });
}

}  // namespace

template <class T>
void channel_statistics(const ChannelShape& s, const T* x, double* mean, double* variance) {
  const Cut cut(s);
  const Scratch block(sizeof(T) * 2 * s.c * cut.blocks);
  T* const pairs = block.template get<T>();
  const auto& k = best<T>();
  reduce_blocks(
      s, cut, pairs,
      [&](int64_t at, int64_t n, int64_t, T* m, T* m2) { k.run_moments(x + at, n, m, m2); },
      [&](int64_t at, int64_t rows, T* m, T* m2) { k.block_moments(x + at, rows, s.c, m, m2); });
  // Chan, Golub and LeVeque, Algorithms for Computing the Sample Variance, 1983: a block at a time.
  parallel_for(s.c, channel_grain(cut), [&](int64_t first, int64_t end) {
    std::fill(mean + first, mean + end, 0.0);
    std::fill(variance + first, variance + end, 0.0);
    double count = 0;
    for (int64_t b = 0; b < cut.blocks; b++) {
      const double size = double(cut.size(s, b)), total = count + size, share = size / total,
                   weight = count * share;
      const T *m = pairs + b * 2 * s.c, *m2 = m + s.c;
      for (int64_t c = first; c < end; c++) {
        const double delta = double(m[c]) - mean[c];
        mean[c] += delta * share;
        variance[c] += double(m2[c]) + delta * delta * weight;
      }
      count = total;
    }
    for (int64_t c = first; c < end; c++) variance[c] /= count;
  });
}

template <class T>
void channel_map(const ChannelShape& s, const ChannelMap<T>& map, T* y) {
  const auto& k = best<T>();
  map_blocks(
      s, [&](int64_t at, int64_t n, int64_t c) { k.run_map(map, at, n, c, y); },
      [&](int64_t at, int64_t rows) { k.block_map(map, at, rows, s.c, y); });
}

template <class T>
void channel_gradient_sums(const ChannelShape& s, const ChannelGradient<T>& g, const T* center,
                           double* sum_dy, double* sum_dy_x) {
  const Cut cut(s);
  const Scratch block(sizeof(T) * 2 * s.c * cut.blocks);
  T* const pairs = block.template get<T>();
  const auto& k = best<T>();
  reduce_blocks(
      s, cut, pairs,
      [&](int64_t at, int64_t n, int64_t c, T* a, T* b) {
        k.run_gradient_sums(g, at, n, c, center[c], a, b);
      },
      [&](int64_t at, int64_t rows, T* a, T* b) {
        k.block_gradient_sums(g, at, rows, s.c, center, a, b);
      });
  parallel_for(s.c, channel_grain(cut), [&](int64_t first, int64_t end) {
    std::fill(sum_dy + first, sum_dy + end, 0.0);
    std::fill(sum_dy_x + first, sum_dy_x + end, 0.0);
    for (int64_t b = 0; b < cut.blocks; b++) {
      const T *sum = pairs + b * 2 * s.c, *dot = sum + s.c;
      for (int64_t c = first; c < end; c++) {
        sum_dy[c] += double(sum[c]);
        sum_dy_x[c] += double(dot[c]);
      }
    }
  });
}

template <class T>
void channel_gradient(const ChannelShape& s, const ChannelGradient<T>& g, const T* a, const T* b,
                      const T* k, T* dx) {
  const auto& f = best<T>();
  map_blocks(
      s,
      [&](int64_t at, int64_t n, int64_t c) { f.run_gradient(g, at, n, c, a[c], b[c], k[c], dx); },
      [&](int64_t at, int64_t rows) { f.block_gradient(g, at, rows, s.c, a, b, k, dx); });
}

#define RL_CHANNELS(T)                                                                             \
  template void channel_statistics<T>(const ChannelShape&, const T*, double*, double*);            \
  template void channel_map<T>(const ChannelShape&, const ChannelMap<T>&, T*);                     \
  template void channel_gradient_sums<T>(const ChannelShape&, const ChannelGradient<T>&, const T*, \
                                         double*, double*);                                        \
  template void channel_gradient<T>(const ChannelShape&, const ChannelGradient<T>&, const T*,      \
                                    const T*, const T*, T*);

RL_CHANNELS(float)
RL_CHANNELS(double)
#undef RL_CHANNELS

}  // namespace rl
