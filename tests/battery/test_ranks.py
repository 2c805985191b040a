"""On several ranks a method's loss, its gradients and its state are those of one process on the whole batch."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
import torch.distributed as dist
from processes import CONTEXT
from quick_composer import composed
from registry import METHODS
from torch import Tensor, nn

from olsrepro.config.run_config import RunConfig
from olsrepro.data.batch import Batch
from olsrepro.methods.base import LabelMethod, MethodContext, StepOutput
from olsrepro.methods.registry import build_method
from olsrepro.methods.settings import MethodSettings
from olsrepro.models.backbone import Backbone
from olsrepro.models.registry import build_backbone
from olsrepro.models.settings import BackboneSettings

CLASSES, BATCH, STEPS, SAMPLES = 5, 12, 3, 50
SHARDS = {1: [12], 2: [7, 5], 3: [2, 6, 4]}  # uneven, as an epoch's last batch may be
HALVES = {1: [6], 2: [4, 2], 3: [1, 3, 2]}  # what each rank has of the left half, and likewise of the right half
MIXING = {"arazo"}
"""Methods that mix rows of several ranks: only what the network's weights learn is the sum of the ranks'."""


class Given(nn.Module):
    """A network whose logits are what it is given, times 1; with heads, each has its own share of it."""

    def __init__(self, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.scale = nn.Parameter(torch.ones(CLASSES, dtype=torch.float64))

    def forward(self, images: Tensor) -> Tensor | list[Tensor]:
        images = images * self.scale
        return images if self.heads == 1 else [images.roll(head, 1) / (1 + head) for head in range(self.heads)]


class Teacher(nn.Module):
    """A network of its own opinion."""

    def forward(self, images: Tensor) -> Tensor:
        return 2 * images.roll(1, 1)


def targets_of_all() -> Tensor:
    return torch.randint(CLASSES, (SAMPLES,), generator=torch.Generator().manual_seed(0))


class AllImages:
    """A training set, for methods that look at all of it at an epoch's end; the same on every rank."""

    def batches(self, epoch: int, *, augmented: bool) -> Iterator[Batch]:
        targets, indices = targets_of_all(), torch.arange(SAMPLES)
        images = torch.randn(SAMPLES, 3, 8, 8, generator=torch.Generator().manual_seed(1))
        images[indices, 0, targets] += 3
        for part in indices.split(20):
            yield Batch(images[part], targets[part], part, epoch)


def step_inputs(epoch: int, step: int, views: int) -> tuple[Tensor, Tensor, Tensor]:
    """Logits (views, B, K), targets and sample indices of a step; an epoch shows a sample once."""
    indices = torch.randperm(SAMPLES, generator=torch.Generator().manual_seed(epoch))[step * BATCH : (step + 1) * BATCH]
    target = targets_of_all()[indices]
    generator = torch.Generator().manual_seed(STEPS * epoch + step)
    logits = torch.randn(views, BATCH, CLASSES, generator=generator, dtype=torch.float64)
    logits[:, torch.arange(BATCH), target] += 1.5
    return logits, target, indices


