// Cross entropy of logits with class indices, without a matrix of log-probabilities: a row's loss
// needs its maximum and the sum of its exponentials, its gradient the exponentials themselves.
// They are kept rather than taken again, so that a backward pass has no need of the logits, which
// programs may have changed meanwhile. Compiled once per instruction level.
#include <cmath>

#include "autograd/engine.h"
#include "cpu/parallel.h"
#include "dispatch/call.h"
#include "ops/softmax_rows.h"

namespace rl {
inline namespace RL_ISA_NS {
namespace {

constexpr int64_t kBlock = 64;    // rows whose logarithms are taken at once
constexpr int64_t kPiece = 1024;  // of a row, still in the first-level cache when it is read again
constexpr int64_t kNarrow = 32;   // classes below which rows are computed side by side
constexpr int64_t kFew = 16;      // columns below which classes are moved to the end

// Logits are rows of classes, `inner` elements from class to class.
struct Shape {
  int64_t outer = 1, classes = 1, inner = 1;
  int64_t rows() const { return outer * inner; }
};

Dims classes_last(const Dims& sizes) {
  Dims strides(size_t(sizes.ndim()), 1);
  int64_t step = sizes[1];
  for (int d = sizes.ndim() - 1; d > 1; --d) {
    strides[size_t(d)] = step;
    step *= sizes[size_t(d)];
  }
  strides[0] = step;
  return strides;
}

// The tensor in a form that a kernel reads, contiguous or with the classes last, and its shape.
Tensor enter(const Tensor& t, Shape& s) {
  s = Shape();
  const int dim = t.ndim() == 1 ? 0 : 1;
  for (int d = 0; d < t.ndim(); ++d)
    (d < dim ? s.outer : d == dim ? s.classes : s.inner) *= t.sizes()[size_t(d)];
  if (s.inner == 1) return contiguous(t);
  const Dims last = classes_last(t.sizes());
  const bool lies_last = t.strides() == last;
  if (!lies_last && (s.inner >= kFew || s.classes < kNarrow)) return contiguous(t);
  s.outer *= s.inner;
  s.inner = 1;
  if (lies_last) return t;
  Tensor moved = empty_strided(t.sizes(), last, t.dtype());
  call_<"copy_">(moved, t);
  return moved;
}

template <class F>
void each_block(const Shape& s, int64_t block, const F& f) {
  const int64_t per_outer = (s.inner + block - 1) / block;
  const int64_t blocks = s.inner == 1 ? (s.outer + block - 1) / block : s.outer * per_outer;
  const int64_t work = std::max<int64_t>(1, block * s.classes);
  parallel(blocks, std::max<int64_t>(1, kGrain / 2 / work), [&](int64_t b, int64_t e) {
    for (int64_t u = b; u < e; ++u) {
      if (s.inner == 1) {
        f(u * block, std::min(block, s.outer - u * block));
      } else {
        const int64_t column = u % per_outer * block;
        f(u / per_outer * s.inner + column, std::min(block, s.inner - column));
      }
    }
  });
}

// What a target asks of its row.
template <class T>
struct Targets {
  const int64_t* index;
  const T* weight;  // of the classes; null: 1
  int64_t classes, ignored;
  double smoothing, weights;  // the share of the other classes, and the sum of all weights

  bool live(int64_t row) const { return index[row] != ignored; }
  // The part of the target's class and of the smoothing, as factors of a row's loss.
  T by(int64_t row) const { return T((1 - smoothing) * (weight ? weight[index[row]] : T(1))); }
  T spread() const { return T(smoothing / double(classes)); }
};

template <class T>
Targets<T> targets_of(const Tensor& target, const Tensor& weight, int64_t classes, int64_t ignored,
                      double smoothing) {
  Targets<T> t{target.data<int64_t>(),
               weight.defined() ? weight.data<T>() : nullptr,
               classes,
               ignored,
               smoothing,
               double(classes)};
  if (t.weight && smoothing > 0) {
    t.weights = 0;
    for (int64_t c = 0; c < classes; ++c) t.weights += double(t.weight[c]);
  }
  return t;
}

// Of up to kBlock rows.
template <class T>
struct Block {
  T largest[kBlock], sum[kBlock], log[kBlock];
  double dot[kBlock];  // of the class weights and x - largest; only where the loss is smoothed
};

// y = exp(x - m) for the largest m; returns the sum.
template <class T>
[[gnu::flatten]] T exponentials(const T* x, T* y, T m, int64_t n) {
  using Vector = typename RowVector<T>::type;
  constexpr int64_t kWidth = RowVector<T>::width;
  const auto take = [m](const T* from, T* to, int64_t count) {
#pragma GCC ivdep
    for (int64_t i = 0; i < count; ++i) to[i] = vm::exp_nonpositive(from[i] - m, T(-0.0));
  };
  const int64_t whole = n / kWidth * kWidth;
  take(x, y, whole);
  Vector sum[4] = {};
  int64_t i = 0;
  for (; i + 4 * kWidth <= whole; i += 4 * kWidth) {
    for (int64_t k = 0; k < 4; ++k) sum[k] += RowVector<T>::load(y + i + k * kWidth);
  }
  for (; i < whole; i += kWidth) sum[0] += RowVector<T>::load(y + i);
  Vector all = (sum[0] + sum[1]) + (sum[2] + sum[3]);
  T last[kWidth] = {};
  if (whole < n && whole > 0) {
    // One more vector, which ends with the row, rather than its last elements one by one.
    take(x + n - kWidth, last, kWidth);
    std::copy_n(last, kWidth, y + n - kWidth);
    const Vector v = RowVector<T>::load(last);
    all += RowVector<T>::from(kWidth - (n - whole)) ? v : Vector{};
  } else if (whole < n) {
    take(x, y, n);
    std::copy_n(y, n, last);
    all += RowVector<T>::load(last);
  }
  return fold_row(all, [](auto a, auto b) { return a + b; });
}

template <class T>
void forward_row(const T* x, T* y, const Targets<T>& t, bool live, Block<T>& b, int64_t j) {
  const int64_t n = t.classes;
  const T m = row_max(x, n);
  b.largest[j] = m;
  if (!live) {
    b.sum[j] = std::isfinite(m) ? T(1) : std::numeric_limits<T>::quiet_NaN();
    if (y) std::fill_n(y, n, T(0));
    return;
  }
  T buffer[kPiece];
  double sum = 0;
  for (int64_t i = 0; i < n; i += kPiece) {
    const int64_t k = std::min(kPiece, n - i);
    sum += double(exponentials(x + i, y ? y + i : buffer, m, k));
  }
  b.sum[j] = T(sum);
  if (!(t.smoothing > 0)) return;
  double dot = 0;
  for (int64_t i = 0; i < n; i += kPiece) {
    const int64_t k = std::min(kPiece, n - i);
    T lanes[kLanes] = {};
    for (int64_t c = 0; c < k; ++c)
      lanes[c % kLanes] += (x[i + c] - m) * (t.weight ? t.weight[i + c] : T(1));
    dot += double(sum_lanes(lanes));
  }
  b.dot[j] = dot;
}

// Rows side by side: `cols` of them from x on, `step` elements from class to class.
template <class T>
[[gnu::flatten]] void forward_columns(const T* x, T* y, int64_t step, int64_t cols,
                                      const Targets<T>& t, Block<T>& b) {
  const int64_t n = t.classes;
  T *m = b.largest, spare[kBlock];
  for (int64_t j = 0; j < cols; ++j) m[j] = -std::numeric_limits<T>::infinity();
  for (int64_t c = 0; c < n; ++c) {
    const T* a = x + c * step;
    for (int64_t j = 0; j < cols; ++j) m[j] = (a[j] > m[j]) | (a[j] != a[j]) ? a[j] : m[j];
  }
  double sum[kBlock] = {};
  for (int64_t from = 0; from < n; from += kBlock) {
    T part[kBlock] = {};
    for (int64_t c = from; c < std::min(n, from + kBlock); ++c) {
      const T* a = x + c * step;
      T* to = y ? y + c * step : spare;
#pragma GCC ivdep
      for (int64_t j = 0; j < cols; ++j) {
        const T e = vm::exp_nonpositive(a[j] - m[j], T(-0.0));
        to[j] = e;
        part[j] += e;
      }
    }
    for (int64_t j = 0; j < cols; ++j) sum[j] += double(part[j]);
  }
  for (int64_t j = 0; j < cols; ++j) b.sum[j] = T(sum[j]);
  if (!(t.smoothing > 0)) return;
  for (int64_t j = 0; j < cols; ++j) b.dot[j] = 0;
  for (int64_t c = 0; c < n; ++c) {
    const T *a = x + c * step, w = t.weight ? t.weight[c] : T(1);
    for (int64_t j = 0; j < cols; ++j) b.dot[j] += double((a[j] - m[j]) * w);
  }
}

// Short rows, turned so that they lie side by side.
template <class T>
void forward_narrow(const T* x, T* y, int64_t rows, const Targets<T>& t, Block<T>& b) {
  T turned[kNarrow * kBlock], exponentials[kNarrow * kBlock];
  const int64_t n = t.classes;
  for (int64_t j = 0; j < rows; ++j) {
    for (int64_t c = 0; c < n; ++c) turned[c * kBlock + j] = x[j * n + c];
  }
  for (int64_t c = 0; c < n; ++c)
    std::fill(turned + c * kBlock + rows, turned + (c + 1) * kBlock, T(0));
  forward_columns(turned, exponentials, kBlock, kBlock, t, b);
  if (!y) return;
  for (int64_t j = 0; j < rows; ++j) {
    for (int64_t c = 0; c < n; ++c) y[j * n + c] = exponentials[c * kBlock + j];
  }
}

// The losses of the rows from `row` on, whose logits begin at x.
template <class T>
[[gnu::flatten]] void block_losses(const T* x, int64_t row_step, int64_t class_step, int64_t row,
                                   int64_t rows, const Targets<T>& t, Block<T>& b, T* losses) {
#pragma GCC ivdep
  for (int64_t j = 0; j < kBlock; ++j) b.log[j] = vm::log(b.sum[j]);
  for (int64_t j = 0; j < rows; ++j) {
    const int64_t k = t.index[row + j];
    if (k == t.ignored) {
      losses[row + j] = 0;
      continue;
    }
    if (k < 0 || k >= t.classes) {
      throw Error(ErrorKind::Index, concat("Target ", k, " is out of bounds."),
                  concat("target[", row + j, "] = ", k, ", but input has ", t.classes,
                         " classes (0..", t.classes - 1, ")"));
    }
    const T logit = x[j * row_step + k * class_step];
    T loss = -t.by(row + j) * ((logit - b.largest[j]) - b.log[j]);
    if (t.smoothing > 0) loss -= T(double(t.spread()) * (b.dot[j] - double(b.log[j]) * t.weights));
    losses[row + j] = loss;
  }
}

int64_t rows_together(const Shape& s) {
  return s.inner > 1 || s.classes < kNarrow ? kBlock : s.classes < kPiece ? kBlock / 4 : 1;
}

// Results: the losses of the rows; exp(x - maximum) and its sum in each row, for the gradient.
std::tuple<Tensor, Tensor, Tensor> forward(const Tensor& self, const Tensor& target,
                                           const Tensor& weight, int64_t ignored, double smoothing,
                                           bool keep, bool) {
  Shape s;
  const Tensor x = enter(self, s);
  const Dims rows = self.ndim() == 1 ? Dims() : target.sizes();
  const Tensor losses = empty(rows, self.dtype()), sums = empty(rows, self.dtype());
  const Tensor kept = keep ? empty_strided(x.sizes(), x.strides(), x.dtype()) : Tensor();
  dispatch(self.dtype(), "cross_entropy", FloatTypes(), [&]<class T>() {
    const auto t = targets_of<T>(target, weight, s.classes, ignored, smoothing);
    const T* from = x.data<T>();
    T *to = keep ? kept.data<T>() : nullptr, *out = losses.data<T>(), *sum = sums.data<T>();
    each_block(s, rows_together(s), [&](int64_t row, int64_t count) {
      Block<T> b;
      std::fill_n(b.sum, kBlock, T(1));
      const bool side_by_side = s.inner > 1;
      const int64_t at =
          side_by_side ? row / s.inner * s.inner * s.classes + row % s.inner : row * s.classes;
      T* y = to ? to + at : nullptr;
      if (side_by_side) {
        forward_columns(from + at, y, s.inner, count, t, b);
      } else if (s.classes < kNarrow) {
        forward_narrow(from + at, y, count, t, b);
      } else {
        for (int64_t j = 0; j < count; ++j)
          forward_row(from + at + j * s.classes, y ? y + j * s.classes : nullptr, t,
                      t.live(row + j), b, j);
      }
      block_losses(from + at, side_by_side ? 1 : s.classes, side_by_side ? s.inner : 1, row, count,
                   t, b, out);
      std::copy_n(b.sum, count, sum + row);
    });
  });
  return {losses, kept, sums};
}

// ---- gradients ----

// Of up to kBlock rows: what the exponentials are multiplied by, what is taken from the target's
// class, and from every class for each unit of its weight.
template <class T>
struct Factors {
  T softmax[kBlock], target[kBlock], spread[kBlock];
};

template <class T>
void factors_of(const T* grad, int64_t grad_step, const T* sums, int64_t row, int64_t rows,
                const Targets<T>& t, Factors<T>& f) {
  for (int64_t j = 0; j < rows; ++j) {
    const T sum = sums[row + j];
    // A row that does not count has zeros, unless it holds NaN.
    f.softmax[j] = T(0) * sum;
    f.target[j] = f.spread[j] = 0;
    if (!t.live(row + j)) continue;
    const T g = grad[(row + j) * grad_step];
    f.target[j] = g * t.by(row + j);
    T all = f.target[j];
    if (t.smoothing > 0) {
      f.spread[j] = g * t.spread();
      all += f.spread[j] * T(t.weights);
    }
    f.softmax[j] = all / sum;
  }
}

template <class T>
void backward_row(const T* y, T* out, const Targets<T>& t, const Factors<T>& f, int64_t j) {
  const T by = f.softmax[j], less = f.spread[j];
#pragma GCC ivdep
  for (int64_t c = 0; c < t.classes; ++c) out[c] = y[c] * by;
  if (!(t.smoothing > 0)) return;
#pragma GCC ivdep
  for (int64_t c = 0; c < t.classes; ++c) out[c] -= t.weight ? less * t.weight[c] : less;
}

template <class T>
void backward_columns(const T* y, T* out, int64_t step, int64_t cols, const Targets<T>& t,
                      const Factors<T>& f) {
  for (int64_t c = 0; c < t.classes; ++c) {
    const T* a = y + c * step;
    T* to = out + c * step;
#pragma GCC ivdep
    for (int64_t j = 0; j < cols; ++j) to[j] = a[j] * f.softmax[j];
    if (!(t.smoothing > 0)) continue;
    const T w = t.weight ? t.weight[c] : T(1);
#pragma GCC ivdep
    for (int64_t j = 0; j < cols; ++j) to[j] -= f.spread[j] * w;
  }
}

Tensor backward(const Tensor& grad, const Tensor& kept, const Tensor& sums, const Tensor& target,
                const Tensor& weight, int64_t ignored, double smoothing, bool over) {
  Shape s;
  const Tensor y = enter(kept, s);
  // A version of its own: what was saved has been changed, the gradient has not.
  const Tensor out =
      over
          ? Tensor(make_ref<TensorImpl>(y.storage(), y.sizes(), y.strides(), y.offset(), y.dtype()))
          : empty_strided(y.sizes(), y.strides(), y.dtype());
  if (over) y->bump_version();
  bool one = true;  // gradient for all rows, as the reductions give it
  for (int d = 0; d < grad.ndim(); ++d) one &= grad.strides()[size_t(d)] == 0;
  const Tensor g = one ? grad : contiguous(grad), z = contiguous(sums);
  dispatch(y.dtype(), "cross_entropy_backward", FloatTypes(), [&]<class T>() {
    const auto t = targets_of<T>(target, weight, s.classes, ignored, smoothing);
    const T *from = y.data<T>(), *pg = g.data<T>(), *ps = z.data<T>();
    T* to = out.data<T>();
    const int64_t step = one ? 0 : 1;
    each_block(s, rows_together(s), [&](int64_t row, int64_t count) {
      Factors<T> f;
      factors_of(pg, step, ps, row, count, t, f);
      const bool side_by_side = s.inner > 1;
      const int64_t at =
          side_by_side ? row / s.inner * s.inner * s.classes + row % s.inner : row * s.classes;
      const int64_t row_step = side_by_side ? 1 : s.classes, class_step = s.inner;
      if (side_by_side) {
        backward_columns(from + at, to + at, s.inner, count, t, f);
      } else {
        for (int64_t j = 0; j < count; ++j)
          backward_row(from + at + j * s.classes, to + at + j * s.classes, t, f, j);
      }
      for (int64_t j = 0; j < count; ++j) {
        if (t.live(row + j)) to[at + j * row_step + t.index[row + j] * class_step] -= f.target[j];
      }
    });
  });
  return out;
}

// The same as expressions, for derivatives of higher order. The maximum is a constant to them: the
// softmax does not depend on it.
Tensor gradient_by_parts(GradContext& c, const Tensor& grad) {
  const Tensor y = c.result(1), target = c.tensor("target"), weight = c.tensor("weight");
  const int64_t dim = y.ndim() == 1 ? 0 : 1, ignored = c.get<int64_t>("ignore_index"),
                classes = y.sizes()[size_t(dim)];
  const double smoothing = c.get<double>("label_smoothing");
  const auto along = [&](const Tensor& t) { return call<"unsqueeze">(t, dim); };
  Dims rows = y.sizes();
  rows.erase(int(dim));
  const Tensor g = call<"reshape">(grad, rows);
  const Tensor softmax = y / along(call<"reshape">(c.result(2), rows));
  Tensor by_class = call<"nll_loss_backward">(g, y, target, weight, 0, ignored, Tensor());
  if (smoothing > 0) {
    Tensor each = call<"masked_fill.Scalar">(
        g, call<"reshape">(call<"eq.Tensor">(target, wrapped_number(ignored)), rows), 0);
    each = along(each) * Scalar(-smoothing / double(classes));
    if (weight.defined()) {
      Dims shape(size_t(y.ndim()), 1);
      shape[size_t(dim)] = classes;
      each = each * call<"reshape">(weight, shape);
    }
    by_class = by_class * Scalar(1 - smoothing) + each;
  }
  return by_class - softmax * call<"sum.dim_IntList">(by_class, Dims({dim}), true);
}

OP("_cross_entropy(Tensor self, Tensor target, Tensor? weight, int ignore_index, float label_smoothing, bool keep, bool hooked) -> (Tensor, Tensor, Tensor)")
    .hidden()
    .node_name("LogSoftmaxBackward0")
    .direct(forward)
    .grad("self", "target weight result1 result2", [](GradContext& c) -> Tensor {
      if (!GradMode::enabled() && !c.has_grad(1) && !c.has_grad(2)) {
        const Tensor y = c.result(1);
        // This handle and the node's own are all there are, unless a hook packed the tensor.
        const bool over = drops_saved() && !c.get<bool>("hooked") && y->use_count() == 1 &&
                          y.storage()->use_count() == 2;
        return call<"_cross_entropy_backward">(c.grad(0), y, c.result(2), c.tensor("target"),
                                               c.tensor("weight"), c.get<int64_t>("ignore_index"),
                                               c.get<double>("label_smoothing"), over);
      }
      const Tensor y = c.result(1);
      Tensor g;
      const auto add = [&g](const Tensor& more) { g = g.defined() ? g + more : more; };
      if (c.has_grad(0)) add(gradient_by_parts(c, c.grad(0)));
      if (c.has_grad(1)) add(c.grad(1) * y);
      if (c.has_grad(2)) {
        const int64_t dim = y.ndim() == 1 ? 0 : 1;
        Dims rows = y.sizes();
        rows.erase(int(dim));
        add(call<"unsqueeze">(call<"reshape">(c.grad(2), rows), dim) * y);
      }
      return g;
    });

OP("_cross_entropy_backward(Tensor grad, Tensor exponentials, Tensor sums, Tensor target, Tensor? weight, int ignore_index, float label_smoothing, bool over) -> Tensor")
    .hidden()
    .no_grad()
    .direct(backward);

// ---- the sum of the rows ----

enum Reduction : int64_t { kNone = 0, kMean = 1, kSum = 2 };

// Sums the losses of the rows; the mean divides by what the rows count for.
std::tuple<Tensor, Tensor> reduce_losses(const Tensor& losses, const Tensor& target,
                                         const Tensor& weight, int64_t reduction,
                                         int64_t ignore_index) {
  Tensor total = empty(Dims(), losses.dtype());
  if (reduction == kNone) return {call<"clone">(losses), total};
  Tensor out = empty(Dims(), losses.dtype());
  dispatch(losses.dtype(), "cross_entropy", FloatTypes(), [&]<class T>() {
    const T *loss = losses.data<T>(), *w = weight.defined() ? weight.data<T>() : nullptr;
    const int64_t* t = target.data<int64_t>();
    const int64_t n = losses.numel();
    constexpr int64_t kLanes = 8;
    double lanes[kLanes] = {}, sum = 0, by = 0;
    int64_t i = 0, live = 0;
    for (; i + kLanes <= n; i += kLanes)
      for (int64_t k = 0; k < kLanes; ++k) lanes[k] += double(loss[i + k]);
    for (; i < n; ++i) lanes[0] += double(loss[i]);
    for (double lane : lanes) sum += lane;
    if (w) {
      for (i = 0; i < n; ++i) by += t[i] == ignore_index ? 0 : double(w[t[i]]);
    } else {
      for (i = 0; i < n; ++i) live += t[i] != ignore_index;
      by = double(live);
    }
    *total.data<T>() = T(by);
    *out.data<T>() = T(reduction == kMean ? sum / by : sum);
  });
  return {out, total};
}

Tensor reduce_losses_grad(GradContext& c) {
  const int64_t reduction = c.get<int64_t>("reduction");
  const Tensor g = reduction == kMean ? c.grad(0) / c.result(1) : c.grad(0);
  return reduction == kNone ? g : call<"expand">(g, c.sizes("losses"));
}

// Two nodes, with the names that programs see behind a loss: the rows' losses and their sum.
OP("_cross_entropy_sum(Tensor losses, Tensor target, Tensor? weight, int reduction, int ignore_index) -> (Tensor, Tensor)")
    .hidden()
    .node_name("NllLossBackward0")
    .direct(reduce_losses)
    .grad("losses", "result1", reduce_losses_grad);
OP("_cross_entropy_sum2d(Tensor losses, Tensor target, Tensor? weight, int reduction, int ignore_index) -> (Tensor, Tensor)")
    .hidden()
    .node_name("NllLoss2DBackward0")
    .direct(reduce_losses)
    .grad("losses", "result1", reduce_losses_grad);
OP("_smoothed_cross_entropy_sum(Tensor losses, Tensor target, Tensor? weight, int reduction, int ignore_index) -> (Tensor, Tensor)")
    .hidden()
    .node_name("AddBackward0")
    .direct(reduce_losses)
    .grad("losses", "result1", reduce_losses_grad);

}  // namespace
}  // namespace RL_ISA_NS
}  // namespace rl
