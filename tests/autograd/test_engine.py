"""Long chains, threads, memory and lifetimes."""

from __future__ import annotations

import gc
import threading
import traceback
import weakref

import pytest

import rushlight as torch
from rushlight import _C
from rushlight.autograd import Function


class _Identity(Function):
    @staticmethod
    def forward(ctx, x):
        return x * 1

    @staticmethod
    def backward(ctx, g):
        return g


def test_a_million_operators() -> None:
    x = torch.ones(1, requires_grad=True)
    y = x
    for _ in range(1_000_000):
        y = -y
    y.backward()
    assert x.grad.item() == 1.0
    del y


def test_a_long_chain_is_freed_without_backward() -> None:
    x = torch.ones(1, requires_grad=True)
    y = x
    for _ in range(300_000):
        y = y * x
    del y
    assert x.grad is None


def test_a_deep_chain_of_functions() -> None:
    x = torch.ones(1, requires_grad=True)
    y = x
    for _ in range(20_000):
        y = _Identity.apply(y)
    y.backward()
    assert x.grad.item() == 1.0


def test_a_deep_chain_of_views_and_changes() -> None:
    x = torch.ones(4, requires_grad=True)
    y = x * 1
    for i in range(2_000):
        y[i % 4] *= 1.0
    y.sum().backward()
    assert x.grad.tolist() == [1.0] * 4


def test_wide_graph() -> None:
    x = torch.ones(3, requires_grad=True)
    total = sum((x * i for i in range(1_000)), torch.zeros(3))
    total.sum().backward()
    assert x.grad.tolist() == [499_500.0] * 3


@pytest.mark.parametrize("size", [16, 100_000])
def test_threads_accumulate_into_one_leaf(size: int) -> None:
    x = torch.ones(size, requires_grad=True)
    failures = []

    def work() -> None:
        try:
            for _ in range(5):
                (x * 2).sum().backward()
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=work) for _ in range(8)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert not failures
    assert bool((x.grad == 80).all())


