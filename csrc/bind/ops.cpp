// The generic entry point of operators: arguments are bound by the compiled schemas.
#include <Python.h>
#include <structmember.h>

#include <unordered_map>

#include "bind/overrides.h"

namespace rl {

namespace {

struct PyOp {
  PyObject_HEAD vectorcallfunc vectorcall;
  OpGroup* group;
  bool inplace;
  bool method;  // an attribute of Tensor, for those who are shown the function
  PyObject* name;
  PyObject* doc;
};

PyTypeObject* op_type;

struct BindFailure {
  std::string text;
};

const char* public_name(const Argument& a) { return a.name == "self" ? "input" : a.name.c_str(); }

bool name_matches(const Argument& a, PyObject* key) {
  auto is = [&](const char* s) { return PyUnicode_CompareWithASCIIString(key, s) == 0; };
  if (is(a.name.c_str())) return true;
  if (a.name == "self") return is("input") || is("x") || is("x1");
  if (a.name == "dim") return is("axis");
  if (a.name == "keepdim") return is("keepdims");
  if (a.name == "other") return is("x2");
  return false;
}

bool bind_tensor_list(const Argument& a, PyObject* o, Value* out) {
  bool tuple = PyTuple_Check(o);
  if (!tuple && !PyList_Check(o)) return false;
  Py_ssize_t n = tuple ? PyTuple_GET_SIZE(o) : PyList_GET_SIZE(o);
  TensorList list;
  list.reserve(size_t(n));
  for (Py_ssize_t i = 0; i < n; ++i) {
    PyObject* e = tuple ? PyTuple_GET_ITEM(o, i) : PyList_GET_ITEM(o, i);
    if (is_tensor(e)) {
      list.push_back(unwrap(e));
    } else if (e == Py_None && a.optional_elements) {
      list.emplace_back();
    } else {
      return false;
    }
  }
  *out = std::move(list);
  return true;
}

bool bind_scalar(PyObject* o, Scalar* s) {
  if (as_number(o, s)) return true;
  if (!is_tensor(o)) return false;
  Tensor t = unwrap(o);
  if (t.ndim() != 0 || t.is_meta() || requires_grad(t)) return false;
  *s = item(t);
  return true;
}

template <class Item, class Read>
bool bind_sequence(PyObject* o, std::vector<Item>* out, Read read) {
  if (!PyTuple_Check(o) && !PyList_Check(o)) return false;
  PyRef fast(PySequence_Fast(o, ""));
  for (Py_ssize_t i = 0; i < PySequence_Fast_GET_SIZE(fast.get()); ++i) {
    Scalar s;
    if (!bind_scalar(PySequence_Fast_GET_ITEM(fast.get(), i), &s)) return false;
    out->push_back(read(s));
  }
  return true;
}

// One argument from one object; false if the type does not fit.
bool bind_value(const Op& op, size_t index, PyObject* o, Value* out, bool numbers) {
  const Argument& a = op.schema.args[index];
  if (o == Py_None && (a.optional || (a.type == ArgType::Generator))) {
    *out = Value();
    return true;
  }
  switch (a.type) {
    case ArgType::Tensor: {
      if (is_tensor(o)) {
        *out = unwrap(o);
        return true;
      }
      Scalar s;
      if (numbers && op.numbers && as_number(o, &s)) {
        *out = wrapped_number(s);
        return true;
      }
      return false;
    }
    case ArgType::TensorList:
      return bind_tensor_list(a, o, out);
    case ArgType::Int: {
      int64_t v;
      if (PyBool_Check(o) || !as_int(o, &v)) return false;
      *out = v;
      return true;
    }
    case ArgType::IntList: {
      Dims list;
      int64_t v;
      if (as_int_list(o, &list)) {
        if (a.list_size > 1 && list.size() == 1) list.resize(a.list_size, list[0]);
        *out = std::move(list);
        return true;
      }
      if (a.list_size > 0 && !PyBool_Check(o) && as_int(o, &v)) {
        *out = Dims(a.list_size, v);
        return true;
      }
      return false;
    }
    case ArgType::Float: {
      Scalar s;
      if (!bind_scalar(o, &s) || s.is_complex()) return false;
      *out = s.to_double();
      return true;
    }
    case ArgType::FloatList: {
      std::vector<double> list;
      if (!bind_sequence(o, &list, [](const Scalar& s) { return s.to_double(); })) return false;
      *out = std::move(list);
      return true;
    }
    case ArgType::ScalarList: {
      std::vector<Scalar> list;
      if (!bind_sequence(o, &list, [](const Scalar& s) { return s; })) return false;
      *out = std::move(list);
      return true;
    }
    case ArgType::Bool:
      if (!PyBool_Check(o)) return false;
      *out = (o == Py_True);
      return true;
    case ArgType::Scalar: {
      Scalar s;
      if (!bind_scalar(o, &s)) return false;
      *out = to_value(s);
      return true;
    }
    case ArgType::DType: {
      DType d;
      if (!as_dtype(o, &d)) return false;
      *out = d;
      return true;
    }
    case ArgType::Device: {
      Device d;
      if (PyBool_Check(o) || !as_device(o, &d)) return false;
      *out = d;
      return true;
    }
    case ArgType::Layout: {
      Layout l;
      if (!as_layout(o, &l)) return false;
      *out = l;
      return true;
    }
    case ArgType::MemoryFormat: {
      MemoryFormat m;
      if (!as_memory_format(o, &m)) return false;
      *out = m;
      return true;
    }
    case ArgType::Generator: {
      GeneratorRef g;
      if (!as_generator || !as_generator(o, &g)) return false;
      *out = std::move(g);
      return true;
    }
    case ArgType::String: {
      if (!PyUnicode_Check(o)) return false;
      *out = std::string(PyUnicode_AsUTF8(o));
      return true;
    }
  }
  return false;
}

std::string expected_type(const Argument& a) {
  std::string s = Schema(concat("f(", a.type_text, " x) -> Tensor")).signature();
  return s.substr(1, s.size() - 4);
}

struct Call {
  PyObject* const* args;
  size_t nargs;
  PyObject* kwnames;  // tuple or null; values follow the positional ones
  Py_ssize_t nkw() const { return kwnames ? PyTuple_GET_SIZE(kwnames) : 0; }
};

// Collects trailing positional ints for a last "int[]" parameter: x.view(2, 3).
bool bind_varargs(const Call& call, size_t from, Value* out) {
  Dims list;
  for (size_t i = from; i < call.nargs; ++i) {
    int64_t v;
    if (PyBool_Check(call.args[i]) || !as_int(call.args[i], &v)) return false;
    list.push_back(v);
  }
  *out = std::move(list);
  return true;
}

// Binds a call to one overload. `why` is filled when it does not fit and is not null. With
// `numbers`, a Python number may stand for a tensor where the operator allows it.
bool bind_overload(const Op& op, const Call& call, Value* values, std::string* why,
                   bool numbers = true) {
  const Schema& s = op.schema;
  size_t positional = size_t(s.num_positional);
  bool varargs = positional > 0 && s.args[positional - 1].type == ArgType::IntList &&
                 s.args[positional - 1].list_size == 0 && call.nargs >= positional &&
                 (call.nargs > positional || PyIndex_Check(call.args[positional - 1]));
  if (call.nargs > positional && !varargs) {
    if (why) {
      *why = concat(s.name, "() takes ", positional, " positional argument",
                    positional == 1 ? "" : "s", " but ", call.nargs, " ",
                    call.nargs == 1 ? "was" : "were", " given");
    }
    return false;
  }
  Py_ssize_t used = 0;
  for (size_t i = 0; i < s.args.size(); ++i) {
    const Argument& a = s.args[i];
    if (varargs && i == positional - 1) {
      if (!bind_varargs(call, i, &values[i])) {
        if (why) *why = concat(s.name, "(): argument '", public_name(a), "' must be tuple of ints");
        return false;
      }
      continue;
    }
    PyObject* given = nullptr;
    if (i < call.nargs && i < positional) {
      given = call.args[i];
    } else {
      for (Py_ssize_t k = 0; k < call.nkw(); ++k) {
        if (name_matches(a, PyTuple_GET_ITEM(call.kwnames, k))) {
          given = call.args[call.nargs + k];
          ++used;
          break;
        }
      }
    }
    if (!given) {
      if (!a.has_default && !(a.optional && i > 0)) {
        if (why) {
          *why = concat(s.name, "() missing 1 required positional arguments: \"", public_name(a),
                        "\"");
        }
        return false;
      }
      values[i] = a.default_value;
      continue;
    }
    if (!bind_value(op, i, given, &values[i], numbers)) {
      // An explicit None means the default where the default is None-like.
      if (given == Py_None && a.has_default && a.type != ArgType::Scalar &&
          a.type != ArgType::Bool && a.type != ArgType::Int) {
        values[i] = a.default_value;
        continue;
      }
      if (why) {
        *why = concat(s.name, "(): argument '", public_name(a), "'",
                      i < call.nargs ? concat(" (position ", i + 1, ")") : std::string(),
                      " must be ", expected_type(a), ", not ", Py_TYPE(given)->tp_name);
      }
      return false;
    }
  }
  if (used != call.nkw()) {
    if (why) {
      for (Py_ssize_t k = 0; k < call.nkw(); ++k) {
        PyObject* key = PyTuple_GET_ITEM(call.kwnames, k);
        bool known = false, positional_too = false;
        for (size_t i = 0; i < s.args.size(); ++i) {
          if (!name_matches(s.args[i], key)) continue;
          known = true;
          positional_too = i < call.nargs;
        }
        if (!known) {
          *why =
              concat(s.name, "() got an unexpected keyword argument '", PyUnicode_AsUTF8(key), "'");
        } else if (positional_too) {
          *why =
              concat(s.name, "() got multiple values for argument '", PyUnicode_AsUTF8(key), "'");
        }
      }
    }
    return false;
  }
  return true;
}

std::string describe_call(const Call& call) {
  std::string out = "(";
  for (size_t i = 0; i < call.nargs + size_t(call.nkw()); ++i) {
    if (i) out += ", ";
    if (i >= call.nargs) {
      out += PyUnicode_AsUTF8(PyTuple_GET_ITEM(call.kwnames, Py_ssize_t(i - call.nargs)));
      out += "=";
    }
    PyObject* o = call.args[i];
    bool list = PyList_Check(o), tuple = PyTuple_Check(o);
    if (list || tuple) {
      out += list ? "list of [" : "tuple of (";
      PyRef fast(PySequence_Fast(o, ""));
      Py_ssize_t n = PySequence_Fast_GET_SIZE(fast.get());
      for (Py_ssize_t k = 0; k < n; ++k) {
        out += concat(k ? ", " : "", Py_TYPE(PySequence_Fast_GET_ITEM(fast.get(), k))->tp_name);
      }
      out += list ? "]" : ")";
    } else {
      out += is_tensor(o) ? (Py_TYPE(o) == tensor_type ? "Tensor" : Py_TYPE(o)->tp_name)
                          : Py_TYPE(o)->tp_name;
    }
  }
  return out + ")";
}

[[noreturn]] void no_overload(OpGroup& group, const Call& call, bool inplace) {
  std::string name = group.name + (inplace ? "_" : "");
  if (group.overloads.size() == 1) {
    ValueBuffer values(kMaxArgs);
    std::string why;
    bind_overload(*group.overloads[0], call, values.data(), &why);
    fail(ErrorKind::Type, why);
  }
  std::string text = concat(name, "() received an invalid combination of arguments - got ",
                            describe_call(call), ", but expected one of:");
  for (const Op* op : group.overloads) text += "\n * " + op->schema.signature();
  fail(ErrorKind::Type, text, "\n");
}

// What take_keyword leaves of a call.
struct Remainder {
  std::vector<PyObject*> args;
  PyRef names;
};

// Takes one keyword out of the call; a borrowed reference, or null if it was not given.
PyObject* take_keyword(Call& call, const char* keyword, Remainder& rest) {
  Py_ssize_t at = -1;
  for (Py_ssize_t k = 0; k < call.nkw(); ++k) {
    if (PyUnicode_CompareWithASCIIString(PyTuple_GET_ITEM(call.kwnames, k), keyword) == 0) at = k;
  }
  if (at < 0) return nullptr;
  PyObject* value = call.args[call.nargs + at];
  rest.args.assign(call.args, call.args + call.nargs + call.nkw());
  rest.args.erase(rest.args.begin() + Py_ssize_t(call.nargs) + at);
  rest.names = PyRef(check(PyTuple_New(call.nkw() - 1)));
  for (Py_ssize_t k = 0, j = 0; k < call.nkw(); ++k) {
    if (k != at) {
      PyTuple_SET_ITEM(rest.names.get(), j++, Py_NewRef(PyTuple_GET_ITEM(call.kwnames, k)));
    }
  }
  call = {rest.args.data(), call.nargs, rest.names.get()};
  return value;
}

// Takes out=... from the keywords; returns whether it was given (None counts as absent).
bool take_out(Call& call, TensorList* outs, Remainder& rest) {
  PyObject* o = take_keyword(call, "out", rest);
  if (!o || o == Py_None) return false;
  if (is_tensor(o)) {
    outs->push_back(unwrap(o));
    return true;
  }
  Value v;
  Argument a;
  RL_CHECK_KIND(Type, bind_tensor_list(a, o, &v),
                "argument 'out' must be Tensor or tuple of Tensors, not ", Py_TYPE(o)->tp_name);
  *outs = std::get<TensorList>(v);
  return true;
}

// Functions that make tensors from options take requires_grad= too, which no schema mentions.
bool makes_tensors(const OpGroup& group) {
  return group.overloads[0]->schema.find("pin_memory") >= 0;
}

bool take_requires_grad(const OpGroup& group, Call& call, Remainder& rest) {
  PyObject* o = take_keyword(call, "requires_grad", rest);
  if (!o || o == Py_None) return false;
  RL_CHECK_KIND(Type, PyBool_Check(o), group.name,
                "(): argument 'requires_grad' must be bool, not ", Py_TYPE(o)->tp_name);
  return o == Py_True;
}

PyObject* op_vectorcall(PyObject* self, PyObject* const* args, size_t nargsf, PyObject* kwnames) {
  auto* op = reinterpret_cast<PyOp*>(self);
  size_t nargs = size_t(PyVectorcall_NARGS(nargsf));
  if (wants_override(args, nargs + (kwnames ? size_t(PyTuple_GET_SIZE(kwnames)) : 0))) {
    return call_override(self, args, nargs, kwnames);
  }
  return guarded([&] { return call_group(*op->group, op->inplace, args, nargs, kwnames); });
}

PyObject* op_descr_get(PyObject* self, PyObject* obj, PyObject*) {
  if (!obj) return Py_NewRef(self);
  return PyMethod_New(self, obj);
}

PyObject* op_repr(PyObject* self) {
  auto* op = reinterpret_cast<PyOp*>(self);
  return PyUnicode_FromFormat(op->method ? "<method '%U' of 'torch._C.TensorBase' objects>"
                                         : "<built-in method %U of type object>",
                              op->name);
}
PyObject* op_reduce(PyObject* self, PyObject*) { return reduced_by_name(self, "_reduce_operator"); }

PyMethodDef op_methods[] = {{"__reduce__", op_reduce, METH_NOARGS, nullptr},
                            {nullptr, nullptr, 0, nullptr}};

PyGetSetDef op_getset[] = {
    {"__name__", [](PyObject* s, void*) { return Py_NewRef(reinterpret_cast<PyOp*>(s)->name); },
     nullptr, nullptr, nullptr},
    {"__qualname__",
     [](PyObject* s, void*) {
       auto* op = reinterpret_cast<PyOp*>(s);
       return op->method ? PyUnicode_FromFormat("Tensor.%U", op->name) : Py_NewRef(op->name);
     },
     nullptr, nullptr, nullptr},
    {"__module__", [](PyObject*, void*) { return PyUnicode_FromString("rushlight"); }, nullptr,
     nullptr, nullptr},
    {"__doc__",
     [](PyObject* s, void*) -> PyObject* {
       auto* op = reinterpret_cast<PyOp*>(s);
       if (op->doc) return Py_NewRef(op->doc);
       std::string text;
       for (const Op* o : op->group->overloads) {
         text += o->schema.name + o->schema.signature() + "\n";
       }
       return PyUnicode_FromString(text.c_str());
     },
     [](PyObject* s, PyObject* v, void*) {
       Py_XSETREF(reinterpret_cast<PyOp*>(s)->doc, Py_XNewRef(v));
       return 0;
     },
     nullptr, nullptr},
    {"overloads",
     [](PyObject* s, void*) -> PyObject* {
       auto* op = reinterpret_cast<PyOp*>(s);
       PyObject* list = PyList_New(0);
       for (const Op* o : op->group->overloads) {
         PyRef text(PyUnicode_FromString((o->schema.full_name() + o->schema.signature()).c_str()));
         PyList_Append(list, text.get());
       }
       return list;
     },
     nullptr, nullptr, nullptr},
    {nullptr, nullptr, nullptr, nullptr, nullptr}};

PyMemberDef op_members[] = {
    {"__vectorcalloffset__", T_PYSSIZET, offsetof(PyOp, vectorcall), READONLY, nullptr},
    {nullptr, 0, 0, 0, nullptr}};

PyObject* make_op(OpGroup* group, bool inplace, bool method) {
  PyObject* o = check(op_type->tp_alloc(op_type, 0));
  auto* op = reinterpret_cast<PyOp*>(o);
  op->vectorcall = op_vectorcall;
  op->group = group;
  op->inplace = inplace;
  op->method = method;
  op->name = PyUnicode_FromString((group->name + (inplace ? "_" : "")).c_str());
  op->doc = nullptr;
  return o;
}

// A name and a value on each line.
PyObject* result_repr(PyObject* self) {
  PyTypeObject* type = Py_TYPE(self);
  std::string text = std::string(type->tp_name) + "(\n";
  for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(self); ++i) {
    PyObject* value = PyObject_Repr(PyTuple_GET_ITEM(self, i));
    const char* words = value ? PyUnicode_AsUTF8(value) : nullptr;
    if (words) text += (i ? ",\n" : "") + std::string(type->tp_members[i].name) + "=" + words;
    Py_XDECREF(value);
    if (!words) return nullptr;
  }
  return PyUnicode_FromString((text + ")").c_str());
}

// torch.return_types.<name>
PyTypeObject* result_type(const Op& op) {
  static std::unordered_map<std::string, PyTypeObject*> types;
  auto [it, fresh] = types.try_emplace(op.schema.name, nullptr);
  if (fresh) {
    auto* fields = new std::vector<PyStructSequence_Field>;
    for (const std::string& n : op.schema.return_names) {
      fields->push_back({(new std::string(n))->c_str(), nullptr});
    }
    fields->push_back({nullptr, nullptr});
    auto* name = new std::string("torch.return_types." + op.schema.name);
    PyStructSequence_Desc desc{name->c_str(), nullptr, fields->data(), int(fields->size()) - 1};
    it->second = PyStructSequence_NewType(&desc);
    it->second->tp_repr = result_repr;
  }
  return it->second;
}

}  // namespace

