// Distinct elements, binary search and counting.
#include <cmath>
#include <limits>
#include <mutex>
#include <numeric>

#include "cpu/parallel.h"
#include "dispatch/promotion.h"
#include "ops/reduction.h"

namespace rl {
namespace {

using Triple = std::tuple<Tensor, Tensor, Tensor>;
using KeyTypes = TypeList<bool, uint8_t, int8_t, int16_t, int32_t, int64_t, float, double, Half,
                          BFloat16, uint16_t, uint32_t, uint64_t>;

Tensor no_indices() { return empty({0}, DType::Int64); }

// NaN after all numbers.
template <class T>
bool before(T a, T b) {
  if constexpr (std::is_same_v<T, bool> || std::is_integral_v<T>) {
    return a < b;
  } else {
    return a < b || (a == a && b != b);
  }
}

// Groups rows of m elements that are equal and adjacent in `order`; the results of a unique
// operator.
template <class T>
Triple group(const T* x, int64_t n, int64_t m, const std::vector<int64_t>& order,
             const Tensor& source, bool inverse, bool counts) {
  std::vector<int64_t> first, runs;
  Tensor where = inverse ? empty({n}, DType::Int64) : no_indices();
  int64_t* w = where.data<int64_t>();
  for (int64_t i = 0; i < n; ++i) {
    const T* row = x + order[i] * m;
    bool fresh = i == 0 || !std::equal(row, row + m, x + order[i - 1] * m);
    if (fresh) {
      first.push_back(order[i]);
      runs.push_back(0);
    }
    ++runs.back();
    if (inverse) w[order[i]] = int64_t(first.size()) - 1;
  }
  int64_t k = int64_t(first.size());
  Dims sizes = source.sizes();
  sizes[0] = k;
  Tensor out = empty(sizes, source.dtype());
  T* to = out.data<T>();
  for (int64_t i = 0; i < k; ++i) std::copy_n(x + first[i] * m, m, to + i * m);
  Tensor many = no_indices();
  if (counts) {
    many = empty({k}, DType::Int64);
    std::copy(runs.begin(), runs.end(), many.data<int64_t>());
  }
  return {out, where, many};
}

// Rows of `source` (contiguous, dim 0).
Triple unique_rows(const Tensor& source, bool sort, bool inverse, bool counts) {
  Triple out;
  dispatch(source.dtype(), "unique", KeyTypes(), [&]<class T>() {
    int64_t n = source.sizes()[0], m = n ? source.numel() / n : 0;
    const T* x = source.data<T>();
    std::vector<int64_t> order(static_cast<size_t>(n));
    std::iota(order.begin(), order.end(), int64_t(0));
    if (sort) {
      std::stable_sort(order.begin(), order.end(), [&](int64_t a, int64_t b) {
        return std::lexicographical_compare(x + a * m, x + (a + 1) * m, x + b * m, x + (b + 1) * m,
                                            before<T>);
      });
    }
    out = group(x, n, m, order, source, inverse, counts);
  });
  return out;
}

// Integers in a range no wider than their number: counted, not sorted.
template <class T>
bool unique_by_counting(const Tensor& x, bool counts, Triple& out) {
  const T* p = x.data<T>();
  const int64_t n = x.numel();
  if (n == 0) return false;
  const auto [least, most] = std::minmax_element(p, p + n);
  const uint64_t range = uint64_t(int64_t(*most)) - uint64_t(int64_t(*least)) + 1;
  if (range == 0 || range > uint64_t(n) + 256) return false;
  const T low = *least;
  std::vector<int64_t> times(range);
  for (int64_t i = 0; i < n; ++i) ++times[size_t(int64_t(p[i]) - int64_t(low))];
  const int64_t k = int64_t(range) - std::count(times.begin(), times.end(), int64_t(0));
  Tensor values = empty({k}, x.dtype()), many = counts ? empty({k}, DType::Int64) : no_indices();
  T* v = values.data<T>();
  int64_t* m = many.data<int64_t>();
  for (size_t i = 0; i < times.size(); ++i) {
    if (times[i] == 0) continue;
    *v++ = T(int64_t(low) + int64_t(i));
    if (counts) *m++ = times[i];
  }
  out = {values, no_indices(), many};
  return true;
}

Triple unique_flat(const Tensor& self, bool sort, bool inverse, bool counts) {
  Tensor x = contiguous(call<"reshape">(self, Dims({-1})));
  Triple out;
  if (sort && !inverse && is_integral(self.dtype(), false) && self.dtype() != DType::UInt64) {
    bool done = false;
    using Integers = TypeList<uint8_t, int8_t, int16_t, int32_t, int64_t, uint16_t, uint32_t>;
    dispatch(self.dtype(), "unique", Integers(),
             [&]<class T>() { done = unique_by_counting<T>(x, counts, out); });
    if (done) return out;
  }
  if (!sort) {
    out = unique_rows(x, false, inverse, counts);
  } else {
    dispatch(self.dtype(), "unique", KeyTypes(), [&]<class T>() {
      Tensor at = call_all<"sort">(x, int64_t(0), false)[1];
      const int64_t* p = at.data<int64_t>();
      out = group(x.data<T>(), x.numel(), 1, std::vector<int64_t>(p, p + x.numel()), x, inverse,
                  counts);
    });
  }
  auto& where = std::get<1>(out);
  if (inverse) where = call<"reshape">(where, self.sizes());
  return out;
}
Triple unique_along(const Tensor& self, int64_t dim, bool sort, bool inverse, bool counts) {
  RL_CHECK_KIND(Index, self.ndim() > 0, "Dimension specified as ", dim,
                " but tensor has no dimensions");
  if (self.numel() == 0) {
    bool only_dim = self.size(dim) == 0;
    int others = 0;
    for (int64_t s : self.sizes()) others += s == 0;
    RL_CHECK(only_dim && others == 1,
             "There are 0 sized dimensions, and they aren't selected, so unique cannot be applied");
  }
  Tensor x = contiguous(call<"transpose.int">(self, dim, int64_t(0)));
  Triple out = unique_rows(x, sort, inverse, counts);
  auto& values = std::get<0>(out);
  values = contiguous(call<"transpose.int">(values, dim, int64_t(0)));
  return out;
}

OP("_unique2(Tensor self, bool sorted=True, bool return_inverse=False, bool return_counts=False) -> (Tensor, Tensor, Tensor)")
    .hidden()
    .node_name("Unique2Backward0")
    .direct([](const Tensor& self, bool, bool inverse, bool counts) {
      return unique_flat(self, true, inverse, counts);
    });
OP("unique_dim(Tensor self, int dim, bool sorted=True, bool return_inverse=False, bool return_counts=False) -> (Tensor, Tensor, Tensor)")
    .hidden()
    .direct([](const Tensor& self, int64_t dim, bool, bool inverse, bool counts) {
      return unique_along(self, dim, true, inverse, counts);
    });
OP("_unique_consecutive(Tensor self, bool return_inverse=False, bool return_counts=False, int? dim=None) -> (Tensor, Tensor, Tensor)")
    .hidden()
    .node_name("UniqueConsecutiveBackward0")
    .direct([](const Tensor& self, bool inverse, bool counts, std::optional<int64_t> dim) {
      return dim ? unique_along(self, *dim, false, inverse, counts)
                 : unique_flat(self, false, inverse, counts);
    });

// ---- searchsorted, bucketize ----
bool search_right(bool right, const std::optional<std::string>& side) {
  if (!side) return right;
  RL_CHECK(*side == "left" || *side == "right",
           "torch.searchsorted(): side can only be 'left' or 'right' but got ", *side);
  RL_CHECK(
      !(*side == "left" && right),
      "torch.searchsorted(): side and right can't be set to opposites, got side of left while right was True");
  return *side == "right";
}

template <class T>
void search(const Tensor& sorted, const Tensor& values, bool right, int64_t* out) {
  int64_t n = sorted.sizes().back(), total = values.numel();
  bool shared = sorted.ndim() == 1;
  int64_t per_row = shared ? total : values.sizes().back();
  const T *b = sorted.data<T>(), *v = values.data<T>();
  parallel(total, kGrain / 16, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      const T* row = shared ? b : b + i / per_row * n;
      // Without branches: where the search goes is a coin toss.
      const T x = v[i];
      const T* low = row;
      int64_t left = n;
      for (; left > 1; left -= left / 2) {
        const T middle = low[left / 2 - 1];
        low += (right ? middle > x : middle >= x) ? 0 : left / 2;
      }
      const bool past = left == 1 && !(right ? *low > x : *low >= x);
      out[i] = low - row + past;
    }
  });
}

