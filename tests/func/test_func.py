"""Transforms of functions against derivatives known in closed form."""

import numpy as np
import pytest

import rushlight as torch
from rushlight.func import (
    functional_call,
    grad,
    grad_and_value,
    hessian,
    jacfwd,
    jacrev,
    jvp,
    stack_module_state,
    vjp,
    vmap,
)


def test_gradients_nest():
    x = torch.tensor(0.5, dtype=torch.float64)
    third = grad(grad(grad(torch.sin)))(x)
    assert third.item() == pytest.approx(-np.cos(0.5))
    assert not third.requires_grad and not x.requires_grad


def test_gradient_of_several_arguments_and_containers():
    def f(p, y):
        return (p["a"] * y).sum() + (p["b"] ** 2).sum()

    p = {"a": torch.ones(2), "b": torch.full((2,), 3.0)}
    gp, gy = grad(f, argnums=(0, 1))(p, torch.tensor([1.0, 2.0]))
    assert gp["a"].tolist() == [1.0, 2.0] and gp["b"].tolist() == [6.0, 6.0]
    assert gy.tolist() == [1.0, 1.0]
    g, (value, aux) = grad_and_value(lambda x: (x.sum(), "note"), has_aux=True)(torch.ones(2))
    assert g.tolist() == [1.0, 1.0] and value.item() == 2.0 and aux == "note"


def test_gradient_keeps_the_history_of_outer_tensors():
    w = torch.tensor(2.0, requires_grad=True)
    inner = grad(lambda x: w * x * x)(torch.tensor(3.0))  # 2 w x
    inner.backward()
    assert w.grad.item() == 6.0


def test_gradient_works_without_recording_and_wants_scalars():
    with torch.no_grad():
        assert grad(torch.sin)(torch.tensor(0.0)).item() == 1.0
    with pytest.raises(RuntimeError, match="Expected f.* to return a scalar tensor"):
        grad(torch.sin)(torch.ones(2))


def test_products_with_the_jacobian():
    a = torch.from_numpy(np.random.default_rng(0).standard_normal((3, 2)))
    y, pull = vjp(lambda x: a @ x, torch.ones(2, dtype=torch.float64))
    v = torch.tensor([1.0, 2.0, 3.0], dtype=torch.float64)
    np.testing.assert_allclose(pull(v)[0].numpy(), a.numpy().T @ v.numpy())
    t = torch.tensor([1.0, -1.0], dtype=torch.float64)
    value, product = jvp(lambda x: a @ x, (torch.ones(2, dtype=torch.float64),), (t,))
    np.testing.assert_allclose(product.numpy(), a.numpy() @ t.numpy())
    np.testing.assert_allclose(value.numpy(), y.numpy())


@pytest.mark.parametrize("jacobian", [jacrev, jacfwd])
def test_jacobian(jacobian):
    a = torch.arange(6.0).reshape(2, 3)
    np.testing.assert_array_equal(jacobian(lambda x: a @ x)(torch.ones(3)).numpy(), a.numpy())


def test_hessian():
    a = torch.tensor([[2.0, 1.0], [1.0, 4.0]])
    np.testing.assert_allclose(
        hessian(lambda x: 0.5 * (x @ a @ x))(torch.ones(2)).numpy(), a.numpy()
    )


def test_vmap_dimensions():
    x, w = torch.arange(6.0).reshape(2, 3), torch.ones(3)
    assert vmap(torch.dot, in_dims=(0, None))(x, w).tolist() == [3.0, 12.0]
    assert vmap(lambda c: c * 2, in_dims=1, out_dims=1)(x).tolist() == (x * 2).tolist()
    assert vmap(lambda a: {"s": a.sum(), "a": a})(x)["a"].shape == (2, 3)
    with pytest.raises(ValueError, match="same size in the mapped dimension"):
        vmap(torch.dot)(torch.ones(2, 3), torch.ones(4, 3))


def test_per_sample_gradients():
    layer = torch.nn.Linear(3, 1)
    params = {k: v.detach() for k, v in layer.named_parameters()}

    def loss(p, x):
        return functional_call(layer, p, (x,)).sum()

    x = torch.randn(4, 3)
    each = vmap(grad(loss), in_dims=(None, 0))(params, x)
    np.testing.assert_allclose(each["weight"].squeeze(1).numpy(), x.numpy())
    assert each["bias"].shape == (4, 1)


def test_ensembles():
    models = [torch.nn.Linear(2, 3) for _ in range(4)]
    params, buffers = stack_module_state(models)
    x = torch.ones(5, 2)
    out = vmap(lambda p, b: functional_call(models[0], (p, b), (x,)))(params, buffers)
    for k, m in enumerate(models):
        np.testing.assert_allclose(out[k].detach().numpy(), m(x).detach().numpy(), rtol=1e-6)
