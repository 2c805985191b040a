"""Measured facts that need no training, of a data set's files or a label method's step: records like those of runs."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

from olsrepro.config.run_config import RunConfig
from olsrepro.store.identity import canonical

VERSION = 1
FOLDER = "facts"
KINDS = ("dataset", "method")


def facts_id(kind: str, config: RunConfig) -> str:
    """The id of a measurement, such as ``method-3f9c2a17b04d5e61``: a hash of the component that it is about.

    Args:
        kind: ``dataset`` or ``method``.
        config: a run with that component.
    """
    component = {key: value for key, value in canonical(config)[kind].items() if key != "teacher"}
    about = {"version": VERSION, kind: component}
    text = json.dumps(about, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return f"{kind}-{hashlib.sha256(text.encode()).hexdigest()[:16]}"


def facts_folder(root: Path, name: str) -> Path:
    """Where the record of a measurement lies in a store."""
    return root / FOLDER / name
