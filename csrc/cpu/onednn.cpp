#include "cpu/onednn.h"

#include <atomic>
#include <cstdlib>
#include <cstring>
#include <list>
#include <memory>
#include <mutex>
#include <stdexcept>
#include <string>
#include <unordered_map>
#include <vector>

#include "cpu/scratch.h"
#include "oneapi/dnnl/dnnl.h"
#include "pool/onednn_loader.h"
#include "pool/pool.h"

namespace rl::onednn {
namespace {

// Made on first use; the CPU stream keeps no state, so all threads and forked children share it.
struct Runtime {
  dnnl_engine_t engine = nullptr;
  dnnl_stream_t stream = nullptr;
  std::string version;
  bool ok = false;
};

Runtime open_runtime() {
  Runtime r;
  const char* wanted = std::getenv("RUSHLIGHT_ONEDNN");
  if (wanted && !std::strcmp(wanted, "0")) return r;
  try {
    load_onednn();
  } catch (const std::runtime_error&) {
    return r;
  }
  if (dnnl_engine_create(&r.engine, dnnl_cpu, 0) != dnnl_success) return r;
  if (dnnl_stream_create(&r.stream, r.engine, dnnl_stream_default_flags) != dnnl_success) return r;
  const dnnl_version_t* v = dnnl_version();
  r.version =
      std::to_string(v->major) + "." + std::to_string(v->minor) + "." + std::to_string(v->patch);
  r.ok = true;
  return r;
}

const Runtime& runtime() {
  static const Runtime instance = open_runtime();
  return instance;
}

void check(dnnl_status_t status, const char* what) {
  if (status != dnnl_success)
    throw std::runtime_error(std::string("oneDNN: ") + what + " failed with status " +
                             std::to_string(int(status)));
}

// ------------------------------------------------------------------------------ owning handles

struct MdDeleter {
  void operator()(dnnl_memory_desc* p) const { dnnl_memory_desc_destroy(p); }
};
struct PdDeleter {
  void operator()(dnnl_primitive_desc* p) const { dnnl_primitive_desc_destroy(p); }
};
struct PrimitiveDeleter {
  void operator()(dnnl_primitive* p) const { dnnl_primitive_destroy(p); }
};
struct AttrDeleter {
  void operator()(dnnl_primitive_attr* p) const { dnnl_primitive_attr_destroy(p); }
};
struct PostOpsDeleter {
  void operator()(dnnl_post_ops* p) const { dnnl_post_ops_destroy(p); }
};
struct MemoryDeleter {
  void operator()(dnnl_memory* p) const { dnnl_memory_destroy(p); }
};
using Md = std::unique_ptr<dnnl_memory_desc, MdDeleter>;
using Pd = std::unique_ptr<dnnl_primitive_desc, PdDeleter>;
using Primitive = std::unique_ptr<dnnl_primitive, PrimitiveDeleter>;
using Attr = std::unique_ptr<dnnl_primitive_attr, AttrDeleter>;
using PostOps = std::unique_ptr<dnnl_post_ops, PostOpsDeleter>;
using Memory = std::unique_ptr<dnnl_memory, MemoryDeleter>;

Attr scratchpad_attr() {
  dnnl_primitive_attr_t attr;
  check(dnnl_primitive_attr_create(&attr), "primitive_attr_create");
  Attr owned(attr);
  check(dnnl_primitive_attr_set_scratchpad_mode(attr, dnnl_scratchpad_mode_user),
        "set_scratchpad_mode");
  return owned;
}

Md make_md(int ndims, const dnnl_dims_t dims, dnnl_data_type_t type, const dnnl_dims_t strides) {
  dnnl_memory_desc_t md;
  if (strides) {
    check(dnnl_memory_desc_create_with_strides(&md, ndims, dims, type, strides), "memory_desc");
  } else {
    check(dnnl_memory_desc_create_with_tag(&md, ndims, dims, type, dnnl_format_tag_any),
          "memory_desc");
  }
  return Md(md);
}

Md query_md(const Pd& pd, dnnl_query_t what) {
  dnnl_memory_desc_t copy;
  check(dnnl_memory_desc_clone(&copy, dnnl_primitive_desc_query_md(pd.get(), what, 0)),
        "memory_desc_clone");
  return Md(copy);
}

Memory make_memory(const Md& md, const void* data) {
  dnnl_memory_t memory;
  check(dnnl_memory_create(&memory, md.get(), runtime().engine, const_cast<void*>(data)),
        "memory_create");
  return Memory(memory);
}

dnnl_data_type_t data_type(Type t) {
  switch (t) {
    case Type::bf16:
      return dnnl_bf16;
    case Type::f16:
      return dnnl_f16;
    default:
      return dnnl_f32;
  }
}

// A primitive ready to run. Where the weights' best order differs from the caller's, `reorder`
// translates (into the primitive's order before it, or out of it after it).
struct Entry {
  Primitive primitive, reorder;
  Md src, weight, weight_plain, bias, dst, scratchpad, reorder_scratchpad;
  Md channel;  // one number for each channel: what a convolution multiplies by and adds
  size_t scratchpad_bytes = 0, weight_bytes = 0, reorder_bytes = 0;
};

size_t aligned(size_t bytes) { return (bytes + 127) / 128 * 128; }

bool build_primitive(Entry& e, const Pd& pd) {
  dnnl_primitive_t primitive;
  if (dnnl_primitive_create(&primitive, pd.get()) != dnnl_success) return false;
  e.primitive.reset(primitive);
  e.scratchpad = query_md(pd, dnnl_query_scratchpad_md);
  e.scratchpad_bytes = aligned(dnnl_memory_desc_get_size(e.scratchpad.get()));
  return true;
}

void build_reorder(Entry& e, bool into_primitive) {
  if (dnnl_memory_desc_equal(e.weight.get(), e.weight_plain.get())) return;
  const Attr attr = scratchpad_attr();
  const Md& from = into_primitive ? e.weight_plain : e.weight;
  const Md& to = into_primitive ? e.weight : e.weight_plain;
  dnnl_primitive_desc_t raw;
  check(dnnl_reorder_primitive_desc_create(&raw, from.get(), runtime().engine, to.get(),
                                           runtime().engine, attr.get()),
        "reorder");
  const Pd pd(raw);
  dnnl_primitive_t primitive;
  check(dnnl_primitive_create(&primitive, raw), "reorder");
  e.reorder.reset(primitive);
  e.reorder_scratchpad = query_md(pd, dnnl_query_scratchpad_md);
  e.reorder_bytes = aligned(dnnl_memory_desc_get_size(e.reorder_scratchpad.get()));
  e.weight_bytes = aligned(dnnl_memory_desc_get_size(e.weight.get()));
}

// ---------------------------------------------------------------------------------- the cache

enum class Kind : int64_t { conv_forward, conv_data, conv_weights, matmul };

struct Key {
  int64_t v[32] = {};
  bool operator==(const Key& o) const { return !std::memcmp(v, o.v, sizeof v); }
};

struct KeyHash {
  size_t operator()(const Key& k) const {
    uint64_t h = 0x9e3779b97f4a7c15u;
    for (int64_t x : k.v) h = (h ^ uint64_t(x)) * 0xff51afd7ed558ccdu, h ^= h >> 32;
    return size_t(h);
  }
};

// Least recently used out. A primitive in use stays alive through its shared_ptr.
class Cache {
 public:
  template <class Make>
  std::shared_ptr<const Entry> get(const Key& key, Make make) {
    {
      std::lock_guard<std::mutex> lock(mutex_);
      auto found = map_.find(key);
      if (found != map_.end()) {
        order_.splice(order_.begin(), order_, found->second);
        return found->second->second;
      }
    }
    auto entry = std::make_shared<Entry>();
    if (!make(*entry)) entry.reset();  // "no kernel" is remembered too
    std::lock_guard<std::mutex> lock(mutex_);
    order_.emplace_front(key, entry);
    map_[key] = order_.begin();
    if (order_.size() > kCapacity) {
      map_.erase(order_.back().first);
      order_.pop_back();
    }
    return entry;
  }

