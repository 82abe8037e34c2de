// Statistics of the caching allocator.
#include "bind/python.h"
#include "core/allocator.h"

namespace rl {

namespace {

void put(PyObject* dict, const std::string& key, int64_t value) {
  PyRef number(check(PyLong_FromLongLong(value)));
  if (PyDict_SetItemString(dict, key.c_str(), number.get()) < 0) throw PythonError();
}

void put_stat(PyObject* dict, const char* name, const MemoryStat (&stat)[3]) {
  constexpr const char* pools[] = {"all", "small_pool", "large_pool"};
  for (int i = 0; i < 3; ++i) {
    std::string prefix = concat(name, ".", pools[i], ".");
    put(dict, prefix + "current", stat[i].current);
    put(dict, prefix + "peak", stat[i].peak);
    put(dict, prefix + "allocated", stat[i].allocated);
    put(dict, prefix + "freed", stat[i].freed);
  }
}

// _memory_stats() -> dict with the keys of torch.cuda.memory_stats().
PyObject* memory_stats(PyObject*, PyObject*) {
  return guarded([]() -> PyObject* {
    MemoryStats s = cpu_memory_stats();
    PyRef dict(check(PyDict_New()));
    put_stat(dict.get(), "allocation", s.allocation);
    put_stat(dict.get(), "requested_bytes", s.requested_bytes);
    put_stat(dict.get(), "allocated_bytes", s.allocated_bytes);
    put_stat(dict.get(), "segment", s.segment);
    put_stat(dict.get(), "reserved_bytes", s.reserved_bytes);
    put(dict.get(), "num_alloc_retries", s.num_alloc_retries);
    put(dict.get(), "num_ooms", s.num_ooms);
    put(dict.get(), "num_device_alloc", s.num_device_alloc);
    put(dict.get(), "num_device_free", s.num_device_free);
    return dict.release();
  });
}
PyObject* reset_peak(PyObject*, PyObject*) {
  cpu_reset_peak_memory_stats();
  Py_RETURN_NONE;
}
PyObject* reset_accumulated(PyObject*, PyObject*) {
  cpu_reset_accumulated_memory_stats();
  Py_RETURN_NONE;
}
PyObject* empty_cache(PyObject*, PyObject*) {
  cpu_empty_cache();
  Py_RETURN_NONE;
}

PyMethodDef functions[] = {
    {"_memory_stats", memory_stats, METH_NOARGS, nullptr},
    {"_reset_peak_memory_stats", reset_peak, METH_NOARGS, nullptr},
    {"_reset_accumulated_memory_stats", reset_accumulated, METH_NOARGS, nullptr},
    {"_empty_cache", empty_cache, METH_NOARGS, nullptr},
    {nullptr, nullptr, 0, nullptr}};

}  // namespace

void init_memory(PyObject* module) { add_functions(module, functions); }

}  // namespace rl
