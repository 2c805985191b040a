"""Last changes to every image, in memory or from a file: scaling, normalisation, CutOut."""

from __future__ import annotations

import torch
from torch import Tensor


class Normaliser:
    """Scaling of uint8 images to [0, 1] and normalisation, bit for bit torchvision's ``ToTensor`` and ``Normalize``.

    Args:
        mean, std: float32 (C,), of pixels in [0, 1].
        device: where the images are.
        channels_last: memory format of the result.
    """

    def __init__(self, mean: Tensor, std: Tensor, device: torch.device | str, *, channels_last: bool = False) -> None:
        self._mean = mean.to(device).view(-1, 1, 1)
        self._std = std.to(device).view(-1, 1, 1)
        # A tensor on the device, since CUDA divides by a Python number through its rounded reciprocal.
        self._white = torch.tensor(255.0, device=device)
        self._format = torch.channels_last if channels_last else torch.contiguous_format

    def __call__(self, images: Tensor) -> Tensor:
        """Return float32 images (B, C, H, W) of uint8 ones."""
        return self.normalise_(images.to(torch.float32, memory_format=self._format))

    def normalise_(self, pixels: Tensor) -> Tensor:
        """Scale and normalise float32 pixels in [0, 255], in place."""
        return pixels.div_(self._white).sub_(self._mean).div_(self._std)


def cut_out_(images: Tensor, centre_y: Tensor, centre_x: Tensor, length: int) -> Tensor:
    """Zero a square hole of side ``length`` in each image, in place (DeVries & Taylor 2017).

    The hole covers rows ``centre_y - length // 2 .. centre_y + length // 2 - 1``, columns likewise; it may stick out of
    the image. An odd ``length`` gives a hole of ``length - 1``, as in its authors' code.

    Args:
        images: float (B, C, H, W), normalised, so that 0 is the mean colour.
        centre_y, centre_x: int64 (B,), any pixel.
    """

    def covered(size: int, centre: Tensor) -> Tensor:
        distance = torch.arange(size, device=images.device) - centre[:, None]
        return ((distance >= -(length // 2)) & (distance < length // 2)).to(images.dtype)

    rows, columns = covered(images.shape[2], centre_y), covered(images.shape[3], centre_x)
    return images.mul_(1 - rows[:, None, :, None] * columns[:, None, None, :])
