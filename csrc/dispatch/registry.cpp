#include <cctype>
#include <unordered_map>

#include "dispatch/call.h"
#include "dispatch/op_node.h"

namespace rl {

namespace {

struct Registry {
  std::unordered_map<std::string, Op*> ops;
  std::unordered_map<std::string, OpGroup*> groups;
  std::vector<OpGroup*> order;
};

Registry& registry() {
  static Registry* r = new Registry;
  return *r;
}

std::string camel(const std::string& name) {
  std::string out;
  bool upper = true;
  for (char c : name) {
    if (c == '_') {
      upper = true;
    } else {
      out += upper ? char(std::toupper((unsigned char)c)) : c;
      upper = false;
    }
  }
  return out;
}

std::vector<std::string> words(const char* text) {
  std::vector<std::string> out;
  std::istringstream in(text);
  for (std::string w; in >> w;) out.push_back(w);
  return out;
}

}  // namespace

int cpu_isa_level() {
#if defined(__x86_64__)
  static const int level = [] {
    __builtin_cpu_init();
    if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq") &&
        __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vl")) {
      return 2;
    }
    return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") ? 1 : 0;
  }();
  return level;
#else
  return 0;
#endif
}

Op* find_op(std::string_view full_name) {
  auto it = registry().ops.find(std::string(full_name));
  return it == registry().ops.end() ? nullptr : it->second;
}

OpGroup* find_group(std::string_view name) {
  auto it = registry().groups.find(std::string(name));
  return it == registry().groups.end() ? nullptr : it->second;
}

const std::vector<OpGroup*>& all_groups() { return registry().order; }

Op& require_op(const char* full_name) {
  Op* op = find_op(full_name);
  RL_CHECK_KIND(NotImplemented, op, "operator ", full_name, " is not available");
  return *op;
}

OpBuilder::OpBuilder(std::string_view schema, int isa_level) {
  Op* op = new Op(schema);
  op->isa_level = isa_level;
  op->node_name = camel(op->schema.name) + "Backward0";
  for (size_t i = 0; i < op->schema.args.size(); ++i) {
    const Argument& a = op->schema.args[i];
    if (a.mutated && op->mutated_arg < 0) op->mutated_arg = int(i);
    if (a.type == ArgType::Tensor || a.type == ArgType::TensorList)
      op->tensor_args.push_back(int(i));
  }
  RL_CHECK(op->schema.args.size() <= kMaxArgs, "too many arguments: ", std::string(schema));
  op_ = op;
  // Of the same operator compiled for several instruction levels, the best that runs here stays.
  if (isa_level > cpu_isa_level()) return;
  Registry& r = registry();
  std::string full = op->schema.full_name();
  auto [it, fresh] = r.ops.try_emplace(full, op);
  if (!fresh) {
    if (it->second->isa_level >= isa_level) return;
    OpGroup* group = r.groups.at(op->schema.name);
    for (Op*& slot : group->overloads) {
      if (slot == it->second) slot = op;
    }
    it->second = op;
    return;
  }
  auto [git, new_group] = r.groups.try_emplace(op->schema.name, nullptr);
  if (new_group) {
    git->second = new OpGroup{op->schema.name, {}, false};
    r.order.push_back(git->second);
  }
  OpGroup& group = *git->second;
  group.overloads.push_back(op);
  auto positional_scalar = [](const Op* o) {
    for (int i = 0; i < o->schema.num_positional; ++i) {
      if (o->schema.args[i].type == ArgType::Scalar) return true;
    }
    return false;
  };
  group.has_scalars =
      group.overloads.size() > 1 &&
      std::any_of(group.overloads.begin(), group.overloads.end(), positional_scalar);
}

GradRule& OpBuilder::add_rule(const char* inputs, const char* saves) {
  GradRule rule;
  for (const std::string& w : words(inputs)) {
    int i = op_->schema.find(w);
    RL_CHECK(i >= 0, op_->schema.full_name(), ": gradient of unknown input ", w);
    rule.inputs.push_back(i);
  }
  for (const std::string& w : words(saves)) {
    int i = op_->schema.find(w);
    if (i >= 0) {
      rule.saves_inputs |= 1u << i;
    } else if (w.starts_with("result")) {
      rule.saves_results |= 1u << (w.size() > 6 ? w[6] - '0' : 0);
    } else {
      fail(ErrorKind::Runtime, op_->schema.full_name(), ": saves unknown ", w);
    }
  }
  op_->grads.push_back(std::move(rule));
  return op_->grads.back();
}

OpBuilder& OpBuilder::grad(const char* input, const char* saves, Tensor (*rule)(GradContext&)) {
  add_rule(input, saves).single = rule;
  return *this;
}
OpBuilder& OpBuilder::grads(const char* inputs, const char* saves, void (*rule)(GradContext&)) {
  add_rule(inputs, saves).several = rule;
  return *this;
}
OpBuilder& OpBuilder::pointwise(const PointwiseSpec& spec) {
  op_->pointwise = &spec;
  op_->elementwise = op_->has_inplace = op_->numbers = true;
  return *this;
}

}  // namespace rl
