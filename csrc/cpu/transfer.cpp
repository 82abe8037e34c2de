// Copies between tensors of any strides and dtypes.
#include "cpu/transfer.h"

#include <cstring>

#include "cpu/plan.h"

namespace rl {
namespace {

bool shares_memory(const Tensor& a, const Tensor& b) {
  if (!(a.storage() == b.storage())) return false;
  bool same = a.offset() == b.offset() && a.strides() == b.strides() && a.sizes() == b.sizes();
  return !same;
}

// A dense tensor in a special physical order keeps it in its copy.
bool copy_in_physical_order(const Tensor& src, const Tensor& out) {
  const PhysicalLayout& l = src.storage()->layout;
  if (!l.channels_last || src.sizes() != out.sizes() || src.dtype() != out.dtype()) return false;
  if (!src.is_contiguous() || !out.is_contiguous() || src.offset() || out.offset()) return false;
  size_t bytes = size_t(src.numel()) * src.item_size();
  if (src.storage()->bytes() != bytes || out.storage()->bytes() != bytes) return false;
  if (out.storage()->use_count() != 1 || !out.storage()->watched()) return false;
  std::memcpy(out.storage()->raw_data(), src.storage()->raw_data(), bytes);
  out.storage()->layout = l;
  return true;
}

void transfer_tiles(const Plan& plan) {
  const Operand &to = plan.operands[0], &from = plan.operands[1];
  if (from.dtype == to.dtype && from.strides[1] == to.item) {
    // Bands as high as a cache line of the input is long; the lines of the next tile are asked for
    // while this one is turned.
    constexpr int64_t kLine = 64;
    for_tile_rows(plan, std::max(kTileRows, kLine / to.item), [&](const TileRow& t) {
      const int64_t step = from.strides[0], size = plan.sizes[0];
      for (int64_t c = 0; c < size; c += kTileColumns) {
        const int64_t columns = std::min(kTileColumns, size - c);
        const int64_t ahead = std::min(c + 2 * kTileColumns, size);
        for (int64_t k = c + kTileColumns; k < ahead; ++k)
          __builtin_prefetch(t.data[1] + k * step, 0);
        transpose(t.data[1] + c * step, step, t.data[0] + c * to.item, to.strides[1], columns,
                  t.rows, to.item);
      }
    });
    return;
  }
  for_tile_rows(plan, kTileRows, [&](const TileRow& t) {
    alignas(64) char tile[kTileColumns * kTileRows * 16];
    for (int64_t c = 0; c < plan.sizes[0]; c += kTileColumns) {
      int64_t columns = std::min(kTileColumns, plan.sizes[0] - c);
      gather_tile(from, t.data[1] + c * from.strides[0], columns, t.rows, to.dtype, tile);
      for (int64_t r = 0; r < t.rows; ++r) {
        std::memcpy(t.data[0] + c * to.item + r * to.strides[1], tile + r * kTileColumns * to.item,
                    size_t(columns * to.item));
      }
    }
  });
}

}  // namespace

void transfer(const Tensor& src, const Tensor& out) {
  if (out.numel() == 0 || out.is_meta() || src.is_meta()) return;
  if (shares_memory(src, out)) {
    Tensor own = empty(src.sizes(), src.dtype());
    transfer(src, own);
    transfer(own, out);
    return;
  }
  if (copy_in_physical_order(src, out)) return;
  Plan plan;
  if (src.is_contiguous() && out.is_contiguous() && src.sizes() == out.sizes()) {
    plan.sizes = Dims({out.numel()});
    plan.numel = out.numel();
    for (const Tensor* t : {&out, &src}) {
      int64_t item = int64_t(t->item_size());
      plan.operands[plan.count++] = {static_cast<char*>(t->data()), t->dtype(), item, Dims({item})};
    }
  } else {
    add_operand(plan, out, out.strides(), out.sizes(), static_cast<char*>(out.data()));
    add_operand(plan, src, src.strides(), out.sizes(), static_cast<char*>(src.data()));
    coalesce(plan, out.sizes());
  }
  const Operand& to = plan.operands[0];
  if (to.strides[0] == to.item && wants_tiles(plan)) {
    transfer_tiles(plan);
    return;
  }
  ConvertLoop loop = convert_table().loops[int(src.dtype())][int(out.dtype())];
  int64_t from_stride = plan.operands[1].strides[0], to_stride = plan.operands[0].strides[0];
  parallel(plan.numel, kGrain, [&](int64_t begin, int64_t end) {
    Cursor at(plan, begin);
    while (begin < end) {
      int64_t n = std::min(end - begin, plan.sizes[0] - at.index[0]);
      loop(at.address(1), from_stride, at.address(0), to_stride, n);
      begin += n;
      if (begin < end) at.advance(n);
    }
  });
}

}  // namespace rl
