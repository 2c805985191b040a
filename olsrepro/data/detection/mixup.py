"""Addressed draws of the images of a step that are mixed, of their shares, and of the size of the step's images."""

from __future__ import annotations

from typing import NamedTuple

import torch
from scipy.special import betaincinv
from torch import Tensor

from olsrepro.data.detection.settings import DetectionAugment
from olsrepro.data.photos.draws import DrawAddress
from olsrepro.randomness import address, integers, uniform


class Mixing(NamedTuple):
    """Mixtures among the images of a batch.

    Attributes:
        rows: int64 (P,), of the batch.
        partners: int64 (P,), the samples that are mixed in.
        shares: float32 (P,), of the first images.
    """

    rows: Tensor
    partners: Tensor
    shares: Tensor


def mixing(augment: DetectionAugment, at: DrawAddress, samples: Tensor, total: int) -> Mixing:
    """Draw the mixtures among samples (int64 (B,)); a partner is any of ``total`` samples, all equally likely."""
    rows = torch.nonzero(uniform(at.key("mixup"), samples) < augment.mixup)[:, 0]
    chosen = samples[rows]
    drawn = uniform(at.key("mixup_share"), chosen).numpy()
    shares = torch.from_numpy(betaincinv(augment.mixup_alpha, augment.mixup_alpha, drawn)).float()
    return Mixing(rows, integers(at.key("mixup_partner"), chosen, 0, total), shares)


def size_of(augment: DetectionAugment, seed: int, epoch: int, step: int) -> int:
    """Draw the side in pixels of a step's images, the same on every rank."""
    drawn = integers(address(seed, "size", epoch), torch.tensor([step // augment.size_every]), 0, len(augment.sizes))
    return augment.sizes[int(drawn)]