def test_threads_share_a_retained_graph() -> None:
    x = torch.ones(50_000, requires_grad=True)
    y = (x * x).sum()
    threads = [threading.Thread(target=lambda: y.backward(retain_graph=True)) for _ in range(8)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert bool((x.grad == 16).all())


def test_grad_mode_belongs_to_the_thread() -> None:
    seen = []
    with torch.no_grad():
        thread = threading.Thread(target=lambda: seen.append(torch.is_grad_enabled()))
        thread.start()
        thread.join()
    assert seen == [True]


def _resident_kib() -> int:
    with open("/proc/self/status", encoding="ascii") as status:
        return next(int(line.split()[1]) for line in status if line.startswith("VmRSS"))


def test_memory_does_not_grow() -> None:
    w = torch.ones(8, 8, requires_grad=True)
    x = torch.ones(8, 8)

    def steps(n: int) -> None:
        for _ in range(n):
            y = _Identity.apply((w * x).tanh())
            y.register_hook(lambda g: g)
            y[0].mul_(2)
            y.sum().backward()
            w.grad = None

    steps(2_000)
    before = _resident_kib()
    steps(10_000)
    assert _resident_kib() - before < 2_000


def test_a_retained_tensor_may_die_before_backward() -> None:
    x = torch.ones(1_000, requires_grad=True)
    y = x * 2
    y.retain_grad()
    z = y * 3
    del y
    fillers = [torch.zeros(1_000) for _ in range(50)]
    z.sum().backward()
    assert x.grad[0].item() == 6.0
    assert not any(bool(f.any()) for f in fillers)


def test_a_context_that_holds_its_output_is_collected() -> None:
    class Holds(Function):
        @staticmethod
        def forward(ctx, x):
            ctx.out = x * 2
            return ctx.out

        @staticmethod
        def backward(ctx, g):
            return g * 2

    x = torch.ones(1, requires_grad=True)
    y = Holds.apply(x)
    watch = weakref.ref(y.grad_fn)
    del y
    gc.collect()
    assert watch() is None


def test_a_hook_that_holds_its_tensor_is_collected() -> None:
    class Marker:
        pass

    for make in (
        lambda: torch.ones(1, requires_grad=True),
        lambda: torch.ones(1, requires_grad=True) * 2,
    ):
        x, marker = make(), Marker()
        x.register_hook(lambda g, x=x, marker=marker: None)
        watch = weakref.ref(marker)
        del x, marker
        gc.collect()
        assert watch() is None


def test_weak_references_outlive_the_python_object() -> None:
    x = torch.ones(2, requires_grad=True)
    x.note = 5
    watch = weakref.ref(x)
    y = x * 2
    del x
    gc.collect()
    assert watch().note == 5
    y.sum().backward()
    assert watch().grad.tolist() == [2.0, 2.0]
    kept = watch()
    del y
    gc.collect()
    assert kept.note == 5
    assert (kept + 1).tolist() == [2.0, 2.0]
    del kept
    assert watch() is None


def test_a_parameter_held_by_the_graph_alone_dies_with_it() -> None:
    p = torch.nn.Parameter(torch.ones(2))
    watch = weakref.ref(p)
    y = (p * p).sum()
    del p
    gc.collect()
    assert type(watch()) is torch.nn.Parameter
    y.backward()
    del y
    gc.collect()
    assert watch() is None


def test_the_traceback_of_an_error_in_backward_is_kept() -> None:
    class Bad(Function):
        @staticmethod
        def forward(ctx, x):
            return x * 2

        @staticmethod
        def backward(ctx, g):
            raise LookupError("here")

    y = Bad.apply(torch.ones(1, requires_grad=True))
    with pytest.raises(LookupError, match="here") as caught:
        y.backward()
    assert traceback.extract_tb(caught.value.__traceback__)[-1].line == 'raise LookupError("here")'
    assert torch.is_grad_enabled()


def test_callbacks_of_a_failed_backward_do_not_run_later() -> None:
    log = []
    x = torch.ones(1, requires_grad=True)

    def failing(g):
        _C._queue_backward_callback(lambda: log.append("late"))
        raise ValueError

    handle = x.register_hook(failing)
    with pytest.raises(ValueError):
        (x * 2).backward()
    handle.remove()
    (x * 2).backward()
    assert log == []


def test_gradients_that_nobody_asked_for_are_not_computed() -> None:
    log = []

    class Watched(Function):
        @staticmethod
        def forward(ctx, x):
            return x * 2

        @staticmethod
        def backward(ctx, g):
            log.append("run")
            return g * 2

    a, b = torch.ones(2, requires_grad=True), torch.ones(2, requires_grad=True)
    y = (Watched.apply(a) * b).sum()
    torch.autograd.grad(y, b)
    assert log == []


def test_errors_say_what_to_do() -> None:
    x = torch.ones(2, requires_grad=True)

    def twice(run):
        y = (x * x).sum()
        run(y)
        run(y)

    def overwritten(run):
        y = x.exp()
        y += 1
        run(y.sum())

    def detached(run):
        run((x.detach() * 2).sum())

    for misuse, first, note in (
        (twice, "Trying to backward through the graph a second time", "compute the loss anew"),
        (overwritten, "modified by an inplace operation", "write y = y + 1 instead of y += 1"),
        (detached, "element 0 of tensors does not require grad", "was not recorded"),
    ):
        for run in (torch.Tensor.backward, lambda y: torch.autograd.grad(y, x)):
            with pytest.raises(RuntimeError, match=first) as caught:
                misuse(run)
            (shown,) = caught.value.__notes__
            assert shown.startswith("backward: ") and note in shown


def test_types_of_nodes() -> None:
    x = torch.ones(2, requires_grad=True)
    y = x.exp()
    assert type(y.grad_fn).__name__ == "ExpBackward0"
    assert repr(y.grad_fn).startswith("<ExpBackward0 object at 0x")
    assert isinstance(y.grad_fn, torch.autograd.graph.Node)
    assert repr(y.grad_fn.next_functions[0][0]).startswith("<AccumulateGrad object at 0x")
