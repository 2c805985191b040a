"""Asymmetric noise: each class shows one other class; which samples do, and how many, is as in symmetric noise."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from quick_composer import composed
from registry import TINY
from torch import Tensor

from olsrepro.cli.main import main
from olsrepro.data.noise.asymmetric.settings import MAPS
from olsrepro.data.noise.asymmetric.settings import Settings as Asymmetric
from olsrepro.data.noise.drawn_settings import SCOPES, SELECTIONS
from olsrepro.data.noise.noisy_labels import NoisyLabels, noisy_targets
from olsrepro.data.noise.symmetric.settings import Settings as Symmetric
from olsrepro.data.registry import read_dataset
from olsrepro.settings import UserError
from olsrepro.store.identity import canonical, run_id

TEN = torch.arange(200) % 10
"""20 samples of each of 10 classes."""
MANY = torch.arange(20_000) ** 2 // 7 % 10
"""Classes of unlike sizes."""
RATES = st.integers(0, 100).map(lambda percent: percent / 100)
ALIKE = {"truck": "automobile", "bird": "airplane", "deer": "horse", "cat": "dog", "dog": "cat"}
CIFAR10 = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")
MOVED = [CIFAR10.index(name) for name in ALIKE]


def drawn(rate: float, true: Tensor = TEN, classes: int = 10, seed: int = 0, **switches: Any) -> NoisyLabels:
    return noisy_targets(true, classes, Asymmetric(rate=rate, **switches), seed)


def transitions(true: Tensor, shown: Tensor, classes: int) -> list[list[int]]:
    """How many samples of each class (row) show which class (column)."""
    counts = torch.bincount(true * classes + shown, minlength=classes * classes)
    return counts.reshape(classes, classes).tolist()


# --- what a class shows -----------------------------------------------------------------------------------------------


def test_golden_transitions_of_pairs() -> None:
    true = torch.arange(40) % 4
    assert transitions(true, drawn(0.3, true, 4, selection="exact_per_class").targets, 4) == [
        [7, 3, 0, 0],
        [0, 7, 3, 0],
        [0, 0, 7, 3],
        [3, 0, 0, 7],
    ]


def test_golden_transitions_of_cifar10() -> None:
    assert transitions(TEN, drawn(0.4, selection="exact_per_class", map="cifar10").targets, 10) == [
        [20, 0, 0, 0, 0, 0, 0, 0, 0, 0],
        [0, 20, 0, 0, 0, 0, 0, 0, 0, 0],
        [8, 0, 12, 0, 0, 0, 0, 0, 0, 0],
        [0, 0, 0, 12, 0, 8, 0, 0, 0, 0],
        [0, 0, 0, 0, 12, 0, 0, 8, 0, 0],
        [0, 0, 0, 8, 0, 12, 0, 0, 0, 0],
        [0, 0, 0, 0, 0, 0, 20, 0, 0, 0],
        [0, 0, 0, 0, 0, 0, 0, 20, 0, 0],
        [0, 0, 0, 0, 0, 0, 0, 0, 20, 0],
        [0, 8, 0, 0, 0, 0, 0, 0, 0, 12],
    ]


def test_the_map_of_cifar10_is_by_the_names_of_its_classes() -> None:
    named = tuple(CIFAR10.index(ALIKE.get(name, name)) for name in CIFAR10)
    assert Asymmetric(map="cifar10").class_map(10) == named


@settings(deadline=None)
@given(classes=st.integers(2, 30), seed=st.integers(0, 9), selection=st.sampled_from(SELECTIONS))
def test_at_rate_one_every_class_shows_the_next(classes: int, seed: int, selection: str) -> None:
    true = torch.arange(300) ** 2 // 7 % classes
    assert torch.equal(drawn(1.0, true, classes, seed, selection=selection).targets, (true + 1) % classes)


# --- how many, and which ----------------------------------------------------------------------------------------------


@settings(deadline=None)
@given(rate=RATES, count=st.integers(1, 300), seed=st.integers(0, 9))
def test_an_exact_count_of_pairs_is_the_floor_of_the_share_of_all(rate: float, count: int, seed: int) -> None:
    noisy = drawn(rate, MANY[:count], seed=seed)
    assert int(noisy.flipped.sum()) == round(rate * 100) * count // 100
    assert noisy.rate == int(noisy.flipped.sum()) / count


@pytest.mark.parametrize("map_", MAPS)
@pytest.mark.parametrize("rate", [0.15, 0.4, 1.0])
def test_an_exact_count_per_class_is_the_floor_of_the_share_of_each_class_that_moves(map_: str, rate: float) -> None:
    noisy = drawn(rate, MANY, selection="exact_per_class", map=map_)
    for label in range(10):
        size = int((label == MANY).sum())
        expected = round(rate * 100) * size // 100 if map_ == "pairs" or label in MOVED else 0
        assert int(noisy.flipped[label == MANY].sum()) == expected


@pytest.mark.parametrize("rate", [0.05, 0.4, 0.8])
def test_bernoulli_draws_each_label_by_itself_with_the_rates_probability(rate: float) -> None:
    flipped = int(drawn(rate, MANY, selection="bernoulli").flipped.sum())
    assert abs(flipped - 20_000 * rate) < 4 * (20_000 * rate * (1 - rate)) ** 0.5
    assert flipped != 20_000 * rate


@settings(deadline=None)
@given(
    rate=RATES,
    seed=st.integers(0, 9),
    selection=st.sampled_from(SELECTIONS),
    scope=st.sampled_from(SCOPES),
    map_=st.sampled_from(MAPS),
)
def test_the_samples_are_those_of_symmetric_noise_as_far_as_their_class_moves(
    rate: float, seed: int, selection: str, scope: str, map_: str
) -> None:
    switches: dict[str, Any] = {"rate": rate, "selection": selection, "scope": scope}
    true, held = MANY[:500], torch.arange(0, 500, 9)
    ours = noisy_targets(true, 10, Asymmetric(map=map_, **switches), seed, held)
    usual = noisy_targets(true, 10, Symmetric(**switches), seed, held)
    moves = torch.tensor([map_ == "pairs" or label in MOVED for label in range(10)])[true]
    assert torch.equal(ours.flipped, usual.flipped & moves)
    assert torch.equal(ours.targets[held], true[held])


@settings(deadline=None)
@given(
    low=RATES,
    high=RATES,
    seed=st.integers(0, 9),
    selection=st.sampled_from(SELECTIONS),
    map_=st.sampled_from(MAPS),
)
def test_a_sample_that_flips_at_a_lower_rate_flips_at_a_higher_one_too(
    low: float, high: float, seed: int, selection: str, map_: str
) -> None:
    lower, higher = (drawn(rate, MANY[:300], seed=seed, selection=selection, map=map_) for rate in sorted((low, high)))
    assert not (lower.flipped & ~higher.flipped).any()
    assert torch.equal(lower.targets[lower.flipped], higher.targets[lower.flipped])


def test_under_bernoulli_more_samples_change_nothing_for_the_others() -> None:
    part, whole = (drawn(0.4, MANY[:count], selection="bernoulli").targets for count in (500, 900))
    assert torch.equal(part, whole[:500])


def test_the_noise_seed_counts_where_there_is_one_and_else_the_runs() -> None:
    of_run = [drawn(0.4, seed=seed).sha256 for seed in (0, 1)]
    fixed = {noisy_targets(TEN, 10, Asymmetric(rate=0.4, seed=0), seed).sha256 for seed in (0, 1)}
    assert of_run[0] != of_run[1]
    assert fixed == {of_run[0]}


def test_under_scope_remaining_the_count_is_exact_among_the_others() -> None:
    held = torch.arange(0, 200, 4)
    noisy = noisy_targets(TEN, 10, Asymmetric(rate=0.4, scope="remaining"), 0, held)
    assert (int(noisy.flipped.sum()), noisy.rate) == (60, 0.4)
    assert not noisy.flipped[held].any()


def test_the_flips_of_twelve_labels_stay() -> None:
    """The six samples that symmetric noise of this seed flips, as tests/data/test_label_noise.py has them."""
    assert drawn(0.5, torch.arange(12) % 5, 5).targets.tolist() == [0, 2, 3, 3, 0, 0, 2, 2, 4, 4, 1, 1]


# --- what warns and what is refused -----------------------------------------------------------------------------------


@pytest.mark.parametrize("map_", MAPS)
@pytest.mark.parametrize(("rate", "warns"), [(0.49, False), (0.5, False), (0.51, True), (1.0, True)])
def test_a_rate_above_a_half_warns_and_a_half_does_not(map_: str, rate: float, warns: bool) -> None:
    told = f"noise.rate={rate:g} is above 1 - 1/2: the true class is no longer the most frequent label"
    assert drawn(rate, map=map_).warning == (told if warns else None)


@pytest.mark.parametrize("map_", MAPS)
def test_at_a_half_the_true_class_is_as_frequent_as_the_shown_one(map_: str) -> None:
    counts = transitions(TEN, drawn(0.5, selection="exact_per_class", map=map_).targets, 10)
    assert all(sorted(counts[label])[-2:] == [10, 10] for label in MOVED)


@pytest.mark.parametrize("dataset", ["cifar10", "digits", "digits@cifar10"])
def test_the_map_of_cifar10_is_for_any_ten_classes(dataset: str) -> None:
    noise = composed("noise=asymmetric", "noise.map=cifar10", f"dataset={dataset}").noise
    assert noise == Asymmetric(rate=0.4, map="cifar10")


@pytest.mark.parametrize(
    ("lines", "told"),
    [
        (
            "noise.map=cifar10 dataset=cifar100",
            "noise.map=cifar10 maps the 10 classes of CIFAR-10, and dataset=cifar100 has 100: set noise.map=pairs",
        ),
        ("noise.map=cifar10 dataset=digits@cub", "dataset=digits@cub has "),
        ("noise.map=pair", "noise.map=pair is not known; did you mean pairs?"),
        ("noise.rate=1.2", "noise.rate=1.2 must be in [0, 1]"),
        ("noise.seed=-1", "noise.seed=-1 must be at least 0"),
        ("noise.selection=exactly", "noise.selection=exactly is not known; did you mean exact"),
        ("noise.scope=remaning", "noise.scope=remaning is not known; did you mean remaining?"),
        ("noise.scope=remaining", "noise.scope=remaining leaves out a clean set, but method=ols has none"),
        ("noise.pool=all", "noise.pool=all: noise.kind=asymmetric has no pool; symmetric has it"),
        ("noise.maps=pairs", "noise.maps=pairs: noise.kind=asymmetric has no maps; did you mean map?"),
        (
            "dataset=shapes@voc backbone=yolo_mobilenetv2",
            "noise=asymmetric is for labels of images, but dataset=shapes@voc has boxes; set noise=none",
        ),
    ],
)
def test_a_mistake_is_refused_in_one_line_when_composing(lines: str, told: str) -> None:
    with pytest.raises(UserError) as refused:
        composed("noise=asymmetric", *lines.split())
    assert told in str(refused.value)
    assert "\n" not in str(refused.value)


def test_one_class_can_not_show_another() -> None:
    with pytest.raises(UserError, match=r"noise\.map=pairs needs at least 2 classes, and the data set has 1"):
        drawn(0.4, torch.zeros(4, dtype=torch.int64), 1)


# --- run id, dry run, record ------------------------------------------------------------------------------------------


def test_a_run_id_has_the_kind_and_what_differs_from_its_defaults() -> None:
    config = composed("noise=asymmetric", "noise.map=cifar10", "noise.seed=3")
    assert canonical(config)["noise"] == {"version": 1, "kind": "asymmetric", "rate": 0.4, "seed": 3, "map": "cifar10"}


def test_every_switch_that_is_not_at_its_default_is_another_run() -> None:
    changes = ["", "rate=0.2", "seed=9", "selection=bernoulli", "map=cifar10"]
    lines = [["noise=asymmetric", *([f"noise.{change}"] if change else [])] for change in changes]
    plain = composed(*lines[0])
    remaining = replace(plain, noise=replace(plain.noise, scope="remaining"))
    others = [remaining, composed(), composed("noise=symmetric")]
    assert len({run_id(config) for config in (*(composed(*one) for one in lines), *others)}) == len(changes) + len(
        others
    )


def test_at_rate_zero_it_is_the_run_without_noise() -> None:
    assert run_id(composed("noise=asymmetric", "noise.rate=0")) == run_id(composed())


def test_a_dry_run_shows_its_keys_and_no_others(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["train", "noise=asymmetric", "noise.rate=0.2", "--dry-run"]) == 0
    shown = yaml.safe_load(capsys.readouterr().out.partition("\nrun id: ")[0])["noise"]
    expected = {"rate": 0.2, "seed": 0, "selection": "exact", "scope": "all", "map": "pairs"}
    assert shown == {"kind": "asymmetric"} | expected


def test_a_runs_record_says_what_was_drawn_and_what_it_came_to(capsys: pytest.CaptureFixture[str]) -> None:
    lines = [line for line in TINY if not line.startswith(("noise", "recipe.epochs"))]
    tiny = [*lines, "method=hard", "recipe.epochs=1", "runtime.tensorboard=false", "seed=2"]
    assert main(["train", *tiny, "noise=asymmetric", "noise.map=cifar10", "noise.selection=exact_per_class"]) == 0
    path = Path(capsys.readouterr().out.splitlines()[-1].partition("record: ")[2])
    noise = json.loads(path.read_text())["noise"]
    switches = {"rate": 0.4, "seed": 2, "selection": "exact_per_class", "scope": "all", "map": "cifar10"}
    assert {key: noise[key] for key in ("kind", *switches)} == {"kind": "asymmetric"} | switches
    sizes = torch.bincount(read_dataset(composed().dataset, Path()).train_targets).tolist()
    assert noise["flipped"] == sum(4 * sizes[label] // 10 for label in MOVED)
    assert noise["measured_rate"] == noise["flipped"] / 1437
