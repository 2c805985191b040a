"""Switches of the criteria that stand alone: their valid values, and how one left at None is filled. No torch here."""

from __future__ import annotations

from typing import Any

SPREADS = ("all", "others")
SCE_VARIANTS = ("authors", "original", "logits")
REDUCTIONS = ("mean", "batchmean")


def given(value: Any, otherwise: Any) -> Any:
    """Take a switch's value, or another where it was left at None."""
    return otherwise if value is None else value
