"""Jobs come back in their order; a process that dies is told with the file that it read."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import threading
import time
from dataclasses import dataclass
from pathlib import Path

import pytest

from olsrepro.data.photos.decode import Unreadable
from olsrepro.data.photos.notice import reading
from olsrepro.data.photos.workers import Workers, kill_stopped_workers, worker_states, workers_of
from olsrepro.settings import UserError


@dataclass(frozen=True)
class Square:
    number: int

    def __call__(self) -> int:
        return self.number**2


@dataclass(frozen=True)
class Ends:
    """Ends the process while it reads a file."""

    path: str

    def __call__(self) -> None:
        reading(self.path)
        os.kill(os.getpid(), signal.SIGKILL)


@dataclass(frozen=True)
class Stops:
    """Stops the process while it reads a file."""

    path: str

    def __call__(self) -> None:
        reading(self.path)
        os.kill(os.getpid(), signal.SIGSTOP)


@dataclass(frozen=True)
class Signalled:
    """Gets a signal, as all processes of a run do."""

    number: int

    def __call__(self) -> int:
        os.kill(os.getpid(), self.number)
        return self.number


@dataclass(frozen=True)
class Fails:
    def __call__(self) -> None:
        raise Unreadable("here.jpg", "image file is truncated")


@pytest.mark.parametrize("count", [0, 2])
def test_results_come_in_the_order_of_the_jobs(count: int) -> None:
    workers = workers_of(count, pinned=False)
    for last in (7, 0, 3):
        assert list(workers.in_order(map(Square, range(last)))) == [number**2 for number in range(last)]


@pytest.mark.parametrize("count", [0, 2])
def test_an_image_that_can_not_be_decoded_is_told_as_such(count: int) -> None:
    results = workers_of(count, pinned=False).in_order([Square(3), Fails()])
    assert next(results) == 9
    with pytest.raises(Unreadable, match=r"here\.jpg can't be decoded \(image file is truncated\)"):
        next(results)


def test_a_process_that_dies_is_told_with_the_file_that_it_read() -> None:
    workers = Workers(1)
    with pytest.raises(UserError, match=r"died while it read some where/a photo\.jpg \(killed for lack of memory"):
        list(workers.in_order([Square(1), Ends("some where/a photo.jpg")]))
    assert list(workers.in_order([Square(2)])) == [4]


@pytest.mark.skipif(not Path("/proc/self").exists(), reason="the system does not say what a process does")
def test_a_process_that_is_stopped_is_described_with_its_file_and_can_be_killed() -> None:
    ends: list[str] = []

    def read() -> None:
        with pytest.raises(UserError) as told:
            list(Workers(1).in_order([Stops("some where/a photo.jpg")]))
        ends.append(str(told.value))

    reader = threading.Thread(target=read)
    reader.start()
    deadline = time.monotonic() + 30
    while not (found := [state for state in worker_states() if "(stopped)" in state]) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert re.fullmatch(r"process \d+ \(stopped\) at some where/a photo\.jpg", *found)
    kill_stopped_workers()
    reader.join()
    assert "died while it read some where/a photo.jpg" in ends[0]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGUSR1])
def test_a_signal_that_asks_for_a_stop_is_left_to_the_trainer(number: int) -> None:
    assert list(workers_of(1, pinned=False).in_order([Signalled(number), Square(2)])) == [number, 4]


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="cores can't be taken away here")
def test_more_workers_than_cores_are_no_warning() -> None:
    cores = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {min(cores)})
    try:
        assert list(Workers(2).in_order(map(Square, range(3)))) == [0, 1, 4]
    finally:
        os.sched_setaffinity(0, cores)


SCRIPT = """
import os, sys, time
from dataclasses import dataclass
from olsrepro.data.photos.workers import Workers

@dataclass
class Pid:
    def __call__(self): return os.getpid()

if __name__ == "__main__":
    results = Workers(1).in_order([Pid(), Pid()])
    print(next(results), flush=True)
    time.sleep(60)
"""


@pytest.mark.slow
def test_workers_end_when_the_trainer_is_killed(tmp_path: Path) -> None:
    (tmp_path / "trains.py").write_text(SCRIPT)
    trainer = subprocess.Popen([sys.executable, tmp_path / "trains.py"], stdout=subprocess.PIPE, text=True)
    with trainer:
        assert trainer.stdout is not None
        worker = int(trainer.stdout.readline())
        os.kill(worker, 0)
        trainer.kill()
    deadline = time.monotonic() + 20
    while _is_there(worker) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert not _is_there(worker)


def _is_there(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True
