"""Tables and figures as plain data read from YAML: rows, columns, runs, the paper's numbers and claims."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace

from olsrepro.checks import check_choice
from olsrepro.experiments.metrics import Metric, metric

CellKey = tuple[str, str]
"""(Row key, column key)."""

KINDS = ("table", "points", "curves", "bars", "embedding")
"""Kinds of drawing: a table; or a figure of points, of curves over epochs, of bars, of an embedding."""

SELECTIONS = ("best", "last", "mean_of_last_ten")
SELECT_SOURCES = ("paper", "code", "detector", "ours")
"""Sources of a selection rule: the paper's text, the authors' code, the detector that they named, our reading."""
OTHER_RULE = {"best": "last", "last": "best"}
"""Rule that must give the same verdict, where an experiment's numbers are those of the best test epoch."""
POOLS = ("group", "column", "metric")
CLAIM_KINDS = ("better", "best", "most", "average", "slope", "equivalent", "above", "not_above", "diverges", "same")
AXES = ("row", "column")


@dataclass(frozen=True)
class Line:
    """A row or a column of an experiment.

    Attributes:
        key: its name, as in ``2.ols.resnet34``.
        label: as the paper prints it.
        run: the overrides that it adds to a run.
        also: further overrides where it crosses a line of the other axis, by that line's key.
        group: a heading that it shares with its neighbours; empty for none.
        metric: what its cells show; empty: the metric of the other axis, or of the experiment.
        evaluate: the evaluation that its cells are measured by, ``{name: ..., parameters}``; empty: the run's own
            errors and curves.
        quoted: the source that the paper took this row from; such a row has no runs.
        extra: a row that the paper does not have; left out unless it is asked for.
        deviates: how its runs differ from the paper's; its numbers are shown but not compared with the paper's.
        x: its place on a numerical axis, for figures of points and claims on slopes.
    """

    key: str
    label: str
    run: tuple[str, ...] = ()
    also: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    group: str = ""
    metric: str = ""
    evaluate: Mapping[str, object] = field(default_factory=dict)
    quoted: str = ""
    extra: bool = False
    deviates: str = ""
    x: float | None = None


@dataclass(frozen=True)
class Printed:
    """A number as the paper prints it; sd and number of runs are None where it prints none."""

    mean: float
    sd: float | None = None
    n: int | None = None


@dataclass(frozen=True)
class AverageRow:
    """A last row of mean gains over one baseline: the mean over all rows of (baseline column - this column).

    ``baseline`` maps each averaged column to the column that it is compared with.
    """

    key: str
    label: str
    baseline: Mapping[str, str]


@dataclass(frozen=True)
class Claim:
    """A statement that the numbers should support (``docs/claims.md``).

    Attributes:
        id: such as ``C2.1``.
        says: the statement, paraphrased.
        kind: how it is judged.

            - ``better``: ``better`` beats each of ``than``, in every place of ``over``
            - ``best``: as ``better``, each rival by itself; one verdict per place
            - ``most``: ``better`` beats at least ``bound`` of ``than`` in every place
            - ``average``: the mean gain of ``better`` over ``than`` is positive; ``stated`` is the printed gain
            - ``slope``: the metric falls (``bound`` < 0) or rises (> 0) with ``x`` along ``over``; only the sign counts
            - ``equivalent``: each of ``than`` lies within ``bound`` of ``better``, by two one-sided tests
            - ``above``: the mean of ``better`` lies above ``bound`` in every place
            - ``not_above``: ``better`` is not above each of ``than`` by ``bound`` or more
            - ``diverges``: ``better`` does not converge: a failed run, or above ``bound`` % of chance
            - ``same``: measured values equal the paper's; with ``than``: bit-for-bit equal to another cell
        better, than: keys on ``axis``.
        axis: which axis ``better`` and ``than`` lie on; ``over`` lies on the other.
        over: keys on the other axis; all of them if empty.
        family: whether its comparisons join the Holm family of their metric; else they are adjusted on their own.
        bound: see ``kind``.
        stated: a printed gain, where it is not simply the difference of printed cells.
        log2: whether a slope is taken over log2 x.
        reverse: whether more of the metric favours the claim although less is better (a training error, say).
    """

    id: str
    says: str
    kind: str = "better"
    better: str = ""
    than: tuple[str, ...] = ()
    axis: str = "row"
    over: tuple[str, ...] = ()
    family: bool = False
    bound: float = 0.0
    stated: float | None = None
    log2: bool = False
    reverse: bool = False

    def __post_init__(self) -> None:
        check_choice("kind", self.kind, CLAIM_KINDS)
        check_choice("axis", self.axis, AXES)

    def cell(self, key: str, place: str) -> CellKey:
        """Return the cell of a key of ``axis`` in a place of ``over``."""
        return (key, place) if self.axis == "row" else (place, key)


