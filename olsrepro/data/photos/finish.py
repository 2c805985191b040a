"""Work of the device on photographs that workers read: from uint8 to normalised images."""

from __future__ import annotations

from operator import itemgetter

import torch
from torch import Tensor

from olsrepro.data.photos.colour import recoloured_
from olsrepro.data.photos.jobs import PixelBatch
from olsrepro.data.pixels import Normaliser, cut_out_

_CPU_CHUNK = 1 << 19  # pixel values finished at once on a CPU, whose cache holds them through all passes


class Finisher:
    """Colour jitter, light noise, normalisation, then CutOut, of each image separately.

    Args:
        mean, std: float32 (3,), of pixels in [0, 1].
        device: where the images go.
        channels_last: their memory format.
    """

    def __init__(self, mean: Tensor, std: Tensor, device: torch.device, *, channels_last: bool = False) -> None:
        self._device = device
        self._mean, self._std = mean.to(device), std.to(device)
        self._normaliser = Normaliser(mean, std, device)
        self._format = torch.channels_last if channels_last else torch.contiguous_format

    def __call__(self, sheet: PixelBatch, cutout: int = 0) -> Tensor:
        """Make float32 images (B, 3, S, S) of a pixel batch, with holes of side ``cutout`` where it has them."""
        sheet = sheet.changed(self.sent)
        images = torch.empty(sheet.pixels.shape, device=self._device, memory_format=self._format)
        for at in range(0, len(images), self._at_once(sheet.pixels)):
            rows = slice(at, at + self._at_once(sheet.pixels))
            self._finish_(images[rows], sheet.changed(itemgetter(rows)), cutout)
        return images

    def sent(self, tensor: Tensor) -> Tensor:
        """Copy a tensor to the device, without a wait where it is in page-locked memory."""
        return tensor.to(self._device, non_blocking=True)

    def _at_once(self, pixels: Tensor) -> int:
        return max(1, _CPU_CHUNK // pixels.shape[1:].numel() if self._device.type == "cpu" else len(pixels))

    def _finish_(self, images: Tensor, sheet: PixelBatch, cutout: int) -> None:
        images.copy_(sheet.pixels)
        if sheet.colours is None:
            self._normaliser.normalise_(images)
        else:
            recoloured_(images, sheet.colours, self._mean, self._std)
        if sheet.holes is not None:
            cut_out_(images, sheet.holes[:, 0], sheet.holes[:, 1], cutout)
