"""Status of a store: the runs that it holds, and how many of each experiment's runs are finished."""

from __future__ import annotations

from collections import Counter
from collections.abc import Container, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from olsrepro.config.compose import Composer
from olsrepro.experiments.collect import BROKEN, RUNNING, failure_line, outcome_of_folder
from olsrepro.experiments.experiment import Experiment
from olsrepro.experiments.files import experiments
from olsrepro.experiments.request import Request
from olsrepro.experiments.wanted import distinct, wanted_cells
from olsrepro.store.folder import Store
from olsrepro.store.record import FAILED, FINISHED


@dataclass(frozen=True)
class Completion:
    """An experiment with the number of distinct runs that it wants, and how many of them are finished."""

    name: str
    title: str
    preset: str
    wanted: int
    finished: int


@dataclass(frozen=True)
class Standing:
    """Contents of a store and the progress of each experiment.

    Attributes:
        root: its folder.
        finished: run ids.
        failed, running, broken: one line each.
        presets: how many finished runs each preset has.
        experiments: the progress of each.
    """

    root: Path
    finished: tuple[str, ...]
    failed: tuple[str, ...]
    running: tuple[str, ...]
    broken: tuple[str, ...]
    presets: Mapping[str, int]
    experiments: tuple[Completion, ...]


def standing(store: Store, request: Request) -> Standing:
    """Summarise what the store holds, and how far each experiment is with the runs of a request.

    Raises:
        UserError: an override is not valid for an experiment.
    """
    finished: dict[str, str] = {}
    lines: dict[str, list[str]] = {FAILED: [], BROKEN: []}
    seen: set[str] = set()
    for folder, record in store.records():
        seen.add(folder.name)
        if isinstance(record, str):
            lines[BROKEN].append(record)
        elif record["status"] == FINISHED:
            finished[folder.name] = record["config"]["preset"]
        else:
            lines[FAILED].append(failure_line(folder.name, record))
    composer = Composer()
    return Standing(
        root=store.root,
        finished=tuple(finished),
        failed=tuple(lines[FAILED]),
        running=tuple(_running(store.run_folder(name) for name in store.run_ids() if name not in seen)),
        broken=tuple(lines[BROKEN]),
        presets=dict(Counter(finished.values()).most_common()),
        experiments=tuple(_progress(item, request, finished, composer) for item in experiments() if not item.measure),
    )


def _running(folders: Iterable[Path]) -> Iterator[str]:
    """Describe the runs being written: of folders without a record, those with a lease."""
    outcomes = map(outcome_of_folder, folders)
    return (outcome.problem for outcome in outcomes if outcome.state == RUNNING)


def _progress(experiment: Experiment, request: Request, finished: Container[str], composer: Composer) -> Completion:
    runs = distinct([wanted_cells(experiment, request, composer)])
    done = sum(name in finished for name in runs)
    return Completion(experiment.name, experiment.title, request.preset_of(experiment), len(runs), done)
