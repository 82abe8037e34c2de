// The tensor type: identity, attributes, numbers.
#include <Python.h>
#include <structmember.h>

#include "bind/overrides.h"
#include "dispatch/call.h"

namespace rl {

PyTypeObject* tensor_type = nullptr;

namespace {

PyObject* tensor_constructor = nullptr;  // Python function behind Tensor(...)

Tensor self_of(PyObject* o) {
  TensorImpl* impl = reinterpret_cast<PyTensor*>(o)->impl;
  RL_CHECK(impl, "the tensor has not been initialised: call super().__init__() or use __new__");
  return Tensor(Ref<TensorImpl>(impl));
}

PyObject* attach(PyObject* o, const Tensor& t) {
  t->retain();
  reinterpret_cast<PyTensor*>(o)->impl = t.impl();
  t->pyobj = o;
  return o;
}

// Nobody but the Python object holds the tensor.
bool owns_history(PyObject* self) {
  TensorImpl* impl = reinterpret_cast<PyTensor*>(self)->impl;
  return impl && impl->autograd && !impl->owns_pyobj && impl->use_count() == 1;
}

int tensor_traverse(PyObject* self, visitproc visit, void* arg) {
  Py_VISIT(Py_TYPE(self));
  Py_VISIT(reinterpret_cast<PyTensor*>(self)->dict);
  int result = 0;
  if (owns_history(self))
    visit_autograd(reinterpret_cast<PyTensor*>(self)->impl, visit, arg, &result);
  return result;
}
int tensor_clear(PyObject* self) {
  if (owns_history(self)) clear_autograd(reinterpret_cast<PyTensor*>(self)->impl);
  Py_CLEAR(reinterpret_cast<PyTensor*>(self)->dict);
  return 0;
}

// C++ still uses the tensor and its Python object is more than a wrapper: the tensor keeps it.
bool turn_ownership(PyObject* self) {
  auto* t = reinterpret_cast<PyTensor*>(self);
  TensorImpl* impl = t->impl;
  if (!impl || impl->pyobj != self || impl->owns_pyobj || impl->use_count() == 1) return false;
  bool plain =
      Py_TYPE(self) == tensor_type && !t->weakrefs && (!t->dict || !PyDict_GET_SIZE(t->dict));
  if (plain || !Py_IsInitialized()) return false;
  Py_SET_REFCNT(self, 1);
  impl->owns_pyobj = true;
  impl->release();
  return true;
}
bool drop_pyobj(TensorImpl* impl) {
  auto* o = static_cast<PyObject*>(impl->pyobj);
  impl->owns_pyobj = false;
  if (Py_REFCNT(o) > 1) {  // reached through a weak reference meanwhile
    impl->retain();
    Py_DECREF(o);
    return false;
  }
  impl->pyobj = nullptr;
  reinterpret_cast<PyTensor*>(o)->impl = nullptr;
  Py_DECREF(o);
  return true;
}
void tensor_dealloc(PyObject* self) {
  if (turn_ownership(self)) return;
  auto* t = reinterpret_cast<PyTensor*>(self);
  PyObject_GC_UnTrack(self);
  if (t->impl && t->impl->pyobj == self) t->impl->pyobj = nullptr;
  if (t->weakrefs) PyObject_ClearWeakRefs(self);
  Py_CLEAR(t->dict);
  if (TensorImpl* impl = std::exchange(t->impl, nullptr)) {
    impl->release();
  }
  PyTypeObject* type = Py_TYPE(self);
  type->tp_free(self);
  Py_DECREF(type);
}

PyObject* tensor_new(PyTypeObject* type, PyObject* args, PyObject* kwargs) {
  if (!tensor_constructor) {
    PyErr_SetString(PyExc_RuntimeError, "Tensor(): the package is not fully imported");
    return nullptr;
  }
  PyRef all(PyTuple_New(PyTuple_GET_SIZE(args) + 1));
  if (!all) return nullptr;
  PyTuple_SET_ITEM(all.get(), 0, Py_NewRef((PyObject*)type));
  for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(args); ++i) {
    PyTuple_SET_ITEM(all.get(), i + 1, Py_NewRef(PyTuple_GET_ITEM(args, i)));
  }
  return PyObject_Call(tensor_constructor, all.get(), kwargs);
}

// ---- numbers ----

bool operand(PyObject* o, Value* out) {
  if (is_tensor(o)) {
    *out = unwrap(o);
    return true;
  }
  Scalar s;
  if (!as_number(o, &s)) return false;
  *out = wrapped_number(s);
  return true;
}

// The method of Tensor that stands for an operator, as PyTorch names it to handlers.
struct OperatorNames {
  const char *name, *reflected;
};
template <FixedString Name>
constexpr OperatorNames operator_names() {
  constexpr std::string_view s(Name.text);
  if (s == "add.Tensor") return {"add", "add"};
  if (s == "sub.Tensor") return {"sub", "__rsub__"};
  if (s == "mul.Tensor") return {"mul", "mul"};
  if (s == "div.Tensor") return {"div", "__rtruediv__"};
  if (s == "floor_divide") return {"__floordiv__", "__rfloordiv__"};
  if (s == "remainder.Tensor") return {"remainder", "__rmod__"};
  if (s == "bitwise_and.Tensor") return {"__and__", "__rand__"};
  if (s == "bitwise_or.Tensor") return {"__or__", "__ror__"};
  if (s == "bitwise_xor.Tensor") return {"__xor__", "__rxor__"};
  if (s == "bitwise_left_shift.Tensor") return {"__lshift__", "__rlshift__"};
  if (s == "bitwise_right_shift.Tensor") return {"__rshift__", "__rrshift__"};
  if (s == "eq.Tensor") return {"__eq__", "__eq__"};
  if (s == "ne.Tensor") return {"__ne__", "__ne__"};
  if (s == "lt.Tensor") return {"lt", "gt"};
  if (s == "le.Tensor") return {"le", "ge"};
  if (s == "gt.Tensor") return {"gt", "lt"};
  return {"ge", "le"};
}
bool either_overrides(PyObject* a, PyObject* b) { return wants_override(a) || wants_override(b); }
PyObject* override_binary(const OperatorNames& names, PyObject* a, PyObject* b) {
  if (is_tensor(a)) return call_operator_override(names.name, {a, b});
  return call_operator_override(names.reflected, {b, a});
}

template <FixedString Name>
PyObject* binary(PyObject* a, PyObject* b) {
  if (either_overrides(a, b)) return override_binary(operator_names<Name>(), a, b);
  return guarded([&]() -> PyObject* {
    const Op& op = OpHandle<Name>::get();
    ValueBuffer args(op.schema.args.size() + kMaxResults);
    if (!operand(a, &args[0]) || !operand(b, &args[1])) Py_RETURN_NOTIMPLEMENTED;
    for (size_t i = 2; i < op.schema.args.size(); ++i) args[i] = op.schema.args[i].default_value;
    Value results[kMaxResults];
    call_op(op, args.data(), results);
    return wrap(std::get<Tensor>(results[0]));
  });
}
template <FixedString Name>
constexpr const char* inplace_name() {
  constexpr std::string_view s(Name.text);
  if (s == "add.Tensor") return "add_";
  if (s == "sub.Tensor") return "sub_";
  if (s == "mul.Tensor") return "mul_";
  if (s == "div.Tensor") return "div_";
  if (s == "floor_divide") return "floor_divide_";
  if (s == "remainder.Tensor") return "remainder_";
  if (s == "bitwise_and.Tensor") return "bitwise_and_";
  if (s == "bitwise_or.Tensor") return "bitwise_or_";
  if (s == "bitwise_xor.Tensor") return "bitwise_xor_";
  if (s == "bitwise_left_shift.Tensor") return "bitwise_left_shift_";
  return "bitwise_right_shift_";
}
template <FixedString Name>
PyObject* inplace_binary(PyObject* a, PyObject* b) {
  if (either_overrides(a, b)) return call_operator_override(inplace_name<Name>(), {a, b});
  return guarded([&]() -> PyObject* {
    const Op& op = OpHandle<Name>::get();
    ValueBuffer args(op.schema.args.size() + kMaxResults);
    if (!operand(a, &args[0]) || !operand(b, &args[1])) Py_RETURN_NOTIMPLEMENTED;
    for (size_t i = 2; i < op.schema.args.size(); ++i) args[i] = op.schema.args[i].default_value;
    Value results[kMaxResults];
    call_op_inplace(op, args.data(), results);
    return Py_NewRef(a);
  });
}
template <FixedString Name>
PyObject* unary(PyObject* a) {
  if (wants_override(a)) return call_override(Name.text, {a});
  return guarded([&] { return wrap(call<Name>(self_of(a))); });
}

PyObject* tensor_subtract(PyObject* a, PyObject* b) {
  Scalar s;
  if (is_tensor(a) || !is_tensor(b) || either_overrides(a, b) || !as_number(a, &s)) {
    return binary<"sub.Tensor">(a, b);
  }
  return guarded([&] { return wrap(call<"rsub.Scalar">(self_of(b), s)); });
}
PyObject* tensor_remainder(PyObject* a, PyObject* b) {
  Scalar s;
  if (!is_tensor(a) || is_tensor(b) || either_overrides(a, b) || !as_number(b, &s)) {
    return binary<"remainder.Tensor">(a, b);
  }
  return guarded([&] { return wrap(call<"remainder.Scalar">(self_of(a), s)); });
}
PyObject* tensor_pow(PyObject* a, PyObject* b, PyObject*) {
  if (either_overrides(a, b)) return override_binary({"pow", "__rpow__"}, a, b);
  return guarded([&]() -> PyObject* {
    Scalar s;
    if (!is_tensor(a)) {
      if (!as_number(a, &s)) Py_RETURN_NOTIMPLEMENTED;
      return wrap(call<"pow.Scalar">(s, self_of(b)));
    }
    if (is_tensor(b)) return wrap(call<"pow.Tensor_Tensor">(self_of(a), self_of(b)));
    if (!as_number(b, &s)) Py_RETURN_NOTIMPLEMENTED;
    return wrap(call<"pow.Tensor_Scalar">(self_of(a), s));
  });
}
PyObject* tensor_inplace_pow(PyObject* a, PyObject* b, PyObject*) {
  if (either_overrides(a, b)) return call_operator_override("pow_", {a, b});
  return guarded([&]() -> PyObject* {
    Scalar s;
    if (is_tensor(b)) {
      call_<"pow.Tensor_Tensor">(self_of(a), self_of(b));
    } else {
      if (!as_number(b, &s)) Py_RETURN_NOTIMPLEMENTED;
      call_<"pow.Tensor_Scalar">(self_of(a), s);
    }
    return Py_NewRef(a);
  });
}
PyObject* tensor_matmul(PyObject* a, PyObject* b) {
  if (either_overrides(a, b)) return override_binary({"matmul", "__rmatmul__"}, a, b);
  return guarded([&]() -> PyObject* {
    if (!is_tensor(a) || !is_tensor(b)) Py_RETURN_NOTIMPLEMENTED;
    return wrap(call<"matmul">(self_of(a), self_of(b)));
  });
}
PyObject* tensor_invert(PyObject* a) {
  if (wants_override(a)) return call_override("__invert__", {a});
  return guarded([&] {
    RL_CHECK_KIND(Type, is_integral(self_of(a).dtype(), true),
                  "~ (operator.invert) is only implemented on integer and Boolean-type tensors");
    return wrap(call<"bitwise_not">(self_of(a)));
  });
}
PyObject* tensor_positive(PyObject* a) {
  if (wants_override(a)) return call_override("positive", {a});
  return guarded([&] { return wrap(call<"positive">(self_of(a))); });
}

int tensor_bool(PyObject* self) {
  if (wants_override(self)) {
    PyRef answer(call_override("__bool__", {self}));
    return answer ? PyObject_IsTrue(answer.get()) : -1;
  }
  return guarded_int([&]() -> int {
    Tensor t = self_of(self);
    if (t.numel() != 1) {
      throw Error(
          ErrorKind::Runtime,
          concat("Boolean value of Tensor with ",
                 t.numel() == 0 ? "no values is ambiguous" : "more than one value is ambiguous"),
          concat("its shape is ", t.sizes(), ": use .any() or .all()"));
    }
    return item(t).to<bool>();
  });
}

PyObject* py_int(const Scalar& s) {
  return s.is_large_unsigned() ? PyLong_FromUnsignedLongLong(uint64_t(s.to_int()))
                               : PyLong_FromLongLong(s.to_int());
}
Scalar only_item(PyObject* self) {
  Tensor t = self_of(self);
  RL_CHECK_KIND(Value, t.numel() == 1,
                "only one element tensors can be converted to Python scalars");
  return item(t);
}
PyObject* tensor_int(PyObject* self) {
  if (wants_override(self)) return call_override("__int__", {self});
  return guarded([&]() -> PyObject* {
    Scalar s = only_item(self);
    RL_CHECK(!s.is_complex(), "value cannot be converted to type int64_t without overflow");
    if (s.is_floating()) return PyLong_FromDouble(s.to_double());
    return py_int(s);
  });
}

constexpr const char* kScalarOfGraph =
    "Converting a tensor with requires_grad=True to a scalar may lead to unexpected behavior.\n"
    "Consider using tensor.detach() first.";
bool scalar_of_graph_warned = false;
bool warn_always = false;

// Once in a process (always after set_warn_always(True)): a number leaves the graph unseen.
void warn_scalar_of_graph(const Tensor& t) {
  if (!requires_grad(t) || !GradMode::enabled() || (scalar_of_graph_warned && !warn_always)) return;
  scalar_of_graph_warned = true;
  if (PyErr_WarnEx(PyExc_UserWarning, kScalarOfGraph, 1) < 0) throw PythonError();
}
PyObject* tensor_float(PyObject* self) {
  if (wants_override(self)) return call_override("__float__", {self});
  return guarded([&] {
    warn_scalar_of_graph(self_of(self));
    Scalar s = only_item(self);
    RL_CHECK(!s.is_complex(), "value cannot be converted to type double without overflow");
    return PyFloat_FromDouble(s.to_double());
  });
}
PyObject* tensor_index(PyObject* self) {
  if (wants_override(self)) return call_override("__index__", {self});
  return guarded([&] {
    Tensor t = self_of(self);
    RL_CHECK_KIND(Type, is_integral(t.dtype(), true) && t.numel() == 1,
                  "only integer tensors of a single element can be converted to an index");
    return py_int(item(t));
  });
}

PyObject* tensor_richcompare(PyObject* a, PyObject* b, int op) {
  switch (op) {
    case Py_LT:
      return binary<"lt.Tensor">(a, b);
    case Py_LE:
      return binary<"le.Tensor">(a, b);
    case Py_EQ:
      return binary<"eq.Tensor">(a, b);
    case Py_NE:
      return binary<"ne.Tensor">(a, b);
    case Py_GT:
      return binary<"gt.Tensor">(a, b);
    default:
      return binary<"ge.Tensor">(a, b);
  }
}
Py_hash_t tensor_hash(PyObject* self) { return Py_hash_t(reinterpret_cast<uintptr_t>(self) >> 4); }

Py_ssize_t tensor_len(PyObject* self) {
  if (wants_override(self)) {
    PyRef answer(call_override("__len__", {self}));
    return answer ? PyNumber_AsSsize_t(answer.get(), PyExc_OverflowError) : -1;
  }
  Py_ssize_t n = -1;
  guarded_int([&]() -> int {
    Tensor t = self_of(self);
    RL_CHECK_KIND(Type, t.ndim() > 0, "len() of a 0-d tensor");
    n = Py_ssize_t(t.sizes()[0]);
    return 0;
  });
  return n;
}

// ---- attributes ----
template <class F>
PyObject* get(PyObject* self, F f) {
  return guarded([&] { return f(self_of(self)); });
}
PyObject* none() { return Py_NewRef(Py_None); }

constexpr const char* kGradOfResult =
    "The .grad attribute of a Tensor that is not a leaf Tensor is being accessed. Its .grad "
    "attribute won't be populated during autograd.backward(). If you indeed want the .grad field to "
    "be populated for a non-leaf Tensor, use .retain_grad() on the non-leaf Tensor. If you access "
    "the non-leaf Tensor by mistake, make sure you access the leaf Tensor instead. See "
    "github.com/pytorch/pytorch/pull/30531 for more information.";

PyObject* get_grad(PyObject* self, void*) {
  return get(self, [](const Tensor& t) {
    AutogradMeta* meta = autograd_meta(t);
    if (!meta) return none();
    if (!meta->grad.defined() && meta->grad_fn && !meta->retains_grad &&
        PyErr_WarnEx(PyExc_UserWarning, kGradOfResult, 1) < 0)
      throw PythonError();
    return wrap(meta->grad);
  });
}
int set_grad(PyObject* self, PyObject* value, void*) {
  return guarded_int([&]() -> int {
    Tensor t = self_of(self);
    if (!value || value == Py_None) {
      if (AutogradMeta* meta = autograd_meta(t)) meta->grad = Tensor();
      return 0;
    }
    RL_CHECK_KIND(Type, is_tensor(value),
                  "assigned grad expected to be a Tensor or None but got grad of type ",
                  Py_TYPE(value)->tp_name);
    Tensor g = unwrap(value);
    RL_CHECK(!g.same(t), "can't assign Variable as its own grad");
    RL_CHECK(g.sizes() == t.sizes(), "attempting to assign a gradient of size '", g.sizes(),
             "' to a tensor of size '", t.sizes(),
             "'. Please ensure that the gradient and the tensor are the same size");
    RL_CHECK(g.dtype() == t.dtype(), "attempting to assign a gradient with dtype '",
             concat("torch.", dtype_name(g.dtype())), "' to a tensor of dtype '",
             concat("torch.", dtype_name(t.dtype())),
             "'. The gradient must match the tensor's dtype");
    make_autograd_meta(t).grad = g;
    return 0;
  });
}
int set_requires_grad_attr(PyObject* self, PyObject* value, void*) {
  return guarded_int([&]() -> int {
    RL_CHECK_KIND(Type, value && PyBool_Check(value), "requires_grad must be a bool");
    set_requires_grad(self_of(self), value == Py_True);
    return 0;
  });
}
int set_data(PyObject* self, PyObject* value, void*) {
  return guarded_int([&]() -> int {
    RL_CHECK_KIND(Type, value && is_tensor(value), "Variable data has to be a tensor, but got ",
                  value ? Py_TYPE(value)->tp_name : "nothing");
    Tensor t = self_of(self), from = unwrap(value);
    RL_CHECK(
        !requires_grad(t) || is_differentiable(from.dtype()),
        "data set to a tensor that requires gradients must be floating point or complex dtype");
    set_tensor(t, from);
    if (AutogradMeta* meta = autograd_meta(t)) {
      if (meta->accumulator)
        meta->accumulator->outputs.assign(1, {t.sizes(), t.dtype(), t.device()});
    }
    return 0;
  });
}

PyObject* get_data(PyObject* self, void*) {
  return get(self, [](const Tensor& t) {
    Tensor out = alias(t);
    out->counter = Ref<VersionCounter>();  // changes through .data are not seen by autograd
    return wrap(out);
  });
}

PyGetSetDef tensor_getset[] = {
    {"shape",
     [](PyObject* s, void*) {
       return get(s, [](const Tensor& t) { return wrap_size(t.sizes()); });
     },
     nullptr, "Sizes of the tensor.", nullptr},
    {"dtype",
     [](PyObject* s, void*) { return get(s, [](const Tensor& t) { return wrap(t.dtype()); }); },
     nullptr, "Element type.", nullptr},
    {"device",
     [](PyObject* s, void*) { return get(s, [](const Tensor& t) { return wrap(t.device()); }); },
     nullptr, "Where the data are.", nullptr},
    {"layout",
     [](PyObject* s, void*) { return get(s, [](const Tensor&) { return wrap(Layout::Strided); }); },
     nullptr, nullptr, nullptr},
    {"ndim",
     [](PyObject* s, void*) {
       return get(s, [](const Tensor& t) { return PyLong_FromLong(t.ndim()); });
     },
     nullptr, "Number of dimensions.", nullptr},
    {"itemsize",
     [](PyObject* s, void*) {
       return get(s, [](const Tensor& t) { return PyLong_FromSize_t(t.item_size()); });
     },
     nullptr, "Bytes of an element.", nullptr},
    {"nbytes",
     [](PyObject* s, void*) {
       return get(
           s, [](const Tensor& t) { return PyLong_FromSize_t(t.item_size() * size_t(t.numel())); });
     },
     nullptr, "Bytes of all elements.", nullptr},
    {"requires_grad",
     [](PyObject* s, void*) {
       return get(s, [](const Tensor& t) { return PyBool_FromLong(requires_grad(t)); });
     },
     set_requires_grad_attr, "Are gradients recorded for this tensor?", nullptr},
    {"is_leaf",
     [](PyObject* s, void*) {
       return get(s, [](const Tensor& t) { return PyBool_FromLong(is_leaf(t)); });
     },
     nullptr, "Made by the user rather than by a recorded operation.", nullptr},
    {"grad", get_grad, set_grad, "Gradient accumulated by backward().", nullptr},
    {"grad_fn",
     [](PyObject* s, void*) { return get(s, [](const Tensor& t) { return grad_fn_object(t); }); },
     nullptr, "The graph node that made this tensor.", nullptr},
    {"data", get_data, set_data, "The same storage without history.", nullptr},
    {"_version",
     [](PyObject* s, void*) {
       return get(s, [](const Tensor& t) {
         RL_CHECK(!t->is_inference, "Inference tensors do not track version counter.");
         return PyLong_FromLong(t->version());
       });
     },
     nullptr, nullptr, nullptr},
    {"_base",
     [](PyObject* s, void*) {
       return get(s, [](const Tensor& t) {
         return t->is_view && autograd_meta(t) ? wrap(autograd_meta(t)->base) : none();
       });
     },
     nullptr, nullptr, nullptr},
    {"output_nr",
     [](PyObject* s, void*) {
       return get(s, [](const Tensor& t) {
         return PyLong_FromLong(autograd_meta(t) ? autograd_meta(t)->output_nr : 0);
       });
     },
     nullptr, nullptr, nullptr},
    {"retains_grad",
     [](PyObject* s, void*) {
       return get(s, [](const Tensor& t) {
         return PyBool_FromLong(autograd_meta(t) && autograd_meta(t)->retains_grad);
       });
     },
     nullptr, nullptr, nullptr},
    {"is_cuda",
     [](PyObject* s, void*) {
       return get(
           s, [](const Tensor& t) { return PyBool_FromLong(t.device().type == DeviceType::CUDA); });
     },
     nullptr, nullptr, nullptr},
    {"is_cpu",
     [](PyObject* s, void*) {
       return get(
           s, [](const Tensor& t) { return PyBool_FromLong(t.device().type == DeviceType::CPU); });
     },
     nullptr, nullptr, nullptr},
    {"is_meta",
     [](PyObject* s, void*) {
       return get(s, [](const Tensor& t) { return PyBool_FromLong(t.is_meta()); });
     },
     nullptr, nullptr, nullptr},
    {"__dict__", PyObject_GenericGetDict, PyObject_GenericSetDict, nullptr, nullptr},
    {nullptr, nullptr, nullptr, nullptr, nullptr}};

// ---- methods that are not operators ----
PyObject* tensor_size(PyObject* self, PyObject* const* args, Py_ssize_t n, PyObject* names) {
  return get(self, [&](const Tensor& t) -> PyObject* {
    if (n + (names ? PyTuple_GET_SIZE(names) : 0) == 0 || args[0] == Py_None)
      return wrap_size(t.sizes());
    int64_t d;
    RL_CHECK_KIND(Type, as_int(args[0], &d), "size(): argument 'dim' must be int, not ",
                  Py_TYPE(args[0])->tp_name);
    RL_CHECK_KIND(Index, t.ndim() > 0, "Dimension specified as ", d,
                  " but tensor has no dimensions");
    return PyLong_FromLongLong(t.size(d));
  });
}
PyObject* tensor_stride(PyObject* self, PyObject* const* args, Py_ssize_t n, PyObject* names) {
  return get(self, [&](const Tensor& t) -> PyObject* {
    if (n + (names ? PyTuple_GET_SIZE(names) : 0) == 0 || args[0] == Py_None)
      return wrap_tuple(t.strides());
    int64_t d;
    RL_CHECK_KIND(Type, as_int(args[0], &d), "stride(): argument 'dim' must be int, not ",
                  Py_TYPE(args[0])->tp_name);
    return PyLong_FromLongLong(t.stride(d));
  });
}
PyObject* tensor_item(PyObject* self, PyObject*) {
  return get(self, [](const Tensor& t) { return wrap(item(t)); });
}
PyObject* tensor_dim(PyObject* self, PyObject*) {
  return get(self, [](const Tensor& t) { return PyLong_FromLong(t.ndim()); });
}
PyObject* tensor_numel(PyObject* self, PyObject*) {
  return get(self, [](const Tensor& t) { return PyLong_FromLongLong(t.numel()); });
}
PyObject* tensor_data_ptr(PyObject* self, PyObject*) {
  return get(self, [](const Tensor& t) {
    t.storage()->expose();
    return PyLong_FromVoidPtr(t.numel() == 0 || t.is_meta() ? nullptr : t.data());
  });
}
PyObject* tensor_offset(PyObject* self, PyObject*) {
  return get(self, [](const Tensor& t) { return PyLong_FromLongLong(t.offset()); });
}
PyObject* tensor_is_contiguous(PyObject* self, PyObject* args, PyObject* kwargs) {
  return get(self, [&](const Tensor& t) -> PyObject* {
    static const char* words[] = {"memory_format", nullptr};
    PyObject* format = nullptr;
    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "|O", const_cast<char**>(words), &format)) {
      throw PythonError();
    }
    MemoryFormat m = MemoryFormat::Contiguous;
    if (format) as_memory_format(format, &m);
    if (m == MemoryFormat::ChannelsLast) {
      return PyBool_FromLong(t.ndim() == 4 && is_channels_last(t.sizes(), t.strides()));
    }
    if (m == MemoryFormat::ChannelsLast3d) {
      return PyBool_FromLong(t.ndim() == 5 && is_channels_last(t.sizes(), t.strides()));
    }
    return PyBool_FromLong(t.is_contiguous());
  });
}
PyObject* to_list(const Tensor& t, int dim, const char* p) {
  if (dim == t.ndim()) {
    PyObject* out = nullptr;
    dispatch(t.dtype(), "tolist", StoredTypes(), [&]<class T>() {
      T v = *reinterpret_cast<const T*>(p);
      if constexpr (std::is_same_v<T, bool>) {
        out = PyBool_FromLong(v);
      } else if constexpr (std::is_same_v<T, uint64_t>) {
        out = PyLong_FromUnsignedLongLong(v);
      } else if constexpr (std::is_integral_v<T>) {
        out = PyLong_FromLongLong(int64_t(v));
      } else if constexpr (is_complex(dtype_of<T>)) {
        out = PyComplex_FromDoubles(v.real(), v.imag());
      } else if constexpr (std::is_same_v<T, double>) {
        out = PyFloat_FromDouble(v);
      } else {
        out = PyFloat_FromDouble(double(float(v)));
      }
    });
    return check(out);
  }
  PyRef list(check(PyList_New(Py_ssize_t(t.sizes()[dim]))));
  for (int64_t i = 0; i < t.sizes()[dim]; ++i) {
    PyList_SET_ITEM(list.get(), Py_ssize_t(i),
                    to_list(t, dim + 1, p + i * t.strides()[dim] * int64_t(t.item_size())));
  }
  return list.release();
}
PyObject* tensor_tolist(PyObject* self, PyObject*) {
  return get(self, [](const Tensor& t) {
    RL_CHECK(!t.is_meta(), "tolist: a tensor on the meta device has no values");
    return to_list(t, 0, t.numel() ? static_cast<const char*>(t.data()) : nullptr);
  });
}
PyObject* tensor_make_subclass(PyObject*, PyObject* args, PyObject* kwargs) {
  return guarded([&]() -> PyObject* {
    static const char* words[] = {"cls", "data", "require_grad", nullptr};
    PyObject *cls, *data;
    int require = 0;
    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "OO|p", const_cast<char**>(words), &cls, &data,
                                     &require)) {
      return nullptr;
    }
    RL_CHECK_KIND(Type, PyType_Check(cls) && PyType_IsSubtype((PyTypeObject*)cls, tensor_type),
                  "cls must be a subclass of Tensor");
    Tensor t = alias(require_tensor(data, "_make_subclass"));
    t->counter = Ref<VersionCounter>();
    if (require) set_requires_grad(t, true);
    return wrap_as((PyTypeObject*)cls, t);
  });
}

