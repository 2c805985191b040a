"""Anchor boxes, which a detector's predictions are relative to."""

from __future__ import annotations

STRIDES = (8, 16, 32)
"""Pixels of the image per cell of a raw map, finest first."""

ANCHORS = (
    ((10, 13), (16, 30), (33, 23)),
    ((30, 61), (62, 45), (59, 119)),
    ((116, 90), (156, 198), (373, 326)),
)
"""Widths and heights in pixels, three for each stride: YOLOv3's, which argusswift/YOLOv4-pytorch (860d3ee,
``config/yolov4_config.py``) uses divided by the stride; the comments there name YOLOv4's."""
