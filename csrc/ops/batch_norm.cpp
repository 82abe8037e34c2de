// Batch normalisation.
#include <cmath>

#include "cpu/batchnorm.h"
#include "cpu/parallel.h"
#include "dispatch/call.h"
#include "ops/channels_last.h"
#include "ops/open_steps.h"

namespace rl {
namespace {

using onednn::Order;

Order order_of(const Tensor& t) {
  return lies_channels_last(t) ? Order::channels_last : Order::plain;
}

ChannelShape shape_of(const Tensor& t, Order order) {
  const int64_t n = t.sizes()[0], c = t.sizes()[1];
  return {n, c, n * c ? t.numel() / (n * c) : 0, order};
}

DType compute_dtype(DType d) { return is_half(d) ? DType::Float32 : d; }

TensorSpec like(const Tensor& t, DType dtype) {
  TensorSpec spec{t.sizes(), dtype, std::nullopt};
  if (strided_last(t)) spec.strides = channels_last_strides(t.sizes());
  return spec;
}

std::vector<double> numbers(const Tensor& t, int64_t count, double otherwise) {
  std::vector<double> out(size_t(count), otherwise);
  if (!t.defined()) return out;
  const bool row = t.ndim() == 1;
  const Tensor flat = row ? t : contiguous(t);
  dispatch(t.dtype(), "batch_norm", FloatHalfTypes(), [&]<class T>() {
    const T* from = flat.data<const T>();
    const int64_t step = row ? t.strides()[0] : 1;
    for (int64_t i = 0; i < count; i++) out[i] = double(from[i * step]);
  });
  return out;
}

template <class T>
std::vector<T> narrow(const std::vector<double>& v) {
  return {v.begin(), v.end()};
}

// running = (1 - momentum) * running + momentum * now. PyTorch does not count this as a change.
void update_running(const Tensor& running, const std::vector<double>& now, double factor,
                    double momentum) {
  if (!running.defined()) return;
  dispatch(running.dtype(), "batch_norm", FloatHalfTypes(), [&]<class T>() {
    T* r = running.data<T>();
    const int64_t step = running.strides()[0];
    for (size_t i = 0; i < now.size(); ++i)
      r[i * step] = T((1 - momentum) * double(r[i * step]) + momentum * now[i] * factor);
  });
}

void check_vector(const Tensor& t, int64_t channels, const char* name) {
  if (!t.defined()) return;
  RL_CHECK(t.numel() == channels, name, " should contain ", channels, " elements not ", t.numel());
}

// y = x * scale[c] + shift[c]
struct ChannelLine {
  std::vector<double> scale, shift;

