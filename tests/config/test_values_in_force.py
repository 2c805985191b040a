"""A config is written out with the values in force, and comes back as the same run however it is read again."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, replace
from typing import Any

import pytest
import yaml
from registry import SETTINGS, TINY

from olsrepro.config.compose import Composer
from olsrepro.config.fill import shown
from olsrepro.config.restore import restored
from olsrepro.config.run_config import RunConfig
from olsrepro.config.to_yaml import to_yaml
from olsrepro.store.identity import canonical, run_id

RUNS = SETTINGS | {
    "ols of the CIFAR code": ["method=ols", "method.variant=official_cifar"],
    "ols of the fine-grained code that freezes no row": [
        "method=ols",
        "method.variant=official_finegrained",
        "method.freeze_at=3",
    ],
    "ols with weights that follow from no alpha": ["method=ols", "method.hard_weight=0.3"],
    "ols with a rounded weight": ["method=ols", "method.alpha=0.9"],
    "pairwise_confusion of the repository": ["method=pairwise_confusion", "method.variant=repo"],
    "byot_ols whose first period is uniform": ["method=byot_ols", "method.first_period=uniform"],
    "ddgsd without divergences": ["method=ddgsd", "method.supervision=class_labels"],
    "l2rw with clean batches of its own size": ["method=l2rw", "method.clean_batch=50"],
    "arazo by the rule": ["method=arazo"],
    "arazo by its own schedule": ["method=arazo", "method.schedule=own"],
    "arazo with a later guided start": [
        "method=arazo",
        "method.variant=md_dyr_sh",
        "method.md_guided_start=2",
        "recipe.epochs=12",
    ],
    "pencil with one stage typed": ["method=pencil", "method.schedule=common", "method.stage1_end=0.2"],
    "noise of a seed of its own": ["method=hard", "noise.seed=4"],
    "another seed": ["method=smp", "seed=3"],
    "no noise": ["method=ls", "noise=none"],
    "ols on CIFAR at full length": ["method=ols", "dataset=cifar100", "preset=paper"],
}
NULL_IN_FORCE = {"freeze_at", "teacher", "samples_per_class"}
"""No row is frozen; the run's own hard run teaches; all samples of a class. So is ``alpha`` where no weight follows."""


COMPOSER = Composer()


def composed(lines: Sequence[str]) -> RunConfig:
    return COMPOSER.compose(lines)


@pytest.fixture(params=RUNS)
def lines(request: pytest.FixtureRequest) -> list[str]:
    own = RUNS[request.param]
    if any(line in ("noise=none", "preset=paper") for line in own):
        return own
    keys = {line.partition("=")[0] for line in own}
    return [*(line for line in TINY if line.partition("=")[0] not in keys), *own]


def written(config: RunConfig) -> dict[str, Any]:
    """As a record holds it."""
    text: dict[str, Any] = json.loads(json.dumps(config.as_dict()))
    return text


def method_of(*lines: str) -> dict[str, Any]:
    method: dict[str, Any] = composed(lines).as_dict()["method"]
    return method


def typed(config: dict[str, Any], groups: tuple[str, ...]) -> dict[str, str]:
    """Every value of some groups as a user types it."""
    pairs = (
        (f"{group}.{key}", value)
        for group in groups
        for key, value in config[group].items()
        if key not in ("name", "kind")
    )
    return {key: f"{key}={shown(value)}" for key, value in pairs}


def test_what_was_written_out_is_restored_to_the_same_run(lines: list[str]) -> None:
    config = composed(lines)
    again = restored(written(config), config.runtime)
    assert run_id(again) == run_id(config)
    assert canonical(again) == canonical(config)
    assert again.as_dict() == config.as_dict()


def test_yaml_says_the_same_as_the_record(lines: list[str]) -> None:
    config = composed(lines)
    assert yaml.safe_load(to_yaml(config)) == written(config)


def test_an_old_record_with_nulls_is_restored_to_the_same_run(lines: list[str]) -> None:
    config = composed(lines)
    old = json.loads(json.dumps(asdict(config)))
    assert run_id(restored(old, config.runtime)) == run_id(config)


def test_values_that_are_copied_to_the_command_line_are_the_same_run(lines: list[str]) -> None:
    config = composed(lines)
    values = typed(written(config), ("method", "noise"))
    others = [line for line in lines if line.partition("=")[0] not in values]
    assert run_id(composed([*others, *values.values()])) == run_id(config)


def test_null_stands_only_where_it_is_in_force_or_where_no_value_may_stand(lines: list[str]) -> None:
    config = composed(lines)
    method = config.as_dict()["method"]
    null = {key for key, value in method.items() if value is None} - NULL_IN_FORCE
    if "soft_weight" in method and method["soft_weight"] != 1 - method["hard_weight"]:
        null -= {"alpha"}
    for key in null:
        with pytest.raises(ValueError, match=f"^{key}=.* has no (effect|meaning) with variant="):
            replace(config.method, **{key: 1})


def test_a_run_in_force_is_in_force() -> None:
    config = composed(["method=ols", "noise=symmetric"])
    assert config.in_force() != config
    assert config.in_force().in_force() == config.in_force()
    assert config.in_force().shortest().noise == config.noise


def test_ols_says_what_the_paper_has() -> None:
    assert method_of("method=ols") == {
        "name": "ols",
        "variant": "paper",
        "alpha": 0.5,
        "hard_weight": 0.5,
        "soft_weight": 0.5,
        "initial_labels": "uniform",
        "accumulate": "correct",
        "empty_class": "uniform",
        "freeze_at": None,
        "update_period": "epoch",
    }


