// Loss functions.
#include "cpu/parallel.h"
#include "dispatch/call.h"

namespace rl {
namespace {

enum Reduction : int64_t { kNone = 0, kMean = 1, kSum = 2 };

Tensor reduced(const Tensor& loss, int64_t reduction) {
  if (reduction == kMean) return call<"mean">(loss);
  return reduction == kSum ? call<"sum">(loss) : loss;
}

// Gradient of the reduction with respect to each element.
Tensor spread(GradContext& c, const Tensor& like) {
  Tensor g = c.grad();
  if (c.get<int64_t>("reduction") == kMean) g = g / Scalar(double(like.numel()));
  return g;
}

Tensor maybe_contiguous(const Tensor& t) { return t.defined() ? contiguous(t) : t; }

// ---- nll_loss: classes on dim 1 (or 0 for one sample), targets in the other dimensions ----
struct NllShape {
  int64_t batch, classes, inner;
};

NllShape check_nll(const Tensor& self, const Tensor& target, const Tensor& weight) {
  RL_CHECK(self.ndim() > 0, "input tensor should be 1D or 2D");
  RL_CHECK(self.ndim() <= 2 ? target.ndim() <= 1 : true,
           "0D or 1D target tensor expected, multi-target not supported");
  if (target.dtype() != DType::Int64 && target.dtype() != DType::UInt8) {
    throw Error(
        ErrorKind::Runtime,
        concat("expected target dtype to be Long or Byte, but got ", dtype_word(target.dtype())),
        concat("nll_loss: class-index targets need int64: got ", dtype_name(target.dtype()),
               " of shape ", target.sizes(), "; use target.long()"));
  }
  NllShape s{1, self.ndim() == 1 ? self.sizes()[0] : self.sizes()[1], 1};
  if (self.ndim() > 1) {
    s.batch = self.sizes()[0];
    RL_CHECK(target.ndim() > 0 && target.sizes()[0] == s.batch, "Expected input batch_size (",
             s.batch, ") to match target batch_size (", target.ndim() ? target.sizes()[0] : 1,
             ").");
  } else {
    RL_CHECK(target.ndim() == 0 || target.numel() == 1, "size mismatch (got input: ", self.sizes(),
             ", target: ", target.sizes(), ")");
  }
  for (int d = 2; d < self.ndim(); ++d) {
    RL_CHECK(target.ndim() == self.ndim() - 1 &&
                 target.sizes()[size_t(d - 1)] == self.sizes()[size_t(d)],
             "size mismatch (got input: ", self.sizes(), " , target: ", target.sizes());
    s.inner *= self.sizes()[size_t(d)];
  }
  RL_CHECK(!weight.defined() || (weight.ndim() <= 1 && weight.numel() == s.classes),
           "weight tensor should be defined either for all ", s.classes,
           " classes or no classes but got weight tensor of shape: ", weight.sizes());
  RL_CHECK(!weight.defined() || weight.dtype() == self.dtype(), "expected scalar type ",
           dtype_word(self.dtype()), " but found ",
           dtype_word(weight.defined() ? weight.dtype() : self.dtype()));
  return s;
}

std::tuple<Tensor, Tensor> nll_forward(const Tensor& self, const Tensor& target,
                                       const Tensor& weight, int64_t reduction,
                                       int64_t ignore_index) {
  NllShape s = check_nll(self, target, weight);
  Tensor x = contiguous(self), t = contiguous(to_dtype(target, DType::Int64)),
         w = maybe_contiguous(weight);
  Dims out_sizes;
  if (reduction == kNone) out_sizes = self.ndim() == 1 ? Dims() : target.sizes();
  Tensor out = empty(out_sizes, self.dtype(), self.device()),
         total = empty(Dims(), self.dtype(), self.device());
  if (self.is_meta()) return {out, total};
  dispatch(self.dtype(), "nll_loss_out_frame", FloatHalfTypes(), [&]<class T>() {
    using A = std::conditional_t<std::is_same_v<T, double>, double, float>;
    const T* px = x.data<T>();
    const int64_t* pt = t.data<int64_t>();
    const T* pw = w.defined() ? w.data<T>() : nullptr;
    // Blocks of samples are summed on their own and then together, for accuracy.
    double loss = 0, weights = 0;
    A block_loss = 0, block_weight = 0;
    int64_t n = s.batch * s.inner;
    for (int64_t i = 0; i < n; ++i) {
      int64_t k = pt[i];
      A value = 0, by = 0;
      if (k != ignore_index) {
        if (k < 0 || k >= s.classes) {
          throw Error(ErrorKind::Index, concat("Target ", k, " is out of bounds."),
                      concat("target[", i, "] = ", k, ", but input has ", s.classes,
                             " classes (0..", s.classes - 1, ")"));
        }
        by = pw ? A(pw[k]) : A(1);
        value = -by * A(px[(i / s.inner * s.classes + k) * s.inner + i % s.inner]);
      }
      if (reduction == kNone) {
        out.data<T>()[i] = T(value);
        continue;
      }
      block_loss += value;
      block_weight += by;
      if (i % 256 == 255) {
        loss += double(block_loss);
        weights += double(block_weight);
        block_loss = block_weight = 0;
      }
    }
    loss += double(block_loss);
    weights += double(block_weight);
    *total.data<T>() = T(A(weights));
    if (reduction == kSum) *out.data<T>() = T(A(loss));
    if (reduction == kMean) *out.data<T>() = T(A(loss / weights));
  });
  return {out, total};
}

Tensor nll_backward(const Tensor& grad, const Tensor& self, const Tensor& target,
                    const Tensor& weight, int64_t reduction, int64_t ignore_index,
                    const Tensor& total) {
  NllShape s = check_nll(self, target, weight);
  Tensor out = call<"zeros">(self.sizes(), self.dtype());
  Tensor g = contiguous(grad), t = contiguous(to_dtype(target, DType::Int64)),
         w = maybe_contiguous(weight);
  dispatch(self.dtype(), "nll_loss_backward_out_frame", FloatHalfTypes(), [&]<class T>() {
    using A = std::conditional_t<std::is_same_v<T, double>, double, float>;
    const T* pg = g.data<T>();
    const int64_t* pt = t.data<int64_t>();
    const T* pw = w.defined() ? w.data<T>() : nullptr;
    T* po = out.data<T>();
    A scale = reduction == kMean ? A(pg[0]) / A(*total.data<T>()) : A(pg[0]);
    for (int64_t i = 0, n = s.batch * s.inner; i < n; ++i) {
      int64_t k = pt[i];
      if (k == ignore_index) continue;
      A by = pw ? A(pw[k]) : A(1);
      po[(i / s.inner * s.classes + k) * s.inner + i % s.inner] =
          T(-by * (reduction == kNone ? A(pg[i]) : scale));
    }
  });
  return out;
}

void nll_grads(GradContext& c) {
  Tensor like = call<"expand">(call<"zeros">(Dims(), c.dtype("self")), c.sizes("self"));
  c.set("self", call<"nll_loss_backward">(c.grad(0), like, c.tensor("target"), c.tensor("weight"),
                                          c.get<int64_t>("reduction"),
                                          c.get<int64_t>("ignore_index"), c.result(1)));
}
OP("nll_loss_forward(Tensor self, Tensor target, Tensor? weight, int reduction, SymInt ignore_index) -> (Tensor output, Tensor total_weight)")
    .hidden()
    .node_name("NllLossBackward0")
    .direct(nll_forward)
    .grads("self", "target weight result1", nll_grads);
OP("nll_loss2d_forward(Tensor self, Tensor target, Tensor? weight, int reduction, SymInt ignore_index) -> (Tensor output, Tensor total_weight)")
    .hidden()
    .node_name("NllLoss2DBackward0")
    .direct(nll_forward)
    .grads("self", "target weight result1", nll_grads);
OP("nll_loss_backward(Tensor grad_output, Tensor self, Tensor target, Tensor? weight, int reduction, SymInt ignore_index, Tensor total_weight) -> Tensor")
    .hidden()
    .direct(nll_backward)
    .grad("grad_output", "target weight total_weight", [](GradContext& c) {
      TensorList r =
          call_all<"nll_loss_forward">(c.grad(), c.tensor("target"), c.tensor("weight"),
                                       c.get<int64_t>("reduction"), c.get<int64_t>("ignore_index"));
      return r[0];
    });

void check_nll_nd(const Tensor& self, const Tensor& target, const Tensor& weight) {
  RL_CHECK_KIND(Value, self.ndim() >= 1, "Expected 1 or more dimensions (got ", self.ndim(), ")");
  if (self.ndim() > 1) {
    RL_CHECK_KIND(Value, target.ndim() > 0 && self.sizes()[0] == target.sizes()[0],
                  "Expected input batch_size (", self.sizes()[0], ") to match target batch_size (",
                  target.ndim() ? target.sizes()[0] : 1, ").");
  }
  if (self.ndim() == 2 && target.ndim() > 1) {
    throw Error(
        ErrorKind::Runtime, "0D or 1D target tensor expected, multi-target not supported",
        concat("nll_loss: target has shape ", target.sizes(), "; expected [", self.sizes()[0], "]",
               target.sizes().back() == 1 ? ": use target.squeeze(1)" : ""));
  }
  if (weight.defined() && weight.dtype() != self.dtype()) {
    throw Error(ErrorKind::Runtime,
                concat("expected scalar type ", dtype_word(self.dtype()), " but found ",
                       dtype_word(weight.dtype())),
                "the loss needs weight in the input's dtype: weight.to(input.dtype)");
  }
  if (self.ndim() <= 2) return;
  Dims want = self.sizes();
  want.erase(1);
  RL_CHECK(target.sizes() == want, "Expected target size ", want, ", got ", target.sizes());
}

Tensor nll_loss_nd(const Tensor& self, const Tensor& target, const Tensor& weight,
                   int64_t reduction, int64_t ignore_index) {
  check_nll_nd(self, target, weight);
  if (self.ndim() <= 2)
    return call<"nll_loss_forward">(self, target, weight, reduction, ignore_index);
  return call<"nll_loss2d_forward">(self, target, weight, reduction, ignore_index);
}
OP("nll_loss_nd(Tensor self, Tensor target, Tensor? weight=None, int reduction=Mean, SymInt ignore_index=-100) -> Tensor")
    .hidden()
    .composite(nll_loss_nd);

Tensor probability_cross_entropy(const Tensor& self, const Tensor& target, const Tensor& weight,
                                 int64_t reduction, double smoothing) {
  int64_t dim = self.ndim() == 1 ? 0 : 1, classes = self.sizes()[size_t(dim)];
  Tensor t =
      smoothing > 0 ? target * Scalar(1 - smoothing) + Scalar(smoothing / double(classes)) : target;
  Tensor x = call<"log_softmax.int">(self, dim) * t;
  if (weight.defined()) {
    Dims shape(size_t(self.ndim()), 1);
    shape[size_t(dim)] = weight.numel();
    x = x * call<"reshape">(weight, shape);
  }
  if (reduction == kNone) return -call<"sum.dim_IntList">(x, Dims({dim}));
  Tensor total = -call<"sum">(x);
  return reduction == kSum ? total : total / Scalar(double(self.numel() / classes));
}

Tensor smoothed_cross_entropy(const Tensor& self, const Tensor& target, const Tensor& weight,
                              int64_t reduction, int64_t ignore_index, double smoothing) {
  int64_t dim = self.ndim() == 1 ? 0 : 1, classes = self.sizes()[size_t(dim)];
  Tensor x = call<"log_softmax.int">(self, dim);
  Tensor nll = nll_loss_nd(x, target, weight, reduction, ignore_index);
  Tensor smooth = x;
  Tensor mask = call<"eq.Tensor">(target, wrapped_number(ignore_index));
  if (weight.defined()) {
    Dims shape(size_t(self.ndim()), 1);
    shape[size_t(dim)] = classes;
    smooth = smooth * call<"reshape">(weight, shape);
  }
  smooth = call<"masked_fill.Scalar">(-call<"sum.dim_IntList">(smooth, Dims({dim})), mask, 0);
  Tensor total;
  if (reduction == kSum) {
    total = call<"sum">(smooth);
  } else if (reduction == kMean) {
    Tensor kept = call<"masked_fill.Scalar">(target, mask, 0);
    if (weight.defined()) {
      Tensor each =
          call<"masked_fill.Scalar">(call<"index.Tensor">(weight, TensorList{kept}), mask, 0);
      total = call<"sum">(smooth) / call<"sum">(each);
    } else {
      Tensor n = call<"sum">(to_dtype(call<"logical_not">(mask), self.dtype()));
      total = call<"sum">(smooth) / n;
    }
  } else {
    total = smooth;
  }
  return nll * Scalar(1 - smoothing) + total * Scalar(smoothing / double(classes));
}

bool fused_cross_entropy_applies(const Tensor& self, const Tensor& weight, double smoothing) {
  if (self.device().type != DeviceType::CPU) return false;
  if (self.dtype() != DType::Float32 && self.dtype() != DType::Float64) return false;
  return !(smoothing > 0 && weight.defined() && requires_grad(weight));
}

Tensor fused_cross_entropy(const Tensor& self, const Tensor& target, const Tensor& weight,
                           int64_t reduction, int64_t ignore_index, double smoothing) {
  check_nll_nd(self, target, weight);
  check_nll(self, target, weight);
  const Tensor t = contiguous(to_dtype(target, DType::Int64)), w = maybe_contiguous(weight);
  const bool keep = GradMode::enabled() && requires_grad(self);
  const bool hooked = !SavedTensor::pack_hooks().empty();
  const Tensor losses = call<"_cross_entropy">(self, t, w, ignore_index, smoothing, keep, hooked);
  if (smoothing > 0)
    return call<"_smoothed_cross_entropy_sum">(losses, t, w, reduction, ignore_index);
  if (self.ndim() > 2) return call<"_cross_entropy_sum2d">(losses, t, w, reduction, ignore_index);
  return call<"_cross_entropy_sum">(losses, t, w, reduction, ignore_index);
}

OP("cross_entropy_loss(Tensor self, Tensor target, Tensor? weight=None, int reduction=Mean, SymInt ignore_index=-100, float label_smoothing=0.0) -> Tensor")
    .hidden()
    .composite([](const Tensor& self, const Tensor& target, const Tensor& weight, int64_t reduction,
                  int64_t ignore_index, double smoothing) {
      RL_CHECK(smoothing <= 1.0, "label_smoothing must be between 0.0 and 1.0. Got: ", smoothing);
      if (self.sizes() == target.sizes() && self.ndim() > 0) {
        if (!is_floating(target.dtype())) {
          throw Error(
              ErrorKind::Runtime,
              concat("Expected floating point type for target with class probabilities, got ",
                     dtype_word(target.dtype())),
              "cross_entropy: a target of the input's shape is read as probabilities; class indices have one dimension less");
        }
        RL_CHECK(ignore_index < 0, "ignore_index is not supported for floating point target");
        return probability_cross_entropy(self, target, weight, reduction, smoothing);
      }
      if (is_floating(target.dtype())) {
        throw Error(ErrorKind::Runtime,
                    concat("expected target dtype to be Long or Byte, but got ",
                           dtype_word(target.dtype())),
                    concat("cross_entropy: class-index targets need int64: got ",
                           dtype_name(target.dtype()), " of shape ", target.sizes(),
                           "; use target.long(), or probabilities of shape ", self.sizes()));
      }
      if (self.ndim() > 0 && fused_cross_entropy_applies(self, weight, smoothing))
        return fused_cross_entropy(self, target, weight, reduction, ignore_index, smoothing);
      if (smoothing > 0)
        return smoothed_cross_entropy(self, target, weight, reduction, ignore_index, smoothing);
      RL_CHECK(self.ndim() > 0, "Expected 1 or more dimensions (got 0)");
      int64_t dim = self.ndim() == 1 ? 0 : 1;
      return nll_loss_nd(call<"log_softmax.int">(self, dim), target, weight, reduction,
                         ignore_index);
    });

// ---- differences ----
// The fused mean or sum of squares saves two passes over memory against sub, pow and mean.
OP("mse_loss(Tensor self, Tensor target, int reduction=Mean) -> Tensor")
    .hidden()
    .direct([](const Tensor& self, const Tensor& target, int64_t reduction) {
      Tensor d = self - target;
      if (reduction == kNone || d.is_meta() || !d.is_contiguous() || d.dtype() != DType::Float32) {
        return reduced(d * d, reduction);
      }
      int64_t n = d.numel();
      const float* p = d.data<float>();
      constexpr int64_t kBlock = 4096;
      int64_t blocks = (n + kBlock - 1) / kBlock;
      std::vector<double> sums(static_cast<size_t>(blocks), 0.0);
      double* out = sums.data();
      parallel(blocks, 8, [=](int64_t b, int64_t e) {
        for (int64_t k = b; k < e; ++k) {
          float lanes[16] = {};
          int64_t i = k * kBlock, end = std::min(n, i + kBlock);
          for (; i + 16 <= end; i += 16) {
            for (int l = 0; l < 16; ++l) lanes[l] += p[i + l] * p[i + l];
          }
          for (; i < end; ++i) lanes[0] += p[i] * p[i];
          double s = 0;
          for (float v : lanes) s += double(v);
          out[k] = s;
        }
      });
      double total = 0;
      for (double s : sums) total += s;
      return scalar_tensor(reduction == kMean ? total / double(n) : total, DType::Float32);
    })
    .grad("self", "self target",
          [](GradContext& c) {
            Tensor d = c.tensor("self") - c.tensor("target");
            return d * (spread(c, d) * Scalar(2));
          })
    .grad("target", "self target", [](GradContext& c) {
      Tensor d = c.tensor("target") - c.tensor("self");
      return d * (spread(c, d) * Scalar(2));
    });

OP("l1_loss(Tensor self, Tensor target, int reduction=Mean) -> Tensor")
    .hidden()
    .composite([](const Tensor& self, const Tensor& target, int64_t reduction) {
      return reduced(call<"abs">(self - target), reduction);
    });

// Elementwise part of smooth_l1 (scaled = false: divided by beta) and huber (times delta).
Tensor huber_like(const Tensor& self, const Tensor& target, double delta, bool huber) {
  return call<"_huber_like">(self, target, Scalar(delta), huber);
}
Tensor huber_like_grad(GradContext& c, const char* bound, bool huber, bool target) {
  double delta = c.get<double>(bound);
  Tensor x = c.tensor("self"), y = c.tensor("target");
  Tensor slope = call<"_clamped_difference">(
      target ? y : x, target ? x : y, Scalar(huber ? 1.0 : delta), Scalar(huber ? delta : 1.0));
  return slope * spread(c, slope);
}
OP("smooth_l1_loss(Tensor self, Tensor target, int reduction=Mean, float beta=1.0) -> Tensor")
    .hidden()
    .direct([](const Tensor& self, const Tensor& target, int64_t reduction, double beta) {
      RL_CHECK(beta >= 0, "smooth_l1_loss does not support negative values for beta.");
      if (beta == 0) return reduced(call<"abs">(self - target), reduction);
      return reduced(huber_like(self, target, beta, false), reduction);
    })
    .grad("self", "self target",
          [](GradContext& c) -> Tensor {
            if (c.get<double>("beta") == 0) {
              Tensor d = c.tensor("self") - c.tensor("target");
              return call<"sgn">(d) * spread(c, d);
            }
            return huber_like_grad(c, "beta", false, false);
          })
    .grad("target", "self target", [](GradContext& c) -> Tensor {
      if (c.get<double>("beta") == 0) {
        Tensor d = c.tensor("target") - c.tensor("self");
        return call<"sgn">(d) * spread(c, d);
      }
      return huber_like_grad(c, "beta", false, true);
    });
OP("huber_loss(Tensor self, Tensor target, int reduction=Mean, float delta=1.0) -> Tensor")
    .hidden()
    .direct([](const Tensor& self, const Tensor& target, int64_t reduction, double delta) {
      RL_CHECK(delta > 0, "huber_loss does not support non-positive values for delta.");
      return reduced(huber_like(self, target, delta, true), reduction);
    })
    .grad("self", "self target",
          [](GradContext& c) { return huber_like_grad(c, "delta", true, false); })
    .grad("target", "self target",
          [](GradContext& c) { return huber_like_grad(c, "delta", true, true); });

// ---- binary cross entropy ----
OP("binary_cross_entropy(Tensor self, Tensor target, Tensor? weight=None, int reduction=Mean) -> Tensor")
    .hidden()
    .direct([](const Tensor& self, const Tensor& target, const Tensor& weight, int64_t reduction) {
      Tensor inside = call<"logical_and">(call<"ge.Tensor">(self, wrapped_number(0)),
                                          call<"le.Tensor">(self, wrapped_number(1)));
      if (!self.is_meta() && !item(call<"all">(inside)).to<bool>()) {
        throw Error(
            ErrorKind::Runtime, "all elements of input should be between 0 and 1",
            "binary_cross_entropy: apply sigmoid first, or use binary_cross_entropy_with_logits");
      }
      // Logarithms are cut off at -100, as PyTorch's are.
      Tensor a = call<"clamp">(call<"log">(self), Scalar(-100.0));
      Tensor b = call<"clamp">(call<"log1p">(-self), Scalar(-100.0));
      Tensor loss = (target - Scalar(1)) * b - target * a;
      if (weight.defined()) loss = loss * weight;
      return reduced(loss, reduction);
    })
    .grad("self", "self target weight",
          [](GradContext& c) {
            Tensor x = c.tensor("self"), t = c.tensor("target"), w = c.tensor("weight");
            Tensor below = call<"clamp">((Scalar(1) - x) * x, Scalar(1e-12));
            Tensor g = spread(c, x) * (x - t) / below;
            return w.defined() ? g * w : g;
          })
    .grad("target", "self target weight", [](GradContext& c) {
      Tensor x = c.tensor("self"), w = c.tensor("weight");
      Tensor odds = call<"clamp">(call<"log1p">(-x), Scalar(-100.0)) -
                    call<"clamp">(call<"log">(x), Scalar(-100.0));
      Tensor g = spread(c, x) * odds;
      return w.defined() ? g * w : g;
    });

OP("binary_cross_entropy_with_logits(Tensor self, Tensor target, Tensor? weight=None, Tensor? pos_weight=None, int reduction=Mean) -> Tensor")
    .function_only()
    .direct([](const Tensor& self, const Tensor& target, const Tensor& weight,
               const Tensor& pos_weight, int64_t reduction) {
      Tensor log_p = call<"log_sigmoid">(self), loss;
      if (pos_weight.defined()) {
        Tensor by = (pos_weight - Scalar(1)) * target + Scalar(1);
        loss = (Scalar(1) - target) * self - by * log_p;
      } else {
        loss = (Scalar(1) - target) * self - log_p;
      }
      if (weight.defined()) loss = loss * weight;
      return reduced(loss, reduction);
    })
    .grad("self", "self target weight pos_weight",
          [](GradContext& c) {
            Tensor x = c.tensor("self"), t = c.tensor("target"), w = c.tensor("weight"),
                   p = c.tensor("pos_weight"), g;
            Tensor s = call<"sigmoid">(x);
            if (p.defined()) {
              Tensor pt = p * t;
              g = (pt + Scalar(1) - t) * s - pt;
            } else {
              g = s - t;
            }
            if (w.defined()) g = g * w;
            return g * spread(c, x);
          })
    .grad("target", "self target weight pos_weight", [](GradContext& c) {
      Tensor x = c.tensor("self"), w = c.tensor("weight"), p = c.tensor("pos_weight"), g;
      if (p.defined()) {
        g = call<"log_sigmoid">(-x) - p * call<"log_sigmoid">(x);
      } else {
        g = -x;
      }
      if (w.defined()) g = g * w;
      return g * spread(c, x);
    });

}  // namespace
}  // namespace rl
