// One direction of one recurrent layer over all steps: LSTM, GRU and plain cells. The weights are
// packed once, a step's product and its cell stay together, and the gradient of the weights is one
// product over all steps. Compiled once per instruction level.
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

constexpr int64_t kRows = 48;  // of the batch at a time: a block's products stay in the L1 cache

constexpr int64_t kOwnWeights = 1 << 20;  // bytes
// Rows times steps whose inputs are multiplied at a time.
constexpr int64_t kInputRows = 32;

// Sizes of a layer. Hidden units are dealt with in blocks of one vector, rows of the batch in
// groups; no sum crosses either, so that any division of them gives the same bits.
template <class T>
struct Layer {
  static constexpr int64_t lanes = Vec<T>::size;
  RnnMode mode;
  bool reverse;
  int64_t steps, batch, hidden, gates;

  int64_t blocks() const { return (hidden + lanes - 1) / lanes; }
  int64_t width() const { return gates * hidden; }
  int64_t columns() const { return blocks() * lanes * gates; }  // the same in whole vectors
  // Numbers that backward needs of a row's block: the LSTM's gates and tanh(c), the GRU's gates and
  // h's part of the third.
  int64_t kept() const {
    return (mode == RnnMode::Lstm ? 5 : mode == RnnMode::Gru ? 4 : 0) * lanes;
  }
  // Where, by rows and then by steps: a thread's part lies together.
  int64_t kept_at(int64_t t, int64_t row, int64_t j) const {
    return ((row * steps + t) * blocks() + j / lanes) * kept();
  }
  // Time of the k-th step that runs.
  int64_t time(int64_t k) const { return reverse ? steps - 1 - k : k; }
  // Where the state after it lies among all states; the first one is that of k == -1.
  int64_t slot(int64_t k) const { return reverse ? steps - 1 - k : k + 1; }

  // Whether there are enough rows for a thread to take some through all steps alone: no state then
  // travels between cores.
  bool by_rows() const { return batch >= kLeastRows * num_threads(); }

  // f(step, first hidden unit, end unit, first row, end row) for all of them, steps in order: a
  // thread's rows with all units, or else each step's blocks divided among the threads. f is what
  // make() returns, with the packed weights: a thread with rows of its own makes its own if they
  // fit its second cache, since lines that another core wrote are slow to come back there.
  template <class Make>
  void run(int64_t count, const Make& make) const {
    if (by_rows()) {
      const int64_t work = hidden * width();
      const int64_t grain = std::max(kLeastRows, (1 << 17) / (count * work));
      const auto rows = [count, units = hidden](const auto& f, int64_t from, int64_t to) {
        for (int64_t r = from; r < to; r += kRows)
          for (int64_t k = 0; k < count; ++k) f(k, 0, units, r, std::min(to, r + kRows));
      };
      if (work * int64_t(sizeof(T)) <= kOwnWeights)
        return parallel_for(batch, grain,
                            [&](int64_t from, int64_t to) { rows(make(), from, to); });
      const auto f = make();
      return parallel_for(batch, grain, [&](int64_t from, int64_t to) { rows(f, from, to); });
    }
    const auto f = make();
    for (int64_t k = 0; k < count; ++k)
      parallel_for(blocks(), std::max<int64_t>(1, (1 << 17) / (batch * lanes * width())),
                   [&](int64_t from, int64_t to) {
                     for (int64_t r = 0; r < batch; r += kRows)
                       f(k, from * lanes, std::min(hidden, to * lanes), r,
                         std::min(batch, r + kRows));
                   });
  }
};

// ---- forward ----

// A block's product has its gates side by side, one vector each, or half of one in a last block
// that fits it. Its panels are two vectors wide; a last one may be of one vector.
template <class T>
struct Columns {
  static constexpr int64_t VS = Vec<T>::size;
  int64_t gap, all;
  Columns(const Layer<T>& l, int64_t units)
      : gap(units <= VS / 2 ? VS / 2 : VS), all((l.gates * gap + VS - 1) / VS * VS) {}
  int64_t panel(int64_t from) const { return std::min(2 * VS, all - from); }
};

