"""A finished run for the tests of evaluations: whatever they are given, and no files."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

import torch
from torch import Tensor, nn

from olsrepro.data.image_source import TensorImages
from olsrepro.data.labels.human_labels import HumanLabels
from olsrepro.models.backbone import Backbone
from olsrepro.settings import UserError


class ToyBackbone(Backbone):
    """Two stages: a convolution with ReLU, and another; then the mean and a linear classifier."""

    def __init__(self, num_classes: int, channels: int = 8) -> None:
        super().__init__()
        self.layer1 = nn.Conv2d(3, channels, 3, padding=1)
        self.layer2 = nn.Conv2d(channels, channels, 3, padding=1, stride=2)
        self.fc = nn.Linear(channels, num_classes)
        self.set_stages({"layer1": channels, "layer2": channels})

    def stage_features(self, images: Tensor) -> dict[str, Tensor]:
        first = self.layer1(images).relu()
        return {"layer1": first, "layer2": self.layer2(first).relu()}

    def classify(self, pooled: Tensor) -> Tensor:
        logits: Tensor = self.fc(pooled)
        return logits


def toy_network(num_classes: int, seed: int = 0) -> Backbone:
    """As a subject gives it: weights of a seed, evaluation mode, no weight takes a gradient."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return ToyBackbone(num_classes).eval().requires_grad_(False)


def toy_images(count: int, num_classes: int, side: int = 8, seed: int = 0) -> tuple[Tensor, Tensor]:
    """Noise as uint8 (N, 3, side, side), and labels (N,) that take the classes in turn."""
    generator = torch.Generator().manual_seed(seed)
    images = torch.randint(256, (count, 3, side, side), dtype=torch.uint8, generator=generator)
    return images, torch.arange(count) % num_classes


@dataclass
class ToySubject:
    """Satisfies ``Subject``; a part that was not given is made up (images, network) or refused."""

    classes: int = 3
    name: str = "toy-s0"
    seed: int = 0
    epochs: int = 3
    device: torch.device = field(default_factory=lambda: torch.device("cpu"))
    mean: Tensor = field(default_factory=lambda: torch.tensor([0.49, 0.48, 0.45]))
    std: Tensor = field(default_factory=lambda: torch.tensor([0.25, 0.24, 0.26]))
    backbone: Backbone | None = None
    logits: Tensor | None = None
    train: tuple[Tensor, Tensor] | None = None
    test: tuple[Tensor, Tensor] | None = None
    table: Tensor | None = None
    people: HumanLabels | None = None
    sums: Mapping[int, tuple[Tensor, list[int]]] = field(default_factory=dict)
    networks: Mapping[int, Backbone] = field(default_factory=dict)

    @property
    def class_names(self) -> tuple[str, ...]:
        return tuple(f"class {number}" for number in range(self.classes))

    def network(self) -> Backbone:
        return toy_network(self.classes) if self.backbone is None else self.backbone

    def test_logits(self) -> tuple[Tensor, Tensor]:
        source = self.images("test")
        if self.logits is not None:
            return self.logits, source.targets[: len(self.logits)]
        shape = (1, -1, 1, 1)
        with torch.no_grad():
            pixels = source.images.float().div(255).sub(self.mean.view(shape)).div(self.std.view(shape))
            return self.network()(pixels), source.targets

    def images(self, split: str) -> TensorImages:
        given = {"train": self.train, "test": self.test}[split]
        return TensorImages(*(given or toy_images(30, self.classes, seed=len(split))))

    def label_table(self) -> Tensor:
        return _given(self.table, "keeps no label table")

    def human_labels(self) -> HumanLabels:
        return _given(self.people, "has no human labels")

    def probability_sums(self) -> Mapping[int, tuple[Tensor, list[int]]]:
        return self.sums

    def kept_epochs(self) -> Sequence[int]:
        return sorted(self.networks)

    def epoch_networks(self, epochs: Sequence[int]) -> Iterator[Backbone]:
        return (self.networks[epoch] for epoch in epochs)


Part = TypeVar("Part")


def _given(part: Part | None, problem: str) -> Part:
    if part is None:
        raise UserError(f"the toy run {problem}")
    return part
