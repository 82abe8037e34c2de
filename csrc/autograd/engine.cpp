#include "autograd/engine.h"

#include <algorithm>

#include "dispatch/call.h"

namespace rl {

namespace {

struct NodeState {
  Node* node;
  int32_t dependencies = 0;
  bool needed = true;
  bool visited = false;
  int32_t capture = -1;  // first entry in the capture chain
  TensorList grads;
};

// Node -> index of its state; open addressing, grows by doubling.
class NodeTable {
 public:
  NodeTable() : slots_(64, -1) {}

  std::vector<NodeState> states;

  int32_t find(const Node* node) const {
    size_t mask = slots_.size() - 1;
    for (size_t at = hash(node) & mask;; at = (at + 1) & mask) {
      if (slots_[at] < 0) return -1;
      if (states[slots_[at]].node == node) return slots_[at];
    }
  }
  int32_t find_or_add(Node* node) {
    int32_t found = find(node);
    if (found >= 0) return found;
    if (2 * (states.size() + 1) > slots_.size()) grow();
    states.push_back({node});
    insert(int32_t(states.size()) - 1);
    return int32_t(states.size()) - 1;
  }

 private:
  static size_t hash(const Node* node) {
    return (reinterpret_cast<uintptr_t>(node) >> 4) * 0x9E3779B97F4A7C15ull >> 20;
  }
  void insert(int32_t index) {
    size_t mask = slots_.size() - 1, at = hash(states[index].node) & mask;
    while (slots_[at] >= 0) at = (at + 1) & mask;
    slots_[at] = index;
  }
  void grow() {
    slots_.assign(slots_.size() * 2, -1);
    for (size_t i = 0; i < states.size(); ++i) insert(int32_t(i));
  }
  std::vector<int32_t> slots_;
};

struct Capture {
  uint32_t input_nr;
  size_t result;
  int32_t next;
};

thread_local const Node* running = nullptr;
thread_local int depth = 0;
thread_local bool dropping = false;  // does the innermost run drop what nodes saved?
thread_local std::vector<std::function<void()>> callbacks;

Tensor sum_of(const Tensor& a, const Tensor& b) {
  // The partial sum is ours alone: add in place unless the sum itself must be differentiable.
  if (!GradMode::enabled() && a->use_count() == 1 && a->storage->use_count() == 1 &&
      a.dtype() == b.dtype() && a.sizes() == b.sizes() && is_dense(a.sizes(), a.strides())) {
    call_<"add.Tensor">(a, b);
    return a;
  }
  return a + b;
}

class BackwardRun {
 public:
  BackwardRun(const std::vector<Edge>& roots, const BackwardOptions& options)
      : options_(options), results_(options.inputs.size()) {
    for (const Edge& e : roots) visit(e.node.get());
    if (!options.inputs.empty()) mark_needed();
  }

  TensorList run(const std::vector<Edge>& roots, TensorList grads) {
    for (size_t i = 0; i < roots.size(); ++i) {
      add_gradient(table_.find(roots[i].node.get()), roots[i].input_nr, std::move(grads[i]));
    }
    // Roots that other roots depend on wait for them; the rest are ready now.
    for (const Edge& e : roots) {
      int32_t s = table_.find(e.node.get());
      if (useful(s) && table_.states[s].dependencies == 0 && !table_.states[s].visited) {
        table_.states[s].visited = true;
        push(s);
      }
    }
    while (!ready_.empty()) {
      std::pop_heap(ready_.begin(), ready_.end(), Later{table_});
      int32_t s = ready_.back();
      ready_.pop_back();
      evaluate(s);
    }
    return std::move(results_);
  }

 private:
  struct Later {
    NodeTable& table;
    bool operator()(int32_t a, int32_t b) const {
      return table.states[a].node->sequence < table.states[b].node->sequence;
    }
  };

  bool useful(int32_t s) const { return table_.states[s].needed || table_.states[s].capture >= 0; }

  void push(int32_t s) {
    ready_.push_back(s);
    std::push_heap(ready_.begin(), ready_.end(), Later{table_});
  }

