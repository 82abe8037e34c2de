// dispatch/op_node.h: the graph node of a registered operator.
#pragma once
#include "dispatch/op.h"

namespace rl {

class OpNode final : public Node, public Pooled<OpNode> {
 public:
  using Pooled<OpNode>::operator new;
  using Pooled<OpNode>::operator delete;

  struct ListElement {
    Dims sizes;
    DType dtype;
    SavedTensor saved;
  };
  struct Slot {
    Value value;        // of arguments that are not tensors
    SavedTensor saved;  // of tensors that a rule asked for
    Dims sizes;
    DType dtype = DType::Undefined;
    bool defined = false;
    int first_edge = -1;  // index into next; -1: not a tensor
    std::vector<ListElement> list;
  };

  // Reads edges and saves inputs; `inplace` clones a self that is about to be overwritten.
  OpNode(const Op& op, const Value* args, bool inplace);

  void save_results(const Value* results);
  TensorList apply(TensorList grads) override;
  std::string name() const override { return op.node_name; }
  void release_saved() override;

  const Op& op;
  std::vector<Slot> slots;
  std::vector<SavedTensor> results;
  uint32_t saved_results_mask = 0;
};

}  // namespace rl
