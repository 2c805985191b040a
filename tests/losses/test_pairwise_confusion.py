"""Pairwise Confusion: golden values, the definition, its limits, and ranks that share a batch."""

from __future__ import annotations

import json
from datetime import timedelta
from itertools import product
from pathlib import Path
from typing import Any

import pytest
import torch
import torch.distributed as dist
import torch.multiprocessing as mp
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from olsrepro.losses import HardLabel, PairwiseConfusion
from olsrepro.losses.pairwise_rules import PAIRWISE_NORMS, PAIRWISE_PAIRS, PAIRWISE_SPACES, resolve_pairwise

GOLDEN = json.loads((Path(__file__).parents[1] / "golden" / "golden_methods.json").read_text())
CASES = {case["id"].split("/")[1]: case for case in GOLDEN["cases"] if case["id"].startswith("pairwise_confusion/")}
MAIN = ("authors", "logits_per_pair", "repo", "original")
DTYPES = {"float64": torch.float64, "float32": torch.float32}
FORMS = list(product(PAIRWISE_SPACES, PAIRWISE_NORMS, PAIRWISE_PAIRS))

few = settings(max_examples=25, deadline=None)
seeds = st.integers(0, 2**31)


def main(dtype: torch.dtype = torch.float64) -> tuple[Tensor, Tensor]:
    data = GOLDEN["inputs"]["main"]
    return torch.tensor(data["logits"], dtype=dtype), torch.tensor(data["target"])


def draw(seed: int, rows: int, k: int, dtype: torch.dtype = torch.float64) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(seed)
    logits = 2 * torch.randn(rows, k, generator=generator, dtype=dtype)
    return logits, torch.randint(k, (rows,), generator=generator)


def loss_and_gradient(criterion: torch.nn.Module, logits: Tensor, target: Tensor) -> tuple[Tensor, Tensor]:
    logits = logits.clone().requires_grad_()
    loss = criterion(logits, target)
    return loss.detach(), torch.autograd.grad(loss, logits)[0]


def assert_golden(actual: Tensor, expected: Any, precision: str) -> None:
    wanted = torch.tensor(expected, dtype=torch.float64)
    error = (actual.double() - wanted).abs() / wanted.abs().clamp(min=1)
    assert error.max() <= GOLDEN["tolerance"][precision]


