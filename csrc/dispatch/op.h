// dispatch/op.h: the operator record, its registration and the call through autograd.
#pragma once
#include <tuple>

#include "autograd/node.h"
#include "dispatch/schema.h"

#ifndef RL_ISA_LEVEL  // 0 baseline, 1 AVX2+FMA, 2 AVX-512: set per translation unit by the build
#define RL_ISA_LEVEL 0
#define RL_ISA_NS isa_baseline
#endif

namespace rl {

constexpr int kMaxArgs = 24;
constexpr int kMaxResults = 8;

// What a result will be, before it exists. Strides default to contiguous.
struct TensorSpec {
  Dims sizes;
  DType dtype = DType::Float32;
  std::optional<Dims> strides;
};

struct Op;
class GradContext;

// A typed function behind a uniform entry point.
struct BoxedFunction {
  using Entry = void (*)(const Op& op, const void* fn, Value* args, Value* results);
  const void* fn = nullptr;
  Entry entry = nullptr;
  explicit operator bool() const { return entry != nullptr; }
};
struct BoxedInfer {
  using Entry = void (*)(const Op& op, const void* fn, const Value* args, TensorSpec* specs);
  const void* fn = nullptr;
  Entry entry = nullptr;
  explicit operator bool() const { return entry != nullptr; }
};

// Gradient of one or several inputs. `saves` name the inputs and results it needs.
struct GradRule {
  std::vector<int> inputs;
  uint32_t saves_inputs = 0;
  uint32_t saves_results = 0;
  Tensor (*single)(GradContext&) = nullptr;
  void (*several)(GradContext&) = nullptr;
};

struct PointwiseSpec;  // cpu/pointwise.h

struct Op {
  explicit Op(std::string_view schema_text) : schema(schema_text) {}

  Schema schema;
  int isa_level = 0;
  // Exactly one of: infer + kernels; composite (differentiable by its parts); direct (makes its own
  // results); view (results alias an input).
  BoxedInfer infer;
  BoxedFunction cpu, composite, direct, view;
  const PointwiseSpec* pointwise = nullptr;
  std::vector<GradRule> grads;
  bool multi_output_view = false;
  bool no_grad = false;        // a constant as far as gradients go
  bool elementwise = false;    // the kernel may write onto its input
  bool numbers = false;        // Python numbers may be given for tensors
  const char* word = nullptr;  // what a pointwise kernel is called in "not implemented for"
  // Takes over the open step of an argument (Storage::leave_open): gives the result, or false where
  // the operator has to run. `self` is what the in-place form changes, else nullptr.
  bool (*join)(const Value* args, const Tensor* self, Value& result) = nullptr;
  bool leaves_open = false;  // open steps of others may wait until this has run
  // Refuses arguments of a pointwise operator; `common` is the promoted dtype.
  void (*check)(const Value* args, DType common) = nullptr;
  bool has_function = true, has_method = true, has_inplace = false, has_out = true;
  std::string node_name;
  // Cached from the schema.
  int mutated_arg = -1;
  std::vector<int> tensor_args;
};

// Overloads of one name, tried in order of registration.
struct OpGroup {
  std::string name;
  std::vector<Op*> overloads;
  bool has_scalars = false;  // one of several overloads takes a Scalar by position
};

Op* find_op(std::string_view full_name);  // nullptr if there is none
OpGroup* find_group(std::string_view name);
const std::vector<OpGroup*>& all_groups();
// Highest level that this machine runs.
int cpu_isa_level();

// Runs an operator on args[0..n): dispatch, shape rule, kernel, graph. `args` has room for results.
void call_op(const Op& op, Value* args, Value* results);
// Same, writing into args[0] (in place) or into the given outputs.
void call_op_inplace(const Op& op, Value* args, Value* results);
void call_op_out(const Op& op, Value* args, const TensorList& outs, Value* results);

// Space for arguments and results, constructed only as far as used.
class ValueBuffer {
 public:
  explicit ValueBuffer(size_t n) : size_(n) {
    for (size_t i = 0; i < n; ++i) new (at(i)) Value();
  }
  ~ValueBuffer() {
    for (size_t i = 0; i < size_; ++i) at(i)->~Value();
  }
  ValueBuffer(const ValueBuffer&) = delete;
  Value* data() { return at(0); }
  Value& operator[](size_t i) { return *at(i); }

 private:
  Value* at(size_t i) { return reinterpret_cast<Value*>(bytes_) + i; }
  size_t size_;
  alignas(Value) unsigned char bytes_[sizeof(Value) * (kMaxArgs + kMaxResults)];
};

// ---- what a gradient rule sees ----

class OpNode;

class GradContext {
 public:
  GradContext(OpNode& node, const Ref<Node>& self, TensorList& grads, TensorList& out)
      : node_(node), self_(self), grads_(grads), out_(out) {}

  // Gradient of result i; zeros where none arrived (check has_grad first to save work).
  Tensor grad(int i = 0) const;
  // The gradient of the only result, for the last to read it: a rule of an operator with one rule.
  Tensor take_grad();
  DType result_dtype() const;
  bool has_grad(int i) const { return grads_[i].defined(); }
  bool needs(const char* arg) const;
  Tensor tensor(const char* arg) const;
  TensorList tensors(const char* arg) const;
  Tensor result(int i = 0) const;
  const Value& value(const char* arg) const;
  template <class T>
  decltype(auto) get(const char* arg) const {
    return Unbox<T>::get(value(arg));
  }
  Scalar scalar(const char* arg) const { return to_scalar(value(arg)); }
  // Known of every tensor input, saved or not.
  const Dims& sizes(const char* arg) const;
  DType dtype(const char* arg) const;
  bool defined(const char* arg) const;  // was an optional tensor given?
  size_t list_size(const char* arg) const;
  const Dims& list_sizes(const char* arg, size_t i) const;
  bool needs_element(const char* arg, size_t i) const;

