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
    return UserError(f"{path} {why}; move it away, or start over with --fresh")


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
