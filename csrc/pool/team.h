// What the OpenMP entry points need from the pool: teams whose members all run at the same time.
#pragma once

#include <atomic>
#include <cstdint>

namespace rl::pool {

using TeamFn = void (*)(void*);

// Where the running thread stands. `depth` counts enclosing regions; the members of the outermost
// one have (size, index), anything nested in it is a team of one.
struct ThreadState {
  int depth = 0;
  int size = 1;
  int index = 0;
  // Worksharing constructs of this region met so far, and the loop being run.
  uint64_t loops = 0;
  uint64_t singles = 0;
  struct Loop {
    long begin, end, step, chunk, position;
    bool done;
  } loop = {};
};

ThreadState& thread_state() noexcept;

// Starts a team of `threads` (0: num_threads()); the caller, being member 0, then runs fn itself
// and calls team_end, which waits for the others. Nested teams have one member. A second thread
// that starts a team waits for its turn: a caller may rely on the size it asked for.
void team_start(TeamFn fn, void* data, unsigned threads) noexcept;
void team_end() noexcept;

// State shared by the members of the running team.
struct TeamShared {
  std::atomic<uint32_t> barrier_round{0};
  std::atomic<int> barrier_arrived{0};
  std::atomic<int> barrier_sleepers{0};
  std::atomic<uint64_t> singles{0};
  // Dynamic loops under way: a thread may run ahead of the slowest one by this many loops.
  static constexpr int kLoops = 8;
  struct alignas(64) DynamicLoop {
    std::atomic<uint64_t> number{0};  // 1-based number of the loop that owns the slot; 0: free
    std::atomic<long> next{0};
    std::atomic<int> left{0};
  } dynamic[kLoops];
};

TeamShared& team_shared() noexcept;
void team_barrier() noexcept;

// Microseconds a thread polls before it sleeps; 0 when there are more threads than cores.
int spin_microseconds(int threads, int wanted) noexcept;

}  // namespace rl::pool
