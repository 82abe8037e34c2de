// Random fills: uniform_, normal_, random_, bernoulli_ and the other distributions.
#include <algorithm>
#include <cmath>
#include <limits>

#include "dispatch/call.h"
#include "dispatch/promotion.h"
#include "ops/random_fill.h"
#include "random/gamma.h"

namespace rl {

Ref<rng::CpuGenerator> generator_or_default(const GeneratorRef& given) {
  if (!given) return rng::default_generator();
  return Ref<rng::CpuGenerator>(static_cast<rng::CpuGenerator*>(given.get()));
}

Dims memory_order(const Tensor& self) {
  const int n = self.ndim();
  Dims fast_first(static_cast<size_t>(n));
  for (int i = 0; i < n; ++i) fast_first[i] = n - 1 - i;
  // Insertion sort by stride: stable, and a broadcast dimension compares equal to every other.
  const auto slower = [&](int64_t a, int64_t b) {
    const int64_t sa = self.strides()[a], sb = self.strides()[b];
    if (sa == 0 || sb == 0) return 0;
    if (sa != sb) return sa < sb ? -1 : 1;
    return self.sizes()[a] > self.sizes()[b] ? 1 : 0;
  };
  for (int i = 1; i < n; ++i) {
    int moving = i;
    for (int j = i - 1; j >= 0; --j) {
      const int c = slower(fast_first[j], fast_first[moving]);
      if (c < 0) break;
      if (c == 0) continue;
      std::swap(fast_first[j], fast_first[moving]);
      moving = j;
    }
  }
  std::reverse(fast_first.begin(), fast_first.end());
  return fast_first;
}

Tensor rearranged(const Tensor& t, const Dims& order) {
  Dims sizes, strides;
  for (int64_t d : order) {
    sizes.push_back(t.sizes()[d]);
    strides.push_back(t.strides()[d]);
  }
  return alias(t, sizes, strides, t.offset());
}

void scatter(const Tensor& self, const Dims& order, const Tensor& values) {
  const Tensor target = rearranged(self, order);
  const auto item = static_cast<int64_t>(self.item_size());
  const int last = target.ndim() - 1;
  const int64_t row = last < 0 ? 1 : target.sizes()[last];
  const int64_t step = last < 0 ? 0 : target.strides()[last] * item;
  const int64_t rows = target.numel() / row;
  const char* from = values.data<char>();
  char* base = target.data<char>();
  Dims index(static_cast<size_t>(std::max(last, 0)));
  for (int64_t r = 0; r < rows; ++r, from += row * item) {
    int64_t offset = 0;
    for (int d = 0; d < last; ++d) offset += index[d] * target.strides()[d];
    convert(self.dtype(), from, item, self.dtype(), base + offset * item, step, row);
    for (int d = last - 1; d >= 0 && ++index[d] == target.sizes()[d]; --d) index[d] = 0;
  }
}

namespace {

using rng::CpuGenerator;

// The gradient of a number that does not depend on what was there before.
Tensor no_gradient(GradContext& c) { return zeros_like(c.grad()); }

// A complex tensor as one of its real parts, real and imaginary alternating.
Tensor as_real(const Tensor& t) { return is_complex(t.dtype()) ? call<"view_as_real">(t) : t; }

// C++ names of the types, as PyTorch's messages print them.
const char* c_name(DType d) {
  switch (d) {
    case DType::Bool:
      return "bool";
    case DType::UInt8:
      return "unsigned char";
    case DType::Int8:
      return "signed char";
    case DType::Int16:
      return "short int";
    case DType::Int32:
      return "int";
    case DType::Int64:
      return "long int";
    case DType::Float16:
      return "c10::Half";
    case DType::BFloat16:
      return "c10::BFloat16";
    case DType::Float32:
      return "float";
    case DType::Float64:
      return "double";
    default:
      return dtype_word(d);
  }
}

double largest(DType d) {
  switch (d) {
    case DType::Float16:
      return 65504.0;
    case DType::BFloat16:
      return 0x1.fep127;
    case DType::Float32:
      return std::numeric_limits<float>::max();
    default:
      return std::numeric_limits<double>::max();
  }
}

// ---- uniform and normal ----

Tensor uniform_(Tensor self, double from, double to, GeneratorRef generator) {
  const Tensor real = as_real(self);
  RL_CHECK_KIND(NotImplemented, is_floating(real.dtype()),
                "\"check_uniform_bounds\" not implemented for '", dtype_word(real.dtype()), "'");
  const double limit = largest(real.dtype());
  RL_CHECK(from >= -limit && from <= limit, "from is out of bounds for ", c_name(real.dtype()));
  RL_CHECK(to >= -limit && to <= limit, "to is out of bounds for ", c_name(real.dtype()));
  RL_CHECK(from <= to, "uniform_ expects to return a [from, to) range, but found from=", from,
           " > to=", to);
  RL_CHECK(to - from <= limit, "uniform_ expects to-from <= std::numeric_limits<",
           dtype_word(real.dtype()), ">::max(), but found to=", to, " and from=", from,
           " which result in to-from to exceed the limit");
  if (self.is_meta()) return self;
  const auto gen = generator_or_default(generator);
  dispatch(real.dtype(), "uniform_kernel_cpu", FloatHalfTypes(), [&]<class T>() {
    fill_in_order<T>(real, [&](T* out, int64_t n) { rng::uniform(*gen, out, n, from, to); });
  });
  return self;
}

void check_std(double std) {
  RL_CHECK(std >= 0.0, "normal expects std >= 0.0, but found std ", std);
}

void fill_normal(const Tensor& self, double mean, double std, const GeneratorRef& generator) {
  const Tensor real = as_real(self);
  if (is_complex(self.dtype())) std /= std::sqrt(2.0);
  RL_CHECK_KIND(NotImplemented, is_floating(real.dtype()),
                "\"normal_kernel_cpu\" not implemented for '", dtype_word(real.dtype()), "'");
  if (self.is_meta()) return;
  const auto gen = generator_or_default(generator);
  const bool block = real.numel() >= 16 && real.is_contiguous();
  dispatch(real.dtype(), "normal_kernel_cpu", FloatHalfTypes(), [&]<class T>() {
    fill_in_order<T>(real, [&](T* out, int64_t n) {
      if (block) {
        rng::normal_block(*gen, out, n, mean, std);
      } else {
        rng::normal_scalar(*gen, out, n, mean, std);
      }
    });
  });
}

Tensor normal_(Tensor self, double mean, double std, GeneratorRef generator) {
  check_std(std);
  if (self.numel() > 0) fill_normal(self, mean, std, generator);
  return self;
}

// normal(): standard numbers, scaled and moved by tensors that broadcast.
Tensor normal_tensor_float(Tensor mean, double std, GeneratorRef generator) {
  check_std(std);
  Tensor out = empty(mean.sizes(), mean.dtype(), mean.device());
  fill_normal(out, 0, std, generator);
  call_<"add.Tensor">(out, mean);
  return out;
}

void check_std_tensor(const Tensor& std) {
  RL_CHECK(!is_complex(std.dtype()), "normal expects standard deviation to be non-complex");
  if (std.is_meta()) return;
  const Tensor values = contiguous(std);
  dispatch(std.dtype(), "normal", RealBoolTypes(), [&]<class T>() {
    const T* v = values.data<T>();
    const bool fine = std::all_of(v, v + values.numel(), [](T x) { return x >= T(0); });
    RL_CHECK(fine, "normal expects all elements of std >= 0.0");
  });
}

Tensor normal_float_tensor(double mean, Tensor std, GeneratorRef generator) {
  check_std_tensor(std);
  Tensor out = empty(std.sizes(), std.dtype(), std.device());
  fill_normal(out, 0, 1, generator);
  call_<"mul.Tensor">(out, std);
  call_<"add.Tensor">(out, scalar_tensor(Scalar(mean), out.dtype(), out.device()));
  return out;
}

Tensor normal_tensor_tensor(Tensor mean, Tensor std, GeneratorRef generator) {
  check_std_tensor(std);
  Tensor out = empty(broadcast_shapes(mean.sizes(), std.sizes()), mean.dtype(), mean.device());
  fill_normal(out, 0, 1, generator);
  call_<"mul.Tensor">(out, std);
  call_<"add.Tensor">(out, mean);
  return out;
}

// ---- distributions with parameters that are numbers ----

Tensor exponential_(Tensor self, double lambd, GeneratorRef generator) {
  RL_CHECK(lambd > 0.0, "exponential_ expects lambda > 0.0, but found lambda=", lambd);
  RL_CHECK(is_floating(self.dtype()) || self.numel() == 0,
           "Exponential distribution is a continuous probability distribution. dtype must be a "
           "floating point but you specified ",
           dtype_word(self.dtype()));
  if (self.is_meta() || self.numel() == 0) return self;
  const auto gen = generator_or_default(generator);
  dispatch(self.dtype(), "exponential_cpu", FloatHalfTypes(), [&]<class T>() {
    fill_in_order<T>(self, [&](T* out, int64_t n) { rng::exponential(*gen, out, n, lambd); });
  });
  return self;
}

Tensor cauchy_(Tensor self, double median, double sigma, GeneratorRef generator) {
  RL_CHECK(sigma > 0.0, "cauchy_ expects sigma > 0.0, but found sigma=", sigma);
  RL_CHECK(is_floating(self.dtype()),
           "Cauchy distribution is a continuous probability distribution. dtype must be a floating "
           "point but you specified ",
           c_name(self.dtype()));
  if (self.is_meta()) return self;
  const auto gen = generator_or_default(generator);
  dispatch(self.dtype(), "cauchy_cpu", FloatHalfTypes(), [&]<class T>() {
    fill_in_order<T>(self, [&](T* out, int64_t n) { rng::cauchy(*gen, out, n, median, sigma); });
  });
  return self;
}

Tensor log_normal_(Tensor self, double mean, double std, GeneratorRef generator) {
  RL_CHECK(std > 0.0, "log_normal_ expects std > 0.0, but found std=", std);
  if (self.is_meta() || self.numel() == 0) return self;
  const auto gen = generator_or_default(generator);
  dispatch(self.dtype(), "log_normal_cpu", FloatHalfTypes(), [&]<class T>() {
    fill_in_order<T>(self, [&](T* out, int64_t n) { rng::log_normal(*gen, out, n, mean, std); });
  });
  return self;
}

Tensor geometric_(Tensor self, double p, GeneratorRef generator) {
  RL_CHECK(0 < p && p < 1, "geometric_ expects p to be in (0, 1), but got p=", p);
  if (self.is_meta() || self.numel() == 0) return self;
  const auto gen = generator_or_default(generator);
  dispatch(self.dtype(), "geometric_cpu", RealTypes(), [&]<class T>() {
    fill_in_order<T>(self, [&](T* out, int64_t n) { rng::geometric(*gen, out, n, p); });
  });
  return self;
}

// ---- bernoulli ----

void check_probability(double p) {
  RL_CHECK(0 <= p && p <= 1, "bernoulli_ expects p to be in [0, 1], but got p=", p);
}

Tensor bernoulli_float_(Tensor self, double p, GeneratorRef generator) {
  check_probability(p);
  if (self.is_meta() || self.numel() == 0) return self;
  const auto gen = generator_or_default(generator);
  dispatch(self.dtype(), "bernoulli_scalar_cpu_", RealBoolTypes(), [&]<class T>() {
    fill_in_order<T>(self, [&](T* out, int64_t n) { rng::bernoulli(*gen, out, n, p); });
  });
  return self;
}

Tensor bernoulli_tensor_(Tensor self, Tensor p, GeneratorRef generator) {
  if (self.is_meta()) return self;
  const auto gen = generator_or_default(generator);
  RL_CHECK_KIND(NotImplemented, !is_complex(self.dtype()),
                "\"bernoulli_tensor_cpu_self_\" not implemented for '", dtype_word(self.dtype()),
                "'");
  if (self.numel() == 0) return self;
  const Dims order = memory_order(self);
  const Tensor wide = p.sizes() == self.sizes() ? p : call<"expand">(p, self.sizes());
  const Tensor probabilities = contiguous(rearranged(wide, order));
  const int64_t n = self.numel();
  Tensor hits = empty(probabilities.sizes(), DType::Bool);
  dispatch(p.dtype(), "bernoulli_tensor_cpu_p_", FloatHalfTypes(), [&]<class T>() {
    auto* out = hits.data<uint8_t>();
    const T* in = probabilities.data<T>();
    GilRelease release(n > kGrain);
    rng::bernoulli_each(*gen, out, in, n);
  });
  if (self.dtype() == DType::Bool) {
    scatter(self, order, hits);
  } else {
    scatter(self, order, to_dtype(hits, self.dtype()));
  }
  return self;
}

Tensor bernoulli(Tensor self, GeneratorRef generator) {
  return bernoulli_tensor_(empty(self.sizes(), self.dtype(), self.device()), self, generator);
}

Tensor bernoulli_p(Tensor self, double p, GeneratorRef generator) {
  return bernoulli_float_(empty(self.sizes(), self.dtype(), self.device()), p, generator);
}

Tensor bernoulli_tensor(Tensor self, Tensor p, GeneratorRef generator) {
  return bernoulli_tensor_(empty(self.sizes(), self.dtype(), self.device()), p, generator);
}

// ---- one parameter an element ----

Tensor poisson(Tensor self, GeneratorRef generator) {
  Tensor out = empty(self.sizes(), self.dtype(), self.device());
  if (self.is_meta()) return out;
  const auto gen = generator_or_default(generator);
  const Tensor rate = contiguous(self);
  dispatch(self.dtype(), "poisson_cpu", FloatHalfTypes(), [&]<class T>() {
    T* to = out.data<T>();
    const T* in = rate.data<T>();
    const int64_t n = out.numel();
    GilRelease release(n > kGrain);
    rng::poisson(*gen, to, in, n);
  });
  return out;
}

Tensor binomial(Tensor count, Tensor prob, GeneratorRef generator) {
  RL_CHECK(count.dtype() == prob.dtype(), "Found dtype ", dtype_word(prob.dtype()),
           " but expected ", dtype_word(count.dtype()));
  const Dims sizes = broadcast_shapes(count.sizes(), prob.sizes());
  Tensor out = empty(sizes, count.dtype(), count.device());
  if (out.is_meta()) return out;
  const auto gen = generator_or_default(generator);
  const Tensor counts = contiguous(call<"expand">(count, sizes));
  const Tensor probs = contiguous(call<"expand">(prob, sizes));
  dispatch(count.dtype(), "binomial_cpu", FloatTypes(), [&]<class T>() {
    T* to = out.data<T>();
    const T *n_trials = counts.data<T>(), *p = probs.data<T>();
    const int64_t n = out.numel();
    GilRelease release(n > kGrain);
    rng::binomial(*gen, to, n_trials, p, n);
  });
  return out;
}

Tensor standard_gamma(Tensor self, GeneratorRef generator) {
  Tensor out = empty(self.sizes(), self.dtype(), self.device());
  if (self.is_meta()) return out;
  const auto gen = generator_or_default(generator);
  const Tensor alpha = contiguous(self);
  dispatch(self.dtype(), "gamma_cpu", FloatTypes(), [&]<class T>() {
    T* to = out.data<T>();
    const T* in = alpha.data<T>();
    const int64_t n = out.numel();
    GilRelease release(n > kGrain);
    rng::standard_gamma(*gen, to, in, n);
  });
  return out;
}

Tensor sample_dirichlet(Tensor self, GeneratorRef generator) {
  Tensor out = empty(self.sizes(), self.dtype(), self.device());
  if (self.is_meta() || self.numel() == 0) return out;
  const auto gen = generator_or_default(generator);
  const Tensor alpha = contiguous(self);
  const int64_t categories = self.ndim() == 0 ? 1 : self.size(-1);
  dispatch(self.dtype(), "dirichlet", FloatTypes(), [&]<class T>() {
    T* to = out.data<T>();
    const T* in = alpha.data<T>();
    const int64_t rows = out.numel() / categories;
    GilRelease release(out.numel() > kGrain);
    rng::dirichlet(*gen, to, in, rows, categories);
  });
  return out;
}

Tensor standard_gamma_grad(Tensor self, Tensor output) {
  Tensor out = empty(self.sizes(), self.dtype(), self.device());
  if (self.is_meta()) return out;
  const Tensor alpha = contiguous(self), sample = contiguous(output);
  dispatch(self.dtype(), "_standard_gamma_grad_cpu", FloatTypes(), [&]<class T>() {
    T* to = out.data<T>();
    const T *a = alpha.data<T>(), *x = sample.data<T>();
    parallel(out.numel(), 1024, [=](int64_t begin, int64_t end) {
      rng::standard_gamma_grad(to + begin, a + begin, x + begin, end - begin);
    });
  });
  return out;
}

Tensor dirichlet_grad(Tensor x, Tensor alpha, Tensor total) {
  Tensor out = empty(x.sizes(), x.dtype(), x.device());
  if (x.is_meta()) return out;
  const Tensor xs = contiguous(x), alphas = contiguous(alpha);
  const Tensor totals = contiguous(call<"expand">(total, x.sizes()));
  dispatch(x.dtype(), "_dirichlet_grad_cpu", FloatTypes(), [&]<class T>() {
    T* to = out.data<T>();
    const T *p = xs.data<T>(), *a = alphas.data<T>(), *sum = totals.data<T>();
    parallel(out.numel(), 1024, [=](int64_t begin, int64_t end) {
      rng::dirichlet_grad(to + begin, p + begin, a + begin, sum + begin, end - begin);
    });
  });
  return out;
}

}  // namespace

OP("uniform_(Tensor(a!) self, float from=0., float to=1., *, Generator? generator=None) -> "
   "Tensor(a!)")
    .method_only()
    .no_out()
    .direct(uniform_)
    .grad("self", "", no_gradient);
OP("normal_(Tensor(a!) self, float mean=0., float std=1., *, Generator? generator=None) -> "
   "Tensor(a!)")
    .method_only()
    .no_out()
    .direct(normal_)
    .grad("self", "", no_gradient);
OP("exponential_(Tensor(a!) self, float lambd=1., *, Generator? generator=None) -> Tensor(a!)")
    .method_only()
    .no_out()
    .direct(exponential_)
    .grad("self", "", no_gradient);
OP("cauchy_(Tensor(a!) self, float median=0., float sigma=1., *, Generator? generator=None) -> "
   "Tensor(a!)")
    .method_only()
    .no_out()
    .direct(cauchy_)
    .grad("self", "", no_gradient);
OP("log_normal_(Tensor(a!) self, float mean=1., float std=2., *, Generator? generator=None) -> "
   "Tensor(a!)")
    .method_only()
    .no_out()
    .direct(log_normal_)
    .grad("self", "", no_gradient);
OP("geometric_(Tensor(a!) self, float p, *, Generator? generator=None) -> Tensor(a!)")
    .method_only()
    .no_out()
    .direct(geometric_)
    .grad("self", "", no_gradient);
OP("bernoulli_.Tensor(Tensor(a!) self, Tensor p, *, Generator? generator=None) -> Tensor(a!)")
    .method_only()
    .no_out()
    .direct(bernoulli_tensor_)
    .node_name("BernoulliBackward1")
    .grad("self", "", no_gradient);
OP("bernoulli_.float(Tensor(a!) self, float p=0.5, *, Generator? generator=None) -> Tensor(a!)")
    .method_only()
    .no_out()
    .direct(bernoulli_float_)
    .node_name("BernoulliBackward2")
    .grad("self", "", no_gradient);

OP("normal.Tensor_float(Tensor mean, float std=1., *, Generator? generator=None) -> Tensor")
    .function_only()
    .direct(normal_tensor_float)
    .node_name("NormalBackward1")
    .grad("mean", "", no_gradient);
OP("normal.float_Tensor(float mean, Tensor std, *, Generator? generator=None) -> Tensor")
    .function_only()
    .direct(normal_float_tensor)
    .node_name("NormalBackward2")
    .grad("std", "", no_gradient);
OP("normal.Tensor_Tensor(Tensor mean, Tensor std, *, Generator? generator=None) -> Tensor")
    .function_only()
    .direct(normal_tensor_tensor)
    .node_name("NormalBackward3")
    .grad("mean", "",
          [](GradContext& c) { return zeros_like(sum_to_size(c.grad(), c.sizes("mean"))); })
    .grad("std", "",
          [](GradContext& c) { return zeros_like(sum_to_size(c.grad(), c.sizes("std"))); });

OP("bernoulli(Tensor self, *, Generator? generator=None) -> Tensor")
    .direct(bernoulli)
    .grad("self", "", no_gradient);
OP("bernoulli.p(Tensor self, float p, *, Generator? generator=None) -> Tensor")
    .direct(bernoulli_p)
    .grad("self", "", no_gradient);
OP("bernoulli.Tensor(Tensor self, Tensor p, *, Generator? generator=None) -> Tensor")
    .hidden()
    .direct(bernoulli_tensor)
    .grad("self", "", no_gradient);
OP("poisson(Tensor self, Generator? generator=None) -> Tensor")
    .function_only()
    .direct(poisson)
    .grad("self", "", no_gradient);
OP("binomial(Tensor count, Tensor prob, Generator? generator=None) -> Tensor")
    .function_only()
    .direct(binomial)
    .grad("prob", "",
          [](GradContext& c) { return zeros_like(sum_to_size(c.grad(), c.sizes("prob"))); });
OP("_standard_gamma(Tensor self, Generator? generator=None) -> Tensor")
    .function_only()
    .direct(standard_gamma)
    .grad("self", "self result", [](GradContext& c) {
      return c.grad() * call<"_standard_gamma_grad">(c.tensor("self"), c.result());
    });
OP("_standard_gamma_grad(Tensor self, Tensor output) -> Tensor")
    .function_only()
    .direct(standard_gamma_grad);
OP("_sample_dirichlet(Tensor self, Generator? generator=None) -> Tensor")
    .function_only()
    .direct(sample_dirichlet);
OP("_dirichlet_grad(Tensor x, Tensor alpha, Tensor total) -> Tensor")
    .function_only()
    .direct(dirichlet_grad);

}  // namespace rl
