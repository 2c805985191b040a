"""Objects in the images of a data set: all their boxes in a row, and where each image's begin."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from torch import Tensor


class Annotated(NamedTuple):
    """One object: its edges x1, y1, x2, y2 as in :class:`Objects`, its class, whether it is difficult."""

    box: tuple[float, float, float, float]
    label: int
    is_difficult: bool = False


@dataclass(frozen=True)
class Objects:
    """Objects of N images, M in all, image by image; ``len`` counts the images.

    Attributes:
        boxes: float32 (M, 4), edges x1, y1, x2, y2 in pixels of the original image, continuous and from 0: what VOC
            writes as ``xmin - 1, ymin - 1, xmax, ymax``, so that ``x2 - x1`` counts the pixels across.
        classes: int64 (M,).
        difficult: bool (M,), objects that a test neither requires nor counts as errors.
        starts: int64 (N + 1,); image i has the rows ``starts[i]`` to ``starts[i + 1] - 1``.
    """

    boxes: Tensor
    classes: Tensor
    difficult: Tensor
    starts: Tensor

    def __len__(self) -> int:
        return len(self.starts) - 1

    def tensors(self) -> tuple[Tensor, ...]:
        """Return boxes, classes, marks of difficulty and starts."""
        return self.boxes, self.classes, self.difficult, self.starts

    @classmethod
    def listed(cls, images: Sequence[Sequence[Annotated]]) -> Objects:
        """Build from the objects of each image, which may have none."""
        import torch

        found = [item for objects in images for item in objects]
        return cls(
            boxes=torch.tensor([item.box for item in found], dtype=torch.float32).view(-1, 4),
            classes=torch.tensor([item.label for item in found], dtype=torch.int64),
            difficult=torch.tensor([item.is_difficult for item in found], dtype=torch.bool),
            starts=torch.tensor([0, *map(len, images)], dtype=torch.int64).cumsum(0),
        )

    def of(self, image: int) -> Objects:
        """Return the objects of one image, as a set of that image alone."""
        image = range(len(self))[image]
        rows = slice(int(self.starts[image]), int(self.starts[image + 1]))
        starts = self.starts[image : image + 2] - self.starts[image]
        return Objects(self.boxes[rows], self.classes[rows], self.difficult[rows], starts)

    def chosen(self, images: Tensor) -> Objects:
        """Return the objects of some images (int64 (B,)), in this order."""
        import torch

        counts = self.starts[images + 1] - self.starts[images]
        starts = torch.cat([counts.new_zeros(1), counts.cumsum(0)])
        shift = self.starts[images] - starts[:-1]
        rows = torch.arange(int(starts[-1])) + shift.repeat_interleave(counts)
        return Objects(self.boxes[rows], self.classes[rows], self.difficult[rows], starts)

    @property
    def owners(self) -> Tensor:
        """Image of each object, int64 (M,)."""
        import torch

        return torch.arange(len(self)).repeat_interleave(self.starts.diff())
