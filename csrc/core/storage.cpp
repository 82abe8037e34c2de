#include "core/storage.h"

#include <algorithm>
#include <chrono>
#include <cstring>
#include <thread>
#include <vector>

#include "core/allocator.h"
#include "core/gil.h"

namespace rl {

namespace {

std::string human_size(size_t bytes) {
  const char* units[] = {"bytes", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
  double value = double(bytes);
  int unit = 0;
  while (value >= 1024 && unit < 6) value /= 1024, ++unit;
  std::ostringstream out;
  out.precision(4);
  out << value << ' ' << units[unit];
  return out.str();
}

void* allocate_or_fail(size_t bytes) {
  if (bytes == 0) return nullptr;
  void* p = cpu_allocate(bytes);
  if (!p) {
    fail(ErrorKind::OutOfMemory, "not enough memory: you tried to allocate ", bytes, " bytes (",
         human_size(bytes), ")");
  }
  return p;
}

template <class T>
void to_channels_first(const T* from, T* to, const PhysicalLayout& l) {
  for (int64_t n = 0; n < l.batch; ++n) {
    const T* src = from + n * l.channels * l.spatial;
    T* dst = to + n * l.channels * l.spatial;
    constexpr int64_t kTile = 16;
    for (int64_t s0 = 0; s0 < l.spatial; s0 += kTile) {
      int64_t s1 = std::min(l.spatial, s0 + kTile);
      for (int64_t c = 0; c < l.channels; ++c) {
        for (int64_t s = s0; s < s1; ++s) dst[c * l.spatial + s] = src[s * l.channels + c];
      }
    }
  }
}

// Storages with an open step, in the order they were left open.
std::vector<Storage*>& open_storages() {
  static std::vector<Storage*> list;
  return list;
}

}  // namespace

Storage::Storage(size_t bytes, Device device) : bytes_(bytes), device_(device) {
  if (device.type == DeviceType::CPU) data_ = allocate_or_fail(bytes);
}

Storage::Storage(void* data, size_t bytes, Device device, Release release, void* context)
    : data_(data), bytes_(bytes), device_(device), release_(release), context_(context) {}

Storage::~Storage() {
  if (open_) {
    const Ref<OpenStep> step = close();
    try {
      if (!step->taken_) step->write(data_);
    } catch (const std::exception&) {
      // No memory for a result that nobody is going to read.
    }
  }
  if (release_) {
    release_(context_);
  } else if (data_) {
    cpu_free(data_, bytes_);
  }
}

void Storage::resize(size_t bytes) {
  RL_CHECK(resizable(), "Trying to resize storage that is not resizable");
  finish_open();
  ++changes;
  if (device_.type == DeviceType::CPU) {
    void* fresh = allocate_or_fail(bytes);
    if (data_ && fresh) std::memcpy(fresh, data(), std::min(bytes, bytes_));
    if (data_) cpu_free(data_, bytes_);
    data_ = fresh;
  }
  bytes_ = bytes;
}

void Storage::leave_open(Ref<OpenStep> step) {
  if (open_) {
    open_->owner_ = nullptr;
  } else {
    open_storages().push_back(this);
    ++open_count_;
  }
  open_ = std::move(step);
  open_->owner_ = this;
}

Ref<OpenStep> Storage::close() {
  std::vector<Storage*>& list = open_storages();
  list.erase(std::find(list.begin(), list.end(), this));
  --open_count_;
  open_->owner_ = nullptr;
  return std::exchange(open_, nullptr);
}

void Storage::finish() {
  while (running_) {
    const GilRelease let_the_other_thread_finish(true);
    std::this_thread::sleep_for(std::chrono::microseconds(20));
  }
  if (!open_) return;
  struct Running {
    Storage& storage;
    explicit Running(Storage& s) : storage(s) { s.running_ = true; }
    ~Running() { storage.running_ = false; }
  };
  {
    const Running flag(*this);
    open_->write(data_);
  }
  close();
}

void Storage::finish_all(const Storage* changing) {
  std::vector<Ref<Storage>> wanted;
  for (Storage* s : open_storages())
    if (!changing || s->open_->reads(*changing)) wanted.emplace_back(s);
  for (const Ref<Storage>& s : wanted) s->finish();
}

void Storage::make_plain() {
  PhysicalLayout from = layout;
  size_t item = item_size(from.dtype);
  size_t used = size_t(from.batch * from.channels * from.spatial) * item;
  void* fresh = allocate_or_fail(bytes_);
  if (item == 1) {
    to_channels_first(static_cast<uint8_t*>(data_), static_cast<uint8_t*>(fresh), from);
  } else if (item == 16) {
    to_channels_first(static_cast<std::complex<double>*>(data_),
                      static_cast<std::complex<double>*>(fresh), from);
  } else if (item == 4) {
    to_channels_first(static_cast<uint32_t*>(data_), static_cast<uint32_t*>(fresh), from);
  } else if (item == 2) {
    to_channels_first(static_cast<uint16_t*>(data_), static_cast<uint16_t*>(fresh), from);
  } else {
    to_channels_first(static_cast<uint64_t*>(data_), static_cast<uint64_t*>(fresh), from);
  }
  if (used < bytes_) {
    std::memcpy(static_cast<char*>(fresh) + used, static_cast<char*>(data_) + used, bytes_ - used);
  }
  if (raw_readers_ > 0) {
    const Ref<Storage> old = make_ref<Storage>(0, device_);
    old->data_ = data_;
    old->bytes_ = bytes_;
    old->replaced_ = std::move(replaced_);
    replaced_ = old;
  } else {
    cpu_free(data_, bytes_);
  }
  data_ = fresh;
  layout = {};
}

}  // namespace rl