def by_the_definition(logits: Tensor, target: Tensor, space: str, norm: str, pairs: str) -> float:
    """The distance as the formula reads, number by number."""
    outputs = (logits if space == "logits" else logits.softmax(1)).tolist()
    rows, classes = logits.shape
    partners = [(i, i + (rows + 1) // 2) for i in range(rows // 2)]
    if pairs == "different":
        partners = [(i, j) for i, j in partners if target[i] != target[j]]
    squares = [[(outputs[i][k] - outputs[j][k]) ** 2 for k in range(classes)] for i, j in partners]
    along = [sum(row) for row in squares] if norm == "pair" else [sum(column) for column in zip(*squares, strict=True)]
    return sum(number**0.5 for number in along) / rows


@pytest.mark.parametrize("precision", DTYPES)
@pytest.mark.parametrize("case", MAIN)
def test_loss_and_gradient_are_the_golden_ones(case: str, precision: str) -> None:
    logits, target = main(DTYPES[precision])
    loss, gradient = loss_and_gradient(PairwiseConfusion(4, **CASES[case]["params"]), logits, target)
    assert loss.dtype == gradient.dtype == logits.dtype
    assert_golden(loss, CASES[case]["expected"]["loss"], precision)
    assert_golden(gradient, CASES[case]["expected"]["grad_logits"], precision)


@pytest.mark.parametrize("variant", ["authors", "repo", "original"])
def test_a_variant_is_what_its_golden_switches_say(variant: str) -> None:
    logits, target = main()
    by_name = loss_and_gradient(PairwiseConfusion(4, variant), logits, target)
    by_switches = loss_and_gradient(PairwiseConfusion(4, **CASES[variant]["params"]), logits, target)
    assert all(torch.equal(mine, theirs) for mine, theirs in zip(by_name, by_switches, strict=True))


@pytest.mark.parametrize("precision", DTYPES)
def test_identical_halves_are_golden_and_finite(precision: str) -> None:
    logits, target = main(DTYPES[precision])
    loss, gradient = loss_and_gradient(PairwiseConfusion(4), logits[:4].repeat(2, 1), target)
    assert gradient.isfinite().all()
    assert_golden(loss, CASES["identical_halves"]["expected"]["loss"], precision)
    assert_golden(gradient, CASES["identical_halves"]["expected"]["grad_logits"], precision)


def test_the_pairs_of_the_golden_batch_have_the_classes_that_the_specification_names() -> None:
    _, target = main()
    assert list(zip(target[:4].tolist(), target[4:].tolist(), strict=True)) == [(0, 0), (1, 1), (2, 3), (0, 2)]


@few
@given(seeds, st.integers(1, 11), st.integers(2, 6), st.sampled_from(FORMS), st.floats(0.01, 100))
def test_every_form_is_its_definition(seed: int, rows: int, k: int, form: tuple[str, str, str], lam: float) -> None:
    logits, target = draw(seed, rows, k)
    loss = PairwiseConfusion(k, "authors", *form, lam=lam)(logits, target)
    expected = F.cross_entropy(logits, target).item() + lam * by_the_definition(logits, target, *form)
    assert loss.item() == pytest.approx(expected, rel=1e-10)


@few
@given(seeds, st.integers(2, 9), st.integers(2, 5), st.sampled_from(FORMS))
def test_the_gradient_is_the_slope_of_the_loss(seed: int, rows: int, k: int, form: tuple[str, str, str]) -> None:
    logits, target = draw(seed, rows, k)
    criterion = PairwiseConfusion(k, "authors", *form)
    _, gradient = loss_and_gradient(criterion, logits, target)
    step = torch.randn(rows, k, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))
    near = 1e-6 * step
    slope = (criterion(logits + near, target) - criterion(logits - near, target)) / 2e-6
    assert slope.item() == pytest.approx((gradient * step).sum().item(), rel=1e-4, abs=1e-4)


@pytest.mark.parametrize("form", FORMS, ids="-".join)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)
def test_where_no_pair_differs_the_gradient_is_the_hard_one(form: tuple[str, str, str], dtype: torch.dtype) -> None:
    logits, target = draw(0, 5, 6, dtype)
    logits, target = logits.repeat(2, 1), torch.cat((target, (target + 1) % 6))
    ours = loss_and_gradient(PairwiseConfusion(6, "authors", *form), logits, target)
    hard = loss_and_gradient(HardLabel(6), logits, target)
    assert all(torch.equal(mine, theirs) for mine, theirs in zip(ours, hard, strict=True))


@pytest.mark.parametrize("form", FORMS, ids="-".join)
def test_a_distance_of_almost_0_has_a_bounded_gradient(form: tuple[str, str, str]) -> None:
    logits, target = draw(0, 1, 4, torch.float32)
    for scale in (1e-4, 1e-7, 1e-18, 1e-22, 1e-30):
        criterion, pair = PairwiseConfusion(4, "authors", *form), torch.cat((torch.zeros(1, 4), scale * logits))
        _, gradient = loss_and_gradient(criterion, pair, torch.cat((target, (target + 1) % 4)))
        assert gradient.isfinite().all()
        assert gradient.abs().max() <= 1 + 10 / 2


@pytest.mark.parametrize("form", FORMS, ids="-".join)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)
def test_without_weight_it_is_hard_bit_for_bit(form: tuple[str, str, str], dtype: torch.dtype) -> None:
    logits, target = draw(3, 8, 5, dtype)
    ours = loss_and_gradient(PairwiseConfusion(5, "authors", *form, lam=0.0), logits, target)
    hard = loss_and_gradient(HardLabel(5), logits, target)
    assert all(torch.equal(mine, theirs) for mine, theirs in zip(ours, hard, strict=True))


