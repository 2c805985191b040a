"""`olsrepro train` from outside: signals, a second writer, a full disk, a loss that is not finite, --fresh."""

from __future__ import annotations

import json
import os
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from uuid import uuid4

import pytest
import torch
from processes import CONTEXT
from registry import TINY

from olsrepro.cli.main import main

BASE = [*(line for line in TINY if "epochs" not in line), "runtime.tensorboard=false"]
LONG = [*BASE, "method=ols", "recipe.epochs=400"]
SHORT = [*BASE, "method=hard", "recipe.epochs=1"]


class Started:
    """The command in a process of its own, forked from a warm one: loading torch is what takes the time."""

    def __init__(self, arguments: list[str], folder: Path, limit: int | None) -> None:
        self._said = folder / f"{uuid4().hex}.out", folder / f"{uuid4().hex}.err"
        self._process = CONTEXT.Process(target=_command, args=(arguments, self._said, limit))
        self._process.start()
        self.pid = self._process.pid

    def send(self, sent: signal.Signals) -> None:
        assert self.pid is not None
        os.kill(self.pid, sent)

    def is_alive(self) -> bool:
        return self._process.is_alive()

    def finish(self) -> tuple[int, str, str]:
        """Its exit code, and what it said on standard output and error."""
        self._process.join(timeout=120)
        assert self._process.exitcode is not None
        out, err = (path.read_text() for path in self._said)
        return self._process.exitcode, out, err


def _command(arguments: list[str], said: tuple[Path, Path], limit: int | None) -> None:
    for number, path in enumerate(said, start=1):
        os.dup2(os.open(path, os.O_WRONLY | os.O_CREAT), number)
    if limit is not None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
    sys.exit(main(arguments))


def start(lines: list[str], runs: Path, *options: str, limit: int | None = None) -> Started:
    return Started(["train", *lines, f"runtime.runs_dir={runs}", *options], runs.parent, limit)


def run_folder(runs: Path) -> Path:
    (folder,) = runs.glob("*-s*")
    return folder


def wait_for(condition: Callable[[], object], process: Started) -> None:
    deadline = time.monotonic() + 90
    while not condition():
        assert process.is_alive(), process.finish()
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.02)


def epochs_done(runs: Path) -> int:
    return sum(len(path.read_text().splitlines()) for path in runs.glob("*/curves.jsonl"))


@pytest.fixture
def runs(tmp_path: Path) -> Path:
    return tmp_path / "runs"


def test_it_ends_with_the_records_path_and_trains_nothing_twice(runs: Path) -> None:
    command = [sys.executable, "-m", "olsrepro", "train", *SHORT, f"runtime.runs_dir={runs}"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=runs.parent, timeout=120)
    code, out = done.returncode, done.stdout
    record = Path(out.splitlines()[-1].removeprefix("record: "))
    assert (code, record) == (0, run_folder(runs) / "record.json")
    written = record.stat().st_mtime_ns
    code, out, _ = start(SHORT, runs).finish()
    assert code == 0
    assert "finished already" in out
    assert out.splitlines()[-1] == f"record: {record}"
    assert record.stat().st_mtime_ns == written


def test_fresh_moves_the_old_run_aside_and_trains_anew(runs: Path) -> None:
    start(SHORT, runs).finish()
    before = (run_folder(runs) / "record.json").read_bytes()
    code, out, _ = start(SHORT, runs, "--fresh").finish()
    assert code == 0
    assert "moved the earlier run aside" in out
    name = run_folder(runs).name
    assert (runs / "aside" / f"{name}.1" / "record.json").read_bytes() == before
    again = json.loads((run_folder(runs) / "record.json").read_text())
    assert again["errors"] == json.loads(before)["errors"]


def test_sigterm_writes_a_checkpoint_and_exits_with_75_and_the_same_command_goes_on(runs: Path) -> None:
    process = start(LONG, runs)
    wait_for(lambda: epochs_done(runs) >= 1, process)
    process.send(signal.SIGTERM)
    code, _, err = process.finish()
    assert code == 75
    assert "resumes there" in err
    stopped = torch.load(run_folder(runs) / "checkpoint.pt", weights_only=True)["progress"]
    assert not (run_folder(runs) / "lease.json").exists()
    process = start(LONG, runs)
    wait_for(lambda: epochs_done(runs) > stopped["epoch"], process)
    process.send(signal.SIGINT)
    code, out, _ = process.finish()
    assert code == 75
    assert f"resuming after epoch {stopped['epoch']}, step {stopped['step']}" in out


def test_a_second_writer_is_refused_and_a_killed_ones_lease_is_taken_over(runs: Path) -> None:
    holder = start(LONG, runs)
    wait_for(lambda: epochs_done(runs) >= 1, holder)
    code, _, err = start(LONG, runs).finish()
    assert code == 5
    assert f"pid {holder.pid}" in err
    assert os.uname().nodename in err
    holder.send(signal.SIGKILL)
    holder.finish()
    process = start(LONG, runs)
    done = epochs_done(runs)
    wait_for(lambda: epochs_done(runs) > done, process)
    process.send(signal.SIGTERM)
    code, out, _ = process.finish()
    assert code == 75
    assert f"taking over from pid {holder.pid}" in out


def test_a_loss_that_is_not_finite_fails_the_run_with_its_samples_and_keeps_the_good_checkpoint(runs: Path) -> None:
    code, out, err = start([*SHORT, "recipe.lr=1e30", "recipe.nesterov=false"], runs).finish()
    assert code == 1
    assert "is not finite" in err
    record = json.loads((run_folder(runs) / "record.json").read_text())
    assert record["status"] == "failed"
    assert record["error"]["kind"] == "not finite"
    assert "Traceback" not in out + err
    checkpoint = run_folder(runs) / "checkpoint.pt"
    if checkpoint.exists():
        weights = torch.load(checkpoint, weights_only=True)["learner"]["network"].values()
        assert all(tensor.isfinite().all() for tensor in weights)


def test_a_full_disk_is_told_and_destroys_nothing(runs: Path) -> None:
    process = start(LONG, runs)
    wait_for(lambda: epochs_done(runs) >= 1, process)
    process.send(signal.SIGTERM)
    process.finish()
    kept = (run_folder(runs) / "checkpoint.pt").read_bytes()
    code, out, err = start(LONG, runs, limit=len(kept) // 2).finish()
    assert code == 1
    assert "no space left" in err
    assert "Traceback" not in out + err
    assert (run_folder(runs) / "checkpoint.pt").read_bytes() == kept
    assert not list(run_folder(runs).glob(".*.part"))
