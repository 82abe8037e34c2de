// core/scalar.h: a Python number: bool, int, float or complex.
#pragma once
#include <complex>
#include <cstdint>
#include <type_traits>

#include "core/dtype.h"

namespace rl {

class Scalar {
 public:
  enum class Kind : uint8_t { Bool, Int, Double, Complex };

  Scalar() : Scalar(int64_t(0)) {}
  Scalar(bool v) : kind_(Kind::Bool), i_(v) {}
  Scalar(int v) : kind_(Kind::Int), i_(v) {}
  Scalar(int64_t v) : kind_(Kind::Int), i_(v) {}
  // Kept bit for bit; beyond int64's range only reading it as unsigned or floating is meaningful.
  static Scalar of_unsigned(uint64_t v) {
    Scalar s(static_cast<int64_t>(v));
    s.large_ = v >> 63 != 0;
    return s;
  }
  Scalar(double v) : kind_(Kind::Double), d_(v) {}
  Scalar(complex128 v) : kind_(Kind::Complex), d_(v.real()), imag_(v.imag()) {}

  Kind kind() const { return kind_; }
  bool is_integral() const { return kind_ <= Kind::Int; }
  bool is_floating() const { return kind_ == Kind::Double; }
  bool is_complex() const { return kind_ == Kind::Complex; }
  bool is_bool() const { return kind_ == Kind::Bool; }
  bool is_large_unsigned() const { return large_; }

  DType dtype() const {
    constexpr DType of[] = {DType::Bool, DType::Int64, DType::Float64, DType::Complex128};
    return of[int(kind_)];
  }

  template <class T>
  T to() const {
    if constexpr (std::is_same_v<T, complex64> || std::is_same_v<T, complex128>) {
      using R = typename T::value_type;
      return kind_ == Kind::Complex ? T(R(d_), R(imag_)) : T(to<R>());
    } else if constexpr (std::is_same_v<T, bool>) {
      return is_integral() ? i_ != 0 : (d_ != 0 || (is_complex() && imag_ != 0));
    } else if constexpr (std::is_same_v<T, Half> || std::is_same_v<T, BFloat16>) {
      return T(to<float>());
    } else if constexpr (std::is_floating_point_v<T>) {
      if (large_) return static_cast<T>(static_cast<uint64_t>(i_));
      return is_integral() ? static_cast<T>(i_) : static_cast<T>(d_);
    } else {
      return is_integral() ? static_cast<T>(i_) : static_cast<T>(d_);
    }
  }
  double to_double() const { return to<double>(); }
  int64_t to_int() const { return to<int64_t>(); }
  bool equal(double v) const {
    return is_integral() ? to<double>() == v : d_ == v && (!is_complex() || imag_ == 0);
  }
  Scalar operator-() const {
    if (is_integral()) return Scalar(-i_);
    return is_complex() ? Scalar(complex128(-d_, -imag_)) : Scalar(-d_);
  }

 private:
  Kind kind_;
  bool large_ = false;  // an unsigned number of 2^63 or more
  union {
    int64_t i_;
    double d_;
  };
  double imag_ = 0;
};

}  // namespace rl
