"""Interface of evaluations: the run that they measure, and their result."""

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
    """A finished run with its data set; each part is read once, when it is asked for."""

    name: str
    """Run id, for messages."""
    seed: int
    epochs: int
    """Number of training epochs."""
    device: torch.device

    @property
    def class_names(self) -> tuple[str, ...]:
        """Names of the data set's classes."""

    @property
    def mean(self) -> Tensor:
        """Mean that the network's images are normalised by: float32 (3,), of pixels in [0, 1]."""

    @property
    def std(self) -> Tensor:
        """Standard deviation that they are normalised by: float32 (3,), as ``mean``."""

    def network(self) -> Backbone:
        """Return the network with the chosen weights: evaluation mode, float32, on the device, no weight gradients."""

    def test_logits(self) -> tuple[Tensor, Tensor]:
        """Return logits (N, K) float32 of the chosen weights on the test set in order, and labels (N,) int64; CPU."""

    def images(self, split: str) -> Images:
        """Return the images of ``train`` or ``test`` in order, with true labels; pixels are read when asked for."""

    def label_table(self) -> Tensor:
        """Return the last epoch's soft labels, (K, K), row y for class y; :class:`UserError` if the run keeps none."""

    def human_labels(self) -> HumanLabels:
        """Return people's labels of the test images; :class:`UserError` if the data set has none."""

    def probability_sums(self) -> Mapping[int, tuple[Tensor, list[int]]]:
        """Return by ensemble size the sum of test probabilities (N, K) over some epochs, and these, from 1."""

    def kept_epochs(self) -> Sequence[int]:
        """List the epochs, counted from 1, whose weights the run kept (``runtime.keep=grid``); usually none."""

    def epoch_networks(self, epochs: Sequence[int]) -> Iterator[Backbone]:
        """Yield the networks of given kept epochs, in this order, as :meth:`network` returns one; one at a time."""


class DetectorSubject(Protocol):
    """A finished run of a detector with its data set, as :class:`Subject` is for a classifier."""

    name: str
    """Run id, for messages."""
    image_size: int
    """Side in pixels to which images are letter-boxed in the run's own test."""

    @property
    def class_names(self) -> tuple[str, ...]:
        """Names of the data set's classes."""

    def network(self) -> Detector:
        """Return the network with the chosen weights: evaluation mode, float32, on the device, no weight gradients."""

    def test_objects(self) -> Objects:
        """Return the objects in the test images in order, difficult ones among them; on the CPU."""

    def detection_test(self, size: int, flip: bool, batch_size: int) -> Iterator[tuple[Tensor, Sequence[Placement]]]:
        """Yield test images in order, letter-boxed: (B, 3, size, size) on the device, and their places in the box."""


@dataclass(frozen=True)
class Result:
    """Result of an evaluation: numbers, and what they are based on.

    Attributes:
        values: numbers by metric name, as ``experiments/metrics.py`` has them.
        samples: number of samples that they are based on.
        detail: further plain data, for figures and readers: bins, class names, choices made.
        tensors: tensors to keep beside the record.
    """

    values: Mapping[str, float]
    samples: int
    detail: Mapping[str, Any] = field(default_factory=dict)
    tensors: Mapping[str, Tensor] = field(default_factory=dict)
