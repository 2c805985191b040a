"""Symmetric noise in all its readings: which labels are drawn, from which classes, and what a clean set changes."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from quick_composer import composed
from torch import Tensor

from olsrepro.data.noise.drawing import flip_count
from olsrepro.data.noise.drawn_settings import SELECTIONS
from olsrepro.data.noise.noisy_labels import noisy_targets
from olsrepro.data.noise.symmetric.settings import POOLS
from olsrepro.data.noise.symmetric.settings import Settings as Symmetric
from olsrepro.launch.inputs.classification import noise_fields
from olsrepro.settings import UserError
from olsrepro.store.identity import run_id

GOLDEN: dict[str, Any] = json.loads((Path(__file__).parents[1] / "golden" / "golden_noisy.json").read_text())["noise"]
BALANCED = torch.arange(50_000) % 100
PRESETS: dict[str, dict[str, Any]] = {
    "sce": {"selection": "exact_per_class", "seed": 123},
    "dividemix": {"include_true": True},
    "arazo_code": {"selection": "bernoulli", "include_true": True, "pool": "first_10"},
    "mw_net_code": {"selection": "bernoulli", "include_true": True},
    "l2rw_code": {"include_true": True, "pool": "all_but_last"},
}
SWITCHES = st.fixed_dictionaries(
    {"selection": st.sampled_from(SELECTIONS), "include_true": st.booleans(), "pool": st.sampled_from(POOLS)}
)
RATES = st.integers(0, 100).map(lambda percent: percent / 100)


def symmetric(rate: float, **switches: Any) -> Symmetric:
    return Symmetric(rate=rate, **switches)


def uneven_targets(count: int, classes: int) -> Tensor:
    """Classes of many sizes; each of the first ``count`` samples is the same for every ``count``."""
    return (torch.arange(count) ** 2 // 7) % classes


def pool_of(name: str, classes: int) -> range:
    return {"all": range(classes), "first_10": range(min(10, classes)), "all_but_last": range(classes - 1)}[name]


# --- which labels are drawn -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("selection", ["exact", "exact_per_class"])
@pytest.mark.parametrize(("rate", "count"), GOLDEN["exact_counts"].items())
def test_golden_counts(selection: str, rate: str, count: int) -> None:
    noisy = noisy_targets(BALANCED, GOLDEN["K"], symmetric(float(rate), selection=selection), 0)
    assert int(noisy.flipped.sum()) == count
    assert 1 - noisy.rate == pytest.approx(GOLDEN["correct_share_expected"][rate], abs=1e-12)


@settings(deadline=None)
@given(rate=RATES, count=st.integers(1, 300), classes=st.integers(3, 15), seed=st.integers(0, 9))
def test_an_exact_count_is_the_floor_of_the_share_of_all(rate: float, count: int, classes: int, seed: int) -> None:
    noisy = noisy_targets(uneven_targets(count, classes), classes, symmetric(rate), seed)
    assert int(noisy.flipped.sum()) == round(rate * 100) * count // 100


@settings(deadline=None)
@given(rate=RATES, count=st.integers(1, 300), classes=st.integers(3, 15), seed=st.integers(0, 9))
def test_an_exact_count_per_class_is_the_floor_of_the_share_of_each(
    rate: float, count: int, classes: int, seed: int
) -> None:
    true = uneven_targets(count, classes)
    noisy = noisy_targets(true, classes, symmetric(rate, selection="exact_per_class"), seed)
    for label in range(classes):
        members = true == label
        assert int(noisy.flipped[members].sum()) == round(rate * 100) * int(members.sum()) // 100


@pytest.mark.parametrize("rate", [0.05, 0.4, 0.8])
def test_bernoulli_draws_each_label_by_itself_with_the_rates_probability(rate: float) -> None:
    counts = [
        int(noisy_targets(BALANCED, 100, symmetric(rate, selection="bernoulli"), s).flipped.sum()) for s in (0, 1)
    ]
    deviation = (50_000 * rate * (1 - rate)) ** 0.5
    assert all(abs(count - 50_000 * rate) < 4 * deviation for count in counts)
    assert counts[0] != counts[1]


@settings(deadline=None)
@given(rate=RATES, few=st.integers(1, 200), more=st.integers(1, 200), include=st.booleans(), seed=st.integers(0, 9))
def test_under_bernoulli_more_samples_change_nothing_for_the_others(
    rate: float, few: int, more: int, include: bool, seed: int
) -> None:
    noise = symmetric(rate, selection="bernoulli", include_true=include)
    part, whole = (noisy_targets(uneven_targets(count, 12), 12, noise, seed) for count in (few, few + more))
    assert torch.equal(part.targets, whole.targets[:few])


@settings(deadline=None)
@given(switches=SWITCHES, low=RATES, high=RATES, seed=st.integers(0, 9))
def test_flips_are_nested_over_the_rates_in_every_reading(
    switches: dict[str, Any], low: float, high: float, seed: int
) -> None:
    true = uneven_targets(200, 12)
    lower, higher = (noisy_targets(true, 12, symmetric(rate, **switches), seed) for rate in sorted((low, high)))
    assert torch.equal(lower.targets[lower.flipped], higher.targets[lower.flipped])


@pytest.mark.parametrize("selection", SELECTIONS)
def test_at_rate_one_every_label_is_drawn_and_at_rate_zero_none(selection: str) -> None:
    every, none = (noisy_targets(BALANCED, 100, symmetric(rate, selection=selection), 3) for rate in (1.0, 0.0))
    assert every.flipped.all()
    assert torch.equal(none.targets, BALANCED)


# --- from which classes -----------------------------------------------------------------------------------------------


@settings(deadline=None)
@given(switches=SWITCHES, classes=st.integers(3, 30), seed=st.integers(0, 9))
def test_a_drawn_label_is_of_the_pool_and_wrong_unless_the_true_one_is_included(
    switches: dict[str, Any], classes: int, seed: int
) -> None:
    true = uneven_targets(300, classes)
    noisy = noisy_targets(true, classes, symmetric(1.0, **switches), seed)
    assert set(noisy.targets.tolist()) <= set(pool_of(switches["pool"], classes))
    assert torch.equal(noisy.flipped, noisy.targets != true)
    assert switches["include_true"] or noisy.flipped.all()


@pytest.mark.parametrize("pool", POOLS)
@pytest.mark.parametrize("include_true", [False, True])
@pytest.mark.parametrize("true", [0, 7, 11, 12])
def test_each_allowed_class_is_drawn_as_often_as_any_other(pool: str, include_true: bool, true: int) -> None:
    noise = symmetric(1.0, pool=pool, include_true=include_true)
    drawn = noisy_targets(torch.full((40_000,), true), 13, noise, 5).targets
    allowed = [label for label in pool_of(pool, 13) if include_true or label != true]
    counts = torch.bincount(drawn, minlength=13)
    expected = 40_000 / len(allowed)
    assert int(counts.sum()) == int(counts[allowed].sum()) == 40_000
    assert (counts[allowed] - expected).abs().max() < 4 * expected**0.5


@pytest.mark.parametrize("classes", [10, 100])
@pytest.mark.parametrize("rate", ["0.2", "0.4", "0.6", "0.8"])
def test_including_the_true_class_keeps_its_share_of_the_drawn_labels(classes: int, rate: str) -> None:
    noisy = noisy_targets(BALANCED % classes, classes, symmetric(float(rate), include_true=True), 0)
    kept = flip_count(float(rate), 50_000) / classes
    assert abs(int(noisy.flipped.sum()) - 50_000 * float(rate) + kept) < 4 * kept**0.5
    assert noisy.rate == pytest.approx(GOLDEN["expected_flip_rate_including"][f"K{classes}"][rate], abs=0.008)


@pytest.mark.parametrize("rate", ["0.2", "0.4", "0.6", "0.8"])
def test_the_code_of_arazo_fills_the_first_ten_classes(rate: str) -> None:
    noisy = noisy_targets(BALANCED, 100, replace(composed("noise=arazo_code").noise, rate=float(rate)), 0)
    share = int((noisy.targets < 10).sum()) / 50_000
    assert noisy.rate == pytest.approx(GOLDEN["arazo_range10_expected_flip_rate_K100"][rate], abs=0.009)
    assert share == pytest.approx(GOLDEN["arazo_range10_expected_share_of_labels_in_0_9"][rate], abs=0.009)


@pytest.mark.parametrize(
    ("pool", "classes", "told"),
    [
        ("all_but_last", 2, "noise.pool=all_but_last must have at least 2 classes to draw from; of 2 it takes 1"),
        ("all", 1, "noise.pool=all must have at least 2 classes to draw from; of 1 it takes 1"),
    ],
)
def test_a_pool_of_one_class_is_refused_with_the_numbers(pool: str, classes: int, told: str) -> None:
    noise = symmetric(0.5, pool=pool)
    with pytest.raises(UserError, match=told):
        noise.check_classes(classes)
    with pytest.raises(UserError, match=told):
        noisy_targets(torch.zeros(4, dtype=torch.int64), classes, noise, 0)


@pytest.mark.parametrize(
    ("switches", "rate", "warns"),
    [
        ({}, 0.95, None),
        ({}, 0.96, "1 - 1/20"),
        ({"include_true": True}, 1.0, None),
        ({"pool": "first_10"}, 0.90, None),
        ({"pool": "first_10"}, 0.91, "1 - 1/10"),
        ({"pool": "first_10", "include_true": True}, 0.90, None),
        ({"pool": "first_10", "include_true": True}, 0.91, "1 - 1/11"),
    ],
)
def test_a_rate_at_which_a_wrong_class_outnumbers_the_true_one_warns(
    switches: dict[str, Any], rate: float, warns: str | None
) -> None:
    warning = noisy_targets(BALANCED % 20, 20, symmetric(rate, **switches), 0).warning
    assert (warning is not None) == (warns is not None)
    assert warning is None or f"{warns}: the true class is no longer the most frequent" in warning


# --- a clean set ------------------------------------------------------------------------------------------------------

CLEAN = torch.arange(0, 50_000, 50)


def test_under_scope_all_the_clean_set_alone_differs_from_the_flips_of_other_methods() -> None:
    usual, clean = (noisy_targets(BALANCED, 100, symmetric(0.4), 0, held_out) for held_out in (None, CLEAN))
    others = torch.ones(50_000, dtype=torch.bool)
    others[CLEAN] = False
    assert torch.equal(clean.targets[CLEAN], BALANCED[CLEAN])
    assert torch.equal(clean.targets[others], usual.targets[others])
    assert usual.flipped[CLEAN].any()
    assert clean.rate == int(usual.flipped[others].sum()) / 49_000


def test_under_scope_remaining_the_count_is_exact_among_the_others() -> None:
    noisy = noisy_targets(BALANCED, 100, symmetric(0.4, scope="remaining"), 0, CLEAN)
    assert not noisy.flipped[CLEAN].any()
    assert int(noisy.flipped.sum()) == 19_600
    assert noisy.rate == 0.4


def test_under_scope_remaining_the_count_per_class_is_of_the_others() -> None:
    held_out = (BALANCED == 7).nonzero().flatten()[:100]
    noisy = noisy_targets(BALANCED, 100, symmetric(0.3, selection="exact_per_class", scope="remaining"), 0, held_out)
    counts = torch.bincount(BALANCED[noisy.flipped], minlength=100).tolist()
    assert counts == [120 if label == 7 else 150 for label in range(100)]


@pytest.mark.parametrize("selection", SELECTIONS)
def test_without_a_clean_set_both_scopes_are_one(selection: str) -> None:
    both = [noisy_targets(BALANCED, 100, symmetric(0.4, selection=selection, scope=s), 0) for s in ("all", "remaining")]
    assert both[0].sha256 == both[1].sha256


# --- settings, presets, record ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", PRESETS)
def test_a_preset_is_the_reading_of_its_code(name: str) -> None:
    assert composed(f"noise={name}").noise == symmetric(0.4, **PRESETS[name])


def test_the_default_is_the_papers_reading() -> None:
    assert composed("noise=symmetric").noise == symmetric(0.4)
    assert symmetric(0.4) == symmetric(0.4, selection="exact", include_true=False, pool="all", scope="all")


def test_every_switch_that_is_not_at_its_default_is_another_run() -> None:
    changes = ["", "rate=0.2", "seed=9", "selection=bernoulli", "include_true=true", "pool=first_10"]
    lines = [["noise=symmetric", *([f"noise.{change}"] if change else [])] for change in changes]
    plain = composed(*lines[0])
    remaining = replace(plain, noise=replace(plain.noise, scope="remaining"))
    assert len({run_id(config) for config in (*(composed(*one) for one in lines), remaining)}) == len(changes) + 1


def test_a_scope_without_a_clean_set_is_refused() -> None:
    with pytest.raises(UserError, match=r"^noise.scope=remaining leaves out a clean set, but method=ols has none"):
        composed("noise=symmetric", "noise.scope=remaining", "method=ols")


@pytest.mark.parametrize(
    ("lines", "told"),
    [
        ("noise=symmetric noise.rate=-0.1", "noise.rate=-0.1 must be in [0, 1]"),
        ("noise=symmetric noise.selection=exact_by_class", "did you mean exact_per_class"),
        ("noise=symmetric noise.pool=first_ten", "did you mean first_10"),
        ("noise=symmetric noise.scope=remaning", "did you mean remaining"),
        ("noise=symmetric noise.include_true=perhaps", "noise.include_true=perhaps must be true or false"),
        ("noise.include_true=true", "noise.include_true=true: noise.kind=none has no include_true; symmetric has it"),
        ("noise=symmetric noise.key=a", "noise.key=a: noise.kind=symmetric has no key; file has it"),
        ("noise=file noise.rate=0.4", "noise.rate=0.4: noise.kind=file has no rate; "),
        (
            "noise.kind=symmetric",
            "noise.kind=symmetric: kind describes the noise and can't be set; choose another with noise=…",
        ),
    ],
)
def test_a_mistake_is_refused_when_composing(lines: str, told: str) -> None:
    with pytest.raises(UserError) as refusal:
        composed(*lines.split(" "))
    assert told in str(refusal.value)


def test_the_record_has_every_switch_and_what_the_labels_came_to() -> None:
    config = composed("noise=dividemix", "seed=3")
    labels = noisy_targets(BALANCED, 100, config.noise, 3)
    assert noise_fields(config, labels) == {
        "kind": "symmetric",
        "rate": 0.4,
        "seed": 3,
        "selection": "exact",
        "include_true": True,
        "pool": "all",
        "scope": "all",
        "measured_rate": labels.rate,
        "flipped": int(labels.flipped.sum()),
        "labels_sha256": labels.sha256,
    }