  void clear() {
    std::lock_guard<std::mutex> lock(mutex_);
    map_.clear();
    order_.clear();
  }

 private:
  static constexpr size_t kCapacity = 1024;
  using Item = std::pair<Key, std::shared_ptr<const Entry>>;
  std::mutex mutex_;
  std::list<Item> order_;
  std::unordered_map<Key, std::list<Item>::iterator, KeyHash> map_;
};

// Never destroyed: a thread may still run a primitive while the process exits.
Cache& cache() {
  static Cache* instance = new Cache;
  return *instance;
}

Key conv_key(Kind kind, const ConvProblem& p, bool bias, const ConvAfter* after) {
  Key key;
  int64_t* v = key.v;
  for (int64_t x :
       {int64_t(kind), int64_t(p.nd), p.n, p.ic, p.oc, p.groups, int64_t(p.type),
        int64_t(p.src_order), int64_t(p.dst_order), int64_t(bias), int64_t(num_threads()),
        int64_t(after ? 1 + 2 * (after->other != nullptr) + 4 * after->relu : 0)})
    *v++ = x;
  for (int i = 0; i < p.nd; i++)
    for (int64_t x : {p.in[i], p.kernel[i], p.stride[i], p.pad_lo[i], p.pad_hi[i], p.dilation[i]})
      *v++ = x;
  return key;
}

// ------------------------------------------------------------------------------- convolution

Md activation_md(const ConvProblem& p, int64_t channels, const int64_t* spatial, Order order) {
  const int nd = p.nd + 2;
  dnnl_dims_t dims = {p.n, channels}, strides;
  for (int i = 0; i < p.nd; i++) dims[2 + i] = spatial[i];
  int64_t step = order == Order::channels_last ? channels : 1;
  for (int i = nd - 1; i >= 2; i--) {
    strides[i] = step;
    step *= dims[i];
  }
  strides[1] = order == Order::channels_last ? 1 : step;
  strides[0] = order == Order::channels_last ? step : step * channels;
  return make_md(nd, dims, data_type(p.type), strides);
}

Md weight_md(const ConvProblem& p, bool plain) {
  dnnl_dims_t dims, strides;
  int nd = 0;
  if (p.groups > 1) dims[nd++] = p.groups;
  dims[nd++] = p.oc / p.groups;
  dims[nd++] = p.ic / p.groups;
  for (int i = 0; i < p.nd; i++) dims[nd++] = p.kernel[i];
  strides[nd - 1] = 1;
  for (int i = nd - 2; i >= 0; i--) strides[i] = strides[i + 1] * dims[i + 1];
  return make_md(nd, dims, data_type(p.type), plain ? strides : nullptr);
}

struct ConvMds {
  Md src, weight, bias, dst;
  dnnl_dims_t stride, dilation, pad_lo, pad_hi;

