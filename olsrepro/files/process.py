"""Processes of this machine: when one began, and whether it runs, waits for a disk or is stopped."""

from __future__ import annotations

import subprocess
from pathlib import Path

_STATES = {"T": "stopped", "t": "stopped", "D": "waiting for a disk", "Z": "dead", "X": "dead"}


def process_start(pid: int) -> str | None:
    """Return when a process began, as an opaque mark; None if there is no such process (a zombie counts as none)."""
    if Path("/proc/self").exists():
        found = _stat(pid)
        return None if not found or found[0] == "Z" else found[19]
    listing = subprocess.run(["ps", "-o", "lstart=", "-p", str(pid)], capture_output=True, text=True, check=False)
    return listing.stdout.strip() or None


def process_state(pid: int) -> str:
    """Return ``running``, ``stopped``, ``waiting for a disk`` or ``dead``; ``running`` where the system doesn't say."""
    if not Path("/proc/self").exists():
        return "running"
    found = _stat(pid)
    return _STATES.get(found[0], "running") if found else "dead"


def _stat(pid: int) -> list[str]:
    """Return the fields of /proc/PID/stat after the name, which may have blanks; none if there is no such process."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return []
