"""The running average of the weights: by hand, beside a training, over a resume."""

from __future__ import annotations

from pathlib import Path
from typing import cast

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from olsrepro.config.compose import compose_run
from olsrepro.methods.heads import HeadedNetwork, HeadEnsemble
from olsrepro.models.registry import build_backbone
from olsrepro.models.side_heads import side_heads
from olsrepro.training.averaging import WeightAverage
from olsrepro.training.batch_norm import apply_batch_norm
from olsrepro.training.checkpoint import load, save

IMAGES = torch.randn(6, 3, 8, 8, generator=torch.Generator().manual_seed(0))


class Numbers(nn.Module):
    """A weight in fp32, one in float64, a statistic and a count."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.tensor([8.0, 0.0]))
        self.precise = nn.Parameter(torch.tensor(1.0, dtype=torch.float64))
        self.register_buffer("statistic", torch.tensor(16.0))
        self.register_buffer("count", torch.tensor(7))

    def set(self, weight: list[float], precise: float, statistic: float, count: int) -> None:
        new = {"weight": torch.tensor(weight), "precise": torch.tensor(precise, dtype=torch.float64)}
        self.load_state_dict(new | {"statistic": torch.tensor(statistic), "count": torch.tensor(count)})


def small() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.Flatten(), nn.Linear(144, 5))


def train(network: nn.Module, average: WeightAverage, steps: int, optimizer: torch.optim.Optimizer) -> None:
    for _ in range(steps):
        optimizer.zero_grad()
        F.cross_entropy(network(IMAGES), torch.arange(6) % 5).backward()
        optimizer.step()
        average.update()


def sgd(network: nn.Module) -> torch.optim.Optimizer:
    return torch.optim.SGD(network.parameters(), 0.1)


def test_three_steps_by_hand() -> None:
    network = Numbers()
    average = WeightAverage(network, network, 0.75)
    averaged = cast("Numbers", average.network)
    network.set([16.0, 4.0], 5.0, 0.0, 8)
    average.update()
    assert averaged.weight.tolist() == [10.0, 1.0]
    assert (averaged.precise.item(), averaged.statistic.item(), averaged.count.item()) == (2.0, 12.0, 8)
    network.set([2.0, 1.0], 2.0, 8.0, 9)
    average.update()
    assert averaged.weight.tolist() == [8.0, 1.0]
    assert (averaged.precise.item(), averaged.statistic.item(), averaged.count.item()) == (2.0, 11.0, 9)
    network.set([0.0, -7.0], -6.0, 3.0, 2)
    average.update()
    assert averaged.weight.tolist() == [6.0, -1.0]
    assert (averaged.precise.item(), averaged.statistic.item(), averaged.count.item()) == (0.0, 9.0, 2)


@pytest.mark.parametrize("decay", [0.5, 0.9, 0.9999])
def test_it_is_the_sum_that_its_definition_says(decay: float) -> None:
    network = small()
    average, optimizer = WeightAverage(network, network, decay), sgd(network)
    seen = [{name: value.double() for name, value in network.state_dict().items()}]
    for _ in range(4):
        train(network, average, 1, optimizer)
        seen.append({name: value.double() for name, value in network.state_dict().items()})
    shares = [decay**4, *((1 - decay) * decay**step for step in (3, 2, 1, 0))]
    for name, value in average.state_dict().items():
        expected = sum(share * state[name] for share, state in zip(shares, seen, strict=True))
        if name == "1.num_batches_tracked":
            assert value.item() == 4
        else:
            torch.testing.assert_close(value.double(), cast("Tensor", expected), rtol=1e-6, atol=1e-7)


def test_training_goes_as_without_it_and_never_trains_the_average() -> None:
    alone, beside = small(), small()
    average = WeightAverage(beside, beside, 0.9)
    train(beside, average, 3, sgd(beside))
    train(alone, WeightAverage(small(), small(), 0.9), 3, sgd(alone))
    torch.testing.assert_close(beside.state_dict(), alone.state_dict(), rtol=0, atol=0)
    assert beside.training
    assert not average.network.training
    assert all(parameter.grad is None and not parameter.requires_grad for parameter in average.network.parameters())
    assert all(parameter.requires_grad for parameter in beside.parameters())


def test_a_run_that_stops_goes_on_bitwise_through_a_checkpoint(tmp_path: Path) -> None:
    whole = small()
    expected = WeightAverage(whole, whole, 0.9)
    train(whole, expected, 5, sgd(whole))

    first = small()
    average = WeightAverage(first, first, 0.9)
    train(first, average, 2, sgd(first))
    save(tmp_path / "state.pt", {"network": first.state_dict(), "average": average.state_dict()})
    state = load(tmp_path / "state.pt")
    again = small()
    resumed = WeightAverage(again, again, 0.9)
    again.load_state_dict(state["network"])
    resumed.load_state_dict(state["average"])
    train(again, resumed, 3, sgd(again))
    torch.testing.assert_close(resumed.state_dict(), expected.state_dict(), rtol=0, atol=0)


def test_heads_that_are_tested_are_averaged_with_the_network_that_they_share() -> None:
    torch.manual_seed(0)
    network = build_backbone(compose_run(["backbone=resnet8", "backbone.width=0.25"]).backbone, 5)
    heads = side_heads(network, 5, 8)
    average = WeightAverage(network, HeadEnsemble(HeadedNetwork(network, heads)), 0.5)
    tested = cast("HeadEnsemble", average.tested)
    assert tested.headed.network is average.network
    with torch.no_grad():
        for parameter in [*network.parameters(), *heads.parameters()]:
            parameter.fill_(1)
    before = {name: value.clone() for name, value in average.tested.named_parameters()}
    average.update()
    assert {name.partition(".")[2].partition(".")[0] for name in before} == {"network", "heads"}
    for name, value in average.tested.named_parameters():
        torch.testing.assert_close(value, (before[name] + 1) / 2)


def test_the_average_of_a_frozen_network_is_frozen() -> None:
    network = apply_batch_norm("frozen", small())
    average = WeightAverage(network, network, 0.9)
    before = [buffer.clone() for buffer in average.network.buffers()]
    train(network, average, 2, sgd(network))
    average.network.train()(IMAGES)
    assert all(map(torch.equal, before, average.network.buffers()))


def test_a_compiled_test_sees_the_average_move() -> None:
    network = small()
    average = WeightAverage(network, network, 0.5)
    compiled = torch.compile(average.tested, backend="aot_eager")
    for _ in range(2):
        train(network, average, 1, sgd(network))
        assert torch.equal(compiled(IMAGES), average.network(IMAGES))
