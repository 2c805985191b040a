"""Records of measured facts that need no training: a data set's files, a label method's step, a network's speed."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

from olsrepro.config.run_config import RunConfig
from olsrepro.settings import UserError
from olsrepro.store.identity import canonical
from olsrepro.store.record import OF_A_MEASUREMENT, Record, read_record
from olsrepro.store.shapes import FACTS, SPEED_FACTS

VERSION = 1
FOLDER = "facts"
SPEED = "speed"
KINDS = ("dataset", "method", SPEED)


def facts_id(kind: str, config: RunConfig) -> str:
    """Return the id of a measurement, such as ``method-3f9c2a17b04d5e61``: a hash of what it is about.

    Args:
        kind: ``dataset``, ``method`` or ``speed``.
        config: a run with that component; for a speed, with that network, image size and precision.
    """
    about = {"version": VERSION, kind: facts_about(kind, config)}
    text = json.dumps(about, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return f"{kind}-{hashlib.sha256(text.encode()).hexdigest()[:16]}"


def facts_about(kind: str, config: RunConfig) -> dict[str, Any]:
    """Return what a measurement is about: the part of the run's config that can change its facts."""
    if kind == SPEED:
        return _timed(config)
    return {key: value for key, value in canonical(config)[kind].items() if key != "teacher"}


def _timed(config: RunConfig) -> dict[str, Any]:
    backbone = config.backbone
    network = {"family": backbone.family, "version": backbone.version, **backbone.identity()}
    return {"network": network, "image_size": config.dataset.image_size, "precision": config.recipe.precision}


def speed_records(root: Path) -> Iterator[Record]:
    """Read the records of all speeds timed in a store, by id; one that can't be read is skipped."""
    for folder in sorted((root / FOLDER).glob(f"{SPEED}-*")):
        with suppress(UserError):
            if (record := read_record(folder, SPEED_FACTS, OF_A_MEASUREMENT)) is not None:
                yield record


def read_facts(folder: Path) -> Record | None:
    """Read the record of a measurement in its folder; None where there is none.

    Raises:
        UserError: it is damaged or was edited.
    """
    return read_record(folder, FACTS, OF_A_MEASUREMENT)


def facts_folder(root: Path, name: str) -> Path:
    """Return the folder of a measurement's record in a store."""
    return root / FOLDER / name
