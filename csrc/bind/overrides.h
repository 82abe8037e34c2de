// bind/overrides.h: calls handed to classes with __torch_function__ and to function modes.
//
// Every entry from Python asks wants_override first. A plain tensor, a number or None is told by
// its type alone; what other objects say is looked up on their type.
#pragma once
#include "bind/python.h"

namespace rl {

void init_overrides(PyObject* module);

// Function modes in force, in all threads together.
extern int function_modes;

bool overrides_functions(PyObject* o);  // has the type a say, now and in this thread?
bool mode_in_force();

inline bool is_plain(PyObject* o) {
  PyTypeObject* t = Py_TYPE(o);
  return t == tensor_type || t == &PyLong_Type || t == &PyFloat_Type || o == Py_None ||
         t == &PyBool_Type || t == &PyUnicode_Type || t == &PySlice_Type;
}
bool sequence_overrides(PyObject* o);

inline bool wants_override(PyObject* o) {
  if (function_modes && mode_in_force()) return true;
  return !is_plain(o) && overrides_functions(o);
}
// Positional arguments and the values of keywords; the elements of lists and tuples count.
inline bool wants_override(PyObject* const* args, size_t n) {
  if (function_modes && mode_in_force()) return true;
  for (size_t i = 0; i < n; ++i) {
    PyObject* o = args[i];
    if (is_plain(o)) continue;
    if (PyList_CheckExact(o) || PyTuple_CheckExact(o) ? sequence_overrides(o)
                                                      : overrides_functions(o)) {
      return true;
    }
  }
  return false;
}

// Calls the handlers with `function` and the arguments. Sets TypeError if all of them decline.
PyObject* call_override(PyObject* function, PyObject* const* args, size_t nargs, PyObject* kwnames);
// The same with an attribute of Tensor as the function: "add", "__getitem__".
PyObject* call_override(const char* name, std::initializer_list<PyObject*> args);
// __reduce__ of a function: what `function` of rushlight.overrides says, a name under which it is
// found again.
PyObject* reduced_by_name(PyObject* self, const char* function);
// NotImplemented where all handlers decline, so that Python asks the other operand.
PyObject* call_operator_override(const char* name, std::initializer_list<PyObject*> args);

// tp_getset entries that ask first: fills `out` with as many entries as `in` has.
void make_overridable(const PyGetSetDef* in, PyGetSetDef* out);
// Called when the type exists: remembers the descriptors behind these entries.
void bind_overridable(PyGetSetDef* entries);

// Methods that ask first.
template <FixedString Name, auto F>
PyObject* overridable_noargs(PyObject* self, PyObject*) {
  if (wants_override(self)) return call_override(Name.text, {self});
  return F(self, nullptr);
}
PyObject* override_method(const char* name, PyObject* self, PyObject* const* args, Py_ssize_t n,
                          PyObject* kwnames);
template <FixedString Name, auto F>
PyObject* overridable_fastcall(PyObject* self, PyObject* const* args, Py_ssize_t n,
                               PyObject* kwnames) {
  if (wants_override(self)) return override_method(Name.text, self, args, n, kwnames);
  return F(self, args, n, kwnames);
}

}  // namespace rl
