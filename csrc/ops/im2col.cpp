// Windows of images as columns, and back.
#include "core/device.h"
#include "cpu/conv.h"
#include "cpu/parallel.h"
#include "dispatch/call.h"

namespace rl {
namespace {

using WindowTypes = TypeList<bool, float, double, Half, BFloat16, complex64, complex128>;

std::string pair(const Dims& d) { return concat("(", d[0], ", ", d[1], ")"); }

Dims two(const Dims& given, const char* name) {
  if (given.ndim() == 1) return Dims({given[0], given[0]});
  RL_CHECK(given.ndim() == 2, "It is expected ", name, " equals to 2, but got size ", given.ndim());
  return given;
}

void check_positive(const Dims& d, const char* name, const char* short_name) {
  RL_CHECK(d[0] > 0 && d[1] > 0, name, " should be greater than zero, but got ", short_name,
           "_height: ", d[0], " ", short_name, "_width: ", d[1]);
}

struct Windows {
  Dims kernel, dilation, padding, stride, counts;

  Windows(const char* which, const Dims& size, const Dims& kernel_size, const Dims& dilation_,
          const Dims& padding_, const Dims& stride_)
      : kernel(two(kernel_size, "kernel_size")),
        dilation(two(dilation_, "dilation")),
        padding(two(padding_, "padding")),
        stride(two(stride_, "stride")) {
    check_positive(kernel, "kernel size", "kernel");
    int64_t product;
    RL_CHECK(!__builtin_mul_overflow(kernel[0], kernel[1], &product),
             "Given kernel_width = ", kernel[1], " and kernel_height = ", kernel[0],
             " the product of kernel_width and kernel_height overflowed.");
    check_positive(dilation, "dilation", "dilation");
    RL_CHECK(padding[0] >= 0 && padding[1] >= 0,
             "padding should be non-negative, but got pad_height: ", padding[0],
             " pad_width: ", padding[1]);
    check_positive(stride, "stride", "stride");
    for (int i = 0; i < 2; ++i) {
      const int64_t room = size[i] + 2 * padding[i] - dilation[i] * (kernel[i] - 1) - 1;
      counts.push_back((room < 0 ? -((-room + stride[i] - 1) / stride[i]) : room / stride[i]) + 1);
    }
    RL_CHECK(counts[0] >= 1 && counts[1] >= 1, "Given ", which, " with spatial size ", pair(size),
             ", kernel_size=", pair(kernel), ", dilation=", pair(dilation),
             ", padding=", pair(padding), ", calculated shape of the array of sliding blocks as ",
             pair(counts), ", but its components must be at least one.");
  }

  int64_t area() const { return kernel[0] * kernel[1]; }