PyObject* wrap(const Value& v) {
  return std::visit(
      [](const auto& x) -> PyObject* {
        using T = std::decay_t<decltype(x)>;
        if constexpr (std::is_same_v<T, std::monostate>) {
          Py_RETURN_NONE;
        } else if constexpr (std::is_same_v<T, TensorList>) {
          PyObject* tuple = check(PyTuple_New(Py_ssize_t(x.size())));
          for (size_t i = 0; i < x.size(); ++i) PyTuple_SET_ITEM(tuple, Py_ssize_t(i), wrap(x[i]));
          return tuple;
        } else if constexpr (std::is_same_v<T, Dims>) {
          return wrap_size(x);
        } else if constexpr (std::is_same_v<T, std::string>) {
          return PyUnicode_FromString(x.c_str());
        } else if constexpr (std::is_same_v<T, std::vector<double>> ||
                             std::is_same_v<T, std::vector<Scalar>>) {
          PyObject* list = check(PyList_New(0));
          for (const auto& e : x) {
            PyRef item(wrap(Scalar(e)));
            PyList_Append(list, item.get());
          }
          return list;
        } else if constexpr (std::is_same_v<T, GeneratorRef>) {
          return wrap_generator(x);
        } else if constexpr (std::is_arithmetic_v<T> || std::is_same_v<T, complex128>) {
          return wrap(Scalar(x));
        } else {
          return wrap(x);
        }
      },
      v);
}

