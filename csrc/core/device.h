// core/device.h: where a tensor lives, and the small enumerations of the public API.
#pragma once
#include <cstdint>
#include <string>

namespace rl {

enum class DeviceType : uint8_t { CPU, Meta, CUDA };

struct Device {
  DeviceType type = DeviceType::CPU;
  int8_t index = -1;
  bool operator==(const Device&) const = default;
};

inline std::string device_name(Device d) {
  constexpr const char* names[] = {"cpu", "meta", "cuda"};
  std::string name = names[int(d.type)];
  return d.index >= 0 ? name + ":" + std::to_string(int(d.index)) : name;
}

enum class Layout : uint8_t { Strided, SparseCoo, SparseCsr };
enum class MemoryFormat : uint8_t { Contiguous, Preserve, ChannelsLast, ChannelsLast3d };

}  // namespace rl
