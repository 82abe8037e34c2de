// dispatch/autocast.h: regions in which operators choose the floating dtype of their inputs.
#pragma once
#include "dispatch/op.h"

namespace rl {

// What a region does to the floating inputs of an operator.
enum class CastPolicy : uint8_t { None, Lower, Full, Promote };

// The state of the calling thread.
struct Autocast {
  // Whether call_op has to look at an operator's policy: the one test that other programs pay.
  static bool active() { return active_; }
  static bool enabled() { return enabled_; }
  static DType dtype() { return dtype_; }
  static void set(bool enabled, DType dtype, bool keep_casts);
  // Forgets the casts kept so far; the outermost region does so when it ends.
  static void clear_cache();

 private:
  friend class AutocastPause;
  friend Tensor autocast_to(const Tensor& t, DType dtype);
  static inline thread_local bool active_ = false;
  static inline thread_local bool enabled_ = false;
  static inline thread_local bool keep_casts_ = true;
  static inline thread_local DType dtype_ = DType::BFloat16;
};

// Operators called inside take their inputs as they are.
class AutocastPause {
 public:
  AutocastPause() : before_(Autocast::active_) { Autocast::active_ = false; }
  ~AutocastPause() { Autocast::active_ = before_; }
  AutocastPause(const AutocastPause&) = delete;

 private:
  bool before_;
};

CastPolicy cast_policy(const Op& op);
// Casts the inputs as the policy says.
void autocast_arguments(const Op& op, CastPolicy policy, Value* args);

}  // namespace rl
