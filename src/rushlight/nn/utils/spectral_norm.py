"""Spectral normalisation by a hook before forward (the older form; see parametrizations)."""

from __future__ import annotations

from .. import functional as F
from .._package import Tensor, rl
from ..modules.conv import _ConvTransposeNd
from ..parameter import Parameter, UninitializedParameter

__all__ = [
    "SpectralNorm",
    "SpectralNormLoadStateDictPreHook",
    "SpectralNormStateDictHook",
    "spectral_norm",
    "remove_spectral_norm",
]


class SpectralNorm:
    """The hook: divides ``name_orig`` by its largest singular value, estimated by power iteration."""

    # Version 1 keeps v in the state dict.
    _version: int = 1

    def __init__(
        self, name: str = "weight", n_power_iterations: int = 1, dim: int = 0, eps: float = 1e-12
    ) -> None:
        if n_power_iterations <= 0:
            raise ValueError(
                "Expected n_power_iterations to be positive, but got "
                f"n_power_iterations={n_power_iterations}"
            )
        self.name = name
        self.dim = dim
        self.n_power_iterations = n_power_iterations
        self.eps = eps

    def reshape_weight_to_matrix(self, weight: Tensor) -> Tensor:
        """Dimension ``dim`` as rows, all others as columns."""
        if self.dim != 0:
            weight = weight.movedim(self.dim, 0)
        return weight.reshape(weight.size(0), -1)

    def compute_weight(self, module, do_power_iteration: bool) -> Tensor:
        """The normalised weight; in training the singular vectors are improved in place."""
        weight, u, v = (getattr(module, self.name + s) for s in ("_orig", "_u", "_v"))
        matrix = self.reshape_weight_to_matrix(weight)
        if do_power_iteration:
            with rl.no_grad():
                for _ in range(self.n_power_iterations):
                    v.copy_(F.normalize(rl.mv(matrix.t(), u), dim=0, eps=self.eps))
                    u.copy_(F.normalize(rl.mv(matrix, v), dim=0, eps=self.eps))
                # A second forward before backward must not change what this one saved.
                u, v = u.clone(), v.clone()
        return weight / rl.dot(u, rl.mv(matrix, v))

    def remove(self, module) -> None:
        """Turn the weight back into one parameter."""
        with rl.no_grad():
            weight = self.compute_weight(module, do_power_iteration=False)
        for suffix in ("", "_u", "_v", "_orig"):
            delattr(module, self.name + suffix)
        module.register_parameter(self.name, Parameter(weight.detach()))

    def __call__(self, module, inputs) -> None:
        setattr(module, self.name, self.compute_weight(module, module.training))

    def _solve_v_and_rescale(self, weight_mat: Tensor, u: Tensor, target_sigma) -> Tensor:
        """v of a file that lacks it: the least-squares solution, scaled to give ``target_sigma``."""
        inverse = weight_mat.t().mm(weight_mat).pinverse()
        v = rl.mv(inverse.mm(weight_mat.t()), u)
        return v.mul_(target_sigma / rl.dot(u, rl.mv(weight_mat, v)))

    @staticmethod
    def apply(module, name: str, n_power_iterations: int, dim: int, eps: float) -> SpectralNorm:
        """Keep the parameter as ``name_orig`` and register the hook."""
        for hook in module._forward_pre_hooks.values():
            if isinstance(hook, SpectralNorm) and hook.name == name:
                raise RuntimeError(
                    f"Cannot register two spectral_norm hooks on the same parameter {name}"
                )
        hook = SpectralNorm(name, n_power_iterations, dim, eps)
        weight = module._parameters[name]
        if weight is None:
            raise ValueError(f"`SpectralNorm` cannot be applied as parameter `{name}` is None")
        if isinstance(weight, UninitializedParameter):
            raise ValueError(
                "The module passed to `SpectralNorm` can't have uninitialized parameters. Make "
                "sure to run the dummy forward before applying spectral normalization"
            )
        with rl.no_grad():
            rows, columns = hook.reshape_weight_to_matrix(weight).size()
            u, v = (
                F.normalize(weight.new_empty(n).normal_(0, 1), dim=0, eps=eps)
                for n in (rows, columns)
            )
        delattr(module, name)
        module.register_parameter(name + "_orig", weight)
        # Until the first forward the plain values are there under the old name.
        setattr(module, name, weight.data)
        module.register_buffer(name + "_u", u)
        module.register_buffer(name + "_v", v)
        module.register_forward_pre_hook(hook)
        module._register_state_dict_hook(SpectralNormStateDictHook(hook))
        module._register_load_state_dict_pre_hook(SpectralNormLoadStateDictPreHook(hook))
        return hook


