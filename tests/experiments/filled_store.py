"""A store of records made by hand: what tables are drawn from, without a training."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from written_records import finished_run, put_record

from olsrepro.experiments import awaited
from olsrepro.experiments.experiment import CellKey, Experiment, Line
from olsrepro.experiments.request import Request
from olsrepro.experiments.wanted import Wanted, wanted_cells

SOMEDAY = "someday"
"""A name that stands for whatever is not built yet: the tests that use it outlive each of those."""


def with_what_is_not_built_yet(experiment: Experiment, monkeypatch: pytest.MonkeyPatch) -> Experiment:
    """An experiment with a row whose method, and a column whose evaluation, is awaited; both are called ``someday``."""
    more = {group: (*names, SOMEDAY) for group, names in awaited.AWAITED.items()}
    monkeypatch.setattr(awaited, "AWAITED", more)
    row = Line(SOMEDAY, "Some day", run=(f"method={SOMEDAY}",))
    first = next(iter(experiment.columns.values()))
    column = replace(first, key=SOMEDAY, label="Some day", evaluate={"name": SOMEDAY})
    return replace(experiment, rows={**experiment.rows, SOMEDAY: row}, columns={**experiment.columns, SOMEDAY: column})


ErrorOf = Callable[[CellKey, int], float]


def finished_record(run: Wanted, last: float, best: float | None = None) -> dict[str, Any]:
    """The record of a run with these top-1 errors at its last and its best epoch."""
    assert run.config is not None
    record = finished_run(run.id, run.config, last)
    if best is not None:
        record["errors"]["best"] |= {"top1_err": best, "top5_err": best / 4}
    return record


def fill_store(root: Path, experiment: Experiment, request: Request, error_of: ErrorOf) -> list[Wanted]:
    """Write a record for every run of an experiment that can be composed; the runs, each once.

    Args:
        root: of the store.
        experiment: whose runs.
        request: with which preset and seeds.
        error_of: the top-1 error of a cell's run by seed; the first cell that wants a run decides.
    """
    written: dict[str, Wanted] = {}
    for cell, runs in wanted_cells(experiment, request).items():
        for run in runs:
            if run.config is not None and run.id not in written:
                put_record(root / run.id, finished_record(run, error_of(cell, run.seed)))
                written[run.id] = run
    return list(written.values())


def write_curve(folder: Path, rows: list[dict[str, Any]]) -> None:
    """A run's curve."""
    (folder / "curves.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
