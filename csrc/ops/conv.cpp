// Convolution and its gradients. Everything is made of two bilinear operators: `convolution`
// (either direction) and `_convolution_weight_gradient`; each one's gradients are made of the two
// again, so that derivatives of any order exist.
#include "cpu/conv.h"

#include "core/device.h"
#include "cpu/parallel.h"
#include "dispatch/call.h"
#include "ops/channels_last.h"
#include "ops/open_steps.h"
#include "ops/packed_weight.h"
#include "ops/type_names.h"

namespace rl {
namespace {

using onednn::Order;

struct ConvParams {
  Dims stride, padding, dilation, output_padding;
  bool transposed = false;
  int64_t groups = 1;

  int nd() const { return stride.ndim(); }
};

// ------------------------------------------------------------------------------- shape rules

Dims widen(const Dims& given, int nd, const char* name) {
  if (given.ndim() == 1) return Dims(size_t(nd), given[0]);
  RL_CHECK(given.ndim() == nd, "expected ", name, " to be a single integer value or a list of ", nd,
           " values to match the convolution dimensions, but got ", name, "=", given);
  return given;
}

ConvParams make_params(const Tensor& weight, const Dims& stride, const Dims& padding,
                       const Dims& dilation, bool transposed, const Dims& output_padding,
                       int64_t groups) {
  const int nd = weight.ndim() - 2;
  RL_CHECK(nd >= 1 && nd <= 3,
           "weight should have at least three dimensions, and at most five, but got ",
           weight.sizes());
  ConvParams p{widen(stride, nd, "stride"),
               widen(padding, nd, "padding"),
               widen(dilation, nd, "dilation"),
               widen(output_padding, nd, "output_padding"),
               transposed,
               groups};
  for (int i = 0; i < nd; ++i) {
    RL_CHECK(p.padding[i] >= 0, "negative padding is not supported");
    RL_CHECK(p.output_padding[i] >= 0, "negative output_padding is not supported");
    RL_CHECK(p.stride[i] > 0, "non-positive stride is not supported");
    RL_CHECK(p.dilation[i] > 0, "dilation should be greater than zero, but got ", p.dilation);
  }
  RL_CHECK(groups > 0, "non-positive groups is not supported");
  return p;
}

std::string times(const Dims& sizes) {
  std::string out = "(";
  for (size_t i = 0; i < sizes.size(); ++i) out += concat(i ? " x " : "", sizes[i]);
  return out + ")";
}

void check_dtypes(const Tensor& input, const Tensor& weight, const Tensor& bias, bool transposed) {
  const DType d = input.dtype();
  std::string text;
  if (bias.defined() && bias.dtype() != d && !(transposed && weight.dtype() != d)) {
    text = concat("Input type (", c_name(d), ") and bias type (", c_name(bias.dtype()),
                  ") should be the same");
  } else if (weight.dtype() != d) {
    text =
        concat("expected scalar type ", dtype_word(d), " but found ", dtype_word(weight.dtype()));
  } else {
    return;
  }
  const char* wanted = dtype_name(weight.dtype());
  throw Error(ErrorKind::Runtime, text,
              d == DType::UInt8 ? concat("the input is uint8, the weight ", wanted,
                                         ": pictures are scaled by x.to(torch.", wanted, ") / 255")
                                : concat("the input is ", dtype_name(d), ", the weight ", wanted,
                                         ": convert the input by x.to(torch.", wanted, ")"));
}

void check_channels(const Tensor& input, const Tensor& weight, const Tensor& bias,
                    const ConvParams& p) {
  const Dims &in = input.sizes(), &w = weight.sizes();
  RL_CHECK(in.ndim() == w.ndim(), "Expected ", w.ndim(), "-dimensional input for ", w.ndim(),
           "-dimensional weight ", w, ", but got ", in.ndim(), "-dimensional input of size ", in,
           " instead");
  RL_CHECK(w[0] >= p.groups, "Given groups=", p.groups, ", expected weight to be at least ",
           p.groups, " at dimension 0, but got weight of size ", w, " instead");
  RL_CHECK(w[0] % p.groups == 0, "Given groups=", p.groups, ", expected weight to be divisible by ",
           p.groups, " at dimension 0, but got weight of size [", w, "] instead");
  const int64_t wanted = p.transposed ? w[0] : w[1] * p.groups;
  const int64_t outputs = p.transposed ? w[1] * p.groups : w[0];
  RL_CHECK(in[1] == wanted, "Given ",
           p.transposed ? "transposed=" : "groups=", p.transposed ? 1 : p.groups,
           ", weight of size ", w, ", expected input", in, " to have ", wanted,
           " channels, but got ", in[1], " channels instead");
  RL_CHECK(!bias.defined() || (bias.ndim() == 1 && bias.sizes()[0] == outputs), "Given ",
           p.transposed ? "transposed=1, " : "", "weight of size ", w,
           ", expected bias to be 1-dimensional with ", outputs, " elements, but got bias of size ",
           bias.defined() ? bias.sizes() : Dims(), " instead");
  check_dtypes(input, weight, bias, p.transposed);
}

void check_output_padding(const ConvParams& p) {
  const char* names[] = {"_depth", "_height", "_width"};
  bool ok = true;
  for (int i = 0; i < p.nd(); ++i)
    ok &= p.output_padding[i] < p.stride[i] || p.output_padding[i] < p.dilation[i];
  if (ok) return;
  std::string text;
  const auto add = [&](const char* what, const Dims& values) {
    for (int i = 0; i < p.nd(); ++i)
      text += concat(" ", what, names[i + 3 - p.nd()], ": ", values[i]);
  };
  add("output_padding", p.output_padding);
  add("stride", p.stride);
  add("dilation", p.dilation);
  fail(ErrorKind::Runtime, "output padding must be smaller than either stride or dilation, but got",
       text);
}

Dims output_sizes(const Tensor& input, const Tensor& weight, const ConvParams& p) {
  const Dims &in = input.sizes(), &w = weight.sizes();
  Dims out({in[0], p.transposed ? w[1] * p.groups : w[0]}), padded, kernel, spatial;
  bool fits = true;
  for (int i = 0; i < p.nd(); ++i) {
    const int64_t reach = p.dilation[i] * (w[2 + i] - 1) + 1, size = in[2 + i];
    if (p.transposed) {
      out.push_back((size - 1) * p.stride[i] - 2 * p.padding[i] + reach + p.output_padding[i]);
      fits &= out.back() > 0;
    } else {
      padded.push_back(size + 2 * p.padding[i]);
      kernel.push_back(reach);
      fits &= padded.back() >= reach;
      out.push_back((padded.back() - reach) / p.stride[i] + 1);
    }
    spatial.push_back(size);
  }
  if (fits) return out;
  if (p.transposed)
    fail(ErrorKind::Runtime, "Given input size per channel: ", times(spatial),
         ". Calculated output size per channel: ", times(Dims(out.data() + 2, size_t(p.nd()))),
         ". Output size is too small");
  fail(ErrorKind::Runtime, "Calculated padded input size per channel: ", times(padded),
       ". Kernel size: ", times(kernel), ". Kernel size can't be greater than actual input size");
}

TensorSpec result_spec(const Dims& sizes, DType dtype, bool last) {
  TensorSpec spec{sizes, dtype, std::nullopt};
  if (last && (sizes.ndim() == 4 || sizes.ndim() == 5)) spec.strides = channels_last_strides(sizes);
  return spec;
}

// ------------------------------------------------------------------------------------ kernels

// The problem of the convolution that reads `in` and writes `out` (for a transposed one: the
// convolution whose input gradient it is).
ConvProblem make_problem(const Dims& in, const Dims& weight, const Dims& out, const ConvParams& p) {
  ConvProblem c;
  c.nd = p.nd();
  c.n = in[0];
  c.ic = in[1];
  c.oc = out[1];
  c.groups = p.groups;
  for (int i = 0; i < c.nd; ++i) {
    c.in[i] = in[2 + i];
    c.kernel[i] = weight[2 + i];
    c.stride[i] = p.stride[i];
    c.dilation[i] = p.dilation[i];
    c.pad_lo[i] = p.padding[i];
    // Exactly what makes the output size come out; less than pad_lo where a stride leaves a rest.
    c.pad_hi[i] = (out[2 + i] - 1) * p.stride[i] + p.dilation[i] * (weight[2 + i] - 1) + 1 -
                  in[2 + i] - p.padding[i];
  }
  return c;
}

bool can_order(const ConvProblem& c, const Tensor& out) {
  const bool known = out.dtype() == DType::Float32 || out.dtype() == DType::BFloat16;
  return known && c.nd >= 2 && c.n > 0 && out.numel() > 0 && c.ic > 0;
}

// The order in which to run: the strides of the result decide where the user chose them; else an
// input that already lies channels-last stays so, and large problems go there.
Order choose_order(const ConvProblem& c, const Tensor& input, const Tensor& out) {
  if (!can_order(c, out)) return Order::plain;
  if (!out.is_contiguous()) return Order::channels_last;
  if (strided_last(input)) return Order::plain;
  return preferred_order(c);
}

void set_order(ConvProblem& c, Order order) { c.src_order = c.dst_order = order; }

// The first layer's images stay as they are where a kernel takes them so.
void leave_images(ConvProblem& c, const Tensor& input) {
  ConvProblem mixed = c;
  mixed.src_order = Order::plain;
  if (c.src_order == Order::channels_last && input.is_contiguous() && !bytes_channels_last(input) &&
      input.dtype() == DType::Float32 && direct::handles_mixed(mixed))
    c = mixed;
}

using ConvTypes = TypeList<uint8_t, int8_t, int16_t, int32_t, int64_t, float, double>;

constexpr int64_t kKeepGil = 1 << 18;  // elements below which the GIL is kept

// Half types without a library kernel compute in float32.
Tensor in_float(const Tensor& t) { return t.defined() ? to_dtype(t, DType::Float32) : t; }

bool forward_half(const Tensor& input, const Tensor& weight, const Tensor& bias,
                  const ConvParams& p, const Tensor& out) {
  ConvProblem c = p.transposed ? make_problem(out.sizes(), weight.sizes(), input.sizes(), p)
                               : make_problem(input.sizes(), weight.sizes(), out.sizes(), p);
  c.type = out.dtype() == DType::BFloat16 ? onednn::Type::bf16 : onednn::Type::f16;
  if (p.transposed && bias.defined()) return false;
  const Order order = choose_order(c, input, out);
  if (order == Order::plain && !out.is_contiguous()) return false;
  set_order(c, order);
  const Activation x(input, order);
  const Tensor w = contiguous(weight), b = bias.defined() ? contiguous(bias) : bias;
  void* to = output_data(out, order);
  const void *wp = w.data(), *bp = b.defined() ? b.data() : nullptr;
  const GilRelease release(out.numel() > kKeepGil);
  const bool done = p.transposed ? half_conv_backward_data(c, wp, x.data, to)
                                 : half_conv_forward(c, x.data, wp, bp, to);
  if (!done) out.storage()->layout = {};
  return done;
}

void forward_kernel(const Tensor& input, const Tensor& weight, const Tensor& bias,
                    const ConvParams& p, const Tensor& out) {
  if (is_half(out.dtype())) {
    if (forward_half(input, weight, bias, p, out)) return;
    const Tensor wide = empty(out.sizes(), DType::Float32);
    forward_kernel(in_float(input), in_float(weight), in_float(bias), p, wide);
    call<"copy_">(out, wide);
    return;
  }
  ConvProblem c = p.transposed ? make_problem(out.sizes(), weight.sizes(), input.sizes(), p)
                               : make_problem(input.sizes(), weight.sizes(), out.sizes(), p);
  const Order order = choose_order(c, input, out);
  set_order(c, order);
  if (!p.transposed) leave_images(c, input);
  Activation x(input, c.src_order);
  const Tensor w = contiguous(weight), b = bias.defined() ? contiguous(bias) : bias;
  const Ref<PackedWeight> packed =
      p.transposed || !w.same(weight) ? Ref<PackedWeight>() : PackedWeight::of(w, c, b.defined());
  if (packed && order == Order::channels_last) {
    output_data(out, order);
    if (leave_conv_open(out, c, x, w, b, packed)) return;
  }
  Tensor plain_out = out;
  if (order == Order::plain && !out.is_contiguous()) plain_out = empty(out.sizes(), out.dtype());
  dispatch(out.dtype(), c.nd == 3 ? "slow_conv3d_cpu" : "slow_conv2d_cpu", ConvTypes(),
           [&]<class T>() {
             const T *wp = w.data<const T>(), *bp = b.defined() ? b.data<const T>() : nullptr;
             T* to = static_cast<T*>(output_data(plain_out, order));
             const GilRelease release(out.numel() > kKeepGil);
             if (p.transposed)
               conv_backward_data<T>(c, wp, static_cast<const T*>(x.data), to);
             else
               conv_forward<T>(c, static_cast<const T*>(x.data), wp, bp, to,
                               packed ? packed->data() : nullptr);
           });
  if (!plain_out.same(out)) call<"copy_">(out, plain_out);
  if (p.transposed && bias.defined()) {
    Dims shape(size_t(out.ndim()), 1);
    shape[1] = b.numel();
    call_<"add.Tensor">(out, call<"view">(b, shape));
  }
}

bool weight_half(const Tensor& input, const Tensor& grad, const ConvParams& p,
                 const Tensor& weight_grad, const Tensor& bias_grad) {
  ConvProblem c = make_problem(input.sizes(), weight_grad.sizes(), grad.sizes(), p);
  c.type = input.dtype() == DType::BFloat16 ? onednn::Type::bf16 : onednn::Type::f16;
  const Order order = can_order(c, grad) ? preferred_order(c) : Order::plain;
  set_order(c, order);
  const Activation x(input, order), g(grad, order);
  void *to = weight_grad.data(), *b = bias_grad.numel() ? bias_grad.data() : nullptr;
  const GilRelease release(input.numel() > kKeepGil);
  return half_conv_backward_weights(c, x.data, g.data, to, b);
}

void weight_kernel(const Tensor& input, const Tensor& grad, const ConvParams& p,
                   const Tensor& weight_grad, const Tensor& bias_grad) {
  if (is_half(input.dtype())) {
    if (weight_half(input, grad, p, weight_grad, bias_grad)) return;
    const Tensor wide = empty(weight_grad.sizes(), DType::Float32),
                 b = empty(bias_grad.sizes(), DType::Float32);
    weight_kernel(in_float(input), in_float(grad), p, wide, b);
    call<"copy_">(weight_grad, wide);
    call<"copy_">(bias_grad, b);
    return;
  }
  ConvProblem c = make_problem(input.sizes(), weight_grad.sizes(), grad.sizes(), p);
  Order order = can_order(c, grad) ? preferred_order(c) : Order::plain;
  if (order == Order::plain && can_order(c, grad) && strided_last(input) && onednn::available())
    order = Order::channels_last;
  set_order(c, order);
  leave_images(c, input);
  const Activation x(input, c.src_order), g(grad, order);
  dispatch(input.dtype(), "slow_conv2d_grad_weight", ConvTypes(), [&]<class T>() {
    T *to = weight_grad.data<T>(), *b = bias_grad.numel() ? bias_grad.data<T>() : nullptr;
    const GilRelease release(input.numel() > kKeepGil);
    conv_backward_weights<T>(c, static_cast<const T*>(x.data), static_cast<const T*>(g.data), to,
                             b);
  });
}

// Complex operands: each part is bilinear in the parts.
Tensor complex_convolution(const Tensor& input, const Tensor& weight, const Tensor& bias,
                           const ConvParams& p) {
  const auto conv = [&](const Tensor& x, const Tensor& w) {
    return call<"convolution">(x, w, Value(), p.stride, p.padding, p.dilation, p.transposed,
                               p.output_padding, p.groups);
  };
  const Tensor xr = call<"real">(input), xi = call<"imag">(input), wr = call<"real">(weight),
               wi = call<"imag">(weight);
  Tensor out = call<"complex">(conv(xr, wr) - conv(xi, wi), conv(xr, wi) + conv(xi, wr));
  if (!bias.defined()) return out;
  Dims shape(size_t(out.ndim()), 1);
  shape[1] = bias.numel();
  return out + call<"view">(bias, shape);
}

// ---------------------------------------------------------------------------------- operators

// Cuts what an output padding beyond the stride adds at the far edge.
Tensor cut(Tensor t, const Dims& sizes) {
  for (int i = 2; i < t.ndim(); ++i) {
    if (t.sizes()[i] > sizes[i]) t = call<"narrow">(t, int64_t(i), int64_t(0), sizes[i]);
  }
  return t;
}

// Gradients of the two arguments of a convolution for the gradient g of its result.
Tensor input_gradient(const Tensor& g, const Tensor& weight, const Dims& input_sizes,
                      const ConvParams& p) {
  Dims rest(size_t(p.nd()));
  for (int i = 0; i < p.nd() && !p.transposed; ++i)
    rest[i] = input_sizes[2 + i] - ((g.sizes()[2 + i] - 1) * p.stride[i] - 2 * p.padding[i] +
                                    p.dilation[i] * (weight.sizes()[2 + i] - 1) + 1);
  return cut(call<"convolution">(g, conj(weight), Value(), p.stride, p.padding, p.dilation,
                                 !p.transposed, rest, p.groups),
             input_sizes);
}

ConvParams params_of(GradContext& c, int nd) {
  return {widen(c.get<Dims>("stride"), nd, "stride"),
          widen(c.get<Dims>("padding"), nd, "padding"),
          widen(c.get<Dims>("dilation"), nd, "dilation"),
          Dims(size_t(nd)),
          false,
          c.get<int64_t>("groups")};
}

TensorList weight_gradient(const Tensor& input, const Tensor& g, const Dims& weight_sizes,
                           const ConvParams& p, bool want_bias) {
  // The weight of a transposed convolution meets the result where that of a plain one meets the
  // input.
  const Tensor &x = p.transposed ? g : input, &y = p.transposed ? input : g;
  return call_all<"_convolution_weight_gradient">(conj(x), y, weight_sizes, p.stride, p.padding,
                                                  p.dilation, p.groups, want_bias && !p.transposed);
}

Tensor bias_gradient(const Tensor& g) {
  Dims dims({0});
  for (int i = 2; i < g.ndim(); ++i) dims.push_back(i);
  return call<"sum.dim_IntList">(g, dims);
}

void convolution_gradients(GradContext& c) {
  const Tensor g = c.grad();
  ConvParams p = params_of(c, g.ndim() - 2);
  p.transposed = c.get<bool>("transposed");
  const bool bias = c.needs("bias");
  if (c.needs("input")) c.set("input", input_gradient(g, c.tensor("weight"), c.sizes("input"), p));
  if (c.needs("weight")) {
    const TensorList both = weight_gradient(c.tensor("input"), g, c.sizes("weight"), p, bias);
    c.set("weight", both[0]);
    if (bias && !p.transposed) c.set("bias", both[1]);
    if (bias && p.transposed) c.set("bias", bias_gradient(g));
  } else if (bias) {
    c.set("bias", bias_gradient(g));
  }
}

OP("convolution(Tensor input, Tensor weight, Tensor? bias, SymInt[] stride, SymInt[] padding, SymInt[] dilation, bool transposed, SymInt[] output_padding, SymInt groups) -> Tensor")
    .function_only()
    .leaves_open()
    .infer([](const Tensor& input, const Tensor& weight, const Tensor& bias, const Dims& stride,
              const Dims& padding, const Dims& dilation, bool transposed,
              const Dims& output_padding, int64_t groups) {
      const ConvParams p =
          make_params(weight, stride, padding, dilation, transposed, output_padding, groups);
      check_channels(input, weight, bias, p);
      if (transposed) check_output_padding(p);
      RL_CHECK_KIND(NotImplemented, input.dtype() != DType::Bool,
                    p.nd() == 3 ? "\"slow_conv3d_cpu\"" : "\"slow_conv2d_cpu\"",
                    " not implemented for 'Bool'");
      return result_spec(output_sizes(input, weight, p), input.dtype(),
                         strided_last(input) || strided_last(weight));
    })
    .cpu([](const Tensor& input, const Tensor& weight, const Tensor& bias, const Dims& stride,
            const Dims& padding, const Dims& dilation, bool transposed, const Dims& output_padding,
            int64_t groups, const Tensor& out) {
      const ConvParams p =
          make_params(weight, stride, padding, dilation, transposed, output_padding, groups);
      if (is_complex(out.dtype()))
        call<"copy_">(out, complex_convolution(input, weight, bias, p));
      else
        forward_kernel(input, weight, bias, p, out);
    })
    .grads("input weight bias", "input weight", convolution_gradients);

OP("_convolution_weight_gradient(Tensor input, Tensor grad, SymInt[] weight_size, SymInt[] stride, SymInt[] padding, SymInt[] dilation, SymInt groups, bool want_bias) -> (Tensor, Tensor)")
    .hidden()
    .infer([](const Tensor& input, const Tensor& grad, const Dims& weight_size, const Dims&,
              const Dims&, const Dims&, int64_t, bool want_bias) {
      return std::tuple(
          TensorSpec{weight_size, input.dtype(), std::nullopt},
          TensorSpec{Dims({want_bias ? grad.sizes()[1] : 0}), input.dtype(), std::nullopt});
    })
    .cpu([](const Tensor& input, const Tensor& grad, const Dims& weight_size, const Dims& stride,
            const Dims& padding, const Dims& dilation, int64_t groups, bool want_bias,
            const Tensor& weight_grad, const Tensor& bias_grad) {
      const ConvParams p{stride, padding, dilation, Dims(weight_size.size() - 2), false, groups};
      if (!is_complex(input.dtype())) return weight_kernel(input, grad, p, weight_grad, bias_grad);
      const auto part = [&](const Tensor& x, const Tensor& g) {
        return call_all<"_convolution_weight_gradient">(x, g, weight_size, stride, padding,
                                                        dilation, groups, false)[0];
      };
      const Tensor xr = call<"real">(input), xi = call<"imag">(input), gr = call<"real">(grad),
                   gi = call<"imag">(grad);
      call<"copy_">(weight_grad,
                    call<"complex">(part(xr, gr) - part(xi, gi), part(xr, gi) + part(xi, gr)));
      if (want_bias) call<"copy_">(bias_grad, bias_gradient(grad));
    })
    .grads("input grad", "input grad", [](GradContext& c) {
      const ConvParams p = params_of(c, c.sizes("input").ndim() - 2);
      const Tensor gw = c.grad(0);
      if (c.needs("input")) {
        const Tensor y = c.tensor("grad");
        c.set("input", input_gradient(y, gw, c.sizes("input"), p));
      }
      if (c.needs("grad")) {
        Tensor g = call<"convolution">(conj(c.tensor("input")), gw, Value(), p.stride, p.padding,
                                       p.dilation, false, Dims(size_t(p.nd())), p.groups);
        g = cut(g, c.sizes("grad"));
        if (c.has_grad(1) && c.get<bool>("want_bias")) {
          Dims shape(size_t(g.ndim()), 1);
          shape[1] = g.sizes()[1];
          g = g + call<"view">(c.grad(1), shape);
        }
        c.set("grad", g);
      }
    });

OP("convolution_backward(Tensor grad_output, Tensor input, Tensor weight, SymInt[]? bias_sizes, SymInt[] stride, SymInt[] padding, SymInt[] dilation, bool transposed, SymInt[] output_padding, SymInt groups, bool[3] output_mask) -> (Tensor, Tensor, Tensor)")
    .hidden()
    .composite([](const Tensor& grad, const Tensor& input, const Tensor& weight,
                  std::optional<Dims>, const Dims& stride, const Dims& padding,
                  const Dims& dilation, bool transposed, const Dims& output_padding, int64_t groups,
                  const Dims& mask) {
      const ConvParams p =
          make_params(weight, stride, padding, dilation, transposed, output_padding, groups);
      Tensor gi, gw, gb;
      if (mask[0]) gi = input_gradient(grad, weight, input.sizes(), p);
      if (mask[1]) gw = weight_gradient(input, grad, weight.sizes(), p, false)[0];
      if (mask[2]) gb = bias_gradient(grad);
      return std::tuple(gi, gw, gb);
    });

OP("_convolution(Tensor input, Tensor weight, Tensor? bias, SymInt[] stride, SymInt[] padding, SymInt[] dilation, bool transposed, SymInt[] output_padding, SymInt groups, bool benchmark, bool deterministic, bool cudnn_enabled, bool allow_tf32) -> Tensor")
    .function_only()
    .composite([](const Tensor& input, const Tensor& weight, const Tensor& bias, const Dims& stride,
                  const Dims& padding, const Dims& dilation, bool transposed,
                  const Dims& output_padding, int64_t groups, bool, bool, bool, bool) {
      return call<"convolution">(input, weight, bias, stride, padding, dilation, transposed,
                                 output_padding, groups);
    });

// A missing batch dimension is put in front and taken away again.
template <class F>
Tensor with_batch(const Tensor& input, int nd, const char* name, F f) {
  if (input.ndim() == nd + 2) return f(input);
  RL_CHECK(input.ndim() == nd + 1, "Expected ", nd + 1, "D (unbatched) or ", nd + 2,
           "D (batched) input to ", name, ", but got input of size: ", input.sizes());
  return call<"squeeze.dim">(f(call<"unsqueeze">(input, int64_t(0))), int64_t(0));
}

template <int ND>
Tensor conv(const Tensor& input, const Tensor& weight, const Tensor& bias, const Dims& stride,
            const Dims& padding, const Dims& dilation, int64_t groups) {
  const char* names[] = {"", "conv1d", "conv2d", "conv3d"};
  return with_batch(input, ND, names[ND], [&](const Tensor& x) {
    return call<"convolution">(x, weight, bias, stride, padding, dilation, false, Dims(1), groups);
  });
}

template <int ND>
Tensor conv_padded(const Tensor& input, const Tensor& weight, const Tensor& bias,
                   const Dims& stride, const std::string& padding, const Dims& dilation,
                   int64_t groups) {
  if (padding == "valid") return conv<ND>(input, weight, bias, stride, Dims(1), dilation, groups);
  RL_CHECK(padding == "same", "Invalid padding string: '", padding, "'");
  const Dims steps = widen(stride, ND, "stride"), gaps = widen(dilation, ND, "dilation");
  RL_CHECK(weight.ndim() == ND + 2, "Expected ", ND + 2, "-dimensional weight, but got ",
           weight.sizes());
  Dims both(ND), extra(size_t(2 * ND));
  bool uneven = false;
  for (int i = 0; i < ND; ++i) {
    RL_CHECK(steps[i] == 1, "padding='same' is not supported for strided convolutions");
    const int64_t total = gaps[i] * (weight.sizes()[2 + i] - 1);
    both[i] = total / 2;
    extra[2 * (ND - 1 - i) + 1] = total % 2;  // what is left over goes to the far side
    uneven |= total % 2 != 0;
  }
  const Tensor x = uneven ? call<"constant_pad_nd">(input, extra) : input;
  return conv<ND>(x, weight, bias, stride, both, dilation, groups);
}

template <int ND>
Tensor conv_transpose(const Tensor& input, const Tensor& weight, const Tensor& bias,
                      const Dims& stride, const Dims& padding, const Dims& output_padding,
                      int64_t groups, const Dims& dilation) {
  const char* names[] = {"", "conv_transpose1d", "conv_transpose2d", "conv_transpose3d"};
  return with_batch(input, ND, names[ND], [&](const Tensor& x) {
    return call<"convolution">(x, weight, bias, stride, padding, dilation, true, output_padding,
                               groups);
  });
}

OP("conv1d(Tensor input, Tensor weight, Tensor? bias=None, SymInt[1] stride=1, SymInt[1] padding=0, SymInt[1] dilation=1, SymInt groups=1) -> Tensor")
    .function_only()
    .no_out()
    .composite(conv<1>);
OP("conv1d.padding(Tensor input, Tensor weight, Tensor? bias=None, SymInt[1] stride=1, str padding=\"valid\", SymInt[1] dilation=1, SymInt groups=1) -> Tensor")
    .function_only()
    .no_out()
    .composite(conv_padded<1>);
OP("conv2d(Tensor input, Tensor weight, Tensor? bias=None, SymInt[2] stride=1, SymInt[2] padding=0, SymInt[2] dilation=1, SymInt groups=1) -> Tensor")
    .function_only()
    .no_out()
    .composite(conv<2>);
OP("conv2d.padding(Tensor input, Tensor weight, Tensor? bias=None, SymInt[2] stride=1, str padding=\"valid\", SymInt[2] dilation=1, SymInt groups=1) -> Tensor")
    .function_only()
    .no_out()
    .composite(conv_padded<2>);
OP("conv3d(Tensor input, Tensor weight, Tensor? bias=None, SymInt[3] stride=1, SymInt[3] padding=0, SymInt[3] dilation=1, SymInt groups=1) -> Tensor")
    .function_only()
    .no_out()
    .composite(conv<3>);
OP("conv3d.padding(Tensor input, Tensor weight, Tensor? bias=None, SymInt[3] stride=1, str padding=\"valid\", SymInt[3] dilation=1, SymInt groups=1) -> Tensor")
    .function_only()
    .no_out()
    .composite(conv_padded<3>);
OP("conv_transpose1d(Tensor input, Tensor weight, Tensor? bias=None, SymInt[1] stride=1, SymInt[1] padding=0, SymInt[1] output_padding=0, SymInt groups=1, SymInt[1] dilation=1) -> Tensor")
    .function_only()
    .no_out()
    .composite(conv_transpose<1>);
OP("conv_transpose2d.input(Tensor input, Tensor weight, Tensor? bias=None, SymInt[2] stride=1, SymInt[2] padding=0, SymInt[2] output_padding=0, SymInt groups=1, SymInt[2] dilation=1) -> Tensor")
    .function_only()
    .no_out()
    .composite(conv_transpose<2>);
OP("conv_transpose3d.input(Tensor input, Tensor weight, Tensor? bias=None, SymInt[3] stride=1, SymInt[3] padding=0, SymInt[3] output_padding=0, SymInt groups=1, SymInt[3] dilation=1) -> Tensor")
    .function_only()
    .no_out()
    .composite(conv_transpose<3>);

}  // namespace
}  // namespace rl
