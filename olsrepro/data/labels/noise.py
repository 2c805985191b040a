"""Label noise, fixed once before training: which labels are wrong, and what each shows; drawn, or from a file."""

from __future__ import annotations

import hashlib
import io
import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from olsrepro.checks import did_you_mean
from olsrepro.data.labels.settings import NoiseSettings
from olsrepro.randomness import address, integers, permutation, uniform
from olsrepro.settings import UserError

CLEAN_KEY = "clean_label"  # of the true labels in the files of CIFAR-N (UCSC-REAL/cifar-10-100n)

_CHANCE_DEVIATIONS = 4
_RECONSTRUCT = np.empty(0).__reduce__()[0]
# CIFAR-N keeps NumPy arrays in its .pt files; the name of their maker changed with NumPy 2.
_ARRAY_PARTS: list[Any] = [
    (_RECONSTRUCT, "numpy.core.multiarray._reconstruct"),
    (_RECONSTRUCT, "numpy._core.multiarray._reconstruct"),
    np.ndarray,
    np.dtype,
    *(type(np.dtype(code)) for code in np.typecodes["AllInteger"]),
]


@dataclass(frozen=True)
class NoisyLabels:
    """The labels to train on.

    Attributes:
        targets: int64 (N,).
        flipped: bool (N,), where a target isn't the true class.
        rate: measured share of flipped labels, of the samples that no method holds out.
        sha256: of the targets as little-endian int64, in hex.
        warning: a line for the user, or None.
    """

    targets: Tensor
    flipped: Tensor
    rate: float
    sha256: str
    warning: str | None = None


def noisy_targets(
    targets: Tensor, num_classes: int, settings: NoiseSettings, run_seed: int, held_out: Tensor | None = None
) -> NoisyLabels:
    """The labels that a run trains on (paper Sec. V-B and other readings of it, one for each switch).

    Sample i's new class depends on (noise seed, i) and its true class alone, and so does whether it is drawn where the
    selection is ``bernoulli``; an exact count takes those samples that come first in an order which the seed fixes. At
    one seed the labels drawn at a lower rate are drawn at a higher one too, to the same classes.

    Args:
        targets: int64 (N,), true classes on the CPU; left as they are.
        num_classes: K; the classes of the pool are 0 .. m - 1. Where the true class t is in the pool and may not come
            out, a label is (t + d) mod m with d uniform in 1 .. m - 1, else d is uniform in 0 .. m - 1.
        settings: kind, rate, seed and the other switches.
        run_seed: the seed where the settings have none.
        held_out: int64 indices of the samples that keep their true labels, a method's clean set; None: there is none.

    Raises:
        UserError: a pool of one class; a file that can't be read, or that isn't of this data set in its order.
    """
    settings.check_fits(num_classes)
    held = _mask(len(targets), held_out)
    if settings.kind == "file":
        labels = file_labels(settings, targets, num_classes)
        warning = _order_warning(settings, labels, targets, num_classes)
    else:
        seed = run_seed if settings.seed is None else settings.seed
        labels = _drawn_labels(targets, num_classes, settings, seed, held)
        warning = _rate_warning(settings, num_classes)
    noisy = torch.where(held, targets, labels)
    flipped = noisy != targets
    rate = int(flipped.sum()) / max(1, int((~held).sum()))
    return NoisyLabels(noisy, flipped, rate, labels_sha256(noisy), warning)


def labels_sha256(targets: Tensor) -> str:
    """SHA-256 of labels (N,) as little-endian int64 bytes, in hex."""
    return hashlib.sha256(targets.cpu().numpy().astype("<i8").tobytes()).hexdigest()


def _mask(count: int, indices: Tensor | None) -> Tensor:
    mask = torch.zeros(count, dtype=torch.bool)
    if indices is not None:
        mask[indices] = True
    return mask


# --- drawn labels -----------------------------------------------------------------------------------------------------


def flip_count(rate: float, count: int) -> int:
    """floor(rate · count), where the product is taken as the decimal that the rate was typed as."""
    return min(count, math.floor(rate * count + 1e-9))


def _drawn_labels(targets: Tensor, num_classes: int, settings: NoiseSettings, seed: int, held: Tensor) -> Tensor:
    candidates = ~held if settings.scope == "remaining" else torch.ones_like(held)
    key = address(seed, "noise_choice")
    if settings.selection == "bernoulli":
        chosen = uniform(key, torch.arange(len(targets))) < settings.rate
    else:
        order = permutation(key, len(targets))
        groups = targets if settings.selection == "exact_per_class" else torch.zeros_like(targets)
        chosen = _first_of_each(groups, order[candidates[order]], settings.rate)
    pool = settings.pool_size(num_classes)
    return torch.where(chosen, _new_classes(targets, pool, settings.include_true, seed), targets)


def _first_of_each(groups: Tensor, order: Tensor, rate: float) -> Tensor:
    """Mask (N,) of the share ``rate`` of each group that comes first in an order of some or all samples."""
    chosen = _mask(len(groups), None)
    for group in range(int(groups.max()) + 1):
        members = order[groups[order] == group]
        chosen[members[: flip_count(rate, len(members))]] = True
    return chosen


def _new_classes(targets: Tensor, pool: int, include_true: bool, seed: int) -> Tensor:
    """For each sample the class that it shows if it is drawn, uniform over the classes below ``pool``."""
    least = torch.zeros_like(targets) if include_true else (targets < pool).long()
    shift = least + integers(address(seed, "noise_class"), torch.arange(len(targets)), 0, pool - least)
    return (targets + shift) % pool


