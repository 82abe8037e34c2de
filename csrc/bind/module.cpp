// The extension module rushlight._C.
#include <nanobind/nanobind.h>

#include "bind/overrides.h"
#include "cpu/onednn.h"
#include "cpu/parallel.h"
#include "cpu/uninitialized.h"
#include "dispatch/promotion.h"

namespace rl {

namespace {

PyObject* class_of(ErrorKind kind) {
  switch (kind) {
    case ErrorKind::Type:
      return PyExc_TypeError;
    case ErrorKind::Value:
      return PyExc_ValueError;
    case ErrorKind::Index:
      return PyExc_IndexError;
    case ErrorKind::NotImplemented:
      return PyExc_NotImplementedError;
    case ErrorKind::Assertion:
      return PyExc_AssertionError;
    case ErrorKind::ModuleNotFound:
      return PyExc_ModuleNotFoundError;
    case ErrorKind::Attribute:
      return PyExc_AttributeError;
    default:
      return PyExc_RuntimeError;
  }
}

// Classes that Python code defines (OutOfMemoryError, LinAlgError) are registered here.
PyObject* special_classes[2] = {nullptr, nullptr};

void raise(const Error& e) {
  PyObject* type = class_of(e.kind);
  if (e.kind == ErrorKind::OutOfMemory && special_classes[0]) type = special_classes[0];
  if (e.kind == ErrorKind::LinAlg && special_classes[1]) type = special_classes[1];
  PyErr_SetString(type, e.message.c_str());
  if (e.note.empty()) return;
  PyObject *t, *v, *tb;
  PyErr_Fetch(&t, &v, &tb);
  PyErr_NormalizeException(&t, &v, &tb);
  // As an attribute: exceptions have add_note from Python 3.11 on only.
  PyRef notes(Py_BuildValue("[s]", e.note.c_str()));
  if (!notes || PyObject_SetAttrString(v, "__notes__", notes.get()) < 0) PyErr_Clear();
  PyErr_Restore(t, v, tb);
}

PyObject* set_num_threads_entry(PyObject*, PyObject* o) {
  return guarded([&]() -> PyObject* {
    int64_t n;
    RL_CHECK_KIND(Type, !PyBool_Check(o) && as_int(o, &n),
                  "set_num_threads expects an int, but got ", Py_TYPE(o)->tp_name);
    RL_CHECK(n > 0, "set_num_threads expects a positive integer");
    set_num_threads(int(std::min<int64_t>(n, 1024)));
    Py_RETURN_NONE;
  });
}
PyObject* get_num_threads_entry(PyObject*, PyObject*) { return PyLong_FromLong(num_threads()); }
PyObject* get_default_dtype_entry(PyObject*, PyObject*) { return wrap(default_dtype()); }
PyObject* set_default_dtype_entry(PyObject*, PyObject* o) {
  return guarded([&]() -> PyObject* {
    DType d;
    RL_CHECK_KIND(Type, as_dtype(o, &d), "invalid dtype object");
    RL_CHECK_KIND(Type, is_floating(d),
                  "only floating-point types are supported as the default type");
    set_default_dtype(d);
    Py_RETURN_NONE;
  });
}
PyObject* get_default_device_entry(PyObject*, PyObject*) { return wrap(default_device()); }
PyObject* set_default_device_entry(PyObject*, PyObject* o) {
  return guarded([&]() -> PyObject* {
    Device d;
    RL_CHECK_KIND(Type, as_device(o, &d), "set_default_device expects a device");
    set_default_device(d);
    Py_RETURN_NONE;
  });
}
PyObject* promote_types_entry(PyObject*, PyObject* args) {
  return guarded([&]() -> PyObject* {
    PyObject *a, *b;
    if (!PyArg_ParseTuple(args, "OO", &a, &b)) return nullptr;
    DType x, y;
    RL_CHECK_KIND(Type, as_dtype(a, &x) && as_dtype(b, &y),
                  "promote_types(): arguments must be torch.dtype");
    return wrap(promote_types(x, y));
  });
}
PyObject* result_type_entry(PyObject*, PyObject* args) {
  return guarded([&]() -> PyObject* {
    Promotion p;
    for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(args); ++i) {
      PyObject* o = PyTuple_GET_ITEM(args, i);
      Scalar s;
      if (is_tensor(o)) {
        p.add(unwrap(o));
      } else {
        RL_CHECK_KIND(Type, as_number(o, &s),
                      "result_type(): argument must be Tensor or Number, not ",
                      Py_TYPE(o)->tp_name);
        p.add(s);
      }
    }
    return wrap(p.result());
  });
}
PyObject* isa_level_entry(PyObject*, PyObject*) {
  constexpr const char* names[] = {"baseline", "avx2", "avx512"};
  return PyUnicode_FromString(names[cpu_isa_level()]);
}
// The version of the oneDNN that kernels use, "" where none can be opened.
PyObject* onednn_version_entry(PyObject*, PyObject*) {
  return PyUnicode_FromString(onednn::version());
}
PyObject* set_thread_independent_entry(PyObject*, PyObject* o) {
  set_thread_independent(PyObject_IsTrue(o) == 1);
  Py_RETURN_NONE;
}
PyObject* set_fill_uninitialized_entry(PyObject*, PyObject* o) {
  set_fill_uninitialized(PyObject_IsTrue(o) == 1);
  Py_RETURN_NONE;
}
PyObject* set_error_class(PyObject*, PyObject* args) {
  int which;
  PyObject* type;
  if (!PyArg_ParseTuple(args, "iO", &which, &type)) return nullptr;
  Py_XSETREF(special_classes[which], Py_NewRef(type));
  Py_RETURN_NONE;
}
// all_schemas() -> [(text, node name)]: what the registry holds, for documentation and checks.
PyObject* all_schemas(PyObject*, PyObject*) {
  return guarded([&]() -> PyObject* {
    PyRef list(check(PyList_New(0)));
    for (const OpGroup* g : all_groups()) {
      for (const Op* op : g->overloads) {
        PyRef text(PyUnicode_FromString((op->schema.full_name() + op->schema.signature()).c_str()));
        PyList_Append(list.get(), text.get());
      }
    }
    return list.release();
  });
}

PyMethodDef functions[] = {
    {"set_num_threads", set_num_threads_entry, METH_O, "Sets how many threads kernels use."},
    {"get_num_threads", get_num_threads_entry, METH_NOARGS, "How many threads kernels use."},
    {"_set_thread_independent", set_thread_independent_entry, METH_O, nullptr},
    {"_set_fill_uninitialized", set_fill_uninitialized_entry, METH_O, nullptr},
    {"get_default_dtype", get_default_dtype_entry, METH_NOARGS, "The default floating dtype."},
    {"set_default_dtype", set_default_dtype_entry, METH_O, "Sets the default floating dtype."},
    {"_get_default_device", get_default_device_entry, METH_NOARGS, nullptr},
    {"_set_default_device", set_default_device_entry, METH_O, nullptr},
    {"promote_types", promote_types_entry, METH_VARARGS, "The dtype that two dtypes promote to."},
    {"result_type", result_type_entry, METH_VARARGS, "The dtype of an operation on the arguments."},
    {"_isa_level", isa_level_entry, METH_NOARGS, nullptr},
    {"_onednn_version", onednn_version_entry, METH_NOARGS, nullptr},
    {"_set_error_class", set_error_class, METH_VARARGS, nullptr},
    {"_all_schemas", all_schemas, METH_NOARGS, nullptr},
    {nullptr, nullptr, 0, nullptr}};

}  // namespace

