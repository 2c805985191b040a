"""Provenance of a number: commit, versions, machine, command."""

from __future__ import annotations

import hashlib
import os
import platform
import shlex
import socket
import subprocess
import sys
from datetime import datetime, timezone
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch

import olsrepro
from olsrepro.distributed.ranks import rank_count
from olsrepro.training.runtime import RuntimeSettings

_PACKAGES = ("torch", "torchvision", "timm", "hydra-core", "omegaconf", "numpy")
# These must be the same in two processes for one to resume bit for bit where the other stopped.
_BITWISE = ("torch", "device", "threads", "ranks", "accumulate", "channels_last", "compile", "deterministic")


def now() -> str:
    """Return the time in UTC to the second, ISO 8601."""
    return datetime.now(timezone.utc).isoformat(timespec="seconds")


def this_process(runtime: RuntimeSettings, device: torch.device) -> dict[str, Any]:
    """Return this process's entry in a run's history: its machine, device, switches, versions, code and command."""
    return {
        "started": now(),
        "host": socket.gethostname(),
        "device": _device_name(device),
        "threads": torch.get_num_threads(),
        "ranks": rank_count(),
        "accumulate": runtime.accumulate,
        "channels_last": runtime.channels_last,
        "compile": runtime.compile,
        "deterministic": runtime.deterministic,
        "torch": str(torch.__version__),
        "python": platform.python_version(),
        "versions": {name: version(name) for name in _PACKAGES},
        "cuda": torch.version.cuda if device.type == "cuda" else None,
        "olsrepro": olsrepro.__version__,
        "code": _code(),
        "command": shlex.join([Path(sys.argv[0]).name, *sys.argv[1:]]),
    }


def is_bitwise(history: list[dict[str, Any]]) -> bool:
    """Return whether all processes that worked on a run computed alike, so that stopping in between left no trace."""
    if len(history) > 1 and not all(entry["deterministic"] or entry["device"].startswith("cpu") for entry in history):
        return False
    return len({tuple(str(entry[key]) for key in _BITWISE) for entry in history}) <= 1


def _device_name(device: torch.device) -> str:
    if device.type == "cuda":
        return f"cuda: {torch.cuda.get_device_name(device)}"
    return f"{device.type}: {_processor()}" if device.type == "cpu" else device.type


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        model = next(line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        model = platform.processor() or platform.machine()
    return f"{model} x {os.cpu_count()}"


def _code() -> dict[str, Any]:
    """Return the commit of the package's checkout and a hash of uncommitted changes; None for an installed package."""
    root = Path(olsrepro.__file__).resolve().parent.parent
    commit = _git(root, "rev-parse", "HEAD") if (root / ".git").exists() else None
    if commit is None:
        return {"commit": None, "dirty": None}
    difference = (_git(root, "diff", "HEAD") or "") + (
        _git(root, "status", "--porcelain", "--untracked-files=all") or ""
    )
    return {"commit": commit, "dirty": hashlib.sha256(difference.encode()).hexdigest()[:16] if difference else None}


def _git(root: Path, *arguments: str) -> str | None:
    try:
        done = subprocess.run(
            ["git", "-C", str(root), *arguments],
            capture_output=True,
            encoding="utf-8",
            errors="backslashreplace",  # a changed file may be in any encoding
            check=False,
        )
    except OSError:
        return None
    return done.stdout.strip() if done.returncode == 0 else None
