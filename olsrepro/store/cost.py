"""What a run will cost, estimated without torch: passes, multiply-adds, disk, and hours where a speed was measured."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from statistics import median

from olsrepro.config.run_config import RunConfig
from olsrepro.evaluation.ensemble_epochs import count_members
from olsrepro.methods.registry import settings_class
from olsrepro.models.settings import BackboneSettings
from olsrepro.store.facts import SPEED, facts_id, speed_records
from olsrepro.store.folder import Store
from olsrepro.store.record import FINISHED, Record
from olsrepro.training.tasks import task_kind

BYTES = 4
TEST_FILES = 2  # of the best and of the last epoch
TIMED_ON = "timed on {}, loader not included"
SUM_FILES = 3  # the finished sums of ensembles, and those in both checkpoints


@dataclass(frozen=True)
class Speed:
    """How fast a network is trained.

    Attributes:
        images_per_s: through one forward and backward pass: the median of finished runs, or of some bare steps.
        device: where that was: the one that most of the runs had.
        of_steps: whether it is of bare steps, the loader not included, as no run of the kind is finished.
    """

    images_per_s: float
    device: str
    of_steps: bool = False


Speeds = Mapping[str, Speed]
"""Of finished runs by network, images and precision (:func:`_alike`); of bare steps by the id of their record."""


@dataclass(frozen=True)
class Cost:
    """An estimate.

    Attributes:
        training_images: images through forward and backward.
        test_images: images through forward alone.
        macs: multiply-adds in all, three passes for forward and backward; None for a network that no config describes.
        disk_bytes: weights, two checkpoints, test logits (a detector's boxes, at most), label tables, what is kept for
            ensembles.
        images_per_s: training speed of like runs in the store, else of steps that were timed; None where there is none.
        measured_on: the device that this is of.
        of_steps: whether it is of steps, the loader not included.
    """

    training_images: int
    test_images: int
    macs: float | None
    disk_bytes: float | None
    images_per_s: float | None = None
    measured_on: str | None = None
    of_steps: bool = False

    @property
    def hours(self) -> float | None:
        """Of training; None where no speed is known."""
        return self.training_images / self.images_per_s / 3600 if self.images_per_s else None

    def lines(self) -> Iterator[str]:
        """For people."""
        work = "unknown (no config counts this network)" if self.macs is None else f"{self.macs:.3g} multiply-adds"
        yield f"cost: {self.training_images:,} training images, {self.test_images:,} test images, {work}"
        if self.disk_bytes is not None:
            yield f"disk: about {self.disk_bytes / 1e6:,.1f} MB"
        if self.hours is None:
            yield (
                "time: unknown until a run of this backbone on this data set is finished in this store; "
                "`olsrepro plan --measure` times one that a table wants"
            )
        else:
            about, said = ("~", TIMED_ON) if self.of_steps else ("about ", "as measured on {}")
            speed = f"{rate_text(self.images_per_s or 0.0)} images/s, {said.format(self.measured_on)}"
            yield f"time: {about}{self.hours:.2g} h of training at {speed}"


def rate_text(images_per_s: float) -> str:
    """A speed in images a second, for people."""
    return f"{images_per_s:,.0f}" if images_per_s >= 10 else f"{images_per_s:.2g}"


def estimate(config: RunConfig, speeds: Speeds) -> Cost:
    """Estimate a run: multiply-adds grow with the image's area, the square of the width, the depth.

    Training images may have other sizes than the data set's, which those of a test and of timed steps have.

    Args:
        config: the run.
        speeds: as measured in a store; :func:`measured_speeds`.
    """
    dataset, recipe, backbone = config.dataset, config.recipe, config.backbone
    training, test = recipe.epochs * dataset.train_size, recipe.epochs * dataset.test_size
    scale = (dataset.image_size / backbone.counted_at) ** 2 * _network_scale(backbone)
    passes, larger = config.method.passes, recipe.training_area(dataset.image_size) / dataset.image_size**2
    macs = (3 * passes * larger * training + test) * backbone.macs * scale if backbone.macs else None
    disk = _disk(config) if backbone.params else None
    speed = speed_of(config, speeds)
    if speed is None:
        return Cost(training, test, macs, disk)
    slower = passes * larger if speed.of_steps else passes
    return Cost(training, test, macs, disk, speed.images_per_s / slower, speed.device, speed.of_steps)


def speed_of(config: RunConfig, speeds: Speeds) -> Speed | None:
    """The speed of a run's network by finished runs, else by timed steps; None where there is neither."""
    alike = _alike(asdict(config.backbone), asdict(config.dataset), asdict(config.recipe))
    return speeds.get(alike) or speeds.get(facts_id(SPEED, config))


def _network_scale(backbone: BackboneSettings) -> float:
    """Weights and multiply-adds, roughly, as a share of those at width and depth factor 1."""
    return backbone.width**2 * backbone.depth_factor


def _disk(config: RunConfig) -> float:
    classes = config.dataset.num_classes
    weights = config.backbone.params * _network_scale(config.backbone) * BYTES
    outputs = TEST_FILES * config.dataset.test_size * _output_bytes(config)
    tables = config.recipe.epochs * classes**2 * BYTES if config.method.keeps_label_table else 0
    momentum_and_weights = 2
    plain = (2 + 2 * momentum_and_weights) * weights + outputs + tables
    return float(plain + _for_ensembles(config, weights))


def _output_bytes(config: RunConfig) -> int:
    """Of a test image: its logits, or the boxes that are kept of it."""
    return task_kind(config.dataset.task).output_bytes(config.dataset.num_classes)


def _for_ensembles(config: RunConfig, weights: float) -> float:
    """Running sums of test probabilities, and with ``keep=grid`` the weights of every member's epoch."""
    runtime = config.runtime
    sums = len({*runtime.ensemble_sizes}) * config.dataset.test_size * config.dataset.num_classes * BYTES
    kept = count_members(runtime.ensemble_sizes, runtime.ensemble_grid, config.recipe.epochs)
    return SUM_FILES * sums + (kept * weights if runtime.keep == "grid" else 0)


def measured_speeds(store: Store) -> Speeds:
    """How fast the finished runs of a store were, and steps that were timed; reads all of its records once."""
    return {**timed_speeds(store), **speeds_of(store.readable_records())}


def timed_speeds(store: Store) -> dict[str, Speed]:
    """How fast bare steps were, by the id of their record."""
    return {
        record["run_id"]: Speed(record["facts"]["images_per_s"], record["history"][-1]["device"], of_steps=True)
        for record in speed_records(store.root)
    }


def speeds_of(records: Iterable[Record]) -> Speeds:
    """How fast finished runs were, by what decides it: the network and its images; by pass, whatever the method."""
    found: dict[str, list[tuple[str, float]]] = defaultdict(list)
    for record in records:
        if record["status"] == FINISHED:
            config, training = record["config"], record["training"]
            passes = settings_class(config["method"]["name"]).passes
            speed = training["images_per_s"] * passes
            alike = _alike(config["backbone"], config["dataset"], config["recipe"])
            found[alike].append((training["device"], speed))
    return {key: _median_speed(runs) for key, runs in found.items()}


def _alike(backbone: Mapping[str, object], dataset: Mapping[str, object], recipe: Mapping[str, object]) -> str:
    """The same for runs of one network on the same images, of the same sizes, in one precision."""
    return json.dumps([backbone, dataset, recipe["precision"], recipe.get("sizes")], sort_keys=True)


def _median_speed(runs: list[tuple[str, float]]) -> Speed:
    device = Counter(device for device, _ in runs).most_common(1)[0][0]
    return Speed(median(speed for name, speed in runs if name == device), device)
