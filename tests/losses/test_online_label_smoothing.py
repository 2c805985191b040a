"""Online Label Smoothing against its definition, written out sample by sample, and its life in a training loop."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from olsrepro.losses import LabelTable, OnlineLabelSmoothing
from olsrepro.losses.online import _SoftenedCrossEntropy
from olsrepro.losses.online_rules import OlsRules, resolve_ols

K = 6
SWITCHES: dict[str, dict[str, Any]] = {
    "paper": {},
    "official_cifar": {"variant": "official_cifar"},
    "official_finegrained": {"variant": "official_finegrained"},
    "frozen early": {"freeze_at": 0.4},
    "frozen early, kept": {"freeze_at": 0.4, "empty_class": "keep"},
    "alpha 0": {"alpha": 0.0},
    "weights": {"hard_weight": 0.7, "soft_weight": 1.9},
    "accumulate all": {"accumulate": "all"},
    "empty zeros": {"empty_class": "zeros"},
    "empty keep": {"empty_class": "keep", "initial_labels": "smoothed"},
    "identity": {"initial_labels": "identity_over_k"},
    "hard only": {"initial_labels": "hard_only"},
}


def draw(seed: int, batch: int = 20, k: int = K, dtype: torch.dtype = torch.float32) -> tuple[Tensor, Tensor]:
    """A batch in which classes repeat, and the last class is never among the targets."""
    generator = torch.Generator().manual_seed(seed)
    target = torch.randint(k - 1, (batch,), generator=generator)
    logits = 1.5 * torch.randn(batch, k, generator=generator, dtype=dtype)
    logits[torch.arange(batch), target] += 1
    return logits.requires_grad_(), target


def initial_row(rules: OlsRules, y: int) -> list[float]:
    if rules.initial_labels in ("uniform", "hard_only"):
        return [1 / K] * K
    if rules.initial_labels == "smoothed":
        return [0.9 if k == y else 0.1 / (K - 1) for k in range(K)]
    return [1 / K if k == y and rules.initial_labels == "identity_over_k" else 0.0 for k in range(K)]


class WrittenOut:
    """OLS from its definition: lists and loops, one sample after the other."""

    def __init__(self, rules: OlsRules) -> None:
        self.rules = rules
        self.rows = [initial_row(rules, y) for y in range(K)]
        self.counted: list[list[list[float]]] = [[] for _ in range(K)]
        self.first = True

    def loss(self, logits: Tensor, target: Tensor) -> Tensor:
        hard, soft = self.rules.hard_weight, self.rules.soft_weight
        if self.first and self.rules.initial_labels == "hard_only":
            hard, soft = 1.0, 0.0
        total = logits.new_zeros(())
        for z, y in zip(logits, target.tolist(), strict=True):
            log_p = z - z.logsumexp(0)
            total = total - hard * log_p[y] - soft * sum(s * log_p[k] for k, s in enumerate(self.rows[y]))
            if self.rules.accumulate == "all" or z.tolist().index(max(z.tolist())) == y:
                self.counted[y].append(log_p.exp().tolist())
        return total / len(target)

    def update(self) -> None:
        self.rows = [self._next_row(y) for y in range(K)]
        self.counted = [[] for _ in range(K)]
        self.first = False

    def _next_row(self, y: int) -> list[float]:
        samples = self.counted[y]
        if not samples:
            return {"uniform": [1 / K] * K, "zeros": [0.0] * K, "keep": self.rows[y]}[self.rules.empty_class]
        if self.rules.freeze_at is not None and max(self.rows[y]) >= self.rules.freeze_at:
            return self.rows[y]
        return [sum(column) / len(samples) for column in zip(*samples, strict=True)]


@pytest.mark.parametrize("switches", SWITCHES.values(), ids=SWITCHES)
def test_ols_is_its_definition_over_three_periods(switches: dict[str, Any]) -> None:
    ols, reference = OnlineLabelSmoothing(K, **switches), WrittenOut(resolve_ols(**switches))
    for period in range(3):
        for step in range(2):
            logits, target = draw(10 * period + step, dtype=torch.float64)
            loss, wanted = ols(logits, target), reference.loss(logits, target)
            torch.testing.assert_close(loss, wanted, rtol=1e-6, atol=1e-6)
            gradients = (torch.autograd.grad(each, logits)[0] for each in (loss, wanted))
            torch.testing.assert_close(*gradients, rtol=1e-6, atol=1e-7)
        assert ols.table.counts.tolist() == [len(samples) for samples in reference.counted]
        ols.update()
        reference.update()
        torch.testing.assert_close(ols.soft_labels, torch.tensor(reference.rows))


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 2**31), st.floats(0, 2), st.floats(0.1, 2))
def test_the_written_backward_is_autograds(seed: int, hard: float, soft: float) -> None:
    logits, target = draw(seed, dtype=torch.float64)
    rows = torch.rand(K, K, generator=torch.Generator().manual_seed(seed)).double()
    loss, _ = _SoftenedCrossEntropy.apply(logits, target, rows, hard, soft)
    log_p = logits.log_softmax(1)
    wanted = hard * F.nll_loss(log_p, target) - soft * (rows[target] * log_p).sum(1).mean()
    torch.testing.assert_close(loss, wanted)
    torch.testing.assert_close(torch.autograd.grad(3 * loss, logits), torch.autograd.grad(3 * wanted, logits))


def test_the_written_backward_passes_gradcheck() -> None:
    logits, target = draw(1, batch=5, dtype=torch.float64)
    rows = torch.rand(K, K, generator=torch.Generator().manual_seed(1)).double()
    assert torch.autograd.gradcheck(lambda z: _SoftenedCrossEntropy.apply(z, target, rows, 0.4, 1.1)[0], (logits,))


def test_backward_twice_through_a_retained_graph_adds_up() -> None:
    logits, target = draw(2)
    loss = OnlineLabelSmoothing(K)(logits, target)
    loss.backward(retain_graph=True)
    once = logits.grad.clone()
    loss.backward()
    torch.testing.assert_close(logits.grad, 2 * once)


def test_a_second_derivative_is_refused() -> None:
    logits, target = draw(2)
    with pytest.raises(RuntimeError, match="no second derivative"):
        torch.autograd.grad(OnlineLabelSmoothing(K)(logits, target), logits, create_graph=True)


def test_a_class_that_repeats_within_a_batch_loses_nothing() -> None:
    logits = torch.tensor([[3.0, 0.0, 1.0], [2.0, 1.0, 0.0], [5.0, 0.0, 0.0]])
    ols = OnlineLabelSmoothing(3)
    ols(logits, torch.zeros(3, dtype=torch.int64))
    assert ols.table.counts.tolist() == [3, 0, 0]
    torch.testing.assert_close(ols.table.sums[0], logits.softmax(1).double().sum(0))


@pytest.mark.parametrize("num_classes", [5, 700])
def test_a_tie_goes_to_the_lowest_index(num_classes: int) -> None:
    ols = OnlineLabelSmoothing(num_classes)
    ols(torch.zeros(300, num_classes), torch.arange(300) % num_classes)
    assert ols.table.counts[0] == (torch.arange(300) % num_classes == 0).sum()
    assert ols.table.counts[1:].sum() == 0


def test_a_large_batch_is_counted_like_a_small_one() -> None:
    logits, target = draw(3, batch=500, k=400)
    whole, parts = OnlineLabelSmoothing(400), OnlineLabelSmoothing(400)
    whole(logits, target)
    for z, y in zip(logits.split(13), target.split(13), strict=True):
        parts(z, y)
    assert torch.equal(whole.table.counts, parts.table.counts)
    torch.testing.assert_close(whole.table.sums, parts.table.sums)


def test_eval_mode_counts_nothing() -> None:
    logits, target = draw(4)
    ols = OnlineLabelSmoothing(K).eval()
    before = copy.deepcopy(ols.state_dict())
    ols(logits, target)
    assert all(torch.equal(ols.state_dict()[key], before[key]) for key in before if "extra" not in key)


@pytest.mark.parametrize("without_gradients", [torch.no_grad, torch.inference_mode])
def test_a_validation_loop_without_gradients_counts_nothing_though_in_training_mode(
    without_gradients: Callable[[], AbstractContextManager[None]],
) -> None:
    ols = OnlineLabelSmoothing(K)
    with without_gradients():
        loss = ols(*draw(4))
    assert ols.training
    assert ols.table.sums.sum() == ols.table.counts.sum() == 0
    assert torch.equal(loss, ols(*draw(4)).detach())
    assert ols.table.counts.sum() > 0


@pytest.mark.parametrize("without_gradients", [torch.no_grad, torch.inference_mode])
def test_passes_without_gradients_count_where_that_is_asked_for(
    without_gradients: Callable[[], AbstractContextManager[None]],
) -> None:
    asked, ols = OnlineLabelSmoothing(K, count_without_grad=True), OnlineLabelSmoothing(K)
    with without_gradients():
        asked(*draw(4))
        asked.eval()(*draw(5))
    ols(*draw(4))
    assert torch.equal(asked.table.sums, ols.table.sums)


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 2**31), st.lists(st.integers(1, 19), max_size=3))
def test_any_split_of_a_period_into_batches_gives_the_same_labels(seed: int, cuts: list[int]) -> None:
    logits, target = draw(seed)
    whole, parts = OnlineLabelSmoothing(K), OnlineLabelSmoothing(K)
    whole(logits, target)
    for z, y in zip(torch.tensor_split(logits, sorted(set(cuts))), torch.tensor_split(target, sorted(set(cuts)))):  # noqa: B905
        parts(z, y)
    whole.update()
    parts.update()
    torch.testing.assert_close(parts.soft_labels, whole.soft_labels, rtol=1e-6, atol=1e-7)


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 2**31))
def test_every_row_sums_to_1_and_dividing_by_the_row_sum_is_the_same(seed: int) -> None:
    ols = OnlineLabelSmoothing(K)
    ols(*draw(seed))
    sums = ols.table.sums.clone()
    ols.update()
    torch.testing.assert_close(ols.soft_labels.sum(1), torch.ones(K))
    seen = sums.sum(1) > 0
    torch.testing.assert_close(ols.soft_labels[seen], (sums / sums.sum(1, keepdim=True))[seen].float())


def test_the_state_dict_resumes_in_the_middle_of_a_period(tmp_path: Any) -> None:
    ols = OnlineLabelSmoothing(K, initial_labels="hard_only")
    ols(*draw(0))
    ols.update()
    ols(*draw(1))
    torch.save(ols.state_dict(), tmp_path / "state.pt")
    resumed = OnlineLabelSmoothing(K, initial_labels="hard_only")
    resumed.load_state_dict(torch.load(tmp_path / "state.pt", weights_only=True))
    for each in (ols, resumed):
        each(*draw(2))
        each.update()
    assert resumed.period == ols.period == 2
    assert torch.equal(resumed.soft_labels, ols.soft_labels)
    assert torch.equal(resumed(*draw(3)), ols(*draw(3)))


def state_of(ols: OnlineLabelSmoothing) -> list[Tensor]:
    return [ols.soft_labels, ols.table.sums, ols.table.counts]


def test_an_update_is_the_start_of_an_empty_period_and_changes_the_state_in_place() -> None:
    ols = OnlineLabelSmoothing(K)
    addresses = [tensor.data_ptr() for tensor in state_of(ols)]
    ols(*draw(0))
    ols.update()
    assert [tensor.data_ptr() for tensor in state_of(ols)] == addresses
    assert ols.table.sums.abs().sum() == ols.table.counts.sum() == 0
    assert ols.period == 1


@pytest.mark.parametrize("cast", ["half", "bfloat16", "double"])
def test_a_cast_of_the_module_leaves_table_and_accumulators_as_they_are(cast: str) -> None:
    ols = OnlineLabelSmoothing(K)
    ols(*draw(0))
    sums = ols.table.sums.clone()
    getattr(torch.nn.Sequential(ols), cast)()
    assert [tensor.dtype for tensor in state_of(ols)] == [torch.float32, torch.float64, torch.int64]
    assert torch.equal(ols.table.sums, sums)


def test_the_module_moves_to_another_device() -> None:
    ols = OnlineLabelSmoothing(K).to("meta", torch.float16)
    assert [(tensor.device.type, tensor.dtype) for tensor in state_of(ols)] == [
        ("meta", torch.float32),
        ("meta", torch.float64),
        ("meta", torch.int64),
    ]


def test_statistics_follow_soft_labels_that_a_wrapper_moved_alone() -> None:
    table = LabelTable(K)
    table.soft_labels = table.soft_labels.to("meta")
    table.observe(torch.zeros(3, dtype=torch.int64, device="meta"), torch.zeros(3, K, device="meta"))
    assert (table.sums.device.type, table.counts.device.type) == ("meta", "meta")


def test_statistics_are_saved_with_the_soft_labels_though_they_are_no_buffers() -> None:
    ols = OnlineLabelSmoothing(K)
    ols(*draw(0))
    assert [name for name, _ in ols.named_buffers()] == ["table.soft_labels"]
    assert list(ols.state_dict()) == ["table.soft_labels", "table.sums", "table.counts", "table._extra_state"]
    assert torch.equal(ols.state_dict()["table.sums"], ols.table.sums)


def test_a_state_written_when_statistics_were_buffers_loads() -> None:
    rows = torch.arange(K * K).view(K, K)
    state = {"soft_labels": rows / 36, "sums": rows.double(), "counts": rows[0], "_extra_state": {"period": 4}}
    ols = OnlineLabelSmoothing(K)
    ols.load_state_dict({f"table.{key}": value for key, value in state.items()})
    assert all(map(torch.equal, state_of(ols), (rows / 36, rows.double(), rows[0])))
    assert ols.period == 4


def saved_and_read(ols: OnlineLabelSmoothing) -> OnlineLabelSmoothing:
    read: OnlineLabelSmoothing = pickle.loads(pickle.dumps(ols))
    return read


def filled_from_meta(ols: OnlineLabelSmoothing) -> OnlineLabelSmoothing:
    made = OnlineLabelSmoothing(K).to("meta").to_empty(device="cpu")
    made.load_state_dict(ols.state_dict())
    return made


@pytest.mark.parametrize("copied", [copy.deepcopy, saved_and_read, filled_from_meta])
def test_a_copy_goes_on_by_itself(copied: Callable[[OnlineLabelSmoothing], OnlineLabelSmoothing]) -> None:
    ols = OnlineLabelSmoothing(K)
    ols(*draw(0))
    other = copied(ols)
    before = [tensor.clone() for tensor in state_of(ols)]
    assert all(map(torch.equal, state_of(other), before))
    other(*draw(1))
    other.update()
    assert all(map(torch.equal, state_of(ols), before))


def test_a_state_of_another_number_of_classes_is_refused_and_changes_nothing() -> None:
    smaller, ols = OnlineLabelSmoothing(K - 1), OnlineLabelSmoothing(K)
    smaller.update()
    ols(*draw(0))
    before = [tensor.clone() for tensor in state_of(ols)]
    with pytest.raises(RuntimeError, match=r"soft_labels has 5 classes, this table 6: make it with num_classes=5"):
        ols.load_state_dict(smaller.state_dict())
    assert all(map(torch.equal, state_of(ols), before))
    assert ols.period == 0


def test_half_logits_under_autocast_are_counted_in_fp32() -> None:
    logits, target = draw(5)
    half = logits.detach().bfloat16()
    under, plain = OnlineLabelSmoothing(K), OnlineLabelSmoothing(K)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        loss = under(half, target)
    assert torch.equal(loss, plain(half.float(), target))
    assert torch.equal(under.table.sums, plain.table.sums)


@pytest.mark.parametrize("empty_class", ["uniform", "zeros", "keep"])
def test_a_class_of_a_diverged_batch_is_taken_as_empty(empty_class: str) -> None:
    table = LabelTable(3, empty_class=empty_class)
    predictions = torch.tensor([[0.7, 0.2, 0.1], [torch.nan, 0.5, 0.5], [0.1, 0.8, 0.1]])
    table.observe(torch.tensor([0, 1, 1]), predictions)
    table.update()
    empty_row = [0.0] * 3 if empty_class == "zeros" else [1 / 3] * 3
    torch.testing.assert_close(table.soft_labels, torch.tensor([[0.7, 0.2, 0.1], empty_row, empty_row]))


def test_alpha_1_still_counts_statistics() -> None:
    hard, soft = OnlineLabelSmoothing(K, alpha=1.0), OnlineLabelSmoothing(K)
    for ols in (hard, soft):
        ols(*draw(7))
    torch.testing.assert_close(hard.table.sums, soft.table.sums)


@pytest.mark.parametrize("backend", ["eager", "aot_eager"])
def test_ols_works_inside_a_compiled_caller(backend: str) -> None:
    ols, reference = OnlineLabelSmoothing(K), OnlineLabelSmoothing(K)
    compiled = torch.compile(lambda z, y: ols(2 * z, y), backend=backend, fullgraph=True)
    logits, target = draw(8)
    loss, wanted = compiled(logits, target), reference(2 * logits, target)
    torch.testing.assert_close(loss, wanted)
    torch.testing.assert_close(torch.autograd.grad(loss, logits), torch.autograd.grad(wanted, logits))
    torch.testing.assert_close(ols.table.sums, reference.table.sums)
    assert torch.equal(ols.table.counts, reference.table.counts)


def test_the_label_table_divides_sigmoids_by_their_count() -> None:
    table = LabelTable(3)
    predictions = torch.tensor([[0.9, 0.8, 0.1], [0.7, 0.2, 0.3], [0.5, 0.5, 0.5]])
    table.observe(torch.tensor([1, 1, 2]), predictions, torch.tensor([True, True, False]))
    table.update()
    torch.testing.assert_close(table.labels(torch.tensor([1, 2])), torch.tensor([[0.8, 0.5, 0.2], [1 / 3] * 3]))


def test_a_row_whose_largest_entry_is_the_limit_itself_is_frozen() -> None:
    table = LabelTable(3, freeze_at=0.88)
    reached = torch.tensor([[0.88, 0.06, 0.06], [0.05, 0.88, 0.07], [0.07, 0.06, 0.87]])
    table.observe(torch.arange(3), reached)
    table.update()
    table.observe(torch.arange(3), torch.eye(3))
    table.update()
    assert torch.equal(table.soft_labels, torch.cat([reached[:2], torch.eye(3)[2:]]))


def test_the_label_table_takes_predictions_as_constants() -> None:
    table = LabelTable(3)
    table.observe(torch.tensor([1]), torch.rand(1, 3, requires_grad=True))
    assert not table.sums.requires_grad


def test_a_table_in_blocks_is_its_definition_in_every_row(monkeypatch: pytest.MonkeyPatch) -> None:
    """Seven samples in blocks of two, five classes in blocks of two: each has a last one that is shorter."""
    monkeypatch.setattr("olsrepro.losses.label_table._COPY_BLOCK", 2 * 5)
    monkeypatch.setattr("olsrepro.losses.label_table._TABLE_BLOCK", 2 * 5)
    target, correct = torch.tensor([0, 1, 2, 4, 4, 1, 2]), torch.tensor([1, 1, 1, 1, 1, 0, 1])
    predictions = torch.rand(7, 5, generator=torch.Generator().manual_seed(0))
    table = LabelTable(5, empty_class="keep", freeze_at=0.88, initial_labels="smoothed")
    table.soft_labels[1:, :] = 0.2
    table.observe(target, predictions, correct)
    table.update()
    mean = [predictions[[row for row in range(7) if target[row] == y and correct[row]]].mean(0) for y in range(5)]
    frozen, kept = torch.tensor([0.9, *[0.025] * 4]), torch.full((5,), 0.2)
    torch.testing.assert_close(table.soft_labels, torch.stack([frozen, mean[1], mean[2], kept, mean[4]]))
    assert not table.sums.any()
