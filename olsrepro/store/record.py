"""Record of a run: the one small file that it leaves, whether it finished or failed."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from olsrepro.files.atomic import write_text
from olsrepro.files.plain_json import parse
from olsrepro.files.shape import Shape
from olsrepro.settings import UserError
from olsrepro.store.shapes import RUN

SCHEMA = 2  # 2: with a digest
NAME = "record.json"
FINISHED, FAILED = "finished", "failed"
LAST_EPOCHS = 10

OF_A_RUN = "move it away, or start over with --fresh"
OF_A_MEASUREMENT = "move its folder away, and it is measured again"
"""Remedies for a record that can't be read, by what it is of; each ends the message about it."""

_END, _DIGEST, _AFTER = "\n}", ',\n  "digest": "', '"\n}\n'

Record = dict[str, Any]


def read_record(folder: Path, shape: Shape = RUN, remedy: str = OF_A_RUN) -> Record | None:
    """Read the record in a folder; None if there is none.

    Args:
        folder: of a run, unless the shape is that of another record.
        shape: what its readers count on.
        remedy: of one that can't be read, for the message.

    Raises:
        UserError: it is damaged, of another schema, of another run, or was edited; it is left alone.
    """
    try:
        return _read(folder, shape)
    except _Refused as why:
        raise UserError(f"{folder / NAME} {why}; {remedy}") from None


def _read(folder: Path, shape: Shape) -> Record | None:
    try:
        with open(f"{folder}/{NAME}", "rb", buffering=0) as file:  # read as a whole, so that a buffer is only work
            text = file.read()
        record = parse(text)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except ValueError:
        raise _Refused("is damaged") from None
    except OSError as error:
        raise _Refused(f"can't be read ({error.strerror})") from None
    if not isinstance(record, dict) or record.get("schema") != SCHEMA:
        raise _Refused(f"is not of schema {SCHEMA}")
    if not _is_as_written(text):
        raise _Refused("was edited by hand or is damaged")
    if not shape.fits(record):
        raise _Refused(f"is damaged: {shape.fault(record)}")
    if record["run_id"] != folder.name:
        raise _Refused(f"was edited by hand or is damaged: it is the record of {record['run_id']}")
    return record


class _Refused(Exception):
    """A record that is not taken; the message says why."""


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


def errors(rows: Sequence[Mapping[str, Any]], best_epoch: int, tested: Sequence[str]) -> dict[str, Any]:
    """Return numbers of the test by selection rule: the last epoch, the best test epoch, the mean of the last ten.

    Args:
        rows: of the curves, one an epoch.
        best_epoch: the epoch, counted from 1, that the run's test was best in.
        tested: names of the numbers; a row has them as ``test_<name>``.
    """
    tail = rows[-LAST_EPOCHS:]
    means = {name: sum(row[f"test_{name}"] for row in tail) / len(tail) for name in tested}
    return {
        "last": _errors_of(rows[-1], tested),
        "best": _errors_of(rows[best_epoch - 1], tested),
        "mean_of_last_ten": {**means, "epochs": len(tail)},
    }


def _errors_of(row: Mapping[str, Any], tested: Sequence[str]) -> dict[str, Any]:
    return {name: row[f"test_{name}"] for name in tested} | {"epoch": row["epoch"]}
