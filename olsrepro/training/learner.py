"""What learns: the network, its label method, the optimiser."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

from olsrepro.methods.base import LabelMethod
from olsrepro.training.averaging import WeightAverage

State = dict[str, Any]


@dataclass
class Learner:
    """The network, its label method and the optimiser.

    ``forward`` is what a training step calls and ``tested`` what a test calls: what the method makes of the network, or
    a compiled form of it. The checkpoint is always of the network and the method themselves. ``learning_rate`` is a
    function of the place in the training, in epochs. With ``average`` the test is of the running average of the
    network's weights.
    """

    network: nn.Module
    method: LabelMethod
    optimizer: torch.optim.Optimizer
    forward: nn.Module
    tested: nn.Module
    learning_rate: Callable[[float], float]
    average: WeightAverage | None = None

    @property
    def kept(self) -> nn.Module:
        """The network whose weights a test measures and a run leaves."""
        return self.network if self.average is None else self.average.network

    def optimised(self) -> Iterator[nn.Parameter]:
        """The parameters that the optimiser moves."""
        return (parameter for group in self.optimizer.param_groups for parameter in group["params"])

    def set_learning_rate(self, position: float) -> None:
        """Take up the rate of a place in the training, in epochs."""
        rate = self.learning_rate(position)
        for group in self.optimizer.param_groups:
            group["lr"] = rate

    def step(self) -> None:
        """Move the weights by their gradients."""
        self.optimizer.step()
        self.method.after_step()
        if self.average is not None:
            self.average.update()

    def state_dict(self) -> State:
        """Weights, their average and the optimiser's state: the same on all ranks, as the method's is not."""
        average = {} if self.average is None else self.average.state_dict()
        return {"network": self.network.state_dict(), "optimizer": self.optimizer.state_dict(), "average": average}

    def load_state_dict(self, state: State) -> None:
        """Go on from a state taken with :meth:`state_dict`."""
        self.network.load_state_dict(state["network"])
        self.optimizer.load_state_dict(state["optimizer"])
        if self.average is not None:
            self.average.load_state_dict(state["average"])

    def is_finite(self) -> bool:
        """Whether every weight and buffer of the network and every weight of the method is finite (one device read)."""
        tensors = [*self.network.state_dict().values(), *self.method.parameters()]
        floating = [t.detach() for t in tensors if t.is_floating_point() and t.numel()]
        return bool(torch.stack([tensor.abs().amax().float() for tensor in floating]).isfinite().all())
