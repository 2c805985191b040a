"""Networks whose batch norms differ from one another."""

from __future__ import annotations

import torch
from torch import nn


def mixed(network: nn.Module) -> nn.Module:
    """Give every batch norm a state of its own, so that two of them swapped would show."""
    torch.manual_seed(1)
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            for tensor in (module.weight, module.running_var):
                nn.init.uniform_(tensor, 0.5, 1.0)
            for tensor in (module.bias, module.running_mean):
                nn.init.normal_(tensor, 0.0, 0.1)
    return network
