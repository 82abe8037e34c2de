// One direction of one recurrent layer over all steps, after the product with the inputs: LSTM, GRU
// and plain cells. The recurrent weights are packed once, a step's product and its cell stay
// together, and the gradient of the weights is one product over all steps. Compiled once per
// instruction level.
#include "cpu/gemm.h"
#include "cpu/parallel.h"
#include "cpu/scratch.h"
#include "cpu/simd.h"
#include "cpu/vec_math.h"
#include "dispatch/call.h"
#include "ops/rnn_mode.h"

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

constexpr int64_t kRows = 96;  // of the batch at a time: a block's products stay in the L1 cache

// Sizes of a layer. Hidden units are dealt with in blocks of one vector; a task is one block for
// one group of rows, and no sum crosses tasks.
template <class T>
struct Layer {
  static constexpr int64_t lanes = Vec<T>::size;
  RnnMode mode;
  bool reverse;
  int64_t steps, batch, hidden, gates;

  int64_t blocks() const { return (hidden + lanes - 1) / lanes; }
  int64_t row_groups() const { return (batch + kRows - 1) / kRows; }
  int64_t width() const { return gates * hidden; }
  // Time of the k-th step that runs.
  int64_t time(int64_t k) const { return reverse ? steps - 1 - k : k; }

  // f(first hidden unit, how many, first row, end row) for every task.
  template <class F>
  void each_task(F f) const {
    const int64_t groups = row_groups();
    const int64_t work = std::min(batch, kRows) * lanes * width();
    parallel_for(blocks() * groups, std::max<int64_t>(1, (1 << 17) / work),
                 [&](int64_t from, int64_t to) {
                   for (int64_t task = from; task < to; ++task) {
                     const int64_t j = task / groups * lanes, r = task % groups * kRows;
                     f(j, std::min(lanes, hidden - j), r, std::min(batch, r + kRows));
                   }
                 });
  }
};

// ---- forward ----

// Recurrent weights (gates * hidden, hidden) by blocks of hidden units: a block holds the columns
// of its gates side by side, two gates to a panel.
template <class T>
void pack_forward(const Layer<T>& l, const T* w, T* out) {
  constexpr int64_t VS = Vec<T>::size;
  const int64_t h = l.hidden;
  parallel_for(l.blocks(), std::max<int64_t>(1, kGrain / (VS * l.width())),
               [&](int64_t b, int64_t e) {
                 for (int64_t block = b; block < e; ++block)
                   for (int64_t g = 0; g < l.gates; ++g) {
                     const int64_t j = block * VS, pair = g / 2 * 2;
                     const int64_t step = pair + 1 < l.gates ? 2 * VS : VS;
                     T* to = out + (block * l.gates + pair) * VS * h + (g - pair) * VS;
                     for (int64_t p = 0; p < h; p += VS)
                       transpose_corner(w + (g * h + j) * h + p, h, int(std::min(VS, h - j)),
                                        int(std::min(VS, h - p)), to + p * step, step, int(VS));
                   }
               });
}

template <class T>
struct Forward {
  const T *input, *h0, *c0, *bias, *packed;
  T *output, *saved, *cells;
};

template <class T>
struct Units {
  alignas(64) T v[Vec<T>::size];
};

template <class T>
inline Units<T> take(const T* from, int64_t n) {
  constexpr int VS = Vec<T>::size;
  Units<T> out;
  if (n == VS) {
    for (int i = 0; i < VS; ++i) out.v[i] = from[i];
  } else {
    for (int i = 0; i < VS; ++i) out.v[i] = i < n ? from[i] : T(0);
  }
  return out;
}
template <class T>
inline void put(const Units<T>& x, T* to, int64_t n) {
  constexpr int VS = Vec<T>::size;
  if (n == VS) {
    for (int i = 0; i < VS; ++i) to[i] = x.v[i];
  } else {
    for (int i = 0; i < n; ++i) to[i] = x.v[i];
  }
}

