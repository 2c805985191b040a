"""Settings of the label methods: found by scanning, checked when made, handed to their criterion."""

from __future__ import annotations

import inspect
import re
from dataclasses import FrozenInstanceError, fields
from typing import Any

import pytest
from repeated_values import arguments_of, assert_same, defaults_of
from torch import nn

from olsrepro.config.compose import compose_run
from olsrepro.losses import SelfDistillation, build_criterion, criterion_names
from olsrepro.losses.online import OnlineLabelSmoothing
from olsrepro.methods.base import MethodContext
from olsrepro.methods.ddgsd.loss import DataDistortionDistillation
from olsrepro.methods.ols.settings import Settings as Ols
from olsrepro.methods.registry import build_method, method_names, settings_class
from olsrepro.methods.settings import MethodSettings
from olsrepro.methods.smp.prototypes import Choice
from olsrepro.models.registry import build_backbone
from olsrepro.settings import UserError

PAPERS_OWN = {"hard", "ls", "ols", "bootsoft", "boothard", "disturblabel", "sce", "tfkd_reg", "pairwise_confusion"}
CRITERIA: dict[str, type[nn.Module]] = {name: type(build_criterion(name, 3)) for name in sorted(PAPERS_OWN)}
CRITERIA |= {"tfkd_self": SelfDistillation, "ddgsd": DataDistortionDistillation}
OF_TRAINING = {"ols": {"update_period"}, "pairwise_confusion": {"start"}}
"""Switches that are the method's and not its criterion's."""
OF_A_LOOP_OF_ONES_OWN = {"ols": {"count_without_grad"}}
"""Switches of a criterion whose use the trainer decides."""
OUT_OF_RANGE: list[tuple[str, dict[str, Any], str]] = [
    ("ls", {"eps": -0.1}, "eps=-0.1 must be in [0, 1]"),
    ("ls", {"eps": 1.1}, "eps=1.1 must be in [0, 1]"),
    ("ls", {"spread": "other"}, "spread=other is not known; did you mean others?"),
    ("bootsoft", {"beta": 1.1}, "beta=1.1 must be in [0, 1]"),
    ("bootsoft", {"clamp": 0.6}, "clamp=0.6 must be in [0, 0.5]"),
    ("boothard", {"beta": -1}, "beta=-1 must be in [0, 1]"),
    ("boothard", {"clamp": -0.1}, "clamp=-0.1 must be in [0, 0.5]"),
    ("disturblabel", {"alpha": 2}, "alpha=2 must be in [0, 1]"),
    ("sce", {"alpha": -1}, "alpha=-1 must be at least 0"),
    ("sce", {"beta": -1}, "beta=-1 must be at least 0"),
    ("sce", {"variant": "author"}, "variant=author is not known; did you mean authors?"),
    ("tfkd_reg", {"alpha": 1.5}, "alpha=1.5 must be in [0, 1]"),
    ("tfkd_reg", {"T": 0}, "T=0 must be at least"),
    ("tfkd_reg", {"multiplier": -1}, "multiplier=-1 must be at least 0"),
    ("tfkd_reg", {"correct_prob": 1.1}, "correct_prob=1.1 must be in [0, 1]"),
    ("tfkd_reg", {"reduction": "means"}, "reduction=means is not known; did you mean mean or"),
    ("ols", {"alpha": float("nan")}, "alpha=nan must be in [0, 1]"),
    ("ols", {"variant": "official"}, "variant=official is not known; did you mean official_cifar"),
    ("ols", {"hard_weight": -1}, "hard_weight=-1 must be at least 0"),
    ("ols", {"hard_weight": 0, "soft_weight": 0}, "hard_weight and soft_weight are both 0"),
    ("ols", {"initial_labels": "zero"}, "initial_labels=zero is not known; did you mean zeros?"),
    ("ols", {"accumulate": "al"}, "accumulate=al is not known; did you mean all?"),
    ("ols", {"empty_class": "kept"}, "empty_class=kept is not known; did you mean keep?"),
    ("ols", {"freeze_at": -0.1}, "freeze_at=-0.1 must be at least 0"),
    ("ols", {"update_period": "epochs"}, "update_period=epochs must be epoch or a number of steps of at least 1"),
    ("ols", {"update_period": "0"}, "update_period=0 must be epoch or"),
    ("ols", {"variant": "official_finegrained", "alpha": 0.5}, "alpha=0.5 has no meaning with variant=official_fine"),
    ("pairwise_confusion", {"variant": "authors_"}, "variant=authors_ is not known; did you mean authors?"),
    ("pairwise_confusion", {"space": "logit"}, "space=logit is not known; did you mean logits?"),
    ("pairwise_confusion", {"norm": "pairs"}, "norm=pairs is not known; did you mean pair?"),
    ("pairwise_confusion", {"pairs": "al"}, "pairs=al is not known; did you mean all?"),
    ("pairwise_confusion", {"lam": -0.1}, "lam=-0.1 must be at least 0"),
    ("pairwise_confusion", {"lam": float("nan")}, "lam=nan must be at least 0"),
    ("pairwise_confusion", {"start": 200}, "start=200 must be in [0, 1]"),
]


