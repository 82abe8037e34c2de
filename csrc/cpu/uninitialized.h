#pragma once
// What `empty` and its relatives hold before anything is written: arbitrary bytes, or, on request,
// values that a program which reads them by mistake cannot overlook and that are the same in every
// run.
#include "core/tensor.h"

namespace rl {

void set_fill_uninitialized(bool on);
bool fills_uninitialized();

// Fills the storage of a new tensor with NaN (floating point and complex), true, or the largest
// integer, if that is asked for. `first_byte` leaves the beginning as it is.
Tensor uninitialized(Tensor t, size_t first_byte = 0);

}  // namespace rl
