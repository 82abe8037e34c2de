#include "autograd/view_twin.h"

#include <utility>

namespace rl {

namespace {

// The node of the view operator under the name of its twin.
class TwinNode final : public Node {
 public:
  TwinNode(Ref<Node> inner, std::string name) : inner_(std::move(inner)), name_(std::move(name)) {
    next = inner_->next;
  }
  std::string name() const override { return name_; }
  TensorList apply(TensorList grads) override {
    const Wanted before = wanted;
    if (wanted.node == this) wanted.node = inner_.get();
    TensorList out = inner_->apply(std::move(grads));
    wanted = before;
    return out;
  }
  void release_saved() override { inner_->release_saved(); }

 private:
  Ref<Node> inner_;
  std::string name_;
};

}  // namespace

void adopt_view(const Tensor& self, const Tensor& view, std::string name) {
  const Ref<Node> made = grad_fn(view);
  self->set_geometry(view.sizes(), view.strides());
  self->offset = view.offset();
  self->bump_version();
  if (!made) return;
  // As in PyTorch, .grad keeps showing the gradient of what the tensor was.
  AutogradMeta& meta = make_autograd_meta(self);
  Ref<RetainGradHook> kept = std::exchange(meta.retain_hook, {});
  set_history(self, Ref<Node>(make_ref<TwinNode>(made, std::move(name)).get()), 0);
  meta.retain_hook = std::move(kept);
}

}  // namespace rl
