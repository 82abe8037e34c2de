#include "bind/overrides.h"

#include <structmember.h>

#include <vector>

namespace rl {

int function_modes = 0;

namespace {

enum : int { kEnabled = 0, kSubclassesDisabled = 1, kAllDisabled = 2 };
thread_local int disabled = kEnabled;
thread_local std::vector<PyObject*> modes;  // owned, the innermost last

PyObject* protocol_name;  // "__torch_function__"
PyObject* disabled_impl;  // what classes that want no say have under that name

// The class asked last that has no say: nearly always Parameter.
PyTypeObject* last_silent;

PyObject* dispatcher() {
  static PyObject* function = [] {
    PyRef module(check(PyImport_ImportModule("rushlight.overrides")));
    return check(PyObject_GetAttrString(module.get(), "_dispatch"));
  }();
  return function;
}

PyObject* dispatch_call(PyObject* function, PyObject* args, PyObject* kwargs, bool is_operator) {
  return check(PyObject_CallFunctionObjArgs(dispatcher(), function, args, kwargs,
                                            is_operator ? Py_True : Py_False, nullptr));
}
PyRef pack(std::initializer_list<PyObject*> args) {
  PyRef tuple(check(PyTuple_New(Py_ssize_t(args.size()))));
  Py_ssize_t i = 0;
  for (PyObject* o : args) PyTuple_SET_ITEM(tuple.get(), i++, Py_NewRef(o));
  return tuple;
}
PyObject* call_named(const char* name, std::initializer_list<PyObject*> args, bool is_operator) {
  return guarded([&] {
    PyRef function(check(PyObject_GetAttrString((PyObject*)tensor_type, name)));
    PyRef tuple = pack(args), kwargs(check(PyDict_New()));
    return dispatch_call(function.get(), tuple.get(), kwargs.get(), is_operator);
  });
}

}  // namespace

bool mode_in_force() { return !modes.empty() && disabled != kAllDisabled; }

bool overrides_functions(PyObject* o) {
  PyTypeObject* t = Py_TYPE(o);
  if (t == last_silent || t == tensor_type || disabled != kEnabled) return false;
  PyObject* found = _PyType_Lookup(t, protocol_name);
  if (!found) return false;
  if (found != disabled_impl) return true;
  Py_XSETREF(last_silent, reinterpret_cast<PyTypeObject*>(Py_NewRef(t)));
  return false;
}

bool sequence_overrides(PyObject* o) {
  bool tuple = PyTuple_CheckExact(o);
  Py_ssize_t n = tuple ? PyTuple_GET_SIZE(o) : PyList_GET_SIZE(o);
  for (Py_ssize_t i = 0; i < n; ++i) {
    PyObject* e = tuple ? PyTuple_GET_ITEM(o, i) : PyList_GET_ITEM(o, i);
    if (!is_plain(e) && overrides_functions(e)) return true;
  }
  return false;
}

PyObject* call_override(PyObject* function, PyObject* const* args, size_t nargs,
                        PyObject* kwnames) {
  return guarded([&] {
    PyRef tuple(check(PyTuple_New(Py_ssize_t(nargs)))), kwargs(check(PyDict_New()));
    for (size_t i = 0; i < nargs; ++i) {
      PyTuple_SET_ITEM(tuple.get(), Py_ssize_t(i), Py_NewRef(args[i]));
    }
    for (Py_ssize_t k = 0; kwnames && k < PyTuple_GET_SIZE(kwnames); ++k) {
      if (PyDict_SetItem(kwargs.get(), PyTuple_GET_ITEM(kwnames, k), args[nargs + size_t(k)]) < 0) {
        throw PythonError();
      }
    }
    return dispatch_call(function, tuple.get(), kwargs.get(), false);
  });
}
PyObject* reduced_by_name(PyObject* self, const char* function) {
  PyRef module(PyImport_ImportModule("rushlight.overrides"));
  return module ? PyObject_CallMethod(module.get(), function, "O", self) : nullptr;
}
PyObject* call_override(const char* name, std::initializer_list<PyObject*> args) {
  return call_named(name, args, false);
}
PyObject* call_operator_override(const char* name, std::initializer_list<PyObject*> args) {
  return call_named(name, args, true);
}
PyObject* override_method(const char* name, PyObject* self, PyObject* const* args, Py_ssize_t n,
                          PyObject* kwnames) {
  return guarded([&] {
    PyRef function(check(PyObject_GetAttrString((PyObject*)tensor_type, name)));
    Py_ssize_t values = n + (kwnames ? PyTuple_GET_SIZE(kwnames) : 0);
    std::vector<PyObject*> all{self};
    all.insert(all.end(), args, args + values);
    return check(call_override(function.get(), all.data(), size_t(n) + 1, kwnames));
  });
}

namespace {

// ---- attributes ----

struct Attribute {
  getter get;
  setter set;
  void* closure;
  PyObject* descriptor;
};

PyObject* get_attribute(PyObject* self, void* closure) {
  auto* a = static_cast<Attribute*>(closure);
  if (!wants_override(self)) return a->get(self, a->closure);
  return guarded([&] {
    PyRef function(check(PyObject_GetAttrString(a->descriptor, "__get__")));
    PyRef args = pack({self}), kwargs(check(PyDict_New()));
    return dispatch_call(function.get(), args.get(), kwargs.get(), false);
  });
}
int set_attribute(PyObject* self, PyObject* value, void* closure) {
  auto* a = static_cast<Attribute*>(closure);
  if (!wants_override(self)) return a->set(self, value, a->closure);
  return guarded_int([&] {
    PyRef function(check(PyObject_GetAttrString(a->descriptor, value ? "__set__" : "__delete__")));
    PyRef args = value ? pack({self, value}) : pack({self}), kwargs(check(PyDict_New()));
    PyRef done(dispatch_call(function.get(), args.get(), kwargs.get(), false));
    return 0;
  });
}

}  // namespace

void make_overridable(const PyGetSetDef* in, PyGetSetDef* out) {
  for (; in->name; ++in, ++out) {
    *out = *in;
    if (in->name[0] == '_' && in->name[1] == '_') continue;
    out->closure = new Attribute{in->get, in->set, in->closure, nullptr};
    out->get = get_attribute;
    if (in->set) out->set = set_attribute;
  }
  *out = *in;
}
void bind_overridable(PyGetSetDef* entries) {
  for (; entries->name; ++entries) {
    if (entries->get != get_attribute) continue;
    static_cast<Attribute*>(entries->closure)->descriptor =
        check(PyObject_GetAttrString((PyObject*)tensor_type, entries->name));
  }
}

namespace {

// ---- functions written in Python ----

// A Python function that asks first. It passes for the function itself: attributes are the
// function's, `__class__` too.
struct PyOverridable {
  PyObject_HEAD vectorcallfunc vectorcall;
  PyObject* target;
  PyObject* shown;  // what handlers get as the function; null: this object
};
PyTypeObject* overridable_type;

PyOverridable* overridable(PyObject* o) { return reinterpret_cast<PyOverridable*>(o); }

PyObject* overridable_call(PyObject* self, PyObject* const* args, size_t nargsf,
                           PyObject* kwnames) {
  size_t n = size_t(PyVectorcall_NARGS(nargsf));
  PyOverridable* f = overridable(self);
  if (wants_override(args, n + (kwnames ? size_t(PyTuple_GET_SIZE(kwnames)) : 0))) {
    return call_override(f->shown ? f->shown : self, args, n, kwnames);
  }
  return PyObject_Vectorcall(f->target, args, nargsf, kwnames);
}
PyObject* overridable_get(PyObject* self, PyObject* instance, PyObject*) {
  return instance ? PyMethod_New(self, instance) : Py_NewRef(self);
}
PyObject* overridable_getattr(PyObject* self, PyObject* name) {
  if (PyUnicode_CompareWithASCIIString(name, "__wrapped__") == 0 ||
      PyUnicode_CompareWithASCIIString(name, "__reduce__") == 0 ||
      PyUnicode_CompareWithASCIIString(name, "__reduce_ex__") == 0 ||
      PyUnicode_CompareWithASCIIString(name, "__call__") == 0 ||
      PyUnicode_CompareWithASCIIString(name, "__get__") == 0) {
    return PyObject_GenericGetAttr(self, name);
  }
  return PyObject_GetAttr(overridable(self)->target, name);
}
int overridable_setattr(PyObject* self, PyObject* name, PyObject* value) {
  return PyObject_SetAttr(overridable(self)->target, name, value);
}
PyObject* overridable_repr(PyObject* self) { return PyObject_Repr(overridable(self)->target); }
int overridable_traverse(PyObject* self, visitproc visit, void* arg) {
  Py_VISIT(Py_TYPE(self));
  Py_VISIT(overridable(self)->target);
  Py_VISIT(overridable(self)->shown);
  return 0;
}
int overridable_clear(PyObject* self) {
  Py_CLEAR(overridable(self)->target);
  Py_CLEAR(overridable(self)->shown);
  return 0;
}
void overridable_dealloc(PyObject* self) {
  PyObject_GC_UnTrack(self);
  overridable_clear(self);
  PyTypeObject* type = Py_TYPE(self);
  type->tp_free(self);
  Py_DECREF(type);
}

// _overridable(function, shown=None): remembered by the function, so that pickles find it again.
PyObject* make_function(PyObject*, PyObject* args) {
  PyObject *target, *shown = Py_None;
  if (!PyArg_ParseTuple(args, "O|O", &target, &shown)) return nullptr;
  PyObject* o = overridable_type->tp_alloc(overridable_type, 0);
  if (!o) return nullptr;
  overridable(o)->vectorcall = overridable_call;
  overridable(o)->target = Py_NewRef(target);
  overridable(o)->shown = shown == Py_None ? nullptr : Py_NewRef(shown);
  return o;
}
PyObject* set_shown(PyObject*, PyObject* args) {
  PyObject *o, *shown;
  if (!PyArg_ParseTuple(args, "O!O", overridable_type, &o, &shown)) return nullptr;
  Py_XSETREF(overridable(o)->shown, Py_NewRef(shown));
  Py_RETURN_NONE;
}
PyObject* overridable_reduce(PyObject* self, PyObject*) {
  return reduced_by_name(self, "_reduce_function");
}

PyMethodDef overridable_methods[] = {{"__reduce__", overridable_reduce, METH_NOARGS, nullptr},
                                     {"__reduce_ex__", overridable_reduce, METH_O, nullptr},
                                     {nullptr, nullptr, 0, nullptr}};
PyMemberDef overridable_members[] = {
    {"__vectorcalloffset__", T_PYSSIZET, offsetof(PyOverridable, vectorcall), READONLY, nullptr},
    {"__wrapped__", T_OBJECT, offsetof(PyOverridable, target), READONLY, nullptr},
    {nullptr, 0, 0, 0, nullptr}};

// ---- state of the thread ----

PyObject* set_disabled(PyObject*, PyObject* value) {
  long wanted = PyLong_AsLong(value);
  if (wanted == -1 && PyErr_Occurred()) return nullptr;
  return PyLong_FromLong(std::exchange(disabled, int(wanted)));
}
PyObject* get_disabled(PyObject*, PyObject*) { return PyLong_FromLong(disabled); }
PyObject* push_mode(PyObject*, PyObject* mode) {
  modes.push_back(Py_NewRef(mode));
  ++function_modes;
  Py_RETURN_NONE;
}
PyObject* pop_mode(PyObject*, PyObject*) {
  if (modes.empty()) {
    PyErr_SetString(PyExc_RuntimeError, "no function mode is in force");
    return nullptr;
  }
  PyObject* mode = modes.back();
  modes.pop_back();
  --function_modes;
  return mode;
}
PyObject* mode_count(PyObject*, PyObject*) {
  return PyLong_FromSize_t(disabled == kAllDisabled ? 0 : modes.size());
}
PyObject* overrides_entry(PyObject*, PyObject* o) {
  return PyBool_FromLong(!is_plain(o) && overrides_functions(o));
}
// The function itself, without asking anybody again.
PyObject* disabled_entry(PyObject*, PyObject* args) {
  PyObject *function, *types, *given = nullptr, *kwargs = nullptr;
  if (!PyArg_ParseTuple(args, "OO|OO", &function, &types, &given, &kwargs)) return nullptr;
  PyRef none;
  if (!given) {
    none = PyRef(PyTuple_New(0));
    given = none.get();
  }
  if (!given) return nullptr;
  int before = std::exchange(disabled, std::max<int>(disabled, kSubclassesDisabled));
  PyRef tuple(PySequence_Tuple(given));
  PyObject* result =
      tuple ? PyObject_Call(function, tuple.get(), kwargs == Py_None ? nullptr : kwargs) : nullptr;
  disabled = before;
  return result;
}

PyMethodDef functions[] = {{"_overridable", make_function, METH_VARARGS, nullptr},
                           {"_set_shown", set_shown, METH_VARARGS, nullptr},
                           {"_set_torch_function_disabled", set_disabled, METH_O, nullptr},
                           {"_torch_function_disabled", get_disabled, METH_NOARGS, nullptr},
                           {"_push_function_mode", push_mode, METH_O, nullptr},
                           {"_pop_function_mode", pop_mode, METH_NOARGS, nullptr},
                           {"_function_mode_count", mode_count, METH_NOARGS, nullptr},
                           {"_overrides_functions", overrides_entry, METH_O, nullptr},
                           {"_disabled_torch_function_impl", disabled_entry, METH_VARARGS, nullptr},
                           {nullptr, nullptr, 0, nullptr}};

}  // namespace

void init_overrides(PyObject* module) {
  protocol_name = check(PyUnicode_InternFromString("__torch_function__"));
  add_functions(module, functions);
  disabled_impl = check(PyObject_GetAttrString(module, "_disabled_torch_function_impl"));
  PyType_Slot slots[] = {{Py_tp_call, (void*)PyVectorcall_Call},
                         {Py_tp_descr_get, (void*)overridable_get},
                         {Py_tp_getattro, (void*)overridable_getattr},
                         {Py_tp_setattro, (void*)overridable_setattr},
                         {Py_tp_repr, (void*)overridable_repr},
                         {Py_tp_traverse, (void*)overridable_traverse},
                         {Py_tp_clear, (void*)overridable_clear},
                         {Py_tp_dealloc, (void*)overridable_dealloc},
                         {Py_tp_methods, overridable_methods},
                         {Py_tp_members, overridable_members},
                         {0, nullptr}};
  PyType_Spec spec{"rushlight._C.Overridable", sizeof(PyOverridable), 0,
                   Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_VECTORCALL | Py_TPFLAGS_HAVE_GC |
                       Py_TPFLAGS_METHOD_DESCRIPTOR | Py_TPFLAGS_DISALLOW_INSTANTIATION,
                   slots};
  overridable_type = reinterpret_cast<PyTypeObject*>(check(PyType_FromSpec(&spec)));
  PyModule_AddObjectRef(module, "Overridable", (PyObject*)overridable_type);
}

}  // namespace rl
