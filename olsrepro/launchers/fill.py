"""Experiments are filled: facts measured, missing runs trained, finished ones evaluated, each only where it is missing.

torch is loaded only where something is trained or measured.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from olsrepro.config.run_config import RunConfig
from olsrepro.distributed.rank_info import rank_info
from olsrepro.evaluation.settings import EvaluationSettings
from olsrepro.experiments.filled import Filled
from olsrepro.experiments.missing import cost_line, missing_evaluations, missing_facts, missing_runs
from olsrepro.launchers.base import Launched, Launcher

Wish = tuple[RunConfig, EvaluationSettings]


@dataclass(frozen=True)
class Filling:
    """What came of filling experiments.

    Attributes:
        launched: what came of the runs that were missing.
        unmeasured: a line on each evaluation that could not be made.
        declined: whether the cost was not agreed to, so that nothing was trained.
        left_to_first: whether this is another rank than the first, which alone evaluates and shows what came of it.
    """

    launched: Launched = field(default_factory=Launched)
    unmeasured: tuple[str, ...] = ()
    declined: bool = False
    left_to_first: bool = False


def fill(filled: Filled, launcher: Launcher, *, agree: Callable[[str], bool], say: Callable[[str], None]) -> Filling:
    """Measure the missing facts, train the missing runs, evaluate those that are finished.

    Under ``torchrun`` every rank must call it.

    Args:
        filled: what is wanted; afterwards its outcomes are new.
        launcher: trains the runs.
        agree: is told in a line what the training takes, if anything is missing, and says whether to go on; alike on
            all ranks.
        say: is told in lines which evaluations are made, and which could not be.

    Raises:
        UserError: a device or a data set is not here; nothing was started.
        RankFailed: of several ranks this one failed by itself.
    """
    is_first = rank_info().rank == 0
    if is_first:
        _measure_facts(filled)
    missing, wishes, launched = missing_runs(filled), missing_evaluations(filled), Launched()
    if missing:
        if not agree(cost_line(missing, filled.runs_dir)):
            return Filling(declined=True)
        _refuse_unready(wishes)
        launched = launcher.train([item.wanted.config for item in missing if item.wanted.config is not None])
        filled.look()
    if not is_first:
        return Filling(launched, left_to_first=True)
    ready = [] if launched.interrupted else [wish for wish in wishes if filled.is_finished(wish[0])]
    return Filling(launched, _evaluate(ready, say))


def _measure_facts(filled: Filled) -> None:
    for kind, config in missing_facts(filled):
        from olsrepro.launch.measuring.facts import measure

        measure(kind, config)
    filled.look()


def _refuse_unready(wishes: Sequence[Wish]) -> None:
    """Refuse evaluations whose data are not here, before anything is trained."""
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
