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

import pytest
import torch
from registry import TINY

BASE = [*(line for line in TINY if "epochs" not in line), "runtime.tensorboard=false"]
LONG = [*BASE, "method=ols", "recipe.epochs=400"]
SHORT = [*BASE, "method=hard", "recipe.epochs=1"]


def start(lines: list[str], runs: Path, *options: str, limit: int | None = None) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "olsrepro", "train", *lines, f"runtime.runs_dir={runs}", *options]
    preparation = None if limit is None else (lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit)))
    return subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, preexec_fn=preparation, cwd=runs.parent
    )


def finish(process: subprocess.Popen[str]) -> tuple[int, str, str]:
    out, err = process.communicate(timeout=120)
    return process.returncode, out, err


def run_folder(runs: Path) -> Path:
    (folder,) = runs.glob("*-s*")
    return folder


def wait_for(condition: Callable[[], object], process: subprocess.Popen[str]) -> None:
    deadline = time.monotonic() + 90
    while not condition():
        assert process.poll() is None, finish(process)
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.02)


def epochs_done(runs: Path) -> int:
    return sum(len(path.read_text().splitlines()) for path in runs.glob("*/curves.jsonl"))


@pytest.fixture
def runs(tmp_path: Path) -> Path:
    return tmp_path / "runs"


def test_it_ends_with_the_records_path_and_trains_nothing_twice(runs: Path) -> None:
    code, out, _ = finish(start(SHORT, runs))
    record = Path(out.splitlines()[-1].removeprefix("record: "))
    assert (code, record) == (0, run_folder(runs) / "record.json")
    written = record.stat().st_mtime_ns
    code, out, _ = finish(start(SHORT, runs))
    assert code == 0
    assert "finished already" in out
    assert out.splitlines()[-1] == f"record: {record}"
    assert record.stat().st_mtime_ns == written


def test_fresh_moves_the_old_run_aside_and_trains_anew(runs: Path) -> None:
    finish(start(SHORT, runs))
    before = (run_folder(runs) / "record.json").read_bytes()
    code, out, _ = finish(start(SHORT, runs, "--fresh"))
    assert code == 0
    assert "moved the earlier run aside" in out
    name = run_folder(runs).name
    assert (runs / "aside" / f"{name}.1" / "record.json").read_bytes() == before
    again = json.loads((run_folder(runs) / "record.json").read_text())
    assert again["errors"] == json.loads(before)["errors"]


def test_sigterm_writes_a_checkpoint_and_exits_with_75_and_the_same_command_goes_on(runs: Path) -> None:
    process = start(LONG, runs)
    wait_for(lambda: epochs_done(runs) >= 1, process)
    process.send_signal(signal.SIGTERM)
    code, _, err = finish(process)
    assert code == 75
    assert "resumes there" in err
    stopped = torch.load(run_folder(runs) / "checkpoint.pt", weights_only=True)["progress"]
    assert not (run_folder(runs) / "lease.json").exists()
    process = start(LONG, runs)
    wait_for(lambda: epochs_done(runs) > stopped["epoch"], process)
    process.send_signal(signal.SIGINT)
    code, out, _ = finish(process)
    assert code == 75
    assert f"resuming after epoch {stopped['epoch']}, step {stopped['step']}" in out


def test_a_second_writer_is_refused_and_a_killed_ones_lease_is_taken_over(runs: Path) -> None:
    holder = start(LONG, runs)
    wait_for(lambda: epochs_done(runs) >= 1, holder)
    code, _, err = finish(start(LONG, runs))
    assert code == 5
    assert f"pid {holder.pid}" in err
    assert os.uname().nodename in err
    holder.kill()
    finish(holder)
    process = start(LONG, runs)
    done = epochs_done(runs)
    wait_for(lambda: epochs_done(runs) > done, process)
    process.send_signal(signal.SIGTERM)
    code, out, _ = finish(process)
    assert code == 75
    assert f"taking over from pid {holder.pid}" in out


def test_a_loss_that_is_not_finite_fails_the_run_with_its_samples_and_keeps_the_good_checkpoint(runs: Path) -> None:
    code, out, err = finish(start([*SHORT, "recipe.lr=1e30", "recipe.nesterov=false"], runs))
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
    process.send_signal(signal.SIGTERM)
    finish(process)
    kept = (run_folder(runs) / "checkpoint.pt").read_bytes()
    code, out, err = finish(start(LONG, runs, limit=len(kept) // 2))
    assert code == 1
    assert "no space left" in err
    assert "Traceback" not in out + err
    assert (run_folder(runs) / "checkpoint.pt").read_bytes() == kept
    assert not list(run_folder(runs).glob(".*.part"))
