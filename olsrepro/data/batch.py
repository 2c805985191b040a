"""What a training step gets."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor


@dataclass(frozen=True)
class Batch:
    """Augmented, normalised training images with their targets, all on one device.

    Attributes:
        images: float32 (B, 3, H, W).
        targets: int64 (B,), the given labels (noisy ones, where there is label noise).
        indices: int64 (B,), places of the samples in the training set.
        epoch: 0-based.
        clean_images, clean_targets: float32 (M, 3, H, W) and int64 (M,), of a clean set, for a method that wants one.
        more_views: further images (B, 3, H, W) for the same samples, in the order in which the method asked for them.
    """

    images: Tensor
    targets: Tensor
    indices: Tensor
    epoch: int
    more_views: tuple[Tensor, ...] = ()
    clean_images: Tensor | None = None
    clean_targets: Tensor | None = None
