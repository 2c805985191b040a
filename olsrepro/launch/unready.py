"""Refusals of a run by files and settings alone, made before torch is loaded, which takes seconds."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from olsrepro.config.run_config import RunConfig
from olsrepro.data.download.status import absence
from olsrepro.distributed.rank_info import rank_info
from olsrepro.files.lease import refuse_held
from olsrepro.settings import UserError
from olsrepro.store.identity import run_id
from olsrepro.store.record import FINISHED, NAME, read_record
from olsrepro.store.teacher import teacher_record


def finished_record(config: RunConfig) -> Path | None:
    """Return the path of a run's record if that says that it is finished, else None; refuse a damaged one."""
    folder = Path(config.runtime.runs_dir) / run_id(config)
    record = read_record(folder)
    return folder / NAME if record is not None and record["status"] == FINISHED else None


def refuse_unready(config: RunConfig) -> None:
    """Refuse a run whose data set is missing, or which another process on this machine writes, unless it may wait.

    Raises:
        UserError: there is nothing of its data set.
        Held: a living process holds its folder.
    """
    if not config.runtime.wait_for_held:
        refuse_held(Path(config.runtime.runs_dir) / run_id(config))
    refuse_absent(config)


def refuse_absent(config: RunConfig) -> None:
    """Refuse a run whose data set is missing (:class:`UserError`), by a quick look at what should be there."""
    if line := absence(config.dataset.name, Path(config.runtime.data_dir)):
        raise UserError(line)


def runs_with_data(configs: Sequence[RunConfig]) -> tuple[list[RunConfig], list[str]]:
    """Split runs into those whose data set is here, and a line on each data set that is not.

    Raises:
        UserError: none of the data sets is here.
    """
    places = {(config.dataset.name, config.runtime.data_dir): config for config in configs}
    absent = {place: line for place in places if (line := absence(place[0], Path(place[1])))}
    present = [config for config in configs if (config.dataset.name, config.runtime.data_dir) not in absent]
    if not present:
        raise UserError(next(iter(absent.values())))
    counted = Counter((config.dataset.name, config.runtime.data_dir) for config in configs)
    return present, [f"{_runs(counted[place])} left out: {line}" for place, line in absent.items()]


def _runs(number: int) -> str:
    return "1 run is" if number == 1 else f"{number} runs are"


def refusals(config: RunConfig) -> Iterator[str]:
    """Yield a line on each reason why a run would be refused; loads torch only where a device must be tried."""
    for refuse in (refuse_unready, teacher_record, _refuse_device, _refuse_uneven):
        if line := _line_of(refuse, config):
            yield line


def _line_of(refuse: Callable[[RunConfig], object], config: RunConfig) -> str:
    try:
        refuse(config)
    except UserError as error:
        return str(error)
    return ""


def _refuse_device(config: RunConfig) -> None:
    if config.runtime.device in ("auto", "cpu") and not config.runtime.channels_last:
        return
    from olsrepro.training.device import prepare_device

    prepare_device(config.runtime)


def _refuse_uneven(config: RunConfig) -> None:
    if rank_info().ranks * config.runtime.accumulate == 1:
        return
    from olsrepro.launch.ranks import refuse_uneven

    refuse_uneven(config)
