// Scaled dot-product attention: the choice of a way, and the way made of other operators.
#include <cmath>

#include "dispatch/call.h"

namespace rl {
namespace {

// Each head of the keys serves a group of query heads next to each other.
Tensor spread_heads(const Tensor& t, int64_t heads) {
  const Tensor apart = call<"unsqueeze">(t, int64_t(t.ndim() - 2));
  Dims wide = apart.sizes(), sizes = t.sizes();
  wide[size_t(t.ndim() - 2)] = heads / t.size(-3);
  sizes[size_t(t.ndim() - 3)] = heads;
  return call<"reshape">(call<"expand">(apart, wide), sizes);
}

// The output and the weights. 16-bit floats are attended in float32, as PyTorch does: its
// switch allow_fp16_bf16_reduction_math_sdp is off.
std::tuple<Tensor, Tensor> attention_of_operators(const Tensor& query, const Tensor& key,
                                                  const Tensor& value, const Tensor& mask,
                                                  double dropout, bool causal,
                                                  const Tensor& dropout_mask,
                                                  std::optional<double> scale, bool gqa) {
  if (query.dtype() == DType::Float16 || query.dtype() == DType::BFloat16) {
    auto wide = [](const Tensor& t) { return to_dtype(t, DType::Float32); };
    auto [out, weights] = attention_of_operators(wide(query), wide(key), wide(value), mask, dropout,
                                                 causal, dropout_mask, scale, gqa);
    return {to_dtype(out, query.dtype()), to_dtype(weights, query.dtype())};
  }
  const Tensor k = gqa ? spread_heads(key, query.size(-3)) : key,
               v = gqa ? spread_heads(value, query.size(-3)) : value;
  const int64_t length = query.size(-2), source = k.size(-2);
  const double by = scale ? *scale : 1.0 / std::sqrt(double(query.size(-1)));
  Tensor scores =
      call<"matmul">(query * Scalar(by), call<"transpose.int">(k, int64_t(-2), int64_t(-1)));
  Tensor seen = mask;
  if (causal) {
    Tensor rows = call<"unsqueeze">(call<"arange">(length), int64_t(1));
    seen = call<"le.Tensor">(call<"arange">(source), rows);
  }
  Tensor p;
  if (seen.defined() && seen.dtype() == DType::Bool) {
    scores = call<"where.self">(seen, scores, scalar_tensor(-__builtin_inf(), scores.dtype()));
    p = call<"softmax.int">(scores, int64_t(-1));
    // A row that may see nothing gives zeros instead of nan.
    if (!causal) {
      Tensor any = call<"any.dim">(seen, int64_t(-1), true);
      p = call<"where.self">(any, p, scalar_tensor(0, p.dtype()));
    }
  } else {
    if (seen.defined()) scores = scores + to_dtype(seen, scores.dtype());
    p = call<"softmax.int">(scores, int64_t(-1));
  }
  if (dropout > 0) p = call<"dropout">(p, dropout, true);
  return {call<"matmul">(p, v), p};
}

bool broadcasts(const Tensor& mask, const Dims& sizes) {
  if (mask.ndim() > sizes.ndim()) return false;
  for (int i = 1; i <= mask.ndim(); ++i) {
    const int64_t have = mask.size(-i), want = sizes[size_t(sizes.ndim() - i)];
    if (have != 1 && have != want) return false;
  }
  return true;
}

// Everything else, wrong sizes included, is left to the operators.
bool use_fused(const Tensor& q, const Tensor& k, const Tensor& v, const Tensor& mask,
               double dropout, bool gqa) {
  if (q.ndim() != 4 || k.ndim() != 4 || v.ndim() != 4) return false;
  if (q.device().type != DeviceType::CPU || !is_floating(q.dtype())) return false;
  if (dropout > 0) return false;  // its numbers come in the order of the weights
  if (mask.defined() && requires_grad(mask)) return false;  // needs the gradient of all scores
  const Dims &a = q.sizes(), &b = k.sizes(), &c = v.sizes();
  if (q.numel() == 0 || k.numel() == 0 || v.numel() == 0) return false;
  if (a[0] != b[0] || a[0] != c[0] || b[1] != c[1] || b[2] != c[2] || a[3] != b[3]) return false;
  if (gqa ? a[1] % b[1] != 0 : a[1] != b[1]) return false;
  if (!mask.defined()) return true;
  return (mask.dtype() == DType::Bool || mask.dtype() == q.dtype()) &&
         broadcasts(mask, Dims({a[0], a[1], a[2], b[2]}));
}

OP("_scaled_dot_product_attention_math(Tensor query, Tensor key, Tensor value, Tensor? attn_mask=None, float dropout_p=0.0, bool is_causal=False, Tensor? dropout_mask=None, *, float? scale=None, bool enable_gqa=False) -> (Tensor, Tensor)")
    .hidden()
    .no_out()
    .composite(attention_of_operators);

OP("scaled_dot_product_attention(Tensor query, Tensor key, Tensor value, Tensor? attn_mask=None, float dropout_p=0.0, bool is_causal=False, *, float? scale=None, bool enable_gqa=False) -> Tensor")
    .hidden()
    .composite([](const Tensor& query, const Tensor& key, const Tensor& value, const Tensor& mask,
                  double dropout, bool causal, std::optional<double> scale, bool gqa) {
      RL_CHECK(query.dtype() == key.dtype() && query.dtype() == value.dtype(),
               "Expected query, key, and value to have the same dtype, but got query.dtype: ",
               dtype_name(query.dtype()), " key.dtype: ", dtype_name(key.dtype()),
               " and value.dtype: ", dtype_name(value.dtype()), " instead.");
      RL_CHECK(
          query.ndim() >= 2 && key.ndim() >= 2 && value.ndim() >= 2,
          "Expected query, key, and value to all be  at least 2 dimensional, but got query.dim: ",
          query.ndim(), ", key.dim: ", key.ndim(), " and value.dim: ", value.ndim(), " instead.");
      RL_CHECK(
          !(causal && mask.defined()),
          "_scaled_dot_product_attention: Explicit attn_mask should not be set when is_causal=True");
      const Value factor = scale ? Value(*scale) : Value();
      if (use_fused(query, key, value, mask, dropout, gqa))
        return call<"_scaled_dot_product_flash_attention_for_cpu">(query, key, value, 0.0, causal,
                                                                   mask, factor);
      return call<"_scaled_dot_product_attention_math">(query, key, value, mask, dropout, causal,
                                                        Value(), factor, gqa);
    });

}  // namespace
}  // namespace rl
