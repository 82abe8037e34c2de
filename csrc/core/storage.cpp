#include "core/storage.h"

#include <algorithm>
#include <cstring>

#include "core/allocator.h"

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

}  // namespace

Storage::Storage(size_t bytes, Device device) : bytes_(bytes), device_(device) {
  if (device.type == DeviceType::CPU) data_ = allocate_or_fail(bytes);
}

Storage::Storage(void* data, size_t bytes, Device device, Release release, void* context)
    : data_(data), bytes_(bytes), device_(device), release_(release), context_(context) {}

Storage::~Storage() {
  if (release_) {
    release_(context_);
  } else if (data_) {
    cpu_free(data_, bytes_);
  }
}

void Storage::resize(size_t bytes) {
  RL_CHECK(resizable(), "Trying to resize storage that is not resizable");
  ++changes;
  if (device_.type == DeviceType::CPU) {
    void* fresh = allocate_or_fail(bytes);
    if (data_ && fresh) std::memcpy(fresh, data(), std::min(bytes, bytes_));
    if (data_) cpu_free(data_, bytes_);
    data_ = fresh;
  }
  bytes_ = bytes;
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
