"""PENCIL's stages and schedule by the golden ones, and what its settings refuse."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from olsrepro.config.compose import compose_run
from olsrepro.config.validate import validate
from olsrepro.methods.pencil.settings import Settings
from olsrepro.methods.pencil.stages import own_rates
from olsrepro.settings import UserError

PHASES = json.loads((Path(__file__).parents[1] / "golden" / "golden_noisy.json").read_text())["phases"]


@pytest.mark.parametrize("preset", ["paper_300", "short_30"])
def test_golden_stages_of_both_schedules(preset: str) -> None:
    phases = PHASES[preset]
    epochs, milestones = phases["epochs"], phases["milestones"]
    for schedule in ("own", "common"):
        stages = Settings(schedule=schedule).stages(epochs, milestones)
        expected = phases[f"pencil_{schedule}"]
        assert stages == (expected["stage1_end"], expected["stage2_end"])
    own = phases["pencil_own"]
    assert drops(Settings().own_recipe(epochs).learning_rates) == [own["stage2_end"], *own["lr_drops"]]


def drops(rates: tuple[float, ...]) -> list[int]:
    return [epoch for epoch in range(1, len(rates)) if rates[epoch] != rates[epoch - 1]]


def test_golden_stages_of_the_authors_own_epochs() -> None:
    phases = PHASES["official_pencil_0_based"]
    assert Settings().stages(320, ()) == (phases["stage1_end"], phases["stage2_end"])
    assert drops(own_rates(320, 200, 0.35, 0.2)) == [200, *phases["lr_drops"]]


@pytest.mark.parametrize("epochs", range(3, 40))
def test_every_stage_has_an_epoch_however_short_the_run(epochs: int) -> None:
    milestones = [max(1, epochs // 2), max(1, epochs * 3 // 4)]
    for schedule in ("own", "common"):
        stages = Settings(schedule=schedule).stages(epochs, milestones)
        assert [stages.at(epoch) for epoch in range(epochs)] == sorted(stages.at(epoch) for epoch in range(epochs))
        assert {stages.at(epoch) for epoch in range(epochs)} == {1, 2, 3}


def test_its_own_optimiser_is_plain_sgd_with_its_own_rates() -> None:
    recipe = Settings().own_recipe(300)
    assert recipe is not None
    assert len(recipe.learning_rates) == 300
    assert [recipe.learning_rates[at] for at in (0, 187, 188, 225, 262, 299)] == pytest.approx(
        [0.35, 0.35, 0.2, 0.02, 0.002, 0.002]
    )
    assert (recipe.momentum, recipe.nesterov, recipe.weight_decay) == (0.9, False, 1e-4)
    assert Settings(schedule="common").own_recipe(300) is None


def test_the_authors_integer_division_leaves_the_last_two_thirds_of_stage_3_without_a_rate() -> None:
    recipe = Settings(lr_floor_bug=True).own_recipe(300)
    assert recipe is not None
    assert recipe.learning_rates[:225] == Settings().own_recipe(300).learning_rates[:225]
    assert set(recipe.learning_rates[225:]) == {0.0}


def test_typed_shares_move_the_stages_and_the_rates_with_them() -> None:
    settings = Settings(stage1_end=0.1, stage2_end=0.5)
    assert settings.stages(100, [7]) == (10, 50)
    assert drops(settings.own_recipe(100).learning_rates)[0] == 50
    assert Settings(schedule="common", stage1_end=0.1).stages(100, [50, 75]) == (10, 50)


@pytest.mark.parametrize(
    ("switches", "message"),
    [
        ({"schedule": "ours"}, "schedule=ours is not known; "),
        ({"compat": "official"}, "compat=official is not known; did you mean official_code"),
        ({"alpha": -1}, "alpha=-1 must be at least 0"),
        ({"lam": -1}, "lam=-1 must be at least 0"),
        ({"stage1_end": 66}, r"stage1_end=66 must be in \[0, 1\]"),
        ({"schedule": "common", "lr": 0.1}, "lr=0.1 has no meaning with schedule=common: set recipe.lr"),
        ({"schedule": "common", "lr_floor_bug": True}, "lr_floor_bug=true has no meaning with schedule=common"),
    ],
)
def test_a_wrong_switch_is_refused_with_the_key(switches: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=f"^{message}"):
        Settings(**switches)


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        (["recipe.epochs=2"], "^recipe.epochs=2 has no room for the three stages of method=pencil"),
        (
            ["recipe.epochs=60", "method.stage2_end=1"],
            "^recipe.epochs=60 has no room .* lower method.stage1_end and stage2_end",
        ),
        (["method.schedule=common", "recipe.milestones=[]"], r"^recipe.milestones=\[\] must have a drop in the 4 "),
        (["method.schedule=common", "recipe.milestones=[90]"], r"^recipe.milestones=\[90\] must have a drop"),
    ],
)
def test_a_run_without_room_for_its_stages_is_refused(lines: list[str], message: str) -> None:
    with pytest.raises(UserError, match=message):
        compose_run(["method=pencil", *lines])


def test_more_labels_than_memory_holds_are_refused_with_their_size() -> None:
    config = compose_run(["method=pencil"])
    large = replace(config.dataset, name="imagenet", num_classes=1000, train_size=1_281_167)
    with pytest.raises(UserError, match=r"^method=pencil must be another .* dataset=imagenet: .* 4\.8 GiB"):
        validate(replace(config, dataset=large))


def test_a_value_typed_and_the_same_value_implied_are_one_run() -> None:
    assert Settings(stage1_end=70 / 320, stage2_end=0.625, times_k=False).identity() == Settings().identity()
    common = Settings(schedule="common")
    assert common.identity() == Settings(schedule="common", times_k=True).identity()
    assert common.scales_by_k
    assert not {"lr", "lr2", "lr_floor_bug"} & common.identity().keys()


@pytest.mark.parametrize(("dataset", "lam"), [("cifar100", 10000), ("cifar10", 600), ("digits", 300)])
def test_the_step_of_the_labels_is_the_data_sets(dataset: str, lam: float) -> None:
    assert compose_run(["method=pencil", f"dataset={dataset}"]).method.lam == lam
    assert compose_run(["method=pencil", f"dataset={dataset}", "method.lam=7"]).method.lam == 7
