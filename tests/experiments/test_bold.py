"""Which cells are bold: the best where it is known, else all that may be the best."""

from __future__ import annotations

from dataclasses import replace

import pytest

from olsrepro.experiments.claims.bold import best_cells
from olsrepro.experiments.experiment import CellKey, Experiment, Line
from olsrepro.experiments.statistics import Sample


def experiment(rows: str = "ols hard ls", columns: str = "a", metric: str = "top1_err") -> Experiment:
    lines = ({key: Line(key, key) for key in keys.split()} for keys in (rows, columns))
    return Experiment("made_up", "A table for tests", metric=metric, rows=next(lines), columns=next(lines))


def samples(n: int = 3, sd: float = 0.1, column: str = "a", **means: float) -> dict[CellKey, Sample]:
    return {(row, column): Sample(mean, sd if n > 1 else None, n) for row, mean in means.items()}


@pytest.mark.parametrize(
    ("hard", "expected"), [(20.5, {"ols"}), (20.1, {"ols", "hard"}), (20.0, {"ols", "hard"}), (19.5, {"hard"})]
)
def test_bold_is_the_best_alone_or_all_that_cannot_be_told_from_it(hard: float, expected: set[str]) -> None:
    ours = samples(ols=20.0, hard=hard, ls=22.0)
    found = best_cells(experiment(), ours, ours)
    assert found == {(row, "a") for row in expected}


def test_bold_needs_welch_too() -> None:
    calm = {f"row{index}": 30.0 for index in range(9)}
    ours = samples(ols=20.0, **calm) | samples(sd=1.0, hard=21.0)
    made = experiment(rows=" ".join(["ols", "hard", *calm]))
    assert best_cells(made, ours, [("ols", "a"), ("hard", "a")]) == {("ols", "a"), ("hard", "a")}


def test_bold_pools_with_cells_that_are_no_rivals() -> None:
    made, rivals = experiment(columns="a b"), samples(ols=20.0, hard=20.5)
    noisy = samples(sd=1.0, column="b", ols=30.0, hard=30.0)
    assert best_cells(made, rivals, rivals) == {("ols", "a")}
    assert best_cells(made, rivals | noisy, rivals) == {("ols", "a"), ("hard", "a")}


def test_nothing_is_bold_beside_a_single_run_alone_or_where_no_direction_is_better() -> None:
    single = samples(ols=20.0, ls=21.0) | samples(n=1, hard=22.0)
    assert best_cells(experiment(), single, single) == set()
    assert best_cells(experiment(), samples(ols=20.0), [("ols", "a"), ("hard", "a")]) == set()
    undirected = samples(ols=20.0, hard=22.0)
    assert best_cells(experiment(metric="train_err"), undirected, undirected) == set()


def test_bold_is_the_highest_where_higher_is_better_and_quoted_rows_are_no_rivals() -> None:
    made = experiment(metric="mAP")
    made = replace(made, rows={**made.rows, "ls": Line("ls", "LS", quoted="elsewhere")})
    ours = samples(ols=80.0, hard=79.0) | samples(n=1, ls=90.0)
    assert best_cells(made, ours, ours) == {("ols", "a")}
