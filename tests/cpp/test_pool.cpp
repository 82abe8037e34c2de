// Checks of the thread pool; exits with a message at the first failure. Argument "latency" prints
// the cost of a parallel loop instead.
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstring>
#include <numeric>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "pool/pool.h"

// OpenMP entry points of the pool; libgomp's, but for the prefix.
extern "C" {
void RLMP_parallel(void (*)(void*), void*, unsigned, unsigned);
void RLMP_parallel_start(void (*)(void*), void*, unsigned);
void RLMP_parallel_end();
void RLMP_barrier();
bool RLMP_loop_static_start(long, long, long, long, long*, long*);
bool RLMP_loop_static_next(long*, long*);
bool RLMP_loop_dynamic_start(long, long, long, long, long*, long*);
bool RLMP_loop_dynamic_next(long*, long*);
void RLMP_loop_end_nowait();
bool RLMP_single_start();
void RLMP_critical_start();
void RLMP_critical_end();
int rlp_get_max_threads();
int rlp_get_num_threads();
int rlp_get_thread_num();
int rlp_in_parallel();
}

#define CHECK(condition)                                                     \
  do {                                                                       \
    if (!(condition)) {                                                      \
      fprintf(stderr, "%s:%d: CHECK(%s)\n", __FILE__, __LINE__, #condition); \
      _exit(1);                                                              \
    }                                                                        \
  } while (0)

using namespace rl;

namespace {

constexpr long kSum = 1000L * 999 / 2;

long sum_to_1000() {
  std::atomic<long> sum{0};
  parallel_for(1000, 10, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) sum += i;
  });
  return sum;
}

void every_index_is_visited_once() {
  for (int threads : {1, 2, 3, 5, 16}) {
    set_num_threads(threads);
    for (int64_t n : {0, 1, 2, 15, 16, 17, 1023, 1024, 1025, 4097, 100003}) {
      for (int64_t grain : {0, 1, 7, 1000, 200000}) {
        std::vector<std::atomic<int>> visits(n);
        std::atomic<int> ranges{0};
        parallel_for(n, grain, [&](int64_t begin, int64_t end) {
          CHECK(0 <= begin && begin < end && end <= n);
          CHECK(end == n || end - begin >= grain);
          CHECK(thread_index() < threads);
          ++ranges;
          for (int64_t i = begin; i < end; ++i) ++visits[i];
        });
        CHECK(ranges <= threads);
        for (auto& v : visits) CHECK(v == 1);
      }
    }
  }
}

void nested_loops_run_inline() {
  set_num_threads(4);
  CHECK(!in_parallel());
  parallel_for(4, 1, [&](int64_t, int64_t) {
    CHECK(in_parallel());
    const auto id = std::this_thread::get_id();
    parallel_for(100, 1, [&](int64_t, int64_t) { CHECK(std::this_thread::get_id() == id); });
  });
  CHECK(!in_parallel() && thread_index() == 0);
}

void exceptions_reach_the_caller() {
  set_num_threads(4);
  for (int round = 0; round < 200; ++round) {
    std::string text;
    try {
      parallel_for(4, 1, [&](int64_t begin, int64_t) {
        if (begin > 0) throw std::runtime_error(std::to_string(begin));
      });
    } catch (const std::runtime_error& error) {
      text = error.what();
    }
    CHECK(text == "1");
    CHECK(sum_to_1000() == kSum);
  }
}

void fixed_blocks_give_one_result() {
  std::vector<float> values(100000);
  for (size_t i = 0; i < values.size(); ++i) values[i] = 1.0f / static_cast<float>(i + 1);
  float first = 0;
  for (int threads : {1, 2, 7, 16}) {
    set_num_threads(threads);
    std::vector<float> partial(100);
    parallel_for_fixed(100, [&](int64_t block) {
      const float* start = values.data() + block * 1000;
      partial[block] = std::accumulate(start, start + 1000, 0.0f);
    });
    const float sum = std::accumulate(partial.begin(), partial.end(), 0.0f);
    if (threads == 1) first = sum;
    CHECK(sum == first);
  }
}

// OpenMP regions keep their size even when two threads want one at once.
struct Region {
  std::atomic<int> members{0}, singles{0}, seen{0};
  std::atomic<long> fixed{0}, chunked{0}, dynamic{0};
  long guarded = 0;
  int size;
};

