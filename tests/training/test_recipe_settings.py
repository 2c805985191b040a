"""Which recipes and runtimes are refused, and which are one and the same."""

from __future__ import annotations

import math
from typing import Any

import pytest

from olsrepro.training.recipe import RecipeSettings
from olsrepro.training.runtime import RuntimeSettings


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ({"epochs": 0}, "epochs=0 must be at least 1"),
        ({"batch_size": 0}, "batch_size=0 must be at least 1"),
        ({"lr": -0.1}, "lr=-0.1 must be at least 0"),
        ({"lr": math.nan}, "lr=nan"),
        ({"gamma": -1}, "gamma=-1"),
        ({"weight_decay": -1e-4}, "weight_decay=-0.0001"),
        ({"padding": -1}, "padding=-1"),
        ({"cutout": -1}, "cutout=-1"),
        ({"momentum": 1.5}, r"momentum=1.5 must be in \[0, 1\]"),
        ({"momentum": 0.0}, "nesterov=true needs a momentum above 0"),
        ({"precision": "fp16"}, "precision=fp16 is not known; did you mean"),
        ({"milestones": [3, 2]}, r"milestones=\[3, 2\] must be epochs of at least 1 in rising order"),
        ({"milestones": [0]}, r"milestones=\[0\]"),
    ],
)
def test_a_recipe_that_cannot_run_is_refused_with_key_and_value(wrong: dict[str, Any], told: str) -> None:
    with pytest.raises(ValueError, match=f"^{told}"):
        RecipeSettings(**wrong)


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ({"device": "gpu"}, "device=gpu is not known"),
        ({"threads": 0}, "threads=0"),
        ({"checkpoint_steps": 0}, "checkpoint_steps=0"),
        ({"checkpoint_minutes": 0}, "checkpoint_minutes=0 must be a positive number"),
        ({"checkpoint_minutes": math.inf}, "checkpoint_minutes=inf"),
        ({"checkpoint_minutes": math.nan}, "checkpoint_minutes=nan"),
        ({"ensemble_sizes": [6, 0]}, "ensemble_sizes=0"),
    ],
)
def test_a_runtime_that_cannot_be_is_refused_with_key_and_value(wrong: dict[str, Any], told: str) -> None:
    with pytest.raises(ValueError, match=f"^{told}"):
        RuntimeSettings(**wrong)


@pytest.mark.parametrize("device", ["auto", "cpu", "cuda", "cuda:1"])
def test_devices_are_named_as_torch_names_them(device: str) -> None:
    assert RuntimeSettings(device=device).device == device


def test_milestones_that_are_never_reached_do_not_make_another_recipe() -> None:
    plain = RecipeSettings(epochs=4, milestones=[2])
    assert RecipeSettings(epochs=4, milestones=[2, 4, 225]).identity() == plain.identity()
    assert RecipeSettings(epochs=4, milestones=[2, 3]).identity() != plain.identity()
    assert plain.identity()["milestones"] == [2]


@pytest.mark.parametrize(
    "changed",
    [
        {"epochs": 5},
        {"batch_size": 64},
        {"lr": 0.2},
        {"gamma": 0.2},
        {"momentum": 0.8},
        {"nesterov": False},
        {"weight_decay": 1e-4},
        {"padding": 2},
        {"flip": False},
        {"cutout": 8},
        {"precision": "bf16"},
    ],
)
def test_every_other_field_makes_another_recipe(changed: dict[str, Any]) -> None:
    assert RecipeSettings(**changed).identity() != RecipeSettings().identity()


def test_the_part_that_changes_images_is_handed_on() -> None:
    augment = RecipeSettings(padding=3, flip=False, cutout=5).augment
    assert (augment.padding, augment.flip, augment.cutout) == (3, False, 5)