def test_the_papers_methods_are_found_by_scanning() -> None:
    assert set(method_names()) >= PAPERS_OWN
    assert list(method_names()) == sorted(method_names())


@pytest.mark.parametrize("name", method_names())
def test_a_method_bears_its_folders_name_and_cannot_be_changed(name: str) -> None:
    settings = settings_class(name)()
    assert isinstance(settings, MethodSettings)
    assert settings.name == name
    with pytest.raises(FrozenInstanceError):
        settings.name = "other"  # type: ignore[misc]


def test_an_unknown_method_is_a_users_error_with_the_nearest() -> None:
    with pytest.raises(UserError, match=r"^method=disturb is not known; did you mean disturblabel"):
        settings_class("disturb")


@pytest.mark.parametrize("name", CRITERIA)
def test_a_switch_that_is_left_out_is_the_same_for_a_method_and_for_its_criterion(name: str) -> None:
    criterion = arguments_of(CRITERIA[name])
    shared = criterion.only(set(criterion.values) - OF_A_LOOP_OF_ONES_OWN.get(name, set()))
    assert_same(defaults_of(settings_class(name)).only(shared.values), shared)


def test_prototypes_are_chosen_alike_with_and_without_a_run() -> None:
    names = {"num_prototypes": "count", "s_c_quantile": "quantile", "eta_threshold": "eta_threshold"}
    settings = defaults_of(settings_class("smp")).renamed(names | {"diagonal": "diagonal"})
    assert_same(settings, defaults_of(Choice))


@pytest.mark.parametrize("name", sorted(PAPERS_OWN))
def test_every_switch_of_a_criterion_is_a_switch_of_its_method(name: str) -> None:
    assert name in criterion_names()
    switches = {item.name for item in fields(settings_class(name))} - {"name"}
    known = set(list(inspect.signature(type(build_criterion(name, 3))).parameters)[1:])
    assert switches - known == OF_TRAINING.get(name, set())
    assert known - switches == OF_A_LOOP_OF_ONES_OWN.get(name, set())


@pytest.mark.parametrize("name", method_names())
def test_a_method_is_built_from_its_settings(name: str) -> None:
    backbone = build_backbone(compose_run(["backbone=resnet8", "backbone.width=0.25"]).backbone, 3)
    context = MethodContext(num_classes=3, seed=0, train_size=9, image_size=8, backbone=backbone, teacher=backbone)
    built = build_method(settings_class(name)(), context)
    assert type(built).__module__.startswith("olsrepro.methods.")


@pytest.mark.parametrize(("name", "switches", "message"), OUT_OF_RANGE)
def test_a_value_out_of_range_is_refused_with_the_key(name: str, switches: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=f"^{re.escape(message)}"):
        settings_class(name)(**switches)


def test_switches_at_none_are_left_to_the_criterion() -> None:
    assert Ols().switches() == {"variant": "paper", "update_period": "epoch"}
    assert Ols(alpha=0.3, freeze_at=0.9).criterion_switches() == {"variant": "paper", "alpha": 0.3, "freeze_at": 0.9}


@pytest.mark.parametrize(("period", "steps"), [("epoch", None), ("1", 1), ("05", 5), ("200", 200)])
def test_a_period_is_an_epoch_or_a_number_of_steps(period: str, steps: int | None) -> None:
    assert Ols(update_period=period).period_steps == steps


def test_the_rules_of_the_settings_are_the_criterions() -> None:
    settings = Ols(variant="official_cifar", hard_weight=0.3, soft_weight=0.7, accumulate="all")
    rules = settings.rules()
    assert rules == OnlineLabelSmoothing(3, **settings.criterion_switches()).rules
    assert (rules.hard_weight, rules.soft_weight, rules.initial_labels, rules.accumulate) == (0.3, 0.7, "zeros", "all")
    assert settings.identity() == vars(rules) | {"update_period": "epoch"}