// Weights (gates * hidden, depth) as panels: those of the block at j begin at j * gates * depth.
template <class T>
void pack_forward(const Layer<T>& l, const T* w, int64_t depth, T* out) {
  constexpr int64_t VS = Vec<T>::size;
  const int64_t h = l.hidden;
  parallel_for(
      l.blocks(), std::max<int64_t>(1, kGrain / (VS * l.gates * depth)), [&](int64_t b, int64_t e) {
        for (int64_t j = b * VS; j < h && j < e * VS; j += VS) {
          const int64_t units = std::min(VS, h - j);
          const Columns<T> columns(l, units);
          for (int64_t g = 0; g < l.gates; ++g) {
            const int64_t at = g * columns.gap, first = at / (2 * VS) * 2 * VS,
                          step = columns.panel(first);
            const int64_t filled = g + 1 < l.gates ? columns.gap : columns.all - at;
            T* const to = out + (j * l.gates + first) * depth + at - first;
            for (int64_t p = 0; p < depth; p += VS)
              transpose_corner(w + (g * h + j) * depth + p, depth, int(units),
                               int(std::min(VS, depth - p)), to + p * step, step, int(filled));
          }
        }
      });
}

// The product with the inputs, made a few steps ahead of what needs it, so that it need not go
// through memory. Parts lie by groups of rows, there by blocks, steps and rows.
template <class T>
struct InputProduct {
  const T* input;
  int64_t depth, span;  // steps at a time
  const T *packed,
      *row;  // packed is nullptr where `input` is the product already; the biases as columns
  T* parts;

  // Block j of the steps from k on.
  T* at(const Layer<T>& l, int64_t k, int64_t j, int64_t from, int64_t to,
        const Columns<T>& columns) const {
    return parts + (from * l.columns() + j * l.gates * (to - from)) * span +
           k % span * (to - from) * columns.all;
  }
  void make(const Layer<T>& l, int64_t k, int64_t j, int64_t from, int64_t to) const {
    constexpr int64_t VS = Vec<T>::size;
    const Columns<T> columns(l, std::min(VS, l.hidden - j));
    T* const out = at(l, k, j, from, to, columns);
    for (int64_t q = 0; q < columns.all; q += 2 * VS)
      for (int64_t i = 0; i < span && k + i < l.steps; ++i) {
        const int64_t step = columns.panel(q), column = j * l.gates + q;
        run_tiles(Tile<T>{depth, input + (l.time(k + i) * l.batch + from) * depth, depth, 1,
                          packed + column * depth, step, out + i * (to - from) * columns.all + q,
                          columns.all, T(1), T(0), 0, row ? row + column : nullptr},
                  to - from, step);
      }
  }
};

template <class T>
struct Forward {
  InputProduct<T> x;
  const T *c0, *bias, *packed;
  T *output, *states, *saved, *cells;  // saved: or nullptr
};

// n numbers as a full vector's worth: where they are, or with zeros behind them.
template <class T>
class Units {
 public:
  Units(const T* from, int64_t n) : at_(from) {
    if (n == Vec<T>::size) return;
    Vec<T>::load(from, int(n)).store(copy_);
    at_ = copy_;
  }
  Units(const Units&) = delete;
  T operator[](int k) const { return at_[k]; }

 private:
  const T* at_;
  alignas(64) T copy_[Vec<T>::size];
};
// The same for results, of which n are kept.
template <class T>
class Results {
 public:
  Results(T* to, int64_t n) : at_(n == Vec<T>::size ? to : copy_), to_(to), n_(n) {}
  ~Results() {
    if (at_ != to_) Vec<T>::load(copy_).store(to_, int(n_));
  }
  Results(const Results&) = delete;
  T& operator[](int k) const { return at_[k]; }

 private:
  T *at_, *to_;
  int64_t n_;
  alignas(64) T copy_[Vec<T>::size];
};

// Where one row's block of units is read and written. z: gates before their functions, from h,
// `gap` apart; x: from the input, `x_gap` apart.
template <class T>
struct CellAt {
  const T* z;
  int64_t gap;
  const T* x;
  int64_t x_gap, hidden, units;
  T *h, *state, *saved;
};