  // Counts how many edges lead to each node reachable from `root`.
  void visit(Node* root) {
    if (table_.find(root) >= 0) return;
    keep_.emplace_back(root);
    table_.find_or_add(root);
    std::vector<Node*> stack{root};
    while (!stack.empty()) {
      Node* node = stack.back();
      stack.pop_back();
      for (const Edge& e : node->next) {
        if (!e.node) continue;
        size_t before = table_.states.size();
        int32_t s = table_.find_or_add(e.node.get());
        ++table_.states[s].dependencies;
        if (table_.states.size() != before) stack.push_back(e.node.get());
      }
    }
  }

  // With inputs given, only nodes on a way to one of them are evaluated.
  void mark_needed() {
    for (auto& s : table_.states) s.needed = false;
    for (size_t i = 0; i < options_.inputs.size(); ++i) {
      const Edge& e = options_.inputs[i];
      int32_t s = e.node ? table_.find(e.node.get()) : -1;
      if (s < 0) continue;
      if (options_.accumulate && dynamic_cast<AccumulateGrad*>(e.node.get())) {
        table_.states[s].needed = true;
      } else {
        captures_.push_back({e.input_nr, i, table_.states[s].capture});
        table_.states[s].capture = int32_t(captures_.size()) - 1;
      }
    }
    // Post-order over the graph without recursion.
    std::vector<std::pair<int32_t, size_t>> stack;
    std::vector<bool> seen(table_.states.size());
    for (const Ref<Node>& root : keep_) {
      int32_t s = table_.find(root.get());
      if (seen[s]) continue;
      seen[s] = true;
      stack.emplace_back(s, 0);
      while (!stack.empty()) {
        auto& [at, child] = stack.back();
        Node* node = table_.states[at].node;
        if (child == node->next.size()) {
          bool useful = table_.states[at].needed || table_.states[at].capture >= 0;
          stack.pop_back();
          if (useful && !stack.empty()) table_.states[stack.back().first].needed = true;
          continue;
        }
        const Edge& e = node->next[child++];
        if (!e.node) continue;
        int32_t c = table_.find(e.node.get());
        if (!seen[c]) {
          seen[c] = true;
          stack.emplace_back(c, 0);
        } else if (table_.states[c].needed || table_.states[c].capture >= 0) {
          table_.states[at].needed = true;
        }
      }
    }
  }

  void add_gradient(int32_t s, uint32_t nr, Tensor grad) {
    TensorList& grads = table_.states[s].grads;
    Node* node = table_.states[s].node;
    if (grads.size() < node->num_inputs) grads.resize(node->num_inputs);
    if (grads.size() <= nr) grads.resize(nr + 1);
    if (!grad.defined()) return;
    if (!grads[nr].defined()) {
      grads[nr] = std::move(grad);
    } else {
      Tensor before = std::move(grads[nr]);
      grads[nr] = Tensor();
      grads[nr] = sum_of(before, grad);
    }
  }

  static void run_tensor_hooks(Node& node, TensorList& grads) {
    if (!node.hooks) return;
    auto tensor_hooks = node.hooks->tensor;
    for (auto& [id, nr, hook] : tensor_hooks) {
      if (nr >= grads.size()) continue;
      TensorList one{grads[nr]};
      hook->call(one, {});
      grads[nr] = one[0];
    }
    auto retain = node.hooks->retain_grad;
    for (auto& [nr, hook] : retain) {
      if (nr >= grads.size() || !grads[nr].defined()) continue;
      TensorList one{grads[nr]};
      hook->call(one, {});
    }
  }

  static void run_pre_hooks(Node& node, TensorList& grads) {
    if (!node.hooks || node.hooks->pre.empty()) return;
    auto pre = node.hooks->pre;
    for (auto& [id, hook] : pre) hook->call(grads, {});
  }

