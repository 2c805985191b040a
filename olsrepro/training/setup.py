"""Device, determinism and the parts of a learner, from settings."""

from __future__ import annotations

import os
from functools import partial
from typing import Any

import torch
from torch import nn

from olsrepro.data.settings import DatasetSettings
from olsrepro.methods.base import Setting, TrainingSet
from olsrepro.methods.registry import build_method
from olsrepro.methods.settings import MethodSettings, OwnRecipe
from olsrepro.models.registry import build_backbone
from olsrepro.models.settings import BackboneSettings
from olsrepro.randomness import address, stream
from olsrepro.settings import UserError
from olsrepro.training.memory import keep_freed_memory
from olsrepro.training.schedule import learning_rate
from olsrepro.training.settings import RecipeSettings, RuntimeSettings
from olsrepro.training.trainer import Learner


def prepare_device(runtime: RuntimeSettings) -> torch.device:
    """The device to train on, with threads and determinism set for this process.

    Raises:
        UserError: the device is not there, or can't do what is asked.
    """
    device = _choose_device(runtime.device)
    if runtime.channels_last and device.type == "cpu":
        # Seen in torch 2.14: the backward pass of a narrow strided 1 x 1 convolution writes past its memory.
        raise UserError("runtime.channels_last=true is for GPUs: in that layout torch's CPU kernels corrupt memory")
    if runtime.threads is not None:
        torch.set_num_threads(runtime.threads)
    if device.type == "cuda":
        _prepare_cuda(runtime.deterministic)
    else:
        keep_freed_memory()
    return device


def _prepare_cuda(deterministic: bool) -> None:
    """Determinism of cuDNN, cuBLAS and torch; a CPU needs nothing: its kernels are deterministic as they are."""
    if deterministic:
        os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")  # without it cuBLAS is not deterministic
    torch.use_deterministic_algorithms(deterministic)
    torch.backends.cudnn.benchmark = not deterministic
    torch.backends.cudnn.allow_tf32 = False  # fp32 means fp32; torch's default for convolutions is TF32


def _choose_device(name: str) -> torch.device:
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(name)
        torch.empty(0, device=device)
    except (RuntimeError, AssertionError) as error:
        reason = str(error).splitlines()[0]
        raise UserError(
            f"runtime.device={name} is not usable here ({reason}); set runtime.device=auto or cpu"
        ) from None
    return device


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
) -> Learner:
    """Network, label method and optimiser of a run.

    Initial weights are drawn on the CPU from (seed, "init"), the trunk first, so that all methods of one seed start
    from one trunk on every device. ``teacher`` is a trained network for a method that wants one, ``training_set`` all
    training images for one that looks at them.
    """
    own = method.own_recipe(recipe.epochs)
    rate = partial(learning_rate, recipe) if own is None else own.learning_rates.__getitem__
    with stream(seed, "init"):
        network = build_backbone(backbone, dataset.num_classes)
        setting = Setting(
            dataset.num_classes,
            seed,
            recipe.epochs,
            dataset.train_size,
            dataset.image_size,
            network,
            teacher,
            tuple(recipe.milestones),
            rate,
            training_set,
        )
        label_method = build_method(method, setting)
    layout = torch.channels_last if runtime.channels_last else torch.contiguous_format
    network = network.to(device).to(memory_format=layout)
    label_method = label_method.to(device).to(memory_format=layout)
    parameters = [*network.parameters(), *label_method.optimised()]
    trained, tested = label_method.trained(network), label_method.tested(network)
    if runtime.compile:
        forward = _compiled(trained, device)
        tested = forward if tested is trained else _compiled(tested, device)
    else:
        forward = trained
    torch.manual_seed(address(seed, "stream"))
    return Learner(network, label_method, build_optimizer(parameters, recipe, own), forward, tested, rate)


def _compiled(network: nn.Module, device: torch.device) -> nn.Module:
    # On the CPU the compiler would lay convolutions out as channels_last, which prepare_device refuses for good reason.
    options: dict[str, Any] | None = {"layout_optimization": False} if device.type == "cpu" else None
    return torch.compile(network, options=options)  # type: ignore[return-value]


def build_optimizer(
    parameters: list[nn.Parameter], recipe: RecipeSettings, own: OwnRecipe | None = None
) -> torch.optim.Optimizer:
    """SGD as the recipe or a method's own says; weight decay reaches BatchNorm's parameters too (the authors' code)."""
    said = recipe if own is None else own
    return torch.optim.SGD(parameters, recipe.lr, said.momentum, weight_decay=said.weight_decay, nesterov=said.nesterov)