// A differentiable view of the tensor as an instance of one of its subclasses.
PyObject* tensor_as_subclass(PyObject* self, PyObject* cls) {
  return get(self, [&](const Tensor& t) -> PyObject* {
    RL_CHECK_KIND(Type, PyType_Check(cls) && PyType_IsSubtype((PyTypeObject*)cls, tensor_type),
                  "cls must be a subclass of Tensor");
    return wrap_as((PyTypeObject*)cls, call<"alias">(t));
  });
}

PyMethodDef tensor_methods[] = {
    {"as_subclass", tensor_as_subclass, METH_O, "The same values as an instance of a subclass."},
    {"size", (PyCFunction)(void*)overridable_fastcall<"size", tensor_size>,
     METH_FASTCALL | METH_KEYWORDS, "Sizes, or one size."},
    {"stride", (PyCFunction)(void*)overridable_fastcall<"stride", tensor_stride>,
     METH_FASTCALL | METH_KEYWORDS, "Strides, or one."},
    {"item", overridable_noargs<"item", tensor_item>, METH_NOARGS,
     "The only element as a Python number."},
    {"dim", overridable_noargs<"dim", tensor_dim>, METH_NOARGS, "Number of dimensions."},
    {"ndimension", overridable_noargs<"ndimension", tensor_dim>, METH_NOARGS,
     "Number of dimensions."},
    {"numel", overridable_noargs<"numel", tensor_numel>, METH_NOARGS, "Number of elements."},
    {"nelement", overridable_noargs<"nelement", tensor_numel>, METH_NOARGS, "Number of elements."},
    {"data_ptr", overridable_noargs<"data_ptr", tensor_data_ptr>, METH_NOARGS,
     "Address of the first element."},
    {"storage_offset", overridable_noargs<"storage_offset", tensor_offset>, METH_NOARGS,
     "Offset into the storage, in elements."},
    {"tolist", overridable_noargs<"tolist", tensor_tolist>, METH_NOARGS,
     "Nested lists of Python numbers."},
    {"is_contiguous", (PyCFunction)(void*)tensor_is_contiguous, METH_VARARGS | METH_KEYWORDS,
     "Is the memory dense and in the order of the dimensions?"},
    {"_make_subclass", (PyCFunction)(void*)tensor_make_subclass,
     METH_VARARGS | METH_KEYWORDS | METH_STATIC, nullptr},
    {nullptr, nullptr, 0, nullptr}};

