#include "cpu/pointwise.h"

#include <atomic>
#include <cstring>
#include <limits>

#include "cpu/convert.h"
#include "cpu/parallel.h"
#include "cpu/plan.h"
#include "dispatch/promotion.h"

namespace rl {

ConvertTable& best_table() {
  static ConvertTable table;
  return table;
}
const ConvertTable& convert_table() { return best_table(); }
void register_convert_table(int isa_level, const ConvertTable& table) {
  static int best = -1;
  if (isa_level > cpu_isa_level() || isa_level <= best) return;
  best = isa_level;
  best_table() = table;
}

namespace {

constexpr int64_t kBlock = 512;  // elements of an operand that are copied for the kernel at a time
// Elements over which a number is spread for the kernel: of a whole small tensor, and of a row.
constexpr int64_t kSpread = 256, kSpreadBlock = 512;
// Elements from which on rows are run one by one.
constexpr int64_t kLongRow = 32;

struct Inputs {
  const Tensor* tensors[kMaxPointwiseArity];
  int count = 0;
};

Inputs inputs_of(const Op& op, const Value* args) {
  Inputs in;
  for (int i : op.tensor_args) {
    if (in.count == op.pointwise->arity) break;
    in.tensors[in.count++] = &Unbox<Tensor>::get(args[i]);
  }
  return in;
}

struct Types {
  DType common, compute, result;
};

Types types_of(const Op& op, const Value* args, const Inputs& in) {
  const PointwiseSpec& spec = *op.pointwise;
  DType common = in.tensors[0]->dtype();
  bool alike = !spec.promote_scalars && !spec.ignored;
  for (int i = 1; i < in.count && alike; ++i) alike = in.tensors[i]->dtype() == common;
  if (!alike) {
    Promotion p;
    for (int i = 0; i < in.count; ++i) {
      if (!(spec.ignored >> i & 1)) p.add(*in.tensors[i]);
    }
    if (spec.promote_scalars) {
      for (size_t i = 0; i < op.schema.args.size(); ++i) {
        if (op.schema.args[i].type == ArgType::Scalar && !is_none(args[i])) {
          p.add(to_scalar(args[i]));
        }
      }
    }
    common = p.result();
  } else if (common == DType::Float64 && (*in.tensors[0])->wrapped_number && in.count == 1) {
    common = default_dtype();
  }
  if (spec.promote == Promote::IntToFloat && is_integral(common, true)) common = default_dtype();
  if (op.check) op.check(args, common);
  bool by_float = is_half(common) && !spec.kernels[int(common)].loop;
  if (is_half(common) && spec.widening) {
    for (int i = 0; i < in.count; ++i)
      by_float |= in.tensors[i]->dtype() != common || (*in.tensors[i])->wrapped_number;
  }
  DType compute = by_float ? DType::Float32 : common;
  const PointwiseKernel& k = spec.kernels[int(compute)];
  if (!k.loop) {
    fail(ErrorKind::NotImplemented, "\"", op.word ? op.word : op.schema.name.c_str(),
         "\" not implemented for '", dtype_word(common), "'");
  }
  DType result = k.result == compute ? common : k.result;
  return {common, compute, result};
}

// Output strides follow the inputs' order of dimensions, as TensorIterator's do.
std::optional<Dims> result_strides(const Inputs& in, const Dims& sizes) {
  bool plain = true;
  for (int i = 0; i < in.count; ++i) {
    plain &= in.tensors[i]->is_contiguous() || in.tensors[i]->numel() == 1;
  }
  if (plain || sizes.ndim() < 2) return std::nullopt;
  for (int i = 0; i < in.count && plain == false; ++i) {
    const Tensor& t = *in.tensors[i];
    if (t.sizes() != sizes || !is_dense(t.sizes(), t.strides())) break;
    if (i == in.count - 1 && [&] {
          for (int k = 0; k < in.count; ++k) {
            if (in.tensors[k]->strides() != t.strides()) return false;
          }
          return true;
        }()) {
      return t.strides();
    }
  }
  int n = sizes.ndim();
  Dims order(n);
  for (int i = 0; i < n; ++i) order[i] = n - 1 - i;
  auto stride_of = [&](const Tensor& t, int64_t dim) {
    int64_t own = dim - (n - t.ndim());
    return own < 0 || (t.sizes()[own] == 1 && sizes[dim] != 1) ? 0 : t.strides()[own];
  };
  auto compare = [&](int64_t a, int64_t b) {
    for (int i = 0; i < in.count; ++i) {
      int64_t sa = stride_of(*in.tensors[i], a), sb = stride_of(*in.tensors[i], b);
      if (sa == 0 || sb == 0) continue;
      if (sa != sb) return sa < sb ? -1 : 1;
      if (sizes[a] > sizes[b]) return 1;
    }
    return 0;
  };
  for (int i = 1; i < n; ++i) {
    int at = i;
    for (int before = i - 1; before >= 0; --before) {
      int c = compare(order[before], order[at]);
      if (c > 0) {
        std::swap(order[before], order[at]);
        at = before;
      } else if (c < 0) {
        break;
      }
    }
  }
  Dims strides(n);
  int64_t step = 1;
  for (int64_t d : order) {
    strides[d] = step;
    step *= std::max<int64_t>(sizes[d], 1);
  }
  return strides;
}

struct Job {
  const Plan& plan;
  const PointwiseKernel& kernel;
  const void* functor;
  DType compute;
  std::atomic<bool>& invalid;
};

using KernelLoop = decltype(PointwiseKernel::loop);

// How the kernel gets at the operands of a plan.
struct Access {
  KernelLoop loop;
  int64_t item, result_item;
  bool out_direct;  // the kernel writes where the result belongs
  bool direct[kMaxPointwiseArity + 1], repeated[kMaxPointwiseArity + 1];
  int64_t block;   // elements of a call of the kernel
  int64_t spread;  // elements of an operand that repeats one along a row

