"""Many runs, one after another in this process: a failure is reported, and the rest are trained all the same."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

from rich.console import Console

from olsrepro.config.run_config import RunConfig
from olsrepro.data.registry import read_dataset
from olsrepro.distributed.news import from_first
from olsrepro.distributed.ranks import is_first, leave
from olsrepro.files.lease import Held
from olsrepro.launch.errors import Interrupted, RankFailed, RunFailed
from olsrepro.launch.pretrained import pretrained_file
from olsrepro.launch.ranks import meet, refuse_uneven, together
from olsrepro.launchers.base import Launched
from olsrepro.launchers.dependencies import run_with_dependencies
from olsrepro.settings import UserError
from olsrepro.store.identity import run_id
from olsrepro.store.teacher import teacher_record
from olsrepro.training.device import prepare_device

PACE_S = 10.0


def run_many(configs: Sequence[RunConfig], console: Console) -> Launched:
    """Train runs in order, each with an epoch's line at most every :data:`PACE_S` seconds; every rank must call it.

    Raises:
        UserError: a device, a data set or a teacher that they need is missing; nothing was started.
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
            run_with_dependencies(config, console=console, pace_s=PACE_S)
        except RankFailed:
            raise
        except Interrupted as stop:
            return Launched(number - 1 - len(failed) - len(held), tuple(failed), tuple(held), str(stop))
        except Held as error:
            held.append(_told(str(error), console))
        except (RunFailed, UserError) as error:
            failed.append(_told(str(error), console))
    leave()
    return Launched(len(configs) - len(failed) - len(held), tuple(failed), tuple(held))


def _refuse_other_runs(configs: Sequence[RunConfig], first: Sequence[str]) -> None:
    """Refuse runs other than the first rank's: each rank has looked for itself which ones the store lacks."""
    if [run_id(config) for config in configs] != list(first):
        raise UserError(
            "other runs are missing here than on rank 0: if another process has just finished one, repeat the command;"
            f" otherwise {configs[0].runtime.runs_dir} is not one folder that all machines share"
        )


def _refuse_unready(configs: Sequence[RunConfig], say: Callable[[str], None]) -> None:
    """Refuse runs before the first one starts, if a device, data set, file of weights or teacher is missing."""
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
