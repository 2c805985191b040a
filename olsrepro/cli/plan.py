"""Command `olsrepro plan`: count the runs of tables and figures, and estimate their cost."""

from __future__ import annotations

import argparse
import json
import sys
from typing import TYPE_CHECKING

from olsrepro.cli import exit_codes
from olsrepro.cli.experiment_words import KEYS
from olsrepro.cli.listing import add_format_argument, is_json
from olsrepro.cli.runs_folder import existing_runs

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from olsrepro.experiments.plan import Plan, Work
    from olsrepro.experiments.wanted import Wanted
    from olsrepro.store.cost import Speeds

SUMMARY = "count the runs of tables and figures, and estimate their cost"
DESCRIPTION = """\
Lists for each experiment how many distinct runs it needs, how many of them no experiment above needs, how many of
those are in the store, and what the missing ones cost: hours, where this store knows a speed; disk space;
multiply-adds. Then the cost of the same runs under cheaper presets. Runs that need a part which is not built yet are
counted and named. Trains nothing.

Hours come from the speed of finished runs of the same network on the same images. With --measure, networks without such
a run are timed here, a few seconds each: forward pass, backward pass and SGD on random images, without loading data and
without the label method. Such hours are marked ~; the timings are kept in the store, and finished runs take
precedence."""

EPILOG = f"""\
{KEYS}

examples:
  olsrepro plan all
  olsrepro plan 2 7 seeds=5
  olsrepro plan 4 6 --measure
  olsrepro plan all preset=paper seeds=3 --format json"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of the command."""
    parser.add_argument(
        "overrides", nargs="*", metavar="NAME|KEY=VALUE", help="experiments, and overrides of their runs"
    )
    parser.add_argument("--measure", action="store_true", help="time networks whose speed is unknown; loads torch")
    add_format_argument(parser)


def run(arguments: argparse.Namespace) -> int:
    """Print the plan; return the exit code."""
    from olsrepro.cli.experiment_words import read_words
    from olsrepro.experiments.plan import make_plan, planned_runs
    from olsrepro.experiments.request import runs_folder
    from olsrepro.store.cost import measured_speeds, timed_speeds
    from olsrepro.store.folder import Store

    as_json = is_json(arguments)
    wanted, request = read_words(arguments.overrides, "table", lambda item: True)
    store = Store(runs_folder(request) if arguments.measure else existing_runs(request))
    speeds = measured_speeds(store)
    if arguments.measure:
        _measure(planned_runs(wanted, request), speeds)
        speeds = {**speeds, **timed_speeds(store)}
    plan = make_plan(wanted, request, store.root, speeds)
    print(json.dumps(plan.as_dict(), indent=2) if as_json else _text(plan))
    return exit_codes.DONE


def _measure(runs: Iterable[Wanted], speeds: Speeds) -> None:
    from olsrepro.launch.measuring.speed import time_networks

    time_networks([run.config for run in runs if run.config is not None], speeds, _say)


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


def _text(plan: Plan) -> str:
    from olsrepro.cli.listing import listing

    head = ("", "runs", "new", "done", "failed", "missing", "waiting", "hours", "GB", "MACs")
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
        "new: not needed by an experiment above; waiting: for a part that is not built yet",
        "GB: on disk; MACs: multiply-adds",
        *_on_hours([plan.total, *plan.cheaper.values()]),
        *(f"  {entry.place or entry.name} waits for {what}" for entry in plan.entries if (what := entry.waits)),
    ]
    return "\n".join(lines)


def _on_hours(works: Sequence[Work]) -> Iterator[str]:
    """Explain the signs beside hours that occur."""
    if any(work.timed_on for work in works):
        yield "~: estimated from timed training steps, not from finished runs"
    if any(work.untimed for work in works):
        yield "? or >: the speed of all or some of these runs is unknown in this store; --measure times them"
