// autograd/engine.h: walks the graph backward.
#pragma once
#include "autograd/node.h"

namespace rl {

struct BackwardOptions {
  bool keep_graph = false;
  bool create_graph = false;
  // Where gradients are wanted; empty: accumulate into every leaf.
  std::vector<Edge> inputs;
  // With inputs: add into .grad of these leaves (backward(inputs=)) instead of returning.
  bool accumulate = false;
};

// Returns the gradients of options.inputs (undefined where none arrives).
TensorList run_backward(const std::vector<Edge>& roots, TensorList grads,
                        const BackwardOptions& options);

// The node being evaluated on this thread, for messages and Python's current_node.
const Node* current_node();
// Does this thread run a backward that drops what nodes saved as soon as they are done? Then a rule
// may write over a saved tensor whose memory nobody else holds.
bool drops_saved();
// Calls to make when the running backward ends (Variable._execution_engine.queue_callback).
void queue_backward_callback(std::function<void()> callback);

}  // namespace rl
