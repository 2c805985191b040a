"""Task of detecting objects: a label method labels the classes of objects, the rest is YOLO's."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from olsrepro.data.dataset import DetectionSet
from olsrepro.data.detection.batch import DetectionBatch
from olsrepro.data.detection.loader import DetectionLoader, test_batches
from olsrepro.data.detection.settings import DetectionAugment
from olsrepro.data.loaders import ReaderOptions
from olsrepro.data.shard import Shard
from olsrepro.detection.assignment import assign
from olsrepro.detection.grid import grid_of
from olsrepro.detection.loss import DetectionLoss, detection_loss
from olsrepro.detection.postprocess import Detections, merged, strongest, suppressed
from olsrepro.distributed.news import of_all
from olsrepro.distributed.ranks import rank, rank_count
from olsrepro.distributed.sums import summed
from olsrepro.evaluation.detection.average_precision import mean_average_precision
from olsrepro.evaluation.detection.passes import MapsNotFinite, detect
from olsrepro.evaluation.detection.settings import Settings as TestSettings
from olsrepro.losses.criterion import is_training_pass
from olsrepro.methods.base import LabelMethod
from olsrepro.training.counters import StepCounters
from olsrepro.training.detection.settings import KEPT, KIND, DetectionRecipe
from olsrepro.training.task import Asked, Evaluation, NonFinite, never, refuse_stopped, shortened, until


@dataclass(frozen=True)
class DetectionOutput:
    """Loss of a batch, a scalar to minimise, and its parts."""

    loss: Tensor
    parts: DetectionLoss


class DetectionCounters(StepCounters):
    """Step counters that also sum the three parts of the loss, and count the places that were assigned an object."""

    def __init__(self, device: torch.device) -> None:
        super().__init__(device)
        self._parts = torch.zeros(4, dtype=torch.float64, device=device)

    def reset(self) -> None:
        """Set all counts to zero for a new epoch."""
        super().reset()
        self._parts.zero_()

    @torch.no_grad()
    def add(self, step: int, batch: DetectionBatch, output: DetectionOutput) -> None:
        """Count the images, losses and positives of one step's batch."""
        images, parts = len(batch.images), output.parts
        losses = torch.stack([parts.box, parts.objectness, parts.classification]).detach().double() * images
        self._parts += torch.cat([losses, parts.positive.sum().double()[None]])
        self.count_step(step, images, output.loss)

    def fields(self) -> dict[str, Any]:
        """Return mean losses of an image and the count of positives (reads the device).

        ``train_loss`` is the minimised loss: the sum of the parts times the recipe's ``loss_scale``.
        """
        box, objectness, classification, positives = summed(self._parts).tolist()
        images = max(1, self.images())
        return {
            "train_loss": self.mean_loss(),
            "train_box_loss": box / images,
            "train_objectness_loss": objectness / images,
            "train_class_loss": classification / images,
            "n_positive": int(positives),
        }

    def state_dict(self) -> dict[str, Any]:
        """Return the running counts, for a checkpoint inside an epoch."""
        return super().state_dict() | {"parts": self._parts}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Resume from counts taken with :meth:`state_dict`."""
        super().load_state_dict(state)
        self._parts.copy_(state["parts"])


class DetectionTask:
    """Detection of objects in images, tested by mean average precision at one size, without a mirror image.

    Args:
        data: training and test set.
        recipe: has batch size, augmentation and sizes.
        size: side in pixels that test images are letter-boxed to; of training images too where the recipe has none.
        seed: of the run.
        device: where batches are made.
        reader: how photographs are read.
        accumulate: number of parts that each rank's share of a batch is split into.
    """

    def __init__(
        self,
        data: DetectionSet,
        recipe: DetectionRecipe,
        size: int,
        seed: int,
        device: torch.device,
        *,
        reader: ReaderOptions,
        accumulate: int = 1,
    ) -> None:
        self._shard = Shard(rank(), rank_count())
        self._loader = DetectionLoader(
            data,
            augment=augment_of(recipe, size),
            batch_size=recipe.batch_size,
            seed=seed,
            device=device,
            shard=self._shard,
            workers=reader.workers,
        )
        self._data = data
        self._recipe = recipe
        self._test = TestSettings(sizes=(size,), flip=False)
        self._device = device
        self._workers = reader.workers
        self._accumulate = accumulate
        self.counters = DetectionCounters(device)

    def steps_per_epoch(self) -> int:
        """Return the number of optimiser steps in an epoch."""
        return len(self._loader)

    def batches(self, epoch: int, start: int) -> Iterator[Sequence[DetectionBatch]]:
        """Yield this rank's share of each batch of an epoch, in parts, from step ``start`` on."""
        for batch in self._loader.epoch(epoch, start):
            yield batch.parts(self._accumulate)

    def loss(self, method: LabelMethod, network: nn.Module, batch: DetectionBatch) -> DetectionOutput:
        """Return YOLO's loss with the method's labels of the objects' classes, whose predictions it observes."""
        maps = network(batch.images)
        objects = (batch.boxes, batch.classes, batch.weights, batch.owners)
        assignment = assign(*objects, images=len(batch.images), grid=grid_of(maps))
        detach_alpha = self._recipe.ciou_alpha == "detached"
        parts = detection_loss(maps, assignment, method.class_targets, detach_alpha=detach_alpha)
        if is_training_pass(method):
            method.observe_classes(parts.classes, parts.class_logits.sigmoid(), parts.positive)
        return DetectionOutput(self._recipe.loss_scale * parts.total, parts)

    def images_seen(self) -> int:
        """Count the images trained on in this epoch so far, on all ranks."""
        return self.counters.images()

    def training_fields(self) -> dict[str, Any]:
        """Return mean losses and the count of positives."""
        return self.counters.fields()

    def evaluate(self, network: nn.Module, asked: Asked = never) -> Evaluation:
        """Measure mean average precision on the test set in evaluation mode, each image once, shared by ranks.

        Raises:
            NonFinite: raw maps of a test image are not finite; on all ranks.
            StoppedInTest: a stop was asked for on any rank; on all ranks.
        """
        network.eval()
        own = self._found(network, asked)
        network.train()
        refuse_stopped(asked)
        parts = of_all(own)
        found = [one for part in parts if part is not None for one in part]
        if None in parts:
            raise NonFinite("the raw maps of a test image are not finite, though the weights are")
        objects, classes = self._data.test_objects, len(self._data.class_names)
        value = mean_average_precision(found, objects, classes, rule=self._test.rule, least_iou=self._test.iou).mean
        fields = {"test_mAP": value, "n_test": len(found), "n_detections": sum(map(len, found))}
        return Evaluation(fields, 100 - value, _kept(found), KIND.outputs)

    def _found(self, network: nn.Module, asked: Asked = never) -> list[Detections] | None:
        """Return the detections in this rank's share of the test images; None if any raw map is not finite."""
        (size,), own = self._test.sizes, self._shard.of_samples(len(self._data.test_paths))
        batches = test_batches(
            self._data,
            own,
            size=size,
            flip=False,
            batch_size=self._test.batch_size,
            device=self._device,
            workers=self._workers,
        )
        found = detect(network, until(asked, batches), self._test.score_threshold)
        try:
            return [suppressed(strongest(one, self._test.most), self._test.nms_iou) for one in found]
        except MapsNotFinite:
            return None

    def training_set(self) -> None:
        """Return None: no method that labels objects goes through all images."""

    def end_epoch(self, epoch: int, method: LabelMethod, network: nn.Module) -> dict[str, Any]:
        """Return the row's fields from the method."""
        return {f"method_{key}": value for key, value in method.epoch_facts().items()}

    def files_of(self, epoch: int, step: int) -> str:
        """Name the files of one batch, into which others may have been mixed."""
        return shortened([self._data.train_paths[index] for index in self._loader.samples_of(epoch, step)])


def augment_of(recipe: DetectionRecipe, size: int) -> DetectionAugment:
    """Return the augmentation of training images, at side ``size`` where the recipe draws no sizes."""
    return DetectionAugment(
        flip=0.5 if recipe.flip else 0.0,
        crop=recipe.crop_chance,
        translate=recipe.translate_chance,
        mixup=recipe.mixup,
        mixup_alpha=recipe.mixup_alpha,
        sizes=tuple(recipe.sizes) or (size,),
        size_every=recipe.size_every,
        crop_sides=recipe.crop_sides,
    )


def _kept(found: Sequence[Detections]) -> dict[str, Tensor]:
    """Return the strongest detections of each image; image i has the rows from ``starts[i]`` to ``starts[i + 1]``."""
    strong = [strongest(one, KEPT) for one in found]
    every = merged(strong)
    starts = torch.tensor([0, *map(len, strong)]).cumsum(0)
    return {"boxes": every.boxes, "scores": every.scores, "classes": every.classes, "starts": starts}
