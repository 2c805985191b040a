"""Batches for a detector: workers read and change photographs, they travel as uint8, the device mixes them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import torch
from torch import Tensor

from olsrepro.data.dataset import DetectionSet, PathTable
from olsrepro.data.detection.batch import DetectionBatch
from olsrepro.data.detection.draws import OWN, SECOND
from olsrepro.data.detection.jobs import ImagesJob, Made, MadeStep, StepJob, TestJob
from olsrepro.data.detection.letterbox import Placement
from olsrepro.data.detection.mixup import Mixing, mixing, size_of
from olsrepro.data.detection.settings import DetectionAugment
from olsrepro.data.order import draw_order
from olsrepro.data.photos.draws import DrawAddress
from olsrepro.data.photos.workers import workers_of
from olsrepro.data.shard import Shard


class DetectionLoader:
    """Training batches: flip, crop, translate, letter-box, scale to [0, 1], mix up; a new order each epoch.

    An image depends on (seed, epoch, sample index) and its step's size alone: not on the number of workers or of ranks,
    nor on where an epoch begins. The last, short batch is kept.

    Args:
        data: the photographs and their objects; steps train on its training set.
        augment: changes to an image, and its sizes.
        batch_size: images in each batch but the last, on all ranks.
        seed: of the run.
        device: where the batches go.
        shard: this rank's share of every batch; None: all of it.
        workers: number of processes that read; with 0 this one does.
    """

    def __init__(
        self,
        data: DetectionSet,
        *,
        augment: DetectionAugment,
        batch_size: int,
        seed: int,
        device: torch.device | str,
        shard: Shard | None = None,
        workers: int = 0,
    ) -> None:
        self.device = torch.device(device)
        self.batch_size = batch_size
        self.count = len(data.train_paths)
        self._data = data
        self._augment = augment
        self._seed = seed
        self._shard = shard or Shard()
        self._workers = workers_of(workers, pinned=self.device.type == "cuda")

    def __len__(self) -> int:
        """Count the steps in an epoch."""
        return -(-self.count // self.batch_size)

    def epoch(self, epoch: int, start: int = 0) -> Iterator[DetectionBatch]:
        """Yield this rank's part of each batch of a 0-based epoch, from step ``start`` on."""
        wholes = torch.split(draw_order(self.count, self._seed, epoch, "cpu"), self.batch_size)[start:]
        owns = [whole[self._shard.rows(len(whole))] for whole in wholes]
        jobs = (self._job(epoch, step, own) for step, own in enumerate(owns, start))
        for whole, own, made in zip(wholes, owns, self._workers.in_order(jobs), strict=True):
            yield self._batch(made, own, epoch, len(whole) if self._shard.ranks > 1 else None)

    def samples_of(self, epoch: int, step: int) -> list[int]:
        """List the training indices of a batch, on all ranks."""
        order = draw_order(self.count, self._seed, epoch, "cpu")
        return order[step * self.batch_size : (step + 1) * self.batch_size].tolist()

    def _mixing(self, epoch: int, own: Tensor) -> Mixing:
        return mixing(self._augment, DrawAddress(self._seed, epoch), own, self.count)

    def _job(self, epoch: int, step: int, own: Tensor) -> StepJob:
        side = size_of(self._augment, self._seed, epoch, step)
        mixed = self._mixing(epoch, own)
        second = self._images(epoch, SECOND, own[mixed.rows], mixed.partners, side) if len(mixed.rows) else None
        return StepJob(self._images(epoch, OWN, own, own, side), second)

    def _images(self, epoch: int, view: int, samples: Tensor, shown: Tensor, side: int) -> ImagesJob:
        objects = self._data.train_objects.chosen(shown)
        return ImagesJob(
            samples.numpy(),
            _files(self._data, self._data.train_paths, shown),
            self._data.train_sizes[shown.numpy()],
            objects.boxes.numpy(),
            objects.starts.diff().numpy(),
            self._augment,
            DrawAddress(self._seed, epoch, view),
            side,
        )

    def _batch(self, made: MadeStep, own: Tensor, epoch: int, step_size: int | None) -> DetectionBatch:
        mixed = self._mixing(epoch, own)
        boxes, classes, weights, owners = map(self._sent, self._objects(made, own, mixed))
        images = self._sent(made.own.pixels).float()
        if made.second is not None:
            _mix_(images, self._sent(made.second.pixels), *map(self._sent, (mixed.rows, mixed.shares)))
        return DetectionBatch(
            _scaled_(images), boxes, classes, weights, owners, self._sent(own), epoch, step_size=step_size
        )

    def _objects(self, made: MadeStep, own: Tensor, mixed: Mixing) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Return boxes, classes, weights and owners, image by image, a second image's objects after the first's."""
        shares = torch.ones(len(own)).index_copy(0, mixed.rows, mixed.shares)
        parts = [self._part(made.own, own, torch.arange(len(own)), shares)]
        if made.second is not None:
            parts.append(self._part(made.second, mixed.partners, mixed.rows, 1 - mixed.shares))
        boxes, classes, weights, owners = (torch.cat(values) for values in zip(*parts, strict=True))
        order = owners.argsort(stable=True)
        return boxes[order], classes[order], weights[order], owners[order]

    def _part(self, made: Made, shown: Tensor, rows: Tensor, shares: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        classes = self._data.train_objects.chosen(shown).classes
        return made.boxes, classes, shares.repeat_interleave(made.counts), rows.repeat_interleave(made.counts)

    def _sent(self, tensor: Tensor) -> Tensor:
        return tensor.to(self.device, non_blocking=True)


def test_batches(
    data: DetectionSet,
    samples: slice,
    *,
    size: int,
    flip: bool,
    batch_size: int,
    device: torch.device | str,
    workers: int = 0,  # noqa: PT028
) -> Iterator[tuple[Tensor, tuple[Placement, ...]]]:
    """Yield a range of the test set in order, letter-boxed to ``size`` pixels and, with ``flip``, mirrored.

    Each batch is float32 (B, 3, S, S) in [0, 1] with one placement per image, whose ``restored`` maps boxes back to the
    photograph. Other args are those of :class:`DetectionLoader`.
    """
    device = torch.device(device)
    parts = torch.split(torch.arange(len(data.test_paths))[samples], batch_size)
    jobs = (
        TestJob(_files(data, data.test_paths, part), data.test_sizes[part.numpy()], size, flip)
        for part in parts
        if len(part)
    )
    for pixels, sizes in workers_of(workers, pinned=device.type == "cuda").in_order(jobs):
        images = _scaled_(pixels.to(device, non_blocking=True).float())
        yield images, tuple(Placement(width, height, size, flip) for width, height in sizes)


def _mix_(images: Tensor, second: Tensor, rows: Tensor, shares: Tensor) -> None:
    """Mix second images (P, 3, S, S) into some rows (P,) of the first, which keep their shares (P,)."""
    shares = shares.view(-1, 1, 1, 1)
    images[rows] = images[rows] * shares + second.float() * (1 - shares)


def _scaled_(images: Tensor) -> Tensor:
    # A tensor on the device, since CUDA divides by a Python number through its rounded reciprocal.
    return images.div_(torch.tensor(255.0, device=images.device))


def _files(data: DetectionSet, paths: PathTable, indices: Tensor) -> list[Path]:
    return [data.root / paths[index] for index in indices.tolist()]
