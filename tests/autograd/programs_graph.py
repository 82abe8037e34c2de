"""Programs about backward itself: accumulation, retained graphs, modes and errors."""

from __future__ import annotations

from observe import error, fn_name, programs_of


def second_backward_fails(torch):
    x = torch.ones(2, requires_grad=True)
    y = (x.exp() * x).sum()
    y.backward()
    s = x.sum()
    s.backward()
    s.backward()
    return [error(y.backward), x.grad]


def retained_graph(torch):
    x = torch.tensor([1.0, 2.0], requires_grad=True)
    y = (x * x).sum()
    y.backward(retain_graph=True)
    y.backward()
    return [x.grad, error(y.backward)]


def create_graph_keeps_history(torch):
    x = torch.tensor(2.0, requires_grad=True)
    y = x**3
    (g,) = torch.autograd.grad(y, x, create_graph=True)
    (h,) = torch.autograd.grad(g, x, create_graph=True)
    (k,) = torch.autograd.grad(h, x)
    return [g, h, k, g.requires_grad, k.requires_grad]


def backward_with_create_graph(torch):
    x = torch.tensor([1.0, 2.0], requires_grad=True)
    with torch.no_grad():
        pass
    y = (x.sin() * x).sum()
    y.backward(create_graph=True)
    g = x.grad
    x.grad = None
    (g * g).sum().backward()
    return [g, x.grad, g.requires_grad]


def unused_inputs(torch):
    x, z = torch.ones(2, requires_grad=True), torch.ones(3, requires_grad=True)
    y = x.sum()
    return [
        error(torch.autograd.grad, y, [x, z], retain_graph=True),
        torch.autograd.grad(y, [x, z], allow_unused=True, retain_graph=True),
        torch.autograd.grad(y, [x, z], materialize_grads=True, retain_graph=True),
        error(torch.autograd.grad, y, x, materialize_grads=True, allow_unused=False),
        error(torch.autograd.grad, y, torch.ones(2)),
        error(torch.autograd.grad, y, []),
    ]


def backward_inputs(torch):
    a, b = torch.ones(2, requires_grad=True), torch.ones(2, requires_grad=True)
    y = a * b
    y.sum().backward(inputs=[a], retain_graph=True)
    first = [a.grad, b.grad]
    y.sum().backward(inputs=b)
    return [first, a.grad, b.grad, error(y.sum().backward, inputs=[])]


def backward_inputs_nonleaf(torch):
    x = torch.ones(2, requires_grad=True)
    y = x * 3
    z = (y * y).sum()
    z.backward(inputs=[y])
    return [y.grad, x.grad]


def grad_of_intermediates(torch):
    x = torch.tensor([1.0, 2.0], requires_grad=True)
    y = x * 2
    z = y.exp()
    gy, gx, gz = torch.autograd.grad(z.sum(), [y, x, z])
    return [gy, gx, gz, x.grad]


def grad_of_itself(torch):
    x = torch.tensor(3.0, requires_grad=True)
    y = x * 2
    return [
        torch.autograd.grad(x, x),
        torch.autograd.grad(y, y, retain_graph=True),
        torch.autograd.grad(y, [x, x]),
    ]


def accumulates(torch):
    x = torch.ones(2, requires_grad=True)
    (x * 2).sum().backward()
    g = x.grad
    (x * 3).sum().backward()
    return [x.grad, g is x.grad, g, x.grad._version]


def several_roots(torch):
    x = torch.ones(3, requires_grad=True)
    a, b = x * 2, x * x
    torch.autograd.backward([a.sum(), b], [None, torch.ones(3)])
    return [x.grad, error(torch.autograd.backward, [x.sum(), x * 2], [None])]


def root_above_root(torch):
    x = torch.ones(2, requires_grad=True)
    a = x * 3
    b = a * a
    torch.autograd.backward([a, b], [torch.ones(2), torch.ones(2)])
    return [x.grad]


def same_root_twice(torch):
    x = torch.ones(2, requires_grad=True)
    y = (x * 2).sum()
    torch.autograd.backward([y, y])
    return [x.grad]


def leaf_root(torch):
    x = torch.tensor([1.0, 2.0], requires_grad=True)
    x.backward(torch.tensor([5.0, 6.0]))
    return [x.grad]


def wrong_roots(torch):
    x = torch.ones(2, requires_grad=True)
    y = x * 2
    c = torch.ones(2, dtype=torch.complex64, requires_grad=True)
    return [
        error(y.backward),
        error(torch.ones(()).backward),
        error(y.backward, torch.ones(3)),
        error(y.backward, torch.ones(2, 1)),
        error(c.sum().backward),
        error(torch.autograd.grad, y, x),
        error(y.backward, torch.ones(2, dtype=torch.complex64)),
        error(y.backward, 1.0),
    ]