// The cell of one row and block. z: gates before their functions, from h; x: from the input.
template <class T>
[[gnu::flatten]] void lstm_cell(const T* z, const T* x, const T* c_before, T* h, T* c, T* saved,
                                int64_t hidden, int64_t n) {
  constexpr int VS = Vec<T>::size;
  const Units<T> xi = take(x, n), xf = take(x + hidden, n), xg = take(x + 2 * hidden, n),
                 xo = take(x + 3 * hidden, n), before = take(c_before, n);
  Units<T> i, f, g, o, now, out;
  for (int k = 0; k < VS; ++k) i.v[k] = vm::sigmoid(xi.v[k] + z[k]);
  for (int k = 0; k < VS; ++k) f.v[k] = vm::sigmoid(xf.v[k] + z[VS + k]);
  for (int k = 0; k < VS; ++k) g.v[k] = vm::tanh(xg.v[k] + z[2 * VS + k]);
  for (int k = 0; k < VS; ++k) o.v[k] = vm::sigmoid(xo.v[k] + z[3 * VS + k]);
  for (int k = 0; k < VS; ++k) now.v[k] = f.v[k] * before.v[k] + i.v[k] * g.v[k];
  for (int k = 0; k < VS; ++k) out.v[k] = o.v[k] * vm::tanh(now.v[k]);
  put(i, saved, n);
  put(f, saved + hidden, n);
  put(g, saved + 2 * hidden, n);
  put(o, saved + 3 * hidden, n);
  put(now, c, n);
  put(out, h, n);
}

template <class T>
[[gnu::flatten]] void gru_cell(const T* z, const T* x, const T* bias, const T* h_before, T* h,
                               T* saved, int64_t hidden, int64_t n) {
  constexpr int VS = Vec<T>::size;
  const Units<T> xr = take(x, n), xz = take(x + hidden, n), xn = take(x + 2 * hidden, n),
                 before = take(h_before, n);
  Units<T> br{}, bz{}, bn{}, r, u, part, fresh, out;
  if (bias) br = take(bias, n), bz = take(bias + hidden, n), bn = take(bias + 2 * hidden, n);
  for (int k = 0; k < VS; ++k) r.v[k] = vm::sigmoid(xr.v[k] + (z[k] + br.v[k]));
  for (int k = 0; k < VS; ++k) u.v[k] = vm::sigmoid(xz.v[k] + (z[VS + k] + bz.v[k]));
  for (int k = 0; k < VS; ++k) part.v[k] = z[2 * VS + k] + bn.v[k];
  for (int k = 0; k < VS; ++k) fresh.v[k] = vm::tanh(xn.v[k] + r.v[k] * part.v[k]);
  for (int k = 0; k < VS; ++k) out.v[k] = (before.v[k] - fresh.v[k]) * u.v[k] + fresh.v[k];
  put(r, saved, n);
  put(u, saved + hidden, n);
  put(fresh, saved + 2 * hidden, n);
  put(part, saved + 3 * hidden, n);
  put(out, h, n);
}

template <class T, bool Tanh>
[[gnu::flatten]] void plain_cell(const T* z, const T* x, T* h, int64_t n) {
  constexpr int VS = Vec<T>::size;
  const Units<T> in = take(x, n);
  Units<T> out;
  for (int k = 0; k < VS; ++k) {
    const T s = in.v[k] + z[k];
    out.v[k] = Tanh ? vm::tanh(s) : s > T(0) || s != s ? s : T(0);
  }
  put(out, h, n);
}

// Lines that other cores wrote are asked for before the product, which hides how long they take.
template <class T>
inline void prefetch_rows(const T* at, int64_t step, int64_t rows, int64_t parts, int64_t apart) {
  if (!at) return;
  for (int64_t r = 0; r < rows; ++r)
    for (int64_t g = 0; g < parts; ++g) __builtin_prefetch(at + r * step + g * apart);
}

