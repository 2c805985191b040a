"""What `table`, `figure` and `sweep` share: train what is missing, after saying what it costs, then build tables."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from olsrepro.cli import exit_codes
from olsrepro.distributed.rank_info import rank_info

if TYPE_CHECKING:
    from rich.console import Console

    from olsrepro.config.run_config import RunConfig
    from olsrepro.evaluation.settings import EvaluationSettings
    from olsrepro.experiments.collect import Outcome
    from olsrepro.experiments.experiment import Experiment
    from olsrepro.experiments.request import Request
    from olsrepro.experiments.table import Table
    from olsrepro.experiments.wanted import WantedCells

    Wish = tuple[RunConfig, EvaluationSettings]


@dataclass
class Filled:
    """Experiments with the runs that they want and what became of them.

    Attributes:
        request: how they were asked for.
        wanted: of each experiment by name, in order.
        runs_dir: the store.
        found: outcomes by run id.
    """

    experiments: Sequence[Experiment]
    request: Request
    wanted: Mapping[str, WantedCells]
    runs_dir: Path
    found: dict[str, Outcome] = field(default_factory=dict)

    def look(self) -> None:
        """Read from the store what became of every run."""
        from olsrepro.experiments.collect import outcomes
        from olsrepro.experiments.wanted import distinct

        for experiment in self.experiments:
            runs = distinct([self.wanted[experiment.name]]).values()
            self.found |= outcomes(runs, self.runs_dir, experiment.measure)

    def table(self, experiment: Experiment, command: str) -> Table:
        """The table of one of the experiments."""
        from olsrepro.experiments.aggregate import build_table

        return build_table(experiment, self.request, self.wanted[experiment.name], self.found, command)


def want(experiments: Sequence[Experiment], request: Request) -> Filled:
    """Compose and check every run of the experiments, and look what the store has of them.

    Raises:
        UserError: a run does not compose, or an override removes an axis; nothing was started.
    """
    from olsrepro.experiments.request import runs_folder
    from olsrepro.experiments.wanted import wanted_cells

    wanted = {experiment.name: wanted_cells(experiment, request) for experiment in experiments}
    filled = Filled(experiments, request, wanted, runs_folder(request))
    filled.look()
    return filled


def fill(filled: Filled, *, ask: bool) -> int:
    """Train the missing runs and measure the missing facts, after a line on what it takes; the exit code.

    Args:
        filled: what is wanted; afterwards its outcomes are new.
        ask: whether a user at a terminal is asked first.

    Raises:
        UserError: a device or a data set is not here; nothing was started.
    """
    if rank_info().rank == 0:
        _measure(filled)
        filled.look()
    missing, code = _missing_runs(filled), exit_codes.DONE
    wishes = _wishes(filled)
    if missing:
        _say(_cost_line(missing, filled.runs_dir))
        if ask and not _agreed():
            _say("nothing was trained")
            return code
        _refuse_unready(wishes)
        code = _train(missing)
        _leave_to_first()
        filled.look()
    _leave_to_first()
    if code != exit_codes.INTERRUPTED and (problems := _evaluate(wishes, filled)):
        code = code or exit_codes.RUN_FAILED
        _say(f"{len(problems)} of the evaluations could not be made; the lines above say why")
    return code


def _leave_to_first() -> None:
    """Of several ranks only the first goes on: what is left to do is for one process.

    Its exit code alone tells of failures; were it another's too, ``torchrun`` would end the first before it is done.
    """
    if rank_info().rank > 0:
        raise SystemExit(exit_codes.DONE)


def _missing_runs(filled: Filled) -> list[Outcome]:
    """Runs to train: missing, interrupted, or failed in a way that another try may mend."""
    from olsrepro.experiments.collect import BROKEN, FINISHED, UNAVAILABLE, outcomes
    from olsrepro.experiments.files import experiments
    from olsrepro.experiments.wanted import distinct, with_ensembles, with_teachers

    training = [filled.wanted[item.name] for item in filled.experiments if not item.measure]
    wanted = with_teachers(run for run in distinct(training).values() if run.is_available)
    found = outcomes((run for run in wanted if run.id not in filled.found), filled.runs_dir) | filled.found
    ours = (found[run.id] for run in wanted)
    missing = [item for item in ours if item.state not in (FINISHED, BROKEN, UNAVAILABLE) and not _is_hopeless(item)]
    keeping = with_ensembles([item.wanted for item in missing], experiments(), filled.request)
    return [item.of(run) for item, run in zip(missing, keeping, strict=True)]


def _is_hopeless(outcome: Outcome) -> bool:
    """Whether it failed in a way that the same numbers lead to again."""
    from olsrepro.experiments.collect import NOT_FINITE

    return outcome.record is not None and outcome.record["error"]["kind"] == NOT_FINITE


def _cost_line(missing: Sequence[Outcome], runs_dir: Path) -> str:
    from olsrepro.experiments.plan import work_of
    from olsrepro.store.cost import measured_speeds
    from olsrepro.store.folder import Store

    work = work_of(missing, measured_speeds(Store(runs_dir)))
    return f"to train: {work.line()}"


def _agreed() -> bool:
    if not sys.stdin.isatty() or rank_info().ranks > 1:  # each rank would ask for itself
        return True
    sys.stderr.write("go on? [y/N] ")
    sys.stderr.flush()
    return sys.stdin.readline().strip().lower() in ("y", "yes")


def _wishes(filled: Filled) -> list[Wish]:
    """What runs are to be measured by, as far as it was not done."""
    from olsrepro.experiments.wanted import measurements
    from olsrepro.store.evaluations import read_evaluation

    found = measurements(filled.wanted[item.name] for item in filled.experiments)
    return [
        (run.config, settings)
        for run, settings in found
        if run.config is not None and read_evaluation(filled.runs_dir / run.id, settings) is None
    ]


def _refuse_unready(wishes: Sequence[Wish]) -> None:
    if wishes:
        from olsrepro.launch.finished.evaluate import refuse_unready

        refuse_unready(wishes)


def _evaluate(wishes: Sequence[Wish], filled: Filled) -> list[str]:
    """Measure those runs that are finished; a line on each measurement that could not be made."""
    from olsrepro.experiments.collect import FINISHED
    from olsrepro.store.identity import run_id

    states = {name: outcome.state for name, outcome in filled.found.items()}
    ready = [(config, settings) for config, settings in wishes if states.get(run_id(config)) == FINISHED]
    if not ready:
        return []
    from olsrepro.launch.finished.evaluate import evaluate_many

    return evaluate_many(ready, _console())


def _console() -> Console:
    from rich.console import Console

    return Console(stderr=True, highlight=False, soft_wrap=True)


def _train(missing: Sequence[Outcome]) -> int:
    from olsrepro.distributed.ranks import leave
    from olsrepro.launch.errors import Interrupted, RankFailed
    from olsrepro.launch.many import run_many

    configs = [outcome.wanted.config for outcome in missing if outcome.wanted.config is not None]
    try:
        finished = run_many(configs, _console())
        leave()
    except Interrupted as stop:
        _say(f"olsrepro: {stop}")
        return exit_codes.INTERRUPTED
    except RankFailed as error:
        print(f"olsrepro: {error}", file=sys.stderr)
        raise SystemExit(exit_codes.RUN_FAILED) from None
    if finished.failed:
        return exit_codes.RUN_FAILED
    return exit_codes.HELD if finished.held else exit_codes.DONE


def _measure(filled: Filled) -> None:
    from olsrepro.experiments.collect import MISSING

    for experiment in filled.experiments:
        if experiment.measure:
            runs = [run for runs in filled.wanted[experiment.name].values() for run in runs if run.is_available]
            for config in {run.id: run.config for run in runs if filled.found[run.id].state == MISSING}.values():
                from olsrepro.launch.measuring.facts import measure

                assert config is not None
                measure(experiment.measure, config)


def _say(line: str) -> None:
    if rank_info().rank == 0:
        print(line, file=sys.stderr)
