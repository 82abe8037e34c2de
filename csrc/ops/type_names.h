// ops/type_names.h: C++'s names of dtypes, which PyTorch prints in some messages.
#pragma once
#include "core/dtype.h"

namespace rl {

inline const char* c_name(DType d) {
  constexpr const char* names[] = {
      "bool",     "unsigned char", "signed char",         "short int",
      "int",      "long int",      "c10::Half",           "c10::BFloat16",
      "float",    "double",        "c10::complex<float>", "c10::complex<double>",
      "undefined"};
  return names[int(d)];
}

}  // namespace rl
