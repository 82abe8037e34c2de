#pragma once
// Activations in the order a kernel wants them, (N, C, spatial...) or (N, spatial..., C), and
// results in the order it makes. Channels last shows in the strides where the user chose it;
// elsewhere it is only the order of the bytes (PhysicalLayout).
#include "cpu/onednn.h"
#include "dispatch/call.h"

namespace rl {

// Does the user's tensor lie with channels last in its strides? It may have gaps, as a slice has.
inline bool strided_last(const Tensor& t) {
  return (t.ndim() == 4 || t.ndim() == 5) && !t.is_contiguous() &&
         is_channels_last(t.sizes(), t.strides());
}

// Without gaps: one block of (N, spatial..., C).
inline bool dense_last(const Tensor& t) {
  if (!strided_last(t)) return false;
  const Dims dense = channels_last_strides(t.sizes());
  for (int i = 0; i < t.ndim(); ++i)
    if (t.sizes()[i] > 1 && t.strides()[i] != dense[i]) return false;
  return true;
}

// Images and volumes that lie channels last, by strides or by bytes.
inline bool lies_channels_last(const Tensor& t) {
  return strided_last(t) || ((t.ndim() == 4 || t.ndim() == 5) && bytes_channels_last(t));
}

// An activation that a kernel reads, converted where it must be. `data` is valid while it lives.
class Activation {
 public:
  const void* data;

  Activation(const Tensor& t, onednn::Order order) : keep_(t) {
    if (order == onednn::Order::channels_last && bytes_channels_last(t)) {
      reading_ = RawReader(t.storage());
      data = t.storage()->raw_data();
      return;
    }
    if (order == onednn::Order::plain)
      keep_ = contiguous(t);
    else if (!dense_last(t))
      keep_ = call<"clone">(
          t, t.ndim() == 4 ? MemoryFormat::ChannelsLast : MemoryFormat::ChannelsLast3d);
    data = keep_.data();
  }
  // Is every later change of the bytes seen (Storage::watched)?
  bool watched() const { return keep_.storage()->watched(); }
  bool reads(const Storage& storage) const { return keep_.storage().get() == &storage; }
  const Storage* storage() const { return keep_.storage().get(); }

 private:
  Tensor keep_;
  RawReader reading_;
};

// Where a kernel writes a fresh result: channels last either by its strides or by tagging its
// storage.
inline void* output_data(const Tensor& out, onednn::Order order) {
  if (order == onednn::Order::plain || !out.is_contiguous() || out.numel() == 0) return out.data();
  PhysicalLayout& layout = out.storage()->layout;
  layout.channels_last = true;
  layout.batch = out.sizes()[0];
  layout.channels = out.sizes()[1];
  layout.spatial = out.numel() / (layout.batch * layout.channels);
  layout.dtype = out.dtype();
  return out.storage()->raw_data();
}

// What a kernel fills that computes in `dtype` and writes in `order`: the result itself, or a
// tensor that finish() copies into it.
struct Result {
  Tensor out, work;

  Result(const Tensor& out, DType dtype, onednn::Order order) : out(out), work(out) {
    if (order == onednn::Order::plain && !out.is_contiguous())
      work = empty(out.sizes(), dtype);
    else if (out.dtype() != dtype)
      work = empty_strided(out.sizes(), out.strides(), dtype);
  }
  void finish() const {
    if (!work.same(out)) call<"copy_">(out, work);
  }
};

}  // namespace rl
