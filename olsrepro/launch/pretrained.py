"""File of a run's initial weights: looked for, fetched if it is published, and compared with its name."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import torch

from olsrepro.config.pretrained import sum_of_file
from olsrepro.config.run_config import RunConfig
from olsrepro.files.checksum import matches
from olsrepro.files.download import download
from olsrepro.models.pretrained import load_pretrained
from olsrepro.models.published import PublishedWeights
from olsrepro.models.registry import build_network
from olsrepro.settings import UserError

FOLDER = "weights"
"""Folder of published files, in the folder of all data sets."""


def pretrained_file(config: RunConfig, say: Callable[[str], None]) -> Path | None:
    """Return the file of weights that a run starts from, checked; None where its weights are drawn.

    A published file that is not in ``data_dir/weights`` is fetched; a second process that wants it waits.

    Args:
        config: a composed run.
        say: called with a line on what is fetched.

    Raises:
        UserError: the file is gone, is no longer the one that the run was composed with, or can't be fetched.
    """
    pretrained = config.recipe.pretrained
    if isinstance(pretrained, str):
        return _given(Path(pretrained), config.recipe.start)
    if not pretrained:
        return None
    published = config.backbone.weights()
    assert published is not None  # composing refuses others
    return _published(published, Path(config.runtime.data_dir) / FOLDER, say)


def check_weights(config: RunConfig, path: Path) -> None:
    """Refuse (:class:`UserError`) a file that holds no weights of the run's network."""
    with torch.random.fork_rng(devices=[]):
        load_pretrained(build_network(config.backbone, config.dataset.num_classes), path)


def _given(path: Path, start: str | None) -> Path:
    if (found := sum_of_file(path)) != start:
        raise UserError(f"recipe.pretrained={path} has changed: the run starts from {start}, but this file is {found}")
    return path


def _published(weights: PublishedWeights, folder: Path, say: Callable[[str], None]) -> Path:
    path = folder / weights.file
    if path.is_file() and matches(path, weights.checksum):
        return path
    say(f"fetching {weights.file} from {weights.url} to {folder}")
    try:
        return download([weights.url], path, checksum=weights.checksum)
    except UserError as error:
        raise UserError(
            f"{error}; put {weights.url} into {folder}, or choose another start, which makes it another run:"
            " recipe.pretrained=PATH (a file of weights) or false (drawn weights)"
        ) from None
