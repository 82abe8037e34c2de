"""Models that give each pixel of an image the scores of the classes.

Example:
    >>> from rushlight.vision.models import segmentation
    >>> model = segmentation.lraspp_mobilenet_v3_large(weights_backbone=None, num_classes=3).eval()
    >>> model(torch.zeros(1, 3, 64, 96))["out"].shape
    torch.Size([1, 3, 64, 96])
"""

from .deeplabv3 import *  # noqa: F403
from .fcn import *  # noqa: F403
from .lraspp import *  # noqa: F403
