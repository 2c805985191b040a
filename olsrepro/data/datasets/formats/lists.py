"""The lists that sets of photographs come with: lines of text, and MATLAB's files."""

from __future__ import annotations

import io
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from olsrepro.settings import UserError


@dataclass(frozen=True)
class ListEntry:
    """A line of a list: a key, a blank, and a value that may have blanks; ``place`` says where it stands."""

    key: str
    value: str
    place: str


def damaged(place: object, why: str) -> UserError:
    """What is said of a list that can't be used."""
    return UserError(f"{place}: {why}; it is not the published list: unpack it anew")


def lines(path: Path) -> list[tuple[int, str]]:
    """The lines of a text file that aren't blank, stripped, with their numbers from 1 on.

    Raises:
        UserError: it can't be read, or isn't text.
    """
    try:
        text = _content(path).decode("utf-8")
    except UnicodeDecodeError as error:
        raise damaged(path, f"it is no text ({error.reason})") from None
    numbered = enumerate((line.strip() for line in text.split("\n")), 1)
    return [(number, line) for number, line in numbered if line]


def entries(path: Path) -> dict[str, ListEntry]:
    """The lines of a list by their keys, in its order.

    Raises:
        UserError: a line has no value, or the key of an earlier one; as :func:`lines`.
    """
    found: dict[str, ListEntry] = {}
    for number, line in lines(path):
        key, _, value = line.partition(" ")
        place = f"{path}, line {number}"
        if not value:
            raise damaged(place, f"{line!r} has one column instead of two")
        if key in found:
            raise damaged(place, f"{key} is there already")
        found[key] = ListEntry(key, value.strip(), place)
    return found


def values_for(path: Path, keys: Collection[str], known: Collection[str]) -> dict[str, str]:
    """A list that gives each of the keys one of the known values.

    Raises:
        UserError: a key or a value is unknown, or a key is left out; as :func:`entries`.
    """
    found = known_values(path, known)
    for key, entry in found.items():
        if key not in keys:
            raise damaged(entry.place, f"{key} is the number of no image")
    for key in keys:
        if key not in found:
            raise damaged(path, f"it has no line for image {key}")
    return {key: found[key].value for key in keys}


def known_values(path: Path, known: Collection[str]) -> dict[str, ListEntry]:
    """As :func:`entries`; a value that isn't known is refused (:class:`UserError`)."""
    found = entries(path)
    for entry in found.values():
        if entry.value not in known:
            raise damaged(entry.place, f"{entry.value!r} is not known")
    return found


def matlab(path: Path, *names: str) -> tuple[Any, ...]:
    """Variables of a MATLAB file, without their axes of length 1.

    Raises:
        UserError: it can't be read, is no such file, or lacks a variable.
    """
    from scipy.io import loadmat

    content = io.BytesIO(_content(path))
    try:
        found = loadmat(content, squeeze_me=True, variable_names=names)
    except Exception as error:  # damaged ones fail in many ways
        raise damaged(path, f"it is no MATLAB file ({error})") from None
    if missing := [name for name in names if name not in found]:
        raise damaged(path, f"it has no {' and no '.join(missing)}")
    return tuple(found[name] for name in names)


def annotated(path: Path, *fields: str) -> tuple[list[Any], ...]:
    """Fields of MATLAB's array of structures ``annotations``, each with one value for each structure.

    Raises:
        UserError: a field isn't there; as :func:`matlab`.
    """
    rows = np.atleast_1d(matlab(path, "annotations")[0])
    if missing := [field for field in fields if field not in (rows.dtype.names or ())]:
        raise damaged(path, f"its annotations have no {' and no '.join(missing)}")
    return tuple(rows[field].tolist() for field in fields)


def whole_numbers(place: object, values: Any, low: int, high: int) -> list[int]:
    """Numbers of any type as integers; :class:`UserError` unless each is whole and in [low, high]."""
    try:
        numbers = np.atleast_1d(np.asarray(values, dtype=np.float64))
    except (TypeError, ValueError):
        raise damaged(place, "it has no numbers where they belong") from None
    wrong = numbers[~((numbers >= low) & (numbers <= high) & (np.floor(numbers) == numbers))]
    if numbers.ndim != 1 or wrong.size:
        raise damaged(place, f"{wrong[0]:g} is no whole number from {low} to {high}" if wrong.size else "it is no list")
    return [int(number) for number in numbers]


def _content(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise UserError(f"{path} can't be read: {error.strerror}; unpack the data set anew") from None
