"""A model that holds its criterion, as a LightningModule does, wrapped for several ranks: the labels of one process."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import torch
import torch.distributed as dist
import torch.multiprocessing as mp
from torch import Tensor, nn
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.fsdp import fully_shard
from torch.nn.parallel import DistributedDataParallel

from olsrepro.losses import OnlineLabelSmoothing

K, STEPS, RANKS = 7, 5, 2


class ModelWithLoss(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.network = nn.Sequential(nn.Linear(5, 16), nn.ReLU(), nn.Linear(16, K))
        self.criterion = OnlineLabelSmoothing(K, accumulate="all")

    def forward(self, features: Tensor, target: Tensor) -> Tensor:
        loss: Tensor = self.criterion(self.network(features), target)
        return loss


def sharded(model: nn.Module) -> nn.Module:
    fully_shard(model, mesh=init_device_mesh("cpu", (RANKS,)))
    return model


WRAPPERS: dict[str, Callable[[nn.Module], nn.Module]] = {"ddp": DistributedDataParallel, "fsdp": sharded}


def batch(step: int) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(step)
    return torch.randn(16, 5, generator=generator), torch.randint(K, (16,), generator=generator)


def train(model: nn.Module, criterion: OnlineLabelSmoothing, rank: int, ranks: int) -> dict[str, Any]:
    """Two periods of this rank's share of each batch; between them the soft labels, what was counted, and the last."""
    optimizer = torch.optim.SGD(model.parameters(), lr=0.5)
    told: dict[str, Any] = {}
    for step in range(2 * STEPS):
        features, target = batch(step)
        loss = model(features[rank::ranks], target[rank::ranks])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        if (step + 1) % STEPS == 0:
            told[f"counts {step}"] = criterion.table.counts.clone()
            criterion.update()
            told[f"labels {step}"] = criterion.soft_labels.clone()
    return told


def one_rank(rank: int, folder: str) -> None:
    torch.set_num_threads(1)
    meeting = f"file://{folder}/meeting"
    dist.init_process_group("gloo", init_method=meeting, rank=rank, world_size=RANKS, timeout=timedelta(seconds=60))
    told = {}
    for name, wrapped in WRAPPERS.items():
        model = ModelWithLoss()
        told[name] = train(wrapped(model), model.criterion, rank, RANKS)
    torch.save(told, Path(folder) / f"{rank}.pt")
    dist.destroy_process_group()


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, Any]]:
    folder = tmp_path_factory.mktemp("ranks")
    mp.start_processes(one_rank, args=(str(folder),), nprocs=RANKS, start_method="forkserver")
    return [torch.load(folder / f"{rank}.pt", weights_only=True) for rank in range(RANKS)]


@pytest.mark.timeout(180)
@pytest.mark.parametrize("wrapper", WRAPPERS)
def test_ranks_of_a_wrapped_model_learn_the_soft_labels_of_one_process(
    wrapper: str, told: list[dict[str, Any]]
) -> None:
    model = ModelWithLoss()
    alone = train(model, model.criterion, 0, 1)
    for key in (f"labels {STEPS - 1}", f"labels {2 * STEPS - 1}"):
        for rank in told:
            torch.testing.assert_close(rank[wrapper][key], alone[key], rtol=1e-5, atol=1e-6)


@pytest.mark.timeout(180)
@pytest.mark.parametrize("wrapper", WRAPPERS)
def test_each_rank_of_a_wrapped_model_counts_its_own_samples(wrapper: str, told: list[dict[str, Any]]) -> None:
    for rank, one in enumerate(told):
        targets = torch.cat([batch(step)[1][rank::RANKS] for step in range(STEPS)])
        assert torch.equal(one[wrapper][f"counts {STEPS - 1}"], targets.bincount(minlength=K))
