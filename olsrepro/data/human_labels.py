"""What people see in test images, as shares of the classes; for a stand-in, its nearest neighbours answer instead."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from olsrepro.settings import UserError

if TYPE_CHECKING:
    from torch import Tensor

    from olsrepro.data.images import ImageData

STAND_IN = "digits@cifar10"
NEIGHBOURS = 20


@dataclass(frozen=True)
class HumanLabels:
    """Label distributions of a test set.

    Attributes:
        shares: float64 (N_test, K), in the order of the test set; rows sum to 1.
        source: where they come from, in words.
    """

    shares: Tensor
    source: str


def human_labels(name: str, data: ImageData) -> HumanLabels:
    """The human labels of a data set.

    Raises:
        UserError: it has none.
    """
    if name != STAND_IN:
        raise UserError(f"dataset={name} has no human labels here; {STAND_IN} has stand-ins for them")
    source = f"no people: stand-in, class shares among the {NEIGHBOURS} nearest training images"
    return HumanLabels(neighbour_shares(data, NEIGHBOURS), source)


def neighbour_shares(data: ImageData, count: int) -> Tensor:
    """Class shares among the ``count`` training images nearest to each test image: float64 (N_test, K), rows sum to 1.

    Nearest by Euclidean distance of the pixels; of equally near ones, those that come first.
    """
    import torch

    nearest = _squared_distances(data).argsort(dim=1, stable=True)[:, :count]
    classes = data.train_targets[nearest]
    return torch.nn.functional.one_hot(classes, len(data.class_names)).double().mean(dim=1)


def _squared_distances(data: ImageData) -> Tensor:
    """Between test and training images, (N_test, N_train): whole numbers below 2**53, hence exact in float64."""
    test, train = (images.flatten(1).double() for images in (data.test_images, data.train_images))
    return test.square().sum(1)[:, None] + train.square().sum(1) - 2 * test @ train.T
