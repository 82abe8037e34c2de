// Waiting on a 32-bit word, and a lock built on it whose unlocked state is all zeros, so that a
// forked child can start over by clearing it.
#pragma once

#include <linux/futex.h>
#include <sched.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <climits>
#include <cstdint>

namespace rl::pool {

inline void futex_wait(const void* word, uint32_t expected) noexcept {
  syscall(SYS_futex, word, FUTEX_WAIT_PRIVATE, expected, nullptr, nullptr, 0);
}

inline void futex_wake(const void* word, int count) noexcept {
  syscall(SYS_futex, word, FUTEX_WAKE_PRIVATE, count, nullptr, nullptr, 0);
}

inline void cpu_pause() noexcept {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  asm volatile("yield");
#endif
}

// Polls `ready` for at most `microseconds`; returns whether it became true. After the first few it
// offers the core to others between polls: the thread waited for may be queued on this very core.
template <typename Ready>
bool spin_until(Ready&& ready, int microseconds) noexcept {
  using Clock = std::chrono::steady_clock;
  constexpr auto kAlone = std::chrono::microseconds(5);
  if (ready()) return true;
  if (microseconds <= 0) return false;
  const auto start = Clock::now();
  const auto limit = start + std::chrono::microseconds(microseconds);
  auto now = start;
  do {
    for (int i = 0; i < 32; ++i) {
      cpu_pause();
      if (ready()) return true;
    }
    if (now - start > kAlone) sched_yield();
    now = Clock::now();
  } while (now < limit);
  return false;
}

class FutexLock {
 public:
  bool try_lock() noexcept {
    int expected = 0;
    return state_.compare_exchange_strong(expected, 1, std::memory_order_acquire);
  }
  void lock() noexcept {
    if (try_lock()) return;
    while (state_.exchange(2, std::memory_order_acquire) != 0) futex_wait(&state_, 2);
  }
  void unlock() noexcept {
    if (state_.exchange(0, std::memory_order_release) == 2) futex_wake(&state_, 1);
  }

 private:
  std::atomic<int> state_{0};  // 0 free, 1 held, 2 held with waiters
};

}  // namespace rl::pool
