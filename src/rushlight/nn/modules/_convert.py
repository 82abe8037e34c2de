"""Moving and casting the tensors of modules."""

from __future__ import annotations

import warnings

from .. import _package
from .._package import Tensor, rl
from ..parameter import Parameter

_C = _package._C


def _parse_to(*args, memory_format=None, **kwargs):
    """Read the arguments of ``to``: returns (device, dtype, non_blocking, memory_format)."""
    names = ["device", "dtype", "non_blocking", "copy"]
    if args:
        first = args[0]
        if isinstance(first, Tensor):
            kwargs = {"device": first.device, "dtype": first.dtype, **kwargs}
            names = names[2:]
            args = args[1:]
        elif isinstance(first, _C.dtype):
            names = names[1:]
    if len(args) > len(names):
        raise TypeError(f"to() received too many positional arguments: {args}")
    for name, value in zip(names, args):
        if name in kwargs:
            raise TypeError(f"to() got multiple values for argument '{name}'")
        kwargs[name] = value
    other = kwargs.pop("other", kwargs.pop("tensor", None))
    if other is not None:
        kwargs.setdefault("device", other.device)
        kwargs.setdefault("dtype", other.dtype)
    unknown = set(kwargs) - {"device", "dtype", "non_blocking", "copy"}
    if unknown:
        raise TypeError(f"to() received an invalid keyword argument: {sorted(unknown)[0]}")
    device = kwargs.get("device")
    if device is not None and not isinstance(device, _C.device):
        device = _C.device(device)
    return device, kwargs.get("dtype"), bool(kwargs.get("non_blocking", False)), memory_format


class ConvertMixin:
    """``to``, ``float``, ``cuda`` and their like: all are ``_apply`` with one function."""

    def _apply(self, fn, recurse=True):
        """Replace every parameter, gradient and buffer ``t`` by ``fn(t)``, keeping identities."""
        if recurse:
            for module in self.children():
                module._apply(fn)
        for key, param in self._parameters.items():
            if param is not None:
                self._apply_to_parameter(fn, key, param)
        for key, buf in self._buffers.items():
            if buf is not None:
                self._buffers[key] = fn(buf)
        return self

    def _apply_to_parameter(self, fn, key, param) -> None:
        grad = param.grad
        with rl.no_grad():
            new = fn(param)
        # A tensor cannot change between kinds of device in place: a new Parameter takes over.
        in_place = new.device.type == param.device.type
        if in_place:
            param.data = new
            target = param
        else:
            target = self._parameters[key] = Parameter(new, param.requires_grad)
        if grad is not None:
            with rl.no_grad():
                new_grad = fn(grad)
            if in_place:
                target.grad.data = new_grad
            else:
                target.grad = new_grad.requires_grad_(grad.requires_grad)

    def to(self, *args, **kwargs):
        """Move and/or cast the parameters and buffers, in place: ``to(device, dtype, non_blocking)``.

        Args:
            device: where to move them.
            dtype: floating point or complex type to cast the floating point and complex ones to.
            tensor: take device and dtype from this tensor.
            memory_format: layout for 4-D and 5-D tensors (keyword only).

        Returns:
            The module itself.

        Example::

            >>> import rushlight as torch
            >>> torch.nn.Linear(2, 2).to(torch.float64).weight.dtype
            torch.float64
        """
        device, dtype, non_blocking, memory_format = _parse_to(*args, **kwargs)
        if dtype is not None:
            if not (dtype.is_floating_point or dtype.is_complex):
                raise TypeError(
                    "nn.Module.to only accepts floating point or complex dtypes, but got desired "
                    f"dtype={dtype}"
                )
            if dtype.is_complex:
                warnings.warn(
                    "Complex modules are a new feature under active development whose design may "
                    "change, and some modules might not work as expected when using complex "
                    "tensors as parameters or buffers. Please file an issue at "
                    "https://github.com/pytorch/pytorch/issues/new?template=bug-report.yml if a "
                    "complex module does not work as expected.",
                    stacklevel=2,
                )

        def convert(t):
            kind = dtype if t.is_floating_point() or t.is_complex() else None
            options = {}
            if memory_format is not None and t.dim() in (4, 5):
                options["memory_format"] = memory_format
            try:
                return t.to(device, kind, non_blocking, **options)
            except NotImplementedError as error:
                if str(error) != "Cannot copy out of meta tensor; no data!":
                    raise
                raise NotImplementedError(
                    f"{error} Please use torch.nn.Module.to_empty() instead of "
                    "torch.nn.Module.to() when moving module from meta to a different device."
                ) from None

        return self._apply(convert)

    def to_empty(self, *, device, recurse: bool = True):
        """Move to a device without copying the values; they are uninitialized afterwards."""
        return self._apply(lambda t: rl.empty_like(t, device=device), recurse=recurse)

    def cuda(self, device=None):
        """Move all parameters and buffers to the GPU."""
        return self._apply(lambda t: t.cuda(device))

    def cpu(self):
        """Move all parameters and buffers to the CPU."""
        return self._apply(lambda t: t.cpu())

    def ipu(self, device=None):
        """Move all parameters and buffers to an IPU."""
        return self._apply(lambda t: t.ipu(device))

    def xpu(self, device=None):
        """Move all parameters and buffers to an XPU."""
        return self._apply(lambda t: t.xpu(device))

    def mtia(self, device=None):
        """Move all parameters and buffers to an MTIA device."""
        return self._apply(lambda t: t.mtia(device))

    def type(self, dst_type):
        """Cast all parameters and buffers to ``dst_type`` (a dtype or a tensor type's name)."""
        return self._apply(lambda t: t.type(dst_type))

    def float(self):
        """Cast floating point parameters and buffers to float32."""
        return self._apply(lambda t: t.float() if t.is_floating_point() else t)

    def double(self):
        """Cast floating point parameters and buffers to float64."""
        return self._apply(lambda t: t.double() if t.is_floating_point() else t)

    def half(self):
        """Cast floating point parameters and buffers to float16."""
        return self._apply(lambda t: t.half() if t.is_floating_point() else t)

    def bfloat16(self):
        """Cast floating point parameters and buffers to bfloat16."""
        return self._apply(lambda t: t.bfloat16() if t.is_floating_point() else t)

    def share_memory(self):
        """Put all parameters and buffers into shared memory."""
        return self._apply(lambda t: t.share_memory_())
