"""What a caller is told who asks for something that isn't there or hands over something that doesn't fit."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import pytest
import torch
from torch import Tensor
from torch._subclasses.fake_tensor import FakeTensorMode

import olsrepro.losses
from olsrepro.losses import DisturbLabel, LabelTable, OnlineLabelSmoothing, build_criterion, criterion_names
from olsrepro.losses.online_rules import resolve_ols

BAD_SWITCHES: list[tuple[str, dict[str, Any], str]] = [
    ("hrad", {}, "criterion=hrad is not known; did you mean hard"),
    ("zzz", {}, "valid: boothard, bootsoft"),
    ("ls", {"epss": 0.1}, "criterion ls has no switch epss; did you mean eps"),
    ("hard", {"eps": 0.1}, "criterion hard has no switch eps; it has none"),
    ("ols", {"num_class": 3}, "criterion ols has no switch num_class"),
    ("ls", {"eps": 1.5}, r"eps=1.5 must be in \[0, 1\]"),
    ("ls", {"eps": float("nan")}, "eps=nan must be"),
    ("ls", {"eps": "much"}, "eps=much must be a number"),
    ("ls", {"spread": "other"}, "spread=other is not known; did you mean others"),
    ("bootsoft", {"beta": -0.1}, "beta=-0.1 must be in"),
    ("boothard", {"clamp": 0.7}, "clamp=0.7 must be in"),
    ("disturblabel", {"alpha": 20}, "alpha=20 must be in"),
    ("sce", {"variant": "author"}, "did you mean authors"),
    ("sce", {"alpha": 0, "beta": 0}, "alpha and beta are both 0"),
    ("sce", {"beta": -1}, "beta=-1 must be at least 0"),
    ("sce", {"alpha": float("inf")}, "alpha=inf must be at least 0"),
    ("ols", {"variant": "OFFICIAL_CIFAR"}, "did you mean official_cifar"),
    ("tfkd_reg", {"T": 0}, "T=0 must be at least 1e-06"),
    ("tfkd_reg", {"alpha": 1, "multiplier": 0}, "are both 0"),
    ("tfkd_reg", {"reduction": "batch_mean"}, "did you mean batchmean"),
    ("ols", {"variant": "papers"}, "variant=papers is not known; did you mean paper"),
    ("ols", {"alpha": 1.1}, "alpha=1.1 must be in"),
    ("ols", {"variant": "official_finegrained", "alpha": 0.5}, "set hard_weight and soft_weight instead"),
    ("ols", {"hard_weight": 0, "soft_weight": 0}, "hard_weight and soft_weight are both 0"),
    ("ols", {"soft_weight": -1}, "soft_weight=-1 must be at least 0"),
    ("ols", {"initial_labels": "unifrom"}, "did you mean uniform"),
    ("ols", {"accumulate": "some"}, "valid: all, correct"),
    ("ols", {"empty_class": "zero"}, "did you mean zeros"),
    ("ols", {"freeze_at": -0.1}, "freeze_at=-0.1 must be at least 0"),
    ("ols", {"count_without_grad": 1}, "count_without_grad=1 must be true or false"),
    ("pairwise_confusion", {"variant": "author"}, "variant=author is not known; did you mean authors"),
    ("pairwise_confusion", {"space": "prob"}, "space=prob is not known; did you mean probs"),
    ("pairwise_confusion", {"norm": "clas"}, "norm=clas is not known; did you mean class"),
    ("pairwise_confusion", {"pairs": "differing"}, "pairs=differing is not known; did you mean different"),
    ("pairwise_confusion", {"lam": -1}, "lam=-1 must be at least 0"),
    ("pairwise_confusion", {"start": 0.5}, "criterion pairwise_confusion has no switch start"),
]


@pytest.mark.parametrize(("name", "switches", "message"), BAD_SWITCHES)
def test_a_bad_name_or_switch_names_key_value_and_the_nearest_valid(
    name: str, switches: dict[str, Any], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        build_criterion(name, 10, **switches)


@pytest.mark.parametrize("name", criterion_names())
def test_fewer_than_two_classes_are_refused(name: str) -> None:
    with pytest.raises(ValueError, match="num_classes=1 must be a whole number of at least 2"):
        build_criterion(name, 1)
    with pytest.raises(ValueError, match=r"num_classes=2.5 must be a whole number"):
        build_criterion(name, 2.5)  # type: ignore[arg-type]


@pytest.mark.parametrize("name", criterion_names())
@pytest.mark.parametrize(
    ("logits", "target", "error", "message"),
    [
        (torch.zeros(4, 10, 2), torch.zeros(4).long(), ValueError, r"logits must have shape \(B, 10\)"),
        (torch.zeros(4, 9), torch.zeros(4).long(), ValueError, r"logits must have shape \(B, 10\)"),
        (torch.zeros(4, 10), torch.zeros(3).long(), ValueError, r"target must have shape \(4,\)"),
        (torch.zeros(4, 10), torch.zeros(4, 1).long(), ValueError, r"target must have shape \(4,\)"),
        (torch.zeros(0, 10), torch.zeros(0).long(), ValueError, "empty batch"),
        (torch.zeros(4, 10), torch.zeros(4), TypeError, "class indices as int64"),
        (torch.zeros(4, 10).long(), torch.zeros(4).long(), TypeError, "logits must be floating"),
    ],
)
def test_a_batch_of_wrong_shape_or_dtype_is_refused(
    name: str, logits: torch.Tensor, target: torch.Tensor, error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        build_criterion(name, 10)(logits, target)


NO_CLASS = [-100, -1, 10, 2**40]


def with_target(value: int) -> Tensor:
    """Eight targets of ten classes, of which those of rows 2 and 5 are this value."""
    return torch.tensor([0, 1, value, 3, 4, value, 6, 9])


def refusal(value: int) -> str:
    return f"^target={value} in row 2 is none of the classes 0 to 9; leave such rows out$"


@pytest.mark.parametrize("value", NO_CLASS)
@pytest.mark.parametrize("name", criterion_names())
def test_a_target_that_is_no_class_is_refused_by_every_criterion_in_one_line(name: str, value: int) -> None:
    with pytest.raises(ValueError, match=refusal(value)):
        build_criterion(name, 10)(torch.randn(8, 10), with_target(value))


@pytest.mark.parametrize("name", criterion_names())
def test_a_compiled_caller_is_one_graph_whose_kernels_refuse_what_is_no_class(name: str) -> None:
    torch.compiler.reset()
    criterion, logits = build_criterion(name, 10).eval(), torch.randn(8, 10)
    compiled = torch.compile(lambda z, y: criterion(z, y), backend="eager", fullgraph=True)
    torch.testing.assert_close(compiled(logits, with_target(7)), criterion(logits, with_target(7)))
    for value in NO_CLASS:
        with pytest.raises(IndexError, match=r"out of (bounds|range)"):
            compiled(logits, with_target(value))


@pytest.mark.parametrize("name", criterion_names())
def test_a_trace_without_values_passes_the_check_of_targets(name: str) -> None:
    with FakeTensorMode():
        logits, target = torch.randn(8, 10, requires_grad=True), torch.zeros(8, dtype=torch.int64)
        build_criterion(name, 10)(logits, target).backward()
    assert logits.grad.shape == (8, 10)


@pytest.mark.parametrize("name", ["hard", "ls", "bootsoft", "boothard", "sce"])
def test_a_criterion_maps_over_the_batches_of_an_ensemble(name: str) -> None:
    criterion, logits = build_criterion(name, 10), torch.randn(2, 8, 10)
    losses = torch.vmap(criterion)(logits, with_target(7).expand(2, -1))
    torch.testing.assert_close(losses, torch.stack([criterion(one, with_target(7)) for one in logits]))


@pytest.mark.parametrize("value", NO_CLASS)
def test_nothing_is_counted_of_a_batch_with_a_target_that_is_no_class(value: int) -> None:
    ols, table = OnlineLabelSmoothing(10, accumulate="all"), LabelTable(10)
    with pytest.raises(ValueError, match=refusal(value)):
        ols(torch.randn(8, 10), with_target(value))
    with pytest.raises(ValueError, match=refusal(value)):
        ols.observe(with_target(value), torch.rand(8, 10), torch.ones(8, dtype=torch.bool))
    with pytest.raises(ValueError, match=refusal(value)):
        table.observe(with_target(value), torch.rand(8, 10))
    for each in (ols.table, table):
        assert each.counts.sum() == each.sums.sum() == 0


@pytest.mark.parametrize("name", ["hard", "ls", "ols"])
def test_the_labels_of_what_is_no_class_are_refused(name: str) -> None:
    with pytest.raises(ValueError, match=refusal(-1)):
        build_criterion(name, 10).targets(with_target(-1))
    with pytest.raises(ValueError, match=refusal(-1)):
        LabelTable(10).labels(with_target(-1))


@pytest.mark.parametrize("value", NO_CLASS)
def test_what_is_no_class_is_never_disturbed_into_one(value: int) -> None:
    disturbed = DisturbLabel(10, alpha=1.0).disturbed(with_target(value), torch.zeros(8), torch.ones(8).long())
    assert disturbed.tolist() == [1, 2, value, 4, 5, value, 7, 0]


def test_draws_that_fit_no_batch_are_refused() -> None:
    criterion, target = DisturbLabel(10), torch.zeros(4).long()
    with pytest.raises(ValueError, match="draws must have the target's shape"):
        criterion(torch.zeros(4, 10), target, draws=(torch.zeros(3), torch.ones(4).long()))
    with pytest.raises(TypeError, match="shift must be int64"):
        criterion(torch.zeros(4, 10), target, draws=(torch.zeros(4), torch.ones(4)))


def test_predictions_that_fit_no_table_are_refused() -> None:
    table, target = LabelTable(10), torch.zeros(4).long()
    with pytest.raises(ValueError, match=r"predictions must have shape \(4, 10\)"):
        table.observe(target, torch.zeros(4, 9))
    with pytest.raises(ValueError, match=r"correct must have shape \(4,\), got \(3,\)"):
        table.observe(target, torch.zeros(4, 10), torch.ones(3))
    with pytest.raises(RuntimeError, match="device"):
        table.observe(target, torch.zeros(4, 10, device="meta"))
    assert table.counts.sum() == 0


def test_a_variant_and_its_switches_typed_one_by_one_are_the_same_rules() -> None:
    typed = resolve_ols(hard_weight=1.0, soft_weight=1.0, freeze_at=0.88)
    assert typed == resolve_ols("official_finegrained")
    assert resolve_ols("official_cifar") == resolve_ols(alpha=0.5, initial_labels="zeros")
    assert resolve_ols("official_finegrained", freeze_at=2.0).freeze_at is None


def test_alpha_may_be_positional_and_each_weight_replaced() -> None:
    assert OnlineLabelSmoothing(10).rules.hard_weight == 0.5
    assert OnlineLabelSmoothing(10, 0.3).rules == OnlineLabelSmoothing(10, alpha=0.3).rules
    rules = OnlineLabelSmoothing(10, alpha=0.3, soft_weight=2.0).rules
    assert (rules.hard_weight, rules.soft_weight) == (0.3, 2.0)


def test_the_package_lists_what_it_exports_and_refuses_what_it_does_not() -> None:
    assert all(getattr(olsrepro.losses, name) for name in olsrepro.losses.__all__)
    assert set(olsrepro.losses.__all__) <= set(dir(olsrepro.losses))
    with pytest.raises(AttributeError, match="has no attribute 'NoSuchLoss'"):
        _ = olsrepro.losses.NoSuchLoss


def loaded_after(statement: str) -> set[str]:
    code = f"{statement}\nimport sys; print(*{{name.partition('.')[0] for name in sys.modules}})"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    return set(run.stdout.split())


def test_reading_the_switches_loads_no_torch() -> None:
    assert "torch" not in loaded_after("import olsrepro.losses.switches")


def test_using_a_criterion_loads_no_heavy_library_but_torch() -> None:
    loaded = loaded_after("from olsrepro.losses import OnlineLabelSmoothing; OnlineLabelSmoothing(3)")
    assert "torch" in loaded
    assert not loaded & {"hydra", "omegaconf", "timm", "torchvision", "tensorboard", "rich", "scipy", "sklearn", "ray"}
