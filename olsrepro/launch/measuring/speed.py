"""Training speed of networks here, from a few bare steps on random images, where no run has shown it yet."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from olsrepro.config.run_config import RunConfig
from olsrepro.launch.measuring.facts import leave_facts
from olsrepro.launch.provenance import this_process
from olsrepro.models.registry import build_network
from olsrepro.settings import UserError
from olsrepro.store.cost import Speeds, rate_text, speed_of
from olsrepro.store.facts import SPEED, facts_id
from olsrepro.training.device import prepare_device
from olsrepro.training.optimizer import build_optimizer

SECONDS = 5.0  # for each network after a first step, or as long as one more takes
_PIXELS = 2 * 224**2  # of a small batch: 2 photographs, 98 images of CIFAR
Say = Callable[[str], None]


def time_networks(configs: Iterable[RunConfig], speeds: Speeds, say: Say) -> None:
    """Time each network, image size and precision of some runs whose speed is not known, and store a record of each.

    Args:
        configs: of the runs; they share a device and a store.
        speeds: those in the store. A speed of bare steps on another device is measured again, one of runs is not.
        say: called with one line for each.

    Raises:
        UserError: the device is not available; or a network doesn't fit into its memory.
    """
    runs = list(configs)
    if not runs:
        return
    device = prepare_device(runs[0].runtime)
    here = this_process(runs[0].runtime, device)["device"]
    for config in unknown(runs, speeds, here):
        side = config.dataset.image_size
        what = f"{config.backbone.name} at {side} x {side} pixels in {config.recipe.precision}"
        timed = time_network(config, device)
        leave_facts(SPEED, config, {"images_per_s": timed.images_per_s, "batch_size": float(timed.batch_size)}, device)
        say(f"{what}: {rate_text(timed.images_per_s)} images/s in batches of {timed.batch_size} on {here}")


def unknown(configs: Iterable[RunConfig], speeds: Speeds, here: str) -> list[RunConfig]:
    """Return one run for each network, image size and precision that no run and no steps on this device have timed."""
    found: dict[str, RunConfig] = {}
    for config in configs:
        speed = speed_of(config, speeds)
        if speed is None or (speed.of_steps and speed.device != here):
            found.setdefault(facts_id(SPEED, config), config)
    return list(found.values())


@dataclass(frozen=True)
class Timed:
    """Speed of bare steps, and the number of images in each."""

    images_per_s: float
    batch_size: int


def time_network(config: RunConfig, device: torch.device) -> Timed:
    """Time forward pass, backward pass and SGD of a run's backbone by itself; ``runtime.compile`` is ignored.

    Raises:
        UserError: not even the smallest batch fits into the device's memory.
    """
    with torch.random.fork_rng():
        torch.manual_seed(0)
        network = build_network(config.backbone, config.dataset.num_classes)
    side = config.dataset.image_size
    sizes = batch_sizes(config.recipe.batch_size, side, device.type)
    timed = largest(stepper(config, network, device), sizes, SECONDS / len(sizes))
    if timed is None:
        name = f"{config.backbone.name} at {side} x {side} pixels"
        raise UserError(f"{name} does not fit into the memory of this device; plan without --measure")
    return timed


def batch_sizes(whole: int, side: int, device: str) -> list[int]:
    """Return the batch sizes to time for a recipe's batch of ``whole`` images: a small one, on a GPU its doubles."""
    small = max(2, min(whole, _PIXELS // side**2))
    sizes = [small]
    while device != "cpu" and sizes[-1] < whole:
        sizes.append(min(whole, 2 * sizes[-1]))
    return sizes


def stepper(config: RunConfig, network: nn.Module, device: torch.device) -> Callable[[int], None]:
    """Return a function that makes one step on a given number of images and waits until it is done.

    The learning rate is 0, so that nothing diverges.
    """
    layout = torch.channels_last if config.runtime.channels_last else torch.contiguous_format
    network = network.to(device).to(memory_format=layout).train()
    optimizer = build_optimizer(list(network.parameters()), replace(config.recipe, lr=0.0))
    side, in_bf16 = config.dataset.image_size, config.recipe.precision == "bf16"
    made: dict[int, Tensor] = {}

    def step(size: int) -> None:
        if size not in made:
            made.clear()
            made[size] = torch.rand(size, 3, side, side).to(device).to(memory_format=layout)
        optimizer.zero_grad(set_to_none=True)
        with torch.autocast(device.type, torch.bfloat16, enabled=in_bf16):
            loss = bare_loss(network(made[size]))
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        if device.type == "cuda":
            torch.cuda.synchronize(device)

    return step


def bare_loss(output: Tensor | Sequence[Tensor]) -> Tensor:
    """Return a loss to differentiate: for logits (B, K) cross entropy with class 0, for a detector's maps mean squares.

    The time that a detector's own loss would take is left out, since there are no objects.
    """
    if isinstance(output, Tensor):
        return F.cross_entropy(output, torch.zeros(len(output), dtype=torch.int64, device=output.device))
    return torch.stack([one.float().square().mean() for one in output]).sum()


def largest(
    step: Callable[[int], None], sizes: Sequence[int], seconds: float, clock: Callable[[], float] = time.perf_counter
) -> Timed | None:
    """Return the speed of the largest batch that fits, after ``seconds`` of steps for each size; None if none fits."""
    found = None
    for size in sizes:
        try:
            found = Timed(_images_per_s(step, size, seconds, clock), size)
        except torch.OutOfMemoryError:
            break
    return found


def _images_per_s(step: Callable[[int], None], size: int, seconds: float, clock: Callable[[], float]) -> float:
    step(size)  # the first one allocates, and chooses kernels
    start, steps = clock(), 0
    while not steps or clock() - start < seconds:
        step(size)
        steps += 1
    return size * steps / (clock() - start)
