"""What a task is: it owns its batches, what is counted while training, what is evaluated. The loop knows no task."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from torch import Tensor, nn

from olsrepro.methods.base import LabelMethod, TrainingSet


class NonFinite(Exception):
    """A loss, a weight or what a test is made of is no longer finite; no checkpoint holds that state."""


@dataclass(frozen=True)
class Evaluation:
    """A test: the row's fields, the number that the best epoch has lowest, and the raw output worth keeping.

    ``outputs`` are tensors by name, kept in a file whose name ends in ``kind``.
    """

    fields: dict[str, Any]
    objective: float
    outputs: Mapping[str, Tensor]
    kind: str


class Counters(Protocol):
    """What is counted while an epoch trains, on the device; every rank must read, if one does."""

    def reset(self) -> None:
        """Start a new epoch."""

    def add(self, step: int, batch: Any, output: Any) -> None:
        """Count what a step's batch came to."""

    def first_bad_step(self) -> int | None:
        """The epoch's first step with a loss that is not finite."""

    def state_dict(self) -> dict[str, Any]:
        """The running counts, for a checkpoint inside an epoch."""

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from counts taken with :meth:`state_dict`."""


class Task(Protocol):
    """The seam between the loop and what is trained."""

    @property
    def counters(self) -> Counters:
        """Of the running epoch."""

    def steps_per_epoch(self) -> int:
        """Optimiser steps in an epoch."""

    def batches(self, epoch: int, start: int) -> Iterator[Sequence[Any]]:
        """This rank's share of each batch from step ``start`` on, in parts; the same ones however often it is asked."""

    def loss(self, method: LabelMethod, network: nn.Module, batch: Any) -> Any:
        """What a part of a batch comes to; its ``loss`` is a scalar to minimise."""

    def images_seen(self) -> int:
        """Images trained on in this epoch so far, on all ranks."""

    def training_fields(self) -> dict[str, Any]:
        """The row's fields from the counters of the epoch."""

    def evaluate(self, network: nn.Module) -> Evaluation:
        """Test the network, which is left in training mode."""

    def training_set(self) -> TrainingSet | None:
        """Return all training images, for methods that look at them; None where no method does."""

    def end_epoch(self, epoch: int, method: LabelMethod, network: nn.Module) -> dict[str, Any]:
        """Finish an epoch after its last step; return the fields of its row that come from the method."""

    def files_of(self, epoch: int, step: int) -> str:
        """What one batch was made of, to name what led to a loss that is not finite."""


NAMED = 16


def shortened(names: Sequence[str]) -> str:
    """The first few of some names, for a message."""
    return ", ".join(names[:NAMED]) + (", …" if len(names) > NAMED else "")
