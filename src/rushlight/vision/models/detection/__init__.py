"""Models that find the objects of an image.

Example:
    >>> from rushlight.vision.models import detection
    >>> model = detection.fasterrcnn_resnet50_fpn(
    ...     weights_backbone=None, num_classes=2, min_size=64, max_size=64
    ... ).eval()
    >>> sorted(model([torch.zeros(3, 48, 64)])[0])
    ['boxes', 'labels', 'scores']
"""

from .faster_rcnn import *  # noqa: F403
from .mask_rcnn import *  # noqa: F403
