// Gradient of the weight of a 3 x 3 convolution by Winograd: F(3x3, 4x4), 36 products where the
// plain sum needs 144, or F(3x3, 2x2), 16 for 36. At stride two by tiles of 3 x 3 gradients, 49
// for 81.
//
// S. Winograd, Arithmetic Complexity of Computations, 1980; B. Barabasz, A. Anderson, K. Soodhalter
// and D. Gregg, Error Analysis and Improving the Accuracy of Winograd Convolution, arXiv
// 1803.10986.
#include <algorithm>

#include "cpu/conv.h"
#include "cpu/conv_winograd.h"
#include "cpu/scratch.h"
#include "cpu/simd.h"
#include "pool/pool.h"

namespace rl::winograd {
namespace {

constexpr int64_t kBlock = 64;  // channels of either side that are multiplied at a time
constexpr int64_t kMaxWidth = kBlock;
constexpr int64_t kStep = 128;  // tiles between additions to the sums

// Output positions from which on tiles are large: their error is then no larger than the plain
// sum's, which grows with its length (1.1 times at 784).
constexpr int64_t kLarge = 768;

struct GradKernels {
  using Transform = void(const Image& image, const Place* tiles, int64_t count, float* out,
                         int64_t position_step);
  // In one direction: gradients, positions, and sums; positions past the last sum add to that one.
  int64_t tile, side, sums;
  Transform *inputs, *gradients;
  void (*correlate)(int64_t tiles, int64_t outputs, int64_t inputs, const float* g, const float* v,
                    float* sum, bool add_to);
  void (*finish)(const float* sum, int64_t position_step, int64_t inputs, float* out);
};

#define RL_NO_BASELINE
#define RL_KERNELS "cpu/conv_winograd_grad.inc"
#include "cpu/levels.inc"

const GradKernels& best(const ConvProblem& p) {
  const bool large = p.n * p.out_size(0) * p.out_size(1) >= kLarge;
  const int tile = p.stride[0] == 2 ? 3 : large ? 4 : 2;
  return simd::level() == simd::Level::avx512 ? avx512::kernels(tile) : avx2::kernels(tile);
}

int64_t blocks(int64_t channels) { return (channels + kBlock - 1) / kBlock; }
int64_t block_width(int64_t channels, int64_t block) {
  return std::min(kBlock, channels - block * kBlock);
}

// The work of one call. Tiles are taken in rounds; in each, all channels of its tiles are
// transformed into a buffer that stays in the last cache, as [block of
// channels][position][tile][channel], then every pair of blocks is multiplied. With many pairs the
// threads share the buffer and divide the pairs; with few, what one thread has transformed would
// cost the others more to fetch than to compute: there each takes shares of the tiles, as many as
// the problem's size says, and these are added in order.
class WeightGradient {
 public:
  WeightGradient(const ConvProblem& p, const float* src, const float* diff_dst, float* diff_weight)
      : p_(p),
        kernels_(best(p)),
        src_(src),
        diff_dst_(diff_dst),
        diff_weight_(diff_weight),
        side_(kernels_.side),
        positions_(side_ * side_),
        sums_(kernels_.sums * kernels_.sums),
        in_blocks_(blocks(p.ic)),
        rows_(p.out_size(0), kernels_.tile),
        cols_(p.out_size(1), kernels_.tile),
        tiles_(p.n * rows_.tiles * cols_.tiles),
        pairs_(in_blocks_ * blocks(p.oc)),
        shares_(share_count()),
        round_(round_tiles()),
        step_((round_ + 15) / 16 * 16 * kBlock + 16) {}

  void run() const {
    if (shares_ == 1) return run_share(0, tiles_, diff_weight_);
    const int64_t weights = p_.oc * p_.ic * 9;
    const Scratch all(sizeof(float) * weights * shares_);
    float* const parts = all.get<float>();
    parallel_for_fixed(shares_, [&](int64_t i) {
      const int64_t first = tiles_ * i / shares_;
      run_share(first, tiles_ * (i + 1) / shares_ - first, parts + i * weights);
    });
    parallel_for(weights, 4096, [&](int64_t begin, int64_t end) {
      std::copy(parts + begin, parts + end, diff_weight_ + begin);
      for (int64_t s = 1; s < shares_; s++)
        for (int64_t i = begin; i < end; i++) diff_weight_[i] += parts[s * weights + i];
    });
  }

 private:
  static constexpr int64_t kSquare = kBlock * kBlock + 16;  // apart in the first cache

  int64_t share_count() const {
    if (pairs_ > 8) return 1;
    return std::clamp<int64_t>(std::max<int64_t>(4, 16 / pairs_), 1, (tiles_ + kStep - 1) / kStep);
  }

