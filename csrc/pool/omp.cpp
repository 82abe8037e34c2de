// The part of GCC's OpenMP run-time interface that oneDNN is compiled against, on our own pool.
//
// The names differ from libgomp's in their prefix (rlp_ for omp_, RLMP_ for GOMP_; the copy of
// oneDNN is edited to match, see cmake/bundle_onednn.py): a program that also uses libgomp keeps
// it, whichever library was loaded first. Versions are those of libgomp: see exports.map.
#include <chrono>
#include <new>

#include "futex.h"
#include "pool.h"
#include "team.h"

using rl::pool::FutexLock;
using rl::pool::team_shared;
using rl::pool::TeamFn;
using rl::pool::TeamShared;
using rl::pool::thread_state;
using rl::pool::ThreadState;

namespace {

FutexLock critical_lock;
FutexLock atomic_lock;

bool in_team(const ThreadState& t) { return t.depth == 1 && t.size > 1; }
int team_size(const ThreadState& t) { return t.depth == 1 ? t.size : 1; }
int member(const ThreadState& t) { return t.depth == 1 ? t.index : 0; }

long trip_count(const ThreadState::Loop& l) {
  if (l.step > 0) return l.end > l.begin ? (l.end - l.begin - 1) / l.step + 1 : 0;
  return l.begin > l.end ? (l.begin - l.end - 1) / -l.step + 1 : 0;
}

// Rounds `from` .. `to` (in iterations) into the caller's bounds.
bool give(const ThreadState::Loop& l, long from, long to, long* begin, long* end) {
  if (from >= to) return false;
  *begin = l.begin + from * l.step;
  *end = l.begin + to * l.step;
  return true;
}

bool static_next(ThreadState& t, long* begin, long* end) {
  ThreadState::Loop& l = t.loop;
  if (l.done) return false;
  const long total = trip_count(l), size = team_size(t), index = member(t);
  if (l.chunk == 0) {  // one range each, the first ones an iteration longer
    l.done = true;
    const long share = total / size, rest = total % size;
    const long from = index * share + (index < rest ? index : rest);
    return give(l, from, from + share + (index < rest ? 1 : 0), begin, end);
  }
  const long from = (l.position++ * size + index) * l.chunk;
  if (from >= total) l.done = true;
  return give(l, from, from + l.chunk < total ? from + l.chunk : total, begin, end);
}

TeamShared::DynamicLoop& dynamic_slot(const ThreadState& t) {
  return team_shared().dynamic[t.loops % TeamShared::kLoops];
}

void dynamic_open(ThreadState& t) {
  ++t.loops;
  if (!in_team(t)) return;
  constexpr uint64_t kOpening = ~uint64_t{0};
  TeamShared::DynamicLoop& slot = dynamic_slot(t);
  auto ready = [&] {
    uint64_t number = slot.number.load(std::memory_order_acquire);
    if (number == t.loops) return true;
    if (number != 0 || !slot.number.compare_exchange_strong(number, kOpening)) return false;
    slot.next.store(0, std::memory_order_relaxed);
    slot.left.store(t.size, std::memory_order_relaxed);
    slot.number.store(t.loops, std::memory_order_release);
    return true;
  };
  while (!rl::pool::spin_until(ready, 100)) {
  }
}

bool dynamic_next(ThreadState& t, long* begin, long* end) {
  ThreadState::Loop& l = t.loop;
  if (l.done) return false;
  const long total = trip_count(l);
  long from;
  if (in_team(t)) {
    from = dynamic_slot(t).next.fetch_add(l.chunk, std::memory_order_relaxed);
  } else {
    from = l.position;
    l.position += l.chunk;
  }
  if (give(l, from, from + l.chunk < total ? from + l.chunk : total, begin, end)) return true;
  l.done = true;
  if (in_team(t)) {
    TeamShared::DynamicLoop& slot = dynamic_slot(t);
    if (slot.left.fetch_sub(1, std::memory_order_acq_rel) == 1)
      slot.number.store(0, std::memory_order_release);
  }
  return false;
}

ThreadState& open_loop(long begin, long end, long step, long chunk) {
  ThreadState& t = thread_state();
  t.loop = {begin, end, step, chunk, 0, false};
  return t;
}

}  // namespace

#define RL_OMP extern "C" RL_POOL_API

// Regions

RL_OMP void RLMP_parallel_start(TeamFn fn, void* data, unsigned threads) {
  rl::pool::team_start(fn, data, threads);
}

RL_OMP void RLMP_parallel_end() { rl::pool::team_end(); }

