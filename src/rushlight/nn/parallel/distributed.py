"""A module in several processes."""

from __future__ import annotations

from contextlib import contextmanager

from .._package import rl
from ..modules.module import Module


class DistributedDataParallel(Module):
    """Averages gradients over the processes of a group; with one process it calls ``module``.

    Args:
        module (Module): what to run; it is reached as ``.module``.
        device_ids, output_device, dim, bucket_cap_mb, ...: accepted.
        process_group (optional): the processes. Default: all.

    Raises:
        RuntimeError: no parameter of the module requires a gradient.
    """

    def __init__(
        self,
        module: Module,
        device_ids=None,
        output_device=None,
        dim: int = 0,
        broadcast_buffers: bool = True,
        init_sync: bool = True,
        process_group=None,
        bucket_cap_mb: float | None = None,
        find_unused_parameters: bool = False,
        check_reduction: bool = False,
        gradient_as_bucket_view: bool = False,
        static_graph: bool = False,
        delay_all_reduce_named_params=None,
        param_to_hook_all_reduce=None,
        mixed_precision=None,
        device_mesh=None,
        skip_all_reduce_unused_params: bool = False,
    ) -> None:
        super().__init__()
        distributed = getattr(rl, "distributed", None)
        if distributed is None or not distributed.is_initialized():
            raise ValueError(
                "Default process group has not been initialized, please make sure to call "
                "init_process_group."
            )
        if not any(p.requires_grad for p in module.parameters()):
            raise RuntimeError(
                "DistributedDataParallel is not needed when a module doesn't have any parameter "
                "that requires a gradient."
            )
        if distributed.get_world_size(process_group) > 1:
            raise NotImplementedError(
                "DistributedDataParallel: more than one process is not supported by rushlight yet"
            )
        self.module = module
        self.process_group = process_group
        self.device_ids = device_ids
        self.output_device = output_device
        self.dim = dim
        self.broadcast_buffers = broadcast_buffers
        self.find_unused_parameters = find_unused_parameters
        self.require_backward_grad_sync = True
        self.static_graph = static_graph

    def forward(self, *inputs, **kwargs):
        return self.module(*inputs, **kwargs)

    @contextmanager
    def no_sync(self):
        """Inside, backward does not average gradients."""
        before = self.require_backward_grad_sync
        self.require_backward_grad_sync = False
        try:
            yield
        finally:
            self.require_backward_grad_sync = before