@pytest.mark.parametrize(
    "switch", [{"space": "probs"}, {"norm": "pair"}, {"pairs": "different"}, {"lam": 3.0}], ids=lambda s: "-".join(s)
)
def test_every_switch_changes_loss_and_gradient(switch: dict[str, Any]) -> None:
    logits, target = main()
    loss, gradient = loss_and_gradient(PairwiseConfusion(4), logits, target)
    other_loss, other_gradient = loss_and_gradient(PairwiseConfusion(4, **switch), logits, target)
    assert not torch.isclose(loss, other_loss)
    assert not torch.allclose(gradient, other_gradient)


@pytest.mark.parametrize("norm", PAIRWISE_NORMS)
def test_a_pair_of_one_class_pulls_only_where_all_pairs_count(norm: str) -> None:
    logits, _ = draw(1, 4, 3)
    target = torch.tensor([0, 1, 0, 2])
    _, hard = loss_and_gradient(HardLabel(3), logits, target)
    _, all_pairs = loss_and_gradient(PairwiseConfusion(3, norm=norm), logits, target)
    _, different = loss_and_gradient(PairwiseConfusion(3, norm=norm, pairs="different"), logits, target)
    assert torch.equal(different[[0, 2]], hard[[0, 2]])
    assert not torch.isclose(different[[1, 3]], hard[[1, 3]]).any()
    assert not torch.isclose(all_pairs, hard).any()


@pytest.mark.parametrize("form", FORMS, ids="-".join)
def test_the_middle_row_of_an_odd_batch_has_the_hard_gradient_and_no_partner(form: tuple[str, str, str]) -> None:
    logits, target = draw(2, 7, 5)
    target = torch.tensor([0, 1, 2, 3, 1, 2, 3])
    criterion = PairwiseConfusion(5, "authors", *form)
    loss, gradient = loss_and_gradient(criterion, logits, target)
    _, hard = loss_and_gradient(HardLabel(5), logits, target)
    torch.testing.assert_close(gradient[3], hard[3])
    assert not torch.isclose(gradient[[0, 1, 2, 4, 5, 6]], hard[[0, 1, 2, 4, 5, 6]]).all(1).any()
    moved = logits.clone()
    moved[3] += 1 + torch.arange(5)
    rise = F.cross_entropy(moved, target) - F.cross_entropy(logits, target)
    torch.testing.assert_close(criterion(moved, target) - loss, rise)


@pytest.mark.parametrize("form", FORMS, ids="-".join)
def test_a_batch_of_one_image_has_no_pair(form: tuple[str, str, str]) -> None:
    logits, target = draw(2, 1, 5)
    ours = loss_and_gradient(PairwiseConfusion(5, "authors", *form), logits, target)
    torch.testing.assert_close(ours, loss_and_gradient(HardLabel(5), logits, target))


@pytest.mark.parametrize("form", FORMS, ids="-".join)
@pytest.mark.parametrize("half", [torch.float16, torch.bfloat16], ids=str)
def test_half_types_are_raised_before_anything_is_computed(form: tuple[str, str, str], half: torch.dtype) -> None:
    logits, target = draw(2, 8, 5, half)
    criterion = PairwiseConfusion(5, "authors", *form)
    loss, gradient = loss_and_gradient(criterion, 100 * logits, target)
    assert loss.dtype == torch.float32
    assert torch.equal(loss, criterion((100 * logits).float(), target))
    assert gradient.dtype == half
    assert gradient.isfinite().all()


def test_a_nan_in_the_logits_is_not_hidden() -> None:
    logits, target = draw(2, 4, 3)
    logits[1, 1] = torch.nan
    assert PairwiseConfusion(3)(logits, target).isnan()
    assert PairwiseConfusion(3)._distance(logits, target).isnan()


