// Padding, resizing and sampling of images. Resizing is done one axis at a time: each output line
// is a weighted sum of a few input lines.
#include <cmath>
#include <limits>

#include "cpu/transfer.h"
#include "dispatch/call.h"

namespace rl {
namespace {

// ---- padding ----
OP("constant_pad_nd(Tensor self, SymInt[] pad, Scalar value=0) -> Tensor")
    .function_only()
    .direct([](const Tensor& self, const Dims& pad, const Scalar& value) {
      RL_CHECK(pad.size() % 2 == 0, "Length of pad must be even but instead it equals ",
               pad.size());
      int pairs = int(pad.size()) / 2, n = self.ndim();
      RL_CHECK(
          pairs <= n,
          "Length of pad should be no more than twice the number of dimensions of the input. Pad length is ",
          pad.size(), "while the input has ", n, "dimensions.");
      Dims sizes = self.sizes();
      for (int i = 0; i < pairs; ++i) {
        int d = n - 1 - i;
        sizes[size_t(d)] += pad[size_t(2 * i)] + pad[size_t(2 * i + 1)];
        RL_CHECK(sizes[size_t(d)] >= 0, "The input size ", self.sizes()[size_t(d)],
                 ", plus negative padding ", pad[size_t(2 * i)], " and ", pad[size_t(2 * i + 1)],
                 " resulted in a negative output size, which is invalid. Check dimension ", d,
                 " of your input.");
      }
      Tensor out = call<"full">(sizes, value, self.dtype(), Value(), self.device());
      Tensor from = self, to = out;
      for (int i = 0; i < pairs; ++i) {
        int64_t d = n - 1 - i, before = pad[size_t(2 * i)], after = pad[size_t(2 * i + 1)];
        int64_t size = self.sizes()[size_t(d)];
        int64_t cut_front = std::max<int64_t>(-before, 0), cut_back = std::max<int64_t>(-after, 0);
        int64_t kept = std::max<int64_t>(size - cut_front - cut_back, 0);
        from = call<"narrow">(from, d, std::min(cut_front, size), kept);
        to = call<"narrow">(to, d, std::max<int64_t>(before, 0), kept);
      }
      transfer(from, to);
      return out;
    })
    .grad("self", "", [](GradContext& c) {
      Dims back = c.get<Dims>("pad");
      for (int64_t& p : back) p = -p;
      return call<"constant_pad_nd">(c.grad(), back, 0);
    });

// ---- resizing one axis ----
double source_scale(int64_t in, int64_t out, bool align, std::optional<double> scale) {
  if (align) return out > 1 ? double(in - 1) / double(out - 1) : 0.0;
  return scale && *scale > 0 ? 1.0 / *scale : double(in) / double(out);
}

// The input line of each output line. `single`: positions are rounded to float32.
Tensor nearest_lines(int64_t in, int64_t out, std::optional<double> scale, bool exact,
                     bool single) {
  Tensor lines = empty({out}, DType::Int64);
  int64_t* line = lines.data<int64_t>();
  double by = source_scale(in, out, false, scale);
  for (int64_t i = 0; i < out; ++i) {
    double p = exact ? (double(i) + 0.5) * by : double(i) * by;
    if (single) p = exact ? double((float(i) + 0.5f) * float(by)) : double(float(i) * float(by));
    line[i] = std::min<int64_t>(int64_t(std::floor(p)), in - 1);
  }
  return lines;
}

// The filters of vector_resize.cpp.
enum Filter : int64_t { kLinear, kCubic, kSmoothLinear, kSmoothCubic };

using Scales = std::vector<std::optional<double>>;

void check_sizes(const char* op, const Tensor& self, const Dims& size, const Scales& scales) {
  int n = size.ndim();
  RL_CHECK(size.size() == scales.size(), "It is expected output_size equals to ", scales.size(),
           ", but got size ", n);
  RL_CHECK(self.ndim() == n + 2, "Non-empty ", n + 2,
           "D data tensor expected but got a tensor with sizes ", self.sizes());
  for (int i = 0; i < n; ++i) {
    RL_CHECK(self.sizes()[size_t(i + 2)] > 0 && size[size_t(i)] > 0, op,
             ": Input and output sizes should be greater than 0, but got input ", self.sizes(),
             " and output size ", size);
  }
}

// Calls axis(x, dim, size, scale) for the last spatial dimension first.
template <class Axis>
Tensor resize(const char* op, const Tensor& self, const Dims& size, const Scales& scales,
              Axis axis) {
  check_sizes(op, self, size, scales);
  int n = size.ndim();
  Tensor x = self;
  for (int i = n - 1; i >= 0; --i) x = axis(x, i + 2, size[size_t(i)], scales[size_t(i)]);
  return x;
}

using S = std::optional<double>;

template <bool Exact>
Tensor nearest(const Tensor& self, const Dims& size, const Scales& scales) {
  bool single = self.dtype() != DType::Float64;
  auto axis = [=](const Tensor& x, int64_t dim, int64_t out, S scale) {
    Tensor lines = nearest_lines(x.size(int(dim)), out, scale, Exact, single);
    return call<"index_select">(x, dim, lines);
  };
  return resize("upsample_nearest", self, size, scales, axis);
}

Tensor filtered(const char* op, const Tensor& self, const Dims& size, const Scales& scales,
                bool align, Filter filter) {
  DType type = self.dtype();
  // Bytes and 16-bit numbers are summed in float32.
  if (type == DType::UInt8 || is_half(type)) {
    Tensor x = filtered(op, to_dtype(self, DType::Float32), size, scales, align, filter);
    if (type == DType::UInt8) x = call<"clamp">(call<"round">(x), Scalar(0.0), Scalar(255.0));
    return to_dtype(x, type);
  }
  auto by = [=](const Tensor& x, int64_t dim, int64_t out, S scale) {
    return source_scale(x.size(int(dim)), out, align, scale);
  };
  if (filter == kLinear && size.ndim() == 2 && self.ndim() == 4) {
    check_sizes(op, self, size, scales);
    return call<"_resize_bilinear">(self, size[0], size[1], align, by(self, 2, size[0], scales[0]),
                                    by(self, 3, size[1], scales[1]));
  }
  return resize(op, self, size, scales, [=](const Tensor& x, int64_t dim, int64_t out, S scale) {
    return call<"_resize_axis">(x, dim, out, int64_t(filter), align, by(x, dim, out, scale));
  });
}

OP("upsample_nearest1d(Tensor self, SymInt[1] output_size, float? scales=None) -> Tensor")
    .hidden()
    .composite([](const Tensor& x, const Dims& size, S a) { return nearest<false>(x, size, {a}); });
OP("upsample_nearest2d(Tensor self, SymInt[2] output_size, float? scales_h=None, float? scales_w=None) -> Tensor")
    .hidden()
    .composite([](const Tensor& x, const Dims& size, S a, S b) {
      return nearest<false>(x, size, {a, b});
    });
OP("upsample_nearest3d(Tensor self, SymInt[3] output_size, float? scales_d=None, float? scales_h=None, float? scales_w=None) -> Tensor")
    .hidden()
    .composite([](const Tensor& x, const Dims& size, S a, S b, S c) {
      return nearest<false>(x, size, {a, b, c});
    });
OP("_upsample_nearest_exact1d(Tensor self, SymInt[1] output_size, float? scales=None) -> Tensor")
    .hidden()
    .composite([](const Tensor& x, const Dims& size, S a) { return nearest<true>(x, size, {a}); });
OP("_upsample_nearest_exact2d(Tensor self, SymInt[2] output_size, float? scales_h=None, float? scales_w=None) -> Tensor")
    .hidden()
    .composite([](const Tensor& x, const Dims& size, S a, S b) {
      return nearest<true>(x, size, {a, b});
    });
OP("_upsample_nearest_exact3d(Tensor self, SymInt[3] output_size, float? scales_d=None, float? scales_h=None, float? scales_w=None) -> Tensor")
    .hidden()
    .composite([](const Tensor& x, const Dims& size, S a, S b, S c) {
      return nearest<true>(x, size, {a, b, c});
    });
OP("upsample_linear1d(Tensor self, SymInt[1] output_size, bool align_corners, float? scales=None) -> Tensor")
    .hidden()
    .composite([](const Tensor& x, const Dims& size, bool align, S a) {
      return filtered("upsample_linear1d", x, size, {a}, align, kLinear);
    });
OP("upsample_bilinear2d(Tensor self, SymInt[2] output_size, bool align_corners, float? scales_h=None, float? scales_w=None) -> Tensor")
    .hidden()
    .composite([](const Tensor& x, const Dims& size, bool align, S a, S b) {
      return filtered("upsample_bilinear2d", x, size, {a, b}, align, kLinear);
    });
OP("upsample_trilinear3d(Tensor self, SymInt[3] output_size, bool align_corners, float? scales_d=None, float? scales_h=None, float? scales_w=None) -> Tensor")
    .hidden()
    .composite([](const Tensor& x, const Dims& size, bool align, S a, S b, S c) {
      return filtered("upsample_trilinear3d", x, size, {a, b, c}, align, kLinear);
    });
OP("upsample_bicubic2d(Tensor self, SymInt[2] output_size, bool align_corners, float? scales_h=None, float? scales_w=None) -> Tensor")
    .hidden()
    .composite([](const Tensor& x, const Dims& size, bool align, S a, S b) {
      return filtered("upsample_bicubic2d", x, size, {a, b}, align, kCubic);
    });
OP("_upsample_bilinear2d_aa(Tensor self, SymInt[2] output_size, bool align_corners, float? scales_h=None, float? scales_w=None) -> Tensor")
    .hidden()
    .composite([](const Tensor& x, const Dims& size, bool align, S a, S b) {
      return filtered("_upsample_bilinear2d_aa", x, size, {a, b}, align, kSmoothLinear);
    });
OP("_upsample_bicubic2d_aa(Tensor self, SymInt[2] output_size, bool align_corners, float? scales_h=None, float? scales_w=None) -> Tensor")
    .hidden()
    .composite([](const Tensor& x, const Dims& size, bool align, S a, S b) {
      return filtered("_upsample_bicubic2d_aa", x, size, {a, b}, align, kSmoothCubic);
    });

// The forms that take either sizes or scale factors.
Dims sizes_of(const Tensor& x, std::optional<Dims> size, const Value& scales) {
  auto* list = std::get_if<std::vector<double>>(&scales);
  if (size) return *size;
  RL_CHECK(list, "Must specify exactly one of output_size and scale_factors");
  RL_CHECK(int(list->size()) + 2 == x.ndim(), "Expected ", x.ndim() - 2, " scale factors, but got ",
           list->size());
  Dims out;
  for (size_t i = 0; i < list->size(); ++i)
    out.push_back(int64_t(std::floor(double(x.sizes()[i + 2]) * (*list)[i])));
  return out;
}
Scales scales_of(const Value& v, int n) {
  Scales out(static_cast<size_t>(n));
  if (auto* list = std::get_if<std::vector<double>>(&v)) {
    RL_CHECK(int(list->size()) == n, "Expected ", n, " scale factors, but got ", list->size());
    for (int i = 0; i < n; ++i) out[size_t(i)] = (*list)[size_t(i)];
  }
  return out;
}
using Sizes = std::optional<Dims>;
#define RL_NEAREST_VEC(name, n, exact)                                                    \
  OP(#name ".vec(Tensor input, SymInt[]? output_size, float[]? scale_factors) -> Tensor") \
      .hidden()                                                                           \
      .composite([](const Tensor& x, Sizes size, const Value& scales) {                   \
        return nearest<exact>(x, sizes_of(x, size, scales), scales_of(scales, n));        \
      })
RL_NEAREST_VEC(upsample_nearest1d, 1, false);
RL_NEAREST_VEC(upsample_nearest2d, 2, false);
RL_NEAREST_VEC(upsample_nearest3d, 3, false);
RL_NEAREST_VEC(_upsample_nearest_exact1d, 1, true);
RL_NEAREST_VEC(_upsample_nearest_exact2d, 2, true);
RL_NEAREST_VEC(_upsample_nearest_exact3d, 3, true);
#define RL_SMOOTH_VEC(name, n, filter)                                                                  \
  OP(#name                                                                                              \
     ".vec(Tensor input, SymInt[]? output_size, bool align_corners, float[]? scale_factors) -> Tensor") \
      .hidden()                                                                                         \
      .composite([](const Tensor& x, Sizes size, bool align, const Value& scales) {                     \
        return filtered(#name, x, sizes_of(x, size, scales), scales_of(scales, n), align, filter);      \
      })
RL_SMOOTH_VEC(upsample_linear1d, 1, kLinear);
RL_SMOOTH_VEC(upsample_bilinear2d, 2, kLinear);
RL_SMOOTH_VEC(upsample_trilinear3d, 3, kLinear);
RL_SMOOTH_VEC(upsample_bicubic2d, 2, kCubic);
RL_SMOOTH_VEC(_upsample_bilinear2d_aa, 2, kSmoothLinear);
RL_SMOOTH_VEC(_upsample_bicubic2d_aa, 2, kSmoothCubic);

// ---- sampling at arbitrary points ----
// interpolation: 0 bilinear, 1 nearest, 2 bicubic; padding: 0 zeros, 1 border, 2 reflection.
Tensor reflect(const Tensor& x, double low2, double high2) {
  if (low2 == high2) return zeros_like(x);
  double low = low2 / 2, span = (high2 - low2) / 2;
  Tensor d = call<"abs">(x - Scalar(low));
  Tensor extra = call<"fmod.Tensor">(d, wrapped_number(span));
  Tensor flips = call<"floor">(d / Scalar(span));
  Tensor odd = call<"ne.Tensor">(call<"fmod.Tensor">(flips, wrapped_number(2)), wrapped_number(0));
  return call<"where.self">(odd, Scalar(span) - extra + Scalar(low), extra + Scalar(low));
}
Tensor unnormalize(const Tensor& g, int64_t size, bool align) {
  return align ? (g + Scalar(1)) * Scalar(double(size - 1) / 2)
               : ((g + Scalar(1)) * Scalar(double(size)) - Scalar(1)) / Scalar(2);
}
Tensor pad_position(const Tensor& p, int64_t size, int64_t padding, bool align) {
  Tensor x = p;
  if (padding == 2)
    x = align ? reflect(x, 0, 2 * double(size - 1)) : reflect(x, -1, 2 * double(size) - 1);
  if (padding == 0) return x;
  return call<"clamp">(x, Scalar(0.0), Scalar(double(size - 1)));
}

// Coordinate `axis` (0: x) of the points as a position in the image, (N, OH, OW).
Tensor position(const Tensor& grid, int64_t axis, int64_t size, bool align) {
  return unnormalize(call<"select.int">(grid, int64_t(-1), axis), size, align);
}

Tensor within(const Tensor& p, double low, double high) {
  return call<"logical_and">(call<"ge.Tensor">(p, wrapped_number(low)),
                             call<"le.Tensor">(p, wrapped_number(high)));
}

// An image at whole positions (N, OH, OW) given as numbers: zero outside.
struct Pixels {
  Pixels(const Tensor& input, const Tensor& grid)
      : n(input.sizes()[0]),
        c(input.sizes()[1]),
        h(input.sizes()[2]),
        w(input.sizes()[3]),
        oh(grid.sizes()[1]),
        ow(grid.sizes()[2]),
        flat(call<"reshape">(input, Dims({n, c, h * w}))) {}
  Tensor inside(const Tensor& y, const Tensor& x) const {
    Tensor both = call<"logical_and">(within(x, 0, double(w - 1)), within(y, 0, double(h - 1)));
    return to_dtype(call<"unsqueeze">(both, int64_t(1)), flat.dtype());
  }
  Tensor where(const Tensor& y, const Tensor& x) const {
    Tensor yi = to_dtype(call<"clamp">(y, Scalar(0.0), Scalar(double(h - 1))), DType::Int64);
    Tensor xi = to_dtype(call<"clamp">(x, Scalar(0.0), Scalar(double(w - 1))), DType::Int64);
    Tensor index = call<"reshape">(yi * Scalar(w) + xi, Dims({n, 1, oh * ow}));
    return call<"expand">(index, Dims({n, c, oh * ow}));
  }
  Tensor at(const Tensor& y, const Tensor& x) const {
    Tensor v = call<"gather">(flat, int64_t(2), where(y, x));
    return call<"view">(v, Dims({n, c, oh, ow})) * inside(y, x);
  }
  // What `at` has as its gradient: values (N, C, OH, OW) added up in an image.
  Tensor spread(const Tensor& total, const Tensor& y, const Tensor& x, const Tensor& v) const {
    Tensor src = call<"reshape">(v * inside(y, x), Dims({n, c, oh * ow}));
    return call<"scatter_add">(total, int64_t(2), where(y, x), src);
  }
  int64_t n, c, h, w, oh, ow;
  Tensor flat;
};

// The derivative of pad_position(position) by the coordinate: constant almost everywhere.
Tensor pad_slope(const Tensor& p, int64_t size, int64_t padding, bool align) {
  const double scale = align ? double(size - 1) / 2 : double(size) / 2;
  const double low = align ? 0 : -0.5, span = align ? double(size - 1) : double(size);
  Tensor slope = call<"full_like">(p, Scalar(scale));
  if (padding == 0) return slope;
  Tensor x = p;
  if (padding == 2) {
    if (span == 0) return zeros_like(p);
    x = reflect(p, 2 * low, 2 * (low + span));
    Tensor flips = call<"floor">(call<"abs">(p - Scalar(low)) / Scalar(span));
    Tensor odd =
        call<"ne.Tensor">(call<"fmod.Tensor">(flips, wrapped_number(2)), wrapped_number(0));
    Tensor back = call<"logical_xor">(odd, call<"lt.Tensor">(p, wrapped_number(low)));
    slope = call<"where.self">(back, -slope, slope);
  }
  Tensor moves = call<"logical_and">(call<"gt.Tensor">(x, wrapped_number(0)),
                                     call<"lt.Tensor">(x, wrapped_number(double(size - 1))));
  return slope * to_dtype(moves, slope.dtype());
}

// The pixel below a position, a place outside the image for NaN.
Tensor lower_pixel(const Tensor& x, bool nearest) {
  Tensor fixed = call<"nan_to_num">(call<"detach">(x), -100.0);
  return nearest ? call<"round">(fixed) : call<"floor">(fixed);
}

// Made of operators, so that it has a gradient in turn; the kernel is `_grid_sample_backward`.
OP("_grid_sample_backward_of_operators(Tensor grad, Tensor input, Tensor grid, int interpolation, int padding, bool align_corners) -> (Tensor, Tensor)")
    .hidden()
    .composite([](const Tensor& grad, const Tensor& input, const Tensor& grid,
                  int64_t interpolation, int64_t padding, bool align) {
      const Pixels pixels(input, grid);
      const Tensor px = position(grid, 0, pixels.w, align), py = position(grid, 1, pixels.h, align);
      const Tensor x = pad_position(px, pixels.w, padding, align),
                   y = pad_position(py, pixels.h, padding, align);
      const bool nearest = interpolation == 1;
      const Tensor x0 = lower_pixel(x, nearest), y0 = lower_pixel(y, nearest);
      Tensor d_input = zeros_like(pixels.flat);
      if (nearest) {
        d_input = pixels.spread(d_input, y0, x0, grad);
        return std::tuple(call<"reshape">(d_input, input.sizes()), zeros_like(grid));
      }
      const Tensor tx = call<"unsqueeze">(x - x0, int64_t(1)),
                   ty = call<"unsqueeze">(y - y0, int64_t(1));
      const Tensor wx[2] = {Scalar(1) - tx, tx}, wy[2] = {Scalar(1) - ty, ty};
      Tensor along_x, along_y;  // derivatives of the samples by position
      auto add = [](Tensor& sum, const Tensor& part) { sum = sum.defined() ? sum + part : part; };
      for (int j = 0; j < 2; ++j) {
        for (int i = 0; i < 2; ++i) {
          const Tensor yj = y0 + Scalar(j), xi = x0 + Scalar(i), v = pixels.at(yj, xi);
          d_input = pixels.spread(d_input, yj, xi, grad * (wy[j] * wx[i]));
          add(along_x, v * wy[j] * Scalar(i ? 1 : -1));
          add(along_y, v * wx[i] * Scalar(j ? 1 : -1));
        }
      }
      const Tensor dx = call<"sum.dim_IntList">(grad * along_x, Dims({1})),
                   dy = call<"sum.dim_IntList">(grad * along_y, Dims({1}));
      const Tensor d_grid =
          call<"stack">(TensorList{dx * pad_slope(call<"detach">(px), pixels.w, padding, align),
                                   dy * pad_slope(call<"detach">(py), pixels.h, padding, align)},
                        int64_t(-1));
      return std::tuple(call<"reshape">(d_input, input.sizes()), d_grid);
    });

OP("grid_sampler_2d(Tensor input, Tensor grid, int interpolation_mode, int padding_mode, bool align_corners) -> Tensor")
    .function_only()
    .composite([](const Tensor& input, const Tensor& grid, int64_t mode, int64_t padding,
                  bool align) {
      RL_CHECK(input.ndim() == 4 && grid.ndim() == 4,
               "grid_sampler(): expected 4D input and grid, but got input with sizes ",
               input.sizes(), " and grid with sizes ", grid.sizes());
      RL_CHECK(
          grid.sizes()[3] == 2,
          "grid_sampler(): expected grid to have size 2 in last dimension, but got grid with sizes ",
          grid.sizes());
      RL_CHECK(input.sizes()[0] == grid.sizes()[0],
               "grid_sampler(): expected grid and input to have same batch size, but got input "
               "with sizes ",
               input.sizes(), " and grid with sizes ", grid.sizes());
      RL_CHECK(input.dtype() == grid.dtype(),
               "grid_sampler(): expected input and grid to have same dtype, but input has ",
               dtype_name(input.dtype()), " and grid has ", dtype_name(grid.dtype()));
      for (int i = 2; i < 4; ++i) {
        RL_CHECK(input.size(i) > 0,
                 "grid_sampler(): expected input to have non-empty spatial dimensions, but input "
                 "has sizes ",
                 input.sizes(), " with dimension ", i, " being empty");
      }
      if (is_half(input.dtype())) {
        Tensor wide = call<"grid_sampler_2d">(to_dtype(input, DType::Float32),
                                              to_dtype(grid, DType::Float32), mode, padding, align);
        return to_dtype(wide, input.dtype());
      }
      if (mode != 2) {
        RL_CHECK(input.size(2) * input.size(3) <= std::numeric_limits<int32_t>::max(),
                 "grid_sampler(): the image is too large: got ", input.sizes(),
                 ", expected fewer than 2^31 pixels");
        return call<"_grid_sample">(input, grid, mode, padding, align);
      }
      const Pixels pixels(input, grid);
      const int64_t h = pixels.h, w = pixels.w;
      const Tensor gx = position(grid, 0, w, align), gy = position(grid, 1, h, align);
      auto weighted = [&](const Tensor& v, const Tensor& weight) {
        return v * call<"unsqueeze">(weight, int64_t(1));
      };
      Tensor x0 = call<"floor">(call<"detach">(gx)), y0 = call<"floor">(call<"detach">(gy));
      Tensor tx = gx - x0, ty = gy - y0, sum;
      auto coefficient = [](const Tensor& t, int k) {
        constexpr double a = -0.75;
        Tensor x = k == 0 ? t + Scalar(1) : k == 1 ? t : k == 2 ? Scalar(1) - t : Scalar(2) - t;
        if (k == 1 || k == 2) return ((x * Scalar(a + 2) - Scalar(a + 3)) * x) * x + Scalar(1);
        return ((x * Scalar(a) - Scalar(5 * a)) * x + Scalar(8 * a)) * x - Scalar(4 * a);
      };
      for (int j = 0; j < 4; ++j) {
        for (int i = 0; i < 4; ++i) {
          Tensor y = pad_position(y0 + Scalar(j - 1), h, padding, align),
                 x = pad_position(x0 + Scalar(i - 1), w, padding, align);
          Tensor part = weighted(pixels.at(y, x), coefficient(ty, j) * coefficient(tx, i));
          sum = sum.defined() ? sum + part : part;
        }
      }
      return sum;
    });
OP("grid_sampler(Tensor input, Tensor grid, int interpolation_mode, int padding_mode, bool align_corners) -> Tensor")
    .function_only()
    .composite([](const Tensor& input, const Tensor& grid, int64_t mode, int64_t padding,
                  bool align) {
      return call<"grid_sampler_2d">(input, grid, mode, padding, align);
    });

}  // namespace
}  // namespace rl