void init_memory(PyObject* module);  // memory.cpp

void set_python_error() noexcept {
  try {
    throw;
  } catch (const PythonError&) {
  } catch (const nanobind::python_error& e) {
    const_cast<nanobind::python_error&>(e).restore();
  } catch (const Error& e) {
    raise(e);
  } catch (const std::bad_alloc&) {
    PyErr_NoMemory();
  } catch (const std::exception& e) {
    PyErr_SetString(PyExc_RuntimeError, e.what());
  }
}

void init_runtime(PyObject* module) {
  GilHooks::release = []() -> void* { return PyGILState_Check() ? PyEval_SaveThread() : nullptr; };
  GilHooks::acquire = [](void* state) { PyEval_RestoreThread(static_cast<PyThreadState*>(state)); };
  add_functions(module, functions);
}

}  // namespace rl

NB_MODULE(_C, m) {
  PyObject* module = m.ptr();
  try {
    rl::init_small_types(module);
    rl::init_tensor_type(module);
    rl::init_overrides(module);
    rl::init_runtime(module);
    rl::init_memory(module);
    rl::init_autograd(module);
    rl::init_numpy(module);
    rl::init_random(module);
    rl::init_ops(module);
    rl::init_optim(module);
  } catch (const rl::PythonError&) {
    throw nanobind::python_error();
  }
}
