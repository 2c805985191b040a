"""Command `olsrepro experiments`: list all tables and figures."""

from __future__ import annotations

import argparse

from olsrepro.cli import exit_codes
from olsrepro.cli.listing import add_format_argument, print_listing

SUMMARY = "list all tables and figures"
DESCRIPTION = """\
Lists every experiment: its name, its place in the paper, the numbers of its cells, seeds and claims, the name of its
sweep, and what it shows."""
EPILOG = """\
examples:
  olsrepro experiments
  olsrepro table 2 --no-train"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of the command."""
    add_format_argument(parser)


def run(arguments: argparse.Namespace) -> int:
    """Print the list; return the exit code."""
    from olsrepro.experiments.files import experiments

    head = ("name", "place", "cells", "seeds", "claims", "sweep", "what it shows")
    rows = [
        (item.name, item.place, len(list(item.cells())), item.seeds or "", len(item.claims), item.sweep, item.title)
        for item in experiments()
    ]
    print_listing(head, rows, arguments)
    return exit_codes.DONE
