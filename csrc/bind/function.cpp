// autograd.Function: contexts, and the graph nodes that call the user's backward.
#include "bind/function.h"

#include <Python.h>
#include <structmember.h>

#include "bind/python.h"

namespace rl {

namespace {

PyTypeObject* function_type;

class FunctionNode;
struct PyFunction {                  // the ctx object; Python classes derive from it
  PyObject_HEAD FunctionNode* node;  // not owned: the node owns the ctx
  PyObject* dict;
  PyObject* weakrefs;
};

class FunctionNode final : public Node {
 public:
  FunctionNode(PyObject* ctx, std::string name)
      : Node(0), name_(std::move(name)), ctx_(PyRef::borrow(ctx)) {
    reinterpret_cast<PyFunction*>(ctx)->node = this;
  }
  ~FunctionNode() override { reinterpret_cast<PyFunction*>(ctx_.get())->node = nullptr; }
  std::string name() const override { return name_; }
  TensorList apply(TensorList grads) override {
    for (size_t i = 0; i < grads.size() && i < outputs.size(); ++i) {
      if (!grads[i].defined() && materialize && outputs[i].dtype != DType::Undefined) {
        grads[i] = call<"zeros">(outputs[i].sizes, outputs[i].dtype, Value(), outputs[i].device);
      }
    }
    PyRef args(to_tuple(grads));
    static PyObject* entry = check(PyUnicode_InternFromString("apply"));
    PyRef backward(check(PyObject_GetAttr(ctx_.get(), entry)));
    PyRef r(check(PyObject_Call(backward.get(), args.get(), nullptr)));
    TensorList out = gradients_of_tensors(r.get());
    for (size_t i = 0; i < out.size(); ++i) {
      if (!out[i].defined() || !next[i].node) continue;
      const InputInfo& info = inputs[i];
      if (out[i].sizes() != info.sizes) {
        RL_CHECK(expandable(info.sizes, out[i].sizes()), "Function ", name_,
                 " returned an invalid gradient at index ", i, " - got ", out[i].sizes(),
                 " but expected shape compatible with ", info.sizes);
        out[i] = sum_to_size(out[i], info.sizes);
      }
      if (out[i].dtype() != info.dtype && is_differentiable(info.dtype))
        out[i] = to_dtype(out[i], info.dtype);
    }
    return out;
  }
  void release_saved() override {
    released = true;
    saved.clear();
  }
  PyObject* ctx() const { return ctx_.get(); }

  struct InputInfo {
    Dims sizes;
    DType dtype = DType::Undefined;
  };
  std::vector<InputInfo> inputs;      // of the tensors among the arguments, as `next`
  std::vector<bool> argument_tensor;  // for each argument of forward: is it a tensor?
  std::vector<SavedTensor> saved;
  bool materialize = true;

 private:
  // What backward returned for the tensors among the arguments; the rest must be None.
  TensorList gradients_of_tensors(PyObject* returned) const {
    TensorList out;
    for (size_t i = 0; i < argument_tensor.size(); ++i) {
      PyObject* e = PyTuple_GET_ITEM(returned, Py_ssize_t(i));
      RL_CHECK(argument_tensor[i] || e == Py_None, "function ", name_,
               " returned a gradient different than None at position ", i + 1,
               ", but the corresponding forward input was not a Variable");
      RL_CHECK(e == Py_None || is_tensor(e), "expected Variable or None (got ", Py_TYPE(e)->tp_name,
               ")");
      if (argument_tensor[i]) out.push_back(e == Py_None ? Tensor() : unwrap(e));
    }
    return out;
  }