Tensor searchsorted(const Tensor& sorted, const Tensor& values, bool int32, bool right,
                    const Tensor& sorter) {
  RL_CHECK(
      sorted.ndim() > 0,
      "torch.searchsorted(): boundaries tensor should have positive dimension, but got 0 dimension");
  RL_CHECK(
      values.ndim() > 0 || sorted.ndim() == 1,
      "torch.searchsorted(): input value can be a scalar only when boundaries tensor dimension is 1, but we "
      "got boundaries tensor dim(",
      sorted.ndim(), ") and input value's dim(", values.ndim(), ") numel(", values.numel(), ")");
  bool same = sorted.ndim() == 1 || sorted.ndim() == values.ndim();
  for (int i = 0; same && sorted.ndim() > 1 && i + 1 < sorted.ndim(); ++i)
    same = sorted.sizes()[i] == values.sizes()[i];
  RL_CHECK(
      same,
      "torch.searchsorted(): boundaries tensor should be 1 dimension or the first N-1 dimensions of boundaries "
      "tensor and input value tensor must match, but we got boundaries tensor ",
      sorted.sizes(), " and input value tensor ", values.sizes());
  Tensor b = sorted;
  if (sorter.defined()) {
    RL_CHECK(
        sorter.sizes() == sorted.sizes(),
        "torch.searchsorted(): boundary and sorter must have the same size, but got boundary tensor ",
        sorted.sizes(), "and got sorter tensor ", sorter.sizes());
    RL_CHECK(sorter.dtype() == DType::Int64,
             "torch.searchsorted(): sorter must be a tensor of long dtype but got dtype ",
             dtype_word(sorter.dtype()));
    b = call<"gather">(detach(sorted), int64_t(-1), sorter);
  }
  DType common = promote_types(sorted.dtype(), values.dtype());
  Tensor out = empty(values.sizes(), DType::Int64, values.device());
  if (!out.is_meta() && out.numel()) {
    b = contiguous(to_dtype(detach(b), common));
    Tensor v = contiguous(to_dtype(detach(values), common));
    dispatch(common, "searchsorted_out_cpu", RealTypes(),
             [&]<class T>() { search<T>(b, v, right, out.data<int64_t>()); });
  }
  return int32 ? to_dtype(out, DType::Int32) : out;
}
Tensor number(const Scalar& s, const Tensor& like) {
  DType d = s.is_integral() ? DType::Int64 : default_dtype();
  return scalar_tensor(s, promote_types(d, like.dtype()));
}

