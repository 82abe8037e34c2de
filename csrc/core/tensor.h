// core/tensor.h: the tensor: a typed, strided window on a storage.
#pragma once
#include "core/device.h"
#include "core/dims.h"
#include "core/dtype.h"
#include "core/scalar.h"
#include "core/shape.h"
#include "core/storage.h"

namespace rl {

// Counts in-place changes; shared by a tensor, its views and its detached aliases.
struct VersionCounter final : RefCounted, Pooled<VersionCounter> {
  using Pooled<VersionCounter>::operator new;
  using Pooled<VersionCounter>::operator delete;
  uint32_t value = 0;
};

class TensorImpl final : public RefCounted, public Pooled<TensorImpl> {
 public:
  using Pooled<TensorImpl>::operator new;
  using Pooled<TensorImpl>::operator delete;
  TensorImpl(Ref<Storage> storage, Dims sizes, Dims strides, int64_t offset, DType dtype)
      : storage(std::move(storage)), dtype(dtype), offset(offset) {
    set_geometry(std::move(sizes), std::move(strides));
  }
  void set_geometry(Dims new_sizes, Dims new_strides) {
    sizes = std::move(new_sizes);
    strides = std::move(new_strides);
    numel = count(sizes);
    contiguous = is_contiguous(sizes, strides);
  }
  uint32_t version() const { return counter ? counter->value : 0; }
  const Ref<VersionCounter>& version_counter() {
    if (!counter) counter = make_ref<VersionCounter>();
    return counter;
  }
  void bump_version() {
    ++version_counter()->value;
    ++storage->changes;
  }

  Ref<Storage> storage;
  DType dtype;
  bool contiguous = true;
  bool wrapped_number = false;  // a Python number: weakest in type promotion
  bool requires_grad = false;   // leaf flag, or the tensor has a grad_fn
  bool is_view = false;         // of a base that autograd knows (see AutogradMeta)
  bool is_inference = false;    // made under inference_mode
  int64_t offset;               // in elements
  int64_t numel = 1;
  Dims sizes, strides;
  Ref<VersionCounter> counter;
  Ref<RefCounted> autograd;  // AutogradMeta, made when first needed
  void* pyobj = nullptr;     // the living Python object of this tensor
  // Usually the Python object owns this. When Python drops an object that carries more than the
  // tensor (a subclass, attributes, weak references) while C++ still uses the tensor, the
  // ownership turns around, so that the same object comes back when Python asks again.
  bool owns_pyobj = false;
  // Supplied by the binding. Drops the owned object; false: it is still in use and owns us again.
  static inline bool (*drop_pyobj)(TensorImpl*) = nullptr;

 protected:
  void destroy() override {
    if (owns_pyobj && !drop_pyobj(this)) return;
    delete this;
  }
};

class Tensor {
 public:
  Tensor() = default;
  explicit Tensor(Ref<TensorImpl> impl) : impl_(std::move(impl)) {}

  bool defined() const { return bool(impl_); }
  explicit operator bool() const = delete;
  TensorImpl* impl() const { return impl_.get(); }
  TensorImpl* operator->() const { return impl_.get(); }
  bool same(const Tensor& other) const { return impl_ == other.impl_; }

  const Dims& sizes() const { return impl_->sizes; }
  const Dims& strides() const { return impl_->strides; }
  int64_t size(int64_t dim) const { return impl_->sizes[wrap_dim(dim, ndim())]; }
  int64_t stride(int64_t dim) const { return impl_->strides[wrap_dim(dim, ndim())]; }
  int ndim() const { return impl_->sizes.ndim(); }
  int64_t numel() const { return impl_->numel; }
  int64_t offset() const { return impl_->offset; }
  DType dtype() const { return impl_->dtype; }
  size_t item_size() const { return rl::item_size(impl_->dtype); }
  Device device() const { return impl_->storage->device(); }
  bool is_meta() const { return device().type == DeviceType::Meta; }
  bool is_contiguous() const { return impl_->contiguous; }
  bool requires_grad_flag() const { return impl_->requires_grad; }
  const Ref<Storage>& storage() const { return impl_->storage; }

  // First element. Asking for it turns a specially ordered storage into plain order.
  void* data() const {
    return static_cast<char*>(impl_->storage->data()) + impl_->offset * int64_t(item_size());
  }
  template <class T>
  T* data() const {
#if defined(_GLIBCXX_ASSERTIONS)  // as in Dims
    if (sizeof(T) > 1 && sizeof(T) != item_size()) __builtin_trap();
#endif
    return static_cast<T*>(data());
  }

 private:
  Ref<TensorImpl> impl_;
};

using TensorList = std::vector<Tensor>;

// Do the bytes of a dense tensor stand as (batch, spatial, channels) of its own sizes? Then
// raw_data() may be read so. False for a view that divides its storage in another way.
bool bytes_channels_last(const Tensor& t);

// New tensors without history. Contents are undefined.
Tensor empty(const Dims& sizes, DType dtype, Device device = {});
// Raises PyTorch's error for a device that this build has no memory on; `copying` is a move of data
// there, which it words differently from the making of a tensor.
void require_memory_on(Device device, bool copying = false);
Tensor empty_strided(const Dims& sizes, const Dims& strides, DType dtype, Device device = {});
// A 0-d tensor that takes part in type promotion as a Python number does.
Tensor wrapped_number(const Scalar& value, Device device = {});
Tensor scalar_tensor(const Scalar& value, DType dtype, Device device = {});

// A window on the same storage with the same version counter and no autograd history.
Tensor alias(const Tensor& self, Dims sizes, Dims strides, int64_t offset);
Tensor alias(const Tensor& self);

// Reads element 0 of a tensor with one element.
Scalar item(const Tensor& self);

// Changes geometry and storage size of a tensor in place (used by out= and resize_).
void resize_tensor(const Tensor& self, const Dims& sizes);
// Makes `self` another window on the storage of `source`: set_, .data =.
void set_tensor(const Tensor& self, const Tensor& source);

}  // namespace rl
