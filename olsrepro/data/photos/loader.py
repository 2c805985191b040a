"""Batches of photographs in files: workers read and cut them, they travel as uint8, the device does the rest."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import torch
from torch import Tensor

from olsrepro.data.batch import Batch
from olsrepro.data.dataset import PathTable, Photographs
from olsrepro.data.labels.clean_set import CleanBatches
from olsrepro.data.order import classmates, draw_order, order_without
from olsrepro.data.photos.cache import PixelCache
from olsrepro.data.photos.cache_file import PixelFile
from olsrepro.data.photos.finish import Finisher
from olsrepro.data.photos.jobs import AS_IN_A_TEST, BatchJob, MadeBatch, PixelsJob, ViewOf
from olsrepro.data.photos.workers import workers_of
from olsrepro.data.settings import AugmentSettings, View
from olsrepro.data.shard import Shard
from olsrepro.randomness import address

WHOLE_BATCH = 128


class HostLoader:
    """Training batches: crop, flip, colour jitter, light noise, normalise, then CutOut; a new order each epoch.

    An image depends on (seed, epoch, sample index) alone: not on its batch, on the number of workers or of ranks, or on
    whether its pixels come from a cache.

    Args:
        data: the photographs; steps train on its training set.
        targets: int64 (N,), the given labels.
        augment: of a batch's own images.
        batch_size: images in each batch but the last, on all ranks.
        seed: of the run.
        device: where the batches go.
        channels_last: memory format of a batch's images.
        more_views: further views that a batch carries.
        held_out: int64, samples that no step trains on.
        clean: the samples that come with each step as a clean batch; their targets are their true ones.
        shard: this rank's share of every batch; None: all of it.
        workers: number of processes that read; with 0 this one does.
        cache: of resized pixels.
    """

    def __init__(
        self,
        data: Photographs,
        targets: Tensor,
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
        workers: int = 0,
        cache: PixelCache | None = None,
    ) -> None:
        self.device = torch.device(device)
        self.batch_size = batch_size
        self.total = len(data.train_paths)
        self.count = self.total - (0 if held_out is None else len(held_out))
        self._data = data
        self._own_targets = targets.cpu()
        self._targets = targets.to(self.device)
        self._seed = seed
        self._views = (View(augment), *more_views)
        self._held_out = None if held_out is None else held_out.cpu()
        self._clean = clean
        self._shard = shard or Shard()
        self._workers = workers_of(workers, pinned=self.device.type == "cuda")
        self._stored = None if cache is None else cache.train
        self._finish = Finisher(data.mean, data.std, self.device, channels_last=channels_last)

    def __len__(self) -> int:
        """Count the steps in an epoch."""
        return -(-self.count // self.batch_size)

    def epoch(self, epoch: int, start: int = 0) -> Iterator[Batch]:
        """Yield this rank's part of each batch of a 0-based epoch, from step ``start`` on."""
        order = self._order(epoch)
        wholes = [order[step * self.batch_size : (step + 1) * self.batch_size] for step in range(start, len(self))]
        mates = [self._mates(epoch, number) for number in range(len(self._views))]
        jobs = (self._job(epoch, step, whole, mates) for step, whole in enumerate(wholes, start))
        for whole, made in zip(wholes, self._workers.in_order(jobs), strict=True):
            yield self._batch(made, epoch, len(whole) if self._shard.ranks > 1 else None)

    def samples_of(self, epoch: int, step: int) -> list[int]:
        """List the training indices of a batch, on all ranks."""
        return self._order(epoch)[step * self.batch_size : (step + 1) * self.batch_size].tolist()

    def whole(self, epoch: int, *, augmented: bool) -> Iterator[Batch]:
        """Yield every image that steps train on, once, by rising index, as :class:`methods.base.TrainingSet` says."""
        augment = self._views[0].augment if augmented else AS_IN_A_TEST
        parts = _in_parts(self._order(epoch).sort().values, WHOLE_BATCH)
        jobs = (BatchJob([self._sheets(epoch, part, part, [ViewOf(augment)])]) for part in parts)
        for made in self._workers.in_order(jobs):
            indices = self._finish.sent(made.indices)
            yield Batch(self._finish(made.groups[0][0], augment.cutout), self._targets[indices], indices, epoch)

    def _order(self, epoch: int) -> Tensor:
        """Return the samples that steps train on, in the order of an epoch."""
        return order_without(self._held_out, draw_order(self.total, self._seed, epoch, "cpu"))

    def _mates(self, epoch: int, number: int) -> Tensor | None:
        """Draw whose photographs a view shows, (N,); None: the samples' own."""
        if self._views[number].of == "sample":
            return None
        return classmates(self._own_targets, address(self._seed, "classmate", epoch, number))

    def _job(self, epoch: int, step: int, whole: Tensor, mates: Sequence[Tensor | None]) -> BatchJob:
        """Build a worker's job for a step: views of the samples, each view of classmates, the clean batch."""
        own = whole[self._shard.rows(len(whole))]
        views = [ViewOf(view.augment, number) for number, view in enumerate(self._views)]
        groups = [self._sheets(epoch, own, own, [view for view in views if mates[view.number] is None])]
        for view, shown in zip(views, mates, strict=True):
            if shown is not None:
                groups.append(self._sheets(epoch, own, shown[own], [view]))
        if self._clean is not None:
            clean = self._clean.at(epoch * len(self) + step).cpu()
            clean = clean[self._shard.rows(len(clean))]
            groups.append(self._sheets(epoch, clean, clean, views[:1]))
        return BatchJob(groups, has_clean=self._clean is not None)

    def _sheets(self, epoch: int, indices: Tensor, shown: Tensor, views: Sequence[ViewOf]) -> PixelsJob:
        is_resized = all(view.augment.crop != "resized" for view in views)
        return PixelsJob(
            indices.numpy(),
            _files(self._data, self._data.train_paths, shown),
            self._data.geometry,
            views,
            self._seed,
            epoch,
            None if self._stored is None or not is_resized else (self._stored, shown.numpy()),
        )

    def _batch(self, made: MadeBatch, epoch: int, step_size: int | None) -> Batch:
        *sheets, clean = made.groups if self._clean is not None else (*made.groups, ())
        by_number = dict(zip(self._numbers(), (sheet for group in sheets for sheet in group), strict=True))
        images, *more = (
            self._finish(by_number[number], view.augment.cutout) for number, view in enumerate(self._views)
        )
        indices = self._finish.sent(made.indices)
        clean_indices = None if made.clean_indices is None else self._finish.sent(made.clean_indices)
        return Batch(
            images,
            self._targets[indices],
            indices,
            epoch,
            tuple(more),
            clean_images=None if clean_indices is None else self._finish(clean[0], self._views[0].augment.cutout),
            clean_targets=None if clean_indices is None else self._targets[clean_indices],
            step_size=step_size,
        )

    def _numbers(self) -> list[int]:
        """List the views' numbers in the order in which a worker makes them."""
        return sorted(range(len(self._views)), key=lambda number: self._views[number].of == "classmate")


