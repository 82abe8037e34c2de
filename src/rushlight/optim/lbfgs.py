"""L-BFGS."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from .. import _C
from ._rule import check_tensor_lr, scalar
from .optimizer import Optimizer, ParamsT, Tensor

__all__ = ["LBFGS"]


_KEPT = ("d", "t", "old_dirs", "old_stps", "ro", "H_diag", "prev_flat_grad", "prev_loss")


class _Point(NamedTuple):
    """A point on the search line: step, loss, gradient (flat), slope along the line."""

    t: Any
    loss: float
    grad: Tensor
    slope: Tensor


class LBFGS(Optimizer):
    """Quasi-Newton steps from the last `history_size` changes of the gradient.

    Args:
        params: parameters; groups with options of their own are not possible.
        lr: length of a step, or first try of the line search (default 1).
        max_iter: iterations per `step` call (default 20).
        max_eval: evaluations of the closure per call (default max_iter * 1.25).
        tolerance_grad: stop when no gradient element is larger (default 1e-7).
        tolerance_change: stop when loss or parameters change less (default 1e-9).
        history_size: pairs kept (default 100).
        line_search_fn: "strong_wolfe" or None.

    Raises:
        ValueError: more than one group, or a negative learning rate.

    Example:
        >>> import rushlight as torch
        >>> w = torch.zeros(2, requires_grad=True)
        >>> opt = torch.optim.LBFGS([w])
        >>> def closure():
        ...     opt.zero_grad()
        ...     loss = ((w - 3) ** 2).sum()
        ...     loss.backward()
        ...     return loss
        >>> _ = opt.step(closure)
        >>> w.tolist()
        [3.0, 3.0]
    """

    def __init__(
        self,
        params: ParamsT,
        lr: float | Tensor = 1,
        max_iter: int = 20,
        max_eval: int | None = None,
        tolerance_grad: float = 1e-7,
        tolerance_change: float = 1e-9,
        history_size: int = 100,
        line_search_fn: str | None = None,
    ) -> None:
        check_tensor_lr(lr)
        if not 0.0 <= lr:
            raise ValueError(f"Invalid learning rate: {lr}")
        defaults = dict(
            lr=lr,
            max_iter=max_iter,
            max_eval=max_iter * 5 // 4 if max_eval is None else max_eval,
            tolerance_grad=tolerance_grad,
            tolerance_change=tolerance_change,
            history_size=history_size,
            line_search_fn=line_search_fn,
        )
        super().__init__(params, defaults)
        if len(self.param_groups) != 1:
            raise ValueError("LBFGS doesn't support per-parameter options (parameter groups)")
        self._params = self.param_groups[0]["params"]
        self._numel_cache: int | None = None

    # The parameters seen as one long real vector.

    def _gather_flat_grad(self) -> Tensor:
        pieces = []
        for param in self._params:
            grad = param.grad
            if grad is None:
                grad = _C.ops.zeros_like(param)
            elif grad.is_sparse:
                grad = grad.to_dense()
            if grad.is_complex():
                grad = _C.ops.view_as_real(grad)
            pieces.append(grad.reshape(-1))
        return _C.ops.cat(pieces, 0)

    def _add_grad(self, step_size: Any, update: Tensor) -> None:
        step_size = scalar(step_size)
        begin = 0
        for param in self._params:
            real = _C.ops.view_as_real(param) if param.is_complex() else param
            end = begin + real.numel()
            real.add_(update[begin:end].view_as(real), alpha=step_size)
            begin = end

    def _clone_param(self) -> list[Tensor]:
        return [p.clone(memory_format=_C.contiguous_format) for p in self._params]

    def _set_param(self, values: list[Tensor]) -> None:
        for param, value in zip(self._params, values):
            param.copy_(value)

    def step(self, closure: Callable[[], Any]) -> Any:  # type: ignore[override]
        """Run up to max_iter iterations.

        Args:
            closure: recomputes the loss and its gradients and returns the loss.

        Returns:
            The loss before the first iteration.
        """
        before = _C.is_grad_enabled()

        def evaluate() -> Any:
            _C.set_grad_enabled(True)
            try:
                return closure()
            finally:
                _C.set_grad_enabled(False)

        _C.set_grad_enabled(False)
        try:
            state = self.state[self._params[0]]
            first = "prev_loss" not in state
            loss = self._minimize(evaluate)
            for key in _KEPT if first else ():  # listed in this order by `state_dict`
                if key in state:
                    state[key] = state.pop(key)
            return loss
        finally:
            _C.set_grad_enabled(before)

    def _minimize(self, evaluate: Callable[[], Any]) -> Any:
        group, state = self.param_groups[0], self.state[self._params[0]]
        max_iter, max_eval = group["max_iter"], group["max_eval"]
        tiny = group["tolerance_change"]
        state.setdefault("func_evals", 0)
        state.setdefault("n_iter", 0)
        first_loss = evaluate()
        loss = float(first_loss)
        evals, n_iter = 1, 0
        state["func_evals"] += 1
        grad = self._gather_flat_grad()
        if grad.abs().max() <= group["tolerance_grad"]:
            return first_loss
        while n_iter < max_iter:
            n_iter += 1
            state["n_iter"] += 1
            direction = self._direction(state, grad, group["history_size"])
            state["prev_flat_grad"], state["prev_loss"] = grad.clone(), loss
            t = scalar(group["lr"])
            if state["n_iter"] == 1:
                t = min(1.0, 1.0 / grad.abs().sum()) * t
            state["d"], state["t"] = direction, t
            slope = grad.dot(direction)
            if slope > -tiny:
                break
            done = False
            used = 0
            if group["line_search_fn"] is not None:
                if group["line_search_fn"] != "strong_wolfe":
                    raise RuntimeError("only 'strong_wolfe' is supported")
                search = _LineSearch(self, evaluate, direction, tiny, max_eval - evals)
                best, used = search.run(t, loss, grad, slope)
                t, loss, grad = best.t, best.loss, best.grad
                state["t"] = t
                self._add_grad(t, direction)
                done = bool(grad.abs().max() <= group["tolerance_grad"])
            else:
                self._add_grad(t, direction)
                if n_iter != max_iter:
                    # The closure after the last iteration would be for nothing.
                    loss = float(evaluate())
                    grad = self._gather_flat_grad()
                    done = bool(grad.abs().max() <= group["tolerance_grad"])
                    used = 1
            evals += used
            state["func_evals"] += used
            if n_iter == max_iter or evals >= max_eval or done:
                break
            if direction.mul(t).abs().max() <= tiny or abs(loss - state["prev_loss"]) < tiny:
                break
        return first_loss

    @staticmethod
    def _direction(state: dict[str, Any], grad: Tensor, history: int) -> Tensor:
        """The quasi-Newton direction, after taking the last step into the history."""
        if state["n_iter"] == 1:
            state.update(d=None, t=None, old_dirs=[], old_stps=[], ro=[], H_diag=1)
            return grad.neg()
        changes, steps, ro = state["old_dirs"], state["old_stps"], state["ro"]
        change = grad.sub(state["prev_flat_grad"])
        step = state["d"].mul(state["t"])
        curvature = change.dot(step)
        if curvature > 1e-10:
            if len(changes) == history:
                for entries in (changes, steps, ro):
                    entries.pop(0)
            changes.append(change)
            steps.append(step)
            ro.append(1.0 / curvature)
            state["H_diag"] = curvature / change.dot(change)
        weights = state.setdefault("al", [None] * history)
        q = grad.neg()
        for i in reversed(range(len(changes))):
            weights[i] = steps[i].dot(q) * ro[i]
            q.add_(changes[i], alpha=-weights[i].item())
        direction = q.mul(state["H_diag"])
        for i in range(len(changes)):
            beta = changes[i].dot(direction) * ro[i]
            direction.add_(steps[i], alpha=(weights[i] - beta).item())
        return direction


class _LineSearch:
    """Finds a step that satisfies the strong Wolfe conditions along one direction."""

    decrease = 1e-4  # share of the linear decrease that counts as enough
    curvature = 0.9  # share of the first slope that counts as flat

    def __init__(
        self,
        optimizer: LBFGS,
        evaluate: Callable[[], Any],
        direction: Tensor,
        tolerance: float,
        most: int,
    ) -> None:
        self.optimizer = optimizer
        self.evaluate = evaluate
        self.direction = direction
        self.tolerance = tolerance
        self.most = most
        self.origin = optimizer._clone_param()
        self.evals = 0

    def at(self, t: Any) -> _Point:
        self.optimizer._add_grad(t, self.direction)
        loss = float(self.evaluate())
        grad = self.optimizer._gather_flat_grad()
        self.optimizer._set_param(self.origin)
        self.evals += 1
        return _Point(t, loss, grad, grad.dot(self.direction))

    def run(self, t: Any, loss: float, grad: Tensor, slope: Tensor) -> tuple[_Point, int]:
        """Returns the best point and the number of evaluations."""
        self.loss, self.slope = loss, slope
        start = _Point(0, loss, grad.clone(), slope)
        bracket, done, rounds = self._bracket(start, t)
        if len(bracket) == 2 and not done:
            best = self._zoom(bracket, rounds)
        else:
            best = min(bracket, key=lambda point: point.loss)
        return best, self.evals

    def _too_high(self, point: _Point) -> bool:
        return bool(point.loss > self.loss + self.decrease * point.t * self.slope)

    def _is_flat(self, point: _Point) -> bool:
        return bool(abs(point.slope) <= -self.curvature * self.slope)

    def _bracket(self, start: _Point, t: Any) -> tuple[list[_Point], bool, int]:
        """Enlarge the step until a good point lies between the last two, or is found."""
        last, point = start, self.at(t)
        for rounds in range(self.most):
            if self._too_high(point) or (rounds > 1 and point.loss >= last.loss):
                return [last, point], False, rounds
            if self._is_flat(point):
                return [point], True, rounds
            if point.slope >= 0:
                return [last, point], False, rounds
            low = point.t + 0.01 * (point.t - last.t)
            t = _cubic_minimum(last, point, (low, point.t * 10))
            last, point = point, self.at(t)
        return [start, point], False, self.most

    def _zoom(self, bracket: list[_Point], rounds: int) -> _Point:
        """Shrink the bracket; bracket[low] is the better end."""
        low = 0 if bracket[0].loss <= bracket[1].loss else 1
        size = self.direction.abs().max()
        stuck = False
        while rounds < self.most:
            left, right = sorted(point.t for point in bracket)
            if abs(right - left) * size < self.tolerance:
                break
            t = _cubic_minimum(bracket[0], bracket[1])
            margin = 0.1 * (right - left)
            if min(right - t, t - left) < margin:
                # Near an end; twice in a row, or on it, means too little progress.
                if stuck or t >= right or t <= left:
                    t = right - margin if abs(t - right) < abs(t - left) else left + margin
                    stuck = False
                else:
                    stuck = True
            else:
                stuck = False
            point = self.at(t)
            rounds += 1
            if self._too_high(point) or point.loss >= bracket[low].loss:
                bracket[1 - low] = point
                low = 0 if bracket[0].loss <= bracket[1].loss else 1
                continue
            done = self._is_flat(point)
            if not done and point.slope * (bracket[1 - low].t - bracket[low].t) >= 0:
                bracket[1 - low] = bracket[low]
            bracket[low] = point
            if done:
                break
        return bracket[low]


def _cubic_minimum(a: _Point, b: _Point, bounds: tuple[Any, Any] | None = None) -> Any:
    """Where the cubic through both losses and slopes is least, kept inside the bounds."""
    low, high = bounds if bounds is not None else sorted((a.t, b.t))
    d1 = a.slope + b.slope - 3 * (a.loss - b.loss) / (a.t - b.t)
    square = d1**2 - a.slope * b.slope
    if square < 0:
        return (low + high) / 2.0
    if a.t > b.t:
        a, b = b, a
    root = square.sqrt()
    t = b.t - (b.t - a.t) * ((b.slope + root - d1) / (b.slope - a.slope + 2 * root))
    return min(max(t, low), high)
