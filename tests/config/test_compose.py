"""What override lines come to: implied values, presets, defaults by data set, places, a user's own groups."""

from __future__ import annotations

import os
from dataclasses import asdict, replace
from pathlib import Path

import pytest
import user_folder
import yaml
from hydra.core.global_hydra import GlobalHydra

from olsrepro.config.compose import compose_run
from olsrepro.config.run_config import RunConfig
from olsrepro.config.to_yaml import to_yaml
from olsrepro.data.noise.none.settings import Settings as NoNoise
from olsrepro.data.noise.symmetric.settings import Settings as Symmetric
from olsrepro.methods.ols.settings import Settings as Ols
from olsrepro.settings import UserError

PAPER_CIFAR = {
    "epochs": 300,
    "batch_size": 128,
    "lr": 0.1,
    "milestones": [150, 225],
    "gamma": 0.1,
    "momentum": 0.9,
    "nesterov": True,
    "weight_decay": 5e-4,
    "padding": 4,
    "flip": True,
    "cutout": 0,
    "crop": "pad",
    "colour_jitter": 0.0,
    "light_noise": 0.0,
    "precision": "fp32",
    "train_error": "running",
    "batch_norm": "local",
    "ema_decay": 0.0,
    "pretrained": False,
    "start": None,
}
PAPER_IMAGENET = PAPER_CIFAR | {
    "epochs": 250,
    "batch_size": 256,
    "milestones": [75, 150, 225],
    "weight_decay": 1e-4,
    "padding": 0,
    "crop": "resized",
    "colour_jitter": 0.4,
    "light_noise": 0.1,
}
PAPER_FINE_GRAINED = PAPER_CIFAR | {
    "epochs": 100,
    "batch_size": 64,
    "lr": 0.01,
    "milestones": [45, 80],
    "nesterov": False,
    "weight_decay": 1e-4,
    "padding": 0,
    "crop": "window",
    "pretrained": True,
}
FINE_GRAINED = ("cub", "flowers", "cars", "aircraft")

SMALL = ["backbone.width=0.125", "backbone.depth_factor=0.34"]  # configs/preset/smoke.yaml


def recipe_of(*lines: str) -> dict[str, object]:
    return asdict(compose_run(lines).recipe)


def test_nothing_typed_is_digits_resnet8_ols_smoke_seed_0() -> None:
    config = compose_run([])
    assert (config.dataset.name, config.backbone.name, config.preset, config.seed) == ("digits", "resnet8", "smoke", 0)
    assert config.method == Ols()
    assert config.noise == NoNoise()


def test_choices_and_values_reach_the_config() -> None:
    config = compose_run(["backbone=resnet29", "noise=symmetric", "noise.rate=0.2", "method.alpha=0.3", "seed=7"])
    assert (config.backbone.name, config.backbone.depth, config.backbone.block) == ("resnet29", 29, "bottleneck")
    assert config.noise == Symmetric(rate=0.2)
    assert config.method == Ols(alpha=0.3)
    assert config.seed == 7


@pytest.mark.parametrize("dataset", ["cifar10", "cifar100"])
def test_preset_paper_is_all_of_the_papers_recipe(dataset: str) -> None:
    config = compose_run([f"dataset={dataset}", "preset=paper"])
    assert asdict(config.recipe) == PAPER_CIFAR
    assert (config.preset, config.backbone.width) == ("paper", 1.0)


def test_preset_paper_is_all_of_the_papers_recipe_of_imagenet() -> None:
    assert recipe_of("dataset=imagenet", "backbone=resnet50", "preset=paper") == PAPER_IMAGENET


@pytest.mark.parametrize("dataset", FINE_GRAINED)
def test_preset_paper_is_all_of_the_papers_fine_grained_recipe(dataset: str) -> None:
    recipe = recipe_of(f"dataset={dataset}", "backbone=resnet50", "preset=paper")
    assert str(recipe.pop("start")).startswith("resnet50-")
    assert recipe == {key: value for key, value in PAPER_FINE_GRAINED.items() if key != "start"}


@pytest.mark.parametrize("preset", ["smoke", "mini"])
@pytest.mark.parametrize("dataset", ["imagenet", *FINE_GRAINED])
def test_presets_of_a_narrower_network_start_from_drawn_weights(dataset: str, preset: str) -> None:
    recipe = recipe_of(f"dataset={dataset}", "backbone=resnet50", f"preset={preset}")
    assert (recipe["pretrained"], recipe["start"]) == (False, None)


