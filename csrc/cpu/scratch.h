#pragma once
// Short-lived working memory for kernels: one growing block list per thread, aligned to cache
// lines.

#include <cstddef>

namespace rl {

// A block of at least `bytes` bytes, uninitialised, given back to this thread's list at scope exit.
// Must be destroyed on the thread that made it. Blocks above the per-thread cap are freed at once.
class Scratch {
 public:
  explicit Scratch(size_t bytes);
  ~Scratch();
  Scratch(const Scratch&) = delete;
  Scratch& operator=(const Scratch&) = delete;

  template <class T = void>
  T* get() const {
    return static_cast<T*>(data_);
  }

 private:
  void* data_;
  size_t capacity_;
};

// Frees what this thread keeps for reuse.
void release_scratch();

}  // namespace rl
