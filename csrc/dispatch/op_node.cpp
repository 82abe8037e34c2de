#include "dispatch/op_node.h"

#include <cstring>

#include "dispatch/autocast.h"
#include "dispatch/call.h"

namespace rl {

namespace {

int arg_index(const Op& op, const char* name) {
  for (size_t i = 0; i < op.schema.args.size(); ++i) {
    if (op.schema.args[i].name == name) return int(i);
  }
  fail(ErrorKind::Runtime, "gradient of ", op.schema.full_name(), " asks for unknown '", name, "'");
}

Tensor fit(Tensor grad, const Dims& sizes, DType dtype) {
  if (!grad.defined()) return grad;
  if (grad.sizes() != sizes && expandable(sizes, grad.sizes())) grad = sum_to_size(grad, sizes);
  if (grad.dtype() != dtype && dtype != DType::Undefined) {
    if (is_complex(grad.dtype()) && !is_complex(dtype)) grad = call<"real">(grad);
    grad = to_dtype(grad, dtype);
  }
  return grad;
}

}  // namespace

OpNode::OpNode(const Op& op, const Value* args, bool inplace)
    : Node(uint32_t(std::max<size_t>(op.schema.returns.size(), 1))),
      op(op),
      slots(op.schema.args.size()) {
  for (size_t i = 0; i < slots.size(); ++i) {
    Slot& slot = slots[i];
    if (auto* t = std::get_if<Tensor>(&args[i])) {
      slot.first_edge = int(next.size());
      slot.defined = t->defined();
      next.push_back(slot.defined ? gradient_edge(*t) : Edge());
      if (slot.defined) {
        slot.sizes = t->sizes();
        slot.dtype = t->dtype();
      }
    } else if (auto* list = std::get_if<TensorList>(&args[i])) {
      slot.first_edge = int(next.size());
      slot.defined = true;
      slot.list.resize(list->size());
      for (size_t k = 0; k < list->size(); ++k) {
        const Tensor& e = (*list)[k];
        next.push_back(e.defined() ? gradient_edge(e) : Edge());
        if (e.defined()) {
          slot.list[k].sizes = e.sizes();
          slot.list[k].dtype = e.dtype();
        }
      }
    } else {
      slot.value = args[i];
    }
  }
  uint32_t mask = 0;
  for (const GradRule& rule : op.grads) {
    bool needed = false;
    for (int i : rule.inputs) {
      const Slot& slot = slots[i];
      if (slot.first_edge < 0) continue;
      size_t n = slot.list.empty() ? 1 : slot.list.size();
      for (size_t k = 0; k < n && !needed; ++k) {
        needed = size_t(slot.first_edge) + k < next.size() && next[slot.first_edge + k].node;
      }
    }
    if (!needed) continue;
    mask |= rule.saves_inputs;
    saved_results_mask |= rule.saves_results;
  }
  for (size_t i = 0; i < slots.size(); ++i) {
    if (!(mask >> i & 1) || !slots[i].defined) continue;
    if (auto* t = std::get_if<Tensor>(&args[i])) {
      bool overwritten = inplace && i == 0;
      slots[i].saved = SavedTensor(overwritten ? call<"clone">(*t) : *t, false);
    } else if (auto* list = std::get_if<TensorList>(&args[i])) {
      for (size_t k = 0; k < list->size(); ++k) {
        slots[i].list[k].saved = SavedTensor((*list)[k], false);
      }
    }
  }
}

void OpNode::save_results(const Value* values) {
  if (!saved_results_mask) return;
  results.resize(op.schema.returns.size());
  for (size_t i = 0; i < results.size(); ++i) {
    if (saved_results_mask >> i & 1) results[i] = SavedTensor(Unbox<Tensor>::get(values[i]), true);
  }
}

TensorList OpNode::apply(TensorList grads) {
  TensorList out(next.size());
  bool any = false;
  for (const Tensor& g : grads) any |= g.defined();
  if (!any) return out;
  if (op.grads.empty()) {
    fail(ErrorKind::Runtime, "the derivative for '", op.schema.name, "' is not implemented.");
  }
  const AutocastPause as_recorded;
  Ref<Node> self(this);
  GradContext context(*this, self, grads, out);
  for (const GradRule& rule : op.grads) {
    if (rule.single) {
      int edge = slots[rule.inputs[0]].first_edge;
      if (edge < 0 || !needs_input_grad(edge)) continue;
      out[edge] = rule.single(context);
    } else {
      bool needed = false;
      for (int i : rule.inputs) needed |= context.needs(op.schema.args[i].name.c_str());
      if (needed) rule.several(context);
    }
  }
  for (const Slot& slot : slots) {
    if (slot.first_edge < 0) continue;
    if (slot.list.empty()) {
      if (size_t(slot.first_edge) < out.size() && slot.defined) {
        Tensor& g = out[slot.first_edge];
        g = fit(std::move(g), slot.sizes, slot.dtype);
      }
      continue;
    }
    for (size_t k = 0; k < slot.list.size(); ++k) {
      Tensor& g = out[slot.first_edge + k];
      g = fit(std::move(g), slot.list[k].sizes, slot.list[k].dtype);
    }
  }
  return out;
}

void OpNode::release_saved() {
  released = true;
  for (Slot& slot : slots) {
    slot.saved.reset();
    for (auto& e : slot.list) e.saved.reset();
  }
  for (auto& r : results) r.reset();
}

Tensor GradContext::grad(int i) const {
  if (size_t(i) < grads_.size() && grads_[i].defined()) return grads_[i];
  const Node::OutputInfo& info = node_.outputs.at(i);
  return call<"zeros">(info.sizes, info.dtype, Value(), info.device);
}

Tensor GradContext::take_grad() {
  Tensor g = grad();
  if (node_.op.grads.size() == 1 && node_.outputs.size() == 1) grads_[0] = Tensor();
  return g;
}

DType GradContext::result_dtype() const { return node_.outputs.at(0).dtype; }

bool GradContext::needs(const char* arg) const {
  const OpNode::Slot& slot = node_.slots[arg_index(node_.op, arg)];
  if (slot.first_edge < 0) return false;
  size_t n = slot.list.empty() ? 1 : slot.list.size();
  for (size_t k = 0; k < n; ++k) {
    if (node_.needs_input_grad(slot.first_edge + k)) return true;
  }
  return false;
}

Tensor GradContext::tensor(const char* arg) const {
  const OpNode::Slot& slot = node_.slots[arg_index(node_.op, arg)];
  if (!slot.defined) return {};
  return slot.saved.unpack(&node_, self_);
}

TensorList GradContext::tensors(const char* arg) const {
  TensorList out;
  for (auto& e : node_.slots[arg_index(node_.op, arg)].list) {
    out.push_back(e.dtype == DType::Undefined ? Tensor() : e.saved.unpack(&node_, self_));
  }
  return out;
}

Tensor GradContext::result(int i) const {
  if (node_.results.empty()) return {};
  return node_.results[i].unpack(&node_, self_);
}

const Value& GradContext::value(const char* arg) const {
  return node_.slots[arg_index(node_.op, arg)].value;
}
const Dims& GradContext::sizes(const char* arg) const {
  return node_.slots[arg_index(node_.op, arg)].sizes;
}
DType GradContext::dtype(const char* arg) const {
  return node_.slots[arg_index(node_.op, arg)].dtype;
}
bool GradContext::defined(const char* arg) const {
  return node_.slots[arg_index(node_.op, arg)].defined;
}
size_t GradContext::list_size(const char* arg) const {
  return node_.slots[arg_index(node_.op, arg)].list.size();
}
const Dims& GradContext::list_sizes(const char* arg, size_t i) const {
  return node_.slots[arg_index(node_.op, arg)].list[i].sizes;
}
bool GradContext::needs_element(const char* arg, size_t i) const {
  return node_.needs_input_grad(node_.slots[arg_index(node_.op, arg)].first_edge + i);
}

void GradContext::set(const char* arg, Tensor grad) {
  int edge = node_.slots[arg_index(node_.op, arg)].first_edge;
  if (edge >= 0) out_[edge] = std::move(grad);
}
void GradContext::set_element(const char* arg, size_t i, Tensor grad) {
  out_[node_.slots[arg_index(node_.op, arg)].first_edge + i] = std::move(grad);
}

Tensor sum_to_size(const Tensor& t, const Dims& sizes) {
  if (t.sizes() == sizes) return t;
  Dims dims;
  int lead = t.ndim() - sizes.ndim();
  for (int i = 0; i < t.ndim(); ++i) {
    if (i < lead || (sizes[i - lead] == 1 && t.sizes()[i] != 1)) dims.push_back(i);
  }
  Tensor out = dims.empty() ? t : call<"sum.dim_IntList">(t, dims, true);
  return lead > 0 ? call<"view">(contiguous(out), sizes) : out;
}

}  // namespace rl