def test_preset_short_of_a_fine_grained_set_keeps_the_published_weights() -> None:
    recipe = recipe_of("dataset=cub", "backbone=resnet50", "preset=short")
    assert (recipe["pretrained"], recipe["epochs"], recipe["milestones"]) == (True, 30, [13, 24])


@pytest.mark.parametrize(
    ("lines", "facts"),
    [
        (["dataset=flowers", "dataset.train=trnid+valid"], {"train_size": 2040}),
        (["dataset=aircraft", "dataset.labels=official_100"], {"num_classes": 100}),
        (["dataset=cub", "dataset.input_size=448"], {"image_size": 448, "resized_to": 512}),
    ],
)
def test_a_switch_of_photographs_brings_its_facts(lines: list[str], facts: dict[str, int]) -> None:
    dataset = compose_run(["backbone=resnet50", *lines]).dataset
    assert {key: getattr(dataset, key) for key in facts} == facts


def test_preset_short_is_the_papers_shape_in_30_epochs() -> None:
    config = compose_run(["dataset=cifar100", "preset=short"])
    assert asdict(config.recipe) == PAPER_CIFAR | {"epochs": 30, "milestones": [15, 22]}
    assert (config.preset, config.backbone.width) == ("short", 1.0)


def test_preset_mini_is_the_recipe_in_6_epochs_at_half_the_width() -> None:
    config = compose_run(["dataset=cifar10", "preset=mini"])
    assert asdict(config.recipe) == PAPER_CIFAR | {"epochs": 6, "milestones": [3, 4]}
    assert (config.preset, config.backbone.width, config.backbone.depth_factor) == ("mini", 0.5, 1.0)


def test_a_data_set_typed_on_the_line_stays_under_smoke() -> None:
    config = compose_run(["dataset=cifar100"])
    assert asdict(config.recipe) == PAPER_CIFAR | {"epochs": 4, "milestones": [2, 3]}
    assert (config.preset, config.backbone.width, config.backbone.depth_factor) == ("smoke", 0.125, 0.34)
    assert config.dataset.num_classes == 100


@pytest.mark.parametrize(
    ("dataset", "epochs", "milestones"),
    [("cifar10", 1, [1, 1]), ("cifar10", 7, [3, 5]), ("cifar10", 299, [149, 224]), ("digits", 200, [100, 150])],
)
def test_epochs_alone_scale_the_milestones(dataset: str, epochs: int, milestones: list[int]) -> None:
    assert recipe_of(f"dataset={dataset}", f"recipe.epochs={epochs}")["milestones"] == milestones


@pytest.mark.parametrize("milestones", [[3, 9], []])
def test_milestones_that_were_typed_are_kept_at_any_number_of_epochs(milestones: list[int]) -> None:
    assert recipe_of(f"recipe.milestones={milestones}", "recipe.epochs=20")["milestones"] == milestones


def test_milestones_typed_as_null_are_scaled() -> None:
    assert recipe_of("recipe.milestones=null", "recipe.epochs=20")["milestones"] == [10, 15]


def test_epochs_in_quotes_are_a_number() -> None:
    recipe = recipe_of("recipe.epochs='20'")
    assert (recipe["epochs"], recipe["milestones"]) == (20, [10, 15])


def test_a_choice_in_quotes_is_the_choice() -> None:
    assert compose_run(["method='ls'"]).method.name == "ls"


def test_the_digits_have_a_recipe_of_their_own() -> None:
    recipe = recipe_of("preset=paper")
    assert (recipe["epochs"], recipe["milestones"], recipe["batch_size"], recipe["flip"]) == (60, [30, 45], 64, False)


def test_another_data_sets_recipe_can_be_chosen() -> None:
    config = compose_run(["recipe=cifar100"])
    assert asdict(config.recipe) == PAPER_CIFAR | {"epochs": 4, "milestones": [2, 3]}
    assert config.preset == "custom"


