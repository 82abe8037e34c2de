// Gradient of the weight of a 3 x 3 convolution by Winograd's F(3x3, 4x4): 36 products where the
// plain sum needs 144. The points are 0, +-5/8, +-3/2 and infinity, at which both transforms have
// short exact factors and the rounding error is half of what 0, +-1, +-2 give
// (docs/design/convolution.md).
//
// S. Winograd, Arithmetic Complexity of Computations, 1980; B. Barabasz, A. Anderson, K. Soodhalter
// and D. Gregg, Error Analysis and Improving the Accuracy of Winograd Convolution, arXiv
// 1803.10986.
#include <algorithm>
#include <cstring>
#include <vector>

#include "cpu/conv.h"
#include "cpu/conv_winograd.h"
#include "cpu/scratch.h"
#include "cpu/simd.h"
#include "pool/pool.h"

namespace rl::winograd {
namespace {

constexpr float kPointA = 0.625f, kPointB = 1.5f;
constexpr int64_t kPositions = 36;
constexpr int64_t kBlock = 64;  // channels of either side that are multiplied at a time
constexpr int kChains = 3;
constexpr int64_t kStep = 48;  // tiles between additions to the sums

// A tile by its first gradient.
struct Place {
  int64_t image, y, x;
  int64_t rows, cols;  // of its gradients that belong to it, at most four
};

// One direction of the gradient: tiles of four, then tiles of three, where four do not come out.
struct Axis {
  int64_t tiles, full;

  explicit Axis(int64_t size)
      : tiles((size + 3) / 4), full(std::max<int64_t>(0, size - 3 * tiles)) {}
  int64_t start(int64_t tile) const { return 3 * tile + std::min(tile, full); }
  int64_t length(int64_t tile) const { return tile < full ? 4 : 3; }
};

// Channels [channel, channel + width) of images (n, rows, cols, channels) of which tiles are read,
// from `top` and `left` before their place.
struct Image {
  const float* data;
  int64_t rows, cols, channels, top, left, channel, width;

  template <int SIDE>
  void pointers(const Place& t, const float* outside, const float** to) const {
    const int64_t y0 = t.y - top, x0 = t.x - left;
    // Gradients past a tile's own are its neighbour's; inputs past them meet zeros.
    const int64_t below = SIDE == 4 ? std::min(rows, t.y + t.rows) : rows,
                  right = SIDE == 4 ? std::min(cols, t.x + t.cols) : cols;
    for (int64_t y = y0; y < y0 + SIDE; y++)
      for (int64_t x = x0; x < x0 + SIDE; x++) {
        const bool inside = y >= 0 && y < below && x >= 0 && x < right;
        *to++ = inside ? data + ((t.image * rows + y) * cols + x) * channels + channel : outside;
      }
  }
};

struct GradKernels {
  void (*transform_inputs)(const Image& image, const Place* tiles, int64_t count, float* out,
                           int64_t position_step);
  void (*transform_gradients)(const Image& image, const Place* tiles, int64_t count, float* out,
                              int64_t position_step);
  void (*correlate)(int64_t tiles, int64_t outputs, int64_t inputs, const float* g, const float* v,
                    float* sum, bool add_to);
  void (*finish)(const float* sum, int64_t position_step, int64_t inputs, float* out);
};

#define RL_NO_BASELINE
#define RL_KERNELS "cpu/conv_winograd_grad.inc"
#include "cpu/levels.inc"

const GradKernels& best() {
  static const GradKernels& chosen =
      simd::level() == simd::Level::avx512 ? avx512::kernels() : avx2::kernels();
  return chosen;
}

// Tiles in an order in which those that a position needs lie together: a tile of three rows has
// nothing at the last row of positions, a tile of three columns nothing at the last column.
struct TileList {
  std::vector<Place> places;
  int64_t ends[4] = {};  // short both ways, in columns, full, short in rows

  TileList(const Axis& rows, const Axis& cols, int64_t first, int64_t count) {
    std::vector<Place> kinds[4];
    for (int64_t i = first; i < first + count; i++) {
      const int64_t row = i / cols.tiles % rows.tiles, col = i % cols.tiles;
      const Place p{i / cols.tiles / rows.tiles, rows.start(row), cols.start(col), rows.length(row),
                    cols.length(col)};
      kinds[p.rows == 4 ? (p.cols == 4 ? 2 : 1) : (p.cols == 4 ? 3 : 0)].push_back(p);
    }
    for (int k = 0; k < 4; k++) {
      places.insert(places.end(), kinds[k].begin(), kinds[k].end());
      ends[k] = int64_t(places.size());
    }
  }
  int64_t begin(int64_t position) const {
    return position % 6 == 5 ? ends[1] : position / 6 == 5 ? ends[0] : 0;
  }
  int64_t end(int64_t position) const { return position / 6 == 5 ? ends[2] : ends[3]; }
};

int64_t blocks(int64_t channels) { return (channels + kBlock - 1) / kBlock; }
int64_t block_width(int64_t channels, int64_t block) {
  return std::min(kBlock, channels - block * kBlock);
}

// The work of one call. Tiles are taken in rounds; in each, all channels of its tiles are
// transformed into a buffer that stays in the last cache, then every pair of blocks of channels is
// multiplied.
class WeightGradient {
 public:
  WeightGradient(const ConvProblem& p, const float* src, const float* diff_dst, float* diff_weight)
      : p_(p),
        src_(src),
        diff_dst_(diff_dst),
        diff_weight_(diff_weight),
        rows_(p.out_size(0)),
        cols_(p.out_size(1)),
        tiles_(p.n * rows_.tiles * cols_.tiles),
        round_(round_tiles()),
        step_((round_ + 15) / 16 * 16 * kBlock + 16) {}

