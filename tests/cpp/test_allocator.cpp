// Checks of the CPU allocator; exits with a message at the first failure. Argument "latency" prints
// the cost of a call instead.
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <random>
#include <thread>
#include <vector>

#include "core/allocator.h"
#include "core/size_class.h"

#define CHECK(condition)                                                     \
  do {                                                                       \
    if (!(condition)) {                                                      \
      fprintf(stderr, "%s:%d: CHECK(%s)\n", __FILE__, __LINE__, #condition); \
      _exit(1);                                                              \
    }                                                                        \
  } while (0)

using namespace rl;

namespace {

void size_classes_waste_at_most_an_eighth() {
  size_t previous = 0;
  for (int index = 0; index < memory::kAllClasses; ++index) {
    const size_t size = memory::class_size(index);
    CHECK(size > previous && size % 64 == 0);
    CHECK(memory::size_class(size) == index && memory::size_class(previous + 1) == index);
    CHECK(previous < 512 || size - previous <= previous / 8);
    previous = size;
  }
}

struct Block {
  unsigned char* data;
  size_t size;
  unsigned char mark;
};

void check_and_free(const Block& b) {
  const size_t tail = std::min<size_t>(b.size, 256);
  for (size_t i = 0; i < tail; ++i) CHECK(b.data[i] == b.mark && b.data[b.size - 1 - i] == b.mark);
  cpu_free(b.data, b.size);
}

// Random sizes and life times; blocks keep their contents, so none overlap.
void churn(unsigned seed, int steps, size_t largest) {
  std::mt19937 random(seed);
  std::vector<Block> blocks;
  const double range = std::log2(static_cast<double>(largest));
  for (int step = 0; step < steps; ++step) {
    if (blocks.size() < 64 || random() % 2) {
      const double log = range * (random() / 4294967296.0);
      const auto size = static_cast<size_t>(std::exp2(log)) + random() % 3;
      const auto mark = static_cast<unsigned char>(random());
      auto* data = static_cast<unsigned char*>(cpu_allocate(size));
      CHECK(data && reinterpret_cast<uintptr_t>(data) % 64 == 0);
      const size_t edge = std::min<size_t>(size, 256);
      memset(data, mark, edge);
      memset(data + size - edge, mark, edge);
      blocks.push_back({data, size, mark});
    } else {
      std::swap(blocks[random() % blocks.size()], blocks.back());
      check_and_free(blocks.back());
      blocks.pop_back();
    }
  }
  for (const Block& b : blocks) check_and_free(b);
}

void blocks_are_disjoint_in_many_threads() {
  std::vector<std::thread> threads;
  for (unsigned t = 0; t < 4; ++t) threads.emplace_back(churn, t, 20000, size_t{8} << 20);
  for (auto& thread : threads) thread.join();
  const MemoryStats stats = cpu_memory_stats();
  for (int pool : {kAllPools, kSmallPool, kLargePool}) {
    CHECK(stats.allocation[pool].current == 0 && stats.allocated_bytes[pool].current == 0);
    CHECK(stats.requested_bytes[pool].current == 0 && stats.allocation[pool].peak > 0);
    CHECK(stats.allocation[pool].allocated == stats.allocation[pool].freed);
  }
}

void statistics_follow() {
  cpu_empty_cache();
  CHECK(cpu_memory_stats().reserved_bytes[kAllPools].current == 0);
  cpu_reset_peak_memory_stats();
  cpu_reset_accumulated_memory_stats();
  void* small = cpu_allocate(1000);
  void* large = cpu_allocate(size_t{5} << 20);
  MemoryStats stats = cpu_memory_stats();
  CHECK(stats.allocation[kAllPools].current == 2 && stats.allocation[kLargePool].current == 1);
  CHECK(stats.requested_bytes[kSmallPool].current == 1000);
  CHECK(stats.allocated_bytes[kSmallPool].current == 1024);
  CHECK(stats.allocated_bytes[kLargePool].current == 5 << 20);
  CHECK(stats.num_device_alloc == 2);
  cpu_free(large, size_t{5} << 20);
  stats = cpu_memory_stats();
  CHECK(stats.allocated_bytes[kAllPools].current == 1024);
  CHECK(stats.allocated_bytes[kAllPools].peak == (5 << 20) + 1024);
  CHECK(stats.allocated_bytes[kLargePool].freed == 5 << 20);
  CHECK(stats.reserved_bytes[kLargePool].current == 5 << 20);  // cached
  cpu_reset_peak_memory_stats();
  CHECK(cpu_memory_stats().allocated_bytes[kAllPools].peak == 1024);
  CHECK(cpu_allocate((size_t{5} << 20) - 100) == large);  // given out again
  cpu_free(large, (size_t{5} << 20) - 100);
  // A smaller request may get it too, and it returns to its own class.
  CHECK(cpu_allocate((size_t{4} << 20) + (600 << 10)) == large);
  cpu_free(large, (size_t{4} << 20) + (600 << 10));
  CHECK(cpu_memory_stats().reserved_bytes[kLargePool].current == 5 << 20);
  cpu_empty_cache();
  stats = cpu_memory_stats();
  CHECK(stats.reserved_bytes[kLargePool].current == 0 && stats.segment[kLargePool].current == 0);
  cpu_free(small, 1000);
  cpu_empty_cache();
  CHECK(cpu_memory_stats().reserved_bytes[kAllPools].current == 0);
}

void cache_is_limited() {
  const size_t before = cpu_cache_limit(), block = size_t{4} << 20;
  cpu_set_cache_limit(10 << 20);
  std::vector<void*> blocks;
  for (int i = 0; i < 8; ++i) blocks.push_back(cpu_allocate(block));
  for (void* b : blocks) cpu_free(b, block);
  CHECK(cpu_memory_stats().reserved_bytes[kLargePool].current == 8 << 20);
  cpu_set_cache_limit(0);
  CHECK(cpu_memory_stats().reserved_bytes[kLargePool].current == 0);
  cpu_set_cache_limit(before);
}

void refusals_are_null() {
  CHECK(cpu_allocate(0) == nullptr);
  cpu_free(nullptr, 0);
  for (size_t size : {size_t{1} << 47, size_t{1} << 55, ~size_t{0}}) CHECK(!cpu_allocate(size));
  CHECK(cpu_memory_stats().num_ooms == 3);
}

void children_allocate() {
  std::atomic<bool> stop{false};
  std::thread other([&] {
    for (unsigned seed = 0; !stop; ++seed) churn(seed, 200, 1 << 16);
  });
  for (unsigned i = 0; i < 200; ++i) {
    const pid_t child = fork();
    if (child == 0) {
      alarm(30);
      churn(i, 100, 1 << 20);
      _exit(0);
    }
    int status = -1;
    CHECK(waitpid(child, &status, 0) == child && status == 0);
  }
  stop = true;
  other.join();
}

void latency() {
  for (size_t size : {64, 4096, 100000, 4 << 20}) {
    constexpr int kCount = 1000000;
    void* warm = cpu_allocate(size);
    cpu_free(warm, size);
    const auto start = std::chrono::steady_clock::now();
    for (int i = 0; i < kCount; ++i) cpu_free(cpu_allocate(size), size);
    const std::chrono::duration<double, std::nano> t = std::chrono::steady_clock::now() - start;
    printf("%8zu bytes: %.1f ns for an allocation and its release\n", size, t.count() / kCount);
  }
}

}  // namespace

int main(int argc, char** argv) {
  if (argc > 1 && !strcmp(argv[1], "latency")) return latency(), 0;
  size_classes_waste_at_most_an_eighth();
  blocks_are_disjoint_in_many_threads();
#if !defined(__SANITIZE_ADDRESS__)  // where nothing is cached
  statistics_follow();
  cache_is_limited();
#endif
  refusals_are_null();
  children_allocate();
}
