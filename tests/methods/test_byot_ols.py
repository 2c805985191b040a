"""BYOT with Online Label Smoothing: golden losses, one table for all heads, the first period, periods, ranks."""

from __future__ import annotations

import re
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import torch
import torch.distributed as dist
import torch.multiprocessing as mp
import torch.nn.functional as F
from given_heads import GOLDEN, GivenHeads, K, assert_golden, batch_of, cases, given, network_and_method
from torch import Tensor

from olsrepro.config.compose import compose_run
from olsrepro.data.batch import Batch
from olsrepro.losses import OnlineLabelSmoothing
from olsrepro.methods.byot_ols.settings import Settings
from olsrepro.methods.head_losses import softened_loss

PRECISIONS = {"float64": torch.float64, "float32": torch.float32}
REFUSED: list[tuple[dict[str, Any], str]] = [
    ({"alpha": -0.1}, "alpha=-0.1 must be in [0, 1]"),
    ({"hard_weights": [-1.0]}, "hard_weights=-1 must be at least 0"),
    ({"soft_weights": [0.0]}, "soft_weights=[0] must hold a weight above 0"),
    ({"first_period": "main"}, "first_period=main is not known; did you mean main_only?"),
    ({"accumulate": "al"}, "accumulate=al is not known; did you mean all?"),
    ({"empty_class": "kept"}, "empty_class=kept is not known; did you mean keep?"),
    ({"eval": "heads"}, "eval=heads is not known"),
    ({"update_period": "0"}, "update_period=0 must be epoch or a number of steps of at least 1"),
    ({"initial_labels": "zero"}, "initial_labels=zero is not known; did you mean zeros?"),
    ({"initial_labels": "zeros"}, "initial_labels=zeros has no meaning with first_period=main_only; valid there: hard"),
    ({"first_period": "uniform", "initial_labels": "hard_only"}, "initial_labels=hard_only has no meaning with first"),
]
GOLDEN_S = next(case for case in cases("byot_ols")["argvalues"] if "S" in case["params"])["params"]["S"]
MAIN_THEN_SECOND = next(case for case in GOLDEN["cases"] if case["id"] == "ols/paper")["expected"]["periods"][0]


def random_batch(seed: int = 0, count: int = 8) -> Batch:
    generator = torch.Generator().manual_seed(seed)
    return batch_of(torch.randint(K, (count,), generator=generator), torch.randn(count, 3, 8, 8, generator=generator))


@pytest.mark.parametrize("precision", PRECISIONS)
@pytest.mark.parametrize("case", **cases("byot_ols"))
def test_loss_and_gradient_of_every_head_are_golden(case: dict[str, Any], precision: str) -> None:
    logits, batch = given(case["inputs"], PRECISIONS[precision])
    switches = {key: value for key, value in case["params"].items() if key != "S"}
    _, method = network_and_method("byot_ols", len(logits) - 1, **switches)
    if "S" in case["params"]:
        method.end_epoch()
        method.table.soft_labels.copy_(torch.tensor(case["params"]["S"]))
    output = method(GivenHeads(logits), batch)
    output.loss.backward()
    # S lies in fp32, so that float64 losses are exact to fp32 only.
    exact = "float32" if "S" in case["params"] else precision
    assert output.logits is logits[0]
    assert_golden(output.loss, case["expected"]["loss"], exact)
    assert_golden(logits[0].grad, case["expected"]["grad_logits"], exact)
    for at, side in enumerate(logits[1:], start=1):
        assert_golden(side.grad, case["expected"][f"grad_side{at}"], exact)


@pytest.mark.parametrize("sides", [2, 3])
def test_a_whole_period_gives_the_golden_table_and_then_the_golden_loss(sides: int) -> None:
    _, method = network_and_method("byot_ols", sides)
    others = " + ".join(f"side{at}" for at in range(1, sides + 1))
    for name in ("main", "second"):
        logits, batch = given(f"{name} + {others}")
        method(GivenHeads(logits), batch)
        method.after_step()
    assert_golden(method.table.sums, MAIN_THEN_SECOND["sum_before_update"], "float64")
    assert method.table.counts.tolist() == MAIN_THEN_SECOND["count_before_update"] == [3, 2, 2, 0]
    method.end_epoch()
    assert_golden(method.label_table(), GOLDEN_S, "float32")
    logits, batch = given(f"main + {others}")
    case = next(c for c in cases("byot_ols")["argvalues"] if c["id"] == f"byot_ols/{sides}sides")
    assert_golden(method(GivenHeads(logits), batch).loss, case["expected"]["loss"], "float32")


