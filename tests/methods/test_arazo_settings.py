"""Arazo et al.: its stages follow the learning rate's drops, and what makes no sense is refused."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from olsrepro.config.compose import compose_run
from olsrepro.data.settings import DatasetSettings
from olsrepro.methods.arazo.phases import Phases
from olsrepro.methods.arazo.settings import VARIANTS, Settings
from olsrepro.settings import UserError

GOLDEN: dict[str, Any] = json.loads((Path(__file__).parents[1] / "golden" / "golden_noisy.json").read_text())
DATASET = DatasetSettings("toy", 5, 48, 10, 8)


@pytest.mark.parametrize("shape", ["paper_300", "short_30"])
def test_phases_follow_the_first_drop(shape: str) -> None:
    golden = GOLDEN["phases"][shape]
    run, expected = (golden["epochs"], golden["milestones"]), golden["arazo"]
    assert Settings().phases(*run).start == Settings().phases(*run).bootstrap == expected["warmup_until"]
    guided = Settings(variant="md_dyr_sh").phases(*run)
    assert (guided.start, guided.bootstrap) == (expected["md_guided_from"], expected["md_bootstrap_from"])
    assert guided.temperature_epochs == expected["md_temperature_epochs"]


def rates_of_the_authors_loop(epochs: int, milestones: list[int]) -> list[float]:
    """Rates by 0-based epochs: their epochs begin at 1, each with a step of the schedule."""
    optimiser = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=0.1)
    schedule = torch.optim.lr_scheduler.MultiStepLR(optimiser, milestones, gamma=0.1)
    optimiser.step()  # else the schedule warns that it is stepped first
    rates = []
    for _ in range(1, epochs + 1):
        schedule.step()
        rates.append(optimiser.param_groups[0]["lr"])
    return rates


def test_the_authors_own_schedule_has_their_epochs() -> None:
    golden, own = GOLDEN["phases"]["official_arazo_1_based"], Settings(variant="md_dyr_sh", schedule="own")
    phases = own.phases(300, (150, 225))
    assert phases == Phases(golden["md_guided_from"] - 1, golden["md_bootstrap_from"] - 1, 89)
    assert own.phases(300, ()) == phases
    recipe = own.own_recipe(300)
    assert recipe is not None
    assert recipe.learning_rates == pytest.approx(rates_of_the_authors_loop(300, golden["milestones"]))
    assert recipe.learning_rates.index(pytest.approx(0.01)) == golden["first_reduced_lr_epoch"] - 1
    assert (recipe.momentum, recipe.nesterov, recipe.weight_decay, len(recipe.learning_rates)) == (
        0.9,
        False,
        1e-4,
        300,
    )
    assert Settings().own_recipe(300) is None


@settings(max_examples=200)
@given(st.integers(3, 400), st.data())
def test_every_stage_has_an_epoch_however_short_the_run(epochs: int, data: st.DataObject) -> None:
    drop = data.draw(st.integers(1, epochs - 1))
    for schedule in ("common", "own"):
        for variant in VARIANTS:
            chosen = Settings(variant=variant, schedule=schedule)
            chosen.check_run(DATASET, epochs, (drop,))
            phases = chosen.phases(epochs, (drop,))
            assert 1 <= phases.start <= phases.bootstrap < epochs
            assert (phases.start < phases.bootstrap) == chosen.is_guided


def test_the_temperature_falls_linearly_and_stays() -> None:
    phases = Phases(155, 160, 89)
    assert phases.temperature(160) == 1
    assert phases.temperature(204) == pytest.approx((1 + 0.001) / 2)
    assert phases.temperature(248) == pytest.approx(0.001)
    assert phases.temperature(299) == phases.temperature(248)
    assert [Phases(1, 2, 1).temperature(epoch) for epoch in (2, 3)] == pytest.approx([1, 0.001])


@pytest.mark.parametrize(
    ("switches", "told"),
    [
        ({"variant": "m_dyr"}, "variant=m_dyr is not known; did you mean m_dyr_"),
        ({"schedule": "its_own"}, "schedule=its_own is not known"),
        ({"extra_forward": "single"}, "extra_forward=single is not known; did you mean single_eval?"),
        ({"mixup_alpha": 0}, "mixup_alpha=0 must be at least"),
        ({"reg_weight": -1}, "reg_weight=-1 must be at least 0"),
        ({"em_iters": 0}, "em_iters=0 must be at least 1"),
        ({"lookup_bins": 1}, "lookup_bins=1 must be at least 2"),
        ({"bootstrap_start": 0}, "bootstrap_start=0 must be at least 1"),
        ({"percentiles": [5.0]}, "percentiles=[5.0] must be two rising numbers in [0, 100]"),
        ({"percentiles": [95.0, 5.0]}, "percentiles=[95.0, 5.0] must be two rising numbers"),
        (
            {"md_temperature_epochs": 9},
            "md_temperature_epochs=9 has no effect with variant=m_dyr_h; use variant=md_dyr",
        ),
        (
            {"variant": "md_dyr_sh", "bootstrap_start": 9},
            "bootstrap_start=9 has no effect with variant=md_dyr_sh; use md_",
        ),
        ({"variant": "md_dyr_sh", "mixup_alpha": 1}, "mixup_alpha=1 has no effect with variant=md_dyr_sh"),
    ],
)
def test_what_makes_no_sense_is_refused_with_the_key(switches: dict[str, Any], told: str) -> None:
    with pytest.raises(ValueError, match=f"^{re.escape(told)}"):
        Settings(**switches)


@pytest.mark.parametrize(
    ("lines", "told"),
    [
        (
            ["recipe.epochs=1"],
            "recipe.epochs=1 must be at least 2 with method=arazo, whose 2 stages take an epoch each",
        ),
        (["recipe.epochs=2", "method.variant=md_dyr_sh"], "recipe.epochs=2 must be at least 3"),
        (
            ["recipe.milestones=[]"],
            "method.bootstrap_start=null follows the first drop of the learning rate, and recipe.m",
        ),
        (["method.bootstrap_start=4"], "method.bootstrap_start=4 must be below recipe.epochs=4"),
        (
            ["method.variant=md_dyr_sh", "method.md_guided_start=2", "method.md_bootstrap_start=2"],
            "method.md_guided_start=2 must be below method.md_bootstrap_start=2, and that below recipe.epochs=4",
        ),
    ],
)
def test_a_run_that_the_stages_do_not_fit_into_is_refused_before_it_starts(lines: list[str], told: str) -> None:
    with pytest.raises(UserError, match=f"^{re.escape(told)}"):
        compose_run(["method=arazo", "dataset=digits", "preset=smoke", *lines])


def test_a_run_without_a_drop_takes_a_start_that_is_set() -> None:
    compose_run(["method=arazo", "preset=smoke", "recipe.milestones=[]", "method.bootstrap_start=2"])
