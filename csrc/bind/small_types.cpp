// dtype, device, layout, memory_format and Size.
#include <cstring>
#include <utility>

#include "bind/python.h"

namespace rl {

PyTypeObject* size_type = nullptr;
bool (*as_generator)(PyObject*, GeneratorRef*) = nullptr;
PyObject* (*wrap_generator)(const GeneratorRef&) = nullptr;

namespace {

// The three enumerations share one object shape.
struct PyEnum {
  PyObject_HEAD int value;
};

PyTypeObject* dtype_type;
PyTypeObject* layout_type;
PyTypeObject* format_type;
PyTypeObject* device_type;
PyObject* dtypes[kNumDTypes];
PyObject* layouts[3];
PyObject* formats[4];

const char* layout_names[] = {"strided", "sparse_coo", "sparse_csr"};
const char* format_names[] = {"contiguous_format", "preserve_format", "channels_last",
                              "channels_last_3d"};

const char* enum_name(PyObject* o) {
  int v = reinterpret_cast<PyEnum*>(o)->value;
  if (Py_TYPE(o) == dtype_type) return dtype_name(DType(v));
  return Py_TYPE(o) == layout_type ? layout_names[v] : format_names[v];
}

PyObject* enum_repr(PyObject* self) { return PyUnicode_FromFormat("torch.%s", enum_name(self)); }
PyObject* enum_reduce(PyObject* self, PyObject*) { return PyUnicode_FromString(enum_name(self)); }
DType dtype_value(PyObject* o) { return DType(reinterpret_cast<PyEnum*>(o)->value); }

PyMethodDef enum_methods[] = {{"__reduce__", enum_reduce, METH_NOARGS, nullptr},
                              {nullptr, nullptr, 0, nullptr}};

PyMethodDef dtype_methods[] = {
    {"__reduce__", enum_reduce, METH_NOARGS, nullptr},
    {"to_real", [](PyObject* s, PyObject*) { return wrap(real_dtype(dtype_value(s))); },
     METH_NOARGS, "The real dtype of the same precision."},
    {"to_complex", [](PyObject* s, PyObject*) { return wrap(complex_dtype(dtype_value(s))); },
     METH_NOARGS, "The complex dtype of the same precision."},
    {nullptr, nullptr, 0, nullptr}};

PyGetSetDef dtype_getset[] = {
    {"is_floating_point",
     [](PyObject* s, void*) { return PyBool_FromLong(is_floating(dtype_value(s))); }, nullptr,
     nullptr, nullptr},
    {"is_complex", [](PyObject* s, void*) { return PyBool_FromLong(is_complex(dtype_value(s))); },
     nullptr, nullptr, nullptr},
    {"is_signed", [](PyObject* s, void*) { return PyBool_FromLong(is_signed(dtype_value(s))); },
     nullptr, nullptr, nullptr},
    {"itemsize", [](PyObject* s, void*) { return PyLong_FromSize_t(item_size(dtype_value(s))); },
     nullptr, nullptr, nullptr},
    {nullptr, nullptr, nullptr, nullptr, nullptr}};

PyTypeObject* make_enum(const char* name, PyMethodDef* methods, PyGetSetDef* getset) {
  PyType_Slot slots[] = {{Py_tp_repr, (void*)enum_repr},
                         {Py_tp_methods, methods},
                         {getset ? Py_tp_getset : 0, getset},
                         {0, nullptr}};
  PyType_Spec spec{name, sizeof(PyEnum), 0, Py_TPFLAGS_DEFAULT | Py_TPFLAGS_DISALLOW_INSTANTIATION,
                   slots};
  return reinterpret_cast<PyTypeObject*>(check(PyType_FromSpec(&spec)));
}

PyObject* new_enum(PyTypeObject* type, int value) {
  PyObject* o = check(type->tp_alloc(type, 0));
  reinterpret_cast<PyEnum*>(o)->value = value;
  return o;
}

// ---- device ----
struct PyDevice {
  PyObject_HEAD Device device;
};
Device& device_of(PyObject* o) { return reinterpret_cast<PyDevice*>(o)->device; }

PyObject* device_repr(PyObject* self) {
  Device d = device_of(self);
  if (d.index < 0) return PyUnicode_FromFormat("device(type='%s')", device_type_name(d.type));
  return PyUnicode_FromFormat("device(type='%s', index=%d)", device_type_name(d.type),
                              int(d.index));
}
PyObject* device_str(PyObject* self) {
  return PyUnicode_FromString(device_name(device_of(self)).c_str());
}
Py_hash_t device_hash(PyObject* self) {
  Device d = device_of(self);
  return Py_hash_t(d.type) * 1000 + d.index + 2;
}
PyObject* device_compare(PyObject* a, PyObject* b, int op) {
  if (Py_TYPE(b) != device_type) Py_RETURN_NOTIMPLEMENTED;
  if (op != Py_EQ && op != Py_NE) {
    PyErr_SetString(PyExc_TypeError, "comparison not implemented");
    return nullptr;
  }
  bool equal = device_of(a) == device_of(b);
  return PyBool_FromLong(op == Py_EQ ? equal : !equal);
}

constexpr const char* kMkldnn =
    "'mkldnn' is no longer used as device type. So torch.device('mkldnn') will be deprecated and "
    "removed in the future. Please use other valid device types instead.";

bool parse_device(const char* text, Device* out) {
  std::string s = text, type = s.substr(0, s.find(':'));
  for (int i = 0; i < int(DeviceType::Count); ++i) {
    if (type != kDeviceTypeNames[i]) continue;
    out->type = DeviceType(i);
    if (static bool warned = false; out->type == DeviceType::MKLDNN &&
                                    !std::exchange(warned, true) &&
                                    PyErr_WarnEx(PyExc_UserWarning, kMkldnn, 1) < 0)
      throw PythonError();
    out->index = -1;
    if (type.size() == s.size()) return true;
    std::string digits = s.substr(type.size() + 1);
    bool ok = !digits.empty() && digits.size() <= 3 &&
              digits.find_first_not_of("0123456789") == std::string::npos;
    RL_CHECK(ok && (digits.size() == 1 || digits[0] != '0'), "Invalid device string: '", s, "'");
    int index = std::stoi(digits);
    RL_CHECK(index < 128, "Invalid device string: '", s, "': the index must be less than 128");
    out->index = int8_t(index);
    return true;
  }
  RL_CHECK(!s.empty(), "Device string must not be empty");
  RL_CHECK(type.size() == s.size() || !type.empty(), "Invalid device string: '", s, "'");
  throw Error(ErrorKind::Runtime,
              concat("Expected one of cpu, cuda, ipu, xpu, mkldnn, opengl, opencl, ideep, hip, ve, "
                     "fpga, maia, xla, lazy, vulkan, mps, meta, hpu, mtia, privateuseone device "
                     "type at start of device string: ",
                     s),
              concat("unknown device '", type, "'; available here: cpu",
                     type == "gpu" || type == "GPU" ? ". Did you mean 'cuda'?" : ""));
}

PyObject* device_new(PyTypeObject* type, PyObject* args, PyObject* kwargs) {
  return guarded([&]() -> PyObject* {
    // The first argument is also known as `device`.
    const bool renamed = kwargs && PyDict_GetItemString(kwargs, "device");
    static const char* words[] = {"type", "index", nullptr};
    static const char* other[] = {"device", nullptr};
    PyObject *first = nullptr, *index = nullptr;
    if (!(renamed ? PyArg_ParseTupleAndKeywords(args, kwargs, "O:device", const_cast<char**>(other),
                                                &first)
                  : PyArg_ParseTupleAndKeywords(args, kwargs, "O|O:device",
                                                const_cast<char**>(words), &first, &index))) {
      return nullptr;
    }
    Device d;
    const bool text = PyUnicode_Check(first);
    RL_CHECK_KIND(Type, text || !index, "device(): argument 'type' (position 1) must be str, not ",
                  Py_TYPE(first) == device_type ? "torch.device" : Py_TYPE(first)->tp_name);
    if (!as_device(first, &d)) {
      fail(ErrorKind::Type, "device() received an invalid combination of arguments - got (",
           Py_TYPE(first)->tp_name,
           "), but expected one of:\n * (torch.device device)\n * (str type, int index = -1)");
    }
    if (index && index != Py_None) {
      int64_t i;
      RL_CHECK_KIND(Type, !PyBool_Check(index) && as_int(index, &i),
                    "device(): argument 'index' (position 2) must be int, not ",
                    Py_TYPE(index)->tp_name);
      RL_CHECK(d.index < 0,
               "type (string) must not include an index because index was passed "
               "explicitly: ",
               device_name(d));
      RL_CHECK(i >= 0, "Device index must not be negative");
      RL_CHECK(i < 128, "Device index must be less than 128: got ", i);
      d.index = int8_t(i);
    }
    PyObject* o = check(type->tp_alloc(type, 0));
    device_of(o) = d;
    return o;
  });
}

PyObject* device_reduce(PyObject* self, PyObject*) {
  Device d = device_of(self);
  if (d.index < 0) return Py_BuildValue("O(s)", device_type, device_type_name(d.type));
  return Py_BuildValue("O(si)", device_type, device_type_name(d.type), int(d.index));
}

// `with torch.device(...)` is written in Python; these forward to it.
PyObject* device_context(const char* name, PyObject* self) {
  PyRef module(PyImport_ImportModule("rushlight._device"));
  if (!module) return nullptr;
  return PyObject_CallMethod(module.get(), name, "O", self);
}

PyMethodDef device_methods[] = {
    {"__reduce__", device_reduce, METH_NOARGS, nullptr},
    {"__enter__", [](PyObject* s, PyObject*) { return device_context("enter", s); }, METH_NOARGS,
     nullptr},
    {"__exit__", [](PyObject* s, PyObject*) { return device_context("exit", s); }, METH_VARARGS,
     nullptr},
    {nullptr, nullptr, 0, nullptr}};
PyGetSetDef device_getset[] = {
    {"type",
     [](PyObject* s, void*) { return PyUnicode_FromString(device_type_name(device_of(s).type)); },
     nullptr, nullptr, nullptr},
    {"index",
     [](PyObject* s, void*) -> PyObject* {
       if (device_of(s).index < 0) Py_RETURN_NONE;
       return PyLong_FromLong(device_of(s).index);
     },
     nullptr, nullptr, nullptr},
    {nullptr, nullptr, nullptr, nullptr, nullptr}};

// ---- Size ----
PyObject* size_repr(PyObject* self) {
  PyRef items(PySequence_List(self));
  if (!items) return nullptr;
  PyRef text(PyObject_Repr(items.get()));
  return text ? PyUnicode_FromFormat("torch.Size(%U)", text.get()) : nullptr;
}
PyObject* to_size(PyObject* tuple) {  // steals
  PyRef owned(tuple);
  if (!tuple || !PyTuple_Check(tuple)) return owned.release();
  return PyObject_CallOneArg((PyObject*)size_type, tuple);
}
PyObject* size_numel(PyObject* self, PyObject*) {
  long long n = 1;
  for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(self); ++i) {
    n *= PyLong_AsLongLong(PyTuple_GET_ITEM(self, i));
  }
  return PyLong_FromLongLong(n);
}
PyObject* size_concat(PyObject* a, PyObject* b) {
  if (!PyTuple_Check(b)) Py_RETURN_NOTIMPLEMENTED;
  return to_size(PyTuple_Type.tp_as_sequence->sq_concat(a, b));
}
PyObject* size_repeat(PyObject* a, Py_ssize_t n) {
  return to_size(PyTuple_Type.tp_as_sequence->sq_repeat(a, n));
}
PyObject* size_subscript(PyObject* self, PyObject* key) {
  PyObject* r = PyTuple_Type.tp_as_mapping->mp_subscript(self, key);
  return PySlice_Check(key) ? to_size(r) : r;
}
PyObject* size_new(PyTypeObject* type, PyObject* args, PyObject* kwargs) {
  PyRef self(PyTuple_Type.tp_new(type, args, kwargs));
  if (!self) return nullptr;
  for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(self.get()); ++i) {
    PyObject* o = PyTuple_GET_ITEM(self.get(), i);
    if (PyLong_Check(o)) continue;
    PyRef n(PyNumber_Index(o));
    if (!n) {
      PyErr_Format(PyExc_TypeError, "torch.Size() takes an iterable of 'int' (item %zd is '%s')", i,
                   Py_TYPE(o)->tp_name);
      return nullptr;
    }
    PyTuple_SET_ITEM(self.get(), i, n.release());
    Py_DECREF(o);
  }
  return self.release();
}
PyObject* size_reduce(PyObject* self, PyObject*) {
  PyRef plain(PySequence_Tuple(PyRef(PySequence_List(self)).get()));
  return Py_BuildValue("O(O)", size_type, plain.get());
}
PyMethodDef size_methods[] = {{"numel", size_numel, METH_NOARGS, "Product of the sizes."},
                              {"__reduce__", size_reduce, METH_NOARGS, nullptr},
                              {nullptr, nullptr, 0, nullptr}};

}  // namespace