@pytest.mark.parametrize("accumulate", ["correct", "all"])
@pytest.mark.parametrize("empty_class", ["uniform", "zeros", "keep"])
def test_the_table_is_that_of_ols_on_the_deepest_head(accumulate: str, empty_class: str) -> None:
    _, method = network_and_method("byot_ols", accumulate=accumulate, empty_class=empty_class)
    alone = OnlineLabelSmoothing(K, accumulate=accumulate, empty_class=empty_class)
    for name in ("main", "second", "confident"):
        logits, batch = given(f"{name} + side1 + side2", torch.float32)
        method(GivenHeads(logits), batch)
        alone(logits[0], batch.targets)
    method.end_epoch()
    alone.update()
    torch.testing.assert_close(method.label_table(), alone.soft_labels, rtol=1e-6, atol=1e-7)


def test_in_a_first_period_of_the_deepest_head_alone_the_sides_have_no_gradient_but_their_statistics_move() -> None:
    network, method = network_and_method("byot_ols")
    before = {key: value.clone() for key, value in method.heads.state_dict().items()}
    trained, batch = method.trained(network), random_batch()
    parameters = [*network.parameters(), *method.parameters()]
    optimiser = torch.optim.SGD(parameters, 0.1, momentum=0.9, weight_decay=0.1)
    method(trained, batch).loss.backward()
    assert all(parameter.grad is None for parameter in method.parameters())
    assert all(parameter.grad is not None for parameter in network.parameters())
    optimiser.step()
    method.after_step()
    after = method.heads.state_dict()
    moved = {key for key, value in before.items() if not torch.equal(after[key], value)}
    assert moved == {key for key in before if "running_" in key or "num_batches" in key}
    method.end_epoch()
    optimiser.zero_grad()
    method(trained, batch).loss.backward()
    assert all(parameter.grad is not None for parameter in parameters)


def test_that_first_period_is_bit_for_bit_the_hard_run() -> None:
    network, method = network_and_method("byot_ols")
    plain, hard = network_and_method("hard")
    ours, theirs = method(method.trained(network), random_batch()), hard(plain, random_batch())
    ours.loss.backward()
    theirs.loss.backward()
    assert torch.equal(ours.loss, theirs.loss)
    for mine, other in zip(network.parameters(), plain.parameters(), strict=True):
        assert torch.equal(mine.grad, other.grad)


def test_a_first_period_with_uniform_labels_is_the_later_formula() -> None:
    logits, batch = given("main + side1 + side2", torch.float32)
    _, method = network_and_method("byot_ols", first_period="uniform")
    loss = method(GivenHeads(logits), batch).loss
    weights = zip(logits, [1.5, 0.5, 0.5], [1.5, 0.25, 0.25], strict=True)
    expected = sum(
        0.5 * hard * F.cross_entropy(z, batch.targets) - 0.5 * soft * z.log_softmax(1).mean()
        for z, hard, soft in weights
    )
    torch.testing.assert_close(loss, expected)
    _, zeros = network_and_method("byot_ols", first_period="uniform", initial_labels="zeros")
    hard_part = sum(
        0.5 * hard * F.cross_entropy(z, batch.targets) for z, hard in zip(logits, [1.5, 0.5, 0.5], strict=True)
    )
    torch.testing.assert_close(zeros(GivenHeads(logits), batch).loss, hard_part)


def test_the_deepest_head_alone_with_both_weights_one_is_ols() -> None:
    _, method = network_and_method(
        "byot_ols", first_period="uniform", alpha=0.3, hard_weights=[1.0, 0.0], soft_weights=[1.0, 0.0]
    )
    alone = OnlineLabelSmoothing(K, alpha=0.3)
    for name in ("main", "second", "main"):
        logits, batch = given(f"{name} + side1 + side2")
        ours, theirs = method(GivenHeads(logits), batch).loss, alone(logits[0], batch.targets)
        (gradient,) = torch.autograd.grad(theirs, logits[:1])
        ours.backward()
        torch.testing.assert_close(ours, theirs)
        torch.testing.assert_close(logits[0].grad, gradient)
        assert all(side.grad is None for side in logits[1:])
        method.end_epoch()
        alone.update()


def test_a_head_without_weight_is_not_computed_and_a_term_of_weight_zero_is_none() -> None:
    logits, batch = given("main + side1 + side2", torch.float32)
    nan = torch.full_like(logits[0], torch.nan)
    labels = torch.full((len(batch.targets), K), torch.nan)
    loss = softened_loss([logits[0], nan], batch.targets, labels, [1.0, 0.0], [0.0, 0.0])
    assert torch.equal(loss, F.cross_entropy(logits[0], batch.targets))
    _, method = network_and_method("byot_ols", first_period="uniform", alpha=1.0, hard_weights=[1.0, 0.0])
    assert torch.equal(method(GivenHeads(logits), batch).loss, F.cross_entropy(logits[0], batch.targets))


def test_half_logits_are_raised_under_any_autocast() -> None:
    logits, batch = given("main + side1 + side2", torch.bfloat16)
    _, method = network_and_method("byot_ols", first_period="uniform")
    with torch.autocast("cpu", torch.bfloat16):
        loss = method(GivenHeads(logits), batch).loss
    assert loss.dtype == torch.float32
    assert torch.equal(loss, method(GivenHeads([z.float() for z in logits]), batch).loss)


