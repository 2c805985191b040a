"""Evaluation results other than numbers: the labels and points that Figures 1 and 3 are drawn from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from olsrepro.experiments.collect import FINISHED, Outcome, evaluation_record
from olsrepro.experiments.experiment import CellKey
from olsrepro.experiments.wanted import WantedCells
from olsrepro.settings import UserError
from olsrepro.store.evaluations import TENSORS, evaluation_folder, read_tensors
from olsrepro.store.record import OF_A_MEASUREMENT, Record

if TYPE_CHECKING:
    from numpy.typing import NDArray


@dataclass(frozen=True)
class Embedded:
    """Embedded samples: ``points`` (N, 2), their classes ``labels`` (N,), and the names of all classes."""

    points: NDArray[Any]
    labels: NDArray[Any]
    class_names: Sequence[str]


@dataclass(frozen=True)
class Evaluated:
    """Evaluation of a cell's first finished run: its record, and its folder."""

    record: Record
    folder: Path

    def embedded(self) -> Embedded | None:
        """Read the embedded samples; None where they were measured without a picture.

        Raises:
            UserError: the file of tensors is gone, damaged or not of these samples.
        """
        tensors, names = read_tensors(self.folder), self.record["detail"]["class_names"]
        if "points" not in tensors:
            return None
        points, labels = tensors["points"], tensors.get("labels")
        if labels is None or not _go_together(points, labels, len(names)):
            raise UserError(f"{self.folder / TENSORS} holds no point and no class for each sample; {OF_A_MEASUREMENT}")
        return Embedded(points, labels, names)


def _go_together(points: NDArray[Any], labels: NDArray[Any], classes: int) -> bool:
    fits = (
        labels.ndim == 1 and points.shape == (len(labels), 2) and points.dtype.kind == "f" and labels.dtype.kind == "i"
    )
    return fits and bool(((labels >= 0) & (labels < classes)).all())


def evaluated(wanted: WantedCells, found: Mapping[str, Outcome], select: str) -> dict[CellKey, Evaluated]:
    """Find the evaluation of each cell that has one; a picture shows one run, that of the lowest seed."""
    firsts = {}
    for cell, runs in wanted.items():
        for run in runs:
            outcome = found[run.id].of(run)
            record = evaluation_record(outcome, select)
            if outcome.state == FINISHED and record is not None:
                folder = evaluation_folder(outcome.folder, run.evaluations[select])
                firsts[cell] = Evaluated(record, folder)
                break
    return firsts
