"""Work on photographs in a worker: uint8 images of a batch, and the numbers with which the device finishes them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from olsrepro.data.dataset import Geometry
from olsrepro.data.photos.cache_file import PixelFile
from olsrepro.data.photos.colour import colour_map, jitter_weights, light_offsets, mean_greys
from olsrepro.data.photos.crops import Crop, Picture, crop_of
from olsrepro.data.photos.decode import Pixels
from olsrepro.data.photos.draws import DrawAddress, flips, hole_centres, jitter_factors, jitter_orders, light_amounts
from olsrepro.data.settings import AugmentSettings

AS_IN_A_TEST = AugmentSettings(padding=0, flip=False, crop="centre")


class PixelBatch(NamedTuple):
    """One view of a batch as a worker leaves it.

    Attributes:
        pixels: uint8 (B, 3, S, S), cropped and flipped.
        colours: float32 (B, 5), see :func:`olsrepro.data.photos.colour.recoloured_`; None: the colours stay.
        holes: int64 (B, 2), centres of CutOut's holes; None: there are none.
    """

    pixels: Tensor
    colours: Tensor | None = None
    holes: Tensor | None = None

    def changed(self, change: Callable[[Tensor], Tensor]) -> PixelBatch:
        """Apply ``change`` to each tensor."""
        colours, holes = (None if part is None else change(part) for part in self[1:])
        return PixelBatch(change(self.pixels), colours, holes)


@dataclass(frozen=True)
class ViewOf:
    """Augmentation of one view, and its number: 0 is the batch's own images."""

    augment: AugmentSettings
    number: int = 0


@dataclass(frozen=True)
class PixelsJob:
    """Job that reads each photograph once, and makes all views of it.

    Attributes:
        indices: int64 (B,), the samples whose random numbers are used.
        paths: of the photographs shown, one for each sample.
        geometry: what they are resized to and cut to.
        views: what is made of each.
        seed, epoch: address of the random numbers.
        stored: resized forms of photographs, and which of them are shown: int64 (B,).
    """

    indices: npt.NDArray[np.int64]
    paths: Sequence[Path]
    geometry: Geometry
    views: Sequence[ViewOf] = (ViewOf(AS_IN_A_TEST),)
    seed: int = 0
    epoch: int = 0
    stored: tuple[PixelFile, npt.NDArray[np.int64]] | None = None

    def __call__(self) -> tuple[PixelBatch, ...]:
        """Make a pixel batch for each view."""
        samples = torch.from_numpy(self.indices)
        makers = [
            _View(view.augment, DrawAddress(self.seed, self.epoch, view.number), samples, self) for view in self.views
        ]
        for row, path in enumerate(self.paths):
            picture = Picture(path, self.geometry, self._stored(row))
            for maker in makers:
                maker.take(picture, row)
        return tuple(maker.sheet() for maker in makers)

    def _stored(self, row: int) -> Pixels | None:
        if self.stored is None:
            return None
        file, rows = self.stored
        pixels: Pixels = file.pixels[rows[row]]
        return pixels


class _View:
    """Pixel batch of one view, while it is being filled."""

    def __init__(self, augment: AugmentSettings, address: DrawAddress, samples: Tensor, job: PixelsJob) -> None:
        side = job.geometry.side
        self._augment, self._address, self._samples = augment, address, samples
        self._crop: Crop = crop_of(augment.crop, job.geometry, address, samples)
        self._flips = flips(address, samples).tolist() if augment.flip else [False] * len(samples)
        self._pixels = np.empty((len(samples), 3, side, side), dtype=np.uint8)

    def take(self, picture: Picture, row: int) -> None:
        pixels = self._crop(picture, row)
        self._pixels[row] = pixels[:, :, ::-1] if self._flips[row] else pixels

    def sheet(self) -> PixelBatch:
        return PixelBatch(torch.from_numpy(self._pixels), self._colours(), self._holes())

    def _colours(self) -> Tensor | None:
        augment, address, samples = self._augment, self._address, self._samples
        if not augment.colour_jitter and not augment.light_noise:
            return None
        weights = jitter_weights(
            jitter_factors(address, samples, augment.colour_jitter), jitter_orders(address, samples)
        )
        light = light_offsets(light_amounts(address, samples, augment.light_noise))
        return colour_map(weights, mean_greys(self._pixels), light)

    def _holes(self) -> Tensor | None:
        side = self._pixels.shape[-1]
        return hole_centres(self._address, self._samples, side) if self._augment.cutout else None


class MadeBatch(NamedTuple):
    """A batch as a worker leaves it.

    Attributes:
        indices: int64 (B,).
        groups: pixel batches of each of the job's groups.
        clean_indices: int64 (M,), of the clean batch; None without one.
    """

    indices: Tensor
    groups: tuple[tuple[PixelBatch, ...], ...]
    clean_indices: Tensor | None


@dataclass(frozen=True)
class BatchJob:
    """Photographs of one step, in groups that show the same ones; the last is the clean batch, if there is one."""

    groups: Sequence[PixelsJob]
    has_clean: bool = False

    def __call__(self) -> MadeBatch:
        """Make the pixel batches of all groups."""
        clean = torch.from_numpy(self.groups[-1].indices) if self.has_clean else None
        return MadeBatch(torch.from_numpy(self.groups[0].indices), tuple(group() for group in self.groups), clean)
