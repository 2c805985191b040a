"""Counts of a network's parameters and multiply-adds."""

from __future__ import annotations

import copy

import torch
from torch import Tensor, nn


def parameter_count(network: nn.Module) -> int:
    """Count the trainable scalars of a network."""
    return sum(parameter.numel() for parameter in network.parameters() if parameter.requires_grad)


def mac_count(network: nn.Module, image_size: int) -> int:
    """Count the multiply-adds of 2-d convolutions and linear layers for one ``(1, 3, image_size, image_size)`` image.

    Biases, BN, pooling and activations are not counted. The pass runs on a copy on the meta device in eval mode, so
    that it computes nothing and leaves ``network`` unchanged.
    """
    probe = copy.deepcopy(network).to("meta").eval()
    total = 0

    def add(module: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> None:
        nonlocal total
        total += output.numel() * _inputs_per_output(module)

    for module in probe.modules():
        if isinstance(module, nn.Conv2d | nn.Linear):
            module.register_forward_hook(add)
    dtype = next(probe.parameters()).dtype
    with torch.no_grad():
        probe(torch.empty(1, 3, image_size, image_size, device="meta", dtype=dtype))
    return total


def _inputs_per_output(module: nn.Module) -> int:
    weight = module.weight
    assert isinstance(weight, Tensor)
    return weight[0].numel()
