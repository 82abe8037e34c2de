// gather and scatter: reading and writing along one dimension at positions given by a tensor.
#include <cstring>

#include "cpu/parallel.h"
#include "cpu/transfer.h"
#include "ops/indices.h"

namespace rl {
namespace {

// ---- gather and scatter ----
// Calls f(element offset in `target`, linear position in index) for every element of index, where
// `target` is addressed with its coordinate along dim replaced by the index value. Threads share
// the rows of index out, or its columns where rows meet in one element of `target`; the calls for
// an element come in the order of index.
template <class F>
void for_index(const Tensor& target, int64_t dim, const Tensor& index, F f) {
  const int d = wrap_dim(dim, std::max(target.ndim(), 1)), nd = std::max(index.ndim(), 1);
  Tensor idx = as_int64(index);
  const int64_t *p = idx.data<int64_t>(), n = idx.numel();
  const int64_t size = target.ndim() ? target.sizes()[size_t(d)] : 1,
                by = target.ndim() ? target.strides()[size_t(d)] : 1;
  if (!all_within(p, n, 0, size)) {
    for (int64_t i = 0; i < n; ++i) {
      RL_CHECK(p[i] >= 0 && p[i] < size, "index ", p[i], " is out of bounds for dimension ", d,
               " with size ", size);
    }
  }
  const Dims sizes = index.ndim() ? index.sizes() : Dims({1});
  Dims steps(static_cast<size_t>(nd));
  for (int k = 0; k < nd; ++k) {
    steps[size_t(k)] = k == d || target.ndim() == 0 ? 0 : target.strides()[size_t(k)];
  }
  const int64_t width = sizes.back(), step = steps.back(), rows = n / width;
  auto walk = [&](int64_t first, int64_t last, int64_t from, int64_t to) {
    for (int64_t row = first; row < last; ++row) {
      int64_t base = 0, rest = row;
      for (int k = nd - 2; k >= 0; --k) {
        base += rest % sizes[size_t(k)] * steps[size_t(k)];
        rest /= sizes[size_t(k)];
      }
      const int64_t* q = p + row * width;
      for (int64_t j = from; j < to; ++j) f(base + j * step + q[j] * by, row * width + j);
    }
  };
  if (d == nd - 1) {
    parallel(rows, std::max<int64_t>(1, kGrain / 4 / width),
             [&](int64_t b, int64_t e) { walk(b, e, 0, width); });
  } else {
    parallel(width, std::max<int64_t>(64, kGrain / 4 / rows),
             [&](int64_t b, int64_t e) { walk(0, rows, b, e); });
  }
}

void check_gather(const char* op, const Tensor& self, int64_t dim, const Tensor& index,
                  const char* other) {
  int d = wrap_dim(dim, std::max(self.ndim(), 1));
  if (index.numel() == 0) return;
  RL_CHECK(index.dtype() == DType::Int64 || index.dtype() == DType::Int32, op,
           "(): Expected dtype int64 for index");
  RL_CHECK(std::max(self.ndim(), 1) == std::max(index.ndim(), 1),
           "Index tensor must have the same number of dimensions as ", other, " tensor");
  for (int k = 0; k < std::min(self.ndim(), index.ndim()); ++k) {
    RL_CHECK(k == d || index.sizes()[size_t(k)] <= self.sizes()[size_t(k)],
             "Size does not match at dimension ", k, " expected index ", index.sizes(),
             " to be no larger than ", other, " ", self.sizes(), " apart from dimension ", d);
  }
}

OP("gather(Tensor self, int dim, Tensor index, *, bool sparse_grad=False) -> Tensor")
    .infer([](const Tensor& self, int64_t dim, const Tensor& index, bool) {
      check_gather("gather", self, dim, index, "input");
      return TensorSpec{index.sizes(), self.dtype()};
    })
    .cpu([](const Tensor& self, int64_t dim, const Tensor& index, bool, const Tensor& out) {
      size_t item = self.item_size();
      auto run = [&]<class T>(T*) {
        const T* from = static_cast<const T*>(self.data());
        T* to = static_cast<T*>(out.data());
        for_index(self, dim, index, [=](int64_t at, int64_t i) { to[i] = from[at]; });
      };
      if (out.numel() == 0) return;
      if (item == 1) return run((uint8_t*)nullptr);
      if (item == 2) return run((uint16_t*)nullptr);
      if (item == 4) return run((uint32_t*)nullptr);
      if (item == 8) return run((uint64_t*)nullptr);
      run((complex128*)nullptr);
    })
    .grad("self", "index", [](GradContext& c) {
      const Tensor sum = call<"zeros">(c.sizes("self"), c.grad().dtype());
      call_<"scatter_add">(sum, c.get<int64_t>("dim"), c.tensor("index"), c.grad());
      return sum;
    });

void check_scatter(const char* op, const Tensor& self, int64_t dim, const Tensor& index,
                   const Tensor& src) {
  check_gather(op, self, dim, index, "self");
  RL_CHECK(index.numel() == 0 || std::max(index.ndim(), 1) == std::max(src.ndim(), 1),
           "Index tensor must have the same number of dimensions as src tensor");
  if (src.ndim() > 0 || index.ndim() <= 1) {
    for (int k = 0; k < std::min(src.ndim(), index.ndim()); ++k) {
      RL_CHECK(index.numel() == 0 || index.sizes()[size_t(k)] <= src.sizes()[size_t(k)],
               "Expected index ", index.sizes(), " to be no larger than self ", self.sizes(),
               " apart from dimension ", wrap_dim(dim, std::max(self.ndim(), 1)),
               " and to be no larger size than src ", src.sizes());
    }
  }
  RL_CHECK(self.dtype() == src.dtype(), op, "(): Expected self.dtype to be equal to src.dtype");
}

// Combines src into `out`, which is contiguous and may be self.
template <class F>
void scatter_into(const char* op, const Tensor& self, int64_t dim, const Tensor& index,
                  const Tensor& src, const Tensor& out, F combine) {
  if (!out.same(self)) transfer(self, out);
  if (index.numel() == 0) return;
  Tensor window = src;
  for (int k = 0; k < std::min(src.ndim(), index.ndim()); ++k) {
    if (src.sizes()[size_t(k)] != index.sizes()[size_t(k)]) {
      window =
          call<"slice.Tensor">(window, int64_t(k), Value(), index.sizes()[size_t(k)], int64_t(1));
    }
  }
  window = contiguous(window);
  dispatch(self.dtype(), op, AllTypes(), [&]<class T>() {
    T* to = out.data<T>();
    const T* from = window.data<T>();
    for_index(out, dim, index, [=](int64_t at, int64_t i) { combine(to[at], from[i], at); });
  });
}
template <class F>
Tensor scatter_with(const char* op, const Tensor& self, int64_t dim, const Tensor& index,
                    const Tensor& src, F combine) {
  check_scatter(op, self, dim, index, src);
  Tensor out = empty(self.sizes(), self.dtype(), self.device());
  if (!out.is_meta()) scatter_into(op, self, dim, index, src, out, combine);
  return out;
}

constexpr auto kReplace = [](auto& a, auto b, int64_t) { a = b; };
constexpr auto kAdd = []<class T>(T& a, T b, int64_t) { a = T(a + b); };

Tensor scatter_zero(GradContext& c) {
  return call<"scatter.value">(c.grad(), c.get<int64_t>("dim"), c.tensor("index"), 0);
}
Tensor gather_src(GradContext& c) {
  Tensor g = call<"gather">(c.grad(), c.get<int64_t>("dim"), c.tensor("index"));
  const Dims& want = c.sizes("src");
  if (g.sizes() == want) return g;
  Tensor padded = call<"zeros">(want, g.dtype()), window = padded;
  for (int k = 0; k < g.ndim(); ++k) {
    window = call<"slice.Tensor">(window, int64_t(k), Value(), g.sizes()[size_t(k)], int64_t(1));
  }
  call<"copy_">(window, g);
  return padded;
}

OP("scatter.src(Tensor self, int dim, Tensor index, Tensor src) -> Tensor")
    .inplace()
    .elementwise()
    .infer([](const Tensor& self, int64_t dim, const Tensor& index, const Tensor& src) {
      check_scatter("scatter", self, dim, index, src);
      return TensorSpec{self.sizes(), self.dtype()};
    })
    .cpu([](const Tensor& self, int64_t dim, const Tensor& index, const Tensor& src,
            const Tensor& out) { scatter_into("scatter", self, dim, index, src, out, kReplace); })
    .grad("self", "index", scatter_zero)
    .grad("src", "index", gather_src);
OP("scatter.value(Tensor self, int dim, Tensor index, Scalar value) -> Tensor")
    .inplace()
    .elementwise()
    .infer([](const Tensor& self, int64_t dim, const Tensor& index, const Scalar&) {
      check_gather("scatter", self, dim, index, "self");
      return TensorSpec{self.sizes(), self.dtype()};
    })
    .cpu([](const Tensor& self, int64_t dim, const Tensor& index, const Scalar& value,
            const Tensor& out) {
      if (!out.same(self)) transfer(self, out);
      if (index.numel() == 0) return;
      dispatch(self.dtype(), "scatter", AllTypes(), [&]<class T>() {
        T *to = out.data<T>(), v = value.to<T>();
        for_index(out, dim, index, [=](int64_t at, int64_t) { to[at] = v; });
      });
    })
    .grad("self", "index", scatter_zero);
OP("scatter_add(Tensor self, int dim, Tensor index, Tensor src) -> Tensor")
    .inplace()
    .elementwise()
    .infer([](const Tensor& self, int64_t dim, const Tensor& index, const Tensor& src) {
      check_scatter("scatter_add", self, dim, index, src);
      return TensorSpec{self.sizes(), self.dtype()};
    })
    .cpu([](const Tensor& self, int64_t dim, const Tensor& index, const Tensor& src,
            const Tensor& out) { scatter_into("scatter_add", self, dim, index, src, out, kAdd); })
    .grad("self", "", [](GradContext& c) { return c.grad(); })
    .grad("src", "index", gather_src);

Tensor scatter_reduce_by(const Tensor& self, int64_t dim, const Tensor& index, const Tensor& src,
                         const std::string& reduce, bool include_self) {
  bool known = reduce == "sum" || reduce == "prod" || reduce == "mean" || reduce == "amax" ||
               reduce == "amin" || reduce == "add" || reduce == "multiply";
  RL_CHECK(known, "reduce argument must be either sum, prod, mean, amax or amin, got ", reduce);
  RL_CHECK(!is_complex(self.dtype()) || reduce == "add" || reduce == "multiply" ||
               reduce == "sum" || reduce == "prod",
           "scatter_reduce(): reduce=", reduce, " is not supported for complex tensors");
  Tensor start = self;
  std::vector<int64_t> hits(size_t(self.numel()), include_self ? 1 : 0);
  auto first = [&](int64_t at) { return hits[size_t(at)]++ == 0; };
  Tensor out;
  if (reduce == "sum" || reduce == "add" || reduce == "mean") {
    out = scatter_with("scatter_reduce", start, dim, index, src,
                       [&]<class T>(T& a, T b, int64_t at) { a = first(at) ? b : T(a + b); });
  } else if (reduce == "prod" || reduce == "multiply") {
    out = scatter_with("scatter_reduce", start, dim, index, src,
                       [&]<class T>(T& a, T b, int64_t at) { a = first(at) ? b : T(a * b); });
  } else {
    bool want_max = reduce == "amax";
    out =
        scatter_with("scatter_reduce", start, dim, index, src, [&]<class T>(T& a, T b, int64_t at) {
          if constexpr (!is_complex(dtype_of<T>)) {
            bool keep =
                !first(at) && (a != a || (want_max ? !(b > a) && b == b : !(b < a) && b == b));
            if (!keep) a = b;
          }
        });
  }
  if (reduce == "mean") {
    Tensor n = empty(self.sizes(), DType::Int64);
    int64_t* p = n.data<int64_t>();
    for (size_t i = 0; i < hits.size(); ++i) p[i] = std::max<int64_t>(hits[i], 1);
    if (is_integral(self.dtype(), true)) {
      out = call<"div.Tensor_mode">(out, to_dtype(n, self.dtype()), std::string("floor"));
    } else {
      out = out / to_dtype(n, self.dtype());
    }
  }
  return out;
}
OP("scatter.reduce(Tensor self, int dim, Tensor index, Tensor src, *, str reduce) -> Tensor")
    .inplace()
    .direct([](const Tensor& self, int64_t dim, const Tensor& index, const Tensor& src,
               const std::string& reduce) {
      RL_CHECK(reduce == "add" || reduce == "multiply",
               "reduce argument must be either add or multiply.");
      return scatter_reduce_by(self, dim, index, src, reduce, true);
    });
OP("scatter.value_reduce(Tensor self, int dim, Tensor index, Scalar value, *, str reduce) -> Tensor")
    .inplace()
    .direct([](const Tensor& self, int64_t dim, const Tensor& index, const Scalar& value,
               const std::string& reduce) {
      Tensor src = contiguous(call<"expand">(scalar_tensor(value, self.dtype()), index.sizes()));
      return scatter_reduce_by(self, dim, index, src, reduce, true);
    });

// Gradients of the two-argument reductions follow the formulas of PyTorch's derivatives: ties of
// amax/amin share the gradient evenly.
void scatter_reduce_backward(GradContext& c) {
  const std::string& reduce = c.get<std::string>("reduce");
  bool include_self = c.get<bool>("include_self");
  int64_t dim = c.get<int64_t>("dim");
  Tensor self = c.tensor("self"), index = c.tensor("index"), src = c.tensor("src"),
         result = c.result(), g = c.grad();
  Tensor window = src;
  for (int k = 0; k < std::min(src.ndim(), index.ndim()); ++k) {
    window =
        call<"slice.Tensor">(window, int64_t(k), Value(), index.sizes()[size_t(k)], int64_t(1));
  }
  auto pick = [&](const Tensor& t) { return call<"gather">(t, dim, index); };
  Tensor grad_self, grad_window;
  if (reduce == "sum") {
    grad_self = g;
    grad_window = pick(g);
  } else if (reduce == "mean") {
    Tensor n = include_self ? call<"ones_like">(g) : call<"zeros_like">(g);
    n = call<"scatter_add">(n, dim, index, call<"ones_like">(window));
    n = call<"where.self">(call<"eq.Tensor">(n, wrapped_number(0)), call<"ones_like">(n), n);
    grad_self = g / n;
    grad_window = pick(g / n);
  } else if (reduce == "prod") {
    Tensor masked = call<"where.self">(call<"eq.Tensor">(self, wrapped_number(0)),
                                       call<"ones_like">(self), self);
    Tensor masked_result =
        call<"scatter_reduce.two">(masked, dim, index, window, std::string("prod"), include_self);
    grad_self = g * masked_result / masked;
    Tensor zero = to_dtype(call<"eq.Tensor">(window, wrapped_number(0)), g.dtype());
    Tensor zeros = pick(call<"scatter_add">(call<"zeros_like">(self), dim, index, zero));
    Tensor one_zero = to_dtype(call<"logical_and">(call<"eq.Tensor">(zeros, wrapped_number(1)),
                                                   call<"eq.Tensor">(window, wrapped_number(0))),
                               DType::Bool);
    Tensor filled = call<"where.self">(one_zero, call<"ones_like">(window), window);
    Tensor without = pick(
        call<"scatter_reduce.two">(self, dim, index, filled, std::string("prod"), include_self));
    Tensor plain =
        pick(g * result) / call<"where.self">(call<"eq.Tensor">(window, wrapped_number(0)),
                                              call<"ones_like">(window), window);
    plain = call<"where.self">(call<"eq.Tensor">(window, wrapped_number(0)),
                               call<"zeros_like">(window), plain);
    grad_window = call<"where.self">(one_zero, pick(g) * without, plain);
  } else {
    Tensor at = pick(result);
    Tensor self_wins = to_dtype(call<"eq.Tensor">(self, result), g.dtype());
    Tensor src_wins = to_dtype(call<"eq.Tensor">(window, at), g.dtype());
    Tensor n = include_self ? self_wins : call<"zeros_like">(self_wins);
    n = call<"scatter_add">(n, dim, index, src_wins);
    Tensor shared =
        g / call<"where.self">(call<"eq.Tensor">(n, wrapped_number(0)), call<"ones_like">(n), n);
    grad_self = self_wins * shared;
    grad_window = src_wins * pick(shared);
  }
  if (!include_self) grad_self = call<"scatter.value">(grad_self, dim, index, 0);
  c.set("self", grad_self);
  if (!c.needs("src")) return;
  if (grad_window.sizes() != src.sizes()) {
    Tensor padded = call<"zeros">(src.sizes(), g.dtype()), target = padded;
    for (int k = 0; k < index.ndim(); ++k) {
      target =
          call<"slice.Tensor">(target, int64_t(k), Value(), index.sizes()[size_t(k)], int64_t(1));
    }
    call<"copy_">(target, grad_window);
    grad_window = padded;
  }
  c.set("src", grad_window);
}
OP("scatter_reduce.two(Tensor self, int dim, Tensor index, Tensor src, str reduce, *, bool include_self=True) -> Tensor")
    .inplace()
    .direct(scatter_reduce_by)
    .grads("self src", "self index src result", scatter_reduce_backward);

}  // namespace
}  // namespace rl
