"""Runs on several ranks, each in a process of its own, as ``torchrun`` would start them."""

from __future__ import annotations

import os
import socket
import time
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path

from processes import CONTEXT, PLACES, killing_after, run_in
from rich.console import Console

from olsrepro.config.run_config import RunConfig

Kill = tuple[int, str, int]
"""Rank, place of ``processes.PLACES``, how many times it has been there."""


def train_on(ranks: int, runs: Sequence[Sequence[str]], folder: Path, kill: Kill | None = None) -> list[int | None]:
    """Train some runs, one after another, on the same ranks; the exit codes of the ranks, None for one that hangs."""
    return train_configs_on(ranks, [run_in(folder, lines) for lines in runs], kill)


def train_configs_on(ranks: int, runs: Sequence[RunConfig], kill: Kill | None = None) -> list[int | None]:
    """As :func:`train_on`, of runs that no lines come to."""
    return call_on(ranks, _train, runs, kill)


def call_on(ranks: int, work: Callable[..., None], *arguments: object, timeout_s: float = 600) -> list[int | None]:
    """Call something on so many ranks; the exit codes of the ranks, None for one that hangs."""
    port = _free_port()
    processes = [
        CONTEXT.Process(target=_call, args=(_environment(rank, ranks, port), work, arguments)) for rank in range(ranks)
    ]
    for process in processes:
        process.start()
    until = time.monotonic() + timeout_s
    for process in processes:
        process.join(timeout=max(0.0, until - time.monotonic()))
    codes = [process.exitcode for process in processes]
    for process in processes:
        process.kill()
    return codes


def _environment(rank: int, ranks: int, port: int) -> dict[str, str]:
    """This process's own, with what torchrun adds; the server that forks the ranks has an older one."""
    told = {"RANK": rank, "WORLD_SIZE": ranks, "LOCAL_RANK": rank, "LOCAL_WORLD_SIZE": ranks, "MASTER_PORT": port}
    return os.environ | {key: str(value) for key, value in told.items()} | {"MASTER_ADDR": "127.0.0.1"}


def _call(environment: dict[str, str], work: Callable[..., None], arguments: Sequence[object]) -> None:
    warnings.simplefilter("error")
    os.environ |= environment
    work(*arguments)


def _train(runs: Sequence[RunConfig], kill: Kill | None) -> None:
    from olsrepro.distributed.rank_info import rank_info
    from olsrepro.distributed.ranks import leave
    from olsrepro.launchers.dependencies import run_with_dependencies as run
    from olsrepro.training.trainer import Trainer

    if kill is not None and kill[0] == rank_info().rank:
        name = PLACES[kill[1]]
        setattr(Trainer, name, killing_after(getattr(Trainer, name), kill[2]))
    with open(os.devnull, "w") as nowhere:
        for config in runs:
            run(config, console=Console(file=nowhere))
    leave()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
