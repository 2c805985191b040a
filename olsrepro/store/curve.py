"""Curve of a run: a row for each epoch, each a line of a file beside its record."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from olsrepro.files.plain_json import parse
from olsrepro.settings import UserError
from olsrepro.store.shapes import CURVE_ROW

NAME = "curves.jsonl"

Row = Mapping[str, Any]


def read_curve(folder: Path) -> list[Row]:
    """Read a run's curve, one row an epoch; empty where there is none.

    Raises:
        UserError: the file can't be read, or a line of it is damaged.
    """
    path = folder / NAME
    try:
        lines = path.read_bytes().splitlines()
        return [_row(line, f"{path} is damaged: line {number}") for number, line in enumerate(lines, 1)]
    except (FileNotFoundError, NotADirectoryError):
        return []
    except OSError as error:
        raise UserError(f"{path} can't be read ({error.strerror})") from None


def _row(line: bytes, where: str) -> Row:
    try:
        row: Row = parse(line)
    except ValueError:
        raise UserError(f"{where} is no JSON") from None
    if not CURVE_ROW.fits(row):
        raise UserError(f"{where}: {CURVE_ROW.fault(row)}")
    return row