template <class T>
[[gnu::flatten]] void lstm_cell(const CellAt<T>& at, const T* c_before, T* c) {
  constexpr int VS = Vec<T>::size;
  const int64_t n = at.units, x_gap = at.x_gap;
  const T *zi = at.z, *zf = zi + at.gap, *zg = zf + at.gap, *zo = zg + at.gap;
  const Units<T> xi(at.x, n), xf(at.x + x_gap, n), xg(at.x + 2 * x_gap, n), xo(at.x + 3 * x_gap, n),
      before(c_before, n);
  const Results<T> now(c, n), out(at.h, n), state(at.state, n);
  T* const saved = at.saved;
#pragma GCC ivdep
  for (int k = 0; k < VS; ++k) {
    const T i = vm::sigmoid(xi[k] + zi[k]), f = vm::sigmoid(xf[k] + zf[k]),
            g = vm::tanh(xg[k] + zg[k]), o = vm::sigmoid(xo[k] + zo[k]);
    const T cell = f * before[k] + i * g, bent = vm::tanh(cell);
    saved[k] = i;
    saved[VS + k] = f;
    saved[2 * VS + k] = g;
    saved[3 * VS + k] = o;
    saved[4 * VS + k] = bent;
    now[k] = cell;
    out[k] = state[k] = o * bent;
  }
}

template <class T>
[[gnu::flatten]] void gru_cell(const CellAt<T>& at, const T* bias, const T* h_before) {
  constexpr int VS = Vec<T>::size;
  const int64_t n = at.units, hidden = at.hidden, x_gap = at.x_gap;
  const T *zr = at.z, *zu = zr + at.gap, *zn = zu + at.gap;
  const T none[VS] = {};
  const Units<T> xr(at.x, n), xu(at.x + x_gap, n), xn(at.x + 2 * x_gap, n), before(h_before, n),
      br(bias ? bias : none, n), bu(bias ? bias + hidden : none, n),
      bn(bias ? bias + 2 * hidden : none, n);
  const Results<T> out(at.h, n), state(at.state, n);
  T* const saved = at.saved;
#pragma GCC ivdep
  for (int k = 0; k < VS; ++k) {
    const T r = vm::sigmoid(xr[k] + (zr[k] + br[k])), u = vm::sigmoid(xu[k] + (zu[k] + bu[k]));
    const T part = zn[k] + bn[k], fresh = vm::tanh(xn[k] + r * part);
    saved[k] = r;
    saved[VS + k] = u;
    saved[2 * VS + k] = fresh;
    saved[3 * VS + k] = part;
    out[k] = state[k] = (before[k] - fresh) * u + fresh;
  }
}

template <class T, bool Tanh>
[[gnu::flatten]] void plain_cell(const CellAt<T>& at) {
  constexpr int VS = Vec<T>::size;
  const Units<T> x(at.x, at.units);
  const Results<T> out(at.h, at.units), state(at.state, at.units);
#pragma GCC ivdep
  for (int k = 0; k < VS; ++k) {
    const T s = x[k] + at.z[k];
    out[k] = state[k] = Tanh ? vm::tanh(s) : s > T(0) || s != s ? s : T(0);
  }
}

// Lines from far caches are asked for before the product, which hides how long they take: `count`
// numbers of each row.
template <class T>
inline void prefetch_rows(const T* at, int64_t count, int64_t step, int64_t rows) {
  for (int64_t r = 0; at && r < rows; ++r, at += step) {
    for (int64_t i = 0; i < count; i += int64_t(64 / sizeof(T))) __builtin_prefetch(at + i);
    __builtin_prefetch(at + count - 1);
  }
}

// One block's products with h and the inputs for the rows from `from` on.
template <class T>
struct BlockProducts {
  const T *z, *x;
  int64_t z_row, z_gap, x_row, x_gap;
};

// The cells of rows [first, end) of the block at j, k-th step.
template <class T>
void forward_cells(const Layer<T>& l, const Forward<T>& f, const BlockProducts<T>& b, int64_t k,
                   int64_t j, int64_t from, int64_t first, int64_t end) {
  const int64_t h = l.hidden, t = l.time(k), n = std::min(l.lanes, h - j);
  const T* const before = f.states + l.slot(k - 1) * l.batch * h + j;
  const T* const c_before = k ? f.cells + l.time(k - 1) * l.batch * h : f.c0;
  alignas(64) T unused[5 * Vec<T>::size];
  for (int64_t r = first; r < end; ++r) {
    const int64_t row = t * l.batch + r;
    const CellAt<T> at{b.z + (r - from) * b.z_row,
                       b.z_gap,
                       b.x + (r - from) * b.x_row,
                       b.x_gap,
                       h,
                       n,
                       f.output + row * h + j,
                       f.states + (l.slot(k) * l.batch + r) * h + j,
                       f.saved ? f.saved + l.kept_at(t, r, j) : unused};
    switch (l.mode) {
      case RnnMode::Lstm:
        lstm_cell(at, c_before + r * h + j, f.cells + row * h + j);
        break;
      case RnnMode::Gru:
        gru_cell(at, f.bias ? f.bias + j : nullptr, before + r * h);
        break;
      case RnnMode::Tanh:
        plain_cell<T, true>(at);
        break;
      case RnnMode::Relu:
        plain_cell<T, false>(at);
    }
  }
}

