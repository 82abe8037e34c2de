// Compiled once per instruction level.
#include "cpu/convert.h"

#include <cstring>

#include "dispatch/op.h"

namespace rl {
namespace {

template <class To, class From>
inline To cast(From v) {
  if constexpr (is_complex(dtype_of<From>)) {
    if constexpr (is_complex(dtype_of<To>)) {
      using R = typename To::value_type;
      return To(R(v.real()), R(v.imag()));
    } else if constexpr (std::is_same_v<To, bool>) {
      return v.real() != 0 || v.imag() != 0;
    } else {
      return cast<To>(v.real());
    }
  } else if constexpr (is_complex(dtype_of<To>)) {
    return To(cast<typename To::value_type>(v));
  } else if constexpr (std::is_same_v<To, bool>) {
    return static_cast<bool>(v != From(0));
  } else if constexpr (is_half(dtype_of<From>) || is_half(dtype_of<To>)) {
    if constexpr (is_half(dtype_of<To>)) {
      return To(float(v));
    } else {
      return cast<To>(float(v));
    }
  } else if constexpr (std::is_floating_point_v<From> && std::is_integral_v<To> && sizeof(To) < 8) {
    // Small integers wrap through int64, as PyTorch's do.
    return static_cast<To>(static_cast<int64_t>(v));
  } else if constexpr (std::is_floating_point_v<From> && std::is_same_v<To, uint64_t>) {
    // Negative numbers wrap, the upper half is moved down for the signed conversion.
    constexpr uint64_t top = uint64_t(1) << 63;
    bool high = v >= From(0x1p63);
    int64_t low = static_cast<int64_t>(high ? v - From(0x1p63) : v);
    return static_cast<uint64_t>(low) ^ (high ? top : uint64_t(0));
  } else {
    return static_cast<To>(v);
  }
}

template <class From, class To>
void loop(const char* from, int64_t fs, char* to, int64_t ts, int64_t n) {
  if (ts == sizeof(To) && fs == sizeof(From)) {
    if constexpr (std::is_same_v<From, To>) {
      std::memcpy(to, from, size_t(n) * sizeof(To));
      return;
    }
    auto* a = reinterpret_cast<const From*>(from);
    auto* b = reinterpret_cast<To*>(to);
#pragma GCC ivdep
    for (int64_t i = 0; i < n; ++i) b[i] = cast<To>(a[i]);
  } else if (ts == sizeof(To) && fs == 0) {
    To value = cast<To>(*reinterpret_cast<const From*>(from));
    auto* b = reinterpret_cast<To*>(to);
    for (int64_t i = 0; i < n; ++i) b[i] = value;
  } else {
    for (int64_t i = 0; i < n; ++i) {
      *reinterpret_cast<To*>(to + i * ts) = cast<To>(*reinterpret_cast<const From*>(from + i * fs));
    }
  }
}

template <class From, class... To>
void fill_row(ConvertLoop* row, TypeList<To...>) {
  ((row[int(dtype_of<To>)] = &loop<From, To>), ...);
}
template <class... From>
ConvertTable make_table(TypeList<From...>) {
  ConvertTable table{};
  (fill_row<From>(table.loops[int(dtype_of<From>)], StoredTypes()), ...);
  return table;
}

[[maybe_unused]] const bool registered = [] {
  register_convert_table(RL_ISA_LEVEL, make_table(StoredTypes()));
  return true;
}();

}  // namespace
}  // namespace rl
