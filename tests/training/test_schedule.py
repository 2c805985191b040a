"""The learning rate of each 0-based epoch."""

from __future__ import annotations

import pytest

from olsrepro.training.recipe import RecipeSettings
from olsrepro.training.schedule import scaled_milestones


@pytest.mark.parametrize(
    ("epoch", "rate"), [(0, 0.1), (149, 0.1), (150, 0.01), (151, 0.01), (224, 0.01), (225, 0.001), (299, 0.001)]
)
def test_the_papers_rate_falls_at_epochs_150_and_225(epoch: int, rate: float) -> None:
    assert RecipeSettings().rate_at(epoch) == pytest.approx(rate, rel=1e-12)


def test_a_milestone_given_twice_counts_twice() -> None:
    recipe = RecipeSettings(epochs=3, lr=1.0, gamma=0.5, milestones=[1, 1])
    assert [recipe.rate_at(epoch) for epoch in range(3)] == [1.0, 0.25, 0.25]


def test_without_milestones_the_rate_stays() -> None:
    recipe = RecipeSettings(epochs=3, lr=0.3, milestones=[])
    assert [recipe.rate_at(epoch) for epoch in range(3)] == [0.3] * 3


@pytest.mark.parametrize(
    ("epochs", "milestones"), [(300, [150, 225]), (30, [15, 22]), (60, [30, 45]), (4, [2, 3]), (2, [1, 1]), (1, [1, 1])]
)
def test_milestones_keep_their_share_of_a_shorter_training(epochs: int, milestones: list[int]) -> None:
    assert scaled_milestones([150, 225], epochs, 300) == milestones
