"""Checks of gradients against finite differences."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from typing import Any

from .. import _C
from ._backward import grad

__all__ = ["gradcheck", "gradgradcheck", "GradcheckError"]

Tensor = _C.Tensor


class GradcheckError(RuntimeError):
    """A gradient is not what finite differences say."""


def _as_tuple(value: Any) -> tuple:
    return tuple(value) if isinstance(value, (tuple, list)) else (value,)


def _differentiable(tensors: Sequence) -> list:
    return [
        t for t in tensors if isinstance(t, Tensor) and (t.is_floating_point() or t.is_complex())
    ]


def _outputs(fn: Callable, inputs: tuple) -> list:
    outputs = _differentiable(_as_tuple(fn(*inputs)))
    return [o for o in outputs if o.requires_grad]


def _check_inputs(inputs: tuple, masked: bool) -> None:
    wanted = [t for t in inputs if isinstance(t, Tensor) and t.requires_grad]
    if not wanted:
        raise ValueError(
            "gradcheck expects at least one input tensor to require gradient, but none of them have "
            "requires_grad=True."
        )
    for index, t in enumerate(inputs):
        if not (isinstance(t, Tensor) and t.requires_grad):
            continue
        if str(t.dtype).rsplit(".", 1)[-1] not in ("float64", "complex128"):
            warnings.warn(
                f"Input #{index} requires gradient and is not a double precision floating point or complex. This check "
                "will likely fail if all the inputs are not of double precision floating point or complex. ",
                stacklevel=4,
            )
        if any(n > 1 and s == 0 for n, s in zip(t.shape, t.stride())):
            raise RuntimeError(
                f"The {index}th input has a dimension with stride 0. gradcheck only supports inputs that are "
                "non-overlapping to be able to compute the numerical gradients correctly. You should call .contiguous on "
                "the input before passing it to gradcheck."
            )


def _steps(x: Tensor, eps: float) -> list:
    """The directions in which an input is moved: along reals, for complex inputs along imaginaries too."""
    return [eps, eps * 1j] if x.is_complex() else [eps]


def _numerical(fn: Callable, inputs: tuple, x: Tensor, n_outputs: int, eps: float) -> list:
    """For each direction and output a list of columns d output / d x[i], flat."""
    data = x.data  # changes through it are not counted: what the graph saved stays valid
    columns: list = [[[] for _ in range(n_outputs)] for _ in _steps(x, eps)]
    for index in _positions(x.shape):
        kept = data[index].clone()
        for d, step in enumerate(_steps(x, eps)):
            data[index] = kept + step
            high = _flat_outputs(fn, inputs)
            data[index] = kept - step
            low = _flat_outputs(fn, inputs)
            data[index] = kept
            for o in range(n_outputs):
                columns[d][o].append((high[o] - low[o]) / (2 * eps))
    return columns


def _flat_outputs(fn: Callable, inputs: tuple) -> list:
    return [o.detach().clone().reshape(-1) for o in _differentiable(_as_tuple(fn(*inputs)))]


def _positions(shape: Sequence[int]):
    if len(shape) == 0:
        yield ()
        return
    for i in range(shape[0]):
        for rest in _positions(shape[1:]):
            yield (i, *rest)


def _analytical(output: Tensor, inputs: list, index: int, seed) -> tuple:
    """Gradients of the inputs for one seeded element of an output."""
    start = _C.ops.zeros((output.numel(),), dtype=output.dtype)
    start[index] = seed
    return grad(output, inputs, start.reshape(output.shape), retain_graph=True, allow_unused=True)


def _compare(analytical, numerical, atol: float, rtol: float) -> bool:
    close = (analytical - numerical).abs() <= atol + rtol * numerical.abs()
    same = (analytical == numerical) | ((analytical != analytical) & (numerical != numerical))
    return bool((close | same).all())


def _mismatch(i: int, o: int, numerical, analytical, what: str = "") -> GradcheckError:
    return GradcheckError(
        f"{what}Jacobian mismatch for output {o} with respect to input {i},\n"
        f"numerical:{numerical}\nanalytical:{analytical}\n"
    )


def _as_pairs(t: Tensor) -> Tensor:
    """Complex numbers as two columns of reals."""
    return _C.ops.view_as_real(t.resolve_conj() if hasattr(t, "resolve_conj") else t)


def _check_output(fn, inputs, wanted, output, o, eps, atol, rtol, nondet_tol, numericals) -> None:
    n = output.numel()
    seeds = [1.0, 1.0j] if output.is_complex() else [1.0]
    for s, seed in enumerate(seeds):
        rows = [_analytical(output, wanted, j, seed) for j in range(n)]
        again = [_analytical(output, wanted, j, seed) for j in range(n)]
        for i, x in enumerate(wanted):
            analytical = _matrix([r[i] for r in rows], x)
            repeated = _matrix([r[i] for r in again], x)
            if not _compare(analytical, repeated, nondet_tol, 0.0):
                raise GradcheckError(
                    "Backward is not reentrant, i.e., running backward with same input and grad_output multiple times "
                    f"gives different values, although analytical gradient matches numerical gradient.The tolerance for "
                    f"nondeterminism was {nondet_tol}."
                )
            expected = _expected(numericals[i], o, s, x, n)
            _raise_unless_close(analytical, expected, i, o, atol, rtol)


def _matrix(gradients: list, x: Tensor) -> Tensor:
    """Gradients of one input for every output element as rows: (outputs, input elements[, 2])."""
    rows = [_C.ops.zeros_like(x) if g is None else g.detach() for g in gradients]
    for g in rows:
        if g.shape != x.shape:
            raise GradcheckError("Analytical gradient has incorrect size")
        if g.dtype != x.dtype:
            raise GradcheckError("Analytical gradient has incorrect type")
    if not rows:
        return _C.ops.zeros((0, x.numel()), dtype=_real_dtype(x))
    flat = _C.ops.stack([g.clone().reshape(-1) for g in rows])
    return _as_pairs(flat) if x.is_complex() else flat


def _real_dtype(x: Tensor):
    return _C.ops.view_as_real(x.detach()).dtype if x.is_complex() else x.dtype


def _expected(columns: list, o: int, s: int, x: Tensor, n: int) -> Tensor:
    """The finite differences in the layout of _matrix.

    The gradient of the real (s=0) or imaginary (s=1) part of an output with respect to a complex input is
    d/d re + 1j * d/d im.
    """
    parts = []
    for direction in columns:
        if not direction[o]:
            return _C.ops.zeros((n, 0) + ((2,) if x.is_complex() else ()), dtype=_real_dtype(x))
        block = _C.ops.stack(direction[o], 1)  # (outputs, input elements)
        if block.is_complex():
            block = _as_pairs(block)[..., s]
        parts.append(block)
    return _C.ops.stack(parts, -1) if x.is_complex() else parts[0]


def _raise_unless_close(analytical, expected, i, o, atol, rtol) -> None:
    if not _compare(analytical, expected.to(analytical.dtype), atol, rtol):
        raise _mismatch(i, o, expected, analytical)


def _check_undefined(fn, inputs, wanted) -> None:
    """Backward must cope with outputs whose gradient never arrives."""
    outputs = _outputs(fn, inputs)
    if len(outputs) < 2:
        return
    for one in outputs:
        grad(one, wanted, _C.ops.zeros_like(one), retain_graph=True, allow_unused=True)


def gradcheck(
    func: Callable,
    inputs: Any,
    *,
    eps: float = 1e-6,
    atol: float = 1e-5,
    rtol: float = 1e-3,
    raise_exception: bool = True,
    nondet_tol: float = 0.0,
    check_undefined_grad: bool = True,
    check_grad_dtypes: bool = False,
    check_batched_grad: bool = False,
    check_batched_forward_grad: bool = False,
    check_forward_ad: bool = False,
    check_backward_ad: bool = True,
    fast_mode: bool = False,
    masked: bool | None = None,
) -> bool:
    """Compare the gradients of `func` with central finite differences.

    Args:
        func: takes the inputs, returns a tensor or a tuple of tensors.
        inputs: tensor or tuple; those with requires_grad are checked, and should be float64 or complex128.
        eps: step of the differences. Default: 1e-6.
        atol, rtol: tolerances. Defaults: 1e-5, 1e-3.
        raise_exception: raise instead of returning False. Default: True.
        nondet_tol: difference allowed between two backwards. Default: 0.0.
        check_undefined_grad: run backward with gradients missing. Default: True.
        check_batched_grad: also compare a batched backward. Default: False.
        fast_mode, check_grad_dtypes, check_batched_forward_grad, check_forward_ad, masked: accepted; the full check
            is made always.
        check_backward_ad: False skips the check.

    Returns:
        True if everything agrees, False if not and raise_exception is False.

    Raises:
        GradcheckError: a gradient differs.

    Example:
        >>> import rushlight as torch
        >>> x = torch.ones(2, dtype=torch.float64, requires_grad=True)
        >>> torch.autograd.gradcheck(torch.sin, x)
        True
    """
    if not check_backward_ad:
        return True
    try:
        return _gradcheck(
            func,
            _as_tuple(inputs),
            eps,
            atol,
            rtol,
            nondet_tol,
            check_undefined_grad,
            check_batched_grad,
        )
    except GradcheckError:
        if raise_exception:
            raise
        return False


def _gradcheck(func, inputs, eps, atol, rtol, nondet_tol, undefined, batched) -> bool:
    _check_inputs(inputs, False)
    wanted = [t for t in inputs if isinstance(t, Tensor) and t.requires_grad]
    everything = _differentiable(_as_tuple(func(*inputs)))
    numericals = [_numerical(func, inputs, x, len(everything), eps) for x in wanted]
    if not any(o.requires_grad for o in everything):
        columns = [c for of_input in numericals for of_output in of_input[0] for c in of_output]
        if any(bool((c != 0).any()) for c in columns):
            raise GradcheckError("Numerical gradient for function expected to be zero")
        return True
    for o, output in enumerate(everything):
        if output.requires_grad:
            _check_output(func, inputs, wanted, output, o, eps, atol, rtol, nondet_tol, numericals)
    if undefined:
        _check_undefined(func, inputs, wanted)
    if batched:
        _check_batched(func, inputs, wanted)
    return True


def _check_batched(func, inputs, wanted) -> None:
    for output in _outputs(func, inputs):
        starts = _C.ops.stack([_C.ops.ones_like(output) * k for k in (1.0, -2.0)])
        together = grad(
            output, wanted, starts, retain_graph=True, allow_unused=True, is_grads_batched=True
        )
        for k in range(2):
            single = grad(output, wanted, starts[k], retain_graph=True, allow_unused=True)
            for i, (a, b) in enumerate(zip(together, single)):
                if (a is None) != (b is None) or (
                    a is not None and not _compare(a[k], b, 1e-8, 1e-5)
                ):
                    raise GradcheckError(
                        f"gradcheck failed while testing batched gradient computation of input {i}"
                    )


def gradgradcheck(
    func: Callable,
    inputs: Any,
    grad_outputs: Any = None,
    *,
    eps: float = 1e-6,
    atol: float = 1e-5,
    rtol: float = 1e-3,
    gen_non_contig_grad_outputs: bool = False,
    raise_exception: bool = True,
    nondet_tol: float = 0.0,
    check_undefined_grad: bool = True,
    check_grad_dtypes: bool = False,
    check_batched_grad: bool = False,
    check_fwd_over_rev: bool = False,
    check_rev_over_rev: bool = True,
    fast_mode: bool = False,
    masked: bool = False,
) -> bool:
    """Compare the second gradients of `func` with finite differences of the first.

    Args:
        func: takes the inputs, returns a tensor or a tuple of tensors.
        inputs: tensor or tuple.
        grad_outputs: gradients with respect to the outputs; default: fixed numbers in [-1, 1].
        gen_non_contig_grad_outputs: make those numbers a non-contiguous tensor. Default: False.
        others: see `gradcheck`.

    Returns:
        True if everything agrees, False if not and raise_exception is False.

    Example:
        >>> import rushlight as torch
        >>> x = torch.ones(2, dtype=torch.float64, requires_grad=True)
        >>> torch.autograd.gradgradcheck(torch.sin, x)
        True
    """
    inputs = _as_tuple(inputs)
    if grad_outputs is None:
        starts = tuple(_start_like(o, gen_non_contig_grad_outputs) for o in _outputs(func, inputs))
    else:
        starts = _as_tuple(grad_outputs)
    count = len(starts)

    def first(*args):
        given = args[:-count]
        wanted = [t for t in given if isinstance(t, Tensor) and t.requires_grad]
        outputs = _outputs(func, given)
        found = grad(outputs, wanted, args[-count:], create_graph=True, allow_unused=True)
        return tuple(g for g in found if g is not None)

    return gradcheck(
        first,
        inputs + starts,
        eps=eps,
        atol=atol,
        rtol=rtol,
        raise_exception=raise_exception,
        nondet_tol=nondet_tol,
        check_undefined_grad=check_undefined_grad,
        check_batched_grad=check_batched_grad,
    )


def _start_like(output: Tensor, non_contiguous: bool) -> Tensor:
    n = output.numel()
    flat = ((_C.ops.arange(n).to(_real_dtype(output)) * 0.7 + 0.3) % 2.0) - 1.0
    start = flat.reshape(output.shape).to(output.dtype)
    if non_contiguous and n > 1:
        start = _C.ops.stack([start, start], -1)[..., 0]
    return start.detach().requires_grad_()