// Units [begin, end) of rows [from, to) at the k-th step. The cells of a block come in parts
// between the products of the next one: all at once they would fill the store buffer and wait for
// it.
template <class T>
void forward_step(const Layer<T>& l, const Forward<T>& f, int64_t k, int64_t begin, int64_t end,
                  int64_t from, int64_t to) {
  constexpr int64_t VS = Vec<T>::size;
  const int64_t h = l.hidden, t = l.time(k), rows = to - from;
  const T* const before = f.states + (l.slot(k - 1) * l.batch + from) * h;
  const InputProduct<T>& x = f.x;
  if (x.packed && k % x.span == 0)
    for (int64_t j = begin; j < end; j += VS) x.make(l, k, j, from, to);
  alignas(64) T z[2][kRows * 4 * VS + VS];
  BlockProducts<T> last;
  for (int64_t j = begin; j < end; j += VS) {
    const int64_t n = std::min(VS, h - j);
    const Columns<T> columns(l, n);
    BlockProducts<T> now{z[j / VS % 2], nullptr,     columns.all,
                         columns.gap,   columns.all, columns.gap};
    if (x.packed) {
      now.x = x.at(l, k, j, from, to, columns);
    } else {
      now.x = x.input + (t * l.batch + from) * l.width() + j;
      now.x_row = l.width();
      now.x_gap = h;
      for (int64_t g = 0; g < l.gates; ++g) prefetch_rows(now.x + g * h, n, l.width(), rows);
    }
    int64_t done = 0;
    for (int64_t q = 0; q < columns.all; q += 2 * VS) {
      const int64_t step = columns.panel(q);
      run_tiles(Tile<T>{h, before, h, 1, f.packed + (j * l.gates + q) * h, step, z[j / VS % 2] + q,
                        columns.all, T(1), T(0), 0},
                rows, step);
      const int64_t upto = rows * (q + step) / columns.all;
      if (j > begin) forward_cells(l, f, last, k, j - VS, from, from + done, from + upto);
      done = upto;
    }
    last = now;
  }
  forward_cells(l, f, last, k, (end - 1) / VS * VS, from, from, to);
}

template <class T>
struct ForwardWeights {
  const T *hidden, *input, *bias;  // the latter two or nullptr
  int64_t depth;
  int64_t size(const Layer<T>& l) const {
    return l.columns() * (l.hidden + (input ? depth : 0) + (bias ? 1 : 0));
  }
};

// The step with weights packed for it.
template <class T>
class ForwardTask {
 public:
  ForwardTask(const Layer<T>& l, const Forward<T>& f, const ForwardWeights<T>& w)
      : l_(l), f_(f), packed_(sizeof(T) * size_t(w.size(l))) {
    T* to = packed_.get<T>();
    pack_forward(l, w.hidden, l.hidden, to);
    f_.packed = to;
    to += l.columns() * l.hidden;
    if (!w.input) return;
    pack_forward(l, w.input, w.depth, to);
    f_.x.packed = to;
    to += l.columns() * w.depth;
    if (!w.bias) return;
    pack_forward(l, w.bias, 1, to);
    f_.x.row = to;
  }
  void operator()(int64_t k, int64_t begin, int64_t end, int64_t from, int64_t to) const {
    forward_step(l_, f_, k, begin, end, from, to);
  }

 private:
  const Layer<T> l_;
  Forward<T> f_;
  Scratch packed_;
};

// ---- backward ----

template <class T>
struct Backward {
  const T *grad_output, *grad_cells;  // or nullptr
  const T *states, *saved, *cells, *c0, *packed;
  T* grad_input;   // of the gates, by way of the input
  T* grad_hidden;  // of the gates, by way of h: the same but for the GRU
  T *dh, *dc;      // of h0, and what the GRU's h says past the gates; of c, from step to step
};