@pytest.mark.parametrize(
    ("lines", "alpha", "beta"),
    [
        (["dataset=cifar10"], 0.1, 1.0),
        (["dataset=cifar100"], 6.0, 0.1),
        (["dataset=cifar10", "method.alpha=0.7"], 0.7, 1.0),
        (["dataset=cifar10", "method.alpha=6.0"], 6.0, 1.0),
        (["dataset=cifar10", "method.alpha=null"], 0.1, 1.0),
    ],
)
def test_sce_weighs_its_terms_by_data_set_unless_told(lines: list[str], alpha: float, beta: float) -> None:
    method = compose_run(["method=sce", *lines]).method
    assert (method.alpha, method.beta) == (alpha, beta)


def test_numbers_have_their_fields_types() -> None:
    config = compose_run(["recipe.lr=1", "backbone.width=1", "method.alpha=1", "method.update_period=05"])
    kinds = [type(value) for value in (config.recipe.lr, config.backbone.width, config.method.alpha)]
    assert kinds == [float, float, float]
    assert config.method.period_steps == 5


@pytest.mark.parametrize(
    ("lines", "name"),
    [
        (["backbone.width=0.125", "recipe.lr=0.1", "recipe.milestones=[2,3]"], "smoke"),
        (["recipe.milestones=[2,3,900]"], "smoke"),
        (["recipe=digits"], "smoke"),
        (["method.alpha=0.3", "seed=5", "runtime.threads=2"], "smoke"),
        (["noise=symmetric", "noise.rate=0.8", "backbone.depth=14"], "smoke"),
        (["recipe.epochs=5"], "custom"),
        (["recipe.milestones=[2]"], "custom"),
        (["recipe.lr=0.2"], "custom"),
        (["backbone.width=0.25"], "custom"),
        (["backbone.depth_factor=1"], "custom"),
        (["recipe=cifar"], "custom"),
        (["preset=paper", "dataset=cifar10", "recipe=cifar100"], "paper"),
        (["preset=short", "dataset=cifar100", "backbone.width=1"], "short"),
        (["preset=short", "dataset=cifar100", "backbone.width=0.5"], "custom"),
        (["preset=paper", "dataset=cifar100", "recipe.precision=bf16"], "custom"),
        (["preset=paper", "dataset=cifar100", "recipe.epochs=6", "backbone.width=0.5"], "mini"),
    ],
)
def test_a_preset_keeps_its_name_while_recipe_and_width_are_its_own(lines: list[str], name: str) -> None:
    assert compose_run(lines).preset == name


def test_places_come_from_the_environment(tmp_path: Path) -> None:
    runtime = compose_run([]).runtime
    assert (runtime.data_dir, runtime.runs_dir) == (str(tmp_path / "data"), str(tmp_path / "runs"))


