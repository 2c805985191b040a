"""Combinations that cannot work, refused before anything is launched."""

from __future__ import annotations

from olsrepro.config.run_config import RunConfig
from olsrepro.settings import UserError


def validate(config: RunConfig) -> None:
    """Refuse a run whose parts don't fit each other.

    Raises:
        UserError: which two values don't fit, and what to set.
    """
    _image_fits_backbone(config)
    _cutout_fits_image(config)
    _batch_fits_dataset(config)
    _ensembles_fit_epochs(config)


def _image_fits_backbone(config: RunConfig) -> None:
    side, least = config.dataset.image_size, config.backbone.min_image_size
    if side < least:
        raise UserError(
            f"backbone={config.backbone.name} needs images of at least {least} pixels; dataset={config.dataset.name}"
            f" has {side}: choose a backbone for small images, such as resnet8"
        )


def _cutout_fits_image(config: RunConfig) -> None:
    if config.recipe.cutout > 2 * config.dataset.image_size:
        raise UserError(
            f"recipe.cutout={config.recipe.cutout} hides any {config.dataset.image_size}-pixel image of"
            f" dataset={config.dataset.name}; half the side, {config.dataset.image_size // 2}, is usual"
        )


def _batch_fits_dataset(config: RunConfig) -> None:
    if config.recipe.batch_size > config.dataset.train_size:
        raise UserError(
            f"recipe.batch_size={config.recipe.batch_size} is more than the {config.dataset.train_size} training"
            f" images of dataset={config.dataset.name}"
        )


def _ensembles_fit_epochs(config: RunConfig) -> None:
    for size in config.runtime.ensemble_sizes:
        if size > config.recipe.epochs:
            raise UserError(
                f"runtime.ensemble_sizes: {size} models need {size} epochs; recipe.epochs={config.recipe.epochs}"
            )
