"""The parameters that Meta-Weight-Net looks ahead to."""

from __future__ import annotations

from torch import Tensor, nn

from olsrepro.methods.meta_gradient import ByName


def sgd(parameters: ByName, gradient: ByName, rate: float) -> ByName:
    """θ - rate · g, plain."""
    return {name: value.sub(gradient[name], alpha=rate) for name, value in parameters.items()}


class Momentum:
    """The momentum of the run's SGD without Nesterov, kept apart, for its optimiser is not in a method's reach.

    Args:
        momentum, weight_decay: of the optimiser.
    """

    def __init__(self, momentum: float, weight_decay: float) -> None:
        self._momentum = momentum
        self._weight_decay = weight_decay
        self._velocity: ByName = {}
        self._drift: ByName = {}

    def begin(self, parameters: ByName) -> None:
        """A step begins: note what it moves the parameters by beside its gradient."""
        decayed = {name: value * self._weight_decay for name, value in parameters.items()}
        for name, velocity in self._velocity.items():
            decayed[name].add_(velocity, alpha=self._momentum)
        self._drift = decayed

    def ahead(self, parameters: ByName, gradient: ByName, rate: float) -> ByName:
        """θ - rate · (μ v + λ θ + g), where the optimiser would be after a step with gradient g."""
        return sgd(sgd(parameters, self._drift, rate), gradient, rate)

    def end(self, parameters: dict[str, nn.Parameter]) -> None:
        """The optimiser has stepped by the parameters' gradients."""
        for name, parameter in parameters.items():
            if parameter.grad is not None and name in self._drift:
                self._velocity[name] = self._drift[name] + parameter.grad

    def state_dict(self) -> dict[str, Tensor]:
        """The velocity; none before the first step."""
        return dict(self._velocity)

    def load_state_dict(self, state: dict[str, Tensor], like: ByName) -> None:
        """Go on from a velocity taken with :meth:`state_dict`, on the parameters' device."""
        self._velocity = {name: value.to(like[name].device) for name, value in state.items()}
