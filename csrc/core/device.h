// core/device.h: where a tensor lives, and the small enumerations of the public API.
#pragma once
#include <cstddef>
#include <cstdint>
#include <string>

namespace rl {

// The types that PyTorch has names for. This build has memory on the CPU and on meta.
enum class DeviceType : uint8_t {
  CPU,
  Meta,
  CUDA,
  IPU,
  XPU,
  MKLDNN,
  OpenGL,
  OpenCL,
  IDEEP,
  HIP,
  VE,
  FPGA,
  MAIA,
  XLA,
  Lazy,
  Vulkan,
  MPS,
  HPU,
  MTIA,
  PrivateUse1,
  Count,
};

constexpr const char* kDeviceTypeNames[] = {
    "cpu", "meta", "cuda", "ipu", "xpu",  "mkldnn", "opengl", "opencl", "ideep", "hip",
    "ve",  "fpga", "maia", "xla", "lazy", "vulkan", "mps",    "hpu",    "mtia",  "privateuseone"};
static_assert(sizeof(kDeviceTypeNames) / sizeof(*kDeviceTypeNames) == size_t(DeviceType::Count));

constexpr const char* device_type_name(DeviceType type) { return kDeviceTypeNames[int(type)]; }

struct Device {
  DeviceType type = DeviceType::CPU;
  int8_t index = -1;
  bool operator==(const Device&) const = default;
};

inline std::string device_name(Device d) {
  std::string name = device_type_name(d.type);
  return d.index >= 0 ? name + ":" + std::to_string(int(d.index)) : name;
}

enum class Layout : uint8_t { Strided, SparseCoo, SparseCsr };
enum class MemoryFormat : uint8_t { Contiguous, Preserve, ChannelsLast, ChannelsLast3d };

}  // namespace rl
