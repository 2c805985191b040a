"""Many runs on ranks of which some fail: all of them go on with the next run, or all end."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from pathlib import Path

import pytest
from rank_processes import call_on
from registry import TINY
from rich.console import Console

from olsrepro.config.compose import compose_run
from olsrepro.config.run_config import RunConfig
from olsrepro.distributed.rank_info import rank_info
from olsrepro.settings import UserError
from olsrepro.store.identity import run_id

pytestmark = pytest.mark.slow
TWO = [[*TINY, "runtime.rank_timeout_s=10", f"seed={seed}"] for seed in (0, 1)]
FAILED, REFUSED, INTERRUPTED, DONE = 11, 12, 13, 0


def runs_in(store: Path) -> list[RunConfig]:
    return [compose_run([*lines, f"runtime.runs_dir={store}"]) for lines in TWO]


def train_many(runs: Sequence[RunConfig], failing: Sequence[int], name: str) -> None:
    """Train them; on ``failing`` ranks a call of the trainer fails, in the first run."""
    from olsrepro.launch.errors import RankFailed
    from olsrepro.launchers.many import run_many
    from olsrepro.training.trainer import Trainer

    if rank_info().rank in failing:
        plain = getattr(Trainer, name)

        def fail(*_: object) -> None:
            setattr(Trainer, name, plain)
            raise OSError("no room")

        setattr(Trainer, name, fail)
    with open(os.devnull, "w") as nowhere:
        try:
            code = INTERRUPTED if run_many(runs, Console(file=nowhere)).interrupted else DONE
        except RankFailed:
            code = FAILED
        except UserError:
            code = REFUSED
    os._exit(code)


def train_unlike(runs: Sequence[RunConfig]) -> None:
    """The second rank finds nothing missing but the second run."""
    train_many(runs[rank_info().rank :], (), "")


def statuses(store: Path) -> list[str | None]:
    """Of the two runs; None where there is no record."""
    records = [store / run_id(config) / "record.json" for config in runs_in(store)]
    return [json.loads(path.read_text())["status"] if path.exists() else None for path in records]


@pytest.mark.parametrize(
    ("rank", "name", "status"), [(0, "_write_artifacts", "failed"), (1, "_step", None)], ids=["the first", "the second"]
)
def test_one_that_fails_by_itself_ends_and_the_other_with_it(
    rank: int, name: str, status: str | None, tmp_path: Path
) -> None:
    codes = call_on(2, train_many, runs_in(tmp_path), (rank,), name)
    assert codes == [FAILED, FAILED]
    assert statuses(tmp_path) == [status, None]


def test_those_that_fail_alike_go_on_with_the_next_run(tmp_path: Path) -> None:
    assert call_on(2, train_many, runs_in(tmp_path), (0, 1), "_step") == [DONE, DONE]
    assert statuses(tmp_path) == ["failed", "finished"]


def test_other_runs_on_each_are_refused_on_all(tmp_path: Path) -> None:
    assert call_on(2, train_unlike, runs_in(tmp_path)) == [REFUSED, REFUSED]
    assert statuses(tmp_path) == [None, None]
