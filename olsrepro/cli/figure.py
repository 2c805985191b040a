"""Command `olsrepro figure`: train what a figure lacks; draw it, or print its numbers."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING

from olsrepro.cli import exit_codes
from olsrepro.cli.experiment_words import KEYS
from olsrepro.cli.filling import RANKS, add_filling_arguments, filled_by
from olsrepro.cli.output import (
    add_output_arguments,
    format_of,
    is_picture,
    picture_paths,
    refuse_existing,
    strict_code,
    write,
)
from olsrepro.cli.table import print_filled

if TYPE_CHECKING:
    from olsrepro.cli.table import CommandOf
    from olsrepro.experiments.experiment import Experiment
    from olsrepro.experiments.request import Request

SUMMARY = "train what a figure lacks; draw it, or print its numbers"
DESCRIPTION = """\
Composes the runs of a figure, trains those that the store lacks, and writes it as a picture (--output NAME.png,
.svg or .pdf), as a table with verdicts (terminal, Markdown, LaTeX), or as plot data: points, curves and labels (CSV,
JSON).
Names are numbers (1, 3, 4, 5, 7a, 7b) or all; Figures 2 and 6 are drawings."""

EPILOG = f"""\
{KEYS}

{RANKS}

examples:
  olsrepro figure 7a preset=short seeds=3
  olsrepro figure 4 --no-train --format csv --output figure4.csv
  olsrepro figure 1 3 preset=smoke --output pictures.png    pictures_figure1.png and pictures_figure3.png

{exit_codes.MEANINGS}"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of the command."""
    parser.add_argument("overrides", nargs="*", metavar="NAME|KEY=VALUE", help="figures, and overrides of their runs")
    add_filling_arguments(parser)
    add_output_arguments(parser)


def run(arguments: argparse.Namespace) -> int:
    """Fill and print figures; return the exit code."""
    from olsrepro.cli.experiment_words import read_words

    wanted, request = read_words(arguments.overrides, "figure", lambda item: item.kind != "table")
    return print_figures(wanted, request, arguments, partial(request.command, "figure"))


def print_figures(
    experiments: Sequence[Experiment], request: Request, arguments: argparse.Namespace, command_of: CommandOf
) -> int:
    """Train what figures lack; draw them, or print plot data or tables; return the exit code.

    The arguments are those of :func:`olsrepro.cli.table.print_filled`.
    """
    from olsrepro.experiments.render.plot_data import PLOT_FORMATS, plot_data

    if is_picture(arguments.output):
        return _draw(experiments, request, arguments, command_of)
    chosen = format_of(arguments)
    if chosen not in PLOT_FORMATS:
        return print_filled(experiments, request, arguments, command_of)
    filled, code = filled_by(experiments, request, arguments)
    figures = [filled.plotted(item, command_of(item)) for item in experiments]
    write(plot_data(figures, chosen), arguments)
    return strict_code([figure.table for figure in figures], code) if arguments.strict else code


def _draw(
    experiments: Sequence[Experiment], request: Request, arguments: argparse.Namespace, command_of: CommandOf
) -> int:
    """Draw one picture per figure; several go to files with their names before the suffix."""
    from olsrepro.report.picture import check_drawable, draw
    from olsrepro.report.save import check_suffix, save

    paths = picture_paths(arguments.output, [item.name for item in experiments])
    for experiment, path in zip(experiments, paths, strict=True):
        check_drawable(experiment)
        check_suffix(path)
        refuse_existing(path, arguments)
    filled, code = filled_by(experiments, request, arguments)
    figures = [filled.plotted(item, command_of(item)) for item in experiments]
    for figure, path in zip(figures, paths, strict=True):
        save(draw(figure), path)
        print(path)
    return strict_code([figure.table for figure in figures], code) if arguments.strict else code
