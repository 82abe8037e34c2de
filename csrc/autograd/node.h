// autograd/node.h: the graph that backward walks, and what a tensor knows about it.
#pragma once
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "core/tensor.h"

namespace rl {

class Node;

struct Edge {
  Ref<Node> node;
  uint32_t input_nr = 0;
  Edge() = default;
  Edge(Ref<Node> node, uint32_t input_nr);
  Edge(const Edge&);
  Edge(Edge&&) noexcept;
  Edge& operator=(Edge) noexcept;
  ~Edge();
};

// A hook changes gradients in place of the list; the binding wraps Python callables in these.
struct Hook : RefCounted {
  virtual void call(TensorList& grads, const TensorList& other) = 0;
  // The Python callable, for the garbage collector; null: none.
  virtual void* callable_object() const { return nullptr; }
};

class Node : public RefCounted {
 public:
  explicit Node(uint32_t num_inputs = 1);
  ~Node() override;

  // Gradients of the outputs in, gradients of the inputs out; undefined tensors mean zero.
  virtual TensorList apply(TensorList grads) = 0;
  virtual std::string name() const = 0;
  // Drops saved tensors after a backward that does not retain the graph.
  virtual void release_saved() {}

  // Will anyone use the gradient of input i in the backward that runs now?
  bool needs_input_grad(size_t i) const {
    return i < next.size() && next[i].node && (wanted.node != this || (*wanted.inputs)[i]);
  }
  // Set by the engine around apply() when gradients of only some leaves are asked for.
  struct Wanted {
    const Node* node;
    const std::vector<bool>* inputs;
  };
  static inline thread_local Wanted wanted{nullptr, nullptr};

  std::vector<Edge> next;
  uint64_t sequence;      // later nodes run first
  uint32_t num_inputs;    // how many outputs of the forward call flow in as gradients
  bool released = false;  // saved tensors are gone
  struct Hooks {
    std::vector<std::pair<int64_t, Ref<Hook>>> pre, post;          // of this node
    std::vector<std::tuple<int64_t, uint32_t, Ref<Hook>>> tensor;  // id, input_nr, hook
    std::vector<std::pair<uint32_t, Ref<Hook>>> retain_grad;       // run after tensor hooks
  };
  std::unique_ptr<Hooks> hooks;
  Hooks& make_hooks() {
    if (!hooks) hooks = std::make_unique<Hooks>();
    return *hooks;
  }
  // Shapes of the forward outputs, to check incoming gradients and to make zeros.
  struct OutputInfo {
    Dims sizes;
    DType dtype = DType::Undefined;
    Device device;
  };
  std::vector<OutputInfo> outputs;
  void* pyobj = nullptr;     // the living Python object of this node; not owned
  Ref<RefCounted> metadata;  // Python dict, made on demand
  Ref<RefCounted> anomaly;   // forward traceback in anomaly mode

 protected:
  void destroy() override;  // iterative: a chain of a million nodes must not recurse
};

// Adds gradients into a leaf.
class AccumulateGrad final : public Node {
 public:
  explicit AccumulateGrad(Tensor variable);
  ~AccumulateGrad() override;
  TensorList apply(TensorList grads) override;
  std::string name() const override { return "torch::autograd::AccumulateGrad"; }

  Tensor variable;
  std::vector<std::pair<int64_t, Ref<Hook>>> post_accumulate;