@pytest.mark.parametrize(
    ("switches", "values"),
    [
        (["alpha=0.3"], {"alpha": 0.3, "hard_weight": 0.3, "soft_weight": 0.7}),
        (["hard_weight=0.3"], {"alpha": None, "hard_weight": 0.3, "soft_weight": 0.5}),
        (["alpha=0.1", "hard_weight=1", "soft_weight=2"], {"alpha": None, "hard_weight": 1, "soft_weight": 2}),
        (["variant=official_cifar"], {"alpha": None, "hard_weight": 0.5, "initial_labels": "zeros"}),
        (["variant=official_finegrained"], {"alpha": None, "soft_weight": 1.0, "freeze_at": 0.88}),
        (["variant=official_finegrained", "freeze_at=1.5"], {"freeze_at": 2.0}),
        (["freeze_at=1.5"], {"freeze_at": None}),
    ],
)
def test_weights_and_limits_of_ols_are_the_rules(switches: list[str], values: dict[str, Any]) -> None:
    assert method_of("method=ols", *(f"method.{line}" for line in switches)).items() >= values.items()


PAPER = ("dataset=cifar100", "preset=paper")


@pytest.mark.parametrize(
    ("lines", "values"),
    [
        (
            ["method=pairwise_confusion"],
            {"space": "logits", "norm": "class", "pairs": "all", "lam": 10, "start": 0.6667},
        ),
        (
            ["method=pairwise_confusion", "method.variant=original"],
            {"space": "probs", "pairs": "different", "start": 0},
        ),
        (["method=byot_ols"], {"initial_labels": "hard_only"}),
        (["method=byot_ols", "method.first_period=uniform"], {"initial_labels": "uniform"}),
        (["method=ddgsd"], {"lam": 1.0}),
        (["method=ddgsd", "method.supervision=class_labels"], {"supervision": "class_labels", "lam": 0.0}),
        (["method=arazo"], {"bootstrap_start": 155, "md_guided_start": None, "md_temperature_epochs": None}),
        (
            ["method=arazo", "method.variant=md_dyr_sh"],
            {"md_guided_start": 155, "md_bootstrap_start": 160, "md_temperature_epochs": 89, "bootstrap_start": None},
        ),
        (["method=arazo", "method.schedule=own"], {"bootstrap_start": 105}),
        (["method=pencil"], {"stage1_end": 70 / 320, "stage2_end": 200 / 320, "times_k": False, "lam": 10000.0}),
        (["method=pencil", "method.schedule=common"], {"stage1_end": 52 / 300, "stage2_end": 0.5, "times_k": True}),
        (["method=smp"], {"start_epoch": 0.5, "samples_per_class": None}),
        (["method=l2rw"], {"clean_size": 1000, "clean_batch": 128}),
        (["method=mw_net", "recipe.batch_size=100"], {"clean_size": 1000, "meta_batch": 100}),
        (["method=sce"], {"alpha": 6.0, "beta": 0.1}),
        (["method=tfkd_self"], {"teacher": None}),
    ],
)
def test_what_a_variant_or_the_recipe_implies_is_said(lines: list[str], values: dict[str, Any]) -> None:
    assert method_of(*PAPER, *lines).items() >= values.items()


@pytest.mark.parametrize(
    ("lines", "seed"),
    [
        (["noise=symmetric", "seed=3"], 3),
        (["noise=symmetric", "seed=3", "noise.seed=3"], 3),
        (["noise=symmetric", "seed=3", "noise.seed=4"], 4),
        (["noise=symmetric", "seed=3", "noise.rate=0"], None),
        (["seed=3"], None),
    ],
)
def test_the_seed_of_noise_is_the_one_that_it_is_drawn_from(lines: list[str], seed: int | None) -> None:
    assert composed(lines).as_dict()["noise"].get("seed") == seed


FOLLOWED = [
    (["method=smp"], ["method.start_epoch=0.5"]),
    (["method=arazo"], ["method.bootstrap_start=155"]),
    (["method=arazo", "method.variant=md_dyr_sh"], ["method.md_bootstrap_start=160", "method.md_guided_start=155"]),
    (["method=pencil", "method.schedule=common"], ["method.stage2_end=0.5"]),
    (["method=l2rw"], ["method.clean_batch=128"]),
    (["method=mw_net"], ["method.meta_batch=128"]),
]


@pytest.mark.parametrize(("lines", "values"), FOLLOWED)
def test_a_value_that_the_recipe_implies_and_the_same_typed_are_one_run(lines: list[str], values: list[str]) -> None:
    assert composed([*PAPER, *lines, *values]) == composed([*PAPER, *lines])


@pytest.mark.parametrize(
    "value", ["smp method.start_epoch=0.4", "arazo method.bootstrap_start=105", "l2rw method.clean_batch=100"]
)
def test_another_value_than_the_recipes_is_another_run(value: str) -> None:
    method, line = value.split()
    assert run_id(composed([*PAPER, f"method={method}", line])) != run_id(composed([*PAPER, f"method={method}"]))


@pytest.mark.parametrize(
    ("method", "line"), [("arazo", "method.bootstrap_start=59"), ("smp", "method.start_epoch=0.5")]
)
def test_a_value_stays_typed_where_the_recipe_has_no_drop_that_would_imply_it(method: str, line: str) -> None:
    config = composed([f"method={method}", line, "recipe.epochs=60", "recipe.milestones=[]"])
    key, value = line.removeprefix("method.").split("=")
    assert getattr(config.method, key) == float(value)
