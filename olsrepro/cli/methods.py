"""Command `olsrepro methods`: list all label methods."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from olsrepro.cli import exit_codes
from olsrepro.cli.listing import add_format_argument, print_listing

if TYPE_CHECKING:
    from olsrepro.methods.cards import Needs

SUMMARY = "list all label methods"
DESCRIPTION = "Lists every label method: its name, what it needs beyond one view and one head, and what it is."
EPILOG = """\
examples:
  olsrepro methods
  olsrepro explain ols"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of the command."""
    add_format_argument(parser)


def run(arguments: argparse.Namespace) -> int:
    """Print the list; return the exit code."""
    from olsrepro.methods.cards import card
    from olsrepro.methods.registry import method_names

    cards = [card(name) for name in method_names()]
    rows = [(item.name, needs_in_short(item.needs), item.title) for item in cards]
    print_listing(("name", "needs", "what it is"), rows, arguments)
    return exit_codes.DONE


def needs_in_short(needs: Needs) -> str:
    """Say in a few words what a method needs beyond one view and one head."""
    views = needs.views.partition(":")[0]
    words = [] if views == "1" else [f"{views} views"]
    named = {"heads": needs.heads, "teacher": needs.teacher, "state": needs.state, "sync": needs.sync}
    return ", ".join([*words, *(key for key, text in named.items() if text)])
