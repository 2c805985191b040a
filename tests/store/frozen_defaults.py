"""Frozen defaults: a file of what each component's switches default to, which the tests extend and never change."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from filelock import FileLock

from olsrepro.files.atomic import StorageError, write_json

Defaults = Mapping[str, Mapping[str, Any]]
"""By component, the default of each switch; the component's ``version`` is one of them."""

COMMAND = "bash scripts/test.sh tests/store/test_identity.py"


class NotFrozenError(Exception):
    """Nothing may be added to the file; the message says why."""


def read(path: Path) -> dict[str, dict[str, Any]]:
    """Read the frozen defaults."""
    values: dict[str, dict[str, Any]] = json.loads(path.read_text())
    return values


def lacking(frozen: Defaults, now: Defaults) -> dict[str, dict[str, Any]]:
    """Return those of the present defaults that are not frozen yet, whatever their values."""
    new = {
        part: {key: value for key, value in pairs.items() if key not in frozen.get(part, {})}
        for part, pairs in now.items()
    }
    return {part: pairs for part, pairs in new.items() if pairs}


def freeze(path: Path, now: Defaults, environment: Mapping[str, str] = os.environ) -> None:
    """Add to the file what it lacks of the present defaults, atomically; processes wait for each other.

    Raises:
        NotFrozenError: this is CI (the environment variable ``CI``), or the file is read-only.
    """
    if environment.get("CI"):
        raise NotFrozenError("nothing is added in CI")
    if not path.stat().st_mode & 0o222:
        raise NotFrozenError(f"{path} is read-only")
    try:
        with FileLock(path.with_name(f".{path.name}.lock")):
            frozen = read(path)
            new = lacking(frozen, now)
            write_json(path, frozen | {part: frozen.get(part, {}) | pairs for part, pairs in new.items()})
    except (OSError, StorageError) as error:
        raise NotFrozenError(str(error)) from None


def told(defaults: Defaults) -> str:
    """Write defaults on one line: ``method ls: version=1, eps=0.1``."""
    return "; ".join(
        f"{part}: {', '.join(f'{key}={value!r}' for key, value in pairs.items())}" for part, pairs in defaults.items()
    )
