"""The criterion of data-distortion guided self-distillation: golden values, a slow reference, what always holds."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from olsrepro.methods.ddgsd.loss import DataDistortionDistillation
from olsrepro.methods.ddgsd.settings import Settings

GOLDEN = json.loads((Path(__file__).parents[1] / "golden" / "golden_methods.json").read_text())
CASES = [case for case in GOLDEN["cases"] if case["method"] == "ddgsd"]
DTYPES = {"float64": torch.float64, "float32": torch.float32}

few = settings(max_examples=15, deadline=None)
seeds = st.integers(0, 2**31)
classes = st.integers(2, 9)
switches = st.fixed_dictionaries(
    {
        "ce_weight": st.sampled_from([0.25, 1.0]),
        "lam": st.sampled_from([0.0, 0.5, 1.0]),
        "T": st.floats(0.5, 8),
        "scale_t2": st.booleans(),
        "detach": st.booleans(),
        "reduction": st.sampled_from(["batchmean", "mean"]),
    }
)


def draw(seed: int, num_classes: int, batch: int = 5) -> tuple[Tensor, Tensor, Tensor]:
    """Logits of the first view, targets, logits of the second view."""
    generator = torch.Generator().manual_seed(seed)
    first, second = 2 * torch.randn(2, batch, num_classes, generator=generator, dtype=torch.float64)
    target = torch.randint(num_classes, (batch,), generator=generator)
    return first.clone().requires_grad_(), target, second.clone().requires_grad_()


def gradients(loss: Tensor, first: Tensor, second: Tensor) -> tuple[Tensor, Tensor]:
    of_first, of_second = torch.autograd.grad(loss, (first, second))
    return of_first, of_second


def only_divergence(num_classes: int, **chosen: Any) -> DataDistortionDistillation:
    return DataDistortionDistillation(num_classes, ce_weight=0.0, **chosen)


def assert_golden(actual: Tensor, expected: Any, precision: str) -> None:
    wanted = torch.tensor(expected, dtype=torch.float64)
    error = (actual.detach().double() - wanted).abs() / wanted.abs().clamp(min=1)
    assert error.max() <= GOLDEN["tolerance"][precision]


@pytest.mark.parametrize("precision", DTYPES)
@pytest.mark.parametrize("case", CASES, ids=[case["id"] for case in CASES])
def test_loss_and_the_gradients_of_both_views_are_the_golden_ones(case: dict[str, Any], precision: str) -> None:
    inputs, dtype = GOLDEN["inputs"], DTYPES[precision]
    first = torch.tensor(inputs["main"]["logits"], dtype=dtype, requires_grad=True)
    second = torch.tensor(inputs["view_b"]["logits"], dtype=dtype, requires_grad=True)
    criterion = DataDistortionDistillation(first.shape[1], **case["params"])
    loss = criterion(first, torch.tensor(inputs["main"]["target"]), second)
    loss.backward()
    assert loss.dtype == dtype
    assert_golden(loss, case["expected"]["loss"], precision)
    assert_golden(first.grad, case["expected"]["grad_logits"], precision)
    assert_golden(second.grad, case["expected"]["grad_view_b"], precision)


def test_all_four_golden_cases_are_there_and_the_defaults_are_one_of_them() -> None:
    params = {case["id"]: case["params"] for case in CASES}
    assert len(params) == 4
    assert params["ddgsd/default"] == Settings().criterion_switches()
    assert params["ddgsd/class_labels_only"] == Settings(supervision="class_labels").criterion_switches()


def log_softmax(row: list[float], temperature: float = 1.0) -> list[float]:
    total = sum(math.exp(value / temperature) for value in row)
    return [value / temperature - math.log(total) for value in row]


def reference(
    first: list[list[float]],
    target: list[int],
    second: list[list[float]],
    taught_by: tuple[list[list[float]], list[list[float]]],
    *,
    ce_weight: float,
    lam: float,
    T: float,  # noqa: N803
    scale_t2: bool,
    reduction: str,
    **_: Any,
) -> float:
    """The formula, number by number; ``taught_by`` are the logits that the two views learn from."""
    batch, num_classes, loss = len(target), len(first[0]), 0.0
    for row, (y, a, b) in enumerate(zip(target, first, second, strict=True)):
        loss -= ce_weight * (log_softmax(a)[y] + log_softmax(b)[y]) / batch
        for learning, logits in ((a, taught_by[0][row]), (b, taught_by[1][row])):
            log_p, log_q = log_softmax(logits, T), log_softmax(learning, T)
            divergence = sum(math.exp(p) * (p - q) for p, q in zip(log_p, log_q, strict=True))
            divisor = batch * num_classes if reduction == "mean" else batch
            loss += lam * (T**2 if scale_t2 else 1.0) * divergence / divisor
    return loss


@few
@given(seeds, classes, switches)
def test_the_loss_is_the_formula_number_by_number(seed: int, k: int, chosen: dict[str, Any]) -> None:
    first, target, second = draw(seed, k)
    a, b = first.tolist(), second.tolist()
    loss = DataDistortionDistillation(k, **chosen)(first, target, second)
    assert loss.item() == pytest.approx(reference(a, target.tolist(), b, (b, a), **chosen), abs=1e-10)


@few
@given(seeds, switches)
def test_the_gradients_are_the_finite_differences_of_the_formula(seed: int, chosen: dict[str, Any]) -> None:
    """What is learnt from stands still where it is detached, and moves along where it is not."""
    first, target, second = draw(seed, 3, batch=2)
    still = first.tolist(), second.tolist()

    def moved(view: int, row: int, column: int, step: float) -> float:
        a, b = first.tolist(), second.tolist()
        (a, b)[view][row][column] += step
        taught_by = (still[1], still[0]) if chosen["detach"] else (b, a)
        return reference(a, target.tolist(), b, taught_by, **chosen)

    found = gradients(DataDistortionDistillation(3, **chosen)(first, target, second), first, second)
    for view, gradient in enumerate(found):
        for row in range(2):
            for column in range(3):
                slope = (moved(view, row, column, 1e-5) - moved(view, row, column, -1e-5)) / 2e-5
                assert gradient[row, column].item() == pytest.approx(slope, abs=1e-6)


@few
@given(seeds, classes, switches)
def test_views_that_change_places_leave_the_loss_and_change_the_gradients_places(
    seed: int, k: int, chosen: dict[str, Any]
) -> None:
    first, target, second = draw(seed, k)
    criterion = DataDistortionDistillation(k, **chosen)
    forth, back = criterion(first, target, second), criterion(second, target, first)
    torch.testing.assert_close(forth, back)
    torch.testing.assert_close(gradients(forth, first, second), gradients(back, first, second))


@few
@given(seeds, classes, switches)
def test_equal_views_have_no_divergence_and_twice_the_hard_loss(seed: int, k: int, chosen: dict[str, Any]) -> None:
    first, target, _ = draw(seed, k)
    second = first.detach().clone().requires_grad_()
    criterion = DataDistortionDistillation(k, **chosen)
    divergence = criterion.divergence(first, second)
    assert divergence.item() == 0
    torch.testing.assert_close(gradients(divergence, first, second), (torch.zeros_like(first),) * 2)
    hard = F.cross_entropy(first, target)
    torch.testing.assert_close(criterion(first, target, second), 2 * chosen["ce_weight"] * hard)


@few
@given(seeds, classes, st.floats(0.5, 8))
def test_the_divergence_is_positive_and_pulls_each_view_towards_the_other(
    seed: int, k: int, temperature: float
) -> None:
    """The detached gradient is ``T (p_a - p_b) / B`` with the factor T squared."""
    first, target, second = draw(seed, k)
    loss = only_divergence(k, T=temperature)(first, target, second)
    assert loss.item() > 0
    p, q = ((logits.detach() / temperature).softmax(1) for logits in (first, second))
    pull = temperature * (p - q) / len(target)
    torch.testing.assert_close(gradients(loss, first, second), (pull, -pull))


@few
@given(seeds, classes)
def test_attached_and_detached_targets_give_one_loss_and_different_gradients(seed: int, k: int) -> None:
    first, target, second = draw(seed, k)
    detached, attached = (only_divergence(k, detach=detach)(first, target, second) for detach in (True, False))
    assert torch.equal(detached, attached)
    with pytest.raises(AssertionError):
        torch.testing.assert_close(gradients(detached, first, second), gradients(attached, first, second))


@few
@given(seeds, classes)
def test_a_mean_over_classes_too_is_a_kth_of_the_divergence(seed: int, k: int) -> None:
    first, target, second = draw(seed, k)
    whole, mean = (only_divergence(k, reduction=name)(first, target, second) for name in ("batchmean", "mean"))
    torch.testing.assert_close(whole, k * mean)


@few
@given(seeds, classes, switches, st.integers(1, 6))
def test_shards_of_a_batch_need_nothing_of_one_another(seed: int, k: int, chosen: dict[str, Any], cut: int) -> None:
    """Ranks have nothing to tell each other: a pair of views stays on its rank."""
    first, target, second = draw(seed, k, batch=7)
    criterion = DataDistortionDistillation(k, **chosen)
    whole = criterion(first, target, second)
    shards = [
        len(target[rows]) / 7 * criterion(first[rows], target[rows], second[rows])
        for rows in (slice(None, cut), slice(cut, None))
    ]
    torch.testing.assert_close(shards[0] + shards[1], whole)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)
def test_without_a_divergence_the_loss_is_both_cross_entropies_bit_for_bit(
    dtype: torch.dtype, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, target, second = (t.detach().to(dtype) if t.is_floating_point() else t for t in draw(3, 6))
    first.requires_grad_()
    second.requires_grad_()
    criterion = DataDistortionDistillation(6, lam=0.0)
    monkeypatch.setattr(criterion, "divergence", lambda *_: pytest.fail("a term of weight 0 was computed"))
    loss = criterion(first, target, second)
    hard = F.cross_entropy(first, target) + F.cross_entropy(second, target)
    assert torch.equal(loss, hard)
    assert all(map(torch.equal, gradients(loss, first, second), gradients(hard, first, second)))


def test_without_a_weight_the_cross_entropy_is_not_computed(monkeypatch: pytest.MonkeyPatch) -> None:
    first, target, second = draw(3, 6)
    monkeypatch.setattr(F, "cross_entropy", lambda *_: pytest.fail("a term of weight 0 was computed"))
    criterion = only_divergence(6)
    torch.testing.assert_close(criterion(first, target, second), 9 * criterion.divergence(first, second))


@pytest.mark.parametrize("half", [torch.float16, torch.bfloat16], ids=str)
def test_half_types_of_both_views_are_computed_in_fp32_under_autocast(half: torch.dtype) -> None:
    first, target, second = draw(1, 6)
    lowered = [logits.detach().to(half).requires_grad_() for logits in (first, second)]
    criterion = DataDistortionDistillation(6)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        loss = criterion(lowered[0], target, lowered[1])
    loss.backward()
    assert loss.dtype == torch.float32
    assert torch.equal(loss, criterion(lowered[0].float(), target, lowered[1].float()))
    assert all(logits.grad.dtype == half for logits in lowered)


def test_logits_far_apart_stay_finite() -> None:
    first = torch.tensor([[1e4, -1e4, 0.0]], requires_grad=True)
    second = torch.tensor([[-1e4, 1e4, 0.0]], requires_grad=True)
    loss = DataDistortionDistillation(3, T=1.0, detach=False)(first, torch.tensor([2]), second)
    assert all(torch.isfinite(tensor).all() for tensor in (loss, *gradients(loss, first, second)))


BAD_SWITCHES: list[tuple[dict[str, Any], str]] = [
    ({"lam": -1}, "lam=-1 must be at least 0"),
    ({"ce_weight": -0.5}, "ce_weight=-0.5 must be at least 0"),
    ({"ce_weight": 0, "lam": 0}, "ce_weight and lam are both 0"),
    ({"T": 0}, "T=0 must be at least 1e-06"),
    ({"reduction": "means"}, "reduction=means is not known; did you mean mean"),
]


@pytest.mark.parametrize(("chosen", "message"), BAD_SWITCHES)
def test_criterion_and_settings_refuse_a_bad_switch_with_the_same_words(chosen: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=f"^{message}"):
        DataDistortionDistillation(3, **chosen)
    with pytest.raises(ValueError, match=f"^{message}"):
        Settings(**chosen)


def test_views_that_do_not_fit_are_refused() -> None:
    first, target, second = draw(0, 4)
    criterion = DataDistortionDistillation(4)
    with pytest.raises(ValueError, match="target must have shape"):
        criterion(first, target, second[:-1])
    with pytest.raises(ValueError, match=r"logits must have shape \(B, 4\)"):
        criterion(first, target, second[:, :-1])
    with pytest.raises(ValueError, match=r"^target=-100 in row 1 is none of the classes 0 to 3; leave such rows out$"):
        criterion(first, torch.tensor([0, -100, 2, 3, 1]), second)
    with pytest.raises(TypeError, match="logits must be floating"):
        criterion(first, target, second.long())
    with pytest.raises(ValueError, match="num_classes=1 must be at least 2"):
        DataDistortionDistillation(1)
