// Memory shared with other libraries: addresses in, buffers out. numpy itself is used from Python.
#include <Python.h>
#include <structmember.h>

#include "autograd/view_twin.h"
#include "bind/python.h"
#include "cpu/uninitialized.h"

namespace rl {

namespace {

// _from_address(address, bytes, sizes, strides, dtype, owner): a tensor on memory kept by `owner`.
PyObject* from_address(PyObject*, PyObject* args) {
  return guarded([&]() -> PyObject* {
    unsigned long long address, bytes;
    PyObject *py_sizes, *py_strides, *py_dtype, *owner;
    if (!PyArg_ParseTuple(args, "KKOOOO", &address, &bytes, &py_sizes, &py_strides, &py_dtype,
                          &owner)) {
      return nullptr;
    }
    Dims sizes, strides;
    DType dtype;
    RL_CHECK_KIND(Type,
                  as_int_list(py_sizes, &sizes) && as_int_list(py_strides, &strides) &&
                      as_dtype(py_dtype, &dtype),
                  "_from_address: bad arguments");
    auto storage = make_ref<Storage>(
        reinterpret_cast<void*>(address), size_t(bytes), Device{},
        [](void* o) { Py_DECREF(static_cast<PyObject*>(o)); }, Py_NewRef(owner));
    return wrap(Tensor(make_ref<TensorImpl>(storage, sizes, strides, 0, dtype)));
  });
}

// An object with the buffer protocol over a storage.
struct PyStorageBuffer {
  PyObject_HEAD Storage* storage;  // owned
};
PyTypeObject* buffer_type;

int get_buffer(PyObject* self, Py_buffer* view, int flags) {
  Storage* s = reinterpret_cast<PyStorageBuffer*>(self)->storage;
  static char nothing;
  s->expose();
  void* p = s->bytes() ? s->data() : &nothing;
  return PyBuffer_FillInfo(view, self, p, Py_ssize_t(s->bytes()), 0, flags);
}
void buffer_dealloc(PyObject* self) {
  reinterpret_cast<PyStorageBuffer*>(self)->storage->release();
  PyTypeObject* type = Py_TYPE(self);
  type->tp_free(self);
  Py_DECREF(type);
}

// _storage_buffer(tensor): the bytes of its storage; writing to them writes to the tensor.
PyObject* storage_buffer(PyObject*, PyObject* o) {
  return guarded([&]() -> PyObject* {
    Tensor t = require_tensor(o, "_storage_buffer");
    RL_CHECK(t.device().type == DeviceType::CPU, "the tensor's memory is not on the CPU");
    PyObject* b = check(buffer_type->tp_alloc(buffer_type, 0));
    t.storage()->retain();
    reinterpret_cast<PyStorageBuffer*>(b)->storage = t.storage().get();
    return b;
  });
}
PyObject* storage_bytes(PyObject*, PyObject* o) {
  return guarded(
      [&] { return PyLong_FromSize_t(require_tensor(o, "_storage_bytes").storage()->bytes()); });
}
// _storage_id(tensor): equal for tensors that share a storage.
PyObject* storage_id(PyObject*, PyObject* o) {
  return guarded(
      [&] { return PyLong_FromVoidPtr(require_tensor(o, "_storage_id").storage().get()); });
}
PyObject* storage_address(PyObject*, PyObject* o) {
  return guarded([&] {
    const Tensor t = require_tensor(o, "_storage_address");
    t.storage()->expose();
    return PyLong_FromVoidPtr(t.storage()->data());
  });
}
// _set_storage(target, source, sizes, strides, offset): target becomes a window on source's
// storage.
PyObject* set_storage(PyObject*, PyObject* args) {
  return guarded([&]() -> PyObject* {
    PyObject *target, *source, *py_sizes, *py_strides;
    long long offset;
    if (!PyArg_ParseTuple(args, "OOOOL", &target, &source, &py_sizes, &py_strides, &offset))
      return nullptr;
    Tensor t = require_tensor(target, "set_"), s = require_tensor(source, "set_");
    Dims sizes, strides;
    RL_CHECK_KIND(Type, as_int_list(py_sizes, &sizes) && as_int_list(py_strides, &strides),
                  "set_(): size and stride must be tuples of ints");
    t->storage = s.storage();
    t->offset = offset;
    t->set_geometry(sizes, strides);
    t->bump_version();
    return Py_NewRef(target);
  });
}

PyObject* resize_entry(PyObject*, PyObject* args) {
  return guarded([&]() -> PyObject* {
    PyObject *o, *py_sizes;
    if (!PyArg_ParseTuple(args, "OO", &o, &py_sizes)) return nullptr;
    Tensor t = require_tensor(o, "resize_");
    Dims sizes;
    RL_CHECK_KIND(Type, as_int_list(py_sizes, &sizes), "resize_(): size must be a tuple of ints");
    RL_CHECK(!requires_grad(t), "cannot resize variables that require grad");
    const size_t before = t.storage()->bytes();
    resize_tensor(t, sizes);
    uninitialized(t, before);
    t->bump_version();
    return Py_NewRef(o);
  });
}
PyObject* detach_entry(PyObject*, PyObject* o) {
  return guarded([&]() -> PyObject* {
    Tensor t = require_tensor(o, "detach_");
    if (AutogradMeta* meta = autograd_meta(t)) {
      meta->grad_fn = Ref<Node>();
      meta->output_nr = 0;
    }
    t->requires_grad = false;
    return Py_NewRef(o);
  });
}

// _check_view_in_place(tensor): raises where autograd forbids to change it in place.
PyObject* check_view_in_place(PyObject*, PyObject* o) {
  return guarded([&] {
    const Tensor t = require_tensor(o, "_check_view_in_place");
    check_inplace(t, GradMode::enabled() && requires_grad(t));
    return Py_NewRef(Py_None);
  });
}
// _adopt_view(tensor, view, node_name): the tensor becomes the view that was made of it.
PyObject* adopt_view_entry(PyObject*, PyObject* args) {
  return guarded([&]() -> PyObject* {
    PyObject *target, *view;
    const char* name;
    if (!PyArg_ParseTuple(args, "OOs", &target, &view, &name)) return nullptr;
    adopt_view(require_tensor(target, name), require_tensor(view, name), name);
    return Py_NewRef(target);
  });
}

// _swap_tensors(a, b): the two objects exchange class, attributes and tensor.
PyObject* swap_tensors(PyObject*, PyObject* args) {
  return guarded([&]() -> PyObject* {
    PyObject *a, *b;
    if (!PyArg_ParseTuple(args, "OO", &a, &b)) return nullptr;
    auto *one = reinterpret_cast<PyTensor*>(a), *other = reinterpret_cast<PyTensor*>(b);
    for (const char* name : {"t1", "t2"}) {
      const auto count = require_tensor(name[1] == '1' ? a : b, "swap_tensors")->use_count() - 1;
      RL_CHECK(count == 1, "Expected single reference to ", name, "'s Tensor object but got ",
               count, ": a graph or another part of the program still uses it");
    }
    PyRef type_of_a = PyRef::borrow(reinterpret_cast<PyObject*>(Py_TYPE(a))),
          type_of_b = PyRef::borrow(reinterpret_cast<PyObject*>(Py_TYPE(b)));
    if (type_of_a.get() != type_of_b.get() &&
        (PyObject_SetAttrString(a, "__class__", type_of_b.get()) < 0 ||
         PyObject_SetAttrString(b, "__class__", type_of_a.get()) < 0))
      return nullptr;
    std::swap(one->impl, other->impl);
    std::swap(one->dict, other->dict);
    one->impl->pyobj = a;
    other->impl->pyobj = b;
    Py_RETURN_NONE;
  });
}

PyMethodDef functions[] = {{"_resize_", resize_entry, METH_VARARGS, nullptr},
                           {"_detach_", detach_entry, METH_O, nullptr},
                           {"_from_address", from_address, METH_VARARGS, nullptr},
                           {"_storage_buffer", storage_buffer, METH_O, nullptr},
                           {"_storage_bytes", storage_bytes, METH_O, nullptr},
                           {"_storage_id", storage_id, METH_O, nullptr},
                           {"_storage_address", storage_address, METH_O, nullptr},
                           {"_set_storage", set_storage, METH_VARARGS, nullptr},
                           {"_check_view_in_place", check_view_in_place, METH_O, nullptr},
                           {"_swap_tensors", swap_tensors, METH_VARARGS, nullptr},
                           {"_adopt_view", adopt_view_entry, METH_VARARGS, nullptr},
                           {nullptr, nullptr, 0, nullptr}};

}  // namespace

void init_numpy(PyObject* module) {
  PyType_Slot slots[] = {
      {Py_tp_dealloc, (void*)buffer_dealloc}, {Py_bf_getbuffer, (void*)get_buffer}, {0, nullptr}};
  PyType_Spec spec{"rushlight._C._StorageBuffer", sizeof(PyStorageBuffer), 0,
                   Py_TPFLAGS_DEFAULT | Py_TPFLAGS_DISALLOW_INSTANTIATION, slots};
  buffer_type = reinterpret_cast<PyTypeObject*>(check(PyType_FromSpec(&spec)));
  add_functions(module, functions);
}

}  // namespace rl
