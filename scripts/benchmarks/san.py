"""What SAN-15's memory-lean sum over windows costs beside a straightforward unfold form, on the CPU."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any
from unittest.mock import patch

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from olsrepro.models.registry import build_backbone
from olsrepro.models.san import attention
from olsrepro.models.san.settings import ATTENTIONS, Settings
from olsrepro.models.san.windows import unfolded

from .pairs import paired, row

SIDE = 224
CLASSES = 1000
BOUND = 1.1


def rows(rounds: int = 15) -> Iterator[dict[str, Any]]:
    """For either attention a training step with one image against the same network in the unfold form.

    That copies the values of every window, multiplies and sums. What it keeps for its backward pass needs no clock:
    tests/models/test_san_aggregation.py holds ours to 0.70 (pairwise) and 0.60 (patchwise) of it.
    """
    for sa_type in ATTENTIONS:
        ours = _step(_network(sa_type))
        pairs = paired(ours, _unfold_form(ours), rounds=rounds, warmup=1)
        yield row(f"san15_{sa_type}_step", pairs, BOUND, "lower")


def aggregate_unfolded(weights: Tensor, values: Tensor, kernel: int) -> Tensor:
    """As ``olsrepro.models.san.aggregation.aggregate``, from copies of all windows."""
    groups, (height, width) = weights.shape[1], values.shape[-2:]
    windows = unfolded(values, kernel).unflatten(1, (-1, groups)).unflatten(-1, (height, width))
    return (weights.unsqueeze(1) * windows).sum(3).flatten(1, 2)


def _step(network: nn.Module) -> Callable[[], None]:
    images = torch.randn(1, 3, SIDE, SIDE, generator=torch.Generator().manual_seed(0))
    target = torch.zeros(1, dtype=torch.int64)

    def step() -> None:
        network.zero_grad(set_to_none=True)
        F.cross_entropy(network(images), target).backward()

    return step


def _unfold_form(step: Callable[[], None]) -> Callable[[], None]:
    def unfold_step() -> None:
        with patch.object(attention, "aggregate", aggregate_unfolded):
            step()

    return unfold_step


def _network(sa_type: str) -> nn.Module:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return build_backbone(Settings(sa_type=sa_type), CLASSES)
