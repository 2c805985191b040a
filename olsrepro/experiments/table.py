"""Table model: everything that a table says, before it is drawn in any format."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from olsrepro.experiments.experiment import CellKey, Experiment, Line, Printed
from olsrepro.experiments.metrics import Metric

COMPLETE, INCOMPLETE, MISSING, UNAVAILABLE, QUOTED = "complete", "incomplete", "missing", "unavailable", "quoted"


@dataclass(frozen=True)
class Interval:
    """A difference with its 95 % interval; the limits are None where there are too few runs for one."""

    difference: float
    low: float | None = None
    high: float | None = None

    @property
    def word(self) -> str:
        """``agrees`` if 0 lies inside, else ``higher`` or ``lower``; empty without limits."""
        if self.low is None or self.high is None:
            return ""
        if self.low <= 0 <= self.high:
            return "agrees"
        return "higher" if self.low > 0 else "lower"


@dataclass(frozen=True)
class Cell:
    """A cell with our number and the paper's.

    Attributes:
        metric: what it shows.
        state: ``complete``, ``incomplete`` (some of its runs are there), ``missing`` (none is), ``unavailable`` (it
            needs something that is not built yet), ``quoted`` (the paper took it from elsewhere: nothing to run).
        wanted: how many runs it wants.
        values: one number for each finished run, by seed.
        mean, sd: of the values; sd by n - 1, None for fewer than two.
        paper: what the paper prints.
        difference: ours - paper's.
        bold: whether it belongs to the best of its kind (docs/claims.md, section 7).
        marks: numbers of its footnotes.
    """

    metric: Metric
    state: str
    wanted: int = 0
    values: Mapping[int, float] = field(default_factory=dict)
    mean: float | None = None
    sd: float | None = None
    paper: Printed | None = None
    difference: Interval | None = None
    bold: bool = False
    marks: tuple[int, ...] = ()

    @property
    def n(self) -> int:
        """Number of its finished runs."""
        return len(self.values)


@dataclass(frozen=True)
class Comparison:
    """A pair of cells that a claim compares: ``better`` against ``worse``.

    Attributes:
        gain: by how much the metric favours the claim (positive: it does), with its pooled 95 % interval.
        p_pooled: two-sided, with the pooled variance, unadjusted; None where there are too few runs.
        p_holm: adjusted over its family.
        p_welch: two-sided, of this pair alone; None where there are too few runs.
        paper_gain: the paper's own, from its printed means.
        verdict: ``holds``, ``fails``, ``undecided``, or empty for none.
        reason: in a word or two, such as ``n = 1``, ``vetoed``, ``gain excluded``; may be empty.
    """

    better: CellKey
    worse: CellKey
    gain: Interval
    p_pooled: float | None = None
    p_holm: float | None = None
    p_welch: float | None = None
    paper_gain: float | None = None
    verdict: str = ""
    reason: str = ""


@dataclass(frozen=True)
class Verdict:
    """Verdict on one claim, with the numbers behind it.

    Attributes:
        claim: its id.
        says: its statement.
        verdict: ``holds``, ``fails``, ``undecided``; empty where none is given.
        reason: why, in a few words: ``4 of 5``, ``n = 1``, ``preset short``, ``selection``, ``3 of 5 cells missing``.
        trend: ``for`` or ``against``, where the preset allows no verdict but a trend; else empty.
        margin: its gain beside the paper's: ``reproduced``, ``smaller``, ``larger``, ``too wide to tell``, or empty.
        gain: mean gain with its interval, if there is one.
        paper: the verdict on the paper's own printed numbers by the same rule, with its reason.
        comparisons: the pairs.
    """

    claim: str
    says: str
    verdict: str = ""
    reason: str = ""
    trend: str = ""
    margin: str = ""
    gain: Interval | None = None
    paper: str = ""
    comparisons: tuple[Comparison, ...] = ()


@dataclass(frozen=True)
class Pool:
    """Cells that share one variance."""

    name: str
    sd: float
    df: int


@dataclass(frozen=True)
class Table:
    """A table with everything that its reader must know.

    Attributes:
        experiment: the one that it shows.
        rows, columns: as drawn; those of the experiment, or of a sweep.
        cells: by (row key, column key); the average row under its key.
        average: the average row's key and label, if there is one.
        preset, select: of the runs, and which epoch's numbers count.
        seeds: wanted of every cell.
        overrides: what the user changed, as typed; empty for the experiment as its file says.
        verdicts: on the claims, in order.
        pools: variances that were pooled.
        families: size of the Holm family of each metric.
        commits, devices: of the runs behind it, sorted; ``+`` marks a commit with uncommitted changes.
        datasets: that the runs behind it saw, sorted; named only under preset smoke, where they stand in for others.
        footnotes: by number, from 1; cells refer to them.
        notes: sentences under the table, without a number.
    """

    experiment: Experiment
    rows: tuple[Line, ...]
    columns: tuple[Line, ...]
    cells: Mapping[CellKey, Cell]
    average: tuple[str, str] | None
    preset: str
    select: str
    seeds: tuple[int, ...]
    overrides: tuple[str, ...] = ()
    verdicts: tuple[Verdict, ...] = ()
    pools: tuple[Pool, ...] = ()
    families: Mapping[str, int] = field(default_factory=dict)
    commits: tuple[str, ...] = ()
    devices: tuple[str, ...] = ()
    datasets: tuple[str, ...] = ()
    footnotes: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def is_complete(self) -> bool:
        """Whether every cell that has runs has all of them."""
        return all(cell.state in (COMPLETE, QUOTED) for cell in self.cells.values())

    @property
    def failed_claims(self) -> tuple[str, ...]:
        """Ids of the claims that fail."""
        return tuple(verdict.claim for verdict in self.verdicts if verdict.verdict == "fails")
