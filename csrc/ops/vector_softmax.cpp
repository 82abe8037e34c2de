// softmax and log_softmax. Compiled once per instruction level.
#include <cmath>

#include "cpu/parallel.h"
#include "cpu/vec_math.h"
#include "dispatch/call.h"
#include "ops/softmax_rows.h"

namespace rl {
inline namespace RL_ISA_NS {
namespace {

template <class T>
[[gnu::flatten]] T exp_sum(const T* x, T m, int64_t n) {
  T lanes[kLanes] = {};
  int64_t i = 0;
  for (; i + kLanes <= n; i += kLanes) {
    for (int k = 0; k < kLanes; ++k) lanes[k] += vm::exp(x[i + k] - m);
  }
  for (; i < n; ++i) lanes[i % kLanes] += vm::exp(x[i] - m);
  return sum_lanes(lanes);
}
template <class T>
T sum_row(const T* a, int64_t n) {
  T lanes[kLanes] = {};
  int64_t i = 0;
  for (; i + kLanes <= n; i += kLanes) {
    for (int k = 0; k < kLanes; ++k) lanes[k] += a[i + k];
  }
  for (; i < n; ++i) lanes[i % kLanes] += a[i];
  return sum_lanes(lanes);
}

template <class T>
void softmax_row(const T* x, T* y, int64_t n) {
  T s = exp_row(x, y, row_max(x, n), n);
  T by = T(1) / s;
  for (int64_t i = 0; i < n; ++i) y[i] *= by;
}
template <class T>
void log_softmax_row(const T* x, T* y, int64_t n) {
  T m = row_max(x, n);
  T shift = std::log(exp_sum(x, m, n));
  for (int64_t i = 0; i < n; ++i) y[i] = (x[i] - m) - shift;
}
template <class T>
void softmax_backward_row(const T* g, const T* y, T* out, int64_t n) {
  T s = dot_row(g, y, n);
  for (int64_t i = 0; i < n; ++i) out[i] = (g[i] - s) * y[i];
}
template <class T>
[[gnu::flatten]] void log_softmax_backward_row(const T* g, const T* y, T* out, int64_t n) {
  T s = sum_row(g, n);
  for (int64_t i = 0; i < n; ++i) out[i] = g[i] - vm::exp(y[i]) * s;
}

// Rows along `dim` made contiguous, computed in float at least, and put back.
struct Rows {
  int64_t dim, last;
  bool moved;
  Tensor enter(const Tensor& t) const {
    Tensor x = is_half(t.dtype()) ? to_dtype(t, DType::Float32) : t;
    if (moved) x = call<"transpose.int">(x, dim, last);
    return contiguous(x);
  }
  Tensor leave(Tensor t, DType dtype) const {
    if (moved) t = contiguous(call<"transpose.int">(t, dim, last));
    return to_dtype(t, dtype);
  }
};
Rows rows_of(const Tensor& t, int64_t dim) {
  int64_t d = wrap_dim(dim, t.ndim()), last = std::max(t.ndim() - 1, 0);
  return {d, last, d != last};
}

template <class F>
void each_row(const Tensor& x, F f) {
  int64_t n = x.ndim() ? x.sizes().back() : 1;
  if (x.numel() == 0) return;
  parallel(x.numel() / n, std::max<int64_t>(1, kGrain / 2 / n), [&](int64_t b, int64_t e) {
    for (int64_t r = b; r < e; ++r) f(r * n, n);
  });
}

template <bool Log>
Tensor softmax(const Tensor& self, int64_t dim, bool) {
  Rows rows = rows_of(self, dim);
  RL_CHECK_KIND(NotImplemented, is_floating(self.dtype()),
                Log ? "\"log_softmax_lastdim_kernel_impl\"" : "\"softmax_lastdim_kernel_impl\"",
                " not implemented for '", dtype_word(self.dtype()), "'");
  if (self.is_meta()) return empty(self.sizes(), self.dtype(), self.device());
  Tensor x = rows.enter(self);
  Tensor y = empty(x.sizes(), x.dtype());
  dispatch(x.dtype(), "softmax", FloatTypes(), [&]<class T>() {
    const T* in = x.data<T>();
    T* out = y.data<T>();
    each_row(x, [=](int64_t at, int64_t n) {
      Log ? log_softmax_row(in + at, out + at, n) : softmax_row(in + at, out + at, n);
    });
  });
  return rows.leave(y, self.dtype());
}

template <bool Log>
Tensor softmax_backward(const Tensor& grad, const Tensor& output, int64_t dim, DType) {
  Rows rows = rows_of(grad, dim);
  Tensor g = rows.enter(grad), y = rows.enter(output);
  if (g.dtype() != y.dtype()) g = to_dtype(g, y.dtype());
  Tensor out = empty(g.sizes(), g.dtype());
  dispatch(g.dtype(), "softmax_backward", FloatTypes(), [&]<class T>() {
    const T *pg = g.data<T>(), *py = y.data<T>();
    T* po = out.data<T>();
    each_row(g, [=](int64_t at, int64_t n) {
      Log ? log_softmax_backward_row(pg + at, py + at, po + at, n)
          : softmax_backward_row(pg + at, py + at, po + at, n);
    });
  });
  return rows.leave(out, output.dtype());
}

OP("_softmax(Tensor self, int dim, bool half_to_float) -> Tensor")
    .hidden()
    .node_name("SoftmaxBackward0")
    .direct(softmax<false>)
    .grad("self", "result", [](GradContext& c) {
      return call<"_softmax_backward_data">(c.grad(), c.result(), c.get<int64_t>("dim"),
                                            c.dtype("self"));
    });
OP("_log_softmax(Tensor self, int dim, bool half_to_float) -> Tensor")
    .hidden()
    .node_name("LogSoftmaxBackward0")
    .direct(softmax<true>)
    .grad("self", "result", [](GradContext& c) {
      return call<"_log_softmax_backward_data">(c.grad(), c.result(), c.get<int64_t>("dim"),
                                                c.dtype("self"));
    });
OP("_softmax_backward_data(Tensor grad_output, Tensor output, int dim, ScalarType input_dtype) -> Tensor")
    .hidden()
    .direct(softmax_backward<false>)
    .grad("grad_output", "output",
          [](GradContext& c) {
            return call<"_softmax_backward_data">(c.grad(), c.tensor("output"),
                                                  c.get<int64_t>("dim"), c.dtype("output"));
          })
    .grad("output", "grad_output output", [](GradContext& c) {
      Dims dim({c.get<int64_t>("dim")});
      Tensor g = c.tensor("grad_output"), y = c.tensor("output"), v = c.grad();
      return v * (g - call<"sum.dim_IntList">(g * y, dim, true)) -
             g * call<"sum.dim_IntList">(v * y, dim, true);
    });
OP("_log_softmax_backward_data(Tensor grad_output, Tensor output, int dim, ScalarType input_dtype) -> Tensor")
    .hidden()
    .direct(softmax_backward<true>)
    .grad("grad_output", "output",
          [](GradContext& c) {
            Dims dim({c.get<int64_t>("dim")});
            Tensor p = call<"exp">(c.tensor("output"));
            return c.grad() - call<"sum.dim_IntList">(c.grad() * p, dim, true);
          })
    .grad("output", "grad_output output", [](GradContext& c) {
      Dims dim({c.get<int64_t>("dim")});
      Tensor p = call<"exp">(c.tensor("output"));
      return -c.grad() * p * call<"sum.dim_IntList">(c.tensor("grad_output"), dim, true);
    });

OP("softmax.int(Tensor self, int dim, ScalarType? dtype=None) -> Tensor")
    .composite([](const Tensor& self, int64_t dim, std::optional<DType> dtype) {
      return call<"_softmax">(dtype ? to_dtype(self, *dtype) : self, dim, false);
    });
OP("log_softmax.int(Tensor self, int dim, ScalarType? dtype=None) -> Tensor")
    .composite([](const Tensor& self, int64_t dim, std::optional<DType> dtype) {
      return call<"_log_softmax">(dtype ? to_dtype(self, *dtype) : self, dim, false);
    });

}  // namespace
}  // namespace RL_ISA_NS
}  // namespace rl