OP("searchsorted.Tensor(Tensor sorted_sequence, Tensor self, *, bool out_int32=False, bool right=False, str? side=None, Tensor? sorter=None) -> Tensor")
    .function_only()
    .no_grad()
    .direct([](const Tensor& sorted, const Tensor& self, bool int32, bool right,
               const std::optional<std::string>& side, const Tensor& sorter) {
      return searchsorted(sorted, self, int32, search_right(right, side), sorter);
    });
OP("searchsorted.Scalar(Tensor sorted_sequence, Scalar self, *, bool out_int32=False, bool right=False, str? side=None, Tensor? sorter=None) -> Tensor")
    .function_only()
    .no_grad()
    .direct([](const Tensor& sorted, const Scalar& self, bool int32, bool right,
               const std::optional<std::string>& side, const Tensor& sorter) {
      return searchsorted(sorted, number(self, sorted), int32, search_right(right, side), sorter);
    });
OP("bucketize.Tensor(Tensor self, Tensor boundaries, *, bool out_int32=False, bool right=False) -> Tensor")
    .function_only()
    .no_grad()
    .direct([](const Tensor& self, const Tensor& boundaries, bool int32, bool right) {
      RL_CHECK(boundaries.ndim() == 1, "boundaries tensor must be 1 dimension, but got dim(",
               boundaries.ndim(), ")");
      return searchsorted(boundaries, self, int32, right, Tensor());
    });
OP("bucketize.Scalar(Scalar self, Tensor boundaries, *, bool out_int32=False, bool right=False) -> Tensor")
    .function_only()
    .no_grad()
    .direct([](const Scalar& self, const Tensor& boundaries, bool int32, bool right) {
      RL_CHECK(boundaries.ndim() == 1, "boundaries tensor must be 1 dimension, but got dim(",
               boundaries.ndim(), ")");
      return searchsorted(boundaries, number(self, boundaries), int32, right, Tensor());
    });