PyObject* wrap(DType d) { return Py_NewRef(dtypes[int(d)]); }
PyObject* wrap(Layout l) { return Py_NewRef(layouts[int(l)]); }
PyObject* wrap(MemoryFormat m) { return Py_NewRef(formats[int(m)]); }
PyObject* wrap(Device d) {
  PyObject* o = check(device_type->tp_alloc(device_type, 0));
  device_of(o) = d;
  return o;
}

PyObject* wrap_tuple(const Dims& values) {
  PyObject* t = check(PyTuple_New(values.ndim()));
  for (int i = 0; i < values.ndim(); ++i) PyTuple_SET_ITEM(t, i, PyLong_FromLongLong(values[i]));
  return t;
}
PyObject* wrap_size(const Dims& values) {
  PyObject* t = check(size_type->tp_alloc(size_type, values.ndim()));
  for (int i = 0; i < values.ndim(); ++i) PyTuple_SET_ITEM(t, i, PyLong_FromLongLong(values[i]));
  return t;
}

PyObject* wrap(const Scalar& s) {
  switch (s.kind()) {
    case Scalar::Kind::Bool:
      return PyBool_FromLong(s.to<bool>());
    case Scalar::Kind::Int:
      if (s.is_large_unsigned()) return PyLong_FromUnsignedLongLong(uint64_t(s.to_int()));
      return PyLong_FromLongLong(s.to_int());
    case Scalar::Kind::Double:
      return PyFloat_FromDouble(s.to_double());
    default: {
      complex128 c = s.to<complex128>();
      return PyComplex_FromDoubles(c.real(), c.imag());
    }
  }
}