@pytest.mark.parametrize("value", [None, ""])
def test_places_are_data_and_runs_here_where_the_environment_says_nothing(
    value: str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("OLSREPRO_DATA", "OLSREPRO_RUNS"):
        monkeypatch.delenv(name) if value is None else monkeypatch.setenv(name, value)
    monkeypatch.chdir(tmp_path)
    runtime = compose_run([]).runtime
    assert (runtime.data_dir, runtime.runs_dir) == (str(tmp_path / "data"), str(tmp_path / "runs"))


def test_a_place_typed_wins_over_the_environment_and_is_absolute(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", "/home/me")
    runtime = compose_run(["runtime.data_dir='~/sets'", "runtime.runs_dir=deep/runs"]).runtime
    assert (runtime.data_dir, runtime.runs_dir) == ("/home/me/sets", str(tmp_path / "deep" / "runs"))


def test_composing_stays_where_it_is_and_leaves_nothing_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    compose_run(["recipe.epochs=5"])
    assert Path(os.getcwd()) == tmp_path
    assert list(tmp_path.iterdir()) == []
    assert not GlobalHydra.instance().is_initialized()


def test_a_changed_structure_takes_the_name_of_the_config_that_has_it() -> None:
    described = compose_run(["backbone=resnet32"]).backbone
    assert compose_run(["backbone=resnet20", "backbone.depth=32"]).backbone == described


def test_a_structure_that_no_config_has_is_told_by_itself_and_has_no_facts() -> None:
    backbone = compose_run(["backbone=resnet20", "backbone.depth=62"]).backbone
    assert (backbone.name, backbone.params, backbone.macs) == ("thin_resnet(depth=62,block=basic)", 0, 0)


def test_the_config_as_yaml_says_all_of_it() -> None:
    config = compose_run(["noise=symmetric", "runtime.ensemble_sizes=[2,3]"])
    assert yaml.safe_load(to_yaml(config)) == config.as_dict()
    assert set(config.as_dict()) == set(RunConfig.__dataclass_fields__)


@pytest.mark.parametrize("folder", ["mine", "my own, (first) [try] {1} = it's größe"])
def test_a_users_own_method_file_is_found_in_a_folder_of_any_name(folder: str, tmp_path: Path) -> None:
    own = user_folder.write(tmp_path / folder, {"method/gentle.yaml": "defaults: [ols]\nalpha: 0.9\n"})
    assert compose_run(["method=gentle"], own).method == Ols(alpha=0.9)
    assert compose_run(["method=gentle", "method.alpha=0.8"], own).method == Ols(alpha=0.8)


def test_a_users_folder_may_be_relative(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    user_folder.write(tmp_path / "own", {"method/gentle.yaml": "name: ols\nalpha: 0.9\n"})
    monkeypatch.chdir(tmp_path)
    assert compose_run(["method=gentle"], Path("own")).method == Ols(alpha=0.9)


def test_a_users_own_backbone_file_gives_a_structure_its_name(tmp_path: Path) -> None:
    text = "name: deep\nfamily: thin_resnet\ndepth: 62\nblock: basic\nwidth: 1.0\nparams: 5\nmacs: 6\n"
    own = user_folder.write(tmp_path / "own", {"backbone/deep.yaml": text})
    chosen = compose_run(["backbone=deep"], own).backbone
    assert (chosen.name, chosen.depth, chosen.params) == ("deep", 62, 5)
    assert compose_run(["backbone=resnet20", "backbone.depth=62"], own).backbone == chosen


def test_a_users_own_backbone_may_build_on_ours(tmp_path: Path) -> None:
    own = user_folder.write(tmp_path / "own", {"backbone/deep.yaml": "defaults: [resnet20]\ndepth: 62\n"})
    assert compose_run(["backbone=deep"], own).backbone.depth == 62
    assert compose_run([], own).backbone.name == "resnet8"


def test_a_users_own_preset_has_its_name(tmp_path: Path) -> None:
    text = "# @package _global_\nrecipe:\n  epochs: 8\n"
    own = user_folder.write(tmp_path / "own", {"preset/eight.yaml": text})
    config = compose_run(["preset=eight", "recipe.lr=0.1"], own)
    assert (config.preset, config.recipe.epochs, config.recipe.milestones) == ("eight", 8, [4, 6])
    assert compose_run(["preset=eight", "recipe.lr=0.2"], own).preset == "custom"


def test_a_users_own_data_set_takes_a_recipe_of_ours(tmp_path: Path) -> None:
    own = user_folder.write(tmp_path / "own", {"dataset/tiny.yaml": user_folder.TINY_SET})
    config = compose_run(["dataset=tiny", "recipe=digits", "recipe.lr=0.2"], own)
    assert (config.dataset.train_size, config.recipe.batch_size, config.preset) == (200, 64, "custom")


def test_a_file_of_the_users_with_a_mistake_harms_nothing_until_it_is_chosen(tmp_path: Path) -> None:
    broken = {"backbone/a.yaml": "depth: 9\n", "backbone/b.yaml": "[\n", "preset/c.yaml": "{\n", "method/d.yaml": ""}
    own = user_folder.write(tmp_path / "own", broken)
    assert compose_run(["recipe.epochs=4"], own) == compose_run([])


def test_two_configs_of_one_sweep_share_nothing() -> None:
    first, second = compose_run(["recipe.lr=0.2"]), compose_run(["recipe.lr=0.3"])
    first.recipe.milestones.append(99)
    assert second.recipe.milestones == [2, 3]
    assert compose_run([]) == replace(second, recipe=replace(second.recipe, lr=0.1), preset="smoke")


def test_a_run_has_one_preset_however_it_was_typed() -> None:
    assert compose_run(["preset=paper", "recipe.epochs=4", *SMALL]).preset == "smoke"


def test_a_file_of_the_users_with_one_of_our_names_is_refused(tmp_path: Path) -> None:
    (tmp_path / "method").mkdir()
    (tmp_path / "method" / "ols.yaml").write_text("name: ols\nalpha: 0.9\n")
    with pytest.raises(UserError, match=r"method/ols\.yaml has the name of one of ours; rename it, .* my_ols$"):
        compose_run([], tmp_path)
