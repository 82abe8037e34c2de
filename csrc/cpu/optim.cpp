#include "cpu/optim.h"

#include <algorithm>
#include <numeric>

#include "cpu/parallel.h"
#include "dispatch/op.h"

namespace rl {

namespace {

OptimTable& best_table() {
  static OptimTable table;
  return table;
}

// Elements per task: a step reads and writes several arrays, so half of a plain loop's grain.
constexpr int64_t kOptimGrain = 16384;

// Elements from which the threads share a parameter.
constexpr int64_t kDivided = 8192;

}  // namespace

void register_optim_table(int isa_level, const OptimTable& table) {
  static int best = -1;
  if (isa_level > cpu_isa_level() || isa_level <= best) return;
  best = isa_level;
  best_table() = table;
}

void optim_step(OptimRule rule, bool wide, std::vector<OptimSlice>& slices,
                const OptimOptions& options) {
  int64_t total = 0;
  for (OptimSlice& s : slices) {
    s.begin = total;
    total += s.numel;
  }
  const OptimTable& table = best_table();
  const OptimKernel kernel = (wide ? table.f64 : table.f32)[size_t(rule)];
  const int64_t small = std::accumulate(
      slices.begin(), slices.end(), int64_t(0),
      [](int64_t sum, const OptimSlice& s) { return sum + (s.numel < kDivided ? s.numel : 0); });
  if (total <= kOptimGrain || small > total / 16) {
    parallel(total, kOptimGrain, [&](int64_t begin, int64_t end) {
      auto after = std::upper_bound(slices.begin(), slices.end(), begin,
                                    [](int64_t at, const OptimSlice& s) { return at < s.begin; });
      for (auto s = after - 1; begin < end; ++s) {
        const int64_t stop = std::min(end, s->begin + s->numel);
        if (stop <= begin) continue;
        kernel(*s, begin - s->begin, stop - s->begin, options);
        begin = stop;
      }
    });
    return;
  }
  // Each parameter is divided as the products divide it, so that a thread meets the lines of the
  // gradient that it wrote; what is small was one thread's work, the caller's.
  const int64_t parts = std::min<int64_t>(num_threads(), total / kOptimGrain + 1);
  parallel(parts, 1, [&](int64_t from, int64_t to) {
    for (const OptimSlice& s : slices) {
      const bool divided = s.numel >= kDivided;
      const int64_t size = divided ? ((s.numel - 1) / parts / 64 + 1) * 64 : s.numel;
      const int64_t begin = std::min(s.numel, from * size), end = std::min(s.numel, to * size);
      if (begin < end) kernel(s, begin, end, options);
    }
  });
}

}  // namespace rl
