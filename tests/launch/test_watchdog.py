"""A training in which nothing moves is ended with a record of where it hangs, and the same command resumes it."""

from __future__ import annotations

import json
import os
import threading
import time
from pathlib import Path

import pytest
from processes import CONTEXT
from registry import STEPS_PER_EPOCH, TINY
from rich.console import Console

from olsrepro.config.compose import compose_run
from olsrepro.launch.watchdog import SAMPLES, Watchdog
from olsrepro.store.identity import run_id

SOON = 0.6 / 60  # minutes: sixty samples of 10 ms


def hang_in_a_step(runs: Path) -> None:
    """Train until the second epoch's first step, in which a call never returns."""
    from olsrepro.launch.run import run
    from olsrepro.training.trainer import Trainer

    plain, steps = Trainer._step, 0

    def step(self: Trainer, parts: object) -> None:
        nonlocal steps
        steps += 1
        if steps > STEPS_PER_EPOCH:
            threading.Event().wait()
        plain(self, parts)  # type: ignore[arg-type]

    Trainer._step = step  # type: ignore[method-assign]
    with open(os.devnull, "w") as nowhere:
        run(
            compose_run([*TINY, f"runtime.runs_dir={runs}", f"runtime.hang_minutes={SOON}"]),
            console=Console(file=nowhere),
        )


@pytest.fixture(scope="module")
def hung(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, int | None]:
    runs = tmp_path_factory.mktemp("hung")
    process = CONTEXT.Process(target=hang_in_a_step, args=(runs,))
    process.start()
    process.join(timeout=60)
    process.kill()
    return runs / run_id(compose_run([*TINY])), process.exitcode


def test_its_process_ends_as_one_that_may_be_started_again(hung: tuple[Path, int | None]) -> None:
    assert hung[1] == os.EX_TEMPFAIL


def test_its_record_names_the_place_and_has_the_stacks(hung: tuple[Path, int | None]) -> None:
    error = json.loads((hung[0] / "record.json").read_text())["error"]
    assert error["kind"] == "hung"
    where = "in wait (threading.py), called by _train_epoch (trainer.py)"
    assert error["message"] == f"nothing has moved for 0.01 minutes (runtime.hang_minutes) {where}"
    assert "thread MainThread:" in error["traceback"]
    assert "threading.Event().wait()" in error["traceback"]


def test_its_lease_is_given_back_and_its_checkpoint_is_kept(hung: tuple[Path, int | None]) -> None:
    assert not (hung[0] / "lease.json").exists()
    assert (hung[0] / "checkpoint.pt").exists()


def watched_while(work: object, minutes: float = SOON) -> list[str]:
    """Return the places at which a watchdog of this thread was heard."""
    heard: list[str] = []
    with Watchdog(minutes, lambda place, _: heard.append(place)):
        work()  # type: ignore[operator]
    return heard


def test_a_call_that_does_not_return_is_heard_with_its_caller() -> None:
    assert [place.split()[0] for place in watched_while(lambda: time.sleep(2.0))] == ["<lambda>"]


def test_a_thread_that_moves_is_left_alone() -> None:
    def work() -> None:
        until = time.monotonic() + 1.5
        while time.monotonic() < until:
            sum(range(100))
            time.sleep(0.001)
            time.sleep(0.001)

    assert watched_while(work) == []


def test_one_that_waits_for_another_rank_is_left_alone() -> None:
    class Store:
        def __init__(self) -> None:
            self.until = time.monotonic() + 1.5

        def set(self, key: str, value: str) -> None:
            """Take it."""

        def check(self, keys: list[str]) -> bool:
            return False

        def get(self, key: str) -> bytes:
            raise AssertionError

        def add(self, key: str, amount: int) -> int:
            return int(time.monotonic() > self.until) * 2

    from olsrepro.distributed.presence import Presence

    presence = Presence(Store(), 0, 2, 60)
    assert watched_while(presence.arrive) == []
    presence.leave()


def test_no_minutes_watch_nothing() -> None:
    assert watched_while(lambda: time.sleep(0.2), 0) == []
    assert SAMPLES >= 60
