"""A running average of the weights, which is tested and kept in their place."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from itertools import chain
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim.swa_utils import get_ema_multi_avg_fn


class WeightAverage:
    """Running average of weights: ``a <- d a + (1 - d) w`` after each optimiser step, from the initial weights on.
    It covers parameters and floating-point buffers, such as running statistics; other buffers are copied. torch's
    ``AveragedModel`` differs: it drops the initial weights and averages counts too. EfficientNet's own code has
    d = 0.9999, rising from 0.1 over the first 90 000 steps; here d is constant.

    Args:
        network: the one that learns, with its initial weights, on its device and neither compiled nor wrapped.
        tested: the module that a test calls, as :meth:`LabelMethod.tested` returns it: the network itself, or a module
            around it whose heads are averaged too.
        decay: d, above 0 and below 1.

    Attributes:
        network: the average of ``network``, a separate copy without gradients, in evaluation mode.
        tested: the average of ``tested``; it holds the average of the network where ``tested`` holds the network.
    """

    def __init__(self, network: nn.Module, tested: nn.Module, decay: float) -> None:
        self.network, self.tested = copy.deepcopy((network, tested))  # together, so that one still holds the other
        self.tested.eval().requires_grad_(False)
        self._learning = tested
        self._average = get_ema_multi_avg_fn(decay)  # type: ignore[no-untyped-call]

    @torch.no_grad()
    def update(self) -> None:
        """Update the average after a step of the optimiser, without waiting for the device."""
        pairs = list(zip(_tensors(self.tested), _tensors(self._learning), strict=True))
        floating = [(average, now) for average, now in pairs if average.is_floating_point()]
        self._average(*map(list, zip(*floating, strict=True)), None)
        for average, now in pairs:
            if not average.is_floating_point():
                average.copy_(now)

    def state_dict(self) -> dict[str, Any]:
        """Return plain tensors by the keys of ``tested``."""
        return self.tested.state_dict()

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Resume from a state taken with :meth:`state_dict`."""
        self.tested.load_state_dict(state)


def _tensors(module: nn.Module) -> Iterator[Tensor]:
    return chain(module.parameters(), module.buffers())
