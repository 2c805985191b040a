"""What experiments name and nobody has built yet."""

from __future__ import annotations

from pathlib import Path

import pytest

from olsrepro.config.locate import configs_folder
from olsrepro.experiments import awaited
from olsrepro.experiments.awaited import AWAITED, is_awaited, missing_component, missing_evaluation
from olsrepro.experiments.files import experiments

COMPONENTS = sorted(set(AWAITED) - {"evaluation"})


def used(group: str) -> set[str]:
    """The names of a group that experiments choose."""
    if group == "evaluation":
        lines = [line for item in experiments() for line in (*item.rows.values(), *item.columns.values())]
        return {str(line.evaluate["name"]) for line in lines if line.evaluate}
    chosen = {line.partition("=") for item in experiments() for cell in item.cells() for line in item.lines_of(cell)}
    return {name for key, _, name in chosen if key == group}


def test_every_group_says_what_it_waits_for() -> None:
    assert set(AWAITED) == {"dataset", "backbone", "method", "evaluation"}


@pytest.mark.parametrize("group", COMPONENTS)
def test_no_component_is_there_and_awaited(group: str) -> None:
    assert {path.stem for path in (configs_folder() / group).glob("*.yaml")} & set(AWAITED[group]) == set()


@pytest.mark.parametrize("group", AWAITED)
def test_every_awaited_name_is_used_by_an_experiment(group: str) -> None:
    assert set(AWAITED[group]) <= used(group)
    assert len(set(AWAITED[group])) == len(AWAITED[group])


def test_every_evaluation_has_a_name() -> None:
    lines = [line for item in experiments() for line in (*item.rows.values(), *item.columns.values())]
    assert all("name" in line.evaluate for line in lines if line.evaluate)


@pytest.fixture
def waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of what is not built yet, names that never will be."""
    names = {"dataset": ("nowhere",), "method": ("someday",), "evaluation": ("somehow",)}
    monkeypatch.setattr(awaited, "AWAITED", names)


@pytest.mark.usefixtures("waiting")
def test_the_first_awaited_choice_among_the_lines_is_named() -> None:
    assert missing_component(["dataset=nowhere", "backbone=resnet50", "method=someday"]) == "dataset=nowhere"
    assert missing_component(["dataset=cifar100", "method=someday", "noise.rate=0.2"]) == "method=someday"


def test_lines_of_components_that_are_there_miss_nothing() -> None:
    assert missing_component(["dataset=cifar100", "backbone=cifar_resnet50", "method=ols", "method.alpha=0.3"]) is None
    assert missing_component([]) is None


@pytest.mark.usefixtures("waiting")
def test_a_name_is_awaited_in_its_own_group_alone() -> None:
    lines = ["dataset=someday", "method=nowhere", "method.variant=someday", "preset=nowhere"]
    assert missing_component(lines) is None


@pytest.mark.usefixtures("waiting")
def test_a_misspelt_name_is_not_awaited() -> None:
    assert missing_component(["method=somedayy"]) is None


@pytest.mark.usefixtures("waiting")
def test_an_awaited_evaluation_is_named() -> None:
    assert missing_evaluation({"name": "somehow", "iterations": 20}) == "evaluation=somehow"
    assert missing_evaluation({"name": "top_k"}) is None
    assert missing_evaluation({}) is None


@pytest.mark.usefixtures("waiting")
def test_a_component_is_not_awaited_any_more_once_it_has_a_config_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(awaited, "configs_folder", lambda: tmp_path)
    (tmp_path / "method").mkdir()
    assert is_awaited("method", "someday")
    (tmp_path / "method" / "someday.yaml").touch()
    assert not is_awaited("method", "someday")
    assert missing_component(["method=someday", "dataset=nowhere"]) == "dataset=nowhere"
