// Weights in the order a convolution kernel reads, kept from call to call where nothing changes
// them: a model that only predicts would turn them anew for every batch.
#pragma once
#include <array>

#include "core/tensor.h"
#include "cpu/conv.h"

namespace rl {

// Hangs on the weight's storage. The first call with a weight leaves only the note that it was
// seen; the second call with the same bytes packs it. Training, which changes the weight every
// step, keeps nothing.
class PackedWeight final : public RefCounted {
 public:
  // What to hand to conv_forward<float>, or null. Keep the result for as long as the kernel runs.
  static Ref<PackedWeight> of(const Tensor& weight, const ConvProblem& p, bool bias);
  ~PackedWeight() override;
  const void* data() const { return data_; }

 private:
  using Key = std::array<int64_t, 32>;
  static Key key_of(const Tensor& weight, const ConvProblem& p, bool bias);

  Key key_{};
  uint64_t changes_ = 0;
  void* data_ = nullptr;
  size_t bytes_ = 0;
};

}  // namespace rl