template <class T>
void forward_task(const Layer<T>& l, const Forward<T>& f, int64_t k, int64_t j, int64_t n,
                  int64_t from, int64_t to) {
  constexpr int64_t VS = Vec<T>::size;
  const int64_t h = l.hidden, t = l.time(k), ld = l.gates * VS;
  const T* const before = k ? f.output + l.time(k - 1) * l.batch * h : f.h0;
  const T* const c_before = k ? f.cells + l.time(k - 1) * l.batch * h : f.c0;
  prefetch_rows(f.input + (t * l.batch + from) * l.width() + j, l.width(), to - from, l.gates, h);
  alignas(64) T z[kRows * 4 * VS];
  for (int64_t g = 0; g < l.gates; g += 2) {
    const int64_t step = g + 1 < l.gates ? 2 * VS : VS;
    run_tiles(Tile<T>{h, before + from * h, h, 1, f.packed + (j * l.gates + g * VS) * h, step,
                      z + g * VS, ld, T(1), T(0), 0},
              to - from, step);
  }
  for (int64_t r = from; r < to; ++r) {
    const int64_t row = t * l.batch + r;
    const T *zr = z + (r - from) * ld, *x = f.input + row * l.width() + j;
    T* const out = f.output + row * h + j;
    T* const saved = f.saved + row * 4 * h + j;
    switch (l.mode) {
      case RnnMode::Lstm:
        lstm_cell(zr, x, c_before + r * h + j, out, f.cells + row * h + j, saved, h, n);
        break;
      case RnnMode::Gru:
        gru_cell(zr, x, f.bias ? f.bias + j : nullptr, before + r * h + j, out, saved, h, n);
        break;
      case RnnMode::Tanh:
        plain_cell<T, true>(zr, x, out, n);
        break;
      case RnnMode::Relu:
        plain_cell<T, false>(zr, x, out, n);
    }
  }
}

// ---- backward ----

template <class T>
struct Backward {
  const T *grad_output, *grad_cells;  // or nullptr
  const T *output, *saved, *cells, *h0, *c0, *packed;
  T* grad_input;   // of the gates, by way of the input
  T* grad_hidden;  // of the gates, by way of h: the same but for the GRU
  T *dh, *dc;      // carried from step to step
};

template <class T>
void lstm_back(const Backward<T>& b, int64_t row, int64_t at, int64_t j, const T* c_before,
               int64_t hidden, int64_t n) {
  constexpr int VS = Vec<T>::size;
  const T* const s = b.saved + row * 4 * hidden + j;
  const Units<T> i = take(s, n), f = take(s + hidden, n), g = take(s + 2 * hidden, n),
                 o = take(s + 3 * hidden, n), c = take(b.cells + row * hidden + j, n),
                 before = take(c_before, n);
  Units<T> dh = take(b.dh + at, n), dc = take(b.dc + at, n), di, df, dg, d_o;
  if (b.grad_output) {
    const Units<T> more = take(b.grad_output + row * hidden + j, n);
    for (int k = 0; k < VS; ++k) dh.v[k] += more.v[k];
  }
  if (b.grad_cells) {
    const Units<T> more = take(b.grad_cells + row * hidden + j, n);
    for (int k = 0; k < VS; ++k) dc.v[k] += more.v[k];
  }
  for (int k = 0; k < VS; ++k) {
    const T tanh_c = vm::tanh(c.v[k]);
    d_o.v[k] = dh.v[k] * tanh_c * (o.v[k] * (T(1) - o.v[k]));
    const T d = dc.v[k] + dh.v[k] * o.v[k] * (T(1) - tanh_c * tanh_c);
    di.v[k] = d * g.v[k] * (i.v[k] * (T(1) - i.v[k]));
    df.v[k] = d * before.v[k] * (f.v[k] * (T(1) - f.v[k]));
    dg.v[k] = d * i.v[k] * (T(1) - g.v[k] * g.v[k]);
    dc.v[k] = d * f.v[k];
  }
  T* const to = b.grad_input + row * 4 * hidden + j;
  put(di, to, n);
  put(df, to + hidden, n);
  put(dg, to + 2 * hidden, n);
  put(d_o, to + 3 * hidden, n);
  put(dc, b.dc + at, n);
}

