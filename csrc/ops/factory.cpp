// New tensors.
#include "cpu/convert.h"
#include "cpu/parallel.h"
#include "cpu/uninitialized.h"
#include "dispatch/call.h"
#include "dispatch/promotion.h"

namespace rl {
namespace {

using DT = std::optional<DType>;
using LT = std::optional<Layout>;
using DV = std::optional<Device>;
using B = std::optional<bool>;
using MF = std::optional<MemoryFormat>;

Device usable(DV device) {
  Device d = device.value_or(default_device());
  require_memory_on(d);
  return d;
}

void fill(const Tensor& t, const Scalar& value) {
  if (t.is_meta() || t.numel() == 0) return;
  call<"copy_">(t, scalar_tensor(value, t.dtype()));
}

Tensor make_full(const Dims& size, const Scalar& value, DType dtype, DV device) {
  Tensor out = empty(size, dtype, usable(device));
  if (out.is_meta() || out.numel() == 0) return out;
  Tensor one = scalar_tensor(value, dtype);
  char* to = static_cast<char*>(out.storage()->raw_data());
  int64_t item = int64_t(out.item_size());
  const void* from = one.data();
  parallel(out.numel(), kGrain, [&](int64_t b, int64_t e) {
    convert(dtype, from, 0, dtype, to + b * item, item, e - b);
  });
  return out;
}

// Strides of a new tensor made "like" another one.
Dims like_strides(const Tensor& self, MF format) {
  MemoryFormat f = format.value_or(MemoryFormat::Preserve);
  if (f == MemoryFormat::ChannelsLast || f == MemoryFormat::ChannelsLast3d)
    return channels_last_strides(self.sizes());
  if (f == MemoryFormat::Preserve && is_dense(self.sizes(), self.strides())) return self.strides();
  return contiguous_strides(self.sizes());
}

OP("empty.memory_format(SymInt[] size, *, ScalarType? dtype=None, Layout? layout=None, Device? device=None, bool? pin_memory=None, MemoryFormat? memory_format=None) -> Tensor")
    .function_only()
    .direct([](const Dims& size, DT dtype, LT, DV device, B, MF format) {
      DType d = dtype.value_or(default_dtype());
      MemoryFormat f = format.value_or(MemoryFormat::Contiguous);
      if (f == MemoryFormat::ChannelsLast || f == MemoryFormat::ChannelsLast3d) {
        return uninitialized(empty_strided(size, channels_last_strides(size), d, usable(device)));
      }
      return uninitialized(empty(size, d, usable(device)));
    });
OP("empty_strided(SymInt[] size, SymInt[] stride, *, ScalarType? dtype=None, Layout? layout=None, Device? device=None, bool? pin_memory=None) -> Tensor")
    .function_only()
    .direct([](const Dims& size, const Dims& stride, DT dtype, LT, DV device, B) {
      return uninitialized(
          empty_strided(size, stride, dtype.value_or(default_dtype()), usable(device)));
    });
OP("empty_like(Tensor self, *, ScalarType? dtype=None, Layout? layout=None, Device? device=None, bool? pin_memory=None, MemoryFormat? memory_format=None) -> Tensor")
    .function_only()
    .no_grad()
    .direct([](const Tensor& self, DT dtype, LT, DV device, B, MF format) {
      return uninitialized(empty_strided(self.sizes(), like_strides(self, format),
                                         dtype.value_or(self.dtype()),
                                         usable(device.value_or(self.device()))));
    });
OP("zeros(SymInt[] size, *, ScalarType? dtype=None, Layout? layout=None, Device? device=None, bool? pin_memory=None) -> Tensor")
    .function_only()
    .direct([](const Dims& size, DT dtype, LT, DV device, B) {
      return make_full(size, 0, dtype.value_or(default_dtype()), device);
    });
OP("ones(SymInt[] size, *, ScalarType? dtype=None, Layout? layout=None, Device? device=None, bool? pin_memory=None) -> Tensor")
    .function_only()
    .direct([](const Dims& size, DT dtype, LT, DV device, B) {
      return make_full(size, 1, dtype.value_or(default_dtype()), device);
    });
OP("full(SymInt[] size, Scalar fill_value, *, ScalarType? dtype=None, Layout? layout=None, Device? device=None, bool? pin_memory=None) -> Tensor")
    .function_only()
    .direct([](const Dims& size, const Scalar& value, DT dtype, LT, DV device, B) {
      DType d = value.is_bool()       ? DType::Bool
                : value.is_integral() ? DType::Int64
                : value.is_complex()  ? complex_dtype(default_dtype())
                                      : default_dtype();
      return make_full(size, value, dtype.value_or(d), device);
    });
Tensor filled_like(const Tensor& self, const Scalar& value, DT dtype, DV device, MF format) {
  Tensor out = empty_strided(self.sizes(), like_strides(self, format), dtype.value_or(self.dtype()),
                             usable(device.value_or(self.device())));
  fill(out, value);
  return out;
}
OP("zeros_like(Tensor self, *, ScalarType? dtype=None, Layout? layout=None, Device? device=None, bool? pin_memory=None, MemoryFormat? memory_format=None) -> Tensor")
    .function_only()
    .no_grad()
    .direct([](const Tensor& self, DT dtype, LT, DV device, B, MF format) {
      return filled_like(self, 0, dtype, device, format);
    });
OP("ones_like(Tensor self, *, ScalarType? dtype=None, Layout? layout=None, Device? device=None, bool? pin_memory=None, MemoryFormat? memory_format=None) -> Tensor")
    .function_only()
    .no_grad()
    .direct([](const Tensor& self, DT dtype, LT, DV device, B, MF format) {
      return filled_like(self, 1, dtype, device, format);
    });
OP("full_like(Tensor self, Scalar fill_value, *, ScalarType? dtype=None, Layout? layout=None, Device? device=None, bool? pin_memory=None, MemoryFormat? memory_format=None) -> Tensor")
    .function_only()
    .no_grad()
    .direct([](const Tensor& self, const Scalar& value, DT dtype, LT, DV device, B, MF format) {
      return filled_like(self, value, dtype, device, format);
    });
OP("new_empty(Tensor self, SymInt[] size, *, ScalarType? dtype=None, Layout? layout=None, Device? device=None, bool? pin_memory=None) -> Tensor")
    .method_only()
    .no_grad()
    .direct([](const Tensor& self, const Dims& size, DT dtype, LT, DV device, B) {
      return uninitialized(
          empty(size, dtype.value_or(self.dtype()), usable(device.value_or(self.device()))));
    });
OP("new_empty_strided(Tensor self, SymInt[] size, SymInt[] stride, *, ScalarType? dtype=None, Layout? layout=None, Device? device=None, bool? pin_memory=None) -> Tensor")
    .method_only()
    .no_grad()
    .direct([](const Tensor& self, const Dims& size, const Dims& stride, DT dtype, LT, DV device,
               B) {
      return uninitialized(empty_strided(size, stride, dtype.value_or(self.dtype()),
                                         usable(device.value_or(self.device()))));
    });
OP("new_zeros(Tensor self, SymInt[] size, *, ScalarType? dtype=None, Layout? layout=None, Device? device=None, bool? pin_memory=None) -> Tensor")
    .method_only()
    .no_grad()
    .direct([](const Tensor& self, const Dims& size, DT dtype, LT, DV device, B) {
      return make_full(size, 0, dtype.value_or(self.dtype()), device.value_or(self.device()));
    });
OP("new_ones(Tensor self, SymInt[] size, *, ScalarType? dtype=None, Layout? layout=None, Device? device=None, bool? pin_memory=None) -> Tensor")
    .method_only()
    .no_grad()
    .direct([](const Tensor& self, const Dims& size, DT dtype, LT, DV device, B) {
      return make_full(size, 1, dtype.value_or(self.dtype()), device.value_or(self.device()));
    });
OP("new_full(Tensor self, SymInt[] size, Scalar fill_value, *, ScalarType? dtype=None, Layout? layout=None, Device? device=None, bool? pin_memory=None) -> Tensor")
    .method_only()
    .no_grad()
    .direct([](const Tensor& self, const Dims& size, const Scalar& value, DT dtype, LT, DV device,
               B) {
      return make_full(size, value, dtype.value_or(self.dtype()), device.value_or(self.device()));
    });
OP("scalar_tensor(Scalar s, *, ScalarType? dtype=None, Layout? layout=None, Device? device=None, bool? pin_memory=None) -> Tensor")
    .function_only()
    .direct([](const Scalar& s, DT dtype, LT, DV device, B) {
      return scalar_tensor(s, dtype.value_or(default_dtype()), usable(device));
    });

// ---- ranges ----
Tensor arange(const Scalar& start, const Scalar& end, const Scalar& step, DT dtype, DV device) {
  bool integral = start.is_integral() && end.is_integral() && step.is_integral();
  DType d = dtype.value_or(integral ? DType::Int64 : default_dtype());
  RL_CHECK(!step.equal(0), "step must be nonzero");
  double from = start.to_double(), to = end.to_double(), by = step.to_double();
  RL_CHECK(std::abs(from) < __builtin_inf() && std::abs(to) < __builtin_inf(),
           "unsupported range: ", from, " -> ", to);
  RL_CHECK((by > 0 && to >= from) || (by < 0 && to <= from),
           "upper bound and lower bound inconsistent with step sign");
  __int128 count;
  if (d == DType::Int64) {  // counted in integers, whatever the arguments are
    RL_CHECK(step.to_int() != 0, "step must be nonzero");
    const __int128 s = step.to_int(), span = __int128(end.to_int()) - start.to_int();
    count = (span + s - (s > 0 ? 1 : -1)) / s;
  } else {
    const double steps = __builtin_ceil((to - from) / by);
    RL_CHECK(steps < 0x1p63, "invalid size, possible overflow?");
    count = int64_t(steps);
  }
  RL_CHECK(count == int64_t(count), "invalid size, possible overflow?");
  const int64_t n = int64_t(count);
  Tensor out = empty({n}, d, usable(device));
  if (out.is_meta()) return out;
  dispatch(d, "arange", RealTypes(), [&]<class T>() {
    using A = std::conditional_t<std::is_integral_v<T>, int64_t, double>;
    T* p = out.data<T>();
    A first = start.to<A>(), each = step.to<A>();
    parallel(n, kGrain, [&](int64_t b, int64_t e) {
      if constexpr (std::is_integral_v<T>) {  // by additions: there is no vector product of int64
        uint64_t value = uint64_t(first) + uint64_t(b) * uint64_t(each);
        for (int64_t i = b; i < e; ++i, value += uint64_t(each)) p[i] = T(value);
      } else {
        for (int64_t i = b; i < e; ++i) {
          p[i] = T(float(first + double(i) * each));
          if constexpr (std::is_same_v<T, double>) p[i] = first + double(i) * each;
        }
      }
    });
  });
  return out;
}
OP("arange(Scalar end, *, ScalarType? dtype=None, Layout? layout=None, Device? device=None, bool? pin_memory=None) -> Tensor")
    .function_only()
    .direct([](const Scalar& end, DT dtype, LT, DV device, B) {
      return arange(0, end, 1, dtype, device);
    });
OP("arange.start(Scalar start, Scalar end, *, ScalarType? dtype=None, Layout? layout=None, Device? device=None, bool? pin_memory=None) -> Tensor")
    .function_only()
    .direct([](const Scalar& start, const Scalar& end, DT dtype, LT, DV device, B) {
      return arange(start, end, 1, dtype, device);
    });
OP("arange.start_step(Scalar start, Scalar end, Scalar step=1, *, ScalarType? dtype=None, Layout? layout=None, Device? device=None, bool? pin_memory=None) -> Tensor")
    .function_only()
    .direct([](const Scalar& start, const Scalar& end, const Scalar& step, DT dtype, LT, DV device,
               B) { return arange(start, end, step, dtype, device); });

OP("linspace(Scalar start, Scalar end, int steps, *, ScalarType? dtype=None, Layout? layout=None, Device? device=None, bool? pin_memory=None) -> Tensor")
    .function_only()
    .direct([](const Scalar& start, const Scalar& end, int64_t steps, DT dtype, LT, DV device, B) {
      RL_CHECK(steps >= 0, "number of steps must be non-negative");
      DType standard =
          start.is_complex() || end.is_complex() ? complex_dtype(default_dtype()) : default_dtype();
      Tensor out = empty({steps}, dtype.value_or(standard), usable(device));
      if (out.is_meta() || steps == 0) return out;
      dispatch(out.dtype(), "linspace", AllTypes(), [&]<class T>() {
        if constexpr (!std::is_same_v<T, bool>) {
          // Half the values are counted from each end, so that both ends are exact.
          using S = std::conditional_t<is_half(dtype_of<T>) || std::is_integral_v<T>, float, T>;
          T* p = out.data<T>();
          S a = start.to<S>(), b = end.to<S>();
          S step = steps > 1 ? (b - a) / S(float(steps - 1)) : S(0);
          // Real numbers are rounded once, as by PyTorch's vector code.
          auto along = [](S from, S by, S count) {
            if constexpr (std::is_floating_point_v<S>)
              return std::fma(by, count, from);
            else
              return from + by * count;
          };
          for (int64_t i = 0; i < steps; ++i) {
            p[i] = T(i < steps / 2 || steps == 1 ? along(a, step, S(float(i)))
                                                 : along(b, -step, S(float(steps - i - 1))));
          }
        }
      });
      return out;
    });

OP("eye.m(SymInt n, SymInt m, *, ScalarType? dtype=None, Layout? layout=None, Device? device=None, bool? pin_memory=None) -> Tensor")
    .function_only()
    .direct([](int64_t n, int64_t m, DT dtype, LT, DV device, B) {
      RL_CHECK(n >= 0, "n must be greater or equal to 0, got ", n);
      RL_CHECK(m >= 0, "m must be greater or equal to 0, got ", m);
      Tensor out = make_full({n, m}, 0, dtype.value_or(default_dtype()), device);
      if (!out.is_meta() && out.numel()) fill(call<"diagonal">(out), 1);
      return out;
    });
OP("eye(SymInt n, *, ScalarType? dtype=None, Layout? layout=None, Device? device=None, bool? pin_memory=None) -> Tensor")
    .function_only()
    .direct([](int64_t n, DT dtype, LT, DV device, B) {
      return call<"eye.m">(n, n, dtype, Value(), device);
    });

// ---- filling ----
OP("fill.Scalar(Tensor self, Scalar value) -> Tensor")
    .infer([](const Tensor& self, const Scalar&) {
      return TensorSpec{self.sizes(), self.dtype(), like_strides(self, {})};
    })
    .cpu([](const Tensor&, const Scalar& value, const Tensor& out) {
      Tensor one = scalar_tensor(value, out.dtype());
      call<"copy_">(out, one);
    })
    .grad("self", "", [](GradContext& c) { return zeros_like(c.grad()); });
void check_fill_value(const Tensor& value) {
  RL_CHECK(value.ndim() == 0, "fill_ only supports 0-dimension value tensor but got tensor with ",
           value.ndim(), " dimensions.");
}
void fill_gradients(GradContext& c) {
  if (c.needs("self")) c.set("self", zeros_like(c.grad()));
  if (c.needs("value")) c.set("value", call<"sum">(c.grad()));
}
OP("fill.Tensor(Tensor self, Tensor value) -> Tensor")
    .node_name("FillBackward1")
    .infer([](const Tensor& self, const Tensor& value) {
      check_fill_value(value);
      return TensorSpec{self.sizes(), self.dtype(), like_strides(self, {})};
    })
    .cpu([](const Tensor&, const Tensor& value, const Tensor& out) { call<"copy_">(out, value); })
    .grads("self value", "", fill_gradients);
OP("fill_.Scalar(Tensor(a!) self, Scalar value) -> Tensor(a!)")
    .node_name("FillBackward2")
    .direct([](const Tensor& self, const Scalar& value) {
      fill(self, value);
      return self;
    })
    .grad("self", "", [](GradContext& c) { return zeros_like(c.grad()); });
OP("fill_.Tensor(Tensor(a!) self, Tensor value) -> Tensor(a!)")
    .node_name("FillBackward3")
    .direct([](const Tensor& self, const Tensor& value) {
      check_fill_value(value);
      call<"copy_">(self, value);
      return self;
    })
    .grads("self value", "", fill_gradients);
OP("zero_(Tensor(a!) self) -> Tensor(a!)")
    .direct([](const Tensor& self) {
      fill(self, 0);
      return self;
    })
    .grad("self", "", [](GradContext& c) { return zeros_like(c.grad()); });

}  // namespace
}  // namespace rl
