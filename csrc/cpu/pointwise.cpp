#include "cpu/pointwise.h"

#include <atomic>
#include <cstring>

#include "cpu/convert.h"
#include "cpu/parallel.h"
#include "cpu/transfer.h"
#include "cpu/transpose.h"
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

constexpr int64_t kBlock = 1024;  // elements: 8 KiB of the widest common type
// Elements up to which a single number is spread over a buffer for the kernel.
constexpr int64_t kSpread = 256;

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

// One operand of the iteration; strides in bytes, innermost dimension first.
struct Operand {
  char* data;
  DType dtype;
  int64_t item;
  Dims strides;
};

struct Plan {
  Dims sizes;                                // innermost first, coalesced
  Operand operands[kMaxPointwiseArity + 1];  // the output first
  int count = 0;
  int64_t numel = 1;
};

void add_operand(Plan& plan, const Tensor& t, const Dims& sizes, char* data) {
  Operand& o = plan.operands[plan.count++];
  o.data = data;
  o.dtype = t.dtype();
  o.item = int64_t(t.item_size());
  int n = sizes.ndim();
  o.strides = Dims(n);
  for (int i = 0; i < n; ++i) {
    int own = i - (n - t.ndim());
    bool repeated = own < 0 || (t.sizes()[own] == 1 && sizes[i] != 1);
    o.strides[i] = repeated ? 0 : t.strides()[own] * o.item;
  }
}

void coalesce(Plan& plan, const Dims& sizes) {
  int n = sizes.ndim();
  Dims order;
  for (int i = n - 1; i >= 0; --i) {
    if (sizes[i] != 1) order.push_back(i);
  }
  const Dims& out = plan.operands[0].strides;
  std::stable_sort(order.begin(), order.end(),
                   [&](int64_t a, int64_t b) { return out[a] < out[b]; });
  Dims merged[kMaxPointwiseArity + 1];
  Dims kept;
  for (int64_t d : order) {
    bool joins = !kept.empty();
    for (int k = 0; k < plan.count && joins; ++k) {
      joins = plan.operands[k].strides[d] == merged[k].back() * kept.back();
    }
    if (joins) {
      kept.back() *= sizes[d];
    } else {
      kept.push_back(sizes[d]);
      for (int k = 0; k < plan.count; ++k) merged[k].push_back(plan.operands[k].strides[d]);
    }
  }
  if (kept.empty()) {
    kept.push_back(1);
    for (int k = 0; k < plan.count; ++k) merged[k].push_back(plan.operands[k].item);
  }
  for (int k = 0; k < plan.count; ++k) plan.operands[k].strides = std::move(merged[k]);
  plan.sizes = std::move(kept);
  plan.numel = count(plan.sizes);
}

// A position in the iteration space, for one thread.
struct Cursor {
  const Plan& plan;
  Dims index;

  Cursor(const Plan& plan, int64_t linear) : plan(plan), index(plan.sizes.size()) {
    for (size_t d = 0; d < index.size(); ++d) {
      index[d] = linear % plan.sizes[d];
      linear /= plan.sizes[d];
    }
  }
  void advance(int64_t n) {
    for (size_t d = 0; d < index.size() && n > 0; ++d) {
      n += index[d];
      index[d] = n % plan.sizes[d];
      n /= plan.sizes[d];
    }
  }
  char* address(int k) const {
    char* p = plan.operands[k].data;
    for (size_t d = 0; d < index.size(); ++d) p += index[d] * plan.operands[k].strides[d];
    return p;
  }
  // Calls f(address, elements) for each run along the innermost dimension.
  template <class F>
  void runs(int k, int64_t n, F f) const {
    Cursor at = *this;
    while (n > 0) {
      int64_t run = std::min(n, plan.sizes[0] - at.index[0]);
      f(at.address(k), run);
      n -= run;
      if (n > 0) at.advance(run);
    }
  }
};

struct Job {
  const Plan& plan;
  const PointwiseKernel& kernel;
  const void* functor;
  DType compute;
  std::atomic<bool>& invalid;
};

