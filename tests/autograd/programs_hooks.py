"""Programs about hooks on tensors and nodes, and saved-tensor hooks."""

from __future__ import annotations

from observe import error, fn_name, programs_of


def tensor_hooks(torch):
    x = torch.ones(2, requires_grad=True)
    y = x * 2
    log = []
    first = y.register_hook(lambda g: log.append(["y", g.tolist()]))
    y.register_hook(lambda g: g * 10)
    y.register_hook(lambda g: log.append(["y again", g.tolist()]))
    x.register_hook(lambda g: log.append(["x", g.tolist()]))
    (y * 3).sum().backward(retain_graph=True)
    first.remove()
    first.remove()
    (y * 3).sum().backward()
    return [log, x.grad]


def leaf_hook_before_and_after_use(torch):
    x = torch.ones(2, requires_grad=True)
    before = x.register_hook(lambda g: g * 2)
    y = (x * 3).sum()
    after = x.register_hook(lambda g: g + 1)
    y.backward(retain_graph=True)
    seen = [x.grad.clone()]
    before.remove()
    x.grad = None
    y.backward(retain_graph=True)
    seen.append(x.grad.clone())
    after.remove()
    x.grad = None
    y.backward()
    seen.append(x.grad)
    return seen


def hook_on_inplace_changed(torch):
    x = torch.ones(2, requires_grad=True)
    y = x * 2
    log = []
    handle = y.register_hook(lambda g: log.append(["before", g.tolist()]))
    y.mul_(5)
    y.register_hook(lambda g: log.append(["after", g.tolist()]))
    y.sum().backward(retain_graph=True)
    handle.remove()
    y.sum().backward()
    return [log]


def retained_gradients(torch):
    x = torch.ones(2, requires_grad=True)
    y = x * 2
    y.retain_grad()
    y.retain_grad()
    z = y * y
    z.sum().backward(retain_graph=True)
    seen = [y.grad.clone(), y.retains_grad, x.retains_grad]
    z.sum().backward()
    return [seen, y.grad, error(torch.ones(2).retain_grad), x.retain_grad(), error(lambda: x.grad)]


def retain_grad_sees_hooks(torch):
    x = torch.ones(2, requires_grad=True)
    y = x * 2
    y.retain_grad()
    y.register_hook(lambda g: g * 7)
    (y * 3).sum().backward()
    return [y.grad, x.grad]


def retain_grad_and_inplace(torch):
    x = torch.ones(2, requires_grad=True)
    y = x * 2
    y.retain_grad()
    y.mul_(4)
    (y * 3).sum().backward()
    return [y.grad, x.grad]


def post_accumulate(torch):
    x = torch.ones(2, requires_grad=True)
    log = []

    def hook(t):
        log.append([t is x, t.grad.tolist()])
        t.grad = None

    handle = x.register_post_accumulate_grad_hook(hook)
    (x * 2).sum().backward()
    (x * 5).sum().backward()
    handle.remove()
    (x * 7).sum().backward()
    return [log, x.grad, error((x * 2).register_post_accumulate_grad_hook, hook)]


def node_hooks(torch):
    x = torch.ones(2, requires_grad=True)
    y = x * 2
    log = []
    post = y.grad_fn.register_hook(
        lambda gi, go: log.append(
            [[None if g is None else g.tolist() for g in gi], [g.tolist() for g in go]]
        )
    )
    y.grad_fn.register_prehook(lambda go: (go[0] * 3,))
    y.sum().backward(retain_graph=True)
    post.remove()
    y.sum().backward()
    return [log, x.grad]


def node_post_hook_changes(torch):
    x = torch.ones(2, requires_grad=True)
    y = x.exp()
    y.grad_fn.register_hook(lambda gi, go: (gi[0] * 0 + 5,))
    y.sum().backward()
    return [x.grad]


def accumulator_hooks(torch):
    x = torch.ones(2, requires_grad=True)
    y = x * 2
    log = []
    acc = y.grad_fn.next_functions[0][0]
    acc.register_hook(lambda *a: log.append("post"))
    acc.register_prehook(lambda g: log.append("pre"))
    x.register_hook(lambda g: log.append("tensor"))
    y.sum().backward()
    return [log, x.grad]


def hook_errors(torch):
    x = torch.ones(2, requires_grad=True)

    def run(hook):
        y = x * 2
        y.register_hook(hook)
        return error(y.sum().backward)

    def raising(g):
        raise KeyError("from the hook")

    return [
        run(lambda g: 3),
        run(lambda g: torch.ones(3)),
        run(raising),
        error(torch.ones(2).register_hook, print),
        x.grad,
    ]


