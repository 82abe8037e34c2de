#include "pool.h"

#include <pthread.h>
#include <signal.h>

#include <cstdio>
#include <exception>
#include <new>

#include "cores.h"
#include "futex.h"
#include "team.h"

namespace rl::pool {
namespace {

// An idle worker polls this long for the next job, so that back-to-back operators find it awake.
constexpr int kIdleSpin = 200;
// The caller is busy anyway. It polls through a time slice lost to another process: a thread that
// sleeps is often woken on the core of its waker, and the two then take turns.
constexpr int kJoinSpin = 10000;

// A parallel loop; lives on the caller's stack until every chunk has run.
struct Loop {
  rl::detail::ChunkFn fn;
  void* context;
  FutexLock error_lock{};
  int error_chunk = INT_MAX;
  std::exception_ptr error{};

  void run(int chunk) noexcept {
    try {
      fn(context, chunk);
    } catch (...) {
      error_lock.lock();
      if (chunk < error_chunk) {
        error_chunk = chunk;
        error = std::current_exception();
      }
      error_lock.unlock();
    }
  }
};

struct Job {
  Loop* loop;  // null for a team
  TeamFn team;
  void* data;
  int count;  // chunks of the loop, or members of the team
};

// One per thread and, at the same time, per chunk of the running loop.
struct alignas(64) Slot {
  std::atomic<uint64_t> claimed{0};  // newest epoch whose chunk of this number was taken
  std::atomic<int> asleep{0};        // 1: the worker of this number sleeps on this word
};

// Trivially destructible on purpose: workers outlive static destructors.
struct Pool {
  // Number of the newest job, even; odd while the job is being written, so that a late worker
  // notices that what it read is no job.
  alignas(64) std::atomic<uint64_t> epoch{0};
  alignas(64) std::atomic<Loop*> loop{nullptr};
  std::atomic<TeamFn> team{nullptr};
  std::atomic<void*> data{nullptr};
  std::atomic<int> count{0};
  alignas(64) std::atomic<int> done{0};  // finished chunks, or finished members but the caller
  std::atomic<int> joining{0};           // the caller sleeps on `done`
  alignas(64) FutexLock busy;            // held by the thread whose job runs
  int workers = 0;                       // started so far; guarded by `busy`
  TeamShared shared;
  Slot slots[kMaxThreads];
};

Pool pool;
std::atomic<int> thread_count{0};  // 0: not decided yet

thread_local ThreadState state;

// Wakes the workers that thread `index` answers for; each of them wakes its own in turn, so that
// the caller of a large team does not pay for every system call. Workers that the job does not
// need go on sleeping.
void wake_from(int index, int count) noexcept {
  constexpr int kFan = 4;
  for (int worker = index * kFan + 1; worker <= index * kFan + kFan && worker < count; ++worker) {
    std::atomic<int>& asleep = pool.slots[worker].asleep;
    if (asleep.load(std::memory_order_seq_cst) == 1 && asleep.exchange(0) == 1)
      futex_wake(&asleep, 1);
  }
}

uint64_t publish(const Job& job) noexcept {
  const uint64_t previous = pool.epoch.load(std::memory_order_relaxed);
  pool.epoch.store(previous + 1, std::memory_order_relaxed);
  std::atomic_thread_fence(std::memory_order_release);
  pool.loop.store(job.loop, std::memory_order_relaxed);
  pool.team.store(job.team, std::memory_order_relaxed);
  pool.data.store(job.data, std::memory_order_relaxed);
  pool.count.store(job.count, std::memory_order_relaxed);
  pool.done.store(0, std::memory_order_relaxed);
  pool.epoch.store(previous + 2, std::memory_order_seq_cst);
  wake_from(0, job.count);
  return previous + 2;
}

// False when the job was replaced meanwhile.
bool read_job(uint64_t epoch, Job& job) noexcept {
  job.loop = pool.loop.load(std::memory_order_relaxed);
  job.team = pool.team.load(std::memory_order_relaxed);
  job.data = pool.data.load(std::memory_order_relaxed);
  job.count = pool.count.load(std::memory_order_relaxed);
  std::atomic_thread_fence(std::memory_order_acquire);
  return pool.epoch.load(std::memory_order_relaxed) == epoch;
}

// A job ends only after all its chunks were claimed, so a late worker that still sees an old job
// claims nothing, and a successful claim keeps the job alive until `finish`.
bool claim(int chunk, uint64_t epoch) noexcept {
  std::atomic<uint64_t>& slot = pool.slots[chunk].claimed;
  uint64_t old = slot.load(std::memory_order_relaxed);
  while (old < epoch)
    if (slot.compare_exchange_weak(old, epoch, std::memory_order_acq_rel)) return true;
  return false;
}

void finish(int target) noexcept {
  if (pool.done.fetch_add(1, std::memory_order_seq_cst) + 1 == target &&
      pool.joining.load(std::memory_order_seq_cst))
    futex_wake(&pool.done, 1);
}

void join(int target) noexcept {
  auto ended = [target] { return pool.done.load(std::memory_order_acquire) == target; };
  if (spin_until(ended, spin_microseconds(target, kJoinSpin))) return;
  pool.joining.store(1, std::memory_order_seq_cst);
  for (int now = pool.done.load(); now != target; now = pool.done.load())
    futex_wait(&pool.done, static_cast<uint32_t>(now));
  pool.joining.store(0, std::memory_order_relaxed);
}

void enter(int size, int index) noexcept {
  state.depth = 1;
  state.size = size;
  state.index = index;
  state.loops = state.singles = 0;
}

void leave() noexcept {
  state.depth = 0;
  state.size = 1;
  state.index = 0;
}

// Each thread takes the chunk of its own number first (memory it touched before), then any that
// nobody has begun: nobody waits for a worker that is still waking up.
void run_share(const Job& job, uint64_t epoch, int index) noexcept {
  if (index >= job.count) return;
  int chunk = index;
  for (int k = 0; k < job.count; ++k) {
    if (claim(chunk, epoch)) {
      job.loop->run(chunk);
      finish(job.count);
    }
    if (++chunk == job.count) chunk = 0;
  }
}

void work(const Job& job, uint64_t epoch, int index) noexcept {
  if (index >= job.count) return;
  wake_from(index, job.count);
  enter(job.count, index);
  if (job.loop) {
    run_share(job, epoch, index);
  } else {
    job.team(job.data);
    finish(job.count - 1);
  }
  leave();
}

struct Start {
  int index;
  uint64_t epoch;
};

void* worker_main(void* argument) {
  const Start start = *static_cast<Start*>(argument);
  delete static_cast<Start*>(argument);
  uint64_t seen = start.epoch;
  uint64_t now = seen;
  auto changed = [&] {
    now = pool.epoch.load(std::memory_order_acquire);
    return now != seen && now % 2 == 0;
  };
  std::atomic<int>& asleep = pool.slots[start.index].asleep;
  for (;;) {
    while (!spin_until(changed, spin_microseconds(start.index + 1, kIdleSpin))) {
      asleep.store(1, std::memory_order_seq_cst);
      if (pool.epoch.load(std::memory_order_seq_cst) == seen) futex_wait(&asleep, 1);
      asleep.store(0, std::memory_order_relaxed);
    }
    seen = now;
    Job job;
    if (read_job(now, job)) work(job, now, start.index);
  }
  return nullptr;
}

// The child of a fork has none of the workers, and perhaps a job of a thread it does not have.
void reset_in_child() { new (&pool) Pool; }

// Starts workers 1 .. threads-1; returns how many threads there really are. Needs `busy`.
int start_workers(int threads) noexcept {
  static const int registered = pthread_atfork(nullptr, nullptr, reset_in_child);
  (void)registered;
  while (pool.workers < threads - 1) {
    // Signals are for the program's own threads.
    sigset_t all, before;
    sigfillset(&all);
    pthread_attr_t attributes;
    pthread_attr_init(&attributes);
    pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
    auto* start =
        new (std::nothrow) Start{pool.workers + 1, pool.epoch.load(std::memory_order_relaxed)};
    pthread_t thread;
    pthread_sigmask(SIG_SETMASK, &all, &before);
    const int failed = !start || pthread_create(&thread, &attributes, worker_main, start) != 0;
    pthread_sigmask(SIG_SETMASK, &before, nullptr);
    pthread_attr_destroy(&attributes);
    if (failed) {
      delete start;
      break;
    }
    ++pool.workers;
    char name[24];
    snprintf(name, sizeof name, "rl-pool-%d", pool.workers);
    pthread_setname_np(thread, name);
  }
  return pool.workers + 1 < threads ? pool.workers + 1 : threads;
}

}  // namespace

ThreadState& thread_state() noexcept { return state; }
TeamShared& team_shared() noexcept { return pool.shared; }

int spin_microseconds(int threads, int wanted) noexcept {
  return threads <= usable_cores() ? wanted : 0;
}

void team_start(TeamFn fn, void* data, unsigned threads) noexcept {
  if (state.depth > 0) {
    ++state.depth;
    return;
  }
  int size = threads == 0 ? num_threads()
                          : static_cast<int>(threads < kMaxThreads ? threads : kMaxThreads);
  if (size > 1) {
    pool.busy.lock();
    size = start_workers(size);
    if (size == 1) pool.busy.unlock();
  }
  enter(size, 0);
  if (size == 1) return;
  pool.shared.barrier_arrived.store(0, std::memory_order_relaxed);
  pool.shared.singles.store(0, std::memory_order_relaxed);
  publish({nullptr, fn, data, size});
}

void team_end() noexcept {
  if (state.depth > 1) {
    --state.depth;
    return;
  }
  if (state.size > 1) {
    join(state.size - 1);
    pool.busy.unlock();
  }
  leave();
}

void team_barrier() noexcept {
  if (state.depth != 1 || state.size == 1) return;
  TeamShared& team = pool.shared;
  const uint32_t round = team.barrier_round.load(std::memory_order_acquire);
  if (team.barrier_arrived.fetch_add(1, std::memory_order_acq_rel) + 1 == state.size) {
    team.barrier_arrived.store(0, std::memory_order_relaxed);
    team.barrier_round.store(round + 1, std::memory_order_seq_cst);
    if (team.barrier_sleepers.load(std::memory_order_seq_cst) > 0)
      futex_wake(&team.barrier_round, INT_MAX);
    return;
  }
  auto passed = [&] { return team.barrier_round.load(std::memory_order_acquire) != round; };
  if (spin_until(passed, spin_microseconds(state.size, kJoinSpin))) return;
  team.barrier_sleepers.fetch_add(1, std::memory_order_seq_cst);
  while (!passed()) futex_wait(&team.barrier_round, round);
  team.barrier_sleepers.fetch_sub(1, std::memory_order_relaxed);
}

}  // namespace rl::pool