void run_range(const Job& job, int64_t begin, int64_t end) {
  const Plan& plan = job.plan;
  const int64_t compute_item = int64_t(item_size(job.compute));
  const int64_t result_item = int64_t(item_size(job.kernel.result));
  alignas(64) char buffers[kMaxPointwiseArity + 1][kBlock * 16];
  const Operand& out = plan.operands[0];
  bool out_direct = out.dtype == job.kernel.result && out.strides[0] == result_item;
  bool direct[kMaxPointwiseArity + 1], constant[kMaxPointwiseArity + 1];
  bool all_direct = out_direct;
  // An operand that repeats one element along a row is spread over a short buffer once for the row.
  const char* spread_from[kMaxPointwiseArity + 1] = {};
  int64_t block = kBlock, spread[kMaxPointwiseArity + 1] = {};
  for (int k = 1; k < plan.count; ++k) {
    const Operand& o = plan.operands[k];
    direct[k] = o.dtype == job.compute && o.strides[0] == compute_item;
    all_direct &= direct[k];
    constant[k] = true;
    for (int64_t s : o.strides) constant[k] &= s == 0;
    if (!constant[k] && o.strides[0] == 0) block = kSpread;
    if (constant[k]) {
      convert(o.dtype, o.data, 0, job.compute, buffers[k], compute_item,
              std::min(kBlock, end - begin));
    }
  }
  const char* in[kMaxPointwiseArity];
  Cursor at(plan, begin);
  while (begin < end) {
    int64_t row = plan.sizes[0] - at.index[0];
    int64_t n = end - begin;
    bool one_run = row >= n || plan.sizes[0] >= 128;
    if (one_run) n = std::min(n, row);
    if (!all_direct || !one_run) n = std::min(n, block);
    for (int k = 1; k < plan.count; ++k) {
      const Operand& o = plan.operands[k];
      if (constant[k]) {
        in[k - 1] = buffers[k];
      } else if (direct[k] && one_run) {
        in[k - 1] = at.address(k);
      } else if (o.strides[0] == 0 && one_run) {
        const char* from = at.address(k);
        if (from != spread_from[k] || spread[k] < n) {
          convert(o.dtype, from, 0, job.compute, buffers[k], compute_item, n);
          spread_from[k] = from;
          spread[k] = n;
        }
        in[k - 1] = buffers[k];
      } else {
        spread_from[k] = nullptr;
        char* to = buffers[k];
        at.runs(k, n, [&](const char* from, int64_t m) {
          convert(o.dtype, from, o.strides[0], job.compute, to, compute_item, m);
          to += m * compute_item;
        });
        in[k - 1] = buffers[k];
      }
    }
    if (job.kernel.valid && !job.kernel.valid(in, n)) {
      job.invalid = true;
      return;
    }
    if (out_direct && one_run) {
      job.kernel.loop(job.functor, at.address(0), in, n);
    } else {
      job.kernel.loop(job.functor, buffers[0], in, n);
      const char* from = buffers[0];
      at.runs(0, n, [&](char* to, int64_t m) {
        convert(job.kernel.result, from, result_item, out.dtype, to, out.strides[0], m);
        from += m * result_item;
      });
    }
    begin += n;
    if (begin < end) at.advance(n);
  }
}

// ---- transposed inputs: tiles of rows, so that every cache line is read once ----

constexpr int64_t kTileColumns = 64, kTileRows = 16;

bool transposed(const Plan& plan, int k) {
  const Operand& o = plan.operands[k];
  return o.strides[0] != o.item && o.strides[0] != 0 && o.strides[1] != 0 &&
         std::abs(o.strides[1]) < std::abs(o.strides[0]);
}
bool wants_tiles(const Plan& plan) {
  if (plan.sizes.size() < 2 || plan.sizes[0] < kTileRows || plan.sizes[1] < kTileRows) return false;
  for (int k = 1; k < plan.count; ++k) {
    if (transposed(plan, k)) return true;
  }
  return false;
}

// A tile's corner: offsets of all operands in the dimensions from the second on.
struct TileRow {
  int64_t row, rows;
  char* data[kMaxPointwiseArity + 1];
};
TileRow tile_row(const Plan& plan, int64_t unit, int64_t band) {
  int64_t bands = (plan.sizes[1] + band - 1) / band;
  TileRow t;
  t.row = unit % bands * band;
  t.rows = std::min(band, plan.sizes[1] - t.row);
  unit /= bands;
  for (int k = 0; k < plan.count; ++k) {
    t.data[k] = plan.operands[k].data + t.row * plan.operands[k].strides[1];
  }
  for (size_t d = 2; d < plan.sizes.size(); ++d) {
    int64_t at = unit % plan.sizes[d];
    unit /= plan.sizes[d];
    for (int k = 0; k < plan.count; ++k) t.data[k] += at * plan.operands[k].strides[d];
  }
  return t;
}
// Reads `columns` x `rows` elements from `from` into dense rows of the given dtype.
void gather_tile(const Operand& o, const char* from, int64_t columns, int64_t rows, DType dtype,
                 char* to) {
  int64_t item = int64_t(item_size(dtype));
  if (o.dtype == dtype && o.strides[1] == item) {
    transpose(from, o.strides[0], to, kTileColumns * item, columns, rows, item);
    return;
  }
  ConvertLoop loop = convert_table().loops[int(o.dtype)][int(dtype)];
  for (int64_t c = 0; c < columns; ++c) {
    loop(from + c * o.strides[0], o.strides[1], to + c * item, kTileColumns * item, rows);
  }
}
template <class F>
void for_tile_rows(const Plan& plan, int64_t band, const F& f) {
  int64_t bands = (plan.sizes[1] + band - 1) / band;
  int64_t units = plan.numel / (plan.sizes[0] * plan.sizes[1]) * bands;
  int64_t grain = std::max<int64_t>(1, kGrain / (band * plan.sizes[0]));
  parallel(units, grain, [&](int64_t begin, int64_t end) {
    for (int64_t u = begin; u < end; ++u) f(tile_row(plan, u, band));
  });
}

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