def gradient_argument(torch):
    x = torch.ones(2, requires_grad=True)
    (x * 2).backward(torch.tensor([1.0, 10.0]))
    (x * 2).backward(gradient=torch.tensor([1.0, 10.0]))
    return [x.grad]


def node_names(torch):
    x = torch.rand(3, 3).requires_grad_()
    v = torch.rand(3).requires_grad_()
    outs = [
        x + 1, x - x, x * 2, x / 3, x**2, 2**x, -x, x.exp(), x.log(), x.sqrt(), x.sin(), x.tanh(),
        x.sigmoid(), x.relu(), x.abs(), x @ x, x @ v, v @ v, x.sum(), x.sum(0), x.mean(), x.mean(0),
        x.max(), x.max(0)[0], x.t(), x.view(9), x.reshape(9), x[0], x[:2], x[0, 1], x.transpose(0, 1),
        x.permute(1, 0), x.unsqueeze(0), x.squeeze(), x.expand(2, 3, 3), x.clone(), x.contiguous(),
        torch.cat([x, x]), torch.stack([x, x]), torch.where(x > 0, x, -x), x.clamp(0, 1), x.prod(),
        x.softmax(0), x.log_softmax(1), x.norm(), x.std(), x.var(0), x.to(torch.float64), x.flatten(),
        torch.addmm(v, x, x), torch.nn.functional.linear(x, x, v), x.cumsum(0), x.double(), x.unbind(0)[0],
        x.masked_fill(x > 0.5, 0), x.gather(0, torch.zeros(1, 3, dtype=torch.int64)), x.repeat(2, 1),
        x.view_as(x), x.detach(), x.logsumexp(0), x.bmm(x) if x.dim() == 3 else x.mm(x),
        torch.nn.functional.mse_loss(x, x), torch.nn.functional.gelu(x),
        torch.nn.functional.cross_entropy(x, torch.tensor([0, 1, 2])), x.narrow(0, 0, 1), x.min(), x.select(0, 1),
    ]  # fmt: skip
    return [fn_name(o) for o in outs]


def graph_structure(torch):
    x = torch.ones(2, 2, requires_grad=True)
    w = torch.ones(2, 2, requires_grad=True)
    y = (x @ w + 1).relu()
    node, names = y.grad_fn, []
    stack = [node]
    while stack:
        n = stack.pop()
        names.append([n.name(), [None if f is None else f.name() for f, _ in n.next_functions]])
        stack.extend(f for f, _ in n.next_functions if f is not None)
    leaf_node = node.next_functions[0][0].next_functions[0][0].next_functions[0][0]
    return [
        names,
        leaf_node.variable is x,
        node is y.grad_fn,
        node.metadata == {},
        type(node).__name__,
    ]


def modes(torch):
    x = torch.ones(2, requires_grad=True)
    seen = [torch.is_grad_enabled()]
    with torch.no_grad():
        seen.append((x * 2).requires_grad)
        with torch.enable_grad():
            seen.append((x * 2).requires_grad)
        with torch.set_grad_enabled(True):
            seen.append((x * 2).requires_grad)
        seen.append(torch.is_grad_enabled())
        seen.append(torch.zeros(2, requires_grad=True).requires_grad)
    try:
        with torch.no_grad():
            raise ValueError
    except ValueError:
        seen.append(torch.is_grad_enabled())
    torch.set_grad_enabled(False)
    seen.append(torch.is_grad_enabled())
    torch.set_grad_enabled(True)
    return seen


def mode_decorators(torch):
    x = torch.ones(2, requires_grad=True)

    @torch.no_grad()
    def off(t):
        return t * 2

    @torch.no_grad
    def bare(t):
        return t * 2

    @torch.enable_grad()
    def on(t):
        return t * 2

    @torch.set_grad_enabled(False)
    def setting(t):
        return t * 2

    @torch.inference_mode()
    def inference(t):
        return t * 2

    @torch.no_grad()
    def generator(t):
        got = yield (t * 2).requires_grad
        while got is not None:
            got = yield (t * got).requires_grad
        return "end"

    running = generator(x)
    seen = [next(running), torch.is_grad_enabled(), running.send(3), torch.is_grad_enabled()]
    try:
        next(running)
    except StopIteration as stop:
        seen.append(stop.value)
    with torch.no_grad():
        inner = on(x).requires_grad
    return [
        off(x).requires_grad, bare(x).requires_grad, inner, setting(x).requires_grad,
        inference(x).requires_grad, inference(x).is_inference(), seen, torch.is_grad_enabled(),
        off.__name__,
    ]  # fmt: skip


