"""Flip, crop and translation of an image together with its boxes; the random numbers are arguments."""

from __future__ import annotations

import math
from typing import NamedTuple

from PIL import Image
from torch import Tensor

from olsrepro.data.detection.draws import Change
from olsrepro.data.detection.letterbox import mirrored


class Scene(NamedTuple):
    """An RGB image and its boxes, float32 (M, 4): edges x1, y1, x2, y2 in its pixels."""

    image: Image.Image
    boxes: Tensor


class Window(NamedTuple):
    """Visible part of an image, in whole pixels; black outside the image."""

    left: int
    top: int
    right: int
    bottom: int


def changed(scene: Scene, change: Change) -> Scene:
    """Flip, then crop, then shift a scene; without objects nothing limits the last two, and it is only flipped."""
    if change.is_mirrored:
        scene = flipped(scene)
    if change.cuts is not None and len(scene.boxes):
        scene = seen(scene, crop_window(scene, change.cuts))
    if change.shift is not None and len(scene.boxes):
        scene = seen(scene, shift_window(scene, change.shift))
    return scene


def flipped(scene: Scene) -> Scene:
    """Mirror a scene left to right."""
    image = scene.image.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    return Scene(image, mirrored(scene.boxes, image.width))


def seen(scene: Scene, window: Window) -> Scene:
    """Return what a window shows, with boxes relative to its corner."""
    corner = scene.boxes.new_tensor([window.left, window.top] * 2)
    return Scene(scene.image.crop(window), scene.boxes - corner)


def crop_window(scene: Scene, cuts: tuple[float, float, float, float]) -> Window:
    """Return the window that cuts off shares of the margins around all objects.

    Args:
        scene: with at least one box.
        cuts: of left, top, right, bottom, in [0, 1).
    """
    (left, top, right, bottom), (width, height) = _hull(scene.boxes), scene.image.size
    return Window(
        math.floor(left * cuts[0]),
        math.floor(top * cuts[1]),
        width - math.floor((width - right) * cuts[2]),
        height - math.floor((height - bottom) * cuts[3]),
    )


def shift_window(scene: Scene, shift: tuple[float, float]) -> Window:
    """Return a window of the image's own size, moved by whole pixels that keep every object in it.

    Args:
        scene: with at least one box.
        shift: in x and y, in [0, 1): from as far left (up) as the objects allow to as far right (down).
    """
    (left, top, right, bottom), (width, height) = _hull(scene.boxes), scene.image.size
    x = _between(-math.floor(left), math.floor(width - right), shift[0])
    y = _between(-math.floor(top), math.floor(height - bottom), shift[1])
    return Window(-x, -y, width - x, height - y)


def _between(low: int, high: int, share: float) -> int:
    return low + math.floor(share * (high - low + 1))


def _hull(boxes: Tensor) -> tuple[float, float, float, float]:
    """Return the smallest box that holds all of them."""
    left, top = boxes[:, :2].amin(0).tolist()
    right, bottom = boxes[:, 2:].amax(0).tolist()
    return left, top, right, bottom
