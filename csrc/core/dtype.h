// core/dtype.h: element types, their C++ representations and the dispatch over them.
#pragma once
#include <bit>
#include <complex>
#include <cstdint>
#include <cstring>

#include "core/error.h"

namespace rl {

enum class DType : uint8_t {
  Bool,
  UInt8,
  Int8,
  Int16,
  Int32,
  Int64,
  Float16,
  BFloat16,
  Float32,
  Float64,
  Complex64,
  Complex128,
  UInt16,  // storage, conversion and little arithmetic, as in PyTorch
  UInt32,
  UInt64,
  Undefined,
};
constexpr int kNumDTypes = 15;

using complex64 = std::complex<float>;
using complex128 = std::complex<double>;

// IEEE binary16. Arithmetic happens in float; conversions round to nearest even.
struct Half {
  uint16_t bits = 0;
  Half() = default;
  Half(float value) : bits(from_float(value)) {}
  operator float() const { return to_float(bits); }

  static float to_float(uint16_t h) {
    uint32_t sign = uint32_t(h & 0x8000) << 16, body = h & 0x7fff;
    if (body >= 0x7c00) return std::bit_cast<float>(sign | 0x7f800000 | (body & 0x3ff) << 13);
    if (body >= 0x0400) return std::bit_cast<float>(sign | ((body << 13) + 0x38000000));
    float subnormal = float(body) * 0x1p-24f;
    return std::bit_cast<float>(sign | std::bit_cast<uint32_t>(subnormal));
  }
  static uint16_t from_float(float f) {
    uint32_t x = std::bit_cast<uint32_t>(f), sign = x >> 16 & 0x8000, body = x & 0x7fffffff;
    if (body > 0x7f800000) return uint16_t(sign | 0x7e00);
    if (body >= 0x477ff000) return uint16_t(sign | 0x7c00);
    if (body < 0x38800000) {  // result is subnormal: let a float addition do the rounding
      float shifted = std::bit_cast<float>(body) + 0.5f;
      return uint16_t(sign | (std::bit_cast<uint32_t>(shifted) - 0x3f000000));
    }
    return uint16_t(sign | ((body - 0x38000000 + 0xfff + (body >> 13 & 1)) >> 13));
  }
};

struct BFloat16 {
  uint16_t bits = 0;
  BFloat16() = default;
  BFloat16(float value) : bits(from_float(value)) {}
  operator float() const { return std::bit_cast<float>(uint32_t(bits) << 16); }

