"""Label method ``mw_net``: a small network learns from a clean set the weight of a sample from its loss."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from olsrepro.data.batch import Batch
from olsrepro.distributed.sums import summed, summed_by_name, total_of
from olsrepro.methods.base import LabelMethod, MethodContext, StepOutput
from olsrepro.methods.forward_mode import OwnPass
from olsrepro.methods.meta_gradient import ByName, MetaGradient, full_precision, sample_losses
from olsrepro.methods.mw_net.look_ahead import Momentum, sgd
from olsrepro.methods.mw_net.settings import Settings
from olsrepro.methods.mw_net.weight_net import WeightNet

SHOWN_LOSSES = (0.1, 1.0, 5.0)


class _Step(NamedTuple):
    """Inputs of the weight network's step: the network as it was called, its losses (B,), its own pass."""

    network: nn.Module
    batch: Batch
    losses: Tensor
    own: OwnPass | None


class Method(LabelMethod):
    """Loss ``L = 1/B Σ_i V(l_i) l_i``, V the weight network after its own step, its outputs constants.

    V's step descends the clean loss at the parameters to which a plain SGD step with V's previous weights would lead.
    That step and the network's own have the same losses, so one forward pass serves both.

    Attributes:
        weight_net: V.
        weight_sum, weight_count: float64 scalars, sum and number of this epoch's sample weights so far on this rank.
    """

    weight_sum: Tensor
    weight_count: Tensor

    def __init__(self, settings: Settings, context: MethodContext) -> None:
        super().__init__()
        assert context.backbone is not None, "the meta-gradient needs the run's network"
        self._settings = settings
        self._learning_rate = context.learning_rate
        self._meta = MetaGradient(context.backbone)
        self.weight_net = WeightNet(settings.hidden)
        self._optimizer = _meta_optimizer(settings, self.weight_net)
        own = settings.inner_step == "optimizer"
        self._momentum = Momentum(settings.OWN_MOMENTUM, settings.OWN_DECAY) if own else None
        self._steps = 0
        self.register_buffer("weight_sum", torch.zeros((), dtype=torch.float64))
        self.register_buffer("weight_count", torch.zeros((), dtype=torch.float64))
        self._mean_weight = torch.zeros((), dtype=torch.float64)

    def optimised(self) -> Iterable[nn.Parameter]:
        """Return no parameters, since the method trains the weight network itself."""
        return ()

    def forward(self, network: nn.Module, batch: Batch) -> StepOutput:
        """Make one forward pass and the weight network's step, and return the loss with the new sample weights."""
        with torch.enable_grad():  # V's step needs the graph, even if the caller doesn't
            logits, own = self._meta.forward(network, batch.images)
        with full_precision(logits.device):
            losses = sample_losses(logits, batch.targets)
            if self._momentum is not None:
                self._momentum.begin(self._meta.parameters())
            if self._steps % self._settings.meta_interval == 0:
                self._meta_step(_Step(network, batch, losses, own))
            with torch.no_grad():
                values = self.weight_net(losses.detach())
                self._count(values)
                weights = values / self._divisor(values)
            loss = (weights * losses).sum() * (total_of(len(losses), losses) / len(losses))
        return StepOutput(loss, logits)

    def after_step(self) -> None:
        """Count the step, since V's own come at intervals, and update the momentum."""
        self._steps += 1
        if self._momentum is not None:
            self._momentum.end(self._meta.trained_parameters())

    def end_epoch(self) -> None:
        """Compute the epoch's mean weight over all ranks and reset the sums."""
        total, count = summed(torch.stack([self.weight_sum, self.weight_count])).unbind()
        self._mean_weight = total / count
        self.weight_sum.zero_()
        self.weight_count.zero_()

    @torch.no_grad()
    def epoch_facts(self) -> Mapping[str, float]:
        """Return the epoch's mean weight and V at a few losses: a fall of all weights acts as a lower learning rate."""
        shown = self.weight_net(self.weight_sum.new_tensor(SHOWN_LOSSES, dtype=self.weight_net.hidden.weight.dtype))
        at = {f"weight_at_{loss:g}": float(weight) for loss, weight in zip(SHOWN_LOSSES, shown, strict=True)}
        return {"mean_weight": float(self._mean_weight)} | at

    def get_extra_state(self) -> dict[str, Any]:
        """Return the steps so far and the states of the two optimisers."""
        momentum = {} if self._momentum is None else self._momentum.state_dict()
        return {"steps": self._steps, "optimizer": self._optimizer.state_dict(), "momentum": momentum}

    def set_extra_state(self, state: dict[str, Any]) -> None:
        """Restore the state that :meth:`get_extra_state` returned."""
        self._steps = state["steps"]
        self._optimizer.load_state_dict(state["optimizer"])
        if self._momentum is not None:
            self._momentum.load_state_dict(state["momentum"], self._meta.parameters())

    def _meta_step(self, step: _Step) -> None:
        """Make one step of the weight network down the clean loss at the look-ahead."""
        with torch.enable_grad():
            values = self.weight_net(step.losses.detach())
            slopes = self._slopes(step, values.detach())
            phi = dict(self.weight_net.named_parameters())
            found = torch.autograd.grad(values, [*phi.values()], slopes, materialize_grads=True)
        gradient = summed_by_name(dict(zip(phi, found, strict=True)))
        for name, parameter in phi.items():
            parameter.grad = gradient[name]
        self._optimizer.step()

    def _slopes(self, step: _Step, values: Tensor) -> Tensor:
        """Compute the derivatives (B,) of the clean loss at the look-ahead with respect to the values of V."""
        divisor = self._divisor(values)
        weights = values / divisor
        of_weights = -self._rate(step) * self._products(step, weights)
        if self._settings.weight_norm == "none":
            return of_weights / divisor
        return (of_weights - summed((of_weights * weights).sum())) / divisor

    def _products(self, step: _Step, weights: Tensor) -> Tensor:
        rate, at = self._rate(step), self._meta.parameters()

        def look_ahead(gradient: ByName) -> ByName:
            if self._momentum is not None:
                return self._momentum.ahead(at, gradient, rate)
            return sgd(at, gradient, rate)

        if self._settings.meta_gradient == "graph":
            return self._meta.products_by_graph(step.batch, weights, look_ahead)
        gradient = self._meta.step_gradient(step.network, step.batch, weights, step.losses)
        direction = self._meta.clean_gradient(look_ahead(gradient), step.batch)
        return self._meta.products(step.batch, direction, step.own)

    def _rate(self, step: _Step) -> float:
        assert self._learning_rate is not None, "the look-ahead needs the run's learning rate"
        return self._learning_rate(step.batch.epoch)

    def _divisor(self, values: Tensor) -> Tensor:
        """Return the divisor of V's values: the number of images on all ranks, or the sum of their values."""
        if self._settings.weight_norm == "sum":
            return summed(values.sum())
        return total_of(len(values), values)

    def _count(self, values: Tensor) -> None:
        self.weight_sum += values.double().sum()
        self.weight_count += len(values)


def _meta_optimizer(settings: Settings, weight_net: WeightNet) -> torch.optim.Optimizer:
    if settings.meta_optimizer == "adam":
        # Fused, because torch's other Adam reads its step count, which waits for the device.
        return torch.optim.Adam(weight_net.parameters(), settings.meta_lr, weight_decay=settings.meta_wd, fused=True)
    return torch.optim.SGD(
        weight_net.parameters(), settings.meta_lr, momentum=0.9, nesterov=True, weight_decay=settings.meta_wd
    )