template <class T>
void gru_back(const Backward<T>& b, int64_t row, int64_t at, int64_t j, const T* h_before,
              int64_t hidden, int64_t n) {
  constexpr int VS = Vec<T>::size;
  const T* const s = b.saved + row * 4 * hidden + j;
  const Units<T> r = take(s, n), u = take(s + hidden, n), fresh = take(s + 2 * hidden, n),
                 part = take(s + 3 * hidden, n), before = take(h_before, n);
  Units<T> dh = take(b.dh + at, n), dr, du, dn, dpart;
  if (b.grad_output) {
    const Units<T> more = take(b.grad_output + row * hidden + j, n);
    for (int k = 0; k < VS; ++k) dh.v[k] += more.v[k];
  }
  for (int k = 0; k < VS; ++k) {
    dn.v[k] = dh.v[k] * (T(1) - u.v[k]) * (T(1) - fresh.v[k] * fresh.v[k]);
    du.v[k] = dh.v[k] * (before.v[k] - fresh.v[k]) * (u.v[k] * (T(1) - u.v[k]));
    dr.v[k] = dn.v[k] * part.v[k] * (r.v[k] * (T(1) - r.v[k]));
    dpart.v[k] = dn.v[k] * r.v[k];
    dh.v[k] *= u.v[k];  // what goes past the gates; the product is added to it
  }
  T *const to = b.grad_input + row * 3 * hidden + j, *const by_h =
                                                         b.grad_hidden + row * 3 * hidden + j;
  put(dr, to, n);
  put(du, to + hidden, n);
  put(dn, to + 2 * hidden, n);
  put(dr, by_h, n);
  put(du, by_h + hidden, n);
  put(dpart, by_h + 2 * hidden, n);
  put(dh, b.dh + at, n);
}

template <class T, bool Tanh>
void plain_back(const Backward<T>& b, int64_t row, int64_t at, int64_t j, int64_t hidden,
                int64_t n) {
  constexpr int VS = Vec<T>::size;
  const Units<T> h = take(b.output + row * hidden + j, n);
  Units<T> dh = take(b.dh + at, n);
  if (b.grad_output) {
    const Units<T> more = take(b.grad_output + row * hidden + j, n);
    for (int k = 0; k < VS; ++k) dh.v[k] += more.v[k];
  }
  for (int k = 0; k < VS; ++k)
    dh.v[k] = Tanh ? dh.v[k] * (T(1) - h.v[k] * h.v[k]) : h.v[k] <= T(0) ? T(0) : dh.v[k];
  put(dh, b.grad_input + row * hidden + j, n);
}

// The k-th step, counted as forward ran: first what the step after it says of h, then its cell.
// k == -1 only does the former, for the gradient of h0.
template <class T>
[[gnu::flatten]] void backward_task(const Layer<T>& l, const Backward<T>& b, int64_t k, int64_t j,
                                    int64_t n, int64_t from, int64_t to) {
  const int64_t h = l.hidden;
  if (k >= 0) {
    const int64_t top = l.time(k) * l.batch + from, rows = to - from;
    const bool gated = l.mode == RnnMode::Lstm || l.mode == RnnMode::Gru;
    prefetch_rows(gated ? b.saved + top * 4 * h + j : nullptr, 4 * h, rows, int64_t(4), h);
    prefetch_rows(b.grad_output ? b.grad_output + top * h + j : nullptr, h, rows, int64_t(1), h);
  }
  if (k + 1 < l.steps) {
    const T* const a = b.grad_hidden + (l.time(k + 1) * l.batch + from) * l.width();
    run_tiles(Tile<T>{l.width(), a, l.width(), 1, b.packed + j * l.width(), Vec<T>::size,
                      b.dh + from * h + j, h, T(1), l.mode == RnnMode::Gru ? T(1) : T(0), 0},
              to - from, n);
  }
  if (k < 0) return;
  const int64_t t = l.time(k), before = k ? l.time(k - 1) : 0;
  for (int64_t r = from; r < to; ++r) {
    const int64_t row = t * l.batch + r, at = r * h + j, last = (before * l.batch + r) * h + j;
    switch (l.mode) {
      case RnnMode::Lstm:
        lstm_back(b, row, at, j, k ? b.cells + last : b.c0 + at, h, n);
        break;
      case RnnMode::Gru:
        gru_back(b, row, at, j, k ? b.output + last : b.h0 + at, h, n);
        break;
      case RnnMode::Tanh:
        plain_back<T, true>(b, row, at, j, h, n);
        break;
      case RnnMode::Relu:
        plain_back<T, false>(b, row, at, j, h, n);
    }
  }
}

