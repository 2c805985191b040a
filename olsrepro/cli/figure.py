"""`olsrepro figure`: the runs and the plot data of a figure."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING

from olsrepro.cli import exit_codes
from olsrepro.cli.experiment_words import KEYS, command_line
from olsrepro.cli.output import add_output_arguments, format_of, strict_code, write
from olsrepro.cli.table import add_filling_arguments, filled_by, print_filled

if TYPE_CHECKING:
    from olsrepro.cli.table import CommandOf
    from olsrepro.experiments.experiment import Experiment
    from olsrepro.experiments.request import Request

SUMMARY = "train what a figure lacks, give its plot data"
DESCRIPTION = """\
Composes the runs of a figure, trains those that the store lacks, and gives its data: a table with verdicts for readers
(terminal, Markdown, LaTeX), the points or curves themselves as CSV and JSON. Names are numbers (1, 3, 4, 5, 7a, 7b) or
all; Figures 2 and 6 are drawings."""

EPILOG = f"""\
{KEYS}

examples:
  olsrepro figure 7a preset=short seeds=3
  olsrepro figure 4 --no-train --format csv --output figure4.csv

{exit_codes.MEANINGS}"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of the command."""
    parser.add_argument("overrides", nargs="*", metavar="NAME|KEY=VALUE", help="figures, and overrides of their runs")
    add_filling_arguments(parser)
    add_output_arguments(parser)


def run(arguments: argparse.Namespace) -> int:
    """Fill and print figures; the exit code."""
    from olsrepro.cli.experiment_words import read_words

    wanted, request = read_words(arguments.overrides, "figure", lambda item: item.kind != "table")
    return print_figures(wanted, request, arguments, partial(command_line, "figure", request))


def print_figures(
    experiments: Sequence[Experiment], request: Request, arguments: argparse.Namespace, command_of: CommandOf
) -> int:
    """Train what figures lack and give their plot data, or tables in the formats for readers; the exit code.

    Arguments are those of :func:`olsrepro.cli.table.print_filled`.
    """
    from olsrepro.experiments.collect import cell_curves
    from olsrepro.experiments.render.plot_data import PLOT_FORMATS, plot_data

    chosen = format_of(arguments)
    if chosen not in PLOT_FORMATS:
        return print_filled(experiments, request, arguments, command_of)
    filled, code = filled_by(experiments, request, arguments)
    tables = [filled.table(item, command_of(item)) for item in experiments]
    curves = [
        cell_curves(item, filled.wanted[item.name], filled.found) if item.kind == "curves" else None
        for item in experiments
    ]
    write(plot_data(list(zip(tables, curves, strict=True)), chosen), arguments)
    return strict_code(tables, code) if arguments.strict else code
