"""Combinations that cannot work, refused before anything is launched."""

from __future__ import annotations

from olsrepro.config.run_config import RunConfig
from olsrepro.settings import UserError
from olsrepro.training.tasks import task_kind


def validate(config: RunConfig) -> None:
    """Refuse a run whose parts don't fit each other.

    Raises:
        UserError: which two values don't fit, and what to set.
    """
    _tasks_agree(config)
    _image_fits_backbone(config)
    _task_takes_it(config)
    _crop_fits_dataset(config)
    _cutout_fits_image(config)
    _batch_fits_dataset(config)
    _noise_fits_run(config)
    _backbone_has_stages(config)
    _batch_has_pairs(config)
    _samples_can_be_remembered(config)
    _method_fits_run(config)


def _tasks_agree(config: RunConfig) -> None:
    network, data = task_kind(config.backbone.task), task_kind(config.dataset.task)
    if network is not data:
        raise UserError(
            f"backbone={config.backbone.name} {network.backbone_does}, but dataset={config.dataset.name} has"
            f" {data.dataset_has}: choose {data.backbones}, or {network.datasets}"
        )


def _task_takes_it(config: RunConfig) -> None:
    dataset, recipe = config.dataset, config.recipe
    if recipe.task != dataset.task:
        raise UserError(
            f"this recipe is for {recipe.task}, but dataset={dataset.name} is for {dataset.task}: leave out recipe=…,"
            f" as the data set has its own; a recipe of yours must say `task: {dataset.task}` in its file"
        )
    task_kind(dataset.task).check_parts(dataset.name, config.method, config.runtime)


def _image_fits_backbone(config: RunConfig) -> None:
    side, least, unit = config.dataset.image_size, config.backbone.min_image_size, config.backbone.side_multiple
    below = side // unit * unit
    if side < least:
        raise UserError(
            f"backbone={config.backbone.name} needs images of at least {least} pixels; dataset={config.dataset.name}"
            f" has {side}: choose a backbone for small images, such as resnet8"
        )
    if side % unit:
        raise UserError(
            f"backbone={config.backbone.name} needs images whose side is a multiple of {unit} pixels;"
            f" dataset={config.dataset.name} has {side}: set dataset.input_size={below} or {below + unit}"
        )


def _crop_fits_dataset(config: RunConfig) -> None:
    crop, known = config.recipe.crop, config.dataset.crops
    if crop not in known:
        raise UserError(
            f"recipe.crop={crop} is not a crop for dataset={config.dataset.name}, whose images are"
            f" {'in memory' if config.dataset.is_in_memory else 'photographs'}; valid: {', '.join(known)}"
        )


def _cutout_fits_image(config: RunConfig) -> None:
    if config.recipe.cutout > 2 * config.dataset.image_size:
        raise UserError(
            f"recipe.cutout={config.recipe.cutout} hides the whole of any {config.dataset.image_size}-pixel image of"
            f" dataset={config.dataset.name}; half the side, {config.dataset.image_size // 2}, is usual"
        )


def _batch_fits_dataset(config: RunConfig) -> None:
    if config.recipe.batch_size > config.dataset.train_size:
        raise UserError(
            f"recipe.batch_size={config.recipe.batch_size} is more than the {config.dataset.train_size} training"
            f" images of dataset={config.dataset.name}"
        )


def _noise_fits_run(config: RunConfig) -> None:
    method = config.method
    config.noise.check_fits(config.dataset, method.name, has_clean_set=method.clean_set() is not None)


def _backbone_has_stages(config: RunConfig) -> None:
    if config.method.needs_stages and not config.backbone.has_stages:
        raise UserError(
            f"method={config.method.name} puts heads on the stages of its backbone, but backbone={config.backbone.name}"
            " names none: choose a ResNet or a ResNeXt, such as resnet20"
        )


def _batch_has_pairs(config: RunConfig) -> None:
    size = config.recipe.batch_size
    if config.method.needs_pairs and size % 2:
        raise UserError(
            f"recipe.batch_size={size} is odd, but method={config.method.name} pairs the halves of a batch: set"
            f" {size + 1}{f' or {size - 1}' if size > 1 else ''}"
        )


def _samples_can_be_remembered(config: RunConfig) -> None:
    method, dataset = config.method, config.dataset
    if method.needs_sample_index and not dataset.sample_index:
        raise UserError(
            f"method={method.name} remembers predictions by sample, but dataset={dataset.name} has no sample index"
            " (dataset.sample_index=false in its config): choose another data set or method"
        )


def _method_fits_run(config: RunConfig) -> None:
    try:
        config.method.check_run(config.dataset, config.recipe.epochs, config.recipe.milestones)
        config.method.images_per_batch(config.recipe.batch_size)
    except ValueError as error:
        raise UserError(str(error)) from None
