"""What the criteria become in their limits, and what they have in common."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from olsrepro.losses import DisturbLabel, OnlineLabelSmoothing, build_criterion, criterion_names

few = settings(max_examples=15, deadline=None)
seeds = st.integers(0, 2**31)
classes = st.integers(2, 9)


def draw(seed: int, num_classes: int, batch: int = 7, dtype: torch.dtype = torch.float64) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(seed)
    logits = 2 * torch.randn(batch, num_classes, generator=generator, dtype=dtype)
    return logits.requires_grad_(), torch.randint(num_classes, (batch,), generator=generator)


def value_and_gradient(criterion: torch.nn.Module, logits: Tensor, target: Tensor) -> tuple[Tensor, Tensor]:
    loss = criterion(logits, target)
    return loss.detach(), torch.autograd.grad(loss, logits)[0]


HARD_LIMITS = {
    "ls eps=0": ("ls", {"eps": 0.0}),
    "ls eps=0 others": ("ls", {"eps": 0.0, "spread": "others"}),
    "bootsoft beta=1": ("bootsoft", {"beta": 1.0}),
    "boothard beta=1": ("boothard", {"beta": 1.0}),
    "disturblabel alpha=0": ("disturblabel", {"alpha": 0.0}),
    "sce beta=0": ("sce", {"variant": "logits", "alpha": 1.0, "beta": 0.0}),
    "tfkd_reg alpha=0": ("tfkd_reg", {"alpha": 0.0}),
    "pairwise_confusion lam=0": ("pairwise_confusion", {"lam": 0.0}),
    "ols alpha=1": ("ols", {"alpha": 1.0}),
    "ols hard_only": ("ols", {"alpha": 0.3, "initial_labels": "hard_only"}),
}


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)
@pytest.mark.parametrize("limit", HARD_LIMITS)
def test_a_term_of_weight_0_leaves_the_hard_criterion_bit_for_bit(limit: str, dtype: torch.dtype) -> None:
    name, switches = HARD_LIMITS[limit]
    logits, target = draw(5, 6, dtype=dtype)
    hard = value_and_gradient(build_criterion("hard", 6), logits, target)
    ours = value_and_gradient(build_criterion(name, 6, **switches), logits, target)
    assert all(torch.equal(mine, theirs) for mine, theirs in zip(ours, hard, strict=True))


@few
@given(seeds, classes, st.floats(0, 1))
def test_smoothing_over_the_others_is_smoothing_over_all_with_a_larger_eps(seed: int, k: int, share: float) -> None:
    logits, target = draw(seed, k)
    eps = share * (k - 1) / k
    others = value_and_gradient(build_criterion("ls", k, eps=eps, spread="others"), logits, target)
    wide = value_and_gradient(build_criterion("ls", k, eps=min(eps * k / (k - 1), 1.0)), logits, target)
    torch.testing.assert_close(others, wide)


@few
@given(seeds, classes, st.floats(0, 1))
def test_label_smoothing_is_torchs_own(seed: int, k: int, eps: float) -> None:
    logits, target = draw(seed, k)
    ours = build_criterion("ls", k, eps=eps)(logits, target)
    torch.testing.assert_close(ours, F.cross_entropy(logits, target, label_smoothing=eps))


@few
@given(seeds, classes, st.floats(0, 1))
def test_disturblabel_is_label_smoothing_in_the_mean(seed: int, k: int, alpha: float) -> None:
    logits, target = draw(seed, k)
    criterion = DisturbLabel(k, alpha)
    flips = [F.cross_entropy(logits, (target + shift) % k) for shift in range(1, k)]
    mean = (1 - criterion.threshold) * F.cross_entropy(logits, target) + criterion.threshold * sum(flips) / (k - 1)
    smoothed = build_criterion("ls", k, eps=alpha)(logits, target)
    torch.testing.assert_close(mean, smoothed)
    torch.testing.assert_close(torch.autograd.grad(mean, logits), torch.autograd.grad(smoothed, logits))


@few
@given(seeds, classes, st.floats(0, 0.99), st.floats(1, 50), st.floats(0, 100))
def test_released_tfkd_reg_is_scaled_label_smoothing(
    seed: int, k: int, alpha: float, temperature: float, multiplier: float
) -> None:
    logits, target = draw(seed, k)
    criterion = build_criterion("tfkd_reg", k, alpha=alpha, T=temperature, multiplier=multiplier)
    _, gradient = value_and_gradient(criterion, logits, target)
    onehot = F.one_hot(target, k).double()
    virtual = ((0.99 * onehot + 0.01 / (k - 1) * (1 - onehot)) / temperature).softmax(1)
    scale = (1 - alpha) + alpha * multiplier / k
    labels = ((1 - alpha) * onehot + alpha * multiplier / k * virtual) / scale
    torch.testing.assert_close(gradient, scale * (logits.detach().softmax(1) - labels) / len(target))


@few
@given(seeds, classes, st.floats(0, 0.99))
def test_the_first_period_of_ols_is_label_smoothing_with_eps_1_minus_alpha(seed: int, k: int, alpha: float) -> None:
    logits, target = draw(seed, k, dtype=torch.float32)
    ours = value_and_gradient(OnlineLabelSmoothing(k, alpha=alpha), logits, target)
    smoothed = value_and_gradient(build_criterion("ls", k, eps=1 - alpha), logits, target)
    torch.testing.assert_close(ours, smoothed)


def test_disturblabel_draws_from_torchs_generator_about_as_often_as_its_threshold() -> None:
    criterion = DisturbLabel(10, alpha=0.5)
    logits, target = torch.eye(10).mul(50).repeat(400, 1), torch.arange(10).repeat(400)
    torch.manual_seed(3)
    first = criterion(logits, target)
    torch.manual_seed(3)
    assert torch.equal(first, criterion(logits, target))
    assert first.item() / 50 == pytest.approx(criterion.threshold, abs=0.05)


class Recorded(DisturbLabel):
    """DisturbLabel that keeps the labels of its last loss."""

    def loss(self, logits: Tensor, target: Tensor) -> Tensor:
        self.seen = target
        return super().loss(logits, target)


def test_disturblabel_redraws_a_label_from_all_classes_alike() -> None:
    """With alpha 0.6 of five classes a label is another one in 48 of 100 cases, each of the four in 12 of them."""
    criterion, target = Recorded(5, alpha=0.6), torch.arange(5).repeat(8000)
    torch.manual_seed(4)
    criterion(torch.zeros(40_000, 5), target)
    share = torch.bincount(5 * target + criterion.seen, minlength=25).view(5, 5) / 8000
    expected = torch.full((5, 5), 0.12).fill_diagonal_(0.52)
    torch.testing.assert_close(share, expected, rtol=0, atol=0.02)


def test_the_label_that_disturblabel_puts_in_place_of_another_is_never_the_same() -> None:
    """At alpha 1 of two classes half of the labels change, so the draw of another one never gives the same."""
    criterion = Recorded(2, alpha=1.0)
    target = torch.zeros(40_000, dtype=torch.int64)
    torch.manual_seed(5)
    criterion(torch.zeros(40_000, 2), target)
    assert criterion.seen.double().mean().item() == pytest.approx(0.5, abs=0.02)


def test_disturblabel_in_eval_mode_sees_the_given_labels() -> None:
    logits, target = draw(0, 5)
    draws = torch.zeros(7), torch.ones(7, dtype=torch.int64)
    criterion = DisturbLabel(5, alpha=1.0).eval()
    assert torch.equal(criterion(logits, target, draws=draws), F.cross_entropy(logits, target))


@pytest.mark.parametrize("half", [torch.float16, torch.bfloat16], ids=str)
@pytest.mark.parametrize("name", criterion_names())
def test_half_types_are_computed_in_fp32_under_autocast(name: str, half: torch.dtype) -> None:
    logits, target = draw(1, 6, dtype=torch.float32)
    lowered = logits.detach().to(half).requires_grad_()
    with torch.autocast("cpu", dtype=torch.bfloat16):
        loss = build_criterion(name, 6).eval()(lowered, target)
    loss.backward()
    reference = build_criterion(name, 6).eval()(lowered.detach().float(), target)
    assert loss.dtype == torch.float32
    assert torch.equal(loss.detach(), reference)
    assert lowered.grad.dtype == half


@pytest.mark.parametrize("name", criterion_names())
def test_float64_stays_float64(name: str) -> None:
    logits, target = draw(2, 6)
    loss, gradient = value_and_gradient(build_criterion(name, 6), logits, target)
    assert loss.dtype == gradient.dtype == torch.float64


@pytest.mark.parametrize("name", criterion_names())
def test_logits_that_need_no_gradient_give_the_same_loss(name: str) -> None:
    logits, target = draw(4, 6)
    criterion = build_criterion(name, 6).eval()
    assert torch.equal(criterion(logits.detach(), target), criterion(logits, target).detach())
    with torch.no_grad():
        assert not criterion(logits, target).requires_grad
