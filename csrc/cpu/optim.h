// cpu/optim.h: one step of an optimizer over all its parameters, as loops over raw memory.
#pragma once
#include <cstddef>
#include <cstdint>
#include <vector>

namespace rl {

// Rules are compiled once per instruction level (ops/vector_optim.cpp).
enum class OptimRule {
  Sgd,
  Adam,
  RMSprop,
  Adagrad,
  Adadelta,
  Adamax,
  NAdam,
  RAdam,
  Rprop,
  ASGD,
  Count
};

// One parameter: memory of the same element type and order throughout.
struct OptimSlice {
  void* param = nullptr;
  const void* grad = nullptr;
  void* state[3] = {nullptr, nullptr, nullptr};  // nullptr: the rule runs without it
  int64_t numel = 0;
  // What depends on the parameter's own step count; see the rules.
  double factor[3] = {0, 0, 0};
  int64_t begin = 0;  // where it stands in the sequence of all elements
};

// What all parameters of a group share.
struct OptimOptions {
  double lr = 0, weight_decay = 0, eps = 0;
  double a = 0, b = 0;  // momentum and 1 - dampening, or the two betas, or alpha, or rho
  bool maximize = false;
  bool nesterov = false;
  bool decoupled = false;  // weight decay shrinks the parameter instead of entering the gradient
};

// f(slice, begin, end, options): elements begin..end of one slice.
using OptimKernel = void (*)(const OptimSlice&, int64_t, int64_t, const OptimOptions&);
struct OptimTable {
  OptimKernel f32[size_t(OptimRule::Count)];
  OptimKernel f64[size_t(OptimRule::Count)];
};
void register_optim_table(int isa_level, const OptimTable& table);

// Updates all slices, which are of float (wide: double) elements; threads share the elements, each
// element is computed alone, so the result does not depend on their number.
void optim_step(OptimRule rule, bool wide, std::vector<OptimSlice>& slices,
                const OptimOptions& options);

}  // namespace rl
