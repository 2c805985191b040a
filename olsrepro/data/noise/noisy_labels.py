"""Labels that a run trains on: those of its kind of noise, and true ones where a method holds samples out."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import torch
from torch import Tensor

from olsrepro.data.noise.registry import given_labels
from olsrepro.data.noise.settings import NoiseSettings


@dataclass(frozen=True)
class NoisyLabels:
    """Labels that a run trains on.

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
    """Make the labels that a run trains on.

    Args:
        targets: int64 (N,), true classes on the CPU; left as they are.
        num_classes: K.
        settings: of the noise.
        run_seed: what is drawn from where the settings have no seed.
        held_out: int64 indices of the samples that keep their true labels, a method's clean set; None: there is none.

    Raises:
        UserError: the noise can't be made for so many classes, or not for this training set.
    """
    settings.check_classes(num_classes)
    held = torch.zeros(len(targets), dtype=torch.bool)
    if held_out is not None:
        held[held_out] = True
    labels, warning = given_labels(settings, targets, num_classes, run_seed, held)
    noisy = torch.where(held, targets, labels)
    flipped = noisy != targets
    rate = int(flipped.sum()) / max(1, int((~held).sum()))
    return NoisyLabels(noisy, flipped, rate, labels_sha256(noisy), warning)


def labels_sha256(targets: Tensor) -> str:
    """Compute the SHA-256 of labels (N,) as little-endian int64 bytes, in hex."""
    return hashlib.sha256(targets.cpu().numpy().astype("<i8").tobytes()).hexdigest()
