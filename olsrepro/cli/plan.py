"""`olsrepro plan`: what tables and figures would cost. Trains nothing."""

from __future__ import annotations

import argparse
import json
from typing import TYPE_CHECKING

from olsrepro.cli import exit_codes
from olsrepro.cli.experiment_words import KEYS
from olsrepro.settings import UserError, did_you_mean

if TYPE_CHECKING:
    from olsrepro.experiments.plan import Plan

SUMMARY = "count the runs of tables and figures, and what they cost"
DESCRIPTION = """\
Lists, experiment by experiment, how many distinct runs it wants, how many of them no experiment before it wants, what
the store has of those, and what the missing ones cost: multiply-adds, hours where a speed was measured in this store,
disk; then the same set under cheaper presets. What needs a part that is not built yet is counted and named."""

EPILOG = f"""\
{KEYS}

examples:
  olsrepro plan all
  olsrepro plan 2 7 seeds=5
  olsrepro plan all preset=paper seeds=3 --format json"""

FORMATS = ("terminal", "json")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of the command."""
    parser.add_argument("overrides", nargs="*", metavar="NAME|KEY=VALUE", help="tables and figures, and overrides")
    parser.add_argument("--format", default="terminal", metavar="F", help=", ".join(FORMATS))


def run(arguments: argparse.Namespace) -> int:
    """Print the plan; the exit code."""
    from olsrepro.cli.experiment_words import read_words
    from olsrepro.experiments.plan import make_plan
    from olsrepro.experiments.request import runs_folder
    from olsrepro.store.cost import measured_speeds
    from olsrepro.store.folder import Store

    if arguments.format not in FORMATS:
        raise UserError(f"--format {arguments.format} is not known; {did_you_mean(arguments.format, FORMATS)}")
    wanted, request = read_words(arguments.overrides, "table", lambda item: True)
    runs_dir = runs_folder(request)
    plan = make_plan(wanted, request, runs_dir, measured_speeds(Store(runs_dir)))
    print(json.dumps(plan.as_dict(), indent=2) if arguments.format == "json" else _text(plan))
    return exit_codes.DONE


def _text(plan: Plan) -> str:
    from olsrepro.cli.listing import listing

    head = ("", "runs", "new", "done", "failed", "missing", "waiting", "EMAC", "hours", "disk GB")
    rows = [
        (
            entry.place or entry.name,
            entry.printed,
            entry.new,
            entry.finished,
            entry.failed,
            entry.missing,
            sum(entry.awaits.values()),
            *entry.work.columns(),
        )
        for entry in plan.entries
    ]
    lines = [
        listing(head, rows),
        f"preset {plan.preset}: {plan.runs} distinct runs; to train: {plan.total.line()}",
        *(f"  all of it under preset={name}: {work.line()}" for name, work in plan.cheaper.items()),
        "new: wanted by none above; waiting: for what is not built yet; ?: no speed of such runs in this store yet",
        *(f"  {entry.place or entry.name} waits for {what}" for entry in plan.entries if (what := entry.waits)),
    ]
    return "\n".join(lines)
