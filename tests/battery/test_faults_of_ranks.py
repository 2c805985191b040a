"""A rank that fails, stops or dies at a place where ranks wait for one another ends all of them soon, with a line.

One pair of processes goes through all faults but death; between two of them its ranks part and meet again.
"""

from __future__ import annotations

import json
import os
import signal
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from importlib import import_module
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest
from rank_processes import _free_port, call_on
from registry import TINY
from rich.console import Console

from olsrepro.config.compose import compose_run
from olsrepro.distributed.rank_info import rank_info

TIMEOUT_S = 2
SLOW_S = 3 * TIMEOUT_S
PLACES = {
    "the device prepared": "olsrepro.launch.prepare:_prepared_device",
    "data read": "olsrepro.launch.prepare:read_inputs",
    "the teacher loaded": "olsrepro.launch.prepare:load_teacher",
    "the lease taken": "olsrepro.launch.prepare:_lease",
    "the learner built": "olsrepro.launch.build:learner_of",
    "the checkpoint read": "olsrepro.training.trainer:Trainer.resume",
    "a step": "olsrepro.training.trainer:Trainer._step",
    "the epoch's end": "olsrepro.training.classification.task:ClassificationTask.end_epoch",
    "the test": "olsrepro.training.classification.task:ClassificationTask.evaluate",
    "its state gathered": "olsrepro.training.trainer:Trainer._own_state",
    "the checkpoint written": "olsrepro.training.checkpoint:CheckpointFolder.save",
    "files written": "olsrepro.training.trainer:Trainer._write_artifacts",
    "the record written": "olsrepro.launch.prepare:finished_record",
}
OF_THE_FIRST = ("the lease taken", "the checkpoint written", "files written", "the record written")


@dataclass(frozen=True)
class Fault:
    """Something that goes wrong on a rank, before it does what is done at a place."""

    place: str
    kind: str
    rank: int

    def __str__(self) -> str:
        return f"{self.kind} before {self.place} on rank {self.rank}"


@dataclass(frozen=True)
class End:
    """How a rank ended: the class of its error, its message, whether it speaks, and after how many seconds."""

    error: str
    line: str
    speaks: bool
    seconds: float


def happen(kind: str) -> None:
    if kind == "exception":
        raise MemoryError("no room")
    if kind == "slow":
        time.sleep(SLOW_S)
    else:
        os.kill(os.getpid(), getattr(signal, kind))


@contextmanager
def injected(fault: Fault) -> Iterator[None]:
    module, _, name = PLACES[fault.place].partition(":")
    owner: Any = import_module(module)
    for part in name.split(".")[:-1]:
        owner = getattr(owner, part)
    name = name.rpartition(".")[2]
    plain, is_due = getattr(owner, name), True

    def faulty(*arguments: Any, **more: Any) -> Any:
        nonlocal is_due
        if is_due:
            is_due = False
            happen(fault.kind)
        return plain(*arguments, **more)

    with patch.object(owner, name, faulty):
        yield


def train_with(folder: Path, fault: Fault) -> End:
    from contextlib import nullcontext

    from olsrepro.launchers.dependencies import run_with_dependencies

    lines = [line for line in TINY if "epochs" not in line]
    runtime = [f"runtime.runs_dir={folder / 'runs'}", f"runtime.rank_timeout_s={TIMEOUT_S}"]
    config = compose_run([*lines, "recipe.epochs=1", *runtime])
    began, end = time.monotonic(), End("", "", False, 0.0)
    with injected(fault) if rank_info().rank == fault.rank else nullcontext(), open(os.devnull, "w") as nowhere:
        try:
            run_with_dependencies(config, console=Console(file=nowhere))
        except Exception as error:
            end = End(type(error).__name__, str(error), getattr(error, "speaks", True), 0.0)
    return End(end.error, end.line, end.speaks, time.monotonic() - began)


def go_through(folder: Path, faults: Sequence[Fault], ports: Sequence[int]) -> None:
    from olsrepro.distributed.ranks import leave

    own = rank_info().rank
    (folder / f"pid{own}").write_text(str(os.getpid()))
    for number, (fault, port) in enumerate(zip(faults, ports, strict=True)):
        os.environ["MASTER_PORT"] = str(port)
        end = train_with(folder / str(number), fault)
        (folder / f"{number}.{own}.part").write_text(json.dumps(asdict(end)))
        os.rename(folder / f"{number}.{own}.part", folder / f"{number}.{own}")
        if fault.kind == "SIGSTOP" and fault.rank != own:
            os.kill(int((folder / f"pid{fault.rank}").read_text()), signal.SIGCONT)
        leave()  # as a process does that ends
        while not (folder / f"{number}.{1 - own}").exists():
            time.sleep(0.02)
            if fault.kind == "SIGKILL":
                return