  static uint16_t from_float(float f) {
    uint32_t x = std::bit_cast<uint32_t>(f);
    if ((x & 0x7fffffff) > 0x7f800000) return 0x7fc0;
    return uint16_t((x + 0x7fff + (x >> 16 & 1)) >> 16);
  }
};

template <class... Ts>
struct TypeList {};

template <class T>
inline constexpr DType dtype_of = DType::Undefined;
// clang-format off
template <> inline constexpr DType dtype_of<bool> = DType::Bool;
template <> inline constexpr DType dtype_of<uint8_t> = DType::UInt8;
template <> inline constexpr DType dtype_of<int8_t> = DType::Int8;
template <> inline constexpr DType dtype_of<int16_t> = DType::Int16;
template <> inline constexpr DType dtype_of<int32_t> = DType::Int32;
template <> inline constexpr DType dtype_of<int64_t> = DType::Int64;
template <> inline constexpr DType dtype_of<Half> = DType::Float16;
template <> inline constexpr DType dtype_of<BFloat16> = DType::BFloat16;
template <> inline constexpr DType dtype_of<float> = DType::Float32;
template <> inline constexpr DType dtype_of<double> = DType::Float64;
template <> inline constexpr DType dtype_of<complex64> = DType::Complex64;
template <> inline constexpr DType dtype_of<complex128> = DType::Complex128;
template <> inline constexpr DType dtype_of<uint16_t> = DType::UInt16;
template <> inline constexpr DType dtype_of<uint32_t> = DType::UInt32;
template <> inline constexpr DType dtype_of<uint64_t> = DType::UInt64;
// clang-format on

using IntTypes = TypeList<uint8_t, int8_t, int16_t, int32_t, int64_t>;
using IntBoolTypes = TypeList<bool, uint8_t, int8_t, int16_t, int32_t, int64_t>;
using IntBoolUIntTypes =
    TypeList<bool, uint8_t, int8_t, int16_t, int32_t, int64_t, uint16_t, uint32_t, uint64_t>;
using FloatTypes = TypeList<float, double>;
using FloatHalfTypes = TypeList<float, double, Half, BFloat16>;
using ComplexTypes = TypeList<complex64, complex128>;
using FloatComplexTypes = TypeList<float, double, complex64, complex128>;
using RealTypes =
    TypeList<uint8_t, int8_t, int16_t, int32_t, int64_t, float, double, Half, BFloat16>;
using RealBoolTypes =
    TypeList<bool, uint8_t, int8_t, int16_t, int32_t, int64_t, float, double, Half, BFloat16>;
using AllTypes = TypeList<bool, uint8_t, int8_t, int16_t, int32_t, int64_t, float, double, Half,
                          BFloat16, complex64, complex128>;
// What can be stored, copied, converted and compared for equality.
using StoredTypes = TypeList<bool, uint8_t, int8_t, int16_t, int32_t, int64_t, float, double, Half,
                             BFloat16, complex64, complex128, uint16_t, uint32_t, uint64_t>;

constexpr size_t item_size(DType d) {
  constexpr uint8_t sizes[] = {1, 1, 1, 2, 4, 8, 2, 2, 4, 8, 8, 16, 2, 4, 8, 0};
  return sizes[int(d)];
}
constexpr bool is_complex(DType d) { return d == DType::Complex64 || d == DType::Complex128; }
constexpr bool is_floating(DType d) { return d >= DType::Float16 && d <= DType::Float64; }
constexpr bool is_half(DType d) { return d == DType::Float16 || d == DType::BFloat16; }
constexpr bool is_wide_unsigned(DType d) { return d >= DType::UInt16 && d <= DType::UInt64; }
constexpr bool is_signed(DType d) {
  return d != DType::Bool && d != DType::UInt8 && !is_wide_unsigned(d);
}
constexpr bool is_integral(DType d, bool with_bool) {
  return (d >= DType::UInt8 && d <= DType::Int64) || is_wide_unsigned(d) ||
         (with_bool && d == DType::Bool);
}
constexpr bool is_differentiable(DType d) { return d >= DType::Float16 && d <= DType::Complex128; }

// complex64 -> float32 and so on; other dtypes unchanged.
constexpr DType real_dtype(DType d) {
  return d == DType::Complex64 ? DType::Float32 : d == DType::Complex128 ? DType::Float64 : d;
}
constexpr DType complex_dtype(DType d) {
  return d == DType::Float64 || d == DType::Complex128 ? DType::Complex128 : DType::Complex64;
}

// "float32": the Python attribute. "Float": the word PyTorch's messages use.
inline const char* dtype_name(DType d) {
  constexpr const char* names[] = {
      "bool",    "uint8",   "int8",      "int16",      "int32",  "int64",  "float16", "bfloat16",
      "float32", "float64", "complex64", "complex128", "uint16", "uint32", "uint64",  "undefined"};
  return names[int(d)];
}
inline const char* dtype_word(DType d) {
  constexpr const char* names[] = {"Bool",   "Byte",   "Char",         "Short",
                                   "Int",    "Long",   "Half",         "BFloat16",
                                   "Float",  "Double", "ComplexFloat", "ComplexDouble",
                                   "UInt16", "UInt32", "UInt64",       "Undefined"};
  return names[int(d)];
}

// Calls f.template operator()<T>() for the listed type that has this dtype.
template <class... Ts, class F>
void dispatch(DType dtype, const char* op, TypeList<Ts...>, F&& f) {
  bool found = ((dtype_of<Ts> == dtype ? (f.template operator()<Ts>(), true) : false) || ...);
  if (!found) {
    fail(ErrorKind::NotImplemented, "\"", op, "\" not implemented for '", dtype_word(dtype), "'");
  }
}

}  // namespace rl
