"""Batch of a detector's training step."""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from torch import Tensor

from olsrepro.data.shard import rows_of_part


@dataclass(frozen=True)
class DetectionBatch:
    """Augmented training images of one size with the objects in them, all on one device.

    Attributes:
        images: float32 (B, 3, S, S), red, green and blue in [0, 1].
        boxes: float32 (M, 4), edges x1, y1, x2, y2 in pixels of these images, from 0 to S.
        classes: int64 (M,).
        weights: float32 (M,), the share that the object's image has in a mixture; 1 where nothing was mixed.
        owners: int64 (M,), rising: the row of the image that each object is in.
        indices: int64 (B,), places of the samples in the training set.
        epoch: 0-based.
        step_size: images of the whole step, on all ranks and in all passes; None: these are all.
    """

    images: Tensor
    boxes: Tensor
    classes: Tensor
    weights: Tensor
    owners: Tensor
    indices: Tensor
    epoch: int
    step_size: int | None = None

    @property
    def share(self) -> float:
        """Share of the step's images in this part; the step's mean loss is the sum of the parts' times their shares."""
        return 1.0 if self.step_size is None else len(self.images) / self.step_size

    def parts(self, count: int, *, in_pairs: bool = False) -> tuple[DetectionBatch, ...]:
        """Split the batch into ``count`` parts, which keep the size of the whole step; objects follow their images."""
        if count == 1:
            return (self,)
        size = len(self.images)
        return tuple(self._rows(rows_of_part(size, part, count, in_pairs=in_pairs)) for part in range(count))

    def _rows(self, rows: Tensor) -> DetectionBatch:
        rows = rows.to(self.images.device)
        place = rows.new_full((len(self.images),), -1)
        place[rows] = torch.arange(len(rows), device=rows.device)
        owners = place[self.owners]
        kept = owners >= 0
        return replace(
            self,
            images=self.images[rows],
            boxes=self.boxes[kept],
            classes=self.classes[kept],
            weights=self.weights[kept],
            owners=owners[kept],
            indices=self.indices[rows],
            step_size=self.step_size or len(self.images),
        )