  ConvMds(const ConvProblem& p, bool with_bias) {
    int64_t out[3];
    for (int i = 0; i < p.nd; i++) {
      out[i] = p.out_size(i);
      stride[i] = p.stride[i];
      dilation[i] = p.dilation[i] - 1;
      pad_lo[i] = p.pad_lo[i];
      // What a stride leaves over at the far edge is not padding to oneDNN.
      pad_hi[i] = (out[i] - 1) * p.stride[i] + p.dilation[i] * (p.kernel[i] - 1) + 1 - p.in[i] -
                  p.pad_lo[i];
    }
    src = activation_md(p, p.ic, p.in, p.src_order);
    dst = activation_md(p, p.oc, out, p.dst_order);
    weight = weight_md(p, false);
    const dnnl_dims_t bias_dims = {p.oc}, bias_strides = {1};
    if (with_bias) bias = make_md(1, bias_dims, data_type(p.type), bias_strides);
  }
};

Pd forward_pd(const ConvMds& m, const Attr& attr) {
  dnnl_primitive_desc_t pd = nullptr;
  if (dnnl_convolution_forward_primitive_desc_create(
          &pd, runtime().engine, dnnl_forward_training, dnnl_convolution_direct, m.src.get(),
          m.weight.get(), m.bias.get(), m.dst.get(), m.stride, m.dilation, m.pad_lo, m.pad_hi,
          attr.get()) != dnnl_success)
    return nullptr;
  return Pd(pd);
}

// Every step by itself, so that the results are those of separate passes.
PostOps post_ops(const ConvAfter& after, const Md& dst, const Md& channel) {
  dnnl_post_ops_t raw = nullptr;
  check(dnnl_post_ops_create(&raw), "post_ops_create");
  PostOps ops(raw);
  check(dnnl_post_ops_append_binary(raw, dnnl_binary_mul, channel.get()), "append_binary");
  check(dnnl_post_ops_append_binary(raw, dnnl_binary_add, channel.get()), "append_binary");
  if (after.other)
    check(dnnl_post_ops_append_binary(raw, dnnl_binary_add, dst.get()), "append_binary");
  if (after.relu)
    check(dnnl_post_ops_append_eltwise(raw, dnnl_eltwise_relu, 0, 0), "append_eltwise");
  return ops;
}

Md channel_md(const ConvProblem& p) {
  const int nd = p.nd + 2;
  dnnl_dims_t dims, strides;
  std::fill_n(dims, nd, 1);
  std::fill_n(strides, nd, 1);
  dims[1] = strides[0] = p.oc;
  return make_md(nd, dims, data_type(p.type), strides);
}

bool build_conv(Entry& e, Kind kind, const ConvProblem& p, bool bias, const ConvAfter* after) {
  ConvMds m(p, bias);
  const Attr attr = scratchpad_attr();
  if (after) {
    e.channel = channel_md(p);
    const PostOps ops = post_ops(*after, m.dst, e.channel);
    check(dnnl_primitive_attr_set_post_ops(attr.get(), ops.get()), "set_post_ops");
  }
  Pd pd = forward_pd(m, attr);
  if (!pd) return false;
  if (kind != Kind::conv_forward) {
    const Pd hint = std::move(pd);
    dnnl_primitive_desc_t raw = nullptr;
    const dnnl_status_t status =
        kind == Kind::conv_data
            ? dnnl_convolution_backward_data_primitive_desc_create(
                  &raw, runtime().engine, dnnl_convolution_direct, m.src.get(), m.weight.get(),
                  m.dst.get(), m.stride, m.dilation, m.pad_lo, m.pad_hi, hint.get(), attr.get())
            : dnnl_convolution_backward_weights_primitive_desc_create(
                  &raw, runtime().engine, dnnl_convolution_direct, m.src.get(), m.weight.get(),
                  m.bias.get(), m.dst.get(), m.stride, m.dilation, m.pad_lo, m.pad_hi, hint.get(),
                  attr.get());
    if (status != dnnl_success) return false;
    pd.reset(raw);
  }
  if (!build_primitive(e, pd)) return false;
  e.weight =
      query_md(pd, kind == Kind::conv_weights ? dnnl_query_diff_weights_md : dnnl_query_weights_md);
  e.weight_plain = weight_md(p, true);
  e.src = std::move(m.src);
  e.dst = std::move(m.dst);
  e.bias = std::move(m.bias);
  build_reorder(e, kind != Kind::conv_weights);
  return true;
}

void execute(const Primitive& primitive, const std::vector<dnnl_exec_arg_t>& args) {
  check(dnnl_primitive_execute(primitive.get(), runtime().stream, int(args.size()), args.data()),
        "primitive_execute");
}

// Working memory of one run: [scratchpad shared by primitive and reorder | weights in best order].
class Workspace {
 public:
  explicit Workspace(const Entry& e)
      : pad_bytes_(std::max(e.scratchpad_bytes, e.reorder_bytes)),
        block_(pad_bytes_ + e.weight_bytes) {}
  void* pad() const { return block_.get(); }
  void* weight() const { return block_.get<char>() + pad_bytes_; }