def _rate_warning(settings: NoiseSettings, num_classes: int) -> str | None:
    pool = settings.pool_size(num_classes)
    if settings.include_true and pool == num_classes:  # the true class gains as much as any other
        return None
    rivals = pool + settings.include_true
    if settings.rate <= 1 - 1 / rivals:
        return None
    return f"noise.rate={settings.rate:g} is above 1 - 1/{rivals}: the true class is no longer the most frequent label"


# --- labels from a file -----------------------------------------------------------------------------------------------


def file_labels(settings: NoiseSettings, targets: Tensor, num_classes: int) -> Tensor:
    """The labels of a noise file, int64 (N,), after all checks.

    A ``.pt`` file holds labels or a dict of them (CIFAR-N's do, as NumPy arrays), a ``.json`` file a list of them (as
    DivideMix's code writes it) or an object of lists, a ``.npy`` file an array. Of several, ``noise.key`` names the
    labels; true labels under ``clean_label`` are compared with the data set's.

    Args:
        settings: path, key, and the SHA-256 that the file must have.
        targets: int64 (N,), true classes in the order of the data set.
        num_classes: K.

    Raises:
        UserError: the file is missing, changed, of another form, length or order, or has a class outside 0 .. K - 1.
    """
    held = _read(settings)
    labels = _labels_of(settings, held, len(targets), num_classes)
    if isinstance(held, Mapping) and CLEAN_KEY in held:
        _check_order(settings, _label_vector(settings, held[CLEAN_KEY], len(targets)), targets)
    return labels


def check_file(settings: NoiseSettings, count: int, num_classes: int) -> None:
    """Refuse a noise file for so many training images and classes (:class:`UserError`); its order is not looked at."""
    _labels_of(settings, _read(settings), count, num_classes)


def _labels_of(settings: NoiseSettings, held: Any, count: int, num_classes: int) -> Tensor:
    labels = _label_vector(settings, _of_key(settings, held), count)
    outside = ((labels < 0) | (labels >= num_classes)).nonzero().flatten().tolist()
    if outside:
        raise _refusal(settings, f"label {labels[outside[0]]} at index {outside[0]} is not in 0 .. {num_classes - 1}")
    return labels


def _refusal(settings: NoiseSettings, why: str) -> UserError:
    return UserError(f"noise.path={settings.path} is refused: {why}")


def _read(settings: NoiseSettings) -> Any:
    path = Path(str(settings.path)).expanduser()
    try:
        content = path.read_bytes()
    except OSError as error:
        raise _refusal(settings, f"it can't be read: {error.strerror}") from None
    settings.check_sum(hashlib.sha256(content).hexdigest())
    try:
        return _parsed(content, path.suffix)
    except Exception as error:  # a damaged file makes the readers raise nearly anything
        first = next(iter(str(error).splitlines()), type(error).__name__)
        raise _refusal(settings, f"it is no {path.suffix} file of plain numbers ({first})") from None


def _parsed(content: bytes, ending: str) -> Any:
    if ending == ".json":
        return json.loads(content)
    if ending == ".npy":
        return np.load(io.BytesIO(content), allow_pickle=False)
    with torch.serialization.safe_globals(_ARRAY_PARTS):
        return torch.load(io.BytesIO(content), map_location="cpu", weights_only=True)


def _of_key(settings: NoiseSettings, held: Any) -> Any:
    if not isinstance(held, Mapping):
        if settings.key is not None:
            raise _refusal(settings, f"it holds one array and no keys; leave noise.key={settings.key} out")
        return held
    keys = [str(key) for key in held]
    if settings.key is None:
        raise _refusal(settings, f"it holds several arrays; choose one by noise.key=, valid: {', '.join(sorted(keys))}")
    if settings.key not in held:
        raise _refusal(settings, f"it has no noise.key={settings.key}; {did_you_mean(settings.key, keys)}")
    return held[settings.key]


def _label_vector(settings: NoiseSettings, values: Any, count: int) -> Tensor:
    try:
        array = np.asarray(values)
    except (TypeError, ValueError):  # lists of unequal lengths
        raise _refusal(settings, "its labels are no list of whole numbers") from None
    if array.dtype.kind not in "iu":
        raise _refusal(settings, f"its labels are no whole numbers but {array.dtype}")
    if array.size != count:
        raise _refusal(settings, f"it has {array.size} labels, and the data set has {count} training images")
    return torch.from_numpy(array.astype(np.int64).reshape(-1))


def _check_order(settings: NoiseSettings, clean: Tensor, targets: Tensor) -> None:
    differ = (clean != targets).nonzero().flatten().tolist()
    if differ:
        first = differ[0]
        raise _refusal(
            settings,
            f"its {CLEAN_KEY} differs from the data set's true labels at {len(differ)} of {len(targets)} images, first"
            f" at index {first} ({clean[first]} instead of {targets[first]}): its images are in another order",
        )


def _order_warning(settings: NoiseSettings, labels: Tensor, targets: Tensor, num_classes: int) -> str | None:
    """A line where labels are true no more often than in a random order: all that a file without true labels tells."""
    count = len(targets)
    shares = [torch.bincount(classes, minlength=num_classes).double() / count for classes in (labels, targets)]
    right, chance = float((labels == targets).double().mean()), float((shares[0] * shares[1]).sum())
    if right > chance + _CHANCE_DEVIATIONS * math.sqrt(chance * (1 - chance) / count):
        return None
    return (
        f"noise.path={settings.path}: {right:.1%} of its labels are true, and {chance:.1%} would be in a random order:"
        " its images may be in another order than the data set's"
    )
