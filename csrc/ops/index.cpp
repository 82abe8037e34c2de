// Indexing by tensors: index, index_put, gather, scatter and their relatives.
#include <cstring>

#include "cpu/parallel.h"
#include "cpu/transfer.h"
#include "ops/indices.h"

namespace rl {
namespace {

// ---- index ----
// Index tensors with masks turned into positions, broadcast to one shape, and where they stand.
struct IndexPlan {
  TensorList indices;  // int64, contiguous, all of `shape`; undefined for kept dimensions
  Dims shape;
  Dims result;     // sizes of the result
  int insert = 0;  // where `shape` stands in the result
};

TensorList expand_masks(const Tensor& self, const TensorList& indices) {
  TensorList out;
  for (const Tensor& t : indices) {
    if (!t.defined()) {
      out.emplace_back();
      continue;
    }
    bool mask = t.dtype() == DType::Bool || t.dtype() == DType::UInt8;
    bool whole = t.dtype() == DType::Int64 || t.dtype() == DType::Int32;
    RL_CHECK_KIND(Index, mask || whole,
                  "tensors used as indices must be long, int, byte or bool tensors");
    if (!mask) {
      out.push_back(t);
      continue;
    }
    for (int d = 0; d < t.ndim(); ++d) {
      int at = int(out.size()) + d;
      RL_CHECK_KIND(Index, at < self.ndim() && t.sizes()[size_t(d)] == self.sizes()[size_t(at)],
                    "The shape of the mask ", t.sizes(), " at index ", d,
                    " does not match the shape of the indexed tensor ", self.sizes(), " at index ",
                    at);
    }
    if (t.ndim() == 0) {
      out.push_back(item(t).to<bool>() ? call<"zeros">(Dims({1}), DType::Int64)
                                       : empty({0}, DType::Int64));
      continue;
    }
    for (const Tensor& column : call_all<"unbind.int">(call<"nonzero">(t), int64_t(1)))
      out.push_back(column);
  }
  RL_CHECK_KIND(Index, int(out.size()) <= self.ndim(), "too many indices for tensor of dimension ",
                self.ndim(), " (got ", out.size(), ")");
  out.resize(size_t(self.ndim()));
  return out;
}

IndexPlan plan_index(const Tensor& self, const TensorList& given) {
  IndexPlan plan;
  plan.indices = expand_masks(self, given);
  bool first = true;
  for (const Tensor& t : plan.indices) {
    if (!t.defined()) continue;
    if (first) {
      plan.shape = t.sizes();
      first = false;
      continue;
    }
    try {
      plan.shape = broadcast_shapes(plan.shape, t.sizes());
    } catch (const Error&) {
      std::ostringstream shapes;
      for (const Tensor& u : plan.indices) {
        if (u.defined()) shapes << (shapes.tellp() > 0 ? ", " : "") << u.sizes();
      }
      fail(ErrorKind::Index,
           "shape mismatch: indexing tensors could not be broadcast together with shapes ",
           shapes.str());
    }
  }
  int from = -1, last = -1;
  bool adjacent = true;
  for (int d = 0; d < self.ndim(); ++d) {
    if (!plan.indices[size_t(d)].defined()) continue;
    if (from < 0) from = d;
    if (last >= 0 && d != last + 1) adjacent = false;
    last = d;
  }
  plan.insert = adjacent ? from : 0;
  for (int d = 0; d < self.ndim(); ++d) {
    if (d == (adjacent ? from : 0)) {
      for (int64_t s : plan.shape) plan.result.push_back(s);
    }
    if (!plan.indices[size_t(d)].defined()) plan.result.push_back(self.sizes()[size_t(d)]);
  }
  for (size_t d = 0; d < plan.indices.size(); ++d) {
    Tensor& t = plan.indices[d];
    if (!t.defined()) continue;
    t = as_int64(call<"expand">(t, plan.shape));
    if (t.is_meta()) {
      RL_CHECK(self.is_meta(),
               "indices should be either on cpu or on the same device as the indexed tensor (cpu)");
      continue;
    }
    const int64_t* p = t.data<int64_t>();
    int64_t size = self.sizes()[d], n = t.numel();
    if (all_within(p, n, -size, size)) continue;
    for (int64_t i = 0; i < n; ++i) {
      RL_CHECK_KIND(Index, p[i] >= -size && p[i] < size, "index ", p[i],
                    " is out of bounds for dimension ", d, " with size ", size);
    }
  }
  return plan;
}

// Element offsets into `self` of every indexed position, without the kept dimensions.
std::vector<int64_t> positions(const Tensor& self, const IndexPlan& plan) {
  std::vector<int64_t> at(size_t(count(plan.shape)), 0);
  for (size_t d = 0; d < plan.indices.size(); ++d) {
    if (!plan.indices[d].defined()) continue;
    const int64_t* p = plan.indices[d].data<int64_t>();
    int64_t size = self.sizes()[d], stride = self.strides()[d];
    for (size_t i = 0; i < at.size(); ++i) at[i] += (p[i] < 0 ? p[i] + size : p[i]) * stride;
  }
  return at;
}

// The kept dimensions before and after the index block: sizes and strides in `self`.
struct Kept {
  Dims outer_sizes, outer_strides, inner_sizes, inner_strides;
};
Kept kept_dims(const Tensor& self, const IndexPlan& plan) {
  Kept k;
  int seen = 0;
  for (int d = 0; d < self.ndim(); ++d) {
    if (plan.indices[size_t(d)].defined()) continue;
    bool outer = seen < plan.insert;
    (outer ? k.outer_sizes : k.inner_sizes).push_back(self.sizes()[size_t(d)]);
    (outer ? k.outer_strides : k.inner_strides).push_back(self.strides()[size_t(d)]);
    ++seen;
  }
  return k;
}

std::vector<int64_t> all_offsets(const Dims& sizes, const Dims& strides) {
  std::vector<int64_t> out(size_t(count(sizes)), 0);
  Dims index(sizes.size());
  for (size_t i = 0; i < out.size(); ++i) {
    int64_t at = 0;
    for (size_t d = 0; d < sizes.size(); ++d) at += index[d] * strides[d];
    out[i] = at;
    for (int d = sizes.ndim() - 1; d >= 0; --d) {
      if (++index[size_t(d)] < sizes[size_t(d)]) break;
      index[size_t(d)] = 0;
    }
  }
  return out;
}

// Calls f(offset in self, index in the dense result) for rows of `inner` dense elements when the
// kept inner dimensions are contiguous, else element by element.
template <class F>
void walk(const Tensor& self, const IndexPlan& plan, bool threaded, F f) {
  Kept k = kept_dims(self, plan);
  std::vector<int64_t> at = positions(self, plan);
  std::vector<int64_t> outer = all_offsets(k.outer_sizes, k.outer_strides);
  bool dense = is_contiguous(k.inner_sizes, k.inner_strides);
  int64_t run = dense ? count(k.inner_sizes) : 1;
  std::vector<int64_t> inner =
      dense ? std::vector<int64_t>{0} : all_offsets(k.inner_sizes, k.inner_strides);
  if (run == 0 || at.empty()) return;
  int64_t rows = int64_t(outer.size() * at.size());
  auto body = [&](int64_t b, int64_t e) {
    for (int64_t r = b; r < e; ++r) {
      int64_t base = outer[size_t(r) / at.size()] + at[size_t(r) % at.size()];
      for (size_t j = 0; j < inner.size(); ++j) {
        f(base + inner[j], (r * int64_t(inner.size()) + int64_t(j)) * run, run);
      }
    }
  };
  if (threaded) {
    parallel(rows, std::max<int64_t>(1, kGrain / (run * int64_t(inner.size()))), body);
  } else {
    body(0, rows);
  }
}

// self[mask] with nothing else: a bool mask of self's leading sizes, so that no positions are
// needed.
bool only_a_mask(const Tensor& self, const TensorList& indices) {
  if (indices.empty() || !indices[0].defined() || indices[0].dtype() != DType::Bool) return false;
  for (size_t i = 1; i < indices.size(); ++i) {
    if (indices[i].defined()) return false;
  }
  const Tensor& mask = indices[0];
  if (mask.ndim() == 0 || mask.ndim() > self.ndim() || self.numel() == 0) return false;
  if (self.is_meta() || mask.is_meta()) return false;
  return std::equal(mask.sizes().begin(), mask.sizes().end(), self.sizes().begin());
}

OP("index.Tensor(Tensor self, Tensor?[] indices) -> Tensor")
    .hidden()
    .direct([](const Tensor& self, const TensorList& indices) {
      if (only_a_mask(self, indices)) return select_by_mask(self, indices[0]);
      IndexPlan plan = plan_index(self, indices);
      Tensor out = empty(plan.result, self.dtype(), self.device());
      if (out.numel() == 0 || out.is_meta()) return out;
      size_t item = self.item_size();
      const char* from = static_cast<const char*>(self.data());
      char* to = static_cast<char*>(out.data());
      walk(self, plan, true, [=](int64_t at, int64_t result, int64_t run) {
        std::memcpy(to + result * int64_t(item), from + at * int64_t(item), size_t(run) * item);
      });
      return out;
    })
    .grad("self", "indices", [](GradContext& c) {
      Tensor zero = call<"zeros">(c.sizes("self"), c.grad().dtype(), Value(), c.grad().device());
      return call<"index_put_">(zero, c.tensors("indices"), c.grad(), true);
    });

Tensor put_values(const Tensor& self, const TensorList& indices, const Tensor& values,
                  bool accumulate) {
  RL_CHECK_KIND(Index, self.dtype() == values.dtype(),
                "Index put requires the source and destination dtypes match, got ",
                dtype_word(self.dtype()), " for the destination and ", dtype_word(values.dtype()),
                " for the source.");
  if (!accumulate && values.ndim() == 0 && !values.is_meta() && self.is_contiguous() &&
      only_a_mask(self, indices)) {
    fill_by_mask(self, indices[0], values);
    return self;
  }
  IndexPlan plan = plan_index(self, indices);
  Tensor v = values;
  while (v.ndim() > plan.result.ndim() && v.sizes()[0] == 1)
    v = call<"select.int">(v, int64_t(0), int64_t(0));
  RL_CHECK(expandable(v.sizes(), plan.result), "shape mismatch: value tensor of shape ",
           values.sizes(), " cannot be broadcast to indexing result of shape ", plan.result);
  v = contiguous(call<"expand">(v, plan.result));
  if (v.storage() == self.storage()) v = call<"clone">(v);
  if (v.numel() == 0 || self.is_meta()) return self;
  size_t item = self.item_size();
  if (!accumulate) {
    const char* from = static_cast<const char*>(v.data());
    char* to = static_cast<char*>(self.data());
    walk(self, plan, false, [=](int64_t at, int64_t result, int64_t run) {
      std::memcpy(to + at * int64_t(item), from + result * int64_t(item), size_t(run) * item);
    });
    return self;
  }
  dispatch(self.dtype(), "index_put_", AllTypes(), [&]<class T>() {
    const T* from = v.data<T>();
    T* to = self.data<T>();
    walk(self, plan, false, [=](int64_t at, int64_t result, int64_t run) {
      for (int64_t i = 0; i < run; ++i) to[at + i] = T(to[at + i] + from[result + i]);
    });
  });
  return self;
}
OP("index_put_(Tensor(a!) self, Tensor?[] indices, Tensor values, bool accumulate=False) -> Tensor(a!)")
    .node_name("IndexPutBackward0")
    .direct(put_values)
    .grad("self", "indices",
          [](GradContext& c) -> Tensor {
            if (c.get<bool>("accumulate")) return c.grad();
            Tensor zero = call<"zeros">(Dims(), c.grad().dtype());
            return call<"index_put">(c.grad(), c.tensors("indices"), zero, false);
          })
    .grad("values", "indices",
          [](GradContext& c) { return call<"index.Tensor">(c.grad(), c.tensors("indices")); });
OP("index_put(Tensor self, Tensor?[] indices, Tensor values, bool accumulate=False) -> Tensor")
    .composite([](const Tensor& self, const TensorList& indices, const Tensor& values,
                  bool accumulate) {
      return call<"index_put_">(call<"clone">(self), indices, values, accumulate);
    });

// ---- along one dimension ----
struct Along {
  int dim;
  int64_t outer = 1, size, inner = 1;
};
Along along(const Dims& sizes, int64_t dim) {
  Along a;
  a.dim = wrap_dim(dim, sizes.ndim());
  a.size = sizes.empty() ? 1 : sizes[size_t(a.dim)];
  for (int d = 0; d < sizes.ndim(); ++d) {
    if (d < a.dim) a.outer *= sizes[size_t(d)];
    if (d > a.dim) a.inner *= sizes[size_t(d)];
  }
  return a;
}

void check_index_vector(const char* op, const Tensor& index) {
  RL_CHECK_KIND(Index, index.ndim() <= 1, op,
                "(): Index is supposed to be a vector, but got dim: ", index.ndim());
  RL_CHECK(index.dtype() == DType::Int64 || index.dtype() == DType::Int32, op,
           "(): Expected dtype int32 or int64 for index, got ", dtype_word(index.dtype()));
}

// Rows that are one T each: from (outer, size) to (outer, n).
template <class T>
void select_items(const Along& a, const int64_t* index, int64_t n, const void* from, void* to) {
  const T* x = static_cast<const T*>(from);
  T* y = static_cast<T*>(to);
  parallel(a.outer, std::max<int64_t>(1, kGrain / n), [=](int64_t b, int64_t e) {
    for (int64_t o = b; o < e; ++o) {
      for (int64_t i = 0; i < n; ++i) y[o * n + i] = x[o * a.size + index[i]];
    }
  });
}

OP("index_select(Tensor self, int dim, Tensor index) -> Tensor")
    .direct([](const Tensor& self, int64_t dim, const Tensor& index) {
      check_index_vector("index_select", index);
      Along a = along(self.sizes(), dim);
      Dims sizes = self.sizes();
      if (!sizes.empty()) sizes[size_t(a.dim)] = index.numel();
      Tensor out = empty(sizes, self.dtype(), self.device());
      if (out.is_meta()) return out;
      Tensor dense = contiguous(self), idx = as_int64(index);
      const int64_t* p = idx.data<int64_t>();
      int64_t n = idx.numel();
      RL_CHECK_KIND(Index, all_within(p, n, 0, a.size), "index out of range in self");
      if (out.numel() == 0) return out;
      int64_t row = a.inner * int64_t(self.item_size());
      const char* from = static_cast<const char*>(dense.data());
      char* to = static_cast<char*>(out.data());
      switch (row) {
        case 1:
          select_items<uint8_t>(a, p, n, from, to);
          return out;
        case 4:
          select_items<uint32_t>(a, p, n, from, to);
          return out;
        case 8:
          select_items<uint64_t>(a, p, n, from, to);
          return out;
      }
      parallel(a.outer * n, std::max<int64_t>(1, kGrain * 4 / row), [=](int64_t b, int64_t e) {
        for (int64_t r = b; r < e; ++r) {
          std::memcpy(to + r * row, from + (r / n * a.size + p[r % n]) * row, size_t(row));
        }
      });
      return out;
    })
    .grad("self", "index", [](GradContext& c) {
      Tensor zero = call<"zeros">(c.sizes("self"), c.grad().dtype());
      return call<"index_add_">(zero, c.get<int64_t>("dim"), c.tensor("index"), c.grad());
    });

Tensor index_add_(const Tensor& self, int64_t dim, const Tensor& index, const Tensor& source,
                  const Scalar& alpha) {
  check_index_vector("index_add", index);
  RL_CHECK(self.dtype() == source.dtype(),
           "index_add_(): self and source expected to have the same dtype, but got (self) ",
           dtype_word(self.dtype()), " and (source) ", dtype_word(source.dtype()));
  Along a = along(self.sizes(), dim);
  Tensor idx = as_int64(index), src = contiguous(source);
  int64_t n = idx.numel();
  int64_t have = source.ndim() ? source.sizes()[size_t(a.dim)] : 1;
  RL_CHECK_KIND(Index, source.ndim() == self.ndim() || source.ndim() == 0 || self.ndim() == 0,
                "index_add_(): Source should have the same number of dimensions as self");
  RL_CHECK(n == have, "index_add_(): Number of indices (", n,
           ") should be equal to source.size(dim): (", have, "), for dim: ", a.dim);
  Dims others = self.sizes(), given = source.sizes();
  if (self.ndim() > 0 && source.ndim() > 0) others[size_t(a.dim)] = given[size_t(a.dim)] = 1;
  RL_CHECK(count(others) == count(given) && (others == given || self.ndim() != source.ndim()),
           "source tensor shape must match self tensor shape, excluding the specified dimension. "
           "Got self.shape = ",
           self.sizes(), " source.shape = ", source.sizes());
  const int64_t* p = idx.data<int64_t>();
  RL_CHECK_KIND(Index, all_within(p, n, 0, a.size), "index out of range in self");
  Tensor dense = self.is_contiguous() ? self : call<"contiguous">(self);
  dispatch(self.dtype(), "index_add_", AllTypes(), [&]<class T>() {
    T* to = dense.data<T>();
    const T* from = src.data<T>();
    T by = alpha.to<T>();
    auto add = [=](int64_t o, int64_t begin, int64_t end) {
      for (int64_t i = 0; i < n; ++i) {
        T* x = to + (o * a.size + p[i]) * a.inner;
        const T* y = from + (o * n + i) * a.inner;
        for (int64_t k = begin; k < end; ++k) x[k] = T(x[k] + T(by * y[k]));
      }
    };
    // Shared out where no two threads meet in an element: it is summed in the order of the indices.
    if (a.outer >= a.inner) {
      parallel(a.outer, std::max<int64_t>(1, kGrain / std::max<int64_t>(1, n * a.inner)),
               [&](int64_t b, int64_t e) {
                 for (int64_t o = b; o < e; ++o) add(o, 0, a.inner);
               });
    } else {
      parallel(a.inner, std::max<int64_t>(16, kGrain / std::max<int64_t>(1, n * a.outer)),
               [&](int64_t b, int64_t e) {
                 for (int64_t o = 0; o < a.outer; ++o) add(o, b, e);
               });
    }
  });
  if (!dense.same(self)) transfer(dense, self);
  return self;
}
OP("index_add_(Tensor(a!) self, int dim, Tensor index, Tensor source, *, Scalar alpha=1) -> Tensor(a!)")
    .method_only()
    .node_name("IndexAddBackward0")
    .direct(index_add_)
    .grad("self", "", [](GradContext& c) { return c.grad(); })
    .grad("source", "index", [](GradContext& c) -> Tensor {
      Tensor g = call<"index_select">(c.grad(), c.get<int64_t>("dim"), c.tensor("index"));
      return call<"reshape">(g, c.sizes("source")) * c.scalar("alpha");
    });
OP("index_add(Tensor self, int dim, Tensor index, Tensor source, *, Scalar alpha=1) -> Tensor")
    .composite([](const Tensor& self, int64_t dim, const Tensor& index, const Tensor& source,
                  const Scalar& alpha) {
      return call<"index_add_">(call<"clone">(self), dim, index, source, alpha);
    });

OP("index_copy_(Tensor(a!) self, int dim, Tensor index, Tensor source) -> Tensor(a!)")
    .method_only()
    .node_name("IndexCopyBackward0")
    .direct([](const Tensor& self, int64_t dim, const Tensor& index, const Tensor& source) {
      check_index_vector("index_copy", index);
      RL_CHECK(self.dtype() == source.dtype(),
               "index_copy_(): self and source expected to have the same dtype, but got (self) ",
               dtype_word(self.dtype()), " and (source) ", dtype_word(source.dtype()));
      Along a = along(self.sizes(), dim);
      int64_t n = index.numel();
      RL_CHECK_KIND(Index, source.ndim() == 0 || n == source.sizes()[size_t(a.dim)],
                    "index_copy_(): Number of indices (", n,
                    ") should be equal to source.size(dim) (",
                    source.ndim() ? source.sizes()[size_t(a.dim)] : 1, ")");
      Tensor idx = as_int64(index);
      const int64_t* p = idx.data<int64_t>();
      for (int64_t i = 0; i < n; ++i) {
        RL_CHECK_KIND(Index, p[i] >= 0 && p[i] < a.size, "index_copy_(): index ", p[i],
                      " is out of bounds for dimension ", a.dim, " with size ", a.size);
        if (self.ndim() == 0) {
          transfer(call<"reshape">(source, Dims()), self);
        } else {
          transfer(source.ndim() ? call<"select.int">(source, int64_t(a.dim), i) : source,
                   call<"select.int">(self, int64_t(a.dim), p[i]));
        }
      }
      return self;
    })
    .grad("self", "index",
          [](GradContext& c) {
            return call<"index_fill.int_Scalar">(c.grad(), c.get<int64_t>("dim"), c.tensor("index"),
                                                 0);
          })
    .grad("source", "index", [](GradContext& c) {
      Tensor g = call<"index_select">(c.grad(), c.get<int64_t>("dim"), c.tensor("index"));
      return call<"reshape">(g, c.sizes("source"));
    });
OP("index_copy(Tensor self, int dim, Tensor index, Tensor source) -> Tensor")
    .composite([](const Tensor& self, int64_t dim, const Tensor& index, const Tensor& source) {
      return call<"index_copy_">(call<"clone">(self), dim, index, source);
    });

OP("index_fill.int_Scalar(Tensor self, int dim, Tensor index, Scalar value) -> Tensor")
    .inplace()
    .direct([](const Tensor& self, int64_t dim, const Tensor& index, const Scalar& value) {
      check_index_vector("index_fill_", index);
      Along a = along(self.sizes(), dim);
      Tensor out = call<"clone">(self), idx = as_int64(index),
             v = scalar_tensor(value, self.dtype());
      const int64_t* p = idx.data<int64_t>();
      for (int64_t i = 0; i < idx.numel(); ++i) {
        RL_CHECK_KIND(Index, p[i] >= -a.size && p[i] < a.size, "index ", p[i],
                      " is out of bounds for dimension ", a.dim, " with size ", a.size);
        transfer(v, self.ndim() ? call<"select.int">(out, int64_t(a.dim), p[i]) : out);
      }
      return out;
    })
    .grad("self", "index", [](GradContext& c) {
      return call<"index_fill.int_Scalar">(c.grad(), c.get<int64_t>("dim"), c.tensor("index"), 0);
    });
OP("index_fill.int_Tensor(Tensor self, int dim, Tensor index, Tensor value) -> Tensor")
    .inplace()
    .direct([](const Tensor& self, int64_t dim, const Tensor& index, const Tensor& value) {
      RL_CHECK(value.ndim() == 0,
               "index_fill_ only supports a 0-dimensional value tensor, but got tensor with ",
               value.ndim(), " dimension(s).");
      return call<"index_fill.int_Scalar">(self, dim, index, item(value));
    })
    .grad("self", "index",
          [](GradContext& c) {
            return call<"index_fill.int_Scalar">(c.grad(), c.get<int64_t>("dim"), c.tensor("index"),
                                                 0);
          })
    .grad("value", "index", [](GradContext& c) {
      // A position filled twice holds the value once.
      Tensor once = call<"_unique2">(c.tensor("index"), true, false, false);
      return call<"sum">(call<"index_select">(c.grad(), c.get<int64_t>("dim"), once));
    });

// ---- masks ----
OP("masked_fill.Scalar(Tensor self, Tensor mask, Scalar value) -> Tensor")
    .inplace()
    .direct([](const Tensor& self, const Tensor& mask, const Scalar& value) {
      RL_CHECK(mask.dtype() == DType::Bool,
               "masked_fill_ only supports boolean masks, but got mask with dtype ",
               dtype_name(mask.dtype()));
      return call<"where.self">(mask, scalar_tensor(value, self.dtype()), self);
    })
    .grad("self", "mask",
          [](GradContext& c) { return call<"masked_fill.Scalar">(c.grad(), c.tensor("mask"), 0); });
OP("masked_fill.Tensor(Tensor self, Tensor mask, Tensor value) -> Tensor")
    .inplace()
    .direct([](const Tensor& self, const Tensor& mask, const Tensor& value) {
      RL_CHECK(value.ndim() == 0,
               "masked_fill_ only supports a 0-dimensional value tensor, but got tensor with ",
               value.ndim(), " dimension(s).");
      return call<"where.self">(mask, to_dtype(value, self.dtype()), self);
    })
    .grad("self", "mask",
          [](GradContext& c) { return call<"masked_fill.Scalar">(c.grad(), c.tensor("mask"), 0); })
    .grad("value", "mask", [](GradContext& c) {
      return call<"sum">(
          call<"where.self">(c.tensor("mask"), c.grad(), scalar_tensor(0, c.grad().dtype())));
    });
OP("masked_select(Tensor self, Tensor mask) -> Tensor")
    .direct([](const Tensor& self, const Tensor& mask) {
      RL_CHECK(mask.dtype() == DType::Bool, "masked_select: expected BoolTensor for mask");
      Dims sizes = broadcast_shapes(self.sizes(), mask.sizes());
      Tensor x = call<"reshape">(call<"expand">(self, sizes), Dims({-1}));
      return call<"index.Tensor">(
          x, TensorList{call<"reshape">(call<"expand">(mask, sizes), Dims({-1}))});
    })
    .grad("self", "mask", [](GradContext& c) {
      Tensor mask = c.tensor("mask");
      Dims sizes = broadcast_shapes(c.sizes("self"), mask.sizes());
      Tensor flat = call<"zeros">(Dims({count(sizes)}), c.grad().dtype());
      flat = call<"index_put">(flat,
                               TensorList{call<"reshape">(call<"expand">(mask, sizes), Dims({-1}))},
                               c.grad(), false);
      return sum_to_size(call<"view">(flat, sizes), c.sizes("self"));
    });
OP("masked_scatter(Tensor self, Tensor mask, Tensor source) -> Tensor")
    .inplace()
    .direct([](const Tensor& self, const Tensor& mask, const Tensor& source) {
      RL_CHECK(mask.dtype() == DType::Bool,
               "masked_scatter_ only supports boolean masks, but got mask with dtype ",
               dtype_name(mask.dtype()));
      Dims sizes = broadcast_shapes(self.sizes(), mask.sizes());
      Tensor out = call<"clone">(call<"expand">(self, sizes), MemoryFormat::Contiguous);
      Tensor m = contiguous(call<"expand">(mask, sizes)), src = contiguous(source);
      int64_t at = 0, n = out.numel();
      size_t item = out.item_size();
      for (int64_t i = 0; i < n; ++i) {
        if (!m.data<bool>()[i]) continue;
        RL_CHECK(at < src.numel(),
                 "masked_scatter: expected self and source to have number of elements in source >= "
                 "number of ones in mask");
        std::memcpy(out.data<char>() + size_t(i) * item, src.data<char>() + size_t(at++) * item,
                    item);
      }
      return out;
    })
    .grad("self", "mask",
          [](GradContext& c) { return call<"masked_fill.Scalar">(c.grad(), c.tensor("mask"), 0); })
    .grad("source", "mask", [](GradContext& c) {
      Tensor picked = call<"masked_select">(c.grad(), c.tensor("mask"));
      int64_t missing = count(c.sizes("source")) - picked.numel();
      if (missing > 0)
        picked = call<"cat">(TensorList{picked, call<"zeros">(Dims({missing}), picked.dtype())});
      return call<"view">(picked, c.sizes("source"));
    });

// ---- flat positions ----
OP("take(Tensor self, Tensor index) -> Tensor")
    .direct([](const Tensor& self, const Tensor& index) {
      RL_CHECK(index.dtype() == DType::Int64, "take(): Expected a long tensor for index, but got ",
               dtype_word(index.dtype()));
      RL_CHECK_KIND(Index, self.numel() > 0 || index.numel() == 0,
                    "take(): tried to take from an empty tensor");
      Tensor flat = call<"reshape">(self, Dims({-1}));
      int64_t n = flat.numel();
      Tensor i =
          call<"where.self">(call<"lt.Tensor">(index, wrapped_number(0)), index + Scalar(n), index);
      Tensor idx = as_int64(i);
      for (int64_t k = 0; k < idx.numel(); ++k) {
        int64_t v = idx.data<int64_t>()[k];
        RL_CHECK_KIND(Index, v >= 0 && v < n, "out of range: tried to access index ", v,
                      " on a tensor of ", n, " elements.");
      }
      return call<"index.Tensor">(flat, TensorList{i});
    })
    .grad("self", "index", [](GradContext& c) {
      Tensor zero = call<"zeros">(Dims({count(c.sizes("self"))}), c.grad().dtype());
      return call<"view">(call<"index_put">(zero, TensorList{c.tensor("index")}, c.grad(), true),
                          c.sizes("self"));
    });
OP("put_(Tensor(a!) self, Tensor index, Tensor source, bool accumulate=False) -> Tensor(a!)")
    .method_only()
    .node_name("PutBackward0")
    .direct([](const Tensor& self, const Tensor& index, const Tensor& source, bool accumulate) {
      RL_CHECK(index.numel() == source.numel(),
               "put_(): Expected source and index to have the same number of elements");
      Tensor flat = call<"clone">(call<"reshape">(self, Dims({-1})));
      call<"index_put_">(flat, TensorList{call<"reshape">(index, Dims({-1}))},
                         call<"reshape">(source, Dims({-1})), accumulate);
      transfer(call<"view">(flat, self.sizes()), self);
      return self;
    })
    .grad("self", "index",
          [](GradContext& c) -> Tensor {
            if (c.get<bool>("accumulate")) return c.grad();
            return call<"put">(c.grad(), c.tensor("index"),
                               call<"zeros">(c.sizes("index"), c.grad().dtype()));
          })
    .grad("source", "index", [](GradContext& c) {
      return call<"reshape">(call<"take">(c.grad(), c.tensor("index")), c.sizes("source"));
    });
OP("put(Tensor self, Tensor index, Tensor source, bool accumulate=False) -> Tensor")
    .composite([](const Tensor& self, const Tensor& index, const Tensor& source, bool accumulate) {
      return call<"put_">(call<"clone">(self, MemoryFormat::Contiguous), index, source, accumulate);
    });

// ---- embedding ----
OP("embedding(Tensor weight, Tensor indices, SymInt padding_idx=-1, bool scale_grad_by_freq=False, bool sparse=False) -> Tensor")
    .function_only()
    .direct([](const Tensor& weight, const Tensor& indices, int64_t, bool, bool) {
      RL_CHECK(weight.ndim() == 2, "'weight' must be 2-D");
      RL_CHECK(
          indices.dtype() == DType::Int64 || indices.dtype() == DType::Int32,
          "Expected tensor for argument #1 'indices' to have one of the following scalar types: Long, Int; but got torch.",
          dtype_word(indices.dtype()), "Tensor instead (while checking arguments for embedding)");
      Dims sizes = indices.sizes();
      int64_t rows = weight.sizes()[0], width = weight.sizes()[1];
      sizes.push_back(width);
      Tensor out = empty(sizes, weight.dtype(), weight.device());
      if (out.is_meta()) return out;
      Tensor idx = as_int64(indices), dense = contiguous(weight);
      const int64_t* p = idx.data<int64_t>();
      int64_t n = idx.numel();
      for (int64_t i = 0; i < n; ++i) {
        if (p[i] >= 0 && p[i] < rows) continue;
        throw Error(ErrorKind::Index, "index out of range in self",
                    concat("embedding: indices[", i, "] (flattened) = ", p[i], ", the table has ",
                           rows, " rows (0..", rows - 1, ")"));
      }
      size_t bytes = size_t(width) * weight.item_size();
      const char* from = static_cast<const char*>(dense.data());
      char* to = static_cast<char*>(out.data());
      parallel(n, std::max<int64_t>(1, int64_t(kGrain * 4 / std::max<size_t>(bytes, 1))),
               [=](int64_t b, int64_t e) {
                 for (int64_t i = b; i < e; ++i)
                   std::memcpy(to + size_t(i) * bytes, from + size_t(p[i]) * bytes, bytes);
               });
      return out;
    })
    .grad("weight", "indices", [](GradContext& c) {
      return call<"embedding_dense_backward">(c.grad(), c.tensor("indices"), c.sizes("weight")[0],
                                              c.get<int64_t>("padding_idx"),
                                              c.get<bool>("scale_grad_by_freq"));
    });

OP("embedding_dense_backward(Tensor grad_output, Tensor indices, SymInt num_weights, SymInt padding_idx, bool scale_grad_by_freq) -> Tensor")
    .hidden()
    .direct([](const Tensor& grad, const Tensor& indices, int64_t rows, int64_t padding,
               bool by_frequency) {
      int64_t width = grad.sizes().back(), n = indices.numel();
      Tensor out = call<"zeros">(Dims({rows, width}), grad.dtype());
      Tensor g = contiguous(grad), idx = as_int64(indices);
      const int64_t* p = idx.data<int64_t>();
      RL_CHECK_KIND(Index, all_within(p, n, 0, rows), "index out of range in self");
      std::vector<int64_t> times;
      if (by_frequency) {
        times.assign(size_t(rows), 0);
        for (int64_t i = 0; i < n; ++i) ++times[size_t(p[i])];
      }
      dispatch(grad.dtype(), "embedding_dense_backward", FloatHalfTypes(), [&]<class T>() {
        const T* from = g.data<T>();
        T* to = out.data<T>();
        // Columns are shared out, so that every row is summed in the order of the indices.
        parallel(width, std::max<int64_t>(16, kGrain / std::max<int64_t>(n, 1)),
                 [=, &times](int64_t b, int64_t e) {
                   for (int64_t i = 0; i < n; ++i) {
                     if (p[i] == padding) continue;
                     const T* x = from + i * width;
                     T* y = to + p[i] * width;
                     if (!times.empty()) {
                       float scale = 1.0f / float(times[size_t(p[i])]);
                       for (int64_t k = b; k < e; ++k) y[k] = T(y[k] + x[k] * T(scale));
                     } else {
                       for (int64_t k = b; k < e; ++k) y[k] = T(y[k] + x[k]);
                     }
                   }
                 });
      });
      return out;
    })
    .grad("grad_output", "indices", [](GradContext& c) {
      Tensor indices = c.tensor("indices");
      Tensor out = call<"embedding">(c.grad(), indices);
      int64_t padding = c.get<int64_t>("padding_idx");
      if (padding < 0) return out;
      Tensor skip =
          call<"unsqueeze">(call<"eq.Tensor">(indices, wrapped_number(padding)), int64_t(-1));
      return call<"masked_fill.Scalar">(out, skip, 0);
    });

}  // namespace
}  // namespace rl