 private:
  void accumulate(Tensor& fresh);
  bool busy_ = false;  // a thread is adding; kernels may give up the GIL meanwhile
};

// Keeps the gradient of a non-leaf tensor in its .grad; forgets a tensor that dies first.
struct RetainGradHook final : Hook {
  explicit RetainGradHook(struct AutogradMeta* target) : target(target) {}
  void call(TensorList& grads, const TensorList&) override;
  struct AutogradMeta* target;
};

struct AutogradMeta final : RefCounted, Pooled<AutogradMeta> {
  using Pooled<AutogradMeta>::operator new;
  using Pooled<AutogradMeta>::operator delete;
  ~AutogradMeta() override;
  Tensor grad;
  Ref<Node> grad_fn;
  uint32_t output_nr = 0;
  bool retains_grad = false;
  Ref<RetainGradHook> retain_hook;        // sits on grad_fn
  AccumulateGrad* accumulator = nullptr;  // not owned; a leaf's accumulator owns the leaf
  // Views: the root of the chain, and the version at which grad_fn was made.
  Tensor base;
  uint32_t view_version = 0;
  enum class Creation : uint8_t { Default, MultiOutput, NoGrad, CustomFunction, Inference };
  Creation creation = Creation::Default;
  // Hooks registered on a leaf move to its accumulator when that is made.
  std::vector<std::pair<int64_t, Ref<Hook>>> hooks;
  std::vector<std::pair<int64_t, Ref<Hook>>> post_accumulate;
};

inline AutogradMeta* autograd_meta(const Tensor& t) {
  return static_cast<AutogradMeta*>(t->autograd.get());
}
AutogradMeta& make_autograd_meta(const Tensor& t);

bool requires_grad(const Tensor& t);
inline bool is_leaf(const Tensor& t);
// The node that produced t; a view whose base changed in place gets a fresh one.
const Ref<Node>& grad_fn(const Tensor& t);
// Where the gradient of t flows: its grad_fn, or the accumulator of a leaf; empty if none.
Edge gradient_edge(const Tensor& t);
void set_requires_grad(const Tensor& t, bool value);
// Keeps the gradient of a non-leaf tensor from now on.
void retain_grad(const Tensor& t);
// Makes t output `nr` of `node`.
void set_history(const Tensor& t, const Ref<Node>& node, uint32_t nr);
// After an in-place change recorded by `node` (output 0).
void rebase_history(const Tensor& t, const Ref<Node>& node);
// Raises when an in-place change of t cannot be recorded.
void check_inplace(const Tensor& t, bool recording);
// Marks `view` as a view of `base` for in-place bookkeeping.
void mark_view(const Tensor& view, const Tensor& base, AutogradMeta::Creation creation);
// An alias of t without history that shares its version counter.
Tensor detach(const Tensor& t);

inline bool is_leaf(const Tensor& t) { return !t->autograd || !grad_fn(t); }

// A tensor kept for backward, with the version it had.
class SavedTensor {
 public:
  SavedTensor() = default;
  // is_output: t is a result of the node that saves it; keeping t itself would make a cycle.
  SavedTensor(const Tensor& t, bool is_output);
  Tensor unpack(const Node* owner, const Ref<Node>& self) const;
  bool defined() const { return kept_.defined() || packed_; }
  void reset() { *this = SavedTensor(); }

  // saved_tensors_hooks: the binding packs a tensor into any object and back.
  struct PackHooks : RefCounted {
    virtual Ref<RefCounted> pack(const Tensor& t) = 0;
    virtual Tensor unpack(const Ref<RefCounted>& packed) = 0;
  };
  static std::vector<Ref<PackHooks>>& pack_hooks();

 private:
  Tensor kept_;
  uint32_t version_ = 0;
  uint32_t output_nr_ = 0;
  bool is_output_ = false, requires_grad_ = false;
  Ref<Node> grad_fn_;  // of a packed leaf: its accumulator
  Ref<PackHooks> hooks_;
  Ref<RefCounted> packed_;
};

// Modes of the current thread.
struct GradMode {
  static bool enabled() { return enabled_; }
  static void set(bool on) { enabled_ = on; }
  static bool inference() { return inference_; }
  static void set_inference(bool on) { inference_ = on; }

 private:
  static inline thread_local bool enabled_ = true;
  static inline thread_local bool inference_ = false;
};

class GradModeGuard {
 public:
  explicit GradModeGuard(bool on) : before_(GradMode::enabled()) { GradMode::set(on); }
  ~GradModeGuard() { GradMode::set(before_); }
  GradModeGuard(const GradModeGuard&) = delete;

 private:
  bool before_;
};

// A node's name as messages about in-place changes give it: MulBackward0 -> Mul.
std::string short_name(const Node& node);

// The binding supplies these so that anomaly mode can keep Python tracebacks.
struct AnomalyMode {
  static inline bool enabled = false;
  static inline bool check_nan = true;
  static inline void (*record)(Node&) = nullptr;        // at creation
  static inline void (*report)(const Node&) = nullptr;  // before raising
};

}  // namespace rl
