"""Cost of experiments before they are run: distinct runs, how many are missing, hours, disk, multiply-adds."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from itertools import islice
from pathlib import Path
from typing import Any

from olsrepro.config.compose import Composer
from olsrepro.experiments.collect import FINISHED, UNAVAILABLE, Outcome, outcomes
from olsrepro.experiments.experiment import Experiment
from olsrepro.experiments.files import experiments
from olsrepro.experiments.request import Request
from olsrepro.experiments.wanted import Wanted, distinct, wanted_cells, with_ensembles, with_teachers
from olsrepro.store.cost import TIMED_ON, Cost, Speeds, estimate
from olsrepro.store.record import FAILED

CHEAPER = {"paper": ("short", "mini", "smoke"), "short": ("mini", "smoke"), "mini": ("smoke",)}


@dataclass(frozen=True)
class Work:
    """Cost of a set of runs.

    Attributes:
        runs: their number.
        macs: multiply-adds of those whose network is counted.
        uncounted: runs whose multiply-adds are unknown.
        images: training images over all epochs.
        hours: of training, for those whose speed is known.
        untimed: runs whose speed is unknown.
        disk_bytes: the size of the files that they leave.
        timed_on: the devices on which bare training steps were timed, for lack of finished runs; empty: none.
    """

    runs: int = 0
    macs: float = 0.0
    uncounted: int = 0
    images: int = 0
    hours: float = 0.0
    untimed: int = 0
    disk_bytes: float = 0.0
    timed_on: tuple[str, ...] = ()

    @classmethod
    def of(cls, cost: Cost) -> Work:
        """Return the work of a single run."""
        return cls(
            runs=1,
            macs=cost.macs or 0.0,
            uncounted=int(cost.macs is None),
            images=cost.training_images,
            hours=cost.hours or 0.0,
            untimed=int(cost.hours is None),
            disk_bytes=cost.disk_bytes or 0.0,
            timed_on=(cost.measured_on,) if cost.of_steps and cost.measured_on else (),
        )

    def __add__(self, other: Work) -> Work:
        """Add the work of two sets of runs."""
        return Work(
            self.runs + other.runs,
            self.macs + other.macs,
            self.uncounted + other.uncounted,
            self.images + other.images,
            self.hours + other.hours,
            self.untimed + other.untimed,
            self.disk_bytes + other.disk_bytes,
            tuple(sorted({*self.timed_on, *other.timed_on})),
        )

    def columns(self) -> tuple[str, str, str]:
        """Return hours, disk in GB and multiply-adds; ``>`` where some are unknown, ``~`` where steps were timed."""
        return (
            _at_least(f"{'~' * bool(self.timed_on)}{hours_text(self.hours)}", self.untimed, self.runs),
            f"{self.disk_bytes / 1e9:.2f}" if self.runs else "",
            _at_least(f"{self.macs:.3g}", self.uncounted, self.runs),
        )

    def line(self) -> str:
        """Describe the work, as in ``165 runs, 9 h, 82.32 GB on disk, 4e+09 training images, 1e+19 multiply-adds``."""
        if not self.runs:
            return "nothing"
        hours, disk, macs = self.columns()
        images = f"{self.images:.3g} training images"
        told = f"{hours} h{self.timing}" if hours != UNKNOWN else "hours unknown (`olsrepro plan --measure` times them)"
        return f"{self.runs} run{'s' * (self.runs > 1)}, {told}, {disk} GB on disk, {images}, {macs} multiply-adds"

    @property
    def timing(self) -> str:
        """Devices on which bare steps were timed, as in `` (timed on cpu, loader not included)``; empty for none."""
        return f" ({TIMED_ON.format(' and '.join(self.timed_on))})" if self.timed_on else ""


UNKNOWN = "?"


def hours_text(hours: float) -> str:
    """Format hours: two digits of a small number, whole hours of a large one."""
    return f"{hours:,.0f}" if hours >= 10 else f"{hours:.2g}"


def _at_least(text: str, unknown: int, runs: int) -> str:
    if not runs:
        return ""
    if unknown == runs:
        return UNKNOWN
    return f"> {text}" if unknown else text


@dataclass(frozen=True)
class PlannedExperiment:
    """Plan of one experiment: its runs by state, and what the missing ones cost.

    Attributes:
        name, place: of the experiment.
        printed: distinct runs that it wants.
        new: those that no experiment before it wants.
        finished, failed, missing: numbers of the new ones; missing ones can be trained.
        awaits: new ones that can't be trained yet, by the component that they need.
        evaluations: cells whose evaluation is not built yet, by its name.
        work: that of the missing ones.
    """

    name: str
    place: str
    printed: int
    new: int
    finished: int
    failed: int
    missing: int
    awaits: Mapping[str, int] = field(default_factory=dict)
    evaluations: Mapping[str, int] = field(default_factory=dict)
    work: Work = field(default_factory=Work)

    @property
    def waits(self) -> str:
        """Components not built yet, as in ``method=byot (15 runs), evaluation=ece (9 cells)``; empty for none."""
        runs = [f"{name} ({count} runs)" for name, count in self.awaits.items()]
        return ", ".join([*runs, *(f"{name} ({count} cells)" for name, count in self.evaluations.items())])


@dataclass(frozen=True)
class Plan:
    """Plan of several experiments: of each, of all, and the cost of all under cheaper presets."""

    preset: str
    entries: tuple[PlannedExperiment, ...]
    total: Work
    cheaper: Mapping[str, Work] = field(default_factory=dict)

    @property
    def runs(self) -> int:
        """Number of distinct runs of all experiments."""
        return sum(entry.new for entry in self.entries)

    def as_dict(self) -> dict[str, Any]:
        """Return the plan as plain nested dictionaries."""
        return {"runs": self.runs, **asdict(self)}


def make_plan(wanted: Sequence[Experiment], request: Request, runs_dir: Path, speeds: Speeds) -> Plan:
    """Plan experiments in order; a run counts where it is first wanted.

    Raises:
        UserError: an override is not valid for one of them.
    """
    seen: set[str] = set()
    composer = Composer()
    counted = [_counted(experiment, request, runs_dir, seen, composer) for experiment in wanted]
    keeping = iter(with_ensembles([run for _, missing in counted for run in missing], experiments(), request))
    entries = tuple(replace(entry, work=_work(islice(keeping, len(missing)), speeds)) for entry, missing in counted)
    preset = request.preset or wanted[0].preset
    cheaper = {
        name: _work(planned_runs(wanted, replace(request, preset=name), composer), speeds)
        for name in CHEAPER.get(preset, ())
    }
    return Plan(preset, entries, sum((entry.work for entry in entries), Work()), cheaper)


def _counted(
    experiment: Experiment, request: Request, runs_dir: Path, seen: set[str], composer: Composer
) -> tuple[PlannedExperiment, list[Wanted]]:
    """Return the entry of an experiment without its work, and the runs that are missing."""
    cells = wanted_cells(experiment, request, composer)
    runs = {} if experiment.measure else distinct([cells])
    new = [run for run in with_teachers(runs.values()) if run.id not in seen]
    seen.update(run.id for run in new)
    found = outcomes(new, runs_dir).values()
    states = Counter(outcome.state for outcome in found)
    missing = [outcome for outcome in found if outcome.state not in (FINISHED, FAILED, UNAVAILABLE)]
    awaited = Counter(
        run.awaits for wants in cells.values() for run in wants[:1] if run.config is not None and run.awaits
    )
    entry = PlannedExperiment(
        name=experiment.name,
        place=experiment.place,
        printed=len(runs),
        new=len(new),
        finished=states[FINISHED],
        failed=states[FAILED],
        missing=len(missing),
        awaits=dict(Counter(run.awaits for run in new if run.config is None)),
        evaluations=dict(awaited),
    )
    return entry, [outcome.wanted for outcome in missing]


def planned_runs(wanted: Sequence[Experiment], request: Request, composer: Composer | None = None) -> list[Wanted]:
    """List all runs that experiments train, each once, with their teachers' runs, whether finished or not."""
    composer = composer or Composer()
    cells = [wanted_cells(experiment, request, composer) for experiment in wanted if not experiment.measure]
    return with_teachers(distinct(cells).values())


def _work(runs: Iterable[Wanted], speeds: Speeds) -> Work:
    costs = (estimate(run.config, speeds) for run in runs if run.config is not None)
    return sum(map(Work.of, costs), Work())


def work_of(missing: Iterable[Outcome], speeds: Speeds) -> Work:
    """Sum the work of the outcomes that are to be trained."""
    return _work((outcome.wanted for outcome in missing), speeds)
