"""Input spaces in which a network is attacked: pixels in [0, 1], or the normalised images that it is trained on."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from olsrepro.data.pixels import Normaliser
from olsrepro.evaluation.attack import PIXEL_RANGE, full_precision
from olsrepro.evaluation.subject import Subject

ANY_VALUE = (float("-inf"), float("inf"))


class PixelNetwork(nn.Module):
    """A network with the normalisation inside: pixels in [0, 1] (B, 3, H, W) to logits (B, K).

    Args:
        network: normalised images to logits.
        mean, std: float32 (3,), of pixels in [0, 1].
    """

    mean: Tensor
    std: Tensor

    def __init__(self, network: nn.Module, mean: Tensor, std: Tensor) -> None:
        super().__init__()
        self.network = network
        self.register_buffer("mean", mean.view(-1, 1, 1))
        self.register_buffer("std", std.view(-1, 1, 1))

    def forward(self, pixels: Tensor) -> Tensor:
        """Return logits (B, K), on clean pixels bit for bit those of the run's own test."""
        logits: Tensor = self.network((pixels - self.mean) / self.std)
        return logits


@dataclass(frozen=True)
class InputSpace:
    """Space of the inputs that an attack changes.

    Attributes:
        network: inputs to logits, on the device.
        normalise: uint8 images (B, 3, H, W) to float32 inputs.
        device: where both are.
    """

    network: nn.Module
    normalise: Normaliser
    device: torch.device

    def inputs(self, images: Tensor) -> Tensor:
        """Normalise uint8 images on any device to float32 inputs (B, 3, H, W) on the space's device."""
        return self.normalise(images.to(self.device))

    def logits(self, inputs: Tensor) -> Tensor:
        """Compute logits (B, K) in float32, without a gradient."""
        with torch.no_grad(), full_precision(self.device):
            found: Tensor = self.network(inputs)
            return found


def input_space(name: str, subject: Subject) -> InputSpace:
    """Return the space ``pixel`` or ``normalised`` of a subject's network."""
    network, device = subject.network(), subject.device
    if name == "normalised":
        return InputSpace(network, Normaliser(subject.mean, subject.std, device), device)
    whole = PixelNetwork(network, subject.mean.to(device), subject.std.to(device))
    return InputSpace(whole, Normaliser(torch.zeros(3), torch.ones(3), device), device)


def value_range(name: str) -> tuple[float, float]:
    """Return the lowest and highest value of an input: [0, 1] for pixels, no bounds for normalised ones."""
    return ANY_VALUE if name == "normalised" else PIXEL_RANGE
