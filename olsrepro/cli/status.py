"""Command `olsrepro status`: show what the store holds, and how complete tables and figures are."""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator
from dataclasses import asdict
from typing import TYPE_CHECKING

from olsrepro.cli import exit_codes
from olsrepro.cli.experiment_words import KEYS
from olsrepro.cli.listing import add_format_argument, is_json, listing
from olsrepro.cli.runs_folder import existing_runs

if TYPE_CHECKING:
    from olsrepro.experiments.request import Request
    from olsrepro.experiments.standing import Standing

SUMMARY = "show what the store holds, and how complete tables and figures are"
DESCRIPTION = """\
Counts the runs of the store by state and by preset, names those that failed, are being written or can't be read, and
shows for each table and figure how many of its runs are finished."""
EPILOG = f"""\
{KEYS}

examples:
  olsrepro status
  olsrepro status preset=short seeds=3"""

SHOWN = 20


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of the command."""
    parser.add_argument("overrides", nargs="*", metavar="KEY=VALUE", help="choose the runs counted, as in preset=short")
    add_format_argument(parser)


def run(arguments: argparse.Namespace) -> int:
    """Print the state of the store; return the exit code."""
    from olsrepro.experiments.request import parse_request
    from olsrepro.experiments.standing import standing
    from olsrepro.store.folder import Store

    as_json, request = is_json(arguments), parse_request(arguments.overrides)
    found = standing(Store(existing_runs(request)), request)
    print(json.dumps(asdict(found), indent=2, default=str) if as_json else "\n".join(_lines(found, request)))
    return exit_codes.DONE


def _lines(found: Standing, request: Request) -> Iterator[str]:
    counts = (
        ("finished", found.finished),
        ("failed", found.failed),
        ("being written", found.running),
        ("unreadable", found.broken),
    )
    yield f"{found.root}: " + ", ".join(f"{len(lines)} {state}" for state, lines in counts)
    if found.presets:
        yield "finished by preset: " + ", ".join(f"{name} {count}" for name, count in found.presets.items())
    for state, lines in counts[1:]:
        for line in lines[:SHOWN]:
            yield f"  {state}: {line}"
        if len(lines) > SHOWN:
            yield f"  {state}: and {len(lines) - SHOWN} more"
    head = ("experiment", "preset", "finished", "of", "what it shows")
    yield listing(head, [(row.name, row.preset, row.finished, row.wanted, row.title) for row in found.experiments])
