// The Python type Generator and the default generator.
#include "random/generator.h"

#include "bind/python.h"

namespace rl {

namespace {

using rng::CpuGenerator;

struct PyGenerator {
  PyObject_HEAD CpuGenerator* gen;  // owned
};

PyTypeObject* generator_type = nullptr;
PyObject* default_object = nullptr;

CpuGenerator& gen_of(PyObject* o) { return *reinterpret_cast<PyGenerator*>(o)->gen; }

PyObject* make_object(PyTypeObject* type, const Ref<CpuGenerator>& gen) {
  PyObject* o = check(type->tp_alloc(type, 0));
  gen->retain();
  reinterpret_cast<PyGenerator*>(o)->gen = gen.get();
  return o;
}

PyObject* generator_new(PyTypeObject* type, PyObject* args, PyObject* kwargs) {
  return guarded([&]() -> PyObject* {
    static const char* words[] = {"device", nullptr};
    PyObject* where = nullptr;
    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "|O:Generator", const_cast<char**>(words),
                                     &where))
      return nullptr;
    Device device;
    if (where && where != Py_None && !as_device(where, &device)) {
      fail(ErrorKind::Type,
           "Generator(): argument 'device' (position 1) must be torch.device, not ",
           Py_TYPE(where)->tp_name);
    }
    RL_CHECK(device.type != DeviceType::Meta, "META device type not an accelerator.");
    RL_CHECK(device.type == DeviceType::CPU, "Cannot get ",
             device.type == DeviceType::CUDA ? "CUDA" : device_type_name(device.type),
             " generator: no such device is available; use Generator() or Generator('cpu')");
    return make_object(type, make_ref<CpuGenerator>());
  });
}

void generator_dealloc(PyObject* self) {
  PyTypeObject* type = Py_TYPE(self);
  if (CpuGenerator* gen = reinterpret_cast<PyGenerator*>(self)->gen) gen->release();
  type->tp_free(self);
  Py_DECREF(type);
}

// A seed from -2^63 to 2^64 - 1; negative ones count from 2^64 downwards.
uint64_t parse_seed(PyObject* o) {
  if (PyBool_Check(o) || !PyIndex_Check(o)) {
    fail(ErrorKind::Runtime, "manual_seed expected a long, but got ", Py_TYPE(o)->tp_name);
  }
  const PyRef number(check(PyNumber_Index(o)));
  int overflow = 0;
  const long long value = PyLong_AsLongLongAndOverflow(number.get(), &overflow);
  if (overflow == 0) return static_cast<uint64_t>(value);
  const unsigned long long wide = overflow > 0 ? PyLong_AsUnsignedLongLong(number.get()) : 0;
  if (overflow < 0 || PyErr_Occurred()) {
    PyErr_Clear();
    throw Error(ErrorKind::Value, "Overflow when unpacking long long",
                "a seed is a number from -2**63 to 2**64 - 1");
  }
  return wide;
}

PyObject* manual_seed(PyObject* self, PyObject* seed) {
  return guarded([&] {
    gen_of(self).manual_seed(parse_seed(seed));
    Py_INCREF(self);
    return self;
  });
}

PyObject* reseed(PyObject* self, PyObject*) {
  return guarded([&] { return check(PyLong_FromUnsignedLongLong(gen_of(self).seed())); });
}

PyObject* initial_seed(PyObject* self, PyObject*) {
  return guarded([&] { return check(PyLong_FromUnsignedLongLong(gen_of(self).initial_seed())); });
}

PyObject* get_state(PyObject* self, PyObject*) {
  return guarded([&] {
    const Tensor state = empty({int64_t(CpuGenerator::kStateBytes)}, DType::UInt8);
    gen_of(self).get_state(state.data<uint8_t>());
    return wrap(state);
  });
}

PyObject* set_state(PyObject* self, PyObject* value) {
  return guarded([&] {
    if (!is_tensor(value))
      fail(ErrorKind::Type, "expected a torch.ByteTensor, but got ", Py_TYPE(value)->tp_name);
    const Tensor given = unwrap(value);
    RL_CHECK_KIND(Type, given.dtype() == DType::UInt8 && !given.is_meta(),
                  "RNG state must be a torch.ByteTensor");
    const Tensor state = contiguous(given);
    gen_of(self).set_state(state.data<uint8_t>(), static_cast<size_t>(state.numel()));
    Py_INCREF(self);
    return self;
  });
}