bool as_dtype(PyObject* o, DType* out) {
  if (Py_TYPE(o) == dtype_type) return *out = dtype_value(o), true;
  if (o == (PyObject*)&PyFloat_Type) return *out = DType::Float64, true;
  if (o == (PyObject*)&PyLong_Type) return *out = DType::Int64, true;
  if (o == (PyObject*)&PyBool_Type) return *out = DType::Bool, true;
  if (o == (PyObject*)&PyComplex_Type) return *out = DType::Complex128, true;
  return false;
}
bool as_device(PyObject* o, Device* out) {
  if (Py_TYPE(o) == device_type) return *out = device_of(o), true;
  if (PyUnicode_Check(o)) {
    const char* text = PyUnicode_AsUTF8(o);
    if (!text) throw PythonError();
    return parse_device(text, out);
  }
  int64_t i;
  if (!PyBool_Check(o) && as_int(o, &i)) {
    RL_CHECK(i >= 0, "Device index must not be negative");
    throw Error(ErrorKind::Runtime, "Cannot access accelerator device when none is available.",
                concat("a number alone, here ", i,
                       ", means a device of the accelerator: this build computes on 'cpu'"));
  }
  return false;
}
bool as_layout(PyObject* o, Layout* out) {
  if (Py_TYPE(o) != layout_type) return false;
  *out = Layout(reinterpret_cast<PyEnum*>(o)->value);
  return true;
}
bool as_memory_format(PyObject* o, MemoryFormat* out) {
  if (Py_TYPE(o) != format_type) return false;
  *out = MemoryFormat(reinterpret_cast<PyEnum*>(o)->value);
  return true;
}

