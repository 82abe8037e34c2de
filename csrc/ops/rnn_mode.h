// Kinds of recurrent cells.
#pragma once
#include <cstdint>

namespace rl {

enum class RnnMode : int64_t { Relu, Tanh, Lstm, Gru };

constexpr int64_t gates_of(RnnMode mode) {
  return mode == RnnMode::Lstm ? 4 : mode == RnnMode::Gru ? 3 : 1;
}

// From here on the rows a thread gets are worth reading all weights for.
constexpr int64_t kLeastRows = 8;

}  // namespace rl
