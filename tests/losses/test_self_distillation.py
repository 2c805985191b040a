"""Knowledge distillation from given teacher logits: golden, from the definition, at its limits."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from olsrepro.losses import SelfDistillation

GOLDEN = json.loads((Path(__file__).parents[1] / "golden" / "golden_methods.json").read_text())
CASES = [case for case in GOLDEN["cases"] if case["method"] == "tfkd_self"]
DTYPES = {"float64": torch.float64, "float32": torch.float32}


def inputs(dtype: torch.dtype) -> tuple[Tensor, Tensor, Tensor]:
    main, teacher = GOLDEN["inputs"]["main"], GOLDEN["inputs"]["teacher"]
    logits = torch.tensor(main["logits"], dtype=dtype, requires_grad=True)
    return logits, torch.tensor(main["target"]), torch.tensor(teacher["logits"], dtype=dtype)


@pytest.mark.parametrize("precision", DTYPES)
@pytest.mark.parametrize("case", CASES, ids=[case["id"] for case in CASES])
def test_loss_and_gradient_are_the_golden_ones(case: dict[str, Any], precision: str) -> None:
    logits, target, taught = inputs(DTYPES[precision])
    loss = SelfDistillation(4, **case["params"])(logits, target, taught)
    loss.backward()
    limit = GOLDEN["tolerance"][precision]
    assert abs(loss.item() - case["expected"]["loss"]) <= limit * max(1, abs(case["expected"]["loss"]))
    expected = torch.tensor(case["expected"]["grad_logits"], dtype=torch.float64)
    assert ((logits.grad.double() - expected).abs() / expected.abs().clamp(min=1)).max() <= limit


def test_it_is_what_the_formula_says() -> None:
    logits, target, taught = inputs(torch.float64)
    loss = SelfDistillation(4, alpha=0.3, T=5.0, multiplier=2.0, reduction="batchmean")(logits, target, taught)
    total = 0.0
    for z, t, y in zip(logits.tolist(), taught.tolist(), target.tolist(), strict=True):
        p, q, hard = (_softmax(values) for values in ([v / 5 for v in z], [v / 5 for v in t], z))
        divergence = sum(b * math.log(b / a) for a, b in zip(p, q, strict=True))
        total += 0.7 * -math.log(hard[y]) + 0.3 * 2 * 25 * divergence
    assert loss.item() == pytest.approx(total / len(target), rel=1e-12)


def _softmax(values: list[float]) -> list[float]:
    weights = [math.exp(value) for value in values]
    return [weight / sum(weights) for weight in weights]


def test_without_its_teacher_it_is_bit_for_bit_hard() -> None:
    logits, target, taught = inputs(torch.float32)
    assert torch.equal(SelfDistillation(4, alpha=0.0)(logits, target, taught), F.cross_entropy(logits, target))


def test_the_teacher_gets_no_gradient() -> None:
    logits, target, taught = inputs(torch.float64)
    taught.requires_grad_()
    SelfDistillation(4)(logits, target, taught).backward()
    assert taught.grad is None
    assert logits.grad is not None


def test_a_teacher_of_the_same_opinion_leaves_the_hard_loss_times_its_share() -> None:
    logits, target, _ = inputs(torch.float64)
    loss = SelfDistillation(4, alpha=0.4)(logits, target, logits.detach())
    torch.testing.assert_close(loss, 0.6 * F.cross_entropy(logits, target))


@pytest.mark.parametrize("half", [torch.float16, torch.bfloat16])
def test_half_types_are_raised(half: torch.dtype) -> None:
    logits, target, taught = inputs(torch.float32)
    given, teacher = logits.detach().to(half), taught.to(half)
    assert torch.equal(
        SelfDistillation(4)(given, target, teacher), SelfDistillation(4)(given.float(), target, teacher.float())
    )
    with torch.autocast("cpu", torch.bfloat16):
        assert SelfDistillation(4)(given, target, teacher).dtype == torch.float32


def test_teacher_logits_of_another_shape_are_refused() -> None:
    logits, target, taught = inputs(torch.float32)
    with pytest.raises(ValueError, match=r"logits must have shape \(B, 4\)"):
        SelfDistillation(4)(logits, target, taught[:, :3])


@pytest.mark.parametrize("alpha", [0.95, 1.0])
@pytest.mark.parametrize("value", [-100, -1, 4])
def test_a_target_that_is_no_class_is_refused(value: int, alpha: float) -> None:
    logits, target, taught = inputs(torch.float32)
    target[3] = value
    with pytest.raises(ValueError, match=f"^target={value} in row 3 is none of the classes 0 to 3; leave such rows"):
        SelfDistillation(4, alpha=alpha)(logits, target, taught)


@pytest.mark.parametrize(
    ("switch", "message"),
    [
        ({"alpha": 1.5}, r"alpha=1.5 must be in \[0, 1\]"),
        ({"T": 0}, "T=0 must be at least"),
        ({"multiplier": -1}, "multiplier=-1 must be at least 0"),
        ({"reduction": "means"}, "reduction=means is not known; did you mean mean"),
        ({"alpha": 1.0, "multiplier": 0}, "are both 0"),
    ],
)
def test_a_switch_out_of_range_is_refused(switch: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        SelfDistillation(4, **switch)
