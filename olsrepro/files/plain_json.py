"""JSON from files that may hold anything: what is no JSON, not finite or nested without end is one kind of error."""

from __future__ import annotations

import json
from typing import Any

DEEPEST = 32
"""Levels of lists and objects that are read; ours have fewer than ten."""


def parse(text: bytes) -> Any:
    """Parse JSON in UTF-8.

    Raises:
        ValueError: it is no JSON, has ``NaN``, ``Infinity`` or a number of thousands of digits in it, or is nested
            deeper than :data:`DEEPEST`.
    """
    try:
        value = _DECODER.decode(text.decode("utf-8-sig"))  # without a byte-order mark, which Windows' editors put first
    except json.JSONDecodeError as error:
        raise ValueError(f"it is no JSON from line {error.lineno}, column {error.colno} on") from None
    except UnicodeDecodeError:
        raise ValueError("it is not text in UTF-8") from None
    except _Constant:
        raise
    except ValueError:
        raise ValueError("a number has too many digits") from None
    except RecursionError:
        raise ValueError("it is nested too deeply") from None
    if text.count(b"[") + text.count(b"{") > DEEPEST and _is_deeper(value):  # fewer brackets can't nest deeper
        raise ValueError("it is nested too deeply")
    return value


class _Constant(ValueError):
    """A number that Python writes and JSON doesn't have."""


def _refuse_constant(name: str) -> Any:
    raise _Constant(f"{name} is no number of JSON")


_DECODER = json.JSONDecoder(parse_constant=_refuse_constant)


def _is_deeper(value: Any) -> bool:
    level = [value]
    for _ in range(DEEPEST):
        level = [item for container in level for item in _items(container)]
    return any(isinstance(item, (dict, list)) for item in level)


def _items(value: Any) -> list[Any]:
    if isinstance(value, dict):
        return list(value.values())
    return value if isinstance(value, list) else []
