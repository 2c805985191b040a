"""Gradient-sign attacks on images: FGSM and PGD within a bound of the largest change (paper V-C, Tables VIII and IX).

Pure functions of a network and its inputs. The network maps inputs to logits and is attacked as it stands: put it in
evaluation mode first. To attack in pixel space, hand over pixels in [0, 1] and a network that normalises them itself.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from olsrepro.evaluation.classification import predicted
from olsrepro.randomness import address, uniform

AttackLoss = Callable[[Tensor, Tensor], Tensor]
PIXEL_RANGE = (0.0, 1.0)
_ROUNDING = 1e-6


def cross_entropies(logits: Tensor, targets: Tensor) -> Tensor:
    """Return each sample's cross entropy, (B,), against its true class, whatever labels the training used."""
    return F.cross_entropy(logits, targets, reduction="none")


def margins(logits: Tensor, targets: Tensor) -> Tensor:
    """Return the largest other logit minus the true class's, (B,) (Carlini & Wagner 2017): positive if misclassified.

    Unlike the cross entropy it doesn't saturate, which exposes attacks that only fail because gradients vanish.
    """
    column = targets[:, None]
    others = logits.scatter(1, column, float("-inf"))
    return others.max(dim=1).values - logits.gather(1, column)[:, 0]


LOSSES: dict[str, AttackLoss] = {"ce": cross_entropies, "margin": margins}


def fgsm(
    network: nn.Module,
    images: Tensor,
    targets: Tensor,
    *,
    epsilon: float,
    loss: AttackLoss = cross_entropies,
    value_range: tuple[float, float] = PIXEL_RANGE,
) -> Tensor:
    """Attack by the fast gradient sign method (Goodfellow et al., ICLR 2015): :func:`pgd`, one step of ``epsilon``."""
    return pgd(
        network,
        images,
        targets,
        epsilon=epsilon,
        step_size=epsilon,
        iterations=1,
        loss=loss,
        value_range=value_range,
    )


def pgd(
    network: nn.Module,
    images: Tensor,
    targets: Tensor,
    *,
    epsilon: float,
    step_size: float,
    iterations: int,
    start: Tensor | None = None,
    stop_at_success: bool = False,
    loss: AttackLoss = cross_entropies,
    value_range: tuple[float, float] = PIXEL_RANGE,
) -> Tensor:
    """Attack by projected gradient descent (Madry et al., ICLR 2018): sign-of-gradient steps, kept within the bound.

    Args:
        network: inputs (B, C, H, W) to logits (B, K).
        images: float32 or float64 (B, C, H, W), within ``value_range``.
        targets: int64 (B,), true classes.
        epsilon: largest change of a value, in the images' unit.
        step_size: change of a value in one step, in the images' unit.
        iterations: steps; 0 returns the images.
        start: where to begin, of the images' shape; the images themselves by default.
        stop_at_success: whether an image stops once it is misclassified; one misclassified from the start never moves.
        loss: (logits, targets) to the loss of each sample (B,), which the attack raises.
        value_range: lowest and highest value of an image.

    Returns:
        Images like ``images``, each value within ``epsilon`` of its own and within ``value_range``.

    Raises:
        ValueError: images in half precision, whose gradients are not those of the network in fp32.
        AssertionError: the result leaves its bounds, as it does where a gradient is NaN.
    """
    if images.dtype not in (torch.float32, torch.float64):
        raise ValueError(f"images are {images.dtype}; attacks need float32 or float64")
    if iterations == 0:
        return images.clone()
    low, high = _limits(images, epsilon, value_range)
    attacked = (images if start is None else start).detach().clamp(low, high)
    with full_precision(images.device):
        for _ in range(iterations):
            direction = _direction(network, attacked, targets, loss, stop_at_success)
            attacked = attacked.add(direction, alpha=step_size).clamp_(low, high)
    check_bounds(attacked, images, epsilon, value_range)
    return attacked


def random_start(
    images: Tensor,
    indices: Tensor,
    *,
    epsilon: float,
    seed: int,
    value_range: tuple[float, float] = PIXEL_RANGE,
) -> Tensor:
    """Move images (B, C, H, W) uniformly at random within the bound.

    A draw is a function of the seed, the sample index (``indices``, int64 (B,)) and the place in the image: neither
    batches nor the device change it.
    """
    size = images[0].numel()
    places = indices.to(images.device)[:, None] * size + torch.arange(size, device=images.device)
    draws = uniform(address(seed, "attack_start"), places).view(images.shape)
    return (images + (2 * draws - 1).to(images.dtype) * epsilon).clamp(*_limits(images, epsilon, value_range))


def check_bounds(attacked: Tensor, images: Tensor, epsilon: float, value_range: tuple[float, float]) -> None:
    """Raise :class:`AssertionError` unless every value is within ``epsilon`` of its own and within ``value_range``."""
    low, high = value_range
    change, least, most = (attacked - images).abs().amax(), attacked.amin(), attacked.amax()
    # Compared as tensors, so in the images' dtype, to which the attack rounded the bounds; written so that NaN fails.
    if not ((change <= epsilon + _ROUNDING) & (low <= least) & (most <= high)):
        raise AssertionError(
            f"an attack within {epsilon:g} and [{low:g}, {high:g}] changed a value by {change:g}; "
            f"its values are in [{least:g}, {most:g}]"
        )


@contextmanager
def full_precision(device: torch.device) -> Iterator[None]:
    """Disable autocast, and TF32, which torch allows for convolutions on a GPU by default."""
    before = torch.backends.cudnn.allow_tf32
    try:
        torch.backends.cudnn.allow_tf32 = False
        with torch.autocast(device.type, enabled=False):
            yield
    finally:
        torch.backends.cudnn.allow_tf32 = before


def _limits(images: Tensor, epsilon: float, value_range: tuple[float, float]) -> tuple[Tensor, Tensor]:
    images = images.detach()
    return (images - epsilon).clamp_(min=value_range[0]), (images + epsilon).clamp_(max=value_range[1])


def _direction(network: nn.Module, images: Tensor, targets: Tensor, loss: AttackLoss, stop_at_success: bool) -> Tensor:
    """Return the sign of the gradient of the summed loss; 0 for misclassified images if ``stop_at_success``."""
    with torch.enable_grad():
        images = images.detach().requires_grad_()
        logits = network(images)
        (gradient,) = torch.autograd.grad(loss(logits, targets).sum(), images)
    # torch's sign of NaN is 0, which would look like an image that can't be attacked.
    direction = gradient.sign().masked_fill_(gradient.isnan(), float("nan"))
    if stop_at_success:
        right = predicted(logits.detach()) == targets
        direction *= right.view(-1, *[1] * (images.ndim - 1))
    return direction
