// core/storage.h: a block of memory that tensors share.
#pragma once
#include "core/device.h"
#include "core/dtype.h"
#include "core/ref.h"

namespace rl {

class Storage;

// How the bytes of a storage are ordered. A storage that is not Plain holds a dense tensor whose
// logical order is (batch, channels, spatial) but whose bytes stand as (batch, spatial, channels).
// Only operators that know the tag may look at raw_data(), under a RawReader; everyone else calls
// data(), which turns the block into plain order first, in place, so that aliases stay aliases.
struct PhysicalLayout {
  bool channels_last = false;
  int64_t batch = 0, channels = 0, spatial = 0;
  DType dtype = DType::Undefined;
};

// The last step of an operator, left open: it says how to compute the bytes of a storage from
// others. The next operator may take it over and do its own work in the same pass (Op::join); else
// data() or finish_open() runs it. docs/design/engine.md, "Open steps".
class OpenStep : public RefCounted {
 public:
  // Fills the storage. Runs kernels, never operators, and may release the GIL.
  virtual void write(void* to) = 0;
  virtual bool reads(const Storage& storage) const = 0;
  // The storage that is open with this step; null before and afterwards.
  Storage* owner() const { return owner_; }
  // Another step does this work as well. Otherwise it is done even if nobody reads the result:
  // operators take the time that they take, whatever becomes of their results.
  void take() { taken_ = true; }

 private:
  friend class Storage;
  Storage* owner_ = nullptr;
  bool taken_ = false;
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
    if (open_) [[unlikely]]
      finish();
    if (layout.channels_last) [[unlikely]]
      make_plain();
    return data_;
  }
  void* raw_data() {
    if (open_) [[unlikely]]
      finish();
    return data_;
  }
  size_t bytes() const { return bytes_; }
  Device device() const { return device_; }
  bool resizable() const { return release_ == nullptr; }
  // Keeps the contents up to the smaller size.
  void resize(size_t bytes);

  // Is every change of the bytes counted in `changes`? Not where the memory is foreign, or its
  // address has left the engine.
  bool watched() const { return !exposed_ && resizable(); }
  // The address leaves the engine.
  void expose() {
    exposed_ = true;
    finish_open();
  }

  // Leaves the bytes to be computed by `step`. What it reads is watched, and not open itself.
  void leave_open(Ref<OpenStep> step);
  // Null also while the step runs.
  OpenStep* open_step() const { return running_ ? nullptr : open_.get(); }
  // What the open step finds there: for whoever does its work instead.
  const void* unfinished_data() const { return data_; }
  static bool any_open() { return open_count_ > 0; }
  // Runs every open step, or those that read `changing`.
  static void finish_open(const Storage* changing = nullptr) {
    if (any_open()) [[unlikely]]
      finish_all(changing);
  }

  PhysicalLayout layout;
  uint64_t changes = 0;  // made by operators in place
  // What a kernel keeps of the bytes (a weight in its own order): see ops/packed_weight.h.
  Ref<RefCounted> derived;

 private:
  friend class RawReader;
  void make_plain();
  void finish();
  Ref<OpenStep> close();
  static void finish_all(const Storage* changing);

  static inline size_t open_count_ = 0;

  void* data_ = nullptr;
  bool exposed_ = false;
  bool running_ = false;  // the open step, on some thread
  Ref<OpenStep> open_;
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