@dataclass(frozen=True)
class Experiment:
    """A table or figure of the paper, or one of ours.

    Attributes:
        name: the file's, such as ``table2`` or ``figure7a``.
        title: what it shows.
        place: where it is in the paper, as in ``Table II``; empty for one of ours.
        kind: how it is drawn.
        order: its place in ``all``; None for one that ``all`` leaves out.
        seeds: how many seeds the paper used; 0 for one that needs no run.
        measure: ``""``: runs are trained; ``method`` or ``dataset``: facts are measured, nothing is trained.
        select: which epoch's numbers count.
        select_source: who says so, of ``SELECT_SOURCES``; the caption names it.
        metric: what cells show unless their row or column says otherwise.
        base: the overrides of every run.
        preset: the preset that its own claims are judged under.
        rows, columns: by key, in order.
        average: the last row of mean gains, if it has one.
        paper: printed numbers by cell; ``average`` rows included.
        paper_n_inferred: the number of runs that we assume where the paper prints an sd but no number; None: unknown.
        pool_by: what cells must share for their variances to be pooled; empty: the whole table.
        claims: those of the paper, or ours, about it.
        stand_ins: whether preset smoke replaces its data sets by stand-ins.
        sweep: its name for ``olsrepro sweep``; empty if it is not a sweep.
        note: what a reader must know, one sentence; printed under it.
    """

    name: str
    title: str
    place: str = ""
    kind: str = "table"
    order: float | None = None
    seeds: int = 1
    measure: str = ""
    select: str = "best"
    select_source: str = "ours"
    metric: str = "top1_err"
    base: tuple[str, ...] = ()
    preset: str = "paper"
    rows: Mapping[str, Line] = field(default_factory=dict)
    columns: Mapping[str, Line] = field(default_factory=dict)
    average: AverageRow | None = None
    paper: Mapping[CellKey, Printed] = field(default_factory=dict)
    paper_n_inferred: int | None = None
    pool_by: tuple[str, ...] = ()
    claims: tuple[Claim, ...] = ()
    stand_ins: bool = True
    sweep: str = ""
    note: str = ""

    def __post_init__(self) -> None:
        check_choice("kind", self.kind, KINDS)
        check_choice("select", self.select, SELECTIONS)
        check_choice("select_source", self.select_source, SELECT_SOURCES)
        for key in self.pool_by:
            check_choice("pool_by", key, POOLS)

    def without_extras(self) -> Experiment:
        """Return the experiment with the paper's rows alone."""
        return replace(self, rows={key: line for key, line in self.rows.items() if not line.extra})

    def cells(self) -> Iterator[CellKey]:
        """Yield all cells but those of the average row, row by row."""
        return ((row, column) for row in self.rows for column in self.columns)

    def metric_of(self, cell: CellKey) -> Metric:
        """Return the metric that a cell shows."""
        row, column = self.rows.get(cell[0]), self.columns[cell[1]]
        return metric(column.metric or (row.metric if row else "") or self.metric)

    def pool_of(self, cell: CellKey) -> tuple[str, ...]:
        """Return the pool of cells that share one variance with this one; different metrics never share."""
        row, column = self.rows[cell[0]], self.columns[cell[1]]
        parts = {"group": row.group, "column": column.key, "metric": ""}
        return (self.metric_of(cell).name, *(parts[key] for key in self.pool_by))

    def lines_of(self, cell: CellKey) -> tuple[str, ...]:
        """Return the overrides of a cell's runs, without preset and seed."""
        row, column = self.rows[cell[0]], self.columns[cell[1]]
        return (*self.base, *row.run, *column.run, *row.also.get(column.key, ()), *column.also.get(row.key, ()))

    def deviation_of(self, cell: CellKey) -> str:
        """Describe how a cell's runs differ from the paper's; empty if they don't."""
        return self.rows[cell[0]].deviates or self.columns[cell[1]].deviates

    def evaluation_of(self, cell: CellKey) -> Mapping[str, object]:
        """Return the evaluation that a cell shows; empty: the run's own errors and curves."""
        row, column = self.rows[cell[0]], self.columns[cell[1]]
        return column.evaluate or row.evaluate
