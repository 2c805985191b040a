"""Interface of tasks: a task owns its batches, its counters and its test. The loop knows no task."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

from torch import Tensor, nn

from olsrepro.distributed.news import any_rank
from olsrepro.methods.base import LabelMethod, TrainingSet

T = TypeVar("T")


class NonFinite(Exception):
    """A loss, a weight or a network's output in a test is not finite; no checkpoint holds that state."""


class StoppedInTest(Exception):
    """A test that was given up, on all ranks, because a stop was asked for."""


Asked = Callable[[], bool]
"""Question whether a stop was asked for on this rank."""


def never() -> bool:
    """Answer that no stop was asked for."""
    return False


def until(asked: Asked, batches: Iterable[T]) -> Iterator[T]:
    """Yield a test's batches until a stop is asked for; :func:`refuse_stopped` comes after them."""
    for batch in batches:
        if asked():
            return
        yield batch


def refuse_stopped(asked: Asked) -> None:
    """Give up a test (:class:`StoppedInTest`) if a stop was asked for on any rank; every rank must call it."""
    if any_rank(asked()):
        raise StoppedInTest


@dataclass(frozen=True)
class Evaluation:
    """Result of a test: the row's fields, the number that is lowest in the best epoch, and the raw output to keep.

    ``outputs`` are tensors by name, kept in a file whose name ends in ``kind``.
    """

    fields: dict[str, Any]
    objective: float
    outputs: Mapping[str, Tensor]
    kind: str


class Counters(Protocol):
    """Counters of an epoch's training, on the device; if one rank reads them, all must."""

    def reset(self) -> None:
        """Set all counts to zero for a new epoch."""

    def add(self, step: int, batch: Any, output: Any) -> None:
        """Count a step's batch and its output."""

    def first_bad_step(self) -> int | None:
        """Return the epoch's first step with a loss that is not finite; None without one."""

    def state_dict(self) -> dict[str, Any]:
        """Return the running counts, for a checkpoint inside an epoch."""

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Resume from counts taken with :meth:`state_dict`."""


class Task(Protocol):
    """Interface between the training loop and a task."""

    @property
    def counters(self) -> Counters:
        """Counters of the running epoch's training."""

    def steps_per_epoch(self) -> int:
        """Return the number of optimiser steps in an epoch."""

    def batches(self, epoch: int, start: int) -> Iterator[Sequence[Any]]:
        """Yield this rank's share of each batch from step ``start`` on, in parts; each call yields the same ones."""

    def loss(self, method: LabelMethod, network: nn.Module, batch: Any) -> Any:
        """Return the output of a part of a batch, whose ``loss`` is a scalar to minimise."""

    def images_seen(self) -> int:
        """Count the images trained on in this epoch so far, on all ranks."""

    def training_fields(self) -> dict[str, Any]:
        """Return the row's fields from the counters of the epoch."""

    def evaluate(self, network: nn.Module, asked: Asked = never) -> Evaluation:
        """Test the network, which is left in training mode.

        Raises:
            StoppedInTest: a stop was asked for on any rank; on all ranks.
        """

    def training_set(self) -> TrainingSet | None:
        """Return all training images, for methods that go through them; None where no method does."""

    def end_epoch(self, epoch: int, method: LabelMethod, network: nn.Module) -> dict[str, Any]:
        """Finish an epoch after its last step; return the fields of its row that come from the method."""

    def files_of(self, epoch: int, step: int) -> str:
        """Name the samples of one batch, for the message about a loss that is not finite."""


NAMED = 16


def shortened(names: Sequence[str]) -> str:
    """Join the first few of some names, for a message."""
    return ", ".join(names[:NAMED]) + (", …" if len(names) > NAMED else "")
