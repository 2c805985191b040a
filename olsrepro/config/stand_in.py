"""Stand-ins of digits: images as large as the backbone needs, with augmentation scaled from the original's side."""

from __future__ import annotations

from dataclasses import replace

from olsrepro.data.settings import DatasetSettings
from olsrepro.data.stand_in import LEAST_SIDE, is_of_digits, original_side
from olsrepro.models.settings import BackboneSettings
from olsrepro.training.recipe import RecipeSettings

LEAST_HOLE = 2  # pixels: an odd hole is one smaller (data.pixels), so that 1 would cut out nothing


def sized(dataset: DatasetSettings, backbone: BackboneSettings) -> DatasetSettings:
    """Return a stand-in of digits with the image size that the backbone takes; any other data set unchanged."""
    if not is_of_digits(dataset.name):
        return dataset
    return replace(dataset, image_size=max(LEAST_SIDE, backbone.min_image_size))


def shrunk(recipe: RecipeSettings, dataset: DatasetSettings) -> RecipeSettings:
    """Return the recipe for a stand-in of digits; for any other data set it is unchanged.

    Padding and CutOut's hole keep their share of the side, and never vanish. Both are given in pixels of the data set
    that digits stand in for, whether by a recipe or by a user.
    """
    if not is_of_digits(dataset.name):
        return recipe
    side, original = dataset.image_size, original_side(dataset.name)
    return replace(
        recipe,
        padding=_share(recipe.padding, side, original, least=1),
        cutout=_share(recipe.cutout, side, original, least=LEAST_HOLE),
    )


def _share(pixels: int, side: int, original: int, least: int) -> int:
    """Return ``pixels`` times side / original, rounded half up; at least ``least``, except that 0 stays 0."""
    return max(least, (2 * pixels * side + original) // (2 * original)) if pixels else 0