// All operands dense in one specially ordered layout (or single numbers): the bytes can be walked
// flat, and the result takes the same order.
bool same_physical_layout(const Inputs& in, const Tensor& out) {
  const PhysicalLayout* layout = nullptr;
  for (int i = 0; i < in.count; ++i) {
    const Tensor& t = *in.tensors[i];
    if (t.numel() == 1) continue;
    const PhysicalLayout& l = t.storage()->layout;
    if (!l.channels_last || t.sizes() != out.sizes() || !t.is_contiguous() || t.offset() != 0) {
      return false;
    }
    if (layout && (l.channels != layout->channels || l.spatial != layout->spatial)) return false;
    if (l.batch * l.channels * l.spatial != t.numel()) return false;
    layout = &l;
  }
  if (!layout || !out.is_contiguous() || out.offset() != 0 || !out.storage()->watched()) {
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
      if (like.numel > kSpread || category(t.dtype) > category(like.dtype)) return false;
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
  for (int i = 0; i < in.count; ++i) {
    const Tensor& t = *in.tensors[i];
    from[i] = static_cast<const char*>(t.data());
    if (!t->wrapped_number) continue;
    convert(t.dtype(), from[i], 0, like.dtype, spread[i], item, n);
    from[i] = spread[i];
  }
  char* to = static_cast<char*>(out.data());
  std::atomic<bool> invalid{false};
  parallel(n, kGrain, [&](int64_t begin, int64_t end) {
    const char* at[kMaxPointwiseArity];
    for (int i = 0; i < in.count; ++i) at[i] = from[i] + begin * item;
    if (kernel.valid && !kernel.valid(at, end - begin)) {
      invalid = true;
      return;
    }
    kernel.loop(functor, to + begin * result_item, at, end - begin);
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
  for (int i = 0; i < in.count && flat; ++i) {
    const Tensor& t = *in.tensors[i];
    flat = (t.is_contiguous() && t.sizes() == out.sizes()) || t.numel() == 1;
    raw |= t.storage()->layout.channels_last;
  }
  raw = raw && flat && same_physical_layout(in, out);
  RawReader readers[kMaxPointwiseArity + 1];
  for (int i = 0; i < in.count && raw; ++i) readers[i] = RawReader(in.tensors[i]->storage());
  if (raw) readers[in.count] = RawReader(out.storage());
  Plan plan;
  auto address = [&](const Tensor& t) {
    return static_cast<char*>(raw ? t.storage()->raw_data() : t.data());
  };
  if (flat) {
    plan.sizes = Dims({out.numel()});
    plan.numel = out.numel();
    auto add = [&](const Tensor& t, bool repeated) {
      Operand& o = plan.operands[plan.count++];
      o.item = int64_t(t.item_size());
      o.data = raw && repeated ? static_cast<char*>(t.data()) : address(t);
      o.dtype = t.dtype();
      o.strides = Dims({repeated ? 0 : o.item});
    };
    add(out, false);
    for (int i = 0; i < in.count; ++i) {
      add(*in.tensors[i], in.tensors[i]->numel() == 1 && out.numel() != 1);
    }
  } else {
    add_operand(plan, out, out.sizes(), address(out));
    for (int i = 0; i < in.count; ++i) {
      add_operand(plan, *in.tensors[i], out.sizes(), address(*in.tensors[i]));
    }
    coalesce(plan, out.sizes());
  }
  std::atomic<bool> invalid{false};
  Job job{plan, kernel, functor, types.compute, invalid};
  if (!flat && wants_tiles(plan)) {
    run_tiles(job);
  } else {
    parallel(plan.numel, kGrain, [&](int64_t b, int64_t e) { run_range(job, b, e); });
  }
  RL_CHECK(!invalid, "ZeroDivisionError");
}

namespace {

bool shares_memory(const Tensor& a, const Tensor& b) {
  if (!(a.storage() == b.storage())) return false;
  bool same = a.offset() == b.offset() && a.strides() == b.strides() && a.sizes() == b.sizes();
  return !same;
}

// A dense tensor in a special physical order keeps it in its copy.
bool copy_in_physical_order(const Tensor& src, const Tensor& out) {
  const PhysicalLayout& l = src.storage()->layout;
  if (!l.channels_last || src.sizes() != out.sizes() || src.dtype() != out.dtype()) return false;
  if (!src.is_contiguous() || !out.is_contiguous() || src.offset() || out.offset()) return false;
  size_t bytes = size_t(src.numel()) * src.item_size();
  if (src.storage()->bytes() != bytes || out.storage()->bytes() != bytes) return false;
  if (out.storage()->use_count() != 1 || !out.storage()->watched()) return false;
  std::memcpy(out.storage()->raw_data(), src.storage()->raw_data(), bytes);
  out.storage()->layout = l;
  return true;
}

void transfer_tiles(const Plan& plan) {
  const Operand &to = plan.operands[0], &from = plan.operands[1];
  if (from.dtype == to.dtype && from.strides[1] == to.item) {
    // Bands as high as a cache line of the input is long; the lines of the next tile are asked for
    // while this one is turned.
    constexpr int64_t kLine = 64;
    for_tile_rows(plan, std::max(kTileRows, kLine / to.item), [&](const TileRow& t) {
      const int64_t step = from.strides[0], size = plan.sizes[0];
      for (int64_t c = 0; c < size; c += kTileColumns) {
        const int64_t columns = std::min(kTileColumns, size - c);
        const int64_t ahead = std::min(c + 2 * kTileColumns, size);
        for (int64_t k = c + kTileColumns; k < ahead; ++k)
          __builtin_prefetch(t.data[1] + k * step, 0);
        transpose(t.data[1] + c * step, step, t.data[0] + c * to.item, to.strides[1], columns,
                  t.rows, to.item);
      }
    });
    return;
  }
  for_tile_rows(plan, kTileRows, [&](const TileRow& t) {
    alignas(64) char tile[kTileColumns * kTileRows * 16];
    for (int64_t c = 0; c < plan.sizes[0]; c += kTileColumns) {
      int64_t columns = std::min(kTileColumns, plan.sizes[0] - c);
      gather_tile(from, t.data[1] + c * from.strides[0], columns, t.rows, to.dtype, tile);
      for (int64_t r = 0; r < t.rows; ++r) {
        std::memcpy(t.data[0] + c * to.item + r * to.strides[1], tile + r * kTileColumns * to.item,
                    size_t(columns * to.item));
      }
    }
  });
}

}  // namespace

void transfer(const Tensor& src, const Tensor& out) {
  if (out.numel() == 0 || out.is_meta() || src.is_meta()) return;
  if (shares_memory(src, out)) {
    Tensor own = empty(src.sizes(), src.dtype());
    transfer(src, own);
    transfer(own, out);
    return;
  }
  if (copy_in_physical_order(src, out)) return;
  Plan plan;
  if (src.is_contiguous() && out.is_contiguous() && src.sizes() == out.sizes()) {
    plan.sizes = Dims({out.numel()});
    plan.numel = out.numel();
    for (const Tensor* t : {&out, &src}) {
      int64_t item = int64_t(t->item_size());
      plan.operands[plan.count++] = {static_cast<char*>(t->data()), t->dtype(), item, Dims({item})};
    }
  } else {
    add_operand(plan, out, out.sizes(), static_cast<char*>(out.data()));
    add_operand(plan, src, out.sizes(), static_cast<char*>(src.data()));
    coalesce(plan, out.sizes());
  }
  const Operand& to = plan.operands[0];
  if (to.strides[0] == to.item && wants_tiles(plan)) {
    transfer_tiles(plan);
    return;
  }
  ConvertLoop loop = convert_table().loops[int(src.dtype())][int(out.dtype())];
  int64_t from_stride = plan.operands[1].strides[0], to_stride = plan.operands[0].strides[0];
  parallel(plan.numel, kGrain, [&](int64_t begin, int64_t end) {
    Cursor at(plan, begin);
    while (begin < end) {
      int64_t n = std::min(end - begin, plan.sizes[0] - at.index[0]);
      loop(at.address(1), from_stride, at.address(0), to_stride, n);
      begin += n;
      if (begin < end) at.advance(n);
    }
  });
}

}  // namespace rl
