"""Outcomes of wanted runs as the store has them, and the numbers that cells read from them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

from olsrepro.experiments.experiment import CellKey, Experiment
from olsrepro.experiments.wanted import Wanted, WantedCells
from olsrepro.files.lease import Holder, read_holder, seems_alive
from olsrepro.settings import UserError
from olsrepro.store.curve import Row, read_curve
from olsrepro.store.evaluations import read_evaluation
from olsrepro.store.facts import facts_folder, read_facts
from olsrepro.store.record import FAILED, LAST_EPOCHS, Record, read_record

FINISHED, RUNNING, MISSING, BROKEN, UNAVAILABLE = "finished", "running", "missing", "broken", "unavailable"

NOT_FINITE = "not finite"
"""Failure kind of a run whose loss or weights are no longer finite; trying again ends the same way."""

Read = Callable[[Path], Record | None]
Curves = Mapping[CellKey, Sequence[Sequence[float]]]


@dataclass(frozen=True)
class Outcome:
    """State of a wanted run in the store.

    Attributes:
        wanted: the run.
        folder: the run's folder, which need not exist.
        state: ``finished``, ``failed``, ``running`` (a living process has its lease), ``missing``, ``broken`` (its
            record is damaged, edited or of another schema), ``unavailable``.
        record: of a finished or failed run.
        problem: one line on a failed, running, broken or unavailable run.
    """

    wanted: Wanted
    folder: Path
    state: str
    record: Record | None = None
    problem: str = ""

    def of(self, wanted: Wanted) -> Outcome:
        """Return the outcome of the same run for another cell that wants it."""
        return replace(self, wanted=wanted)


def outcomes(wanted: Iterable[Wanted], runs_dir: Path, measure: str = "") -> dict[str, Outcome]:
    """Look up runs in the store, by run id; each record is read once."""
    if measure:
        return {run.id: _outcome(run, facts_folder(runs_dir, run.id), read_facts) for run in wanted}
    return {run.id: _outcome(run, runs_dir / run.id, read_record) for run in wanted}


def outcome_of_folder(folder: Path) -> Outcome:
    """Look up the run in a folder, whichever experiment wants it."""
    return _looked_up(Wanted(folder.name, 0, None), folder, read_record)


def _outcome(run: Wanted, folder: Path, read: Read) -> Outcome:
    if run.config is None:
        return Outcome(run, folder, UNAVAILABLE, problem=f"not available yet: {run.awaits}")
    return _looked_up(run, folder, read)


def _looked_up(run: Wanted, folder: Path, read: Read) -> Outcome:
    try:
        record = read(folder)
    except UserError as error:
        return Outcome(run, folder, BROKEN, problem=str(error))
    if record is None:
        return _unfinished(run, folder)
    if record["status"] == FAILED:
        return Outcome(run, folder, FAILED, record, failure_line(run.id, record))
    return Outcome(run, folder, FINISHED, record)


def failure_line(name: str, record: Record) -> str:
    """Describe a failed run in one line, from its record."""
    error = record["error"]
    return " ".join(f"{name} failed ({error['kind']}): {error['message']}".splitlines())


def _unfinished(run: Wanted, folder: Path) -> Outcome:
    holder = _holder(folder)
    if holder is None or not seems_alive(folder, holder):
        return Outcome(run, folder, MISSING)
    return Outcome(run, folder, RUNNING, problem=f"{run.id} is being written by pid {holder.pid} on {holder.host}")


def _holder(folder: Path) -> Holder | None:
    try:
        return read_holder(folder)
    except UserError:
        return None


def value(outcome: Outcome, experiment: Experiment, metric: str, select: str) -> float | None:
    """Return the number that a cell reads from a finished run; None where the run has none.

    Args:
        outcome: of the run.
        experiment: the one with the cell.
        metric: name of the cell's metric.
        select: the selection rule.
    """
    if outcome.state != FINISHED or outcome.record is None or outcome.wanted.awaits:
        return None
    if experiment.measure:
        found = outcome.record["facts"].get(metric)
        return None if found is None else float(found)
    if outcome.wanted.evaluations:
        return _measured(outcome, metric, select)
    if (error := outcome.record["errors"][select].get(metric)) is not None:
        return float(error)
    if metric in CURVES:
        return _from_curve(metric, curve_rows(outcome), outcome.record, select)
    return None


def _measured(outcome: Outcome, metric: str, select: str) -> float | None:
    record = evaluation_record(outcome, select)
    found = None if record is None else record["values"].get(metric)
    return None if found is None else float(found)


def evaluation_record(outcome: Outcome, select: str) -> Record | None:
    """Return the record of the evaluation that a cell shows under a selection rule; None where it is not there."""
    with suppress(UserError):
        return _evaluation(outcome, select)
    return None


def _evaluation(outcome: Outcome, select: str) -> Record | None:
    settings = outcome.wanted.evaluations.get(select)
    return None if settings is None or outcome.state != FINISHED else read_evaluation(outcome.folder, settings)


def damage(outcome: Outcome, metric: str, select: str) -> str:
    """Say which file beside a finished run's record keeps it from giving a number; empty where none does."""
    try:
        if outcome.wanted.evaluations:
            _evaluation(outcome, select)
        elif metric in CURVES:
            read_curve(outcome.folder)
    except UserError as error:
        return str(error)
    return ""


