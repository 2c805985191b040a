"""Device, determinism and the parts of a learner, from settings."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import nn

from olsrepro.data.settings import DatasetSettings
from olsrepro.distributed.place import Place, place
from olsrepro.distributed.ranks import rank
from olsrepro.methods.base import LabelMethod, Setting, TrainingSet
from olsrepro.methods.registry import build_method
from olsrepro.methods.settings import MethodSettings, OwnRecipe
from olsrepro.models.backbone import Backbone
from olsrepro.models.pretrained import load_pretrained
from olsrepro.models.registry import build_network
from olsrepro.models.settings import BackboneSettings
from olsrepro.randomness import address, stream
from olsrepro.settings import UserError
from olsrepro.training.averaging import WeightAverage
from olsrepro.training.batch_norm import apply_batch_norm
from olsrepro.training.learner import Learner
from olsrepro.training.memory import spare_page_faults
from olsrepro.training.settings import RecipeSettings, RuntimeSettings


def prepare_device(runtime: RuntimeSettings) -> torch.device:
    """The device to train on, with threads and determinism set for this process.

    Raises:
        UserError: the device is not there, or can't do what is asked.
    """
    device = _choose_device(_own_device(runtime.device, place()))
    if runtime.channels_last and device.type == "cpu":
        # Seen in torch 2.14: the backward pass of a narrow strided 1 x 1 convolution writes past its memory.
        raise UserError("runtime.channels_last=true is for GPUs: in that layout torch's CPU kernels corrupt memory")
    if runtime.threads is not None:
        torch.set_num_threads(runtime.threads)
    if device.type == "cuda":
        torch.cuda.set_device(device)
        _prepare_cuda(runtime.deterministic)
    else:
        spare_page_faults()
    return device


def _prepare_cuda(deterministic: bool) -> None:
    """Determinism of cuDNN, cuBLAS and torch; a CPU needs nothing: its kernels are deterministic as they are."""
    if deterministic:
        os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")  # without it cuBLAS is not deterministic
    torch.use_deterministic_algorithms(deterministic)
    torch.backends.cudnn.benchmark = not deterministic
    torch.backends.cudnn.allow_tf32 = False  # fp32 means fp32; torch's default for convolutions is TF32


def _own_device(name: str, here: Place) -> str:
    """Of several ranks on a machine each has the GPU of its own number."""
    if here.ranks == 1 or name == "cpu" or not torch.cuda.is_available():
        return name
    if name.startswith("cuda:"):
        raise UserError(f"runtime.device={name} is one GPU, and there are {here.ranks} ranks; set runtime.device=cuda")
    return f"cuda:{here.local_rank}"


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
    start: Path | None = None,
) -> Learner:
    """Network, label method and optimiser of a run.

    Initial weights are drawn on the CPU from (seed, "init"), the trunk first, so that all methods of one seed start
    from one trunk on every device. ``teacher`` is a trained network for a method that wants one, ``training_set`` all
    training images for one that looks at them. ``start`` is a file of weights that replace the trunk's draws before the
    method sees it; all that is drawn is the same without it.
    """
    own = method.own_recipe(recipe.epochs)
    rate = recipe.rate_at if own is None else own.rate_at
    with stream(seed, "init"):
        network = build_network(backbone, dataset.num_classes)
        if start is not None:
            load_pretrained(network, start)
        network = apply_batch_norm(recipe.batch_norm, network)
        setting = Setting(
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
        label_method = apply_batch_norm(recipe.batch_norm, build_method(method, setting))
    layout = torch.channels_last if runtime.channels_last else torch.contiguous_format
    network = network.to(device).to(memory_format=layout)
    label_method = label_method.to(device).to(memory_format=layout)
    optimizer = build_optimizer([*network.parameters(), *label_method.optimised()], recipe, own)
    torch.manual_seed(address(seed, "stream", *([rank()] if rank() else [])))  # ranks drop other features out
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
    """With what steps and tests call: averaged, compiled, as the run says."""
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


def build_optimizer(
    parameters: list[nn.Parameter], recipe: RecipeSettings, own: OwnRecipe | None = None
) -> torch.optim.Optimizer:
    """SGD as the recipe or a method's own says; weight decay reaches BatchNorm's parameters too (the authors' code)."""
    said = recipe if own is None else own
    return torch.optim.SGD(parameters, recipe.lr, said.momentum, weight_decay=said.weight_decay, nesterov=said.nesterov)
