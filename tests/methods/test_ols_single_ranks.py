"""On several ranks, whose shares of a batch and of an epoch differ, OLS-Single has the store and the losses of one."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import torch
import torch.distributed as dist
import torch.multiprocessing as mp
import torch.nn.functional as F
from torch import Tensor, nn

from olsrepro.data.batch import Batch
from olsrepro.distributed.gather import gathered
from olsrepro.methods.base import MethodContext
from olsrepro.methods.ols_single.method import Method
from olsrepro.methods.ols_single.settings import Settings

N, K, BATCH, EPOCHS = 50, 4, 12, 3
CUTS = {1: [], 2: [7], 3: [2, 2]}  # of a batch's rows; the second of three ranks gets none


class Given(nn.Module):
    """A network whose logits are what it is given."""

    def forward(self, images: Tensor) -> Tensor:
        return images


def epoch_batches(epoch: int) -> list[Batch]:
    generator = torch.Generator().manual_seed(epoch)
    targets = torch.arange(N) % K
    logits = torch.randn(N, K, generator=generator, dtype=torch.float64) + 1.5 * F.one_hot(targets, K)
    order = torch.randperm(N, generator=generator)
    return [Batch(logits[part], targets[part], part, epoch) for part in order.split(BATCH)]


def shard(batch: Batch, rank: int, ranks: int) -> Batch:
    parts = (torch.tensor_split(tensor, CUTS[ranks])[rank] for tensor in (batch.images, batch.targets, batch.indices))
    return Batch(*parts, batch.epoch)


def train(rank: int, ranks: int) -> dict[str, Any]:
    """What a rank's losses come to, each as its share of the whole batch, and its state after each epoch."""
    method = Method(Settings(), MethodContext(K, seed=1, train_size=N)).train()
    losses, states = [], []
    for epoch in range(EPOCHS):
        for batch in epoch_batches(epoch):
            own = shard(batch, rank, ranks)
            share = len(own.indices) / len(batch.indices)
            losses.append(share * method(Given(), own).loss if share else torch.zeros((), dtype=torch.float64))
        method.end_epoch()
        states.append({name: value.clone() for name, value in method.state_dict().items()})
    return {"losses": torch.stack(losses).detach(), "states": states}


def one_rank(rank: int, ranks: int, folder: str) -> None:
    torch.set_num_threads(1)
    meeting = f"file://{folder}/meeting"
    dist.init_process_group("gloo", init_method=meeting, rank=rank, world_size=ranks, timeout=timedelta(seconds=60))
    result = train(rank, ranks)
    result["gathered"] = gathered(torch.full((rank * rank, 2), rank, dtype=torch.float16))
    torch.save(result, Path(folder) / f"{rank}.pt")
    dist.destroy_process_group()


@pytest.fixture(scope="module", params=[2, 3])
def results(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, Any]]:
    folder, ranks = tmp_path_factory.mktemp("ranks"), request.param
    mp.start_processes(one_rank, args=(ranks, str(folder)), nprocs=ranks, start_method="forkserver")
    return [torch.load(folder / f"{rank}.pt", weights_only=True) for rank in range(ranks)]


@pytest.mark.timeout(120)
def test_every_rank_ends_an_epoch_with_the_store_of_one_process(results: list[dict[str, Any]]) -> None:
    one = train(0, 1)
    assert any(state["store.counts"].sum() > 0 for state in one["states"])
    for rank in results:
        for state, expected in zip(rank["states"], one["states"], strict=True):
            torch.testing.assert_close(state, expected, rtol=0, atol=0)


@pytest.mark.timeout(120)
def test_the_losses_of_all_ranks_together_are_those_of_one_process(results: list[dict[str, Any]]) -> None:
    together = torch.stack([rank["losses"] for rank in results]).sum(0)
    torch.testing.assert_close(together, train(0, 1)["losses"], rtol=1e-12, atol=0)


@pytest.mark.timeout(120)
def test_rows_of_differing_numbers_are_gathered_in_the_order_of_the_ranks(results: list[dict[str, Any]]) -> None:
    expected = torch.tensor([[rank] * 2 for rank in range(len(results)) for _ in range(rank * rank)])
    for rank in results:
        assert torch.equal(rank["gathered"], expected.half())
