"""Runs that an experiment wants: its cells' overrides, composed; runs that cells or tables share are one run."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import chain

from olsrepro.config.compose import Composer
from olsrepro.config.locate import configs_folder
from olsrepro.config.overrides import GROUPS, group_choices
from olsrepro.config.run_config import RunConfig
from olsrepro.config.teacher import teacher_config
from olsrepro.data.stand_in import stand_in_of
from olsrepro.evaluation.ensemble.settings import Settings as Ensemble
from olsrepro.evaluation.settings import EvaluationSettings
from olsrepro.experiments.awaited import missing_component, missing_evaluation
from olsrepro.experiments.experiment import CellKey, Experiment, Line
from olsrepro.experiments.measured import evaluations_of, refuse_idle_parameters
from olsrepro.experiments.request import SMOKE, Request
from olsrepro.settings import UserError
from olsrepro.store.evaluations import evaluation_id
from olsrepro.store.facts import facts_id
from olsrepro.store.identity import run_id


@dataclass(frozen=True)
class Wanted:
    """A run that a cell wants.

    Attributes:
        id: its run id; for one that can't be composed yet, a text that is unique to it.
        seed: its seed.
        config: composed; None where it needs a component that is not built yet.
        awaits: the component or evaluation that is not built yet, such as ``method=byot``; empty: nothing.
        evaluations: those that the cell shows, by selection rule; empty: it shows the run's own errors and curves.
    """

    id: str
    seed: int
    config: RunConfig | None
    awaits: str = ""
    evaluations: Mapping[str, EvaluationSettings] = field(default_factory=dict)

    @property
    def is_available(self) -> bool:
        """Whether it can be trained and its cell measured."""
        return not self.awaits and self.config is not None


WantedCells = Mapping[CellKey, tuple[Wanted, ...]]


def wanted_cells(experiment: Experiment, request: Request, composer: Composer | None = None) -> WantedCells:
    """Compose the runs of every cell, by seed; none for a row that the paper quotes from elsewhere.

    Args:
        experiment: the one with the cells.
        request: preset, seeds and overrides of their runs.
        composer: one that several experiments share, which have many runs in common; a new one by default.

    Raises:
        UserError: an override removes one of the experiment's axes, or a run does not compose.
    """
    _refuse_axis_overrides(experiment, request)
    refuse_idle_parameters(experiment, request)
    cells = [cell for cell in experiment.cells() if not experiment.rows[cell[0]].quoted]
    plain = {cell: _lines(experiment, cell, request) for cell in cells}
    keys = [(cell, seed) for cell in cells for seed in request.seeds_of(experiment)]
    missing = {cell: missing_component(plain[cell]) for cell in cells}
    requests = [[*plain[cell], f"seed={seed}"] for cell, seed in keys if not missing[cell]]
    composed = iter(_compose(experiment, requests, composer or Composer()))
    found: dict[CellKey, list[Wanted]] = {cell: [] for cell in cells}
    for cell, seed in keys:
        config = None if missing[cell] else next(composed)
        found[cell].append(_wanted(experiment, request, cell, plain[cell], seed, config, missing[cell]))
    return {cell: tuple(runs) for cell, runs in found.items()}


def _wanted(
    experiment: Experiment,
    request: Request,
    cell: CellKey,
    lines: Sequence[str],
    seed: int,
    config: RunConfig | None,
    missing: str | None,
) -> Wanted:
    if config is None:
        return Wanted(json.dumps([sorted(lines), seed]), seed, None, missing or "")
    name = facts_id(experiment.measure, config) if experiment.measure else run_id(config)
    awaits = missing_evaluation(experiment.evaluation_of(cell)) or ""
    return Wanted(name, seed, config, awaits, {} if awaits else evaluations_of(experiment, cell, request))


def _compose(experiment: Experiment, requests: Iterable[Sequence[str]], composer: Composer) -> Sequence[RunConfig]:
    try:
        return [composer.compose(lines) for lines in requests]
    except UserError as error:
        raise UserError(f"{experiment.name}: {error}") from None


def _lines(experiment: Experiment, cell: CellKey, request: Request) -> list[str]:
    """Return the overrides of a cell's runs, the user's last, with a stand-in for the data set under preset smoke."""
    preset = request.preset_of(experiment)
    own = _by_key(experiment.lines_of(cell))
    if preset == SMOKE and experiment.stand_ins and (name := own.get("dataset", "")) and _has_stand_in(name):
        own = _without("dataset", own) | {"dataset": stand_in_of(name)}  # a stand-in has none of the switches
    changed = _by_key(request.run_lines)
    for key in changed:
        if key in GROUPS:  # another component does not take the values that this experiment sets for its own
            own = _without(key, own)
    return [f"{key}={value}" for key, value in (own | changed | {"preset": preset}).items()]


def _without(group: str, lines: Mapping[str, str]) -> dict[str, str]:
    """Drop the lines that set a value of a group's component."""
    return {key: value for key, value in lines.items() if not key.startswith(f"{group}.")}


