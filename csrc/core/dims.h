// core/dims.h: a short vector of sizes or strides that keeps up to six entries in place.
#pragma once
#include <algorithm>
#include <cstdint>
#include <initializer_list>
#include <ostream>
#include <vector>

namespace rl {

class Dims {
  // Builds with sanitizers (CMakeLists.txt): an index out of range ends the process.
  size_t within(size_t i) const {
#if defined(_GLIBCXX_ASSERTIONS)
    if (i >= size_) __builtin_trap();
#endif
    return i;
  }

 public:
  Dims() = default;
  Dims(std::initializer_list<int64_t> v) { assign(v.begin(), v.size()); }
  explicit Dims(size_t n, int64_t value = 0) {
    resize(n);
    std::fill(begin(), end(), value);
  }
  Dims(const int64_t* p, size_t n) { assign(p, n); }
  Dims(const std::vector<int64_t>& v) { assign(v.data(), v.size()); }
  Dims(const Dims& o) { assign(o.data(), o.size()); }
  Dims(Dims&& o) noexcept : size_(o.size_), heap_(o.heap_), capacity_(o.capacity_) {
    if (!heap_) std::copy(o.inline_, o.inline_ + size_, inline_);
    o.heap_ = nullptr;
    o.size_ = 0;
    o.capacity_ = kInline;
  }
  Dims& operator=(const Dims& o) {
    if (this != &o) assign(o.data(), o.size());
    return *this;
  }
  Dims& operator=(Dims&& o) noexcept {
    if (this != &o) {
      delete[] heap_;
      size_ = o.size_;
      heap_ = o.heap_;
      capacity_ = o.capacity_;
      if (!heap_) std::copy(o.inline_, o.inline_ + size_, inline_);
      o.heap_ = nullptr;
      o.size_ = 0;
      o.capacity_ = kInline;
    }
    return *this;
  }
  ~Dims() { delete[] heap_; }

  size_t size() const { return size_; }
  int ndim() const { return int(size_); }
  bool empty() const { return size_ == 0; }
  int64_t* data() { return heap_ ? heap_ : inline_; }
  const int64_t* data() const { return heap_ ? heap_ : inline_; }
  int64_t* begin() { return data(); }
  int64_t* end() { return data() + size_; }
  const int64_t* begin() const { return data(); }
  const int64_t* end() const { return data() + size_; }
  int64_t& operator[](size_t i) { return data()[within(i)]; }
  int64_t operator[](size_t i) const { return data()[within(i)]; }
  int64_t back() const { return data()[within(size_ - 1)]; }
  int64_t& back() { return data()[within(size_ - 1)]; }
  int64_t front() const { return data()[within(0)]; }

  void reserve(size_t n) {
    if (n <= capacity_) return;
    size_t grown = std::max(n, 2 * size_t(capacity_));
    int64_t* fresh = new int64_t[grown];
    std::copy(begin(), end(), fresh);
    delete[] heap_;
    heap_ = fresh;
    capacity_ = uint32_t(grown);
  }
  void resize(size_t n, int64_t value = 0) {
    reserve(n);
    for (size_t i = size_; i < n; ++i) data()[i] = value;
    size_ = uint32_t(n);
  }
  void push_back(int64_t v) {
    reserve(size_ + 1);
    data()[size_++] = v;
  }
  void pop_back() { --size_; }
  void clear() { size_ = 0; }
  void insert(size_t at, int64_t v) {
    push_back(v);
    std::rotate(begin() + at, end() - 1, end());
  }
  void erase(size_t at) {
    std::copy(begin() + at + 1, end(), begin() + at);
    --size_;
  }
  bool operator==(const Dims& o) const {
    return size_ == o.size_ && std::equal(begin(), end(), o.begin());
  }
  std::vector<int64_t> vec() const { return {begin(), end()}; }

 private:
  static constexpr uint32_t kInline = 6;
  void assign(const int64_t* p, size_t n) {
    reserve(n);
    std::copy(p, p + n, data());
    size_ = uint32_t(n);
  }

  uint32_t size_ = 0;
  int64_t* heap_ = nullptr;
  uint32_t capacity_ = kInline;
  int64_t inline_[kInline];
};

// "[2, 3]": as PyTorch writes shapes in messages.
inline std::ostream& operator<<(std::ostream& out, const Dims& d) {
  out << '[';
  for (size_t i = 0; i < d.size(); ++i) out << (i ? ", " : "") << d[i];
  return out << ']';
}

}  // namespace rl
