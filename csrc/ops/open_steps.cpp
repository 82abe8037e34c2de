#include "ops/open_steps.h"

#include <algorithm>
#include <memory>

#include "cpu/batchnorm.h"
#include "cpu/conv.h"
#include "cpu/parallel.h"
#include "ops/channels_last.h"
#include "ops/packed_weight.h"

namespace rl {
namespace {

constexpr int64_t kWorthwhile = 8192;  // elements; smaller results stay in the first cache
constexpr int64_t kKeepGil = 1 << 16;

bool fresh(const Tensor& out) {
  return out.numel() >= kWorthwhile && out.dtype() == DType::Float32 && !out.is_meta() &&
         out.storage()->bytes() == size_t(out.numel()) * out.item_size();
}

// A result that a later step may be made of, so that no convolution runs twice.
class Kept {
 public:
  void keep(Storage* storage) {
    storage_ = storage;
    tagged_ = storage->layout.channels_last;
  }
  // Null where there is none or its bytes were put in another order.
  const Storage* get() const {
    return storage_ && storage_->layout.channels_last == tagged_ ? storage_.get() : nullptr;
  }
  const Ref<Storage>& storage() const { return storage_; }

 private:
  Ref<Storage> storage_;
  bool tagged_ = false;
};

class OpenConv final : public OpenStep {
 public:
  Kept result;

  OpenConv(const ConvProblem& problem, Activation x, const Tensor& weight, const Tensor& bias,
           const Ref<PackedWeight>& packed)
      : problem_(problem), x_(std::move(x)), weight_(weight), bias_(bias), packed_(packed) {}

  void write(void* to) override {
    if (use_count() > 1) result.keep(owner());
    write_after(nullptr, to);
  }
  void write_after(const ConvAfter* after, void* to) const {
    const float *x = static_cast<const float*>(x_.data), *w = weight_.data<const float>(),
                *b = bias_.defined() ? bias_.data<const float>() : nullptr;
    const void* packed = packed_ ? packed_->data() : nullptr;
    const GilRelease release(true);
    if (after)
      conv_forward_after(problem_, x, w, b, *after, static_cast<float*>(to), packed);
    else
      conv_forward<float>(problem_, x, w, b, static_cast<float*>(to), packed);
  }
  bool reads(const Storage& s) const override {
    return x_.reads(s) || weight_.storage().get() == &s || result.storage().get() == &s ||
           (bias_.defined() && bias_.storage().get() == &s);
  }

 private:
  ConvProblem problem_;
  Activation x_;
  Tensor weight_, bias_;
  Ref<PackedWeight> packed_;
};

class OpenAffine;

// source * scale[c] + shift[c], where the source is in memory or a convolution.
struct Affine final : RefCounted {
  std::unique_ptr<const Activation> x;
  Ref<OpenConv> conv;
  std::vector<float> scale, shift;
  OpenAffine* alone = nullptr;  // the step that is this and no more, while it exists
  Kept result;                  // of that step

  ChannelTerm<float> term() const {
    return {static_cast<const float*>(x->data), scale.data(), shift.data()};
  }
  bool reads(const Storage& s) const {
    return result.storage().get() == &s || (conv ? conv->reads(s) : x->reads(s));
  }
};

// Hangs on the storage of relu(x * scale + shift): what the gradient needs to know the sign again.
struct ReluOfAffine final : RefCounted {
  ChannelShape shape;
  const Storage* x;  // only compared
  uint64_t x_changes, changes;
  std::vector<float> scale, shift;

  static void note(Storage& result, const ChannelShape& shape, const Affine& affine) {
    const Ref<ReluOfAffine> n = make_ref<ReluOfAffine>();
    n->shape = shape;
    n->x = affine.x->storage();
    n->x_changes = n->x->changes;
    n->changes = result.changes;
    n->scale = affine.scale;
    n->shift = affine.shift;
    result.derived = n;
  }
  static ReluOfAffine* of(const Storage& result) {
    auto* n = dynamic_cast<ReluOfAffine*>(result.derived.get());
    return n && n->changes == result.changes && result.watched() ? n : nullptr;
  }
};

// A gradient in the bytes that it is to be written to, before relu.
class OpenRelu final : public OpenStep {
 public:
  const Ref<ReluOfAffine> note;

  OpenRelu(const Ref<ReluOfAffine>& note, Activation result)
      : note(note), result_(std::move(result)) {}
  void write(void* to) override {
    const float* y = static_cast<const float*>(result_.data);
    float* g = static_cast<float*>(to);
    const int64_t n = note->shape.n * note->shape.c * note->shape.s;
    const GilRelease release(n > kKeepGil);
    parallel_for(n, kGrain, [&](int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; i++) g[i] = y[i] <= 0.0f ? 0.0f : g[i];
    });
  }
  bool reads(const Storage& s) const override { return result_.reads(s); }

