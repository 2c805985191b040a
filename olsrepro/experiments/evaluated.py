"""Evaluation results other than numbers: the labels and points that Figures 1 and 3 are drawn from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from olsrepro.experiments.collect import FINISHED, Outcome, evaluation_record
from olsrepro.experiments.experiment import CellKey
from olsrepro.experiments.wanted import WantedCells
from olsrepro.store.evaluations import TENSORS, evaluation_folder
from olsrepro.store.record import Record


@dataclass(frozen=True)
class Evaluated:
    """Evaluation of a cell's first finished run: its record, and the file of its tensors."""

    record: Record
    tensors: Path


def evaluated(wanted: WantedCells, found: Mapping[str, Outcome], select: str) -> dict[CellKey, Evaluated]:
    """Find the evaluation of each cell that has one; a picture shows one run, that of the lowest seed."""
    firsts = {}
    for cell, runs in wanted.items():
        for run in runs:
            outcome = found[run.id].of(run)
            record = evaluation_record(outcome, select)
            if outcome.state == FINISHED and record is not None:
                folder = evaluation_folder(outcome.folder, run.evaluations[select])
                firsts[cell] = Evaluated(record, folder / TENSORS)
                break
    return firsts