def faults_on_both(places: Iterable[str], kinds: Sequence[str]) -> list[Fault]:
    faults = [Fault(place, kind, rank) for place in places for kind in kinds for rank in (0, 1)]
    return [fault for fault in faults if fault.rank == 0 or fault.place not in OF_THE_FIRST]


QUICK = [
    Fault("a step", "exception", 1),
    Fault("the learner built", "exception", 0),
    Fault("the checkpoint written", "exception", 0),
    Fault("the checkpoint written", "slow", 0),
    Fault("its state gathered", "SIGSTOP", 1),
]
ALL = faults_on_both(PLACES, ["exception", "slow", "SIGSTOP"])
SLOW = [fault for fault in ALL if fault not in QUICK]


def ends_after(faults: Sequence[Fault], folder: Path) -> dict[Fault, list[End]]:
    """Have the two ranks meet with each fault; return how each of them ended."""
    assert call_on(2, go_through, folder, faults, [_free_port() for _ in faults], timeout_s=1200) == [0, 0]
    files = {fault: [folder / f"{number}.{rank}" for rank in (0, 1)] for number, fault in enumerate(faults)}
    return {fault: [End(**json.loads(file.read_text())) for file in of_ranks] for fault, of_ranks in files.items()}


@pytest.fixture(scope="module")
def quick(tmp_path_factory: pytest.TempPathFactory) -> dict[Fault, list[End]]:
    return ends_after(QUICK, tmp_path_factory.mktemp("quick"))


@pytest.fixture(scope="module")
def slow(tmp_path_factory: pytest.TempPathFactory) -> dict[Fault, list[End]]:
    return ends_after(SLOW, tmp_path_factory.mktemp("slow"))


def assert_told(fault: Fault, ends: Sequence[End]) -> None:
    """Both ends are soon, and say what happened, where a slow rank in a step is no dead one."""
    own, other = ends[fault.rank], ends[1 - fault.rank]
    assert max(own.seconds, other.seconds) < 15
    if fault.kind == "exception":
        assert own.error == "RankFailed" or (own.error, other.error) == ("RunFailed", "RunFailed")
        assert other.error == own.error
        assert "no room" in own.line
        assert own.speaks
        assert other.line.startswith(f"rank {fault.rank} on ")
        assert other.line.endswith(" failed: no room")
        assert other.speaks is (fault.rank == 1)
    elif fault.kind == "SIGSTOP":
        assert other.error == own.error == "RankGone"
        assert other.line.startswith(f"rank {fault.rank} ")
        assert "is gone" in other.line
        assert other.line.endswith("the same command resumes from the last checkpoint")
        assert other.speaks
    elif fault.place == "a step":
        assert "all ranks live, but one was slower in a step than runtime.rank_timeout_s=2 seconds" in other.line
    else:
        assert own.error == other.error == ""


@pytest.mark.parametrize("fault", QUICK, ids=str)
def test_both_end_soon_with_what_happened(fault: Fault, quick: dict[Fault, list[End]]) -> None:
    assert_told(fault, quick[fault])


@pytest.mark.slow
@pytest.mark.timeout(1300)
@pytest.mark.parametrize("fault", SLOW, ids=str)
def test_both_end_soon_with_what_happened_at_any_place(fault: Fault, slow: dict[Fault, list[End]]) -> None:
    assert_told(fault, slow[fault])


@pytest.mark.slow
@pytest.mark.parametrize("rank", [0, 1])
@pytest.mark.parametrize("place", ["a step", "the checkpoint written", "its state gathered", "the learner built"])
def test_one_that_is_killed_ends_the_other_soon(place: str, rank: int, tmp_path: Path) -> None:
    if rank == 1 and place in OF_THE_FIRST:
        pytest.skip("the first rank's alone")
    codes = call_on(2, go_through, tmp_path, [Fault(place, "SIGKILL", rank)], [_free_port()], timeout_s=40)
    assert codes[rank] == -signal.SIGKILL
    end = End(**json.loads((tmp_path / f"0.{1 - rank}").read_text()))
    assert end.error == "RankGone"
    assert end.line.startswith(f"rank {rank} ")
    assert end.seconds < 15
