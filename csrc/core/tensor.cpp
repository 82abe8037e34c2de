#include "core/tensor.h"

#include <cctype>

#include "core/extent.h"

namespace rl {

namespace {

std::string upper(std::string s) {
  for (char& c : s) c = char(std::toupper(static_cast<unsigned char>(c)));
  return s;
}

constexpr const char* kOnlyCpu =
    "this build computes on the CPU only: leave the tensor on 'cpu', or choose by "
    "torch.cuda.is_available()";

}  // namespace

void require_memory_on(Device device, bool copying) {
  const std::string name = device_type_name(device.type);
  switch (device.type) {
    case DeviceType::CPU:
    case DeviceType::Meta:
      return;
    case DeviceType::CUDA:
    case DeviceType::XPU:
    case DeviceType::MTIA:
      throw Error(ErrorKind::Assertion, concat("Torch not compiled with ", upper(name), " enabled"),
                  kOnlyCpu);
    case DeviceType::HPU:
    case DeviceType::PrivateUse1:
      throw Error(ErrorKind::ModuleNotFound, concat("No module named 'torch.", name, "'"),
                  kOnlyCpu);
    default:
      break;
  }
  const bool no_backend = device.type == DeviceType::MKLDNN || device.type == DeviceType::OpenGL ||
                          device.type == DeviceType::OpenCL || device.type == DeviceType::IDEEP;
  if (no_backend || (copying && device.type != DeviceType::Lazy))
    throw Error(ErrorKind::Runtime,
                concat("PyTorch is not linked with support for ", name, " devices"), kOnlyCpu);
  const std::string backend = device.type == DeviceType::Lazy     ? "Lazy"
                              : device.type == DeviceType::Vulkan ? "Vulkan"
                                                                  : upper(name);
  throw Error(ErrorKind::NotImplemented,
              concat("Could not run 'aten::empty.memory_format' with arguments from the '", backend,
                     "' backend."),
              kOnlyCpu);
}

Tensor empty_strided(const Dims& sizes, const Dims& strides, DType dtype, Device device) {
  require_memory_on(device);
  RL_CHECK(sizes.size() == strides.size(), "dimensionality of sizes (", sizes.size(),
           ") must match dimensionality of strides (", strides.size(), ")");
  checked_count(sizes);
  for (int64_t s : strides)
    RL_CHECK(s >= 0, "empty_strided: strides must not be negative: got ", strides);
  const size_t bytes = extent_bytes(sizes, strides, 0, item_size(dtype));
  return Tensor(make_ref<TensorImpl>(make_ref<Storage>(bytes, device), sizes, strides, 0, dtype));
}

Tensor empty(const Dims& sizes, DType dtype, Device device) {
  require_memory_on(device);
  size_t bytes = size_t(checked_count(sizes)) * item_size(dtype);
  return Tensor(make_ref<TensorImpl>(make_ref<Storage>(bytes, device), sizes,
                                     contiguous_strides(sizes), 0, dtype));
}

bool bytes_channels_last(const Tensor& t) {
  const PhysicalLayout& l = t.storage()->layout;
  if (!l.channels_last || !t.is_contiguous() || t.offset() != 0 || t.dtype() != l.dtype)
    return false;
  if (t.ndim() < 2 || t.numel() == 0) return false;
  // The first examples of a batch stand as the whole batch does.
  return t.sizes()[0] <= l.batch && t.sizes()[1] == l.channels &&
         t.numel() == t.sizes()[0] * l.channels * l.spatial;
}

Tensor scalar_tensor(const Scalar& value, DType dtype, Device device) {
  Tensor out = empty({}, dtype, device);
  if (out.is_meta()) return out;
  dispatch(dtype, "scalar_tensor", StoredTypes(),
           [&]<class T>() { *static_cast<T*>(out->storage->raw_data()) = value.to<T>(); });
  return out;
}

Tensor wrapped_number(const Scalar& value, Device device) {
  Tensor out = scalar_tensor(value, value.dtype(), device);
  out->wrapped_number = true;
  return out;
}

Tensor alias(const Tensor& self, Dims sizes, Dims strides, int64_t offset) {
  Tensor out(make_ref<TensorImpl>(self.storage(), std::move(sizes), std::move(strides), offset,
                                  self.dtype()));
  out->counter = self->version_counter();
  out->is_inference = self->is_inference;
  return out;
}

Tensor alias(const Tensor& self) {
  return alias(self, self.sizes(), self.strides(), self.offset());
}

Scalar item(const Tensor& self) {
  if (self.numel() != 1) {
    throw Error(ErrorKind::Runtime,
                concat("a Tensor with ", self.numel(), " elements cannot be converted to Scalar"),
                concat("its shape is ", self.sizes(),
                       ": use .tolist(), or reduce it to one element first"));
  }
  RL_CHECK(!self.is_meta(), "Tensor.item() cannot be called on meta tensors");
  Scalar out;
  dispatch(self.dtype(), "item", StoredTypes(), [&]<class T>() {
    T value = *self.data<T>();
    if constexpr (std::is_same_v<T, complex64> || std::is_same_v<T, complex128>) {
      out = Scalar(complex128(value.real(), value.imag()));
    } else if constexpr (std::is_same_v<T, bool>) {
      out = Scalar(value);
    } else if constexpr (std::is_same_v<T, uint64_t>) {
      out = Scalar::of_unsigned(value);
    } else if constexpr (std::is_integral_v<T>) {
      out = Scalar(int64_t(value));
    } else {
      out = Scalar(double(float(value)));
      if constexpr (std::is_same_v<T, double>) out = Scalar(value);
    }
  });
  return out;
}

void resize_tensor(const Tensor& self, const Dims& sizes) {
  checked_count(sizes);
  const size_t bytes =
      extent_bytes(sizes, contiguous_strides(sizes), self.offset(), self.item_size());
  if (bytes > self.storage()->bytes()) self.storage()->resize(bytes);
  self->set_geometry(sizes, contiguous_strides(sizes));
}

void set_tensor(const Tensor& self, const Tensor& source) {
  self->storage = source.storage();
  self->dtype = source.dtype();
  self->offset = source.offset();
  self->set_geometry(source.sizes(), source.strides());
}

}  // namespace rl
