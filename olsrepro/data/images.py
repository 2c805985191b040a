"""A data set in memory: all its images and targets, and the constants that normalise them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy.typing as npt
    from torch import Tensor

    Pixels = npt.NDArray[Any]


@dataclass(frozen=True)
class ImageData:
    """Training and test set on the CPU.

    Attributes:
        train_images, test_images: uint8 (N, 3, H, W).
        train_targets, test_targets: int64 (N,), true classes.
        mean, std: float32 (3,), of pixels scaled to [0, 1].
        class_names: one for each class.
    """

    train_images: Tensor
    train_targets: Tensor
    test_images: Tensor
    test_targets: Tensor
    mean: Tensor
    std: Tensor
    class_names: tuple[str, ...]

    @classmethod
    def from_arrays(
        cls,
        train: tuple[Pixels, Sequence[int] | Pixels],
        test: tuple[Pixels, Sequence[int] | Pixels],
        mean: Sequence[float],
        std: Sequence[float],
        class_names: Sequence[str],
    ) -> ImageData:
        """From NumPy: ``train`` and ``test`` are (uint8 images (N, 3, H, W), integer targets (N,))."""
        import torch

        def tensors(images: Pixels, targets: Sequence[int] | Pixels) -> tuple[Tensor, Tensor]:
            return torch.tensor(images, dtype=torch.uint8), torch.tensor(targets, dtype=torch.int64)

        def constants(values: Sequence[float]) -> Tensor:
            return torch.tensor(values, dtype=torch.float32)

        return cls(*tensors(*train), *tensors(*test), constants(mean), constants(std), tuple(class_names))
