"""Parts that experiments still lack: runs to train, in order and at what cost, facts and evaluations to measure."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from olsrepro.config.run_config import RunConfig
from olsrepro.evaluation.settings import EvaluationSettings
from olsrepro.experiments.collect import BROKEN, FINISHED, MISSING, NOT_FINITE, UNAVAILABLE, Outcome, outcomes
from olsrepro.experiments.files import experiments
from olsrepro.experiments.filled import Filled
from olsrepro.experiments.plan import work_of
from olsrepro.experiments.wanted import distinct, measurements, with_ensembles, with_teachers
from olsrepro.settings import UserError
from olsrepro.store.cost import measured_speeds
from olsrepro.store.evaluations import read_evaluation
from olsrepro.store.folder import Store


def missing_runs(filled: Filled) -> list[Outcome]:
    """Return the runs to train, in order: missing, interrupted, or failed in a way that another try may mend.

    Raises:
        UserError: ensembles that experiments make of a run want epochs of two grids.
    """
    training = [filled.wanted[item.name] for item in filled.experiments if not item.measure]
    wanted = with_teachers(run for run in distinct(training).values() if run.is_available)
    found = outcomes((run for run in wanted if run.id not in filled.found), filled.runs_dir) | filled.found
    ours = (found[run.id] for run in wanted)
    missing = [item for item in ours if item.state not in (FINISHED, BROKEN, UNAVAILABLE) and not _is_hopeless(item)]
    keeping = with_ensembles([item.wanted for item in missing], experiments(), filled.request)
    return [item.of(run) for item, run in zip(missing, keeping, strict=True)]


def _is_hopeless(outcome: Outcome) -> bool:
    """Return whether a run failed in a way that would only repeat itself: its numbers were not finite."""
    return outcome.record is not None and outcome.record["error"]["kind"] == NOT_FINITE


def cost_line(missing: Sequence[Outcome], runs_dir: Path) -> str:
    """Return one line for people on what it takes to train runs, by the speeds that the store has measured."""
    work = work_of(missing, measured_speeds(Store(runs_dir)))
    return f"to train: {work.line()}"


def missing_facts(filled: Filled) -> list[tuple[str, RunConfig]]:
    """Return what is measured without a training and is not in the store: its kind, and a run with the component."""
    found = {
        run.id: (experiment.measure, run.config)
        for experiment in filled.experiments
        if experiment.measure
        for runs in filled.wanted[experiment.name].values()
        for run in runs
        if run.config is not None and run.is_available and filled.found[run.id].state == MISSING
    }
    return list(found.values())


def missing_evaluations(filled: Filled) -> list[tuple[RunConfig, EvaluationSettings]]:
    """Return what runs are to be measured by and have no record of, whether they are finished or not."""
    found = measurements(filled.wanted[item.name] for item in filled.experiments)
    return [
        (run.config, settings)
        for run, settings in found
        if run.config is not None and not _is_measured(filled.runs_dir / run.id, settings)
    ]


def _is_measured(folder: Path, settings: EvaluationSettings) -> bool:
    """Return whether a record of it can be read; one that can't is told where the evaluation is to be made."""
    with suppress(UserError):
        return read_evaluation(folder, settings) is not None
    return False
