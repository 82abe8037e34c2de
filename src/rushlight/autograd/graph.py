"""Looking at and hooking into the graph."""

from __future__ import annotations

from collections import namedtuple

from .. import _C

__all__ = [
    "saved_tensors_hooks",
    "save_on_cpu",
    "disable_saved_tensors_hooks",
    "register_multi_grad_hook",
    "Node",
    "GradientEdge",
    "get_gradient_edge",
    "increment_version",
]

Node = _C._Node
GradientEdge = namedtuple("GradientEdge", ("node", "output_nr"))


def _register_hook(self, hook):
    from .._tensor import _HookHandle

    return _HookHandle(_C._add_node_hook(self, hook, True))


def _register_prehook(self, hook):
    from .._tensor import _HookHandle

    return _HookHandle(_C._add_node_hook(self, hook, False))


Node.register_hook = _register_hook
Node.register_prehook = _register_prehook


_refusals: list[str] = []  # messages of the disable_saved_tensors_hooks blocks around us


class saved_tensors_hooks:
    """Transform tensors when the graph saves them and back when it needs them.

    Args:
        pack_hook: tensor -> any object.
        unpack_hook: that object -> tensor.

    Example:
        >>> import rushlight as torch
        >>> x = torch.ones(2, requires_grad=True)
        >>> with torch.autograd.graph.saved_tensors_hooks(lambda t: t.numpy().copy(), torch.from_numpy):
        ...     y = (x * x).sum()
        >>> y.backward()
        >>> x.grad
        tensor([2., 2.])
    """

    def __init__(self, pack_hook, unpack_hook) -> None:
        self.pack_hook, self.unpack_hook = pack_hook, unpack_hook

    def __enter__(self) -> None:
        if _refusals and self.pack_hook is not None:
            raise RuntimeError(_refusals[-1])
        _C._push_saved_tensors_hooks(self.pack_hook, self.unpack_hook)

    def __exit__(self, *exc) -> None:
        _C._pop_saved_tensors_hooks()


class save_on_cpu(saved_tensors_hooks):
    """Keep saved tensors in CPU memory until backward needs them.

    Args:
        pin_memory: accepted; makes no difference on the CPU.
    """

    def __init__(self, pin_memory: bool = False, device_type: str = "cuda") -> None:
        super().__init__(lambda t: (t.device, t.cpu()), lambda packed: packed[1].to(packed[0]))


class disable_saved_tensors_hooks(saved_tensors_hooks):
    """Forbid saved-tensor hooks within the block.

    Args:
        error_message: what an attempt to use them says.
    """

    def __init__(self, error_message: str = "") -> None:
        super().__init__(None, None)
        self.error_message = error_message

    def __enter__(self) -> None:
        super().__enter__()
        _refusals.append(self.error_message)

    def __exit__(self, *exc) -> None:
        _refusals.pop()
        super().__exit__(*exc)


def get_gradient_edge(tensor) -> GradientEdge:
    """The node and output number from which a tensor's gradient comes.

    Args:
        tensor: one that requires grad.

    Returns:
        GradientEdge(node, output_nr); autograd.grad takes it in place of the tensor.
    """
    if not tensor.requires_grad:
        raise RuntimeError(
            "It is not possible to get the gradient edge for a Tensor that does not require gradients"
        )
    node = tensor.grad_fn
    if node is None:
        with_graph = not _C.is_grad_enabled()
        _C.set_grad_enabled(True)
        try:
            node = tensor.view_as(tensor).grad_fn.next_functions[0][0]
        finally:
            _C.set_grad_enabled(not with_graph)
    return GradientEdge(node, tensor.output_nr)


class _Handles:
    def __init__(self, handles) -> None:
        self.handles = handles

    def remove(self) -> None:
        for handle in self.handles:
            handle.remove()

    def __enter__(self):
        return self

    def __exit__(self, *exc) -> None:
        self.remove()


def register_multi_grad_hook(tensors, fn, *, mode: str = "all") -> _Handles:
    """Call `fn` when the gradients of several tensors have been computed.

    Args:
        tensors: tensors that require grad.
        fn: called with the list of gradients (None where none came) once all that this backward
            computes are there (mode "all"), or with the first one (mode "any").
        mode: "all" or "any". Default: "all".

    Returns:
        A handle whose `remove()` takes the hooks away.
    """
    if mode not in ("all", "any"):
        raise ValueError(f"Expects mode to be one of ('all', 'any') but got {mode}")
    tensors = tuple(tensors)
    run: dict = {"grads": None}  # of the backward that is under way

    def finish() -> None:
        grads, run["grads"] = run["grads"], None
        if mode == "all":
            fn(grads)

    def make(index: int):
        def hook(grad) -> None:
            if run["grads"] is None:
                run["grads"] = [None] * len(tensors)
                _C._queue_backward_callback(finish)
                if mode == "any":
                    fn(grad)
            run["grads"][index] = grad

        return hook

    return _Handles([t.register_hook(make(i)) for i, t in enumerate(tensors)])


def increment_version(tensor) -> None:
    """Count a change of the tensor that autograd did not see."""
    for t in (tensor,) if isinstance(tensor, _C.Tensor) else tensor:
        t.detach().add_(0)