namespace rl {

using namespace pool;

int num_threads() noexcept {
  const int n = thread_count.load(std::memory_order_relaxed);
  if (n > 0) return n;
  int expected = 0;
  thread_count.compare_exchange_strong(expected, default_threads());
  return thread_count.load(std::memory_order_relaxed);
}

void set_num_threads(int n) noexcept {
  thread_count.store(n < 1 ? 1 : n > kMaxThreads ? kMaxThreads : n, std::memory_order_relaxed);
}

bool in_parallel() noexcept { return state.depth > 0 && state.size > 1; }

int thread_index() noexcept { return state.index; }

void detail::run_chunks(int chunks, ChunkFn fn, void* context) {
  if (chunks <= 0) return;
  if (chunks == 1 || chunks > kMaxThreads || state.depth > 0 || !pool::pool.busy.try_lock()) {
    Loop loop{fn, context};
    for (int chunk = 0; chunk < chunks; ++chunk) loop.run(chunk);
    if (loop.error) std::rethrow_exception(loop.error);
    return;
  }
  Loop loop{fn, context};
  start_workers(chunks < num_threads() ? chunks : num_threads());
  enter(chunks, 0);
  const Job job{&loop, nullptr, nullptr, chunks};
  run_share(job, publish(job), 0);
  join(chunks);
  leave();
  pool::pool.busy.unlock();
  if (loop.error) std::rethrow_exception(loop.error);
}

}  // namespace rl
