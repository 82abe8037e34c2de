// Sorting and selection along a dimension.
//
// Elements become unsigned keys whose order is theirs (NaN last), packed with their position: all
// packed keys differ, so any sort of them is stable, and a radix sort need only look at the keys.
#include <bit>
#include <limits>

#include "cpu/parallel.h"
#include "ops/reduction.h"

namespace rl {
namespace {

template <class T>
struct KeyOf {
  using type = std::make_unsigned_t<T>;
};
template <>
struct KeyOf<bool> {
  using type = uint8_t;
};
template <>
struct KeyOf<float> {
  using type = uint32_t;
};
template <>
struct KeyOf<double> {
  using type = uint64_t;
};

template <class T>
inline auto key_of(T v) {
  using K = typename KeyOf<T>::type;
  if constexpr (std::is_floating_point_v<T>) {
    // Without branches: signs are coin tosses.
    const K bits = std::bit_cast<K>(T(v + T(0)));  // -0 becomes 0
    constexpr int top = sizeof(K) * 8 - 1;
    const K key = bits ^ ((K(0) - (bits >> top)) | K(1) << top);
    return v != v ? K(~K(0)) : key;
  } else if constexpr (std::is_signed_v<T>) {
    return K(K(v) ^ (K(1) << (sizeof(K) * 8 - 1)));
  } else {
    return K(v);
  }
}

// 32 bits of position below the key; 8-byte elements take 128 bits.
template <class T>
using PackedOf = std::conditional_t<sizeof(T) == 8, unsigned __int128, uint64_t>;

template <class T>
inline PackedOf<T> pack(T v, int64_t index, bool descending) {
  auto key = key_of(v);
  key ^= decltype(key)(descending ? ~decltype(key)(0) : 0);
  return PackedOf<T>(key) << 32 | uint32_t(index);
}
template <class P>
inline int64_t index_of(P packed) {
  return int64_t(uint32_t(packed));
}

// Least significant byte first; bytes that all keys share are skipped.
template <class P>
void radix_sort(P* a, P* scratch, int64_t n, int key_bytes) {
  uint32_t counts[8 * 256];
  std::fill_n(counts, key_bytes * 256, 0u);
  for (int64_t i = 0; i < n; ++i) {
    for (int b = 0; b < key_bytes; ++b) ++counts[b * 256 + uint8_t(a[i] >> (32 + 8 * b))];
  }
  P *from = a, *to = scratch;
  for (int b = 0; b < key_bytes; ++b) {
    uint32_t* c = counts + b * 256;
    if (c[uint8_t(from[0] >> (32 + 8 * b))] == n) continue;
    uint32_t at = 0;
    for (int i = 0; i < 256; ++i) {
      uint32_t k = c[i];
      c[i] = at;
      at += k;
    }
    for (int64_t i = 0; i < n; ++i) to[c[uint8_t(from[i] >> (32 + 8 * b))]++] = from[i];
    std::swap(from, to);
  }
  if (from != a) std::copy_n(from, n, a);
}

// Rows up to this long are selected from exactly as PyTorch does, among equals too.
constexpr int64_t kShortRow = 2048;

template <class T>
struct Row {
  using P = PackedOf<T>;
  std::vector<P> packed, scratch;
  const P* fill(const T* x, int64_t n, bool descending) {
    packed.resize(size_t(n));
    for (int64_t i = 0; i < n; ++i) packed[i] = pack(x[i], i, descending);
    return packed.data();
  }
  void sort(int64_t n) {
    if (n < 80) {
      std::sort(packed.begin(), packed.begin() + n);
      return;
    }
    scratch.resize(size_t(n));
    radix_sort(packed.data(), scratch.data(), n, int(sizeof(T)));
  }
  // The packed key of rank k; from the highest byte down, only those that share its bytes stay.
  P nth(int64_t k, int64_t n) {
    P* a = packed.data();
    for (int b = int(sizeof(T)) - 1; b >= 0 && n > 128; --b) {
      uint32_t counts[256] = {};
      for (int64_t i = 0; i < n; ++i) ++counts[uint8_t(a[i] >> (32 + 8 * b))];
      int bin = 0;
      while (k >= int64_t(counts[bin])) k -= counts[bin++];
      if (int64_t(counts[bin]) == n) continue;
      int64_t m = 0;
      for (int64_t i = 0; i < n; ++i) {
        P p = a[i];
        a[m] = p;
        m += uint8_t(p >> (32 + 8 * b)) == bin;
      }
      n = m;
    }
    std::nth_element(a, a + k, a + n);
    return a[k];
  }
  // Ignoring positions: which of equal elements come first is then up to the library's algorithms,
  // and so the same as in PyTorch, which calls these.
  static constexpr auto lower_key = [](P a, P b) { return a >> 32 < b >> 32; };
  void sort_keys(int64_t n) { std::sort(packed.begin(), packed.begin() + n, lower_key); }
  void least_keys(int64_t n, int64_t k, bool sorted) {
    auto first = packed.begin(), last = first + n;
    if (64 * k <= n) {
      std::partial_sort(first, first + k, last, lower_key);
    } else {
      std::nth_element(first, first + (k - 1), last, lower_key);
      if (sorted) std::sort(first, first + (k - 1), lower_key);
    }
  }
  // Puts the k least first, in any order.
  void partition(int64_t k, int64_t n) {
    std::nth_element(packed.begin(), packed.begin() + (k - 1), packed.begin() + n);
    packed.resize(size_t(k));
  }
  // Packs the k least, of equals the first, in any order; not all elements where k is small.
  void fill_least(const T* x, int64_t n, int64_t k, bool descending) {
    if (4 * k > n) {
      fill(x, n, descending);
      partition(k, n);
      return;
    }
    size_t room = size_t(2 * k + 64);
    packed.clear();
    packed.reserve(room);
    P limit = ~P(0);
    T worst = T(0);
    bool limited = false;
    for (int64_t i = 0; i < n; ++i) {
      // Most elements are refused by this comparison, which lets NaN through.
      if (limited && (descending ? x[i] <= worst : x[i] >= worst)) continue;
      P p = pack(x[i], i, descending);
      if (p >= limit) continue;
      packed.push_back(p);
      if (packed.size() == room) {
        partition(k, int64_t(room));
        limit = packed[k - 1];
        worst = x[index_of(limit)];
        limited = true;
      }
    }
    if (int64_t(packed.size()) > k) partition(k, int64_t(packed.size()));
  }
};

// The input with `dim` last, contiguous, and 16-bit floats widened.
struct Rows {
  Tensor x;
  DType dtype;
  int dim;
  int64_t n, count;
  Rows(const Tensor& self, int64_t given) : dtype(self.dtype()), dim(wrap_dim(given, self.ndim())) {
    DType compute = is_half(dtype) ? DType::Float32 : dtype;
    x = to_dtype(self, compute);
    if (x.ndim() > 0) x = call<"transpose.int">(x, int64_t(dim), int64_t(-1));
    x = contiguous(x);
    n = x.ndim() > 0 ? x.sizes().back() : 1;
    count = n ? x.numel() / n : 0;
    RL_CHECK(n <= int64_t(UINT32_MAX), "sorting along a dimension of ", n,
             " elements is not supported");
  }
  Dims sizes(int64_t length) const {
    Dims s = x.sizes();
    if (!s.empty()) s.back() = length;
    return s;
  }
  Tensor restore(const Tensor& t) const {
    Tensor out = to_dtype(t, t.dtype() == DType::Int64 ? DType::Int64 : dtype);
    return t.ndim() > 0 ? contiguous(call<"transpose.int">(out, int64_t(dim), int64_t(-1))) : out;
  }
  // Values and positions, `length` of each per row.
  std::tuple<Tensor, Tensor> result(const Tensor& values, const Tensor& indices) const {
    return {restore(values), restore(indices)};
  }
};

using SortTypes = TypeList<bool, uint8_t, int8_t, int16_t, int32_t, int64_t, float, double,
                           uint16_t, uint32_t, uint64_t>;
using NumberTypes = TypeList<uint8_t, int8_t, int16_t, int32_t, int64_t, float, double>;

// f(row, input, values, indices, scratch Row) for each row.
template <class T, class F>
void each_row(const Rows& rows, const Tensor& values, const Tensor& indices, int64_t length,
              const F& f) {
  const T* x = rows.x.data<T>();
  T* v = values.data<T>();
  int64_t* at = indices.data<int64_t>();
  int64_t n = rows.n;
  parallel(rows.count, std::max<int64_t>(1, kGrain / 8 / std::max<int64_t>(n, 1)),
           [&](int64_t begin, int64_t end) {
             Row<T> scratch;
             for (int64_t r = begin; r < end; ++r)
               f(x + r * n, v + r * length, at + r * length, scratch);
           });
}

using Pair = std::tuple<Tensor, Tensor>;

template <class Types, class F>
Pair by_rows(const char* name, const Tensor& self, int64_t dim, int64_t length, const F& f) {
  Rows rows(self, dim);
  Tensor values = empty(rows.sizes(length), rows.x.dtype(), self.device());
  Tensor indices = empty(rows.sizes(length), DType::Int64, self.device());
  dispatch(rows.x.dtype(), name, Types(), [&]<class T>() {
    if (self.is_meta() || values.numel() == 0) return;
    each_row<T>(rows, values, indices, length, [&](const T* x, T* v, int64_t* at, Row<T>& scratch) {
      f(x, rows.n, v, at, scratch);
    });
  });
  return rows.result(values, indices);
}

// ---- sort ----
Pair sort(const Tensor& self, int64_t dim, bool descending) {
  RL_CHECK(!is_complex(self.dtype()), " Sort does not support complex dtypes on CPU");
  int64_t length = self.ndim() > 0 ? self.size(dim) : (wrap_dim(dim, 0), 1);
  return by_rows<SortTypes>("sort", self, dim, length,
                            [&]<class T>(const T* x, int64_t n, T* v, int64_t* at, Row<T>& row) {
                              row.fill(x, n, descending);
                              row.sort(n);
                              for (int64_t i = 0; i < n; ++i) {
                                at[i] = index_of(row.packed[i]);
                                v[i] = x[at[i]];
                              }
                            });
}
Tensor pick_grad(GradContext& c, bool keepdim) {
  return pick_backward(c.grad(), c.get<int64_t>("dim"), c.result(1), c.sizes("self"), keepdim);
}

OP("sort(Tensor self, int dim=-1, bool descending=False) -> (Tensor values, Tensor indices)")
    .direct([](const Tensor& self, int64_t dim, bool descending) {
      return sort(self, dim, descending);
    })
    .grad("self", "result1", [](GradContext& c) { return pick_grad(c, true); });
OP("sort.stable(Tensor self, *, bool? stable, int dim=-1, bool descending=False) -> (Tensor values, Tensor indices)")
    .node_name("SortBackward1")
    .direct([](const Tensor& self, std::optional<bool>, int64_t dim, bool descending) {
      return sort(self, dim, descending);
    })
    .grad("self", "result1", [](GradContext& c) { return pick_grad(c, true); });
OP("argsort(Tensor self, int dim=-1, bool descending=False) -> Tensor")
    .composite([](const Tensor& self, int64_t dim, bool descending) {
      return call_all<"sort">(detach(self), dim, descending)[1];
    });
OP("argsort.stable(Tensor self, *, bool stable, int dim=-1, bool descending=False) -> Tensor")
    .composite([](const Tensor& self, bool, int64_t dim, bool descending) {
      return call_all<"sort">(detach(self), dim, descending)[1];
    });
OP("msort(Tensor self) -> Tensor").composite([](const Tensor& self) {
  return call_all<"sort">(self, int64_t(0), false)[0];
});

// ---- selection ----
OP("topk(Tensor self, SymInt k, int dim=-1, bool largest=True, bool sorted=True) -> (Tensor values, Tensor indices)")
    .direct([](const Tensor& self, int64_t k, int64_t dim, bool largest, bool sorted) {
      RL_CHECK(self.dtype() != DType::Bool, "topk does not support bool dtypes on CPU");
      RL_CHECK(!is_complex(self.dtype()), "topk does not support complex dtypes on CPU");
      wrap_dim(dim, self.ndim());
      RL_CHECK(k >= 0 && k <= (self.ndim() > 0 ? self.size(dim) : 1),
               "selected index k out of range");
      if (self.ndim() == 0) k = 1;
      return by_rows<NumberTypes>(
          "topk_cpu", self, dim, k,
          [&]<class T>(const T* x, int64_t n, T* v, int64_t* at, Row<T>& row) {
            if (n <= kShortRow) {
              row.fill(x, n, largest);
              row.least_keys(n, k, sorted);
            } else {
              row.fill_least(x, n, k, largest);
              if (sorted) row.sort(k);
            }
            for (int64_t i = 0; i < k; ++i) {
              at[i] = index_of(row.packed[i]);
              v[i] = x[at[i]];
            }
          });
    })
    .grad("self", "result1", [](GradContext& c) { return pick_grad(c, true); });

// Drops the selected dimension of size 1 unless it is to be kept.
Pair squeezed(Pair p, const Tensor& self, int64_t dim, bool keepdim) {
  if (keepdim || self.ndim() == 0) return p;
  auto& [values, indices] = p;
  Dims sizes = values.sizes();
  sizes.erase(size_t(wrap_dim(dim, self.ndim())));
  return {call<"reshape">(values, sizes), call<"reshape">(indices, sizes)};
}
void check_selectable(const Tensor& self, int64_t dim, const char* name) {
  Over over(self.ndim(), Dims({dim}));
  if (self.ndim() > 0 && self.size(dim) == 0) check_not_empty(self, over, name);
}

OP("kthvalue(Tensor self, SymInt k, int dim=-1, bool keepdim=False) -> (Tensor values, Tensor indices)")
    .direct([](const Tensor& self, int64_t k, int64_t dim, bool keepdim) {
      check_selectable(self, dim, "kthvalue");
      int64_t n = self.ndim() > 0 ? self.size(dim) : 1;
      RL_CHECK(k >= 1 && k <= n, "kthvalue(): selected number k out of range for dimension ",
               wrap_dim(dim, self.ndim()));
      Pair p =
          by_rows<NumberTypes>("kthvalue_cpu", self, dim, 1,
                               [&]<class T>(const T* x, int64_t n, T* v, int64_t* at, Row<T>& row) {
                                 row.fill(x, n, false);
                                 *at = index_of(row.nth(k - 1, n));
                                 *v = x[*at];
                               });
      return squeezed(p, self, dim, keepdim);
    })
    .grad("self", "result1", [](GradContext& c) { return pick_grad(c, c.get<bool>("keepdim")); });

template <class T>
void median_row(const T* x, int64_t n, T* v, int64_t* at, Row<T>& row, bool skip_nan) {
  int64_t nans = 0, first = 0;
  if constexpr (std::is_floating_point_v<T>) {
    for (int64_t i = n; i-- > 0;) {
      if (x[i] != x[i]) {
        ++nans;
        first = i;
      }
    }
  }
  if (nans && (!skip_nan || nans == n)) {
    *at = first;
  } else {
    row.fill(x, n, false);
    *at = index_of(row.nth((n - nans - 1) / 2, n));
  }
  *v = x[*at];
}
Pair median(const Tensor& self, int64_t dim, bool keepdim, bool skip_nan) {
  check_selectable(self, dim, "median");
  Pair p =
      by_rows<NumberTypes>("median_cpu", self, dim, 1,
                           [&]<class T>(const T* x, int64_t n, T* v, int64_t* at, Row<T>& row) {
                             median_row(x, n, v, at, row, skip_nan);
                           });
  return squeezed(p, self, dim, keepdim);
}
Tensor median_of_all(const Tensor& self, bool skip_nan) {
  if (self.numel() == 0) {
    Scalar none = is_floating(self.dtype()) ? Scalar(std::numeric_limits<double>::quiet_NaN())
                                            : Scalar(std::numeric_limits<int64_t>::min());
    return scalar_tensor(none, self.dtype());
  }
  return std::get<0>(median(call<"reshape">(self, Dims({-1})), 0, false, skip_nan));
}
#define RL_MEDIAN(name, skip_nan, node)                                                        \
  OP(name "(Tensor self) -> Tensor")                                                           \
      .direct([](const Tensor& self) { return median_of_all(self, skip_nan); })                \
      .grad("self", "self result", [](GradContext& c) {                                        \
        return share_backward(c.grad(), c.tensor("self"), c.result(), Over(), false, true);    \
      });                                                                                      \
  OP(name ".dim(Tensor self, int dim, bool keepdim=False) -> (Tensor values, Tensor indices)") \
      .node_name(node)                                                                         \
      .direct([](const Tensor& self, int64_t dim, bool keepdim) {                              \
        return median(self, dim, keepdim, skip_nan);                                           \
      })                                                                                       \
      .grad("self", "result1",                                                                 \
            [](GradContext& c) { return pick_grad(c, c.get<bool>("keepdim")); });
RL_MEDIAN("median", false, "MedianBackward1")
RL_MEDIAN("nanmedian", true, "NanmedianBackward1")
#undef RL_MEDIAN

// The most frequent value, of several the least.
template <class T>
void mode_row(const T* x, int64_t n, T* v, int64_t* at, Row<T>& row) {
  row.fill(x, n, false);
  row.sort_keys(n);
  int64_t best = 0, where = 0, run = 0;
  for (int64_t i = 0; i < n; ++i) {
    bool continues = i > 0 && row.packed[i] >> 32 == row.packed[i - 1] >> 32;
    run = continues ? run + 1 : 1;
    if (run > best) {
      best = run;
      where = i;  // the last of the run
    }
  }
  *at = index_of(row.packed[where]);
  *v = x[*at];
}
OP("mode(Tensor self, int dim=-1, bool keepdim=False) -> (Tensor values, Tensor indices)")
    .direct([](const Tensor& self, int64_t dim, bool keepdim) {
      check_selectable(self, dim, "mode");
      Pair p = by_rows<SortTypes>(
          "mode", self, dim, 1, []<class T>(const T* x, int64_t n, T* v, int64_t* at, Row<T>& row) {
            mode_row(x, n, v, at, row);
          });
      return squeezed(p, self, dim, keepdim);
    })
    .grad("self", "result1", [](GradContext& c) { return pick_grad(c, c.get<bool>("keepdim")); });

}  // namespace
}  // namespace rl
