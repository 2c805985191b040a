"""The learning rate as a pure function of the epoch."""

from __future__ import annotations

from bisect import bisect_right

from olsrepro.training.settings import RecipeSettings


def learning_rate(recipe: RecipeSettings, epoch: int) -> float:
    """The rate of a 0-based epoch: ``lr`` times ``gamma`` for each milestone that has been reached (paper V-A)."""
    return float(recipe.lr * recipe.gamma ** bisect_right(recipe.milestones, epoch))
