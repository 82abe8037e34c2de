#include "ops/packed_weight.h"

#include "core/allocator.h"
#include "pool/pool.h"

namespace rl {

PackedWeight::~PackedWeight() { cpu_free(data_, bytes_); }

PackedWeight::Key PackedWeight::key_of(const Tensor& weight, const ConvProblem& p, bool bias) {
  Key key{};
  int64_t* v = key.data();
  for (int64_t x : {weight.offset(), int64_t(p.nd), p.n, p.ic, p.oc, p.groups, int64_t(p.src_order),
                    int64_t(p.dst_order), int64_t(bias), int64_t(num_threads())})
    *v++ = x;
  for (int i = 0; i < p.nd; i++)
    for (int64_t x : {p.in[i], p.kernel[i], p.stride[i], p.pad_lo[i], p.pad_hi[i], p.dilation[i]})
      *v++ = x;
  return key;
}

Ref<PackedWeight> PackedWeight::of(const Tensor& weight, const ConvProblem& p, bool bias) {
  Storage& storage = *weight.storage();
  if (!storage.watched() || !weight.is_contiguous() || weight.dtype() != DType::Float32) return {};
  Ref<PackedWeight> seen(dynamic_cast<PackedWeight*>(storage.derived.get()));
  const Key key = key_of(weight, p, bias);
  if (!seen || seen->changes_ != storage.changes || seen->key_ != key) {
    Ref<PackedWeight> note(new PackedWeight);
    note->key_ = key;
    note->changes_ = storage.changes;
    storage.derived = note;
    return {};
  }
  if (!seen->data_) {
    seen->bytes_ = packed_weight_bytes(p, bias);
    if (seen->bytes_ == 0) return {};
    seen->data_ = cpu_allocate(seen->bytes_);
    if (!seen->data_) return {};
    pack_weight(p, bias, weight.data<const float>(), seen->data_);
  }
  return seen;
}

}  // namespace rl
