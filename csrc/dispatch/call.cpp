// Running an operator: shape rule, kernel, view bookkeeping and the graph.
#include "dispatch/call.h"

#include "cpu/pointwise.h"
#include "dispatch/autocast.h"
#include "dispatch/op_node.h"
#include "dispatch/promotion.h"

namespace rl {

namespace {

bool any_requires_grad(const Op& op, const Value* args) {
  for (int i : op.tensor_args) {
    if (auto* t = std::get_if<Tensor>(&args[i])) {
      if (t->defined() && requires_grad(*t)) return true;
    } else if (auto* list = std::get_if<TensorList>(&args[i])) {
      for (const Tensor& e : *list) {
        if (e.defined() && requires_grad(e)) return true;
      }
    }
  }
  return false;
}

Device device_of(const Op& op, const Value* args) {
  Device device;
  bool found = false;
  for (int i : op.tensor_args) {
    if (auto* t = std::get_if<Tensor>(&args[i])) {
      if (t->defined() && (!found || (*t)->sizes.ndim() > 0)) {
        if (t->ndim() > 0 || !found) device = t->device();
        found = true;
        if (t->ndim() > 0) return device;
      }
    } else if (auto* list = std::get_if<TensorList>(&args[i])) {
      for (const Tensor& e : *list) {
        if (e.defined()) return e.device();
      }
    }
  }
  return device;
}

Tensor make_result(const TensorSpec& spec, Device device) {
  return spec.strides ? empty_strided(spec.sizes, *spec.strides, spec.dtype, device)
                      : empty(spec.sizes, spec.dtype, device);
}

void run_kernel(const Op& op, Value* args, Value* results) {
  if (op.pointwise) {
    Tensor out;
    if (run_plain_pointwise(op, args, out)) {
      results[0] = std::move(out);
      return;
    }
  }
  size_t n = op.schema.returns.size();
  TensorSpec specs[kMaxResults];
  if (op.pointwise) {
    infer_pointwise(op, args, specs);
  } else {
    op.infer.entry(op, op.infer.fn, args, specs);
  }
  Device device = device_of(op, args);
  for (size_t i = 0; i < n; ++i) results[i] = make_result(specs[i], device);
  if (device.type == DeviceType::Meta) return;
  if (op.pointwise) {
    run_pointwise(op, args, std::get<Tensor>(results[0]));
    return;
  }
  RL_CHECK_KIND(NotImplemented, device.type == DeviceType::CPU && op.cpu, op.schema.name,
                ": no kernel for device ", device_name(device));
  for (size_t i = 0; i < n; ++i) args[op.schema.args.size() + i] = results[i];
  op.cpu.entry(op, op.cpu.fn, args, results + n);
}

// Did the operator take over an open step? If not, the steps that it must not leave open are run.
bool settle_open(const Op& op, const Value* args, Value& result) {
  if (op.join && op.join(args, nullptr, result)) return true;
  if (!op.leaves_open) Storage::finish_open();
  return false;
}
bool settle_open_inplace(const Op& op, const Value* args, const Tensor& self) {
  Value result;
  if (op.join && op.join(args, &self, result)) return true;
  self.storage()->raw_data();  // finished first: others may be made of it
  Storage::finish_open(op.join ? self.storage().get() : nullptr);
  return false;
}

// The part below the graph.
void run(const Op& op, Value* args, Value* results) {
  if (op.composite && !op.view && !op.direct) {
    op.composite.entry(op, op.composite.fn, args, results);
    return;
  }
  if (Storage::any_open() && settle_open(op, args, results[0])) return;
  if (op.view) {
    op.view.entry(op, op.view.fn, args, results);
  } else if (op.direct) {
    op.direct.entry(op, op.direct.fn, args, results);
  } else {
    run_kernel(op, args, results);
  }
}

void mark_view_results(const Op& op, const Value* args, const Value* results) {
  using Creation = AutogradMeta::Creation;
  const Tensor& base = Unbox<Tensor>::get(args[0]);
  Creation creation = !GradMode::enabled()     ? Creation::NoGrad
                      : op.multi_output_view   ? Creation::MultiOutput
                      : op.schema.returns_list ? Creation::MultiOutput
                                               : Creation::Default;
  for (size_t i = 0; i < op.schema.returns.size(); ++i) {
    if (auto* t = std::get_if<Tensor>(&results[i])) {
      mark_view(*t, base, creation);
    } else if (auto* list = std::get_if<TensorList>(&results[i])) {
      for (const Tensor& e : *list) mark_view(e, base, creation);
    }
  }
}

void attach_history(const Ref<OpNode>& node, const Op& op, const Value* results) {
  Ref<Node> base(node.get());
  if (auto* list = std::get_if<TensorList>(&results[0])) {
    node->num_inputs = uint32_t(list->size());
    node->outputs.resize(list->size());
    for (size_t i = 0; i < list->size(); ++i) {
      if (is_differentiable((*list)[i].dtype())) set_history((*list)[i], base, uint32_t(i));
    }
  } else {
    for (size_t i = 0; i < op.schema.returns.size(); ++i) {
      auto* t = std::get_if<Tensor>(&results[i]);
      if (t && t->defined() && is_differentiable(t->dtype())) set_history(*t, base, uint32_t(i));
    }
  }
  node->save_results(results);
}

bool results_differentiable(const Op& op, const Value* results) {
  for (size_t i = 0; i < op.schema.returns.size(); ++i) {
    if (auto* t = std::get_if<Tensor>(&results[i])) {
      if (t->defined() && is_differentiable(t->dtype())) return true;
    } else if (std::holds_alternative<TensorList>(results[i])) {
      return true;
    }
  }
  return false;
}

void mark_inference(const Op& op, Value* results) {
  for (size_t i = 0; i < op.schema.returns.size(); ++i) {
    if (auto* t = std::get_if<Tensor>(&results[i])) {
      if (t->defined() && !op.view) (*t)->is_inference = true;
    } else if (auto* list = std::get_if<TensorList>(&results[i])) {
      if (!op.view) {
        for (const Tensor& e : *list) e->is_inference = true;
      }
    }
  }
}

bool overlaps_itself(const Tensor& t) {
  if (t.is_contiguous()) return false;
  for (int i = 0; i < t.ndim(); ++i) {
    if (t.strides()[i] == 0 && t.sizes()[i] > 1) return true;
  }
  return false;
}

void check_writable(const Tensor& t) {
  RL_CHECK(!overlaps_itself(t),
           "unsupported operation: more than one element of the written-to tensor refers to a "
           "single memory location. Please clone() the tensor before performing the operation.");
}

void check_cast(DType from, DType to) {
  bool ok = !(is_complex(from) && !is_complex(to)) &&
            !(is_floating(from) && is_integral(to, true)) &&
            !(from != DType::Bool && to == DType::Bool);
  RL_CHECK(ok, "result type ", dtype_word(from), " can't be cast to the desired output type ",
           dtype_word(to));
}

// An input that shares memory with `out` without being the very same window would be read after
// it was written.
void separate_inputs(const Op& op, Value* args, const Tensor& out) {
  for (int i : op.tensor_args) {
    auto* t = std::get_if<Tensor>(&args[i]);
    if (!t || !t->defined() || t->same(out) || !(t->storage() == out.storage())) continue;
    bool same = t->offset() == out.offset() && t->strides() == out.strides() &&
                t->sizes() == out.sizes() && t->dtype() == out.dtype();
    if (!same) *t = call<"clone">(*t);
  }
}

void write_into(const Op& op, Value* args, const Tensor& self) {
  if (op.pointwise) {
    Tensor out = self;
    if (run_plain_pointwise(op, args, out)) return;
    TensorSpec spec;
    infer_pointwise(op, args, &spec);
    RL_CHECK(spec.sizes == self.sizes(), "output with shape ", self.sizes(),
             " doesn't match the broadcast shape ", spec.sizes);
    check_cast(spec.dtype, self.dtype());
    if (self.is_meta()) return;
    separate_inputs(op, args, self);
    run_pointwise(op, args, self);
    return;
  }
  if (op.elementwise && op.infer) {
    TensorSpec spec;
    op.infer.entry(op, op.infer.fn, args, &spec);
    if (spec.sizes == self.sizes() && spec.dtype == self.dtype() && self.is_contiguous() &&
        !self.is_meta()) {
      separate_inputs(op, args, self);
      args[op.schema.args.size()] = self;
      Value rest[kMaxResults];
      op.cpu.entry(op, op.cpu.fn, args, rest);
      return;
    }
  }
  Value results[kMaxResults];
  run(op, args, results);
  const Tensor& made = Unbox<Tensor>::get(results[0]);
  RL_CHECK(made.sizes() == self.sizes(), "output with shape ", self.sizes(),
           " doesn't match the broadcast shape ", made.sizes());
  check_cast(made.dtype(), self.dtype());
  call<"copy_">(self, made);
}

}  // namespace

void call_op(const Op& op, Value* args, Value* results) {
  if (op.mutated_arg >= 0) {
    call_op_inplace(op, args, results);
    return;
  }
  if (Autocast::active()) {
    if (const CastPolicy policy = cast_policy(op); policy != CastPolicy::None) {
      const AutocastPause pause;
      autocast_arguments(op, policy, args);
      call_op(op, args, results);
      return;
    }
  }
  bool record = GradMode::enabled() && any_requires_grad(op, args);
  if (op.composite && (op.grads.empty() || !record)) {
    op.composite.entry(op, op.composite.fn, args, results);
    return;
  }
  if (!record) {
    run(op, args, results);
    if (op.view) mark_view_results(op, args, results);
    if (GradMode::inference()) mark_inference(op, results);
    return;
  }
  Ref<OpNode> node;
  if (!op.grads.empty()) node = make_ref<OpNode>(op, args, false);
  {
    GradModeGuard off(false);
    run(op, args, results);
  }
  if (op.view) mark_view_results(op, args, results);
  if (!node) {
    if (op.no_grad || !results_differentiable(op, results)) return;
    node = make_ref<OpNode>(op, args, false);
  }
  attach_history(node, op, results);
}

void call_op_inplace(const Op& op, Value* args, Value* results) {
  Tensor self = Unbox<Tensor>::get(args[std::max(op.mutated_arg, 0)]);
  bool record = GradMode::enabled() && any_requires_grad(op, args);
  bool mutates = op.mutated_arg >= 0;
  check_inplace(self, record);
  check_writable(self);
  Ref<OpNode> node;
  if (record && op.composite && op.grads.empty() && !mutates) {
    // Its parts may save what they get, which the result is about to overwrite.
    args[0] = call<"clone">(self);
    op.composite.entry(op, op.composite.fn, args, results);
    call<"copy_">(self, Unbox<Tensor>::get(results[0]));
    results[0] = self;
    return;
  }
  if (record && !op.grads.empty()) node = make_ref<OpNode>(op, args, true);
  uint32_t version = self->version();
  {
    GradModeGuard off(false);
    if (mutates) {
      run(op, args, results);
    } else if (!Storage::any_open() || !settle_open_inplace(op, args, self)) {
      write_into(op, args, self);
    }
  }
  self->version_counter()->value = version + 1;  // one change, however many steps it took inside
  ++self.storage()->changes;
  if (node) {
    rebase_history(self, Ref<Node>(node.get()));
  }
  results[0] = self;
  if (node) node->save_results(results);
}

void call_op_out(const Op& op, Value* args, const TensorList& outs, Value* results) {
  if (GradMode::enabled()) {
    bool wanted = any_requires_grad(op, args);
    for (const Tensor& t : outs) wanted |= requires_grad(t);
    RL_CHECK(
        !wanted, op.schema.name,
        "(): functions with out=... arguments don't support automatic differentiation, but one "
        "of the arguments requires grad.");
  }
  Storage::finish_open();
  if (op.pointwise && outs.size() == 1) {
    const Tensor& out = outs[0];
    TensorSpec spec;
    infer_pointwise(op, args, &spec);
    check_cast(spec.dtype, out.dtype());
    if (out.sizes() != spec.sizes) {
      separate_inputs(op, args, out);
      resize_tensor(out, spec.sizes);
    }
    check_writable(out);
    if (!out.is_meta()) {
      separate_inputs(op, args, out);
      run_pointwise(op, args, out);
    }
  } else {
    run(op, args, results);
    TensorList made;
    if (auto* list = std::get_if<TensorList>(&results[0])) {
      made = *list;
    } else {
      for (size_t i = 0; i < op.schema.returns.size(); ++i) {
        made.push_back(Unbox<Tensor>::get(results[i]));
      }
    }
    RL_CHECK(made.size() == outs.size(), op.schema.name, ": out= needs ", made.size(), " tensors");
    for (size_t i = 0; i < outs.size(); ++i) {
      check_cast(made[i].dtype(), outs[i].dtype());
      if (outs[i].sizes() != made[i].sizes()) resize_tensor(outs[i], made[i].sizes());
      call<"copy_">(outs[i], made[i]);
    }
  }
  for (size_t i = 0; i < outs.size(); ++i) {
    outs[i]->bump_version();
    results[i] = outs[i];
  }
}

}  // namespace rl
