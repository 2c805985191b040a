"""Cost of a run, estimated without torch: passes, multiply-adds, disk, and hours where a speed was measured."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from statistics import median

from olsrepro.config.run_config import RunConfig
from olsrepro.evaluation.ensemble_epochs import count_members
from olsrepro.methods.registry import method_names, settings_class
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
    """Training speed of a network.

    Attributes:
        images_per_s: through one forward and backward pass: the median of finished runs, or of some bare steps.
        device: the one that it was measured on; of several runs, that of most.
        of_steps: whether it comes from bare steps, without the loader, since no such run is finished.
    """

    images_per_s: float
    device: str
    of_steps: bool = False


Speeds = Mapping[str, Speed]
"""Speeds of finished runs by network, images and precision (:func:`_alike`), of bare steps by their record's id."""


@dataclass(frozen=True)
class Cost:
    """Estimated cost of a run.

    Attributes:
        training_images: images through forward and backward.
        test_images: images through forward alone.
        macs: multiply-adds in all, three passes for forward and backward; None for a network that no config describes.
        disk_bytes: weights, two checkpoints, test logits (a detector's boxes, at most), label tables, what is kept for
            ensembles.
        images_per_s: training speed of similar runs in the store, else of timed steps; None where there is none.
        measured_on: the device that this speed was measured on.
        of_steps: whether it comes from timed steps, without the loader.
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
        """Hours of training; None where no speed is known."""
        return self.training_images / self.images_per_s / 3600 if self.images_per_s else None

    def lines(self) -> Iterator[str]:
        """Yield the estimate as lines of text."""
        work = "unknown (no config counts this network)" if self.macs is None else f"{self.macs:.3g} multiply-adds"
        yield f"cost: {self.training_images:,} training images, {self.test_images:,} test images, {work}"
        if self.disk_bytes is not None:
            yield f"disk: about {self.disk_bytes / 1e6:,.1f} MB"
        if self.hours is None:
            yield (
                "time: unknown until a run of this backbone on this data set is finished in this store; "
                "`olsrepro plan --measure` times one that a table needs"
            )
        else:
            about, said = ("~", TIMED_ON) if self.of_steps else ("about ", "as measured on {}")
            speed = f"{rate_text(self.images_per_s or 0.0)} images/s, {said.format(self.measured_on)}"
            yield f"time: {about}{self.hours:.2g} h of training at {speed}"


def rate_text(images_per_s: float) -> str:
    """Format a speed in images per second."""
    return f"{images_per_s:,.0f}" if images_per_s >= 10 else f"{images_per_s:.2g}"


def estimate(config: RunConfig, speeds: Speeds) -> Cost:
    """Estimate a run's cost: multiply-adds grow with the image's area, the square of the width, the depth.

    Training images may differ in size from the data set's, which tests and timed steps use.

    Args:
        config: the run.
        speeds: as measured in a store; see :func:`measured_speeds`.
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
    """Look up the speed of a run's network in finished runs, else in timed steps; None where there is neither."""
    alike = _alike(asdict(config.backbone), asdict(config.dataset), asdict(config.recipe))
    return speeds.get(alike) or speeds.get(facts_id(SPEED, config))


def _network_scale(backbone: BackboneSettings) -> float:
    """Estimate weights and multiply-adds as a multiple of those at width and depth factor 1."""
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
    """Return the bytes kept of a test image: its logits, or its boxes."""
    return task_kind(config.dataset.task).output_bytes(config.dataset.num_classes)


def _for_ensembles(config: RunConfig, weights: float) -> float:
    """Return the bytes of running sums of test probabilities and, with ``keep=grid``, of every member's weights."""
    runtime = config.runtime
    sums = len({*runtime.ensemble_sizes}) * config.dataset.test_size * config.dataset.num_classes * BYTES
    kept = count_members(runtime.ensemble_sizes, runtime.ensemble_grid, config.recipe.epochs)
    return SUM_FILES * sums + (kept * weights if runtime.keep == "grid" else 0)


def measured_speeds(store: Store) -> Speeds:
    """Collect the speeds of a store's finished runs and of timed steps; reads all of its records once."""
    return {**timed_speeds(store), **speeds_of(store.readable_records())}


def timed_speeds(store: Store) -> dict[str, Speed]:
    """Read the speeds of bare steps, by the id of their record."""
    return {
        record["run_id"]: Speed(record["facts"]["images_per_s"], record["history"][-1]["device"], of_steps=True)
        for record in speed_records(store.root)
    }


def speeds_of(records: Iterable[Record]) -> Speeds:
    """Compute the speeds of finished runs by what decides them (:func:`_alike`); per pass, whatever the method.

    A run of a method that this version doesn't know is left out: nobody says how many passes it takes.
    """
    found: dict[str, list[tuple[str, float]]] = defaultdict(list)
    for record in records:
        if record["status"] == FINISHED and record["config"]["method"]["name"] in method_names():
            config, training = record["config"], record["training"]
            passes = settings_class(config["method"]["name"]).passes
            speed = training["images_per_s"] * passes
            alike = _alike(config["backbone"], config["dataset"], config["recipe"])
            found[alike].append((training["device"], speed))
    return {key: _median_speed(runs) for key, runs in found.items()}


def _alike(backbone: Mapping[str, object], dataset: Mapping[str, object], recipe: Mapping[str, object]) -> str:
    """Return a key that runs of one network on the same images, of the same sizes, in one precision share."""
    return json.dumps([backbone, dataset, recipe["precision"], recipe.get("sizes")], sort_keys=True)


def _median_speed(runs: list[tuple[str, float]]) -> Speed:
    device = Counter(device for device, _ in runs).most_common(1)[0][0]
    return Speed(median(speed for name, speed in runs if name == device), device)
