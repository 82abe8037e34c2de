"""Products of matrices and vectors against numpy."""

from __future__ import annotations

import numpy as np
import pytest

import rushlight as torch

SIZES = [
    (1, 1, 1),
    (2, 6, 5),
    (3, 40, 17),
    (17, 1, 65),
    (1, 33, 50),
    (64, 10, 256),
    (70, 130, 400),
    (5, 0, 3),
]
DTYPES = ["float32", "float64", "int64", "int32", "uint8", "complex64", "complex128"]


def operand(rng: np.random.Generator, dtype: str, *shape: int) -> np.ndarray:
    if dtype.startswith("complex"):
        return (rng.standard_normal(shape) + 1j * rng.standard_normal(shape)).astype(dtype)
    if dtype.startswith("float"):
        return rng.standard_normal(shape).astype(dtype)
    return rng.integers(0, 5, shape).astype(dtype)


def close(got: torch.Tensor, wanted: np.ndarray) -> None:
    tolerance = {"float32": 2e-5, "complex64": 2e-5, "float64": 1e-12, "complex128": 1e-12}
    np.testing.assert_allclose(
        got.numpy(),
        wanted,
        rtol=tolerance.get(str(wanted.dtype), 0),
        atol=tolerance.get(str(wanted.dtype), 0),
    )


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("m,n,k", SIZES)
@pytest.mark.parametrize("turned", ["", "a", "b", "ab"])
def test_mm_matches_numpy(dtype: str, m: int, n: int, k: int, turned: str) -> None:
    rng = np.random.default_rng(m + n + k)
    a, b = operand(rng, dtype, m, k), operand(rng, dtype, k, n)
    x = torch.from_numpy(a.T.copy()).t() if "a" in turned else torch.from_numpy(a)
    y = torch.from_numpy(b.T.copy()).t() if "b" in turned else torch.from_numpy(b)
    close(torch.mm(x, y), a @ b)


def test_mm_reads_strided_operands() -> None:
    rng = np.random.default_rng(0)
    big = rng.standard_normal((9, 11, 13))
    t = torch.from_numpy(big)
    close(t[::2, 3, ::3] @ t[1, ::2, :5].t(), big[::2, 3, ::3] @ big[1, ::2, :5].T)
    row = torch.from_numpy(big[0, :1])
    close(row.expand(4, 13) @ t[2].t(), np.repeat(big[0, :1], 4, 0) @ big[2].T)


def test_addmm_scales_and_ignores_self_at_beta_zero() -> None:
    rng = np.random.default_rng(1)
    c, a, b = rng.standard_normal((5, 3)), rng.standard_normal((5, 7)), rng.standard_normal((7, 3))
    tc, ta, tb = map(torch.from_numpy, (c, a, b))
    close(torch.addmm(tc, ta, tb, beta=0.5, alpha=2), 0.5 * c + 2 * a @ b)
    close(torch.addmm(torch.full((3,), float("nan"), dtype=torch.float64), ta, tb, beta=0), a @ b)
    close(torch.addmm(tc[0], ta, tb), c[0] + a @ b)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(
    "m,n,k",
    [
        (16, 24, 64),
        (31, 33, 385),
        (64, 130, 784),
        (96, 96, 512),
        (200, 203, 100),
        (24, 40, 1200),
        (250, 260, 1024),
    ],
)
def test_few_rows_against_a_turned_factor(dtype: str, m: int, n: int, k: int) -> None:
    """The shapes of a linear layer: blocks are turned on their way into the result."""
    rng = np.random.default_rng(m)
    a, b, c = (rng.standard_normal(shape).astype(dtype) for shape in ((m, k), (n, k), (m, n)))
    exact = a.astype("float64") @ b.astype("float64").T
    ta, tb, tc = map(torch.from_numpy, (a, b, c))
    before = torch.get_num_threads()
    try:
        results = []
        for threads in (1, 2, 3):
            torch.set_num_threads(threads)
            results.append(torch.addmm(tc, ta, tb.t(), beta=0.5, alpha=2))
    finally:
        torch.set_num_threads(before)
    bound = 1e-6 if dtype == "float32" else 1e-15
    error = np.abs(results[0].numpy() - (0.5 * c + 2 * exact)).max()
    assert error <= bound * k * 2, error
    assert results[0].numpy().tobytes() == results[1].numpy().tobytes()
    assert results[0].numpy().tobytes() == results[2].numpy().tobytes()


@pytest.mark.parametrize(
    "left,right",
    [
        ((3,), (3,)),
        ((2, 3), (3,)),
        ((3,), (3, 4)),
        ((2, 3), (3, 4)),
        ((5, 2, 3), (3, 4)),
        ((5, 2, 3), (3,)),
        ((5, 2, 3), (5, 3, 4)),
        ((6, 1, 2, 3), (5, 3, 4)),
        ((2, 3), (5, 3, 4)),
        ((3,), (5, 3, 4)),
        ((0, 2, 3), (3, 4)),
        ((5, 2, 0), (0, 4)),
    ],
)
def test_matmul_broadcasts_as_numpy(left: tuple[int, ...], right: tuple[int, ...]) -> None:
    rng = np.random.default_rng(2)
    a, b = rng.standard_normal(left), rng.standard_normal(right)
    got = torch.matmul(torch.from_numpy(a), torch.from_numpy(b))
    wanted = np.asarray(a @ b)
    assert tuple(got.shape) == wanted.shape
    close(got, wanted)