def hooks_with_grad(torch):
    x, w = torch.ones(2, requires_grad=True), torch.ones(2, requires_grad=True)
    log = []
    x.register_hook(lambda g: log.append("x"))
    w.register_hook(lambda g: log.append("w"))
    y = x * w
    y.register_hook(lambda g: g * 2)
    g = torch.autograd.grad(y.sum(), x, retain_graph=True)
    gy = torch.autograd.grad((y * 3).sum(), [y, x])
    return [log, g, gy]


def hooks_of_unreached_outputs(torch):
    x = torch.ones(2, 2, requires_grad=True)
    a, b = (x * 1).unbind(0)
    log = []
    b.register_hook(lambda g: log.append(None if g is None else g.tolist()))
    a.sum().backward()
    return [log, x.grad]


def hook_differentiable(torch):
    x = torch.tensor(2.0, requires_grad=True)
    y = x * x
    y.register_hook(lambda g: g * x)
    (g,) = torch.autograd.grad(y, x, create_graph=True)
    return [g, torch.autograd.grad(g, x)]


def saved_tensor_hooks(torch):
    x = torch.tensor([1.0, 2.0], requires_grad=True)
    log = []

    def pack(t):
        log.append(["pack", t.tolist()])
        return (t, 3)

    def unpack(p):
        log.append(["unpack", p[1]])
        return p[0]

    with torch.autograd.graph.saved_tensors_hooks(pack, unpack):
        y = x.exp()
        z = y * x
    z.sum().backward()
    return [sorted(log, key=str), x.grad]


def saved_tensor_hooks_double(torch):
    x = torch.tensor([1.0, 2.0], requires_grad=True)
    with torch.autograd.graph.saved_tensors_hooks(lambda t: t.clone(), lambda t: t):
        y = x**3
        (g,) = torch.autograd.grad(y.sum(), x, create_graph=True)
    return [g, torch.autograd.grad(g.sum(), x)]


def saved_tensor_hooks_errors(torch):
    x = torch.ones(2, requires_grad=True)
    hooks = torch.autograd.graph.saved_tensors_hooks
    with hooks(lambda t: t, lambda t: 5):
        y = x.exp()

    def raising(t):
        raise ValueError("pack")

    def use():
        with hooks(raising, lambda t: t):
            x.exp()

    def disabled():
        with torch.autograd.graph.disable_saved_tensors_hooks("not here"):
            with hooks(lambda t: t, lambda t: t):
                pass

    def changing(t):
        t.add_(1)
        return t

    def change():
        with hooks(changing, lambda t: t):
            (x * 2).exp()

    return [error(y.sum().backward), error(use), error(disabled), error(change)]


def save_on_cpu(torch):
    x = torch.tensor([1.0, 2.0], requires_grad=True)
    with torch.autograd.graph.save_on_cpu():
        y = (x * x).sum()
    y.backward()
    return [x.grad]


def hook_order_across_graph(torch):
    x = torch.ones(1, requires_grad=True)
    log = []
    a = x * 2
    b = a * 3
    c = a * 4
    for name, t in (("a", a), ("b", b), ("c", c), ("x", x)):
        t.register_hook(lambda g, name=name: log.append([name, g.item()]))
    (b + c).backward()
    return [log]


def handle_as_context(torch):
    x = torch.ones(1, requires_grad=True)
    with x.register_hook(lambda g: g * 3):
        (x * 1).backward()
    (x * 1).backward()
    return [x.grad]


def backward_inside_hook(torch):
    x = torch.tensor(3.0, requires_grad=True)
    w = torch.tensor(2.0, requires_grad=True)
    y = x * x

    def hook(g):
        with torch.enable_grad():
            (w * w).backward()

    y.register_hook(hook)
    y.backward()
    return [x.grad, w.grad]


def multi_grad_hook(torch):
    a, b = torch.ones(1, requires_grad=True), torch.ones(1, requires_grad=True)
    log = []
    handle = torch.autograd.graph.register_multi_grad_hook(
        (a, b), lambda gs: log.append([None if g is None else g.tolist() for g in gs])
    )
    (a * b * 2).backward()
    (a * 3).backward()
    handle.remove()
    (a * b).backward()
    return [log]


def gradient_edges(torch):
    x = torch.ones(2, requires_grad=True)
    y = x * 2
    edge = torch.autograd.graph.get_gradient_edge(y)
    leaf = torch.autograd.graph.get_gradient_edge(x)
    return [
        edge.node.name(),
        edge.output_nr,
        leaf.node.name(),
        torch.autograd.grad((y * 3).sum(), edge),
        error(torch.autograd.graph.get_gradient_edge, torch.ones(1)),
        fn_name(y),
    ]


PROGRAMS = programs_of(globals())