// Where one row's block of units lies in the gradients of one step, in those carried on, and among
// what forward kept. dh: what the step after says of h.
template <class T>
struct BackAt {
  int64_t row, carried, j, hidden, units;
  const T *saved, *dh;
};

// What the layers above say of a step's states, or nothing.
template <class T>
struct FromAbove {
  T none[Vec<T>::size] = {};
  const T* operator()(const T* all, const BackAt<T>& at) const {
    return all ? all + at.row * at.hidden + at.j : none;
  }
};

template <class T>
[[gnu::flatten]] void lstm_back(const Backward<T>& b, const BackAt<T>& at, const T* c_before) {
  constexpr int VS = Vec<T>::size;
  const int64_t n = at.units, hidden = at.hidden;
  const T* const s = at.saved;
  T* const to = b.grad_input + at.row * 4 * hidden + at.j;
  const FromAbove<T> above;
  const Units<T> before(c_before, n), dc_after(b.dc + at.carried, n),
      dh_above(above(b.grad_output, at), n), dc_above(above(b.grad_cells, at), n);
  const Results<T> di(to, n), df(to + hidden, n), dg(to + 2 * hidden, n), d_o(to + 3 * hidden, n),
      dc(b.dc + at.carried, n);
#pragma GCC ivdep
  for (int k = 0; k < VS; ++k) {
    const T i = s[k], f = s[VS + k], g = s[2 * VS + k], o = s[3 * VS + k], bent = s[4 * VS + k];
    const T dh = at.dh[k] + dh_above[k];
    const T d = dc_after[k] + dc_above[k] + dh * o * (T(1) - bent * bent);
    di[k] = d * g * (i * (T(1) - i));
    df[k] = d * before[k] * (f * (T(1) - f));
    dg[k] = d * i * (T(1) - g * g);
    d_o[k] = dh * bent * (o * (T(1) - o));
    dc[k] = d * f;
  }
}

template <class T>
[[gnu::flatten]] void gru_back(const Backward<T>& b, const BackAt<T>& at, const T* h_before) {
  constexpr int VS = Vec<T>::size;
  const int64_t n = at.units, hidden = at.hidden, to = at.row * 3 * hidden + at.j;
  const T* const s = at.saved;
  const FromAbove<T> above;
  const Units<T> before(h_before, n), past_after(b.dh + at.carried, n),
      dh_above(above(b.grad_output, at), n);
  const Results<T> dr(b.grad_input + to, n), du(b.grad_input + to + hidden, n),
      dn(b.grad_input + to + 2 * hidden, n), dr_by_h(b.grad_hidden + to, n),
      du_by_h(b.grad_hidden + to + hidden, n), dn_by_h(b.grad_hidden + to + 2 * hidden, n),
      past(b.dh + at.carried, n);
#pragma GCC ivdep
  for (int k = 0; k < VS; ++k) {
    const T r = s[k], u = s[VS + k], fresh = s[2 * VS + k], part = s[3 * VS + k];
    const T dh = at.dh[k] + past_after[k] + dh_above[k];
    const T d = dh * (T(1) - u) * (T(1) - fresh * fresh);
    dn[k] = d;
    du[k] = du_by_h[k] = dh * (before[k] - fresh) * (u * (T(1) - u));
    dr[k] = dr_by_h[k] = d * part * (r * (T(1) - r));
    dn_by_h[k] = d * r;
    past[k] = dh * u;  // what goes past the gates
  }
}

template <class T, bool Tanh>
[[gnu::flatten]] void plain_back(const Backward<T>& b, const BackAt<T>& at, const T* state) {
  const FromAbove<T> above;
  const Units<T> h(state, at.units), dh_above(above(b.grad_output, at), at.units);
  const Results<T> to(b.grad_input + at.row * at.hidden + at.j, at.units);
#pragma GCC ivdep
  for (int k = 0; k < Vec<T>::size; ++k) {
    const T dh = at.dh[k] + dh_above[k];
    to[k] = Tanh ? dh * (T(1) - h[k] * h[k]) : h[k] <= T(0) ? T(0) : dh;
  }
}