 private:
  size_t pad_bytes_;
  Scratch block_;
};

void reorder(const Entry& e, const Md& from, const void* src, const Md& to, void* dst, void* pad) {
  const Memory a = make_memory(from, src), b = make_memory(to, dst),
               s = make_memory(e.reorder_scratchpad, pad);
  execute(e.reorder,
          {{DNNL_ARG_FROM, a.get()}, {DNNL_ARG_TO, b.get()}, {DNNL_ARG_SCRATCHPAD, s.get()}});
}

}  // namespace

bool available() { return runtime().ok; }

const char* version() { return runtime().version.c_str(); }

void sgemm(bool trans_a, bool trans_b, int64_t m, int64_t n, int64_t k, float alpha, const float* a,
           int64_t lda, const float* b, int64_t ldb, float beta, float* c, int64_t ldc) {
  check(dnnl_sgemm(trans_a ? 'T' : 'N', trans_b ? 'T' : 'N', m, n, k, alpha, a, lda, b, ldb, beta,
                   c, ldc),
        "sgemm");
}

bool half_gemm(Type type, Type c_type, bool trans_a, bool trans_b, int64_t m, int64_t n, int64_t k,
               const void* a, int64_t lda, const void* b, int64_t ldb, void* c, int64_t ldc,
               const void* bias) {
  if (!available()) return false;
  Key key;
  int64_t* v = key.v;
  for (int64_t x :
       {int64_t(Kind::matmul), int64_t(type), int64_t(c_type), int64_t(trans_a), int64_t(trans_b),
        m, n, k, lda, ldb, ldc, int64_t(num_threads()), int64_t(bias != nullptr)})
    *v++ = x;
  const auto entry = cache().get(key, [&](Entry& e) {
    const auto matrix = [](int64_t rows, int64_t cols, int64_t ld, bool trans, Type t) {
      const dnnl_dims_t dims = {rows, cols}, plain = {ld, 1}, turned = {1, ld};
      return make_md(2, dims, data_type(t), trans ? turned : plain);
    };
    e.src = matrix(m, k, lda, trans_a, type);
    e.weight = matrix(k, n, ldb, trans_b, type);
    e.dst = matrix(m, n, ldc, false, c_type);
    if (bias) e.bias = matrix(1, n, n, false, type);
    const Attr attr = scratchpad_attr();
    dnnl_primitive_desc_t pd = nullptr;
    if (dnnl_matmul_primitive_desc_create(&pd, runtime().engine, e.src.get(), e.weight.get(),
                                          e.bias.get(), e.dst.get(), attr.get()) != dnnl_success)
      return false;
    const Pd owned(pd);
    const char* name = nullptr;
    dnnl_primitive_desc_query(pd, dnnl_query_impl_info_str, 0, &name);
    if (name && std::strncmp(name, "ref", 3) == 0) return false;  // scalar: converting is faster
    return build_primitive(e, owned);
  });
  if (!entry) return false;
  const Workspace work(*entry);
  const Memory am = make_memory(entry->src, a), bm = make_memory(entry->weight, b),
               cm = make_memory(entry->dst, c), sm = make_memory(entry->scratchpad, work.pad());
  if (bias) {
    const Memory added = make_memory(entry->bias, bias);
    execute(entry->primitive, {{DNNL_ARG_SRC, am.get()},
                               {DNNL_ARG_WEIGHTS, bm.get()},
                               {DNNL_ARG_BIAS, added.get()},
                               {DNNL_ARG_DST, cm.get()},
                               {DNNL_ARG_SCRATCHPAD, sm.get()}});
    return true;
  }
  execute(entry->primitive, {{DNNL_ARG_SRC, am.get()},
                             {DNNL_ARG_WEIGHTS, bm.get()},
                             {DNNL_ARG_DST, cm.get()},
                             {DNNL_ARG_SCRATCHPAD, sm.get()}});
  return true;
}

namespace {

std::shared_ptr<const Entry> conv_entry(Kind kind, const ConvProblem& p, bool bias,
                                        const ConvAfter* after = nullptr) {
  if (!available()) return nullptr;
  return cache().get(conv_key(kind, p, bias, after),
                     [&](Entry& e) { return build_conv(e, kind, p, bias, after); });
}

// The weights as the primitive wants them: the caller's, or turned into `work`.
const void* prepared_weight(const Entry& e, const void* weight, const Workspace& work) {
  if (!e.reorder) return weight;
  reorder(e, e.weight_plain, weight, e.weight, work.weight(), work.pad());
  return work.weight();
}

}  // namespace

size_t conv_packed_bytes(const ConvProblem& p, bool bias) {
  const auto e = conv_entry(Kind::conv_forward, p, bias);
  return e && e->reorder ? e->weight_bytes : 0;
}

void conv_pack(const ConvProblem& p, bool bias, const void* weight, void* packed) {
  const auto e = conv_entry(Kind::conv_forward, p, bias);
  const Workspace work(*e);
  reorder(*e, e->weight_plain, weight, e->weight, packed, work.pad());
}

bool conv_forward(const ConvProblem& p, const void* src, const void* weight, const void* bias,
                  void* dst, const void* packed, const ConvAfter* after) {
  const auto e = conv_entry(Kind::conv_forward, p, bias != nullptr, after);
  if (!e) return false;
  if (after && packed) {
    const auto plain = conv_entry(Kind::conv_forward, p, bias != nullptr);
    if (!plain || !dnnl_memory_desc_equal(plain->weight.get(), e->weight.get())) return false;
  }
  const Workspace work(*e);
  const Memory s = make_memory(e->src, src),
               w = make_memory(e->weight, packed ? packed : prepared_weight(*e, weight, work)),
               d = make_memory(e->dst, dst), pad = make_memory(e->scratchpad, work.pad());
  Memory extra[4];
  std::vector<dnnl_exec_arg_t> args = {{DNNL_ARG_SRC, s.get()},
                                       {DNNL_ARG_WEIGHTS, w.get()},
                                       {DNNL_ARG_DST, d.get()},
                                       {DNNL_ARG_SCRATCHPAD, pad.get()}};
  if (bias) {
    extra[0] = make_memory(e->bias, bias);
    args.push_back({DNNL_ARG_BIAS, extra[0].get()});
  }
  const auto operand = [&](int i, const Md& md, const float* data) {
    extra[1 + i] = make_memory(md, data);
    args.push_back({DNNL_ARG_ATTR_MULTIPLE_POST_OP(i) | DNNL_ARG_SRC_1, extra[1 + i].get()});
  };
  if (after) {
    operand(0, e->channel, after->scale);
    operand(1, e->channel, after->shift);
    if (after->other) operand(2, e->dst, after->other);
  }
  execute(e->primitive, args);
  return true;
}

bool conv_backward_data(const ConvProblem& p, const void* weight, const void* diff_dst,
                        void* diff_src) {
  const auto e = conv_entry(Kind::conv_data, p, false);
  if (!e) return false;
  const Workspace work(*e);
  const Memory s = make_memory(e->src, diff_src),
               w = make_memory(e->weight, prepared_weight(*e, weight, work)),
               d = make_memory(e->dst, diff_dst), pad = make_memory(e->scratchpad, work.pad());
  execute(e->primitive, {{DNNL_ARG_DIFF_SRC, s.get()},
                         {DNNL_ARG_WEIGHTS, w.get()},
                         {DNNL_ARG_DIFF_DST, d.get()},
                         {DNNL_ARG_SCRATCHPAD, pad.get()}});
  return true;
}

bool conv_backward_weights(const ConvProblem& p, const void* src, const void* diff_dst,
                           void* diff_weight, void* diff_bias) {
  const auto e = conv_entry(Kind::conv_weights, p, diff_bias != nullptr);
  if (!e) return false;
  const Workspace work(*e);
  void* target = e->reorder ? work.weight() : diff_weight;
  const Memory s = make_memory(e->src, src), w = make_memory(e->weight, target),
               d = make_memory(e->dst, diff_dst), pad = make_memory(e->scratchpad, work.pad());
  if (diff_bias) {
    const Memory b = make_memory(e->bias, diff_bias);
    execute(e->primitive, {{DNNL_ARG_SRC, s.get()},
                           {DNNL_ARG_DIFF_DST, d.get()},
                           {DNNL_ARG_DIFF_WEIGHTS, w.get()},
                           {DNNL_ARG_DIFF_BIAS, b.get()},
                           {DNNL_ARG_SCRATCHPAD, pad.get()}});
  } else {
    execute(e->primitive, {{DNNL_ARG_SRC, s.get()},
                           {DNNL_ARG_DIFF_DST, d.get()},
                           {DNNL_ARG_DIFF_WEIGHTS, w.get()},
                           {DNNL_ARG_SCRATCHPAD, pad.get()}});
  }
  if (e->reorder) reorder(*e, e->weight, target, e->weight_plain, diff_weight, work.pad());
  return true;
}

void clear_cache() { cache().clear(); }

}  // namespace rl::onednn

namespace rl {
namespace {
std::atomic<bool> independent{false};
}  // namespace

void set_thread_independent(bool on) { independent.store(on, std::memory_order_relaxed); }
bool thread_independent() { return independent.load(std::memory_order_relaxed); }

}  // namespace rl
