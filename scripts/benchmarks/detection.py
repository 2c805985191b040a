"""What detection costs beside its network's own passes, on the CPU, at 416 pixels and 20 classes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from olsrepro.data.objects import Objects
from olsrepro.detection.anchors import ANCHORS, STRIDES
from olsrepro.detection.assignment import assign
from olsrepro.detection.grid import grid_of
from olsrepro.detection.loss import detection_loss
from olsrepro.detection.postprocess import candidates, suppressed
from olsrepro.evaluation.detection.average_precision import mean_average_precision
from olsrepro.models.detector import Detector
from olsrepro.models.registry import build_detector
from olsrepro.models.yolo_mobilenet.settings import Settings

from .pairs import Pairs, paired, row

SIZE, CLASSES, OBJECTS = 416, 20, 3
BATCH = 4
IMAGES = 1000
STEP_BOUND, POSTPROCESS_BOUND = 1.15, 0.2


def rows(rounds: int = 7) -> list[dict[str, Any]]:
    """A step's loss and backward pass against the network's bare passes; boxes to mAP against the forward passes."""
    network = _network()
    return [_step(network.train(), rounds), _postprocess(network.eval(), rounds)]


def _step(network: Detector, rounds: int) -> dict[str, Any]:
    """The bare passes have the mean of the raw maps for a loss; objects are mixed in, as half of the images' are."""
    images = _images(BATCH)
    objects = _drawn_objects(BATCH, 2 * OBJECTS)

    def loss(maps: list[Tensor]) -> Tensor:
        assignment = assign(*objects, images=BATCH, grid=grid_of(maps))
        return detection_loss(maps, assignment, lambda classes: F.one_hot(classes, CLASSES).float()).total

    ours = _passes(network, images, loss)
    baseline = _passes(network, images, lambda maps: torch.stack([one.mean() for one in maps]).sum())
    return row("detection_step_416", paired(ours, baseline, rounds=rounds, warmup=1), STEP_BOUND, "lower")


def _passes(network: Detector, images: Tensor, loss: Callable[[list[Tensor]], Tensor]) -> Callable[[], None]:
    def passes() -> None:
        network.zero_grad(set_to_none=True)
        loss(network(images)).backward()

    return passes


def _postprocess(network: Detector, rounds: int) -> dict[str, Any]:
    """Scores, suppression and matching of 1000 images against their forward passes, of which one batch is timed."""
    images = _images(BATCH)
    drawn = _drawn_objects(IMAGES, OBJECTS)
    truth = Objects(
        drawn[0], drawn[1], torch.zeros(len(drawn[1]), dtype=torch.bool), OBJECTS * torch.arange(IMAGES + 1)
    )
    maps = _trained_maps(truth, BATCH)

    def ours() -> None:
        batches = (candidates(maps, 0.005) for _ in range(IMAGES // BATCH))
        found = [suppressed(one, 0.45) for batch in batches for one in batch]
        mean_average_precision(found, truth, CLASSES)

    def forward() -> None:
        with torch.inference_mode():
            network(images)

    pairs = paired(ours, forward, rounds=rounds, warmup=1)
    scaled = Pairs(pairs.ours, [seconds * IMAGES / BATCH for seconds in pairs.baseline])
    return row("detection_postprocess", scaled, POSTPROCESS_BOUND, "lower")


def _trained_maps(truth: Objects, images: int) -> list[Tensor]:
    """Raw maps as of a trained detector: sure of a few places about each object, unsure of some, of the rest nothing.

    About 300 boxes of an image are above the threshold.
    """
    generator = torch.Generator().manual_seed(2)
    maps = []
    for stride, anchors in zip(STRIDES, ANCHORS, strict=True):
        side = SIZE // stride
        one = torch.randn(images, len(anchors), 5 + CLASSES, side, side, generator=generator) / 2
        one[:, :, 4] = 2 * torch.randn(images, len(anchors), side, side, generator=generator) - 10
        for image in range(images):
            for x1, y1, x2, y2 in truth.of(image).boxes.tolist():
                column, line = int((x1 + x2) / 2 / stride), int((y1 + y2) / 2 / stride)
                one[image, :, 4, max(line - 1, 0) : line + 2, max(column - 1, 0) : column + 2] = 1
        maps.append(one.flatten(1, 2))
    return maps


def _drawn_objects(images: int, each: int) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Boxes, classes, weights and owners."""
    generator = torch.Generator().manual_seed(0)
    count = images * each
    sides = 20 + 280 * torch.rand(count, 2, generator=generator)
    corners = (SIZE - sides) * torch.rand(count, 2, generator=generator)
    classes = torch.randint(CLASSES, (count,), generator=generator)
    owners = torch.arange(images).repeat_interleave(each)
    return torch.cat([corners, corners + sides], dim=1), classes, torch.ones(count), owners


def _images(count: int) -> Tensor:
    return torch.rand(count, 3, SIZE, SIZE, generator=torch.Generator().manual_seed(1))


def _network() -> Detector:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return build_detector(Settings(), CLASSES)
