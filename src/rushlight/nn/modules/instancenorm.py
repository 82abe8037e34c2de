"""Instance normalisation as layers."""

from __future__ import annotations

import warnings

from .. import functional as F
from .._package import Tensor
from .batchnorm import _LazyNormBase, _NormBase

__all__ = [
    "InstanceNorm1d",
    "InstanceNorm2d",
    "InstanceNorm3d",
    "LazyInstanceNorm1d",
    "LazyInstanceNorm2d",
    "LazyInstanceNorm3d",
]


class _InstanceNorm(_NormBase):
    def __init__(
        self,
        num_features: int,
        eps: float = 1e-5,
        momentum: float = 0.1,
        affine: bool = False,
        track_running_stats: bool = False,
        device=None,
        dtype=None,
        *,
        bias: bool = True,
    ) -> None:
        super().__init__(
            num_features, eps, momentum, affine, track_running_stats, device, dtype, bias=bias
        )

    def _get_no_batch_dim(self) -> int:
        raise NotImplementedError

    def _check_input_dim(self, input) -> None:
        dims = self._get_no_batch_dim()
        if input.dim() not in (dims, dims + 1):
            raise ValueError(f"expected {dims}D or {dims + 1}D input (got {input.dim()}D input)")

    def _handle_no_batch_input(self, input: Tensor) -> Tensor:
        return self._apply_instance_norm(input.unsqueeze(0)).squeeze(0)

    def _apply_instance_norm(self, input: Tensor) -> Tensor:
        return F.instance_norm(
            input,
            self.running_mean,
            self.running_var,
            self.weight,
            self.bias,
            self.training or not self.track_running_stats,
            self.momentum if self.momentum is not None else 0.0,
            self.eps,
        )

    def _load_from_state_dict(
        self, state_dict, prefix, local_metadata, strict, missing, unexpected, error_msgs
    ) -> None:
        if local_metadata.get("version", None) is None and not self.track_running_stats:
            keys = [prefix + name for name in ("running_mean", "running_var")]
            keys = [key for key in keys if key in state_dict]
            if keys:
                names = " and ".join(f'"{key}"' for key in keys)
                klass = type(self).__name__
                error_msgs.append(
                    f"Unexpected running stats buffer(s) {names} for {klass} with "
                    "track_running_stats=False. If state_dict is a checkpoint saved before 0.4.0, "
                    f"this may be expected because {klass} does not track running stats by "
                    "default since 0.4.0. Please remove these keys from state_dict. If the "
                    "running stats are actually needed, instead set track_running_stats=True in "
                    f"{klass} to enable them. See the documentation of {klass} for details."
                )
                for key in keys:
                    state_dict.pop(key)
        super()._load_from_state_dict(
            state_dict, prefix, local_metadata, strict, missing, unexpected, error_msgs
        )

    def forward(self, input: Tensor) -> Tensor:
        self._check_input_dim(input)
        unbatched = input.dim() == self._get_no_batch_dim()
        dim = 0 if unbatched else 1
        if input.size(dim) != self.num_features:
            if self.affine:
                raise ValueError(
                    f"expected input's size at dim={dim} to match num_features "
                    f"({self.num_features}), but got: {input.size(dim)}."
                )
            warnings.warn(
                f"input's size at dim={dim} does not match num_features. You can silence this "
                "warning by not passing in num_features, which is not used because affine=False",
                stacklevel=2,
            )
        return self._handle_no_batch_input(input) if unbatched else self._apply_instance_norm(input)


class _Of1d:
    def _get_no_batch_dim(self) -> int:
        return 2


class _Of2d:
    def _get_no_batch_dim(self) -> int:
        return 3


class _Of3d:
    def _get_no_batch_dim(self) -> int:
        return 4


class InstanceNorm1d(_Of1d, _InstanceNorm):
    """Instance normalisation of (N, C, L) or (C, L); arguments as InstanceNorm2d."""


class InstanceNorm2d(_Of2d, _InstanceNorm):
    """Normalise each channel of each sample of (N, C, H, W) or (C, H, W).

    Args:
        num_features (int): C.
        eps (float): added to the variance. Default: 1e-5.
        momentum (float): share of a batch in the running statistics. Default: 0.1.
        affine (bool): trained scale and shift. Default: False.
        track_running_stats (bool): keep statistics for evaluation. Default: False.
        bias (bool): whether the shift exists (keyword only). Default: True.
    """


class InstanceNorm3d(_Of3d, _InstanceNorm):
    """Instance normalisation of (N, C, D, H, W) or (C, D, H, W); arguments as InstanceNorm2d."""


class LazyInstanceNorm1d(_Of1d, _LazyNormBase, _InstanceNorm):
    """An InstanceNorm1d whose ``num_features`` the first input decides."""

    cls_to_become = InstanceNorm1d


class LazyInstanceNorm2d(_Of2d, _LazyNormBase, _InstanceNorm):
    """An InstanceNorm2d whose ``num_features`` the first input decides."""

    cls_to_become = InstanceNorm2d


class LazyInstanceNorm3d(_Of3d, _LazyNormBase, _InstanceNorm):
    """An InstanceNorm3d whose ``num_features`` the first input decides."""

    cls_to_become = InstanceNorm3d