  // The gradient of `count` tiles alone. Loops run on the calling thread where it has a share.
  void run_share(int64_t first, int64_t count, float* to) const {
    const Scratch buffer(sizeof(float) * positions_ * step_ * (in_blocks_ + blocks(p_.oc)));
    float *const v = buffer.get<float>(), *const g = v + in_blocks_ * positions_ * step_;
    if (count <= round_) {  // a pair's sums need not outlive it
      const Tiles tiles(rows_, cols_, first, count);
      transform(tiles, v, g);
      return parallel_for(pairs_, 1, [&](int64_t begin, int64_t end) {
        const Scratch sums(sizeof(float) * sums_ * kSquare);
        for (int64_t pair = begin; pair < end; pair++) {
          for (int64_t i = 0; i < sums_; i++)
            correlate(tiles, pair, i, v, g, sums.get<float>() + i * kSquare, false);
          finish(pair, sums.get<float>(), to);
        }
      });
    }
    const Scratch all(sizeof(float) * pairs_ * sums_ * kSquare);
    float* const sums = all.get<float>();
    for (int64_t done = 0; done < count; done += round_) {
      const Tiles tiles(rows_, cols_, first + done, std::min(round_, count - done));
      transform(tiles, v, g);
      parallel_for_fixed(pairs_ * sums_, [&](int64_t i) {
        correlate(tiles, i / sums_, i % sums_, v, g, sums + i * kSquare, done > 0);
      });
    }
    parallel_for_fixed(pairs_, [&](int64_t i) { finish(i, sums + i * sums_ * kSquare, to); });
  }

  // Everything at once where it stays in the last cache, else rounds that leave room there for what
  // they read.
  int64_t round_tiles() const {
    const int64_t tile = positions_ * (p_.ic + p_.oc), count = (tiles_ + shares_ - 1) / shares_;
    if (count * tile <= int64_t{shares_ == 1 ? 6 : 2} << 20) return count;
    const int64_t most = std::max(kStep, (int64_t{1} << 20) / tile),
                  rounds = (count + most - 1) / most;
    return (count + rounds - 1) / rounds;
  }

  void transform(const Tiles& tiles, float* v, float* g) const {
    constexpr int64_t kRun = 16;
    const int64_t all = in_blocks_ + blocks(p_.oc);
    parallel_for_fixed(all * ((tiles.size() + kRun - 1) / kRun), [&](int64_t i) {
      const int64_t first = i / all * kRun, count = std::min(kRun, tiles.size() - first);
      const bool in = i % all < in_blocks_;
      const int64_t block = in ? i % all : i % all - in_blocks_,
                    width = block_width(in ? p_.ic : p_.oc, block);
      const Image image =
          in ? Image{src_,         p_.in[0],     p_.in[1],       p_.ic, p_.pad_lo[0],
                     p_.pad_lo[1], p_.stride[0], block * kBlock, width, false}
             : Image{diff_dst_, p_.out_size(0), p_.out_size(1), p_.oc, 0, 0,
                     1,         block * kBlock, width,          true};
      (in ? kernels_.inputs : kernels_.gradients)(
          image, tiles.data() + first, count,
          (in ? v : g) + block * positions_ * step_ + first * width, step_);
    });
  }

  void correlate(const Tiles& tiles, int64_t pair, int64_t sum, const float* v, const float* g,
                 float* to, bool add_to) const {
    const int64_t i = pair % in_blocks_, o = pair / in_blocks_, inputs = block_width(p_.ic, i),
                  outputs = block_width(p_.oc, o), last = kernels_.sums - 1,
                  row = sum / kernels_.sums, col = sum % kernels_.sums;
    for (int64_t y = row; y <= (row == last ? side_ - 1 : row); y++)
      for (int64_t x = col; x <= (col == last ? side_ - 1 : col); x++, add_to = true) {
        const auto [begin, end] = tiles.needing(serves_last(y, side_), serves_last(x, side_));
        const int64_t position = y * side_ + x;
        kernels_.correlate(end - begin, outputs, inputs,
                           g + (o * positions_ + position) * step_ + begin * outputs,
                           v + (i * positions_ + position) * step_ + begin * inputs, to, add_to);
      }
  }

  void finish(int64_t pair, const float* sums, float* to) const {
    const int64_t i = pair % in_blocks_, o = pair / in_blocks_, inputs = block_width(p_.ic, i);
    for (int64_t r = 0; r < block_width(p_.oc, o); r++)
      kernels_.finish(sums + r * inputs, kSquare, inputs,
                      to + ((o * kBlock + r) * p_.ic + i * kBlock) * 9);
  }

  const ConvProblem& p_;
  const GradKernels& kernels_;
  const float *src_, *diff_dst_;
  float* diff_weight_;
  int64_t side_, positions_, sums_, in_blocks_;
  Axis rows_, cols_;
  int64_t tiles_, pairs_, shares_, round_, step_;
};

}  // namespace

void weight_gradient(const ConvProblem& p, const float* src, const float* diff_dst,
                     float* diff_weight) {
  WeightGradient(p, src, diff_dst, diff_weight).run();
}

}  // namespace rl::winograd
