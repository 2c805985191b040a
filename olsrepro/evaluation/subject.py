"""What an evaluation gets and what it gives back."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import torch
from torch import Tensor

from olsrepro.data.detection.letterbox import Placement
from olsrepro.data.image_source import Images
from olsrepro.data.labels.human_labels import HumanLabels
from olsrepro.data.objects import Objects
from olsrepro.models.backbone import Backbone
from olsrepro.models.detector import Detector


class Subject(Protocol):
    """A finished run with its data set; what is asked for is read then, and once."""

    name: str
    """The run's id, for messages."""
    seed: int
    epochs: int
    """Of its training."""
    device: torch.device

    @property
    def class_names(self) -> tuple[str, ...]:
        """Of the data set."""

    @property
    def mean(self) -> Tensor:
        """Float32 (3,), of pixels in [0, 1]: what the network's images are normalised by."""

    @property
    def std(self) -> Tensor:
        """Float32 (3,), as ``mean``."""

    def network(self) -> Backbone:
        """The network with the chosen weights: evaluation mode, float32, on the device, no weight takes a gradient."""

    def test_logits(self) -> tuple[Tensor, Tensor]:
        """Logits (N, K) float32 of the chosen weights on the test set in order, and its labels (N,) int64; CPU."""

    def images(self, split: str) -> Images:
        """The images of ``train`` or ``test`` in order, with true labels; pixels are read when they are asked for."""

    def label_table(self) -> Tensor:
        """The soft labels of the last epoch, (K, K), row y for class y; :class:`UserError` where the run keeps none."""

    def human_labels(self) -> HumanLabels:
        """What people see in the test images; :class:`UserError` where the data set has no such labels."""

    def probability_sums(self) -> Mapping[int, tuple[Tensor, list[int]]]:
        """By ensemble size: the sum of test probabilities (N, K) over some epochs, and these, counted from 1."""

    def kept_epochs(self) -> Sequence[int]:
        """The epochs, counted from 1, whose weights lie beside the record (``runtime.keep=grid``); none is usual."""

    def epoch_networks(self, epochs: Sequence[int]) -> Iterator[Backbone]:
        """For each of some kept epochs, in this order, its network as :meth:`network` gives one; one at a time."""


class DetectorSubject(Protocol):
    """A finished run of a detector with its data set, as :class:`Subject` is one of a classifier."""

    name: str
    """The run's id, for messages."""
    image_size: int
    """Side in pixels that the data set's images are letter-boxed to in the run's own test."""

    @property
    def class_names(self) -> tuple[str, ...]:
        """Of the data set."""

    def network(self) -> Detector:
        """The network with the chosen weights: evaluation mode, float32, on the device, no weight takes a gradient."""

    def test_objects(self) -> Objects:
        """The objects in the test images in order, difficult ones among them; CPU."""

    def detection_test(self, size: int, flip: bool, batch_size: int) -> Iterator[tuple[Tensor, Sequence[Placement]]]:
        """The test images in order, letter-boxed: (B, 3, size, size) on the device, and where each lies in its box."""


@dataclass(frozen=True)
class Result:
    """What an evaluation came to.

    Attributes:
        values: numbers by metric name, as ``experiments/metrics.py`` has them.
        samples: how many samples they are over.
        detail: further plain data, for figures and readers: bins, class names, what was chosen.
        tensors: what is worth keeping beside the record.
    """

    values: Mapping[str, float]
    samples: int
    detail: Mapping[str, Any] = field(default_factory=dict)
    tensors: Mapping[str, Tensor] = field(default_factory=dict)
