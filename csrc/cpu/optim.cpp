#include "cpu/optim.h"

#include <algorithm>

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
}

}  // namespace rl
