// Resizing by weighted sums of input lines, one axis at a time. Compiled once per instruction
// level.
//
// Weights are computed, and sums rounded, in the order in which PyTorch's kernels do it, so that
// images of bytes, whose values often lie half-way between two integers, come out the same.
#include <cmath>

#include "core/device.h"
#include "cpu/parallel.h"
#include "dispatch/call.h"

namespace rl {
inline namespace RL_ISA_NS {
namespace {

enum Filter : int64_t { kLinear, kCubic, kSmoothLinear, kSmoothCubic };

// The input lines that make each output line: lines first[i] ... first[i] + count[i] - 1 of the
// input, clamped to it, with the weights of row i.
template <class T>
struct Taps {
  int64_t in, out, width;  // width: the largest count
  std::vector<int64_t> first, count;
  std::vector<T> weight;  // (out, width)

  Taps(int64_t in_, int64_t out_, int64_t width_)
      : in(in_),
        out(out_),
        width(width_),
        first(size_t(out_)),
        count(size_t(out_), width_),
        weight(size_t(out_ * width_)) {}
  int64_t line(int64_t i, int64_t k) const {
    return std::clamp<int64_t>(first[size_t(i)] + k, 0, in - 1);
  }
  T* row(int64_t i) { return weight.data() + i * width; }
  const T* row(int64_t i) const { return weight.data() + i * width; }
};

// Where output line i lies between the input's lines.
template <class T>
T source_position(T scale, int64_t i, bool align) {
  return align ? scale * T(i) : std::fma(scale, T(i) + T(0.5), T(-0.5));
}

template <class T>
Taps<T> linear_taps(int64_t in, int64_t out, bool align, T scale) {
  Taps<T> t(in, out, 2);
  for (int64_t i = 0; i < out; ++i) {
    const T p = std::max(source_position(scale, i, align), T(0));
    const int64_t a = std::min<int64_t>(int64_t(p), in - 1);
    const T w = std::min(std::max(p - T(a), T(0)), T(1));
    t.first[size_t(i)] = a;
    t.row(i)[0] = T(1) - w;
    t.row(i)[1] = w;
  }
  return t;
}

// Keys' cubic convolution, near (|x| <= 1) and far (1 < |x| < 2).
template <class T>
T cubic_near(T x, T a) {
  return ((a + 2) * x - (a + 3)) * x * x + 1;
}
template <class T>
T cubic_far(T x, T a) {
  return std::fma(std::fma(a, x, -5 * a), x, 8 * a) * x - 4 * a;
}

template <class T>
Taps<T> cubic_taps(int64_t in, int64_t out, bool align, T scale) {
  constexpr T a = T(-0.75);
  Taps<T> t(in, out, 4);
  for (int64_t i = 0; i < out; ++i) {
    const T p = source_position(scale, i, align);
    const int64_t base = std::min<int64_t>(int64_t(std::floor(p)), in - 1);
    const T x = std::min(std::max(p - T(base), T(0)), T(1)), y = T(1) - x;
    t.first[size_t(i)] = base - 1;
    T* w = t.row(i);
    w[0] = cubic_far(x + 1, a);
    w[1] = cubic_near(x, a);
    w[2] = cubic_near(y, a);
    w[3] = cubic_far(y + 1, a);
  }
  return t;
}

// Antialiased: a triangle or cubic (a = -0.5) filter, stretched by the scale, whose weights sum
// to 1.
template <class T>
T smooth_weight(T x, bool cubic) {
  constexpr T a = T(-0.5);
  if (!cubic) return x < 1 ? T(1) - x : T(0);
  if (x < 1) return std::fma(std::fma(a + 2, x, -(a + 3)) * x, x, T(1));
  return x < 2 ? std::fma(std::fma(std::fma(a, x, -5 * a), x, 8 * a), x, -4 * a) : T(0);
}
template <class T>
Taps<T> smooth_taps(int64_t in, int64_t out, T scale, bool cubic) {
  const T support = T(cubic ? 2 : 1) * std::max(scale, T(1));
  const T inverse = scale >= 1 ? T(1) / scale : T(1);
  Taps<T> t(in, out, int64_t(std::ceil(support)) * 2 + 1);
  for (int64_t i = 0; i < out; ++i) {
    const T center = T(double(scale) * (double(i) + 0.5));
    const int64_t from = std::max<int64_t>(int64_t(double(center - support) + 0.5), 0);
    const int64_t to = std::min<int64_t>(int64_t(double(center + support) + 0.5), in);
    T total = 0;
    T* w = t.row(i);
    t.first[size_t(i)] = from;
    t.count[size_t(i)] = std::clamp<int64_t>(to - from, 0, t.width);
    for (int64_t k = 0; k < t.count[size_t(i)]; ++k) {
      const T x = T((double(T(k + from) - center) + 0.5) * double(inverse));
      w[k] = smooth_weight(std::abs(x), cubic);
      total += w[k];
    }
    for (int64_t k = 0; k < t.count[size_t(i)] && total != 0; ++k) w[k] /= total;
  }
  return t;
}

template <class T>
Taps<T> make_taps(int64_t filter, int64_t in, int64_t out, bool align, double scale) {
  switch (filter) {
    case kLinear:
      return linear_taps<T>(in, out, align, T(scale));
    case kCubic:
      return cubic_taps<T>(in, out, align, T(scale));
    default:
      return smooth_taps<T>(in, out, T(scale), filter == kSmoothCubic);
  }
}

// sum[...] of `n` values each from the lines of output i, in PyTorch's order: with a filter of 2 or
// 4 taps the first product is fused last (cubic, and linear along rows); with any number, groups of
// four products after the first are rounded before they are added.
template <class T>
void sum_lines(const Taps<T>& t, int64_t i, bool first_fused, const T* x, int64_t stride, int64_t n,
               T* sum) {
  const T* w = t.row(i);
  const int64_t count = t.count[size_t(i)];
  if (count == 0) {
    std::fill_n(sum, n, T(0));
    return;
  }
  const T* a = x + t.line(i, 0) * stride;
  int64_t k = 1;
  if (first_fused) {
    const T* b = x + t.line(i, 1) * stride;
    for (int64_t j = 0; j < n; ++j) sum[j] = std::fma(w[0], a[j], w[1] * b[j]);
    k = 2;
  } else {
    for (int64_t j = 0; j < n; ++j) sum[j] = w[0] * a[j];
  }
  if (!first_fused) {
    for (; k + 4 <= count; k += 4) {
      const T *p = x + t.line(i, k) * stride, *q = x + t.line(i, k + 1) * stride,
              *r = x + t.line(i, k + 2) * stride, *s = x + t.line(i, k + 3) * stride;
      for (int64_t j = 0; j < n; ++j)
        sum[j] = (((sum[j] + w[k] * p[j]) + w[k + 1] * q[j]) + w[k + 2] * r[j]) + w[k + 3] * s[j];
    }
  }
  for (; k < count; ++k) {
    const T* b = x + t.line(i, k) * stride;
    for (int64_t j = 0; j < n; ++j) sum[j] = std::fma(w[k], b[j], sum[j]);
  }
}

// Rows are resized together, this many at a time: transposed, they are lines of the kernel above.
constexpr int64_t kRows = 16;

template <class T>
void resize_rows(const Taps<T>& t, bool first_fused, const T* x, int64_t rows, T* y) {
  parallel((rows + kRows - 1) / kRows, std::max<int64_t>(1, 65536 / (kRows * (t.in + t.out))),
           [&](int64_t begin, int64_t end) {
             std::vector<T> lines(size_t(t.in * kRows));
             T sum[kRows];
             for (int64_t block = begin; block < end; ++block) {
               const int64_t n = std::min(kRows, rows - block * kRows);
               const T* from = x + block * kRows * t.in;
               for (int64_t r = 0; r < n; ++r) {
                 for (int64_t k = 0; k < t.in; ++k)
                   lines[size_t(k * kRows + r)] = from[r * t.in + k];
               }
               T* to = y + block * kRows * t.out;
               for (int64_t i = 0; i < t.out; ++i) {
                 sum_lines(t, i, first_fused, lines.data(), kRows, kRows, sum);
                 for (int64_t r = 0; r < n; ++r) to[r * t.out + i] = sum[r];
               }
             }
           });
}

// (outer, in, inner) -> (outer, out, inner)
template <class T>
void resize_lines(const Taps<T>& t, bool first_fused, const T* x, int64_t outer, int64_t inner,
                  T* y) {
  if (inner == 1) return resize_rows(t, first_fused, x, outer, y);
  parallel(outer * t.out, std::max<int64_t>(1, 32768 / (inner * t.width)),
           [&](int64_t begin, int64_t end) {
             for (int64_t at = begin; at < end; ++at) {
               sum_lines(t, at % t.out, first_fused, x + at / t.out * t.in * inner, inner, inner,
                         y + at * inner);
             }
           });
}

// The adjoint: (outer, out, inner) -> (outer, in, inner).
template <class T>
void spread_lines(const Taps<T>& t, const T* g, int64_t outer, int64_t inner, T* x) {
  parallel(outer, std::max<int64_t>(1, 32768 / ((t.in + t.out) * inner)),
           [&](int64_t begin, int64_t end) {
             std::fill_n(x + begin * t.in * inner, (end - begin) * t.in * inner, T(0));
             for (int64_t at = begin; at < end; ++at) {
               for (int64_t i = 0; i < t.out; ++i) {
                 const T* from = g + (at * t.out + i) * inner;
                 for (int64_t k = 0; k < t.count[size_t(i)]; ++k) {
                   T* to = x + (at * t.in + t.line(i, k)) * inner;
                   const T w = t.row(i)[k];
                   for (int64_t j = 0; j < inner; ++j) to[j] += w * from[j];
                 }
               }
             }
           });
}

// (planes, h, w) -> (planes, out, out), both axes linear: each of four pixels times its own weight.
template <class T>
void resize_planes(const Taps<T>& down, const Taps<T>& across, const T* x, int64_t planes, T* y) {
  const int64_t width = across.out;
  std::vector<int32_t> left(static_cast<size_t>(width)), right(static_cast<size_t>(width));
  std::vector<T> near(static_cast<size_t>(width)), far(static_cast<size_t>(width));
  for (int64_t j = 0; j < width; ++j) {
    left[size_t(j)] = int32_t(across.line(j, 0));
    right[size_t(j)] = int32_t(across.line(j, 1));
    near[size_t(j)] = across.row(j)[0];
    far[size_t(j)] = across.row(j)[1];
  }
  const int32_t *l = left.data(), *r = right.data();
  const T *wl = near.data(), *wr = far.data();
  parallel(planes * down.out, std::max<int64_t>(1, 16384 / width), [&](int64_t begin, int64_t end) {
    for (int64_t at = begin; at < end; ++at) {
      const int64_t i = at % down.out;
      const T* plane = x + at / down.out * down.in * across.in;
      const T *above = plane + down.line(i, 0) * across.in,
              *below = plane + down.line(i, 1) * across.in;
      const T u = down.row(i)[0], v = down.row(i)[1];
      T* to = y + at * width;
      for (int64_t j = 0; j < width; ++j) {
        T sum = std::fma(u * wl[j], above[l[j]], u * wr[j] * above[r[j]]);
        sum = std::fma(v * wl[j], below[l[j]], sum);
        to[j] = std::fma(v * wr[j], below[r[j]], sum);
      }
    }
  });
}

int64_t product(const Dims& sizes, int64_t from, int64_t to) {
  int64_t n = 1;
  for (int64_t i = from; i < to; ++i) n *= sizes[size_t(i)];
  return n;
}

TensorSpec resized(const Tensor& self, int64_t dim, int64_t size) {
  Dims sizes = self.sizes();
  sizes[size_t(dim)] = size;
  return TensorSpec{sizes, self.dtype()};
}

const char* kernel_name(int64_t filter) {
  return filter == kLinear || filter == kSmoothLinear ? "compute_indices_weights_linear"
                                                      : "compute_indices_weights_cubic";
}

// Dimension `dim` becomes `size` long. scale: the distance of output lines, in input lines. filter:
// see above.
OP("_resize_axis(Tensor self, int dim, int size, int filter, bool align_corners, float scale) -> Tensor")
    .hidden()
    .infer([](const Tensor& self, int64_t dim, int64_t size, int64_t, bool, double) {
      return resized(self, dim, size);
    })
    .cpu([](const Tensor& self, int64_t dim, int64_t size, int64_t filter, bool align, double scale,
            const Tensor& out) {
      const Tensor x = self.is_contiguous() ? self : call<"contiguous">(self);
      const Dims& sizes = x.sizes();
      const int64_t outer = product(sizes, 0, dim), inner = product(sizes, dim + 1, x.ndim());
      // Along rows of two taps, the compiler of PyTorch's kernels fuses the other product.
      const bool rows = dim == x.ndim() - 1;
      dispatch(x.dtype(), kernel_name(filter), FloatTypes(), [&]<class T>() {
        const auto taps = make_taps<T>(filter, sizes[size_t(dim)], size, align, scale);
        resize_lines(taps, filter == kCubic || (filter == kLinear && rows), x.data<T>(), outer,
                     inner, out.data<T>());
      });
    })
    .grad("self", "", [](GradContext& c) {
      const int64_t dim = c.get<int64_t>("dim");
      return call<"_resize_axis_backward">(c.grad(), dim, c.sizes("self")[size_t(dim)],
                                           c.get<int64_t>("filter"), c.get<bool>("align_corners"),
                                           c.get<double>("scale"));
    });

// Both axes of (N, C, H, W), linear.
OP("_resize_bilinear(Tensor self, int height, int width, bool align_corners, float scale_h, float scale_w) -> Tensor")
    .hidden()
    .infer([](const Tensor& self, int64_t height, int64_t width, bool, double, double) {
      return TensorSpec{Dims({self.size(0), self.size(1), height, width}), self.dtype()};
    })
    .cpu([](const Tensor& self, int64_t height, int64_t width, bool align, double scale_h,
            double scale_w, const Tensor& out) {
      const Tensor x = self.is_contiguous() ? self : call<"contiguous">(self);
      dispatch(x.dtype(), kernel_name(kLinear), FloatTypes(), [&]<class T>() {
        resize_planes(linear_taps<T>(x.size(2), height, align, T(scale_h)),
                      linear_taps<T>(x.size(3), width, align, T(scale_w)), x.data<T>(),
                      x.size(0) * x.size(1), out.data<T>());
      });
    })
    .grad("self", "", [](GradContext& c) {
      const bool align = c.get<bool>("align_corners");
      const Tensor rows =
          call<"_resize_axis_backward">(c.grad(), int64_t(2), c.sizes("self")[2], int64_t(kLinear),
                                        align, c.get<double>("scale_h"));
      return call<"_resize_axis_backward">(rows, int64_t(3), c.sizes("self")[3], int64_t(kLinear),
                                           align, c.get<double>("scale_w"));
    });

OP("_resize_axis_backward(Tensor grad, int dim, int size, int filter, bool align_corners, float scale) -> Tensor")
    .hidden()
    .infer([](const Tensor& grad, int64_t dim, int64_t size, int64_t, bool, double) {
      return resized(grad, dim, size);
    })
    .cpu([](const Tensor& grad, int64_t dim, int64_t size, int64_t filter, bool align, double scale,
            const Tensor& out) {
      const Tensor g = grad.is_contiguous() ? grad : call<"contiguous">(grad);
      const Dims& sizes = g.sizes();
      const int64_t outer = product(sizes, 0, dim), inner = product(sizes, dim + 1, g.ndim());
      dispatch(g.dtype(), kernel_name(filter), FloatTypes(), [&]<class T>() {
        const auto taps = make_taps<T>(filter, size, sizes[size_t(dim)], align, scale);
        spread_lines(taps, g.data<T>(), outer, inner, out.data<T>());
      });
    })
    .grad("grad", "", [](GradContext& c) {
      const int64_t dim = c.get<int64_t>("dim");
      return call<"_resize_axis">(c.grad(), dim, c.sizes("grad")[size_t(dim)],
                                  c.get<int64_t>("filter"), c.get<bool>("align_corners"),
                                  c.get<double>("scale"));
    });

}  // namespace
}  // namespace RL_ISA_NS
}  // namespace rl
