"""Network, label method and optimiser of a run, built from settings."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import nn

from olsrepro.data.settings import DatasetSettings
from olsrepro.distributed.ranks import rank
from olsrepro.methods.base import LabelMethod, MethodContext, TrainingSet
from olsrepro.methods.registry import build_method
from olsrepro.methods.settings import MethodSettings
from olsrepro.models.backbone import Backbone
from olsrepro.models.pretrained import load_pretrained
from olsrepro.models.registry import build_network
from olsrepro.models.settings import BackboneSettings
from olsrepro.randomness import address, stream
from olsrepro.training.averaging import WeightAverage
from olsrepro.training.batch_norm import apply_batch_norm
from olsrepro.training.optimizer import build_optimizer
from olsrepro.training.recipe import RecipeSettings
from olsrepro.training.runtime import RuntimeSettings

State = dict[str, Any]


@dataclass
class Learner:
    """Network, its label method and the optimiser.

    ``forward`` is the module that a training step calls and ``tested`` the one that a test calls: those that the method
    returns for the network, or compiled forms of them. The checkpoint is always of the network and the method
    themselves. ``learning_rate`` is a function of the position in the training, in epochs. With ``average`` the test is
    of the running average of the network's weights.
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
        """Network whose weights a test measures and a run keeps."""
        return self.network if self.average is None else self.average.network

    def optimised(self) -> Iterator[nn.Parameter]:
        """Yield the parameters that the optimiser changes."""
        return (parameter for group in self.optimizer.param_groups for parameter in group["params"])

    def set_learning_rate(self, position: float) -> None:
        """Set the learning rate to that of a position in the training, in epochs."""
        rate = self.learning_rate(position)
        for group in self.optimizer.param_groups:
            group["lr"] = rate

    def step(self) -> None:
        """Change the weights by their gradients, and update the method and the average."""
        self.optimizer.step()
        self.method.after_step()
        if self.average is not None:
            self.average.update()

    def state_dict(self) -> State:
        """Return weights, their average and the optimiser's state: the same on all ranks, unlike the method's state."""
        average = {} if self.average is None else self.average.state_dict()
        return {"network": self.network.state_dict(), "optimizer": self.optimizer.state_dict(), "average": average}

    def load_state_dict(self, state: State) -> None:
        """Resume from a state taken with :meth:`state_dict`."""
        self.network.load_state_dict(state["network"])
        self.optimizer.load_state_dict(state["optimizer"])
        if self.average is not None:
            self.average.load_state_dict(state["average"])

    def is_finite(self) -> bool:
        """Return whether all weights and buffers of the network and all weights of the method are finite.

        It reads the device once.
        """
        tensors = [*self.network.state_dict().values(), *self.method.parameters()]
        floating = [t.detach() for t in tensors if t.is_floating_point() and t.numel()]
        return bool(torch.stack([tensor.abs().amax().float() for tensor in floating]).isfinite().all())


def build_learner(
    backbone: BackboneSettings,
    method: MethodSettings,
    dataset: DatasetSettings,
    recipe: RecipeSettings,
    runtime: RuntimeSettings,
    seed: int,
    device: torch.device,
    teacher: nn.Module | None = None,
    training_set: TrainingSet | None = None,
    weights: Path | None = None,
) -> Learner:
    """Build network, label method and optimiser of a run.

    Initial weights are drawn on the CPU from (seed, "init"), the trunk first, so that all methods of one seed start
    from the same trunk on every device. ``teacher`` is a trained network for a method that wants one, ``training_set``
    all training images for one that goes through them. ``weights`` is a file of weights that replace the trunk's drawn
    ones before the method sees it; the draws are the same with and without it.
    """
    own = method.own_recipe(recipe.epochs)
    rate = recipe.rate_at if own is None else own.rate_at
    with stream(seed, "init"):
        network = build_network(backbone, dataset.num_classes)
        if weights is not None:
            load_pretrained(network, weights)
        network = apply_batch_norm(recipe.batch_norm, network)
        context = MethodContext(
            dataset.num_classes,
            seed,
            recipe.epochs,
            dataset.train_size,
            dataset.image_size,
            network if isinstance(network, Backbone) else None,
            teacher,
            tuple(recipe.milestones),
            rate,
            training_set,
        )
        label_method = apply_batch_norm(recipe.batch_norm, build_method(method, context))
    layout = torch.channels_last if runtime.channels_last else torch.contiguous_format
    network = network.to(device).to(memory_format=layout)
    label_method = label_method.to(device).to(memory_format=layout)
    optimizer = build_optimizer([*network.parameters(), *label_method.optimised()], recipe, own)
    torch.manual_seed(address(seed, "stream", *([rank()] if rank() else [])))  # dropout differs between ranks
    return _learner(network, label_method, optimizer, rate, recipe, runtime, device)


def _learner(
    network: nn.Module,
    method: LabelMethod,
    optimizer: torch.optim.Optimizer,
    rate: Callable[[float], float],
    recipe: RecipeSettings,
    runtime: RuntimeSettings,
    device: torch.device,
) -> Learner:
    """Build the learner with the modules that steps and tests call: averaged and compiled as the run says."""
    trained, tested = method.trained(network), method.tested(network)
    average = WeightAverage(network, tested, recipe.ema_decay) if recipe.ema_decay else None
    tested = tested if average is None else average.tested
    if not runtime.compile:
        return Learner(network, method, optimizer, trained, tested, rate, average)
    forward = _compiled(trained, device)
    tested = forward if tested is trained else _compiled(tested, device)
    return Learner(network, method, optimizer, forward, tested, rate, average)


def _compiled(network: nn.Module, device: torch.device) -> nn.Module:
    # On the CPU the compiler would lay convolutions out as channels_last, which prepare_device refuses for good reason.
    options: dict[str, Any] | None = {"layout_optimization": False} if device.type == "cpu" else None
    return torch.compile(network, options=options)  # type: ignore[return-value]
