"""Checks of what a user gives, with the nearest valid choices: one set for settings and criteria. No torch."""

from __future__ import annotations

import difflib
import math
from collections.abc import Iterable
from itertools import takewhile
from numbers import Integral, Real

_NEAR = 0.5
_GIT_LFS = b"version https://git-lfs"
_BLANK = b"\xef\xbb\xbf \t\r\n"  # a byte-order mark too
_MOST_DIGITS = 18  # of a whole number in 64 bits


def nearest(name: object, choices: Iterable[str], count: int = 3) -> list[str]:
    """Find the valid names closest to a misspelt one, best first; empty if none is close."""
    typed = str(name).lower()

    def likeness(choice: str) -> tuple[float, int]:
        shared = sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(typed, choice.lower(), strict=False)))
        return difflib.SequenceMatcher(None, typed, choice.lower()).ratio(), shared

    near = [choice for choice in sorted(choices) if likeness(choice)[0] >= _NEAR]
    return sorted(near, key=likeness, reverse=True)[:count]


def did_you_mean(name: object, choices: Iterable[str]) -> str:
    """Write a clause for an error line: the nearest valid names, or all of them if none is close."""
    known = sorted(choices)
    close = nearest(name, known)
    return f"did you mean {' or '.join(close)}?" if close else f"valid: {', '.join(known)}"


def check_choice(key: str, value: str, choices: Iterable[str]) -> None:
    """Refuse a value outside ``choices`` with the nearest valid ones (:class:`ValueError`)."""
    if value not in (known := tuple(choices)):
        raise ValueError(f"{key}={value} is not known; {did_you_mean(value, known)}")


def check_range(key: str, value: float, low: float, high: float = math.inf) -> None:
    """Refuse a value that is not a finite number in the closed interval [low, high] (:class:`ValueError`)."""
    if isinstance(value, bool) or not isinstance(value, Real):
        raise ValueError(f"{key}={value} must be a number")
    number = _as_float(value)
    if not low <= number <= high or math.isinf(number):
        bounds = f"at least {low:g}" if math.isinf(high) else f"in [{low:g}, {high:g}]"
        raise ValueError(f"{key}={number:g} must be {bounds}")


def _as_float(value: float) -> float:
    """Return the number as a float, infinite for a whole number that no float is as large as."""
    try:
        return float(value)
    except OverflowError:
        return math.inf if value > 0 else -math.inf


def check_whole(key: str, value: object, low: int) -> None:
    """Refuse a value that is not a whole number of at least ``low`` (:class:`ValueError`)."""
    if not isinstance(value, Integral) or isinstance(value, bool) or value < low:
        raise ValueError(f"{key}={value} must be a whole number of at least {low}")


def whole_number(text: str) -> int | None:
    """Return the whole number that a text's digits stand for; None if it has other characters or over 18 digits."""
    return int(text) if text.isdecimal() and len(text) <= _MOST_DIGITS else None


def check_flag(key: str, value: object) -> None:
    """Refuse a value that is neither true nor false (:class:`ValueError`)."""
    if not isinstance(value, bool):
        raise ValueError(f"{key}={value} must be true or false")


def check_weights(**weights: float) -> None:
    """Refuse weights of a loss that are all 0, which would leave no term (:class:`ValueError`)."""
    if not any(weights.values()):
        raise ValueError(f"{' and '.join(weights)} are both 0: the loss has no term left")


def other_content(content: bytes) -> str:
    """Name what lies in a file's place after a wrong download or clone, as in ``a web page``; empty for other content.

    ``content`` is the file's, or its first hundred bytes and more.
    """
    start = content[:512].lstrip(_BLANK)
    if start.startswith(_GIT_LFS):
        return "a Git LFS pointer (run `git lfs pull`)"
    if start.startswith(b"<"):
        return "a web page"
    return "" if content else "empty"
