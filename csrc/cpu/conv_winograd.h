#pragma once
// What the files of Winograd's convolutions share: how an image is cut into tiles.
// cpu/conv.h says what they offer.

#include <algorithm>
#include <vector>

#include "cpu/conv.h"

namespace rl::winograd {

// Four outputs of three taps take six products, at 0, +-kPointA, +-kPointB and infinity: both
// transforms of data have short exact factors there, and the rounding errors are half of those at
// 0, +-1, +-2 (docs/design/convolution.md).
inline constexpr float kPointA = 0.625f, kPointB = 1.5f;

// One direction: tiles of `tile` outputs, then, where these do not come out even, of one less.
struct Axis {
  int64_t tile, tiles, full;

  Axis(int64_t size, int64_t tile)
      : tile(tile),
        tiles((size + tile - 1) / tile),
        full(std::max<int64_t>(0, size - (tile - 1) * tiles)) {}
  int64_t start(int64_t i) const { return (tile - 1) * i + std::min(i, full); }
  int64_t length(int64_t i) const { return i < full ? tile : tile - 1; }
};

// A tile by its first output, and how many of the outputs from there on are its own.
struct Place {
  int64_t image, y, x, rows, cols;
};

// Channels [channel, channel + width) of images (n, rows, cols, channels), read in fields that
// begin `top` and `left` before `stride` times a tile's place.
struct Image {
  const float* data;
  int64_t rows, cols, channels, top, left, stride, channel, width;
  bool own;  // what is not the tile's own counts as outside

  // Of a field of `down` x `across`; `outside` for what no image holds.
  void pointers(const Place& t, int64_t down, int64_t across, const float* outside,
                const float** to) const {
    const int64_t y0 = t.y * stride - top, x0 = t.x * stride - left,
                  below = own ? std::min(rows, t.y + t.rows) : rows,
                  right = own ? std::min(cols, t.x + t.cols) : cols;
    for (int64_t y = y0; y < y0 + down; y++)
      for (int64_t x = x0; x < x0 + across; x++) {
        const bool inside = y >= 0 && y < below && x >= 0 && x < right;
        *to++ = inside ? data + ((t.image * rows + y) * cols + x) * channels + channel : outside;
      }
  }
};

// Tiles [first, first + count) of a batch, in an order in which those that need a position lie
// together: a row of positions that serves the last row of outputs only is nothing to a tile that
// is one row short; columns alike.
class Tiles {
 public:
  struct Range {
    int64_t begin, end;
  };

  Tiles(const Axis& rows, const Axis& cols, int64_t first, int64_t count) {
    std::vector<Place> kinds[4];  // short both ways, in columns, not at all, in rows
    for (int64_t i = first; i < first + count; i++) {
      const int64_t row = i / cols.tiles % rows.tiles, col = i % cols.tiles;
      const Place p{i / cols.tiles / rows.tiles, rows.start(row), cols.start(col), rows.length(row),
                    cols.length(col)};
      const bool high = p.rows == rows.tile, wide = p.cols == cols.tile;
      kinds[high ? (wide ? 2 : 1) : (wide ? 3 : 0)].push_back(p);
    }
    places_.reserve(size_t(count));
    for (int k = 0; k < 4; k++) {
      places_.insert(places_.end(), kinds[k].begin(), kinds[k].end());
      ends_[k] = int64_t(places_.size());
    }
  }
  const Place* data() const { return places_.data(); }
  int64_t size() const { return int64_t(places_.size()); }
  // Tiles that need a position which serves the last row or the last column of outputs only, or
  // not.
  Range needing(bool last_row, bool last_col) const {
    return {last_col ? ends_[1] : last_row ? ends_[0] : 0, last_row ? ends_[2] : ends_[3]};
  }

 private:
  std::vector<Place> places_;
  int64_t ends_[4] = {};
};

// Whether a position of so many in its direction serves the last output only: infinity, and at
// stride two (7) the middle tap of that output.
inline bool serves_last(int64_t position, int64_t positions) {
  return position == positions - 1 || (positions == 7 && position == 3);
}

// diff_weight of a problem that handles_weights.
void weight_gradient(const ConvProblem& p, const float* src, const float* diff_dst,
                     float* diff_weight);

}  // namespace rl::winograd
