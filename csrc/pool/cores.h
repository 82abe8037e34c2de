// How many threads are worth having.
#pragma once

namespace rl::pool {

// RUSHLIGHT_NUM_THREADS, else OMP_NUM_THREADS, else usable_cores(). At least 1.
int default_threads() noexcept;

}  // namespace rl::pool
