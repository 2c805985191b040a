"""A run that was killed goes on as if it had not been: weights, optimiser, method state, curves, all bit for bit."""

from __future__ import annotations

import signal
from pathlib import Path
from typing import Any

import pytest
from outcome import differences, outcome
from processes import id_of, run_in, train
from registry import EPOCHS, METHODS, SETTINGS, STEPS_PER_EPOCH, TINY

from olsrepro.methods.registry import method_names

SAVES_PER_EPOCH = 3  # after steps 5 and 10, and at the epoch's end
INSIDE_AN_EPOCH = ("step", STEPS_PER_EPOCH + 7)
AT_ITS_END = ("saved", 2)
"""Of a process that goes on from step 5: after step 10, and when the checkpoint of the epoch's end is written."""
MORE_KILLS = {
    "after its test": ("tested", 2),
    "at its end, its files written": ("written", 2),
    "with the last checkpoint": ("saved", EPOCHS * SAVES_PER_EPOCH),
    "with the last files": ("written", EPOCHS),
}


@pytest.fixture(scope="module")
def uninterrupted() -> dict[str, dict[str, Any]]:
    return {}


def outcome_of(setting: str, runs: Path, known: dict[str, dict[str, Any]]) -> dict[str, Any]:
    if setting not in known:
        teach(setting, runs)
        assert train([*TINY, *SETTINGS[setting]], runs) == 0
        known[setting] = outcome(runs, name_of(setting))
    return known[setting]


def name_of(setting: str, *more: str) -> str:
    return id_of([*TINY, *SETTINGS[setting], *more])


def teach(setting: str, runs: Path) -> None:
    """Train the run that teaches, if one does, so that what is killed is not this one."""
    if run_in(runs, [*TINY, *SETTINGS[setting]]).method.wants_teacher:
        assert train([*TINY, "method=hard"], runs) == 0


def test_every_label_method_is_in_the_registry() -> None:
    assert sorted(METHODS) == list(method_names())


@pytest.mark.parametrize("setting", SETTINGS)
def test_a_run_killed_inside_an_epoch_and_again_at_its_end_goes_on_bitwise(
    setting: str, tmp_path: Path, uninterrupted: dict[str, dict[str, Any]]
) -> None:
    check(setting, [INSIDE_AN_EPOCH, AT_ITS_END], tmp_path, uninterrupted)


@pytest.mark.parametrize("where", MORE_KILLS)
@pytest.mark.parametrize("setting", ["ols", "hard with CutOut and an ensemble"])
def test_a_run_killed_at_any_place_of_its_end_goes_on_bitwise(
    setting: str, where: str, tmp_path: Path, uninterrupted: dict[str, dict[str, Any]]
) -> None:
    check(setting, [MORE_KILLS[where]], tmp_path, uninterrupted)


def check(setting: str, kills: list[tuple[str, int]], tmp_path: Path, uninterrupted: dict[str, dict[str, Any]]) -> None:
    lines = [*TINY, *SETTINGS[setting]]
    teach(setting, tmp_path / "killed")
    for kill in kills:
        assert train(lines, tmp_path / "killed", kill) == -signal.SIGKILL
    assert train(lines, tmp_path / "killed") == 0
    whole = outcome_of(setting, tmp_path / "whole", uninterrupted)
    assert differences(whole, outcome(tmp_path / "killed", name_of(setting))) == []


def test_a_run_killed_every_few_steps_goes_on_bitwise(tmp_path: Path, uninterrupted: dict[str, dict[str, Any]]) -> None:
    lines = [*TINY, *SETTINGS["ols"]]
    restarts = 0
    while train(lines, tmp_path / "killed", ("step", 6)) == -signal.SIGKILL:
        restarts += 1
        assert restarts < 2 * EPOCHS * STEPS_PER_EPOCH, "no step is ever kept"
    assert restarts >= EPOCHS * STEPS_PER_EPOCH // 6
    whole = outcome_of("ols", tmp_path / "whole", uninterrupted)
    assert differences(whole, outcome(tmp_path / "killed", name_of("ols"))) == []


def test_the_comparison_notices_another_seed(tmp_path: Path, uninterrupted: dict[str, dict[str, Any]]) -> None:
    whole = outcome_of("hard", tmp_path / "whole", uninterrupted)
    assert train([*TINY, *SETTINGS["hard"], "seed=1"], tmp_path / "other") == 0
    changed = differences(whole, outcome(tmp_path / "other", name_of("hard", "seed=1")))
    assert any("checkpoint.pt/learner/network" in line for line in changed)