def test_batches(
    data: Photographs,
    samples: slice,
    *,
    batch_size: int,
    device: torch.device | str,
    channels_last: bool = False,  # noqa: PT028
    workers: int = 0,  # noqa: PT028
    cache: PixelCache | None = None,  # noqa: PT028
) -> Iterator[tuple[Tensor, Tensor]]:
    """Yield a range of the test set in order, normalised: float32 (B, 3, S, S), int64 (B,), the short last batch kept.

    Args are those of :class:`HostLoader`.
    """
    device = torch.device(device)
    finish = Finisher(data.mean, data.std, device, channels_last=channels_last)
    parts = _in_parts(torch.arange(len(data.test_paths))[samples], batch_size)
    stored = None if cache is None else cache.test
    jobs = (_test_job(data, part, stored) for part in parts)
    made = workers_of(workers, pinned=device.type == "cuda").in_order(jobs)
    for part, (sheet,) in zip(parts, made, strict=True):
        yield finish(sheet), finish.sent(data.test_targets[part])


def _test_job(data: Photographs, part: Tensor, stored: PixelFile | None) -> PixelsJob:
    files = _files(data, data.test_paths, part)
    shown = None if stored is None else (stored, part.numpy())
    return PixelsJob(part.numpy(), files, data.geometry, stored=shown)


def _in_parts(indices: Tensor, size: int) -> list[Tensor]:
    return [indices[at : at + size] for at in range(0, len(indices), size)]


def _files(data: Photographs, paths: PathTable, indices: Tensor) -> list[Path]:
    return [data.root / paths[index] for index in indices.tolist()]
