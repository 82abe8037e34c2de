// Views: other windows on the same storage.
#include "dispatch/call.h"

namespace rl {
namespace {

Tensor as_strided(const Tensor& self, const Dims& size, const Dims& stride,
                  std::optional<int64_t> offset) {
  RL_CHECK(size.size() == stride.size(), "mismatch in length of strides and shape");
  int64_t at = offset.value_or(self.offset()), last = at;
  RL_CHECK(at >= 0, "Tensor: invalid storage offset ", at);
  checked_count(size);
  bool some = true;
  for (size_t i = 0; i < size.size(); ++i) {
    RL_CHECK(stride[i] >= 0,
             "as_strided: Negative strides are not supported at the moment, got strides: ", stride);
    if (size[i] == 0) some = false;
    if (size[i] > 1) last += (size[i] - 1) * stride[i];
  }
  RL_CHECK(
      !some || self.is_meta() || size_t(last + 1) * self.item_size() <= self.storage()->bytes(),
      "setStorage: sizes ", size, ", strides ", stride, ", storage offset ", at, ", and itemsize ",
      self.item_size(), " requiring a storage size of ", size_t(last + 1) * self.item_size(),
      " are out of bounds for storage of size ", self.storage()->bytes());
  return alias(self, size, stride, at);
}

// The gradient needs the input's strides, and must not keep the input: a later change of it would
// count as an error.
OP("_as_strided(Tensor(a) self, int[] size, int[] stride, int offset, int[] in_strides, int in_offset) -> Tensor(a)")
    .hidden()
    .node_name("AsStridedBackward0")
    .view([](const Tensor& self, const Dims& size, const Dims& stride, int64_t offset, const Dims&,
             int64_t) { return as_strided(self, size, stride, offset); })
    .grad("self", "", [](GradContext& c) {
      return call<"as_strided_backward">(c.grad(), c.sizes("self"), c.get<Dims>("in_strides"),
                                         c.get<int64_t>("in_offset"), c.get<Dims>("size"),
                                         c.get<Dims>("stride"), c.get<int64_t>("offset"));
    });
OP("as_strided(Tensor(a) self, SymInt[] size, SymInt[] stride, SymInt? storage_offset=None) -> Tensor(a)")
    .composite([](const Tensor& self, const Dims& size, const Dims& stride,
                  std::optional<int64_t> offset) {
      return call<"_as_strided">(self, size, stride, offset.value_or(self.offset()), self.strides(),
                                 self.offset());
    });

// Gradient of a window: scatters it into zeros of the input's storage, then reads the input's own
// geometry back. Elements that the window shows several times are summed.
Tensor as_strided_backward(const Tensor& grad, const Dims& in_sizes, const Dims& in_strides,
                           int64_t in_offset, const Dims& sizes, const Dims& strides,
                           int64_t offset) {
  int64_t base = std::min(in_offset, offset), last = 0;
  auto extend = [&](const Dims& s, const Dims& st, int64_t at) {
    int64_t end = at - base;
    for (size_t i = 0; i < s.size(); ++i) end += std::max<int64_t>(s[i] - 1, 0) * st[i];
    last = std::max(last, end);
  };
  extend(in_sizes, in_strides, in_offset);
  extend(sizes, strides, offset);
  Tensor flat = call<"zeros">(Dims({last + 1}), grad.dtype(), Value(), grad.device());
  bool overlaps = !is_dense(sizes, strides) && [&] {
    for (size_t i = 0; i < sizes.size(); ++i) {
      if (sizes[i] > 1 && strides[i] == 0) return true;
    }
    Dims order;
    for (size_t i = 0; i < sizes.size(); ++i) {
      if (sizes[i] > 1) order.push_back(int64_t(i));
    }
    std::sort(order.begin(), order.end(),
              [&](int64_t a, int64_t b) { return strides[a] < strides[b]; });
    int64_t reach = 0;
    for (int64_t i : order) {
      if (strides[i] <= reach) return true;
      reach += (sizes[i] - 1) * strides[i];
    }
    return false;
  }();
  if (overlaps) {
    Tensor where = call<"arange">(last + 1, DType::Int64);
    where = call<"reshape">(call<"as_strided">(where, sizes, strides, offset - base), Dims({-1}));
    flat = call<"index_add">(flat, int64_t(0), where, call<"reshape">(grad, Dims({-1})));
  } else {
    call<"copy_">(call<"as_strided">(flat, sizes, strides, offset - base), grad);
  }
  Tensor out = call<"as_strided">(flat, in_sizes, in_strides, in_offset - base);
  // An element that the input itself shows several times shares its gradient among them.
  for (size_t i = 0; i < in_sizes.size(); ++i) {
    if (in_sizes[i] > 1 && in_strides[i] == 0) out = out / Scalar(in_sizes[i]);
  }
  return out;
}
OP("as_strided_backward(Tensor grad, int[] in_sizes, int[] in_strides, int in_offset, int[] sizes, int[] strides, int offset) -> Tensor")
    .hidden()
    .composite(as_strided_backward);

OP("alias(Tensor(a) self) -> Tensor(a)")
    .hidden()
    .view([](const Tensor& self) { return alias(self); })
    .grad("self", "", [](GradContext& c) { return c.grad(); });

OP("detach(Tensor(a) self) -> Tensor(a)").composite([](const Tensor& self) { return alias(self); });

OP("view(Tensor(a) self, SymInt[] size) -> Tensor(a)")
    .method_only()
    .view([](const Tensor& self, const Dims& size) {
      Dims shape = infer_size(size, self.numel()), strides;
      RL_CHECK(view_strides(self.sizes(), self.strides(), shape, &strides),
               "view size is not compatible with input tensor's size and stride (at least one "
               "dimension spans across two contiguous subspaces). Use .reshape(...) instead.");
      return alias(self, shape, strides, self.offset());
    })
    .grad("self", "", [](GradContext& c) { return call<"reshape">(c.grad(), c.sizes("self")); });

OP("view.dtype(Tensor(a) self, ScalarType dtype) -> Tensor(a)")
    .method_only()
    .node_name("ViewBackward1")
    .view([](const Tensor& self, DType dtype) {
      int64_t from = int64_t(item_size(self.dtype())), to = int64_t(item_size(dtype));
      Dims sizes = self.sizes(), strides = self.strides();
      int64_t offset = self.offset();
      auto rescale = [&](int64_t& v, const char* what) {
        RL_CHECK(v * from % to == 0, what, " must be divisible by ", to / from, " to view ",
                 dtype_name(self.dtype()), " as ", dtype_name(dtype),
                 " (different element sizes), but got ", v);
        v = v * from / to;
      };
      if (from != to) {
        RL_CHECK(self.ndim() > 0, "self.dim() cannot be 0 to view ", dtype_name(self.dtype()),
                 " as ", dtype_name(dtype), " (different element sizes)");
        RL_CHECK(strides.back() == 1, "self.stride(-1) must be 1 to view ",
                 dtype_name(self.dtype()), " as ", dtype_name(dtype),
                 " (different element sizes), but got ", strides.back());
        rescale(sizes.back(), "self.size(-1)");
        for (int i = 0; i + 1 < self.ndim(); ++i) rescale(strides[i], "self.stride(i)");
        rescale(offset, "self.storage_offset()");
      }
      Tensor out(make_ref<TensorImpl>(self.storage(), sizes, strides, offset, dtype));
      self.data();
      out->counter = self->version_counter();
      return out;
    })
    .grad("self", "", [](GradContext& c) { return call<"view.dtype">(c.grad(), c.dtype("self")); });

OP("reshape(Tensor(a) self, SymInt[] shape) -> Tensor(a)")
    .composite([](const Tensor& self, const Dims& shape) {
      Dims size = infer_size(shape, self.numel()), strides;
      if (size == self.sizes() && self.is_contiguous()) return call<"view">(self, size);
      if (view_strides(self.sizes(), self.strides(), size, &strides))
        return call<"view">(self, size);
      return call<"_unsafe_view">(call<"clone">(self, MemoryFormat::Contiguous), size);
    });
// A view of a tensor that nobody else holds: in-place changes need no bookkeeping.
OP("_unsafe_view(Tensor self, SymInt[] size) -> Tensor")
    .hidden()
    .direct([](const Tensor& self, const Dims& size) {
      Dims shape = infer_size(size, self.numel());
      return Tensor(make_ref<TensorImpl>(self.storage(), shape, contiguous_strides(shape),
                                         self.offset(), self.dtype()));
    })
    .grad("self", "", [](GradContext& c) { return call<"reshape">(c.grad(), c.sizes("self")); });

OP("transpose.int(Tensor(a) self, int dim0, int dim1) -> Tensor(a)")
    .view([](const Tensor& self, int64_t dim0, int64_t dim1) {
      int a = wrap_dim(dim0, self.ndim()), b = wrap_dim(dim1, self.ndim());
      Dims sizes = self.sizes(), strides = self.strides();
      if (self.ndim() > 0) {
        std::swap(sizes[a], sizes[b]);
        std::swap(strides[a], strides[b]);
      }
      return alias(self, sizes, strides, self.offset());
    })
    .grad("self", "", [](GradContext& c) {
      return call<"transpose.int">(c.grad(), c.get<int64_t>("dim0"), c.get<int64_t>("dim1"));
    });

OP("t(Tensor(a) self) -> Tensor(a)")
    .view([](const Tensor& self) {
      RL_CHECK(self.ndim() <= 2, "t() expects a tensor with <= 2 dimensions, but self is ",
               self.ndim(), "D");
      if (self.ndim() < 2) return alias(self);
      return alias(self, Dims({self.sizes()[1], self.sizes()[0]}),
                   Dims({self.strides()[1], self.strides()[0]}), self.offset());
    })
    .node_name("TBackward0")
    .grad("self", "", [](GradContext& c) { return call<"t">(c.grad()); });

OP("permute(Tensor(a) self, int[] dims) -> Tensor(a)")
    .view([](const Tensor& self, const Dims& dims) {
      RL_CHECK(dims.ndim() == self.ndim(),
               "permute(sparse_coo): number of dimensions in the tensor input does not "
               "match the length of the desired ordering of dimensions i.e. input.dim() = ",
               self.ndim(), " is not equal to len(dims) = ", dims.ndim());
      Dims sizes, strides;
      uint64_t seen = 0;
      for (int64_t d : dims) {
        int w = wrap_dim(d, self.ndim());
        RL_CHECK(!(seen >> w & 1), "permute(): duplicate dims are not allowed.");
        seen |= uint64_t(1) << w;
        sizes.push_back(self.sizes()[w]);
        strides.push_back(self.strides()[w]);
      }
      return alias(self, sizes, strides, self.offset());
    })
    .grad("self", "", [](GradContext& c) {
      const Dims& dims = c.get<Dims>("dims");
      Dims inverse(dims.size());
      for (size_t i = 0; i < dims.size(); ++i) inverse[wrap_dim(dims[i], dims.ndim())] = int64_t(i);
      return call<"permute">(c.grad(), inverse);
    });

OP("expand(Tensor(a) self, SymInt[] size, *, bool implicit=False) -> Tensor(a)")
    .method_only()
    .view([](const Tensor& self, const Dims& size, bool) {
      int n = size.ndim(), lead = n - self.ndim();
      RL_CHECK(lead >= 0, "expand(torch.", dtype_word(self.dtype()), "Tensor{", self.sizes(),
               "}, size=", size, "): the number of sizes provided (", n,
               ") must be greater or equal to the number of "
               "dimensions in the tensor (",
               self.ndim(), ")");
      Dims sizes = size, strides(n);
      for (int i = n - 1; i >= 0; --i) {
        int own = i - lead;
        if (own < 0) {
          RL_CHECK(size[i] != -1,
                   "The expanded size of the tensor (-1) isn't allowed in a leading, "
                   "non-existing dimension ",
                   i);
          strides[i] = i + 1 < n ? sizes[i + 1] * strides[i + 1] : 1;
          if (sizes[i] != 1) strides[i] = 0;
          continue;
        }
        if (size[i] == -1 || size[i] == self.sizes()[own]) {
          sizes[i] = self.sizes()[own];
          strides[i] = self.strides()[own];
        } else {
          RL_CHECK(self.sizes()[own] == 1, "The expanded size of the tensor (", size[i],
                   ") must match the existing size (", self.sizes()[own],
                   ") at non-singleton dimension ", i, ".  Target sizes: ", size,
                   ".  Tensor sizes: ", self.sizes());
          strides[i] = 0;
        }
      }
      checked_count(sizes);
      return alias(self, sizes, strides, self.offset());
    })
    .grad("self", "", [](GradContext& c) { return sum_to_size(c.grad(), c.sizes("self")); });

OP("unsqueeze(Tensor(a) self, int dim) -> Tensor(a)")
    .view([](const Tensor& self, int64_t dim) {
      int d = wrap_dim(dim, self.ndim() + 1);
      Dims sizes = self.sizes(), strides = self.strides();
      int64_t step = d < self.ndim() ? sizes[d] * strides[d] : 1;
      sizes.insert(d, 1);
      strides.insert(d, step);
      return alias(self, sizes, strides, self.offset());
    })
    .grad("self", "",
          [](GradContext& c) { return call<"squeeze.dim">(c.grad(), c.get<int64_t>("dim")); });

Tensor squeeze_mask(const Tensor& self, uint64_t mask) {
  Dims sizes, strides;
  for (int i = 0; i < self.ndim(); ++i) {
    if ((mask >> i & 1) && self.sizes()[i] == 1) continue;
    sizes.push_back(self.sizes()[i]);
    strides.push_back(self.strides()[i]);
  }
  return alias(self, sizes, strides, self.offset());
}
Tensor squeeze_backward(GradContext& c) { return call<"reshape">(c.grad(), c.sizes("self")); }

OP("squeeze(Tensor(a) self) -> Tensor(a)")
    .view([](const Tensor& self) { return squeeze_mask(self, ~uint64_t(0)); })
    .grad("self", "", squeeze_backward);
OP("squeeze.dim(Tensor(a) self, int dim) -> Tensor(a)")
    .node_name("SqueezeBackward1")
    .view([](const Tensor& self, int64_t dim) {
      return squeeze_mask(self, uint64_t(1) << wrap_dim(dim, self.ndim()));
    })
    .grad("self", "", squeeze_backward);
OP("squeeze.dims(Tensor(a) self, int[] dim) -> Tensor(a)")
    .node_name("SqueezeBackward2")
    .view([](const Tensor& self, const Dims& dims) {
      uint64_t mask = 0;
      for (int64_t d : wrap_dims(dims, self.ndim())) mask |= uint64_t(1) << d;
      return squeeze_mask(self, mask);
    })
    .grad("self", "", squeeze_backward);

OP("select.int(Tensor(a) self, int dim, SymInt index) -> Tensor(a)")
    .view([](const Tensor& self, int64_t dim, int64_t index) {
      RL_CHECK_KIND(Index, self.ndim() > 0, "select() cannot be applied to a 0-dim tensor.");
      int d = wrap_dim(dim, self.ndim());
      int64_t size = self.sizes()[d];
      RL_CHECK_KIND(Index, index >= -size && index < size, "index ", index,
                    " is out of bounds for dimension ", d, " with size ", size);
      if (index < 0) index += size;
      Dims sizes = self.sizes(), strides = self.strides();
      int64_t offset = self.offset() + index * strides[d];
      sizes.erase(d);
      strides.erase(d);
      return alias(self, sizes, strides, offset);
    })
    .grad("self", "", [](GradContext& c) {
      Tensor out = call<"zeros">(c.sizes("self"), c.grad().dtype(), Value(), c.grad().device());
      return call<"select_scatter">(out, c.grad(), c.get<int64_t>("dim"), c.get<int64_t>("index"));
    });

OP("slice.Tensor(Tensor(a) self, int dim=0, SymInt? start=None, SymInt? end=None, SymInt step=1) -> Tensor(a)")
    .hidden()
    .view([](const Tensor& self, int64_t dim, std::optional<int64_t> start,
             std::optional<int64_t> end, int64_t step) {
      RL_CHECK(self.ndim() > 0, "slice() cannot be applied to a 0-dim tensor.");
      RL_CHECK(step > 0, "slice step must be positive");
      int d = wrap_dim(dim, self.ndim());
      int64_t size = self.sizes()[d];
      int64_t from = start.value_or(0), to = end.value_or(size);
      if (from < 0) from += size;
      if (to < 0) to += size;
      from = std::clamp<int64_t>(from, 0, size);
      to = std::clamp<int64_t>(to, from, size);
      Dims sizes = self.sizes(), strides = self.strides();
      int64_t offset = self.offset() + from * strides[d];
      sizes[d] = (to - from + step - 1) / step;
      strides[d] *= step;
      return alias(self, sizes, strides, offset);
    })
    .grad("self", "", [](GradContext& c) {
      Tensor out = call<"zeros">(c.sizes("self"), c.grad().dtype(), Value(), c.grad().device());
      return call<"slice_scatter">(out, c.grad(), c.get<int64_t>("dim"), c.value("start"),
                                   c.value("end"), c.get<int64_t>("step"));
    });

OP("narrow(Tensor(a) self, int dim, SymInt start, SymInt length) -> Tensor(a)")
    .composite([](const Tensor& self, int64_t dim, int64_t start, int64_t length) {
      RL_CHECK(self.ndim() > 0, "narrow() cannot be applied to a 0-dim tensor.");
      RL_CHECK(length >= 0, "narrow(): length must be non-negative.");
      int64_t size = self.size(dim);
      RL_CHECK_KIND(Index, start >= -size && start <= size,
                    "start out of range (expected to be in range of [", -size, ", ", size,
                    "], but got ", start, ")");
      if (start < 0) start += size;
      RL_CHECK(start <= size - length, "start (", start, ") + length (", length,
               ") exceeds dimension size (", size, ").");
      return call<"slice.Tensor">(self, dim, start, start + length, int64_t(1));
    });

OP("unfold(Tensor(a) self, int dimension, int size, int step) -> Tensor(a)")
    .method_only()
    .view([](const Tensor& self, int64_t dimension, int64_t size, int64_t step) {
      int d = wrap_dim(dimension, self.ndim());
      int64_t have = self.ndim() ? self.sizes()[d] : 1, by = self.ndim() ? self.strides()[d] : 1;
      RL_CHECK(size >= 0 && size <= have, "maximum size for tensor at dimension ", d, " is ", have,
               " but size is ", size);
      RL_CHECK(step > 0, "step is ", step, " but must be > 0");
      Dims sizes = self.sizes(), strides = self.strides();
      if (self.ndim() > 0) {
        sizes[d] = (have - size) / step + 1;
        strides[d] = by * step;
      }
      sizes.push_back(size);
      strides.push_back(by);
      return alias(self, sizes, strides, self.offset());
    })
    .grad("self", "", [](GradContext& c) {
      const Dims& in = c.sizes("self");
      Dims strides = contiguous_strides(in), sizes = c.grad().sizes(), view;
      int d = wrap_dim(c.get<int64_t>("dimension"), in.ndim());
      view = strides;
      int64_t by = in.ndim() ? strides[d] : 1;
      if (in.ndim() > 0) view[d] = by * c.get<int64_t>("step");
      view.push_back(by);
      return call<"as_strided_backward">(c.grad(), in, strides, int64_t(0), sizes, view,
                                         int64_t(0));
    });

OP("diagonal(Tensor(a) self, int offset=0, int dim1=0, int dim2=1) -> Tensor(a)")
    .view([](const Tensor& self, int64_t offset, int64_t dim1, int64_t dim2) {
      int a = wrap_dim(dim1, self.ndim()), b = wrap_dim(dim2, self.ndim());
      RL_CHECK(a != b, "diagonal dimensions cannot be identical ", dim1, ", ", dim2);
      Dims sizes = self.sizes(), strides = self.strides();
      int64_t rows = sizes[a], cols = sizes[b], at = self.offset();
      int64_t n = offset >= 0 ? std::min(rows, cols - offset) : std::min(rows + offset, cols);
      n = std::max<int64_t>(n, 0);
      if (n > 0) at += offset >= 0 ? offset * strides[b] : -offset * strides[a];
      int64_t step = strides[a] + strides[b];
      sizes.erase(std::max(a, b));
      strides.erase(std::max(a, b));
      sizes.erase(std::min(a, b));
      strides.erase(std::min(a, b));
      sizes.push_back(n);
      strides.push_back(step);
      return alias(self, sizes, strides, at);
    })
    .grad("self", "", [](GradContext& c) {
      Tensor out = call<"zeros">(c.sizes("self"), c.grad().dtype(), Value(), c.grad().device());
      return call<"diagonal_scatter">(out, c.grad(), c.get<int64_t>("offset"),
                                      c.get<int64_t>("dim1"), c.get<int64_t>("dim2"));
    });

OP("unbind.int(Tensor(a -> *) self, int dim=0) -> Tensor(a)[]")
    .no_out()
    .composite([](const Tensor& self, int64_t dim) {
      RL_CHECK(self.ndim() > 0, "Dimension specified as ", dim, " but tensor has no dimensions");
      return call_all<"_unbind">(self, int64_t(wrap_dim(dim, self.ndim())));
    });
OP("_unbind(Tensor(a -> *) self, int dim) -> Tensor(a)[]")
    .hidden()
    .node_name("UnbindBackward0")
    .view([](const Tensor& self, int64_t dim) {
      Dims sizes = self.sizes(), strides = self.strides();
      int64_t n = sizes[dim], step = strides[dim];
      sizes.erase(dim);
      strides.erase(dim);
      TensorList out;
      for (int64_t i = 0; i < n; ++i)
        out.push_back(alias(self, sizes, strides, self.offset() + i * step));
      return out;
    })
    .grads("self", "", [](GradContext& c) {
      TensorList parts;
      for (int64_t i = 0; i < c.sizes("self")[c.get<int64_t>("dim")]; ++i)
        parts.push_back(c.grad(int(i)));
      c.set("self", call<"stack">(parts, c.get<int64_t>("dim")));
    });

OP("split_with_sizes(Tensor(a -> *) self, SymInt[] split_sizes, int dim=0) -> Tensor(a)[]")
    .no_out()
    .node_name("SplitWithSizesBackward0")
    .view([](const Tensor& self, const Dims& split_sizes, int64_t dim) {
      int d = wrap_dim(dim, self.ndim());
      int64_t at = 0, size = self.ndim() ? self.sizes()[d] : 1;
      TensorList out;
      for (int64_t n : split_sizes) {
        RL_CHECK(
            n >= 0,
            "split_with_sizes expects split_sizes have only non-negative entries, but got split_sizes=",
            split_sizes);
        RL_CHECK(at + n <= size, "split_with_sizes expects split_sizes to sum exactly to ", size,
                 " (input tensor's size at dimension ", d, "), but got split_sizes=", split_sizes);
        Dims sizes = self.sizes();
        sizes[d] = n;
        out.push_back(alias(self, sizes, self.strides(), self.offset() + at * self.strides()[d]));
        at += n;
      }
      RL_CHECK(at == size, "split_with_sizes expects split_sizes to sum exactly to ", size,
               " (input tensor's size at dimension ", d, "), but got split_sizes=", split_sizes);
      return out;
    })
    .grads("self", "", [](GradContext& c) {
      TensorList parts;
      for (size_t i = 0; i < c.get<Dims>("split_sizes").size(); ++i)
        parts.push_back(c.grad(int(i)));
      c.set("self", call<"cat">(parts, c.get<int64_t>("dim")));
    });

TensorList split(const Tensor& self, int64_t split_size, int64_t dim) {
  RL_CHECK(self.ndim() > 0, "split expects at least a 1-dimensional tensor");
  RL_CHECK(split_size >= 0,
           "split expects split_size be non-negative, but got split_size=", split_size);
  int64_t size = self.size(dim);
  RL_CHECK(split_size > 0 || size == 0,
           "split_size can only be 0 if dimension size is 0, but got dimension size of ", size);
  Dims sizes;
  for (int64_t at = 0; at < size; at += split_size)
    sizes.push_back(std::min(split_size, size - at));
  if (sizes.empty()) sizes.push_back(0);
  return call_all<"split_with_sizes">(self, sizes, dim);
}
OP("split.Tensor(Tensor(a -> *) self, SymInt split_size, int dim=0) -> Tensor(a)[]")
    .no_out()
    .node_name("SplitBackward0")
    .view(split)
    .grads("self", "", [](GradContext& c) {
      int64_t size = c.sizes("self")[wrap_dim(c.get<int64_t>("dim"), int(c.sizes("self").size()))];
      int64_t step = c.get<int64_t>("split_size");
      size_t n = step ? size_t(std::max<int64_t>((size + step - 1) / step, 1)) : 1;
      TensorList parts;
      for (size_t i = 0; i < n; ++i) parts.push_back(c.grad(int(i)));
      c.set("self", call<"cat">(parts, c.get<int64_t>("dim")));
    });
OP("split.sizes(Tensor(a -> *) self, SymInt[] split_size, int dim=0) -> Tensor(a)[]")
    .no_out()
    .composite([](const Tensor& self, const Dims& sizes, int64_t dim) {
      return call_all<"split_with_sizes">(self, sizes, dim);
    });
OP("chunk(Tensor(a -> *) self, int chunks, int dim=0) -> Tensor(a)[]")
    .no_out()
    .composite([](const Tensor& self, int64_t chunks, int64_t dim) {
      RL_CHECK(self.ndim() > 0, "chunk expects at least a 1-dimensional tensor");
      RL_CHECK(chunks > 0, "chunk expects `chunks` to be greater than 0, got: ", chunks);
      int64_t size = self.size(dim), each = (size + chunks - 1) / chunks;
      if (each == 0) return call_all<"split_with_sizes">(self, Dims(size_t(chunks), 0), dim);
      return call_all<"split.Tensor">(self, each, dim);
    });

OP("movedim.intlist(Tensor(a) self, int[] source, int[] destination) -> Tensor(a)")
    .composite([](const Tensor& self, const Dims& source, const Dims& destination) {
      RL_CHECK(source.size() == destination.size(),
               "movedim: Invalid source or destination dims: source (", source,
               " dims) should contain the same number of dims as destination (", destination,
               " dims)");
      Dims from = wrap_dims(source, self.ndim()), to = wrap_dims(destination, self.ndim());
      Dims order(size_t(self.ndim()), -1);
      for (size_t i = 0; i < from.size(); ++i) order[to[i]] = from[i];
      int64_t next = 0;
      for (auto& o : order) {
        if (o >= 0) continue;
        while (std::find(from.begin(), from.end(), next) != from.end()) ++next;
        o = next++;
      }
      return call<"permute">(self, order);
    });
OP("movedim.int(Tensor(a) self, int source, int destination) -> Tensor(a)")
    .composite([](const Tensor& self, int64_t source, int64_t destination) {
      return call<"movedim.intlist">(self, Dims({source}), Dims({destination}));
    });

OP("flatten.using_ints(Tensor(a) self, int start_dim=0, int end_dim=-1) -> Tensor(a)")
    .composite([](const Tensor& self, int64_t start_dim, int64_t end_dim) {
      int a = wrap_dim(start_dim, self.ndim()), b = wrap_dim(end_dim, self.ndim());
      RL_CHECK(a <= b, "flatten() has invalid args: start_dim cannot come after end_dim");
      if (self.ndim() == 0) return call<"reshape">(self, Dims({1}));
      if (a == b) return self;
      Dims shape;
      int64_t joined = 1;
      for (int i = 0; i < self.ndim(); ++i) {
        if (i >= a && i <= b) {
          joined *= self.sizes()[i];
          if (i == b) shape.push_back(joined);
        } else {
          shape.push_back(self.sizes()[i]);
        }
      }
      return call<"reshape">(self, shape);
    });

// ---- a window of a copy replaced: the functional twins of assigning to a view ----
template <FixedString View, class... A>
Tensor scatter_into(const Tensor& self, const Tensor& src, A... args) {
  Tensor out = call<"clone">(self, MemoryFormat::Contiguous);
  Tensor window = call<View>(out, args...);
  RL_CHECK(window.sizes() == src.sizes(),
           "expected src to have a size equal to the slice of self. src size = ", src.sizes(),
           ", slice size = ", window.sizes());
  call<"copy_">(window, src);
  return out;
}
OP("select_scatter(Tensor self, Tensor src, int dim, SymInt index) -> Tensor")
    .direct([](const Tensor& self, const Tensor& src, int64_t dim, int64_t index) {
      return scatter_into<"select.int">(self, src, dim, index);
    })
    .grad("self", "",
          [](GradContext& c) {
            Tensor zero = call<"zeros_like">(
                call<"select.int">(c.grad(), c.get<int64_t>("dim"), c.get<int64_t>("index")));
            return call<"select_scatter">(c.grad(), zero, c.get<int64_t>("dim"),
                                          c.get<int64_t>("index"));
          })
    .grad("src", "", [](GradContext& c) {
      return call<"select.int">(c.grad(), c.get<int64_t>("dim"), c.get<int64_t>("index"));
    });
OP("slice_scatter(Tensor self, Tensor src, int dim=0, SymInt? start=None, SymInt? end=None, SymInt step=1) -> Tensor")
    .direct([](const Tensor& self, const Tensor& src, int64_t dim, std::optional<int64_t> start,
               std::optional<int64_t> end, int64_t step) {
      return scatter_into<"slice.Tensor">(self, src, dim, start, end, step);
    })
    .grad("self", "",
          [](GradContext& c) {
            Tensor zero = call<"zeros">(c.sizes("src"), c.grad().dtype());
            return call<"slice_scatter">(c.grad(), zero, c.get<int64_t>("dim"), c.value("start"),
                                         c.value("end"), c.get<int64_t>("step"));
          })
    .grad("src", "", [](GradContext& c) {
      return call<"slice.Tensor">(c.grad(), c.get<int64_t>("dim"), c.value("start"), c.value("end"),
                                  c.get<int64_t>("step"));
    });
OP("diagonal_scatter(Tensor self, Tensor src, int offset=0, int dim1=0, int dim2=1) -> Tensor")
    .direct([](const Tensor& self, const Tensor& src, int64_t offset, int64_t dim1, int64_t dim2) {
      return scatter_into<"diagonal">(self, src, offset, dim1, dim2);
    })
    .grad("self", "",
          [](GradContext& c) {
            Tensor zero = call<"zeros">(c.sizes("src"), c.grad().dtype());
            return call<"diagonal_scatter">(c.grad(), zero, c.get<int64_t>("offset"),
                                            c.get<int64_t>("dim1"), c.get<int64_t>("dim2"));
          })
    .grad("src", "", [](GradContext& c) {
      return call<"diagonal">(c.grad(), c.get<int64_t>("offset"), c.get<int64_t>("dim1"),
                              c.get<int64_t>("dim2"));
    });

}  // namespace
}  // namespace rl
