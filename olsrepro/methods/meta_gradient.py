"""Derivative of a clean loss after a look-ahead with respect to each sample's weight, exact, computed in two ways.

Let a batch's losses be l_i(θ), its step ``g = Σ_i a_i ∇l_i(θ)`` and the look-ahead θ̂ a function of g that subtracts
``rate · g`` (plus a constant). The clean loss L_c(θ̂) then falls with a sample's weight by
``-dL_c/da_i = rate · <∇l_i(θ), ∇L_c(θ̂)>``. Both routes compute the dot products.

``jvp``: the gradient of L_c by an ordinary backward pass, then the products of the whole batch by one forward-mode pass
along it, which stores no activations. ``graph``: the products by a second backward pass through the first one's graph.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.func import functional_call
from torch.nn.modules.batchnorm import _BatchNorm
from torch.nn.parallel import DistributedDataParallel

from olsrepro.data.batch import Batch
from olsrepro.distributed.sums import summed_by_name, total_of
from olsrepro.losses.criterion import raised
from olsrepro.methods.forward_mode import OwnPass, derivative

ByName = dict[str, Tensor]
"""Parameters of a network, or a gradient of them, by the parameters' names."""
LookAhead = Callable[[ByName], ByName]
"""Function from the gradient g of a step, over all ranks, to the parameters after the look-ahead."""


def sample_losses(logits: Tensor, targets: Tensor) -> Tensor:
    """Compute the cross entropy of each sample (B,), in fp32 or float64."""
    return F.cross_entropy(raised(logits), targets, reduction="none")


@contextmanager
def full_precision(device: torch.device) -> Iterator[None]:
    """Keep autocast off inside: forward mode fails under it, and small gradients would be lost."""
    with torch.autocast(device.type, enabled=False):
        yield


def clean_part(batch: Batch) -> tuple[Tensor, Tensor]:
    """Return the clean images and targets that came with a batch."""
    assert batch.clean_images is not None, "a meta-gradient needs clean images in each batch"
    assert batch.clean_targets is not None, "clean images come with their targets"
    return batch.clean_images, batch.clean_targets


class MetaGradient:
    """Calls of a bare network for a meta-gradient; its weights and running statistics are not changed.

    Batch normalisation follows the network's mode, in training the statistics of the batch; each call gets its own
    buffers and discards them.

    Args:
        network: never compiled or wrapped; it is not trained here.
        scaled: batch normalisation uses its learned scale; else the scale is 1 and has no gradient.
        decay: λ of a penalty λ/2 |θ|² in the clean loss.
    """

    def __init__(self, network: nn.Module, *, scaled: bool = True, decay: float = 0.0) -> None:
        self._network = network
        self._decay = decay
        self._scales = () if scaled else tuple(_scale_names(network))

    def parameters(self) -> ByName:
        """Return the parameters with respect to which a meta-gradient is taken, as constants."""
        return {name: parameter.detach() for name, parameter in self.trained_parameters().items()}

    def trained_parameters(self) -> dict[str, nn.Parameter]:
        """Return the parameters with respect to which a meta-gradient is taken, as the network's own objects."""
        named = self._network.named_parameters()
        return {name: value for name, value in named if value.requires_grad and name not in self._scales}

    def forward(self, network: nn.Module, images: Tensor) -> tuple[Tensor, OwnPass | None]:
        """Return the logits of a step's own pass, and its record if the meta-gradient can reuse it.

        It can't if autocast or the scale of batch normalisation makes the two passes differ, or if the network is
        compiled or wrapped.
        """
        if network is not self._network or torch.is_autocast_enabled(images.device.type) or self._scales:
            return network(images), None
        with OwnPass() as own:
            return network(images), own

    def step_gradient(self, network: nn.Module, batch: Batch, weights: Tensor, losses: Tensor) -> ByName:
        """Compute the gradient of ``Σ_i weights_i l_i`` over all ranks through the graph of the step's ``losses`` (B,).

        The graph is retained for the step itself. A compiled network's graph can be used only once; the bare network
        then makes another one.
        """
        if network is self._network or isinstance(network, DistributedDataParallel):
            return summed_by_name(_gradient((weights * losses).sum(), self.trained_parameters(), retain_graph=True))
        with full_precision(batch.images.device), torch.enable_grad():
            at = _leaves(self.parameters())
            losses = self.losses(at, batch.images, batch.targets)
            return summed_by_name(_gradient((weights * losses).sum(), at))

    def losses(self, parameters: ByName, images: Tensor, targets: Tensor) -> Tensor:
        """Compute the cross entropy of each image (B,) with other parameters."""
        buffers = {name: buffer.detach().clone() for name, buffer in self._network.named_buffers()}
        ones = {name: torch.ones_like(self._network.get_parameter(name)) for name in self._scales}
        return sample_losses(functional_call(self._network, {**parameters, **buffers, **ones}, (images,)), targets)

    def clean_gradient(self, parameters: ByName, batch: Batch) -> ByName:
        """Compute the gradient of the clean batch's mean loss at these parameters, over all ranks."""
        images, targets = clean_part(batch)
        with full_precision(images.device), torch.enable_grad():
            at = _leaves(parameters)
            loss = self.losses(at, images, targets).sum()
            total = summed_by_name(_gradient(loss / total_of(len(targets), loss), at))
        if self._decay == 0:
            return total
        return {name: gradient.add(parameters[name], alpha=self._decay) for name, gradient in total.items()}

    def products(self, batch: Batch, direction: ByName, own: OwnPass | None = None) -> Tensor:
        """Compute <∇l_i(θ), direction> for each sample (B,), by forward mode; ``own`` is the step's own pass."""

        def losses(at: ByName) -> Tensor:
            return self.losses(at, batch.images, batch.targets)

        with full_precision(batch.images.device):
            return derivative(losses, self.parameters(), direction, own)

    def products_by_graph(self, batch: Batch, weights: Tensor, look_ahead: LookAhead) -> Tensor:
        """Compute <∇l_i(θ), ∇L_c(θ̂)> for each sample (B,), by the graph of a step with sample ``weights`` (B,)."""
        with full_precision(batch.images.device), torch.enable_grad():
            at, weights = _leaves(self.parameters()), weights.detach().requires_grad_()
            losses = self.losses(at, batch.images, batch.targets)
            step = _gradient((weights * losses).sum(), at, create_graph=True)
            direction = self.clean_gradient(look_ahead(summed_by_name(step)), batch)
            (products,) = torch.autograd.grad([*step.values()], [weights], [direction[name] for name in step])
        return products


def _leaves(parameters: ByName) -> ByName:
    return {name: value.detach().requires_grad_() for name, value in parameters.items()}


def _gradient(
    loss: Tensor, at: ByName | dict[str, nn.Parameter], *, create_graph: bool = False, retain_graph: bool | None = None
) -> ByName:
    """Compute the gradient of a loss by name; 0 for a parameter that the loss does not depend on."""
    gradients = torch.autograd.grad(
        loss, [*at.values()], retain_graph=retain_graph, create_graph=create_graph, materialize_grads=True
    )
    return dict(zip(at, gradients, strict=True))


def _scale_names(network: nn.Module) -> Iterator[str]:
    for name, layer in network.named_modules():
        if isinstance(layer, _BatchNorm) and layer.affine:
            yield f"{name}.weight" if name else "weight"
