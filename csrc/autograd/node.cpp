#include "autograd/node.h"

#include <thread>

#include "cpu/parallel.h"
#include "dispatch/call.h"

namespace rl {

namespace {

// Nodes whose last reference went away while another node was being destroyed on this thread.
thread_local std::vector<Node*>* doomed = nullptr;
uint64_t next_sequence = 0;

}  // namespace

Edge::Edge(Ref<Node> node, uint32_t input_nr) : node(std::move(node)), input_nr(input_nr) {}
Edge::Edge(const Edge&) = default;
Edge::Edge(Edge&&) noexcept = default;
Edge& Edge::operator=(Edge other) noexcept {
  std::swap(node, other.node);
  std::swap(input_nr, other.input_nr);
  return *this;
}
Edge::~Edge() = default;

Node::Node(uint32_t num_inputs) : sequence(next_sequence++), num_inputs(num_inputs) {
  if (AnomalyMode::enabled && AnomalyMode::record) AnomalyMode::record(*this);
}
Node::~Node() = default;

void Node::destroy() {
  if (doomed) {
    doomed->push_back(this);
    return;
  }
  std::vector<Node*> queue{this};
  doomed = &queue;
  while (!queue.empty()) {
    Node* node = queue.back();
    queue.pop_back();
    delete node;
  }
  doomed = nullptr;
}

AccumulateGrad::AccumulateGrad(Tensor v) : Node(1), variable(std::move(v)) {
  sequence = UINT64_MAX;
  outputs.push_back({variable.sizes(), variable.dtype(), variable.device()});
}

AccumulateGrad::~AccumulateGrad() {
  if (auto* meta = autograd_meta(variable)) {
    meta->accumulator = nullptr;
    if (hooks) {
      for (auto& [id, nr, hook] : hooks->tensor) meta->hooks.emplace_back(id, hook);
    }
    meta->post_accumulate = std::move(post_accumulate);
  }
}

TensorList AccumulateGrad::apply(TensorList grads) {
  if (!grads[0].defined()) return {};
  while (busy_) {
    GilRelease let_the_other_finish(true);
    std::this_thread::yield();
  }
  busy_ = true;
  struct Done {
    bool& busy;
    ~Done() { busy = false; }
  };
  {
    Done done{busy_};
    accumulate(grads[0]);
  }
  for (auto& [id, hook] : std::vector(post_accumulate)) {
    TensorList self{variable};
    hook->call(self, {});
  }
  return {};
}

namespace {

// Is `t` the last tensor on its memory, and all of it? A view may keep its base alive for itself.
bool last_on_memory(const Tensor& t) {
  if (t->use_count() != 1) return false;
  if (t->storage->use_count() == 1) return true;
  if (!t->is_view || t->storage->use_count() != 2) return false;
  const Tensor& base = autograd_meta(t)->base;
  return base.defined() && base->use_count() == 1 && base->storage.get() == t->storage.get() &&
         base.numel() == t.numel();
}

}  // namespace

void AccumulateGrad::accumulate(Tensor& fresh) {
  AutogradMeta& meta = make_autograd_meta(variable);
  if (!meta.grad.defined()) {
    bool stealable =
        !GradMode::enabled() && fresh.strides() == variable.strides() && last_on_memory(fresh);
    if (stealable) {
      meta.grad = fresh->is_view ? alias(fresh) : std::move(fresh);
    } else if (GradMode::enabled()) {
      meta.grad = call<"clone">(fresh);
    } else {
      Tensor own =
          is_dense(variable.sizes(), variable.strides())
              ? empty_strided(variable.sizes(), variable.strides(), fresh.dtype(), fresh.device())
              : empty(variable.sizes(), fresh.dtype(), fresh.device());
      call<"copy_">(own, fresh);
      meta.grad = own;
    }
  } else if (GradMode::enabled()) {
    meta.grad = meta.grad + fresh;
  } else {
    call_<"add.Tensor">(Tensor(meta.grad), fresh);
  }
}

void RetainGradHook::call(TensorList& grads, const TensorList&) {
  if (!target || !grads[0].defined()) return;
  Tensor fresh = target->grad.defined() ? target->grad + grads[0]
                 : GradMode::enabled()  ? grads[0]
                                        : rl::call<"clone">(grads[0]);
  if (target) target->grad = fresh;
}

AutogradMeta::~AutogradMeta() {
  if (retain_hook) retain_hook->target = nullptr;
}

std::string short_name(const Node& node) {
  std::string name = node.name();
  size_t scope = name.rfind("::");
  if (scope != std::string::npos) name.erase(0, scope + 2);
  size_t end = name.rfind("Backward");
  bool numbered = end != std::string::npos &&
                  name.find_first_not_of("0123456789", end + 8) == std::string::npos;
  if (!numbered) return name;
  const std::string number = name.substr(end + 8);
  return name.substr(0, end) + (number == "0" ? "" : number);
}

AutogradMeta& make_autograd_meta(const Tensor& t) {
  if (!t->autograd) t->autograd = make_ref<AutogradMeta>();
  return *autograd_meta(t);
}

bool requires_grad(const Tensor& t) {
  if (t->requires_grad) return true;
  return t->is_view && autograd_meta(t)->base.defined() && autograd_meta(t)->base->requires_grad &&
         is_differentiable(t.dtype());
}

namespace {

// Does the view show a complex base as real numbers (view_as_real)?
bool shows_reals(const Tensor& base, const Tensor& view) {
  return is_complex(base.dtype()) && !is_complex(view.dtype());
}

// grad_fn of a view whose base was changed in place after the view was made.
class AsStridedNode final : public Node {
 public:
  AsStridedNode(const Tensor& base, const Tensor& view)
      : base_sizes_(base.sizes()),
        base_strides_(base.strides()),
        sizes_(view.sizes()),
        strides_(view.strides()),
        base_offset_(base.offset()),
        offset_(view.offset()),
        reals_(shows_reals(base, view)) {
    next.push_back(gradient_edge(base));
    outputs.push_back({view.sizes(), view.dtype(), view.device()});
    if (!reals_) return;
    for (int64_t& stride : base_strides_) stride *= 2;
    base_sizes_.push_back(2);
    base_strides_.push_back(1);
    base_offset_ *= 2;
  }
  std::string name() const override { return "AsStridedBackward0"; }
  TensorList apply(TensorList grads) override {
    if (!grads[0].defined()) return {Tensor()};
    Tensor out = call<"as_strided_backward">(grads[0], base_sizes_, base_strides_, base_offset_,
                                             sizes_, strides_, offset_);
    return {reals_ ? call<"view_as_complex">(contiguous(out)) : out};
  }

