"""Colour jitter and light noise of photographs, and their normalisation, in one pass over the pixels.

Brightness, contrast and saturation each blend a colour x with black, with the image's mean grey m, or with the
pixel's own grey g(x). Since g is linear and g of a grey is that grey, any sequence of them is ``own · x + grey · g(x)
+ level · m`` with three numbers for an image, so that the jitter costs the same in whatever order it is made.
"""

from __future__ import annotations

from itertools import permutations

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

GREY = (0.299, 0.587, 0.114)
"""Shares of red, green and blue in a grey (ITU-R BT.601)."""

EIGENVALUES = (0.2175, 0.0188, 0.0045)
EIGENVECTORS = ((-0.5675, 0.7192, 0.4009), (-0.5808, -0.0045, -0.8140), (-0.5836, -0.6948, 0.4203))
"""Principal axes of ImageNet's colours in [0, 1]; an eigenvector is a column (clovaai/CutMix-PyTorch, ``train.py``)."""

ORDERS = tuple(permutations(range(3)))
_CONTRAST, _SATURATION = 1, 2
_WHITE = 255.0


def jitter_weights(factors: Tensor, orders: Tensor) -> Tensor:
    """Combine the three changes of colour: float64 (B, 3), the weights own, grey and level.

    Args:
        factors: float64 (B, 3), of brightness, contrast and saturation; 1 changes nothing.
        orders: int64 (B,), places in :data:`ORDERS`.
    """
    own, grey, level = torch.tensor([1.0, 0.0, 0.0], dtype=factors.dtype).expand_as(factors).unbind(1)
    for change in torch.tensor(ORDERS)[orders].unbind(1):
        factor = factors.gather(1, change[:, None])[:, 0]
        to_mean, to_own_grey = (torch.where(change == kind, 1 - factor, 0) for kind in (_CONTRAST, _SATURATION))
        # A level is its own grey, which saturation leaves as it is.
        level = (factor + to_own_grey) * level + to_mean * (own + grey + level)
        own, grey = factor * own, factor * grey + to_own_grey * (own + grey)
    return torch.stack([own, grey, level], dim=1)


def light_offsets(amounts: Tensor) -> Tensor:
    """Compute what light noise adds to red, green and blue in [0, 1]: float64 (B, 3), of amounts along axes (B, 3)."""
    scaled = amounts * torch.tensor(EIGENVALUES, dtype=amounts.dtype)
    axes = torch.tensor(EIGENVECTORS, dtype=amounts.dtype)
    return (axes * scaled[:, None, :]).sum(2)


def mean_greys(pixels: npt.NDArray[np.uint8]) -> Tensor:
    """Compute the mean grey of uint8 images (B, 3, H, W): float64 (B,) in [0, 1], by exact sums, equal in any batch."""
    count, _, height, width = pixels.shape
    # Image by image, since NumPy sums a stack several times slower; the sums of none are still (0, 3).
    sums = np.array([image.reshape(3, -1).sum(1, dtype=np.int64) for image in pixels]).reshape(count, 3)
    red, green, blue = sums.T / (_WHITE * height * width)
    return torch.from_numpy(GREY[0] * red + GREY[1] * green + GREY[2] * blue)


def colour_map(weights: Tensor, greys: Tensor, light: Tensor) -> Tensor:
    """Compute what :func:`recoloured_` needs: float32 (B, 5), weights own and grey, and offsets of R, G and B."""
    return torch.cat([weights[:, :2], (weights[:, 2] * greys)[:, None] + light], dim=1).float()


def recoloured_(pixels: Tensor, colours: Tensor, mean: Tensor, std: Tensor) -> Tensor:
    """Apply jitter, light and normalisation to float32 pixels (B, 3, H, W) in [0, 255], in place.

    Products and sums are separate operations, none fused, so that an image is the same in any batch.

    Args:
        pixels: as they were read.
        colours: float32 (B, 5), from :func:`colour_map`.
        mean, std: float32 (3,), of pixels in [0, 1].
    """

    def of_channel(value: Tensor) -> Tensor:
        return value[:, :, None, None]

    own, grey, offset = colours[:, :1], colours[:, 1:2], colours[:, 2:]
    white = torch.full((), _WHITE, device=pixels.device)  # a tensor, as in Normaliser; filled there, so nothing waits
    greys = pixels[:, :1] * GREY[0]
    greys += pixels[:, 1:2] * GREY[1]
    greys += pixels[:, 2:] * GREY[2]
    pixels.mul_(of_channel(own / white / std)).add_(greys * of_channel(grey / white / std))
    return pixels.add_(of_channel((offset - mean) / std))
