// Loops over arrays, with a way out for the few elements a fast function cannot do.
//
// An operation has fast(x) (vector code), hard(x) (whether fast is wrong for x) and slow(x) (any
// code). A block without a hard element runs as vector code. The result of an element does not
// depend on its neighbours: in a block with hard elements the others get the same arithmetic.
#pragma once

#include <cmath>
#include <cstdint>

#include "vec_math_arith.h"
#include "vec_math_trig.h"

namespace rl {
inline namespace RL_ISA_NS {
namespace vm {

inline constexpr int64_t kApplyBlock = 512;

// in and out may be the same array.
template <class Op, class T>
static inline void apply(const T* in, T* out, int64_t n) {
  for (int64_t start = 0; start < n; start += kApplyBlock) {
    const T* x = in + start;
    T* y = out + start;
    int64_t count = n - start < kApplyBlock ? n - start : kApplyBlock;
    int any = 0;
    for (int64_t i = 0; i < count; ++i) any |= Op::hard(x[i]) ? 1 : 0;
    if (any == 0) {
#pragma GCC ivdep
      for (int64_t i = 0; i < count; ++i) y[i] = Op::fast(x[i]);
    } else {
      for (int64_t i = 0; i < count; ++i) y[i] = Op::hard(x[i]) ? Op::slow(x[i]) : Op::fast(x[i]);
    }
  }
}
template <class Op, class T>
static inline void apply(const T* a, const T* b, T* out, int64_t n) {
  for (int64_t start = 0; start < n; start += kApplyBlock) {
    const T *x = a + start, *y = b + start;
    T* z = out + start;
    int64_t count = n - start < kApplyBlock ? n - start : kApplyBlock;
    int any = 0;
    for (int64_t i = 0; i < count; ++i) any |= Op::hard(x[i], y[i]) ? 1 : 0;
    if (any == 0) {
#pragma GCC ivdep
      for (int64_t i = 0; i < count; ++i) z[i] = Op::fast(x[i], y[i]);
    } else {
      for (int64_t i = 0; i < count; ++i) {
        z[i] = Op::hard(x[i], y[i]) ? Op::slow(x[i], y[i]) : Op::fast(x[i], y[i]);
      }
    }
  }
}

struct Sin {
  template <class T>
  RL_VM bool hard(T x) {
    return trig_is_hard(x);
  }
  template <class T>
  RL_VM T fast(T x) {
    return vm::sin(x);
  }
  template <class T>
  RL_VM T slow(T x) {
    return std::sin(x);
  }
};
struct Cos {
  template <class T>
  RL_VM bool hard(T x) {
    return trig_is_hard(x);
  }
  template <class T>
  RL_VM T fast(T x) {
    return vm::cos(x);
  }
  template <class T>
  RL_VM T slow(T x) {
    return std::cos(x);
  }
};
struct Tan {
  template <class T>
  RL_VM bool hard(T x) {
    return trig_is_hard(x);
  }
  template <class T>
  RL_VM T fast(T x) {
    return vm::tan(x);
  }
  template <class T>
  RL_VM T slow(T x) {
    return std::tan(x);
  }
};
struct Fmod {
  template <class T>
  RL_VM bool hard(T x, T y) {
    return fmod_is_hard(x, y);
  }
  template <class T>
  RL_VM T fast(T x, T y) {
    return vm::fmod(x, y);
  }
  template <class T>
  RL_VM T slow(T x, T y) {
    return std::fmod(x, y);
  }
};
struct Remainder : Fmod {
  template <class T>
  RL_VM T fast(T x, T y) {
    return vm::remainder(x, y);
  }
  template <class T>
  RL_VM T slow(T x, T y) {
    return remainder_from_fmod(std::fmod(x, y), y);
  }
};
struct FloorDivide : Fmod {
  template <class T>
  RL_VM T fast(T x, T y) {
    return floor_divide_from_fmod(x, y, vm::fmod(x, y));
  }
  template <class T>
  RL_VM T slow(T x, T y) {
    return floor_divide_from_fmod(x, y, std::fmod(x, y));
  }
};

}  // namespace vm
}  // namespace RL_ISA_NS
}  // namespace rl