def training_end(outcome: Outcome) -> tuple[float | None] | None:
    """Return the last training error in percent, as (error,), (None,) for a run that diverged, else None."""
    if outcome.state == FINISHED:
        rows = curve_rows(outcome)
        error = CURVES["train_err"](rows[-1]) if rows else None
        return None if error is None else (error,)
    diverged = outcome.record is not None and outcome.record["error"]["kind"] == NOT_FINITE
    return (None,) if diverged else None


def curve_rows(outcome: Outcome) -> list[Row]:
    """Read a run's curve, one row per epoch; empty where its file is missing or damaged."""
    with suppress(UserError):
        return read_curve(outcome.folder)
    return []


def _number(key: str) -> Callable[[Row], float | None]:
    """Return the function that reads a number from a row; None where the row has none."""
    return lambda row: None if row.get(key) is None else float(row[key])


def _wrong_label_err(row: Row) -> float | None:
    """Compute the error in percent of flipped training images against their wrong labels; None without flipped ones."""
    flipped, hit = row.get("n_flipped"), row.get("hit_flipped_wrong")
    return 100 * (flipped - hit) / flipped if flipped and hit is not None else None


def cell_curves(experiment: Experiment, wanted: WantedCells, found: Mapping[str, Outcome]) -> Curves:
    """Collect a series over epochs for every finished run of each cell whose metric has a curve."""
    curves = {}
    for cell, runs in wanted.items():
        name = experiment.metric_of(cell).name
        if name in CURVES:
            series = [[CURVES[name](row) for row in curve_rows(found[run.id])] for run in runs if not run.awaits]
            curves[cell] = [[number for number in one if number is not None] for one in series if one]
    return curves


CURVES: Mapping[str, Callable[[Row], float | None]] = {
    "train_err": _number("train_err"),
    "train_err_at_5": _number("train_err"),
    "wrong_label_err": _wrong_label_err,
    "top1_err": _number("test_top1_err"),
    "top5_err": _number("test_top5_err"),
}
"""Functions from a row of a run's curve to a number, by metric."""

_AT_EPOCH = {"train_err_at_5": 5}


def _from_curve(metric: str, rows: Sequence[Row], record: Record, select: str) -> float | None:
    """Average over the epochs that the metric or the selection rule names; None where the curve lacks one."""
    chosen = [row for row in rows if row["epoch"] in _epochs(metric, len(rows), record, select)]
    values = [found for row in chosen if (found := CURVES[metric](row)) is not None]
    return sum(values) / len(values) if values and len(values) == len(chosen) else None


def _epochs(metric: str, last: int, record: Record, select: str) -> range:
    """List the epochs that a number averages over, counted from 1."""
    if metric in _AT_EPOCH:
        return range(_AT_EPOCH[metric], _AT_EPOCH[metric] + 1)
    if select == "mean_of_last_ten":
        return range(max(1, last - LAST_EPOCHS + 1), last + 1)
    epoch = record["errors"][select]["epoch"]
    return range(epoch, epoch + 1)
