"""Gradients of gradients against differences of gradients."""

import numpy as np
import pytest

import rushlight as torch

L = torch.linalg


def symmetric(a):
    return (a + a.transpose(-2, -1)) / 2


def positive(a):
    return a @ a.transpose(-2, -1) + 3 * torch.eye(a.size(-2), dtype=a.dtype)


FUNCTIONS = {
    "inv": lambda a: L.inv(a),
    "det": lambda a: L.det(a),
    "slogdet": lambda a: L.slogdet(a)[1],
    "solve": lambda a: L.solve(a, torch.ones(3, dtype=a.dtype)),
    "solve_triangular": lambda a: L.solve_triangular(a, a + 1, upper=True),
    "lu": lambda a: L.lu(a)[1] @ torch.ones(3, 1, dtype=a.dtype) + L.lu(a)[2] ** 2,
    "cholesky": lambda a: L.cholesky(positive(a)),
    "qr": lambda a: L.qr(a)[0] + L.qr(a)[1] ** 2,
    "svdvals": lambda a: L.svdvals(a),
    "svd": lambda a: L.svd(a, False)[0] ** 2,
    "eigvalsh": lambda a: L.eigvalsh(symmetric(a)),
    "eigh": lambda a: L.eigh(symmetric(a))[1] ** 2,
    "pinv": lambda a: L.pinv(a),
    "matrix_exp": lambda a: L.matrix_exp(a),
    "norm": lambda a: L.norm(a),
    "nuc": lambda a: L.matrix_norm(a, "nuc"),
    "rfft": lambda a: torch.fft.rfft(a).abs(),
    "irfft": lambda a: torch.fft.irfft(torch.fft.rfft(a) ** 2, 3),
}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_second_derivative(name):
    rng = np.random.default_rng(5)
    base = rng.standard_normal((3, 3)) + 2 * np.eye(3)
    probe = FUNCTIONS[name](torch.from_numpy(base))
    out_weights = torch.from_numpy(np.asarray(rng.standard_normal(tuple(probe.shape))))
    in_weights = torch.from_numpy(rng.standard_normal((3, 3)))

    def slope(x, graph):
        value = (FUNCTIONS[name](x) * out_weights).sum()
        (g,) = torch.autograd.grad(value, x, create_graph=graph)
        return (g * in_weights).sum()

    leaf = torch.from_numpy(base).requires_grad_(True)
    (got,) = torch.autograd.grad(slope(leaf, True), leaf)
    expected = np.zeros((3, 3))
    for index in np.ndindex(3, 3):
        values = []
        for step in (1e-6, -1e-6):
            moved = base.copy()
            moved[index] += step
            values.append(slope(torch.from_numpy(moved).requires_grad_(True), False).item())
        expected[index] = (values[0] - values[1]) / 2e-6
    np.testing.assert_allclose(got.numpy(), expected, rtol=1e-4, atol=1e-5)
