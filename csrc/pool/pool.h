// The one thread pool of a process: our kernels and the OpenMP regions of oneDNN both run on it.
//
// Work is cut into chunks by size alone, so which thread runs a chunk never changes a result.
// Rules for the body of a parallel loop:
//  - it must not acquire the Python GIL (another thread may hold it while waiting for the pool);
//  - it must not start a oneDNN primitive made for several threads: like an OpenMP region inside
//    a region, that would run with a team of one;
//  - it must not fork.
#pragma once

#include <cstdint>
#include <type_traits>

#define RL_POOL_API __attribute__((visibility("default")))

namespace rl {

// Elements per chunk below which an elementwise loop is not worth a second thread.
inline constexpr int64_t kDefaultGrain = 32768;

// Most threads a team can have, the caller included.
inline constexpr int kMaxThreads = 1024;

// Threads a parallel loop uses, the caller included. Unless set: RUSHLIGHT_NUM_THREADS, else
// OMP_NUM_THREADS, else the physical cores this process may use (affinity and cgroup quota).
RL_POOL_API int num_threads() noexcept;

// Sets num_threads() for all threads of the process; values are clamped to [1, kMaxThreads].
RL_POOL_API void set_num_threads(int n) noexcept;

// Physical cores this process may use: what num_threads() is by default.
RL_POOL_API int usable_cores() noexcept;

// True inside the body of a parallel loop that was handed to the pool.
RL_POOL_API bool in_parallel() noexcept;

// Index of the running thread within its parallel loop, 0 for the caller and outside of any;
// always less than num_threads() at the start of the loop. Meant for per-loop scratch memory.
RL_POOL_API int thread_index() noexcept;

namespace detail {

using ChunkFn = void (*)(void* context, int chunk);

// Calls fn(context, i) once for every i in [0, chunks) and returns when all are done. Nested calls
// and calls made while another thread has the pool run on the calling thread, in order. If chunks
// throw, the exception of the lowest-numbered one is rethrown after all have ended.
RL_POOL_API void run_chunks(int chunks, ChunkFn fn, void* context);

struct Split {
  int64_t size;
  int count;
};

// Long chunks are multiples of 64 elements: no cache line is shared and no vector is cut.
inline Split split(int64_t n, int64_t grain) noexcept {
  const int64_t threads = num_threads();
  if (grain < 1) grain = 1;
  if (threads == 1 || n <= grain) return {n, 1};
  int64_t size = (n - 1) / threads + 1;
  if (size < grain) size = grain;
  if (size >= 1024) size = (size + 63) / 64 * 64;
  return {size, static_cast<int>((n - 1) / size + 1)};
}

}  // namespace detail

// Calls f(begin, end) on consecutive ranges that together cover [0, n); every range but the last
// has at least `grain` elements. The ranges depend on n, grain and num_threads() only.
template <typename F>
void parallel_for(int64_t n, int64_t grain, F&& f) {
  if (n <= 0) return;
  const detail::Split split = detail::split(n, grain);
  if (split.count == 1) {
    f(int64_t{0}, n);
    return;
  }
  struct Context {
    std::remove_reference_t<F>* f;
    int64_t n;
    int64_t size;
  } context{&f, n, split.size};
  detail::run_chunks(
      split.count,
      [](void* p, int chunk) {
        auto* c = static_cast<Context*>(p);
        const int64_t begin = c->size * chunk;
        const int64_t end = c->n - begin < c->size ? c->n : begin + c->size;
        (*c->f)(begin, end);
      },
      &context);
}

// Calls f(block) once for every block in [0, n_blocks). For reductions: cut the input into blocks
// of a fixed size, reduce each block, combine the partial results in order; the result is then the
// same for every number of threads.
template <typename F>
void parallel_for_fixed(int64_t n_blocks, F&& f) {
  parallel_for(n_blocks, 1, [&f](int64_t begin, int64_t end) {
    for (int64_t block = begin; block < end; ++block) f(block);
  });
}

}  // namespace rl
