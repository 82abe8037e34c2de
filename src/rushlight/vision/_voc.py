"""The classes of PASCAL VOC in the order of their numbers: the background, then the others by name."""

from __future__ import annotations

CATEGORIES = (
    "__background__ aeroplane bicycle bird boat bottle bus car cat chair cow diningtable dog horse motorbike person "
    "pottedplant sheep sofa train tvmonitor"
).split()
