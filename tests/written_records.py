"""Records made by hand with everything that a real one has and that a reader counts on."""

from __future__ import annotations

import copy
import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from hypothesis import strategies as st

from olsrepro.config.run_config import RunConfig
from olsrepro.store.identity import canonical
from olsrepro.store.record import FAILED, FINISHED, NAME, SCHEMA, write_record

PROCESS: Mapping[str, Any] = {
    "device": "cpu: a test's x 2",
    "olsrepro": "0.0",
    "code": {"commit": "0123456789abcdef", "dirty": None},
}
_COMPONENTS = {
    "dataset": {"name": "digits", "num_classes": 10},
    "noise": {"kind": "none"},
    "backbone": {"name": "resnet8"},
    "method": {"name": "hard"},
    "recipe": {"precision": "fp32"},
    "seed": 0,
    "preset": "smoke",
}


def finished_run(run_id: str, config: RunConfig | None = None, last: float = 30.0, **changes: Any) -> dict[str, Any]:
    """The record of a finished run, whose top-1 error at its last and best epoch is ``last``."""
    return {
        **_of_run(run_id, config),
        "status": FINISHED,
        "errors": {
            "last": {"top1_err": last, "top5_err": last / 4, "epoch": 300},
            "best": {"top1_err": last, "top5_err": last / 4, "epoch": 290},
            "mean_of_last_ten": {"top1_err": last, "top5_err": last / 4, "epochs": 10},
        },
        "training": {"images": 50_000, "seconds": 10.0, "images_per_s": 5000.0, "device": PROCESS["device"]},
        "files": {"best.pt": "0", "last.pt": "0"},
        **changes,
    }


def failed_run(run_id: str, config: RunConfig | None = None, **changes: Any) -> dict[str, Any]:
    """The record of a run that failed."""
    error = {"kind": "crash", "message": "boom", "traceback": None, "at": "now"}
    return {**_of_run(run_id, config), "status": FAILED, "error": error, **changes}


def _of_run(run_id: str, config: RunConfig | None) -> dict[str, Any]:
    return {
        "run_id": run_id,
        "canonical": {"backbone": {}} if config is None else canonical(config),
        "config": _COMPONENTS if config is None else _described(config),
        "history": [dict(PROCESS)],
    }


def _described(config: RunConfig) -> dict[str, Any]:
    return {key: value for key, value in config.as_dict().items() if key != "runtime"}


def evaluation(name: str, of: str = "0123456789abcdef-s0", **changes: Any) -> dict[str, Any]:
    """The record of an evaluation, by its id."""
    return {
        "run_id": name,
        "status": FINISHED,
        "of": of,
        "evaluation": {"name": name.rpartition("-")[0], "version": 1, "weights": "best"},
        "values": {"ece": 2.5},
        "samples": 100,
        "detail": {},
        "files": [],
        "history": [dict(PROCESS)],
        "finished": "now",
        **changes,
    }


def measurement(name: str, **facts: float) -> dict[str, Any]:
    """The record of measured facts, by its id."""
    about = {"run_id": name, "status": FINISHED, "about": {}}
    return {**about, "facts": facts, "history": [dict(PROCESS)], "finished": "now"}


def put_record(folder: Path, record: Mapping[str, Any]) -> Path:
    """Write a record into a folder that need not be there; its path."""
    folder.mkdir(parents=True, exist_ok=True)
    return write_record(folder, record)


def put_as_it_is(folder: Path, record: Mapping[str, Any]) -> Path:
    """Write a record with a right digest, also one that no version of ours would write."""
    text = json.dumps({"schema": SCHEMA, **record}, indent=2)
    return put_text(folder, text)


def put_text(folder: Path, text: str) -> Path:
    """Write the text of a record, in our layout, with a right digest."""
    folder.mkdir(parents=True, exist_ok=True)
    digest = hashlib.sha256(text.encode()).hexdigest()
    (folder / NAME).write_text(text.removesuffix("\n}") + f',\n  "digest": "{digest}"\n}}\n')
    return folder / NAME


def places(value: Any, at: tuple[str | int, ...] = ()) -> list[tuple[str | int, ...]]:
    """Where values lie in a record: keys and indices from the outermost on."""
    inside = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [place for key, item in inside for place in ((*at, key), *places(item, (*at, key)))]


def replaced(record: Mapping[str, Any], place: tuple[str | int, ...], new: Any) -> dict[str, Any]:
    """The record with another value at a place."""
    changed: dict[str, Any] = copy.deepcopy(dict(record))
    holder: Any = changed
    for key in place[:-1]:
        holder = holder[key]
    holder[place[-1]] = new
    return changed


def without(record: Mapping[str, Any], place: tuple[str | int, ...]) -> dict[str, Any]:
    """The record without the value at a place."""
    changed: dict[str, Any] = copy.deepcopy(dict(record))
    holder: Any = changed
    for key in place[:-1]:
        holder = holder[key]
    del holder[place[-1]]
    return changed


JUNK = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(10**400), 10**400)
    | st.floats()
    | st.text(st.characters(codec=None), max_size=4),
    lambda inside: st.lists(inside, max_size=3) | st.dictionaries(st.text(max_size=3), inside, max_size=3),
    max_leaves=6,
)
"""Whatever JSON can spell, and Python reads."""
