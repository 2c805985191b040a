"""Kinds of label noise by name: each is a folder here with ``settings.py`` (no torch) and ``labels.py``.

They are found by scanning. ``settings.py`` has a frozen dataclass ``Settings`` of the kind's own keys, ``labels.py`` a
function ``given_labels`` as below.
"""

from __future__ import annotations

import pkgutil
from functools import cache
from importlib import import_module
from typing import TYPE_CHECKING, cast

import olsrepro.data.noise as package
from olsrepro.checks import did_you_mean
from olsrepro.data.noise.settings import NoiseSettings
from olsrepro.settings import UserError

if TYPE_CHECKING:
    from torch import Tensor


@cache
def noise_kinds() -> tuple[str, ...]:
    """Return the names of all kinds of noise, sorted."""
    return tuple(sorted(item.name for item in pkgutil.iter_modules(package.__path__) if item.ispkg))


@cache
def settings_class(kind: str) -> type[NoiseSettings]:
    """Return the settings dataclass of a kind; an unknown one raises :class:`UserError` with the nearest names."""
    if kind not in noise_kinds():
        raise UserError(f"noise.kind={kind} is not known; {did_you_mean(kind, noise_kinds())}")
    return cast("type[NoiseSettings]", import_module(f"{package.__name__}.{kind}.settings").Settings)


def given_labels(
    settings: NoiseSettings, targets: Tensor, num_classes: int, run_seed: int, held: Tensor
) -> tuple[Tensor, str | None]:
    """Make the labels of a kind of noise, as if no sample were held out.

    Args:
        settings: of the kind.
        targets: int64 (N,), true classes on the CPU, in the order of the data set.
        num_classes: K.
        run_seed: seed of the run.
        held: bool (N,), samples that get their true labels back.

    Returns:
        Labels, int64 (N,), and a line for the user or None.

    Raises:
        UserError: they can't be made for this training set.
    """
    module = import_module(f"{package.__name__}.{settings.kind}.labels")
    return cast(
        "tuple[Tensor, str | None]", module.given_labels(settings, targets, num_classes, run_seed=run_seed, held=held)
    )