def generator_exceptions(torch):
    @torch.no_grad()
    def generator():
        try:
            yield torch.is_grad_enabled()
        except KeyError:
            yield [torch.is_grad_enabled(), "caught"]
        finally:
            log.append(torch.is_grad_enabled())

    log = []
    g = generator()
    seen = [next(g), g.throw(KeyError("x")), torch.is_grad_enabled()]
    g.close()
    return [seen, log, torch.is_grad_enabled()]


def inference_tensors(torch):
    with torch.inference_mode():
        a = torch.ones(2)
        b = a * 2
        state = [torch.is_inference_mode_enabled(), torch.is_grad_enabled(), b.is_inference()]
    w = torch.ones(2, requires_grad=True)
    return [
        state,
        a.requires_grad,
        error(lambda: w * a),
        error(a.add_, 1),
        (a + 1).is_inference(),
        a.clone().is_inference(),
        error(a.requires_grad_),
        error(lambda: a._version),
        error(lambda: torch.ones(2).copy_(a)),
    ]


def hessian_vector(torch):
    x = torch.tensor([1.0, 2.0, 3.0], dtype=torch.float64, requires_grad=True)
    y = (x**2 * x.flip(0).sin()).sum()
    (g,) = torch.autograd.grad(y, x, create_graph=True)
    rows = [torch.autograd.grad(g[i], x, retain_graph=True)[0] for i in range(3)]
    return [g, rows]


def gradient_penalty(torch):
    w = torch.tensor([[1.0, 2.0], [3.0, 4.0]], requires_grad=True)
    x = torch.tensor([[0.5, -1.0]], requires_grad=True)
    y = (x @ w).tanh().sum()
    (g,) = torch.autograd.grad(y, x, create_graph=True)
    ((g.norm() - 1) ** 2).backward()
    return [g, w.grad, x.grad]


def is_grads_batched(torch):
    x = torch.tensor([1.0, 2.0], requires_grad=True)
    y = x**2
    return [torch.autograd.grad(y, x, torch.eye(2), is_grads_batched=True)]


def grad_attribute(torch):
    x = torch.ones(2, requires_grad=True)
    x.grad = torch.tensor([1.0, 2.0])
    (x * 2).sum().backward()
    return [
        x.grad,
        error(setattr, x, "grad", 3),
        error(setattr, x, "grad", torch.ones(3)),
        error(setattr, x, "grad", torch.ones(2, dtype=torch.float64))[:57],
        error(setattr, x, "grad", x),
    ]


def gradient_aliasing(torch):
    x, y = torch.ones(2, requires_grad=True), torch.ones(2, requires_grad=True)
    g = torch.tensor([1.0, 2.0])
    x.backward(g)
    (x + y).backward(g)
    x.grad.zero_()
    return [x.grad, y.grad, g]


def shared_gradient_is_not_stolen(torch):
    x, y = torch.ones(2, requires_grad=True), torch.ones(2, requires_grad=True)
    (x + y).sum().backward()
    x.grad.mul_(5)
    return [x.grad, y.grad]


def complex_gradients(torch):
    z = torch.tensor([1 + 2j, 3 - 1j], requires_grad=True)
    (z * z.conj()).real.sum().backward()
    first = z.grad.clone()
    z.grad = None
    r = torch.tensor([2.0, 3.0], requires_grad=True)
    (r * z).abs().sum().backward()
    return [first, z.grad, r.grad]


def mixed_dtype_gradients(torch):
    a = torch.ones(2, requires_grad=True)
    b = torch.ones(2, dtype=torch.float64, requires_grad=True)
    (a * b).sum().backward()
    return [str(a.grad.dtype).split(".")[-1], str(b.grad.dtype).split(".")[-1], a.grad]


def broadcast_gradients(torch):
    a = torch.ones(3, 1, requires_grad=True)
    b = torch.ones(4, requires_grad=True)
    c = torch.tensor(2.0, requires_grad=True)
    (a * b * c + c).sum().backward()
    return [a.grad, b.grad, c.grad]


def list_arguments(torch):
    a = torch.ones(2, requires_grad=True)
    b = torch.ones(1)
    y = torch.cat([a, b, a])
    (y * torch.arange(5.0)).sum().backward()
    return [a.grad, b.grad, fn_name(torch.cat([b, b]))]


def leaf_copy_and_pickle(torch):
    import copy

    x = torch.tensor([1.0], requires_grad=True)
    x.grad = torch.tensor([2.0])
    y = copy.deepcopy(x)
    return [y.requires_grad, y.grad, y is x, error(copy.deepcopy, x * 2)[:104]]


PROGRAMS = programs_of(globals())
