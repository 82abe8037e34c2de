// cpu/parallel.h: loops over the thread pool for kernels; large ones give up the GIL meanwhile.
#pragma once
#include "pool/pool.h"

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

// Elements below which a loop stays on the calling thread.
constexpr int64_t kGrain = 32768;

// f(begin, end). It must not copy tensors: counts are only touched under the GIL.
template <class F>
void parallel(int64_t n, int64_t grain, const F& f) {
  if (n <= grain) {
    if (n > 0) f(int64_t(0), n);
    return;
  }
  GilRelease release(true);
  parallel_for(n, grain, f);
}

}  // namespace rl
