// core/storage.h: a block of memory that tensors share.
#pragma once
#include "core/device.h"
#include "core/dtype.h"
#include "core/ref.h"

namespace rl {

// How the bytes of a storage are ordered. A storage that is not Plain holds a dense tensor whose
// logical order is (batch, channels, spatial) but whose bytes stand as (batch, spatial, channels).
// Only operators that know the tag may look at raw_data(), under a RawReader; everyone else calls
// data(), which turns the block into plain order first, in place, so that aliases stay aliases.
struct PhysicalLayout {
  bool channels_last = false;
  int64_t batch = 0, channels = 0, spatial = 0;
  DType dtype = DType::Undefined;
};

class Storage final : public RefCounted, public Pooled<Storage> {
 public:
  using Pooled<Storage>::operator new;
  using Pooled<Storage>::operator delete;
  using Release = void (*)(void* context);

  // Own memory of the given size; meta storages have a size and no memory.
  Storage(size_t bytes, Device device);
  // Somebody else's memory, given back by release(context).
  Storage(void* data, size_t bytes, Device device, Release release, void* context);
  ~Storage() override;

  void* data() {
    if (layout.channels_last) [[unlikely]]
      make_plain();
    return data_;
  }
  void* raw_data() const { return data_; }
  size_t bytes() const { return bytes_; }
  Device device() const { return device_; }
  bool resizable() const { return release_ == nullptr; }
  // Keeps the contents up to the smaller size.
  void resize(size_t bytes);

  // Is every change of the bytes counted in `changes`? Not where the memory is foreign, or its
  // address has left the engine.
  bool watched() const { return !exposed && resizable(); }

  PhysicalLayout layout;
  bool exposed = false;
  uint64_t changes = 0;  // made by operators in place
  // What a kernel keeps of the bytes (a weight in its own order): see ops/packed_weight.h.
  Ref<RefCounted> derived;

 private:
  friend class RawReader;
  void make_plain();

  void* data_ = nullptr;
  int raw_readers_ = 0;
  Ref<Storage> replaced_;  // blocks that raw readers may still use
  size_t bytes_ = 0;
  Device device_;
  Release release_ = nullptr;
  void* context_ = nullptr;
};

// Keeps what raw_data() returned valid. The same call may ask for data() of another view of the
// storage, and another thread may while a kernel runs without the GIL.
class RawReader {
 public:
  RawReader() = default;
  explicit RawReader(const Ref<Storage>& storage) : storage_(storage) { ++storage_->raw_readers_; }
  RawReader(RawReader&& other) noexcept = default;
  RawReader& operator=(RawReader&& other) noexcept {
    std::swap(storage_, other.storage_);
    return *this;
  }
  ~RawReader() {
    if (storage_ && --storage_->raw_readers_ == 0) storage_->replaced_ = nullptr;
  }

 private:
  Ref<Storage> storage_;
};

}  // namespace rl
