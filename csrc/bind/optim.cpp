// _optim_sgd_(group, state) and its like: one call updates all parameters of an optimizer's group.
// They read the group's options and the parameters' state where Python keeps them, and answer
// False, having changed nothing, when the group needs the rule written in Python: state that does
// not exist yet, element types without a kernel, memory in different orders.
#include "cpu/optim.h"

#include <cmath>

#include "bind/python.h"

namespace rl {

namespace {

PyObject* interned(const char* text) { return PyUnicode_InternFromString(text); }

// Numbers and switches of a group.
class Group {
 public:
  explicit Group(PyObject* dict) : dict_(dict) {}

  PyObject* get(PyObject* name) const {
    PyObject* found = PyDict_GetItemWithError(dict_, name);
    if (!found && PyErr_Occurred()) throw PythonError();
    return found;
  }
  double number(PyObject* name) const {
    PyObject* found = get(name);
    RL_CHECK_KIND(Type, found, "the optimizer's group has no option ", PyUnicode_AsUTF8(name));
    return to_number(found);
  }
  bool flag(PyObject* name) const {
    PyObject* found = get(name);
    if (!found || found == Py_None || found == Py_False) return false;
    if (found == Py_True) return true;
    int truth = PyObject_IsTrue(found);
    if (truth < 0) throw PythonError();
    return truth;
  }
  void pair(PyObject* name, double* first, double* second) const {
    PyObject* found = get(name);
    PyRef items(check(found ? PySequence_Fast(found, "betas must be a pair") : nullptr));
    RL_CHECK_KIND(Value, PySequence_Fast_GET_SIZE(items.get()) == 2, "betas must be a pair");
    *first = to_number(PySequence_Fast_GET_ITEM(items.get(), 0));
    *second = to_number(PySequence_Fast_GET_ITEM(items.get(), 1));
  }

 private:
  static double to_number(PyObject* o) {
    if (PyFloat_CheckExact(o)) return PyFloat_AS_DOUBLE(o);
    if (is_tensor(o)) return item(unwrap(o)).to_double();
    const double value = PyFloat_AsDouble(o);
    if (value == -1 && PyErr_Occurred()) throw PythonError();
    return value;
  }

