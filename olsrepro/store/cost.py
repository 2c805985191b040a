"""What a run will cost, estimated without torch: passes, multiply-adds, disk, and hours where a speed was measured."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from olsrepro.config.run_config import RunConfig
from olsrepro.settings import UserError
from olsrepro.store.record import FINISHED, Record, read_record

REFERENCE_IMAGE = 32  # pixels: the side at which configs/backbone counts its macs
BYTES = 4
LOGIT_FILES = 2  # of the best and of the last epoch


@dataclass(frozen=True)
class Cost:
    """An estimate.

    Attributes:
        training_images: images through forward and backward.
        test_images: images through forward alone.
        macs: multiply-adds in all, three passes for forward and backward; None for a network that no config describes.
        disk_bytes: weights, two checkpoints, test logits, label tables.
        images_per_s: median training speed of like runs in the store, None where there are none.
        measured_on: the device that most of them ran on; only those count.
    """

    training_images: int
    test_images: int
    macs: float | None
    disk_bytes: float | None
    images_per_s: float | None = None
    measured_on: str | None = None

    def lines(self) -> Iterator[str]:
        """For people."""
        work = "unknown (no config counts this network)" if self.macs is None else f"{self.macs:.3g} multiply-adds"
        yield f"cost: {self.training_images:,} training images, {self.test_images:,} test images, {work}"
        if self.disk_bytes is not None:
            yield f"disk: about {self.disk_bytes / 1e6:,.1f} MB"
        if self.images_per_s is None:
            yield "time: unknown until a run of this backbone on this data set is finished in this store"
        else:
            hours = self.training_images / self.images_per_s / 3600
            speed = f"{self.images_per_s:,.0f} images/s, as measured on {self.measured_on}"
            yield f"time: about {hours:.2g} h of training at {speed}"


def estimate(config: RunConfig) -> Cost:
    """Estimate a run: multiply-adds grow with the image's area and the square of the width."""
    dataset, recipe, backbone = config.dataset, config.recipe, config.backbone
    training, test = recipe.epochs * dataset.train_size, recipe.epochs * dataset.test_size
    scale = (dataset.image_size / REFERENCE_IMAGE) ** 2 * backbone.width**2
    macs = (3 * training + test) * backbone.macs * scale if backbone.macs else None
    return Cost(training, test, macs, _disk(config) if backbone.params else None, *_measured_speed(config))


def _disk(config: RunConfig) -> float:
    classes = config.dataset.num_classes
    weights = config.backbone.params * config.backbone.width**2 * BYTES
    logits = LOGIT_FILES * config.dataset.test_size * classes * BYTES
    tables = config.recipe.epochs * classes**2 * BYTES if config.method.keeps_label_table else 0
    momentum_and_weights = 2
    return float((2 + 2 * momentum_and_weights) * weights + logits + tables)


def _measured_speed(config: RunConfig) -> tuple[float | None, str | None]:
    alike = [
        record["training"]
        for record in _records(Path(config.runtime.runs_dir))
        if record["status"] == FINISHED and _is_like(record, config)
    ]
    if not alike:
        return None, None
    device = Counter(training["device"] for training in alike).most_common(1)[0][0]
    return median(training["images_per_s"] for training in alike if training["device"] == device), device


def _records(root: Path) -> Iterator[Record]:
    for folder in root.glob("*-s*"):
        try:
            record = read_record(folder)
        except UserError:
            continue
        if record is not None:
            yield record


def _is_like(record: Record, config: RunConfig) -> bool:
    """The same network on the same images: what decides the speed, whatever the method."""
    then, now = record["config"], config.as_dict()
    return bool(then["backbone"] == now["backbone"] and then["dataset"] == now["dataset"])
