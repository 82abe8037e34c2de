"""Programs about classes and modes that handle functions: __torch_function__."""

from __future__ import annotations

import copy
import operator

from observe import error, fn_name, programs_of


def _seen(torch, func):
    return torch.overrides.resolve_name(func) or func.__name__


def _recorder(torch, log):
    class Duck:
        @classmethod
        def __torch_function__(cls, func, types, args=(), kwargs=None):
            log.append([_seen(torch, func), [t.__name__ for t in types]])
            return "handled"

    return Duck()


def duck_types_in_functions(torch):
    log = []
    duck, x = _recorder(torch, log), torch.ones(2, 3)
    functional = torch.nn.functional
    results = [
        torch.add(duck, 1),
        torch.add(x, duck),
        torch.add(input=x, other=duck),
        torch.cat([x, duck]),
        torch.stack((duck, duck)),
        torch.mean(duck, dim=0),
        torch.allclose(x, duck),
        torch.ones_like(duck),
        torch.numel(duck),
        functional.linear(x, duck),
        functional.relu(duck),
        functional.conv2d(duck, x),
        torch.linalg.norm(duck),
        torch.fft.fft(duck),
    ]
    return [results, log]


def duck_types_in_methods_and_operators(torch):
    log = []
    duck, x = _recorder(torch, log), torch.ones(2, 3)
    results = [x + duck, duck + x, duck * x, x @ duck, x.add(duck), x[duck], x < duck]
    x[0] = duck
    return [results, log]


def duck_types_are_not_tensors(torch):
    duck = _recorder(torch, [])
    with torch._C.DisableTorchFunctionSubclass():
        refused = error(torch.add, duck, 1).partition(":")[0]
    return [
        torch.is_tensor(duck),
        torch.overrides.is_tensor_like(duck),
        torch.overrides.is_tensor_like(torch.ones(1)),
        torch.overrides.has_torch_function([duck]),
        torch.overrides.has_torch_function((torch.ones(1), 2)),
        torch.overrides.has_torch_function_unary(torch.nn.Parameter(torch.ones(1))),
        torch.overrides.has_torch_function_variadic(1, duck),
        refused,
    ]


def subclasses_are_preserved(torch):
    class Mine(torch.Tensor):
        pass

    m, x = torch.ones(2, 3).as_subclass(Mine), torch.ones(2, 3)
    made = [
        m + 1,
        1 - m,
        x * m,
        2 / m,
        m**2,
        2**m,
        -m,
        abs(m),
        m > 1,
        m @ x.T,
        m // 2,
        7 % m,
        ~(m > 1),
        m[0],
        m.T,
        m.sum(),
        m.view(-1),
        m.to(torch.float64),
        m.detach(),
        m.clone(),
        m.new_zeros(2),
        m.data,
        torch.stack([x, m]),
        torch.nn.functional.relu(m),
        torch.nn.Linear(3, 2)(m),
        torch.zeros_like(m),
        copy.copy(m),
        m.max(0).values,
        m.split(1)[1],
        list(m)[0],
        torch.tensor([1.0]) + m.sum(),
    ]
    plain = [type(v).__name__ for v in (m.shape, m.numpy(), m.tolist(), m.dtype, m.dim(), len(m))]
    return [[type(v).__name__ for v in made], plain, type(torch.nn.Parameter(m)).__name__]


def subclasses_print_and_differentiate(torch):
    class Mine(torch.Tensor):
        pass

    m = torch.ones(2).as_subclass(Mine).requires_grad_()
    y = (m * 2).sum()
    name = fn_name(y)
    y.backward()
    return [repr(m), str(y), name, type(m.grad).__name__, m.grad, m.is_leaf, m.requires_grad]


def handlers_see_every_access(torch):
    log = []

    class Logged(torch.Tensor):
        @classmethod
        def __torch_function__(cls, func, types, args=(), kwargs=None):
            log.append(_seen(torch, func))
            return super().__torch_function__(func, types, args, kwargs or {})

    s, x = torch.ones(2, 3).as_subclass(Logged), torch.ones(2, 3)
    s + 1, s * x, x * s, 1 - s, s @ x.T, -s, s > 1
    s[0], s.shape, s.dtype, s.T, s.size(), s.dim(), s.sum(), s.is_leaf, s.device
    len(s), s.tolist(), s.detach().add_(1), torch.add(x, x, out=s.detach())
    s[0] = 2
    s.requires_grad = True
    repr(s.grad)
    operator.iadd(s.detach(), 1)
    bool(s.detach().sum() > 0)
    return log


def the_most_derived_class_is_asked_first(torch):
    log = []

    class A(torch.Tensor):
        @classmethod
        def __torch_function__(cls, func, types, args=(), kwargs=None):
            log.append([cls.__name__, [t.__name__ for t in types]])
            return super().__torch_function__(func, types, args, kwargs or {})

    class B(A):
        pass

    a, b = torch.ones(2).as_subclass(A), torch.ones(2).as_subclass(B)
    return [type(a + b).__name__, type(torch.add(b, a)).__name__, log]


