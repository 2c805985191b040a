"""One writer a folder: who is refused, who takes over, who notices that it was replaced."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path

import pytest
from filelock import FileLock

from olsrepro.files import lease as module
from olsrepro.files.atomic import StorageError, write_json
from olsrepro.files.lease import (
    FILE_NAME,
    STALE_S,
    Held,
    Holder,
    Lease,
    is_alive,
    machine_mark,
    read_holder,
    seems_alive,
)
from olsrepro.files.process import process_start
from olsrepro.settings import UserError

ROOT = Path(__file__).parents[2]
HOLD = """
import sys
from pathlib import Path
from olsrepro.files.lease import Held, Lease
print("ready", flush=True)
sys.stdin.readline()
try:
    with Lease(Path(sys.argv[1]), Path(sys.argv[2])):
        print("got it", flush=True)
        sys.stdin.readline()
except Held:
    print("refused", flush=True)
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "runs" / "abc-s0"


@pytest.fixture
def locks(tmp_path: Path) -> Path:
    return tmp_path / "runs" / ".locks"


def told(process: subprocess.Popen[str], line: str | None = None) -> str:
    """What a holder says next, after it was given a line."""
    assert process.stdin is not None
    assert process.stdout is not None
    if line is not None:
        process.stdin.write(line)
        process.stdin.flush()
    return process.stdout.readline().strip()


@contextmanager
def holders(count: int, folder: Path, locks: Path) -> Iterator[list[subprocess.Popen[str]]]:
    """Processes that are about to ask for the lease, once they are given a line; a second line lets them go."""
    command = [sys.executable, "-c", HOLD, str(folder), str(locks)]
    started = [
        subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        for _ in range(count)
    ]
    try:
        assert [told(process) for process in started] == ["ready"] * count
        yield started
    finally:
        for process in started:
            process.kill()
            process.communicate()


def leave_lease(folder: Path, **changes: object) -> Holder:
    """The lease of somebody else in the folder: this host, this process, another token, unless changed."""
    holder = replace(Holder.of_this_process(), **changes)
    folder.mkdir(parents=True, exist_ok=True)
    write_json(folder / FILE_NAME, asdict(holder))
    return holder


def eventually(condition: Callable[[], bool]) -> bool:
    until = time.monotonic() + 20
    while time.monotonic() < until:
        if condition():
            return True
        time.sleep(0.01)
    return False


class FakeTime:
    """A clock that only sleeping moves, and something that happens at each look at it."""

    def __init__(self, after_sleep: Callable[[float], object] = lambda now: None) -> None:
        self.now = 1000.0
        self._after_sleep = after_sleep

    def sleep(self, seconds: float) -> None:
        self.now += seconds
        self._after_sleep(self.now - 1000)

    def clock(self) -> float:
        return self.now


def test_the_lease_names_its_holder_while_it_is_held_and_is_gone_after(folder: Path, locks: Path) -> None:
    with Lease(folder, locks) as lease:
        holder = read_holder(folder)
        assert holder == lease.holder
        assert (holder.host, holder.pid) == (socket.gethostname(), os.getpid())
        assert holder.started == process_start(os.getpid()) != ""
    assert read_holder(folder) is None
    assert [path.name for path in folder.iterdir()] == []


def test_the_lease_is_gone_after_an_exception_too(folder: Path, locks: Path) -> None:
    with pytest.raises(RuntimeError, match="mine"), Lease(folder, locks):
        raise RuntimeError("mine")
    assert read_holder(folder) is None


def test_a_second_writer_is_refused_with_host_and_pid_until_the_first_is_done(folder: Path, locks: Path) -> None:
    with holders(1, folder, locks) as (first,):
        assert told(first, "\n") == "got it"
        with pytest.raises(Held, match=rf"written by pid {first.pid} on {socket.gethostname()}"), Lease(folder, locks):
            pytest.fail("two writers")
        assert read_holder(folder).pid == first.pid
        told(first, "\n")
        first.wait()
        with Lease(folder, locks):
            assert read_holder(folder).pid == os.getpid()


def test_the_same_process_is_refused_a_second_time(folder: Path, locks: Path) -> None:
    with Lease(folder, locks) as lease:
        with pytest.raises(Held), Lease(folder, locks):
            pytest.fail("two writers")
        assert read_holder(folder) == lease.holder


def test_of_four_processes_that_ask_at_once_one_gets_it(folder: Path, locks: Path) -> None:
    with holders(4, folder, locks) as processes:
        for process in processes:
            process.stdin.write("\n")
            process.stdin.flush()
        answers = [told(process) for process in processes]
        winner = processes[answers.index("got it")]
        assert sorted(answers) == ["got it", "refused", "refused", "refused"]
        assert read_holder(folder).pid == winner.pid


def test_a_killed_holder_is_replaced_and_this_is_said(folder: Path, locks: Path) -> None:
    said: list[str] = []
    with holders(1, folder, locks) as (first,):
        assert told(first, "\n") == "got it"
        first.kill()
        os.waitid(os.P_PID, first.pid, os.WEXITED | os.WNOWAIT)  # dead, but a zombie: nobody has waited for it
        assert process_start(first.pid) is None
        with Lease(folder, locks, said.append) as lease:
            assert read_holder(folder) == lease.holder
    assert said == [f"abc-s0: taking over from pid {first.pid} on {socket.gethostname()}, which is gone"]


