"""Pass over the training set at an epoch's end: each sample's loss and predicted class."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from olsrepro.data.batch import Batch
from olsrepro.distributed.gather import gathered
from olsrepro.distributed.ranks import rank, rank_count
from olsrepro.losses.criterion import raised


class Tracked(NamedTuple):
    """Sample indices (n,) int64, rising, losses (n,) float64 with the given labels, and predicted classes (n,)."""

    indices: Tensor
    losses: Tensor
    classes: Tensor


@torch.no_grad()
def evaluated(network: nn.Module, images: Tensor) -> Tensor:
    """Return logits (B, K) in evaluation mode, without gradient; the network is left in training mode."""
    network.eval()
    logits = raised(network(images))
    network.train()
    return logits


def track(network: nn.Module, batches: Iterator[Batch]) -> Tracked:
    """Evaluate all samples; ranks share the batches and all get the whole result (this waits for the device)."""
    seen = [_looked_at(network, batch) for batch in islice(batches, rank(), None, rank_count())]
    device = next(network.parameters()).device
    whole = [gathered(torch.cat(column)) for column in zip(_nothing(device), *seen, strict=True)]
    order = whole[0].argsort()
    return Tracked(*(column[order] for column in whole))


def _looked_at(network: nn.Module, batch: Batch) -> Tracked:
    logits = evaluated(network, batch.images)
    losses = F.cross_entropy(logits, batch.targets, reduction="none")
    return Tracked(batch.indices, losses.double(), logits.max(1).indices)


def _nothing(device: torch.device) -> Tracked:
    """Return no samples, for a rank without a batch to gather."""
    none = torch.empty(0, dtype=torch.int64, device=device)
    return Tracked(none, none.double(), none)
