// cpu/plan.h: operands of any strides walked together, by rows or by tiles. Of the drivers of
// elementwise loops and copies.
#pragma once
#include <algorithm>
#include <cstdlib>

#include "core/tensor.h"
#include "cpu/convert.h"
#include "cpu/parallel.h"
#include "cpu/pointwise.h"
#include "cpu/transpose.h"

namespace rl {

// One operand of the iteration; strides in bytes, innermost dimension first.
struct Operand {
  char* data;
  DType dtype;
  int64_t item;
  Dims strides;
};

struct Plan {
  Dims sizes;                                // innermost first, coalesced
  Operand operands[kMaxPointwiseArity + 1];  // the output first
  int count = 0;
  int64_t numel = 1;
};

inline void add_operand(Plan& plan, const Tensor& t, const Dims& own_strides, const Dims& sizes,
                        char* data) {
  Operand& o = plan.operands[plan.count++];
  o.data = data;
  o.dtype = t.dtype();
  o.item = int64_t(t.item_size());
  int n = sizes.ndim();
  o.strides = Dims(n);
  for (int i = 0; i < n; ++i) {
    int own = i - (n - t.ndim());
    bool repeated = own < 0 || (t.sizes()[own] == 1 && sizes[i] != 1);
    o.strides[i] = repeated ? 0 : own_strides[own] * o.item;
  }
}

inline void coalesce(Plan& plan, const Dims& sizes) {
  int n = sizes.ndim();
  Dims order;
  for (int i = n - 1; i >= 0; --i) {
    if (sizes[i] != 1) order.push_back(i);
  }
  const Dims& out = plan.operands[0].strides;
  std::stable_sort(order.begin(), order.end(),
                   [&](int64_t a, int64_t b) { return out[a] < out[b]; });
  Dims merged[kMaxPointwiseArity + 1];
  Dims kept;
  for (int64_t d : order) {
    bool joins = !kept.empty();
    for (int k = 0; k < plan.count && joins; ++k) {
      joins = plan.operands[k].strides[d] == merged[k].back() * kept.back();
    }
    if (joins) {
      kept.back() *= sizes[d];
    } else {
      kept.push_back(sizes[d]);
      for (int k = 0; k < plan.count; ++k) merged[k].push_back(plan.operands[k].strides[d]);
    }
  }
  if (kept.empty()) {
    kept.push_back(1);
    for (int k = 0; k < plan.count; ++k) merged[k].push_back(plan.operands[k].item);
  }
  for (int k = 0; k < plan.count; ++k) plan.operands[k].strides = std::move(merged[k]);
  plan.sizes = std::move(kept);
  plan.numel = count(plan.sizes);
}

// A position in the iteration space, for one thread.
struct Cursor {
  const Plan& plan;
  Dims index;

  Cursor(const Plan& plan, int64_t linear) : plan(plan), index(plan.sizes.size()) {
    for (size_t d = 0; d < index.size(); ++d) {
      index[d] = linear % plan.sizes[d];
      linear /= plan.sizes[d];
    }
  }
  void advance(int64_t n) {
    for (size_t d = 0; d < index.size() && n > 0; ++d) {
      n += index[d];
      index[d] = n % plan.sizes[d];
      n /= plan.sizes[d];
    }
  }
  // To the start of the next row; `from` holds the addresses of the position.
  void next_row(char** from) {
    const int64_t begin = index[0], last = int64_t(index.size()) - 1;
    index[0] = 0;
    if (last > 0 && ++index[1] < plan.sizes[1]) {
      for (int k = 0; k < plan.count; ++k) {
        const Dims& strides = plan.operands[k].strides;
        from[k] += strides[1] - begin * strides[0];
      }
      return;
    }
    if (last > 0) index[1] = 0;
    for (int64_t d = 2; d <= last && ++index[d] == plan.sizes[d]; ++d) index[d] = 0;
    for (int k = 0; k < plan.count; ++k) from[k] = address(k);
  }
  char* address(int k) const {
    char* p = plan.operands[k].data;
    for (size_t d = 0; d < index.size(); ++d) p += index[d] * plan.operands[k].strides[d];
    return p;
  }
  // Calls f(address, elements) for each run along the innermost dimension.
  template <class F>
  void runs(int k, int64_t n, F f) const {
    Cursor at = *this;
    while (n > 0) {
      int64_t run = std::min(n, plan.sizes[0] - at.index[0]);
      f(at.address(k), run);
      n -= run;
      if (n > 0) at.advance(run);
    }
  }
};

// ---- transposed inputs: tiles of rows, so that every cache line is read once ----

inline constexpr int64_t kTileColumns = 64, kTileRows = 16;

inline bool transposed(const Plan& plan, int k) {
  const Operand& o = plan.operands[k];
  return o.strides[0] != o.item && o.strides[0] != 0 && o.strides[1] != 0 &&
         std::abs(o.strides[1]) < std::abs(o.strides[0]);
}
inline bool wants_tiles(const Plan& plan) {
  if (plan.sizes.size() < 2 || plan.sizes[0] < kTileRows || plan.sizes[1] < kTileRows) return false;
  for (int k = 1; k < plan.count; ++k) {
    if (transposed(plan, k)) return true;
  }
  return false;
}

// A tile's corner: offsets of all operands in the dimensions from the second on.
struct TileRow {
  int64_t row, rows;
  char* data[kMaxPointwiseArity + 1];
};
inline TileRow tile_row(const Plan& plan, int64_t unit, int64_t band) {
  int64_t bands = (plan.sizes[1] + band - 1) / band;
  TileRow t;
  t.row = unit % bands * band;
  t.rows = std::min(band, plan.sizes[1] - t.row);
  unit /= bands;
  for (int k = 0; k < plan.count; ++k) {
    t.data[k] = plan.operands[k].data + t.row * plan.operands[k].strides[1];
  }
  for (size_t d = 2; d < plan.sizes.size(); ++d) {
    int64_t at = unit % plan.sizes[d];
    unit /= plan.sizes[d];
    for (int k = 0; k < plan.count; ++k) t.data[k] += at * plan.operands[k].strides[d];
  }
  return t;
}
// Reads `columns` x `rows` elements from `from` into dense rows of the given dtype.
inline void gather_tile(const Operand& o, const char* from, int64_t columns, int64_t rows,
                        DType dtype, char* to) {
  int64_t item = int64_t(item_size(dtype));
  if (o.dtype == dtype && o.strides[1] == item) {
    transpose(from, o.strides[0], to, kTileColumns * item, columns, rows, item);
    return;
  }
  ConvertLoop loop = convert_table().loops[int(o.dtype)][int(dtype)];
  for (int64_t c = 0; c < columns; ++c) {
    loop(from + c * o.strides[0], o.strides[1], to + c * item, kTileColumns * item, rows);
  }
}
template <class F>
void for_tile_rows(const Plan& plan, int64_t band, const F& f) {
  int64_t bands = (plan.sizes[1] + band - 1) / band;
  int64_t units = plan.numel / (plan.sizes[0] * plan.sizes[1]) * bands;
  int64_t grain = std::max<int64_t>(1, kGrain / (band * plan.sizes[0]));
  parallel(units, grain, [&](int64_t begin, int64_t end) {
    for (int64_t u = begin; u < end; ++u) f(tile_row(plan, u, band));
  });
}

}  // namespace rl