  void run() const {
    const int64_t in_blocks = blocks(p_.ic), pairs = in_blocks * blocks(p_.oc);
    const Scratch buffer(sizeof(float) * kPositions * step_ * (in_blocks + blocks(p_.oc)));
    float *const v = buffer.get<float>(), *const g = v + in_blocks * kPositions * step_;
    // With one round a pair's sums need not outlive it.
    if (tiles_ <= round_ && pairs >= 8) {
      const TileList list(rows_, cols_, 0, tiles_);
      transform(list, v, g);
      return parallel_for(pairs, 1, [&](int64_t begin, int64_t end) {
        const Scratch sums(sizeof(float) * kPositions * kSquare);
        for (int64_t pair = begin; pair < end; pair++) {
          for (int64_t i = 0; i < kPositions; i++)
            correlate(list, pair, i, v, g, sums.get<float>() + i * kSquare, false);
          finish(pair, 0, block_width(p_.oc, pair / in_blocks), sums.get<float>());
        }
      });
    }
    const Scratch all(sizeof(float) * pairs * kPositions * kSquare);
    float* const sums = all.get<float>();
    for (int64_t first = 0; first < tiles_; first += round_) {
      const TileList list(rows_, cols_, first, std::min(round_, tiles_ - first));
      transform(list, v, g);
      parallel_for_fixed(pairs * kPositions, [&](int64_t i) {
        correlate(list, i / kPositions, i % kPositions, v, g, sums + i * kSquare, first > 0);
      });
    }
    parallel_for(pairs * 4, 1, [&](int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; i++) {
        const int64_t outputs = block_width(p_.oc, i / 4 / in_blocks);
        finish(i / 4, outputs * (i % 4) / 4, outputs * (i % 4 + 1) / 4,
               sums + i / 4 * kPositions * kSquare);
      }
    });
  }

 private:
  static constexpr int64_t kSquare = kBlock * kBlock + 16;  // apart in the first cache

  // Everything at once where it stays in the last cache, else rounds that leave room there for what
  // they read.
  int64_t round_tiles() const {
    const int64_t tile = kPositions * (p_.ic + p_.oc);
    if (tiles_ * tile <= int64_t{4} << 20) return tiles_;
    const int64_t most = std::max<int64_t>(kStep, (int64_t{1} << 20) / tile / kStep * kStep),
                  rounds = (tiles_ + most - 1) / most;
    return (tiles_ + rounds - 1) / rounds;
  }

  void transform(const TileList& list, float* v, float* g) const {
    constexpr int64_t kRun = 16;
    const int64_t in_blocks = blocks(p_.ic), all = in_blocks + blocks(p_.oc),
                  tiles = int64_t(list.places.size());
    parallel_for_fixed(all * ((tiles + kRun - 1) / kRun), [&](int64_t i) {
      const int64_t b = i % all, first = i / all * kRun, count = std::min(kRun, tiles - first);
      const Place* const places = list.places.data() + first;
      if (b < in_blocks) {
        const int64_t width = block_width(p_.ic, b);
        best().transform_inputs(
            {src_, p_.in[0], p_.in[1], p_.ic, p_.pad_lo[0], p_.pad_lo[1], b * kBlock, width},
            places, count, v + b * kPositions * step_ + first * width, step_);
      } else {
        const int64_t o = b - in_blocks, width = block_width(p_.oc, o);
        best().transform_gradients(
            {diff_dst_, p_.out_size(0), p_.out_size(1), p_.oc, 0, 0, o * kBlock, width}, places,
            count, g + o * kPositions * step_ + first * width, step_);
      }
    });
  }

  void correlate(const TileList& list, int64_t pair, int64_t position, const float* v,
                 const float* g, float* sum, bool add_to) const {
    const int64_t i = pair % blocks(p_.ic), o = pair / blocks(p_.ic),
                  inputs = block_width(p_.ic, i), outputs = block_width(p_.oc, o),
                  from = list.begin(position);
    best().correlate(list.end(position) - from, outputs, inputs,
                     g + (o * kPositions + position) * step_ + from * outputs,
                     v + (i * kPositions + position) * step_ + from * inputs, sum, add_to);
  }

  void finish(int64_t pair, int64_t from, int64_t to, const float* sums) const {
    const int64_t i = pair % blocks(p_.ic), o = pair / blocks(p_.ic),
                  inputs = block_width(p_.ic, i);
    for (int64_t r = from; r < to; r++)
      best().finish(sums + r * inputs, kSquare, inputs,
                    diff_weight_ + ((o * kBlock + r) * p_.ic + i * kBlock) * 9);
  }

  const ConvProblem& p_;
  const float *src_, *diff_dst_;
  float* diff_weight_;
  Axis rows_, cols_;
  int64_t tiles_, round_, step_;
};

}  // namespace

void large_tile_weights(const ConvProblem& p, const float* src, const float* diff_dst,
                        float* diff_weight) {
  WeightGradient(p, src, diff_dst, diff_weight).run();
}

}  // namespace rl::winograd
