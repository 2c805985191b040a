"""Folder of the runs that a command only reads: said where it is missing, as a mistyped one is."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from olsrepro.experiments.request import Request


def existing_runs(request: Request) -> Path:
    """Return the folder of a request's runs; tell the user, on standard error, if it was named and is missing."""
    from olsrepro.experiments.request import runs_folder
    from olsrepro.training.runtime import RuntimeSettings

    root = runs_folder(request)
    if not root.exists() and root != Path(RuntimeSettings.runs_dir).absolute():
        print(f"there is no folder {root} yet, so it holds no runs; OLSREPRO_RUNS names the folder", file=sys.stderr)
    return root