  explicit Access(const Job& job)
      : loop(job.kernel.loop),
        item(int64_t(item_size(job.compute))),
        result_item(int64_t(item_size(job.kernel.result))) {
    const Operand& out = job.plan.operands[0];
    out_direct = out.dtype == job.kernel.result && out.strides[0] == result_item;
    bool buffered = !out_direct;
    int repeats = 0, last = 0;
    for (int k = 1; k < job.plan.count; ++k) {
      const Operand& o = job.plan.operands[k];
      direct[k] = o.dtype == job.compute && o.strides[0] == item;
      repeated[k] = o.strides[0] == 0;
      if (repeated[k]) ++repeats, last = k;
      buffered |= !direct[k] && !repeated[k];
    }
    const bool number = repeats == 1 && last <= 2 && job.kernel.number[last - 1];
    if (number) loop = job.kernel.number[last - 1];
    spread = number ? 1 : std::min(job.plan.sizes[0], kSpreadBlock);
    block = repeats && !number ? kSpreadBlock
            : buffered         ? kBlock
                               : std::numeric_limits<int64_t>::max();
  }
};

// Row after row, so that operands which lie as the kernel wants them are read in place. An operand
// that repeats one element along a row is spread over a short buffer once for the row.
void run_rows(const Job& job, const Access& access, int64_t begin, int64_t end) {
  const Plan& plan = job.plan;
  alignas(64) char buffers[kMaxPointwiseArity + 1][kBlock * 16];
  const char* spread_from[kMaxPointwiseArity + 1] = {};
  const Operand& out = plan.operands[0];
  const char* in[kMaxPointwiseArity];
  char* from[kMaxPointwiseArity + 1];
  Cursor at(plan, begin);
  for (int k = 0; k < plan.count; ++k) {
    from[k] = at.address(k);
    if (k > 0 && access.repeated[k]) in[k - 1] = buffers[k];
  }
  while (begin < end) {
    const int64_t row = std::min(plan.sizes[0] - at.index[0], end - begin);
    for (int k = 1; k < plan.count; ++k) {
      if (!access.repeated[k] || from[k] == spread_from[k]) continue;
      spread_from[k] = from[k];
      convert(plan.operands[k].dtype, from[k], 0, job.compute, buffers[k], access.item,
              access.spread);
    }
    for (int64_t i = 0; i < row; i += access.block) {
      const int64_t n = std::min(access.block, row - i);
      for (int k = 1; k < plan.count; ++k) {
        const Operand& o = plan.operands[k];
        if (access.repeated[k]) continue;
        in[k - 1] = access.direct[k] ? from[k] + i * access.item : buffers[k];
        if (access.direct[k]) continue;
        convert(o.dtype, from[k] + i * o.strides[0], o.strides[0], job.compute, buffers[k],
                access.item, n);
      }
      if (job.kernel.valid && !job.kernel.valid(in, n)) {
        job.invalid = true;
        return;
      }
      char* to = from[0] + i * out.strides[0];
      access.loop(job.functor, access.out_direct ? to : buffers[0], in, n);
      if (!access.out_direct) {
        convert(job.kernel.result, buffers[0], access.result_item, out.dtype, to, out.strides[0],
                n);
      }
    }
    begin += row;
    if (begin == end) return;
    at.next_row(from);
  }
}

// Short rows are gathered, so that the kernel still sees many elements together.
void run_short_rows(const Job& job, const Access& access, int64_t begin, int64_t end) {
  const Plan& plan = job.plan;
  alignas(64) char buffers[kMaxPointwiseArity + 1][kBlock * 16];
  const Operand& out = plan.operands[0];
  const char* in[kMaxPointwiseArity];
  bool constant[kMaxPointwiseArity + 1];
  for (int k = 1; k < plan.count; ++k) {
    const Operand& o = plan.operands[k];
    in[k - 1] = buffers[k];
    constant[k] = true;
    for (int64_t s : o.strides) constant[k] &= s == 0;
    if (constant[k]) {
      convert(o.dtype, o.data, 0, job.compute, buffers[k], access.item,
              std::min(kBlock, end - begin));
    }
  }
  Cursor at(plan, begin);
  while (begin < end) {
    const int64_t n = std::min(end - begin, kBlock);
    for (int k = 1; k < plan.count; ++k) {
      const Operand& o = plan.operands[k];
      char* to = buffers[k];
      if (constant[k]) continue;
      at.runs(k, n, [&](const char* from, int64_t m) {
        convert(o.dtype, from, o.strides[0], job.compute, to, access.item, m);
        to += m * access.item;
      });
    }
    if (job.kernel.valid && !job.kernel.valid(in, n)) {
      job.invalid = true;
      return;
    }
    job.kernel.loop(job.functor, buffers[0], in, n);
    const char* from = buffers[0];
    at.runs(0, n, [&](char* to, int64_t m) {
      convert(job.kernel.result, from, access.result_item, out.dtype, to, out.strides[0], m);
      from += m * access.result_item;
    });
    begin += n;
    if (begin < end) at.advance(n);
  }
}

// ---- transposed inputs: tiles of rows, so that every cache line is read once ----

void run_tiles(const Job& job) {
  const Plan& plan = job.plan;
  for_tile_rows(plan, kTileRows, [&](const TileRow& t) {
    const int64_t item = int64_t(item_size(job.compute));
    const int64_t result_item = int64_t(item_size(job.kernel.result));
    alignas(64) char tiles[kMaxPointwiseArity + 1][kTileColumns * kTileRows * 16];
    const Operand& out = plan.operands[0];
    bool out_direct = out.dtype == job.kernel.result && out.strides[0] == result_item;
    for (int64_t c = 0; c < plan.sizes[0]; c += kTileColumns) {
      int64_t columns = std::min(kTileColumns, plan.sizes[0] - c);
      for (int k = 1; k < plan.count; ++k) {
        if (transposed(plan, k)) {
          const Operand& o = plan.operands[k];
          gather_tile(o, t.data[k] + c * o.strides[0], columns, t.rows, job.compute, tiles[k]);
        }
      }
      for (int64_t r = 0; r < t.rows; ++r) {
        const char* in[kMaxPointwiseArity];
        for (int k = 1; k < plan.count; ++k) {
          const Operand& o = plan.operands[k];
          char* own = tiles[k] + r * kTileColumns * item;
          const char* from = t.data[k] + c * o.strides[0] + r * o.strides[1];
          bool direct = o.dtype == job.compute && o.strides[0] == item;
          if (!direct && !transposed(plan, k)) {
            convert(o.dtype, from, o.strides[0], job.compute, own, item, columns);
          }
          in[k - 1] = direct ? from : own;
        }
        if (job.kernel.valid && !job.kernel.valid(in, columns)) {
          job.invalid = true;
          return;
        }
        char* to = t.data[0] + c * out.strides[0] + r * out.strides[1];
        job.kernel.loop(job.functor, out_direct ? to : tiles[0], in, columns);
        if (!out_direct) {
          convert(job.kernel.result, tiles[0], result_item, out.dtype, to, out.strides[0], columns);
        }
      }
    }
  });
}

bool in_physical_order(const Tensor& t, const Dims& sizes) {
  const PhysicalLayout& l = t.storage()->layout;
  return l.channels_last && t.sizes() == sizes && t.is_contiguous() && t.offset() == 0 &&
         l.batch * l.channels * l.spatial == t.numel();
}

// The special order that the operands share, beside single numbers (or, where `broadcast`, beside
// operands much smaller than the result): the bytes can be walked in it, and the result takes it.
bool same_physical_layout(const Inputs& in, const Tensor& out, bool broadcast) {
  const PhysicalLayout* layout = nullptr;
  for (int i = 0; i < in.count; ++i) {
    const Tensor& t = *in.tensors[i];
    if (t.numel() == 1 || (broadcast && t.numel() <= out.numel() / 4)) {
      // It will be turned into plain order, and what shares its bytes with it.
      bool turns = t.storage()->layout.channels_last && t.storage() == out.storage();
      for (int k = 0; k < in.count && t.storage()->layout.channels_last; ++k)
        turns |= k != i && in.tensors[k]->storage() == t.storage();
      if (turns) return false;
      continue;
    }
    if (!in_physical_order(t, out.sizes())) return false;
    const PhysicalLayout& l = t.storage()->layout;
    if (layout && (l.channels != layout->channels || l.spatial != layout->spatial)) return false;
    layout = &l;
  }
  if (!layout || !out.is_contiguous() || out.offset() != 0 || !out.storage()->watched()) {
    return false;
  }
  if (broadcast) {
    const int n = out.ndim();
    if (n < 4 || n > 5 || layout->batch != out.sizes()[0] || layout->channels != out.sizes()[1])
      return false;
  }
  const PhysicalLayout& now = out.storage()->layout;
  bool fresh = out.storage()->use_count() == 1 || now.channels_last;
  if (!fresh || out.storage()->bytes() != size_t(out.numel()) * out.item_size()) return false;
  out.storage()->layout = *layout;
  out.storage()->layout.dtype = out.dtype();
  return true;
}

// ---- plain operands: one direct call of the kernel, without a plan ----

int category(DType d) { return d == DType::Bool ? 0 : is_complex(d) ? 3 : is_floating(d) ? 2 : 1; }

struct PlainInputs {
  const Tensor* tensors[kMaxPointwiseArity];
  int count = 0;
  const Tensor* shape = nullptr;  // the first that is not a Python number
};

// Are the operands contiguous and alike, or Python numbers that do not change the dtype?
bool plain_inputs(const Op& op, const Value* args, PlainInputs& in) {
  const PointwiseSpec& spec = *op.pointwise;
  if (spec.ignored) return false;
  for (int i : op.tensor_args) {
    if (in.count == spec.arity) break;
    auto* t = std::get_if<Tensor>(&args[i]);
    if (!t || !t->defined()) return false;
    in.tensors[in.count++] = t;
    if (!in.shape && !(*t)->wrapped_number) in.shape = t;
  }
  if (!in.shape) return false;
  const TensorImpl& like = *in.shape->impl();
  for (int i = 0; i < in.count; ++i) {
    const TensorImpl& t = *in.tensors[i]->impl();
    if (t.storage->device().type != DeviceType::CPU || t.storage->layout.channels_last)
      return false;
    if (t.wrapped_number) {
      if (is_half(like.dtype) && spec.widening) return false;
      const bool as_number = in.count == 2 && spec.kernels[int(like.dtype)].number[i];
      if (like.numel > kSpread && !as_number) return false;
      if (category(t.dtype) > category(like.dtype)) return false;
    } else if (!t.contiguous || t.dtype != like.dtype || !(t.sizes == like.sizes)) {
      return false;
    }
  }
  if (!spec.promote_scalars) return true;
  if (!is_floating(like.dtype)) return false;
  for (size_t i = 0; i < op.schema.args.size(); ++i) {
    if (std::holds_alternative<complex128>(args[i])) return false;
  }
  return true;
}

}  // namespace

bool run_plain_pointwise(const Op& op, const Value* args, Tensor& out) {
  PlainInputs in;
  if (!plain_inputs(op, args, in)) return false;
  const TensorImpl& like = *in.shape->impl();
  const PointwiseSpec& spec = *op.pointwise;
  const PointwiseKernel& kernel = spec.kernels[int(like.dtype)];
  if (!kernel.loop || (spec.promote == Promote::IntToFloat && is_integral(like.dtype, true))) {
    return false;
  }
  if (out.defined()) {
    if (out.dtype() != kernel.result || !out.is_contiguous() || !(out.sizes() == like.sizes) ||
        out.storage()->layout.channels_last) {
      return false;
    }
    for (int i = 0; i < in.count; ++i) {
      const Tensor& t = *in.tensors[i];
      if (t.storage() == out.storage() && t.offset() != out.offset()) return false;
    }
  }
  if (op.check) op.check(args, like.dtype);
  alignas(16) char functor[kFunctorBytes];
  kernel.make(args, functor);
  if (!out.defined()) out = empty(like.sizes, kernel.result);
  int64_t n = like.numel;
  if (n == 0) return true;
  alignas(64) char spread[kMaxPointwiseArity][kSpread * 16];
  const char* from[kMaxPointwiseArity];
  int64_t item = int64_t(item_size(like.dtype)), result_item = int64_t(item_size(kernel.result));
  int64_t step[kMaxPointwiseArity];
  KernelLoop loop = kernel.loop;
  for (int i = 0; i < in.count; ++i) {
    const Tensor& t = *in.tensors[i];
    from[i] = static_cast<const char*>(t.data());
    step[i] = item;
    if (!t->wrapped_number) continue;
    const bool as_number = in.count == 2 && kernel.number[i];
    if (as_number) loop = kernel.number[i], step[i] = 0;
    convert(t.dtype(), from[i], 0, like.dtype, spread[i], item, as_number ? 1 : n);
    from[i] = spread[i];
  }
  char* to = static_cast<char*>(out.data());
  std::atomic<bool> invalid{false};
  parallel(n, kGrain, [&](int64_t begin, int64_t end) {
    const char* at[kMaxPointwiseArity];
    for (int i = 0; i < in.count; ++i) at[i] = from[i] + begin * step[i];
    if (kernel.valid && !kernel.valid(at, end - begin)) {
      invalid = true;
      return;
    }
    loop(functor, to + begin * result_item, at, end - begin);
  });
  RL_CHECK(!invalid, "ZeroDivisionError");
  return true;
}

void infer_pointwise(const Op& op, const Value* args, TensorSpec* spec) {
  Inputs in = inputs_of(op, args);
  Types types = types_of(op, args, in);
  spec->dtype = types.result;
  spec->sizes = in.tensors[0]->sizes();
  for (int i = 1; i < in.count; ++i) {
    if (in.tensors[i]->ndim() == 0) continue;
    spec->sizes = broadcast_shapes(spec->sizes, in.tensors[i]->sizes());
  }
  spec->strides = result_strides(in, spec->sizes);
}

void run_pointwise(const Op& op, const Value* args, const Tensor& out) {
  Inputs in = inputs_of(op, args);
  Types types = types_of(op, args, in);
  const PointwiseKernel& kernel = op.pointwise->kernels[int(types.compute)];
  alignas(16) char functor[kFunctorBytes];
  kernel.make(args, functor);
  if (out.numel() == 0) return;
  bool flat = out.is_contiguous();
  bool raw = false;
  for (int i = 0; i < in.count; ++i) {
    const Tensor& t = *in.tensors[i];
    flat &= (t.is_contiguous() && t.sizes() == out.sizes()) || t.numel() == 1;
    raw |= t.storage()->layout.channels_last;
  }
  raw = raw && same_physical_layout(in, out, !flat);
  RawReader readers[kMaxPointwiseArity + 1];
  for (int i = 0; i < in.count && raw; ++i) readers[i] = RawReader(in.tensors[i]->storage());
  if (raw) readers[in.count] = RawReader(out.storage());
  Plan plan;
  auto address = [&](const Tensor& t) {
    const bool as_it_lies = raw && in_physical_order(t, out.sizes());
    return static_cast<char*>(as_it_lies ? t.storage()->raw_data() : t.data());
  };
  if (flat) {
    plan.sizes = Dims({out.numel()});
    plan.numel = out.numel();
    auto add = [&](const Tensor& t, bool repeated) {
      Operand& o = plan.operands[plan.count++];
      o.item = int64_t(t.item_size());
      o.data = address(t);
      o.dtype = t.dtype();
      o.strides = Dims({repeated ? 0 : o.item});
    };
    add(out, false);
    for (int i = 0; i < in.count; ++i) {
      add(*in.tensors[i], in.tensors[i]->numel() == 1 && out.numel() != 1);
    }
  } else {
    auto add = [&](const Tensor& t) {
      const bool as_it_lies = raw && in_physical_order(t, out.sizes());
      const Dims strides = as_it_lies ? channels_last_strides(out.sizes()) : t.strides();
      add_operand(plan, t, strides, out.sizes(), address(t));
    };
    add(out);
    for (int i = 0; i < in.count; ++i) add(*in.tensors[i]);
    coalesce(plan, out.sizes());
  }
  std::atomic<bool> invalid{false};
  Job job{plan, kernel, functor, types.compute, invalid};
  if (!flat && wants_tiles(plan)) {
    run_tiles(job);
  } else {
    const Access access(job);
    const auto run =
        plan.sizes.size() == 1 || plan.sizes[0] >= kLongRow ? run_rows : run_short_rows;
    parallel(plan.numel, kGrain, [&](int64_t b, int64_t e) { run(job, access, b, e); });
  }
  RL_CHECK(!invalid, "ZeroDivisionError");
}

}  // namespace rl
