// Dropout in its forms, and the randomised leaky ReLU.
#include <cmath>

#include "dispatch/call.h"
#include "ops/random_fill.h"

namespace rl {

namespace {

// Fills `noise` with 1 / (1 - p) where a unit is kept and 0 where it is dropped; with `unit`, with
// ones and zeros.
void fill_noise(const Tensor& noise, double p, bool unit) {
  const DType d = noise.dtype();
  RL_CHECK(!is_integral(d, true), "result type Float can't be cast to the desired output type ",
           dtype_word(d));
  if (noise.is_meta()) return;
  const auto gen = rng::default_generator();
  dispatch(d, "bernoulli_scalar_cpu_", FloatHalfTypes(), [&]<class T>() {
    using Wide = std::conditional_t<std::is_same_v<T, double>, double, float>;
    const T on(unit ? Wide(1) : Wide(1) / static_cast<Wide>(1 - p));
    fill_in_order<T>(noise,
                     [&](T* out, int64_t n) { rng::bernoulli_scaled(*gen, out, n, 1 - p, on); });
  });
}

// One number a channel: (N, C, 1, ...).
Tensor feature_noise(const Tensor& input) {
  RL_CHECK(input.ndim() >= 2, "Feature dropout requires at least 2 dimensions in the input");
  Dims sizes(static_cast<size_t>(input.ndim()), 1);
  sizes[0] = input.sizes()[0];
  sizes[1] = input.sizes()[1];
  return empty(sizes, input.dtype(), input.device());
}

enum class Kind { Plain, Feature, Alpha, FeatureAlpha };

Tensor drop(const Tensor& input, double p, bool train, Kind kind) {
  RL_CHECK(p >= 0 && p <= 1, "dropout probability has to be between 0 and 1, but got ", p);
  if (p == 0 || !train || input.numel() == 0) return input;
  if (p == 1) return input * scalar_tensor(Scalar(0), input.dtype(), input.device());
  const bool feature = kind == Kind::Feature || kind == Kind::FeatureAlpha;
  Tensor noise = feature ? feature_noise(input) : call<"empty_like">(input);
  if (kind == Kind::Plain || kind == Kind::Feature) {
    fill_noise(noise, p, false);
    return input * noise;
  }
  // Keeps mean and variance of SELU networks: dropped units become -alpha', then an affine map.
  constexpr double kAlpha = 1.7580993408473766;
  const double a = 1 / std::sqrt((kAlpha * kAlpha * p + 1) * (1 - p));
  fill_noise(noise, p, true);
  const Tensor shift = (noise + Scalar(-1)) * Scalar(kAlpha * a) + Scalar(kAlpha * a * p);
  return input * (noise * Scalar(a)) + shift;
}

Tensor dropout(Tensor input, double p, bool train) { return drop(input, p, train, Kind::Plain); }
Tensor feature_dropout(Tensor input, double p, bool train) {
  return drop(input, p, train, Kind::Feature);
}
Tensor alpha_dropout(Tensor input, double p, bool train) {
  return drop(input, p, train, Kind::Alpha);
}
Tensor feature_alpha_dropout(Tensor input, double p, bool train) {
  return drop(input, p, train, Kind::FeatureAlpha);
}

double keep_scale(double p) { return p == 1 ? 0.0 : 1 / (1 - p); }

std::tuple<Tensor, Tensor> native_dropout(Tensor input, double p, std::optional<bool> train) {
  if (!train.value_or(true)) return {call<"clone">(input), call<"ones_like">(input, DType::Bool)};
  Tensor mask = call<"empty_like">(input, DType::Bool);
  if (!mask.is_meta()) {
    const auto gen = rng::default_generator();
    fill_in_order<bool>(mask, [&](bool* out, int64_t n) { rng::bernoulli(*gen, out, n, 1 - p); });
  }
  return {input * mask * Scalar(keep_scale(p)), mask};
}

Tensor native_dropout_grad(GradContext& c) {
  const Value& train = c.value("train");
  if (!is_none(train) && !std::get<bool>(train)) return c.grad();
  return call<"native_dropout_backward">(c.grad(), c.result(1),
                                         keep_scale(c.scalar("p").to_double()));
}

Tensor native_dropout_backward(Tensor grad_output, Tensor mask, double scale) {
  return grad_output * mask * Scalar(scale);
}

// ---- rrelu ----

// The noise is an output of the operator too; the schema does not say so, since what is
// differentiated is `self`.
Tensor rrelu_with_noise(Tensor self, Tensor noise, Scalar lower, Scalar upper, bool training,
                        GeneratorRef generator) {
  RL_CHECK(lower.to_double() <= upper.to_double(),
           "Lower bound should be less than or equal to the upper bound");
  if (!training) {
    return call<"leaky_relu">(self, Scalar((lower.to_double() + upper.to_double()) / 2));
  }
  Tensor out = empty(self.sizes(), self.dtype(), self.device());
  if (self.is_meta()) return out;
  const auto gen = generator_or_default(generator);
  const Tensor input = contiguous(self);
  const bool direct_noise = noise.is_contiguous() && noise.dtype() == self.dtype();
  const Tensor slopes = direct_noise ? noise : empty(self.sizes(), self.dtype());
  dispatch(self.dtype(), "rrelu_with_noise_out_cpu", FloatHalfTypes(), [&]<class T>() {
    T *to = out.data<T>(), *slope = slopes.data<T>();
    const T* in = input.data<T>();
    const int64_t n = input.numel();
    GilRelease release(n > kGrain);
    rng::rrelu(*gen, to, slope, in, n, lower.to_double(), upper.to_double());
  });
  if (!direct_noise) call<"copy_">(noise, slopes);
  return out;
}

Tensor rrelu_with_noise_backward(Tensor grad_output, Tensor self, Tensor noise, Scalar lower,
                                 Scalar upper, bool training, bool self_is_result) {
  const double low = lower.to_double(), high = upper.to_double();
  if (training && high - low > 1e-6) return grad_output * noise;
  return call<"leaky_relu_backward">(grad_output, self, Scalar((low + high) / 2), self_is_result);
}

Tensor rrelu_grad(GradContext& c) {
  const Scalar lower = c.scalar("lower"), upper = c.scalar("upper");
  const double low = lower.to_double(), high = upper.to_double();
  // Only what is needed is unpacked: an in-place call has overwritten self.
  if (c.get<bool>("training") && high - low > 1e-6) return c.grad() * c.tensor("noise");
  const bool from_result = low + high >= 0;
  return call<"rrelu_with_noise_backward">(c.grad(), from_result ? c.result() : c.tensor("self"),
                                           c.tensor("noise"), lower, upper, false, from_result);
}

Tensor rrelu(Tensor self, Scalar lower, Scalar upper, bool training, GeneratorRef generator) {
  const Tensor noise = empty(self.sizes(), self.dtype(), self.device());
  return call<"rrelu_with_noise">(self, noise, lower, upper, training, generator);
}

}  // namespace

OP("dropout(Tensor input, float p, bool train) -> Tensor")
    .function_only()
    .inplace()
    .no_out()
    .composite(dropout);
OP("feature_dropout(Tensor input, float p, bool train) -> Tensor")
    .function_only()
    .inplace()
    .no_out()
    .composite(feature_dropout);
OP("alpha_dropout(Tensor input, float p, bool train) -> Tensor")
    .function_only()
    .inplace()
    .no_out()
    .composite(alpha_dropout);
OP("feature_alpha_dropout(Tensor input, float p, bool train) -> Tensor")
    .function_only()
    .inplace()
    .no_out()
    .composite(feature_alpha_dropout);

OP("native_dropout(Tensor input, float p, bool? train) -> (Tensor, Tensor)")
    .function_only()
    .direct(native_dropout)
    .grad("input", "result1", native_dropout_grad);
OP("native_dropout_backward(Tensor grad_output, Tensor mask, float scale) -> Tensor")
    .hidden()
    .composite(native_dropout_backward);

OP("rrelu(Tensor self, Scalar lower=0.125, Scalar upper=0.3333333333333333, bool training=False, "
   "Generator? generator=None) -> Tensor")
    .function_only()
    .inplace()
    .no_out()
    .composite(rrelu);
OP("rrelu_with_noise(Tensor self, Tensor noise, Scalar lower=0.125, Scalar "
   "upper=0.3333333333333333, bool training=False, Generator? generator=None) -> Tensor")
    .hidden()
    .inplace()
    .direct(rrelu_with_noise)
    .grad("self", "self result noise", rrelu_grad);
OP("rrelu_with_noise_backward(Tensor grad_output, Tensor self, Tensor noise, Scalar lower, Scalar "
   "upper, bool training, bool self_is_result) -> Tensor")
    .hidden()
    .composite(rrelu_with_noise_backward);

}  // namespace rl
