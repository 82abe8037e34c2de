"""Programs about views in place: squeeze_, unsqueeze_, transpose_, t_, as_strided_."""

from __future__ import annotations

from observe import error, fn_name, programs_of

CALLS = {
    "squeeze_": [(), (1,), (0,), (-1,), ((0, 1),), ([],)],
    "unsqueeze_": [(0,), (-1,), (9,)],
    "transpose_": [(0, 1), (0, -1), (0, 0), (0, 7)],
    "swapaxes_": [(0, 1)],
    "swapdims_": [(1, 0)],
    "t_": [()],
    "as_strided_": [((2, 1), (1, 1)), ((2, 1), (1, 1), 1), ((90,), (1,))],
}
SHAPES = [(2, 1, 3), (3, 2), (2,), ()]


def _each(torch, program):
    out = []
    for name, calls in CALLS.items():
        for args in calls:
            for shape in SHAPES:
                seen = []
                text = error(lambda: seen.append(program(shape, name, args)))  # noqa: B023
                out.append([name, str(args), shape, seen or text.partition(":")[0]])
    return out


def _state(t):
    geometry = [tuple(t.shape), t.stride(), t.storage_offset(), t._version]
    return [*geometry, fn_name(t), t.is_leaf, t.requires_grad, t._base is not None]


def _weighted(torch, t):
    return (t * torch.arange(float(t.numel())).reshape(t.shape)).sum()


def plain_tensors(torch):
    def program(shape, name, args):
        x = torch.zeros(shape)
        back = getattr(x, name)(*args)
        return [back is x, _state(x)]

    return _each(torch, program)


def in_the_graph(torch):
    def program(shape, name, args):
        w = torch.ones(shape, requires_grad=True)
        x = w * 2
        getattr(x, name)(*args)
        (g,) = torch.autograd.grad(_weighted(torch, x), w, retain_graph=True)
        y = torch.exp(x)
        return [_state(x), g, torch.autograd.grad(y.sum(), w)]

    return _each(torch, program)


def on_a_view(torch):
    def program(shape, name, args):
        w = torch.ones(shape, requires_grad=True)
        base = w * 2
        x = base.view_as(base)
        getattr(x, name)(*args)
        before = [_state(x), _state(base)]
        x.mul_(3)
        _weighted(torch, base).backward()
        return [before, _state(x), _state(base), w.grad]

    return _each(torch, program)


def views_of_what_became_one(torch):
    def program(shape, name, args):
        w = torch.ones(shape, requires_grad=True)
        x = w * 1
        view = x.view_as(x)
        getattr(x, name)(*args)
        shown = [_state(x), _state(view)]
        if name != "as_strided_":
            (view * view).sum().backward()
        return [*shown, w.grad]

    return _each(torch, program)


def refusals(torch):
    leaf = torch.ones(3, 2, requires_grad=True)
    out = [error(getattr(leaf, name), *calls[0]) for name, calls in CALLS.items()]
    with torch.no_grad():
        leaf.unsqueeze_(0)
    y = torch.ones(3, 2, requires_grad=True).exp()
    z = (y * y).sum()
    y.unsqueeze_(0)
    part = (torch.ones(2, 2, requires_grad=True) * 1).unbind()[0]
    return [out, _state(leaf), error(z.backward), error(part.unsqueeze_, 0)]


def hooks_and_retained_gradients(torch):
    seen = []
    w = torch.ones(3, 2, requires_grad=True)
    x = w * 2
    x.register_hook(lambda g: seen.append(tuple(g.shape)))
    x.retain_grad()
    x.transpose_(0, 1)
    _weighted(torch, x).backward()
    return [seen, x.grad, w.grad]


def second_derivatives(torch):
    w = torch.ones(3, 2, dtype=torch.float64, requires_grad=True)
    x = (w**3).transpose_(0, 1)
    (g,) = torch.autograd.grad(_weighted(torch, x), w, create_graph=True)
    return [g, torch.autograd.grad(g.pow(2).sum(), w)]


PROGRAMS = programs_of(globals())