def test_a_pid_that_another_process_has_now_is_no_living_holder(folder: Path, locks: Path) -> None:
    holder = leave_lease(folder, started="another time")
    assert not is_alive(folder, holder)
    said: list[str] = []
    with Lease(folder, locks, said.append) as lease:
        assert read_holder(folder) == lease.holder
    assert said == [f"abc-s0: taking over from pid {os.getpid()} on {socket.gethostname()}, which is gone"]


def test_a_process_keeps_its_start_mark_and_another_has_another() -> None:
    assert process_start(os.getpid()) == process_start(os.getpid())
    # A parent may have begun within the same hundredth of a second; a child that starts now has not.
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as child:
        assert process_start(child.pid) not in (None, process_start(os.getpid()))
        child.communicate(b"\n")
    assert process_start(2**22 + 1) is None


def test_a_lease_names_the_machine_beside_the_host(folder: Path, locks: Path) -> None:
    with Lease(folder, locks):
        assert json.loads((folder / FILE_NAME).read_text())["machine"] == machine_mark()


def test_a_pid_on_another_machine_of_this_name_says_nothing_here(folder: Path) -> None:
    """Containers may share a host's name: this very pid, started at this very time, is another process there."""
    holder = leave_lease(folder, machine="another boot, or another container")
    watch = FakeTime()
    assert not is_alive(folder, holder, sleep=watch.sleep, clock=watch.clock)
    assert watch.now == 1000 + STALE_S
    assert seems_alive(folder, holder)
    os.utime(folder / FILE_NAME, (0, 0))
    assert not seems_alive(folder, holder)


def test_a_holder_elsewhere_lives_as_long_as_its_heart_beats(folder: Path) -> None:
    holder = leave_lease(folder, host="elsewhere")

    def beat(passed: float) -> None:
        if passed == 100:
            write_json(folder / FILE_NAME, asdict(replace(holder, beat=1)))

    watch = FakeTime(beat)
    assert is_alive(folder, holder, sleep=watch.sleep, clock=watch.clock)
    assert watch.now == 1100


def test_a_holder_elsewhere_is_dead_after_two_minutes_without_a_beat(folder: Path) -> None:
    holder = leave_lease(folder, host="elsewhere", pid=os.getpid())
    watch = FakeTime()
    assert not is_alive(folder, holder, sleep=watch.sleep, clock=watch.clock)
    assert watch.now == 1000 + STALE_S == 1120


