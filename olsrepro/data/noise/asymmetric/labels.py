"""Asymmetric noise: labels that show the one class which a map has for the true one."""

from __future__ import annotations

import torch
from torch import Tensor

from olsrepro.data.noise.asymmetric.settings import Settings
from olsrepro.data.noise.drawing import drawn_samples, rate_warning

RIVALS = 2  # the true class and the one that is shown in its place


def given_labels(
    settings: Settings, targets: Tensor, num_classes: int, *, run_seed: int, held: Tensor
) -> tuple[Tensor, str | None]:
    """Map the labels (N,) of a share of the samples; warn where true ones are no longer the most frequent.

    They are the samples that symmetric noise of the same seed, rate and selection draws.
    """
    chosen = drawn_samples(settings, targets, settings.seed_in(run_seed), held)
    shown = torch.tensor(settings.class_map(num_classes))[targets]
    return torch.where(chosen, shown, targets), rate_warning(settings.rate, RIVALS)
