"""Switches of single criteria: their valid values, and the default for one left at None. No torch here."""

from __future__ import annotations

from typing import Any

SPREADS = ("all", "others")
SCE_VARIANTS = ("authors", "original", "logits")
REDUCTIONS = ("mean", "batchmean")


def given(value: Any, otherwise: Any) -> Any:
    """Return a switch's value, or the fallback if it was left at None."""
    return otherwise if value is None else value
