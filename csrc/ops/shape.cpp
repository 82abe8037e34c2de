// Joining and repeating tensors.
#include <cstring>

#include "cpu/parallel.h"
#include "cpu/transfer.h"
#include "dispatch/call.h"
#include "dispatch/promotion.h"

namespace rl {
namespace {

// PyTorch skips 1-D tensors without elements, whatever the other shapes are.
bool skipped(const Tensor& t) { return t.ndim() == 1 && t.sizes()[0] == 0; }

struct CatPlan {
  Dims sizes;
  DType dtype = DType::Undefined;
  int dim = 0;
};

CatPlan plan_cat(const TensorList& tensors, int64_t dim) {
  RL_CHECK(!tensors.empty(), "torch.cat(): expected a non-empty list of Tensors");
  Promotion promotion;
  const Tensor* first = nullptr;
  for (size_t i = 0; i < tensors.size(); ++i) {
    const Tensor& t = tensors[i];
    RL_CHECK(t.ndim() > 0, "zero-dimensional tensor (at position ", i, ") cannot be concatenated");
    promotion.add(t);
    if (!first && !skipped(t)) first = &t;
  }
  CatPlan plan;
  plan.dtype = promotion.result();
  if (!first) {
    plan.dim = 0;
    wrap_dim(dim, 1);
    plan.sizes = Dims({0});
    return plan;
  }
  plan.dim = wrap_dim(dim, first->ndim());
  plan.sizes = first->sizes();
  plan.sizes[plan.dim] = 0;
  for (size_t i = 0; i < tensors.size(); ++i) {
    const Tensor& t = tensors[i];
    if (skipped(t)) continue;
    RL_CHECK(t.ndim() == first->ndim(), "Tensors must have same number of dimensions: got ",
             first->ndim(), " and ", t.ndim());
    for (int d = 0; d < t.ndim(); ++d) {
      if (d == plan.dim || t.sizes()[d] == first->sizes()[d]) continue;
      throw Error(ErrorKind::Runtime,
                  concat("Sizes of tensors must match except in dimension ", plan.dim,
                         ". Expected size ", first->sizes()[d], " but got size ", t.sizes()[d],
                         " for tensor number ", i, " in the list."),
                  concat("the shapes are ", first->sizes(), " and ", t.sizes()));
    }
    plan.sizes[plan.dim] += t.sizes()[plan.dim];
  }
  return plan;
}

OP("cat(Tensor[] tensors, int dim=0) -> Tensor")
    .function_only()
    .infer([](const TensorList& tensors, int64_t dim) {
      CatPlan plan = plan_cat(tensors, dim);
      return TensorSpec{plan.sizes, plan.dtype};
    })
    .cpu([](const TensorList& tensors, int64_t dim, const Tensor& out) {
      CatPlan plan = plan_cat(tensors, dim);
      int64_t at = 0;
      for (const Tensor& t : tensors) {
        if (skipped(t)) continue;
        Dims sizes = out.sizes();
        sizes[plan.dim] = t.sizes()[plan.dim];
        transfer(t, alias(out, sizes, out.strides(), out.offset() + at * out.strides()[plan.dim]));
        at += t.sizes()[plan.dim];
      }
    })
    .grads("tensors", "", [](GradContext& c) {
      Tensor g = c.grad();
      int64_t dim = wrap_dim(c.get<int64_t>("dim"), g.ndim()), at = 0;
      for (size_t i = 0; i < c.list_size("tensors"); ++i) {
        const Dims& sizes = c.list_sizes("tensors", i);
        if (sizes.size() == 1 && sizes[0] == 0) {
          if (c.needs_element("tensors", i))
            c.set_element("tensors", i, call<"zeros">(sizes, g.dtype()));
          continue;
        }
        if (c.needs_element("tensors", i)) {
          c.set_element("tensors", i, call<"narrow">(g, dim, at, sizes[dim]));
        }
        at += sizes[dim];
      }
    });

OP("stack(Tensor[] tensors, int dim=0) -> Tensor")
    .function_only()
    .infer([](const TensorList& tensors, int64_t dim) {
      RL_CHECK(!tensors.empty(), "stack expects a non-empty TensorList");
      Promotion promotion;
      for (size_t i = 0; i < tensors.size(); ++i) {
        RL_CHECK(tensors[i].sizes() == tensors[0].sizes(),
                 "stack expects each tensor to be equal size, but got ", tensors[0].sizes(),
                 " at entry 0 and ", tensors[i].sizes(), " at entry ", i);
        promotion.add(tensors[i]);
      }
      Dims sizes = tensors[0].sizes();
      sizes.insert(wrap_dim(dim, sizes.ndim() + 1), int64_t(tensors.size()));
      return TensorSpec{sizes, promotion.result()};
    })
    .cpu([](const TensorList& tensors, int64_t dim, const Tensor& out) {
      int d = wrap_dim(dim, out.ndim());
      Dims sizes = out.sizes(), strides = out.strides();
      int64_t step = strides[d];
      sizes.erase(d);
      strides.erase(d);
      for (size_t i = 0; i < tensors.size(); ++i) {
        transfer(tensors[i], alias(out, sizes, strides, out.offset() + int64_t(i) * step));
      }
    })
    .grads("tensors", "", [](GradContext& c) {
      TensorList parts = call_all<"unbind.int">(c.grad(), c.get<int64_t>("dim"));
      for (size_t i = 0; i < parts.size(); ++i) c.set_element("tensors", i, parts[i]);
    });

OP("repeat(Tensor self, SymInt[] repeats) -> Tensor")
    .method_only()
    .infer([](const Tensor& self, const Dims& repeats) {
      RL_CHECK(repeats.ndim() >= self.ndim(),
               "Number of dimensions of repeat dims can not be smaller than number of "
               "dimensions of tensor");
      Dims sizes = repeats;
      for (int64_t r : repeats)
        RL_CHECK(r >= 0, "Trying to create tensor with negative dimension ", r, ": ", repeats);
      int lead = repeats.ndim() - self.ndim();
      for (int i = 0; i < self.ndim(); ++i) sizes[i + lead] *= self.sizes()[i];
      return TensorSpec{sizes, self.dtype()};
    })
    .cpu([](const Tensor& self, const Dims& repeats, const Tensor& out) {
      if (out.numel() == 0) return;
      int lead = repeats.ndim() - self.ndim();
      // (r0, n0, r1, n1, ...): a window on the output in which the input repeats along every r.
      Dims sizes, strides, from;
      for (int i = 0; i < repeats.ndim(); ++i) {
        int64_t n = i < lead ? 1 : self.sizes()[i - lead];
        sizes.push_back(repeats[i]);
        strides.push_back(out.strides()[i] * n);
        from.push_back(1);
        sizes.push_back(n);
        strides.push_back(out.strides()[i]);
        from.push_back(n);
      }
      Tensor dense = self.is_contiguous() ? self : call<"contiguous">(self);
      Dims in_strides = contiguous_strides(from);
      transfer(alias(dense, from, in_strides, dense.offset()),
               alias(out, sizes, strides, out.offset()));
    })
    .grad("self", "", [](GradContext& c) {
      const Dims& repeats = c.get<Dims>("repeats");
      const Dims& in = c.sizes("self");
      if (count(repeats) == 0) return call<"zeros">(in, c.grad().dtype());
      Dims shape, sum;
      int lead = repeats.ndim() - in.ndim();
      for (int i = 0; i < repeats.ndim(); ++i) {
        sum.push_back(shape.ndim());
        shape.push_back(repeats[i]);
        if (i >= lead) shape.push_back(in[i - lead]);
      }
      return call<"sum.dim_IntList">(call<"reshape">(c.grad(), shape), sum);
    });

OP("_triangle(Tensor self, int diagonal, bool upper) -> Tensor")
    .hidden()
    .infer([](const Tensor& self, int64_t, bool) { return TensorSpec{self.sizes(), self.dtype()}; })
    .cpu([](const Tensor& self, int64_t diagonal, bool upper, const Tensor& out) {
      if (out.numel() == 0) return;
      Tensor dense = contiguous(self);
      const int64_t item = int64_t(self.item_size()), cols = self.size(-1), rows = self.size(-2);
      const char* from = static_cast<const char*>(dense.data());
      char* to = static_cast<char*>(out.data());
      parallel(out.numel() / cols, std::max<int64_t>(1, kGrain / cols), [=](int64_t b, int64_t e) {
        for (int64_t r = b; r < e; ++r) {
          // Columns [0, edge) are the lower triangle's, or what the upper one leaves out.
          int64_t edge = std::clamp<int64_t>(r % rows + diagonal + (upper ? 0 : 1), 0, cols);
          int64_t kept = (upper ? edge : 0) * item, zero = (upper ? 0 : edge) * item;
          int64_t length = (upper ? cols - edge : edge) * item;
          const char* in = from + r * cols * item;
          char* row = to + r * cols * item;
          std::memcpy(row + kept, in + kept, size_t(length));
          std::memset(row + zero, 0, size_t(cols * item - length));
        }
      });
    })
    .grad("self", "", [](GradContext& c) {
      return call<"_triangle">(c.grad(), c.get<int64_t>("diagonal"), c.get<bool>("upper"));
    });

OP("roll(Tensor self, SymInt[1] shifts, int[1] dims=[]) -> Tensor")
    .composite([](const Tensor& self, const Dims& shifts, const Dims& dims) -> Tensor {
      RL_CHECK(!shifts.empty(), "`shifts` required");
      if (dims.empty()) {
        RL_CHECK(shifts.size() == 1, "shifts and dimensions must align. shifts: ", shifts.size(),
                 ", dims:0");
        Tensor flat = call<"reshape">(self, Dims({-1}));
        return call<"view">(call<"roll">(flat, shifts, Dims({0})), self.sizes());
      }
      RL_CHECK(shifts.size() == dims.size(),
               "shifts and dimensions must align. shifts: ", shifts.size(), ", dims:", dims.size());
      Tensor out = self;
      if (self.numel() == 0) return call<"clone">(self);
      for (size_t i = 0; i < dims.size(); ++i) {
        int64_t d = wrap_dim(dims[i], self.ndim()), n = self.sizes()[size_t(d)];
        int64_t start = ((-shifts[i]) % n + n) % n;
        if (start == 0) {
          out = call<"clone">(out);
          continue;
        }
        out = call<"cat">(TensorList{call<"narrow">(out, d, start, n - start),
                                     call<"narrow">(out, d, int64_t(0), start)},
                          d);
      }
      return out;
    })
    .grad("self", "", [](GradContext& c) {
      Dims back = c.get<Dims>("shifts");
      for (int64_t& shift : back) shift = -shift;
      return call<"roll">(c.grad(), back, c.get<Dims>("dims"));
    });

}  // namespace
}  // namespace rl
