"""JSON from files that may hold anything: what is no JSON, not finite or nested without end is one kind of error."""

from __future__ import annotations

import json
from typing import Any

DEEPEST = 32
"""Levels of lists and objects that are read; ours have fewer than ten."""


def parse(text: bytes) -> Any:
    """Parse JSON in UTF-8.

    Raises:
        ValueError: it is no JSON, has ``NaN`` or ``Infinity`` in it, or is nested deeper than :data:`DEEPEST`.
    """
    try:
        value = _DECODER.decode(text.decode())
    except RecursionError:
        raise ValueError("it is nested too deeply") from None
    if text.count(b"[") + text.count(b"{") > DEEPEST and _is_deeper(value):  # fewer brackets can't nest deeper
        raise ValueError("it is nested too deeply")
    return value


def _refuse_constant(name: str) -> Any:
    raise ValueError(f"{name} is no number of JSON")


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
