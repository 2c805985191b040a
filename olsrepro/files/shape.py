"""Shapes of values that were read from JSON: what each must hold, said as data. What it holds beside that is ignored.

A shape is checked for every record of a store, so the usual case, a value that fits, calls nothing that it can avoid;
which part is wrong is looked for only when one is.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

LARGEST = 1e100
"""Magnitude that no measurement exceeds, so that sums and squares of numbers are numbers too."""

_LARGEST_WHOLE = 1 << 63


class Shape(Protocol):
    """Demand on a value, named by ``what``."""

    @property
    def what(self) -> str:
        """Words for it, as in "a number"."""

    @property
    def fits(self) -> Callable[[Any], bool]:
        """Function that says whether a value has this shape."""

    def fault(self, value: Any, name: str = "") -> str:
        """Say of a value that doesn't fit which part of it is wrong, as in ``errors.best must be a mapping``."""


@dataclass(frozen=True)
class Plain:
    """Demand on a value that has no parts, such as a number."""

    what: str
    fits: Callable[[Any], bool]

    def fault(self, value: Any, name: str = "") -> str:
        """Say what it must be."""
        return _must_be(self.what, name)


class Maybe:
    """A value that may be null or missing."""

    def __init__(self, shape: Shape) -> None:
        self.what = f"{shape.what} or null"
        self._shape = shape
        self._fits = shape.fits

    def fits(self, value: Any) -> bool:
        """Return whether it is None or fits."""
        return value is None or self._fits(value)

    def fault(self, value: Any, name: str = "") -> str:
        """Say what is wrong with a value that is there."""
        return self._shape.fault(value, name)


class Having:
    """A mapping with at least these keys; one whose shape is a :class:`Maybe` may be missing."""

    what = "a mapping"

    def __init__(self, parts: Mapping[str, Shape]) -> None:
        self._parts = parts
        self._needed = [(key, shape.fits) for key, shape in parts.items() if not shape.fits(None)]
        self._optional = [(key, shape.fits) for key, shape in parts.items() if shape.fits(None)]

    def fits(self, value: Any) -> bool:
        """Return whether each key has a value that fits."""
        if type(value) is not dict:
            return False
        get = value.get
        for key, fits in self._needed:
            if not fits(get(key)):
                return False
        for key, fits in self._optional:  # noqa: SIM110 - a generator would take twice as long
            if (part := get(key)) is not None and not fits(part):
                return False
        return True

    def fault(self, value: Any, name: str = "") -> str:
        """Name the first key that is missing or has the wrong value."""
        if type(value) is not dict:
            return _must_be(self.what, name)
        wrong = next(key for key, shape in self._parts.items() if not shape.fits(value.get(key)))
        place = _inside(name, wrong)
        return self._parts[wrong].fault(value[wrong], place) if wrong in value else f"{place} is missing"


class Each:
    """A mapping with any keys, all values of one shape."""

    what = "a mapping"

    def __init__(self, shape: Shape) -> None:
        self._shape = shape

    def fits(self, value: Any) -> bool:
        """Return whether every value fits."""
        return type(value) is dict and all(map(self._shape.fits, value.values()))

    def fault(self, value: Any, name: str = "") -> str:
        """Name the first key with a wrong value."""
        if type(value) is not dict:
            return _must_be(self.what, name)
        wrong = next(key for key, item in value.items() if not self._shape.fits(item))
        return self._shape.fault(value[wrong], _inside(name, wrong))


class ListOf:
    """A list of values of one shape, at least so many."""

    def __init__(self, shape: Shape, least: int = 0) -> None:
        self.what = f"a list of at least {least}" if least else "a list"
        self._shape = shape
        self._least = least

    def fits(self, value: Any) -> bool:
        """Return whether it is long enough and every item fits."""
        return type(value) is list and len(value) >= self._least and all(map(self._shape.fits, value))

    def fault(self, value: Any, name: str = "") -> str:
        """Name the first wrong item, counted from 0."""
        if type(value) is not list or len(value) < self._least:
            return _must_be(self.what, name)
        wrong = next(place for place, item in enumerate(value) if not self._shape.fits(item))
        return self._shape.fault(value[wrong], f"{name}[{wrong}]")


class Cases:
    """A mapping whose shape depends on the text at one of its keys."""

    def __init__(self, key: str, shapes: Mapping[str, Shape]) -> None:
        self.what = "a mapping"
        self._key = key
        self._shapes = shapes

    def fits(self, value: Any) -> bool:
        """Return whether its text is known and the shape of that text fits."""
        shape = self._of(value)
        return shape is not None and shape.fits(value)

    def fault(self, value: Any, name: str = "") -> str:
        """Say what is wrong by the shape of its text; or that this text is none of those known."""
        if (shape := self._of(value)) is not None:
            return shape.fault(value, name)
        if type(value) is not dict:
            return _must_be(self.what, name)
        return f"{_inside(name, self._key)} must be {' or '.join(self._shapes)}"

    def _of(self, value: Any) -> Shape | None:
        chosen = value.get(self._key) if type(value) is dict else None
        return self._shapes.get(chosen) if type(chosen) is str else None


class Agreeing:
    """A value of a shape whose parts go together."""

    def __init__(self, shape: Shape, what: str, agree: Callable[[Any], bool]) -> None:
        self.what = what
        self._shape = shape
        self._agree = agree

    def fits(self, value: Any) -> bool:
        """Return whether it has the shape, and its parts agree."""
        return self._shape.fits(value) and self._agree(value)

    def fault(self, value: Any, name: str = "") -> str:
        """Say what is wrong with the shape, or else with the parts together."""
        return _must_be(self.what, name) if self._shape.fits(value) else self._shape.fault(value, name)


def _must_be(what: str, name: str) -> str:
    return f"{name or 'it'} must be {what}"


def _inside(name: str, key: str) -> str:
    shown = key if key.isascii() and key.isprintable() else ascii(key)
    return f"{name}.{shown}" if name else shown


def _is_number(value: Any) -> bool:
    kind = type(value)
    return (kind is float or kind is int) and -LARGEST <= value <= LARGEST


def _is_whole(value: Any) -> bool:
    return type(value) is int and -_LARGEST_WHOLE <= value < _LARGEST_WHOLE


def _is_text(value: Any) -> bool:
    return type(value) is str and (value.isascii() or _is_encodable(value))


def _is_encodable(text: str) -> bool:
    """Return whether it can be printed: JSON can spell halves of characters."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


NUMBER = Plain("a number", _is_number)
WHOLE = Plain("a whole number", _is_whole)
TEXT = Plain("text", _is_text)
MAPPING = Plain("a mapping", lambda value: type(value) is dict)