  TensorList apply(Node& node, TensorList grads) {
    struct Running {
      const Node* before = running;
      Node::Wanted wanted = Node::wanted;
      ~Running() {
        running = before;
        Node::wanted = wanted;
      }
    } restored;
    running = &node;
    std::vector<bool> wanted;
    Node::wanted = {nullptr, nullptr};
    if (!options_.inputs.empty()) {
      wanted.resize(node.next.size());
      for (size_t i = 0; i < wanted.size(); ++i) {
        wanted[i] = node.next[i].node && useful(table_.find(node.next[i].node.get()));
      }
      Node::wanted = {&node, &wanted};
    }
    bool post = node.hooks && !node.hooks->post.empty();
    TensorList kept = post ? grads : TensorList();
    TensorList out;
    try {
      out = node.apply(std::move(grads));
    } catch (...) {
      if (AnomalyMode::enabled && AnomalyMode::report) AnomalyMode::report(node);
      throw;
    }
    if (post) {
      auto hooks = node.hooks->post;
      for (auto& [id, hook] : hooks) hook->call(out, kept);
    }
    return out;
  }

  static void check_nan(Node& node, const TensorList& out) {
    GradModeGuard off(false);
    for (size_t i = 0; i < out.size(); ++i) {
      if (!out[i].defined()) continue;
      Tensor bad = call<"any">(call<"isnan">(out[i]));
      if (!item(bad).to<bool>()) continue;
      if (AnomalyMode::report) AnomalyMode::report(node);
      fail(ErrorKind::Runtime, "Function '", node.name(), "' returned nan values in its ", i,
           "th output.");
    }
  }

  void evaluate(int32_t s) {
    Ref<Node> node(table_.states[s].node);
    TensorList grads = std::move(table_.states[s].grads);
    grads.resize(std::max<size_t>(grads.size(), node->num_inputs));
    bool needed = table_.states[s].needed;
    // A gradient that is only asked for is taken behind the hooks, one on its way through before.
    if (!needed) run_tensor_hooks(*node, grads);
    for (int32_t c = table_.states[s].capture; c >= 0; c = captures_[c].next) {
      if (captures_[c].result < results_.size()) {
        results_[captures_[c].result] = grads[captures_[c].input_nr];
      }
    }
    if (!needed) return;
    run_tensor_hooks(*node, grads);
    run_pre_hooks(*node, grads);
    TensorList out = apply(*node, std::move(grads));
    if (AnomalyMode::enabled && AnomalyMode::check_nan) check_nan(*node, out);
    if (!options_.keep_graph) node->release_saved();
    for (size_t i = 0; i < node->next.size(); ++i) {
      const Edge& e = node->next[i];
      if (!e.node) continue;
      int32_t target = table_.find(e.node.get());
      if (!useful(target)) continue;
      if (i < out.size()) add_gradient(target, e.input_nr, std::move(out[i]));
      if (--table_.states[target].dependencies == 0) push(target);
    }
  }

  const BackwardOptions& options_;
  NodeTable table_;
  std::vector<Ref<Node>> keep_;
  std::vector<int32_t> ready_;
  std::vector<Capture> captures_;
  TensorList results_;
};

}  // namespace

const Node* current_node() { return running; }
bool drops_saved() { return dropping; }

void queue_backward_callback(std::function<void()> callback) {
  RL_CHECK(depth > 0, "Final callbacks can only be installed during backward pass.");
  callbacks.push_back(std::move(callback));
}

TensorList run_backward(const std::vector<Edge>& roots, TensorList grads,
                        const BackwardOptions& options) {
  GradModeGuard mode(options.create_graph);
  struct Depth {
    explicit Depth(bool drops) : before(dropping) {
      dropping = drops;
      ++depth;
    }
    ~Depth() {
      dropping = before;
      if (--depth == 0) callbacks.clear();
    }
    bool before;
  } counted(!options.keep_graph);
  BackwardRun run(roots, options);
  TensorList out = run.run(roots, std::move(grads));
  if (depth == 1) {
    for (size_t i = 0; i < callbacks.size(); ++i) {
      std::function<void()> callback = callbacks[i];
      callback();
    }
  }
  return out;
}

}  // namespace rl