void region_body(void* data) {
  auto& r = *static_cast<Region*>(data);
  CHECK(rlp_get_num_threads() == r.size && rlp_get_thread_num() < r.size);
  CHECK(rlp_in_parallel() == (r.size > 1));
  r.seen |= 1 << rlp_get_thread_num();
  ++r.members;
  RLMP_barrier();
  CHECK(r.members == r.size);
  long begin, end;
  auto add = [&](std::atomic<long>& sum, long step) {
    for (long i = begin; step > 0 ? i < end : i > end; i += step) sum += i;
  };
  if (RLMP_loop_static_start(0, 1000, 1, 0, &begin, &end)) do {
      add(r.fixed, 1);
    } while (RLMP_loop_static_next(&begin, &end));
  RLMP_loop_end_nowait();
  if (RLMP_loop_static_start(999, -1, -1, 7, &begin, &end)) do {
      add(r.chunked, -1);
    } while (RLMP_loop_static_next(&begin, &end));
  for (int repeat = 0; repeat < 20; ++repeat) {
    if (RLMP_loop_dynamic_start(0, 1000, 1, 7, &begin, &end)) do {
        add(r.dynamic, 1);
      } while (RLMP_loop_dynamic_next(&begin, &end));
    RLMP_loop_end_nowait();
    if (RLMP_single_start()) ++r.singles;
    RLMP_critical_start();
    ++r.guarded;
    RLMP_critical_end();
  }
  parallel_for(100, 1, [&](int64_t, int64_t) {});
  RLMP_barrier();
}

void run_region(int threads, bool split) {
  Region r;
  r.size = threads;
  if (split) {
    RLMP_parallel_start(region_body, &r, threads);
    region_body(&r);
    RLMP_parallel_end();
  } else {
    RLMP_parallel(region_body, &r, threads, 0);
  }
  CHECK(r.seen == (1 << threads) - 1);
  CHECK(r.fixed == kSum && r.chunked == kSum && r.dynamic == 20 * kSum);
  CHECK(r.singles == 20 && r.guarded == 20L * threads);
}

void regions_have_the_size_asked_for() {
  set_num_threads(2);
  CHECK(rlp_get_max_threads() == 2);
  std::vector<std::thread> callers;
  for (int t = 0; t < 3; ++t) {
    callers.emplace_back([t] {
      for (int i = 0; i < 100; ++i) {
        run_region(1 + (i + t) % 4, i % 2 == 0);
        CHECK(sum_to_1000() == kSum);
      }
    });
  }
  for (auto& caller : callers) caller.join();
}

void nested_regions_have_one_member() {
  set_num_threads(2);
  struct Body {
    static void outer(void*) {
      RLMP_parallel_start(inner, nullptr, 4);
      inner(nullptr);
      RLMP_parallel_end();
      CHECK(rlp_get_num_threads() == 2);
    }
    static void inner(void*) { CHECK(rlp_get_num_threads() == 1 && rlp_get_thread_num() == 0); }
  };
  RLMP_parallel(Body::outer, nullptr, 2, 0);
  CHECK(rlp_get_num_threads() == 1 && !rlp_in_parallel());
}

// A fork at any moment of another thread's loops leaves the child a pool that works.
void children_have_a_pool(int forks) {
  set_num_threads(3);
  std::atomic<bool> stop{false};
  std::thread other([&] {
    while (!stop) CHECK(sum_to_1000() == kSum);
  });
  for (int i = 0; i < forks; ++i) {
    CHECK(sum_to_1000() == kSum);
    const pid_t child = fork();
    if (child == 0) {
      alarm(60);
      CHECK(sum_to_1000() == kSum);
      run_region(2, true);
      _exit(0);
    }
    int status = -1;
    CHECK(waitpid(child, &status, 0) == child && status == 0);
  }
  stop = true;
  other.join();
}

void latency() {
  for (int pause : {0, 20, 1000}) {
    std::vector<double> times;
    for (int i = 0; i < (pause ? 300 : 5000); ++i) {
      if (pause) usleep(pause);
      const auto start = std::chrono::steady_clock::now();
      RLMP_parallel([](void*) {}, nullptr, num_threads(), 0);
      const std::chrono::duration<double, std::micro> t = std::chrono::steady_clock::now() - start;
      times.push_back(t.count());
    }
    std::sort(times.begin(), times.end());
    printf("team of %d after a pause of %d us: median %.1f us, 99 %% %.1f us\n", num_threads(),
           pause, times[times.size() / 2], times[times.size() * 99 / 100]);
  }
}

}  // namespace

int main(int argc, char** argv) {
  if (argc > 1 && !strcmp(argv[1], "latency")) return latency(), 0;
  CHECK(num_threads() >= 1 && num_threads() <= kMaxThreads && usable_cores() >= 1);
  if (argc > 1) {  // the number of threads the environment asks for
    CHECK(num_threads() == atoi(argv[1]));
    return 0;
  }
  every_index_is_visited_once();
  nested_loops_run_inline();
  exceptions_reach_the_caller();
  fixed_blocks_give_one_result();
  regions_have_the_size_asked_for();
  nested_regions_have_one_member();
  children_have_a_pool(1000);
}