PyMemberDef tensor_members[] = {
    {"__dictoffset__", T_PYSSIZET, offsetof(PyTensor, dict), READONLY, nullptr},
    {"__weaklistoffset__", T_PYSSIZET, offsetof(PyTensor, weakrefs), READONLY, nullptr},
    {nullptr, 0, 0, 0, nullptr}};

PyGetSetDef overridable_getset[std::size(tensor_getset)];

PyType_Slot tensor_slots[] = {
    {Py_tp_new, (void*)tensor_new},
    {Py_tp_dealloc, (void*)tensor_dealloc},
    {Py_tp_traverse, (void*)tensor_traverse},
    {Py_tp_clear, (void*)tensor_clear},
    {Py_tp_getset, overridable_getset},
    {Py_tp_methods, tensor_methods},
    {Py_tp_members, tensor_members},
    {Py_tp_richcompare, (void*)tensor_richcompare},
    {Py_tp_hash, (void*)tensor_hash},
    {Py_mp_length, (void*)tensor_len},
    {Py_sq_length, (void*)tensor_len},
    {Py_mp_subscript, (void*)tensor_getitem},
    {Py_mp_ass_subscript, (void*)tensor_setitem},
    {Py_nb_add, (void*)binary<"add.Tensor">},
    {Py_nb_subtract, (void*)tensor_subtract},
    {Py_nb_multiply, (void*)binary<"mul.Tensor">},
    {Py_nb_true_divide, (void*)binary<"div.Tensor">},
    {Py_nb_floor_divide, (void*)binary<"floor_divide">},
    {Py_nb_remainder, (void*)tensor_remainder},
    {Py_nb_power, (void*)tensor_pow},
    {Py_nb_matrix_multiply, (void*)tensor_matmul},
    {Py_nb_and, (void*)binary<"bitwise_and.Tensor">},
    {Py_nb_or, (void*)binary<"bitwise_or.Tensor">},
    {Py_nb_xor, (void*)binary<"bitwise_xor.Tensor">},
    {Py_nb_lshift, (void*)binary<"bitwise_left_shift.Tensor">},
    {Py_nb_rshift, (void*)binary<"bitwise_right_shift.Tensor">},
    {Py_nb_inplace_add, (void*)inplace_binary<"add.Tensor">},
    {Py_nb_inplace_subtract, (void*)inplace_binary<"sub.Tensor">},
    {Py_nb_inplace_multiply, (void*)inplace_binary<"mul.Tensor">},
    {Py_nb_inplace_true_divide, (void*)inplace_binary<"div.Tensor">},
    {Py_nb_inplace_floor_divide, (void*)inplace_binary<"floor_divide">},
    {Py_nb_inplace_remainder, (void*)inplace_binary<"remainder.Tensor">},
    {Py_nb_inplace_power, (void*)tensor_inplace_pow},
    {Py_nb_inplace_and, (void*)inplace_binary<"bitwise_and.Tensor">},
    {Py_nb_inplace_or, (void*)inplace_binary<"bitwise_or.Tensor">},
    {Py_nb_inplace_xor, (void*)inplace_binary<"bitwise_xor.Tensor">},
    {Py_nb_inplace_lshift, (void*)inplace_binary<"bitwise_left_shift.Tensor">},
    {Py_nb_inplace_rshift, (void*)inplace_binary<"bitwise_right_shift.Tensor">},
    {Py_nb_negative, (void*)unary<"neg">},
    {Py_nb_positive, (void*)tensor_positive},
    {Py_nb_absolute, (void*)unary<"abs">},
    {Py_nb_invert, (void*)tensor_invert},
    {Py_nb_bool, (void*)tensor_bool},
    {Py_nb_int, (void*)tensor_int},
    {Py_nb_float, (void*)tensor_float},
    {Py_nb_index, (void*)tensor_index},
    {0, nullptr}};