def test_a_variant_and_its_switches_typed_one_by_one_are_the_same_rules() -> None:
    authors, repo, original = (resolve_pairwise(variant) for variant in ("authors", "repo", "original"))
    assert authors == resolve_pairwise("original", space="logits", norm="class", pairs="all", lam=10, start=0.6667)
    assert repo == resolve_pairwise(space="probs", norm="pair", start=0)
    assert original == resolve_pairwise("repo", pairs="different")
    assert resolve_pairwise(start=2 / 3) == authors == resolve_pairwise(start=0.6667)
    assert len({authors, repo, original}) == 3


def test_a_switch_set_beside_a_variant_wins() -> None:
    rules = resolve_pairwise("original", space="logits", lam=0.5)
    assert (rules.space, rules.norm, rules.pairs, rules.lam, rules.start) == ("logits", "pair", "different", 0.5, 0.0)
    assert resolve_pairwise(lam=0).lam == 0.0
    assert resolve_pairwise(start=0).start == 0.0


RANK_ROWS = (12, 14, 13)  # over 2 and 3 ranks: even shares, uneven ones, an odd row that rank 0 holds in its middle


def share_of_rank(rows: int, rank: int, ranks: int) -> Tensor:
    """Rows of a batch that a rank holds: its slice of the first half, then its slice of the second."""
    half = rows // 2
    first, second = (torch.tensor_split(part, ranks) for part in (torch.arange(half), torch.arange(rows - half, rows)))
    middle = torch.arange(half, rows - half) if rank == 0 else torch.arange(0)
    return torch.cat((first[rank], middle, second[rank]))


def train_step(form: tuple[str, str, str], rows: int, rank: int, ranks: int) -> dict[str, Tensor]:
    """Loss and gradient of one rank's mean loss for a linear network that all ranks hold."""
    features, target = draw(rows, rows, 5)
    mine = share_of_rank(rows, rank, ranks)
    weights = draw(1, 5, 5)[0].requires_grad_()
    loss = PairwiseConfusion(5, "authors", *form)(features[mine] @ weights, target[mine])
    # Ranks of one size are averaged as DistributedDataParallel does; a mean over fewer rows weighs less.
    weighted = loss * (len(mine) * ranks / rows)
    weighted.backward()
    return {"loss": weighted.detach(), "gradient": weights.grad}


def one_rank(rank: int, ranks: int, folder: str) -> None:
    torch.set_num_threads(1)
    meeting = f"file://{folder}/meeting"
    dist.init_process_group("gloo", init_method=meeting, rank=rank, world_size=ranks, timeout=timedelta(seconds=60))
    steps = {}
    for rows, form in product(RANK_ROWS, FORMS):
        steps[f"{rows} {form}"] = step = train_step(form, rows, rank, ranks)
        for number in step.values():
            dist.all_reduce(number)
            number /= ranks
    alone = PairwiseConfusion(5).eval()(*draw(rank, 8, 5)) if rank == 0 else torch.zeros(())
    torch.save({"steps": steps, "alone": alone}, Path(folder) / f"{rank}.pt")
    dist.destroy_process_group()


@pytest.fixture(scope="module", params=[2, 3])
def met(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    folder = tmp_path_factory.mktemp("ranks")
    mp.start_processes(one_rank, args=(request.param, str(folder)), nprocs=request.param, start_method="forkserver")
    result: dict[str, Any] = torch.load(folder / "0.pt", weights_only=True)
    return result


@pytest.mark.timeout(120)
@pytest.mark.parametrize("rows", RANK_ROWS)
@pytest.mark.parametrize("form", FORMS, ids="-".join)
def test_ranks_average_to_loss_and_gradient_of_one_process(
    form: tuple[str, str, str], rows: int, met: dict[str, Any]
) -> None:
    torch.testing.assert_close(met["steps"][f"{rows} {form}"], train_step(form, rows, 0, 1), rtol=1e-10, atol=1e-12)


@pytest.mark.timeout(120)
def test_one_rank_may_evaluate_alone(met: dict[str, Any]) -> None:
    torch.testing.assert_close(met["alone"], PairwiseConfusion(5)(*draw(0, 8, 5)))
