"""Layers and functions that vision models are made of."""

from __future__ import annotations

from . import (
    box_losses,
    boxes,
    deform_conv,
    drop_block,
    feature_pyramid_network,
    focal_loss,
    misc,
    poolers,
    ps_roi,
)
from . import roi_align as _roi_align
from . import roi_pool as _roi_pool
from . import stochastic_depth as _stochastic_depth
from .box_losses import *  # noqa: F403
from .boxes import *  # noqa: F403
from .deform_conv import *  # noqa: F403
from .drop_block import *  # noqa: F403
from .feature_pyramid_network import *  # noqa: F403
from .focal_loss import *  # noqa: F403
from .misc import *  # noqa: F403
from .poolers import *  # noqa: F403
from .ps_roi import *  # noqa: F403
from .roi_align import *  # noqa: F403
from .roi_pool import *  # noqa: F403
from .stochastic_depth import *  # noqa: F403

__all__ = sorted(
    name
    for module in (
        box_losses,
        boxes,
        deform_conv,
        drop_block,
        feature_pyramid_network,
        focal_loss,
        misc,
        poolers,
        ps_roi,
        _roi_align,
        _roi_pool,
        _stochastic_depth,
    )
    for name in module.__all__
    if name != "ConvNormActivation"
)