  ConvProblem problem(int64_t n, int64_t channels, const Dims& size) const {
    ConvProblem p;
    p.n = n;
    p.ic = p.oc = channels;
    for (int i = 0; i < 2; ++i) {
      p.in[i] = size[i];
      p.kernel[i] = kernel[i];
      p.stride[i] = stride[i];
      p.pad_lo[i] = p.pad_hi[i] = padding[i];
      p.dilation[i] = dilation[i];
    }
    return p;
  }
};

// The last `count` sizes.
Dims tail(const Dims& sizes, size_t count) {
  return Dims(sizes.data() + sizes.size() - count, count);
}

Dims windowed_sizes(const Tensor& self, const Windows& w) {
  Dims sizes;
  if (self.ndim() == 4) sizes.push_back(self.sizes()[0]);
  sizes.push_back(self.size(-3) * w.area());
  sizes.push_back(w.counts[0] * w.counts[1]);
  return sizes;
}

void check_supported(DType d, const char* name) {
  const bool ok = is_floating(d) || is_complex(d) || d == DType::Bool;
  RL_CHECK_KIND(NotImplemented, ok, "\"", name, "\" not implemented for '", dtype_word(d), "'");
}

constexpr int64_t kKeepGil = 1 << 16;  // elements below which the GIL is kept

OP("im2col(Tensor self, int[2] kernel_size, int[2] dilation, int[2] padding, int[2] stride) -> Tensor")
    .node_name("Im2ColBackward0")
    .hidden()
    .infer([](const Tensor& self, const Dims& kernel, const Dims& dilation, const Dims& padding,
              const Dims& stride) {
      bool ok = self.ndim() == 3 || self.ndim() == 4;
      for (int i = 1; ok && i <= 3; ++i) ok = self.sizes()[self.ndim() - i] != 0;
      RL_CHECK(
          ok,
          "Expected 3D or 4D (batch mode) tensor with possibly 0 batch size and other non-zero "
          "dimensions for input, but got: ",
          self.sizes());
      const Windows w("input", tail(self.sizes(), 2), kernel, dilation, padding, stride);
      check_supported(self.dtype(), "im2col_out_cpu");
      return TensorSpec{windowed_sizes(self, w), self.dtype(), std::nullopt};
    })
    .cpu([](const Tensor& self, const Dims& kernel, const Dims& dilation, const Dims& padding,
            const Dims& stride, const Tensor& out) {
      const Dims size = tail(self.sizes(), 2);
      const Windows w("input", size, kernel, dilation, padding, stride);
      const ConvProblem p = w.problem(self.ndim() == 4 ? self.sizes()[0] : 1, self.size(-3), size);
      const Tensor x = contiguous(self);
      dispatch(self.dtype(), "im2col_out_cpu", WindowTypes(), [&]<class T>() {
        const T* from = x.data<const T>();
        T* to = out.data<T>();
        const GilRelease release(out.numel() > kKeepGil);
        unfold_images<T>(p, from, to);
      });
    })
    .grad("self", "", [](GradContext& c) {
      return call<"col2im">(c.grad(), tail(c.sizes("self"), 2), c.value("kernel_size"),
                            c.value("dilation"), c.value("padding"), c.value("stride"));
    });

OP("col2im(Tensor self, SymInt[2] output_size, int[2] kernel_size, int[2] dilation, int[2] padding, int[2] stride) -> Tensor")
    .node_name("Col2ImBackward0")
    .hidden()
    .infer([](const Tensor& self, const Dims& output_size, const Dims& kernel, const Dims& dilation,
              const Dims& padding, const Dims& stride) {
      bool ok = self.ndim() == 2 || self.ndim() == 3;
      for (int i = 1; ok && i <= 2; ++i) ok = self.sizes()[self.ndim() - i] != 0;
      RL_CHECK(
          ok,
          "Expected 2D or 3D (batch mode) tensor for input with possibly 0 batch size and non-zero "
          "dimensions for input, but got: ",
          self.sizes());
      const Dims size = two(output_size, "output_size");
      const Windows w("output", size, kernel, dilation, padding, stride);
      const int lead = self.ndim() - 2;
      RL_CHECK(self.size(-2) % w.area() == 0,
               "Expected size of input's dimension 1 to be divisible by the product "
               "of kernel_size, but got input.size(1)=",
               self.size(-2), " and kernel_size=", pair(w.kernel), ".");
      RL_CHECK(self.size(-1) == w.counts[0] * w.counts[1], "Given output_size=", pair(size),
               ", kernel_size=", pair(w.kernel), ", dilation=", pair(w.dilation),
               ", padding=", pair(w.padding), ", stride=", pair(w.stride),
               ", expected size of input's dimension 2 to match the calculated number of sliding "
               "blocks ",
               w.counts[0], " * ", w.counts[1], " = ", w.counts[0] * w.counts[1],
               ", but got input.size(2)=", self.size(-1), ".");
      check_supported(self.dtype(), "col2im_out_cpu");
      Dims sizes(self.sizes().data(), size_t(lead));
      for (int64_t s : {self.size(-2) / w.area(), size[0], size[1]}) sizes.push_back(s);
      return TensorSpec{sizes, self.dtype(), std::nullopt};
    })
    .cpu([](const Tensor& self, const Dims& output_size, const Dims& kernel, const Dims& dilation,
            const Dims& padding, const Dims& stride, const Tensor& out) {
      const Dims size = two(output_size, "output_size");
      const Windows w("output", size, kernel, dilation, padding, stride);
      const ConvProblem p = w.problem(out.ndim() == 4 ? out.sizes()[0] : 1, out.size(-3), size);
      const Tensor x = contiguous(self);
      dispatch(self.dtype(), "col2im_out_cpu", WindowTypes(), [&]<class T>() {
        const T* from = x.data<const T>();
        T* to = out.data<T>();
        const GilRelease release(self.numel() > kKeepGil);
        fold_images<T>(p, from, to);
      });
    })
    .grad("self", "", [](GradContext& c) {
      return call<"im2col">(c.grad(), c.value("kernel_size"), c.value("dilation"),
                            c.value("padding"), c.value("stride"));
    });

}  // namespace
}  // namespace rl
