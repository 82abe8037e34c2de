// cpu/pointwise.h: elementwise operators from a scalar expression.
//
// A functor F<T> holds the scalar arguments and computes one element. It is compiled into one
// contiguous loop per compute type; strides, broadcasting and conversions are done by the driver in
// blocks that stay in the first-level cache, so that no operator has loops of its own.
#pragma once
#include "dispatch/op.h"

namespace rl {

struct PointwiseKernel {
  // in and out are contiguous runs of the compute type and the kernel's result type.
  void (*loop)(const void* functor, char* out, const char* const* in, int64_t n) = nullptr;
  // The same where operand 0 (1) of two is one element for the whole run, or null.
  void (*number[2])(const void* functor, char* out, const char* const* in, int64_t n) = {};
  void (*make)(const Value* args, void* functor) = nullptr;
  // May the kernel run on these elements? An integer division refuses zeros.
  bool (*valid)(const char* const* in, int64_t n) = nullptr;
  DType result = DType::Undefined;
};

enum class Promote : uint8_t {
  Default,     // the promoted dtype
  IntToFloat,  // integers compute and result in the default float dtype
};

constexpr int kMaxPointwiseArity = 4;
constexpr size_t kFunctorBytes = 96;

struct PointwiseSpec {
  int arity = 1;  // the first `arity` tensor arguments
  Promote promote = Promote::Default;
  uint8_t ignored = 0;           // operands (bits) left out of type promotion
  bool promote_scalars = false;  // Scalar arguments take part in it
  // The 16-bit kernels compute in float32 too, but take no numbers that a 16-bit float has not.
  bool widening = false;
  // By compute dtype. 16-bit floats without a kernel compute in float32.
  PointwiseKernel kernels[kNumDTypes];
};

// Elements looked at together for those that vector code cannot do.
constexpr int64_t kHardBlock = 512;

// Everything is inlined, or long functors would be called once per element. Beside operator() a
// functor may have
//   static bool hard(T...), T slow(T...)              elements that its vector code cannot do (cpu/
//                                                     vec_math_apply.h's Sin, say); no element's
//                                                     result depends on its neighbours
//   void run(R* out, const T*..., int64_t n) const    loops of its own
//   static bool valid(T...)                           an element that is not ends the call
//   static constexpr bool kNumber = true              loops of their own for a number as one of
//                                                     the two operands
template <class F, class T, size_t... I>
[[gnu::flatten]] void pointwise_loop(const void* functor, char* out, const char* const* in,
                                     int64_t n, std::index_sequence<I...>) {
  using R = decltype(std::declval<const F&>()(((void)I, T())...));
  const F f = *static_cast<const F*>(functor);
  R* o = reinterpret_cast<R*>(out);
  const T* const a[] = {reinterpret_cast<const T*>(in[I])...};
  if constexpr (requires { f.run(o, a[I]..., n); }) {
    f.run(o, a[I]..., n);
  } else if constexpr (requires { F::hard(a[I][0]...); }) {
    for (int64_t start = 0; start < n; start += kHardBlock) {
      int64_t end = start + kHardBlock < n ? start + kHardBlock : n;
      int any = 0;
      for (int64_t i = start; i < end; ++i) any |= F::hard(a[I][i]...) ? 1 : 0;
      if (any == 0) {
#pragma GCC ivdep
        for (int64_t i = start; i < end; ++i) o[i] = f(a[I][i]...);
      } else {
        for (int64_t i = start; i < end; ++i) {
          o[i] = F::hard(a[I][i]...) ? F::slow(a[I][i]...) : f(a[I][i]...);
        }
      }
    }
  } else {
#pragma GCC ivdep
    for (int64_t i = 0; i < n; ++i) o[i] = f(a[I][i]...);
  }
}

template <class F, class T, int Which>
[[gnu::flatten]] void pointwise_number_loop(const void* functor, char* out, const char* const* in,
                                            int64_t n) {
  using R = decltype(std::declval<const F&>()(T(), T()));
  const F f = *static_cast<const F*>(functor);
  R* o = reinterpret_cast<R*>(out);
  const T* a = reinterpret_cast<const T*>(in[1 - Which]);
  const T number = *reinterpret_cast<const T*>(in[Which]);
#pragma GCC ivdep
  for (int64_t i = 0; i < n; ++i) o[i] = Which == 0 ? f(number, a[i]) : f(a[i], number);
}

template <class F, class T, size_t... I>
bool pointwise_valid(const char* const* in, int64_t n, std::index_sequence<I...>) {
  const T* const a[] = {reinterpret_cast<const T*>(in[I])...};
  int bad = 0;
  for (int64_t i = 0; i < n; ++i) bad |= F::valid(a[I][i]...) ? 0 : 1;
  return bad == 0;
}

template <template <class> class F, class T, int Arity>
PointwiseKernel pointwise_kernel() {
  using Functor = F<T>;
  static_assert(sizeof(Functor) <= kFunctorBytes);
  using Indices = std::make_index_sequence<Arity>;
  PointwiseKernel k;
  k.loop = [](const void* f, char* out, const char* const* in, int64_t n) {
    pointwise_loop<Functor, T>(f, out, in, n, Indices());
  };
  if constexpr (requires { Functor::kNumber; }) {
    k.number[0] = &pointwise_number_loop<Functor, T, 0>;
    k.number[1] = &pointwise_number_loop<Functor, T, 1>;
  }
  k.make = [](const Value* args, void* where) {
    if constexpr (std::is_constructible_v<Functor, const Value*>) {
      new (where) Functor(args);
    } else {
      new (where) Functor();
    }
  };
  []<size_t... I>(PointwiseKernel& kernel, std::index_sequence<I...>) {
    if constexpr (requires { Functor::valid(((void)I, T())...); }) {
      kernel.valid = [](const char* const* in, int64_t n) {
        return pointwise_valid<Functor, T>(in, n, Indices());
      };
    }
  }(k, Indices());
  k.result = []<size_t... I>(std::index_sequence<I...>) {
    return dtype_of<decltype(std::declval<const Functor&>()(((void)I, T())...))>;
  }(Indices());
  return k;
}

template <template <class> class F, int Arity, class... Ts>
PointwiseSpec make_pointwise(TypeList<Ts...>, Promote promote) {
  PointwiseSpec spec;
  spec.arity = Arity;
  spec.promote = promote;
  ((spec.kernels[int(dtype_of<Ts>)] = pointwise_kernel<F, Ts, Arity>()), ...);
  return spec;
}

// Adds kernels with another functor for further types: F for numbers, G for bool, say.
template <template <class> class F, int Arity, class... Ts>
void add_kernels(PointwiseSpec& spec, TypeList<Ts...>) {
  ((spec.kernels[int(dtype_of<Ts>)] = pointwise_kernel<F, Ts, Arity>()), ...);
}

// .pointwise(pointwise<Functor, arity, Types>()) in a registration.
template <template <class> class F, int Arity, class Types, Promote P = Promote::Default>
const PointwiseSpec& pointwise() {
  static const PointwiseSpec spec = make_pointwise<F, Arity>(Types(), P);
  return spec;
}

// The frequent case done at once: contiguous operands of one shape and dtype. Makes `out` if it is
// undefined, else writes into it. False: nothing has been done.
bool run_plain_pointwise(const Op& op, const Value* args, Tensor& out);
void infer_pointwise(const Op& op, const Value* args, TensorSpec* spec);
void run_pointwise(const Op& op, const Value* args, const Tensor& out);

}  // namespace rl