def declining_handlers(torch):
    class Declines(torch.Tensor):
        @classmethod
        def __torch_function__(cls, func, types, args=(), kwargs=None):
            return NotImplemented

    class Other(torch.Tensor):
        pass

    d, o = torch.ones(2).as_subclass(Declines), torch.ones(2).as_subclass(Other)
    relu = torch.nn.functional.relu
    return [
        error(torch.add, d, 1),
        error(torch.Tensor.add, d, 1),
        error(operator.add, d, 1),
        error(operator.add, o, d),
        error(relu, d).partition("[")[0],
    ]


def functions_of_ones_own(torch):
    log = []
    duck = _recorder(torch, log)
    overrides = torch.overrides

    def area(shape):
        if overrides.has_torch_function((shape,)):
            return overrides.handle_torch_function(area, (shape,), shape)
        return shape.sum()

    @overrides.wrap_torch_function(lambda v: (v,))
    def length(v):
        return v.numel()

    return [area(duck), area(torch.ones(3)), length(duck), length(torch.ones(3)), log]


def _log_mode(torch, log, tag):
    class Log(torch.overrides.TorchFunctionMode):
        def __torch_function__(self, func, types, args=(), kwargs=None):
            log.append([tag, func.__name__])
            return func(*args, **(kwargs or {}))

    return Log()


def modes_see_calls(torch):
    log = []
    x = torch.ones(2, 3)
    with _log_mode(torch, log, "outer"):
        x + x
        x.sum()
        torch.ones(2)
        torch.nn.functional.relu(x)
        x[0]
        repr(x.shape)
        with _log_mode(torch, log, "inner"):
            torch.exp(x)
    x + x
    return log


def modes_change_results(torch):
    class Doubled(torch.overrides.TorchFunctionMode):
        def __torch_function__(self, func, types, args=(), kwargs=None):
            result = func(*args, **(kwargs or {}))
            return result * 2 if func is torch.exp else result

    with Doubled():
        inside = torch.exp(torch.zeros(1))
    with torch.overrides.BaseTorchFunctionMode():
        same = torch.exp(torch.zeros(1))
    return [inside, torch.exp(torch.zeros(1)), same]


def modes_that_decline(torch):
    class Declines(torch.overrides.TorchFunctionMode):
        def __torch_function__(self, func, types, args=(), kwargs=None):
            return NotImplemented

    x = torch.ones(1)
    with Declines():
        text = error(torch.exp, x)
    with torch.overrides.TorchFunctionMode():
        bare = error(torch.exp, x)
    return [text, bare, torch.exp(torch.zeros(1))]


def names_of_functions(torch):
    resolve = torch.overrides.resolve_name
    functions = [
        torch.add,
        torch.Tensor.add,
        torch.nn.functional.relu,
        torch.linalg.norm,
        torch.fft.fft,
        torch.Tensor.split,
        torch.Tensor.shape.__get__,
        torch.Tensor.T.__get__,
        torch.stack,
        len,
    ]
    return [
        [resolve(f) for f in functions],
        [torch.overrides.is_tensor_method_or_property(f) for f in functions],
        torch.tensor in torch.overrides.get_ignored_functions(),
        torch.Tensor.grad.__get__ in torch.overrides.get_default_nowrap_functions(),
        torch.add in torch.overrides.get_testing_overrides(),
    ]


def parts_are_assigned(torch):
    z = torch.zeros(2, dtype=torch.complex64)
    z.real = torch.tensor([1.0, 2.0])
    z.imag = 3
    x = torch.zeros(2)
    x.real = torch.tensor([5.0, 6.0])
    base = torch.zeros(2, dtype=torch.complex64, requires_grad=True)
    w = torch.ones(2, requires_grad=True)
    y = base * 1
    y.imag = w
    name = fn_name(y)
    (y.imag * 3).sum().backward()

    def wrong(attribute, value):
        return error(setattr, torch.zeros(2, dtype=torch.complex64), attribute, value)

    return [
        z,
        x,
        name,
        w.grad,
        base.grad,
        wrong("real", torch.ones(3)),
        wrong("real", [1, 2]).partition(":")[0],
        error(setattr, x, "imag", torch.ones(2)),
    ]


def nodes_of_fill(torch):
    w = torch.ones(3, requires_grad=True)
    v = torch.tensor(2.0, requires_grad=True)
    made = [
        (w * 1).fill_(2),
        (w * 1).fill_(v),
        torch.fill(w, 2),
        torch.fill(w, v),
        (w * 1).zero_(),
    ]
    grads = [torch.autograd.grad(m.sum(), (w, v), allow_unused=True) for m in made]
    refused = error((w * 1).fill_, torch.ones(3))
    return [[fn_name(m) for m in made], grads, refused]


PROGRAMS = programs_of(globals())
