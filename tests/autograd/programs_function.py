"""Programs about autograd.Function."""

from __future__ import annotations

from observe import error, fn_name, programs_of


def saved_tensors(torch):
    class Mul(torch.autograd.Function):
        @staticmethod
        def forward(ctx, a, b, scale=2):
            ctx.save_for_backward(a, b)
            ctx.scale = scale
            return a * b * scale

        @staticmethod
        def backward(ctx, g):
            a, b = ctx.saved_tensors
            seen.append(ctx.needs_input_grad)
            return g * b * ctx.scale, g * a * ctx.scale, None

    seen = []
    a = torch.tensor([1.0, 2.0], requires_grad=True)
    b = torch.tensor([3.0, 4.0])
    y = Mul.apply(a, b, 5)
    names = [fn_name(y), type(y.grad_fn).__name__, y.requires_grad]
    y.sum().backward()
    return [names, a.grad, seen, error(y.sum().backward), Mul.apply(b, b, 1).requires_grad]


def wrong_results(torch):
    def make(result):
        class F(torch.autograd.Function):
            @staticmethod
            def forward(ctx, a, b):
                return a * b

            @staticmethod
            def backward(ctx, g):
                return result(g)

        return F

    a, b = torch.ones(2, requires_grad=True), torch.ones(2, requires_grad=True)
    out = []
    for result in (
        lambda g: g,
        lambda g: (g, g, g),
        lambda g: (g, g, None),
        lambda g: (g, torch.ones(3)),
        lambda g: (g, 3.0),
        lambda g: (g, None),
        lambda g: (g.double(), g),
        lambda g: (g.sum(), g),
        lambda g: [g, g],
    ):
        out.append(error(make(result).apply(a, b).sum().backward))
    return [out, a.grad, b.grad]


