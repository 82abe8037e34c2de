#include "dispatch/schema.h"

#include <cctype>
#include <charconv>

namespace rl {

namespace {

class SchemaParser {
 public:
  SchemaParser(std::string_view text, Schema& out) : text_(text), out_(out) {}

  void run() {
    std::string full = take_while([](char c) { return c != '('; });
    size_t dot = full.find('.');
    out_.name = full.substr(0, dot);
    if (dot != std::string::npos) out_.overload = full.substr(dot + 1);
    expect("(");
    bool kwarg_only = false;
    while (!accept(")")) {
      if (accept("*")) {
        kwarg_only = true;
      } else {
        out_.args.push_back(argument(kwarg_only));
        if (!kwarg_only) ++out_.num_positional;
      }
      accept(",");
    }
    expect("->");
    if (accept("(")) {
      while (!accept(")")) {
        one_return();
        accept(",");
      }
    } else {
      one_return();
    }
    out_.returns_list = out_.returns.size() == 1 && out_.returns[0] == "Tensor[]";
  }

 private:
  [[noreturn]] void bad() { fail(ErrorKind::Runtime, "bad schema: ", std::string(text_)); }
  void space() {
    while (at_ < text_.size() && text_[at_] == ' ') ++at_;
  }
  bool accept(std::string_view word) {
    space();
    if (text_.substr(at_, word.size()) != word) return false;
    at_ += word.size();
    return true;
  }
  void expect(std::string_view word) {
    if (!accept(word)) bad();
  }
  template <class F>
  std::string take_while(F keep) {
    space();
    size_t from = at_;
    while (at_ < text_.size() && keep(text_[at_])) ++at_;
    return std::string(text_.substr(from, at_ - from));
  }
  std::string word() {
    return take_while([](char c) { return std::isalnum((unsigned char)c) || c == '_'; });
  }

  std::string type(Argument* arg) {
    std::string base = word(), text = base;
    if (base.empty()) bad();
    if (accept("(")) {  // alias annotation
      std::string note = take_while([](char c) { return c != ')'; });
      expect(")");
      if (arg) arg->mutated = note.find('!') != std::string::npos;
    }
    bool optional = false, list = false, optional_elements = false;
    int list_size = 0;
    for (;;) {
      if (accept("?")) {
        optional = true;
        text += "?";
      } else if (text_.substr(at_, 1) == "[") {
        expect("[");
        std::string n = word();
        expect("]");
        optional_elements = optional;
        optional = false;
        list = true;
        list_size = n.empty() ? 0 : std::stoi(n);
        text += "[" + n + "]";
      } else {
        break;
      }
    }
    if (arg) {
      arg->optional = optional;
      arg->optional_elements = optional_elements;
      arg->list_size = list_size;
      arg->type = classify(base, list);
      arg->type_text = text;
    }
    return text;
  }

  ArgType classify(const std::string& base, bool list) {
    if (base == "Tensor") return list ? ArgType::TensorList : ArgType::Tensor;
    if (base == "int" || base == "SymInt") return list ? ArgType::IntList : ArgType::Int;
    if (base == "float") return list ? ArgType::FloatList : ArgType::Float;
    if (base == "bool") return list ? ArgType::IntList : ArgType::Bool;
    if (base == "Scalar") return list ? ArgType::ScalarList : ArgType::Scalar;
    if (base == "ScalarType") return ArgType::DType;
    if (base == "Device") return ArgType::Device;
    if (base == "Layout") return ArgType::Layout;
    if (base == "MemoryFormat") return ArgType::MemoryFormat;
    if (base == "Generator") return ArgType::Generator;
    if (base == "str") return ArgType::String;
    bad();
  }

  Value number(const std::string& t) {
    if (t.find_first_of(".e") != std::string::npos) return std::stod(t);
    return int64_t(std::stoll(t));
  }

  Value default_of(const Argument& arg, const std::string& t) {
    if (t == "None") return {};
    if (t == "True") return true;
    if (t == "False") return false;
    if (t == "Mean") return int64_t(1);
    if (t == "contiguous_format") return MemoryFormat::Contiguous;
    if (t == "preserve_format") return MemoryFormat::Preserve;
    if (t == "long") return DType::Int64;
    if (t == "inf") return __builtin_inf();
    if (t[0] == '\'' || t[0] == '"') return t.substr(1, t.size() - 2);
    if (t[0] == '[') {
      Dims list;
      std::string digits;
      for (char c : t.substr(1)) {
        if (c == ',' || c == ']') {
          if (!digits.empty()) list.push_back(std::stoll(digits));
          digits.clear();
        } else if (c != ' ') {
          digits += c;
        }
      }
      return list;
    }
    Value v = number(t);
    if (arg.type == ArgType::IntList) return Dims(std::max(arg.list_size, 1), std::get<int64_t>(v));
    if (arg.type == ArgType::Float) return to_scalar(v).to_double();
    return v;
  }

  Argument argument(bool kwarg_only) {
    Argument arg;
    type(&arg);
    arg.name = word();
    if (arg.name.empty()) bad();
    arg.kwarg_only = kwarg_only;
    if (accept("=")) {
      int depth = 0;
      std::string t = take_while([&](char c) {
        if (c == '[') ++depth;
        if (c == ']') --depth;
        return depth > 0 || (c != ',' && c != ')');
      });
      arg.has_default = true;
      arg.default_text = t;
      arg.default_value = default_of(arg, t);
    }
    return arg;
  }

  void one_return() {
    out_.returns.push_back(type(nullptr));
    out_.return_names.push_back(word());
  }

  std::string_view text_;
  size_t at_ = 0;
  Schema& out_;
};

std::string python_type(const Argument& a) {
  switch (a.type) {
    case ArgType::Tensor:
      return "Tensor";
    case ArgType::TensorList:
      return "tuple of Tensors";
    case ArgType::Int:
      return "int";
    case ArgType::IntList:
      return "tuple of ints";
    case ArgType::Float:
      return "float";
    case ArgType::FloatList:
      return "tuple of floats";
    case ArgType::Bool:
      return "bool";
    case ArgType::Scalar:
      return "Number";
    case ArgType::ScalarList:
      return "tuple of Scalars";
    case ArgType::DType:
      return "torch.dtype";
    case ArgType::Device:
      return "torch.device";
    case ArgType::Layout:
      return "torch.layout";
    case ArgType::MemoryFormat:
      return "torch.memory_format";
    case ArgType::Generator:
      return "torch.Generator";
    case ArgType::String:
      return "str";
  }
  return "?";
}

}  // namespace

Schema::Schema(std::string_view text) { SchemaParser(text, *this).run(); }

int Schema::find(std::string_view arg) const {
  for (size_t i = 0; i < args.size(); ++i) {
    if (args[i].name == arg) return int(i);
  }
  return -1;
}

std::string Schema::signature() const {
  std::string out = "(";
  for (size_t i = 0; i < args.size(); ++i) {
    const Argument& a = args[i];
    if (i) out += ", ";
    if (int(i) == num_positional) out += "*, ";
    out += python_type(a) + " " + (a.name == "self" ? "input" : a.name);
    if (a.has_default) out += " = " + a.default_text;
  }
  return out + ")";
}

}  // namespace rl