 private:
  Activation result_;
};

// Of `affine_other` and `other` at most one is there.
struct Parts {
  Ref<Affine> first, affine_other;
  std::shared_ptr<const Activation> other;
  bool relu = false;

  bool sum() const { return affine_other || other; }
  bool alone() const { return !sum() && !relu; }
};

class OpenAffine final : public OpenStep {
 public:
  const ChannelShape shape;
  const Dims sizes, strides;
  const Parts parts;

  OpenAffine(const ChannelShape& shape, const Tensor& out, Parts p)
      : shape(shape), sizes(out.sizes()), strides(out.strides()), parts(std::move(p)) {
    if (parts.alone()) parts.first->alone = this;
  }
  ~OpenAffine() override {
    if (parts.first->alone == this) parts.first->alone = nullptr;
  }

  void write(void* to) override {
    float* const y = static_cast<float*>(to);
    const float* other = parts.other ? static_cast<const float*>(parts.other->data) : nullptr;
    Affine& first = *parts.first;
    if (first.conv) return write_conv(first, other, y);
    if (owner() && parts.relu && !parts.sum()) ReluOfAffine::note(*owner(), shape, first);
    ChannelMap<float> map{first.term(), {other}, parts.relu};
    if (parts.affine_other) map.other = parts.affine_other->term();
    const GilRelease release(size() > kKeepGil);
    channel_map<float>(shape, map, y);
  }
  bool reads(const Storage& s) const override {
    return parts.first->reads(s) || (parts.affine_other && parts.affine_other->reads(s)) ||
           (parts.other && parts.other->reads(s));
  }
  bool covers(const Tensor& t) const {
    return t.offset() == 0 && t.dtype() == DType::Float32 && t.sizes() == sizes &&
           t.strides() == strides;
  }

 private:
  int64_t size() const { return shape.n * shape.c * shape.s; }

  // A convolution is not run twice: where its own result or the affine one is still wanted by
  // somebody else, that is finished first and this is made of it.
  void write_conv(Affine& first, const float* other, float* y) {
    if (first.alone == this) {
      if (first.use_count() > 1) first.result.keep(owner());
    } else if (first.alone && first.alone->owner()) {
      first.alone->owner()->raw_data();
    }
    if (first.alone != this && first.result.get()) {
      const RawReader reading(first.result.storage());
      return write_from(static_cast<const float*>(first.result.storage()->raw_data()), other, y);
    }
    if (first.conv->owner()) first.conv->owner()->raw_data();
    if (first.conv->result.get()) {
      const RawReader reading(first.conv->result.storage());
      const auto* x = static_cast<const float*>(first.conv->result.storage()->raw_data());
      const GilRelease release(size() > kKeepGil);
      return channel_map<float>(
          shape, {{x, first.scale.data(), first.shift.data()}, {other}, parts.relu}, y);
    }
    const ConvAfter after{first.scale.data(), first.shift.data(), other, parts.relu};
    first.conv->write_after(&after, y);
  }
  void write_from(const float* affine, const float* other, float* y) const {
    const bool relu = parts.relu;
    const GilRelease release(size() > kKeepGil);
    parallel_for(size(), kGrain, [&](int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; i++) {
        const float r = other ? affine[i] + other[i] : affine[i];
        y[i] = relu && r < 0.0f ? 0.0f : r;
      }
    });
  }
};

template <class Step>
Step* open_step(const Tensor& t) {
  return t.defined() ? dynamic_cast<Step*>(t.storage()->open_step()) : nullptr;
}
OpenAffine* open_affine(const Tensor& t) {
  auto* step = open_step<OpenAffine>(t);
  return step && step->covers(t) ? step : nullptr;
}

bool leave_open(const Tensor& out, const ChannelShape& shape, const Ref<Affine>& affine) {
  Parts parts;
  parts.first = affine;
  out.storage()->leave_open(make_ref<OpenAffine>(shape, out, std::move(parts)));
  return true;
}

// The result of an operator that took over `from`, which is the open step of `like`.
Tensor joined(const Ref<OpenAffine>& from, const Tensor& like, const Tensor* self, Parts parts) {
  from->take();
  const Tensor out = self ? *self : empty_strided(like.sizes(), like.strides(), like.dtype());
  if (!self) out.storage()->layout = like.storage()->layout;
  out.storage()->leave_open(make_ref<OpenAffine>(from->shape, out, std::move(parts)));
  return out;
}

bool same_bytes_order(const Tensor& a, const Tensor& b) {
  const bool tagged = a.storage()->layout.channels_last;
  return a.strides() == b.strides() && tagged == b.storage()->layout.channels_last &&
         (!tagged || bytes_channels_last(b));
}

}  // namespace

