// dispatch/value.h: an argument or result of an operator, and its conversion to C++ types.
#pragma once
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "core/tensor.h"

namespace rl {

// Random number generators are engine objects of csrc/random; the dispatcher only passes them on.
using GeneratorRef = Ref<RefCounted>;

using Value = std::variant<std::monostate, bool, int64_t, double, complex128, Tensor, Dims,
                           TensorList, std::vector<double>, DType, Device, Layout, MemoryFormat,
                           GeneratorRef, std::string, std::vector<Scalar>>;

inline bool is_none(const Value& v) { return v.index() == 0; }

inline Value to_value(const Scalar& s) {
  switch (s.kind()) {
    case Scalar::Kind::Bool:
      return s.to<bool>();
    case Scalar::Kind::Int:
      return s.to_int();
    case Scalar::Kind::Double:
      return s.to_double();
    default:
      return s.to<complex128>();
  }
}

inline Scalar to_scalar(const Value& v) {
  if (auto* p = std::get_if<int64_t>(&v)) return Scalar(*p);
  if (auto* p = std::get_if<double>(&v)) return Scalar(*p);
  if (auto* p = std::get_if<bool>(&v)) return Scalar(*p);
  if (auto* p = std::get_if<complex128>(&v)) return Scalar(*p);
  if (auto* p = std::get_if<Tensor>(&v)) return item(*p);
  fail(ErrorKind::Type, "expected a number");
}

template <class T>
struct Unbox {
  static const T& get(const Value& v) { return std::get<T>(v); }
};
template <>
struct Unbox<Tensor> {
  static const Tensor& get(const Value& v) {
    static const Tensor none;
    auto* p = std::get_if<Tensor>(&v);
    return p ? *p : none;
  }
};
template <>
struct Unbox<Scalar> {
  static Scalar get(const Value& v) { return to_scalar(v); }
};
template <>
struct Unbox<double> {
  static double get(const Value& v) {
    auto* p = std::get_if<double>(&v);
    return p ? *p : to_scalar(v).to_double();
  }
};
template <>
struct Unbox<int64_t> {
  static int64_t get(const Value& v) {
    auto* p = std::get_if<int64_t>(&v);
    return p ? *p : to_scalar(v).to_int();
  }
};
template <>
struct Unbox<bool> {
  static bool get(const Value& v) {
    auto* p = std::get_if<bool>(&v);
    return p ? *p : to_scalar(v).to<bool>();
  }
};
template <>
struct Unbox<Dims> {
  static const Dims& get(const Value& v) {
    static const Dims none{};
    auto* p = std::get_if<Dims>(&v);
    return p ? *p : none;
  }
};
template <>
struct Unbox<GeneratorRef> {
  static GeneratorRef get(const Value& v) {
    auto* p = std::get_if<GeneratorRef>(&v);
    return p ? *p : GeneratorRef();
  }
};
template <class T>
struct Unbox<std::optional<T>> {
  static std::optional<T> get(const Value& v) {
    if (is_none(v)) return std::nullopt;
    return Unbox<T>::get(v);
  }
};
template <>
struct Unbox<Value> {
  static const Value& get(const Value& v) { return v; }
};

template <class T>
Value box(T&& v) {
  using D = std::decay_t<T>;
  if constexpr (std::is_same_v<D, Scalar>) {
    return to_value(v);
  } else if constexpr (std::is_same_v<D, bool>) {
    return Value(v);
  } else if constexpr (std::is_integral_v<D>) {
    return Value(int64_t(v));
  } else if constexpr (std::is_floating_point_v<D>) {
    return Value(double(v));
  } else if constexpr (std::is_same_v<D, std::nullopt_t>) {
    return Value();
  } else if constexpr (std::is_same_v<D, const char*> || std::is_same_v<D, char*>) {
    return Value(std::string(v));
  } else if constexpr (requires {
                         v.has_value();
                         typename D::value_type;
                       }) {
    return v.has_value() ? box(*v) : Value();
  } else if constexpr (std::is_same_v<D, Tensor>) {
    return v.defined() ? Value(std::forward<T>(v)) : Value();
  } else {
    return Value(std::forward<T>(v));
  }
}

}  // namespace rl
