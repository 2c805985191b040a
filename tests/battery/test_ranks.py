"""On several ranks a method's loss, its gradients and its state are those of one process on the whole batch."""

from __future__ import annotations

import multiprocessing as mp
from pathlib import Path
from typing import Any

import pytest
import torch
import torch.distributed as dist
from registry import METHODS
from torch import Tensor, nn

from olsrepro.config.compose import compose_run
from olsrepro.data.batch import Batch
from olsrepro.methods.base import LabelMethod, Setting
from olsrepro.methods.registry import build_method

CLASSES, BATCH, STEPS = 5, 12, 3
SHARDS = {1: [12], 2: [7, 5], 3: [2, 6, 4]}  # uneven, as an epoch's last batch may be


class Given(nn.Module):
    """A network whose logits are what it is given."""

    def forward(self, images: Tensor) -> Tensor:
        return images


def step_inputs(step: int) -> tuple[Tensor, Tensor, Tensor]:
    generator = torch.Generator().manual_seed(step)
    target = torch.randint(CLASSES, (BATCH,), generator=generator)
    logits = torch.randn(BATCH, CLASSES, generator=generator, dtype=torch.float64)
    logits[torch.arange(BATCH), target] += 1.5
    return logits, target, torch.randperm(50, generator=generator)[:BATCH]


def work(rank: int, world: int, name: str, switches: list[str], folder: str) -> None:
    """Feed a rank its shard of every step, end the period, leave what came of it."""
    torch.set_num_threads(1)
    if world > 1:
        dist.init_process_group("gloo", init_method=f"file://{folder}/meet", rank=rank, world_size=world)
    settings = compose_run([f"method={name}", *switches]).method
    method: LabelMethod = build_method(settings, Setting(CLASSES, seed=0)).train()
    first = sum(SHARDS[world][:rank])
    mine = slice(first, first + SHARDS[world][rank])
    losses, gradients = [], []
    for step in range(STEPS):
        logits, target, indices = (tensor[mine] for tensor in step_inputs(step))
        logits = logits.clone().requires_grad_()
        share = len(target) / BATCH  # a rank's mean counts by the size of its shard
        loss = share * method(Given(), Batch(logits, target, indices, epoch=1)).loss
        loss.backward()
        losses.append(loss.detach())
        gradients.append(logits.grad)
        method.after_step()
    method.end_epoch()
    torch.save({"losses": losses, "gradients": gradients, "state": method.state_dict()}, f"{folder}/{world}-{rank}.pt")
    if world > 1:
        dist.destroy_process_group()


def work_all(rank: int, world: int, folder: str) -> None:
    """All methods in one process: starting one is what takes the time."""
    for name, switches in METHODS.items():
        (place := Path(folder) / name).mkdir(exist_ok=True)
        kept = [line for line in switches if not line.startswith("method.update_period")]
        work(rank, world, name, kept, str(place))


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("ranks")
    work_all(0, 1, str(folder))
    context = mp.get_context("spawn")
    for world in (2, 3):
        ranks = [context.Process(target=work_all, args=(rank, world, str(folder))) for rank in range(world)]
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
    for step in range(STEPS):
        total = torch.stack([rank["losses"][step] for rank in many]).sum()
        torch.testing.assert_close(total, one["losses"][step], rtol=1e-9, atol=1e-12)
        gradient = torch.cat([rank["gradients"][step] for rank in many])
        torch.testing.assert_close(gradient, one["gradients"][step], rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("world", [2, 3])
@pytest.mark.parametrize("name", METHODS)
def test_every_rank_holds_the_state_of_one_process(name: str, world: int, results: Path) -> None:
    (one,), many = load(results, name, 1), load(results, name, world)
    for rank in many:
        torch.testing.assert_close(dict(rank["state"]), dict(one["state"]), rtol=1e-6, atol=1e-9)


def test_the_table_of_ols_is_no_longer_what_it_began_as(results: Path) -> None:
    (one,) = load(results, "ols", 1)
    table = next(value for key, value in one["state"].items() if key.endswith("soft_labels"))
    assert not torch.allclose(table, torch.full_like(table, 1 / CLASSES))
