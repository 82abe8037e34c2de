// core/gil.h: giving up Python's lock while a kernel runs.
#pragma once

namespace rl {

// The binding fills these in; without them (C++ tests) nothing is released.
struct GilHooks {
  static inline void* (*release)() = nullptr;
  static inline void (*acquire)(void* state) = nullptr;
};

class GilRelease {
 public:
  explicit GilRelease(bool wanted) {
    if (wanted && GilHooks::release) state_ = GilHooks::release();
  }
  ~GilRelease() {
    if (state_) GilHooks::acquire(state_);
  }
  GilRelease(const GilRelease&) = delete;

 private:
  void* state_ = nullptr;
};

}  // namespace rl