// Gradient of the recurrent weights: every step's gates with the state before it.
template <class T>
void weight_gradient(const Layer<T>& l, const T* gates, const T* output, const T* h0, T* out) {
  const int64_t w = l.width(), h = l.hidden, rows = l.batch, more = (l.steps - 1) * rows;
  gemm<T>(true, false, w, h, rows, T(1), gates + l.time(0) * rows * w, w, h0, h, T(0), out, h);
  if (more > 0)
    gemm<T>(true, false, w, h, more, T(1), gates + (l.reverse ? 0 : rows * w), w,
            output + (l.reverse ? rows * h : 0), h, T(1), out, h);
}

// ---- operators ----

template <class T>
Layer<T> layer_of(const Tensor& gates, const Tensor& h0, int64_t mode, bool reverse) {
  const RnnMode m = RnnMode(mode);
  return {m, reverse, gates.sizes()[0], gates.sizes()[1], h0.sizes()[1], gates_of(m)};
}

template <class T>
const T* pointer(const Tensor& t) {
  return t.defined() ? t.data<const T>() : nullptr;
}
Tensor dense(const Tensor& t) { return t.defined() ? contiguous(t) : t; }

// gates (steps, batch, gates * hidden): the inputs' part. Returns the outputs of all steps, what
// backward needs, and the cells of all steps (LSTM).
std::tuple<Tensor, Tensor, Tensor> rnn_layer(const Tensor& gates, const Tensor& h0,
                                             const Tensor& c0, const Tensor& w_hh,
                                             const Tensor& b_hh, int64_t mode, bool reverse) {
  const bool lstm = RnnMode(mode) == RnnMode::Lstm, gru = RnnMode(mode) == RnnMode::Gru;
  const int64_t steps = gates.sizes()[0], batch = gates.sizes()[1], hidden = h0.sizes()[1];
  const DType type = gates.dtype();
  const Tensor x = dense(gates), h = dense(h0), c = dense(c0), w = dense(w_hh), bias = dense(b_hh);
  const Tensor output = empty(Dims({steps, batch, hidden}), type),
               saved = empty(Dims({lstm || gru ? steps : 0, batch, 4 * hidden}), type),
               cells = empty(Dims({lstm ? steps : 0, batch, hidden}), type);
  dispatch(type, "rnn", TypeList<float, double>(), [&]<class T>() {
    const Layer<T> l = layer_of<T>(x, h, mode, reverse);
    const Scratch packed(sizeof(T) * size_t(l.blocks() * Vec<T>::size * l.gates * hidden));
    const Forward<T> f{x.data<T>(),     h.data<T>(),      pointer<T>(c),   pointer<T>(bias),
                       packed.get<T>(), output.data<T>(), saved.data<T>(), cells.data<T>()};
    const T* const weights = w.data<T>();
    const GilRelease release(steps * batch * hidden * l.width() > kGrain * 8);
    pack_forward(l, weights, packed.get<T>());
    for (int64_t k = 0; k < steps; ++k)
      l.each_task([&](int64_t j, int64_t n, int64_t from, int64_t to) {
        forward_task(l, f, k, j, n, from, to);
      });
  });
  return {output, saved, cells};
}

