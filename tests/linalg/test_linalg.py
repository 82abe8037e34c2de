"""Linear algebra against its own identities and numerical derivatives."""

import numpy as np
import pytest

import rushlight as torch

L = torch.linalg


def numeric_check(f, *shapes, symmetric=False, seed=0):
    """Compare the gradient of a random combination of the results of f with central differences."""
    rng = np.random.default_rng(seed)
    arrays = [rng.standard_normal(s) for s in shapes]
    if symmetric:
        arrays = [a @ np.swapaxes(a, -1, -2) + 3 * np.eye(a.shape[-1]) for a in arrays]
    weights = []

    def value(values):
        results = f(*values)
        results = results if isinstance(results, tuple) else (results,)
        total = 0.0
        for i, r in enumerate(results):
            if len(weights) <= i:
                weights.append(torch.from_numpy(np.asarray(rng.standard_normal(tuple(r.shape)))))
            total = total + (r * weights[i]).sum()
        return total

    leaves = [torch.from_numpy(a.copy()).requires_grad_(True) for a in arrays]
    got = torch.autograd.grad(value(leaves), leaves)
    for k, a in enumerate(arrays):
        expected = np.zeros_like(a)
        for index in np.ndindex(a.shape):
            moved = []
            for step in (1e-6, -1e-6):
                changed = [x.copy() for x in arrays]
                changed[k][index] += step
                moved.append(value([torch.from_numpy(x) for x in changed]).item())
            expected[index] = (moved[0] - moved[1]) / 2e-6
        np.testing.assert_allclose(got[k].numpy(), expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("shape", [(3, 3), (2, 4, 4)])
@pytest.mark.parametrize("name", ["inv", "det", "pinv", "matrix_exp"])
def test_gradients_of_functions_of_square_matrices(name, shape):
    numeric_check(getattr(L, name), shape)


@pytest.mark.parametrize("shape", [(4, 3), (3, 5), (2, 3, 3)])
def test_gradients_of_factorizations(shape):
    numeric_check(lambda a: tuple(L.qr(a)), shape)
    numeric_check(lambda a: tuple(L.lu(a)[1:]), shape)
    numeric_check(lambda a: L.svdvals(a), shape)
    numeric_check(lambda a: L.pinv(a), shape)
    numeric_check(lambda a: (lambda u, s, vh: (u * s.unsqueeze(-2)) @ vh)(*L.svd(a, False)), shape)
    numeric_check(lambda a: L.svd(a, False)[0].abs(), shape)


def test_gradients_of_symmetric_problems():
    def both(a):
        return (a + a.transpose(-2, -1)) / 2

    numeric_check(lambda a: L.cholesky(both(a)), (2, 3, 3), symmetric=True)
    numeric_check(lambda a: L.eigvalsh(both(a)), (4, 4))
    numeric_check(lambda a: L.eigh(both(a))[1].abs(), (4, 4))
    numeric_check(lambda a: L.eigvals(a).abs().sum(), (4, 4))
    numeric_check(lambda a: L.slogdet(a)[1], (3, 3))


def test_gradients_of_systems():
    numeric_check(L.solve, (3, 3), (3, 2))
    numeric_check(lambda a, b: L.solve(a, b, left=False), (3, 3), (2, 3))
    numeric_check(L.solve, (2, 3, 3), (3, 1))
    for upper in (False, True):
        numeric_check(lambda a, b, u=upper: L.solve_triangular(a, b, upper=u), (3, 3), (3, 2))
    numeric_check(lambda a, b: L.lstsq(a, b).solution, (5, 3), (5, 2))


def test_second_derivative_of_the_inverse():
    a = torch.tensor([[2.0, 1.0], [0.5, 3.0]], dtype=torch.float64, requires_grad=True)
    (first,) = torch.autograd.grad(L.inv(a).sum(), a, create_graph=True)
    (second,) = torch.autograd.grad(first.sum(), a)
    step = 1e-5

    def slope(x):
        leaf = torch.from_numpy(x).requires_grad_(True)
        return torch.autograd.grad(L.inv(leaf).sum(), leaf)[0].sum().item()

    base = a.detach().numpy()
    for index in np.ndindex(2, 2):
        up, down = base.copy(), base.copy()
        up[index] += step
        down[index] -= step
        assert second[index].item() == pytest.approx(
            (slope(up) - slope(down)) / (2 * step), rel=1e-6
        )


def test_determinant_of_a_singular_matrix_has_its_cofactors_as_gradient():
    a = torch.tensor([[1.0, 2.0], [2.0, 4.0]], dtype=torch.float64, requires_grad=True)
    L.det(a).backward()
    np.testing.assert_allclose(a.grad.numpy(), [[4.0, -2.0], [-2.0, 1.0]], atol=1e-12)


@pytest.mark.parametrize("shape", [(4, 4), (5, 3), (3, 5), (2, 4, 3), (0, 3, 3)])
def test_factors_multiply_to_the_matrix(shape):
    a = torch.from_numpy(np.random.default_rng(1).standard_normal(shape))
    u, s, vh = L.svd(a, full_matrices=False)
    q, r = L.qr(a)
    p, low, up = L.lu(a)
    for product in ((u * s.unsqueeze(-2)) @ vh, q @ r, p @ low @ up):
        np.testing.assert_allclose(product.numpy(), a.numpy(), atol=1e-12)


def test_complex_matrices():
    rng = np.random.default_rng(2)
    a = torch.from_numpy(rng.standard_normal((3, 3)) + 1j * rng.standard_normal((3, 3)))
    np.testing.assert_allclose((a @ L.inv(a)).numpy(), np.eye(3), atol=1e-12)
    np.testing.assert_allclose(L.det(a).numpy(), np.linalg.det(a.numpy()))
    values, vectors = L.eig(a)
    np.testing.assert_allclose((a @ vectors).numpy(), (vectors * values).numpy(), atol=1e-12)


def test_errors_name_the_matrix():
    with pytest.raises(L.LinAlgError, match=r"linalg.inv: The diagonal element 1 is zero"):
        L.inv(torch.zeros(2, 2))
    batch = torch.stack([torch.eye(2), torch.zeros(2, 2)])
    with pytest.raises(RuntimeError, match=r"\(Batch element 1\): The solver failed"):
        L.solve(batch, batch)
    with pytest.raises(L.LinAlgError, match=r"the leading minor of order 2"):
        L.cholesky(torch.tensor([[1.0, 0.0], [0.0, -1.0]]))
    with pytest.raises(RuntimeError, match="must be batches of square matrices, but they are 2 by"):
        L.det(torch.ones(2, 3))
    with pytest.raises(RuntimeError, match="Expected a floating point or complex tensor"):
        L.svd(torch.ones(2, 2, dtype=torch.int64))


def test_older_names():
    a = torch.tensor([[4.0, 1.0], [1.0, 3.0]])
    eye = np.eye(2, dtype=np.float32)
    factor = torch.cholesky(a)
    np.testing.assert_allclose((a @ a.inverse()).numpy(), eye, atol=1e-6)
    np.testing.assert_allclose((a @ torch.cholesky_inverse(factor)).numpy(), eye, atol=1e-6)
    np.testing.assert_allclose(
        (a @ torch.cholesky_solve(torch.eye(2), factor)).numpy(), eye, atol=1e-6
    )
    u, s, v = a.svd()
    np.testing.assert_allclose(((u * s) @ v.transpose(0, 1)).numpy(), a.numpy(), atol=1e-6)
    assert torch.logdet(a).item() == pytest.approx(np.log(11.0), rel=1e-6)
