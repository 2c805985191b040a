"""Command `olsrepro table`: train what a table lacks; print it beside the paper's, with a verdict on each claim."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING

from olsrepro.cli import exit_codes
from olsrepro.cli.experiment_words import KEYS
from olsrepro.cli.filling import RANKS, add_filling_arguments, filled_by
from olsrepro.cli.output import add_output_arguments, format_of, on_terminal, strict_code, write

if TYPE_CHECKING:
    from olsrepro.experiments.experiment import Experiment
    from olsrepro.experiments.request import Request

    CommandOf = Callable[[Experiment], str]

SUMMARY = "train what a table lacks; print it beside the paper's"
DESCRIPTION = """\
Composes the runs of a table, trains those that the store lacks, and prints the table: our numbers, the paper's, the
difference with its 95 % interval, and a verdict on each of the paper's claims. Runs that tables share are trained once,
and repeating the command trains nothing. Names are numbers (2, II, table2), demo, ols_single, check, or all."""

EPILOG = f"""\
{KEYS}

{RANKS}

examples:
  olsrepro table demo                             handwritten digits, two to three minutes, no download
  olsrepro table 2 --no-train                     what the store has, and what is missing
  olsrepro table 7 preset=short seeds=3 --format markdown --output table7.md
  olsrepro table all preset=smoke                 every table at toy size: only tests the machinery

{exit_codes.MEANINGS}"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of the command."""
    parser.add_argument("overrides", nargs="*", metavar="NAME|KEY=VALUE", help="tables, and overrides of their runs")
    add_filling_arguments(parser)
    add_output_arguments(parser)


def run(arguments: argparse.Namespace) -> int:
    """Fill and print tables; return the exit code."""
    from olsrepro.cli.experiment_words import read_words

    wanted, request = read_words(arguments.overrides, "table", lambda item: item.kind == "table")
    return print_filled(wanted, request, arguments, partial(request.command, "table"))


def print_filled(
    experiments: Sequence[Experiment], request: Request, arguments: argparse.Namespace, command_of: CommandOf
) -> int:
    """Train what experiments lack and print their tables; return the exit code.

    Args:
        experiments: at least one.
        request: preset, seeds and overrides of their runs.
        arguments: with the options of ``add_filling_arguments`` and ``add_output_arguments``.
        command_of: gives the command that fills an experiment, for footnotes.
    """
    from olsrepro.experiments.render import render
    from olsrepro.printing.width import text_width

    chosen = format_of(arguments)
    filled, code = filled_by(experiments, request, arguments)
    tables = [filled.table(item, command_of(item)) for item in experiments]
    columns = "ours" if arguments.ours else "both"
    width = text_width(to_file=arguments.output is not None) if chosen == "terminal" else None
    write(render(tables, chosen, columns, width, color=on_terminal(arguments)), arguments)
    return strict_code(tables, code) if arguments.strict else code