// The cells of one block of units at the k-th step. dh: rows of two vectors.
template <class T>
void backward_cells(const Layer<T>& l, const Backward<T>& b, const T* dh, int64_t k, int64_t j,
                    int64_t n, int64_t from, int64_t to) {
  const int64_t h = l.hidden, t = l.time(k);
  const T* const before = b.states + l.slot(k - 1) * l.batch * h + j;
  const T* const after = b.states + l.slot(k) * l.batch * h + j;
  const T* const c_before = k ? b.cells + l.time(k - 1) * l.batch * h : b.c0;
  for (int64_t r = from; r < to; ++r) {
    const int64_t row = t * l.batch + r;
    const BackAt<T> at{
        row, r * h + j, j, h, n, b.saved + l.kept_at(t, r, j), dh + (r - from) * 2 * Vec<T>::size};
    switch (l.mode) {
      case RnnMode::Lstm:
        lstm_back(b, at, c_before + r * h + j);
        break;
      case RnnMode::Gru:
        gru_back(b, at, before + r * h);
        break;
      case RnnMode::Tanh:
        plain_back<T, true>(b, at, after + r * h);
        break;
      case RnnMode::Relu:
        plain_back<T, false>(b, at, after + r * h);
    }
  }
}

// The k-th step, counted as forward ran: first what the step after it says of h, then its cells.
// k == -1 only does the former, for the gradient of h0. At most two blocks of units.
template <class T>
void backward_step(const Layer<T>& l, const Backward<T>& b, int64_t k, int64_t j, int64_t n,
                   int64_t from, int64_t to) {
  constexpr int64_t VS = Vec<T>::size;
  const int64_t h = l.hidden, rows = to - from;
  if (k >= 0) {
    const int64_t top = l.time(k) * l.batch + from;
    for (int64_t u = j; l.kept() && u < j + n; u += VS)
      prefetch_rows(b.saved + l.kept_at(l.time(k), from, u), l.kept(),
                    l.steps * l.blocks() * l.kept(), rows);
    prefetch_rows(b.grad_output ? b.grad_output + top * h + j : nullptr, n, h, rows);
    const T* const before = l.mode == RnnMode::Lstm
                                ? k ? b.cells + l.time(k - 1) * l.batch * h : b.c0
                            : l.mode == RnnMode::Gru ? b.states + l.slot(k - 1) * l.batch * h
                                                     : b.states + l.slot(k) * l.batch * h;
    prefetch_rows(before + from * h + j, n, h, rows);
  }
  alignas(64) T dh[kRows * 2 * VS];
  if (k + 1 < l.steps) {
    const T* const a = b.grad_hidden + (l.time(k + 1) * l.batch + from) * l.width();
    const int64_t panel = j / (2 * VS) * 2 * VS;
    run_tiles(Tile<T>{l.width(), a, l.width(), 1, b.packed + panel * l.width() + j - panel,
                      panel + VS < h ? 2 * VS : VS, dh, 2 * VS, T(1), T(0), 0},
              rows, (n + VS - 1) / VS * VS);
  } else {
    std::fill_n(dh, rows * 2 * VS, T(0));
  }
  if (k >= 0) {
    for (int64_t u = j; u < j + n; u += VS)
      backward_cells(l, b, dh + u - j, k, u, std::min(VS, j + n - u), from, to);
    return;
  }
  for (int64_t r = 0; r < rows; ++r)
    for (int64_t i = 0; i < n; ++i) b.dh[(from + r) * h + j + i] += dh[r * 2 * VS + i];
}

template <class T>
class BackwardTask {
 public:
  BackwardTask(const Layer<T>& l, const Backward<T>& b, const T* weights)
      : l_(l), b_(b), packed_(sizeof(T) * size_t(l.blocks() * l.lanes * l.width())) {
    const int64_t h = l.hidden, width = l.width();
    T* const to = packed_.get<T>();
    b_.packed = to;
    parallel_for((h + kPanel - 1) / kPanel, std::max<int64_t>(1, kGrain / (kPanel * width)),
                 [&](int64_t from, int64_t end) {
                   for (int64_t j = from * kPanel; j < h && j < end * kPanel; j += kPanel)
                     pack_b(false, weights + j, h, width, std::min(kPanel, h - j),
                            panel_width<T>(h - j), to + j * width);
                 });
  }
  // Steps are counted from the last one on.
  void operator()(int64_t i, int64_t begin, int64_t end, int64_t from, int64_t to) const {
    for (int64_t j = begin, next; j < end; j = next) {
      next = std::min(end, j / kPanel * kPanel + kPanel);
      backward_step(l_, b_, l_.steps - 1 - i, j, next - j, from, to);
    }
  }
  static constexpr int64_t kPanel = 2 * Vec<T>::size;