def test_batches_and_vectors() -> None:
    rng = np.random.default_rng(3)
    a, b, c = (
        rng.standard_normal((4, 5, 7)),
        rng.standard_normal((4, 7, 3)),
        rng.standard_normal((5, 3)),
    )
    ta, tb, tc = map(torch.from_numpy, (a, b, c))
    close(torch.bmm(ta, tb), a @ b)
    close(torch.baddbmm(tc, ta, tb, beta=2), 2 * c + a @ b)
    close(torch.addbmm(tc, ta, tb), c + (a @ b).sum(0))
    close(torch.mv(ta[0], tb[0, :, 0]), a[0] @ b[0, :, 0])
    close(torch.addr(tc, ta[0, :, 0], tb[0, 0]), c + np.outer(a[0, :, 0], b[0, 0]))
    close(torch.outer(ta[0, 0], tb[0, 0]), np.outer(a[0, 0], b[0, 0]))


def test_sums_do_not_depend_on_threads() -> None:
    a, b = torch.randn(150, 300), torch.randn(300, 170)
    before = torch.get_num_threads()
    try:
        results = []
        for threads in (1, 2, 3):
            torch.set_num_threads(threads)
            results.append([(a @ b).numpy().tobytes(), (a.double() @ b.double()).numpy().tobytes()])
    finally:
        torch.set_num_threads(before)
    assert results[0] == results[1] == results[2]


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_half_types_sum_in_float32(dtype: str) -> None:
    kind = getattr(torch, dtype)
    a, b = torch.ones(3, 5000).to(kind), torch.ones(5000, 2).to(kind)
    assert (a @ b).float().tolist() == torch.full((3, 2), 5000.0).to(kind).float().tolist()


@pytest.mark.parametrize(
    "call,kind,message",
    [
        (lambda r: torch.mm(r(2, 3), r(4, 5)), RuntimeError, "mat1 and mat2 shapes cannot be multiplied (2x3 and 4x5)"),
        (lambda r: torch.mm(r(2), r(4, 5)), RuntimeError, "self must be a matrix"),
        (lambda r: torch.mm(r(2, 3), r(3, 4).double()), RuntimeError, "expected m1 and m2 to have the same dtype, but got: float != double"),
        (lambda r: torch.bmm(r(2, 3, 4), r(2, 5, 6)), RuntimeError, "Expected size for first two dimensions of batch2 tensor to be: [2, 4] but got: [2, 5]."),
        (lambda r: torch.addmm(r(3), r(2, 3), r(3, 4)), RuntimeError, "The expanded size of the tensor (4) must match the existing size (3) at non-singleton dimension 1.  Target sizes: [2, 4].  Tensor sizes: [3]"),
        (lambda r: torch.mv(r(2, 3), r(4)), RuntimeError, "size mismatch, got input (2), mat (2x3), vec (4)"),
        (lambda r: torch.dot(r(2, 2), r(3)), RuntimeError, "1D tensors expected, but got 2D and 1D tensors"),
        (lambda r: torch.matmul(r(()), r(3)), RuntimeError, "both arguments to matmul need to be at least 1D, but they are 0D and 1D"),
        (lambda r: torch.mm(torch.ones(2, 2, dtype=torch.bool), torch.ones(2, 2, dtype=torch.bool)), NotImplementedError, "\"addmm_impl_cpu_\" not implemented for 'Bool'"),
    ],
)  # fmt: skip
def test_errors_say_what_pytorch_says(call, kind: type[Exception], message: str) -> None:
    with pytest.raises(kind) as caught:
        call(torch.randn)
    assert str(caught.value).splitlines()[0] == message


def test_gradients() -> None:
    def leaf(*shape: int) -> torch.Tensor:
        return torch.randn(*shape, dtype=torch.float64).requires_grad_()

    check = torch.autograd.gradcheck
    assert check(torch.mm, (leaf(3, 4), leaf(4, 2)))
    assert check(torch.addmm, (leaf(2), leaf(3, 4), leaf(4, 2)))
    assert check(torch.bmm, (leaf(2, 3, 4), leaf(2, 4, 2)))
    assert check(torch.baddbmm, (leaf(3, 2), leaf(2, 3, 4), leaf(2, 4, 2)))
    assert check(torch.mv, (leaf(3, 4), leaf(4)))
    assert check(torch.dot, (leaf(5), leaf(5)))
    assert check(torch.matmul, (leaf(2, 1, 3, 4), leaf(3, 4, 2)))
    assert check(torch.nn.functional.linear, (leaf(2, 3, 4), leaf(5, 4), leaf(5)))
    assert torch.autograd.gradgradcheck(torch.mm, (leaf(3, 4), leaf(4, 2)))


def test_the_gradient_of_a_linear_weight_is_contiguous() -> None:
    weight = torch.randn(6, 5).requires_grad_()
    torch.nn.functional.linear(torch.randn(2, 5), weight).sum().backward()
    assert weight.grad.is_contiguous()


def test_deterministic_algorithms_do_not_depend_on_threads() -> None:
    a, b = torch.randn(700, 500), torch.randn(500, 300)
    x, w = torch.randn(6, 40, 12, 12), torch.randn(24, 40, 3, 3).requires_grad_()
    before = torch.get_num_threads()
    results = []
    try:
        torch.use_deterministic_algorithms(True)
        for threads in (1, 2, 3):
            torch.set_num_threads(threads)
            w.grad = None
            y = torch.nn.functional.conv2d(x, w)
            y.sum().backward()
            results.append([t.detach().numpy().tobytes() for t in (a @ b, y, w.grad)])
    finally:
        torch.use_deterministic_algorithms(False)
        torch.set_num_threads(before)
    assert results[0] == results[1] == results[2]
