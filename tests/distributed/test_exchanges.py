"""What two ranks know of each other: news, sums, rows, gradients and statistics, and a single process likewise.

All cases share one pair of processes, each of which leaves a file of what it got.
"""

from __future__ import annotations

from typing import Any

import pytest
import torch
from rank_processes import call_on
from torch import Tensor, nn

from olsrepro.distributed import gradients
from olsrepro.distributed.gather import gathered
from olsrepro.distributed.gradients import running_statistics, share_running_statistics, sum_gradients
from olsrepro.distributed.news import Agreement, any_rank, for_first, from_first, of_all
from olsrepro.distributed.ranks import is_first, join, leave, rank, rank_count
from olsrepro.distributed.sums import lowest, summed, summed_by_name, total_of

WISHES = [
    {0: (True, False), 1: (False, False)},
    {0: (False, False), 1: (False, True)},
    {0: (False, False), 1: (False, False)},
    {0: (True, True), 1: (True, True)},
]
"""What each rank wishes at each call of an agreement."""
SIZES = [3, 5, 6, 1, 4, 2]
"""Numbers in each parameter; with buckets of eight: 3 + 5, then 6 and 4 of another type, 1 alone, 2 alone."""
DOUBLE = (2, 4)
"""Which parameters are float64."""


def news() -> dict[str, Any]:
    me, first = rank(), is_first()
    return {
        "from_first": [from_first({"rank": me, "list": [me, "text"]}), from_first(None if first else me)],
        "of_all": of_all({"rank": me, "long": "x" * (me * 5000)}),
        "for_first": for_first((me, "value")),
        "any_rank": [any_rank(first), any_rank(not first), any_rank(False), any_rank(True)],
    }


def agreements() -> dict[str, Any]:
    agreement, forgetful = Agreement(), Agreement()
    answers = [agreement.on(*WISHES[call][rank()]) for call in range(4)]
    forgetful.on(True)
    forgetful.forget()
    forgetful.forget()
    return {"agreed": answers, "forgotten": [forgetful.on(False), forgetful.on(False)]}


def sums() -> dict[str, Any]:
    me = rank()
    whole = torch.arange(6.0).view(2, 3)
    mine = (10**me * whole).requires_grad_()
    turned = (10**me * whole).T
    many = {"a": mine, "b": torch.full((), 2.0 + me), "none": torch.zeros(0), "c": turned}
    found = {
        "summed": summed(mine),
        "turned": summed(turned),
        "whole numbers": summed(torch.tensor([2**40 + me])),
        "lowest": lowest(torch.tensor([[1.0, -2.0], [3.0, 4.0]]) * (1 - 2 * me)),
        "by_name": summed_by_name(many),
        "total": total_of(3 + me, torch.zeros(2, dtype=torch.float64)),
    }
    return {**found, "left": mine.detach().clone()}


def rows() -> dict[str, Any]:
    """Two rows of the first rank and three of the second; then none of the first; then none at all."""
    me = rank()
    return {
        "uneven": gathered(100.0 * me + torch.arange(4.0 + 2 * me).view(-1, 2)),
        "one-sided": gathered(torch.full((3 * me,), 7 + me)),
        "none": gathered(torch.zeros(0, 2, dtype=torch.float64)),
    }


def parameters_with_gradients() -> list[nn.Parameter]:
    """Parameters with gradients that differ between the ranks; the last one has none."""
    made = []
    for number, size in enumerate(SIZES):
        dtype = torch.float64 if number in DOUBLE else torch.float32
        parameter = nn.Parameter(torch.zeros(1, size, dtype=dtype))
        parameter.grad = gradient(number, rank())
        made.append(parameter)
    return [*made, nn.Parameter(torch.zeros(2))]


def gradient(number: int, of_rank: int) -> Tensor:
    dtype = torch.float64 if number in DOUBLE else torch.float32
    values = torch.arange(SIZES[number], dtype=dtype)[None] + 100 * number
    return values + 2.0**-40 if of_rank else 3 * values


def summed_gradients() -> dict[str, Any]:
    gradients.BUCKET = 8
    parameters = parameters_with_gradients()
    sum_gradients(iter(parameters))
    return {"gradients": [parameter.grad for parameter in parameters]}


def statistics() -> dict[str, Any]:
    torch.manual_seed(rank())
    network = nn.Sequential(nn.Conv2d(1, 2, 1), nn.BatchNorm2d(2), nn.BatchNorm2d(3, track_running_stats=False))
    network[1](torch.randn(4, 2, 3, 3))
    own = {name: value.clone() for name, value in network.state_dict().items()}
    share_running_statistics(running_statistics(network))
    share_running_statistics([])
    return {"own": own, "shared": network.state_dict()}


CASES = (news, agreements, sums, rows, summed_gradients, statistics)


def all_cases() -> dict[str, Any]:
    return {case.__name__: case() for case in CASES}


def on_a_rank(folder: str) -> None:
    torch.set_num_threads(1)
    join(cuda=False, timeout_s=120)
    assert rank_count() == 2
    torch.save(all_cases(), f"{folder}/{rank()}.pt")
    leave()
    assert (rank(), rank_count()) == (0, 1)


