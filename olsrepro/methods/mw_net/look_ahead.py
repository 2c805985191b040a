"""Parameters of Meta-Weight-Net's look-ahead."""

from __future__ import annotations

from torch import Tensor, nn

from olsrepro.methods.meta_gradient import ByName


def sgd(parameters: ByName, gradient: ByName, rate: float) -> ByName:
    """Return θ - rate · g, a plain SGD step."""
    return {name: value.sub(gradient[name], alpha=rate) for name, value in parameters.items()}


class Momentum:
    """Momentum of the run's SGD without Nesterov, tracked here because a method has no access to the optimiser.

    Args:
        momentum, weight_decay: parameters of the optimiser.
    """

    def __init__(self, momentum: float, weight_decay: float) -> None:
        self._momentum = momentum
        self._weight_decay = weight_decay
        self._velocity: ByName = {}
        self._drift: ByName = {}

    def begin(self, parameters: ByName) -> None:
        """Begin a step: record how it moves the parameters apart from its gradient."""
        decayed = {name: value * self._weight_decay for name, value in parameters.items()}
        for name, velocity in self._velocity.items():
            decayed[name].add_(velocity, alpha=self._momentum)
        self._drift = decayed

    def ahead(self, parameters: ByName, gradient: ByName, rate: float) -> ByName:
        """Return θ - rate · (μ v + λ θ + g), the parameters after an optimiser step with gradient g."""
        return sgd(sgd(parameters, self._drift, rate), gradient, rate)

    def end(self, parameters: dict[str, nn.Parameter]) -> None:
        """End a step: update the velocity with the gradients that the optimiser has used."""
        for name, parameter in parameters.items():
            if parameter.grad is not None and name in self._drift:
                self._velocity[name] = self._drift[name] + parameter.grad

    def state_dict(self) -> dict[str, Tensor]:
        """Return the velocity by name; empty before the first step."""
        return dict(self._velocity)

    def load_state_dict(self, state: dict[str, Tensor], like: ByName) -> None:
        """Restore a velocity that :meth:`state_dict` returned, on the parameters' device."""
        self._velocity = {name: value.to(like[name].device) for name, value in state.items()}