bool as_int(PyObject* o, int64_t* out) {
  if (PyLong_Check(o)) {
    int overflow = 0;
    *out = PyLong_AsLongLongAndOverflow(o, &overflow);
    if (overflow) {
      PyErr_SetString(PyExc_RuntimeError, "Overflow when unpacking long long");
      throw PythonError();
    }
    return true;
  }
  if (is_tensor(o)) {
    Tensor t = unwrap(o);
    if (t.numel() != 1 || t.ndim() != 0 || !is_integral(t.dtype(), false) || t.is_meta())
      return false;
    *out = item(t).to_int();
    return true;
  }
  if (PyFloat_Check(o) || !PyIndex_Check(o)) return false;
  PyRef n(PyNumber_Index(o));  // numpy integers
  if (!n) {
    PyErr_Clear();
    return false;
  }
  *out = PyLong_AsLongLong(n.get());
  return true;
}

bool as_number(PyObject* o, Scalar* out) {
  if (PyFloat_Check(o)) return *out = Scalar(PyFloat_AS_DOUBLE(o)), true;
  if (PyBool_Check(o)) return *out = Scalar(o == Py_True), true;
  if (PyLong_Check(o)) {
    int64_t i;
    as_int(o, &i);
    return *out = Scalar(i), true;
  }
  if (PyComplex_Check(o)) {
    Py_complex c = PyComplex_AsCComplex(o);
    return *out = Scalar(complex128(c.real, c.imag)), true;
  }
  if (is_tensor(o)) return false;
  // numpy scalars: ask their kind without importing numpy.
  PyRef dtype(PyObject_GetAttrString((PyObject*)Py_TYPE(o), "__module__"));
  if (!dtype || !PyUnicode_Check(dtype.get()) ||
      PyUnicode_CompareWithASCIIString(dtype.get(), "numpy") != 0) {
    PyErr_Clear();
    return false;
  }
  PyRef plain(PyObject_HasAttrString(o, "ndim") ? PyObject_CallMethod(o, "item", nullptr)
                                                : nullptr);
  if (!plain) {
    PyErr_Clear();
    return false;
  }
  if (Py_TYPE(plain.get()) == Py_TYPE(o)) return false;
  return as_number(plain.get(), out);
}