def _by_key(lines: Iterable[str]) -> dict[str, str]:
    pairs = (line.partition("=") for line in lines)
    return {key: value for key, _, value in pairs}


def _has_stand_in(dataset: str) -> bool:
    return stand_in_of(dataset) in group_choices("dataset", [configs_folder()])


def _refuse_axis_overrides(experiment: Experiment, request: Request) -> None:
    """Refuse overrides of what distinguishes rows or columns, which they would make identical."""
    for line in request.run_lines:
        key = line.partition("=")[0]
        for axis, members in (("rows", experiment.rows), ("columns", experiment.columns)):
            keys = {own.partition("=")[0] for member in members.values() for own in _own_lines(member)}
            if key in keys or (key in GROUPS and any(own.startswith(f"{key}.") for own in keys)):
                raise UserError(
                    f"{line}: the {axis} of {experiment.name} differ in {key}; an override would make them identical"
                )


def _own_lines(line: Line) -> Iterable[str]:
    return chain(line.run, *line.also.values())


def with_teachers(runs: Iterable[Wanted]) -> list[Wanted]:
    """Put the run that teaches it before each run that has a teacher; every run occurs once."""
    found: dict[str, Wanted] = {}
    for run in runs:
        teacher = None if run.config is None else teacher_config(run.config)
        for wanted in (() if teacher is None else (Wanted(run_id(teacher), run.seed, teacher),)) + (run,):
            found.setdefault(wanted.id, wanted)
    return list(found.values())


def distinct(cells: Iterable[WantedCells]) -> dict[str, Wanted]:
    """Collect all runs by id, in the order in which they are first wanted; an available want is preferred."""
    found: dict[str, Wanted] = {}
    for wants in cells:
        for runs in wants.values():
            for run in runs:
                if run.id not in found or (run.is_available and not found[run.id].is_available):
                    found[run.id] = run
    return found


def measurements(cells: Iterable[WantedCells]) -> list[tuple[Wanted, EvaluationSettings]]:
    """List each run with each evaluation that it needs, once, in the order in which they are first wanted."""
    found: dict[tuple[str, str], tuple[Wanted, EvaluationSettings]] = {}
    for wants in cells:
        for run in chain.from_iterable(wants.values()):
            for settings in run.evaluations.values():
                found.setdefault((run.id, evaluation_id(settings)), (run, settings))
    return list(found.values())


def with_ensembles(runs: Sequence[Wanted], experiments: Iterable[Experiment], request: Request) -> list[Wanted]:
    """Make runs keep, while they train, what the ensembles of any experiment need of them.

    Args:
        runs: those to train.
        experiments: all experiments.
        request: what the user asked for; its preset and changes are those of the runs.

    Raises:
        UserError: the ensembles of a run take epochs of different grids.
    """
    needed = _ensembles(experiments, replace(request, seeds=tuple(sorted({run.seed for run in runs})), select=None))
    return [_keeping(run, needed.get(run.id, [])) for run in runs]


def _ensembles(experiments: Iterable[Experiment], request: Request) -> Mapping[str, list[Ensemble]]:
    """Collect the ensembles of every run, by its id."""
    found: dict[str, list[Ensemble]] = defaultdict(list)
    for experiment in experiments:
        if request.seeds and any("size" in experiment.evaluation_of(cell) for cell in experiment.cells()):
            for run in chain.from_iterable(_fitting(experiment, request).values()):
                found[run.id] += [one for one in run.evaluations.values() if isinstance(one, Ensemble)]
    return found


def _keeping(run: Wanted, ensembles: Sequence[Ensemble]) -> Wanted:
    if run.config is None or not ensembles:
        return run
    runtime = run.config.runtime
    grids = {one.grid for one in ensembles}
    if len(grids) > 1:
        raise UserError(f"{run.id}: ensembles need epochs of {' and of '.join(sorted(grids))}; set one ensemble.grid")
    kept = replace(
        runtime,
        ensemble_sizes=sorted({*runtime.ensemble_sizes, *(one.size for one in ensembles)}),
        ensemble_grid=grids.pop(),
        keep="grid" if any(one.average == "logits" for one in ensembles) else runtime.keep,
    )
    return replace(run, config=replace(run.config, runtime=kept))


def _fitting(experiment: Experiment, request: Request) -> WantedCells:
    """Return an experiment's cells; none where changes asked of another experiment do not suit it."""
    own = tuple(line for line in request.evaluation_lines if line.startswith("ensemble."))
    try:
        return wanted_cells(experiment, replace(request, overrides=(*request.run_lines, *own)))
    except UserError:
        return {}
