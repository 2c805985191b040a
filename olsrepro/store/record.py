"""Record of a run: the one small file that it leaves, whether it finished or failed."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from olsrepro.files.atomic import write_text
from olsrepro.settings import UserError

SCHEMA = 2  # 2: with a digest
NAME = "record.json"
FINISHED, FAILED = "finished", "failed"
LAST_EPOCHS = 10

_END, _DIGEST, _AFTER = "\n}", ',\n  "digest": "', '"\n}\n'

Record = dict[str, Any]


def read_record(folder: Path) -> Record | None:
    """Read the record in a run's folder; None if there is none.

    Raises:
        UserError: it is damaged, of another schema, of another run, or was edited; it is left alone.
    """
    path = folder / NAME
    try:
        text = path.read_bytes()
        record = json.loads(text)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except ValueError:
        raise _refused(path, "is damaged") from None
    except OSError as error:
        raise _refused(path, f"can't be read ({error.strerror})") from None
    if not isinstance(record, dict) or record.get("schema") != SCHEMA:
        raise _refused(path, f"is not of schema {SCHEMA}")
    if not _is_as_written(text):
        raise _refused(path, "was edited by hand or is damaged")
    if record.get("run_id", folder.name) != folder.name:
        raise _refused(path, f"was edited by hand or is damaged: it is the record of {record['run_id']}")
    return record


def _refused(path: Path, why: str) -> UserError:
    return UserError(f"{path} {why}; move it away, or start anew with --fresh")


def write_record(folder: Path, record: Mapping[str, Any]) -> Path:
    """Write a run's record with its schema and a digest, by which a later edit is noticed; return its path."""
    write_text(folder / NAME, with_digest(record))
    return folder / NAME


def with_digest(record: Mapping[str, Any]) -> str:
    """Return a record as the text of its file; the last entry is the SHA-256 of the text without it."""
    text = json.dumps({"schema": SCHEMA, **record}, indent=2, allow_nan=False)
    return f"{text.removesuffix(_END)}{_DIGEST}{hashlib.sha256(text.encode()).hexdigest()}{_AFTER}"


def _is_as_written(text: bytes) -> bool:
    """Return whether the digest fits the rest byte for byte, ten times as fast as hashing its parsed content."""
    rest, _, digest = text.rpartition(_DIGEST.encode())
    return digest == (hashlib.sha256(rest + _END.encode()).hexdigest() + _AFTER).encode()


TESTED = ("top1_err", "top5_err", "mAP")
"""Test results that a row of the curves can have, in percent, as ``test_<name>``."""


def errors(rows: Sequence[Mapping[str, Any]], best_epoch: int) -> dict[str, Any]:
    """Return test results by selection rule: the last epoch, the best test epoch, the mean of the last ten.

    The best epoch is the first with the lowest top-1 error, and its top-5 error is that epoch's; for a detector it is
    the one with the highest mAP.
    """
    tail = rows[-LAST_EPOCHS:]
    means = {name: sum(row[f"test_{name}"] for row in tail) / len(tail) for name in _tested(rows[-1])}
    return {
        "last": _errors_of(rows[-1]),
        "best": _errors_of(rows[best_epoch - 1]),
        "mean_of_last_ten": {**means, "epochs": len(tail)},
    }


def _tested(row: Mapping[str, Any]) -> list[str]:
    return [name for name in TESTED if f"test_{name}" in row]


def _errors_of(row: Mapping[str, Any]) -> dict[str, Any]:
    return {name: row[f"test_{name}"] for name in _tested(row)} | {"epoch": row["epoch"]}
