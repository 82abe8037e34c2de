// cpu/parallel.h: loops over the thread pool for kernels; large ones give up the GIL meanwhile.
#pragma once
#include "core/gil.h"
#include "pool/pool.h"

namespace rl {

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
