// Images at the points of a grid, bilinear or nearest. Compiled once per instruction level.
//
// Positions and sums are rounded in the order in which PyTorch's kernels do it: a point that lies
// exactly between two pixels must fall on the same side.
#include <cmath>

#include "cpu/parallel.h"
#include "dispatch/call.h"

namespace rl {
inline namespace RL_ISA_NS {
namespace {

enum Padding : int64_t { kZeros, kBorder, kReflection };

// From a coordinate in [-1, 1] to pixels along one dimension, and into the image unless the padding
// is zeros.
template <class T>
struct Axis {
  T size, factor, shift, last, low, twice_span;
  bool inside, reflect;

  Axis(int64_t n, int64_t padding, bool align)
      : size(T(n)),
        factor(align ? T(n - 1) / 2 : T(n) / 2),
        shift(align ? T(0) : T(-0.5)),
        last(T(n - 1)),
        low(align ? T(0) : T(-0.5)),
        twice_span(2 * (align ? T(n - 1) : T(n))),
        inside(padding != kZeros),
        reflect(padding == kReflection) {}

  T operator()(T g) const {
    T p = std::fma(g + 1, factor, shift);
    if (reflect) p = reflected(p);
    return inside ? std::min(std::max(p, T(0)), last) : p;
  }
  T reflected(T p) const {
    if (twice_span == 0) return 0;
    const T d = std::abs(p - low);
    const T rest = d - std::trunc(d / twice_span) * twice_span;
    return std::min(rest, twice_span - rest) + low;
  }
  // Derivative of the position by the coordinate.
  T slope(T g) const {
    if (!inside) return factor;
    T p = std::fma(g + 1, factor, shift), sign = 1;
    if (reflect) {
      if (twice_span == 0) return 0;
      const T d = std::abs(p - low);
      const T rest = d - std::trunc(d / twice_span) * twice_span;
      sign = (p < low) != (rest > twice_span - rest) ? T(-1) : T(1);
      p = reflected(p);
    }
    return p <= 0 || p >= last ? T(0) : sign * factor;
  }
  // A valid index for a whole-numbered position, NaN included.
  int32_t index(T p) const { return int32_t(p > 0 ? (p < last ? p : last) : T(0)); }
  bool has(T p) const { return p >= 0 && p <= last; }
};

constexpr int64_t kBlock = 128;  // points whose weights are made together

// One of the pixels that make the points of a block: where it is, whether it exists, its weight.
template <class T>
struct Corner {
  int32_t at[kBlock];
  int32_t exists[kBlock];
  T weight[kBlock];

  // x, y: whole numbers.
  void place(const Axis<T>& ax, const Axis<T>& ay, const T* x, const T* y, T dx, T dy) {
    const T right = ax.last, bottom = ay.last;
    const int32_t width = int32_t(ax.size);
    for (int64_t i = 0; i < kBlock; ++i) {
      const T px = x[i] + dx, py = y[i] + dy;
      // NaN gives the first pixel, so that every index is valid.
      T cx = px > 0 ? px : T(0), cy = py > 0 ? py : T(0);
      cx = cx < right ? cx : right;
      cy = cy < bottom ? cy : bottom;
      exists[i] = int32_t(cx == px) & int32_t(cy == py);
      at[i] = int32_t(cy) * width + int32_t(cx);
    }
  }
  T value(const T* plane, int64_t i) const {
    const T v = plane[at[i]];
    return exists[i] ? v : T(0);
  }
};

struct Sizes {
  int64_t n, c, h, w, points;

  Sizes(const Tensor& input, const Tensor& grid)
      : n(input.size(0)),
        c(input.size(1)),
        h(input.size(2)),
        w(input.size(3)),
        points(grid.size(1) * grid.size(2)) {}
};

// The positions of `count` points of a grid; the rest of the block gets 0.
template <class T>
void positions(const Axis<T>& ax, const Axis<T>& ay, const T* grid, int64_t count, T* x, T* y) {
  for (int64_t i = 0; i < count; ++i) {
    x[i] = std::fma(grid[2 * i] + 1, ax.factor, ax.shift);
    y[i] = std::fma(grid[2 * i + 1] + 1, ay.factor, ay.shift);
  }
  for (int64_t i = count; i < kBlock; ++i) x[i] = y[i] = 0;
  if (!ax.inside) return;
  for (int64_t i = 0; i < count; ++i) {
    x[i] = ax(grid[2 * i]);
    y[i] = ay(grid[2 * i + 1]);
  }
}

template <class T>
void sample_bilinear(const Sizes& s, const Axis<T>& ax, const Axis<T>& ay, const T* image,
                     const T* grid, int64_t count, int64_t stride, T* out) {
  T x[kBlock], y[kBlock], x0[kBlock], y0[kBlock];
  Corner<T> nw, ne, sw, se;
  positions(ax, ay, grid, count, x, y);
  for (int64_t i = 0; i < kBlock; ++i) {
    x0[i] = std::floor(x[i]);
    y0[i] = std::floor(y[i]);
    const T w = x[i] - x0[i], e = 1 - w, n = y[i] - y0[i], o = 1 - n;
    nw.weight[i] = e * o;
    ne.weight[i] = w * o;
    sw.weight[i] = e * n;
    se.weight[i] = w * n;
  }
  nw.place(ax, ay, x0, y0, 0, 0);
  ne.place(ax, ay, x0, y0, 1, 0);
  sw.place(ax, ay, x0, y0, 0, 1);
  se.place(ax, ay, x0, y0, 1, 1);
  for (int64_t c = 0; c < s.c; ++c) {
    const T* plane = image + c * s.h * s.w;
    T sum[kBlock];
    for (int64_t i = 0; i < kBlock; ++i) {
      T v = nw.value(plane, i) * nw.weight[i];
      v = std::fma(ne.value(plane, i), ne.weight[i], v);
      v = std::fma(sw.value(plane, i), sw.weight[i], v);
      sum[i] = std::fma(se.value(plane, i), se.weight[i], v);
    }
    std::copy_n(sum, count, out + c * stride);
  }
}

template <class T>
void sample_nearest(const Sizes& s, const Axis<T>& ax, const Axis<T>& ay, const T* image,
                    const T* grid, int64_t count, int64_t stride, T* out) {
  T x[kBlock], y[kBlock];
  Corner<T> pixel;
  positions(ax, ay, grid, count, x, y);
  for (int64_t i = 0; i < kBlock; ++i) {
    x[i] = std::nearbyint(x[i]);
    y[i] = std::nearbyint(y[i]);
  }
  pixel.place(ax, ay, x, y, 0, 0);
  for (int64_t c = 0; c < s.c; ++c) {
    const T* plane = image + c * s.h * s.w;
    T values[kBlock];
    for (int64_t i = 0; i < kBlock; ++i) values[i] = pixel.value(plane, i);
    std::copy_n(values, count, out + c * stride);
  }
}

template <class T>
void sample(const Sizes& s, const Axis<T>& ax, const Axis<T>& ay, bool nearest, const T* input,
            const T* grid, T* out) {
  const int64_t blocks = (s.points + kBlock - 1) / kBlock;
  parallel(s.n * blocks, std::max<int64_t>(1, 8192 / (kBlock * std::max<int64_t>(s.c, 1))),
           [&](int64_t begin, int64_t end) {
             for (int64_t at = begin; at < end; ++at) {
               const int64_t n = at / blocks, first = at % blocks * kBlock;
               const int64_t count = std::min(kBlock, s.points - first);
               const T* image = input + n * s.c * s.h * s.w;
               const T* places = grid + 2 * (n * s.points + first);
               T* to = out + n * s.c * s.points + first;
               (nearest ? sample_nearest<T> : sample_bilinear<T>)(s, ax, ay, image, places, count,
                                                                  s.points, to);
             }
           });
}

// Adds to d_image (C, H, W), writes d_grid (points, 2).
template <class T>
void sample_backward(const Sizes& s, const Axis<T>& ax, const Axis<T>& ay, bool nearest,
                     const T* grad, const T* image, const T* grid, T* d_image, T* d_grid) {
  const int64_t area = s.h * s.w;
  for (int64_t i = 0; i < s.points; ++i) {
    const T gx = grid[2 * i], gy = grid[2 * i + 1], x = ax(gx), y = ay(gy);
    d_grid[2 * i] = d_grid[2 * i + 1] = 0;
    if (nearest) {
      const T px = std::nearbyint(x), py = std::nearbyint(y);
      if (!ax.has(px) || !ay.has(py)) continue;
      const int64_t at = int64_t(ay.index(py)) * s.w + ax.index(px);
      for (int64_t c = 0; c < s.c; ++c) d_image[c * area + at] += grad[c * s.points + i];
      continue;
    }
    const T x0 = std::floor(x), y0 = std::floor(y);
    T sum_x = 0, sum_y = 0;
    for (int corner = 0; corner < 4; ++corner) {
      const bool right = corner & 1, below = corner & 2;
      const T px = x0 + T(right), py = y0 + T(below);
      if (!ax.has(px) || !ay.has(py)) continue;
      const T wx = right ? x - x0 : 1 - (x - x0), wy = below ? y - y0 : 1 - (y - y0);
      const int64_t at = int64_t(ay.index(py)) * s.w + ax.index(px);
      T dot = 0;
      for (int64_t c = 0; c < s.c; ++c) {
        const T g = grad[c * s.points + i];
        d_image[c * area + at] += g * wx * wy;
        dot += g * image[c * area + at];
      }
      sum_x += right ? dot * wy : -dot * wy;
      sum_y += below ? dot * wx : -dot * wx;
    }
    d_grid[2 * i] = sum_x * ax.slope(gx);
    d_grid[2 * i + 1] = sum_y * ay.slope(gy);
  }
}

Tensor dense(const Tensor& x) { return x.is_contiguous() ? x : call<"contiguous">(x); }

// interpolation: 0 bilinear, 1 nearest; padding: 0 zeros, 1 border, 2 reflection.
OP("_grid_sample(Tensor input, Tensor grid, int interpolation, int padding, bool align_corners) -> Tensor")
    .hidden()
    .infer([](const Tensor& input, const Tensor& grid, int64_t, int64_t, bool) {
      return TensorSpec{Dims({input.size(0), input.size(1), grid.size(1), grid.size(2)}),
                        input.dtype()};
    })
    .cpu([](const Tensor& input, const Tensor& grid, int64_t interpolation, int64_t padding,
            bool align, const Tensor& out) {
      const Tensor x = dense(input), g = dense(grid);
      const Sizes s(x, g);
      dispatch(x.dtype(), "grid_sampler_2d_cpu", FloatTypes(), [&]<class T>() {
        sample(s, Axis<T>(s.w, padding, align), Axis<T>(s.h, padding, align), interpolation == 1,
               x.data<T>(), g.data<T>(), out.data<T>());
      });
    })
    .grads("input grid", "input grid", [](GradContext& c) {
      auto both_by = [&]<FixedString op>() {
        return call_all<op>(c.grad(), c.tensor("input"), c.tensor("grid"),
                            c.get<int64_t>("interpolation"), c.get<int64_t>("padding"),
                            c.get<bool>("align_corners"));
      };
      const TensorList both =
          GradMode::enabled() ? both_by.template operator()<"_grid_sample_backward_of_operators">()
                              : both_by.template operator()<"_grid_sample_backward">();
      if (c.needs("input")) c.set("input", both[0]);
      if (c.needs("grid")) c.set("grid", both[1]);
    });

OP("_grid_sample_backward(Tensor grad, Tensor input, Tensor grid, int interpolation, int padding, bool align_corners) -> (Tensor, Tensor)")
    .hidden()
    .infer([](const Tensor&, const Tensor& input, const Tensor& grid, int64_t, int64_t, bool) {
      return std::tuple(TensorSpec{input.sizes(), input.dtype(), std::nullopt},
                        TensorSpec{grid.sizes(), grid.dtype(), std::nullopt});
    })
    .cpu([](const Tensor& grad, const Tensor& input, const Tensor& grid, int64_t interpolation,
            int64_t padding, bool align, const Tensor& d_input, const Tensor& d_grid) {
      const Tensor x = dense(input), g = dense(grid), dy = dense(grad);
      const Sizes s(x, g);
      const int64_t image = s.c * s.h * s.w;
      dispatch(x.dtype(), "grid_sampler_2d_backward_cpu", FloatTypes(), [&]<class T>() {
        const Axis<T> ax(s.w, padding, align), ay(s.h, padding, align);
        const T *from = x.data<T>(), *places = g.data<T>(), *dout = dy.data<T>();
        T *dx = d_input.data<T>(), *dg = d_grid.data<T>();
        // One thread per image: many points may share a pixel.
        const int64_t work = std::max<int64_t>(1, s.points * s.c);
        parallel(s.n, std::max<int64_t>(1, kGrain / work), [&](int64_t begin, int64_t end) {
          for (int64_t n = begin; n < end; ++n) {
            std::fill_n(dx + n * image, image, T(0));
            sample_backward(s, ax, ay, interpolation == 1, dout + n * s.c * s.points,
                            from + n * image, places + 2 * n * s.points, dx + n * image,
                            dg + 2 * n * s.points);
          }
        });
      });
    });

}  // namespace
}  // namespace RL_ISA_NS
}  // namespace rl