 private:
  Dims base_sizes_, base_strides_, sizes_, strides_;  // of a complex base: as real numbers
  int64_t base_offset_, offset_;
  bool reals_;
};

// grad_fn of a base one of whose views was changed in place by `inner_`.
class CopySlices final : public Node {
 public:
  CopySlices(const Tensor& base, const Tensor& view, Ref<Node> inner)
      : base_sizes_(base.sizes()),
        base_strides_(base.strides()),
        sizes_(view.sizes()),
        strides_(view.strides()),
        base_offset_(base.offset()),
        offset_(view.offset()),
        reals_(shows_reals(base, view)),
        inner_(std::move(inner)) {
    next.push_back(gradient_edge(base));
    for (size_t i = 1; i < inner_->next.size(); ++i) next.push_back(inner_->next[i]);
    outputs.push_back({base.sizes(), base.dtype(), base.device()});
  }
  std::string name() const override { return "torch::autograd::CopySlices"; }
  TensorList apply(TensorList grads) override {
    if (!grads[0].defined()) return TensorList(next.size());
    RL_CHECK(inner_, kReleased);
    // A dense copy of the base's geometry whose window can be taken by strides.
    auto copied = [&] {
      Tensor copy = call<"new_empty_strided">(grads[0], base_sizes_, base_strides_);
      return call<"copy_">(copy, grads[0]);
    };
    Tensor whole = copied();
    Tensor window = call<"clone">(window_of(whole));
    TensorList inner = inner_->apply({window});
    TensorList out(next.size());
    for (size_t i = 1; i < inner.size(); ++i) out[i] = inner[i];
    if (needs_input_grad(0)) {
      // A recorded window must keep its base as it was.
      if (GradMode::enabled()) whole = copied();
      Tensor slice = window_of(whole);
      if (!inner.empty() && inner[0].defined()) {
        call<"copy_">(slice, inner[0]);
      } else {
        call<"zero_">(slice);
      }
      out[0] = whole;
    }
    return out;
  }
  void release_saved() override {
    if (inner_) inner_->release_saved();
    inner_ = nullptr;
  }
  static constexpr const char* kReleased =
      "Trying to backward through the graph a second time (or directly access saved tensors after "
      "they have already been freed). Saved intermediate values of the graph are freed when you "
      "call .backward() or autograd.grad(). Specify retain_graph=True if you need to backward "
      "through the graph a second time or if you need to access saved tensors after calling "
      "backward.";