 private:
  const Layer<T> l_;
  Backward<T> b_;
  Scratch packed_;
};

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

// input: (steps, batch, features) with w_ih and b_ih, or without them the product, (steps, batch,
// gates * hidden). Returns the outputs of all steps, the cells of all steps (LSTM), and what
// backward needs: h0 and the outputs, since programs may change theirs, and, with `keep`, the
// gates.
std::tuple<Tensor, Tensor, Tensor, Tensor> rnn_layer(const Tensor& input, const Tensor& w_ih,
                                                     const Tensor& b_ih, const Tensor& h0,
                                                     const Tensor& c0, const Tensor& w_hh,
                                                     const Tensor& b_hh, int64_t mode, bool reverse,
                                                     bool keep) {
  const int64_t steps = input.sizes()[0], batch = input.sizes()[1], depth = input.sizes()[2],
                hidden = h0.sizes()[1];
  const DType type = input.dtype();
  const Tensor x = dense(input), wx = dense(w_ih), bx = dense(b_ih), h = dense(h0), c = dense(c0),
               w = dense(w_hh), bias = dense(b_hh);
  const Tensor output = empty(Dims({steps, batch, hidden}), type),
               states = empty(Dims({steps + 1, batch, hidden}), type),
               cells =
                   empty(Dims({RnnMode(mode) == RnnMode::Lstm ? steps : 0, batch, hidden}), type);
  Tensor saved;
  dispatch(type, "rnn", TypeList<float, double>(), [&]<class T>() {
    const Layer<T> l = layer_of<T>(x, h, mode, reverse);
    saved = empty(Dims({batch, keep ? steps : 0, l.blocks() * l.kept()}), type);
    const int64_t threads = num_threads(), rows = std::min(kRows, (batch + threads - 1) / threads);
    const int64_t span = l.by_rows() ? std::max<int64_t>(1, kInputRows / rows) : 1;
    const Scratch parts(wx.defined() ? sizeof(T) * size_t(batch * span * l.columns()) : 0);
    const InputProduct<T> product{x.data<T>(), depth, span, nullptr, nullptr, parts.get<T>()};
    const Forward<T> f{product,
                       pointer<T>(c),
                       pointer<T>(bias),
                       nullptr,
                       output.data<T>(),
                       states.data<T>(),
                       keep ? saved.data<T>() : nullptr,
                       cells.data<T>()};
    const ForwardWeights<T> weights{w.data<T>(), pointer<T>(wx), pointer<T>(bx), depth};
    const T* const first = h.data<T>();
    const GilRelease release(steps * batch * hidden * l.width() > kGrain * 8);
    std::copy_n(first, batch * hidden, f.states + l.slot(-1) * batch * hidden);
    l.run(steps, [&] { return ForwardTask<T>(l, f, weights); });
  });
  return {output, cells, states, saved};
}

