"""Labels that people gave test images, as shares of the classes; for a stand-in, shares of nearest neighbours."""

from __future__ import annotations

import hashlib
import io
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from olsrepro.data.dataset import ImageData, LabelledImages
from olsrepro.data.download.manifest import LABEL_FILES, ROOT_VARIABLE
from olsrepro.data.download.source import LabelFile
from olsrepro.settings import UserError

if TYPE_CHECKING:
    import numpy.typing as npt
    from torch import Tensor

    Shares = npt.NDArray[Any]

STAND_IN = "digits@cifar10"
NEIGHBOURS = 20

_SUM_TOLERANCE = 1e-6
# People's first choice is the test label for 99.21 % of the published rows, and for 10 % in any other order.
_LEAST_AGREEMENT = 0.95


@dataclass(frozen=True)
class HumanLabels:
    """Label distributions of a test set.

    Attributes:
        shares: float64 (N_test, K), in the order of the test set; rows sum to 1.
        source: where they come from, in words.
    """

    shares: Tensor
    source: str


def human_labels(name: str, data: LabelledImages, root: Path) -> HumanLabels:
    """Read a data set's human labels: for ``cifar10`` those of CIFAR-10H (Peterson et al. 2019, jcpeterson/cifar-10h).

    Args:
        name: of the data set.
        data: that data set.
        root: folder of all data sets.

    Raises:
        UserError: it has none; or their file is missing, isn't the published one, or doesn't fit the test set.
    """
    if name == STAND_IN and isinstance(data, ImageData):
        source = f"no people: stand-in, class shares among the {NEIGHBOURS} nearest training images"
        return HumanLabels(neighbour_shares(data, NEIGHBOURS), source)
    for item in LABEL_FILES.values():
        if item.dataset == name:
            return _read(item, data, root)
    labelled = " and ".join(item.dataset for item in LABEL_FILES.values())
    raise UserError(f"dataset={name} has no human labels here; {labelled} has them, {STAND_IN} has stand-ins for them")


def _read(item: LabelFile, data: LabelledImages, root: Path) -> HumanLabels:
    import torch

    path = root / item.place
    content = _content(item, path)
    shares, found = _array(content), hashlib.sha256(content).hexdigest()
    problem = _misfit(shares, data)
    if not problem and found != item.sha256:
        problem = f"it is not the published file: SHA-256 {found}, expected {item.sha256}"
    if problem:
        raise UserError(f"{path} is refused: {problem}; run `olsrepro data fetch {item.name}` to replace it")
    return HumanLabels(torch.from_numpy(shares).double(), f"people: {item.name}, SHA-256 {item.sha256[:16]}")


def _content(item: LabelFile, path: Path) -> bytes:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        raise UserError(
            f"{item.name} is not here: no {path}; run `olsrepro data fetch {item.name}`, "
            f"or set {ROOT_VARIABLE} to the folder that holds {item.place}"
        ) from None
    except OSError as error:
        raise UserError(
            f"{path} can't be read: {error.strerror}; {ROOT_VARIABLE} names the folder of data sets"
        ) from None


def _array(content: bytes) -> Shares | None:
    """Parse the array in a NumPy file; None where there is none of floating-point numbers."""
    from numpy.lib import format as npy

    try:
        array = npy.read_array(io.BytesIO(content), allow_pickle=False)
    except MemoryError:
        raise
    except Exception:  # a damaged header is parsed as Python, which has many errors
        return None
    return array if array.dtype.kind == "f" else None


def _misfit(shares: Shares | None, data: LabelledImages) -> str:
    """Say what keeps an array from being label distributions of a test set in its order; empty if nothing does."""
    shape = (len(data.test_targets), len(data.class_names))
    if shares is None:
        return "it holds no array of floating-point numbers"
    if shares.shape != shape:
        return f"its shape is {shares.shape} instead of {shape}"
    if not ((shares >= 0).all() and (abs(shares.sum(axis=1) - 1) <= _SUM_TOLERANCE).all()):
        return "its rows are not distributions: a number is negative or missing, or a row does not sum to 1"
    agreement = (shares.argmax(axis=1) == data.test_targets.numpy()).mean()
    if agreement < _LEAST_AGREEMENT:
        return (
            f"people's first choice is the test label for {agreement:.1%} of its rows instead of about 99 %, so they "
            "are not in the order of the test set"
        )
    return ""


def neighbour_shares(data: ImageData, count: int) -> Tensor:
    """Count class shares among each test image's ``count`` nearest training images: float64 (N_test, K), rows sum to 1.

    Nearness is Euclidean distance between pixels; of equally near images, those that come first are taken.
    """
    import torch

    nearest = _squared_distances(data).argsort(dim=1, stable=True)[:, :count]
    classes = data.train_targets[nearest]
    return torch.nn.functional.one_hot(classes, len(data.class_names)).double().mean(dim=1)


def _squared_distances(data: ImageData) -> Tensor:
    """Compute distances of test from training images, (N_test, N_train): integers below 2**53, so exact in float64."""
    test, train = (images.flatten(1).double() for images in (data.test_images, data.train_images))
    return test.square().sum(1)[:, None] + train.square().sum(1) - 2 * test @ train.T
