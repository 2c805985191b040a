"""Initial weights of a network: published ones, those of a file, or drawn ones. No torch here."""

from __future__ import annotations

import os
from dataclasses import replace
from functools import lru_cache
from pathlib import Path

from olsrepro.files.checksum import sha256
from olsrepro.models.settings import SCALES, BackboneSettings
from olsrepro.settings import UserError
from olsrepro.training.recipe import RecipeSettings


def started(recipe: RecipeSettings, backbone: BackboneSettings) -> RecipeSettings:
    """Return the recipe with its ``start`` filled in and the path of a file made absolute.

    Raises:
        UserError: this backbone has no published weights, the file can't be read, or the weights found are not those
            of the ``recipe.start`` that is given.
    """
    pretrained, start = recipe.pretrained, None
    if isinstance(pretrained, str):
        path = Path(os.path.expanduser(pretrained)).absolute()
        pretrained, start = str(path), sum_of_file(path)
    elif pretrained:
        start = _published(backbone)
    _refuse_other(recipe, start)
    return replace(recipe, pretrained=pretrained, start=start)


def sum_of_file(path: Path) -> str:
    """Return ``sha256:`` and a file's checksum, read once until the file changes; :class:`UserError` if unreadable."""
    try:
        state = path.stat()
        return _sum(path, state.st_size, state.st_mtime_ns)
    except OSError as error:
        raise UserError(
            f"recipe.pretrained={path} can't be read: {error.strerror}; name a file of weights, or set"
            " recipe.pretrained=true (published weights) or false (drawn weights)"
        ) from None


@lru_cache(maxsize=256)
def _sum(path: Path, size: int, modified_ns: int) -> str:
    return f"sha256:{sha256(path)}"


def _published(backbone: BackboneSettings) -> str:
    if (weights := backbone.weights()) is not None:
        return weights.file
    instead = "recipe.pretrained=false (drawn weights)"
    if replace(backbone, width=1.0, depth_factor=1.0).weights() is not None:
        changed = [key for key in SCALES if getattr(backbone, key) != 1]
        values = " and ".join(f"backbone.{key}={getattr(backbone, key):g}" for key in changed)
        whole = " ".join(f"backbone.{key}=1" for key in changed)
        raise UserError(f"recipe.pretrained=true: no published weights fit {values}; set {whole}, or {instead}")
    known = f" ({backbone.weights_elsewhere})" if backbone.weights_elsewhere else ""
    raise UserError(
        f"recipe.pretrained=true: there are no published weights of backbone={backbone.name} to fetch{known}; name a"
        f" file of weights with recipe.pretrained=PATH, or set {instead}"
    )


def _refuse_other(recipe: RecipeSettings, start: str | None) -> None:
    if recipe.start in (None, start):
        return
    if start is None:
        raise UserError(
            f"recipe.start={recipe.start} has no effect with recipe.pretrained=false; set recipe.pretrained=true"
            " (published weights) or to the path of a file"
        )
    raise UserError(f"recipe.start={recipe.start} does not fit recipe.pretrained={_shown(recipe)}, which is {start}")


def _shown(recipe: RecipeSettings) -> str:
    return str(recipe.pretrained).lower() if isinstance(recipe.pretrained, bool) else recipe.pretrained