PyObject* wrap_results(const Op& op, Value* results) {
  size_t n = op.schema.returns.size();
  if (n == 0) Py_RETURN_NONE;
  if (n == 1) return wrap(results[0]);
  bool named = !op.schema.return_names[0].empty();
  PyObject* out;
  if (named) {
    out = check(PyStructSequence_New(result_type(op)));
    for (size_t i = 0; i < n; ++i) PyStructSequence_SetItem(out, Py_ssize_t(i), wrap(results[i]));
  } else {
    out = check(PyTuple_New(Py_ssize_t(n)));
    for (size_t i = 0; i < n; ++i) PyTuple_SET_ITEM(out, Py_ssize_t(i), wrap(results[i]));
  }
  return out;
}

PyObject* call_group(OpGroup& group, bool inplace, PyObject* const* args, size_t nargs,
                     PyObject* kwnames) {
  Call call{args, nargs, kwnames};
  TensorList outs;
  Remainder without_out, without_grad;
  bool to_out = kwnames && !inplace && take_out(call, &outs, without_out);
  bool factory = kwnames && makes_tensors(group);
  bool grad = factory && take_requires_grad(group, call, without_grad);
  // Overloads that take numbers as such come before those that take them for tensors.
  size_t count = group.overloads.size();
  for (size_t k = group.has_scalars ? 0 : count; k < 2 * count; ++k) {
    const Op* op = group.overloads[k % count];
    if (inplace && !op->has_inplace) continue;
    ValueBuffer values(op->schema.args.size() + kMaxResults);
    if (!bind_overload(*op, call, values.data(), nullptr, k >= count)) continue;
    Value results[kMaxResults];
    if (to_out) {
      for (const std::string& made : op->schema.returns)
        RL_CHECK_KIND(Type, made.starts_with("Tensor"), group.name,
                      "() got an unexpected keyword argument 'out'");
      // Made in the dtype of `out`: random numbers depend on it.
      int dtype = factory && outs.size() == 1 ? op->schema.find("dtype") : -1;
      if (dtype >= 0 && is_none(values[dtype])) values[dtype] = outs[0].dtype();
      call_op_out(*op, values.data(), outs, results);
    } else if (inplace) {
      call_op_inplace(*op, values.data(), results);
      return Py_NewRef(args[0]);
    } else {
      call_op(*op, values.data(), results);
    }
    if (grad) {
      RL_CHECK(is_differentiable(std::get<Tensor>(results[0]).dtype()),
               "Only Tensors of floating point and complex dtype can require gradients");
      set_requires_grad(std::get<Tensor>(results[0]), true);
    }
    return wrap_results(*op, results);
  }
  no_overload(group, call, inplace);
}