def test_evaluation_counts_nothing_and_moves_no_statistic() -> None:
    network, method = network_and_method("byot_ols", eval="ensemble")
    trained = method.trained(network)
    method(trained, random_batch())
    before = {
        key: value.clone()
        for key, value in (network.state_dict() | method.state_dict()).items()
        if not isinstance(value, dict)
    }
    method.eval()
    trained.eval()
    method(trained, random_batch(1))
    method.tested(network)(random_batch(2).images)
    after = network.state_dict() | method.state_dict()
    assert all(torch.equal(after[key], value) for key, value in before.items())


def test_a_pass_without_gradients_counts_nothing() -> None:
    network, method = network_and_method("byot_ols", accumulate="all")
    with torch.no_grad():
        method(method.trained(network), random_batch(1))
    assert method.training
    assert method.table.counts.sum() == 0
    method(method.trained(network), random_batch(1))
    assert method.table.counts.sum() == len(random_batch(1).targets)


@pytest.mark.parametrize(("period", "ended"), [("epoch", [0, 0, 0, 1, 1, 1, 1, 2]), ("3", [0, 0, 1, 1, 1, 1, 2, 2])])
def test_a_period_is_an_epoch_or_so_many_steps_over_the_whole_training(period: str, ended: list[int]) -> None:
    _, method = network_and_method("byot_ols", update_period=period)
    found = []
    for _ in range(2):
        for _ in range(3):
            method.after_step()
            found.append(method.table.period)
        method.end_epoch()
        found.append(method.table.period)
    assert found == ended


def test_a_resume_inside_a_period_goes_on_bitwise() -> None:
    network, method = network_and_method("byot_ols", seed=0, update_period="3")
    other_network, other = network_and_method("byot_ols", seed=1, update_period="3")
    trained, resumed = method.trained(network), other.trained(other_network)
    for step in range(4):
        method(trained, random_batch(step))
        method.after_step()
    other_network.load_state_dict(network.state_dict())
    other.load_state_dict(method.state_dict())
    for step in range(4, 7):
        assert torch.equal(method(trained, random_batch(step)).loss, other(resumed, random_batch(step)).loss)
        method.after_step()
        other.after_step()
    assert other.table.period == method.table.period == 2
    assert torch.equal(method.label_table(), other.label_table())
    assert torch.equal(method.table.sums, other.table.sums)


def shards(step: int) -> tuple[list[Tensor], Tensor]:
    generator = torch.Generator().manual_seed(step)
    target = torch.randint(K - 1, (11,), generator=generator)
    logits = [torch.randn(11, K, generator=generator) for _ in range(3)]
    return [z + 2 * F.one_hot(target, K) for z in logits], target


def work(rank: int, world: int, folder: str) -> None:
    torch.set_num_threads(1)
    if world > 1:
        meeting, wait = f"file://{folder}/meeting", timedelta(seconds=60)
        dist.init_process_group("gloo", init_method=meeting, rank=rank, world_size=world, timeout=wait)
    _, method = network_and_method("byot_ols")
    for step in range(3):
        logits, target = shards(step)
        mine = slice(*([0, 4, 11][rank : rank + 2] if world > 1 else [0, 11]))
        method(GivenHeads([z[mine] for z in logits]), batch_of(target[mine]))
        method.after_step()
    method.end_epoch()
    torch.save(method.label_table(), Path(folder) / f"{world}-{rank}.pt")
    if world > 1:
        dist.destroy_process_group()


@pytest.mark.timeout(120)
def test_two_ranks_end_a_period_with_the_table_of_one(tmp_path: Path) -> None:
    mp.start_processes(work, args=(2, str(tmp_path)), nprocs=2, start_method="forkserver")
    work(0, 1, str(tmp_path))
    one, first, second = (torch.load(tmp_path / f"{name}.pt", weights_only=True) for name in ("1-0", "2-0", "2-1"))
    assert torch.equal(first, second)
    assert not torch.equal(one[0], one[1])
    torch.testing.assert_close(first, one, rtol=1e-6, atol=1e-7)


@pytest.mark.parametrize(("switches", "message"), REFUSED)
def test_a_switch_that_cannot_be_is_refused_with_its_key(switches: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=f"^{re.escape(message)}"):
        Settings(**switches)


def test_what_is_implied_and_what_is_typed_are_one_run() -> None:
    typed = Settings(
        hard_weights=[1.5, 0.5, 0.5], soft_weights=[1.5, 0.25, 0.25], initial_labels="hard_only", update_period="epoch"
    )
    assert typed.identity() == Settings().identity()
    assert Settings(first_period="uniform", update_period="07").identity()["initial_labels"] == "uniform"
    assert Settings(update_period="07").identity() == Settings(update_period="7").identity()


def test_the_config_file_says_what_the_settings_say() -> None:
    assert compose_run(["method=byot_ols"]).method == Settings()
    assert Settings.keeps_label_table
    assert Settings.needs_stages
