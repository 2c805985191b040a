"""Batches from a data set kept on the device as uint8: no worker, no copy from the host, no wait in an epoch."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import accumulate

import torch
from torch import Tensor

from olsrepro.data.batch import Batch
from olsrepro.data.in_memory.augment import augmented, zero_padded
from olsrepro.data.labels.clean_set import CleanBatches
from olsrepro.data.order import classmates, draw_order, order_without
from olsrepro.data.pixels import Normaliser, cut_out_
from olsrepro.data.settings import AugmentSettings, View
from olsrepro.data.shard import Shard
from olsrepro.randomness import address, integers

# Images augmented at once: on a CPU as many as its cache holds, on a GPU enough to make the launches cheap.
_CPU_CHUNK = 256
_GPU_CHUNK = 4096
WHOLE_BATCH = 500


@dataclass(frozen=True)
class EpochDraws:
    """Random numbers of one epoch's views of the samples, by sample index; None where nothing is drawn."""

    crop_y: Tensor | None
    crop_x: Tensor | None
    flip: Tensor | None
    cutout_y: Tensor | None
    cutout_x: Tensor | None


def draw_epoch(
    count: int,
    size: tuple[int, int],
    augment: AugmentSettings,
    seed: int,
    epoch: int,
    device: torch.device | str,
    view: int = 0,
) -> EpochDraws:
    """Draw random numbers for ``count`` images of (H, W) = ``size``, each from (seed, purpose, epoch, view, index)."""
    samples = torch.arange(count, device=device)
    place = (epoch, view) if view else (epoch,)

    def draw(purpose: str, choices: int, wanted: bool) -> Tensor | None:
        return integers(address(seed, purpose, *place), samples, 0, choices) if wanted else None

    offsets, flip = 2 * augment.padding + 1, draw("flip", 2, augment.flip)
    return EpochDraws(
        crop_y=draw("crop_y", offsets, augment.padding > 0),
        crop_x=draw("crop_x", offsets, augment.padding > 0),
        flip=None if flip is None else flip.bool(),
        cutout_y=draw("cutout_y", size[0], augment.cutout > 0),
        cutout_x=draw("cutout_x", size[1], augment.cutout > 0),
    )


