"""Finished runs by their ids, for commands that evaluate them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from olsrepro.checks import nearest
from olsrepro.settings import UserError

if TYPE_CHECKING:
    from olsrepro.config.run_config import RunConfig


def finished_config(name: str, lines: Sequence[str]) -> RunConfig:
    """Return the config of a finished run, to be evaluated as the ``runtime.*`` lines say.

    Raises:
        UserError: there is no finished run with this id.
    """
    from olsrepro.config.compose import compose_run
    from olsrepro.config.restore import as_written
    from olsrepro.store.identity import run_id
    from olsrepro.store.record import FINISHED, read_record

    runtime = compose_run([line for line in lines if line.startswith("runtime.")]).runtime
    root = Path(runtime.runs_dir)
    record = read_record(root / name)
    if record is None:
        if not root.is_dir():
            raise UserError(f"there is no run {name}, nor the folder {root} itself; OLSREPRO_RUNS names the folder")
        if (root / name).is_dir():
            raise UserError(f"{name} is not finished; repeat the command that started it to resume it")
        near = nearest(name, (path.parent.name for path in root.glob("*/record.json")))
        raise UserError(f"there is no run {name} in {root}" + (f"; did you mean {' or '.join(near)}?" if near else ""))
    if record["status"] != FINISHED:
        raise UserError(f"{name} failed ({record['error']['kind']}) and can't be evaluated")
    config = as_written(record["config"], runtime)
    found = next((one for one in (config, config.shortest()) if run_id(one) == name), None)
    if found is None:
        raise UserError(
            f"{name} has a config that is the run {run_id(config)} to this version of olsrepro, so that nothing can be"
            " measured of it"
        )
    return found
