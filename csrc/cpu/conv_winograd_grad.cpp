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

// Output positions from which on tiles are large: their error is then that of the plain sum or
// below, which grows with its length.
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
// channels][position][tile][channel], then every pair of blocks is multiplied.
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
        round_(round_tiles()),
        step_((round_ + 15) / 16 * 16 * kBlock + 16) {}

  void run() const {
    const int64_t pairs = in_blocks_ * blocks(p_.oc);
    const Scratch buffer(sizeof(float) * positions_ * step_ * (in_blocks_ + blocks(p_.oc)));
    float *const v = buffer.get<float>(), *const g = v + in_blocks_ * positions_ * step_;
    // With one round a pair's sums need not outlive it.
    if (tiles_ <= round_ && pairs >= 8) {
      const Tiles tiles(rows_, cols_, 0, tiles_);
      transform(tiles, v, g);
      return parallel_for(pairs, 1, [&](int64_t begin, int64_t end) {
        const Scratch sums(sizeof(float) * sums_ * kSquare);
        for (int64_t pair = begin; pair < end; pair++) {
          for (int64_t i = 0; i < sums_; i++)
            correlate(tiles, pair, i, v, g, sums.get<float>() + i * kSquare, false);
          finish(pair, 0, block_width(p_.oc, pair / in_blocks_), sums.get<float>());
        }
      });
    }
    const Scratch all(sizeof(float) * pairs * sums_ * kSquare);
    float* const sums = all.get<float>();
    for (int64_t first = 0; first < tiles_; first += round_) {
      const Tiles tiles(rows_, cols_, first, std::min(round_, tiles_ - first));
      transform(tiles, v, g);
      parallel_for_fixed(pairs * sums_, [&](int64_t i) {
        correlate(tiles, i / sums_, i % sums_, v, g, sums + i * kSquare, first > 0);
      });
    }
    parallel_for_fixed(pairs * 4, [&](int64_t i) {
      const int64_t outputs = block_width(p_.oc, i / 4 / in_blocks_);
      finish(i / 4, outputs * (i % 4) / 4, outputs * (i % 4 + 1) / 4,
             sums + i / 4 * sums_ * kSquare);
    });
  }

 private:
  static constexpr int64_t kSquare = kBlock * kBlock + 16;  // apart in the first cache

  // Everything at once where it stays in the last cache, else rounds that leave room there for what
  // they read.
  int64_t round_tiles() const {
    const int64_t tile = positions_ * (p_.ic + p_.oc);
    if (tiles_ * tile <= int64_t{6} << 20) return tiles_;
    const int64_t most = std::max(kStep, (int64_t{1} << 20) / tile),
                  rounds = (tiles_ + most - 1) / most;
    return (tiles_ + rounds - 1) / rounds;
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

  void finish(int64_t pair, int64_t from, int64_t to, const float* sums) const {
    const int64_t i = pair % in_blocks_, o = pair / in_blocks_, inputs = block_width(p_.ic, i);
    for (int64_t r = from; r < to; r++)
      kernels_.finish(sums + r * inputs, kSquare, inputs,
                      diff_weight_ + ((o * kBlock + r) * p_.ic + i * kBlock) * 9);
  }

  const ConvProblem& p_;
  const GradKernels& kernels_;
  const float *src_, *diff_dst_;
  float* diff_weight_;
  int64_t side_, positions_, sums_, in_blocks_;
  Axis rows_, cols_;
  int64_t tiles_, round_, step_;
};

}  // namespace

void weight_gradient(const ConvProblem& p, const float* src, const float* diff_dst,
                     float* diff_weight) {
  WeightGradient(p, src, diff_dst, diff_weight).run();
}

}  // namespace rl::winograd
