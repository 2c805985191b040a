"""Training as `table`, `figure` and `sweep` share it: options, the question before it, and its exit code."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

from olsrepro.cli import exit_codes
from olsrepro.cli.runs_folder import existing_runs
from olsrepro.distributed.rank_info import rank_info

if TYPE_CHECKING:
    from olsrepro.experiments.experiment import Experiment
    from olsrepro.experiments.filled import Filled
    from olsrepro.experiments.request import Request
    from olsrepro.launchers.fill import Filling

RANKS = """\
many GPUs: `torchrun --nproc-per-node 4 -m olsrepro COMMAND ...` trains each run on four of them."""


def add_filling_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options ``--no-train``, ``--yes`` and ``--strict``."""
    parser.add_argument("--no-train", action="store_true", help="train nothing; show what is in the store")
    parser.add_argument("--yes", action="store_true", help="train without asking for confirmation")
    parser.add_argument("--strict", action="store_true", help="exit with 3 if incomplete, with 4 if a claim fails")


def filled_by(experiments: Sequence[Experiment], request: Request, arguments: argparse.Namespace) -> tuple[Filled, int]:
    """Train the missing runs of experiments if that is allowed; return all outcomes and the exit code so far.

    Raises:
        UserError: a run can't be composed, or a device or a data set is missing; nothing was started.
        SystemExit: this is one of several ranks, and only the first goes on.
    """
    from olsrepro.experiments.filled import want

    filled = want(experiments, request)
    if arguments.no_train:
        existing_runs(request)
    return filled, exit_codes.DONE if arguments.no_train else _fill(filled, ask=not arguments.yes)


def _fill(filled: Filled, *, ask: bool) -> int:
    from olsrepro.launchers.fill import fill
    from olsrepro.launchers.in_process import InProcess
    from olsrepro.printing.console import PrintableConsole

    def agree(cost: str) -> bool:
        _say(cost)
        return not ask or _agreed()

    launcher = InProcess(PrintableConsole(stderr=True, highlight=False, soft_wrap=True))
    filling = fill(filled, launcher, agree=agree, say=_say, times_unknown=ask and _is_asked())
    if filling.left_to_first:  # a failure of another rank would make `torchrun` end the first one
        raise SystemExit(exit_codes.DONE)
    if filling.declined:
        _say("nothing was trained")
    if filling.launched.interrupted:
        _say(f"olsrepro: {filling.launched.interrupted}")
    return _code(filling)


def _code(filling: Filling) -> int:
    came_of = (
        (filling.launched.interrupted, exit_codes.INTERRUPTED),
        (filling.launched.failed, exit_codes.RUN_FAILED),
        (filling.launched.held, exit_codes.HELD),
        (filling.unmeasured, exit_codes.RUN_FAILED),
    )
    return next((code for lines, code in came_of if lines), exit_codes.DONE)


def _is_asked() -> bool:
    return sys.stdin.isatty() and rank_info().ranks == 1  # else each rank would ask for itself


def _agreed() -> bool:
    if not _is_asked():
        return True
    sys.stderr.write("continue? [y/N] ")
    sys.stderr.flush()
    return sys.stdin.readline().strip().lower() in ("y", "yes")


def _say(line: str) -> None:
    if rank_info().rank == 0:
        print(line, file=sys.stderr)
