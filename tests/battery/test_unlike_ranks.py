"""Ranks that would train different things are refused on all of them, before a step, in a line that says what differs.

All cases share one pair of processes, which are in step again after each refusal.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest
import torch
from rank_processes import call_on
from registry import TINY
from rich.console import Console

from olsrepro.config.compose import compose_run
from olsrepro.distributed.rank_info import rank_info
from olsrepro.settings import UserError
from olsrepro.store.identity import run_id

pytestmark = pytest.mark.slow
OLS = [*TINY, "method=ols"]


def lines_of(folder: Path, *more: str) -> list[str]:
    """The lines of a case, of which each of ``more`` replaces the one with its key."""
    lines = [*OLS, f"runtime.runs_dir={folder}", *more]
    return list({line.partition("=")[0]: line for line in lines}.values())


TYPED = {
    "seed": (["seed=1"], "seed (1, not 0)"),
    "rate": (["recipe.lr=0.2"], "recipe.lr (0.2, not 0.1)"),
    "switch": (["method.alpha=0.3"], "method.alpha (0.3, not 0.5)"),
    "method": (["method=ls"], "method.alpha (absent, not 0.5)"),
    "noise": (["noise.rate=0.4"], "noise.rate (0.4, not 0.2)"),
    "parts": (["runtime.accumulate=2"], "runtime.accumulate (2, not 1)"),
    "checkpoints": (["runtime.checkpoint_steps=3"], "runtime.checkpoint_steps (3, not 5)"),
}
"""What is typed on the second rank, and what the line says."""


def other_code() -> Any:
    return patch("olsrepro.launch.alike.sources_sha256", lambda: "0" * 64)


def other_versions() -> Any:
    from olsrepro.launch.provenance import versions

    return patch("olsrepro.launch.alike.versions", lambda: {**versions(), "timm": "0.1"})


@contextmanager
def other_images() -> Iterator[None]:
    from olsrepro.launch import reader

    plain = reader.read_dataset

    def altered(*arguments: Any) -> Any:
        data = plain(*arguments)
        return replace(data, train_images=data.train_images.roll(1, 0))

    with patch.object(reader, "read_dataset", altered):
        yield


@contextmanager
def other_weights() -> Iterator[None]:
    from olsrepro.launch import build

    plain = build.build_learner

    def altered(*arguments: Any) -> Any:
        learner = plain(*arguments)
        with torch.no_grad():
            next(learner.network.parameters()).view(-1)[0] += 1e-6
        return learner

    with patch.object(build, "build_learner", altered):
        yield


FOUND: dict[str, tuple[Callable[[], Any], str]] = {
    "code": (other_code, "the sources of olsrepro (000000000000, not "),
    "versions": (other_versions, "timm (0.1, not "),
    "images": (other_images, "the training images: "),
    "weights": (other_weights, "the initial weights: "),
}
"""What the second rank has beside the same command, and what the line says."""


def try_all(folder: Path) -> None:
    """Start every case on this rank, and write what each ended with."""
    from olsrepro.distributed.ranks import leave
    from olsrepro.launch.errors import RunFailed
    from olsrepro.launch.run import run

    is_second, told = rank_info().rank == 1, {}
    cases = {name: (more, nullcontext) for name, (more, _) in TYPED.items()}
    cases |= {name: ([], context) for name, (context, _) in FOUND.items()} | {"alike": ([], nullcontext)}
    # the number of workers is a rank's own affair
    more_of = {name: [*more, "runtime.workers=1"] if is_second else [] for name, (more, _) in cases.items()}
    configs = {name: compose_run(lines_of(folder / name, *more)) for name, more in more_of.items()}
    with open(os.devnull, "w") as nowhere:
        for name, (_, context) in cases.items():
            with context() if is_second else nullcontext():
                try:
                    run(configs[name], console=Console(file=nowhere))
                    told[name] = ""
                except (UserError, RunFailed) as error:
                    told[name] = str(error)
    leave()
    (folder / f"{rank_info().rank}.json").write_text(json.dumps(told))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("unlike")
    assert call_on(2, try_all, folder) == [0, 0]
    return folder


def told(folder: Path, name: str) -> list[str]:
    return [json.loads((folder / f"{rank}.json").read_text())[name] for rank in (0, 1)]


@pytest.mark.parametrize("name", [*TYPED, *FOUND])
def test_what_differs_is_told_with_the_rank_on_all_ranks(name: str, folder: Path) -> None:
    expected = (TYPED | FOUND)[name][1]
    for line in told(folder, name):
        assert "rank 1 on " in line
        assert " differs from rank 0 in " in line
        assert expected in line
    assert not list((folder / name).rglob("checkpoint.pt"))


def test_ranks_that_are_alike_train_and_the_record_has_the_machine_and_versions_of_each(folder: Path) -> None:
    assert told(folder, "alike") == ["", ""]
    record = json.loads((folder / "alike" / run_id(compose_run(OLS)) / "record.json").read_text())
    (process,) = record["history"]
    ours, theirs = process["each_rank"]
    assert ours == theirs
    assert {"host", "versions", "code", "device"} <= ours.keys()
    assert ours["host"] == process["host"]
