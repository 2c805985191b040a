"""Batch norm by each batch's own statistics, as in training, for a network that stays in evaluation mode."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm


@contextmanager
def batch_statistics(network: nn.Module) -> Iterator[None]:
    """Normalise by each batch's own mean and variance inside the block, though the network is in evaluation mode.

    Its running statistics are put aside meanwhile, so that no pass can change them.
    """
    layers = [module for module in network.modules() if isinstance(module, _BatchNorm)]
    aside = [(layer, layer.running_mean, layer.running_var) for layer in layers]
    try:
        for layer in layers:
            layer.running_mean = layer.running_var = None  # in evaluation mode a layer without them takes the batch's
        yield
    finally:
        for layer, mean, variance in aside:
            layer.running_mean, layer.running_var = mean, variance
