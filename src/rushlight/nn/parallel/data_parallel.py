"""A module on all GPUs of one process; without GPUs, the module itself."""

from __future__ import annotations

from .._package import rl
from ..modules.module import Module
from .parallel_apply import parallel_apply
from .replicate import replicate
from .scatter_gather import _device, gather, scatter_kwargs

__all__ = ["DataParallel", "data_parallel"]


def _all_devices() -> list[int]:
    return list(range(rl.cuda.device_count())) if rl.cuda.is_available() else []


def _index(device) -> int:
    return device if isinstance(device, int) else rl.device(device).index or 0


def _check_placement(module, device) -> None:
    for tensor in (*module.parameters(), *module.buffers()):
        if tensor.device != device:
            raise RuntimeError(
                f"module must have its parameters and buffers on device {device} (device_ids[0]) "
                f"but found one of them on device: {tensor.device}"
            )


class DataParallel(Module):
    """Splits each batch over the GPUs; on a machine without any it calls ``module``.

    Args:
        module (Module): what to run; it is reached as ``.module``.
        device_ids (sequence, optional): GPUs to use. Default: all.
        output_device (optional): where results are joined. Default: the first.
        dim (int): dimension of the batch. Default: 0.

    Example::

        >>> import rushlight as torch
        >>> net = torch.nn.DataParallel(torch.nn.Linear(2, 1))
        >>> list(net.state_dict())
        ['module.weight', 'module.bias']
    """

    def __init__(self, module: Module, device_ids=None, output_device=None, dim: int = 0) -> None:
        super().__init__()
        available = _all_devices()
        if not available:
            self.module = module
            self.device_ids = []
            return
        device_ids = available if device_ids is None else device_ids
        output_device = device_ids[0] if output_device is None else output_device
        self.dim = dim
        self.module = module
        self.device_ids = [_index(device) for device in device_ids]
        self.output_device = _index(output_device)
        self.src_device_obj = _device(self.device_ids[0])
        if len(self.device_ids) == 1:
            self.module.to(self.src_device_obj)

    def forward(self, *inputs, **kwargs):
        if not self.device_ids:
            return self.module(*inputs, **kwargs)
        _check_placement(self.module, self.src_device_obj)
        inputs, kwargs = self.scatter(inputs, kwargs, self.device_ids)
        if not inputs:
            inputs, kwargs = ((),), ({},)
        if len(self.device_ids) == 1:
            return self.module(*inputs[0], **kwargs[0])
        replicas = self.replicate(self.module, self.device_ids[: len(inputs)])
        return self.gather(self.parallel_apply(replicas, inputs, kwargs), self.output_device)

    def replicate(self, module, device_ids):
        """Copies of the module on the devices."""
        return replicate(module, device_ids, not rl.is_grad_enabled())

    def scatter(self, inputs, kwargs, device_ids):
        """The arguments of each device."""
        return scatter_kwargs(inputs, kwargs, device_ids, dim=self.dim)

    def parallel_apply(self, replicas, inputs, kwargs):
        """Call all copies."""
        return parallel_apply(replicas, inputs, kwargs, self.device_ids[: len(replicas)])

    def gather(self, outputs, output_device):
        """Join the results."""
        return gather(outputs, output_device, dim=self.dim)


def data_parallel(
    module: Module,
    inputs,
    device_ids=None,
    output_device=None,
    dim: int = 0,
    module_kwargs: dict | None = None,
):
    """Call a module as ``DataParallel`` does, without keeping anything.

    Args:
        module (Module): what to call.
        inputs: one argument or a tuple of them.
        device_ids, output_device, dim: as for DataParallel.
        module_kwargs (dict, optional): keyword arguments.
    """
    if not isinstance(inputs, tuple):
        inputs = (inputs,) if inputs is not None else ()
    parallel = DataParallel(module, device_ids, output_device, dim)
    return parallel(*inputs, **(module_kwargs or {}))