 private:
  Tensor window_of(const Tensor& whole) const {
    if (!reals_) return call<"as_strided">(whole, sizes_, strides_, offset_ - base_offset_);
    return call<"as_strided">(call<"view_as_real">(whole), sizes_, strides_,
                              offset_ - 2 * base_offset_);
  }

  Dims base_sizes_, base_strides_, sizes_, strides_;
  int64_t base_offset_, offset_;
  bool reals_;
  Ref<Node> inner_;
};

}  // namespace

const Ref<Node>& grad_fn(const Tensor& t) {
  static const Ref<Node> none{};
  AutogradMeta* meta = autograd_meta(t);
  if (!meta) return none;
  if (t->is_view && meta->base.defined() && meta->view_version != t->version() &&
      meta->base->requires_grad && is_differentiable(t.dtype())) {
    // Another alias was changed in place: the view's history now runs through its base.
    set_history(t, Ref<Node>(make_ref<AsStridedNode>(meta->base, t).get()), 0);
  }
  return meta->grad_fn;
}

namespace {

// A history is replaced: the hook behind .grad follows the tensor to its new node.
void move_retain_hook(AutogradMeta& meta, const Ref<Node>& before) {
  if (!meta.retain_hook || before == meta.grad_fn) return;
  if (before && before->hooks) {
    auto& list = before->hooks->retain_grad;
    std::erase_if(list, [&](auto& e) { return e.second.get() == meta.retain_hook.get(); });
  }
  if (meta.grad_fn) {
    meta.grad_fn->make_hooks().retain_grad.emplace_back(meta.output_nr, meta.retain_hook);
  }
}

}  // namespace

void retain_grad(const Tensor& t) {
  const Ref<Node>& fn = grad_fn(t);
  if (!fn || autograd_meta(t)->retains_grad) return;
  AutogradMeta& meta = *autograd_meta(t);
  meta.retains_grad = true;
  meta.retain_hook = make_ref<RetainGradHook>(&meta);
  move_retain_hook(meta, {});
}

Edge gradient_edge(const Tensor& t) {
  if (const Ref<Node>& fn = grad_fn(t)) return {fn, autograd_meta(t)->output_nr};
  if (!t->requires_grad) return {};
  AutogradMeta& meta = make_autograd_meta(t);
  if (meta.accumulator) return {Ref<Node>(meta.accumulator), 0};
  auto node = make_ref<AccumulateGrad>(t);
  meta.accumulator = node.get();
  if (!meta.hooks.empty()) {
    for (auto& [id, hook] : meta.hooks) node->make_hooks().tensor.emplace_back(id, 0, hook);
    meta.hooks.clear();
  }
  node->post_accumulate = std::move(meta.post_accumulate);
  meta.post_accumulate.clear();
  return {Ref<Node>(node.get()), 0};
}

void set_requires_grad(const Tensor& t, bool value) {
  if (!value && !t->autograd) {
    t->requires_grad = false;
    return;
  }
  RL_CHECK(!value || is_differentiable(t.dtype()),
           "only Tensors of floating point dtype can require gradients");
  RL_CHECK(!(value && t->is_inference && !GradMode::inference()),
           "Setting requires_grad=True on inference tensor outside InferenceMode is not allowed.");
  if (!value && grad_fn(t)) {
    fail(ErrorKind::Runtime,
         "you can only change requires_grad flags of leaf variables. If you want to use a computed "
         "variable in a subgraph that doesn't require differentiation use var_no_grad = "
         "var.detach().");
  }
  if (value) make_autograd_meta(t);
  t->requires_grad = value || bool(grad_fn(t));
}

void set_history(const Tensor& t, const Ref<Node>& node, uint32_t nr) {
  AutogradMeta& meta = make_autograd_meta(t);
  Ref<Node> before = std::exchange(meta.grad_fn, node);
  meta.output_nr = nr;
  if (meta.retain_hook) move_retain_hook(meta, before);
  meta.view_version = t->version();
  t->requires_grad = true;
  if (node->outputs.size() <= nr) node->outputs.resize(nr + 1);
  node->outputs[nr] = {t.sizes(), t.dtype(), t.device()};
}

void rebase_history(const Tensor& t, const Ref<Node>& node) {
  AutogradMeta* meta = autograd_meta(t);
  if (t->is_view && meta->base.defined()) {
    Tensor base = meta->base;
    node->outputs.assign(1, {t.sizes(), t.dtype(), t.device()});
    set_history(base, Ref<Node>(make_ref<CopySlices>(base, t, node).get()), 0);
    meta->view_version = t->version() - 1;  // makes grad_fn(t) regenerate
    t->requires_grad = true;
    if (t->version() == 0) t->bump_version();
    grad_fn(t);
  } else {
    set_history(t, node, 0);
  }
}

static std::string described_view(const Tensor& t) {
  const Ref<Node>& fn = grad_fn(t);
  return concat("Output ", autograd_meta(t)->output_nr, " of ", fn ? short_name(*fn) : "a function",
                " is a view and is being modified inplace.");
}

void check_inplace(const Tensor& t, bool recording) {
  RL_CHECK(!(t->is_inference && !GradMode::inference()),
           "Inplace update to inference tensor outside InferenceMode is not allowed.You can make "
           "a clone to get a normal tensor before doing inplace update.See "
           "https://github.com/pytorch/rfcs/pull/17 for more details.");
  if (!recording) return;
  AutogradMeta* meta = autograd_meta(t);
  if (t->is_view && meta->base.defined()) {
    using Creation = AutogradMeta::Creation;
    const Tensor& base = meta->base;
    // Either may have been made a leaf that requires grad: the base, or later this view of it.
    if ((base->requires_grad || t->requires_grad) && !grad_fn(base)) {
      fail(ErrorKind::Runtime,
           "a view of a leaf Variable that requires grad is being used in an in-place operation.");
    }
    if (meta->creation == Creation::MultiOutput) {
      fail(ErrorKind::Runtime, described_view(t),
           " This view is the output of a function that returns multiple views. Such "
           "functions do not allow the output views to be modified inplace. You should replace the "
           "inplace operation by an out-of-place one.");
    }
    if (meta->creation == Creation::CustomFunction) {
      fail(
          ErrorKind::Runtime, described_view(t),
          " This view was created inside a custom Function (or because an input was returned "
          "as-is) and the autograd logic to handle view+inplace would override the custom backward "
          "associated with the custom Function, leading to incorrect gradients. This behavior is "
          "forbidden. You can fix this by cloning the output of the custom Function.");
    }
    if (meta->creation == Creation::NoGrad && base->requires_grad) {
      fail(ErrorKind::Runtime,
           "A view was created in no_grad mode and is being modified inplace with grad mode "
           "enabled. Given that this use case is ambiguous and error-prone, it is forbidden. You "
           "can clarify your code by moving both the view and the inplace either both inside the "
           "no_grad block (if you don't want the inplace to be tracked) or both outside (if you "
           "want the inplace to be tracked).");
    }
  } else if (t->requires_grad && !grad_fn(t)) {
    throw Error(ErrorKind::Runtime,
                "a leaf Variable that requires grad is being used in an in-place operation.",
                "wrap parameter updates in torch.no_grad(), or write x = x + 1 to make a new "
                "tensor");
  }
}

void mark_view(const Tensor& view, const Tensor& base, AutogradMeta::Creation creation) {
  if (!is_differentiable(base.dtype()) || !is_differentiable(view.dtype())) return;
  AutogradMeta& meta = make_autograd_meta(view);
  AutogradMeta* from = autograd_meta(base);
  bool chained = base->is_view && from->base.defined();
  meta.base = chained ? from->base : base;
  meta.creation = creation;
  if (chained && creation == AutogradMeta::Creation::Default) meta.creation = from->creation;
  meta.view_version = view->version();
  view->is_view = true;
}

Tensor detach(const Tensor& t) { return alias(t); }

std::vector<Ref<SavedTensor::PackHooks>>& SavedTensor::pack_hooks() {
  static thread_local std::vector<Ref<PackHooks>> stack;
  return stack;
}

SavedTensor::SavedTensor(const Tensor& t, bool is_output) {
  if (!t.defined()) return;
  RL_CHECK(!t->is_inference || GradMode::inference(),
           "Inference tensors cannot be saved for backward. Please do not use Tensors created in "
           "inference mode in computation tracked by autograd. To work around this, you can make a "
           "clone to get a normal tensor and use it in autograd, or use `torch.no_grad()` instead "
           "of `torch.inference_mode()`.");
  version_ = t->version();
  is_output_ = is_output;
  requires_grad_ = requires_grad(t);
  if (!is_output && requires_grad_) {
    grad_fn_ = grad_fn(t);
    if (grad_fn_) output_nr_ = autograd_meta(t)->output_nr;
  }
  if (is_output) output_nr_ = autograd_meta(t) ? autograd_meta(t)->output_nr : 0;
  auto& stack = pack_hooks();
  if (!stack.empty() && stack.back()) {
    hooks_ = stack.back();
    if (!is_output && requires_grad_ && !grad_fn_) grad_fn_ = gradient_edge(t).node;
    GradModeGuard off(false);
    uint32_t before = t->version();
    packed_ = hooks_->pack(detach(t));
    RL_CHECK(
        t->version() == before,
        "A saved tensor pack hook is modifying its input in place. Tensors provided as input "
        "to pack hook cannot be modified by in-place operations as this can lead to unexpected "
        "side-effects. Please open an issue if you need to perform in-place operations on the "
        "input to a pack hook.");
    return;
  }
  kept_ = is_output ? alias(t) : t;
}

Tensor SavedTensor::unpack(const Node* owner, const Ref<Node>& self) const {
  if (!defined()) {
    RL_CHECK(!owner || !owner->released, CopySlices::kReleased);
    return {};
  }
  Tensor t = packed_ ? hooks_->unpack(packed_) : kept_;
  if (!packed_ && t->version() != version_) {
    std::string what = concat(dtype_word(t.dtype()));
    fail(ErrorKind::Runtime,
         "one of the variables needed for gradient computation has been modified by an inplace "
         "operation: [torch.",
         what, "Tensor ", t.sizes(), "]",
         is_output_ ? concat(", which is output ", output_nr_, " of ", short_name(*owner), ",")
         : !packed_ && grad_fn(t)
             ? concat(", which is output ", output_nr_, " of ", short_name(*grad_fn(t)), ",")
             : std::string(),
         " is at version ", t->version(), "; expected version ", version_,
         " instead. Hint: enable anomaly detection to find the operation that failed to compute "
         "its gradient, with torch.autograd.set_detect_anomaly(True, check_nan=False).");
  }
  if (!requires_grad_ && !is_output_) return t;
  bool intact = !is_output_ && !packed_ && grad_fn(t) == grad_fn_;
  if (intact) return t;
  Tensor out = alias(t);
  Ref<Node> fn = is_output_ ? self : grad_fn_;
  if (fn) {
    AutogradMeta& meta = make_autograd_meta(out);
    meta.grad_fn = fn;
    meta.output_nr = output_nr_;
    out->requires_grad = true;
  } else if (requires_grad_) {
    return t;
  }
  return out;
}

}  // namespace rl