  void set(const char* arg, Tensor grad);
  void set_element(const char* arg, size_t i, Tensor grad);

 private:
  OpNode& node_;
  const Ref<Node>& self_;
  TensorList& grads_;
  TensorList& out_;
};

// ---- registration ----

template <class F>
struct FunctionTraits : FunctionTraits<decltype(+std::declval<F>())> {};
template <class R, class... A>
struct FunctionTraits<R (*)(A...)> {
  using Result = R;
  using Args = std::tuple<std::decay_t<A>...>;
  static constexpr size_t count = sizeof...(A);
  using Pointer = R (*)(A...);
};

template <class Pointer, class Args, size_t... I>
decltype(auto) call_unboxed(const void* fn, const Value* args, std::index_sequence<I...>) {
  auto f = reinterpret_cast<Pointer>(const_cast<void*>(fn));
  return f(Unbox<std::tuple_element_t<I, Args>>::get(args[I])...);
}

template <class Traits>
void boxed_entry(const Op&, const void* fn, Value* args, Value* results) {
  using Indices = std::make_index_sequence<Traits::count>;
  using Result = typename Traits::Result;
  if constexpr (std::is_void_v<Result>) {
    call_unboxed<typename Traits::Pointer, typename Traits::Args>(fn, args, Indices());
  } else {
    decltype(auto) r =
        call_unboxed<typename Traits::Pointer, typename Traits::Args>(fn, args, Indices());
    if constexpr (requires { std::tuple_size<std::decay_t<Result>>::value; }) {
      size_t i = 0;
      std::apply([&](auto&... parts) { ((results[i++] = box(std::move(parts))), ...); }, r);
    } else {
      results[0] = box(std::move(r));
    }
  }
}

template <class Traits>
void infer_entry(const Op&, const void* fn, const Value* args, TensorSpec* specs) {
  using Indices = std::make_index_sequence<Traits::count>;
  auto r = call_unboxed<typename Traits::Pointer, typename Traits::Args>(fn, args, Indices());
  if constexpr (requires { std::tuple_size<decltype(r)>::value; }) {
    size_t i = 0;
    std::apply([&](auto&... parts) { ((specs[i++] = std::move(parts)), ...); }, r);
  } else {
    specs[0] = std::move(r);
  }
}

template <class F>
BoxedFunction boxed(F f) {
  using Traits = FunctionTraits<F>;
  typename Traits::Pointer p = +f;
  return {reinterpret_cast<const void*>(p), &boxed_entry<Traits>};
}

class OpBuilder {
 public:
  OpBuilder(std::string_view schema, int isa_level);

  // Shape rule: returns a TensorSpec, or a std::tuple of them.
  template <class F>
  OpBuilder& infer(F f) {
    using Traits = FunctionTraits<F>;
    typename Traits::Pointer p = +f;
    op_->infer = {reinterpret_cast<const void*>(p), &infer_entry<Traits>};
    return *this;
  }
  // Kernel after a shape rule: takes the arguments and then the results.
  template <class F>
  OpBuilder& cpu(F f) {
    op_->cpu = boxed(f);
    return *this;
  }
  // Made of other operators; differentiable through them unless a .grad is given.
  template <class F>
  OpBuilder& composite(F f) {
    op_->composite = boxed(f);
    return *this;
  }
  // Makes its own results, or (with a mutated argument) changes self. Runs with the graph off.
  template <class F>
  OpBuilder& direct(F f) {
    op_->direct = boxed(f);
    return *this;
  }
  template <class F>
  OpBuilder& view(F f) {
    op_->view = boxed(f);
    return *this;
  }
  OpBuilder& pointwise(const PointwiseSpec& spec);

  OpBuilder& grad(const char* input, const char* saves, Tensor (*rule)(GradContext&));
  OpBuilder& grads(const char* inputs, const char* saves, void (*rule)(GradContext&));

  OpBuilder& check(void (*f)(const Value* args, DType common)) { return op_->check = f, *this; }
  OpBuilder& join(bool (*f)(const Value* args, const Tensor* self, Value& result)) {
    return op_->join = f, *this;
  }
  OpBuilder& leaves_open() { return op_->leaves_open = true, *this; }
  OpBuilder& word(const char* kernel) { return op_->word = kernel, *this; }
  OpBuilder& numbers() { return op_->numbers = true, *this; }
  OpBuilder& tensors_only() { return op_->numbers = false, *this; }
  OpBuilder& node_name(const char* name) { return op_->node_name = name, *this; }
  OpBuilder& function_only() { return op_->has_method = false, *this; }
  OpBuilder& method_only() { return op_->has_function = false, *this; }
  OpBuilder& hidden() { return op_->has_function = op_->has_method = false, *this; }
  OpBuilder& inplace() { return op_->has_inplace = true, *this; }
  OpBuilder& elementwise() { return op_->elementwise = true, *this; }
  OpBuilder& no_out() { return op_->has_out = false, *this; }
  OpBuilder& no_grad() { return op_->no_grad = true, *this; }

 private:
  GradRule& add_rule(const char* inputs, const char* saves);
  Op* op_;
};

#define RL_CONCAT_(a, b) a##b
#define RL_CONCAT(a, b) RL_CONCAT_(a, b)
// Registers an operator from its schema text; see docs/design/engine.md.
#define OP(schema)                                                              \
  [[maybe_unused]] static ::rl::OpBuilder RL_CONCAT(op_builder_, __COUNTER__) = \
      ::rl::OpBuilder(schema, RL_ISA_LEVEL)

}  // namespace rl
