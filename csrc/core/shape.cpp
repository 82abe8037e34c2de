#include "core/shape.h"

#include <limits>

namespace rl {

Dims channels_last_strides(const Dims& sizes) {
  Dims strides(sizes.size());
  int64_t step = 1;
  auto put = [&](int i) {
    strides[i] = step;
    step *= std::max<int64_t>(sizes[i], 1);
  };
  put(1);
  for (int i = sizes.ndim() - 1; i >= 2; --i) put(i);
  put(0);
  return strides;
}

bool is_channels_last(const Dims& sizes, const Dims& strides) {
  if (sizes.ndim() != 4 && sizes.ndim() != 5) return false;
  if (strides[1] == 0) return false;
  int64_t least = 0;
  auto check = [&](int i) {
    if (sizes[i] == 0 || strides[i] < least) return false;
    if (i == 0 && least == strides[1]) return false;
    least = strides[i];
    if (sizes[i] > 1) least *= sizes[i];
    return true;
  };
  if (!check(1)) return false;
  for (int i = sizes.ndim() - 1; i >= 2; --i) {
    if (!check(i)) return false;
  }
  return check(0);
}

bool is_dense(const Dims& sizes, const Dims& strides) {
  Dims order;
  for (int i = 0; i < sizes.ndim(); ++i) {
    if (sizes[i] == 0) return true;
    if (sizes[i] != 1) order.push_back(i);
  }
  std::sort(order.begin(), order.end(),
            [&](int64_t a, int64_t b) { return strides[a] < strides[b]; });
  int64_t step = 1;
  for (int64_t i : order) {
    if (strides[i] != step) return false;
    step *= sizes[i];
  }
  return true;
}

int64_t checked_count(const Dims& sizes) {
  int64_t n = 1;
  bool empty = false;
  for (int64_t s : sizes) {
    RL_CHECK(s >= 0, "Trying to create tensor with negative dimension ", s, ": ", sizes);
    empty |= s == 0;
  }
  if (empty) return 0;
  for (int64_t s : sizes) {
    RL_CHECK(!__builtin_mul_overflow(n, s, &n) && n <= std::numeric_limits<int64_t>::max() / 16,
             "Storage size calculation overflowed with sizes=", sizes);
  }
  return n;
}

int wrap_dim(int64_t dim, int ndim) {
  int64_t range = std::max(ndim, 1);
  RL_CHECK_KIND(Index, dim >= -range && dim < range,
                "Dimension out of range (expected to be in range of [", -range, ", ", range - 1,
                "], but got ", dim, ")");
  return int(dim < 0 ? dim + range : dim);
}

Dims wrap_dims(const Dims& dims, int ndim) {
  Dims out;
  uint64_t seen = 0;
  for (int64_t d : dims) {
    int w = wrap_dim(d, ndim);
    RL_CHECK(!(seen >> w & 1), "dim ", w, " appears multiple times in the list of dims");
    seen |= uint64_t(1) << w;
    out.push_back(w);
  }
  return out;
}

Dims broadcast_shapes(const Dims& a, const Dims& b) {
  if (a == b) return a;
  int n = std::max(a.ndim(), b.ndim());
  Dims out(n);
  for (int i = n - 1; i >= 0; --i) {
    int ia = i - (n - a.ndim()), ib = i - (n - b.ndim());
    int64_t sa = ia >= 0 ? a[ia] : 1, sb = ib >= 0 ? b[ib] : 1;
    if (sa != sb && sa != 1 && sb != 1) {
      throw Error(ErrorKind::Runtime,
                  concat("The size of tensor a (", sa, ") must match the size of tensor b (", sb,
                         ") at non-singleton dimension ", i),
                  concat("shapes ", a, " and ", b, " do not broadcast (dimension ", i, ": ", sa,
                         " vs ", sb, ")"));
    }
    out[i] = sa == 1 ? sb : sa;
  }
  return out;
}

bool expandable(const Dims& from, const Dims& to) {
  if (from.ndim() > to.ndim()) return false;
  int shift = to.ndim() - from.ndim();
  for (int i = 0; i < from.ndim(); ++i) {
    if (from[i] != to[i + shift] && from[i] != 1) return false;
  }
  return true;
}

Dims infer_size(const Dims& shape, int64_t numel) {
  Dims out = shape;
  int64_t known = 1;
  int unknown = -1;
  for (int i = 0; i < shape.ndim(); ++i) {
    if (shape[i] == -1) {
      RL_CHECK(unknown < 0, "only one dimension can be inferred");
      unknown = i;
    } else {
      RL_CHECK(shape[i] >= 0, "invalid shape dimension ", shape[i], " at index ", i, " of shape ",
               shape);
      known *= shape[i];
    }
  }
  bool fits = unknown < 0 ? known == numel : known > 0 && numel % known == 0;
  if (unknown >= 0 && known == 0) {
    RL_CHECK(numel != 0, "cannot reshape tensor of 0 elements into shape ", shape,
             " because the unspecified dimension size -1 can be any value and is ambiguous");
  }
  if (unknown >= 0 && known == 0 && numel == 0) {
    fail(ErrorKind::Runtime, "cannot reshape tensor of 0 elements into shape ", shape,
         " because the unspecified dimension size -1 can be any value and is ambiguous");
  }
  if (!fits) {
    throw Error(ErrorKind::Runtime,
                concat("shape '", shape, "' is invalid for input of size ", numel),
                unknown < 0 ? concat("the shape has ", known, " elements, the input ", numel)
                            : concat("the input has ", numel, " elements, no multiple of ", known));
  }
  if (unknown >= 0) out[unknown] = numel / known;
  return out;
}

bool view_strides(const Dims& sizes, const Dims& strides, const Dims& shape, Dims* out) {
  *out = Dims(shape.size());
  if (sizes.empty()) {
    for (auto& s : *out) s = 1;
    return true;
  }
  if (count(sizes) == 0) {
    *out = sizes == shape ? strides : contiguous_strides(shape);
    return true;
  }
  int view_d = shape.ndim() - 1;
  int64_t base = strides.back(), tensor_numel = 1, view_numel = 1;
  for (int d = sizes.ndim() - 1; d >= 0; --d) {
    tensor_numel *= sizes[d];
    bool chunk_ends = d == 0 || (sizes[d - 1] != 1 && strides[d - 1] != tensor_numel * base);
    if (!chunk_ends) continue;
    while (view_d >= 0 && (view_numel < tensor_numel || shape[view_d] == 1)) {
      (*out)[view_d] = view_numel * base;
      view_numel *= shape[view_d];
      --view_d;
    }
    if (view_numel != tensor_numel) return false;
    if (d > 0) {
      base = strides[d - 1];
      tensor_numel = view_numel = 1;
    }
  }
  return view_d == -1;
}

Dims reduced_sizes(const Dims& sizes, const Dims& dims, bool keepdim) {
  uint64_t mask = 0;
  for (int64_t d : dims) mask |= uint64_t(1) << d;
  if (dims.empty()) mask = ~uint64_t(0);
  Dims out;
  for (int i = 0; i < sizes.ndim(); ++i) {
    if (!(mask >> i & 1)) {
      out.push_back(sizes[i]);
    } else if (keepdim) {
      out.push_back(1);
    }
  }
  return out;
}

}  // namespace rl
