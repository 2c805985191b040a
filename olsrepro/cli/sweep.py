"""Command `olsrepro sweep`: train one of the paper's sweeps, or one typed in Hydra's grammar."""

from __future__ import annotations

import argparse
import shlex

from olsrepro.cli import exit_codes
from olsrepro.cli.filling import RANKS, add_filling_arguments
from olsrepro.cli.output import add_output_arguments

SUMMARY = "train every combination of some values; print a table of them"
DESCRIPTION = """\
Trains a set of runs, except those that the store has, and prints a table. Either one of the paper's sweeps by name
(alpha: Figure 7a, update_period: Figure 7b) with overrides, by default preset paper; or keys with several values in
Hydra's grammar, by default preset smoke, as for `olsrepro train`. The last key with several values makes the columns,
the others the rows; seed=0,1,2 makes cells that are means over seeds."""

EPILOG = f"""\
{RANKS}

examples:
  olsrepro sweep method=ols method.alpha=0.1,0.3,0.5 seed=0,1,2
  olsrepro sweep dataset=cifar100 backbone=resnet20 method=hard,ls,ols noise=symmetric noise.rate=0.2,0.4 preset=short
  olsrepro sweep alpha dataset=digits backbone=resnet8 preset=short seeds=3 --format csv

{exit_codes.MEANINGS}"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of the command."""
    parser.add_argument("overrides", nargs="+", metavar="NAME|KEY=VALUES", help="a named sweep, or keys with values")
    add_filling_arguments(parser)
    add_output_arguments(parser)


def run(arguments: argparse.Namespace) -> int:
    """Fill and print a sweep; return the exit code."""
    from olsrepro.cli.figure import print_figures
    from olsrepro.config.overrides import refuse_blanks
    from olsrepro.experiments.sweep import named_sweep, typed_sweep

    words = arguments.overrides
    refuse_blanks(words)
    names = [word for word in words if "=" not in word]
    experiment, request = named_sweep(names, words) if names else typed_sweep(words)
    return print_figures([experiment], request, arguments, lambda _: shlex.join(["olsrepro", "sweep", *words]))