RL_OMP void RLMP_parallel(TeamFn fn, void* data, unsigned threads, unsigned /*proc_bind*/) {
  rl::pool::team_start(fn, data, threads);
  fn(data);
  rl::pool::team_end();
}

RL_OMP void RLMP_barrier() { rl::pool::team_barrier(); }

// Loops

RL_OMP bool RLMP_loop_static_start(long start, long end, long step, long chunk, long* b, long* e) {
  return static_next(open_loop(start, end, step, chunk), b, e);
}

RL_OMP bool RLMP_loop_static_next(long* b, long* e) { return static_next(thread_state(), b, e); }

RL_OMP bool RLMP_loop_dynamic_start(long start, long end, long step, long chunk, long* b, long* e) {
  ThreadState& t = open_loop(start, end, step, chunk < 1 ? 1 : chunk);
  dynamic_open(t);
  return dynamic_next(t, b, e);
}

RL_OMP bool RLMP_loop_dynamic_next(long* b, long* e) { return dynamic_next(thread_state(), b, e); }

#define RL_SAME_AS_DYNAMIC(kind)                                                             \
  RL_OMP bool RLMP_loop_##kind##_start(long start, long end, long step, long chunk, long* b, \
                                       long* e) {                                            \
    return RLMP_loop_dynamic_start(start, end, step, chunk, b, e);                           \
  }                                                                                          \
  RL_OMP bool RLMP_loop_##kind##_next(long* b, long* e) { return RLMP_loop_dynamic_next(b, e); }

RL_SAME_AS_DYNAMIC(guided)
RL_SAME_AS_DYNAMIC(nonmonotonic_dynamic)
RL_SAME_AS_DYNAMIC(nonmonotonic_guided)

RL_OMP void RLMP_loop_end() { rl::pool::team_barrier(); }
RL_OMP void RLMP_loop_end_nowait() {}

// One thread at a time, one thread only

RL_OMP void RLMP_critical_start() { critical_lock.lock(); }
RL_OMP void RLMP_critical_end() { critical_lock.unlock(); }
RL_OMP void RLMP_atomic_start() { atomic_lock.lock(); }
RL_OMP void RLMP_atomic_end() { atomic_lock.unlock(); }

// The compiler keeps one zeroed pointer per name: it is room for the lock itself.
static_assert(sizeof(FutexLock) <= sizeof(void*));

RL_OMP void RLMP_critical_name_start(void** name) { reinterpret_cast<FutexLock*>(name)->lock(); }
RL_OMP void RLMP_critical_name_end(void** name) { reinterpret_cast<FutexLock*>(name)->unlock(); }

RL_OMP bool RLMP_single_start() {
  ThreadState& t = thread_state();
  if (!in_team(t)) return true;
  uint64_t last = t.singles++;
  return team_shared().singles.compare_exchange_strong(last, t.singles);
}

// Queries

RL_OMP int rlp_get_max_threads() { return rl::num_threads(); }
RL_OMP int rlp_get_num_threads() { return team_size(thread_state()); }
RL_OMP int rlp_get_thread_num() { return member(thread_state()); }
RL_OMP int rlp_in_parallel() { return rl::in_parallel(); }
RL_OMP int rlp_get_num_procs() { return rl::usable_cores(); }
RL_OMP int rlp_get_thread_limit() { return rl::kMaxThreads; }
RL_OMP int rlp_get_level() { return thread_state().depth; }
RL_OMP int rlp_get_active_level() { return rl::in_parallel(); }
RL_OMP int rlp_get_max_active_levels() { return 1; }
RL_OMP int rlp_get_dynamic() { return 0; }
RL_OMP int rlp_get_nested() { return 0; }
RL_OMP void rlp_set_dynamic(int) {}
RL_OMP void rlp_set_nested(int) {}
RL_OMP void rlp_set_max_active_levels(int) {}
RL_OMP void rlp_set_num_threads(int n) { rl::set_num_threads(n); }

RL_OMP double rlp_get_wtime() {
  using namespace std::chrono;
  return duration<double>(steady_clock::now().time_since_epoch()).count();
}

// Locks: the four bytes of omp_lock_t hold ours.
static_assert(sizeof(FutexLock) == 4);

RL_OMP void rlp_init_lock(void* lock) { new (lock) FutexLock; }
RL_OMP void rlp_destroy_lock(void*) {}
RL_OMP void rlp_set_lock(void* lock) { static_cast<FutexLock*>(lock)->lock(); }
RL_OMP void rlp_unset_lock(void* lock) { static_cast<FutexLock*>(lock)->unlock(); }
RL_OMP int rlp_test_lock(void* lock) { return static_cast<FutexLock*>(lock)->try_lock(); }