def test_the_runs_of_a_dead_host_cost_one_wait_together_and_a_living_one_is_none_of_them(tmp_path: Path) -> None:
    dead = {tmp_path / f"{name}-s0": leave_lease(tmp_path / f"{name}-s0", host="elsewhere") for name in "abc"}
    living = tmp_path / "d-s0"
    leave_lease(living, host="elsewhere")

    def beat(passed: float) -> None:
        write_json(living / FILE_NAME, asdict(replace(read_holder(living), beat=int(passed) // 15)))

    watch = FakeTime(beat)
    assert not any(is_alive(folder, holder, sleep=watch.sleep, clock=watch.clock) for folder, holder in dead.items())
    assert watch.now == 1000 + STALE_S
    assert is_alive(living, read_holder(living), sleep=watch.sleep, clock=watch.clock)


def test_a_holder_elsewhere_that_finishes_while_it_is_watched_is_gone(folder: Path) -> None:
    holder = leave_lease(folder, host="elsewhere")
    watch = FakeTime(lambda passed: (folder / FILE_NAME).unlink() if passed == 3 else None)
    assert not is_alive(folder, holder, sleep=watch.sleep, clock=watch.clock)
    assert watch.now == 1003


@pytest.mark.parametrize("beats", [True, False])
def test_a_lease_from_elsewhere_is_watched_and_this_is_said(
    beats: bool, folder: Path, locks: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    holder = leave_lease(folder, host="elsewhere", pid=7)

    def beat(passed: float) -> None:
        if beats:
            write_json(folder / FILE_NAME, asdict(replace(holder, beat=int(passed))))

    watch, said = FakeTime(beat), list[str]()
    monkeypatch.setattr(module, "is_alive", partial(is_alive, sleep=watch.sleep, clock=watch.clock))
    if beats:
        with pytest.raises(Held, match="pid 7 on elsewhere"), Lease(folder, locks, said.append):
            pytest.fail("two writers")
    else:
        with Lease(folder, locks, said.append) as lease:
            assert read_holder(folder) == lease.holder
    assert said[0] == "abc-s0 is leased by elsewhere; watching its heartbeat for up to 120 s"
    assert said[1:] == ([] if beats else ["abc-s0: taking over from pid 7 on elsewhere, which is gone"])


def test_somebody_faster_at_taking_over_keeps_the_lease(
    folder: Path, locks: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    leave_lease(folder, started="another time")

    def overtaken(folder: Path, holder: Holder) -> bool:
        leave_lease(folder, pid=11, token="faster")
        return False

    monkeypatch.setattr(module, "is_alive", overtaken)
    with pytest.raises(Held, match="pid 11"), Lease(folder, locks, lambda line: None):
        pytest.fail("two writers")
    assert read_holder(folder).token == "faster"


def test_the_folder_is_prepared_before_the_lease_is_in_it_and_never_for_a_refused_writer(
    folder: Path, locks: Path
) -> None:
    prepared: list[bool] = []

    def prepare() -> None:
        prepared.append((folder / FILE_NAME).exists())

    with Lease(folder, locks, prepare=prepare):
        with pytest.raises(Held), Lease(folder, locks, prepare=prepare):
            pytest.fail("two writers")
        assert prepared == [False]


def test_the_folder_may_be_moved_away_while_it_is_prepared(folder: Path, locks: Path) -> None:
    leave_lease(folder, started="another time")
    aside = folder.with_name("aside")
    with Lease(folder, locks, lambda line: None, prepare=lambda: folder.rename(aside)) as lease:
        assert read_holder(folder) == lease.holder
    assert read_holder(aside).started == "another time"


def test_the_heart_beats_in_the_file(folder: Path, locks: Path) -> None:
    with Lease(folder, locks, heartbeat_s=0.02) as lease:
        assert eventually(lambda: read_holder(folder).beat >= 3)
        assert read_holder(folder) == replace(lease.holder, beat=read_holder(folder).beat)
        assert not lease.lost


def test_a_writer_notices_that_it_was_replaced_and_leaves_the_other_lease_alone(folder: Path, locks: Path) -> None:
    with Lease(folder, locks, heartbeat_s=0.02) as lease:
        with FileLock(locks / "abc-s0.lock"):
            other = leave_lease(folder, token="other")
        assert eventually(lambda: lease.lost)
    assert read_holder(folder) == other


def test_a_replaced_writer_that_has_not_noticed_yet_leaves_the_other_lease_alone(folder: Path, locks: Path) -> None:
    with Lease(folder, locks) as lease:
        other = leave_lease(folder, token="other")
    assert not lease.lost
    assert read_holder(folder) == other


def test_a_beat_that_cannot_be_written_is_tried_again(
    folder: Path, locks: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    failures: list[int] = []

    def write(path: Path, value: dict[str, object]) -> None:
        if 0 < value["beat"] < 3:
            failures.append(value["beat"])
            raise StorageError("full")
        write_json(path, value)

    monkeypatch.setattr(module, "write_json", write)
    with Lease(folder, locks, heartbeat_s=0.02) as lease:
        assert eventually(lambda: read_holder(folder).beat >= 3)
        assert not lease.lost
    assert failures == [1, 2]


@pytest.mark.parametrize(
    "text",
    [
        *("", "{", "[]", '{"pid": 3}', "5", "[" * 10**5),
        '{"host": ["a"], "pid": 3, "started": "", "token": ""}',
        '{"host": "a", "pid": "3", "started": "", "token": ""}',
    ],
)
def test_a_file_that_is_no_lease_is_named_and_left(text: str, folder: Path, locks: Path) -> None:
    folder.mkdir(parents=True)
    (folder / FILE_NAME).write_text(text)
    with pytest.raises(UserError, match=r"lease\.json is not a lease that olsrepro wrote"), Lease(folder, locks):
        pytest.fail("taken")
    assert (folder / FILE_NAME).read_text() == text


def test_a_field_of_a_later_version_is_ignored(folder: Path) -> None:
    holder = leave_lease(folder)
    write_json(folder / FILE_NAME, asdict(holder) | {"queue": "night"})
    assert read_holder(folder) == holder


def test_a_folder_that_is_gone_was_not_taken_over(folder: Path, locks: Path) -> None:
    with Lease(folder, locks) as lease:
        folder.rename(folder.with_name("aside"))
        with pytest.raises(StorageError, match="abc-s0 is gone: it was moved or deleted"):
            lease.look()


def test_a_lease_damaged_while_it_is_held_does_not_fail_the_work(folder: Path, locks: Path) -> None:
    with Lease(folder, locks):
        (folder / FILE_NAME).write_text("{")
    assert (folder / FILE_NAME).read_text() == "{"


def test_a_place_that_cannot_be_written_is_a_mistake_of_the_user(tmp_path: Path) -> None:
    (tmp_path / "runs").write_text("a file")
    with (
        pytest.raises(UserError, match=f"^cannot write in {tmp_path / 'runs'}: "),
        Lease(tmp_path / "runs" / "abc-s0", tmp_path / "runs" / ".locks"),
    ):
        pytest.fail("taken")


def test_the_lease_file_is_plain_json(folder: Path, locks: Path) -> None:
    with Lease(folder, locks) as lease:
        assert json.loads((folder / FILE_NAME).read_text()) == asdict(lease.holder)


def test_a_lease_that_can_not_be_opened_is_named(folder: Path) -> None:
    (folder / FILE_NAME).mkdir(parents=True)
    with pytest.raises(UserError, match=r"lease\.json can't be read \(Is a directory\); check it, then remove it$"):
        read_holder(folder)
