// Copies and conversions.
#include "cpu/convert.h"
#include "cpu/pointwise.h"
#include "cpu/transfer.h"
#include "dispatch/call.h"

namespace rl {
namespace {

Dims preserved_strides(const Tensor& self, MemoryFormat format) {
  if (format == MemoryFormat::Preserve && is_dense(self.sizes(), self.strides()))
    return self.strides();
  bool last = format == MemoryFormat::ChannelsLast || format == MemoryFormat::ChannelsLast3d;
  if (last) {
    RL_CHECK(self.ndim() == (format == MemoryFormat::ChannelsLast ? 4 : 5), "required rank ",
             format == MemoryFormat::ChannelsLast ? 4 : 5, " tensor to use channels_last format");
    return channels_last_strides(self.sizes());
  }
  if (format == MemoryFormat::Preserve && !self.is_contiguous()) {
    // Keep the order of dimensions of a tensor with gaps or repeats.
    Dims order;
    for (int i = self.ndim() - 1; i >= 0; --i) order.push_back(i);
    bool repeats = false;
    for (int i = 0; i < self.ndim(); ++i) repeats |= self.strides()[i] == 0 && self.sizes()[i] > 1;
    if (repeats) return contiguous_strides(self.sizes());
    std::stable_sort(order.begin(), order.end(),
                     [&](int64_t a, int64_t b) { return self.strides()[a] < self.strides()[b]; });
    Dims strides(size_t(self.ndim()));
    int64_t step = 1;
    for (int64_t d : order) {
      strides[d] = step;
      step *= std::max<int64_t>(self.sizes()[d], 1);
    }
    return strides;
  }
  return contiguous_strides(self.sizes());
}

OP("copy_(Tensor(a!) self, Tensor src, bool non_blocking=False) -> Tensor(a!)")
    .method_only()
    .node_name("CopyBackwards")
    .direct([](const Tensor& self, const Tensor& src, bool) {
      if (!expandable(src.sizes(), self.sizes())) {
        fail(ErrorKind::Runtime, "output with shape ", self.sizes(),
             " doesn't match the broadcast shape ", broadcast_shapes(self.sizes(), src.sizes()));
      }
      transfer(src, self);
      return self;
    })
    .grad("self", "", [](GradContext& c) { return zeros_like(c.grad()); })
    .grad("src", "", [](GradContext& c) { return c.grad(); });

OP("clone(Tensor self, *, MemoryFormat? memory_format=None) -> Tensor")
    .infer([](const Tensor& self, std::optional<MemoryFormat> format) {
      return TensorSpec{self.sizes(), self.dtype(),
                        preserved_strides(self, format.value_or(MemoryFormat::Preserve))};
    })
    .cpu([](const Tensor& self, std::optional<MemoryFormat>, const Tensor& out) {
      transfer(self, out);
    })
    .grad("self", "", [](GradContext& c) { return c.grad(); });

OP("contiguous(Tensor(a) self, *, MemoryFormat memory_format=contiguous_format) -> Tensor(a)")
    .method_only()
    .composite([](const Tensor& self, MemoryFormat format) -> Tensor {
      RL_CHECK(format != MemoryFormat::Preserve,
               "preserve memory format is unsupported by the contiguous operator");
      bool already = format == MemoryFormat::Contiguous
                         ? self.is_contiguous()
                         : is_channels_last(self.sizes(), self.strides());
      return already ? self : call<"clone">(self, format);
    });

OP("_to_copy(Tensor self, *, ScalarType? dtype=None, Layout? layout=None, Device? device=None, bool? pin_memory=None, bool non_blocking=False, MemoryFormat? memory_format=None) -> Tensor")
    .hidden()
    .node_name("ToCopyBackward0")
    .direct([](const Tensor& self, std::optional<DType> dtype, std::optional<Layout>,
               std::optional<Device> device, std::optional<bool>, bool,
               std::optional<MemoryFormat> format) {
      Device target = device.value_or(self.device());
      require_memory_on(target, true);
      RL_CHECK_KIND(NotImplemented, !(self.is_meta() && target.type == DeviceType::CPU),
                    "Cannot copy out of meta tensor; no data!");
      Tensor out = empty_strided(self.sizes(),
                                 preserved_strides(self, format.value_or(MemoryFormat::Preserve)),
                                 dtype.value_or(self.dtype()), target);
      if (!out.is_meta()) transfer(self, out);
      return out;
    })
    .grad("self", "", [](GradContext& c) { return to_dtype(c.grad(), c.dtype("self")); });

}  // namespace
}  // namespace rl
