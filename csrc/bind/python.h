// bind/python.h: Python objects of the engine and conversions; everything in bind/ includes this.
#pragma once
#include <Python.h>

#include "dispatch/call.h"

namespace rl {

// An owned reference.
class PyRef {
 public:
  PyRef() = default;
  explicit PyRef(PyObject* owned) : p_(owned) {}
  PyRef(PyRef&& o) noexcept : p_(std::exchange(o.p_, nullptr)) {}
  PyRef& operator=(PyRef&& o) noexcept {
    std::swap(p_, o.p_);
    return *this;
  }
  ~PyRef() { Py_XDECREF(p_); }
  static PyRef borrow(PyObject* p) {
    Py_XINCREF(p);
    return PyRef(p);
  }
  PyObject* get() const { return p_; }
  PyObject* release() { return std::exchange(p_, nullptr); }
  explicit operator bool() const { return p_ != nullptr; }

 private:
  PyObject* p_ = nullptr;
};

// Thrown when a Python exception is already set.
struct PythonError {};

// nullptr from CPython means that an exception is set.
inline PyObject* check(PyObject* p) {
  if (!p) throw PythonError();
  return p;
}

// Turns the exception being handled into a Python one.
void set_python_error() noexcept;

// Runs f and turns C++ exceptions into Python ones; R is returned then.
template <class F>
PyObject* guarded(F&& f) noexcept {
  try {
    return f();
  } catch (...) {
    set_python_error();
    return nullptr;
  }
}
template <class F>
int guarded_int(F&& f) noexcept {
  try {
    return f();
  } catch (...) {
    set_python_error();
    return -1;
  }
}

// A Python object kept alive by the engine.
struct PyHolder : RefCounted {
  explicit PyHolder(PyRef o) : object(std::move(o)) {}
  PyRef object;
};

// ---- tensors ----
struct PyTensor {
  PyObject_HEAD TensorImpl* impl;  // owned; null until initialised
  PyObject* dict;
  PyObject* weakrefs;
};
extern PyTypeObject* tensor_type;
void init_tensor_type(PyObject* module);

inline bool is_tensor(PyObject* o) {
  return Py_TYPE(o) == tensor_type || PyType_IsSubtype(Py_TYPE(o), tensor_type);
}
inline Tensor unwrap(PyObject* o) {
  return Tensor(Ref<TensorImpl>(reinterpret_cast<PyTensor*>(o)->impl));
}
// New reference; None for an undefined tensor.
PyObject* wrap(const Tensor& t);
// A new Python object of a subclass of Tensor around t.
PyObject* wrap_as(PyTypeObject* type, const Tensor& t);
Tensor require_tensor(PyObject* o, const char* what);

// ---- small types ----
void init_small_types(PyObject* module);
PyObject* wrap(DType d);
PyObject* wrap(Device d);
PyObject* wrap(Layout l);
PyObject* wrap(MemoryFormat m);
PyObject* wrap_size(const Dims& sizes);  // torch.Size
PyObject* wrap_tuple(const Dims& values);
PyObject* wrap(const Scalar& s);
bool as_dtype(PyObject* o, DType* out);
bool as_device(PyObject* o, Device* out);  // raises for a bad string
bool as_layout(PyObject* o, Layout* out);
bool as_memory_format(PyObject* o, MemoryFormat* out);
// Python and numpy numbers (not tensors).
bool as_number(PyObject* o, Scalar* out);
bool as_int(PyObject* o, int64_t* out);
bool as_int_list(PyObject* o, Dims* out);
extern PyTypeObject* size_type;

// csrc/random's binding fills this in: the engine object behind a torch.Generator, or false.
extern bool (*as_generator)(PyObject* o, GeneratorRef* out);
extern PyObject* (*wrap_generator)(const GeneratorRef& g);

PyObject* wrap(const Value& v);
PyObject* wrap_results(const Op& op, Value* results);

// ---- operators ----
void init_ops(PyObject* module);
// Calls an operator group as Python would.
PyObject* call_group(OpGroup& group, bool inplace, PyObject* const* args, size_t nargs,
                     PyObject* kwnames);

// ---- indexing, autograd ----
PyObject* tensor_getitem(PyObject* self, PyObject* index);
int tensor_setitem(PyObject* self, PyObject* index, PyObject* value);
void init_autograd(PyObject* module);
void init_numpy(PyObject* module);
void init_runtime(PyObject* module);
// Native steps of the optimizers.
void init_optim(PyObject* module);
// Generator type; called once the types above exist.
void init_random(PyObject* module);
PyObject* grad_fn_object(const Tensor& t);  // new reference, None for a leaf
PyObject* wrap_node(const Ref<Node>& node);
// For Tensor's garbage collection: Python objects that only this tensor's history keeps alive.
void visit_autograd(TensorImpl* impl, visitproc visit, void* arg, int* result);
void clear_autograd(TensorImpl* impl);

void add_functions(PyObject* module, PyMethodDef* methods);

}  // namespace rl
