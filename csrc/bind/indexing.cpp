// x[...] read and written.
#include "bind/overrides.h"

namespace rl {

namespace {

// The result of the basic part of an index, and the tensors of the advanced part.
struct Indexed {
  Tensor view;
  TensorList tensors;  // undefined where a dimension is kept; empty: basic indexing only
};

Tensor list_to_index(PyObject* o) {
  PyRef module(check(PyImport_ImportModule("rushlight")));
  PyRef made(check(PyObject_CallMethod(module.get(), "tensor", "(O)", o)));
  Tensor t = unwrap(made.get());
  return t.numel() == 0 ? to_dtype(t, DType::Int64) : t;
}

// Is a list/tuple element an index of several dimensions, as numpy treats x[[...]]?
bool is_sequence_index(PyObject* o) { return PyList_Check(o) || PyTuple_Check(o); }

int count_dims(PyObject* o) {
  if (o == Py_None || o == Py_Ellipsis || PyBool_Check(o)) return 0;
  if (is_tensor(o)) {
    Tensor t = unwrap(o);
    bool mask = t.dtype() == DType::Bool || t.dtype() == DType::UInt8;
    return mask ? t.ndim() : 1;
  }
  return 1;
}

Tensor slice_dim(const Tensor& t, int dim, PyObject* o) {
  auto bound = [&](PyObject* b) -> Value {
    if (b == Py_None) return {};
    int64_t v;
    RL_CHECK_KIND(Type, as_int(b, &v),
                  "slice indices must be integers or None or have an __index__ method");
    return v;
  };
  auto* s = reinterpret_cast<PySliceObject*>(o);
  Value step = bound(s->step);
  int64_t by = is_none(step) ? 1 : std::get<int64_t>(step);
  RL_CHECK_KIND(Value, by > 0, "step must be greater than zero");
  return call<"slice.Tensor">(t, int64_t(dim), bound(s->start), bound(s->stop), by);
}

bool is_array(PyObject* o) { return PyObject_HasAttrString(o, "__array_interface__"); }

Tensor array_to_index(PyObject* o) {
  PyRef module(check(PyImport_ImportModule("rushlight")));
  PyRef made(check(PyObject_CallMethod(module.get(), "as_tensor", "(O)", o)));
  return unwrap(made.get());
}

void put(TensorList& list, size_t at, const Tensor& t) {
  if (list.size() <= at) list.resize(at + 1);
  list[at] = t;
}

Indexed apply_index(const Tensor& self, PyObject* index) {
  PyRef owned;
  if (!PyTuple_Check(index)) {
    owned = PyRef(check(PyTuple_Pack(1, index)));
    index = owned.get();
  }
  Py_ssize_t n = PyTuple_GET_SIZE(index);
  int specified = 0;
  for (Py_ssize_t i = 0; i < n; ++i) specified += count_dims(PyTuple_GET_ITEM(index, i));
  RL_CHECK_KIND(Index, specified <= self.ndim(), "too many indices for tensor of dimension ",
                self.ndim());
  Indexed out{self, {}};
  int dim = 0;
  for (Py_ssize_t i = 0; i < n; ++i) {
    PyObject* o = PyTuple_GET_ITEM(index, i);
    int64_t v;
    if (PyBool_Check(o)) {
      out.view = call<"unsqueeze">(out.view, int64_t(dim));
      put(out.tensors, size_t(dim), scalar_tensor(o == Py_True, DType::Bool));
      ++dim;
    } else if (PySlice_Check(o)) {
      bool whole = reinterpret_cast<PySliceObject*>(o)->start == Py_None &&
                   reinterpret_cast<PySliceObject*>(o)->stop == Py_None &&
                   reinterpret_cast<PySliceObject*>(o)->step == Py_None;
      if (!whole) out.view = slice_dim(out.view, dim, o);
      ++dim;
    } else if (o == Py_Ellipsis) {
      dim += self.ndim() - specified;
    } else if (o == Py_None) {
      out.view = call<"unsqueeze">(out.view, int64_t(dim));
      ++dim;
    } else if (is_tensor(o) && !(unwrap(o).ndim() == 0 && is_integral(unwrap(o).dtype(), false) &&
                                 unwrap(o).dtype() != DType::UInt8)) {
      Tensor t = unwrap(o);
      if (t.ndim() == 0 && (t.dtype() == DType::Bool || t.dtype() == DType::UInt8)) {
        out.view = call<"unsqueeze">(out.view, int64_t(dim));
        put(out.tensors, size_t(dim), to_dtype(t, DType::Bool));
        ++dim;
        continue;
      }
      put(out.tensors, size_t(dim), t);
      bool mask = t.dtype() == DType::Bool || t.dtype() == DType::UInt8;
      dim += mask ? t.ndim() : 1;
    } else if (is_sequence_index(o)) {
      put(out.tensors, size_t(dim), list_to_index(o));
      ++dim;
    } else if (as_int(o, &v)) {
      out.view = call<"select.int">(out.view, int64_t(dim), v);
    } else if (is_array(o)) {
      put(out.tensors, size_t(dim), array_to_index(o));
      ++dim;
    } else {
      fail(
          ErrorKind::Index,
          "only integers, slices (`:`), ellipsis (`...`), None and long or byte Variables are valid "
          "indices (got ",
          Py_TYPE(o)->tp_name, ")");
    }
  }
  return out;
}

// x[i] and x[i:j] without building a tuple.
bool fast_getitem(const Tensor& t, PyObject* index, Tensor* out) {
  if (PyLong_CheckExact(index)) {
    int64_t v;
    as_int(index, &v);
    RL_CHECK_KIND(Index, t.ndim() > 0,
                  "invalid index of a 0-dim tensor. Use `tensor.item()` in Python or "
                  "`tensor.item<T>()` in C++ to convert a 0-dim tensor to a number");
    *out = call<"select.int">(t, int64_t(0), v);
    return true;
  }
  return false;
}

Tensor to_value_tensor(PyObject* value, const Tensor& like) {
  if (is_tensor(value)) return unwrap(value);
  Scalar s;
  if (as_number(value, &s)) return scalar_tensor(s, like.dtype());
  if (is_array(value) || is_sequence_index(value)) return array_to_index(value);
  fail(ErrorKind::Type, "can't assign a ", Py_TYPE(value)->tp_name, " to a torch.",
       dtype_word(like.dtype()), "Tensor");
}

// Leading sizes of one are dropped when a value is assigned.
Tensor drop_leading(const Tensor& value, int ndim) {
  Tensor v = value;
  while (v.ndim() > ndim && v.sizes()[0] == 1) v = call<"select.int">(v, int64_t(0), int64_t(0));
  return v;
}

}  // namespace

PyObject* tensor_getitem(PyObject* self, PyObject* index) {
  PyObject* args[] = {self, index};
  if (wants_override(args, 2)) return call_override("__getitem__", {self, index});
  return guarded([&]() -> PyObject* {
    Tensor t = unwrap(self);
    Tensor quick;
    if (fast_getitem(t, index, &quick)) return wrap(quick);
    Indexed r = apply_index(t, index);
    if (!r.tensors.empty()) return wrap(call<"index.Tensor">(r.view, r.tensors));
    if (r.view.same(t)) return wrap(call<"alias">(t));
    return wrap(r.view);
  });
}

int tensor_setitem(PyObject* self, PyObject* index, PyObject* value) {
  PyObject* args[] = {self, index, value};
  if (value && wants_override(args, 3)) {
    PyRef done(call_override("__setitem__", {self, index, value}));
    return done ? 0 : -1;
  }
  return guarded_int([&]() -> int {
    RL_CHECK_KIND(Type, value, "Tensor does not support deleting items");
    Tensor t = unwrap(self);
    Indexed r = apply_index(t, index);
    Tensor v = to_value_tensor(value, t);
    if (r.tensors.empty()) {
      v = drop_leading(v, r.view.ndim());
      if (v.sizes() != r.view.sizes()) v = call<"expand">(v, r.view.sizes());
      call<"copy_">(r.view, v);
      return 0;
    }
    if (v.dtype() != t.dtype()) v = to_dtype(v, t.dtype());
    call<"index_put_">(r.view, r.tensors, v, false);
    return 0;
  });
}

}  // namespace rl