def not_implemented(torch):
    class NoForward(torch.autograd.Function):
        @staticmethod
        def backward(ctx, g):
            return g

    class NoBackward(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            return x * 2

    x = torch.ones(1, requires_grad=True)
    return [error(NoForward.apply, x), error(NoBackward.apply(x).backward)]


def dirty(torch):
    class Double(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            x.mul_(2)
            ctx.mark_dirty(x)
            return x

        @staticmethod
        def backward(ctx, g):
            return g * 2

    x = torch.ones(2, requires_grad=True)
    y = x * 3
    z = Double.apply(y)
    state = [z is y, fn_name(y), y._version]
    y.sum().backward()
    base = x * 1
    view = base[:1]
    Double.apply(view)
    names = [fn_name(base), fn_name(view)]
    base.sum().backward()
    return [state, x.grad, names, error(Double.apply, x), error(Double.apply, x[:1])]


def constant_outputs(torch):
    class Sort(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            values, index = x.sort()
            ctx.mark_non_differentiable(index)
            ctx.save_for_backward(index)
            return values, index

        @staticmethod
        def backward(ctx, g, unused):
            seen.append([unused is None, None if unused is None else unused.tolist()])
            (index,) = ctx.saved_tensors
            return torch.zeros_like(g).scatter(0, index, g)

    seen = []
    x = torch.tensor([3.0, 1.0, 2.0], requires_grad=True)
    values, index = Sort.apply(x)
    (values * torch.arange(3.0)).sum().backward()
    return [index.requires_grad, values.requires_grad, x.grad, seen]


def missing_gradients(torch):
    def make(flag):
        class Two(torch.autograd.Function):
            @staticmethod
            def forward(ctx, x):
                ctx.set_materialize_grads(flag)
                return x * 1, x * 2

            @staticmethod
            def backward(ctx, a, b):
                seen.append([None if g is None else g.tolist() for g in (a, b)])
                return a

        return Two

    seen = []
    x = torch.ones(2, requires_grad=True)
    for flag in (True, False):
        make(flag).apply(x)[0].sum().backward()
    return [seen, x.grad]


def once_differentiable(torch):
    class F(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            ctx.save_for_backward(x)
            return x**2

        @staticmethod
        @torch.autograd.function.once_differentiable
        def backward(ctx, g):
            (x,) = ctx.saved_tensors
            seen.append(torch.is_grad_enabled())
            return 2 * x * g

    seen = []
    x = torch.tensor(3.0, requires_grad=True)
    y = F.apply(x)
    (g,) = torch.autograd.grad(y, x, create_graph=True)
    return [g, g.requires_grad, error(g.backward), seen]


def twice_differentiable(torch):
    class Cube(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            ctx.save_for_backward(x)
            return x**3

        @staticmethod
        def backward(ctx, g):
            (x,) = ctx.saved_tensors
            return 3 * x**2 * g

    x = torch.tensor(2.0, requires_grad=True)
    (g,) = torch.autograd.grad(Cube.apply(x), x, create_graph=True)
    (h,) = torch.autograd.grad(g, x)
    return [g, h]


def output_saved(torch):
    class Exp(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            y = x.exp()
            ctx.save_for_backward(y)
            return y

        @staticmethod
        def backward(ctx, g):
            (y,) = ctx.saved_tensors
            return g * y

    x = torch.tensor(1.0, requires_grad=True)
    y = Exp.apply(x)
    (g,) = torch.autograd.grad(y, x, create_graph=True)
    (h,) = torch.autograd.grad(g, x)
    z = Exp.apply(x)
    z.mul_(2)
    return [g, h, error(z.backward)]


def with_setup_context(torch):
    class Square(torch.autograd.Function):
        @staticmethod
        def forward(x, n):
            return x**n

        @staticmethod
        def setup_context(ctx, inputs, output):
            x, n = inputs
            ctx.save_for_backward(x)
            ctx.n = n

        @staticmethod
        def backward(ctx, g):
            (x,) = ctx.saved_tensors
            return g * ctx.n * x ** (ctx.n - 1), None

    x = torch.tensor(3.0, requires_grad=True)
    Square.apply(x, 3).backward()
    return [x.grad]


def input_returned(torch):
    class Same(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            return x

        @staticmethod
        def backward(ctx, g):
            return g * 10

    class View(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            return x.view(-1)

        @staticmethod
        def backward(ctx, g):
            return g.view(1, 2) * 2

    x = torch.ones(1, 2, requires_grad=True)
    y = Same.apply(x)
    v = View.apply(x)
    (y.sum() + v.sum()).backward()
    w = View.apply(x * 1)
    return [y is x, fn_name(y), x.grad, x.grad_fn is None, fn_name(v), error(w.add_, 1)]


def exceptions(torch):
    class Bad(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            return x * 2

        @staticmethod
        def backward(ctx, g):
            raise LookupError("in backward")

    x = torch.ones(1, requires_grad=True)
    y = Bad.apply(x) * 2
    try:
        y.backward()
    except LookupError as raised:
        import traceback

        frames = [f.name for f in traceback.extract_tb(raised.__traceback__)]
    z = (x * 2).sum()
    z.backward()
    return ["backward" in frames, frames[-1], error(y.backward), torch.is_grad_enabled(), x.grad]


def forward_modes(torch):
    class F(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            seen.append([torch.is_grad_enabled(), x.requires_grad])
            return (x * 2).detach()

        @staticmethod
        def backward(ctx, g):
            seen.append([torch.is_grad_enabled(), g.requires_grad])
            return g * 2

    seen = []
    x = torch.ones(1, requires_grad=True)
    F.apply(x).backward()
    torch.autograd.grad(F.apply(x), x, create_graph=True)
    with torch.no_grad():
        y = F.apply(x)
    return [seen, y.requires_grad, x.grad]


def other_outputs(torch):
    class F(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            return x * 2, 7, "text", x.long()

        @staticmethod
        def backward(ctx, *gs):
            seen.append([None if g is None else list(g.shape) for g in gs])
            return gs[0] * 2

    class L(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            return [x * 2]

        @staticmethod
        def backward(ctx, g):
            return g

    seen = []
    x = torch.ones(2, requires_grad=True)
    y, seven, text, i = F.apply(x)
    y.sum().backward()
    return [seven, text, i.requires_grad, x.grad, seen, error(L.apply, x)]


def reentrant(torch):
    class Checkpoint(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            ctx.save_for_backward(x)
            return x.exp()

        @staticmethod
        def backward(ctx, g):
            (x,) = ctx.saved_tensors
            with torch.enable_grad():
                d = x.detach().requires_grad_()
                y = d.exp()
            torch.autograd.backward(y, g)
            return d.grad

    x = torch.tensor([0.0, 1.0], requires_grad=True)
    Checkpoint.apply(Checkpoint.apply(x)).sum().backward()
    return [x.grad]


def instance_and_call(torch):
    class F(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            ctx.note = "kept"
            return x * 1

        @staticmethod
        def backward(ctx, g):
            return g

    x = torch.ones(1, requires_grad=True)
    y = F.apply(x)
    y.grad_fn.extra = 5
    return [y.grad_fn.note, y.grad_fn.extra, [f.name() for f, _ in y.grad_fn.next_functions]]


def saves_twice(torch):
    class F(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            ctx.save_for_backward(x, None)
            return x * 1

        @staticmethod
        def backward(ctx, g):
            seen.append([t is None for t in ctx.saved_tensors])
            return g

    class Wrong(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            ctx.save_for_backward(x, 5)
            return x * 1

    seen = []
    x = torch.ones(1, requires_grad=True)
    F.apply(x).backward()
    return [seen, error(Wrong.apply, x)]


def changed_after_saving(torch):
    class F(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            ctx.save_for_backward(x)
            return x * 1

        @staticmethod
        def backward(ctx, g):
            return g * ctx.saved_tensors[0]

    x = torch.ones(1, requires_grad=True)
    y = x * 1
    z = F.apply(y)
    y.add_(1)
    return [error(z.backward)]


def integer_input(torch):
    class Take(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x, i):
            ctx.save_for_backward(i)
            ctx.n = x.shape
            return x[i]

        @staticmethod
        def backward(ctx, g):
            (i,) = ctx.saved_tensors
            seen.append(list(ctx.needs_input_grad))
            return torch.zeros(ctx.n).index_add(0, i, g), None

    seen = []
    x = torch.ones(3, requires_grad=True)
    Take.apply(x, torch.tensor([0, 2, 2])).sum().backward()
    return [x.grad, seen]


def _mul_of(torch, seen):
    class Mul(torch.autograd.Function):
        @staticmethod
        def forward(ctx, a, scale, b, c):
            seen.append(["forward", ctx.needs_input_grad])
            ctx.save_for_backward(a, b)
            return a * b * scale + c

        @staticmethod
        def backward(ctx, g):
            a, b = ctx.saved_tensors
            seen.append(["backward", ctx.needs_input_grad])
            return g * b * 3, None, g * a * 3, g

    return Mul


def needs_input_grad_of_a_backward(torch):
    seen = []
    a, b = (torch.tensor(v, requires_grad=True) for v in (2.0, 3.0))
    out = []
    for ways in ([a], [b], [a, b]):
        y = _mul_of(torch, seen).apply(a.exp(), 3, b, torch.tensor(1.0))
        y.grad_fn.register_prehook(lambda g, f=y.grad_fn: seen.append(["pre", f.needs_input_grad]))
        y.grad_fn.register_hook(
            lambda gi, go, f=y.grad_fn: seen.append(["post", f.needs_input_grad, gi, go])
        )
        out.append(torch.autograd.grad(y, ways, retain_graph=True))
        y.backward(inputs=ways, retain_graph=True)
        y.grad_fn.needs_input_grad = (1, 2, 3, 4)
        out.append(torch.autograd.grad(y, ways))
    return [out, seen]


def edges_are_those_of_tensors(torch):
    y = _mul_of(torch, []).apply(torch.ones(2, requires_grad=True), 3, torch.ones(2), torch.ones(2))
    return [[f and f.name(), i] for f, i in y.grad_fn.next_functions]


def gradients_at_wrong_places(torch):
    class F(torch.autograd.Function):
        @staticmethod
        def forward(ctx, a, k, b, n):
            return a * b * k

        @staticmethod
        def backward(ctx, g):
            return results[-1]

    one = torch.ones(2)
    out, results = [], []
    for result in (
        (one, one, one, None),
        (one, 2, one, None),
        (one, None, torch.ones(3), None),
        (one, None, 2, None),
        (one, None, one, torch.ones(5)),
        (one, None, one, None, None),
        (None, None, one, None),
    ):
        results.append(result)
        a, b = torch.ones(2, requires_grad=True), torch.ones(2, requires_grad=True)
        out.append([error(F.apply(a, 3, b, one).sum().backward), a.grad, b.grad])
    return out


def what_the_class_offers(torch):
    function = torch.autograd.function
    out = []
    for name in (
        *("save_for_backward", "mark_dirty", "mark_non_differentiable", "set_materialize_grads"),
        *("save_for_forward", "saved_variables", "saved_tensors", "needs_input_grad"),
        *("to_save", "dirty_tensors", "non_differentiable", "next_functions", "metadata", "name"),
        *("register_hook", "register_prehook", "vmap", "jvp", "vjp", "_sequence_nr"),
    ):
        out.append([name])
        for cls in (
            function.Function,
            function.FunctionCtx,
            function.BackwardCFunction,
            function.InplaceFunction,
            function.NestedIOFunction,
            _mul_of(torch, []),
        ):
            out[-1].append(hasattr(cls, name))
    cls = function.Function
    same = cls.save_for_backward is function.FunctionCtx.save_for_backward
    return [out, same, cls.vjp is cls.backward, issubclass(cls, function.FunctionCtx)]


def context_before_and_after_forward(torch):
    class F(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            out.append([ctx.saved_tensors, ctx.needs_input_grad, ctx.to_save, ctx.dirty_tensors])
            out.append([ctx.non_differentiable, ctx.saved_for_forward, ctx.metadata, ctx.name()])
            ctx.metadata["from"] = "forward"
            ctx.save_for_backward(x)
            out.append(ctx.to_save)
            return x * 1

        @staticmethod
        def backward(ctx, g):
            return g

    out = []
    F.apply(torch.ones(1))
    y = F.apply(torch.ones(1, requires_grad=True))
    ctx = y.grad_fn
    out.append([ctx.metadata, ctx.to_save, ctx.saved_tensors, type(ctx).__module__.split(".")[1:]])
    return out


PROGRAMS = programs_of(globals())
