"""Sweeps in Hydra's grammar become experiments."""

from __future__ import annotations

import pytest

from olsrepro.experiments.request import Request
from olsrepro.experiments.sweep import named_sweep, typed_sweep
from olsrepro.experiments.wanted import distinct, wanted_cells
from olsrepro.settings import UserError


def test_one_axis_makes_rows_beside_both_errors() -> None:
    experiment, request = typed_sweep(["method=ols", "method.alpha=0.1,0.3", "seed=0,1"])
    assert list(experiment.rows) == ["method.alpha=0.1", "method.alpha=0.3"]
    assert list(experiment.columns) == ["top1_err", "top5_err"]
    assert experiment.base == ("method=ols",)
    assert request == Request("smoke", (0, 1), None, ())


def test_the_last_of_several_axes_makes_the_columns() -> None:
    experiment, _ = typed_sweep(["method=hard,ls", "backbone=resnet8,resnet14", "recipe.lr=0.1,0.2"])
    assert list(experiment.rows) == [
        "method=hard, backbone=resnet8",
        "method=hard, backbone=resnet14",
        "method=ls, backbone=resnet8",
        "method=ls, backbone=resnet14",
    ]
    assert list(experiment.columns) == ["recipe.lr=0.1", "recipe.lr=0.2"]


def test_hydras_own_grammar_is_understood() -> None:
    experiment, request = typed_sweep(["recipe.epochs=range(2,5)", "seed=choice(3,5)", "preset=short"])
    assert list(experiment.rows) == ["recipe.epochs=2", "recipe.epochs=3", "recipe.epochs=4"]
    assert (request.preset, request.seeds) == ("short", (3, 5))


def test_a_list_is_one_value() -> None:
    experiment, _ = typed_sweep(["recipe.milestones=[2,3],[1,2]"])
    assert list(experiment.rows) == ["recipe.milestones=[2,3]", "recipe.milestones=[1,2]"]


def test_seeds_alone_are_a_sweep_of_one_row() -> None:
    experiment, request = typed_sweep(["method=ls", "seed=0,1,2"])
    assert list(experiment.rows) == ["all"]
    assert request.seeds == (0, 1, 2)


def test_every_combination_is_a_run_of_its_own_on_the_data_set_that_was_typed() -> None:
    experiment, request = typed_sweep(["method=hard,ls", "dataset=cifar10,cifar100", "seed=0,1"])
    runs = distinct([wanted_cells(experiment, request)]).values()
    assert len(runs) == 8
    assert {run.config.dataset.name for run in runs if run.config} == {"cifar10", "cifar100"}


@pytest.mark.parametrize(
    ("lines", "told"),
    [
        (["method=ols"], "nothing is swept"),
        (["method.alpha=0.1", "method.alpha=0.3"], "a key is given twice"),
        (["method.alpha=0.1,0.1"], "names a value twice"),
        (["seed=0,x"], "seed=x must be a whole number"),
        (["method=glob(*)"], "name the values"),
        (["method.alpha=[0.1"], "can't be read"),
    ],
)
def test_what_is_no_sweep_is_refused(lines: list[str], told: str) -> None:
    with pytest.raises(UserError, match=told):
        typed_sweep(lines)


def test_the_papers_sweeps_go_by_name() -> None:
    experiment, request = named_sweep(["alpha"], ["alpha", "dataset=digits", "seeds=2"])
    assert experiment.name == "figure7a"
    assert request == Request(None, (0, 1), None, ("dataset=digits",))
    assert named_sweep(["update_period"], [])[0].name == "figure7b"


def test_a_misspelt_sweep_names_the_nearest() -> None:
    with pytest.raises(UserError, match="alfa is not a sweep; did you mean alpha"):
        named_sweep(["alfa"], ["alfa"])