  ChannelLine(const Tensor& weight, const Tensor& bias, const std::vector<double>& mean,
              const std::vector<double>& invstd)
      : scale(numbers(weight, int64_t(mean.size()), 1)),
        shift(numbers(bias, int64_t(mean.size()), 0)) {
    for (size_t c = 0; c < mean.size(); ++c) {
      scale[c] *= invstd[c];
      shift[c] -= mean[c] * scale[c];
    }
  }
};

std::vector<double> inverse_deviation(const std::vector<double>& var, double eps) {
  std::vector<double> out(var.size());
  for (size_t c = 0; c < var.size(); ++c) out[c] = 1 / std::sqrt(var[c] + eps);
  return out;
}

void forward(const Tensor& input, const Tensor& weight, const Tensor& bias,
             const Tensor& running_mean, const Tensor& running_var, bool training, double momentum,
             double eps, const Tensor& out, const Tensor& save_mean, const Tensor& save_invstd) {
  const DType compute = compute_dtype(input.dtype());
  const Tensor x = to_dtype(input, compute);
  const Order order = order_of(x);
  const ChannelShape s = shape_of(x, order);
  const int64_t channels = s.c, count = s.n * s.s;
  std::vector<double> mean(channels), var(channels);
  const Result y(out, compute, order);
  dispatch(compute, "batch_norm", FloatTypes(), [&]<class T>() {
    std::optional<Activation> block;
    if (training && count > 0) {
      block.emplace(x, order);
      const GilRelease release(x.numel() > kGrain);
      channel_statistics<T>(s, static_cast<const T*>(block->data), mean.data(), var.data());
    } else if (!training) {
      mean = numbers(running_mean, channels, 0);
      var = numbers(running_var, channels, 1);
    }
    const std::vector<double> invstd = inverse_deviation(var, eps);
    if (training && count > 0) {
      update_running(running_mean, mean, 1, momentum);
      update_running(running_var, var, count > 1 ? double(count) / double(count - 1) : INFINITY,
                     momentum);
    }
    const ChannelLine line(weight, bias, mean, invstd);
    const std::vector<T> a = narrow<T>(line.scale), b = narrow<T>(line.shift);
    T* to = static_cast<T*>(output_data(y.work, order));
    std::copy_n(mean.begin(), channels, save_mean.data<T>());
    std::copy_n(invstd.begin(), channels, save_invstd.data<T>());
    constexpr bool may_stay_open = std::is_same_v<T, float>;
    if constexpr (may_stay_open)
      if (!block && y.work.same(out) && leave_conv_affine_open(out, x, s, a, b)) return;
    if (!block) block.emplace(x, order);
    if constexpr (may_stay_open)
      if (y.work.same(out) && leave_affine_open(out, s, *block, a, b)) return;
    const GilRelease release(x.numel() > kGrain);
    const T* from = static_cast<const T*>(block->data);
    if (count > 0) channel_map<T>(s, {{from, a.data(), b.data()}, {}, false}, to);
  });
  y.finish();
}

void backward(const Tensor& grad, const Tensor& input, const Tensor& weight,
              const Tensor& mean_tensor, const Tensor& invstd_tensor, bool training,
              const Tensor& grad_input, const Tensor& grad_weight, const Tensor& grad_bias) {
  const DType compute = compute_dtype(input.dtype());
  const Tensor x = to_dtype(input, compute), g = to_dtype(grad, compute);
  const Order order = order_of(x);
  const ChannelShape s = shape_of(x, order);
  const int64_t channels = s.c;
  const double count = double(s.n * s.s);
  const Activation bx(x, order);
  const OpenGradient open = compute == DType::Float32 && x.same(input) && g.same(grad)
                                ? open_gradient(g, x, s)
                                : OpenGradient();
  std::optional<Activation> bg;
  if (!open.step) bg.emplace(g, order);
  const std::vector<double> mean = numbers(mean_tensor, channels, 0),
                            invstd = numbers(invstd_tensor, channels, 1),
                            scale = numbers(weight, channels, 1);
  const Result dx(grad_input, compute, order);
  std::vector<double> sum(channels), dot(channels);
  dispatch(compute, "batch_norm_backward", FloatTypes(), [&]<class T>() {
    ChannelGradient<T> both{static_cast<const T*>(bg ? bg->data : open.data),
                            static_cast<const T*>(bx.data)};
    if constexpr (std::is_same_v<T, float>) both.scale = open.scale, both.shift = open.shift;
    T *dw = grad_weight.data<T>(), *db = grad_bias.data<T>();
    T* to = static_cast<T*>(output_data(dx.work, order));
    std::vector<T> center = narrow<T>(mean), a(channels), b(channels), k(channels);
    const GilRelease release(x.numel() > kGrain);
    if (count > 0) channel_gradient_sums<T>(s, both, center.data(), sum.data(), dot.data());
    for (int64_t c = 0; c < channels; ++c) {
      const double w = scale[c] * invstd[c],
                   slope = training ? dot[c] * invstd[c] * invstd[c] / count : 0;
      dw[c] = T(dot[c] * invstd[c]);
      db[c] = T(sum[c]);
      // dx = w * (dy - mean(dy) - (x - mean) * slope)
      a[c] = T(w);
      b[c] = T(-w * slope);
      k[c] = T(training ? w * (mean[c] * slope - sum[c] / count) : 0);
    }
    if (count > 0) channel_gradient<T>(s, both, a.data(), b.data(), k.data(), to);
  });
  dx.finish();
}

// ------------------------------------------------------------------------------------ operators

Dims all_but_channels(int ndim) {
  Dims dims({0});
  for (int i = 2; i < ndim; ++i) dims.push_back(i);
  return dims;
}

Tensor per_channel(const Tensor& t, int ndim) {
  Dims shape(size_t(ndim), 1);
  shape[1] = t.numel();
  return call<"reshape">(t, shape);
}

// The gradients as expressions of the inputs, for derivatives of higher order.
void gradients_by_parts(GradContext& c, const Tensor& g, const Tensor& x) {
  const int nd = x.ndim();
  const Dims dims = all_but_channels(nd);
  const bool training = c.get<bool>("training");
  const Tensor weight = c.tensor("weight");
  Tensor centered, invstd;
  if (training) {
    centered = x - call<"mean.dim">(x, dims, true);
    invstd = call<"rsqrt">(call<"mean.dim">(centered * centered, dims, true) +
                           Scalar(c.get<double>("eps")));
  } else {
    centered = x - per_channel(c.result(1), nd);
    invstd = per_channel(c.result(2), nd);
  }
  const Tensor normal = centered * invstd;
  if (c.needs("input")) {
    const Tensor w = weight.defined() ? per_channel(weight, nd) * invstd : invstd;
    Tensor inner = g;
    if (training)
      inner =
          g - call<"mean.dim">(g, dims, true) - normal * call<"mean.dim">(g * normal, dims, true);
    c.set("input", inner * w);
  }
  if (c.needs("weight")) c.set("weight", call<"sum.dim_IntList">(g * normal, dims));
  if (c.needs("bias")) c.set("bias", call<"sum.dim_IntList">(g, dims));
}

OP("_batch_norm(Tensor input, Tensor? weight, Tensor? bias, Tensor? running_mean, Tensor? running_var, bool training, float momentum, float eps) -> (Tensor, Tensor, Tensor)")
    .hidden()
    .node_name("NativeBatchNormBackward0")
    .leaves_open()
    .infer([](const Tensor& input, const Tensor& weight, const Tensor& bias,
              const Tensor& running_mean, const Tensor& running_var, bool training, double,
              double) {
      RL_CHECK(input.ndim() >= 2,
               "batch_norm: expected input with at least 2 dimensions (N, C, ...), but got size ",
               input.sizes());
      RL_CHECK_KIND(NotImplemented, is_floating(input.dtype()),
                    "\"batch_norm\" not implemented for '", dtype_word(input.dtype()), "'");
      const int64_t channels = input.sizes()[1];
      check_vector(running_mean, channels, "running_mean");
      check_vector(running_var, channels, "running_var");
      check_vector(weight, channels, "weight");
      check_vector(bias, channels, "bias");
      for (const Tensor* t : {&running_mean, &running_var}) {
        RL_CHECK(!t->defined() || t->ndim() == 1, "TensorAccessor expected 1 dims but tensor has ",
                 t->defined() ? t->ndim() : 0);
      }
      RL_CHECK(training || (running_mean.defined() && running_var.defined()),
               "running_mean and running_var must be defined in evaluation mode");
      const TensorSpec stat{Dims({channels}), compute_dtype(input.dtype()), std::nullopt};
      return std::tuple(like(input, input.dtype()), stat, stat);
    })
    .cpu(forward)
    .grads("input weight bias", "input weight result1 result2", [](GradContext& c) {
      if (!c.has_grad(0)) return;
      const Tensor g = c.grad(0), x = c.tensor("input");
      // Two passes over a gradient that others read too are dearer than one to finish it. Here it
      // is held by the context and by g.
      if (g->use_count() > 2) g.storage()->raw_data();
      if (GradMode::enabled()) return gradients_by_parts(c, g, x);
      const TensorList all = call_all<"_batch_norm_backward">(g, x, c.tensor("weight"), c.result(1),
                                                              c.result(2), c.get<bool>("training"));
      c.set("input", all[0]);
      c.set("weight", all[1]);
      c.set("bias", all[2]);
    });

OP("_batch_norm_backward(Tensor grad, Tensor input, Tensor? weight, Tensor mean, Tensor invstd, bool training) -> (Tensor, Tensor, Tensor)")
    .hidden()
    .no_grad()
    .leaves_open()
    .infer([](const Tensor&, const Tensor& input, const Tensor&, const Tensor& mean, const Tensor&,
              bool) {
      const TensorSpec stat{mean.sizes(), mean.dtype(), std::nullopt};
      return std::tuple(like(input, input.dtype()), stat, stat);
    })
    .cpu(backward);

OP("batch_norm(Tensor input, Tensor? weight, Tensor? bias, Tensor? running_mean, Tensor? running_var, bool training, float momentum, float eps, bool cudnn_enabled) -> Tensor")
    .function_only()
    .no_out()
    .composite([](const Tensor& input, const Tensor& weight, const Tensor& bias,
                  const Tensor& running_mean, const Tensor& running_var, bool training,
                  double momentum, double eps, bool) {
      if (input.ndim() < 2 && input.numel() == 0) return call<"clone">(input);
      return call<"_batch_norm">(input, weight, bias, running_mean, running_var, training, momentum,
                                 eps);
    });

OP("native_batch_norm(Tensor input, Tensor? weight, Tensor? bias, Tensor? running_mean, Tensor? running_var, bool training, float momentum, float eps) -> (Tensor, Tensor, Tensor)")
    .function_only()
    .composite([](const Tensor& input, const Tensor& weight, const Tensor& bias,
                  const Tensor& running_mean, const Tensor& running_var, bool training,
                  double momentum, double eps) {
      TensorList r = call_all<"_batch_norm">(input, weight, bias, running_mean, running_var,
                                             training, momentum, eps);
      // Evaluation saves no statistics.
      if (!training)
        for (int i : {1, 2}) r[i] = empty(Dims({0}), r[i].dtype(), input.device());
      return std::tuple(r[0], r[1], r[2]);
    });

}  // namespace
}  // namespace rl