bool as_int_list(PyObject* o, Dims* out) {
  bool tuple = PyTuple_Check(o);
  if (!tuple && !PyList_Check(o)) return false;
  Py_ssize_t n = tuple ? PyTuple_GET_SIZE(o) : PyList_GET_SIZE(o);
  out->resize(size_t(n));
  for (Py_ssize_t i = 0; i < n; ++i) {
    PyObject* e = tuple ? PyTuple_GET_ITEM(o, i) : PyList_GET_ITEM(o, i);
    int64_t v;
    if (!as_int(e, &v)) return false;
    (*out)[i] = v;
  }
  return true;
}

void init_small_types(PyObject* module) {
  dtype_type = make_enum("rushlight.dtype", dtype_methods, dtype_getset);
  layout_type = make_enum("rushlight.layout", enum_methods, nullptr);
  format_type = make_enum("rushlight.memory_format", enum_methods, nullptr);
  for (int i = 0; i < kNumDTypes; ++i) {
    dtypes[i] = new_enum(dtype_type, i);
    PyModule_AddObjectRef(module, dtype_name(DType(i)), dtypes[i]);
  }
  for (int i = 0; i < 3; ++i) {
    layouts[i] = new_enum(layout_type, i);
    PyModule_AddObjectRef(module, layout_names[i], layouts[i]);
  }
  for (int i = 0; i < 4; ++i) {
    formats[i] = new_enum(format_type, i);
    PyModule_AddObjectRef(module, format_names[i], formats[i]);
  }
  PyType_Slot device_slots[] = {{Py_tp_new, (void*)device_new},
                                {Py_tp_repr, (void*)device_repr},
                                {Py_tp_str, (void*)device_str},
                                {Py_tp_hash, (void*)device_hash},
                                {Py_tp_richcompare, (void*)device_compare},
                                {Py_tp_methods, device_methods},
                                {Py_tp_getset, device_getset},
                                {0, nullptr}};
  PyType_Spec device_spec{"rushlight.device", sizeof(PyDevice), 0, Py_TPFLAGS_DEFAULT,
                          device_slots};
  device_type = reinterpret_cast<PyTypeObject*>(check(PyType_FromSpec(&device_spec)));
  PyType_Slot size_slots[] = {{Py_tp_base, &PyTuple_Type},
                              {Py_tp_new, (void*)size_new},
                              {Py_tp_repr, (void*)size_repr},
                              {Py_tp_methods, size_methods},
                              {Py_sq_concat, (void*)size_concat},
                              {Py_sq_repeat, (void*)size_repeat},
                              {Py_mp_subscript, (void*)size_subscript},
                              {0, nullptr}};
  PyType_Spec size_spec{"rushlight.Size", 0, 0, Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE,
                        size_slots};
  size_type = reinterpret_cast<PyTypeObject*>(check(PyType_FromSpec(&size_spec)));
  PyModule_AddObjectRef(module, "dtype", (PyObject*)dtype_type);
  PyModule_AddObjectRef(module, "layout", (PyObject*)layout_type);
  PyModule_AddObjectRef(module, "memory_format", (PyObject*)format_type);
  PyModule_AddObjectRef(module, "device", (PyObject*)device_type);
  PyModule_AddObjectRef(module, "Size", (PyObject*)size_type);
}

}  // namespace rl
