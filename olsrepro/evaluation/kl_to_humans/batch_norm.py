"""A network in evaluation mode whose batch norm goes by each batch, as in training, without leaving a trace."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm


@contextmanager
def batch_statistics(network: nn.Module) -> Iterator[None]:
    """Until the block is left, a network in evaluation mode normalises by each batch's own mean and variance.

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
