#include "cpu/simd.h"

#include <cstdlib>
#include <cstring>

namespace rl::simd {
namespace {

Level detect() {
  Level best = Level::baseline;
  if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) best = Level::avx2;
  if (best == Level::avx2 && __builtin_cpu_supports("avx512f") &&
      __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512bw") &&
      __builtin_cpu_supports("avx512vl"))
    best = Level::avx512;
  const char* asked = std::getenv("RUSHLIGHT_ISA");
  if (!asked) return best;
  Level wanted = best;
  if (!std::strcmp(asked, "baseline")) wanted = Level::baseline;
  if (!std::strcmp(asked, "avx2")) wanted = Level::avx2;
  return wanted < best ? wanted : best;
}

}  // namespace

Level level() {
  static const Level chosen = detect();
  return chosen;
}

}  // namespace rl::simd
