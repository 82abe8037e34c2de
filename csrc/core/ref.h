// core/ref.h: intrusive reference counts. Counts are touched only while the GIL is held: not
// atomic.
#pragma once
#include <cstddef>
#include <cstdint>
#include <new>
#include <utility>

namespace rl {

class RefCounted {
 public:
  RefCounted() = default;
  RefCounted(const RefCounted&) = delete;
  RefCounted& operator=(const RefCounted&) = delete;
  virtual ~RefCounted() = default;

  void retain() const { ++refs_; }
  void release() const {
    if (--refs_ == 0) const_cast<RefCounted*>(this)->destroy();
  }
  uint32_t use_count() const { return refs_; }

 protected:
  // A class that must not be destroyed recursively (graph nodes) overrides this.
  virtual void destroy() { delete this; }

 private:
  mutable uint32_t refs_ = 0;
};

template <class T>
class Ref {
 public:
  Ref() = default;
  Ref(std::nullptr_t) {}
  Ref(T* p) : p_(p) {
    if (p_) p_->retain();
  }
  Ref(const Ref& other) : Ref(other.p_) {}
  Ref(Ref&& other) noexcept : p_(std::exchange(other.p_, nullptr)) {}
  template <class U>
  Ref(const Ref<U>& other) : Ref(other.get()) {}
  ~Ref() {
    if (p_) p_->release();
  }
  Ref& operator=(Ref other) noexcept {
    std::swap(p_, other.p_);
    return *this;
  }
  T* get() const { return p_; }
  T* operator->() const { return p_; }
  T& operator*() const { return *p_; }
  explicit operator bool() const { return p_ != nullptr; }
  bool operator==(const Ref& other) const { return p_ == other.p_; }

 private:
  T* p_ = nullptr;
};

template <class T, class... Args>
Ref<T> make_ref(Args&&... args) {
  return Ref<T>(new T(std::forward<Args>(args)...));
}

#if defined(__SANITIZE_ADDRESS__)
inline constexpr int kPooledBlocks = 0;  // kept blocks would hide uses after free
#else
inline constexpr int kPooledBlocks = 4096;
#endif

// Gives a class its own list of freed blocks: small engine objects are made and dropped per call.
template <class T>
class Pooled {
 public:
  static void* operator new(size_t size) {
    if (size == sizeof(T) && free_) {
      void* p = free_;
      free_ = *static_cast<void**>(p);
      --count_;
      return p;
    }
    return ::operator new(size);
  }
  static void operator delete(void* p, size_t size) {
    if (size == sizeof(T) && count_ < kPooledBlocks) {
      *static_cast<void**>(p) = free_;
      free_ = p;
      ++count_;
    } else {
      ::operator delete(p);
    }
  }

 private:
  static inline void* free_ = nullptr;
  static inline int count_ = 0;
};

}  // namespace rl
