"""Features that a classifier receives, of a fixed subset of images."""

from __future__ import annotations

import torch
from torch import Tensor

from olsrepro.data.image_source import Images, normalised_batches
from olsrepro.models.backbone import Backbone

_BATCH = 250


def first_of_each_class(labels: Tensor, count: int) -> Tensor:
    """Return the places of each class's first ``count`` samples, or fewer, in labels (N,): rising int64."""
    by_class = labels.argsort(stable=True)
    sizes = torch.bincount(labels)
    place = torch.arange(len(labels)) - (sizes.cumsum(0) - sizes)[labels[by_class]]
    return by_class[place < count].sort().values


@torch.no_grad()
def penultimate_features(
    network: Backbone, images: Images, chosen: Tensor, mean: Tensor, std: Tensor, device: torch.device | str
) -> Tensor:
    """Return the classifier's inputs, float32 (N, C) on the CPU, for images at places (N,), normalised by mean, std.

    Source: paper, caption of Figure 3: the last layer but one, which is the pooled map of the last stage.
    """
    last = network.stages[-1]
    batches = normalised_batches(images, chosen, mean, std, _BATCH, device)
    return torch.cat([network.pool(network.stage_features(batch)[last]).float().cpu() for batch in batches])
