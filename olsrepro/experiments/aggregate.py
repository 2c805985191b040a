"""Tables built from outcomes: each cell's numbers, footnotes, claims, and the commits and devices behind them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from statistics import fmean

from olsrepro.experiments.claims.bold import best_cells
from olsrepro.experiments.claims.evidence import RunEnd
from olsrepro.experiments.claims.judge import judge
from olsrepro.experiments.collect import FINISHED, UNAVAILABLE, Outcome, damage, training_end, value
from olsrepro.experiments.experiment import OTHER_RULE, CellKey, Experiment, Printed
from olsrepro.experiments.request import SMOKE, Request
from olsrepro.experiments.statistics import Sample, ours_minus_paper
from olsrepro.experiments.table import COMPLETE, INCOMPLETE, MISSING, QUOTED, Cell, Interval, Table
from olsrepro.experiments.table import UNAVAILABLE as NOT_AVAILABLE
from olsrepro.experiments.wanted import Wanted, WantedCells

CUSTOM = "custom"
LOOK_AT_ENDS = ("diverges", "not_above")
"""Kinds of claims about how runs ended; only these need the runs' curves."""

Values = dict[int, float]


@dataclass
class FootNotes:
    """Footnotes in the order in which cells first refer to them, numbered from 1; equal texts share a number."""

    texts: list[str] = field(default_factory=list)

    def mark(self, text: str) -> int:
        """Return the number of a footnote, which is added if it is new."""
        if text not in self.texts:
            self.texts.append(text)
        return self.texts.index(text) + 1


def build_table(
    experiment: Experiment, request: Request, wanted: WantedCells, found: Mapping[str, Outcome], command: str
) -> Table:
    """Build the table of an experiment from what the store holds.

    Args:
        experiment: the table or figure.
        request: what the user asked for.
        wanted: the runs of its cells.
        found: their outcomes by run id.
        command: the command that trains its missing runs, such as ``olsrepro table 2 preset=short``.
    """
    select = request.select_of(experiment)
    values = _values(experiment, wanted, found, select)
    samples = {cell: Sample.of(by_seed.values()) for cell, by_seed in values.items() if by_seed}
    comparable = {cell: sample for cell, sample in samples.items() if not experiment.deviation_of(cell)}
    doubted = experiment.select == "best" and select in OTHER_RULE
    other = _values(experiment, wanted, found, OTHER_RULE[select]) if doubted else {}
    judgement = judge(
        experiment,
        comparable,
        preset=CUSTOM if request.changes else request.preset_of(experiment),
        other={cell: Sample.of(other[cell].values()) for cell in comparable if other.get(cell)} or None,
        values=values,
        ends=_ends(wanted, found) if any(claim.kind in LOOK_AT_ENDS for claim in experiment.claims) else None,
    )
    footnotes = FootNotes()
    cells = {
        cell: _cell(experiment, cell, wanted.get(cell, ()), found, values.get(cell, {}), footnotes, command, select)
        for cell in experiment.cells()
    }
    cells = _emboldened(experiment, _comparable(cells, request.preset_of(experiment)), samples)
    records = [found[run.id].record for runs in wanted.values() for run in runs if found[run.id].state == FINISHED]
    processes = [record["history"][-1] for record in records if record is not None]
    return Table(
        experiment=experiment,
        rows=tuple(experiment.rows.values()),
        columns=tuple(experiment.columns.values()),
        cells=cells | _average_cells(experiment, cells, footnotes),
        average=None if experiment.average is None else (experiment.average.key, experiment.average.label),
        preset=request.preset_of(experiment),
        select=select,
        seeds=request.seeds_of(experiment),
        overrides=request.overrides,
        verdicts=judgement.verdicts,
        pools=judgement.pools,
        families=judgement.families,
        commits=_distinct(_commit(process) for process in processes),
        devices=_distinct(process["device"] for process in processes),
        datasets=_seen(wanted, found) if request.preset_of(experiment) == SMOKE else (),
        footnotes=tuple(footnotes.texts),
        notes=(experiment.note,) if experiment.note else (),
    )


def _seen(wanted: WantedCells, found: Mapping[str, Outcome]) -> tuple[str, ...]:
    """Return the names of the data sets of all finished runs."""
    runs = (run for runs in wanted.values() for run in runs if found[run.id].state == FINISHED)
    return _distinct(run.config.dataset.name for run in runs if run.config is not None)


def _values(
    experiment: Experiment, wanted: WantedCells, found: Mapping[str, Outcome], select: str
) -> dict[CellKey, Values]:
    """Collect the finished runs' numbers by cell and seed."""
    numbers = {
        cell: {run.seed: _value(experiment, cell, run, found, select) for run in runs} for cell, runs in wanted.items()
    }
    return {
        cell: {seed: number for seed, number in by_seed.items() if number is not None}
        for cell, by_seed in numbers.items()
    }


def _value(
    experiment: Experiment, cell: CellKey, run: Wanted, found: Mapping[str, Outcome], select: str
) -> float | None:
    return value(found[run.id].of(run), experiment, experiment.metric_of(cell).name, select)


def _ends(wanted: WantedCells, found: Mapping[str, Outcome]) -> dict[CellKey, list[RunEnd]]:
    """Collect how the runs of each cell ended: a run that diverged counts, a missing one does not."""
    ends = {}
    for cell, runs in wanted.items():
        known = [(run, *end) for run in runs if (end := training_end(found[run.id])) is not None]
        ends[cell] = [RunEnd(error, run.config.dataset.num_classes) for run, error in known if run.config is not None]
    return ends


