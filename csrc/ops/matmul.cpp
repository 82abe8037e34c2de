// Products of matrices and vectors.
#include "core/device.h"
#include "cpu/gemm.h"
#include "cpu/parallel.h"
#include "dispatch/call.h"
#include "dispatch/promotion.h"
#include "ops/type_names.h"

namespace rl {
namespace {

using MatmulTypes = TypeList<uint8_t, int8_t, int16_t, int32_t, int64_t, float, double, Half,
                             BFloat16, complex64, complex128>;

std::string by(const Tensor& t) { return concat(t.sizes()[0], "x", t.sizes()[1]); }

// A matrix (the last two dimensions) as gemm reads it: rows or columns contiguous.
struct Matrix {
  Tensor keep;  // owns the copy where the original's strides do not suit
  bool trans = false;
  int64_t ld = 1;

  explicit Matrix(const Tensor& t) : keep(t) {
    if (!fits(t)) {
      keep = call<"clone">(t, MemoryFormat::Contiguous);
      trans = false;
      ld = std::max<int64_t>(t.size(-1), 1);
    }
  }

  template <class T>
  const T* data() const {
    return keep.data<const T>();
  }
  int64_t batch_stride() const { return keep.ndim() == 3 ? keep.strides()[0] : 0; }

 private:
  bool fits(const Tensor& t) {
    const int n = t.ndim();
    const int64_t rows = t.sizes()[n - 2], cols = t.sizes()[n - 1];
    const int64_t row_step = t.strides()[n - 2], col_step = t.strides()[n - 1];
    if (rows <= 1 || cols <= 1) {
      // One step does not matter; the other may be anything positive.
      trans = cols > 1 && col_step != 1;
      ld = trans ? col_step : cols > 1 ? cols : row_step;
      if (rows <= 1 && cols <= 1) ld = 1;
      return ld >= 1;
    }
    trans = col_step != 1;
    ld = trans ? col_step : row_step;
    return (trans ? row_step : col_step) == 1 && ld >= (trans ? rows : cols);
  }
};

// Below this many multiplications a product is over before another thread could use the GIL.
constexpr int64_t kKeepGil = 1 << 18;

// out (contiguous) = alpha * a b + beta * out.
void multiply(const Tensor& a, const Tensor& b, const Scalar& alpha, const Scalar& beta,
              const Tensor& out, const char* name) {
  const Matrix x(a), y(b);
  const int64_t m = a.size(-2), k = a.size(-1), n = b.size(-1);
  const int64_t batch = out.ndim() == 3 ? out.sizes()[0] : 1;
  dispatch(out.dtype(), name, MatmulTypes(), [&]<class T>() {
    using S = typename GemmScalar<T>::type;
    const T *xp = x.data<T>(), *yp = y.data<T>();
    T* to = out.data<T>();
    const S al = alpha.to<S>(), be = beta.to<S>();
    const GilRelease release(batch * m * n * k > kKeepGil);
    if (batch == 1)
      gemm<T>(x.trans, y.trans, m, n, k, al, xp, x.ld, yp, y.ld, be, to, n);
    else
      gemm_batched<T>(batch, x.trans, y.trans, m, n, k, al, xp, x.ld, x.batch_stride(), yp, y.ld,
                      y.batch_stride(), be, to, n, m * n);
  });
}

bool is_zero(const Scalar& s) { return s.to<complex128>() == complex128(0); }
bool is_one(const Scalar& s) { return s.to<complex128>() == complex128(1); }

Tensor scaled(const Tensor& t, const Scalar& s) { return is_one(s) ? t : t * s; }
Scalar conjugate(const Scalar& s) {
  return s.kind() == Scalar::Kind::Complex ? Scalar(std::conj(s.to<complex128>())) : s;
}

// A factor as the operands' type can hold it: integers drop the fraction.
Scalar fitted(const Scalar& s, DType d) {
  return is_integral(d, true) ? Scalar(s.to<int64_t>()) : s;
}

// Conjugate transpose of the last two dimensions.
Tensor adjoint(const Tensor& t) { return call<"transpose.int">(conj(t), int64_t(-2), int64_t(-1)); }

// The gradient of the left factor.
Tensor left_gradient(GradContext& c, const Tensor& right, bool batched) {
  const Tensor g = c.grad();
  return batched ? call<"bmm">(g, adjoint(right)) : call<"mm">(g, adjoint(right));
}

// As the transpose of a product: the weight of a linear layer arrives transposed, and its
// gradient is then contiguous.
Tensor right_gradient(GradContext& c, const Tensor& left) {
  return call<"t">(call<"mm">(call<"t">(c.grad()), conj(left)));
}

std::string convert_note(const Tensor& a, const Tensor& b) {
  const Tensor& other = is_floating(a.dtype()) ? b : a;
  const Tensor& kept = is_floating(a.dtype()) ? a : b;
  return concat("the operands are ", dtype_name(a.dtype()), " and ", dtype_name(b.dtype()),
                ": convert one of them, e.g. the ", dtype_name(other.dtype()), " one by .to(torch.",
                dtype_name(kept.dtype()), ")");
}

void check_shapes(const Tensor& a, const Tensor& b) {
  if (a.sizes()[1] == b.sizes()[0]) return;
  throw Error(
      ErrorKind::Runtime,
      concat("mat1 and mat2 shapes cannot be multiplied (", by(a), " and ", by(b), ")"),
      concat(
          "the inner sizes ", a.sizes()[1], " and ", b.sizes()[0], " differ",
          a.sizes()[1] == b.sizes()[1] ? "; did you mean the transpose of the second, b.T?" : ""));
}

void check_product(const Tensor& a, const Tensor& b) {
  check_shapes(a, b);
  if (a.dtype() == b.dtype()) return;
  throw Error(ErrorKind::Runtime,
              concat("expected m1 and m2 to have the same dtype, but got: ", c_name(a.dtype()),
                     " != ", c_name(b.dtype())),
              convert_note(a, b));
}

void check_supported(DType d, const char* name) {
  RL_CHECK_KIND(NotImplemented, d != DType::Bool, "\"", name, "\" not implemented for 'Bool'");
}

OP("mm(Tensor self, Tensor mat2) -> Tensor")
    .infer([](const Tensor& self, const Tensor& mat2) {
      RL_CHECK(self.ndim() == 2, "self must be a matrix");
      RL_CHECK(mat2.ndim() == 2, "mat2 must be a matrix");
      check_product(self, mat2);
      check_supported(self.dtype(), "addmm_impl_cpu_");
      return TensorSpec{Dims({self.sizes()[0], mat2.sizes()[1]}), self.dtype()};
    })
    .cpu([](const Tensor& self, const Tensor& mat2, const Tensor& out) {
      multiply(self, mat2, 1, 0, out, "addmm_impl_cpu_");
    })
    .grad("self", "mat2", [](GradContext& c) { return left_gradient(c, c.tensor("mat2"), false); })
    .grad("mat2", "self", [](GradContext& c) { return right_gradient(c, c.tensor("self")); });

// Writes beta * self, broadcast, into out; gemm then adds to it.
void start_from(const Tensor& self, const Scalar& beta, const Tensor& out) {
  const int64_t cols = out.size(-1);
  if (self.ndim() == 1 && self.numel() == cols && self.is_contiguous()) {
    const size_t bytes = size_t(cols) * self.item_size();
    const void* from = self.data();
    char* to = out.data<char>();
    for (int64_t i = cols ? out.numel() / cols : 0; i > 0; --i, to += bytes)
      std::memcpy(to, from, bytes);
  } else {
    call<"copy_">(out, call<"expand">(self, out.sizes()));
  }
  if (!is_one(beta)) call_<"mul.Tensor">(out, wrapped_number(beta));
}

// self + mat1 mat2 in one step, where self is one row.
bool add_row_at_once(const Tensor& self, const Tensor& mat1, const Tensor& mat2,
                     const Tensor& out) {
  if (!is_floating(out.dtype()) || self.dtype() != out.dtype() || self.ndim() != 1 ||
      self.numel() != out.size(1) || !self.is_contiguous())
    return false;
  const Matrix x(mat1), y(mat2);
  const int64_t m = mat1.size(0), k = mat1.size(1), n = mat2.size(1);
  bool done = false;
  dispatch(out.dtype(), "addmm_impl_cpu_", TypeList<float, double, Half, BFloat16>(),
           [&]<class T>() {
             const T *xp = x.data<T>(), *yp = y.data<T>(), *bias = self.data<const T>();
             T* to = out.data<T>();
             const GilRelease release(m * n * k > kKeepGil);
             done = gemm_with_bias<T>(x.trans, y.trans, m, n, k, xp, x.ld, yp, y.ld, bias, to, n);
           });
  return done;
}

OP("addmm(Tensor self, Tensor mat1, Tensor mat2, *, Scalar beta=1, Scalar alpha=1) -> Tensor")
    .inplace()
    .infer([](const Tensor& self, const Tensor& mat1, const Tensor& mat2, Scalar, Scalar) {
      RL_CHECK(mat1.ndim() == 2, "mat1 must be a matrix, got ", mat1.ndim(), "-D tensor");
      RL_CHECK(mat2.ndim() == 2, "mat2 must be a matrix, got ", mat2.ndim(), "-D tensor");
      check_shapes(mat1, mat2);
      for (const Tensor* t : {&self, &mat1}) {
        if (t->dtype() == mat2.dtype()) continue;
        throw Error(
            ErrorKind::Runtime,
            concat(t == &self ? "self" : "mat1", " and mat2 must have the same dtype, but got ",
                   dtype_word(t->dtype()), " and ", dtype_word(mat2.dtype())),
            convert_note(*t, mat2));
      }
      check_supported(self.dtype(), "addmm_impl_cpu_");
      const Dims sizes({mat1.sizes()[0], mat2.sizes()[1]});
      for (int i = 0; i < self.ndim() && self.ndim() <= 2; ++i) {
        const int at = i + 2 - self.ndim();
        RL_CHECK(self.sizes()[i] == 1 || self.sizes()[i] == sizes[at],
                 "The expanded size of the tensor (", sizes[at], ") must match the existing size (",
                 self.sizes()[i], ") at non-singleton dimension ", at, ".  Target sizes: ", sizes,
                 ".  Tensor sizes: ", self.sizes());
      }
      RL_CHECK(self.ndim() <= 2, "expand(torch.", dtype_word(self.dtype()), "Tensor{", self.sizes(),
               "}, size=", sizes,
               "): the number of sizes provided (2) must be greater or equal to the "
               "number of dimensions in the tensor (",
               self.ndim(), ")");
      return TensorSpec{sizes, mat1.dtype()};
    })
    .cpu([](const Tensor& self, const Tensor& mat1, const Tensor& mat2, Scalar beta, Scalar alpha,
            const Tensor& out) {
      beta = fitted(beta, out.dtype());
      if (is_one(beta) && is_one(alpha) && add_row_at_once(self, mat1, mat2, out)) return;
      const bool add = !is_zero(beta);
      if (add) start_from(self, beta, out);
      multiply(mat1, mat2, alpha, add ? 1 : 0, out, "addmm_impl_cpu_");
    })
    .grad("self", "", [](GradContext& c) { return scaled(c.grad(), conjugate(c.scalar("beta"))); })
    .grad("mat1", "mat2",
          [](GradContext& c) {
            return scaled(left_gradient(c, c.tensor("mat2"), false), conjugate(c.scalar("alpha")));
          })
    .grad("mat2", "mat1", [](GradContext& c) {
      return scaled(right_gradient(c, c.tensor("mat1")), conjugate(c.scalar("alpha")));
    });

Dims batched_sizes(const Tensor& a, const Tensor& b) {
  RL_CHECK(a.ndim() == 3, "batch1 must be a 3D tensor");
  RL_CHECK(b.ndim() == 3, "batch2 must be a 3D tensor");
  RL_CHECK(a.sizes()[0] == b.sizes()[0] && a.sizes()[2] == b.sizes()[1],
           "Expected size for first two dimensions of batch2 tensor to be: [", a.sizes()[0], ", ",
           a.sizes()[2], "] but got: [", b.sizes()[0], ", ", b.sizes()[1], "].");
  RL_CHECK(a.dtype() == b.dtype(), "expected scalar type ", dtype_word(a.dtype()), " but found ",
           dtype_word(b.dtype()));
  return Dims({a.sizes()[0], a.sizes()[1], b.sizes()[2]});
}

OP("bmm(Tensor self, Tensor mat2) -> Tensor")
    .infer([](const Tensor& self, const Tensor& mat2) {
      const Dims sizes = batched_sizes(self, mat2);
      check_supported(self.dtype(), "bmm");
      return TensorSpec{sizes, self.dtype()};
    })
    .cpu([](const Tensor& self, const Tensor& mat2, const Tensor& out) {
      multiply(self, mat2, 1, 0, out, "bmm");
    })
    .grad("self", "mat2", [](GradContext& c) { return left_gradient(c, c.tensor("mat2"), true); })
    .grad("mat2", "self",
          [](GradContext& c) { return call<"bmm">(adjoint(c.tensor("self")), c.grad()); });

OP("baddbmm(Tensor self, Tensor batch1, Tensor batch2, *, Scalar beta=1, Scalar alpha=1) -> Tensor")
    .inplace()
    .infer([](const Tensor& self, const Tensor& batch1, const Tensor& batch2, Scalar, Scalar) {
      const Dims sizes = batched_sizes(batch1, batch2);
      check_supported(self.dtype(), "baddbmm");
      RL_CHECK(self.dtype() == batch1.dtype(), "Input dtypes must be the same, got: input ",
               dtype_word(self.dtype()), ", batch1: ", dtype_word(batch1.dtype()),
               ", batch2: ", dtype_word(batch2.dtype()));
      return TensorSpec{sizes, batch1.dtype()};
    })
    .cpu([](const Tensor& self, const Tensor& batch1, const Tensor& batch2, Scalar beta,
            Scalar alpha, const Tensor& out) {
      beta = fitted(beta, out.dtype());
      const bool add = !is_zero(beta);
      if (add) start_from(self, beta, out);
      multiply(batch1, batch2, alpha, add ? 1 : 0, out, "baddbmm");
    })
    .grad("self", "", [](GradContext& c) { return scaled(c.grad(), conjugate(c.scalar("beta"))); })
    .grad("batch1", "batch2",
          [](GradContext& c) {
            return scaled(left_gradient(c, c.tensor("batch2"), true), conjugate(c.scalar("alpha")));
          })
    .grad("batch2", "batch1", [](GradContext& c) {
      return scaled(call<"bmm">(adjoint(c.tensor("batch1")), c.grad()),
                    conjugate(c.scalar("alpha")));
    });

OP("addbmm(Tensor self, Tensor batch1, Tensor batch2, *, Scalar beta=1, Scalar alpha=1) -> Tensor")
    .inplace()
    .composite([](const Tensor& self, const Tensor& batch1, const Tensor& batch2, Scalar beta,
                  Scalar alpha) {
      RL_CHECK(batch1.ndim() == 3, "batch1 must be a 3D tensor");
      RL_CHECK(batch2.ndim() == 3, "batch2 must be a 3D tensor");
      RL_CHECK(batch1.sizes()[0] == batch2.sizes()[0],
               "batch1 and batch2 must have same number of batches, got ", batch1.sizes()[0],
               " and ", batch2.sizes()[0]);
      RL_CHECK(batch1.sizes()[2] == batch2.sizes()[1], "Incompatible matrix sizes for bmm (",
               batch1.sizes()[1], "x", batch1.sizes()[2], " and ", batch2.sizes()[1], "x",
               batch2.sizes()[2], ")");
      // The batch joins the summed dimension: one product.
      const Tensor left = call<"reshape">(call<"transpose.int">(batch1, int64_t(0), int64_t(1)),
                                          Dims({batch1.sizes()[1], -1}));
      const Tensor right = call<"reshape">(batch2, Dims({-1, batch2.sizes()[2]}));
      if (batch1.numel() == 0)
        return scaled(call<"expand">(self, Dims({batch1.sizes()[1], batch2.sizes()[2]})),
                      fitted(beta, self.dtype()));
      return call<"addmm">(self, left, right, beta, alpha);
    });

Tensor column(const Tensor& t) { return call<"unsqueeze">(t, int64_t(1)); }
Tensor row(const Tensor& t) { return call<"unsqueeze">(t, int64_t(0)); }
Tensor outer_product(const Tensor& a, const Tensor& b) { return column(a) * row(b); }

OP("mv(Tensor self, Tensor vec) -> Tensor")
    .infer([](const Tensor& self, const Tensor& vec) {
      RL_CHECK(self.ndim() == 2 && vec.ndim() == 1, "vector + matrix @ vector expected, got 1, ",
               self.ndim(), ", ", vec.ndim());
      RL_CHECK(self.sizes()[1] == vec.sizes()[0], "size mismatch, got input (", self.sizes()[0],
               "), mat (", by(self), "), vec (", vec.sizes()[0], ")");
      RL_CHECK(self.dtype() == vec.dtype(),
               "addmv input tensors must have the same dtype, but got ", dtype_word(self.dtype()),
               ", ", dtype_word(self.dtype()), ", and ", dtype_word(vec.dtype()));
      check_supported(self.dtype(), "addmv_impl_cpu");
      return TensorSpec{Dims({self.sizes()[0]}), self.dtype()};
    })
    .cpu([](const Tensor& self, const Tensor& vec, const Tensor& out) {
      multiply(self, column(vec), 1, 0, column(out), "addmv_impl_cpu");
    })
    .grad("self", "vec",
          [](GradContext& c) { return outer_product(c.grad(), conj(c.tensor("vec"))); })
    .grad("vec", "self",
          [](GradContext& c) { return call<"mv">(adjoint(c.tensor("self")), c.grad()); });

OP("addmv(Tensor self, Tensor mat, Tensor vec, *, Scalar beta=1, Scalar alpha=1) -> Tensor")
    .inplace()
    .infer([](const Tensor& self, const Tensor& mat, const Tensor& vec, Scalar, Scalar) {
      RL_CHECK(mat.ndim() == 2 && vec.ndim() == 1 && self.ndim() <= 1,
               "vector + matrix @ vector expected, got ", self.ndim(), ", ", mat.ndim(), ", ",
               vec.ndim());
      const int64_t have = self.ndim() == 1 ? self.sizes()[0] : 1;
      RL_CHECK(mat.sizes()[1] == vec.sizes()[0] && (have == mat.sizes()[0] || have == 1),
               "size mismatch, got input (", have, "), mat (", by(mat), "), vec (", vec.sizes()[0],
               ")");
      RL_CHECK(mat.dtype() == vec.dtype() && self.dtype() == mat.dtype(),
               "addmv input tensors must have the same dtype, but got ", dtype_word(self.dtype()),
               ", ", dtype_word(mat.dtype()), ", and ", dtype_word(vec.dtype()));
      check_supported(mat.dtype(), "addmv_impl_cpu");
      return TensorSpec{Dims({mat.sizes()[0]}), mat.dtype()};
    })
    .cpu([](const Tensor& self, const Tensor& mat, const Tensor& vec, Scalar beta, Scalar alpha,
            const Tensor& out) {
      beta = fitted(beta, out.dtype());
      const bool add = !is_zero(beta);
      if (add) start_from(self, beta, out);
      multiply(mat, column(vec), alpha, add ? 1 : 0, column(out), "addmv_impl_cpu");
    })
    .grad("self", "", [](GradContext& c) { return scaled(c.grad(), conjugate(c.scalar("beta"))); })
    .grad("mat", "vec",
          [](GradContext& c) {
            return scaled(outer_product(c.grad(), conj(c.tensor("vec"))),
                          conjugate(c.scalar("alpha")));
          })
    .grad("vec", "mat", [](GradContext& c) {
      return scaled(call<"mv">(adjoint(c.tensor("mat")), c.grad()), conjugate(c.scalar("alpha")));
    });

OP("addr(Tensor self, Tensor vec1, Tensor vec2, *, Scalar beta=1, Scalar alpha=1) -> Tensor")
    .inplace()
    .composite([](const Tensor& self, const Tensor& vec1, const Tensor& vec2, Scalar beta,
                  Scalar alpha) {
      RL_CHECK(vec1.ndim() == 1, "addr: Expected 1-D argument vec1, but got ", vec1.ndim(), "-D");
      RL_CHECK(vec2.ndim() == 1, "addr: Expected 1-D argument vec2, but got ", vec2.ndim(), "-D");
      const Tensor product = scaled(outer_product(vec1, vec2), alpha);
      const Tensor sum = is_zero(beta) ? product : scaled(self, beta) + product;
      // A number of another kind scales without changing the kind: bool stays bool.
      return to_dtype(sum, promote_types(self.dtype(), promote_types(vec1.dtype(), vec2.dtype())));
    });

void check_vectors(const Tensor& a, const Tensor& b, const char* name) {
  RL_CHECK(a.ndim() == 1 && b.ndim() == 1, "1D tensors expected, but got ", a.ndim(), "D and ",
           b.ndim(), "D tensors");
  RL_CHECK(a.dtype() == b.dtype(), name, " : expected both vectors to have same dtype, but found ",
           dtype_word(a.dtype()), " and ", dtype_word(b.dtype()));
  RL_CHECK(a.numel() == b.numel(), "inconsistent tensor size, expected tensor ", a.sizes(),
           " and src ", b.sizes(), " to have the same number of elements, but got ", a.numel(),
           " and ", b.numel(), " elements respectively");
}

OP("dot(Tensor self, Tensor tensor) -> Tensor")
    .infer([](const Tensor& self, const Tensor& tensor) {
      check_vectors(self, tensor, "dot");
      check_supported(self.dtype(), "dot");
      return TensorSpec{Dims(), self.dtype()};
    })
    .cpu([](const Tensor& self, const Tensor& tensor, const Tensor& out) {
      dispatch(self.dtype(), "dot", MatmulTypes(), [&]<class T>() {
        const T *x = self.data<T>(), *y = tensor.data<T>();
        const GilRelease release(self.numel() > kKeepGil);
        *out.data<T>() = dot<T>(self.numel(), x, self.strides()[0], y, tensor.strides()[0]);
      });
    })
    .grad("self", "tensor", [](GradContext& c) { return c.grad() * conj(c.tensor("tensor")); })
    .grad("tensor", "self", [](GradContext& c) { return c.grad() * conj(c.tensor("self")); });

OP("vdot(Tensor self, Tensor other) -> Tensor")
    .composite([](const Tensor& self, const Tensor& other) {
      check_vectors(self, other, "vdot");
      return call<"dot">(conj(self), other);
    });

Tensor outer(const Tensor& self, const Tensor& vec2) {
  RL_CHECK(self.ndim() == 1, "outer: Expected 1-D argument self, but got ", self.ndim(), "-D");
  RL_CHECK(vec2.ndim() == 1, "outer: Expected 1-D argument vec2, but got ", vec2.ndim(), "-D");
  return outer_product(self, vec2);
}
OP("outer(Tensor self, Tensor vec2) -> Tensor").composite(outer);
OP("ger(Tensor self, Tensor vec2) -> Tensor").composite(outer);

// (..., n, k) with leading dimensions as given, as one (batch, n, k).
Tensor as_batch(const Tensor& t, const Dims& leading) {
  Dims full = leading;
  full.push_back(t.size(-2));
  full.push_back(t.size(-1));
  return call<"reshape">(call<"expand">(t, full), Dims({count(leading), t.size(-2), t.size(-1)}));
}

Tensor batched_matmul(const Tensor& self, const Tensor& other) {
  const bool vector_left = self.ndim() == 1, vector_right = other.ndim() == 1;
  const Tensor a = vector_left ? row(self) : self, b = vector_right ? column(other) : other;
  const Dims leading = broadcast_shapes(Dims(a.sizes().data(), size_t(a.ndim() - 2)),
                                        Dims(b.sizes().data(), size_t(b.ndim() - 2)));
  Dims sizes = leading;
  if (!vector_left) sizes.push_back(a.size(-2));
  if (!vector_right) sizes.push_back(b.size(-1));
  const Tensor out = call<"bmm">(as_batch(a, leading), as_batch(b, leading));
  return call<"_unsafe_view">(out, sizes);
}

Tensor matmul(const Tensor& self, const Tensor& other) {
  const int left = self.ndim(), right = other.ndim();
  RL_CHECK(left != 0 && right != 0,
           "both arguments to matmul need to be at least 1D, but they are ", left, "D and ", right,
           "D");
  if (left == 1 && right == 1) return call<"dot">(self, other);
  if (left == 2 && right == 1) return call<"mv">(self, other);
  if (left == 1 && right == 2) return call<"squeeze.dim">(call<"mm">(row(self), other), int64_t(0));
  if (left == 2 && right == 2) return call<"mm">(self, other);
  if (left >= 3 && right <= 2) {
    // Leading dimensions become rows of one matrix. Sizes are explicit: one of them may be 0.
    Dims sizes(self.sizes().data(), size_t(left - 1));
    const Tensor folded = call<"reshape">(self, Dims({count(sizes), self.size(-1)}));
    if (right == 2) sizes.push_back(other.sizes()[1]);
    return call<"_unsafe_view">(right == 2 ? call<"mm">(folded, other) : call<"mv">(folded, other),
                                sizes);
  }
  return batched_matmul(self, other);
}
OP("matmul(Tensor self, Tensor other) -> Tensor").composite(matmul);

Tensor linear(const Tensor& input, const Tensor& weight, const std::optional<Tensor>& bias) {
  const Tensor turned = weight.ndim() == 2 ? call<"t">(weight) : weight;
  if (!bias || !bias->defined()) return matmul(input, turned);
  if (weight.ndim() != 2) return matmul(input, turned) + *bias;
  if (input.ndim() == 2) return call<"addmm">(*bias, input, turned);
  RL_CHECK(input.ndim() > 0,
           "both arguments to linear need to be at least 1D, but they are 0D and 2D");
  Dims sizes(input.sizes().data(), size_t(input.ndim() - 1));
  const Tensor folded = call<"reshape">(input, Dims({count(sizes), input.size(-1)}));
  sizes.push_back(weight.sizes()[0]);
  return call<"view">(call<"addmm">(*bias, folded, turned), sizes);
}
OP("linear(Tensor input, Tensor weight, Tensor? bias=None) -> Tensor").composite(linear);

}  // namespace
}  // namespace rl
