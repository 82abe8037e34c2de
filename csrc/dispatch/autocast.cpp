#include "dispatch/autocast.h"

#include <unordered_map>

#include "dispatch/call.h"

namespace rl {

namespace {

// PyTorch 2.13's choice for the CPU, by operator name: what gains speed in the lower precision ...
constexpr const char* kLower[] = {
    "addbmm",
    "addmm",
    "baddbmm",
    "bmm",
    "conv1d",
    "conv2d",
    "conv3d",
    "conv_tbc",
    "conv_transpose1d",
    "conv_transpose2d",
    "conv_transpose3d",
    "linalg_vecdot",
    "linear",
    "lstm",
    "matmul",
    "mm",
    "prelu",
    "scaled_dot_product_attention",
    "_native_multi_head_attention",
};
// ... what needs float32 ...
constexpr const char* kFull[] = {
    "adaptive_avg_pool3d",
    "adaptive_max_pool3d",
    "avg_pool3d",
    "binary_cross_entropy",
    "binary_cross_entropy_with_logits",
    "cdist",
    "cholesky",
    "cholesky_inverse",
    "cholesky_solve",
    "cosine_embedding_loss",
    "cross_entropy_loss",
    "ctc_loss",
    "fractional_max_pool2d",
    "fractional_max_pool3d",
    "geqrf",
    "grid_sampler",
    "grid_sampler_2d",
    "grid_sampler_3d",
    "hinge_embedding_loss",
    "huber_loss",
    "inverse",
    "kl_div",
    "l1_loss",
    "lu_solve",
    "margin_ranking_loss",
    "max_unpool2d",
    "max_unpool3d",
    "mse_loss",
    "multi_margin_loss",
    "multilabel_margin_loss",
    "nanquantile",
    "nll_loss",
    "nll_loss2d",
    "nll_loss_nd",
    "orgqr",
    "ormqr",
    "pinverse",
    "poisson_nll_loss",
    "polar",
    "prod",
    "quantile",
    "reflection_pad1d",
    "reflection_pad2d",
    "replication_pad1d",
    "replication_pad2d",
    "replication_pad3d",
    "smooth_l1_loss",
    "soft_margin_loss",
    "stft",
    "svd",
    "trace",
    "triangular_solve",
    "triplet_margin_loss",
    "view_as_complex",
};
// ... and what only wants its inputs to agree.
constexpr const char* kPromote[] = {"cat", "index_copy", "stack"};

using Policies = std::unordered_map<const Op*, CastPolicy>;

template <size_t N>
void mark(Policies& to, const char* const (&names)[N], CastPolicy policy) {
  for (const char* name : names) {
    OpGroup* group = find_group(name);
    if (!group) continue;
    for (Op* op : group->overloads) to[op] = policy;
  }
}

bool castable(const Tensor& t) {
  return t.defined() && is_floating(t.dtype()) && t.dtype() != DType::Float64 &&
         t.device().type == DeviceType::CPU;
}

struct Kept {
  Tensor original, cast;
  uint32_t version;
};
using Cache = std::unordered_map<const TensorImpl*, Kept>;
Cache& cache() {
  thread_local Cache instance;
  return instance;
}

}  // namespace

CastPolicy cast_policy(const Op& op) {
  static const Policies policies = [] {
    Policies out;
    mark(out, kLower, CastPolicy::Lower);
    mark(out, kFull, CastPolicy::Full);
    mark(out, kPromote, CastPolicy::Promote);
    return out;
  }();
  const auto found = policies.find(&op);
  return found == policies.end() ? CastPolicy::None : found->second;
}

void Autocast::set(bool enabled, DType dtype, bool keep_casts) {
  enabled_ = active_ = enabled;
  dtype_ = dtype;
  keep_casts_ = keep_casts;
}

void Autocast::clear_cache() { cache().clear(); }

// A parameter is cast once in a region, and again if it has changed.
Tensor autocast_to(const Tensor& t, DType dtype) {
  if (!castable(t) || t.dtype() == dtype) return t;
  const bool parameter = Autocast::keep_casts_ && dtype == Autocast::dtype_ &&
                         t.dtype() == DType::Float32 && t.requires_grad_flag() && !grad_fn(t) &&
                         !t->is_view;
  if (!parameter) return to_dtype(t, dtype);
  auto found = cache().find(t.impl());
  if (found != cache().end()) {
    const Kept& kept = found->second;
    // What was cast without a graph does not serve where one is recorded.
    if (kept.version == t->version() && kept.cast.dtype() == dtype &&
        kept.cast.requires_grad_flag() == GradMode::enabled())
      return kept.cast;
  }
  const Tensor cast = to_dtype(t, dtype);
  cache()[t.impl()] = {t, cast, t->version()};
  return cast;
}

void autocast_arguments(const Op& op, CastPolicy policy, Value* args) {
  DType to = Autocast::dtype();
  if (policy == CastPolicy::Full) to = DType::Float32;
  const auto each = [&](auto f) {
    for (int i : op.tensor_args) {
      if (auto* t = std::get_if<Tensor>(&args[i])) {
        if (t->defined()) f(*t);
      } else if (auto* list = std::get_if<TensorList>(&args[i])) {
        for (Tensor& e : *list)
          if (e.defined()) f(e);
      }
    }
  };
  if (policy == CastPolicy::Promote)
    each([&](Tensor& t) {
      if (castable(t) && t.dtype() == DType::Float32) to = DType::Float32;
    });
  each([&](Tensor& t) { t = autocast_to(t, to); });
}

}  // namespace rl
