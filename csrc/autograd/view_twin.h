// The in-place twins of views (squeeze_, transpose_, ...): a tensor becomes another window on its
// storage.
#pragma once

#include "autograd/node.h"

namespace rl {

// `self` takes the geometry of `view`, which a view operator has just made from it, and, where that
// was recorded, its history under `name`, the twin's. One change for the version counter.
void adopt_view(const Tensor& self, const Tensor& view, std::string name);

}  // namespace rl
