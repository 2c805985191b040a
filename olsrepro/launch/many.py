"""Many runs, one after another in this process: a failure is told and the rest goes on."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from rich.console import Console

from olsrepro.config.run_config import RunConfig
from olsrepro.data.registry import read_dataset
from olsrepro.distributed.news import from_first
from olsrepro.distributed.ranks import is_first
from olsrepro.files.lease import Held
from olsrepro.launch.errors import RankFailed, RunFailed
from olsrepro.launch.pretrained import pretrained_file
from olsrepro.launch.ranks import meet, refuse_uneven, together
from olsrepro.launch.run import run
from olsrepro.settings import UserError
from olsrepro.store.identity import run_id
from olsrepro.store.teacher import teacher_record
from olsrepro.training.device import prepare_device

PACE_S = 10.0


@dataclass(frozen=True)
class Finished:
    """What came of a set of runs: how many were trained, and a line for each that was not."""

    trained: int
    failed: tuple[str, ...] = ()
    held: tuple[str, ...] = ()


def run_many(configs: Sequence[RunConfig], console: Console) -> Finished:
    """Train runs in order; an epoch's line at most every :data:`PACE_S` seconds.

    Raises:
        UserError: a device, a data set or a teacher that they need is not here; nothing was started.
        Interrupted: a signal asked for a stop; the same command goes on.
        RankFailed: of several ranks this one failed by itself.
    """
    meet(configs[0].runtime)
    first = from_first([run_id(config) for config in configs])
    together(lambda: _refuse_other_runs(configs, first))
    together(lambda: _refuse_unready(configs, partial(_say, console)))
    failed: list[str] = []
    held: list[str] = []
    for number, config in enumerate(configs, start=1):
        if is_first():
            console.print(f"[{number}/{len(configs)}] ", end="", markup=False, highlight=False)
        try:
            run(config, console=console, pace_s=PACE_S)
        except RankFailed:
            raise
        except Held as error:
            held.append(_told(str(error), console))
        except (RunFailed, UserError) as error:
            failed.append(_told(str(error), console))
    return Finished(len(configs) - len(failed) - len(held), tuple(failed), tuple(held))


def _refuse_other_runs(configs: Sequence[RunConfig], first: Sequence[str]) -> None:
    """Each rank has looked by itself for what the store lacks."""
    if [run_id(config) for config in configs] != list(first):
        raise UserError(
            "it has found other runs missing than rank 0 has: another process may just have written one, and the same"
            f" command goes on; or {configs[0].runtime.runs_dir} is not one folder for all machines"
        )


def _refuse_unready(configs: Sequence[RunConfig], say: Callable[[str], None]) -> None:
    """Every device, data set, file of weights and teacher is looked at, before the first run."""
    prepared = {(config.runtime.device, config.runtime.channels_last): config.runtime for config in configs}
    for runtime in prepared.values():
        prepare_device(runtime)
    needed = {(config.dataset.name, config.runtime.data_dir): config for config in configs}
    for config in needed.values():
        read_dataset(config.dataset, Path(config.runtime.data_dir))
    starts = {(config.recipe.start, config.runtime.data_dir): config for config in configs}
    for config in starts.values():
        pretrained_file(config, say)
    for config in configs:
        refuse_uneven(config)
        teacher_record(config)


def _told(line: str, console: Console) -> str:
    _say(console, line)
    return line


def _say(console: Console, line: str) -> None:
    if is_first():
        console.print(line, markup=False, highlight=False)