  std::string name_;
  PyRef ctx_;
};

int function_traverse(PyObject* self, visitproc visit, void* arg) {
  Py_VISIT(Py_TYPE(self));
  Py_VISIT(reinterpret_cast<PyFunction*>(self)->dict);
  return 0;
}
int function_clear(PyObject* self) {
  Py_CLEAR(reinterpret_cast<PyFunction*>(self)->dict);
  return 0;
}
void function_dealloc(PyObject* self) {
  PyObject_GC_UnTrack(self);
  if (reinterpret_cast<PyFunction*>(self)->weakrefs) PyObject_ClearWeakRefs(self);
  function_clear(self);
  PyTypeObject* type = Py_TYPE(self);
  type->tp_free(self);
  Py_DECREF(type);
}
PyGetSetDef function_getset[] = {
    {"next_functions",
     [](PyObject* s, void*) -> PyObject* {
       auto* node = reinterpret_cast<PyFunction*>(s)->node;
       if (!node) return PyTuple_New(0);
       return guarded([&] { return next_functions(*node); });
     },
     nullptr, nullptr, nullptr},
    {"metadata",  // kept by the ctx: forward may fill it before there is a node
     [](PyObject* s, void*) -> PyObject* {
       PyObject*& dict = reinterpret_cast<PyFunction*>(s)->dict;
       if (!dict && !(dict = PyDict_New())) return nullptr;
       PyRef key(PyUnicode_InternFromString("_metadata"));
       PyRef fresh(PyDict_New());
       if (!key || !fresh) return nullptr;
       return Py_XNewRef(PyDict_SetDefault(dict, key.get(), fresh.get()));
     },
     nullptr, nullptr, nullptr},
    {"_saved_tensors",
     [](PyObject* s, void*) {
       return guarded([&]() -> PyObject* {
         auto* node = reinterpret_cast<PyFunction*>(s)->node;
         if (!node) Py_RETURN_NONE;
         RL_CHECK(!node->released,
                  "Trying to backward through the graph a second time (or directly access saved "
                  "tensors after they have already been freed). Saved intermediate values of the "
                  "graph are freed when you call .backward() or autograd.grad(). Specify "
                  "retain_graph=True if you need to backward through the graph a second time or if "
                  "you need to access saved tensors after calling backward.");
         TensorList list;
         Ref<Node> self(node);
         for (auto& v : node->saved) list.push_back(v.unpack(node, self));
         return to_tuple(list);
       });
     },
     nullptr, nullptr, nullptr},
    {nullptr, nullptr, nullptr, nullptr, nullptr}};
PyObject* function_name(PyObject* s, PyObject*) {
  return PyObject_GetAttrString(reinterpret_cast<PyObject*>(Py_TYPE(s)), "__name__");
}
PyObject* function_sequence_number(PyObject* s, PyObject*) {
  return guarded([&] { return PyLong_FromUnsignedLongLong(function_node(s).sequence); });
}
PyMethodDef function_methods[] = {{"name", function_name, METH_NOARGS, "Name of the node."},
                                  {"_sequence_nr", function_sequence_number, METH_NOARGS,
                                   "When the node was made, as a number that grows."},
                                  {nullptr, nullptr, 0, nullptr}};
PyMemberDef function_members[] = {
    {"__dictoffset__", T_PYSSIZET, offsetof(PyFunction, dict), READONLY, nullptr},
    {"__weaklistoffset__", T_PYSSIZET, offsetof(PyFunction, weakrefs), READONLY, nullptr},
    {nullptr, 0, 0, 0, nullptr}};

bool contains(const TensorList& list, const Tensor& t) {
  for (const Tensor& e : list) {
    if (e.same(t)) return true;
  }
  return false;
}

// _attach_function(ctx, name, inputs, outputs, dirty, non_differentiable, to_save, materialize)
// -> outputs. Inputs are the positional arguments (None where not a tensor).
PyObject* attach_function(PyObject*, PyObject* args) {
  return guarded([&]() -> PyObject* {
    PyObject *ctx, *py_inputs, *py_outputs, *py_dirty, *py_constant, *py_save;
    const char* name;
    int materialize;
    if (!PyArg_ParseTuple(args, "OsOOOOOp", &ctx, &name, &py_inputs, &py_outputs, &py_dirty,
                          &py_constant, &py_save, &materialize)) {
      return nullptr;
    }
    TensorList inputs, outputs, dirty, constant, to_save;
    from_sequence(py_inputs, inputs, "inputs");
    from_sequence(py_outputs, outputs, "outputs");
    from_sequence(py_dirty, dirty, "mark_dirty");
    from_sequence(py_constant, constant, "mark_non_differentiable");
    for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(py_save); ++i) {
      PyObject* e = PyTuple_GET_ITEM(py_save, i);
      RL_CHECK_KIND(Type, e == Py_None || is_tensor(e),
                    "save_for_backward can only save variables, but argument ", i, " is of type ",
                    Py_TYPE(e)->tp_name);
      to_save.push_back(e == Py_None ? Tensor() : unwrap(e));
    }
    bool record = false;
    for (const Tensor& t : inputs) record |= t.defined() && requires_grad(t);
    record = record && GradMode::enabled();
    for (const Tensor& t : dirty) {
      RL_CHECK(!record || t->is_view || !t->requires_grad || grad_fn(t),
               "a leaf Variable that requires grad has been used in an in-place operation.");
      check_inplace(t, record);
    }
    if (!record) {
      for (Tensor& t : outputs) {
        if (!t.defined()) continue;
        bool is_dirty = contains(dirty, t);
        if (is_dirty) t->bump_version();
        if (contains(inputs, t) && !is_dirty) t = call<"alias">(t);
      }
      return to_tuple(outputs);
    }
    auto node = make_ref<FunctionNode>(ctx, name);
    node->materialize = materialize;
    node->num_inputs = uint32_t(outputs.size());
    node->outputs.resize(outputs.size());
    for (size_t i = 0; i < outputs.size(); ++i) {
      const Tensor& t = outputs[i];
      if (t.defined()) node->outputs[i] = {t.sizes(), t.dtype(), t.device()};
    }
    for (const Tensor& t : inputs) {
      node->argument_tensor.push_back(t.defined());
      if (!t.defined()) continue;
      node->next.push_back(gradient_edge(t));
      node->inputs.push_back({t.sizes(), t.dtype()});
    }
    TensorList raw = outputs;
    Ref<Node> base(node.get());
    for (size_t i = 0; i < outputs.size(); ++i) {
      Tensor& t = outputs[i];
      if (!t.defined()) continue;
      bool is_dirty = contains(dirty, t);
      bool is_input = contains(inputs, t) && !is_dirty;
      Tensor original = t;
      if (is_input) t = alias(t);
      if (is_dirty) t->bump_version();
      if (!is_differentiable(t.dtype()) || contains(constant, raw[i])) {
        continue;
      }
      if (is_input) mark_view(t, original, AutogradMeta::Creation::CustomFunction);
      if (!is_dirty && t->is_view)
        autograd_meta(t)->creation = AutogradMeta::Creation::CustomFunction;
      if (is_dirty) {
        rebase_history(t, base);
      } else {
        set_history(t, base, uint32_t(i));
      }
    }
    for (const Tensor& t : to_save) {
      if (!t.defined()) {
        node->saved.emplace_back();
        continue;
      }
      bool is_output = contains(raw, t) && !contains(inputs, t);
      node->saved.emplace_back(t, is_output);
    }
    return to_tuple(outputs);
  });
}

PyMethodDef functions[] = {{"_attach_function", attach_function, METH_VARARGS, nullptr},
                           {nullptr, nullptr, 0, nullptr}};

}  // namespace