class SpectralNormLoadStateDictPreHook:
    """Before loading a file of version 0: computes the v that it lacks."""

    def __init__(self, fn: SpectralNorm) -> None:
        self.fn = fn

    def __call__(
        self, state_dict, prefix, local_metadata, strict, missing, unexpected, errors
    ) -> None:
        fn = self.fn
        version = local_metadata.get("spectral_norm", {}).get(fn.name + ".version", None)
        if version is not None and version >= 1:
            return
        key = prefix + fn.name
        new_style = all(key + suffix in state_dict for suffix in ("_orig", "_u", "_v"))
        if version is None and new_style and key not in state_dict:
            return
        absent = [key + s for s in ("_orig", "", "_u") if key + s not in state_dict]
        if absent:
            if strict:
                missing.extend(absent)
            return
        with rl.no_grad():
            original = state_dict[key + "_orig"]
            sigma = (original / state_dict.pop(key)).mean()
            matrix = fn.reshape_weight_to_matrix(original)
            state_dict[key + "_v"] = fn._solve_v_and_rescale(matrix, state_dict[key + "_u"], sigma)


class SpectralNormStateDictHook:
    """Records the version in the metadata of a state dict."""

    def __init__(self, fn: SpectralNorm) -> None:
        self.fn = fn

    def __call__(self, module, state_dict, prefix, local_metadata) -> None:
        versions = local_metadata.setdefault("spectral_norm", {})
        key = self.fn.name + ".version"
        if key in versions:
            raise RuntimeError(f"Unexpected key in metadata['spectral_norm']: {key}")
        versions[key] = self.fn._version


def spectral_norm(
    module,
    name: str = "weight",
    n_power_iterations: int = 1,
    eps: float = 1e-12,
    dim: int | None = None,
):
    """Divide a weight by its largest singular value before every forward.

    Args:
        module (Module): whose parameter.
        name (str): of the parameter. Default: "weight".
        n_power_iterations (int): steps of the estimate per forward in training. Default: 1.
        eps (float): lower limit of the norms. Default: 1e-12.
        dim (int, optional): the outputs' dimension. Default: 0, 1 for transposed convolutions.
    """
    if dim is None:
        dim = 1 if isinstance(module, _ConvTransposeNd) else 0
    SpectralNorm.apply(module, name, n_power_iterations, dim, eps)
    return module


def remove_spectral_norm(module, name: str = "weight"):
    """Undo ``spectral_norm``.

    Raises:
        ValueError: it was not applied to ``name``.
    """

    def pop(hooks, matches):
        key = next((key for key, hook in hooks.items() if matches(hook)), None)
        return None if key is None else hooks.pop(key)

    hook = pop(module._forward_pre_hooks, lambda h: isinstance(h, SpectralNorm) and h.name == name)
    if hook is None:
        raise ValueError(f"spectral_norm of '{name}' not found in {module}")
    hook.remove(module)
    kinds = (SpectralNormStateDictHook, SpectralNormLoadStateDictPreHook)

    def belongs(candidate):
        inner = getattr(candidate, "hook", candidate)
        return isinstance(inner, kinds) and inner.fn.name == name

    pop(module._state_dict_hooks, belongs)
    pop(module._load_state_dict_pre_hooks, belongs)
    return module
