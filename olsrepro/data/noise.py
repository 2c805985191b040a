"""Label noise, drawn once before training: which labels are wrong, and which wrong class each shows."""

from __future__ import annotations

import hashlib
import math
from dataclasses import dataclass

import torch
from torch import Tensor

from olsrepro.data.settings import NoiseSettings
from olsrepro.randomness import address, integers, permutation


@dataclass(frozen=True)
class NoisyLabels:
    """The labels to train on.

    Attributes:
        targets: int64 (N,).
        flipped: bool (N,), where a target isn't the true class.
        rate: measured share of flipped labels.
        sha256: of the targets as little-endian int64, in hex.
        warning: a line for the user, or None.
    """

    targets: Tensor
    flipped: Tensor
    rate: float
    sha256: str
    warning: str | None = None


def flip_count(rate: float, count: int) -> int:
    """floor(rate · count), where the product is taken as the decimal that the rate was typed as."""
    return min(count, math.floor(rate * count + 1e-9))


def noisy_targets(targets: Tensor, num_classes: int, settings: NoiseSettings, run_seed: int) -> NoisyLabels:
    """Make an exact count of labels wrong (paper Sec. V-B): sample i's draws depend on (noise seed, i) alone.

    At one seed the labels flipped at a lower rate are flipped at a higher one too, to the same classes.

    Args:
        targets: int64 (N,), true classes on the CPU; left as they are.
        num_classes: K; a wrong label is (t + d) mod K with d uniform in 1 .. K - 1.
        settings: kind, rate, seed.
        run_seed: the seed where the settings have none.
    """
    seed = run_seed if settings.seed is None else settings.seed
    count = targets.shape[0]
    shift = integers(address(seed, "noise_class"), torch.arange(count), 1, num_classes)
    chosen = permutation(address(seed, "noise_choice"), count)[: flip_count(settings.rate, count)]
    flipped = torch.zeros(count, dtype=torch.bool)
    flipped[chosen] = True
    noisy = torch.where(flipped, (targets + shift) % num_classes, targets)
    rate = chosen.shape[0] / count
    return NoisyLabels(noisy, flipped, rate, labels_sha256(noisy), _warning(settings.rate, num_classes))


def labels_sha256(targets: Tensor) -> str:
    """SHA-256 of labels (N,) as little-endian int64 bytes, in hex."""
    return hashlib.sha256(targets.cpu().numpy().astype("<i8").tobytes()).hexdigest()


def _warning(rate: float, num_classes: int) -> str | None:
    if rate <= 1 - 1 / num_classes:
        return None
    return f"noise.rate={rate:g} is above 1 - 1/{num_classes}: the true class is no longer the most frequent label"