@pytest.fixture(scope="module")
def ranks(tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, Any]]:
    """What each of two ranks got."""
    folder = tmp_path_factory.mktemp("ranks")
    assert call_on(2, on_a_rank, str(folder)) == [0, 0]
    return [torch.load(folder / f"{number}.pt", weights_only=True) for number in range(2)]


@pytest.fixture
def alone(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """What a single process gets."""
    monkeypatch.setattr(gradients, "BUCKET", 8)
    return all_cases()


def test_the_first_ranks_value_is_every_ranks(ranks: list[dict[str, Any]]) -> None:
    for one in ranks:
        assert one["news"]["from_first"] == [{"rank": 0, "list": [0, "text"]}, None]


def test_the_values_of_all_come_in_the_order_of_the_ranks(ranks: list[dict[str, Any]]) -> None:
    expected = [{"rank": 0, "long": ""}, {"rank": 1, "long": "x" * 5000}]
    assert [one["news"]["of_all"] for one in ranks] == [expected, expected]


def test_only_the_first_rank_gets_what_is_for_it(ranks: list[dict[str, Any]]) -> None:
    assert [one["news"]["for_first"] for one in ranks] == [[(0, "value"), (1, "value")], []]


def test_a_wish_of_any_rank_counts(ranks: list[dict[str, Any]]) -> None:
    for one in ranks:
        assert one["news"]["any_rank"] == [True, True, False, True]


def test_an_agreement_is_known_to_all_one_call_later(ranks: list[dict[str, Any]]) -> None:
    for one in ranks:
        assert one["agreements"]["agreed"] == [(False, False), (True, False), (False, True), (False, False)]
        assert one["agreements"]["forgotten"] == [(False,), (False,)]


def test_sums_and_minima_are_those_of_both_ranks_and_leave_the_ranks_own(ranks: list[dict[str, Any]]) -> None:
    whole = torch.arange(6.0).view(2, 3)
    for number, one in enumerate(ranks):
        found = one["sums"]
        assert torch.equal(found["summed"], 11 * whole)
        assert not found["summed"].requires_grad
        assert torch.equal(found["turned"], 11 * whole.T)
        assert found["whole numbers"].tolist() == [2**41 + 1]
        assert found["lowest"].tolist() == [[-1.0, -2.0], [-3.0, -4.0]]
        assert (found["total"].item(), found["total"].dtype) == (7.0, torch.float64)
        assert torch.equal(found["left"], 10**number * whole)


def test_sums_by_name_keep_names_and_shapes(ranks: list[dict[str, Any]]) -> None:
    whole = torch.arange(6.0).view(2, 3)
    expected = {"a": 11 * whole, "b": torch.tensor(5.0), "none": torch.zeros(0), "c": 11 * whole.T}
    for one in ranks:
        assert list(one["sums"]["by_name"]) == list(expected)
        torch.testing.assert_close(one["sums"]["by_name"], expected, rtol=0, atol=0)


def test_rows_are_gathered_though_one_rank_has_more_or_none(ranks: list[dict[str, Any]]) -> None:
    for one in ranks:
        found = one["rows"]
        assert found["uneven"].tolist() == [[0.0, 1], [2, 3], [100, 101], [102, 103], [104, 105]]
        assert found["one-sided"].tolist() == [8, 8, 8]
        assert (found["none"].shape, found["none"].dtype) == ((0, 2), torch.float64)


def test_gradients_are_sums_in_however_many_messages_of_however_many_types(ranks: list[dict[str, Any]]) -> None:
    """2^-40 beside such numbers is lost in single precision, and is there in double."""
    for one in ranks:
        *found, absent = one["summed_gradients"]["gradients"]
        assert absent is None
        for number, total in enumerate(found):
            expected = gradient(number, 0) + gradient(number, 1)
            torch.testing.assert_close(total, expected, rtol=0, atol=0)


def test_the_buckets_hold_what_is_said_of_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gradients, "BUCKET", 8)
    tensors = [gradient(number, 0) for number in range(len(SIZES))]
    assert [[part.numel() for part in bucket] for bucket in gradients._buckets(tensors)] == [[3, 5], [6], [1], [4], [2]]


def test_running_statistics_become_those_of_the_first_rank_and_weights_stay(ranks: list[dict[str, Any]]) -> None:
    first, second = (one["statistics"] for one in ranks)
    assert not torch.equal(first["own"]["1.running_mean"], second["own"]["1.running_mean"])
    for one in (first, second):
        for name, value in one["shared"].items():
            source = first if "running" in name else one
            assert torch.equal(value, source["own"][name]), name


def test_a_single_process_gets_its_own(alone: dict[str, Any]) -> None:
    assert alone["news"]["from_first"] == [{"rank": 0, "list": [0, "text"]}, None]
    assert alone["news"]["of_all"] == [{"rank": 0, "long": ""}]
    assert alone["news"]["for_first"] == [(0, "value")]
    assert alone["news"]["any_rank"] == [True, False, False, True]
    assert alone["agreements"]["agreed"] == [wish[0] for wish in WISHES]
    assert not alone["sums"]["summed"].requires_grad
    assert alone["sums"]["total"].item() == 3
    assert alone["rows"]["uneven"].tolist() == [[0, 1], [2, 3]]
    assert alone["summed_gradients"]["gradients"][0].tolist() == [[0, 3, 6]]
    assert torch.equal(alone["statistics"]["shared"]["1.running_mean"], alone["statistics"]["own"]["1.running_mean"])