// ---- counting ----
Tensor count_bins(const Tensor& index, int64_t bins) {
  Tensor out = call<"zeros">(Dims({bins}), DType::Int64);
  const int64_t* at = index.data<int64_t>();
  int64_t* to = out.data<int64_t>();
  std::mutex mutex;
  parallel(index.numel(), std::max<int64_t>(kGrain, 8 * bins), [&](int64_t begin, int64_t end) {
    // Two tables in turn: equal neighbours would wait for one another.
    std::vector<int64_t> own(size_t(2 * bins), 0);
    int64_t *a = own.data(), *b = a + bins, i = begin;
    for (; i + 2 <= end; i += 2) {
      ++a[at[i]];
      ++b[at[i + 1]];
    }
    if (i < end) ++a[at[i]];
    std::lock_guard lock(mutex);
    for (int64_t k = 0; k < bins; ++k) to[k] += a[k] + b[k];
  });
  return out;
}
template <class W>
Tensor count_into_bins(const Tensor& index, const Tensor& weights, int64_t bins, DType dtype) {
  Tensor out = call<"zeros">(Dims({bins}), dtype);
  const int64_t* at = index.data<int64_t>();
  W* to = out.data<W>();
  const W* w = weights.data<W>();
  for (int64_t i = 0; i < index.numel(); ++i) to[at[i]] += w[i];
  return out;
}
OP("bincount(Tensor self, Tensor? weights=None, SymInt minlength=0) -> Tensor")
    .no_grad()
    .direct([](const Tensor& self, const Tensor& weights, int64_t minlength) {
      RL_CHECK(minlength >= 0, "minlength should be >= 0");
      RL_CHECK_KIND(NotImplemented, is_integral(self.dtype(), false),
                    "\"bincount_cpu\" not implemented for '", dtype_word(self.dtype()), "'");
      const char* what = "bincount only supports 1-d non-negative integral inputs.";
      if (self.ndim() == 1 && self.numel() == 0) {
        return call<"zeros">(Dims({minlength}), DType::Int64);
      }
      RL_CHECK(self.ndim() == 1, what);
      RL_CHECK(item(call<"min">(self)).to_int() >= 0, what);
      RL_CHECK(!weights.defined() || (weights.ndim() == 1 && weights.numel() == self.numel()),
               "weights should be 1-d and have the same length as input");
      Tensor index = contiguous(to_dtype(self, DType::Int64));
      int64_t bins = std::max(minlength, item(call<"max">(index)).to_int() + 1);
      if (!weights.defined()) return count_bins(index, bins);
      if (weights.dtype() == DType::Float32) {
        return count_into_bins<float>(index, contiguous(detach(weights)), bins, DType::Float32);
      }
      Tensor wide = contiguous(to_dtype(detach(weights), DType::Float64));
      return count_into_bins<double>(index, wide, bins, DType::Float64);
    });

OP("histc(Tensor self, int bins=100, Scalar min=0, Scalar max=0) -> Tensor")
    .no_grad()
    .direct([](const Tensor& self, int64_t bins, const Scalar& least, const Scalar& most) {
      RL_CHECK(bins > 0, "torch.histogram(): bins must be > 0, but got ", bins, " for dimension 0");
      Tensor out = call<"zeros">(Dims({bins}), self.dtype());
      double low = least.to_double(), high = most.to_double();
      if (low == high && self.numel() > 0) {
        low = item(call<"min">(detach(self))).to_double();
        high = item(call<"max">(detach(self))).to_double();
      }
      RL_CHECK(std::isfinite(low) && std::isfinite(high), "torch.histc: range of [", low, ", ",
               high, "] is not finite");
      if (low == high) {
        low -= 1;
        high += 1;
      }
      RL_CHECK(low < high, "torch.histc: max must be larger than min");
      dispatch(self.dtype(), "histogram_cpu", FloatHalfTypes(), [&]<class T>() {
        using W = std::conditional_t<is_half(dtype_of<T>), float, T>;
        Tensor x = contiguous(detach(self));
        const T* p = x.data<T>();
        std::vector<double> counts(static_cast<size_t>(bins));
        W from = W(low), to = W(high);
        for (int64_t i = 0; i < x.numel(); ++i) {
          W v = W(p[i]);
          if (!(v >= from && v <= to)) continue;
          int64_t bin = int64_t((v - from) / (to - from) * W(bins));
          counts[size_t(std::min(bin, bins - 1))] += 1;
        }
        T* q = out.data<T>();
        for (int64_t i = 0; i < bins; ++i) q[i] = T(W(counts[size_t(i)]));
      });
      return out;
    });

OP("count_nonzero.dim_IntList(Tensor self, int[] dim) -> Tensor")
    .composite([](const Tensor& self, const Dims& dim) {
      Value dims = dim.empty() ? Value() : Value(dim);
      return call<"sum.dim_IntList">(to_dtype(detach(self), DType::Bool), dims);
    });
OP("count_nonzero(Tensor self, int? dim=None) -> Tensor")
    .composite([](const Tensor& self, std::optional<int64_t> dim) {
      Value dims = dim ? Value(Dims({*dim})) : Value();
      return call<"sum.dim_IntList">(to_dtype(detach(self), DType::Bool), dims);
    });

OP("equal(Tensor self, Tensor other) -> bool")
    .no_out()
    .no_grad()
    .direct([](const Tensor& self, const Tensor& other) {
      if (self.sizes() != other.sizes()) return false;
      if (self.numel() == 0) return true;
      return item(call<"all">(call<"eq.Tensor">(detach(self), detach(other)))).to<bool>();
    });

}  // namespace
}  // namespace rl
