"""Augmentation of many images at once, where the random numbers are arguments: crop, flip, normalise, CutOut."""

from __future__ import annotations

import torch
from torch import Tensor


def zero_padded(images: Tensor, padding: int) -> Tensor:
    """Images (N, C, H, W) with ``padding`` black pixels on each side: (N, C, H + 2 padding, W + 2 padding)."""
    return torch.nn.functional.pad(images, (padding,) * 4)


def cropped(padded: Tensor, size: tuple[int, int], indices: Tensor, top: Tensor, left: Tensor) -> Tensor:
    """Crops of (H, W) = ``size`` out of some of the images.

    Args:
        padded: uint8 (N, C, H', W'), contiguous.
        size: height and width of a crop.
        indices: int64 (B,), which images.
        top, left: int64 (B,), where each crop begins, ``0 .. H' - H`` and ``0 .. W' - W``.

    Returns:
        Uint8 (B, C, H, W).
    """
    (_, channels, padded_height, padded_width), (height, width) = padded.shape, size
    plane = padded_height * padded_width
    # Each row of a crop is contiguous, so a crop is C · H copies of W bytes: several times faster than indexing pixels.
    rows = padded.view(-1).unfold(0, width, 1)
    within = (
        torch.arange(channels, device=padded.device)[:, None] * plane
        + torch.arange(height, device=padded.device) * padded_width
    )
    first = indices * (channels * plane) + top * padded_width + left
    return rows.index_select(0, (first[:, None] + within.view(-1)).view(-1)).view(-1, channels, height, width)


def flipped(images: Tensor, flips: Tensor) -> Tensor:
    """Uint8 images (B, C, H, W), those mirrored left to right where ``flips`` (bool (B,)) is true."""
    mirrored = images.flip(-1)
    chosen = flips.to(torch.uint8).mul(255).view(-1, 1, 1, 1)
    # a ^ ((a ^ b) & mask) is b under the mask: five times as fast as torch.where with a mask that broadcasts.
    return mirrored.bitwise_xor_(images).bitwise_and_(chosen).bitwise_xor_(images)


def augmented(
    padded: Tensor, size: tuple[int, int], indices: Tensor, top: Tensor, left: Tensor, flips: Tensor | None = None
) -> Tensor:
    """Crop (:func:`cropped`), then flip where ``flips`` is given: uint8 (B, C, H, W), before normalising."""
    crops = cropped(padded, size, indices, top, left)
    return crops if flips is None else flipped(crops, flips)


class Normaliser:
    """Scales uint8 images to [0, 1], then normalises; bit for bit torchvision's ``ToTensor`` and ``Normalize``.

    Args:
        mean, std: float32 (C,), of pixels in [0, 1].
        device: where the images are.
        channels_last: memory format of what comes out.
    """

    def __init__(self, mean: Tensor, std: Tensor, device: torch.device | str, *, channels_last: bool = False) -> None:
        self._mean = mean.to(device).view(-1, 1, 1)
        self._std = std.to(device).view(-1, 1, 1)
        # A tensor on the device, since CUDA divides by a Python number through its rounded reciprocal.
        self._white = torch.tensor(255.0, device=device)
        self._format = torch.channels_last if channels_last else torch.contiguous_format

    def __call__(self, images: Tensor) -> Tensor:
        """Float32 images (B, C, H, W) of uint8 ones."""
        return self.normalise_(images.to(torch.float32, memory_format=self._format))

    def normalise_(self, pixels: Tensor) -> Tensor:
        """The same of float32 pixels in [0, 255], in place."""
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
