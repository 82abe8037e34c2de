// Filling tensors with random numbers in PyTorch's order of elements.
#pragma once

#include <utility>

#include "core/tensor.h"
#include "cpu/convert.h"
#include "cpu/parallel.h"
#include "dispatch/value.h"
#include "random/distributions.h"

namespace rl {

// The generator that an operator was given, or the default one.
Ref<rng::CpuGenerator> generator_or_default(const GeneratorRef& given);

// Dimensions of self from the slowest to the fastest varying in memory: the order in which a fill
// visits the elements. Ties and broadcast dimensions keep their logical order.
Dims memory_order(const Tensor& self);
// The window of `t` with its dimensions rearranged: result dimension i is t's dimension order[i].
Tensor rearranged(const Tensor& t, const Dims& order);
// Copies `values`, contiguous and of self's shape rearranged by `order`, into self.
void scatter(const Tensor& self, const Dims& order, const Tensor& values);

// Calls fill(pointer, count) once on memory holding self's elements in the order of a fill.
template <class T, class F>
void fill_in_order(const Tensor& self, const F& fill) {
  const int64_t n = self.numel();
  if (n == 0) return;
  if (is_dense(self.sizes(), self.strides())) {
    T* out = self.data<T>();
    GilRelease release(n > kGrain);
    fill(out, n);
    return;
  }
  const Dims order = memory_order(self);
  Tensor buffer = empty(rearranged(self, order).sizes(), self.dtype());
  {
    T* out = buffer.data<T>();
    GilRelease release(n > kGrain);
    fill(out, n);
  }
  scatter(self, order, buffer);
}

}  // namespace rl
