"""YAML from files that may hold anything: what is no YAML, nested deeply or swollen by aliases is one kind of error."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import yaml  # type: ignore[import-untyped,unused-ignore]  # a dependency of omegaconf

T = TypeVar("T")
DEEPEST = 32
"""Levels of lists and mappings that are read; ours have fewer than ten."""
MOST_ALIASED = 1000
"""Values that all aliases of a text together may stand for; ours stand for some twenty."""
LONGEST = 400
"""Characters of a number; a float has 309 digits at most."""

_Loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # libyaml where it is installed: ten times as fast
_NUMBER = re.compile(r"[-+.]?\d[\da-fA-F_xo:.+-]*")


def _plain(text: str) -> Any:
    return yaml.load(text, _Loader)


def read(path: Path, load: Callable[[str], T] = _plain) -> T:
    """Read a YAML file in UTF-8 as :func:`parse` reads its text.

    Raises:
        ValueError: it can't be opened or is not UTF-8; or as :func:`parse`.
    """
    try:
        text = path.read_bytes().decode("utf-8")
    except OSError as error:
        raise ValueError(error.strerror) from None
    except UnicodeDecodeError:
        raise ValueError("it is not text in UTF-8") from None
    return parse(text, load)


def parse(text: str, load: Callable[[str], T] = _plain) -> T:
    """Parse YAML, by ``load`` if the text is harmless: its reasons to refuse one become ours.

    Raises:
        ValueError: it is no YAML; it is nested deeper than :data:`DEEPEST`, its aliases stand for more values than
            :data:`MOST_ALIASED`, or a number is longer than :data:`LONGEST`.
    """
    try:
        _refuse_harmful(text)
        return load(text)
    except yaml.MarkedYAMLError as error:
        told = ", ".join(filter(None, (error.context, error.problem)))
        raise ValueError(f"{_place(error.problem_mark)}{told}") from None
    except yaml.YAMLError:
        raise ValueError("it has a character that YAML does not allow") from None
    except Harmful as error:
        raise ValueError(str(error)) from None
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        raise ValueError("a value is not what its form or its tag says, such as a number, date or set") from None


class Harmful(Exception):
    """A text that would take too long, or too many levels, to load; also raised by a ``load`` of :func:`parse`."""


class _Sizes:
    """Values that each anchor of a text stands for, counted along its events."""

    def __init__(self) -> None:
        self._open: list[tuple[str | None, int]] = []
        self._sizes: dict[str, int] = {}
        self._count = self._aliased = 0

    def enter(self, anchor: str | None) -> None:
        """Count a list or mapping, which begins here."""
        self._count += 1
        self._open.append((anchor, self._count))
        if len(self._open) > DEEPEST:
            raise Harmful(f"it is nested deeper than {DEEPEST} levels")

    def leave(self) -> None:
        """Note the size of the list or mapping that ends here."""
        anchor, before = self._open.pop()
        if anchor is not None:
            self._sizes[anchor] = self._count - before + 1

    def value(self, anchor: str | None) -> None:
        """Count a number, text or other single value."""
        self._count += 1
        if anchor is not None:
            self._sizes[anchor] = 1

    def alias(self, anchor: str) -> None:
        """Count all that an alias stands for."""
        if any(anchor == name for name, _ in self._open):
            raise Harmful(f"*{anchor} stands inside of what it stands for")
        size = self._sizes.get(anchor, 1)
        self._count += size
        self._aliased += size
        if self._aliased > MOST_ALIASED:
            raise Harmful(f"its aliases, such as *{anchor}, stand for more than {MOST_ALIASED:,} values")


def _refuse_harmful(text: str) -> None:
    """Go through a text once, without building what it describes."""
    sizes = _Sizes()
    for event in yaml.parse(text, _Loader):
        if isinstance(event, yaml.CollectionStartEvent):
            sizes.enter(event.anchor)
        elif isinstance(event, yaml.CollectionEndEvent):
            sizes.leave()
        elif isinstance(event, yaml.AliasEvent):
            sizes.alias(event.anchor)
        elif isinstance(event, yaml.ScalarEvent):
            sizes.value(event.anchor)
            _refuse_long(event)


def _refuse_long(event: Any) -> None:
    is_typed = event.implicit[0] or event.tag is not None
    if is_typed and len(event.value) > LONGEST and _NUMBER.fullmatch(event.value):
        raise Harmful(f"{_place(event.start_mark)}a number has {len(event.value):,} characters")


def _place(mark: Any) -> str:
    return "" if mark is None else f"line {mark.line + 1}, column {mark.column + 1}: "
