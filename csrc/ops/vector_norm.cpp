// Layer and group normalisation. Compiled once per instruction level.
#include <cmath>

#include "cpu/convert.h"
#include "cpu/parallel.h"
#include "cpu/reduce_kernels.h"
#include "dispatch/call.h"

namespace rl {
inline namespace RL_ISA_NS {
namespace {

constexpr int kLanes = 16;

template <class T>
T sum_lanes(T* lanes) {
  for (int w = kLanes / 2; w > 0; w /= 2) {
    for (int k = 0; k < w; ++k) lanes[k] += lanes[k + w];
  }
  return lanes[0];
}

template <class T>
struct Total {
  using In = T;
  using Acc = T;
  static constexpr bool vector = true;
  T identity() const { return T(0); }
  template <class V>
  V step(V a, V x) const {
    return a + x;
  }
  template <class V>
  V merge(V a, V b) const {
    return a + b;
  }
};
template <class T>
struct Squares : Total<T> {
  T mean;
  explicit Squares(T m) : mean(m) {}
  template <class V>
  V step(V a, V x) const {
    return a + (x - mean) * (x - mean);
  }
};

// Mean and 1/sqrt(var + eps) of a row, in two passes: the variance is of the centred values.
template <class T>
void row_moments(const T* x, int64_t n, T eps, T* mean, T* rstd) {
  *mean = reduce_run(Total<T>(), x, n) / T(n);
  *rstd = T(1) / std::sqrt(reduce_run(Squares<T>(*mean), x, n) / T(n) + eps);
}

struct NormShape {
  int64_t rows, width;
  Dims stat_sizes;
};
NormShape norm_shape(const Tensor& input, const Dims& shape, const Tensor& weight,
                     const Tensor& bias) {
  int n = shape.ndim(), lead = input.ndim() - n;
  RL_CHECK(
      n >= 1,
      "Expected normalized_shape to be at least 1-dimensional, i.e., containing at least one element, but "
      "got normalized_shape = ",
      shape);
  RL_CHECK(!weight.defined() || weight.sizes() == shape,
           "Expected weight to be of same shape as normalized_shape, but got "
           "weight of shape ",
           weight.sizes(), " and normalized_shape = ", shape);
  RL_CHECK(!bias.defined() || bias.sizes() == shape,
           "Expected bias to be of same shape as normalized_shape, but got bias "
           "of shape ",
           bias.sizes(), " and normalized_shape = ", shape);
  bool ok = lead >= 0;
  for (int i = 0; i < n && ok; ++i) ok = input.sizes()[size_t(lead + i)] == shape[size_t(i)];
  if (!ok) {
    std::ostringstream want;
    for (int64_t s : shape) want << ", " << s;
    fail(ErrorKind::Runtime, "Given normalized_shape=", shape, ", expected input with shape [*",
         want.str(), "], but got input of size", input.sizes());
  }
  NormShape out{1, count(shape), input.sizes()};
  for (int i = 0; i < lead; ++i) out.rows *= input.sizes()[size_t(i)];
  for (int i = lead; i < input.ndim(); ++i) out.stat_sizes[size_t(i)] = 1;
  return out;
}

std::tuple<Tensor, Tensor, Tensor> layer_norm(const Tensor& input, const Dims& shape,
                                              const Tensor& weight, const Tensor& bias,
                                              double eps) {
  NormShape s = norm_shape(input, shape, weight, bias);
  DType stat = is_half(input.dtype()) ? DType::Float32 : input.dtype();
  Tensor mean = empty(s.stat_sizes, stat, input.device()),
         rstd = empty(s.stat_sizes, stat, input.device());
  if (input.is_meta()) return {empty(input.sizes(), input.dtype(), input.device()), mean, rstd};
  auto prepare = [&](const Tensor& t) { return t.defined() ? contiguous(to_dtype(t, stat)) : t; };
  // Rows of 16-bit numbers are widened one by one.
  const DType own = input.dtype();
  const bool half = is_half(own);
  Tensor x = contiguous(input), w = prepare(weight), b = prepare(bias),
         y = empty(input.sizes(), own);
  dispatch(stat, "LayerNormKernelImpl", FloatTypes(), [&]<class T>() {
    const char* px = static_cast<const char*>(x.data());
    char* py = static_cast<char*>(y.data());
    const T *pw = w.defined() ? w.data<T>() : nullptr, *pb = b.defined() ? b.data<T>() : nullptr;
    T *pm = mean.data<T>(), *pr = rstd.data<T>();
    const int64_t n = s.width, item = int64_t(input.item_size());
    parallel(n ? s.rows : 0, std::max<int64_t>(1, kGrain / std::max<int64_t>(n, 1)),
             [=](int64_t from, int64_t to) {
               for (int64_t r = from; r < to; ++r) {
                 const char* from_row = px + r * n * item;
                 char* to_row = py + r * n * item;
                 thread_local std::vector<T> wide;
                 if (half) {
                   wide.resize(std::max(wide.size(), size_t(n)));
                   convert(own, from_row, item, stat, wide.data(), sizeof(T), n);
                 }
                 const T* in = half ? wide.data() : reinterpret_cast<const T*>(from_row);
                 T* out = half ? wide.data() : reinterpret_cast<T*>(to_row);
                 row_moments(in, n, T(eps), pm + r, pr + r);
                 T scale = pr[r], shift = -pm[r] * pr[r];
                 if (pw && pb) {
                   for (int64_t i = 0; i < n; ++i) out[i] = (in[i] * scale + shift) * pw[i] + pb[i];
                 } else {
                   for (int64_t i = 0; i < n; ++i) {
                     out[i] = (in[i] * scale + shift) * (pw ? pw[i] : T(1)) + (pb ? pb[i] : T(0));
                   }
                 }
                 if (half) convert(stat, wide.data(), sizeof(T), own, to_row, item, n);
               }
             });
  });
  return {y, mean, rstd};
}

// Gradients of the input in one pass per row; those of weight and bias summed over fixed blocks of
// rows, so that they do not depend on the number of threads.
std::tuple<Tensor, Tensor, Tensor> layer_norm_backward(const Tensor& grad, const Tensor& input,
                                                       const Dims& shape, const Tensor& mean,
                                                       const Tensor& rstd, const Tensor& weight,
                                                       const Tensor& bias, const Dims& mask) {
  int64_t n = count(shape), rows = n ? input.numel() / n : 0;
  DType stat = mean.dtype();
  auto prepare = [&](const Tensor& t) { return t.defined() ? contiguous(to_dtype(t, stat)) : t; };
  Tensor g = prepare(grad), x = prepare(input), w = prepare(weight), m = prepare(mean),
         s = prepare(rstd);
  Tensor dx = mask[0] ? empty(input.sizes(), stat) : Tensor();
  Tensor dw, db;
  constexpr int64_t kRows = 64;
  int64_t blocks = (rows + kRows - 1) / kRows;
  Tensor partial;
  if (mask[1] || mask[2]) partial = call<"zeros">(Dims({std::max<int64_t>(blocks, 1), 2, n}), stat);
  dispatch(stat, "LayerNormBackwardKernelImpl", FloatTypes(), [&]<class T>() {
    const T *pg = g.data<T>(), *px = x.data<T>(), *pm = m.data<T>(), *ps = s.data<T>();
    const T* pw = w.defined() ? w.data<T>() : nullptr;
    T* pdx = dx.defined() ? dx.data<T>() : nullptr;
    T* pp = partial.defined() ? partial.data<T>() : nullptr;
    parallel(n ? blocks : 0, std::max<int64_t>(1, kGrain / (kRows * std::max<int64_t>(n, 1))),
             [=](int64_t from, int64_t to) {
               for (int64_t r = from * kRows; r < std::min(to * kRows, rows); ++r) {
                 const T *gr = pg + r * n, *xr = px + r * n;
                 T mu = pm[r], rs = ps[r];
                 if (pp) {
                   T* dwr = pp + r / kRows * 2 * n;
                   T* dbr = dwr + n;
                   for (int64_t i = 0; i < n; ++i) {
                     dwr[i] += gr[i] * (xr[i] - mu) * rs;
                     dbr[i] += gr[i];
                   }
                 }
                 if (!pdx) continue;
                 T a[kLanes] = {}, b[kLanes] = {};
                 int64_t i = 0;
                 auto term = [&](int64_t at, int k) {
                   T gw = pw ? gr[at] * pw[at] : gr[at];
                   a[k] += gw;
                   b[k] += gw * (xr[at] - mu);
                 };
                 for (; i + kLanes <= n; i += kLanes) {
                   for (int k = 0; k < kLanes; ++k) term(i + k, k);
                 }
                 for (; i < n; ++i) term(i, int(i % kLanes));
                 T c1 = sum_lanes(a) / T(n), c2 = sum_lanes(b) * rs * rs / T(n);
                 T* out = pdx + r * n;
                 if (pw) {
                   for (i = 0; i < n; ++i) out[i] = (gr[i] * pw[i] - c1 - (xr[i] - mu) * c2) * rs;
                 } else {
                   for (i = 0; i < n; ++i) out[i] = (gr[i] - c1 - (xr[i] - mu) * c2) * rs;
                 }
               }
             });
  });
  if (partial.defined()) {
    Tensor total = call<"sum.dim_IntList">(partial, Dims({0}));
    // Half sums would lose what float32 parameters can hold.
    const auto part = [&](int64_t which, const Tensor& like) {
      return to_dtype(call<"reshape">(call<"select.int">(total, int64_t(0), which), shape),
                      like.defined() ? like.dtype() : grad.dtype());
    };
    if (mask[1]) dw = part(0, weight);
    if (mask[2]) db = part(1, bias);
  }
  if (dx.defined()) dx = to_dtype(dx, input.dtype());
  return {dx, dw, db};
}

OP("native_layer_norm(Tensor input, SymInt[] normalized_shape, Tensor? weight, Tensor? bias, float eps) -> (Tensor, Tensor, Tensor)")
    .function_only()
    .direct(layer_norm)
    .grads("input weight bias", "input weight bias result1 result2", [](GradContext& c) {
      Dims mask({c.needs("input"), c.needs("weight"), c.needs("bias")});
      TensorList g = call_all<"native_layer_norm_backward">(
          c.grad(), c.tensor("input"), c.get<Dims>("normalized_shape"), c.result(1), c.result(2),
          c.tensor("weight"), c.tensor("bias"), mask);
      c.set("input", g[0]);
      c.set("weight", g[1]);
      c.set("bias", g[2]);
    });
OP("native_layer_norm_backward(Tensor grad_out, Tensor input, SymInt[] normalized_shape, Tensor mean, Tensor rstd, Tensor? weight, Tensor? bias, bool[3] output_mask) -> (Tensor, Tensor, Tensor)")
    .hidden()
    .direct(layer_norm_backward)
    .grads("grad_out input weight", "grad_out input mean rstd weight", [](GradContext& c) {
      const Dims& shape = c.get<Dims>("normalized_shape");
      Tensor weight = c.tensor("weight");
      Tensor g = c.tensor("grad_out"), x = c.tensor("input"), mean = c.tensor("mean");
      Dims dims;
      for (int i = x.ndim() - shape.ndim(); i < x.ndim(); ++i) dims.push_back(i);
      Dims lead;
      for (int i = 0; i < x.ndim() - shape.ndim(); ++i) lead.push_back(i);
      Tensor gw = weight.defined() ? g * weight : g, rs = c.tensor("rstd");
      Scalar n(double(count(shape)));
      Tensor h = (x - mean) * rs;
      auto avg = [&](const Tensor& t) { return call<"sum.dim_IntList">(t, dims, true) / n; };
      Tensor zero;
      // v0, v1, v2: what arrives for the gradients of input, weight and bias.
      Tensor v0 = c.has_grad(0) ? c.grad(0) : zero, v1 = c.has_grad(1) ? c.grad(1) : zero,
             v2 = c.has_grad(2) ? c.grad(2) : zero;
      Tensor ggo, gi, gwt;
      auto add = [](Tensor& to, const Tensor& t) { to = to.defined() ? to + t : t; };
      if (v0.defined()) {
        // dx = rs * (gw - avg(gw) - h avg(gw h))
        Tensor p = rs * (v0 - avg(v0) - h * avg(v0 * h));
        add(ggo, weight.defined() ? p * weight : p);
        if (weight.defined()) {
          Tensor t = p * g;
          add(gwt, lead.empty() ? t : call<"sum.dim_IntList">(t, lead));
        }
        Tensor a = avg(gw * h), b = avg(v0 * h), s = avg(v0 * gw) - avg(v0) * avg(gw);
        // Derivative through h and rs; both depend on x.
        Tensor dh = -(rs * (v0 * a + gw * b));
        Tensor scale = s - a * b;
        Tensor through_h = rs * (dh - avg(dh) - h * avg(dh * h));
        add(gi, through_h - rs * rs * h * (scale));
      }
      if (v1.defined()) {
        add(ggo, v1 * h);
        Tensor dh = g * v1;
        add(gi, rs * (dh - avg(dh) - h * avg(dh * h)));
      }
      if (v2.defined()) add(ggo, call<"expand">(v2, g.sizes()));
      c.set("grad_out", ggo);
      c.set("input", gi);
      if (weight.defined()) c.set("weight", gwt);
    });

OP("layer_norm(Tensor input, SymInt[] normalized_shape, Tensor? weight=None, Tensor? bias=None, float eps=1e-05, bool cudnn_enable=True) -> Tensor")
    .function_only()
    .composite([](const Tensor& input, const Dims& shape, const Tensor& weight, const Tensor& bias,
                  double eps,
                  bool) { return call<"native_layer_norm">(input, shape, weight, bias, eps); });

// ---- group norm: the moments of each sample's groups, a scale and a shift for each channel ----

struct GroupShape {
  int64_t batch, channels, spatial, groups;
  int64_t per_group() const { return channels / groups; }
};

void check_group_norm(const Tensor& input, const Tensor& weight, const Tensor& bias,
                      int64_t channels, int64_t groups) {
  RL_CHECK(groups > 0, "Expected num groups to be greater than 0, got ", groups);
  RL_CHECK(
      channels >= 0 && channels % groups == 0,
      "Expected number of channels in input to be divisible by num_groups, but got input of shape ",
      input.sizes(), " and num_groups=", groups);
  const auto check = [&](const Tensor& t, const char* name) {
    RL_CHECK(!t.defined() || (t.ndim() == 1 && t.numel() == channels), "Expected ", name,
             " to be a vector of size equal to the number of channels in input, but got ", name,
             " of shape ", t.sizes(), " and input of shape ", input.sizes());
  };
  check(weight, "weight");
  check(bias, "bias");
}

std::tuple<Tensor, Tensor, Tensor> group_norm(const Tensor& input, const Tensor& weight,
                                              const Tensor& bias, int64_t batch, int64_t channels,
                                              int64_t spatial, int64_t groups, double eps) {
  check_group_norm(input, weight, bias, channels, groups);
  int64_t count = 0;
  const bool fits = batch >= 0 && spatial >= 0 &&
                    !__builtin_mul_overflow(batch, channels, &count) &&
                    !__builtin_mul_overflow(count, spatial, &count);
  RL_CHECK(fits && input.numel() == count, "Expected X.numel() == N * C * HxW to be true, but got ",
           "an input of shape ", input.sizes(), ", N=", batch, ", C=", channels, ", HxW=", spatial);
  GroupShape s{batch, channels, spatial, groups};
  DType stat = is_half(input.dtype()) ? DType::Float32 : input.dtype();
  Tensor mean = empty({batch, groups}, stat, input.device()),
         rstd = empty({batch, groups}, stat, input.device());
  if (input.is_meta()) return {empty(input.sizes(), input.dtype(), input.device()), mean, rstd};
  auto prepare = [&](const Tensor& t) { return t.defined() ? contiguous(to_dtype(t, stat)) : t; };
  Tensor x = prepare(input), w = prepare(weight), b = prepare(bias), y = empty(input.sizes(), stat);
  dispatch(stat, "GroupNormKernelImpl", FloatTypes(), [&]<class T>() {
    const T* px = x.data<T>();
    const T *pw = w.defined() ? w.data<T>() : nullptr, *pb = b.defined() ? b.data<T>() : nullptr;
    T *py = y.data<T>(), *pm = mean.data<T>(), *pr = rstd.data<T>();
    const int64_t width = s.per_group() * s.spatial;
    parallel(width ? s.batch * s.groups : 0,
             std::max<int64_t>(1, kGrain / std::max<int64_t>(width, 1)),
             [=](int64_t from, int64_t to) {
               for (int64_t r = from; r < to; ++r) {
                 const T* in = px + r * width;
                 T* out = py + r * width;
                 row_moments(in, width, T(eps), pm + r, pr + r);
                 for (int64_t k = 0; k < s.per_group(); ++k, in += s.spatial, out += s.spatial) {
                   const int64_t c = r % s.groups * s.per_group() + k;
                   const T scale = pw ? pr[r] * pw[c] : pr[r];
                   const T shift = (pb ? pb[c] : T(0)) - pm[r] * scale;
                   for (int64_t i = 0; i < s.spatial; ++i) out[i] = in[i] * scale + shift;
                 }
               }
             });
  });
  return {to_dtype(y, input.dtype()), mean, rstd};
}

// Sums of g and of g * (x - mean) over a channel of a sample.
template <class T>
void channel_sums(const T* g, const T* x, T mean, int64_t n, T* sum, T* product) {
  T a[kLanes] = {}, b[kLanes] = {};
  int64_t i = 0;
  for (; i + kLanes <= n; i += kLanes) {
    for (int k = 0; k < kLanes; ++k) {
      a[k] += g[i + k];
      b[k] += g[i + k] * (x[i + k] - mean);
    }
  }
  for (; i < n; ++i) {
    a[i % kLanes] += g[i];
    b[i % kLanes] += g[i] * (x[i] - mean);
  }
  *sum = sum_lanes(a);
  *product = sum_lanes(b);
}

std::tuple<Tensor, Tensor, Tensor> group_norm_backward(const Tensor& grad, const Tensor& input,
                                                       const Tensor& mean, const Tensor& rstd,
                                                       const Tensor& weight, int64_t batch,
                                                       int64_t channels, int64_t spatial,
                                                       int64_t groups, const Dims& mask) {
  GroupShape s{batch, channels, spatial, groups};
  DType stat = mean.dtype();
  auto prepare = [&](const Tensor& t) { return t.defined() ? contiguous(to_dtype(t, stat)) : t; };
  Tensor g = prepare(grad), x = prepare(input), w = prepare(weight), m = prepare(mean),
         rs = prepare(rstd);
  Tensor dx = mask[0] ? empty(input.sizes(), stat) : Tensor();
  // (batch, channels): what each sample adds to the gradients of weight and bias.
  Tensor to_weight = empty({batch, channels}, stat), to_bias = empty({batch, channels}, stat);
  dispatch(stat, "GroupNormBackwardKernelImpl", FloatTypes(), [&]<class T>() {
    const T *pg = g.data<T>(), *px = x.data<T>(), *pm = m.data<T>(), *ps = rs.data<T>();
    const T* pw = w.defined() ? w.data<T>() : nullptr;
    T *pdx = dx.defined() ? dx.data<T>() : nullptr, *pdw = to_weight.data<T>(),
      *pdb = to_bias.data<T>();
    const int64_t d = s.per_group(), width = d * s.spatial;
    parallel(s.batch * s.groups, std::max<int64_t>(1, kGrain / std::max<int64_t>(width, 1)),
             [=](int64_t from, int64_t to) {
               for (int64_t r = from; r < to; ++r) {
                 const T mu = pm[r], scale = ps[r];
                 T sum = 0, product = 0;
                 for (int64_t k = 0; k < d; ++k) {
                   const int64_t at = r * d + k, c = r % s.groups * d + k;
                   T a, b;
                   channel_sums(pg + at * s.spatial, px + at * s.spatial, mu, s.spatial, &a, &b);
                   pdb[at] = a;
                   pdw[at] = b * scale;
                   sum += pw ? a * pw[c] : a;
                   product += pw ? b * pw[c] : b;
                 }
                 if (!pdx) continue;
                 const T flat = sum * scale / T(width);
                 const T slope = product * scale * scale * scale / T(width);
                 for (int64_t k = 0; k < d; ++k) {
                   const int64_t at = (r * d + k) * s.spatial, c = r % s.groups * d + k;
                   const T by = pw ? pw[c] * scale : scale;
                   for (int64_t i = at; i < at + s.spatial; ++i)
                     pdx[i] = pg[i] * by - (px[i] - mu) * slope - flat;
                 }
               }
             });
  });
  auto total = [&](const Tensor& t) {
    return to_dtype(call<"sum.dim_IntList">(t, Dims({0})), grad.dtype());
  };
  return {dx.defined() ? to_dtype(dx, input.dtype()) : dx, mask[1] ? total(to_weight) : Tensor(),
          mask[2] ? total(to_bias) : Tensor()};
}

// The gradients from operators that have gradients themselves.
void group_norm_gradients(GradContext& c) {
  Tensor g = c.grad(), x = c.tensor("input"), weight = c.tensor("weight");
  const int64_t batch = c.get<int64_t>("N"), channels = c.get<int64_t>("C"),
                groups = c.get<int64_t>("group");
  Dims sizes = x.sizes(), per_channel(sizes.size(), 1), others({0});
  per_channel[1] = channels;
  for (int i = 2; i < x.ndim(); ++i) others.push_back(i);
  Dims rows({batch, groups, -1});
  Tensor xs = call<"reshape">(x, rows);
  Dims width({xs.sizes()[2]});
  TensorList h = call_all<"native_layer_norm">(xs, width, Tensor(), Tensor(), c.get<double>("eps"));
  if (c.needs("input")) {
    Tensor gw = weight.defined() ? g * call<"view">(contiguous(weight), per_channel) : g;
    TensorList dx =
        call_all<"native_layer_norm_backward">(call<"reshape">(gw, rows), xs, width, detach(h[1]),
                                               detach(h[2]), Tensor(), Tensor(), Dims({1, 0, 0}));
    c.set("input", call<"view">(dx[0], sizes));
  }
  if (c.needs("weight"))
    c.set("weight", call<"sum.dim_IntList">(g * call<"view">(h[0], sizes), others));
  if (c.needs("bias")) c.set("bias", call<"sum.dim_IntList">(g, others));
}

OP("native_group_norm(Tensor input, Tensor? weight, Tensor? bias, SymInt N, SymInt C, SymInt HxW, int group, float eps) -> (Tensor, Tensor, Tensor)")
    .function_only()
    .direct(group_norm)
    .grads("input weight bias", "input weight result1 result2", [](GradContext& c) {
      if (GradMode::enabled()) return group_norm_gradients(c);
      Dims mask({c.needs("input"), c.needs("weight"), c.needs("bias")});
      TensorList g = call_all<"native_group_norm_backward">(
          c.grad(), c.tensor("input"), c.result(1), c.result(2), c.tensor("weight"),
          c.get<int64_t>("N"), c.get<int64_t>("C"), c.get<int64_t>("HxW"), c.get<int64_t>("group"),
          mask);
      c.set("input", g[0]);
      c.set("weight", g[1]);
      c.set("bias", g[2]);
    });
OP("native_group_norm_backward(Tensor grad_out, Tensor input, Tensor mean, Tensor rstd, Tensor? weight, SymInt N, SymInt C, SymInt HxW, int group, bool[3] output_mask) -> (Tensor, Tensor, Tensor)")
    .hidden()
    .no_grad()
    .direct(group_norm_backward);

OP("group_norm(Tensor input, int num_groups, Tensor? weight=None, Tensor? bias=None, float eps=1e-05, bool cudnn_enabled=True) -> Tensor")
    .function_only()
    .composite([](const Tensor& input, int64_t groups, const Tensor& weight, const Tensor& bias,
                  double eps, bool) {
      RL_CHECK(input.ndim() >= 2, "Expected at least 2 dimensions for input tensor but received ",
               input.ndim());
      int64_t channels = input.sizes()[1], batch = input.sizes()[0];
      check_group_norm(input, weight, bias, channels, groups);
      if (input.numel() == 0) return call<"clone">(input);
      const int64_t spatial = input.numel() / (batch * channels);
      return call<"native_group_norm">(input, weight, bias, batch, channels, spatial, groups, eps);
    });

}  // namespace
}  // namespace RL_ISA_NS
}  // namespace rl
