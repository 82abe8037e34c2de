// Compiled once per instruction level.
#include "cpu/convert.h"

#include <cstring>

#include "cpu/vec_convert.h"
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

// The C library's copy of some kilobytes is a `rep movsb`, which AMD processors do at a tenth of
// the speed where the two ends differ in their place within a cache line.
void copy_dense(const char* from, char* to, int64_t n) {
  typedef char Vector __attribute__((vector_size(64), aligned(1), may_alias));
  constexpr int64_t size = sizeof(Vector);
  if (n < 8 * size || (uintptr_t(from) - uintptr_t(to)) % size == 0) {
    std::memcpy(to, from, size_t(n));
    return;
  }
  auto move = [](const char* a, char* b) {
    *reinterpret_cast<Vector*>(b) = *reinterpret_cast<const Vector*>(a);
    asm volatile("" ::: "memory");  // or the compiler makes a memcpy of the loop
  };
  for (int64_t i = 0; i + size <= n; i += size) move(from + i, to + i);
  move(from + n - size, to + n - size);
}

// Elements of one size, whatever they mean, between strides that a compiler can make vectors of
// when it knows them.
template <class U>
void copy_strided(const char* from, int64_t fs, char* to, int64_t ts, int64_t n) {
  constexpr int64_t size = sizeof(U);
  auto* a = reinterpret_cast<const U*>(from);
  auto* b = reinterpret_cast<U*>(to);
  if (ts == size && fs == 2 * size) {
#pragma GCC ivdep
    for (int64_t i = 0; i < n; ++i) b[i] = a[2 * i];
  } else if (ts == size && fs == -size) {
#pragma GCC ivdep
    for (int64_t i = 0; i < n; ++i) b[i] = a[-i];
  } else {
    for (int64_t i = 0; i < n; ++i) {
      *reinterpret_cast<U*>(to + i * ts) = *reinterpret_cast<const U*>(from + i * fs);
    }
  }
}
template <size_t N>
struct Bits;
template <>
struct Bits<1> {
  using type = uint8_t;
};
template <>
struct Bits<2> {
  using type = uint16_t;
};
template <>
struct Bits<4> {
  using type = uint32_t;
};
template <>
struct Bits<8> {
  using type = uint64_t;
};
template <>
struct Bits<16> {
  using type = complex128;
};

void widen(const Half* from, float* to, int64_t n) {
  convert_half_to_float(reinterpret_cast<const uint16_t*>(from), to, n);
}
void widen(const BFloat16* from, float* to, int64_t n) {
  convert_bfloat16_to_float(reinterpret_cast<const uint16_t*>(from), to, n);
}
void narrow(const float* from, Half* to, int64_t n) {
  convert_float_to_half(from, reinterpret_cast<uint16_t*>(to), n);
}
void narrow(const float* from, BFloat16* to, int64_t n) {
  convert_float_to_bfloat16(from, reinterpret_cast<uint16_t*>(to), n);
}

constexpr int64_t kHalves = 512;  // 16-bit numbers converted by way of a float buffer at a time

template <class From, class To>
void loop(const char* from, int64_t fs, char* to, int64_t ts, int64_t n);

// Dense runs from or to a 16-bit type.
template <class From, class To>
void halves(const char* from, char* to, int64_t n) {
  if constexpr (is_half(dtype_of<From>) && std::is_same_v<To, float>) {
    widen(reinterpret_cast<const From*>(from), reinterpret_cast<float*>(to), n);
  } else if constexpr (std::is_same_v<From, float>) {
    narrow(reinterpret_cast<const float*>(from), reinterpret_cast<To*>(to), n);
  } else {
    float buffer[kHalves];
    auto* middle = reinterpret_cast<char*>(buffer);
    for (int64_t i = 0; i < n; i += kHalves) {
      int64_t m = n - i < kHalves ? n - i : kHalves;
      loop<From, float>(from + i * int64_t(sizeof(From)), sizeof(From), middle, sizeof(float), m);
      loop<float, To>(middle, sizeof(float), to + i * int64_t(sizeof(To)), sizeof(To), m);
    }
  }
}

template <class From, class To>
void loop(const char* from, int64_t fs, char* to, int64_t ts, int64_t n) {
  if (ts == sizeof(To) && fs == sizeof(From)) {
    if constexpr (std::is_same_v<From, To>) {
      copy_dense(from, to, n * int64_t(sizeof(To)));
      return;
    } else if constexpr (is_half(dtype_of<From>) || is_half(dtype_of<To>)) {
      halves<From, To>(from, to, n);
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
  } else if constexpr (std::is_same_v<From, To>) {
    copy_strided<typename Bits<sizeof(To)>::type>(from, fs, to, ts, n);
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
