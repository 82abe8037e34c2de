"""Looking at and hooking into the graph."""

from __future__ import annotations

from .. import _C

__all__ = [
    "saved_tensors_hooks",
    "save_on_cpu",
    "Node",
    "disable_saved_tensors_hooks",
    "get_gradient_edge",
    "increment_version",
]

Node = _C._Node


class _NodeHookHandle:
    """Removes a hook from a graph node."""

    def __init__(self, node, hook_id: int) -> None:
        self.node, self.id = node, hook_id

    def remove(self) -> None:
        """Take the hook away; it is safe to call this twice."""
        if self.node is not None:
            _C._remove_node_hook(self.node, self.id)
            self.node = None

    def __enter__(self):
        return self

    def __exit__(self, *exc) -> None:
        self.remove()


def _register_hook(self, hook):
    return _NodeHookHandle(self, _C._add_node_hook(self, hook, True))


def _register_prehook(self, hook):
    return _NodeHookHandle(self, _C._add_node_hook(self, hook, False))


Node.register_hook = _register_hook
Node.register_prehook = _register_prehook


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
    """Ignore saved-tensor hooks within the block.

    Args:
        error_message: what an attempt to use them says.
    """

    def __init__(self, error_message: str = "") -> None:
        super().__init__(None, None)
        self.error_message = error_message


def get_gradient_edge(tensor):
    """The node and output number from which a tensor's gradient comes."""
    if not tensor.requires_grad:
        raise RuntimeError(
            "It is not possible to get the gradient edge for a Tensor that does not require gradients"
        )
    node = tensor.grad_fn
    if node is None:
        node = tensor.view_as(tensor).grad_fn.next_functions[0][0]
    return node, tensor.output_nr


def increment_version(tensor) -> None:
    """Count a change of the tensor that autograd did not see."""
    for t in (tensor,) if isinstance(tensor, _C.Tensor) else tensor:
        t.detach().add_(0)
