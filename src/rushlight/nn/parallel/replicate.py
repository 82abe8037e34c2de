"""Copies of a module on several devices."""

from __future__ import annotations

from .._package import rl

__all__ = ["replicate"]


def replicate(network, devices, detach: bool = False):
    """Copies of a module on the given devices; their gradients reach the original's parameters.

    Args:
        network (Module): what to copy.
        devices (sequence): where to.
        detach (bool): without gradients. Default: False.
    """
    from .scatter_gather import _device

    replicas = []
    modules = list(network.modules())
    position = {module: i for i, module in enumerate(modules)}
    for target in devices:
        device = _device(target)
        copies = [module._replicate_for_data_parallel() for module in modules]
        moved: dict = {}

        def move(tensor, device=device, moved=moved):
            if tensor not in moved:
                copied = tensor.to(device)
                # A copy on the same device must not be the parameter itself.
                moved[tensor] = copied.detach() if detach else copied.view_as(copied)
            return moved[tensor]

        for module, copied in zip(modules, copies):
            copied._former_parameters = {}
            for name, child in module._modules.items():
                copied._modules[name] = None if child is None else copies[position[child]]
            for name, param in module._parameters.items():
                if param is None:
                    copied._parameters[name] = None
                else:
                    # Not a leaf, so it cannot be registered: a plain attribute.
                    value = move(param)
                    copied.__dict__[name] = value
                    copied._former_parameters[name] = value
            for name, buffer in module._buffers.items():
                if buffer is not None:
                    with rl.no_grad():
                        copied._buffers[name] = buffer.to(device)
        replicas.append(copies[0])
    return replicas
