#pragma once
// Between the files of Winograd's convolutions (cpu/conv.h says what they offer).

#include "cpu/conv.h"

namespace rl::winograd {

// diff_weight by tiles of 4 x 4 gradients, for a problem that handles_weights.
void large_tile_weights(const ConvProblem& p, const float* src, const float* diff_dst,
                        float* diff_weight);

}  // namespace rl::winograd
