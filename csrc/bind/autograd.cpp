// backward, graph nodes and hooks.
#include <Python.h>

#include <cstring>
#include <unordered_map>

#include "autograd/engine.h"
#include "bind/function.h"
#include "bind/python.h"
#include "dispatch/autocast.h"

namespace rl {

PyObject* to_tuple(const TensorList& list) {
  PyObject* tuple = check(PyTuple_New(Py_ssize_t(list.size())));
  for (size_t i = 0; i < list.size(); ++i) PyTuple_SET_ITEM(tuple, Py_ssize_t(i), wrap(list[i]));
  return tuple;
}

void from_sequence(PyObject* o, TensorList& grads, const char* what) {
  PyRef one;
  if (is_tensor(o) || o == Py_None) one = PyRef(check(PyTuple_Pack(1, o)));
  PyRef fast(check(PySequence_Fast(one ? one.get() : o, what)));
  grads.clear();
  for (Py_ssize_t i = 0; i < PySequence_Fast_GET_SIZE(fast.get()); ++i) {
    PyObject* e = PySequence_Fast_GET_ITEM(fast.get(), i);
    RL_CHECK_KIND(Type, e == Py_None || is_tensor(e), what, ": expected Tensor or None, got ",
                  Py_TYPE(e)->tp_name);
    grads.push_back(e == Py_None ? Tensor() : unwrap(e));
  }
}

PyObject* next_functions(const Node& node) {
  PyRef out(check(PyTuple_New(Py_ssize_t(node.next.size()))));
  for (size_t i = 0; i < node.next.size(); ++i) {
    PyRef fn(wrap_node(node.next[i].node));
    PyTuple_SET_ITEM(out.get(), Py_ssize_t(i),
                     Py_BuildValue("(OI)", fn.get(), node.next[i].input_nr));
  }
  return out.release();
}

namespace {

PyTypeObject* node_type;

// ---- graph nodes as Python sees them ----
struct PyNode {
  PyObject_HEAD Node* node;  // owned
};

int64_t next_hook_id = 1;

// The hooks in place, by id: a handle removes its hook wherever the history has put it.
struct PyHook;
std::unordered_map<int64_t, PyHook*>& living_hooks() {
  static auto* map = new std::unordered_map<int64_t, PyHook*>();
  return *map;
}
struct PyHook : Hook {
  explicit PyHook(PyObject* f) : callable(PyRef::borrow(f)), id(next_hook_id++) {
    living_hooks()[id] = this;
  }
  ~PyHook() override { living_hooks().erase(id); }
  void* callable_object() const override { return callable.get(); }
  PyRef callable;  // empty once removed
  const int64_t id;
};

// A Python callable taking one gradient and returning a new one or None.
struct PyTensorHook final : PyHook {
  using PyHook::PyHook;
  void call(TensorList& grads, const TensorList&) override {
    if (!callable) return;
    PyRef arg(wrap(grads[0]));
    PyRef kept = PyRef::borrow(callable.get());
    PyRef r(check(PyObject_CallOneArg(kept.get(), arg.get())));
    if (r.get() == Py_None) return;
    RL_CHECK_KIND(Type, is_tensor(r.get()), "expected Variable, but hook returned '",
                  Py_TYPE(r.get())->tp_name, "'");
    Tensor fresh = unwrap(r.get());
    if (grads[0].defined() && fresh.sizes() != grads[0].sizes()) {
      PyRef name(PyObject_GetAttrString(kept.get(), "__name__"));
      if (!name) PyErr_Clear();
      const char* text =
          name && PyUnicode_Check(name.get()) ? PyUnicode_AsUTF8(name.get()) : "hook";
      throw Error(ErrorKind::Runtime, concat("hook '", text, "' has changed the size of value"),
                  concat("register_hook: the hook got shape ", grads[0].sizes(), " and returned ",
                         fresh.sizes()));
    }
    grads[0] = fresh;
  }
};

// A hook on a node: pre hooks see the gradients of its outputs, post hooks both sides.
struct PyNodeHook final : PyHook {
  PyNodeHook(PyObject* f, bool post) : PyHook(f), post(post) {}
  void call(TensorList& grads, const TensorList& other) override {
    if (!callable) return;
    PyRef first(to_tuple(grads));
    PyRef r(post ? call_post(first, other)
                 : check(PyObject_CallOneArg(callable.get(), first.get())));
    if (r.get() != Py_None) from_sequence(r.get(), grads, "hook");
  }
  PyObject* call_post(const PyRef& first, const TensorList& other) {
    PyRef second(to_tuple(other));
    return check(PyObject_CallFunctionObjArgs(callable.get(), first.get(), second.get(), nullptr));
  }
  bool post;
};

Node& node_of(PyObject* o) {
  if (PyType_IsSubtype(Py_TYPE(o), node_type)) return *reinterpret_cast<PyNode*>(o)->node;
  fail(ErrorKind::Type, "expected a graph node, got ", Py_TYPE(o)->tp_name);
}

void node_dealloc(PyObject* self) {
  auto* n = reinterpret_cast<PyNode*>(self);
  PyTypeObject* type = Py_TYPE(self);
  if (n->node) {
    n->node->pyobj = nullptr;
    n->node->release();
  }
  type->tp_free(self);
  Py_DECREF(type);
}
PyObject* node_repr(PyObject* self) {
  return PyUnicode_FromFormat("<%s object at %p>", std::strrchr(Py_TYPE(self)->tp_name, '.') + 1,
                              self);
}
PyObject* node_metadata(Node& node) {
  if (!node.metadata)
    node.metadata = Ref<RefCounted>(make_ref<PyHolder>(PyRef(check(PyDict_New()))).get());
  return Py_NewRef(static_cast<PyHolder*>(node.metadata.get())->object.get());
}
PyObject* node_call(PyObject* self, PyObject* args, PyObject*) {
  return guarded([&]() -> PyObject* {
    TensorList grads;
    from_sequence(args, grads, "node");
    TensorList out = node_of(self).apply(grads);
    return out.size() == 1 ? wrap(out[0]) : to_tuple(out);
  });
}
PyGetSetDef node_getset[] = {
    {"next_functions",
     [](PyObject* s, void*) { return guarded([&] { return next_functions(node_of(s)); }); },
     nullptr, nullptr, nullptr},
    {"metadata",
     [](PyObject* s, void*) { return guarded([&] { return node_metadata(node_of(s)); }); }, nullptr,
     nullptr, nullptr},
    {"variable",
     [](PyObject* s, void*) -> PyObject* {
       auto* leaf = dynamic_cast<AccumulateGrad*>(&node_of(s));
       if (leaf) return wrap(leaf->variable);
       PyErr_SetString(PyExc_AttributeError, "this node has no attribute 'variable'");
       return nullptr;
     },
     nullptr, nullptr, nullptr},
    {nullptr, nullptr, nullptr, nullptr, nullptr}};
PyObject* node_name(PyObject* s, PyObject*) {
  return PyUnicode_FromString(node_of(s).name().c_str());
}
PyObject* sequence_number(PyObject* s, PyObject*) {
  return PyLong_FromUnsignedLongLong(node_of(s).sequence);
}
PyMethodDef node_methods[] = {{"name", node_name, METH_NOARGS, "Name of the node."},
                              {"_sequence_nr", sequence_number, METH_NOARGS,
                               "When the node was made, as a number that grows."},
                              {nullptr, nullptr, 0, nullptr}};

// ---- backward ----
TensorList tensor_args(PyObject* o, const char* what) {
  TensorList list;
  from_sequence(o, list, what);
  return list;
}

Node& any_node(PyObject* o) {
  if (is_function(o)) return function_node(o);
  return node_of(o);
}

// Where the gradient of an input arrives: a tensor, or a GradientEdge (node, output_nr).
Edge input_edge(PyObject* o, bool accumulate) {
  if (PyTuple_Check(o) && PyTuple_GET_SIZE(o) == 2) {
    return {Ref<Node>(&any_node(PyTuple_GET_ITEM(o, 0))),
            uint32_t(PyLong_AsUnsignedLong(PyTuple_GET_ITEM(o, 1)))};
  }
  Tensor t = require_tensor(o, "grad");
  RL_CHECK(requires_grad(t), "One of the differentiated Tensors does not require grad");
  if (accumulate) retain_grad(t);
  return gradient_edge(t);
}

// _run_backward(tensors, grads, keep_graph, create_graph, inputs, accumulate, allow_unused)
PyObject* run_backward_entry(PyObject*, PyObject* args) {
  return guarded([&]() -> PyObject* {
    PyObject *py_tensors, *py_grads, *py_inputs;
    int keep, create, accumulate, allow_unused;
    if (!PyArg_ParseTuple(args, "OOppOpp", &py_tensors, &py_grads, &keep, &create, &py_inputs,
                          &accumulate, &allow_unused)) {
      return nullptr;
    }
    TensorList tensors = tensor_args(py_tensors, "backward");
    TensorList grads = tensor_args(py_grads, "backward");
    grads.resize(tensors.size());
    std::vector<Edge> roots;
    for (size_t i = 0; i < tensors.size(); ++i) {
      const Tensor& t = tensors[i];
      RL_CHECK(t.defined() && requires_grad(t), "element ", i,
               " of tensors does not require grad and does not have a grad_fn");
      if (!grads[i].defined()) {
        RL_CHECK(!is_complex(t.dtype()),
                 "grad can be implicitly created only for real scalar outputs but got ",
                 concat("torch.", dtype_name(t.dtype())));
        if (t.numel() != 1) {
          throw Error(ErrorKind::Runtime, "grad can be implicitly created only for scalar outputs",
                      concat("backward: the output has shape ", t.sizes(),
                             "; call .sum() or .mean() first, or pass gradient="));
        }
        grads[i] = call<"ones_like">(t);
      } else {
        RL_CHECK(grads[i].sizes() == t.sizes(), "Mismatch in shape: grad_output[", i,
                 "] has a shape of torch.Size(", grads[i].sizes(), ") and output[", i,
                 "] has a shape of torch.Size(", t.sizes(), ").");
        RL_CHECK(is_complex(t.dtype()) == is_complex(grads[i].dtype()),
                 "For complex Tensors, both grad_output and output are required to have the same "
                 "dtype. Mismatch in dtype: grad_output[",
                 i, "] has a dtype of ", concat("torch.", dtype_name(grads[i].dtype())),
                 " and output[", i, "] has a dtype of ", concat("torch.", dtype_name(t.dtype())),
                 ".");
        if (grads[i].dtype() != t.dtype()) grads[i] = to_dtype(grads[i], t.dtype());
      }
      roots.push_back(gradient_edge(t));
    }
    BackwardOptions options;
    options.keep_graph = keep;
    options.create_graph = create;
    options.accumulate = accumulate;
    if (py_inputs != Py_None) {
      PyRef all(check(PySequence_Fast(py_inputs, "inputs must be a sequence")));
      for (Py_ssize_t i = 0; i < PySequence_Fast_GET_SIZE(all.get()); ++i) {
        options.inputs.push_back(input_edge(PySequence_Fast_GET_ITEM(all.get(), i), accumulate));
      }
    }
    tensors.clear();
    TensorList out = run_backward(roots, std::move(grads), options);
    if (accumulate || py_inputs == Py_None) Py_RETURN_NONE;
    if (!allow_unused) {
      for (size_t i = 0; i < out.size(); ++i) {
        RL_CHECK(
            out[i].defined(), "The differentiated Tensor at index ", i,
            " appears to not have been used in the graph. Set allow_unused=True if this is the "
            "desired behavior.");
      }
    }
    return to_tuple(out);
  });
}

// ---- hooks on tensors and nodes ----

// Adds a hook and drops those that were removed.
template <class List, class... Key>
void add_hook(List& list, const Ref<Hook>& hook, Key... key) {
  std::erase_if(list, [](auto& e) {
    return !std::get<std::tuple_size_v<std::decay_t<decltype(e)>> - 1>(e)->callable_object();
  });
  list.emplace_back(key..., hook);
}

PyObject* add_tensor_hook(PyObject*, PyObject* args) {
  return guarded([&]() -> PyObject* {
    PyObject *o, *f;
    if (!PyArg_ParseTuple(args, "OO", &o, &f)) return nullptr;
    Tensor t = require_tensor(o, "register_hook");
    RL_CHECK(requires_grad(t), "cannot register a hook on a tensor that doesn't require gradient");
    auto made = make_ref<PyTensorHook>(f);
    int64_t id = made->id;
    Ref<Hook> hook(made.get());
    AutogradMeta& meta = make_autograd_meta(t);
    if (const Ref<Node>& fn = grad_fn(t)) {
      add_hook(fn->make_hooks().tensor, hook, id, meta.output_nr);
    } else if (meta.accumulator) {
      add_hook(meta.accumulator->make_hooks().tensor, hook, id, uint32_t(0));
    } else {
      add_hook(meta.hooks, hook, id);
    }
    return PyLong_FromLongLong(id);
  });
}

PyObject* remove_hook(PyObject*, PyObject* o) {
  return guarded([&]() -> PyObject* {
    auto found = living_hooks().find(PyLong_AsLongLong(o));
    if (found != living_hooks().end()) PyRef dropped(std::move(found->second->callable));
    Py_RETURN_NONE;
  });
}

PyObject* add_post_accumulate_hook(PyObject*, PyObject* args) {
  return guarded([&]() -> PyObject* {
    PyObject *o, *f;
    if (!PyArg_ParseTuple(args, "OO", &o, &f)) return nullptr;
    Tensor t = require_tensor(o, "register_post_accumulate_grad_hook");
    RL_CHECK(requires_grad(t), "cannot register a hook on a tensor that doesn't require gradient");
    RL_CHECK(is_leaf(t), "post accumulate grad hooks cannot be registered on non-leaf tensors");
    auto made = make_ref<PyTensorHook>(f);
    int64_t id = made->id;
    Ref<Hook> hook(made.get());
    AutogradMeta& meta = make_autograd_meta(t);
    add_hook(meta.accumulator ? meta.accumulator->post_accumulate : meta.post_accumulate, hook, id);
    return PyLong_FromLongLong(id);
  });
}

PyObject* add_node_hook(PyObject*, PyObject* args) {
  return guarded([&]() -> PyObject* {
    PyObject *o, *f;
    int post;
    if (!PyArg_ParseTuple(args, "OOp", &o, &f, &post)) return nullptr;
    Node& node = any_node(o);
    auto made = make_ref<PyNodeHook>(f, bool(post));
    int64_t id = made->id;
    Ref<Hook> hook(made.get());
    add_hook(post ? node.make_hooks().post : node.make_hooks().pre, hook, id);
    return PyLong_FromLongLong(id);
  });
}

PyObject* retain_grad_entry(PyObject*, PyObject* o) {
  return guarded([&]() -> PyObject* {
    Tensor t = require_tensor(o, "retain_grad");
    RL_CHECK(requires_grad(t), "can't retain_grad on Tensor that has requires_grad=False");
    retain_grad(t);
    Py_RETURN_NONE;
  });
}

// saved_tensors_hooks
struct PyPackHooks final : SavedTensor::PackHooks {
  PyPackHooks(PyObject* p, PyObject* u) : pack_fn(PyRef::borrow(p)), unpack_fn(PyRef::borrow(u)) {}
  Ref<RefCounted> pack(const Tensor& t) override {
    PyRef arg(wrap(t));
    PyRef r(check(PyObject_CallOneArg(pack_fn.get(), arg.get())));
    return Ref<RefCounted>(make_ref<PyHolder>(std::move(r)).get());
  }
  Tensor unpack(const Ref<RefCounted>& packed) override {
    auto* holder = static_cast<PyHolder*>(packed.get());
    PyRef r(check(PyObject_CallOneArg(unpack_fn.get(), holder->object.get())));
    RL_CHECK_KIND(
        Type, is_tensor(r.get()),
        "Output of saved tensor unpack_hook expected to be a Tensor but got result of type ",
        Py_TYPE(r.get())->tp_name);
    return unwrap(r.get());
  }
  PyRef pack_fn, unpack_fn;
};
PyObject* push_saved_hooks(PyObject*, PyObject* args) {
  return guarded([&]() -> PyObject* {
    PyObject *p, *u;
    if (!PyArg_ParseTuple(args, "OO", &p, &u)) return nullptr;
    SavedTensor::pack_hooks().push_back(
        p == Py_None ? Ref<SavedTensor::PackHooks>()
                     : Ref<SavedTensor::PackHooks>(make_ref<PyPackHooks>(p, u).get()));
    Py_RETURN_NONE;
  });
}
PyObject* pop_saved_hooks(PyObject*, PyObject*) {
  SavedTensor::pack_hooks().pop_back();
  Py_RETURN_NONE;
}

// ---- modes ----
PyObject* is_grad_enabled(PyObject*, PyObject*) { return PyBool_FromLong(GradMode::enabled()); }
PyObject* set_grad_enabled(PyObject*, PyObject* o) {
  GradMode::set(PyObject_IsTrue(o));
  Py_RETURN_NONE;
}
// (enabled, dtype, keep_casts): the CPU's autocast state of this thread.
PyObject* set_autocast(PyObject*, PyObject* args) {
  return guarded([&]() -> PyObject* {
    int enabled, keep;
    PyObject* o;
    DType dtype;
    if (!PyArg_ParseTuple(args, "pOp", &enabled, &o, &keep)) return nullptr;
    RL_CHECK_KIND(Type, as_dtype(o, &dtype), "autocast: dtype must be a torch.dtype, not ",
                  Py_TYPE(o)->tp_name);
    Autocast::set(enabled, dtype, keep);
    Py_RETURN_NONE;
  });
}
PyObject* is_autocast(PyObject*, PyObject*) { return PyBool_FromLong(Autocast::active()); }
PyObject* clear_autocast(PyObject*, PyObject*) {
  Autocast::clear_cache();
  Py_RETURN_NONE;
}
PyObject* is_inference(PyObject*, PyObject*) { return PyBool_FromLong(GradMode::inference()); }
PyObject* set_inference(PyObject*, PyObject* o) {
  GradMode::set_inference(PyObject_IsTrue(o));
  Py_RETURN_NONE;
}
PyObject* tensor_is_inference(PyObject*, PyObject* o) {
  return guarded([&] { return PyBool_FromLong(require_tensor(o, "is_inference")->is_inference); });
}
PyObject* anomaly_record = nullptr;
PyObject* anomaly_report = nullptr;
PyObject* set_anomaly(PyObject*, PyObject* args) {
  return guarded([&]() -> PyObject* {
    int on, nan;
    PyObject *record, *report;
    if (!PyArg_ParseTuple(args, "ppOO", &on, &nan, &record, &report)) return nullptr;
    AnomalyMode::enabled = on;
    AnomalyMode::check_nan = nan;
    Py_XSETREF(anomaly_record, Py_NewRef(record));
    Py_XSETREF(anomaly_report, Py_NewRef(report));
    AnomalyMode::record = [](Node& node) {
      PyRef r(PyObject_CallNoArgs(anomaly_record));
      if (!r) throw PythonError();
      node.anomaly = Ref<RefCounted>(make_ref<PyHolder>(std::move(r)).get());
    };
    AnomalyMode::report = [](const Node& node) {
      PyObject *type, *value, *trace;
      PyErr_Fetch(&type, &value, &trace);
      PyObject* kept =
          node.anomaly ? static_cast<PyHolder*>(node.anomaly.get())->object.get() : Py_None;
      PyRef r(PyObject_CallFunction(anomaly_report, "sO", node.name().c_str(), kept));
      if (!r) PyErr_Clear();
      PyErr_Restore(type, value, trace);
    };
    Py_RETURN_NONE;
  });
}
PyObject* anomaly_state(PyObject*, PyObject*) {
  return Py_BuildValue("(OO)", AnomalyMode::enabled ? Py_True : Py_False,
                       AnomalyMode::check_nan ? Py_True : Py_False);
}

PyObject* queue_callback(PyObject*, PyObject* f) {
  return guarded([&]() -> PyObject* {
    auto holder = std::make_shared<PyHolder>(PyRef::borrow(f));
    queue_backward_callback(
        [holder] { PyRef r(check(PyObject_CallNoArgs(holder->object.get()))); });
    Py_RETURN_NONE;
  });
}

PyObject* unsafe_view_meta(PyObject*, PyObject* o) {
  return guarded([&] { return PyBool_FromLong(require_tensor(o, "_is_view")->is_view); });
}

PyMethodDef functions[] = {
    {"_run_backward", run_backward_entry, METH_VARARGS, nullptr},
    {"_add_tensor_hook", add_tensor_hook, METH_VARARGS, nullptr},
    {"_remove_hook", remove_hook, METH_O, nullptr},
    {"_add_post_accumulate_hook", add_post_accumulate_hook, METH_VARARGS, nullptr},
    {"_add_node_hook", add_node_hook, METH_VARARGS, nullptr},
    {"_retain_grad", retain_grad_entry, METH_O, nullptr},
    {"_push_saved_tensors_hooks", push_saved_hooks, METH_VARARGS, nullptr},
    {"_pop_saved_tensors_hooks", pop_saved_hooks, METH_NOARGS, nullptr},
    {"_set_anomaly", set_anomaly, METH_VARARGS, nullptr},
    {"_anomaly_state", anomaly_state, METH_NOARGS, nullptr},
    {"_queue_backward_callback", queue_callback, METH_O, nullptr},
    {"_is_view", unsafe_view_meta, METH_O, nullptr},
    {"is_grad_enabled", is_grad_enabled, METH_NOARGS, "Is the graph being recorded?"},
    {"set_grad_enabled", set_grad_enabled, METH_O, nullptr},
    {"_set_autocast", set_autocast, METH_VARARGS, nullptr},
    {"_is_autocast", is_autocast, METH_NOARGS, nullptr},
    {"_clear_autocast_cache", clear_autocast, METH_NOARGS, nullptr},
    {"is_inference_mode_enabled", is_inference, METH_NOARGS, "Is inference mode on?"},
    {"_set_inference_mode", set_inference, METH_O, nullptr},
    {"_tensor_is_inference", tensor_is_inference, METH_O, nullptr},
    {nullptr, nullptr, 0, nullptr}};

}  // namespace

// type(y.grad_fn).__name__ is the node's name: one type for each.
static PyTypeObject* type_of_node(const Node& node) {
  static auto* types = new std::unordered_map<std::string, PyTypeObject*>();
  std::string name = node.name();
  auto found = types->find(name);
  if (found != types->end()) return found->second;
  size_t scope = name.rfind("::");
  // The type keeps a pointer to its full name.
  auto* shown = new std::string("rushlight.autograd.graph." +
                                (scope == std::string::npos ? name : name.substr(scope + 2)));
  PyType_Slot slots[] = {{0, nullptr}};
  PyType_Spec spec{shown->c_str(), sizeof(PyNode), 0,
                   Py_TPFLAGS_DEFAULT | Py_TPFLAGS_DISALLOW_INSTANTIATION, slots};
  auto* type =
      reinterpret_cast<PyTypeObject*>(check(PyType_FromSpecWithBases(&spec, (PyObject*)node_type)));
  types->emplace(name, type);
  return type;
}

// What the garbage collector must know: hooks and contexts that only this tensor keeps alive.
void visit_autograd(TensorImpl* impl, visitproc visit, void* arg, int* result) {
  auto* meta = static_cast<AutogradMeta*>(impl->autograd.get());
  auto show = [&](PyObject* o) {
    if (o && !*result) *result = visit(o, arg);
  };
  auto show_hook = [&](const Ref<Hook>& hook) {
    if (hook->use_count() == 1) show(static_cast<PyObject*>(hook->callable_object()));
  };
  for (auto& [id, hook] : meta->hooks) show_hook(hook);
  for (auto& [id, hook] : meta->post_accumulate) show_hook(hook);
  Node* node = meta->grad_fn.get();
  if (!node || node->use_count() != 1) return;
  show(context_of(node));
  if (!node->hooks) return;
  for (auto& [id, hook] : node->hooks->pre) show_hook(hook);
  for (auto& [id, hook] : node->hooks->post) show_hook(hook);
  for (auto& [id, nr, hook] : node->hooks->tensor) show_hook(hook);
}

void clear_autograd(TensorImpl* impl) {
  auto* meta = static_cast<AutogradMeta*>(impl->autograd.get());
  auto hooks = std::move(meta->hooks);
  auto post = std::move(meta->post_accumulate);
  Ref<Node> node = std::move(meta->grad_fn);
}

PyObject* wrap_node(const Ref<Node>& node) {
  if (!node) Py_RETURN_NONE;
  if (PyObject* ctx = context_of(node.get())) return Py_NewRef(ctx);
  if (node->pyobj) return Py_NewRef(static_cast<PyObject*>(node->pyobj));
  PyTypeObject* type = type_of_node(*node);
  PyObject* o = check(type->tp_alloc(type, 0));
  node->retain();
  reinterpret_cast<PyNode*>(o)->node = node.get();
  node->pyobj = o;
  return o;
}

PyObject* grad_fn_object(const Tensor& t) { return wrap_node(grad_fn(t)); }

void init_autograd(PyObject* module) {
  PyType_Slot node_slots[] = {{Py_tp_dealloc, (void*)node_dealloc}, {Py_tp_repr, (void*)node_repr},
                              {Py_tp_call, (void*)node_call},       {Py_tp_getset, node_getset},
                              {Py_tp_methods, node_methods},        {0, nullptr}};
  PyType_Spec node_spec{
      "rushlight.autograd.graph.Node", sizeof(PyNode), 0,
      Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE | Py_TPFLAGS_DISALLOW_INSTANTIATION, node_slots};
  node_type = reinterpret_cast<PyTypeObject*>(check(PyType_FromSpec(&node_spec)));
  PyModule_AddObjectRef(module, "_Node", (PyObject*)node_type);
  init_function(module);
  add_functions(module, functions);
}

}  // namespace rl
