"""Runs in this process: those whose data set is missing are left out and named, before torch is loaded."""

from __future__ import annotations

import io
from collections.abc import Sequence

import pytest
from rich.console import Console

from olsrepro.config.compose import compose_run
from olsrepro.config.run_config import RunConfig
from olsrepro.launchers import many
from olsrepro.launchers.base import Launched
from olsrepro.launchers.in_process import InProcess
from olsrepro.settings import UserError

HERE = compose_run(["dataset=digits"])
ABSENT = [compose_run(["dataset=cifar100", "backbone=resnet20", f"seed={seed}"]) for seed in (0, 1)]


def test_runs_whose_data_set_is_missing_are_named_and_the_others_trained(monkeypatch: pytest.MonkeyPatch) -> None:
    given: list[RunConfig] = []

    def run_many(configs: Sequence[RunConfig], console: Console) -> Launched:
        given.extend(configs)
        return Launched(len(configs))

    monkeypatch.setattr(many, "run_many", run_many)
    shown = io.StringIO()
    launched = InProcess(Console(file=shown, width=1000)).train([ABSENT[0], HERE, ABSENT[1]])
    assert given == [HERE]
    assert launched.trained == 1
    (line,) = launched.failed
    assert line.startswith("2 runs are left out: cifar100 is not here")
    assert line in shown.getvalue()


def test_nothing_is_begun_where_no_data_set_is_here() -> None:
    with pytest.raises(UserError, match="run `olsrepro data fetch cifar100`"):
        InProcess(Console(file=io.StringIO())).train(ABSENT)
