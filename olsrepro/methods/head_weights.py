"""Weights of heads as a switch: a list, deepest head first, whose last entry applies to every further head."""

from __future__ import annotations

from collections.abc import Sequence

from olsrepro.checks import check_range
from olsrepro.settings import UserError

EVALUATED = ("main", "ensemble")
"""Values of ``eval``: test the deepest head alone, or the mean probability of all heads."""


def check_head_weights(key: str, weights: Sequence[float]) -> None:
    """Refuse a weight below 0 and a list without one above 0 (:class:`ValueError`)."""
    for weight in weights:
        check_range(key, weight, 0)
    if not any(weights):
        raise ValueError(f"{_shown(key, weights)} must hold a weight above 0; the first is the deepest head's")


def shortest(weights: Sequence[float]) -> list[float]:
    """Return the shortest equivalent list, without final entries that repeat the one before."""
    kept = [float(weight) for weight in weights]
    while len(kept) > 1 and kept[-1] == kept[-2]:
        kept.pop()
    return kept


def per_head(key: str, weights: Sequence[float], heads: int) -> tuple[float, ...]:
    """Return one weight for each of ``heads`` heads.

    Raises:
        UserError: there are more weights than heads.
    """
    if len(weights) > heads:
        given = f"method.{_shown(key, weights)} has {len(weights)} weights"
        raise UserError(f"{given}, but with this backbone there are {heads} heads; give at most {heads}")
    return (*weights, *[weights[-1]] * (heads - len(weights)))


def _shown(key: str, weights: Sequence[float]) -> str:
    return f"{key}=[{', '.join(f'{weight:g}' for weight in weights)}]"
