// Vector mathematics for plain loops; vec_math_core.h says how to compile it.
// vec_complex.h stands apart: it is ordinary scalar code.
#pragma once

#include "vec_convert.h"
#include "vec_math_apply.h"
#include "vec_math_arith.h"
#include "vec_math_core.h"
#include "vec_math_exp.h"
#include "vec_math_scalar.h"
#include "vec_math_special.h"
#include "vec_math_trig.h"
