// core/error.h: the one exception type of the engine and the helpers that make its messages.
#pragma once
#include <cstdint>
#include <exception>
#include <sstream>
#include <string>
#include <utility>

namespace rl {

// Chooses the Python class that the binding raises.
enum class ErrorKind : uint8_t {
  Runtime,
  Type,
  Value,
  Index,
  NotImplemented,
  OutOfMemory,
  LinAlg,
  Assertion,
  Attribute,
  ModuleNotFound,
};

class Error : public std::exception {
 public:
  Error(ErrorKind kind, std::string message, std::string note = {})
      : kind(kind), message(std::move(message)), note(std::move(note)) {}
  const char* what() const noexcept override { return message.c_str(); }

  ErrorKind kind;
  std::string message;
  std::string note;  // shown below the message as a PEP 678 note; may be empty
};

template <class... Parts>
std::string concat(const Parts&... parts) {
  std::ostringstream out;
  (out << ... << parts);
  return out.str();
}

template <class... Parts>
[[noreturn]] void fail(ErrorKind kind, const Parts&... parts) {
  throw Error(kind, concat(parts...));
}

}  // namespace rl

#define RL_CHECK(condition, ...) \
  if (!(condition)) [[unlikely]] \
  ::rl::fail(::rl::ErrorKind::Runtime, __VA_ARGS__)
#define RL_CHECK_KIND(kind, condition, ...) \
  if (!(condition)) [[unlikely]]            \
  ::rl::fail(::rl::ErrorKind::kind, __VA_ARGS__)