// Gradients of gates, h0, c0, w_hh and b_hh.
std::tuple<Tensor, Tensor, Tensor, Tensor, Tensor> rnn_layer_backward(
    const Tensor& grad_output, const Tensor& grad_cells, const Tensor& output, const Tensor& saved,
    const Tensor& cells, const Tensor& h0, const Tensor& c0, const Tensor& w_hh, int64_t mode,
    bool reverse, const Dims& wanted) {
  const RnnMode m = RnnMode(mode);
  const int64_t steps = output.sizes()[0], batch = output.sizes()[1], hidden = h0.sizes()[1],
                width = gates_of(m) * hidden;
  const DType type = output.dtype();
  const Tensor go = dense(grad_output), gc = dense(grad_cells), h = dense(h0), c = dense(c0),
               w = dense(w_hh);
  const Tensor gates = empty(Dims({steps, batch, width}), type),
               by_h = m == RnnMode::Gru ? empty(gates.sizes(), type) : gates,
               dh = call<"zeros">(h0.sizes(), type),
               dc = m == RnnMode::Lstm ? call<"zeros">(h0.sizes(), type) : Tensor(),
               dw = wanted[0] ? empty(w_hh.sizes(), type) : Tensor();
  dispatch(type, "rnn", TypeList<float, double>(), [&]<class T>() {
    const Layer<T> l = layer_of<T>(gates, h, mode, reverse);
    const Scratch packed(sizeof(T) * size_t(l.blocks() * Vec<T>::size * width));
    const Backward<T> b{pointer<T>(go),  pointer<T>(gc),  output.data<T>(),
                        saved.data<T>(), cells.data<T>(), h.data<T>(),
                        pointer<T>(c),   packed.get<T>(), gates.data<T>(),
                        by_h.data<T>(),  dh.data<T>(),    dc.defined() ? dc.data<T>() : nullptr};
    const T* const weights = w.data<T>();
    T* const to = dw.defined() ? dw.data<T>() : nullptr;
    const GilRelease release(steps * batch * hidden * width > kGrain * 8);
    constexpr int64_t VS = Vec<T>::size;
    for (int64_t j = 0; j < hidden; j += VS)
      pack_b(false, weights + j, hidden, width, std::min(VS, hidden - j), VS,
             packed.get<T>() + j * width);
    for (int64_t k = steps - 1; k >= -1; --k)
      l.each_task([&](int64_t j, int64_t n, int64_t from, int64_t end) {
        backward_task(l, b, k, j, n, from, end);
      });
    if (to) weight_gradient(l, b.grad_hidden, b.output, b.h0, to);
  });
  const Tensor db = wanted[1] ? call<"sum.dim_IntList">(by_h, Dims({0, 1})) : Tensor();
  return {gates, dh, dc, dw, db};
}

void rnn_layer_gradients(GradContext& c) {
  const Tensor c0 = c.tensor("c0");
  const Tensor grad = c.has_grad(0) ? c.grad(0) : Tensor(),
               grad_cells = c.has_grad(2) ? c.grad(2) : Tensor();
  const int64_t mode = c.get<int64_t>("mode");
  const bool reverse = c.get<bool>("reverse");
  const TensorList g = GradMode::enabled()
                           ? call_all<"_rnn_layer_backward_math">(
                                 grad, grad_cells, c.tensor("gates"), c.tensor("h0"), c0,
                                 c.tensor("w_hh"), c.tensor("b_hh"), mode, reverse)
                           : call_all<"_rnn_layer_backward">(
                                 grad, grad_cells, c.result(0), c.result(1), c.result(2),
                                 c.tensor("h0"), c0, c.tensor("w_hh"), mode, reverse,
                                 Dims({c.needs("w_hh"), c.defined("b_hh") && c.needs("b_hh")}));
  c.set("gates", g[0]);
  c.set("h0", g[1]);
  c.set("c0", g[2]);
  c.set("w_hh", g[3]);
  c.set("b_hh", g[4]);
}

OP("_rnn_layer(Tensor gates, Tensor h0, Tensor? c0, Tensor w_hh, Tensor? b_hh, int mode, bool reverse) -> (Tensor, Tensor, Tensor)")
    .hidden()
    .no_out()
    .direct(rnn_layer)
    .grads("gates h0 c0 w_hh b_hh", "gates h0 c0 w_hh b_hh result0 result1 result2",
           rnn_layer_gradients);
OP("_rnn_layer_backward(Tensor? grad_output, Tensor? grad_cells, Tensor output, Tensor saved, Tensor cells, Tensor h0, Tensor? c0, Tensor w_hh, int mode, bool reverse, bool[2] output_mask) -> (Tensor, Tensor, Tensor, Tensor, Tensor)")
    .hidden()
    .no_out()
    .direct(rnn_layer_backward);

}  // namespace
}  // namespace RL_ISA_NS
}  // namespace rl
