// Max, average and adaptive pooling.
#include "core/device.h"
#include "cpu/parallel.h"
#include "cpu/pooling.h"
#include "dispatch/call.h"
#include "ops/channels_last.h"

namespace rl {
namespace {

using onednn::Order;

constexpr int64_t kKeepGil = 1 << 16;  // elements below which the GIL is kept

// ------------------------------------------------------------------------------- shape rules

Dims widen(const Dims& given, int nd, const char* op, const char* name) {
  const char* words[] = {"", "one int", "two ints", "three ints"};
  if (given.ndim() == 1) return Dims(size_t(nd), given[0]);
  RL_CHECK(given.ndim() == nd, op, ": ", name, " must either be a single int, or a tuple of ",
           words[nd]);
  return given;
}

int64_t pooled_size(int64_t in, int64_t kernel, int64_t stride, int64_t pad, int64_t dilation,
                    bool ceil_mode) {
  const int64_t room = in + 2 * pad - dilation * (kernel - 1) - 1;
  const auto floor_div = [](int64_t a, int64_t b) { return a / b - (a % b != 0 && a < 0); };
  int64_t out = floor_div(room + (ceil_mode ? stride - 1 : 0), stride) + 1;
  // The last window must begin inside the image or its left padding.
  if (ceil_mode && (out - 1) * stride >= in + pad) --out;
  return out;
}

std::string joined(const int64_t* sizes, int n) {
  std::string out;
  for (int i = 0; i < n; ++i) out += concat(i ? "x" : "", sizes[i]);
  return out;
}

void check_rank(const Tensor& self, int nd, bool max) {
  bool ok = self.ndim() == nd + 1 || self.ndim() == nd + 2;
  const bool too_many = self.ndim() > nd + 2;
  for (int i = self.ndim() - nd - 1; ok && i < self.ndim(); ++i) ok = self.sizes()[i] != 0;
  if (ok) return;
  if (nd == 3 || self.ndim() < nd + 1 || (max && too_many))
    fail(ErrorKind::Runtime, "non-empty ", nd + 1, "D or ", nd + 2,
         "D (batch mode) tensor expected for input");
  fail(ErrorKind::Runtime, "Expected ", nd + 1, "D or ", nd + 2,
       "D (batch mode) tensor with optional 0 dim batch size for input, but got:", self.sizes());
}

// Sizes of a pooling problem without its output; `self` is (N, C, ...) or (C, ...).
PoolProblem base_problem(const Tensor& self, int nd) {
  PoolProblem p;
  const int lead = self.ndim() - nd;
  p.n = lead == 2 ? self.sizes()[0] : 1;
  p.c = self.sizes()[lead - 1];
  for (int i = 0; i < nd; ++i) p.in[3 - nd + i] = self.sizes()[lead + i];
  return p;
}

PoolProblem make_problem(const char* op, const Tensor& self, int nd, const Dims& kernel_size,
                         const Dims& stride, const Dims& padding, const Dims& dilation,
                         bool ceil_mode) {
  const Dims k = widen(kernel_size, nd, op, "kernel_size"), d = widen(dilation, nd, op, "dilation"),
             pad = widen(padding, nd, op, "padding"),
             s = stride.empty() ? k : widen(stride, nd, op, "stride");
  for (const Dims* given : {&k, &d, &pad, &s})
    for (int64_t v : *given)
      RL_CHECK(v == int64_t(int32_t(v)), "value cannot be converted to type int without overflow");
  for (int i = 0; i < nd; ++i) RL_CHECK(s[i] != 0, "stride should not be zero");
  const char* where[] = {"T", "H", "W"};
  for (int i = 0; i < nd; ++i) {
    RL_CHECK(k[i] > 0, "kernel size should be greater than zero, but got ", k);
    RL_CHECK(s[i] > 0, "stride should be greater than zero, but got ", s);
    if (d[i] <= 0) {
      std::string text;
      for (int j = 0; j < nd; ++j) text += concat(" dilation", where[j + 3 - nd], ": ", d[j]);
      fail(ErrorKind::Runtime, "dilation should be greater than zero, but got", text);
    }
  }
  check_rank(self, nd, std::string_view(op).starts_with("max"));
  for (int i = 0; i < nd; ++i) {
    RL_CHECK(pad[i] >= 0, "pad must be non-negative, but got pad: ", pad[i]);
    RL_CHECK(pad[i] <= ((k[i] - 1) * d[i] + 1) / 2,
             "pad should be at most half of effective kernel size, but got pad=", pad[i],
             ", kernel_size=", k[i], " and dilation=", d[i]);
  }
  PoolProblem p = base_problem(self, nd);
  bool fits = true;
  for (int i = 0; i < nd; ++i) {
    const int j = 3 - nd + i;
    p.kernel[j] = k[i];
    p.stride[j] = s[i];
    p.pad[j] = pad[i];
    p.dilation[j] = d[i];
    p.out[j] = pooled_size(p.in[j], k[i], s[i], pad[i], d[i], ceil_mode);
    fits &= p.out[j] >= 1;
  }
  RL_CHECK(fits, "Given input size: (", p.c, "x", joined(p.in + 3 - nd, nd),
           "). Calculated output size: (", p.c, "x", joined(p.out + 3 - nd, nd),
           "). Output size is too small");
  return p;
}

TensorSpec output_spec(const Tensor& self, const PoolProblem& p, int nd, DType dtype) {
  Dims sizes(self.sizes().data(), size_t(self.ndim() - nd));
  for (int i = 0; i < nd; ++i) sizes.push_back(p.out[3 - nd + i]);
  TensorSpec spec{sizes, dtype, std::nullopt};
  if (strided_last(self) && self.ndim() == nd + 2) spec.strides = channels_last_strides(sizes);
  return spec;
}

// ------------------------------------------------------------------------------------ layouts

// Pooling runs in the order its input lies in; anything else becomes plain.
Order order_of(const Tensor& t, int nd) {
  return t.ndim() == nd + 2 && nd > 1 && lies_channels_last(t) ? Order::channels_last
                                                               : Order::plain;
}

// Half types compute in float32.
Tensor widened(const Tensor& t) { return is_half(t.dtype()) ? to_dtype(t, DType::Float32) : t; }

using IntAndFloat = TypeList<uint8_t, int8_t, int16_t, int32_t, int64_t, float, double>;
using LongAndFloat = TypeList<int64_t, float, double>;

void check_dtype(DType d, const char* op, bool ints, bool only_long = false) {
  const bool ok =
      is_floating(d) || (ints && is_integral(d, false) && (!only_long || d == DType::Int64));
  RL_CHECK_KIND(NotImplemented, ok, "\"", op, "\" not implemented for '", dtype_word(d), "'");
}

// ---------------------------------------------------------------------------------------- max

template <class F>
void run_max(const Tensor& self, PoolProblem p, int nd, const Tensor& out, const Tensor& indices,
             F f) {
  const Tensor wide = widened(self);
  p.order = out.is_contiguous() && !bytes_channels_last(wide) ? Order::plain : order_of(wide, nd);
  const Activation x(wide, p.order);
  const Result y(out, wide.dtype(), p.order), at(indices, DType::Int64, p.order);
  dispatch(wide.dtype(), "max_pool", IntAndFloat(), [&]<class T>() {
    T* to = static_cast<T*>(output_data(y.work, p.order));
    auto* places = static_cast<int64_t*>(output_data(at.work, p.order));
    const GilRelease release(self.numel() > kKeepGil);
    f.template operator()<T>(p, static_cast<const T*>(x.data), to, places);
  });
  y.finish();
  at.finish();
}

void run_max_backward(const Tensor& grad, const Tensor& indices, int nd, const Tensor& out) {
  PoolProblem p = base_problem(out, nd);
  for (int i = 0; i < nd; ++i) p.out[3 - nd + i] = grad.sizes()[grad.ndim() - nd + i];
  const Tensor wide = widened(grad);
  p.order = order_of(indices, nd);
  if (p.order == Order::channels_last && bytes_channels_last(indices) != out.is_contiguous())
    p.order = Order::plain;
  const Activation g(wide, p.order), at(indices, p.order);
  const Result dx(out, wide.dtype(), p.order);
  dispatch(wide.dtype(), "max_pool_backward", IntAndFloat(), [&]<class T>() {
    T* to = static_cast<T*>(output_data(dx.work, p.order));
    const GilRelease release(out.numel() > kKeepGil);
    max_pool_backward<T>(p, static_cast<const T*>(g.data), static_cast<const int64_t*>(at.data),
                         to);
  });
  dx.finish();
}

// Picks from `t` (gradients' gradients, in the shape of the input) what the indices point at.
Tensor pick(const Tensor& t, const Tensor& indices, int nd) {
  Dims flat(t.sizes().data(), size_t(t.ndim() - nd)), flat_indices = flat;
  flat.push_back(-1);
  flat_indices.push_back(-1);
  const Tensor found = call<"gather">(call<"reshape">(t, flat), int64_t(t.ndim() - nd),
                                      call<"reshape">(indices, flat_indices));
  return call<"reshape">(found, indices.sizes());
}

struct MaxKernel {
  template <class T>
  void operator()(const PoolProblem& p, const T* src, T* dst, int64_t* at) const {
    max_pool<T>(p, src, dst, at);
  }
};
struct AdaptiveMaxKernel {
  template <class T>
  void operator()(const PoolProblem& p, const T* src, T* dst, int64_t* at) const {
    adaptive_max_pool<T>(p, src, dst, at);
  }
};

constexpr const char* kMaxNames[] = {"", "max_pool1d", "max_pool2d", "max_pool3d"};

template <int ND>
std::tuple<TensorSpec, TensorSpec> max_infer(const Tensor& self, const Dims& kernel,
                                             const Dims& stride, const Dims& padding,
                                             const Dims& dilation, bool ceil_mode) {
  const PoolProblem p =
      make_problem(kMaxNames[ND], self, ND, kernel, stride, padding, dilation, ceil_mode);
  check_dtype(self.dtype(), kMaxNames[ND], true);
  return {output_spec(self, p, ND, self.dtype()), output_spec(self, p, ND, DType::Int64)};
}

template <int ND>
void max_cpu(const Tensor& self, const Dims& kernel, const Dims& stride, const Dims& padding,
             const Dims& dilation, bool ceil_mode, const Tensor& out, const Tensor& indices) {
  const PoolProblem p =
      make_problem(kMaxNames[ND], self, ND, kernel, stride, padding, dilation, ceil_mode);
  run_max(self, p, ND, out, indices, MaxKernel());
}

// One node for every rank: the input's geometry is all it needs besides the indices.
template <int ND>
Tensor max_gradient(GradContext& c) {
  return call<"_max_pool_backward">(c.grad(), c.result(1), c.sizes("self"), int64_t(ND));
}

OP("_max_pool_backward(Tensor grad, Tensor indices, int[] input_sizes, int nd) -> Tensor")
    .hidden()
    .infer([](const Tensor& grad, const Tensor& indices, const Dims& sizes, int64_t) {
      TensorSpec spec{sizes, grad.dtype(), std::nullopt};
      if (strided_last(indices)) spec.strides = channels_last_strides(sizes);
      return spec;
    })
    .cpu([](const Tensor& grad, const Tensor& indices, const Dims&, int64_t nd, const Tensor& out) {
      run_max_backward(grad, indices, int(nd), out);
    })
    .grad("grad", "indices", [](GradContext& c) {
      return pick(c.grad(), c.tensor("indices"), int(c.get<int64_t>("nd")));
    });

OP("max_pool2d_with_indices(Tensor self, int[2] kernel_size, int[2] stride=[], int[2] padding=0, int[2] dilation=1, bool ceil_mode=False) -> (Tensor, Tensor)")
    .node_name("MaxPool2DWithIndicesBackward0")
    .function_only()
    .infer(max_infer<2>)
    .cpu(max_cpu<2>)
    .grad("self", "result1", max_gradient<2>);
OP("max_pool3d_with_indices(Tensor self, int[3] kernel_size, int[3] stride=[], int[3] padding=0, int[3] dilation=1, bool ceil_mode=False) -> (Tensor, Tensor)")
    .node_name("MaxPool3DWithIndicesBackward0")
    .function_only()
    .infer(max_infer<3>)
    .cpu(max_cpu<3>)
    .grad("self", "result1", max_gradient<3>);

// One dimension is two with a height of 1.
Tensor flat(const Tensor& t) { return call<"unsqueeze">(t, int64_t(-2)); }
Tensor unflat(const Tensor& t) { return call<"squeeze.dim">(t, int64_t(-2)); }
Dims flat_size(const Dims& v, int64_t other) {
  if (v.empty()) return v;
  RL_CHECK(v.ndim() == 1, "max_pool1d() expects one value per argument, but got ", v);
  return Dims({other, v[0]});
}

std::tuple<Tensor, Tensor> max_pool1d_with_indices(const Tensor& self, const Dims& kernel,
                                                   const Dims& stride, const Dims& padding,
                                                   const Dims& dilation, bool ceil_mode) {
  const TensorList both =
      call_all<"max_pool2d_with_indices">(flat(self), flat_size(kernel, 1), flat_size(stride, 1),
                                          flat_size(padding, 0), flat_size(dilation, 1), ceil_mode);
  return {unflat(both[0]), unflat(both[1])};
}

Tensor max_pool1d(const Tensor& self, const Dims& kernel, const Dims& stride, const Dims& padding,
                  const Dims& dilation, bool ceil_mode) {
  RL_CHECK(
      (self.ndim() == 2 || self.ndim() == 3) && self.size(-1) * self.size(-2) != 0,
      "max_pool1d: Expected 2D or 3D (batch mode) tensor with optional 0 dim batch size for input, but got:",
      self.sizes());
  check_dtype(self.dtype(), "max_pool1d_impl", false);
  if (kernel.ndim() == 1 && stride.ndim() <= 1 && padding.ndim() == 1 && dilation.ndim() == 1 &&
      dilation[0] > 0) {
    const int64_t step = stride.empty() ? kernel[0] : stride[0];
    RL_CHECK(kernel[0] > 0, "max_pool1d() kernel_size must be greater than zero, but got ",
             kernel[0]);
    RL_CHECK(step > 0, "max_pool1d() stride must be greater than zero, but got ", step);
    const int64_t size =
        pooled_size(self.size(-1), kernel[0], step, padding[0], dilation[0], ceil_mode);
    RL_CHECK(size > 0, "max_pool1d() Invalid computed output size: ", size);
  }
  return std::get<0>(max_pool1d_with_indices(self, kernel, stride, padding, dilation, ceil_mode));
}

OP("max_pool1d_with_indices(Tensor self, int[1] kernel_size, int[1] stride=[], int[1] padding=0, int[1] dilation=1, bool ceil_mode=False) -> (Tensor, Tensor)")
    .function_only()
    .no_out()
    .composite(max_pool1d_with_indices);
OP("max_pool1d(Tensor self, int[1] kernel_size, int[1] stride=[], int[1] padding=0, int[1] dilation=1, bool ceil_mode=False) -> Tensor")
    .function_only()
    .no_out()
    .composite(max_pool1d);
OP("max_pool2d(Tensor self, int[2] kernel_size, int[2] stride=[], int[2] padding=0, int[2] dilation=1, bool ceil_mode=False) -> Tensor")
    .function_only()
    .no_out()
    .composite([](const Tensor& self, const Dims& kernel, const Dims& stride, const Dims& padding,
                  const Dims& dilation, bool ceil_mode) {
      return call<"max_pool2d_with_indices">(self, kernel, stride, padding, dilation, ceil_mode);
    });
OP("max_pool3d(Tensor self, int[3] kernel_size, int[3] stride=[], int[3] padding=0, int[3] dilation=1, bool ceil_mode=False) -> Tensor")
    .function_only()
    .no_out()
    .composite([](const Tensor& self, const Dims& kernel, const Dims& stride, const Dims& padding,
                  const Dims& dilation, bool ceil_mode) {
      return call<"max_pool3d_with_indices">(self, kernel, stride, padding, dilation, ceil_mode);
    });

// ------------------------------------------------------------------------------------ average

constexpr const char* kAvgNames[] = {"", "avg_pool1d", "avg_pool2d", "avg_pool3d"};

PoolProblem avg_problem(const Tensor& self, int nd, const Dims& kernel, const Dims& stride,
                        const Dims& padding, bool ceil_mode, std::optional<int64_t> divisor) {
  RL_CHECK(!divisor || *divisor != 0, "divisor must be not zero");
  return make_problem(kAvgNames[nd], self, nd, kernel, stride, padding, Dims({1}), ceil_mode);
}

// Runs a kernel that reads one activation and writes another, in the order the first lies in.
template <class Types, class F>
void run_unary(const Tensor& from, PoolProblem p, int nd, const Tensor& out, const char* name,
               F f) {
  const Tensor wide = widened(from);
  p.order = order_of(wide, nd);
  // Strides of the result were chosen with those of the input; a mismatch falls back to plain.
  if (p.order == Order::channels_last && strided_last(wide) == out.is_contiguous())
    p.order = Order::plain;
  const Activation x(wide, p.order);
  const Result y(out, wide.dtype(), p.order);
  dispatch(wide.dtype(), name, Types(), [&]<class T>() {
    T* to = static_cast<T*>(output_data(y.work, p.order));
    const GilRelease release(from.numel() > kKeepGil);
    f.template operator()<T>(p, static_cast<const T*>(x.data), to);
  });
  y.finish();
}

template <int ND>
TensorSpec avg_infer(const Tensor& self, const Dims& kernel, const Dims& stride,
                     const Dims& padding, bool ceil_mode, bool, std::optional<int64_t> divisor) {
  const PoolProblem p = avg_problem(self, ND, kernel, stride, padding, ceil_mode, divisor);
  check_dtype(self.dtype(), kAvgNames[ND], true, true);
  return output_spec(self, p, ND, self.dtype());
}

template <int ND>
void avg_cpu(const Tensor& self, const Dims& kernel, const Dims& stride, const Dims& padding,
             bool ceil_mode, bool include_pad, std::optional<int64_t> divisor, const Tensor& out) {
  const PoolProblem problem = avg_problem(self, ND, kernel, stride, padding, ceil_mode, divisor);
  run_unary<LongAndFloat>(self, problem, ND, out, kAvgNames[ND],
                          [&]<class T>(const PoolProblem& p, const T* src, T* dst) {
                            avg_pool<T>(p, include_pad, divisor.value_or(0), src, dst);
                          });
}

template <int ND>
Tensor avg_gradient(GradContext& c) {
  return call<"_avg_pool_backward">(c.grad(), c.sizes("self"),
                                    widen(c.get<Dims>("kernel_size"), ND, "", ""),
                                    c.value("stride"), c.value("padding"), c.value("ceil_mode"),
                                    c.value("count_include_pad"), c.value("divisor_override"));
}

OP("_avg_pool_backward(Tensor grad, int[] input_sizes, int[] kernel_size, int[] stride, int[] padding, bool ceil_mode, bool count_include_pad, int? divisor_override) -> Tensor")
    .hidden()
    .infer([](const Tensor& grad, const Dims& sizes, const Dims&, const Dims&, const Dims&, bool,
              bool, std::optional<int64_t>) {
      TensorSpec spec{sizes, grad.dtype(), std::nullopt};
      if (strided_last(grad)) spec.strides = channels_last_strides(sizes);
      return spec;
    })
    .cpu([](const Tensor& grad, const Dims&, const Dims& kernel, const Dims& stride,
            const Dims& padding, bool ceil_mode, bool include_pad, std::optional<int64_t> divisor,
            const Tensor& out) {
      const int nd = kernel.ndim();
      const PoolProblem problem = avg_problem(out, nd, kernel, stride, padding, ceil_mode, divisor);
      run_unary<LongAndFloat>(grad, problem, nd, out, "avg_pool_backward",
                              [&]<class T>(const PoolProblem& p, const T* g, T* dx) {
                                avg_pool_backward<T>(p, include_pad, divisor.value_or(0), g, dx);
                              });
    })
    .grad("grad", "", [](GradContext& c) {
      const Dims& kernel = c.get<Dims>("kernel_size");
      const auto run = [&](auto name) {
        return name(c.grad(), kernel, c.value("stride"), c.value("padding"), c.value("ceil_mode"),
                    c.value("count_include_pad"), c.value("divisor_override"));
      };
      return kernel.ndim() == 2 ? run([](auto&&... a) { return call<"avg_pool2d">(a...); })
                                : run([](auto&&... a) { return call<"avg_pool3d">(a...); });
    });

OP("avg_pool2d(Tensor self, int[2] kernel_size, int[2] stride=[], int[2] padding=0, bool ceil_mode=False, bool count_include_pad=True, int? divisor_override=None) -> Tensor")
    .node_name("AvgPool2DBackward0")
    .function_only()
    .infer(avg_infer<2>)
    .cpu(avg_cpu<2>)
    .grad("self", "", avg_gradient<2>);
OP("avg_pool3d(Tensor self, int[3] kernel_size, int[3] stride=[], int[3] padding=0, bool ceil_mode=False, bool count_include_pad=True, int? divisor_override=None) -> Tensor")
    .node_name("AvgPool3DBackward0")
    .function_only()
    .infer(avg_infer<3>)
    .cpu(avg_cpu<3>)
    .grad("self", "", avg_gradient<3>);
OP("avg_pool1d(Tensor self, int[1] kernel_size, int[1] stride=[], int[1] padding=0, bool ceil_mode=False, bool count_include_pad=True) -> Tensor")
    .function_only()
    .no_out()
    .composite([](const Tensor& self, const Dims& kernel, const Dims& stride, const Dims& padding,
                  bool ceil_mode, bool include_pad) {
      RL_CHECK(
          self.ndim() == 2 || self.ndim() == 3, "Expected 2 to 3 dimensions, but got ", self.ndim(),
          "-dimensional tensor for argument #1 'self' (while checking arguments for avg_pool1d)");
      return unflat(call<"avg_pool2d">(flat(self), flat_size(kernel, 1), flat_size(stride, 1),
                                       flat_size(padding, 0), ceil_mode, include_pad));
    });

// ----------------------------------------------------------------------------------- adaptive

PoolProblem adaptive_problem(const char* op, const char* colon, const Tensor& self, int nd,
                             const Dims& output_size) {
  const Dims size = widen(output_size, nd, op, "output_size");
  RL_CHECK(self.ndim() == nd + 1 || self.ndim() == nd + 2, op, "(): Expected ", nd + 1, "D or ",
           nd + 2, "D tensor, but got", colon, " ", self.sizes());
  PoolProblem p = base_problem(self, nd);
  for (int i = 0; i < nd; ++i) {
    const int d = self.ndim() - nd + i;
    RL_CHECK(
        self.sizes()[d] > 0, op,
        "(): Expected input to have non-zero size for non-batch dimensions, but input has sizes ",
        self.sizes(), " with dimension ", d, " being empty");
    RL_CHECK(size[i] >= 0, op,
             ": elements of output_size must be greater than or equal to 0 but received {", size[0],
             nd > 1 ? concat(", ", size[1]) : "", nd > 2 ? concat(", ", size[2]) : "", "}");
    p.out[3 - nd + i] = size[i];
  }
  return p;
}

constexpr const char* kAdaptiveNames[] = {"", "", "adaptive_avg_pool2d", "adaptive_avg_pool3d"};

template <int ND>
TensorSpec adaptive_avg_infer(const Tensor& self, const Dims& output_size) {
  const PoolProblem p = adaptive_problem(kAdaptiveNames[ND], "", self, ND, output_size);
  check_dtype(self.dtype(), kAdaptiveNames[ND], false);
  return output_spec(self, p, ND, self.dtype());
}

template <int ND>
void adaptive_avg_cpu(const Tensor& self, const Dims& output_size, const Tensor& out) {
  run_unary<FloatTypes>(self, adaptive_problem(kAdaptiveNames[ND], "", self, ND, output_size), ND,
                        out, kAdaptiveNames[ND],
                        []<class T>(const PoolProblem& p, const T* src, T* dst) {
                          adaptive_avg_pool<T>(p, src, dst);
                        });
}

OP("_adaptive_avg_pool_backward(Tensor grad, int[] input_sizes, int nd) -> Tensor")
    .hidden()
    .infer([](const Tensor& grad, const Dims& sizes, int64_t) {
      TensorSpec spec{sizes, grad.dtype(), std::nullopt};
      if (strided_last(grad)) spec.strides = channels_last_strides(sizes);
      return spec;
    })
    .cpu([](const Tensor& grad, const Dims&, int64_t nd, const Tensor& out) {
      PoolProblem problem = base_problem(out, int(nd));
      for (int i = 0; i < int(nd); ++i)
        problem.out[3 - nd + i] = grad.sizes()[grad.ndim() - nd + i];
      run_unary<FloatTypes>(grad, problem, int(nd), out, "adaptive_avg_pool_backward",
                            []<class T>(const PoolProblem& p, const T* g, T* dx) {
                              adaptive_avg_pool_backward<T>(p, g, dx);
                            });
    })
    .grad("grad", "", [](GradContext& c) {
      const int64_t nd = c.get<int64_t>("nd");
      const Dims& sizes = c.sizes("grad");
      const Dims spatial(sizes.data() + sizes.size() - nd, size_t(nd));
      return nd == 2 ? call<"_adaptive_avg_pool2d">(c.grad(), spatial)
                     : call<"_adaptive_avg_pool3d">(c.grad(), spatial);
    });

template <int ND>
Tensor adaptive_avg_gradient(GradContext& c) {
  return call<"_adaptive_avg_pool_backward">(c.grad(), c.sizes("self"), int64_t(ND));
}

OP("_adaptive_avg_pool2d(Tensor self, SymInt[2] output_size) -> Tensor")
    .node_name("AdaptiveAvgPool2DBackward0")
    .function_only()
    .infer(adaptive_avg_infer<2>)
    .cpu(adaptive_avg_cpu<2>)
    .grad("self", "", adaptive_avg_gradient<2>);
OP("_adaptive_avg_pool3d(Tensor self, SymInt[3] output_size) -> Tensor")
    .node_name("AdaptiveAvgPool3DBackward0")
    .function_only()
    .infer(adaptive_avg_infer<3>)
    .cpu(adaptive_avg_cpu<3>)
    .grad("self", "", adaptive_avg_gradient<3>);

OP("adaptive_avg_pool2d(Tensor self, SymInt[2] output_size) -> Tensor")
    .function_only()
    .no_out()
    .composite([](const Tensor& self, const Dims& output_size) {
      const PoolProblem p = adaptive_problem(kAdaptiveNames[2], "", self, 2, output_size);
      // Global pooling is a mean, and PyTorch's graph shows it as one.
      if (p.out[1] == 1 && p.out[2] == 1 && is_floating(self.dtype()) && !bytes_channels_last(self))
        return call<"mean.dim">(self, Dims({-1, -2}), true);
      return call<"_adaptive_avg_pool2d">(self, output_size);
    });
OP("adaptive_avg_pool3d(Tensor self, SymInt[3] output_size) -> Tensor")
    .function_only()
    .no_out()
    .composite([](const Tensor& self, const Dims& output_size) {
      const PoolProblem p = adaptive_problem(kAdaptiveNames[3], "", self, 3, output_size);
      if (p.out[0] == 1 && p.out[1] == 1 && p.out[2] == 1 && is_floating(self.dtype()) &&
          !bytes_channels_last(self))
        return call<"mean.dim">(self, Dims({-1, -2, -3}), true);
      return call<"_adaptive_avg_pool3d">(self, output_size);
    });

void check_adaptive1d(const Tensor& self, const Dims& output_size, const char* name) {
  RL_CHECK(output_size.size() == 1, name, "() argument 'output_size' should contain one int (got ",
           output_size.size(), ")");
  RL_CHECK(self.ndim() == 2 || self.ndim() == 3, name, "(): Expected 2D or 3D tensor, but got ",
           self.sizes());
}

OP("adaptive_avg_pool1d(Tensor self, int[1] output_size) -> Tensor")
    .function_only()
    .no_out()
    .composite([](const Tensor& self, const Dims& output_size) {
      check_adaptive1d(self, output_size, "adaptive_avg_pool1d");
      return unflat(call<"_adaptive_avg_pool2d">(flat(self), Dims({1, output_size.back()})));
    });

constexpr const char* kAdaptiveMaxNames[] = {"", "", "adaptive_max_pool2d", "adaptive_max_pool3d"};

template <int ND>
std::tuple<TensorSpec, TensorSpec> adaptive_max_infer(const Tensor& self, const Dims& output_size) {
  const PoolProblem p = adaptive_problem(kAdaptiveMaxNames[ND], ":", self, ND, output_size);
  check_dtype(self.dtype(), kAdaptiveMaxNames[ND], false);
  return {output_spec(self, p, ND, self.dtype()), output_spec(self, p, ND, DType::Int64)};
}

template <int ND>
void adaptive_max_cpu(const Tensor& self, const Dims& output_size, const Tensor& out,
                      const Tensor& indices) {
  run_max(self, adaptive_problem(kAdaptiveMaxNames[ND], ":", self, ND, output_size), ND, out,
          indices, AdaptiveMaxKernel());
}

OP("adaptive_max_pool2d(Tensor self, int[2] output_size) -> (Tensor, Tensor)")
    .node_name("AdaptiveMaxPool2DBackward0")
    .function_only()
    .infer(adaptive_max_infer<2>)
    .cpu(adaptive_max_cpu<2>)
    .grad("self", "result1", max_gradient<2>);
OP("adaptive_max_pool3d(Tensor self, int[3] output_size) -> (Tensor, Tensor)")
    .node_name("AdaptiveMaxPool3DBackward0")
    .function_only()
    .infer(adaptive_max_infer<3>)
    .cpu(adaptive_max_cpu<3>)
    .grad("self", "result1", max_gradient<3>);
OP("adaptive_max_pool1d(Tensor self, int[1] output_size) -> (Tensor, Tensor)")
    .function_only()
    .no_out()
    .composite([](const Tensor& self, const Dims& output_size) {
      check_adaptive1d(self, output_size, "adaptive_max_pool1d");
      const TensorList both =
          call_all<"adaptive_max_pool2d">(flat(self), Dims({1, output_size.back()}));
      return std::tuple(unflat(both[0]), unflat(both[1]));
    });

}  // namespace
}  // namespace rl
