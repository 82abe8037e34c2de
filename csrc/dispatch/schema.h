// dispatch/schema.h: the signature of an operator, parsed from PyTorch's notation.
#pragma once
#include <string>
#include <string_view>
#include <vector>

#include "dispatch/value.h"

namespace rl {

enum class ArgType : uint8_t {
  Tensor,
  TensorList,
  Int,
  IntList,
  Float,
  FloatList,
  Bool,
  Scalar,
  ScalarList,
  DType,
  Device,
  Layout,
  MemoryFormat,
  Generator,
  String,
};

struct Argument {
  std::string name;
  ArgType type = ArgType::Tensor;
  bool optional = false;           // "Tensor?": None is accepted
  bool optional_elements = false;  // "Tensor?[]"
  bool mutated = false;            // "Tensor(a!)"
  bool kwarg_only = false;
  bool has_default = false;
  int list_size = 0;  // "int[2]": a single number is repeated
  Value default_value;
  std::string type_text;
  std::string default_text;
};

struct Schema {
  explicit Schema(std::string_view text);

  std::string name;      // "add"
  std::string overload;  // "Tensor"
  std::vector<Argument> args;
  int num_positional = 0;
  std::vector<std::string> returns;  // type texts
  bool returns_list = false;         // a single Tensor[]
  std::vector<std::string> return_names;

  int find(std::string_view arg) const;
  std::string full_name() const { return overload.empty() ? name : name + "." + overload; }
  // "(Tensor input, Tensor other, *, Number alpha = 1)": for "expected one of" messages.
  std::string signature() const;
};

}  // namespace rl
