"""What whole commands take, in seconds and megabytes: each round is a process of its own, from its start to its end."""

from __future__ import annotations

import os
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from .pairs import median_interval

SCRIPTS = Path(__file__).resolve().parent.parent


def python_process(*arguments: str, environment: Mapping[str, str] | None = None) -> tuple[float, float]:
    """Run this Python with arguments to its end, its output thrown away: seconds by the clock, peak memory in MB.

    Raises:
        RuntimeError: it ended with another code than 0.
    """
    start = time.perf_counter()
    process = subprocess.Popen(
        [sys.executable, *arguments],
        cwd=SCRIPTS,
        env={**os.environ, **(environment or {})},
        stdout=subprocess.DEVNULL,
    )
    peak = 0.0
    while process.poll() is None:
        peak = max(peak, _memory_mb(process.pid))
        time.sleep(0.01)
    seconds = time.perf_counter() - start
    if process.returncode:
        raise RuntimeError(f"{' '.join(arguments)} ended with {process.returncode}")
    return seconds, peak


def user_seconds(*arguments: str, environment: Mapping[str, str] | None = None) -> float:
    """Run this Python with arguments to its end, its output thrown away; return the seconds of user time that it took.

    Raises:
        CalledProcessError: it ended with another code than 0.
    """
    before = resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime
    environ = {**os.environ, **(environment or {})}
    subprocess.run([sys.executable, *arguments], cwd=SCRIPTS, env=environ, stdout=subprocess.DEVNULL, check=True)
    return resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime - before


def _memory_mb(pid: int) -> float:
    """The most memory that a process has had so far; what the kernel tells after its end is that of its parent too."""
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except OSError:
        return 0.0
    return next((int(line.split()[1]) / 1024 for line in lines if line.startswith("VmHWM")), 0.0)


def amount_row(name: str, amounts: Sequence[float], bound: float, unit: str) -> dict[str, Any]:
    """One measurement as a table row: the median of some rounds, at most ``bound``, both in ``unit`` (s, MB).

    An amount depends on the machine, unlike a ratio: it says of this one, which the row names, that the bound holds.
    """
    low, high = median_interval(amounts)
    median = statistics.median(amounts)
    return {
        "name": name,
        "median": median,
        "low": low,
        "high": high,
        "bound": bound,
        "unit": unit,
        "holds": median <= bound,
        "rounds": len(amounts),
    }