PyObject* clone_state(PyObject* self, PyObject*) {
  return guarded([&] { return make_object(generator_type, gen_of(self).clone()); });
}

PyObject* no_offset(PyObject*, PyObject*) {
  return guarded(
      []() -> PyObject* { fail(ErrorKind::Runtime, "CPU Generator does not use offset"); });
}

PyObject* no_graph_state(PyObject*, PyObject*) {
  return guarded([]() -> PyObject* {
    fail(ErrorKind::NotImplemented, "graphsafe_get_state is not supported in this Generator");
  });
}

PyObject* generator_reduce(PyObject* self, PyObject*) {
  return guarded([&] {
    const PyRef device(wrap(Device()));
    const PyRef seed(check(initial_seed(self, nullptr)));
    const PyRef state(check(get_state(self, nullptr)));
    return check(Py_BuildValue("(O(O)(OOO))", Py_TYPE(self), device.get(), seed.get(), Py_None,
                               state.get()));
  });
}

PyObject* generator_setstate(PyObject* self, PyObject* pickled) {
  return guarded([&]() -> PyObject* {
    PyObject *seed, *offset, *state;
    if (!PyArg_ParseTuple(pickled, "OOO", &seed, &offset, &state)) return nullptr;
    PyRef(check(manual_seed(self, seed)));
    PyRef(check(set_state(self, state)));
    Py_RETURN_NONE;
  });
}

PyMethodDef generator_methods[] = {
    {"manual_seed", manual_seed, METH_O, "Seed the generator and return it."},
    {"seed", reseed, METH_NOARGS,
     "Seed the generator from the system's entropy and return the seed."},
    {"initial_seed", initial_seed, METH_NOARGS, "The seed last given."},
    {"get_state", get_state, METH_NOARGS, "The state as a uint8 tensor of shape (5056,)."},
    {"set_state", set_state, METH_O, "Continue from a state that get_state returned."},
    {"clone_state", clone_state, METH_NOARGS, "A new generator in the same state."},
    {"get_offset", no_offset, METH_NOARGS, "Not available on the CPU."},
    {"set_offset", no_offset, METH_O, "Not available on the CPU."},
    {"graphsafe_get_state", no_graph_state, METH_NOARGS, "Not available on the CPU."},
    {"graphsafe_set_state", no_graph_state, METH_O, "Not available on the CPU."},
    {"__reduce__", generator_reduce, METH_NOARGS, nullptr},
    {"__setstate__", generator_setstate, METH_O, nullptr},
    {nullptr, nullptr, 0, nullptr}};

PyGetSetDef generator_getset[] = {
    {"device", [](PyObject*, void*) { return guarded([] { return wrap(Device()); }); }, nullptr,
     "The device the numbers are made on.", nullptr},
    {nullptr, nullptr, nullptr, nullptr, nullptr}};

PyType_Slot generator_slots[] = {
    {Py_tp_new, reinterpret_cast<void*>(generator_new)},
    {Py_tp_dealloc, reinterpret_cast<void*>(generator_dealloc)},
    {Py_tp_methods, generator_methods},
    {Py_tp_getset, generator_getset},
    {Py_tp_doc,
     const_cast<char*>("Generator(device='cpu')\n\nA stream of random numbers with its own seed.")},
    {0, nullptr}};

PyType_Spec generator_spec{"rushlight._C.Generator", sizeof(PyGenerator), 0,
                           Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE, generator_slots};

bool unwrap_generator(PyObject* o, GeneratorRef* out) {
  if (!PyObject_TypeCheck(o, generator_type)) return false;
  *out = Ref<RefCounted>(reinterpret_cast<PyGenerator*>(o)->gen);
  return true;
}

PyObject* wrap_any_generator(const GeneratorRef& g) {
  if (!g) Py_RETURN_NONE;
  const Ref<CpuGenerator> gen(static_cast<CpuGenerator*>(g.get()));
  if (gen == rng::default_generator()) {
    Py_INCREF(default_object);
    return default_object;
  }
  return make_object(generator_type, gen);
}

}  // namespace

void init_random(PyObject* module) {
  generator_type = reinterpret_cast<PyTypeObject*>(check(PyType_FromSpec(&generator_spec)));
  default_object = make_object(generator_type, rng::default_generator());
  as_generator = unwrap_generator;
  wrap_generator = wrap_any_generator;
  PyModule_AddObjectRef(module, "Generator", reinterpret_cast<PyObject*>(generator_type));
  PyModule_AddObjectRef(module, "default_generator", default_object);
}

}  // namespace rl
