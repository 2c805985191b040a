"""Run ids: frozen for known configs, one for every spelling of a run, another for whatever changes its result."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import fields, replace
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from frozen_defaults import COMMAND, NotFrozenError, freeze, lacking, read, told
from hypothesis import given, settings
from hypothesis import strategies as st

from olsrepro.config.compose import compose_run
from olsrepro.config.run_config import RunConfig
from olsrepro.data.datasets.settings import SETTINGS as DATASET_CLASSES
from olsrepro.data.noise.registry import noise_kinds
from olsrepro.data.noise.registry import settings_class as noise_class
from olsrepro.data.noise.settings import NoiseSettings
from olsrepro.data.noise.symmetric.settings import Settings as Symmetric
from olsrepro.data.settings import CROPS, DatasetSettings
from olsrepro.evaluation.registry import evaluation_names
from olsrepro.evaluation.registry import settings_class as evaluation_class
from olsrepro.methods.ols.settings import Settings as Ols
from olsrepro.methods.registry import method_names
from olsrepro.methods.registry import settings_class as method_class
from olsrepro.methods.settings import MethodSettings
from olsrepro.models.registry import families
from olsrepro.models.registry import settings_class as backbone_class
from olsrepro.settings import Component, is_fact
from olsrepro.store.identity import canonical, run_id
from olsrepro.training.detection.settings import DetectionRecipe
from olsrepro.training.recipe import RecipeSettings

GOLDEN = Path(__file__).parents[1] / "golden"
RUN_IDS: dict[str, str] = json.loads((GOLDEN / "run_ids.json").read_text())
DEFAULTS_FILE = GOLDEN / "defaults.json"
DEFAULTS = read(DEFAULTS_FILE)
WHAT_TO_DO = (
    "Every stored run of such a config would be trained anew. If its results really change, raise `version` of the "
    "component whose code changed; a new switch must default to what was done before; a default never changes (say it "
    "in configs/ instead). Only an id that moved with a raised version is written anew into tests/golden/run_ids.json."
)
CHANGED_DEFAULT = (
    "A default of {part} has changed, so that every run that left it out would silently be another under its old id, "
    "or the same under a new one. Restore it and say the new value in configs/; if the code now computes something "
    "else, raise the component's `version` instead, and write that here. Was frozen: {frozen}; is now: {now}."
)
NEW_DEFAULT = (
    f"tests/golden/defaults.json lacks {{new}}; it can't be added now: {{error}}. Run `{COMMAND}` where the "
    "environment variable CI is not set, and commit that file."
)


@cache
def composed(*lines: str) -> RunConfig:
    return compose_run(lines)


def base() -> RunConfig:
    return composed()


def id_of(lines: str) -> str:
    return run_id(composed(*lines.split()))


def hash_of(config: RunConfig) -> str:
    return run_id(config).partition("-")[0]


def former_noise() -> dict[str, Any]:
    """The defaults of the kinds that were one class when their ids were first given; ``none`` was its kind."""
    together: dict[str, Any] = {"version": NoiseSettings.version}
    for kind in ("file", "symmetric", "none"):
        together |= noise_class(kind)().identity()
    return together


def present_defaults() -> dict[str, dict[str, Any]]:
    """Version and (field, default) pairs of every component, as the JSON that ids are hashes of."""
    parts: dict[str, Component] = {"recipe": RecipeSettings(), "recipe of detection": DetectionRecipe()}
    parts |= {f"dataset {name}": kind(name, 1, 1, 1, 1) for name, kind in DATASET_CLASSES.items()}
    parts |= {f"backbone {name}": backbone_class(name)() for name in families()}
    parts |= {f"method {name}": method_class(name)() for name in method_names()}
    parts |= {f"noise {kind}": noise_class(kind)() for kind in noise_kinds()}
    parts |= {f"evaluation {name}": evaluation_class(name)() for name in evaluation_names()}
    pairs = {name: {"version": part.version} | part.identity() for name, part in parts.items()}
    for name in DATASET_CLASSES:
        del pairs[f"dataset {name}"]["name"]  # no switch: the entry bears it
    found: dict[str, dict[str, Any]] = json.loads(
        json.dumps({"dataset": {"version": DatasetSettings.version}, "noise": former_noise()} | pairs)
    )
    return found


PRESENT = present_defaults()


@pytest.mark.parametrize("lines", RUN_IDS)
def test_a_known_config_keeps_its_id(lines: str) -> None:
    assert id_of(lines) == RUN_IDS[lines], f"`{lines}` was {RUN_IDS[lines]} and is now {id_of(lines)}. {WHAT_TO_DO}"


def test_known_configs_differ() -> None:
    assert len(set(RUN_IDS.values())) == len(RUN_IDS) >= 12


@pytest.mark.parametrize("part", DEFAULTS)
def test_a_frozen_default_stays(part: str) -> None:
    now, frozen = PRESENT.get(part), DEFAULTS[part]
    assert now is not None, f"{part} is gone: its stored runs can't be named any more"
    kept = {key: now.get(key) for key in frozen}
    assert kept == frozen, CHANGED_DEFAULT.format(part=part, frozen=frozen, now=kept)


@pytest.mark.parametrize("part", PRESENT)
def test_every_default_is_frozen(part: str) -> None:
    """One that is new is frozen here, and the test skipped to say so."""
    if not (new := lacking(DEFAULTS, {part: PRESENT[part]})):
        return
    try:
        freeze(DEFAULTS_FILE, new)
    except NotFrozenError as error:
        raise pytest.fail.Exception(NEW_DEFAULT.format(new=told(new), error=error), pytrace=False) from None
    pytest.skip(f"frozen in {DEFAULTS_FILE}, which is to be committed: {told(new)}")


@pytest.mark.parametrize("lines", ["", "seed=12"])
def test_an_id_is_16_hex_digits_and_the_seed(lines: str) -> None:
    assert re.fullmatch(r"[0-9a-f]{16}-s(0|12)", id_of(lines))


def test_the_seed_is_the_suffix_and_nothing_else() -> None:
    assert id_of("seed=3") == hash_of(base()) + "-s3"
    assert id_of("noise=symmetric seed=3").partition("-")[0] == id_of("noise=symmetric").partition("-")[0]


SPELLINGS = [
    ("", "dataset=digits backbone=resnet8 method=ols noise=none recipe=digits preset=smoke seed=0"),
    ("", "recipe.epochs=4 backbone.width=0.125 backbone.depth_factor=0.34 recipe.milestones=[2,3]"),
    ("", "method.alpha=0.5"),
    ("", "method.hard_weight=0.5 method.soft_weight=0.5"),
    ("", "method.update_period=epoch"),
    ("", "method.freeze_at=2"),
    ("", "recipe.milestones=[2,3,4,900]"),
    ("", "noise=symmetric noise.rate=0"),
    ("", "noise=symmetric noise.rate=0 noise.seed=4"),
    ("", "preset=paper recipe.epochs=4 backbone.width=0.125 backbone.depth_factor=0.34"),
    ("method.update_period=7", "method.update_period=007"),
    ("method.variant=official_cifar", "method.initial_labels=zeros"),
    (
        "method.variant=official_finegrained",
        "method.hard_weight=1 method.soft_weight=1 method.freeze_at=0.88",
    ),
    ("noise=symmetric seed=3", "noise=symmetric seed=3 noise.seed=3"),
    ("", "noise=arazo_code noise.rate=0"),
    (
        "noise=symmetric",
        "noise=symmetric noise.selection=exact noise.include_true=false noise.pool=all noise.scope=all",
    ),
    ("noise=dividemix", "noise=symmetric noise.include_true=true"),
    ("noise=sce", "noise=symmetric noise.selection=exact_per_class noise.seed=123"),
    ("backbone=resnet32", "backbone=resnet20 backbone.depth=32"),
    ("backbone=resnet20", "backbone=resnet29 backbone.depth=20 backbone.block=basic"),
    ("dataset=cifar10 method=sce", "dataset=cifar10 method=sce method.alpha=0.1 method.beta=1"),
    ("dataset=cifar10 recipe=cifar100", "dataset=cifar10 recipe=cifar10"),
    ("preset=short dataset=cifar100", "preset=paper dataset=cifar100 recipe.epochs=30"),
    ("dataset=digits@cifar10", "dataset=digits@cifar10 recipe=cifar100"),
    ("dataset=digits@cifar10 method=sce", "dataset=digits@cifar10 method=sce method.alpha=0.1 method.beta=1"),
    ("dataset=digits@cub recipe.cutout=112", "dataset=digits@cub recipe.cutout=110"),
    ("recipe.weight_decay=0.0", "recipe.weight_decay=-0.0"),
    ("method=byot method.supervision=class_labels", "method=byot method.supervision=class_labels method.alpha=0.1"),
    ("method=ddgsd method.supervision=class_labels", "method=ddgsd method.lam=0"),
    ("method=pairwise_confusion", "method=pairwise_confusion method.variant=authors method.lam=10"),
    ("method=byot_ols method.hard_weights=[1.5,0.5]", "method=byot_ols method.hard_weights=[1.5,0.5,0.5]"),
    ("method=tfkd_reg dataset=digits@imagenet", "method=tfkd_reg dataset=digits@imagenet method.scale_t2=true"),
]


@pytest.mark.parametrize(("lines", "other"), SPELLINGS)
def test_two_spellings_of_a_run_are_one_run(lines: str, other: str) -> None:
    assert id_of(lines) == id_of(other)


def test_noise_that_is_drawn_from_another_seed_is_another_run() -> None:
    ids = {id_of(f"noise=symmetric {extra}") for extra in ("", "noise.seed=3", "noise.seed=4")}
    assert len(ids) == 3


@pytest.mark.parametrize(
    "runtime",
    [
        {"device": "cuda:1"},
        {"threads": 3},
        {"deterministic": False},
        {"channels_last": True},
        {"compile": True},
        {"accumulate": 2},
        {"workers": 3},
        {"pixel_cache": True},
        {"cache_dir": "/c"},
        {"rank_timeout_s": 10.0},
        {"checkpoint_minutes": 1.0},
        {"checkpoint_steps": 5},
        {"ensemble_sizes": [2]},
        {"tensorboard": False},
        {"data_dir": "/a"},
        {"runs_dir": "/b"},
    ],
)
def test_how_and_where_a_run_is_executed_changes_no_id(runtime: dict[str, Any]) -> None:
    assert run_id(replace(base(), runtime=replace(base().runtime, **runtime))) == run_id(base())


def test_names_and_facts_change_no_id() -> None:
    config = base()
    renamed = replace(config.backbone, name="other", params=1, macs=1)
    resized = replace(config.dataset, train_size=1)
    assert run_id(replace(config, backbone=renamed, dataset=resized, preset="paper")) == run_id(config)


OTHER_RECIPES: dict[str, Any] = {
    "epochs": 5,
    "batch_size": 65,
    "lr": 0.11,
    "milestones": [2],
    "gamma": 0.2,
    "momentum": 0.8,
    "nesterov": False,
    "weight_decay": 1e-4,
    "padding": 2,
    "flip": True,
    "cutout": 2,
    "train_error": "eval",
    "precision": "bf16",
    "colour_jitter": 0.4,
    "light_noise": 0.1,
    "batch_norm": "frozen",
    "ema_decay": 0.9,
    "start": "resnet50-0676ba61.pth",
}
TOLD_BY_OTHERS = {"crop", "pretrained"}
"""A crop of photographs goes with no padding; what ``pretrained`` names is in ``start``."""


def test_every_field_of_the_recipe_is_tried_below() -> None:
    assert set(OTHER_RECIPES) | TOLD_BY_OTHERS == {item.name for item in fields(RecipeSettings) if not is_fact(item)}


@pytest.mark.parametrize("key", OTHER_RECIPES)
def test_every_field_of_the_recipe_changes_the_id(key: str) -> None:
    config = base()
    changed = replace(config, recipe=replace(config.recipe, **{key: OTHER_RECIPES[key]}))
    assert hash_of(changed) != hash_of(config)


def test_crops_of_photographs_are_recipes_of_their_own() -> None:
    recipe = replace(base().recipe, padding=0)
    ids = {hash_of(replace(base(), recipe=replace(recipe, crop=crop))) for crop in CROPS}
    assert len(ids) == len(CROPS)


@pytest.mark.parametrize("name", ["cifar10", "cifar100", "digits@cifar10"])
def test_the_data_set_changes_the_id(name: str) -> None:
    assert hash_of(replace(base(), dataset=replace(base().dataset, name=name))) != hash_of(base())


def test_width_depth_factor_depth_block_and_family_change_the_id() -> None:
    backbone = composed("backbone=resnet20").backbone
    changes: list[dict[str, Any]] = [{"width": 0.25}, {"depth_factor": 0.5}, {"depth": 26}, {"block": "bottleneck"}]
    others = [replace(backbone, **change) for change in changes]
    others += [backbone_class(family)() for family in families()]
    ids = {hash_of(replace(base(), backbone=other)) for other in [backbone, *others]}
    assert len(ids) == 1 + len(others)


def test_the_rate_of_noise_changes_the_id() -> None:
    rates = (0.0, 0.2, 0.4, 0.6, 0.8)
    ids = {hash_of(replace(base(), noise=Symmetric(rate=rate).resolved(0))) for rate in rates}
    assert len(ids) == len(rates)


def test_every_method_at_its_defaults_is_another_run() -> None:
    ids = {hash_of(replace(base(), method=method_class(name)())) for name in method_names()}
    assert len(ids) == len(method_names())


OTHER_CHOICES = {"spread": "others", "reduction": "batchmean", "variant": "original"}
OLS_CHANGES: list[dict[str, Any]] = [
    {"variant": "official_cifar"},
    {"variant": "official_finegrained"},
    {"alpha": 0.3},
    {"hard_weight": 0.3},
    {"soft_weight": 0.3},
    {"initial_labels": "smoothed"},
    {"accumulate": "all"},
    {"empty_class": "keep"},
    {"freeze_at": 0.9},
    {"update_period": "5"},
]


def changes_of(method: MethodSettings) -> list[dict[str, Any]]:
    """Each switch at another value than its default."""
    if isinstance(method, Ols):
        return OLS_CHANGES
    return [{key: other_value(key, value)} for key, value in method.identity().items()]


def other_value(key: str, value: Any) -> Any:
    if isinstance(value, bool):
        return not value
    if isinstance(value, float):
        return value / 2
    return value + 1 if isinstance(value, int) else OTHER_CHOICES[key]


@pytest.mark.parametrize("name", ["ls", "bootsoft", "boothard", "disturblabel", "sce", "tfkd_reg", "ols"])
def test_every_switch_of_a_method_that_is_not_at_its_default_changes_the_id(name: str) -> None:
    default = method_class(name)()
    changes = changes_of(default)
    assert {key for change in changes for key in change} == {item.name for item in fields(default)} - {"name"}
    ids = {hash_of(replace(base(), method=replace(default, **change))) for change in [{}, *changes]}
    assert len(ids) == 1 + len(changes)


def test_a_raised_version_changes_the_id(monkeypatch: pytest.MonkeyPatch) -> None:
    config, ids = base(), {hash_of(base())}
    for part in (DatasetSettings, NoiseSettings, RecipeSettings, type(config.backbone), type(config.method)):
        with monkeypatch.context() as patch:
            patch.setattr(part, "version", 2)
            ids.add(hash_of(config))
    assert len(ids) == 6


def test_a_raised_version_of_one_kind_of_noise_leaves_the_others(monkeypatch: pytest.MonkeyPatch) -> None:
    lines = ("", "noise=symmetric")
    before = [id_of(line) for line in lines]
    monkeypatch.setattr(Symmetric, "version", 2)
    clean, noisy = (id_of(line) for line in lines)
    assert clean == before[0]
    assert noisy != before[1]


def test_the_canonical_form_says_what_differs_from_the_defaults_and_nothing_else() -> None:
    config = composed("dataset=cifar100", "preset=paper", "backbone=resnet56")
    assert canonical(config) == {
        "format": 1,
        "dataset": {"name": "cifar100", "version": 1},
        "noise": {"version": 1},
        "backbone": {"family": "thin_resnet", "version": 1},
        "method": {"name": "ols", "version": 1},
        "recipe": {"version": 1},
    }


def test_the_canonical_form_survives_json() -> None:
    config = composed("noise=symmetric", "noise.seed=3", "method.freeze_at=0.9", "recipe.milestones=[1]")
    assert json.loads(json.dumps(canonical(config), allow_nan=False)) == canonical(config)


def numbers(*values: float) -> st.SearchStrategy[float]:
    return st.sampled_from(values)


@st.composite
def configs(draw: st.DrawFn) -> RunConfig:
    """Configs from few values, so that equal ones are common; numbers also as whole numbers and as -0.0."""
    recipe = RecipeSettings(
        epochs=draw(st.sampled_from([1, 2])),
        lr=draw(numbers(0.1, 1, 1.0)),
        weight_decay=draw(numbers(0, 0.0, -0.0)),
        milestones=draw(st.sampled_from([[1], [1, 2], [2], []])),
    )
    methods: Sequence[MethodSettings] = [
        Ols(),
        Ols(alpha=0.5),
        Ols(alpha=1),
        Ols(hard_weight=1, soft_weight=0),
        Ols(hard_weight=1.0, soft_weight=0.0),
        method_class("ls")(),
        method_class("hard")(),
    ]
    return replace(
        base(),
        recipe=recipe,
        method=draw(st.sampled_from(methods)),
        backbone=replace(base().backbone, width=draw(numbers(0.5, 1, 1.0))),
        noise=Symmetric(rate=draw(numbers(0, 0.0, 0.5, 1, 1.0))).resolved(0),
        seed=draw(st.sampled_from([0, 1])),
        preset=draw(st.sampled_from(["paper", "custom"])),
    )


@settings(deadline=None, max_examples=300)
@given(configs(), configs())
def test_ids_are_equal_exactly_where_the_canonical_forms_and_seeds_are(one: RunConfig, other: RunConfig) -> None:
    same = canonical(one) == canonical(other)
    assert (hash_of(one) == hash_of(other)) == same
    assert (run_id(one) == run_id(other)) == (same and one.seed == other.seed)


@pytest.mark.parametrize("key", ["lr", "gamma", "momentum", "weight_decay"])
def test_what_a_methods_own_recipe_replaces_is_not_in_the_id(key: str) -> None:
    own = composed("method=arazo", "method.schedule=own", "preset=paper")
    common = composed("method=arazo", "method.schedule=common", "preset=paper")
    changed = {key: OTHER_RECIPES[key]}
    assert hash_of(replace(own, recipe=replace(own.recipe, **changed))) == hash_of(own)
    assert hash_of(replace(common, recipe=replace(common.recipe, **changed))) != hash_of(common)
