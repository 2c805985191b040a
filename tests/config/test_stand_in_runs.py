"""Runs on stand-ins: recipe and method values of the set that they stand for, sizes of their own."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import user_folder

from olsrepro.config.compose import compose_run
from olsrepro.config.run_config import RunConfig
from olsrepro.config.stand_in import shrunk, sized
from olsrepro.data.datasets.settings import dataset_class
from olsrepro.data.datasets.stand_ins import NAMES
from olsrepro.data.stand_in import stands_for
from olsrepro.models.thin_resnet.settings import Settings as ThinResNet
from olsrepro.store.identity import run_id
from olsrepro.training.recipe import RecipeSettings

LARGE_PIXELS = "name: digits@cub\nnum_classes: 8\ntrain_size: 600\ntest_size: 200\nimage_size: 64\n"


def composed(dataset: str, *lines: str) -> RunConfig:
    return compose_run([f"dataset={dataset}", *lines])


ORIGINALS = [stands_for(name) for name in NAMES]
PHOTOGRAPHS = [name for name in ORIGINALS if not dataset_class(name).is_in_memory]


@pytest.mark.parametrize("original", sorted(set(ORIGINALS) - set(PHOTOGRAPHS)))
def test_the_recipe_is_the_originals_but_for_what_is_measured_in_pixels(original: str) -> None:
    ours, theirs = composed(f"digits@{original}"), composed(original)
    assert ours.recipe == replace(theirs.recipe, padding=ours.recipe.padding, cutout=ours.recipe.cutout)
    assert ours.recipe.padding == 1


@pytest.mark.parametrize("original", PHOTOGRAPHS)
def test_of_photographs_it_is_the_originals_but_for_crops_colours_and_a_pace_that_learns(original: str) -> None:
    ours, theirs = composed(f"digits@{original}"), composed(original)
    in_memory = {"crop": "pad", "padding": 1, "colour_jitter": 0.0, "light_noise": 0.0}
    assert ours.recipe == replace(theirs.recipe, **in_memory, batch_size=32, lr=0.05)
    assert theirs.recipe.crop != "pad"


@pytest.mark.parametrize("original", ORIGINALS)
@pytest.mark.parametrize("preset", ["smoke", "mini", "short", "paper"])
def test_a_stand_in_starts_from_drawn_weights_under_every_preset(original: str, preset: str) -> None:
    recipe = composed(f"digits@{original}", "backbone=resnet50", f"preset={preset}").recipe
    assert (recipe.pretrained, recipe.start) == (False, None)


@pytest.mark.parametrize(("dataset", "weights"), [("digits@cifar10", (0.1, 1.0)), ("digits@cub", (6.0, 0.1))])
def test_a_methods_values_by_data_set_are_the_originals(dataset: str, weights: tuple[float, float]) -> None:
    method = composed(dataset, "method=sce").method
    assert (method.alpha, method.beta) == weights


@pytest.mark.parametrize(
    ("dataset", "typed", "hole"),
    [
        ("digits@cifar100", 8, 2),
        ("digits@cifar10", 16, 4),
        ("digits@cifar10", 10, 3),
        ("digits@cub", 112, 4),
        ("digits@cub", 16, 2),
        ("digits@cub", 0, 0),
        ("digits", 4, 4),
        ("cifar10", 16, 16),
    ],
)
def test_the_hole_keeps_its_share_of_the_side_and_never_vanishes(dataset: str, typed: int, hole: int) -> None:
    assert composed(dataset, f"recipe.cutout={typed}").recipe.cutout == hole


@pytest.mark.parametrize(("typed", "padding"), [(0, 0), (1, 1), (4, 1), (5, 1), (6, 2), (10, 3), (32, 8)])
def test_the_padding_keeps_its_share_of_the_side_rounded_half_up(typed: int, padding: int) -> None:
    assert composed("digits@cifar100", f"recipe.padding={typed}").recipe.padding == padding


class Demanding(ThinResNet):
    """A backbone for images of at least 20 pixels."""

    min_image_size = 20


def test_the_images_are_as_large_as_the_backbone_needs_and_no_smaller_than_the_digits() -> None:
    dataset, other = composed("digits@cifar10").dataset, composed("digits").dataset
    assert sized(dataset, Demanding()).image_size == 20
    assert sized(dataset, ThinResNet()).image_size == 8
    assert sized(other, Demanding()) == other


def test_larger_images_get_wider_padding_and_a_larger_hole() -> None:
    dataset = sized(composed("digits@cifar10").dataset, Demanding())
    recipe = shrunk(RecipeSettings(cutout=16), dataset)
    assert (recipe.padding, recipe.cutout) == (3, 10)


def test_the_size_does_not_depend_on_what_a_file_says(tmp_path: Path) -> None:
    own = user_folder.write(tmp_path / "own", {"dataset/mine.yaml": LARGE_PIXELS})
    assert compose_run(["dataset=mine", "recipe=digits"], own).dataset.image_size == 8


def test_a_stand_in_is_a_run_of_its_own() -> None:
    names = ["digits", "cifar10", "digits@cifar10", "digits@cifar100", "digits@cub", "digits@cars"]
    assert len({run_id(composed(name, "recipe=digits")) for name in names}) == len(names)


@pytest.mark.parametrize(("lines", "preset"), [([], "smoke"), (["recipe.cutout=8"], "custom"), (["seed=1"], "smoke")])
def test_a_stand_in_has_a_preset_as_any_data_set(lines: list[str], preset: str) -> None:
    assert composed("digits@cifar100", *lines).preset == preset
    assert composed("digits@cifar100", "recipe.padding=4", *lines).preset == preset