def rows_of(rank: int, world: int, in_pairs: bool) -> Tensor:
    """Which rows of the global batch a rank has; in pairs, its slice of the left half and the same of the right."""
    sizes = (HALVES if in_pairs else SHARDS)[world]
    mine = torch.arange(sum(sizes[:rank]), sum(sizes[: rank + 1]))
    return torch.cat([mine, mine + BATCH // 2]) if in_pairs else mine


def run_of(name: str) -> RunConfig:
    """A run with a method's tiny settings, at its own update period."""
    kept = [line for line in METHODS[name] if not line.startswith("method.update_period")]
    return composed(f"method={name}", "backbone=resnet8", "backbone.width=0.25", *kept)


def built(settings: MethodSettings, network: BackboneSettings) -> tuple[LabelMethod, Backbone | Given]:
    """The method and its backbone: the network itself for a method that differentiates it on a clean set."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        backbone = build_backbone(network, CLASSES)
        teacher = Teacher() if settings.wants_teacher else None
        context = MethodContext(
            CLASSES, 0, 3, SAMPLES, 8, backbone, teacher, milestones=(1, 2), training_set=AllImages()
        )
        if settings.clean_set() is None:
            return build_method(settings, context).train(), backbone
        context = replace(context, backbone=Given(1), learning_rate=lambda _: 0.1)
        return build_method(settings, context).double().train(), context.backbone


def work(rank: int, world: int, run: RunConfig, folder: str) -> None:
    """Feed a rank its share of every step of two epochs, leave what came of it."""
    torch.set_num_threads(1)
    if world > 1:
        dist.init_process_group("gloo", init_method=f"file://{folder}/meet{world}", rank=rank, world_size=world)
    method, backbone = built(run.method, run.backbone)
    network = Given(1 if method.trained(backbone) is backbone else 3)
    network = backbone if isinstance(backbone, Given) else network
    wants_clean = run.method.clean_set() is not None
    views = 1 + len(run.method.more_views(run.recipe.augment)) + wants_clean
    rows = rows_of(rank, world, run.method.needs_pairs)
    losses, gradients, scales = [], [], []
    for epoch in range(2):
        for step in range(STEPS):
            logits, target, indices = step_inputs(epoch, step, views)
            logits = logits[:, rows].clone().requires_grad_()
            images, *more = logits.unbind()
            clean = (more.pop(), target[rows]) if wants_clean else (None, None)
            share = len(rows) / BATCH  # a rank's mean counts by the size of its share
            batch = Batch(images, target[rows], indices[rows], epoch + 1, tuple(more), *clean)
            output: StepOutput = method(network, batch)
            (share * output.loss).backward()
            losses.append(share * output.loss.detach())
            gradients.append(logits.grad)
            scales.append(network.scale.grad)
            network.scale.grad = None
            method.after_step()
        method.end_epoch()
    left = {"losses": losses, "gradients": gradients, "scales": scales, "state": method.state_dict()}
    torch.save(left, f"{folder}/{world}-{rank}.pt")
    if world > 1:
        dist.destroy_process_group()


def work_all(rank: int, world: int, runs: Mapping[str, RunConfig], folder: str) -> None:
    """All methods in one process: starting one is what takes the time."""
    for name, run in runs.items():
        (place := Path(folder) / name).mkdir(exist_ok=True)
        work(rank, world, run, str(place))


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("ranks")
    runs = {name: run_of(name) for name in METHODS}
    work_all(0, 1, runs, str(folder))
    for world in (2, 3):
        ranks = [CONTEXT.Process(target=work_all, args=(rank, world, runs, str(folder))) for rank in range(world)]
        for process in ranks:
            process.start()
        for process in ranks:
            process.join(timeout=120)
            assert process.exitcode == 0
    return folder


def load(results: Path, name: str, world: int) -> list[dict[str, Any]]:
    return [torch.load(results / name / f"{world}-{rank}.pt", weights_only=True) for rank in range(world)]


@pytest.mark.parametrize("world", [2, 3])
@pytest.mark.parametrize("name", METHODS)
def test_ranks_agree_with_one_process(name: str, world: int, results: Path) -> None:
    (one,), many = load(results, name, 1), load(results, name, world)
    in_pairs = run_of(name).method.needs_pairs
    order = torch.cat([rows_of(rank, world, in_pairs) for rank in range(world)])
    for step in range(2 * STEPS):
        total = torch.stack([rank["losses"][step] for rank in many]).sum()
        torch.testing.assert_close(total, one["losses"][step], rtol=1e-9, atol=1e-12)
        scales = torch.stack([rank["scales"][step] for rank in many]).sum(0)
        torch.testing.assert_close(scales, one["scales"][step], rtol=1e-9, atol=1e-12)
        if name in MIXING:
            continue
        gradient = torch.cat([rank["gradients"][step] for rank in many], dim=1)
        torch.testing.assert_close(gradient, one["gradients"][step][:, order], rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("world", [2, 3])
@pytest.mark.parametrize("name", METHODS)
def test_every_rank_holds_the_state_of_one_process(name: str, world: int, results: Path) -> None:
    (one,), many = load(results, name, 1), load(results, name, world)
    for rank in many:
        torch.testing.assert_close(dict(rank["state"]), dict(one["state"]), rtol=1e-6, atol=1e-9)


@pytest.mark.parametrize("name", ["ols", "byot_ols"])
def test_a_label_table_is_no_longer_what_it_began_as(name: str, results: Path) -> None:
    (one,) = load(results, name, 1)
    table = next(value for key, value in one["state"].items() if key.endswith("soft_labels"))
    assert not torch.allclose(table, torch.full_like(table, 1 / CLASSES))
