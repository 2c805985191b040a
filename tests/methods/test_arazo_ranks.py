"""On several ranks every stage of Arazo et al. has the loss, the gradient and the mixture of one process."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import torch
import torch.distributed as dist
import torch.multiprocessing as mp
from torch import Tensor, nn

from olsrepro.data.batch import Batch
from olsrepro.methods.arazo.method import Method
from olsrepro.methods.arazo.settings import VARIANTS, Settings
from olsrepro.methods.base import MethodContext

N, K, BATCH, EPOCHS = 40, 4, 10, 4
CUTS = {1: [], 2: [7], 3: [1, 6]}  # of a batch's rows
PARTS = 2  # batches of the pass at an epoch's end; of three ranks one has none


class Linear(nn.Module):
    """A network without batch statistics, which ranks would have each of their own."""

    def __init__(self) -> None:
        super().__init__()
        generator = torch.Generator().manual_seed(0)
        self.weight = nn.Parameter(torch.randn(12, K, generator=generator, dtype=torch.float64))

    def forward(self, images: Tensor) -> Tensor:
        return images.flatten(1) @ self.weight


class Images:
    """All images, by rising index."""

    images = torch.randn(N, 3, 2, 2, generator=torch.Generator().manual_seed(2), dtype=torch.float64)
    targets = torch.arange(N) % K

    def of(self, part: Tensor, epoch: int) -> Batch:
        return Batch(self.images[part], self.targets[part], part, epoch)

    def batches(self, epoch: int, *, augmented: bool) -> Iterator[Batch]:
        yield from (self.of(part, epoch) for part in torch.arange(N).chunk(PARTS))


def built(variant: str, network: nn.Module) -> Method:
    starts = {"md_guided_start": 1, "md_bootstrap_start": 2} if variant == "md_dyr_sh" else {"bootstrap_start": 1}
    context = MethodContext(K, 0, EPOCHS, N, 2, network, training_set=Images())  # type: ignore[arg-type]
    return Method(Settings(variant=variant, **starts), context).train()  # type: ignore[arg-type]


def step(network: Linear, gradient: Tensor) -> None:
    """Descend by the sum of all ranks' gradients."""
    if dist.is_initialized():
        dist.all_reduce(gradient)
    with torch.no_grad():
        network.weight -= 0.5 * gradient


def train(variant: str, rank: int, ranks: int) -> dict[str, Any]:
    """A rank's losses and gradients, each as its share of the whole batch; what it knows after each epoch."""
    network = Linear()
    method = built(variant, network)
    losses, gradients, states = [], [], []
    for epoch in range(EPOCHS):
        order = torch.randperm(N, generator=torch.Generator().manual_seed(epoch))
        for whole in order.split(BATCH):
            own = torch.tensor_split(whole, CUTS[ranks])[rank]
            loss = len(own) / len(whole) * method(network, Images().of(own, epoch)).loss
            (gradient,) = torch.autograd.grad(loss, network.weight)
            losses.append(loss.detach())
            gradients.append(gradient.clone())
            step(network, gradient)
            method.after_step()
        method.end_epoch()
        states.append({name: value.clone() for name, value in method.noise_model.state_dict().items()})
        states[-1]["predictions"] = method.predictions()
    return {"losses": torch.stack(losses), "gradients": torch.stack(gradients), "states": states}


def one_rank(rank: int, ranks: int, folder: str) -> None:
    torch.set_num_threads(1)
    meeting = f"file://{folder}/meeting"
    dist.init_process_group("gloo", init_method=meeting, rank=rank, world_size=ranks, timeout=timedelta(seconds=60))
    torch.save({variant: train(variant, rank, ranks) for variant in VARIANTS}, Path(folder) / f"{rank}.pt")
    dist.destroy_process_group()


@pytest.fixture(scope="module", params=[2, 3])
def results(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, Any]]:
    folder, ranks = tmp_path_factory.mktemp("ranks"), request.param
    mp.start_processes(one_rank, args=(ranks, str(folder)), nprocs=ranks, start_method="forkserver")
    return [torch.load(folder / f"{rank}.pt", weights_only=True) for rank in range(ranks)]


@pytest.mark.timeout(120)
@pytest.mark.parametrize("variant", VARIANTS)
def test_the_losses_and_gradients_of_all_ranks_together_are_those_of_one_process(
    variant: str, results: list[dict[str, Any]]
) -> None:
    one = train(variant, 0, 1)
    for key in ("losses", "gradients"):
        together = torch.stack([rank[variant][key] for rank in results]).sum(0)
        torch.testing.assert_close(together, one[key], rtol=1e-10, atol=1e-12)


@pytest.mark.timeout(120)
@pytest.mark.parametrize("variant", VARIANTS)
def test_every_rank_knows_the_mixture_and_the_predictions_of_one_process(
    variant: str, results: list[dict[str, Any]]
) -> None:
    one = train(variant, 0, 1)["states"]
    assert len({tuple(state["alpha"].tolist()) for state in one}) == EPOCHS
    for rank in results:
        torch.testing.assert_close(rank[variant]["states"], one, rtol=1e-9, atol=1e-10)