  PyObject* dict_;
};

// The options' names, made once.
struct Names {
  PyObject* params = interned("params");
  PyObject* lr = interned("lr");
  PyObject* weight_decay = interned("weight_decay");
  PyObject* eps = interned("eps");
  PyObject* maximize = interned("maximize");
  PyObject* momentum = interned("momentum");
  PyObject* dampening = interned("dampening");
  PyObject* nesterov = interned("nesterov");
  PyObject* betas = interned("betas");
  PyObject* amsgrad = interned("amsgrad");
  PyObject* decoupled = interned("decoupled_weight_decay");
  PyObject* alpha = interned("alpha");
  PyObject* rho = interned("rho");
  PyObject* centered = interned("centered");
  PyObject* lr_decay = interned("lr_decay");
  PyObject* momentum_decay = interned("momentum_decay");
  PyObject* step = interned("step");
  PyObject* momentum_buffer = interned("momentum_buffer");
  PyObject* exp_avg = interned("exp_avg");
  PyObject* exp_avg_sq = interned("exp_avg_sq");
  PyObject* max_exp_avg_sq = interned("max_exp_avg_sq");
  PyObject* exp_inf = interned("exp_inf");
  PyObject* square_avg = interned("square_avg");
  PyObject* grad_avg = interned("grad_avg");
  PyObject* acc_delta = interned("acc_delta");
  PyObject* sum = interned("sum");
  PyObject* mu_product = interned("mu_product");
  PyObject* prev = interned("prev");
  PyObject* step_size = interned("step_size");
  PyObject* etas = interned("etas");
  PyObject* step_sizes = interned("step_sizes");
  PyObject* eta = interned("eta");
  PyObject* mu = interned("mu");
  PyObject* ax = interned("ax");
  PyObject* lambd = interned("lambd");
  PyObject* t0 = interned("t0");
};
const Names& names() {
  static const Names all;
  return all;
}

// Dense without holes: every element of the storage between the first and the last is used once.
bool is_dense(const Tensor& t) {
  if (t.is_contiguous() || t.numel() == 0) return true;
  int64_t extent = 1;
  for (int i = 0; i < t.ndim(); ++i) {
    if (t.strides()[i] <= 0) return false;
    extent += (t.sizes()[i] - 1) * t.strides()[i];
  }
  if (extent != t.numel()) return false;
  // A set of distinct positive strides that just fills its extent; check the order of dimensions.
  Dims order(size_t(t.ndim()));
  for (int i = 0; i < t.ndim(); ++i) order[i] = i;
  std::sort(order.begin(), order.end(),
            [&](int64_t a, int64_t b) { return t.strides()[a] < t.strides()[b]; });
  int64_t expected = 1;
  for (int64_t d : order) {
    if (t.sizes()[d] == 1) continue;
    if (t.strides()[d] != expected) return false;
    expected *= t.sizes()[d];
  }
  return true;
}

// Do both lie in memory element by element in the same order?
bool aligned(const Tensor& a, const Tensor& b) {
  if (a.dtype() != b.dtype() || !(a.sizes() == b.sizes())) return false;
  if (a.numel() == 0 || (a.is_contiguous() && b.is_contiguous())) return true;
  return a.strides() == b.strides();
}

bool is_plain(const Tensor& t) { return t.device().type == DeviceType::CPU && !t->is_inference; }

// A one-element float32 or float64 counter such as state["step"].
class Counter {
 public:
  static bool usable(const Tensor& t) {
    return t.numel() == 1 && is_plain(t) && !t->requires_grad &&
           (t.dtype() == DType::Float32 || t.dtype() == DType::Float64);
  }
  static double read(const Tensor& t) {
    return t.dtype() == DType::Float32 ? double(*t.data<float>()) : *t.data<double>();
  }
  static void write(const Tensor& t, double value) {
    if (t.dtype() == DType::Float32) {
      *t.data<float>() = float(value);
    } else {
      *t.data<double>() = value;
    }
    t->bump_version();
  }
};

// The parameters of a group that have a gradient, with their state.
struct Work {
  struct Entry {
    Tensor param, grad;
    Tensor state[3];
    Tensor step, extra[2];
  };
  std::vector<Entry> entries;
  bool wide = false;
};

Tensor state_tensor(PyObject* dict, PyObject* name) {
  PyObject* found = PyDict_GetItemWithError(dict, name);
  if (!found && PyErr_Occurred()) throw PythonError();
  return found && is_tensor(found) ? unwrap(found) : Tensor();
}

// Which entries of a parameter's state a rule uses; null names are not used.
struct Wanted {
  PyObject* state[3] = {nullptr, nullptr, nullptr};
  PyObject* step = nullptr;
  PyObject* extra[2] = {nullptr, nullptr};
  bool any() const { return step || state[0]; }
};

bool add_state(PyObject* values, const Wanted& wanted, Work::Entry& e) {
  for (int i = 0; i < 3; ++i) {
    if (!wanted.state[i]) continue;
    e.state[i] = state_tensor(values, wanted.state[i]);
    if (!e.state[i].defined() || !is_plain(e.state[i]) || e.state[i]->requires_grad ||
        !aligned(e.param, e.state[i])) {
      return false;
    }
  }
  for (auto [name, slot] : {std::pair{wanted.step, &e.step},
                            {wanted.extra[0], &e.extra[0]},
                            {wanted.extra[1], &e.extra[1]}}) {
    if (!name) continue;
    *slot = state_tensor(values, name);
    if (!slot->defined() || !Counter::usable(*slot)) return false;
  }
  return true;
}

// False: the group is not for us.
bool collect(PyObject* params, PyObject* state, const Wanted& wanted, Work& work) {
  RL_CHECK_KIND(Type, params && PyList_Check(params), "the group's params must be a list");
  const Py_ssize_t n = PyList_GET_SIZE(params);
  work.entries.reserve(size_t(n));
  for (Py_ssize_t i = 0; i < n; ++i) {
    PyObject* object = PyList_GET_ITEM(params, i);
    if (!is_tensor(object)) return false;
    Tensor param = unwrap(object);
    AutogradMeta* meta = autograd_meta(param);
    if (!meta || !meta->grad.defined()) continue;
    const DType dtype = param.dtype();
    if (dtype != DType::Float32 && dtype != DType::Float64) return false;
    const bool wide = dtype == DType::Float64;
    if (work.entries.empty()) work.wide = wide;
    if (wide != work.wide || !is_plain(param) || !is_plain(meta->grad) || !is_dense(param) ||
        !aligned(param, meta->grad)) {
      return false;
    }
    Work::Entry& e = work.entries.emplace_back();
    e.param = std::move(param);
    e.grad = meta->grad;
    if (!wanted.any()) continue;
    PyObject* values = PyDict_GetItemWithError(state, object);
    if (!values && PyErr_Occurred()) throw PythonError();
    if (!values || !PyDict_Check(values) || !add_state(values, wanted, e)) return false;
  }
  return true;
}

// Runs the rule. per_step(t, entry, factors) gives what depends on the step just counted.
template <class F>
void run(OptimRule rule, Work& work, const OptimOptions& options, F per_step) {
  std::vector<OptimSlice> slices;
  slices.reserve(work.entries.size());
  double last_t = -1;
  for (Work::Entry& e : work.entries) {
    OptimSlice& s = slices.emplace_back();
    s.param = e.param.data();
    s.grad = e.grad.data();
    s.numel = e.param.numel();
    for (int i = 0; i < 3; ++i) s.state[i] = e.state[i].defined() ? e.state[i].data() : nullptr;
    if (!e.step.defined()) continue;
    const double t = Counter::read(e.step) + 1;
    Counter::write(e.step, t);
    if (t == last_t && !e.extra[0].defined()) {
      std::copy_n(slices[slices.size() - 2].factor, 3, s.factor);  // parameters mostly go together
    } else {
      per_step(t, e, s.factor);
    }
    last_t = t;
  }
  Storage::finish_open();
  optim_step(rule, work.wide, slices, options);
  for (Work::Entry& e : work.entries) {
    e.param->bump_version();
    for (Tensor& t : e.state) {
      if (t.defined()) t->bump_version();
    }
  }
}
void no_factors(double, Work::Entry&, double*) {}

OptimOptions common_options(const Group& group) {
  const Names& n = names();
  OptimOptions o;
  o.lr = group.number(n.lr);
  if (group.get(n.weight_decay)) o.weight_decay = group.number(n.weight_decay);
  o.maximize = group.flag(n.maximize);
  return o;
}

bool sgd(const Group& group, PyObject* state) {
  const Names& n = names();
  OptimOptions o = common_options(group);
  o.a = group.number(n.momentum);
  o.b = 1 - group.number(n.dampening);
  o.nesterov = group.flag(n.nesterov);
  Wanted wanted;
  if (o.a != 0) wanted.state[0] = n.momentum_buffer;
  Work work;
  if (!collect(group.get(n.params), state, wanted, work)) return false;
  run(OptimRule::Sgd, work, o, no_factors);
  return true;
}

bool adam(const Group& group, PyObject* state) {
  const Names& n = names();
  OptimOptions o = common_options(group);
  o.eps = group.number(n.eps);
  group.pair(n.betas, &o.a, &o.b);
  o.decoupled = group.flag(n.decoupled);
  Wanted wanted{{n.exp_avg, n.exp_avg_sq, group.flag(n.amsgrad) ? n.max_exp_avg_sq : nullptr}};
  wanted.step = n.step;
  Work work;
  if (!collect(group.get(n.params), state, wanted, work)) return false;
  run(OptimRule::Adam, work, o, [&](double t, Work::Entry&, double* factor) {
    factor[0] = -(o.lr / (1 - std::pow(o.a, t)));
    factor[1] = std::sqrt(1 - std::pow(o.b, t));
  });
  return true;
}

bool rmsprop(const Group& group, PyObject* state) {
  const Names& n = names();
  OptimOptions o = common_options(group);
  o.eps = group.number(n.eps);
  o.a = group.number(n.alpha);
  o.b = group.number(n.momentum);
  Wanted wanted{{n.square_avg, o.b > 0 ? n.momentum_buffer : nullptr,
                 group.flag(n.centered) ? n.grad_avg : nullptr}};
  wanted.step = n.step;
  Work work;
  if (!collect(group.get(n.params), state, wanted, work)) return false;
  run(OptimRule::RMSprop, work, o, no_factors);
  return true;
}

bool adagrad(const Group& group, PyObject* state) {
  const Names& n = names();
  OptimOptions o = common_options(group);
  o.eps = group.number(n.eps);
  const double lr_decay = group.number(n.lr_decay);
  Wanted wanted{{n.sum}};
  wanted.step = n.step;
  Work work;
  if (!collect(group.get(n.params), state, wanted, work)) return false;
  run(OptimRule::Adagrad, work, o, [&](double t, Work::Entry&, double* factor) {
    factor[0] = -(o.lr / (1 + (t - 1) * lr_decay));
  });
  return true;
}

bool adadelta(const Group& group, PyObject* state) {
  const Names& n = names();
  OptimOptions o = common_options(group);
  o.eps = group.number(n.eps);
  o.a = group.number(n.rho);
  Wanted wanted{{n.square_avg, n.acc_delta}};
  wanted.step = n.step;
  Work work;
  if (!collect(group.get(n.params), state, wanted, work)) return false;
  run(OptimRule::Adadelta, work, o, no_factors);
  return true;
}

bool adamax(const Group& group, PyObject* state) {
  const Names& n = names();
  OptimOptions o = common_options(group);
  o.eps = group.number(n.eps);
  group.pair(n.betas, &o.a, &o.b);
  Wanted wanted{{n.exp_avg, n.exp_inf}};
  wanted.step = n.step;
  Work work;
  if (!collect(group.get(n.params), state, wanted, work)) return false;
  run(OptimRule::Adamax, work, o, [&](double t, Work::Entry&, double* factor) {
    factor[0] = -(o.lr / (1 - std::pow(o.a, t)));
  });
  return true;
}

bool nadam(const Group& group, PyObject* state) {
  const Names& n = names();
  OptimOptions o = common_options(group);
  o.eps = group.number(n.eps);
  group.pair(n.betas, &o.a, &o.b);
  o.decoupled = group.flag(n.decoupled);
  const double decay = group.number(n.momentum_decay);
  Wanted wanted{{n.exp_avg, n.exp_avg_sq}};
  wanted.step = n.step;
  wanted.extra[0] = n.mu_product;
  Work work;
  if (!collect(group.get(n.params), state, wanted, work)) return false;
  run(OptimRule::NAdam, work, o, [&](double t, Work::Entry& e, double* factor) {
    const double mu = o.a * (1 - 0.5 * std::pow(0.96, t * decay));
    const double mu_next = o.a * (1 - 0.5 * std::pow(0.96, (t + 1) * decay));
    // Multiplied in the counter's own precision, as the Python rule does.
    const double before = Counter::read(e.extra[0]);
    const bool narrow = e.extra[0].dtype() == DType::Float32;
    Counter::write(e.extra[0], narrow ? double(float(before) * float(mu)) : before * mu);
    const double product = Counter::read(e.extra[0]);
    factor[0] = -o.lr * (1 - mu) / (1 - product);
    factor[1] = (-o.lr * mu_next) / (1 - product * mu_next);
    factor[2] = 1 - std::pow(o.b, t);
  });
  return true;
}

bool radam(const Group& group, PyObject* state) {
  const Names& n = names();
  OptimOptions o = common_options(group);
  o.eps = group.number(n.eps);
  group.pair(n.betas, &o.a, &o.b);
  o.decoupled = group.flag(n.decoupled);
  Wanted wanted{{n.exp_avg, n.exp_avg_sq}};
  wanted.step = n.step;
  Work work;
  if (!collect(group.get(n.params), state, wanted, work)) return false;
  const double longest = 2 / (1 - o.b) - 1;
  run(OptimRule::RAdam, work, o, [&](double t, Work::Entry&, double* factor) {
    const double correction = 1 - std::pow(o.b, t);
    const double rho = longest - 2 * t * std::pow(o.b, t) / correction;
    factor[0] = 1 - std::pow(o.a, t);
    factor[1] = factor[2] = 0;
    if (rho <= 5) return;
    factor[1] = std::sqrt(correction);
    factor[2] = std::sqrt((rho - 4) * (rho - 2) * longest / ((longest - 4) * (longest - 2) * rho));
  });
  return true;
}

bool rprop(const Group& group, PyObject* state) {
  const Names& n = names();
  OptimOptions o = common_options(group);
  group.pair(n.etas, &o.a, &o.b);
  double least, most;
  group.pair(n.step_sizes, &least, &most);
  Wanted wanted{{n.prev, n.step_size}};
  wanted.step = n.step;
  Work work;
  if (!collect(group.get(n.params), state, wanted, work)) return false;
  run(OptimRule::Rprop, work, o, [&](double, Work::Entry&, double* factor) {
    factor[0] = least;
    factor[1] = most;
  });
  return true;
}

bool asgd(const Group& group, PyObject* state) {
  const Names& n = names();
  OptimOptions o = common_options(group);
  const double lambd = group.number(n.lambd), alpha = group.number(n.alpha);
  const double t0 = group.number(n.t0);
  Wanted wanted{{n.ax}};
  wanted.step = n.step;
  wanted.extra[0] = n.eta;
  wanted.extra[1] = n.mu;
  Work work;
  if (!collect(group.get(n.params), state, wanted, work)) return false;
  run(OptimRule::ASGD, work, o, [&](double t, Work::Entry& e, double* factor) {
    const double eta = Counter::read(e.extra[0]);
    factor[0] = 1 - lambd * eta;
    factor[1] = -eta;
    factor[2] = Counter::read(e.extra[1]);
    Counter::write(e.extra[0], o.lr / std::pow(1 + lambd * o.lr * t, alpha));
    Counter::write(e.extra[1], 1 / std::max(1.0, t - t0));
  });
  return true;
}

template <bool (*Step)(const Group&, PyObject*)>
PyObject* entry(PyObject*, PyObject* const* args, Py_ssize_t nargs) {
  return guarded([&]() -> PyObject* {
    RL_CHECK_KIND(Type, nargs == 2 && PyDict_Check(args[0]) && PyDict_Check(args[1]),
                  "expected a parameter group and the optimizer's state");
    return PyBool_FromLong(Step(Group(args[0]), args[1]));
  });
}

// _zero_grads(params): forgets the gradients of a list of tensors.
PyObject* zero_grads(PyObject*, PyObject* params) {
  return guarded([&]() -> PyObject* {
    PyRef items(check(PySequence_Fast(params, "_zero_grads expects a list of tensors")));
    for (Py_ssize_t i = 0; i < PySequence_Fast_GET_SIZE(items.get()); ++i) {
      Tensor t = require_tensor(PySequence_Fast_GET_ITEM(items.get(), i), "_zero_grads");
      if (AutogradMeta* meta = autograd_meta(t)) meta->grad = Tensor();
    }
    Py_RETURN_NONE;
  });
}

template <bool (*Step)(const Group&, PyObject*)>
constexpr PyCFunction fast_entry() {
  return reinterpret_cast<PyCFunction>(reinterpret_cast<void (*)()>(entry<Step>));
}

}  // namespace

void init_optim(PyObject* module) {
  static constexpr const char* doc = "(group, state) -> whether the step was done";
  static PyMethodDef functions[] = {
      {"_optim_sgd_", fast_entry<sgd>(), METH_FASTCALL, doc},
      {"_optim_adam_", fast_entry<adam>(), METH_FASTCALL, doc},
      {"_optim_rmsprop_", fast_entry<rmsprop>(), METH_FASTCALL, doc},
      {"_optim_adagrad_", fast_entry<adagrad>(), METH_FASTCALL, doc},
      {"_optim_adadelta_", fast_entry<adadelta>(), METH_FASTCALL, doc},
      {"_optim_adamax_", fast_entry<adamax>(), METH_FASTCALL, doc},
      {"_optim_nadam_", fast_entry<nadam>(), METH_FASTCALL, doc},
      {"_optim_radam_", fast_entry<radam>(), METH_FASTCALL, doc},
      {"_optim_rprop_", fast_entry<rprop>(), METH_FASTCALL, doc},
      {"_optim_asgd_", fast_entry<asgd>(), METH_FASTCALL, doc},
      {"_zero_grads", zero_grads, METH_O, "Forgets the gradients of a list of tensors."},
      {nullptr, nullptr, 0, nullptr}};
  add_functions(module, functions);
}

}  // namespace rl
