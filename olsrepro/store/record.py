"""The record: the one small file that a run leaves, whether it finished or failed."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from olsrepro.files.atomic import write_json
from olsrepro.settings import UserError

SCHEMA = 1
NAME = "record.json"
FINISHED, FAILED = "finished", "failed"
LAST_EPOCHS = 10

Record = dict[str, Any]


def read_record(folder: Path) -> Record | None:
    """The record in a run's folder; None if there is none.

    Raises:
        UserError: it is of another schema or damaged; it is left alone.
    """
    path = folder / NAME
    try:
        record = json.loads(path.read_text())
    except (FileNotFoundError, NotADirectoryError):
        return None
    except ValueError:
        raise UserError(f"{path} is damaged; move it away, or start anew with --fresh") from None
    if not isinstance(record, dict) or record.get("schema") != SCHEMA:
        raise UserError(f"{path} is not of schema {SCHEMA}; move it away, or start anew with --fresh")
    return record


def write_record(folder: Path, record: Mapping[str, Any]) -> Path:
    """Write a run's record; where it now lies."""
    write_json(folder / NAME, {"schema": SCHEMA, **record})
    return folder / NAME


def errors(rows: Sequence[Mapping[str, Any]], best_epoch: int) -> dict[str, Any]:
    """Test errors in percent by selection rule: the last epoch, the best test epoch, the mean of the last ten.

    The best epoch is the first with the lowest top-1 error; its top-5 error is the one of that epoch.
    """
    tail = rows[-LAST_EPOCHS:]
    mean = {key: sum(row[key] for row in tail) / len(tail) for key in ("test_top1_err", "test_top5_err")}
    return {
        "last": _errors_of(rows[-1]),
        "best": _errors_of(rows[best_epoch - 1]),
        "mean_of_last_ten": {"top1_err": mean["test_top1_err"], "top5_err": mean["test_top5_err"], "epochs": len(tail)},
    }


def _errors_of(row: Mapping[str, Any]) -> dict[str, Any]:
    return {"top1_err": row["test_top1_err"], "top5_err": row["test_top5_err"], "epoch": row["epoch"]}
