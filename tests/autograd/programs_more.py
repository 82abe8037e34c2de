"""Programs about anomaly mode, gradcheck, functional, checkpointing and attributes of tensors."""

from __future__ import annotations

import warnings

from observe import error, fn_name, programs_of


def anomaly_mode(torch):
    x = torch.tensor(-1.0, requires_grad=True)
    out = []
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        with torch.autograd.detect_anomaly():
            y = x.sqrt()
            state = torch.is_anomaly_enabled()
            out.append(error(y.backward))
    texts = [str(w.message) for w in caught]
    out.append([state, torch.is_anomaly_enabled()])
    out.append(texts[0])
    out.append(
        [texts[1].splitlines()[0], "y = x.sqrt()" in texts[1], "programs_more.py" in texts[1]]
    )
    with torch.autograd.set_detect_anomaly(True, check_nan=False):
        z = torch.tensor(-1.0, requires_grad=True)
        z.sqrt().backward()
        out.append([str(z.grad.item()), torch.is_anomaly_check_nan_enabled()])
    return out


def gradcheck_passes(torch):
    x = torch.tensor([[0.3, -1.2], [0.7, 2.1]], dtype=torch.float64, requires_grad=True)
    w = torch.tensor([0.5, -0.4], dtype=torch.float64, requires_grad=True)
    check, check2 = torch.autograd.gradcheck, torch.autograd.gradgradcheck
    return [
        check(lambda a, b: ((a * b).sin(), a.sum(0)), (x, w)),
        check2(lambda a, b: (a * b).sin(), (x, w)),
        check(lambda a: a @ a, x, fast_mode=True),
        check(lambda a: a[0], (x,), check_batched_grad=False),
        check2(lambda a: a.exp() * a, x),
    ]


def gradcheck_fails(torch):
    class Wrong(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            return x * 2

        @staticmethod
        def backward(ctx, g):
            return g * 3

    x = torch.ones(2, dtype=torch.float64, requires_grad=True)
    return [
        error(torch.autograd.gradcheck, Wrong.apply, x),
        torch.autograd.gradcheck(Wrong.apply, x, raise_exception=False),
        error(torch.autograd.gradcheck, Wrong.apply, x.detach()),
        issubclass(torch.autograd.gradcheck.__globals__["GradcheckError"], RuntimeError),
    ]


def functional_products(torch):
    f = torch.autograd.functional
    x, v = torch.tensor([1.0, 2.0, 3.0]), torch.tensor([0.5, -1.0, 2.0])

    def cube(t):
        return t**3

    def scalar(t):
        return (t**3).sum() * t[0]

    def two(a, b):
        return a * b, a.sum()

    return [
        f.vjp(cube, x, v),
        f.jvp(cube, x, v),
        f.jacobian(cube, x),
        f.hessian(scalar, x),
        f.hvp(scalar, x, v),
        f.vhp(scalar, x, v),
        f.jacobian(two, (x, v)),
        f.hessian(lambda a, b: (a * b).sum() * a[0], (x, v)),
        f.vjp(two, (x, v), (v, torch.tensor(2.0))),
        f.jvp(two, (x, v), (v, x)),
        f.jacobian(cube, x, create_graph=True).requires_grad,
        f.jacobian(cube, x.clone().requires_grad_(), create_graph=True).requires_grad,
    ]


def functional_errors(torch):
    f = torch.autograd.functional
    x = torch.ones(2)
    return [
        error(f.vjp, lambda t: t, 3),
        error(f.vjp, lambda t: t, x),
        error(f.vjp, lambda t: t, x, torch.ones(3)),
        error(f.hessian, lambda t: t, x),
        f.jacobian(lambda t: torch.ones(2), x),
    ]


def checkpoints(torch):
    from importlib import import_module

    checkpoint = import_module(torch.__name__ + ".utils.checkpoint").checkpoint
    out = []
    for reentrant in (True, False):
        w = torch.tensor([1.0, 2.0], requires_grad=True)
        x = torch.tensor([0.5, -0.5], requires_grad=True)
        calls = []

        def block(a, w=w, calls=calls):
            calls.append(torch.is_grad_enabled())
            return (a * w).sin().exp()

        y = checkpoint(block, x, use_reentrant=reentrant)
        y = checkpoint(block, y, use_reentrant=reentrant)
        y.sum().backward()
        out.append([w.grad, x.grad, calls])
    return out


def checkpoint_random_numbers(torch):
    from importlib import import_module

    checkpoint = import_module(torch.__name__ + ".utils.checkpoint").checkpoint
    torch.manual_seed(3)
    x = torch.ones(4, requires_grad=True)
    seen = []

    def noisy(a):
        noise = torch.rand(4)
        seen.append(noise.tolist())
        return a * noise

    out = []
    for reentrant in (True, False):
        x.grad = None
        (checkpoint(noisy, x, use_reentrant=reentrant).sin()).sum().backward()
        out.append([x.grad, seen[0] == seen[1]])
        seen.clear()
    return out


def attributes_survive(torch):
    x = torch.ones(2, requires_grad=True)
    w = torch.nn.Parameter(torch.ones(2))
    x.note = "kept"
    y = (x * w).sum()
    before = y.grad_fn.next_functions[0][0]
    del x, w
    nodes = [f for f, _ in before.next_functions]
    a, b = (n.variable for n in nodes)
    return [a.note, type(b).__name__, a is nodes[0].variable]


def subclass_gradients(torch):
    class Mine(torch.Tensor):
        pass

    x = torch.ones(2).as_subclass(Mine).requires_grad_()
    (x.as_subclass(torch.Tensor) * 2).sum().backward()
    return [type(x).__name__, x.grad is not None]


def double_backward_through_views(torch):
    x = torch.tensor([1.0, 2.0, 3.0, 4.0], requires_grad=True)
    y = x * 1
    y[1:3] = x[:2] ** 2
    (g,) = torch.autograd.grad((y**2).sum(), x, create_graph=True)
    (h,) = torch.autograd.grad(g.sum(), x)
    return [y, g, h, fn_name(y)]


def training_loop(torch):
    w = torch.tensor([[0.5, -0.3], [0.1, 0.8]], requires_grad=True)
    b = torch.zeros(2, requires_grad=True)
    x = torch.tensor([[1.0, 2.0], [-1.0, 0.5], [0.3, 0.3]])
    losses = []
    for _ in range(5):
        loss = ((x @ w + b).tanh() - 0.5).pow(2).mean()
        loss.backward()
        with torch.no_grad():
            for p in (w, b):
                p -= 0.5 * p.grad
                p.grad.zero_()
        losses.append(loss.item())
    return [losses, w, b, w._version]


PROGRAMS = programs_of(globals())
