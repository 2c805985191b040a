"""`olsrepro` in a process of its own, as a user starts it; and the modules that a line of Python loads."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Finished:
    code: int
    out: str
    err: str


def start(*arguments: str, cwd: Path) -> Finished:
    command = [sys.executable, "-W", "error", "-m", "olsrepro", *arguments]
    done = subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=False, timeout=120)
    return Finished(done.returncode, done.stdout, done.stderr)


def assert_one_line(err: str) -> None:
    """A mistake is told in one line, without a traceback."""
    assert err.startswith("olsrepro: ")
    assert err.count("\n") == 1
    assert err.endswith("\n")
    assert "Traceback" not in err
