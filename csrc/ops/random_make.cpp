// New random tensors (rand, randn, randint, randperm and *_like), random_ and multinomial.
#include <cmath>
#include <limits>

#include "dispatch/call.h"
#include "dispatch/promotion.h"
#include "ops/random_fill.h"

namespace rl {

namespace {

using OptDType = std::optional<DType>;
using OptDevice = std::optional<Device>;

// ---- random_ ----

int mantissa_digits(DType d) {
  switch (d) {
    case DType::Float16:
      return 11;
    case DType::BFloat16:
      return 8;
    case DType::Float32:
      return 24;
    default:
      return 53;
  }
}

const char* c_name(DType d) {
  switch (d) {
    case DType::Bool:
      return "bool";
    case DType::UInt8:
      return "unsigned char";
    case DType::Int8:
      return "signed char";
    case DType::Int16:
      return "short";
    case DType::Int32:
      return "int";
    case DType::Int64:
      return "long";
    case DType::UInt16:
      return "short unsigned int";
    case DType::UInt32:
      return "unsigned int";
    case DType::UInt64:
      return "long unsigned int";
    case DType::Float16:
      return "c10::Half";
    case DType::BFloat16:
      return "c10::BFloat16";
    case DType::Float32:
      return "float";
    default:
      return "double";
  }
}

// v converted to a floating dtype and back; out of range gives what x86 gives.
int64_t through(DType d, int64_t v) {
  double x = static_cast<double>(v);
  if (d == DType::Float32) x = static_cast<float>(v);
  if (d == DType::Float16) x = static_cast<float>(Half(static_cast<float>(v)));
  if (d == DType::BFloat16) x = static_cast<float>(BFloat16(static_cast<float>(v)));
  if (!(x >= -0x1p63 && x < 0x1p63)) return std::numeric_limits<int64_t>::min();
  return static_cast<int64_t>(x);
}

int64_t spacing(DType d, int64_t v) {
  const auto size = static_cast<uint64_t>(v < 0 ? -v : v);
  const int log2 = size ? 63 - __builtin_clzll(size) : 0;
  return int64_t{1} << std::max(log2 - mantissa_digits(d) + 1, 0);
}

// The nearest bounds inside [from, to) that the dtype represents, so that rounding does not leave
// the range.
int64_t inner_from(DType d, int64_t from) {
  const int64_t next = through(d, from + 1);
  return next < from ? next + spacing(d, from + 1) : from;
}
int64_t inner_to(DType d, int64_t to) {
  const int64_t last = through(d, to - 1);
  return last >= to ? last - spacing(d, to - 1) : to;
}

struct Bounds {
  double low, high;
};
Bounds dtype_bounds(DType d) {
  switch (d) {
    case DType::Bool:
      return {0, 1};
    case DType::UInt8:
      return {0, 255};
    case DType::Int8:
      return {-128, 127};
    case DType::Int16:
      return {-32768, 32767};
    case DType::Int32:
      return {-0x1p31, 0x1p31 - 1};
    case DType::UInt16:
      return {0, 0x1p16 - 1};
    case DType::UInt32:
      return {0, 0x1p32 - 1};
    case DType::UInt64:
      return {0, 0x1p64};
    case DType::Float16:
      return {-65504, 65504};
    default:
      return {-0x1p63, 0x1p63};
  }
}

void check_bounds(DType d, int64_t from, int64_t last) {
  const Bounds b = dtype_bounds(d);
  const auto inside = [b](int64_t v) {
    return static_cast<double>(v) >= b.low && static_cast<double>(v) <= b.high;
  };
  RL_CHECK(inside(from), "from is out of bounds for ", c_name(d));
  RL_CHECK(inside(last), "to - 1 is out of bounds for ", c_name(d));
}

using DrawnTypes = TypeList<bool, uint8_t, int8_t, int16_t, int32_t, int64_t, float, double, Half,
                            BFloat16, uint16_t, uint32_t, uint64_t>;

void fill_range(const Tensor& self, uint64_t range, int64_t base, const GeneratorRef& generator) {
  if (self.is_meta() || self.numel() == 0) return;
  const auto gen = generator_or_default(generator);
  dispatch(self.dtype(), "random_from_to_kernel_cpu", DrawnTypes(), [&]<class T>() {
    fill_in_order<T>(self,
                     [&](T* out, int64_t n) { rng::random_from_to(*gen, out, n, range, base); });
  });
}

// [from, max of the dtype], or every 64-bit number.
Tensor random_upward(const Tensor& self, int64_t from, const GeneratorRef& generator) {
  const DType d = self.dtype();
  if (from == std::numeric_limits<int64_t>::min()) {
    RL_CHECK(
        d == DType::Int64 || d == DType::Float64 || d == DType::Float32 || d == DType::BFloat16,
        "random_full_64_bits_range_kernel_cpu handles only int64, double, float and bfloat16");
    fill_range(self, 0, 0, generator);
    return self;
  }
  int64_t last = std::numeric_limits<int64_t>::max();
  if (is_floating(d)) {
    last = int64_t{1} << mantissa_digits(d);
    from = inner_from(d, from);
    RL_CHECK(
        from < last,
        "random_ expects 'from' casted to dtype to be less than or equal to 'to_inc' casted to "
        "dtype, but got from=",
        from, " > to_inc=", last);
  } else if (d != DType::Int64 && d != DType::UInt64) {
    last = static_cast<int64_t>(dtype_bounds(d).high);
  }
  check_bounds(d, from, last);
  fill_range(self, static_cast<uint64_t>(last) - static_cast<uint64_t>(from) + 1, from, generator);
  return self;
}

Tensor random_from_to(Tensor self, int64_t from, std::optional<int64_t> to,
                      GeneratorRef generator) {
  const DType d = self.dtype();
  RL_CHECK_KIND(NotImplemented, !is_complex(d), "\"random_from_to\" not implemented for '",
                dtype_word(d), "'");
  if (!to) return random_upward(self, from, generator);
  RL_CHECK(from < *to, "random_ expects 'from' to be less than 'to', but got from=", from,
           " >= to=", *to);
  if (is_floating(d)) {
    from = inner_from(d, from);
    to = inner_to(d, *to);
    RL_CHECK(from < *to,
             "random_ expects 'from' casted to dtype to be less than 'to' casted to dtype, but got "
             "from=",
             from, " >= to=", *to);
  }
  check_bounds(d, from, *to - 1);
  fill_range(self, static_cast<uint64_t>(*to) - static_cast<uint64_t>(from), from, generator);
  return self;
}

Tensor random_to(Tensor self, int64_t to, GeneratorRef generator) {
  return random_from_to(self, 0, to, generator);
}

Tensor random_any(Tensor self, GeneratorRef generator) {
  RL_CHECK_KIND(NotImplemented, !is_complex(self.dtype()),
                "\"random_kernel_cpu\" not implemented for '", dtype_word(self.dtype()), "'");
  if (self.is_meta()) return self;
  const auto gen = generator_or_default(generator);
  dispatch(self.dtype(), "random_kernel_cpu", RealBoolTypes(), [&]<class T>() {
    fill_in_order<T>(self, [&](T* out, int64_t n) { rng::random_any(*gen, out, n); });
  });
  return self;
}

Tensor no_gradient(GradContext& c) { return zeros_like(c.grad()); }

// ---- new tensors ----

Tensor new_empty(const Dims& size, OptDType dtype, OptDevice device) {
  checked_count(size);
  return call<"empty.memory_format">(size, dtype.value_or(default_dtype()), Value(),
                                     device ? Value(*device) : Value());
}

Tensor rand(Dims size, GeneratorRef generator, OptDType dtype, Value, OptDevice device, Value) {
  const Tensor out = new_empty(size, dtype, device);
  call<"uniform_">(out, 0.0, 1.0, generator);
  return out;
}

Tensor randn(Dims size, GeneratorRef generator, OptDType dtype, Value, OptDevice device, Value) {
  const Tensor out = new_empty(size, dtype, device);
  call<"normal_">(out, 0.0, 1.0, generator);
  return out;
}

Tensor normal_float_float(double mean, double std, Dims size, GeneratorRef generator,
                          OptDType dtype, Value, OptDevice device, Value) {
  const Tensor out = new_empty(size, dtype, device);
  call<"normal_">(out, mean, std, generator);
  return out;
}

Tensor randint_low(int64_t low, int64_t high, Dims size, GeneratorRef generator, OptDType dtype,
                   Value, OptDevice device, Value) {
  return random_from_to(new_empty(size, dtype.value_or(DType::Int64), device), low, high,
                        generator);
}

Tensor randint(int64_t high, Dims size, GeneratorRef generator, OptDType dtype, Value layout,
               OptDevice device, Value pin_memory) {
  return randint_low(0, high, size, generator, dtype, layout, device, pin_memory);
}

void check_randperm(int64_t n, DType d) {
  if (is_floating(d)) {
    const int digits = mantissa_digits(d);
    RL_CHECK(d == DType::BFloat16 || n <= (int64_t{1} << digits) + 1, "n cannot be greater than ",
             d == DType::Float16 ? "2049" : concat("2^", digits, "+1"), " for ", dtype_word(d),
             " type.");
    return;
  }
  if (d == DType::Int64) return;
  constexpr const char* names[] = {"bool", "uint8_t", "int8_t", "int16_t", "int"};
  RL_CHECK(static_cast<double>(n - 1) <= dtype_bounds(d).high, "value cannot be converted to type ",
           names[static_cast<int>(d)], " without overflow");
}

Tensor randperm(int64_t n, GeneratorRef generator, OptDType dtype, Value, OptDevice device, Value) {
  const DType d = dtype.value_or(DType::Int64);
  const Tensor out = new_empty({n}, d, device);
  RL_CHECK_KIND(NotImplemented, is_floating(d) || is_integral(d, false),
                "\"randperm\" not implemented for '", dtype_word(d), "'");
  check_randperm(n, d);
  if (out.is_meta()) return out;
  const auto gen = generator_or_default(generator);
  dispatch(d, "randperm", RealTypes(), [&]<class T>() {
    T* to = out.data<T>();
    GilRelease release(n > kGrain);
    rng::randperm(*gen, to, n);
  });
  return out;
}

Tensor empty_like(const Tensor& self, OptDType dtype, Value layout, OptDevice device,
                  Value pin_memory, Value format) {
  return call<"empty_like">(self, dtype, layout, device, pin_memory, format);
}

Tensor rand_like(Tensor self, GeneratorRef generator, OptDType dtype, Value layout,
                 OptDevice device, Value pin_memory, Value format) {
  const Tensor out = empty_like(self, dtype, layout, device, pin_memory, format);
  call<"uniform_">(out, 0.0, 1.0, generator);
  return out;
}

Tensor randn_like(Tensor self, GeneratorRef generator, OptDType dtype, Value layout,
                  OptDevice device, Value pin_memory, Value format) {
  const Tensor out = empty_like(self, dtype, layout, device, pin_memory, format);
  call<"normal_">(out, 0.0, 1.0, generator);
  return out;
}

Tensor randint_like_low(Tensor self, int64_t low, int64_t high, GeneratorRef generator,
                        OptDType dtype, Value layout, OptDevice device, Value pin_memory,
                        Value format) {
  const Tensor out = empty_like(self, dtype, layout, device, pin_memory, format);
  return random_from_to(out, low, high, generator);
}

Tensor randint_like(Tensor self, int64_t high, GeneratorRef generator, OptDType dtype, Value layout,
                    OptDevice device, Value pin_memory, Value format) {
  return randint_like_low(self, 0, high, generator, dtype, layout, device, pin_memory, format);
}

// ---- multinomial ----

Tensor multinomial(Tensor self, int64_t num_samples, bool replacement, GeneratorRef generator) {
  RL_CHECK(self.ndim() > 0 && self.ndim() <= 2, "prob_dist must be 1 or 2 dim");
  RL_CHECK(
      is_floating(self.dtype()),
      "multinomial only supports floating-point dtypes for input, got: ", dtype_word(self.dtype()));
  RL_CHECK(num_samples > 0, "cannot sample n_sample <= 0 samples");
  const int64_t categories = self.size(-1);
  RL_CHECK(replacement || num_samples <= categories,
           "cannot sample n_sample > prob_dist.size(-1) samples without replacement");
  RL_CHECK(categories <= int64_t{1} << 24, "number of categories cannot exceed 2^24");
  const int64_t rows = self.ndim() == 1 ? 1 : self.size(0);
  const Dims sizes = self.ndim() == 1 ? Dims{num_samples} : Dims{rows, num_samples};
  const Tensor out = empty(sizes, DType::Int64, self.device());
  if (self.is_meta() || out.numel() == 0) return out;
  RL_CHECK(categories > 0, "invalid multinomial distribution (sum of probabilities <= 0)");
  const auto gen = generator_or_default(generator);
  const Tensor weights = contiguous(self);
  dispatch(self.dtype(), "multinomial", FloatHalfTypes(), [&]<class T>() {
    auto* to = out.data<int64_t>();
    const T* w = weights.data<T>();
    GilRelease release(self.numel() + out.numel() > kGrain);
    if (replacement && num_samples > 1) {
      rng::multinomial_replace(*gen, to, w, rows, categories, num_samples);
    } else {
      rng::multinomial_race(*gen, to, w, rows, categories, num_samples);
    }
  });
  return out;
}

}  // namespace

#define OPTIONS                                                                                   \
  "Generator? generator=None, ScalarType? dtype=None, Layout? layout=None, Device? device=None, " \
  "bool? pin_memory=None"
#define LIKE_OPTIONS OPTIONS ", MemoryFormat? memory_format=None"

OP("random_(Tensor(a!) self, *, Generator? generator=None) -> Tensor(a!)")
    .method_only()
    .no_out()
    .direct(random_any)
    .node_name("RandomBackward2")
    .grad("self", "", no_gradient);
OP("random_.to(Tensor(a!) self, int to, *, Generator? generator=None) -> Tensor(a!)")
    .method_only()
    .no_out()
    .direct(random_to)
    .node_name("RandomBackward1")
    .grad("self", "", no_gradient);
OP("random_.from(Tensor(a!) self, int from, int? to, *, Generator? generator=None) -> Tensor(a!)")
    .method_only()
    .no_out()
    .direct(random_from_to)
    .grad("self", "", no_gradient);

OP("rand(int[] size, *, " OPTIONS ") -> Tensor").function_only().direct(rand);
OP("randn(int[] size, *, " OPTIONS ") -> Tensor").function_only().direct(randn);
OP("normal.float_float(float mean, float std, int[] size, *, " OPTIONS ") -> Tensor")
    .function_only()
    .direct(normal_float_float);
OP("randint(int high, int[] size, *, " OPTIONS ") -> Tensor").function_only().direct(randint);
OP("randint.low(int low, int high, int[] size, *, " OPTIONS ") -> Tensor")
    .function_only()
    .direct(randint_low);
OP("randperm(int n, *, " OPTIONS ") -> Tensor").function_only().direct(randperm);
OP("rand_like(Tensor self, *, " LIKE_OPTIONS ") -> Tensor")
    .function_only()
    .no_grad()
    .direct(rand_like);
OP("randn_like(Tensor self, *, " LIKE_OPTIONS ") -> Tensor")
    .function_only()
    .no_grad()
    .direct(randn_like);
OP("randint_like(Tensor self, int high, *, " LIKE_OPTIONS ") -> Tensor")
    .function_only()
    .no_grad()
    .direct(randint_like);
OP("randint_like.low_dtype(Tensor self, int low, int high, *, " LIKE_OPTIONS ") -> Tensor")
    .function_only()
    .no_grad()
    .direct(randint_like_low);

OP("multinomial(Tensor self, int num_samples, bool replacement=False, *, Generator? "
   "generator=None) -> Tensor")
    .direct(multinomial);

}  // namespace rl