bool is_function(PyObject* o) { return PyType_IsSubtype(Py_TYPE(o), function_type); }

Node& function_node(PyObject* function) {
  auto* node = reinterpret_cast<PyFunction*>(function)->node;
  RL_CHECK(node, "the graph of this function is gone, or nothing was recorded for it");
  return *node;
}

PyObject* context_of(Node* node) {
  auto* function = dynamic_cast<FunctionNode*>(node);
  return function ? function->ctx() : nullptr;
}

void init_function(PyObject* module) {
  PyType_Slot function_slots[] = {
      {Py_tp_dealloc, (void*)function_dealloc}, {Py_tp_traverse, (void*)function_traverse},
      {Py_tp_clear, (void*)function_clear},     {Py_tp_new, (void*)PyType_GenericNew},
      {Py_tp_getset, function_getset},          {Py_tp_methods, function_methods},
      {Py_tp_members, function_members},        {0, nullptr}};
  PyType_Spec function_spec{"rushlight._C._FunctionBase", sizeof(PyFunction), 0,
                            Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE | Py_TPFLAGS_HAVE_GC,
                            function_slots};
  function_type = reinterpret_cast<PyTypeObject*>(check(PyType_FromSpec(&function_spec)));
  PyModule_AddObjectRef(module, "_FunctionBase", (PyObject*)function_type);
  add_functions(module, functions);
}

}  // namespace rl
