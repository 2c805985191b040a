"""Labels from a file, such as people's: read, and compared with the data set."""

from __future__ import annotations

import hashlib
import io
import json
import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor

from olsrepro.checks import did_you_mean, other_content
from olsrepro.data.noise.file.settings import Settings
from olsrepro.settings import UserError

CLEAN_KEY = "clean_label"  # of the true labels in the files of CIFAR-N (UCSC-REAL/cifar-10-100n)

_CHANCE_DEVIATIONS = 4
_NAMED = 20  # of a file's keys
_RECONSTRUCT = np.empty(0).__reduce__()[0]
# CIFAR-N keeps NumPy arrays in its .pt files; the name of their maker changed with NumPy 2.
_ARRAY_PARTS: list[Any] = [
    (_RECONSTRUCT, "numpy.core.multiarray._reconstruct"),
    (_RECONSTRUCT, "numpy._core.multiarray._reconstruct"),
    np.ndarray,
    np.dtype,
    *(type(np.dtype(code)) for code in np.typecodes["AllInteger"]),
]


def given_labels(
    settings: Settings, targets: Tensor, num_classes: int, *, run_seed: int, held: Tensor
) -> tuple[Tensor, str | None]:
    """Read the labels (N,) of the file, after all checks; warn where its images look to be in another order.

    A ``.pt`` file holds labels or a dict of them (CIFAR-N's do, as NumPy arrays), a ``.json`` file a list of them (as
    DivideMix's code writes it) or an object of lists, a ``.npy`` file an array. Of several, ``noise.key`` names the
    labels; true labels under ``clean_label`` are compared with the data set's.

    Raises:
        UserError: the file is missing, changed, of another form, length or order, or has a class outside 0 .. K - 1.
    """
    content = _read(settings)
    labels = _labels_of(settings, content, len(targets), num_classes)
    if isinstance(content, Mapping) and CLEAN_KEY in content:
        _check_order(settings, _label_vector(settings, content[CLEAN_KEY], len(targets)), targets)
    return labels, _order_warning(settings, labels, targets, num_classes)


def check_file(settings: Settings, count: int, num_classes: int) -> None:
    """Refuse a noise file for so many training images and classes (:class:`UserError`); its order is not looked at."""
    _labels_of(settings, _read(settings), count, num_classes)


def _labels_of(settings: Settings, content: Any, count: int, num_classes: int) -> Tensor:
    labels = _label_vector(settings, _of_key(settings, content), count)
    outside = ((labels < 0) | (labels >= num_classes)).nonzero().flatten().tolist()
    if outside:
        raise _refusal(settings, f"label {labels[outside[0]]} at index {outside[0]} is not in 0 .. {num_classes - 1}")
    return labels


def _refusal(settings: Settings, why: str) -> UserError:
    return UserError(f"noise.path={settings.path} is refused: {why}")


def _read(settings: Settings) -> Any:
    path = settings.file()
    try:
        content = path.read_bytes()
    except OSError as error:
        raise _refusal(settings, f"it can't be read: {error.strerror}") from None
    settings.check_sum(hashlib.sha256(content).hexdigest())
    try:
        return _parsed(content, path.suffix)
    except MemoryError:
        raise
    except Exception:  # a damaged file makes the readers raise nearly anything
        found = other_content(content)
        raise _refusal(settings, f"it is {found and f'{found}, '}no {path.suffix} file of plain numbers") from None


def _parsed(content: bytes, ending: str) -> Any:
    if ending == ".json":
        return json.loads(content)
    if ending == ".npy":
        return np.load(io.BytesIO(content), allow_pickle=False)
    with torch.serialization.safe_globals(_ARRAY_PARTS):
        return torch.load(io.BytesIO(content), map_location="cpu", weights_only=True)


def _of_key(settings: Settings, content: Any) -> Any:
    if not isinstance(content, Mapping):
        if settings.key is not None:
            raise _refusal(settings, f"it holds one array and no keys; leave noise.key={settings.key} out")
        return content
    keys = [str(key) for key in content]
    if settings.key is None:
        raise _refusal(settings, f"it holds several arrays; choose one by noise.key=, valid: {_shown(keys)}")
    if settings.key not in content:
        few = len(keys) <= _NAMED
        known = did_you_mean(settings.key, keys) if few else f"valid: {_shown(keys)}"
        raise _refusal(settings, f"it has no noise.key={settings.key}; {known}")
    return content[settings.key]


def _shown(keys: list[str]) -> str:
    more = len(keys) - _NAMED
    return ", ".join(sorted(keys)[:_NAMED]) + (f" and {more} more" if more > 0 else "")


def _label_vector(settings: Settings, values: Any, count: int) -> Tensor:
    try:
        array = np.asarray(values)
    except (TypeError, ValueError):  # lists of unequal lengths
        raise _refusal(settings, "its labels are no list of whole numbers") from None
    if array.dtype.kind not in "iu":
        raise _refusal(settings, f"its labels are no whole numbers but {array.dtype}")
    if array.size != count:
        raise _refusal(settings, f"it has {array.size} labels, and the data set has {count} training images")
    return torch.from_numpy(array.astype(np.int64).reshape(-1))


def _check_order(settings: Settings, clean: Tensor, targets: Tensor) -> None:
    differ = (clean != targets).nonzero().flatten().tolist()
    if differ:
        first = differ[0]
        raise _refusal(
            settings,
            f"its {CLEAN_KEY} differs from the data set's true labels at {len(differ)} of {len(targets)} images, first"
            f" at index {first} ({clean[first]} instead of {targets[first]}): its images are in another order",
        )


def _order_warning(settings: Settings, labels: Tensor, targets: Tensor, num_classes: int) -> str | None:
    """Return a line if labels are true no more often than in a random order: the only sign without true labels."""
    count = len(targets)
    shares = [torch.bincount(classes, minlength=num_classes).double() / count for classes in (labels, targets)]
    right, chance = float((labels == targets).double().mean()), float((shares[0] * shares[1]).sum())
    if right > chance + _CHANCE_DEVIATIONS * math.sqrt(chance * (1 - chance) / count):
        return None
    return (
        f"noise.path={settings.path}: {right:.1%} of its labels are true, and {chance:.1%} would be in a random order:"
        " its images may be in another order than the data set's"
    )
