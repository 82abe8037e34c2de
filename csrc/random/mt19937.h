// The 32-bit Mersenne Twister (Matsumoto and Nishimura, 1998; initialisation of 2002), kept so that
// its state can be exchanged with PyTorch's: `left` and `next` follow the reference program, not a
// plain index.
#pragma once

#include <cstdint>

#include "random/kernels.h"

namespace rl::rng {

class Mt19937 {
 public:
  static constexpr int kWords = kMtWords;

  explicit Mt19937(uint64_t seed) { reseed(seed); }

  // Only the low 32 bits of the seed enter the state; seed() still returns all 64.
  void reseed(uint64_t seed) {
    seed_ = seed;
    uint32_t x = static_cast<uint32_t>(seed);
    state_[0] = x;
    for (uint32_t j = 1; j < kWords; ++j) {
      x = 1812433253U * (x ^ (x >> 30)) + j;
      state_[j] = x;
    }
    left_ = 1;
    next_ = 0;
  }

  uint32_t next32() {
    if (--left_ == 0) {
      mt_twist(state_);
      left_ = kWords;
      next_ = 0;
    }
    uint32_t y = state_[next_++];
    y ^= y >> 11;
    y ^= (y << 7) & 0x9D2C5680U;
    y ^= (y << 15) & 0xEFC60000U;
    return y ^ (y >> 18);
  }

  // The first draw is the high half.
  uint64_t next64() {
    const uint64_t high = next32();
    return (high << 32) | next32();
  }

  // Same numbers and same state afterwards as n calls of next32().
  void fill32(uint32_t* out, int64_t n) {
    while (n > 0) {
      if (left_ == 1) {
        mt_twist(state_);
        left_ = kWords + 1;
        next_ = 0;
      }
      const int64_t m = n < left_ - 1 ? n : left_ - 1;
      mt_temper(out, state_ + next_, m);
      next_ += static_cast<uint32_t>(m);
      left_ -= static_cast<int32_t>(m);
      out += m;
      n -= m;
    }
  }

  uint64_t seed() const { return seed_; }
  int32_t left() const { return left_; }
  uint32_t next() const { return next_; }
  const uint32_t* words() const { return state_; }

  // Whether `left` and `next` can be those of an engine; with any other pair a draw would leave the
  // state array.
  static bool plausible(int64_t left, uint64_t next) {
    return left >= 1 && left <= kWords && next <= kWords &&
           (left == 1 || next + static_cast<uint64_t>(left) <= kWords + 1);
  }

  void restore(uint64_t seed, int32_t left, uint32_t next, const uint32_t* words) {
    seed_ = seed;
    left_ = left;
    next_ = next;
    for (int i = 0; i < kWords; ++i) state_[i] = words[i];
  }

 private:
  uint64_t seed_;
  int32_t left_;   // draws until the next twist, plus one
  uint32_t next_;  // index of the next word
  alignas(64) uint32_t state_[kWords];
};

}  // namespace rl::rng
