"""Filling of experiments: facts are measured, missing runs trained, finished ones evaluated, each only if missing.
torch is loaded only where something is trained or measured.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from olsrepro.config.run_config import RunConfig
from olsrepro.distributed.rank_info import rank_info
from olsrepro.evaluation.settings import EvaluationSettings
from olsrepro.experiments.collect import FINISHED, Outcome
from olsrepro.experiments.filled import Filled
from olsrepro.experiments.missing import cost_line, missing_evaluations, missing_facts, missing_runs
from olsrepro.launch.unready import refuse_absent
from olsrepro.launchers.base import Launched, Launcher
from olsrepro.settings import UserError
from olsrepro.store.cost import measured_speeds, speed_of
from olsrepro.store.folder import Store

Wish = tuple[RunConfig, EvaluationSettings]


@dataclass(frozen=True)
class Filling:
    """Outcome of filling a set of experiments.

    Attributes:
        launched: outcome of training the runs that were missing.
        unmeasured: a line on each fact or evaluation that could not be measured.
        declined: whether the cost was declined, so that nothing was trained.
        left_to_first: whether this is not the first rank, which alone evaluates and shows the results.
    """

    launched: Launched = field(default_factory=Launched)
    unmeasured: tuple[str, ...] = ()
    declined: bool = False
    left_to_first: bool = False


def fill(
    filled: Filled,
    launcher: Launcher,
    *,
    agree: Callable[[str], bool],
    say: Callable[[str], None],
    times_unknown: bool = False,
) -> Filling:
    """Measure the missing facts, train the missing runs, evaluate those that are finished.

    Under ``torchrun`` every rank must call it.

    Args:
        filled: the experiments; afterwards their outcomes are up to date.
        launcher: trains the runs.
        agree: called with a line on the cost of training, if runs are missing; returns whether to train them, the same
            on all ranks.
        say: called with a line on each fact or evaluation that is measured, and on each that could not be.

    Raises:
        UserError: a device or a data set is missing; nothing was started.
        RankFailed, RankGone: of several ranks one failed by itself, or is gone.
    """
    is_first = rank_info().rank == 0
    unmeasured = _measure_facts(filled, say) if is_first else ()
    missing, wishes, launched = missing_runs(filled), missing_evaluations(filled), Launched()
    if missing:
        if times_unknown:
            _time_unknown(missing, filled.runs_dir, say)
        if not agree(cost_line(missing, filled.runs_dir)):
            return Filling(declined=True)
        _refuse_unready(wishes)
        launched = launcher.train([item.wanted.config for item in missing if item.wanted.config is not None])
        filled.look()
        if launched.held and not missing_runs(filled):  # whoever held them has finished them in the meantime
            launched = replace(launched, held=())
    if not is_first:
        return Filling(launched, left_to_first=True)
    ready = [] if launched.interrupted else [wish for wish in wishes if filled.is_finished(wish[0])]
    return Filling(launched, (*unmeasured, *_evaluate(ready, say)))


def _time_unknown(missing: Sequence[Outcome], runs_dir: Path, say: Callable[[str], None]) -> None:
    configs = [item.wanted.config for item in missing if item.wanted.config is not None]
    speeds = measured_speeds(Store(runs_dir))
    if all(speed_of(config, speeds) for config in configs):
        return
    from olsrepro.launch.measuring.speed import time_networks

    say("timing a few steps of each network whose speed is not known in this store")
    time_networks(configs, speeds, say)


def _measure_facts(filled: Filled, say: Callable[[str], None]) -> tuple[str, ...]:
    """Measure missing facts, except those of data sets that are not here; return a line on each of these.

    Raises:
        UserError: none of them could be measured, and the store has none.
    """
    missing, refused = missing_facts(filled), []
    for number, (kind, config) in enumerate(missing, start=1):
        say(f"[{number}/{len(missing)}] measuring {kind} {getattr(config, kind).name}")
        try:
            _measure(kind, config)
        except UserError as error:
            refused.append(str(error))
            say(str(error))
    filled.look()
    if refused and not any(outcome.state == FINISHED for outcome in filled.found.values()):
        raise UserError(refused[0])
    return tuple(refused)


def _measure(kind: str, config: RunConfig) -> None:
    if kind == "dataset":
        refuse_absent(config)  # before torch is loaded
    from olsrepro.launch.measuring.facts import measure

    measure(kind, config)


def _refuse_unready(wishes: Sequence[Wish]) -> None:
    """Refuse evaluations whose data are missing, before anything is trained."""
    for config, _ in wishes:
        refuse_absent(config)
    if wishes:
        from olsrepro.launch.finished.evaluate import refuse_unready

        refuse_unready(wishes)


def _evaluate(ready: Sequence[Wish], say: Callable[[str], None]) -> tuple[str, ...]:
    """Evaluate finished runs; return a line on each evaluation that could not be made."""
    if not ready:
        return ()
    from olsrepro.launch.finished.evaluate import evaluate_many

    problems = evaluate_many(ready, say)
    if problems:
        say(f"{len(problems)} of the evaluations could not be made; the lines above say why")
    return tuple(problems)
