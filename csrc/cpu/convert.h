// cpu/convert.h: copies elements between dtypes and strides; the ends of every pointwise loop.
#pragma once
#include "core/dtype.h"

namespace rl {

// Byte strides; 0 repeats one element.
using ConvertLoop = void (*)(const char* from, int64_t from_stride, char* to, int64_t to_stride,
                             int64_t n);

struct ConvertTable {
  ConvertLoop loops[kNumDTypes][kNumDTypes];  // [from][to]
};

// The table of the best instruction level of this machine.
const ConvertTable& convert_table();
void register_convert_table(int isa_level, const ConvertTable& table);

inline void convert(DType from, const void* src, int64_t src_stride, DType to, void* dst,
                    int64_t dst_stride, int64_t n) {
  convert_table().loops[int(from)][int(to)](static_cast<const char*>(src), src_stride,
                                            static_cast<char*>(dst), dst_stride, n);
}

}  // namespace rl