def _cell(
    experiment: Experiment,
    cell: CellKey,
    runs: Sequence[Wanted],
    found: Mapping[str, Outcome],
    values: Values,
    footnotes: FootNotes,
    command: str,
    select: str,
) -> Cell:
    sample = Sample.of(values.values()) if values else None
    printed = experiment.paper.get(cell)
    state = _state(runs, values)
    return Cell(
        metric=experiment.metric_of(cell),
        state=state,
        wanted=len(runs),
        values=values,
        mean=None if sample is None else sample.mean,
        sd=None if sample is None else sample.sd,
        paper=printed,
        difference=None if experiment.deviation_of(cell) else _difference(experiment, sample, printed),
        marks=tuple(footnotes.mark(text) for text in _remarks(experiment, cell, state, runs, found, command, select)),
    )


def _state(runs: Sequence[Wanted], values: Values) -> str:
    if not runs:
        return QUOTED
    if any(run.awaits for run in runs):
        return NOT_AVAILABLE
    if not values:
        return MISSING
    return COMPLETE if len(values) == len(runs) else INCOMPLETE


def _remarks(
    experiment: Experiment,
    cell: CellKey,
    state: str,
    runs: Sequence[Wanted],
    found: Mapping[str, Outcome],
    command: str,
    select: str,
) -> list[str]:
    """List the texts of a cell's footnotes."""
    if state == QUOTED:
        return [f"as {experiment.rows[cell[0]].quoted} reports it; nothing to run"]
    if state == NOT_AVAILABLE:
        return [f"not available yet: {runs[0].awaits}"]
    deviation = experiment.deviation_of(cell)
    if state == COMPLETE:
        return [deviation] if deviation else []
    metric = experiment.metric_of(cell).name
    problems = [_problem(found[run.id].of(run), metric, select) for run in runs]
    return [*filter(None, [deviation, *problems]), f"missing runs are trained by: {command}"]


def _problem(outcome: Outcome, metric: str, select: str) -> str:
    """Say in one line why a run gives no number; empty where nothing but its training is missing."""
    if outcome.state == FINISHED:
        return damage(outcome, metric, select)
    return "" if outcome.state == UNAVAILABLE else outcome.problem


def _difference(experiment: Experiment, sample: Sample | None, printed: Printed | None) -> Interval | None:
    if sample is None or printed is None:
        return None
    return ours_minus_paper(sample, printed_sample(experiment, printed))


def printed_sample(experiment: Experiment, printed: Printed) -> Sample:
    """Return a printed number as a sample; one without an sd is a single run."""
    n = printed.n or experiment.paper_n_inferred or 1
    return Sample(printed.mean, None, 1) if printed.sd is None else Sample(printed.mean, printed.sd, n)


def _comparable(cells: Mapping[CellKey, Cell], preset: str) -> Mapping[CellKey, Cell]:
    """Drop the differences from the paper under preset smoke, whose numbers can't be compared with it."""
    return {key: replace(cell, difference=None) for key, cell in cells.items()} if preset == SMOKE else cells


def _emboldened(
    experiment: Experiment, cells: Mapping[CellKey, Cell], samples: Mapping[CellKey, Sample]
) -> dict[CellKey, Cell]:
    bold: set[CellKey] = set()
    for rivals in _rivals(experiment):
        bold |= best_cells(experiment, samples, rivals)
    return {cell: replace(found, bold=cell in bold) for cell, found in cells.items()}


def _rivals(experiment: Experiment) -> Iterable[list[CellKey]]:
    """Group the cells that compete: of one metric in a column and row group, or in a row where columns are methods."""
    by_columns = any(line.startswith("method=") for column in experiment.columns.values() for line in column.run)
    groups: dict[tuple[str, ...], list[CellKey]] = {}
    for cell in experiment.cells():
        row = experiment.rows[cell[0]]
        place = (row.key,) if by_columns else (row.group, cell[1])
        if experiment.metric_of(cell).better and not row.quoted:
            groups.setdefault((*place, experiment.metric_of(cell).name), []).append(cell)
    return groups.values()


def _average_cells(experiment: Experiment, cells: Mapping[CellKey, Cell], footnotes: FootNotes) -> dict[CellKey, Cell]:
    """Compute the average row: means over all rows, left empty where any row has no number."""
    average = experiment.average
    if average is None:
        return {}
    found, deviating = {}, [row for row in experiment.rows.values() if row.deviates]
    for column, baseline in average.baseline.items():
        pairs = [(cells[row, baseline], cells[row, column]) for row in experiment.rows]
        gains = [base.mean - own.mean for base, own in pairs if _is_whole(base) and _is_whole(own)]  # type: ignore[operator]
        whole = len(gains) == len(pairs)
        found[average.key, column] = Cell(
            metric=pairs[0][1].metric,
            state=COMPLETE if whole else MISSING,
            mean=fmean(gains) if whole else None,
            paper=experiment.paper.get((average.key, column)),
            marks=tuple(dict.fromkeys(footnotes.mark(row.deviates) for row in deviating)),
        )
    return found


def _is_whole(cell: Cell) -> bool:
    return cell.state == COMPLETE


def _commit(process: Mapping[str, object]) -> str:
    """Return the short commit, with ``+`` for uncommitted changes, or the version of an installed package."""
    code = process["code"]
    assert isinstance(code, dict)
    if code.get("commit") is None:
        return f"olsrepro {process['olsrepro']}"
    return f"{code['commit'][:7]}{'+' if code.get('dirty') else ''}"


def _distinct(texts: Iterable[str]) -> tuple[str, ...]:
    return tuple(sorted(set(texts)))
