"""Passes of a detector over test images."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

import torch
from torch import Tensor, nn

from olsrepro.data.detection.letterbox import Placement
from olsrepro.detection.postprocess import Detections, candidates
from olsrepro.settings import UserError


class MapsNotFinite(UserError):
    """Error for a network whose raw maps of test images are not finite."""


def detect(
    network: nn.Module, batches: Iterable[tuple[Tensor, Sequence[Placement]]], threshold: float
) -> Iterator[Detections]:
    """Yield the detections in each image, in the image's own pixels, before non-maximum suppression.

    Args:
        network: images (B, 3, S, S) to raw maps, in evaluation mode.
        batches: images on the network's device, and where each lies in its letter box.
        threshold: the score that a box must exceed.

    Raises:
        MapsNotFinite: in any of the batches.
    """
    for images, placements in batches:
        with torch.inference_mode():
            maps = network(images)
            _check_finite(maps)
            found = candidates(maps, threshold)
        for one, placement in zip(found, placements, strict=True):
            yield one.moved(placement.restored(one.boxes))


def _check_finite(maps: Sequence[Tensor]) -> None:
    if not all(one.isfinite().all() for one in maps):
        raise MapsNotFinite("the network's raw maps are not finite, so it detects nothing; measure other weights")
