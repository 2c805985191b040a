"""What experiments would cost: distinct runs, how many are missing, multiply-adds, hours, disk. Trains nothing."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from itertools import islice
from pathlib import Path
from typing import Any

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
    """What a set of runs costs.

    Attributes:
        runs: how many.
        macs: multiply-adds of those whose network is counted.
        uncounted: runs whose multiply-adds are unknown.
        images: images through forward and backward.
        hours: of training, for those whose speed is known.
        untimed: runs whose speed is unknown.
        disk_bytes: what they leave.
        timed_on: the devices of the speeds that are of bare steps and not of runs; empty: none is.
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
        """One run's."""
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
        """Of both sets of runs."""
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
        """Multiply-adds in units of 1e18, hours, disk in GB; ``>`` where some are unknown, ``~`` by timed steps."""
        return (
            _at_least(f"{self.macs / 1e18:.3g}", self.uncounted, self.runs),
            _at_least(f"{'~' * bool(self.timed_on)}{hours_text(self.hours)}", self.untimed, self.runs),
            f"{self.disk_bytes / 1e9:.2f}" if self.runs else "",
        )

    def line(self) -> str:
        """For people, as in ``165 runs, 12.8 EMAC, hours unknown, 3.1 GB``."""
        if not self.runs:
            return "nothing"
        macs, hours, disk = self.columns()
        images = f"{self.images:.3g} training images"
        told = f"{hours} h{self.timing}" if hours != UNKNOWN else "hours unknown (`olsrepro plan --measure` times them)"
        return f"{self.runs} run{'s' * (self.runs > 1)}, {images}, {macs} EMAC (1e18 multiply-adds), {told}, {disk} GB"

    @property
    def timing(self) -> str:
        """Where bare steps were timed, as in `` (timed on cpu, loader not included)``; empty where none was."""
        return f" ({TIMED_ON.format(' and '.join(self.timed_on))})" if self.timed_on else ""


UNKNOWN = "?"


def hours_text(hours: float) -> str:
    """For people: two digits of a small number, whole hours of a large one."""
    return f"{hours:,.0f}" if hours >= 10 else f"{hours:.2g}"


def _at_least(text: str, unknown: int, runs: int) -> str:
    if not runs:
        return ""
    if unknown == runs:
        return UNKNOWN
    return f"> {text}" if unknown else text


@dataclass(frozen=True)
class PlannedExperiment:
    """The plan of one experiment.

    Attributes:
        name, place: of the experiment.
        printed: distinct runs that it wants.
        new: those that no experiment before it wants.
        finished, failed, missing: of the new ones; missing can be trained.
        awaits: new ones that can't be had yet, by what they need.
        evaluations: cells whose evaluation is not built yet, by its name.
        work: of the missing ones.
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
        """What is not built yet, as in ``method=byot (15 runs), evaluation=ece (9 cells)``; empty where all is."""
        runs = [f"{name} ({count} runs)" for name, count in self.awaits.items()]
        return ", ".join([*runs, *(f"{name} ({count} cells)" for name, count in self.evaluations.items())])


@dataclass(frozen=True)
class Plan:
    """The plan of some experiments: each, all of them, and what they would cost under cheaper presets."""

    preset: str
    entries: tuple[PlannedExperiment, ...]
    total: Work
    cheaper: Mapping[str, Work] = field(default_factory=dict)

    @property
    def runs(self) -> int:
        """Distinct runs."""
        return sum(entry.new for entry in self.entries)

    def as_dict(self) -> dict[str, Any]:
        """As plain nested dictionaries."""
        return {"runs": self.runs, **asdict(self)}


def make_plan(wanted: Sequence[Experiment], request: Request, runs_dir: Path, speeds: Speeds) -> Plan:
    """The plan of experiments in order; a run counts where it is first wanted.

    Raises:
        UserError: an override does not fit one of them.
    """
    seen: set[str] = set()
    counted = [_counted(experiment, request, runs_dir, seen) for experiment in wanted]
    keeping = iter(with_ensembles([run for _, missing in counted for run in missing], experiments(), request))
    entries = tuple(replace(entry, work=_work(islice(keeping, len(missing)), speeds)) for entry, missing in counted)
    preset = request.preset or wanted[0].preset
    cheaper = {
        name: _work(planned_runs(wanted, replace(request, preset=name)), speeds) for name in CHEAPER.get(preset, ())
    }
    return Plan(preset, entries, sum((entry.work for entry in entries), Work()), cheaper)


def _counted(
    experiment: Experiment, request: Request, runs_dir: Path, seen: set[str]
) -> tuple[PlannedExperiment, list[Wanted]]:
    """The entry of an experiment without its work, and the runs that are missing."""
    cells = wanted_cells(experiment, request)
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


def planned_runs(wanted: Sequence[Experiment], request: Request) -> list[Wanted]:
    """All runs that experiments train, each once, with those that teach them; whatever the store has."""
    cells = [wanted_cells(experiment, request) for experiment in wanted if not experiment.measure]
    return with_teachers(distinct(cells).values())


def _work(runs: Iterable[Wanted], speeds: Speeds) -> Work:
    costs = (estimate(run.config, speeds) for run in runs if run.config is not None)
    return sum(map(Work.of, costs), Work())


def work_of(missing: Iterable[Outcome], speeds: Speeds) -> Work:
    """What outcomes that are to be trained will cost."""
    return _work((outcome.wanted for outcome in missing), speeds)