void init_ops(PyObject* module) {
  PyType_Slot slots[] = {{Py_tp_call, (void*)PyVectorcall_Call},
                         {Py_tp_descr_get, (void*)op_descr_get},
                         {Py_tp_repr, (void*)op_repr},
                         {Py_tp_methods, op_methods},
                         {Py_tp_getset, op_getset},
                         {Py_tp_members, op_members},
                         {0, nullptr}};
  PyType_Spec spec{"rushlight._C.Operator", sizeof(PyOp), 0,
                   Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_VECTORCALL | Py_TPFLAGS_METHOD_DESCRIPTOR |
                       Py_TPFLAGS_DISALLOW_INSTANTIATION,
                   slots};
  op_type = reinterpret_cast<PyTypeObject*>(check(PyType_FromSpec(&spec)));
  // _C.ops: every operator; _C._functions: names for the package; methods go on the tensor type.
  PyRef ops(check(PyModule_New("rushlight._C.ops")));
  PyRef functions(check(PyDict_New()));
  for (OpGroup* group : all_groups()) {
    PyRef plain(make_op(group, false, false));
    PyObject_SetAttrString(ops.get(), group->name.c_str(), plain.get());
    bool function = false, method = false, in_place = false;
    for (const Op* op : group->overloads) {
      function |= op->has_function;
      method |= op->has_method && !op->schema.args.empty();
      in_place |= op->has_inplace;
    }
    if (function) PyDict_SetItemString(functions.get(), group->name.c_str(), plain.get());
    auto add_method = [&](const std::string& name, bool in_place) {
      PyRef op(make_op(group, in_place, true));
      PyObject_SetAttrString((PyObject*)tensor_type, name.c_str(), op.get());
    };
    if (method) add_method(group->name, false);
    if (!in_place) continue;
    PyRef twin(make_op(group, true, false));
    std::string name = group->name + "_";
    PyObject_SetAttrString(ops.get(), name.c_str(), twin.get());
    if (function) PyDict_SetItemString(functions.get(), name.c_str(), twin.get());
    if (method) add_method(name, true);
  }
  PyModule_AddObjectRef(module, "ops", ops.get());
  PyModule_AddObjectRef(module, "_functions", functions.get());
}

}  // namespace rl
