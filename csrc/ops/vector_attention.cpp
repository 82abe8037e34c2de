// Attention without the matrix of all scores: blocks of queries meet blocks of keys, the softmax is
// carried along, backward computes the scores again from their logsumexp. Compiled once per
// instruction level. What a block of queries gives does not depend on the number of threads.
//
// T. Dao et al., "FlashAttention", NeurIPS 2022, algorithms 1 and 4.
#include <cmath>

#include "cpu/parallel.h"
#include "cpu/scratch.h"
#include "cpu/simd.h"
#include "dispatch/call.h"
#include "ops/softmax_rows.h"

namespace rl {
inline namespace RL_ISA_NS {
namespace {

#if defined(__AVX512F__) && defined(__AVX512DQ__) && defined(__AVX512BW__) && defined(__AVX512VL__)
#define RL_LEVEL 2
#elif defined(__AVX2__) && defined(__FMA__)
#define RL_LEVEL 1
#else
#define RL_LEVEL 0
#endif
#include "cpu/gemm_tile.inc"
#undef RL_LEVEL

constexpr int64_t kQueries = 96;       // per block: whole tiles of 6 and of 12 rows
constexpr int64_t kKeys = 512;         // per block: the scores of a block stay in the L2 cache
constexpr int64_t kBlocksPerTask = 4;  // blocks of queries that share one copy of keys and values

int64_t round_up(int64_t n, int64_t unit) { return (n + unit - 1) / unit * unit; }

// A right factor (k, n) in panels of nr columns.
template <class T>
struct Panels {
  static constexpr int64_t nr = Shape<T>::nr;
  T* data;
  int64_t k, n;

  Panels(T*& memory, int64_t k, int64_t n) : data(memory), k(k), n(n) { memory += space(k, n); }
  static int64_t space(int64_t k, int64_t n) { return k * round_up(n, nr); }

  // From b[row * ld + column], or b[column * ld + row] when transposed.
  void fill(bool transposed, const T* b, int64_t ld) {
    for (int64_t j = 0; j < n; j += nr)
      pack_b(transposed, b + (transposed ? j * ld : j), ld, k, std::min(nr, n - j), nr,
             data + j * k);
  }
  // c (rows, columns [j, j + nr)) = alpha a panel[k0, k0 + depth) + beta c
  void multiply(int64_t j, int64_t k0, int64_t depth, const T* a, int64_t a_row, int64_t a_k, T* c,
                int64_t ldc, T alpha, T beta, int64_t rows) const {
    if (rows <= 0 || depth <= 0) return;
    run_tiles(Tile<T>{depth, a, a_row, a_k, data + j * k + k0 * nr, nr, c, ldc, alpha, beta, 0},
              rows, std::min(nr, n - j));
  }
};

// One (batch, head): rows of queries, keys, values, with the steps from row to row.
template <class T>
struct Head {
  const T *q, *k, *v;
  int64_t q_row, k_row, v_row;
  int64_t queries, keys, depth, value_depth;
  T scale;
  bool causal;
  const bool* seen;  // mask, or nullptr
  const T* added;    // mask, or nullptr
  int64_t mask_row, mask_column;

  // Keys that queries before `query` may see at all.
  int64_t limit(int64_t query) const { return causal ? std::min(keys, query) : keys; }

  // Adds the mask to scores of `query` with the keys from j0.
  void mask_row_of(int64_t query, int64_t j0, T* s, int64_t n) const {
    const int64_t at = query * mask_row + j0 * mask_column;
    if (seen) {
      for (int64_t j = 0; j < n; ++j)
        s[j] = seen[at + j * mask_column] ? s[j] : -std::numeric_limits<T>::infinity();
    } else if (added) {
      for (int64_t j = 0; j < n; ++j) s[j] += added[at + j * mask_column];
    }
  }
};

// s (queries [i0, i1), keys [j0, j1)) = scale * left * right; with `causal`, tiles above the
// diagonal are left out. `right` holds all keys as columns.
template <class T>
void scores(const Head<T>& h, const Panels<T>& right, const T* left, int64_t left_row, int64_t i0,
            int64_t i1, int64_t j0, int64_t j1, T alpha, T* s, int64_t ld) {
  constexpr int64_t mr = Shape<T>::mr, nr = Panels<T>::nr;
  for (int64_t j = j0; j < j1; j += nr) {
    const int64_t first = h.causal ? std::max<int64_t>(0, j - i0) / mr * mr : 0;
    right.multiply(j, 0, right.k, left + first * left_row, left_row, 1, s + first * ld + j - j0, ld,
                   alpha, T(0), i1 - i0 - first);
  }
}

// c (queries, n) = alpha * s * right[keys] + beta * c; s is zero behind each row's last key, by a
// tile's height, and is not read further.
template <class T>
void mix(const Head<T>& h, const Panels<T>& right, const T* s, int64_t ld, int64_t i0, int64_t i1,
         int64_t j0, int64_t j1, T alpha, T beta, T* c, int64_t ldc) {
  constexpr int64_t mr = Shape<T>::mr, nr = Panels<T>::nr;
  for (int64_t j = 0; j < right.n; j += nr)
    for (int64_t r = 0; r < i1 - i0; r += mr)
      right.multiply(j, j0, std::min(j1, h.limit(i0 + r + mr)) - j0, s + r * ld, ld, 1,
                     c + r * ldc + j, ldc, alpha, beta, std::min(mr, i1 - i0 - r));
}

// c (keys [j0, j1), n) += alpha * transposed s * right[queries].
template <class T>
void mix_transposed(const Head<T>& h, const Panels<T>& right, const T* s, int64_t ld, int64_t i0,
                    int64_t i1, int64_t j0, int64_t j1, T alpha, T* c, int64_t ldc) {
  constexpr int64_t mr = Shape<T>::mr, nr = Panels<T>::nr;
  for (int64_t j = 0; j < right.n; j += nr)
    for (int64_t r = j0; r < j1; r += mr) {
      const int64_t first = h.causal ? std::max<int64_t>(0, r - i0) : 0;
      right.multiply(j, first, i1 - i0 - first, s + first * ld + r - j0, 1, ld, c + r * ldc + j,
                     ldc, alpha, T(1), std::min(mr, j1 - r));
    }
}

// Zeros from a row's last key on, as far as a tile may read.
template <class T>
void clear_rest(T* s, int64_t n, int64_t width) {
  std::fill(s + n, s + std::min(width, n + Shape<T>::mr), T(0));
}

// ---- forward ----

template <class T>
int64_t forward_space(const Head<T>& h, int64_t width) {
  return Panels<T>::space(h.depth, h.keys) + Panels<T>::space(h.keys, h.value_depth) +
         kQueries * (width + 2);
}

int64_t score_width(int64_t keys, int64_t nr) {
  // A step between rows that is no power of two keeps the rows apart in the cache.
  return round_up(std::min(keys, kKeys), nr) + nr;
}

// One row of scores becomes weights; the row of the output shrinks as its maximum grows.
template <class T>
void carry_softmax(T* s, int64_t n, T& best, T& sum, T* out, int64_t depth, bool started) {
  const T top = row_max(s, n), before = best;
  const T now = top > before || top != top ? top : before;
  if (now == -std::numeric_limits<T>::infinity()) {
    std::fill(s, s + n, T(0));
    return;
  }
  const T part = exp_row(s, s, now, n);
  best = now;
  if (!started) {
    sum = part;
    return;
  }
  const T shrink = std::exp(before - now);
  sum = sum * shrink + part;
  if (shrink != T(1))
    for (int64_t d = 0; d < depth; ++d) out[d] *= shrink;
}

template <class T>
void forward_block(const Head<T>& h, const Panels<T>& keys, const Panels<T>& values, int64_t i0,
                   T* memory, int64_t width, T* out, int64_t out_row, T* lse) {
  const int64_t i1 = std::min(h.queries, i0 + kQueries), end = h.limit(i1);
  T *s = memory, *best = s + kQueries * width, *sum = best + kQueries;
  std::fill(best, best + kQueries, -std::numeric_limits<T>::infinity());
  std::fill(sum, sum + kQueries, T(0));
  T* const to = out + i0 * out_row;
  for (int64_t j0 = 0; j0 < end; j0 += kKeys) {
    const int64_t j1 = std::min(end, j0 + kKeys);
    scores(h, keys, h.q + i0 * h.q_row, h.q_row, i0, i1, j0, j1, h.scale, s, width);
    for (int64_t i = i0; i < i1; ++i) {
      T* const row = s + (i - i0) * width;
      const int64_t n = std::clamp<int64_t>(h.limit(i + 1) - j0, 0, j1 - j0);
      if (n > 0) {
        h.mask_row_of(i, j0, row, n);
        carry_softmax(row, n, best[i - i0], sum[i - i0], to + (i - i0) * out_row, h.value_depth,
                      j0 > 0);
      }
      clear_rest(row, n, width);
    }
    mix(h, values, s, width, i0, i1, j0, j1, T(1), j0 > 0 ? T(1) : T(0), to, out_row);
  }
  for (int64_t i = 0; i < i1 - i0; ++i) {
    // A row that may see nothing gives zeros.
    const T by = sum[i] == T(0) ? T(1) : T(1) / sum[i];
    for (int64_t d = 0; d < h.value_depth; ++d) to[i * out_row + d] *= by;
    lse[i0 + i] = best[i] + std::log(sum[i]);
  }
}

// ---- backward ----

template <class T>
struct Gradients {
  const T *grad, *out, *lse;
  int64_t grad_row, out_row;
  T *dq, *dk, *dv;
  int64_t dq_row, dk_row, dv_row;
};

template <class T>
int64_t backward_space(const Head<T>& h, int64_t width) {
  using P = Panels<T>;
  return P::space(h.depth, h.keys) + P::space(h.keys, h.depth) + P::space(h.value_depth, h.keys) +
         P::space(kQueries, h.depth) + P::space(kQueries, h.value_depth) + 2 * kQueries * width;
}

// Weights of a row from its scores (in s), and the gradient of the scores (in ds, which holds that
// of the weights): p = exp(s - lse), ds = p (dp - dot).
template <class T>
[[gnu::flatten]] void backward_row(T* s, T* ds, T lse, T dot, int64_t n) {
  if (lse == -std::numeric_limits<T>::infinity()) {
    std::fill(s, s + n, T(0));
    std::fill(ds, ds + n, T(0));
    return;
  }
  for (int64_t j = 0; j < n; ++j) {
    const T p = vm::exp(s[j] - lse);
    s[j] = p;
    ds[j] = p * (ds[j] - dot);
  }
}

// All queries of one head. dk and dv are added to: heads may share keys and values.
template <class T>
void backward_head(const Head<T>& h, const Gradients<T>& g, T* memory, int64_t width) {
  Panels<T> keys_t(memory, h.depth, h.keys), keys(memory, h.keys, h.depth),
      values_t(memory, h.value_depth, h.keys);
  keys_t.fill(true, h.k, h.k_row);
  keys.fill(false, h.k, h.k_row);
  values_t.fill(true, h.v, h.v_row);
  for (int64_t i0 = 0; i0 < h.queries; i0 += kQueries) {
    const int64_t i1 = std::min(h.queries, i0 + kQueries), end = h.limit(i1);
    T* rest = memory;
    const T *q = h.q + i0 * h.q_row, *grad = g.grad + i0 * g.grad_row;
    Panels<T> queries(rest, i1 - i0, h.depth), grads(rest, i1 - i0, h.value_depth);
    queries.fill(false, q, h.q_row);
    grads.fill(false, grad, g.grad_row);
    T *s = rest, *ds = s + kQueries * width;
    for (int64_t j0 = 0; j0 < end; j0 += kKeys) {
      const int64_t j1 = std::min(end, j0 + kKeys);
      scores(h, keys_t, q, h.q_row, i0, i1, j0, j1, h.scale, s, width);
      scores(h, values_t, grad, g.grad_row, i0, i1, j0, j1, T(1), ds, width);
      for (int64_t i = i0; i < i1; ++i) {
        T *const row = s + (i - i0) * width, *const drow = ds + (i - i0) * width;
        const int64_t n = std::clamp<int64_t>(h.limit(i + 1) - j0, 0, j1 - j0);
        h.mask_row_of(i, j0, row, n);
        const T dot = dot_row(g.grad + i * g.grad_row, g.out + i * g.out_row, h.value_depth);
        backward_row(row, drow, g.lse[i], dot, n);
        clear_rest(row, n, width);
        clear_rest(drow, n, width);
      }
      mix(h, keys, ds, width, i0, i1, j0, j1, h.scale, j0 > 0 ? T(1) : T(0), g.dq + i0 * g.dq_row,
          g.dq_row);
      mix_transposed(h, queries, ds, width, i0, i1, j0, j1, h.scale, g.dk, g.dk_row);
      mix_transposed(h, grads, s, width, i0, i1, j0, j1, T(1), g.dv, g.dv_row);
    }
  }
}

// ---- operators ----

// Batch, heads, length, depth: the first element of a (batch, head) and the steps between rows.
template <class T>
struct Rows4 {
  T* data;
  int64_t batch, head, row;
  explicit Rows4(const Tensor& t)
      : data(t.data<T>()), batch(t.strides()[0]), head(t.strides()[1]), row(t.strides()[2]) {}
  T* at(int64_t b, int64_t h) const { return data + b * batch + h * head; }
};

// The tensors of a call in a type that the kernels compute in, rows contiguous.
struct Problem {
  Tensor q, k, v, mask;
  double scale;
  bool causal;
  int64_t batch, heads, kv_heads, queries, keys, depth, value_depth;

  Problem(const Tensor& query, const Tensor& key, const Tensor& value, const Tensor& given_mask,
          bool causal, std::optional<double> given_scale)
      : q(rows(query)),
        k(rows(key)),
        v(rows(value)),
        scale(given_scale ? *given_scale : 1.0 / std::sqrt(double(query.size(-1)))),
        causal(causal),
        batch(q.size(0)),
        heads(q.size(1)),
        kv_heads(k.size(1)),
        queries(q.size(2)),
        keys(k.size(2)),
        depth(q.size(3)),
        value_depth(v.size(3)) {
    RL_CHECK(kv_heads > 0 && heads % kv_heads == 0 && k.size(0) == batch && v.size(0) == batch &&
                 v.size(1) == kv_heads && v.size(2) == keys && k.size(3) == depth,
             "scaled_dot_product_attention: sizes of query, key and value do not fit: got ",
             query.sizes(), ", ", key.sizes(), " and ", value.sizes());
    if (!given_mask.defined()) return;
    mask = call<"expand">(given_mask, Dims({batch, heads, queries, keys}));
    if (mask.dtype() != DType::Bool) mask = to_dtype(mask, q.dtype());
  }
  static Tensor rows(const Tensor& t) {
    const Tensor wide = is_half(t.dtype()) ? to_dtype(t, DType::Float32) : t;
    return wide.stride(3) == 1 || wide.size(3) == 1 ? wide : contiguous(wide);
  }
  template <class T>
  Head<T> head(int64_t b, int64_t h) const {
    const int64_t group = h / (heads / kv_heads);
    const Rows4<const T> pq(q), pk(k), pv(v);
    Head<T> out{
        pq.at(b, h), pk.at(b, group), pv.at(b, group), pq.row, pk.row,  pv.row,  queries, keys,
        depth,       value_depth,     T(scale),        causal, nullptr, nullptr, 0,       0};
    if (mask.defined()) {
      if (mask.dtype() == DType::Bool)
        out.seen = Rows4<const bool>(mask).at(b, h);
      else
        out.added = Rows4<const T>(mask).at(b, h);
      out.mask_row = mask.strides()[2];
      out.mask_column = mask.strides()[3];
    }
    return out;
  }
};

// (batch, heads, rows, depth) whose memory is in the order (batch, rows, heads, depth): what
// transposing back and joining the heads then needs no copy of.
Tensor empty_by_rows(int64_t batch, int64_t heads, int64_t rows, int64_t depth, DType dtype,
                     Device device) {
  return empty_strided(Dims({batch, heads, rows, depth}),
                       Dims({rows * heads * depth, depth, heads * depth, 1}), dtype, device);
}

std::tuple<Tensor, Tensor> attention(const Tensor& query, const Tensor& key, const Tensor& value,
                                     double dropout, bool causal, const Tensor& mask,
                                     std::optional<double> scale) {
  RL_CHECK(dropout == 0, "scaled_dot_product_attention: the fused kernel has no dropout");
  const Problem p(query, key, value, mask, causal, scale);
  const DType type = p.q.dtype();
  Tensor out = empty_by_rows(p.batch, p.heads, p.queries, p.value_depth, type, query.device());
  Tensor lse = empty(Dims({p.batch, p.heads, p.queries}), type, query.device());
  dispatch(type, "scaled_dot_product_attention", TypeList<float, double>(), [&]<class T>() {
    const Rows4<T> to(out);
    T* const sums = lse.data<T>();
    const int64_t width = score_width(p.keys, Panels<T>::nr), span = kQueries * kBlocksPerTask,
                  tasks = (p.queries + span - 1) / span;
    const int64_t work = p.queries * p.keys * (p.depth + p.value_depth);
    parallel(p.batch * p.heads * tasks,
             std::max<int64_t>(1, kGrain * 8 / std::max<int64_t>(1, work / tasks)),
             [&, to](int64_t from, int64_t end) {
               const Scratch scratch(sizeof(T) * size_t(forward_space(p.head<T>(0, 0), width)));
               for (int64_t task = from; task < end; ++task) {
                 const int64_t at = task / tasks, b = at / p.heads, head = at % p.heads;
                 const int64_t first = task % tasks * span;
                 const Head<T> h = p.head<T>(b, head);
                 T* memory = scratch.get<T>();
                 Panels<T> keys(memory, h.depth, h.keys), values(memory, h.keys, h.value_depth);
                 keys.fill(true, h.k, h.k_row);
                 values.fill(false, h.v, h.v_row);
                 for (int64_t i = first; i < std::min(h.queries, first + span); i += kQueries)
                   forward_block(h, keys, values, i, memory, width, to.at(b, head), to.row,
                                 sums + at * h.queries);
               }
             });
  });
  return {to_dtype(out, query.dtype()), lse};
}

std::tuple<Tensor, Tensor, Tensor> attention_backward(const Tensor& grad, const Tensor& query,
                                                      const Tensor& key, const Tensor& value,
                                                      const Tensor& out, const Tensor& lse, double,
                                                      bool causal, const Tensor& mask,
                                                      std::optional<double> scale) {
  const Problem p(query, key, value, mask, causal, scale);
  const DType type = p.q.dtype();
  const Tensor g = Problem::rows(grad), o = Problem::rows(out), sums = contiguous(lse);
  const auto like = [&](int64_t heads, int64_t rows, int64_t depth) {
    return empty_by_rows(p.batch, heads, rows, depth, type, query.device());
  };
  const Tensor dq = like(p.heads, p.queries, p.depth), dk = like(p.kv_heads, p.keys, p.depth),
               dv = like(p.kv_heads, p.keys, p.value_depth);
  call<"zero_">(dk);
  call<"zero_">(dv);
  dispatch(type, "scaled_dot_product_attention", TypeList<float, double>(), [&]<class T>() {
    const Rows4<const T> pg(g), po(o);
    const Rows4<T> pdq(dq), pdk(dk), pdv(dv);
    const T* const plse = sums.data<T>();
    const int64_t width = score_width(p.keys, Panels<T>::nr), group = p.heads / p.kv_heads;
    const int64_t work = group * p.queries * p.keys * (3 * p.depth + 2 * p.value_depth);
    // One task per head of the keys: it alone adds to their gradients.
    parallel(p.batch * p.kv_heads, std::max<int64_t>(1, kGrain * 8 / std::max<int64_t>(1, work)),
             [&, pg, po, pdq, pdk, pdv](int64_t from, int64_t end) {
               const Scratch scratch(sizeof(T) * size_t(backward_space(p.head<T>(0, 0), width)));
               for (int64_t task = from; task < end; ++task) {
                 const int64_t b = task / p.kv_heads, kv = task % p.kv_heads;
                 for (int64_t head = kv * group; head < (kv + 1) * group; ++head) {
                   const Gradients<T> to{
                       pg.at(b, head), po.at(b, head), plse + (b * p.heads + head) * p.queries,
                       pg.row,         po.row,         pdq.at(b, head),
                       pdk.at(b, kv),  pdv.at(b, kv),  pdq.row,
                       pdk.row,        pdv.row};
                   backward_head(p.head<T>(b, head), to, scratch.get<T>(), width);
                 }
               }
             });
  });
  return {to_dtype(dq, query.dtype()), to_dtype(dk, key.dtype()), to_dtype(dv, value.dtype())};
}

// The same gradients made of operators, for graphs of gradients.
TensorList composed_backward(const Tensor& grad, const Tensor& query, const Tensor& key,
                             const Tensor& value, const Tensor& mask, bool causal,
                             std::optional<double> scale) {
  const double by = scale ? *scale : 1.0 / std::sqrt(double(query.size(-1)));
  const int64_t heads = query.size(1), kv = key.size(1);
  const auto turned = [](const Tensor& t) {
    return call<"transpose.int">(t, int64_t(-2), int64_t(-1));
  };
  const auto spread = [&](const Tensor& t) {
    const Dims wide({t.size(0), kv, heads / kv, t.size(2), t.size(3)});
    return call<"reshape">(call<"expand">(call<"unsqueeze">(t, int64_t(2)), wide),
                           Dims({t.size(0), heads, t.size(2), t.size(3)}));
  };
  const auto gathered = [&](const Tensor& t) {
    if (heads == kv) return t;
    const Tensor split =
        call<"view">(contiguous(t), Dims({t.size(0), kv, heads / kv, t.size(2), t.size(3)}));
    return call<"sum.dim_IntList">(split, Dims({2}));
  };
  const Tensor k = spread(key), v = spread(value);
  const Tensor p = call_all<"_scaled_dot_product_attention_math">(
      query, k, v, mask, 0.0, causal, Value(), scale ? Value(*scale) : Value(), false)[1];
  const Tensor dp = call<"matmul">(grad, turned(v));
  const Tensor ds = p * (dp - call<"sum.dim_IntList">(dp * p, Dims({-1}), true));
  return {call<"matmul">(ds, k) * Scalar(by),
          gathered(call<"matmul">(turned(ds), query) * Scalar(by)),
          gathered(call<"matmul">(turned(p), grad))};
}

void attention_gradients(GradContext& c) {
  const Tensor mask = c.defined("attn_mask") ? c.tensor("attn_mask") : Tensor();
  const bool causal = c.get<bool>("is_causal");
  const auto scale = c.get<std::optional<double>>("scale");
  const TensorList g =
      GradMode::enabled()
          ? composed_backward(c.grad(), c.tensor("query"), c.tensor("key"), c.tensor("value"), mask,
                              causal, scale)
          : call_all<"_scaled_dot_product_flash_attention_for_cpu_backward">(
                c.grad(), c.tensor("query"), c.tensor("key"), c.tensor("value"), c.result(0),
                c.result(1), 0.0, causal, mask, scale ? Value(*scale) : Value());
  c.set("query", g[0]);
  c.set("key", g[1]);
  c.set("value", g[2]);
}

OP("_scaled_dot_product_flash_attention_for_cpu(Tensor query, Tensor key, Tensor value, float dropout_p=0.0, bool is_causal=False, *, Tensor? attn_mask=None, float? scale=None) -> (Tensor, Tensor)")
    .hidden()
    .no_out()
    .direct(attention)
    .grads("query key value", "query key value attn_mask result0 result1", attention_gradients);
OP("_scaled_dot_product_flash_attention_for_cpu_backward(Tensor grad_out, Tensor query, Tensor key, Tensor value, Tensor out, Tensor logsumexp, float dropout_p, bool is_causal, *, Tensor? attn_mask=None, float? scale=None) -> (Tensor, Tensor, Tensor)")
    .hidden()
    .no_out()
    .direct(attention_backward);

}  // namespace
}  // namespace RL_ISA_NS
}  // namespace rl