PyMethodDef module_methods[] = {{"_set_tensor_constructor",
                                 [](PyObject*, PyObject* f) {
                                   Py_XSETREF(tensor_constructor, Py_NewRef(f));
                                   Py_RETURN_NONE;
                                 },
                                 METH_O, nullptr},
                                {"_set_warn_always",
                                 [](PyObject*, PyObject* on) {
                                   warn_always = on == Py_True;
                                   Py_RETURN_NONE;
                                 },
                                 METH_O, nullptr},
                                {"_warn_scalar_of_graph",
                                 [](PyObject*, PyObject* t) {
                                   return guarded([&] {
                                     warn_scalar_of_graph(self_of(t));
                                     return Py_NewRef(Py_None);
                                   });
                                 },
                                 METH_O, nullptr},
                                {nullptr, nullptr, 0, nullptr}};

}  // namespace

PyObject* wrap(const Tensor& t) {
  if (!t.defined()) Py_RETURN_NONE;
  if (auto* o = static_cast<PyObject*>(t->pyobj)) {
    if (!t->owns_pyobj) return Py_NewRef(o);
    t->owns_pyobj = false;
    t->retain();
    return o;
  }
  return attach(check(tensor_type->tp_alloc(tensor_type, 0)), t);
}
PyObject* wrap_as(PyTypeObject* type, const Tensor& t) {
  return attach(check(type->tp_alloc(type, 0)), t);
}
Tensor require_tensor(PyObject* o, const char* what) {
  RL_CHECK_KIND(Type, is_tensor(o), what, "(): argument must be Tensor, not ", Py_TYPE(o)->tp_name);
  return self_of(o);
}

void add_functions(PyObject* module, PyMethodDef* methods) {
  if (PyModule_AddFunctions(module, methods) < 0) throw PythonError();
}

void init_tensor_type(PyObject* module) {
  make_overridable(tensor_getset, overridable_getset);
  PyType_Spec spec{"rushlight.Tensor", sizeof(PyTensor), 0,
                   Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE | Py_TPFLAGS_HAVE_GC, tensor_slots};
  tensor_type = reinterpret_cast<PyTypeObject*>(check(PyType_FromSpec(&spec)));
  TensorImpl::drop_pyobj = drop_pyobj;
  bind_overridable(overridable_getset);
  // Messages name the type as PyTorch's do: 'Tensor', without the module.
  PyRef name(check(PyUnicode_FromString("Tensor")));
  if (PyObject_SetAttrString((PyObject*)tensor_type, "__name__", name.get()) < 0)
    throw PythonError();
  PyModule_AddObjectRef(module, "Tensor", (PyObject*)tensor_type);
  add_functions(module, module_methods);
}

}  // namespace rl
