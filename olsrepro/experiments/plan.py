"""What experiments would cost: distinct runs, how many are missing, multiply-adds, hours, disk. Trains nothing."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields, replace
from pathlib import Path
from typing import Any

from olsrepro.experiments.collect import FINISHED, UNAVAILABLE, Outcome, outcomes
from olsrepro.experiments.experiment import Experiment
from olsrepro.experiments.files import experiments
from olsrepro.experiments.request import Request
from olsrepro.experiments.wanted import Wanted, distinct, wanted_cells, with_ensembles, with_teachers
from olsrepro.store.cost import Cost, Speeds, estimate
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
        hours: of training, for those whose speed was measured here.
        untimed: runs whose speed is unknown.
        disk_bytes: what they leave.
    """

    runs: int = 0
    macs: float = 0.0
    uncounted: int = 0
    images: int = 0
    hours: float = 0.0
    untimed: int = 0
    disk_bytes: float = 0.0

    def plus(self, cost: Cost) -> Work:
        """With one more run."""
        timed = cost.images_per_s is not None
        return Work(
            self.runs + 1,
            self.macs + (cost.macs or 0.0),
            self.uncounted + (cost.macs is None),
            self.images + cost.training_images,
            self.hours + (cost.training_images / cost.images_per_s / 3600 if cost.images_per_s else 0.0),
            self.untimed + (not timed),
            self.disk_bytes + (cost.disk_bytes or 0.0),
        )

    def columns(self) -> tuple[str, str, str]:
        """Multiply-adds in units of 1e18, hours, disk in GB; with ``>`` where a part is unknown."""
        return (
            _at_least(f"{self.macs / 1e18:.3g}", self.uncounted, self.runs),
            _at_least(f"{self.hours:.2g}", self.untimed, self.runs),
            f"{self.disk_bytes / 1e9:.2f}" if self.runs else "",
        )

    def line(self) -> str:
        """For people, as in ``165 runs, 12.8 EMAC, hours unknown, 3.1 GB``."""
        if not self.runs:
            return "nothing"
        macs, hours, disk = self.columns()
        images = f"{self.images:.3g} training images"
        told = f"{hours} h" if hours != UNKNOWN else "hours unknown until such runs are finished in this store"
        return f"{self.runs} run{'s' * (self.runs > 1)}, {images}, {macs} EMAC (1e18 multiply-adds), {told}, {disk} GB"


UNKNOWN = "?"


def _at_least(text: str, unknown: int, runs: int) -> str:
    if not runs:
        return ""
    if unknown == runs:
        return UNKNOWN
    return f"> {text}" if unknown else text


@dataclass(frozen=True)
class Entry:
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
    entries: tuple[Entry, ...]
    total: Work
    cheaper: Mapping[str, Work] = field(default_factory=dict)

    @property
    def runs(self) -> int:
        """Distinct runs."""
        return sum(entry.new for entry in self.entries)

    def as_dict(self) -> dict[str, Any]:
        """As plain nested dictionaries."""
        return {"runs": self.runs, **asdict(self)}


def make_plan(experiments: Sequence[Experiment], request: Request, runs_dir: Path, speeds: Speeds) -> Plan:
    """The plan of experiments in order; a run counts where it is first wanted.

    Raises:
        UserError: an override does not fit one of them.
    """
    seen: set[str] = set()
    entries = tuple(_entry(experiment, request, runs_dir, speeds, seen) for experiment in experiments)
    preset = request.preset or experiments[0].preset
    cheaper = {
        name: _whole_work(experiments, replace(request, preset=name), speeds) for name in CHEAPER.get(preset, ())
    }
    return Plan(preset, entries, _sum(entry.work for entry in entries), cheaper)


def _entry(experiment: Experiment, request: Request, runs_dir: Path, speeds: Speeds, seen: set[str]) -> Entry:
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
    return Entry(
        name=experiment.name,
        place=experiment.place,
        printed=len(runs),
        new=len(new),
        finished=states[FINISHED],
        failed=states[FAILED],
        missing=len(missing),
        awaits=dict(Counter(run.awaits for run in new if run.config is None)),
        evaluations=dict(awaited),
        work=_work(with_ensembles([outcome.wanted for outcome in missing], experiments(), request), speeds),
    )


def _whole_work(experiments: Sequence[Experiment], request: Request, speeds: Speeds) -> Work:
    """Of all their runs, whatever the store has."""
    cells = [wanted_cells(experiment, request) for experiment in experiments if not experiment.measure]
    return _work(with_teachers(distinct(cells).values()), speeds)


def _work(runs: Iterable[Wanted], speeds: Speeds) -> Work:
    work = Work()
    for run in runs:
        if run.config is not None:
            work = work.plus(estimate(run.config, speeds))
    return work


def _sum(works: Iterable[Work]) -> Work:
    total = Work()
    for work in works:
        total = Work(*(getattr(total, key) + getattr(work, key) for key in (item.name for item in fields(Work))))
    return total


def work_of(missing: Iterable[Outcome], speeds: Speeds) -> Work:
    """What outcomes that are to be trained will cost."""
    return _work((outcome.wanted for outcome in missing), speeds)