def _batches_per_chunk(batch_size: int, device: torch.device) -> int:
    return max(1, (_CPU_CHUNK if device.type == "cpu" else _GPU_CHUNK) // batch_size)


class DeviceLoader:
    """Training batches: zero-pad and crop, flip, normalise, then CutOut; a new order each epoch, the short batch kept.

    An image depends on (seed, epoch, sample index) alone, not on the batch that it comes in. Consecutive batches may
    share storage, but no element of it: changing one leaves the others as they are.

    Args:
        images: uint8 (N, 3, H, W).
        targets: int64 (N,).
        mean, std: float32 (3,), of pixels in [0, 1].
        augment: of a batch's own images.
        batch_size: images in each batch but the last.
        seed: of the run.
        device: where the set is kept and the batches are made.
        channels_last: memory format of a batch's images.
        more_views: further views that a batch carries.
        held_out: int64, samples that no step trains on.
        clean: the samples that come with each step as a clean batch; their targets are their true ones.
        shard: this rank's share of every batch; None: all of it.
    """

    def __init__(
        self,
        images: Tensor,
        targets: Tensor,
        mean: Tensor,
        std: Tensor,
        *,
        augment: AugmentSettings,
        batch_size: int,
        seed: int,
        device: torch.device | str,
        channels_last: bool = False,
        more_views: Sequence[View] = (),
        held_out: Tensor | None = None,
        clean: CleanBatches | None = None,
        shard: Shard | None = None,
    ) -> None:
        self._shard = shard or Shard()
        self._rows: dict[int, Tensor] = {}
        self.device = torch.device(device)
        self.batch_size = batch_size
        self.total = images.shape[0]
        self._held_out = None if held_out is None else held_out.to(self.device)
        self._clean = clean
        self.count = self.total - (0 if held_out is None else len(held_out))
        self._targets = targets.to(self.device)
        self._seed = seed
        images = images.to(self.device)
        normalise = Normaliser(mean, std, self.device, channels_last=channels_last)
        views = (View(augment), *more_views)
        padded = {padding: zero_padded(images, padding).contiguous() for padding in {v.augment.padding for v in views}}
        size = (images.shape[2], images.shape[3])
        self._views = [
            _ViewOf(padded[view.augment.padding], size, view, number, seed, normalise)
            for number, view in enumerate(views)
        ]

    def __len__(self) -> int:
        """Count the steps in an epoch."""
        return -(-self.count // self.batch_size)

    def epoch(self, epoch: int, start: int = 0) -> Iterator[Batch]:
        """Yield this rank's part of each batch of a 0-based epoch, from step ``start`` on."""
        order = self._order(epoch)
        views = [view.in_epoch(epoch, self._targets) for view in self._views]
        at_once = _batches_per_chunk(-(-self.batch_size // self._shard.ranks), self.device)
        for first in range(start, len(self), at_once):
            steps = range(first, min(first + at_once, len(self)))
            wholes = [order[step * self.batch_size : (step + 1) * self.batch_size] for step in steps]
            yield from self._made(epoch, steps, wholes, views)

    def _made(
        self, epoch: int, steps: Sequence[int], wholes: Sequence[Tensor], views: Sequence[_EpochView]
    ) -> Iterator[Batch]:
        """Yield the batches of some steps, whose images are made at once."""
        own = [self._own(whole) for whole in wholes]
        indices = torch.cat(own)
        images, *more = (view.images(indices) for view in views)
        targets = self._targets[indices]
        ends = list(accumulate(map(len, own)))
        for step, whole, end, part in zip(steps, wholes, ends, own, strict=True):
            rows = slice(end - len(part), end)
            further = tuple(view[rows] for view in more)
            clean = self._clean_part(epoch, step, views[0])
            size = len(whole) if self._shard.ranks > 1 else None
            yield Batch(images[rows], targets[rows], indices[rows], epoch, further, *clean, step_size=size)

    def _own(self, samples: Tensor) -> Tensor:
        """Select this rank's samples of a batch."""
        if self._shard.ranks == 1:
            return samples
        if len(samples) not in self._rows:  # a few sizes, kept so that no step copies rows to the device
            self._rows[len(samples)] = self._shard.rows(len(samples)).to(self.device)
        return samples[self._rows[len(samples)]]

    def samples_of(self, epoch: int, step: int) -> list[int]:
        """List the training indices of a batch, on all ranks."""
        return self._order(epoch)[step * self.batch_size : (step + 1) * self.batch_size].tolist()

    def _order(self, epoch: int) -> Tensor:
        """Return the samples that steps train on, in the order of an epoch."""
        return order_without(self._held_out, draw_order(self.total, self._seed, epoch, self.device))

    def _clean_part(self, epoch: int, step: int, view: _EpochView) -> tuple[Tensor | None, Tensor | None]:
        if self._clean is None:
            return None, None
        indices = self._own(self._clean.at(epoch * len(self) + step))
        return view.images(indices), self._targets[indices]

    def whole(self, epoch: int, *, augmented: bool) -> Iterator[Batch]:
        """Yield every image that steps train on, once, by rising index, as :class:`methods.base.TrainingSet` says."""
        view = (self._views[0] if augmented else self._plain()).in_epoch(epoch, self._targets)
        indices = self._order(epoch).sort().values
        for at in range(0, len(indices), WHOLE_BATCH):
            part = indices[at : at + WHOLE_BATCH]
            yield Batch(view.images(part), self._targets[part], part, epoch)

    def _plain(self) -> _ViewOf:
        first = self._views[0]
        padding = first.view.augment.padding
        middle = slice(padding, first.padded.shape[-1] - padding)
        images = first.padded[:, :, slice(padding, first.padded.shape[-2] - padding), middle].contiguous()
        return replace(first, padded=images, view=View(AugmentSettings(padding=0, flip=False)))


@dataclass(frozen=True)
class _ViewOf:
    """One view of a padded set; ``number`` 0 is the batch's own images."""

    padded: Tensor
    size: tuple[int, int]
    view: View
    number: int
    seed: int
    normalise: Normaliser

    def in_epoch(self, epoch: int, targets: Tensor) -> _EpochView:
        """Return the view with the random numbers of a 0-based epoch."""
        count, device, augment = len(self.padded), self.padded.device, self.view.augment
        shown = None
        if self.view.of == "classmate":
            shown = classmates(targets, address(self.seed, "classmate", epoch, self.number))
        return _EpochView(
            self, shown, draw_epoch(count, self.size, augment, self.seed, epoch, device, view=self.number)
        )


@dataclass(frozen=True)
class _EpochView:
    """One view in one epoch; ``shown`` has the sample whose image each sample shows, None: its own."""

    of: _ViewOf
    shown: Tensor | None
    draws: EpochDraws

    def images(self, indices: Tensor) -> Tensor:
        """Make the float32 images (B, 3, H, W) of samples (B,)."""

        def of_samples(drawn: Tensor | None) -> Tensor:
            return torch.zeros_like(indices) if drawn is None else drawn[indices]

        draws, of = self.draws, self.of
        flips = None if draws.flip is None else draws.flip[indices]
        shown = indices if self.shown is None else self.shown[indices]
        crops = augmented(of.padded, of.size, shown, of_samples(draws.crop_y), of_samples(draws.crop_x), flips)
        images = of.normalise(crops)
        if draws.cutout_y is not None:
            cut_out_(images, of_samples(draws.cutout_y), of_samples(draws.cutout_x), of.view.augment.cutout)
        return images


def evaluation_batches(
    images: Tensor,
    targets: Tensor,
    mean: Tensor,
    std: Tensor,
    batch_size: int,
    device: torch.device | str,
    channels_last: bool = False,
) -> Iterator[tuple[Tensor, Tensor]]:
    """Yield images normalised and nothing else, in order, with the short last batch: float32 (B, 3, H, W), int64 (B,).

    Args are those of :class:`DeviceLoader`. A set that is on the device already isn't copied.
    """
    normalise = Normaliser(mean, std, device, channels_last=channels_last)
    images, targets = images.to(device), targets.to(device)
    for at in range(0, images.shape[0], batch_size):
        batch = slice(at, at + batch_size)
        yield normalise(images[batch]), targets[batch]
