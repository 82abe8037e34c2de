// Vector mathematics for plain loops; vec_math_core.h says how to compile it.
#pragma once

#include "vec_math_core.h"
#include "vec_math_exp.h"
#include "vec_math_trig.h"
