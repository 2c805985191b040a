"""Several ranks with shards of unequal size end a period with the labels of one process."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest
import torch
import torch.distributed as dist
import torch.multiprocessing as mp
from torch import Tensor

from olsrepro.losses import OnlineLabelSmoothing

K = 7


def draw() -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(0)
    target = torch.randint(K - 1, (23,), generator=generator)
    logits = torch.randn(23, K, generator=generator)
    logits[torch.arange(23), target] += 1
    return logits, target


def one_rank(rank: int, ranks: int, folder: str) -> None:
    torch.set_num_threads(1)
    meeting = f"file://{folder}/meeting"
    dist.init_process_group("gloo", init_method=meeting, rank=rank, world_size=ranks, timeout=timedelta(seconds=60))
    logits, target = draw()
    cuts = [3, 11][: ranks - 1]
    ols = OnlineLabelSmoothing(K)
    ols(torch.tensor_split(logits, cuts)[rank], torch.tensor_split(target, cuts)[rank])
    counts = ols.table.counts.sum().item()
    ols.update()
    torch.save({"labels": ols.soft_labels, "counted": counts}, Path(folder) / f"{rank}.pt")
    dist.destroy_process_group()


@pytest.mark.timeout(120)
@pytest.mark.parametrize("ranks", [2, 3])
def test_ranks_with_uneven_shards_end_a_period_as_one_process(ranks: int, tmp_path: Path) -> None:
    mp.start_processes(one_rank, args=(ranks, str(tmp_path)), nprocs=ranks, start_method="forkserver")
    ols = OnlineLabelSmoothing(K)
    ols(*draw())
    counted = ols.table.counts.sum().item()
    ols.update()
    results = [torch.load(tmp_path / f"{rank}.pt", weights_only=True) for rank in range(ranks)]
    assert sum(result["counted"] for result in results) == counted
    for result in results:
        torch.testing.assert_close(result["labels"], ols.soft_labels, rtol=1e-6, atol=1e-7)
        assert torch.equal(result["labels"], results[0]["labels"])