// Gradients of gates, h0, c0, w_hh and b_hh.
std::tuple<Tensor, Tensor, Tensor, Tensor, Tensor> rnn_layer_backward(
    const Tensor& grad_output, const Tensor& grad_cells, const Tensor& cells, const Tensor& states,
    const Tensor& saved, const Tensor& c0, const Tensor& w_hh, int64_t mode, bool reverse,
    const Dims& wanted) {
  const RnnMode m = RnnMode(mode);
  const int64_t steps = states.sizes()[0] - 1, batch = states.sizes()[1],
                hidden = states.sizes()[2], width = gates_of(m) * hidden;
  const DType type = states.dtype();
  const Tensor go = dense(grad_output), gc = dense(grad_cells), c = dense(c0), w = dense(w_hh);
  const Tensor gates = empty(Dims({steps, batch, width}), type),
               by_h = m == RnnMode::Gru ? empty(gates.sizes(), type) : gates,
               dh = call<"zeros">(Dims({batch, hidden}), type),
               dc = m == RnnMode::Lstm ? call<"zeros">(dh.sizes(), type) : Tensor(),
               dw = wanted[0] ? empty(w_hh.sizes(), type) : Tensor();
  dispatch(type, "rnn", TypeList<float, double>(), [&]<class T>() {
    const Layer<T> l = layer_of<T>(gates, dh, mode, reverse);
    const Backward<T> b{pointer<T>(go),
                        pointer<T>(gc),
                        states.data<T>(),
                        saved.data<T>(),
                        cells.data<T>(),
                        pointer<T>(c),
                        nullptr,
                        gates.data<T>(),
                        by_h.data<T>(),
                        dh.data<T>(),
                        dc.defined() ? dc.data<T>() : nullptr};
    const T* const weights = w.data<T>();
    T* const to = dw.defined() ? dw.data<T>() : nullptr;
    const GilRelease release(steps * batch * hidden * width > kGrain * 8);
    l.run(steps + 1, [&] { return BackwardTask<T>(l, b, weights); });
    // Every step's gates with the state before it.
    if (to)
      gemm<T>(true, false, width, hidden, steps * batch, T(1), b.grad_hidden, width,
              b.states + (reverse ? batch * hidden : 0), hidden, T(0), to, hidden);
  });
  const Tensor db = wanted[1] ? call<"sum.dim_IntList">(by_h, Dims({0, 1})) : Tensor();
  return {gates, dh, dc, dw, db};
}

void rnn_layer_gradients(GradContext& c) {
  const Tensor c0 = c.tensor("c0"), input = c.tensor("input");
  const bool inside = c.defined("w_ih");
  const Tensor grad = c.has_grad(0) ? c.grad(0) : Tensor(),
               grad_cells = c.has_grad(1) ? c.grad(1) : Tensor();
  const int64_t mode = c.get<int64_t>("mode");
  const bool reverse = c.get<bool>("reverse");
  TensorList g;
  if (GradMode::enabled()) {
    const Tensor gates = inside ? call<"linear">(input, c.tensor("w_ih"), c.tensor("b_ih")) : input;
    g = call_all<"_rnn_layer_backward_math">(grad, grad_cells, gates, c.tensor("h0"), c0,
                                             c.tensor("w_hh"), c.tensor("b_hh"), mode, reverse);
  } else {
    g = call_all<"_rnn_layer_backward">(
        grad, grad_cells, c.result(1), c.result(2), c.result(3), c0, c.tensor("w_hh"), mode,
        reverse, Dims({c.needs("w_hh"), c.defined("b_hh") && c.needs("b_hh")}));
  }
  c.set("h0", g[1]);
  c.set("c0", g[2]);
  c.set("w_hh", g[3]);
  c.set("b_hh", g[4]);
  if (!inside) return c.set("input", g[0]);
  const Dims& sizes = input.sizes();
  const auto rows = [&](const Tensor& t) {
    return call<"reshape">(t, Dims({sizes[0] * sizes[1], t.sizes()[2]}));
  };
  const Tensor gates = rows(g[0]);
  if (c.needs("input")) c.set("input", call<"view">(call<"mm">(gates, c.tensor("w_ih")), sizes));
  if (c.needs("w_ih")) c.set("w_ih", call<"mm">(call<"t">(gates), rows(input)));
  if (c.defined("b_ih") && c.needs("b_ih"))
    c.set("b_ih", call<"sum.dim_IntList">(gates, Dims({0})));
}

OP("_rnn_layer(Tensor input, Tensor? w_ih, Tensor? b_ih, Tensor h0, Tensor? c0, Tensor w_hh, Tensor? b_hh, int mode, bool reverse, bool keep) -> (Tensor, Tensor, Tensor, Tensor)")
    .hidden()
    .no_out()
    .direct(rnn_layer)
    .grads("input w_ih b_ih h0 c0 w_hh b_hh",
           "input w_ih b_ih h0 c0 w_hh b_hh result1 result2 result3", rnn_layer_gradients);
OP("_rnn_layer_backward(Tensor? grad_output, Tensor? grad_cells, Tensor cells, Tensor states, Tensor saved, Tensor? c0, Tensor w_hh, int mode, bool reverse, bool[2] output_mask) -> (Tensor, Tensor, Tensor, Tensor, Tensor)")
    .hidden()
    .no_out()
    .direct(rnn_layer_backward);

}  // namespace
}  // namespace RL_ISA_NS
}  // namespace rl
