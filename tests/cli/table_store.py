"""Table II's store for the tests of commands: every run that can be had, near the paper's numbers."""

from __future__ import annotations

from pathlib import Path

from filled_store import fill_store

from olsrepro.experiments.experiment import CellKey
from olsrepro.experiments.files import load
from olsrepro.experiments.request import Request
from olsrepro.experiments.wanted import Wanted

TABLE2 = load("table2")
SPREAD = (-0.12, 0.02, 0.1)


def error(cell: CellKey, seed: int) -> float:
    """The paper's mean, moved a little by cell and seed."""
    moved = 0.05 * ((len(cell[0]) * 7 + len(cell[1])) % 5 - 2)
    return round(TABLE2.paper[cell].mean + SPREAD[seed % 3] + moved, 2)


def fill_table2(root: Path, request: Request = Request("paper")) -> list[Wanted]:  # noqa: B008
    """Write the records; the runs."""
    return fill_store(root, TABLE2, request, error)
