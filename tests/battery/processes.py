"""Runs in processes of their own, forked from a warm one, so that they can be killed at an exact place."""

from __future__ import annotations

import multiprocessing as mp
import os
import signal
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path

from quick_composer import composed
from rich.console import Console

from olsrepro.config.run_config import RunConfig
from olsrepro.store.identity import run_id

PLACES = {"step": "_step", "tested": "_evaluate", "saved": "checkpoint", "written": "_write_artifacts"}
CONTEXT = mp.get_context("forkserver")
CONTEXT.set_forkserver_preload(
    ["sklearn.datasets", "torch.utils.tensorboard", "torch._dynamo", "olsrepro.launch.run", "olsrepro.launchers"]
)


def train(lines: list[str], runs: Path, kill: tuple[str, int] | None = None) -> int:
    """Train in another process; its exit code, negative for a signal.

    ``kill`` is (place, n): SIGKILL when the process has been there n times. Places: ``step``, after a step; ``tested``,
    when an epoch has been tested and nothing of it is written; ``saved``, after a checkpoint; ``written``, when an
    epoch's files are written, all but its curves.
    """
    return train_config(run_in(runs, lines), kill)


def run_in(runs: Path, lines: Sequence[str]) -> RunConfig:
    """The run of some lines, to be kept in a folder."""
    return composed(*lines, f"runtime.runs_dir={runs}")


def id_of(lines: Sequence[str]) -> str:
    """The run id of some lines."""
    return run_id(composed(*lines))


def train_config(config: RunConfig, kill: tuple[str, int] | None = None) -> int:
    """As :func:`train`, of a run that no lines come to."""
    process = CONTEXT.Process(target=_train, args=(config, kill))
    process.start()
    process.join(timeout=120)
    if process.is_alive():
        process.kill()
        raise TimeoutError(f"{config} did not end")
    assert process.exitcode is not None
    return process.exitcode


def _train(config: RunConfig, kill: tuple[str, int] | None) -> None:
    warnings.simplefilter("error")
    from olsrepro.launchers.dependencies import run_with_dependencies as run
    from olsrepro.training.trainer import Trainer

    if kill is not None:
        name = PLACES[kill[0]]
        setattr(Trainer, name, killing_after(getattr(Trainer, name), kill[1]))
    with open(os.devnull, "w") as nowhere:
        run(config, console=Console(file=nowhere))


def killing_after(method: Callable[..., object], count: int) -> Callable[..., object]:
    calls = 0

    def wrapped(*arguments: object) -> object:
        nonlocal calls
        result = method(*arguments)
        calls += 1
        if calls == count:
            os.kill(os.getpid(), signal.SIGKILL)
        return result

    return wrapped
