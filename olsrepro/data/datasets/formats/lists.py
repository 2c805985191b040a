"""Lists that sets of photographs come with: lines of text, and MATLAB's files."""

from __future__ import annotations

import io
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from olsrepro.checks import other_content
from olsrepro.settings import UserError


@dataclass(frozen=True)
class ListEntry:
    """A line of a list: a key, a space, and a value that may have spaces; ``place`` is its file and line number."""

    key: str
    value: str
    place: str


def damaged(place: object, why: str) -> UserError:
    """Build the error for a list that can't be used."""
    return UserError(f"{place}: {why}; it is not the published list: unpack it again")


def lines(path: Path) -> list[tuple[int, str]]:
    """Read the lines of a text file that aren't blank, stripped, with their numbers from 1 on.

    Raises:
        UserError: it can't be read, or isn't text.
    """
    try:
        text = _content(path).decode("utf-8-sig")  # without a byte-order mark, which Windows' editors put first
    except UnicodeDecodeError as error:
        raise damaged(path, f"it is not text ({error.reason})") from None
    numbered = enumerate((line.strip() for line in text.split("\n")), 1)
    return [(number, line) for number, line in numbered if line]


def entries(path: Path) -> dict[str, ListEntry]:
    """Read the lines of a list by their keys, in its order.

    Raises:
        UserError: a line has no value, or the key of an earlier one; or as :func:`lines`.
    """
    found: dict[str, ListEntry] = {}
    for number, line in lines(path):
        key, _, value = line.partition(" ")
        place = f"{path}, line {number}"
        if not value:
            raise damaged(place, f"{line!r} has one column instead of two")
        if key in found:
            raise damaged(place, f"{key} is listed already")
        found[key] = ListEntry(key, value.strip(), place)
    return found


def values_for(path: Path, keys: Collection[str], known: Collection[str]) -> dict[str, str]:
    """Read a list that gives each of the keys one of the known values.

    Raises:
        UserError: a key or a value is unknown, or a key is left out; or as :func:`entries`.
    """
    found = known_values(path, known)
    for key, entry in found.items():
        if key not in keys:
            raise damaged(entry.place, f"{key} is not the number of an image")
    for key in keys:
        if key not in found:
            raise damaged(path, f"it has no line for image {key}")
    return {key: found[key].value for key in keys}


def known_values(path: Path, known: Collection[str]) -> dict[str, ListEntry]:
    """Read a list as :func:`entries` does, but refuse a value that isn't known (:class:`UserError`)."""
    found = entries(path)
    for entry in found.values():
        if entry.value not in known:
            raise damaged(entry.place, f"{entry.value!r} is not known")
    return found


def matlab(path: Path, *names: str) -> tuple[Any, ...]:
    """Read variables of a MATLAB file, without their axes of length 1.

    Raises:
        UserError: it can't be read, is not such a file, or lacks a variable.
    """
    from scipy.io import loadmat

    content = io.BytesIO(_content(path))
    try:
        found = loadmat(content, squeeze_me=True, variable_names=names)
    except MemoryError:
        raise
    except Exception:  # damaged ones fail in many ways
        found = other_content(content.getvalue())
        raise damaged(path, f"it is {found and f'{found}, '}not a MATLAB file") from None
    if missing := [name for name in names if name not in found]:
        raise damaged(path, f"it has no {' and no '.join(missing)}")
    return tuple(found[name] for name in names)


def annotated(path: Path, *fields: str) -> tuple[list[Any], ...]:
    """Read fields of MATLAB's array of structures ``annotations``, each with one value per structure.

    Raises:
        UserError: a field isn't there; or as :func:`matlab`.
    """
    rows = np.atleast_1d(matlab(path, "annotations")[0])
    if missing := [field for field in fields if field not in (rows.dtype.names or ())]:
        raise damaged(path, f"its annotations have no {' and no '.join(missing)}")
    return tuple(rows[field].tolist() for field in fields)


def whole_numbers(place: object, values: Any, low: int, high: int) -> list[int]:
    """Convert numbers of any type to integers; :class:`UserError` unless each is whole and in [low, high]."""
    try:
        numbers = np.atleast_1d(np.asarray(values, dtype=np.float64))
    except (TypeError, ValueError):
        raise damaged(place, "it has something else where numbers belong") from None
    wrong = numbers[~((numbers >= low) & (numbers <= high) & (np.floor(numbers) == numbers))]
    if numbers.ndim != 1 or wrong.size:
        why = f"{wrong[0]:g} isn't a whole number from {low} to {high}" if wrong.size else "it is not a list"
        raise damaged(place, why)
    return [int(number) for number in numbers]


def _content(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise UserError(f"{path} can't be read: {error.strerror}; unpack the data set again") from None
