"""Tables filled from Python as the command ``olsrepro table`` fills them."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence
from os import PathLike, fspath

from olsrepro.distributed.rank_info import rank_info
from olsrepro.experiments.files import find, load_with_extras
from olsrepro.experiments.filled import want
from olsrepro.experiments.request import parse_request
from olsrepro.experiments.table import Table
from olsrepro.launch.errors import Interrupted
from olsrepro.launchers.base import Launcher
from olsrepro.launchers.fill import Filling, fill
from olsrepro.launchers.in_process import InProcess
from olsrepro.launchers.line_console import line_console


def _say_nothing(line: str) -> None:
    """Ignore a line that is meant for the user."""


def fill_table(
    name: str,
    overrides: Sequence[str] = (),
    *,
    runs_dir: str | PathLike[str] | None = None,
    launcher: Launcher | None = None,
    say: Callable[[str], None] = _say_nothing,
) -> Table:
    """Train and measure what a table lacks, and return it; a second call trains nothing and loads no torch.

    Runs that fail are missing from the table, whose footnotes say why; ``table.is_complete`` is then false. Under
    ``torchrun`` every rank must call it, once; only the first rank's table has what is evaluated after training.

    Args:
        name: of a table, as for ``olsrepro table``: ``2``, ``demo``; or of a figure, ``figure7a``.
        overrides: ``key=value``, as for ``olsrepro table``: ``preset=short``, ``seeds=3``, ``recipe.epochs=8``.
        runs_dir: the store; None: ``OLSREPRO_RUNS``, or ``./runs``.
        launcher: trains what is missing; None: this process does.
        say: called with each line on what is to be trained and on its progress, on the first rank only.

    Raises:
        UserError: a name or an override is not known, or a device or a data set is missing; nothing was started.
        Interrupted: a signal asked for a stop; the same call resumes the training (``olsrepro.launch.errors``).
        RankFailed, RankGone: of several ranks one failed by itself, or is gone (``olsrepro.launch.errors``).
    """
    request = parse_request([*overrides, *([] if runs_dir is None else [_runs_line(fspath(runs_dir))])])
    experiment = find(name, "table")
    if request.extra:
        experiment = load_with_extras(experiment.name)
    told = say if rank_info().rank == 0 else _say_nothing
    filled = want([experiment], request)
    _refuse_interrupted(fill(filled, launcher or InProcess(line_console(told)), agree=_agreeing(told), say=told))
    return filled.table(experiment, request.command("table", experiment))


def _agreeing(say: Callable[[str], None]) -> Callable[[str], bool]:
    def agree(cost: str) -> bool:
        say(cost)
        return True

    return agree


def _refuse_interrupted(filling: Filling) -> None:
    if filling.launched.interrupted:
        raise Interrupted(filling.launched.interrupted)


def _runs_line(folder: str) -> str:
    """Return the override of the store's folder, in quotes where Hydra's grammar asks for them."""
    is_plain = re.fullmatch(r"[\w/.:+@-]+", folder, re.ASCII)
    return f"runtime.runs_dir={folder if is_plain else json.dumps(folder, ensure_ascii=False)}"
