"""Command `olsrepro`: sub-commands over Hydra's override grammar. Only commands that train import torch."""

from __future__ import annotations

import argparse
import errno
import os
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, redirect_stdout
from importlib import import_module
from io import TextIOWrapper
from typing import NoReturn

import olsrepro
from olsrepro.checks import did_you_mean
from olsrepro.cli import exit_codes
from olsrepro.cli.ranks import tell_end, tell_mistake
from olsrepro.distributed.rank_info import RankInfo, rank_info
from olsrepro.launch.errors import OfOneRank
from olsrepro.printing.streams import printable_streams
from olsrepro.printing.text import shortened
from olsrepro.settings import UserError

DESCRIPTION = """\
Reproduces the tables and figures of the paper "Delving Deep into Label Smoothing" (Online Label Smoothing, OLS).

A run is data set x noise x backbone x label method x recipe x preset x seed. The same run is never trained twice.
Kill it at any time; the same command resumes it bit for bit."""

EPILOG = f"""\
examples:
  olsrepro train                                        digits, resnet8, ols, preset smoke: seconds
  olsrepro train dataset=cifar100 backbone=resnet56 method=ols preset=paper
  olsrepro data fetch cifar100
  torchrun --nproc-per-node 4 -m olsrepro train dataset=imagenet backbone=resnet50 preset=paper    four GPUs

folders:
  OLSREPRO_DATA   data sets (default ./data)
  OLSREPRO_RUNS   runs: records, checkpoints, curves (default ./runs)

{exit_codes.MEANINGS}"""


COMMANDS = (
    "table",
    "figure",
    "plan",
    "status",
    "show",
    "experiments",
    "methods",
    "explain",
    "sweep",
    "train",
    "evaluate",
    "boxes",
    "data",
)


OVER_RANKS = ("train", "table", "figure", "sweep")
"""Commands that train, and so may be started by ``torchrun`` as several processes."""


HEAD_START_S = 1.0
"""Seconds that the other ranks of a machine wait before they exit with a mistake, which the first one reports.

Once one has exited, ``torchrun`` ends the others within a tenth of a second, and their output is lost.
"""


class _Parser(argparse.ArgumentParser):
    """Parser that answers a mistake in one line, with the command that explains more."""

    def error(self, message: str) -> None:  # type: ignore[override]
        raise UserError(f"{message}; see {self.prog} --help")

    def _check_value(self, action: argparse.Action, value: object) -> None:
        """Refuse an unknown command with the nearest ones."""
        if action.choices is not None and value not in action.choices:
            raise UserError(f"{self.prog} {value} is not a command; {_nearest(value, action)}; see {self.prog} --help")


def _nearest(value: object, action: argparse.Action) -> str:
    return did_you_mean(value, map(str, action.choices or ()))


def build_parser() -> argparse.ArgumentParser:
    """Build the parser of the whole command line."""
    style = argparse.RawDescriptionHelpFormatter
    parser = _Parser(prog="olsrepro", description=DESCRIPTION, epilog=EPILOG, formatter_class=style)
    parser.add_argument("--version", action="version", version=f"olsrepro {olsrepro.__version__}")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", dest="command", required=True)
    for name in COMMANDS:
        module = import_module(f"olsrepro.cli.{name}")
        sub = commands.add_parser(
            name, help=module.SUMMARY, description=module.DESCRIPTION, epilog=module.EPILOG, formatter_class=style
        )
        module.add_arguments(sub)
        sub.set_defaults(run=module.run)
    return parser


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    """Parse arguments; overrides may stand on both sides of an option, which argparse alone does not allow."""
    parser = build_parser()
    if not (sys.argv[1:] if arguments is None else arguments):
        arguments = ["--help"]
    parsed, rest = parser.parse_known_args(arguments)
    options = [word for word in rest if word.startswith("-")]
    if "--resume" in options:
        raise UserError("--resume is not an option: the same command without it resumes a run from its last checkpoint")
    if options or (rest and not hasattr(parsed, "overrides")):
        raise UserError(f"unrecognized arguments: {' '.join(options or rest)}; see olsrepro {parsed.command} --help")
    if rest:
        parsed.overrides += rest
    return parsed


def _refuse_ranks(command: str, here: RankInfo) -> None:
    if here.ranks > 1 and command not in OVER_RANKS:
        raise UserError(
            f"olsrepro {command} runs in one process, but torchrun has started {here.ranks}: start it without torchrun,"
            f" which is for {', '.join(OVER_RANKS)}"
        )


@contextmanager
def _heard(here: RankInfo) -> Iterator[None]:
    """Print what the first rank prints, and discard the output of the others."""
    if here.rank == 0:
        yield
        return
    with open(os.devnull, "w") as nowhere, redirect_stdout(nowhere):
        yield


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command; return its exit code."""
    _escape_unprintable()
    with printable_streams():
        try:
            here = rank_info()
        except UserError as error:
            print(f"olsrepro: {shortened(str(error))}", file=sys.stderr)
            return exit_codes.USER_MISTAKE
        if here.ranks > 1:  # torch's C++ traces say nothing of a lost rank that our line does not
            os.environ.setdefault("TORCH_CPP_LOG_LEVEL", "ERROR")
        code = _done(arguments, here)
    if code != exit_codes.DONE and here.local_rank > 0:
        time.sleep(HEAD_START_S)
    return code


def _escape_unprintable() -> None:
    """Have letters that the output's encoding lacks, as in a path that is no text, printed as ``\\udcff``."""
    if isinstance(sys.stdout, TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")


def _written(parsed: argparse.Namespace) -> int:
    """Run a command and write out what it printed; return its exit code."""
    try:
        code: int = parsed.run(parsed)
        sys.stdout.flush()
    except BrokenPipeError:
        raise
    except OSError as error:
        if error.errno == errno.ENAMETOOLONG:
            raise UserError(f"{error.filename}: no file can have so long a name") from None
        _refuse_full(error)
    return code


def _refuse_full(error: OSError) -> NoReturn:
    """Refuse a standard output that can't be written to, as on a full disk; raise other errors again."""
    try:
        print(flush=True)
    except OSError as reason:
        _discard_output()  # else Python tells of the unwritten rest when it exits
        raise UserError(f"standard output can't be written to: {reason.strerror}") from None
    raise error


def _discard_output() -> None:
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _done(arguments: Sequence[str] | None, here: RankInfo) -> int:
    try:
        parsed = _parse(arguments)
        _refuse_ranks(parsed.command, here)
        with _heard(here):
            code: int = _written(parsed)
        return code
    except UserError as error:
        tell_mistake(shortened(" ".join(str(error).splitlines())), here)
        return exit_codes.USER_MISTAKE
    except OfOneRank as error:
        return tell_end(error)
    except KeyboardInterrupt:
        print("olsrepro: interrupted", file=sys.stderr)
        return exit_codes.BROKEN_OFF
    except BrokenPipeError:
        _discard_output()  # a closed pipe: `data list | head`
        return exit_codes.DONE


if __name__ == "__main__":
    sys.exit(main())
