"""What a network starts from: weights that are published, those of a file, or drawn ones; imports no torch."""

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
    """The recipe with its ``start`` filled in and the path of a file made absolute.

    Raises:
        UserError: nobody publishes weights of this backbone, the file can't be read, or what is found is not the
            ``recipe.start`` that is given.
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
    """``sha256:`` and a file's own, read once while it stays as it is; :class:`UserError` where it can't be read."""
    try:
        state = path.stat()
        return _sum(path, state.st_size, state.st_mtime_ns)
    except OSError as error:
        raise UserError(
            f"recipe.pretrained={path} can't be read: {error.strerror}; name a file of weights, or set"
            " recipe.pretrained=true (published ones) or false (drawn ones)"
        ) from None


@lru_cache(maxsize=256)
def _sum(path: Path, size: int, modified_ns: int) -> str:
    return f"sha256:{sha256(path)}"


def _published(backbone: BackboneSettings) -> str:
    if (weights := backbone.weights()) is not None:
        return weights.file
    instead = "recipe.pretrained=false, from drawn weights"
    if replace(backbone, width=1.0, depth_factor=1.0).weights() is not None:
        changed = [key for key in SCALES if getattr(backbone, key) != 1]
        values = " and ".join(f"backbone.{key}={getattr(backbone, key):g}" for key in changed)
        whole = " ".join(f"backbone.{key}=1" for key in changed)
        raise UserError(f"recipe.pretrained=true: no published weights fit {values}; set {whole}, or {instead}")
    known = f" ({backbone.weights_elsewhere})" if backbone.weights_elsewhere else ""
    raise UserError(
        f"recipe.pretrained=true: nobody publishes weights of backbone={backbone.name} that can be fetched{known}; name"
        f" a file of them by recipe.pretrained=PATH, or set {instead}"
    )


def _refuse_other(recipe: RecipeSettings, start: str | None) -> None:
    if recipe.start in (None, start):
        return
    if start is None:
        raise UserError(
            f"recipe.start={recipe.start} has no effect with recipe.pretrained=false; set recipe.pretrained=true"
            " (published weights) or to the path of a file"
        )
    raise UserError(f"recipe.start={recipe.start} is not what recipe.pretrained={_shown(recipe)} comes to: {start}")


def _shown(recipe: RecipeSettings) -> str:
    return str(recipe.pretrained).lower() if isinstance(recipe.pretrained, bool) else recipe.pretrained