bool leave_conv_open(const Tensor& out, const ConvProblem& problem, Activation& x,
                     const Tensor& weight, const Tensor& bias, const Ref<PackedWeight>& packed) {
  if (!fresh(out) || !x.watched() || !weight.storage()->watched() ||
      (bias.defined() && !bias.storage()->watched()))
    return false;
  out.storage()->leave_open(make_ref<OpenConv>(problem, std::move(x), weight, bias, packed));
  return true;
}

bool leave_affine_open(const Tensor& out, const ChannelShape& shape, Activation& x,
                       const std::vector<float>& scale, const std::vector<float>& shift) {
  if (!fresh(out) || !x.watched()) return false;
  const Ref<Affine> affine = make_ref<Affine>();
  affine->x = std::make_unique<const Activation>(std::move(x));
  affine->scale = scale;
  affine->shift = shift;
  return leave_open(out, shape, affine);
}

bool leave_conv_affine_open(const Tensor& out, const Tensor& input, const ChannelShape& shape,
                            const std::vector<float>& scale, const std::vector<float>& shift) {
  OpenConv* conv = open_step<OpenConv>(input);
  if (!conv || conv->use_count() != 1 || !fresh(out) || out.sizes() != input.sizes() ||
      out.strides() != input.strides() || input.offset() != 0 ||
      input.storage()->layout.channels_last !=
          (shape.order == onednn::Order::channels_last && out.is_contiguous()))
    return false;
  const Ref<Affine> affine = make_ref<Affine>();
  affine->conv = conv;
  conv->take();
  affine->scale = scale;
  affine->shift = shift;
  return leave_open(out, shape, affine);
}

Tensor relu_gradient(GradContext& c) {
  const Tensor result = c.result();
  ReluOfAffine* note = ReluOfAffine::of(*result.storage());
  if (!note || GradMode::enabled()) return over_grad<"threshold_backward">(c, result, int64_t(0));
  const Tensor grad = c.take_grad();
  if (grad->use_count() != 1 || grad.storage()->use_count() != 1 || !fresh(grad) ||
      !grad.storage()->watched() || grad.storage()->open_step() || grad.offset() != 0 ||
      grad.sizes() != result.sizes() || !same_bytes_order(result, grad))
    return call<"threshold_backward">(grad, result, int64_t(0));
  grad.storage()->leave_open(
      make_ref<OpenRelu>(Ref<ReluOfAffine>(note), Activation(result, note->shape.order)));
  return grad;
}

OpenGradient open_gradient(const Tensor& grad, const Tensor& input, const ChannelShape& shape) {
  OpenRelu* step = open_step<OpenRelu>(grad);
  if (!step) return {};
  const ReluOfAffine& note = *step->note;
  if (note.x != input.storage().get() || note.x_changes != note.x->changes ||
      note.shape.order != shape.order || note.shape.n != shape.n || note.shape.c != shape.c ||
      note.shape.s != shape.s || input.offset() != 0)
    return {};
  step->take();
  return {Ref<OpenStep>(step), grad.storage()->unfinished_data(), note.scale.data(),
          note.shift.data()};
}

bool join_relu(const Value* args, const Tensor* self, Value& result) {
  const Tensor& t = Unbox<Tensor>::get(args[0]);
  const Ref<OpenAffine> step(open_affine(t));
  if (!step || step->parts.relu) return false;
  Parts parts = step->parts;
  parts.relu = true;
  result = joined(step, t, self, std::move(parts));
  return true;
}

bool join_add(const Value* args, const Tensor* self, Value& result) {
  const Tensor *a = std::get_if<Tensor>(&args[0]), *b = std::get_if<Tensor>(&args[1]);
  if (!a || !b || !a->defined() || !b->defined() || !to_scalar(args[2]).equal(1)) return false;
  if (a->storage() == b->storage() || a->sizes() != b->sizes() || a->dtype() != b->dtype() ||
      !same_bytes_order(*a, *b))
    return false;
  Ref<OpenAffine> x(open_affine(*a)), y(open_affine(*b));
  if (x && !x->parts.alone()) x = nullptr;
  if (y && !y->parts.alone()) y = nullptr;
  // The sum is written where the convolution, if there is one, writes.
  const bool swap = !self && (!x || (y && y->parts.first->conv && !x->parts.first->conv));
  if (swap) std::swap(a, b), std::swap(x, y);
  if (!x) return false;
  Parts parts = x->parts;
  if (y && !y->parts.first->conv && !parts.first->conv) {
    parts.affine_other = y->parts.first;
    y->take();
  } else {
    if (!b->storage()->watched() || b->offset() != 0) return false;
    parts.other = std::make_shared<const Activation>(*b, x->shape.order);
  }
  result = joined(x, *a, self, std::move(parts));
  return true;
}

}  // namespace rl
