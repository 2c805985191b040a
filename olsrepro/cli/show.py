"""Command `olsrepro show`: show the records behind a cell, or the record of a run."""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from olsrepro.checks import did_you_mean
from olsrepro.cli import exit_codes
from olsrepro.cli.experiment_words import KEYS
from olsrepro.cli.runs_folder import existing_runs
from olsrepro.settings import UserError

if TYPE_CHECKING:
    from olsrepro.experiments.collect import Outcome
    from olsrepro.experiments.request import Request

SUMMARY = "show the records behind a cell of a table, or the record of a run"
DESCRIPTION = """\
Shows what a number is made of: TABLE.ROW.COLUMN names a cell, as in 2.ols.resnet34; anything else is a run id. For
every run: its errors by selection rule, its config, commit, versions, device, times, and the folder of its files."""
EPILOG = f"""\
{KEYS}

examples:
  olsrepro show 2.ols.resnet34
  olsrepro show 7.hard.20 preset=short seeds=3
  olsrepro show 3f9c2a17b04d5e61-s0 --format json"""

FORMATS = ("terminal", "json")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of the command."""
    parser.add_argument("cell", metavar="TABLE.ROW.COLUMN|RUN", help="a cell, or a run id")
    parser.add_argument("overrides", nargs="*", metavar="KEY=VALUE", help="choose the cell's runs, as in preset=short")
    parser.add_argument("--format", default="terminal", metavar="F", help=", ".join(FORMATS))


def run(arguments: argparse.Namespace) -> int:
    """Print the records; return the exit code."""
    from olsrepro.experiments.request import parse_request

    if arguments.format not in FORMATS:
        raise UserError(f"--format {arguments.format} is not known; {did_you_mean(arguments.format, FORMATS)}")
    request = parse_request(arguments.overrides)
    found = _of_cell(arguments.cell, request) if arguments.cell.count(".") == 2 else [_of_run(arguments.cell, request)]
    if arguments.format == "json":
        print(json.dumps([_as_dict(outcome) for outcome in found], indent=2))
    else:
        print("\n\n".join("\n".join(_lines(outcome)) for outcome in found))
    return exit_codes.DONE


def _of_cell(address: str, request: Request) -> list[Outcome]:
    from olsrepro.experiments.collect import outcomes
    from olsrepro.experiments.files import find
    from olsrepro.experiments.wanted import wanted_cells

    table, row, column = address.split(".")
    experiment = find(table, "table")
    for key, known, what in ((row, experiment.rows, "row"), (column, experiment.columns, "column")):
        if key not in known:
            raise UserError(f"{address}: {experiment.name} has no {what} {key}; {did_you_mean(key, known)}")
    runs = wanted_cells(experiment, request).get((row, column))
    if runs is None:
        raise UserError(f"{address}: the paper quotes this row from {experiment.rows[row].quoted}, so it has no runs")
    return list(outcomes(runs, existing_runs(request), experiment.measure).values())


def _of_run(name: str, request: Request) -> Outcome:
    from olsrepro.experiments.collect import outcome_of_folder
    from olsrepro.experiments.request import runs_folder

    root = runs_folder(request)
    folder = root / name
    if not folder.is_dir():
        missing = "" if root.is_dir() else ", which does not exist; OLSREPRO_RUNS names the folder"
        known = [path.name for path in root.glob("*-s*")]
        near = f"; {did_you_mean(name, known)}" if known and len(known) < 1000 else ""
        raise UserError(f"{name} is neither a cell (TABLE.ROW.COLUMN) nor a run in {root}{missing}{near}")
    return outcome_of_folder(folder)


def _lines(outcome: Outcome) -> Iterator[str]:
    from olsrepro.store.evaluations import read_evaluations

    yield f"{outcome.folder.name}: {outcome.state}" + (f" ({outcome.problem})" if outcome.problem else "")
    if outcome.record is None:
        return
    yield f"  folder    {outcome.folder}"
    for key in ("errors", "facts", "noise", "training", "error"):
        yield from _mapping(key, outcome.record.get(key))
    for record in read_evaluations(outcome.folder):
        if isinstance(record, str):
            yield f"  unreadable {record}"
            continue
        about = {key: value for key, value in record["evaluation"].items() if key not in ("name", "version")}
        numbers = record["values"] | {"samples": record["samples"], "id": record["run_id"]}
        yield from _mapping(record["evaluation"]["name"], numbers | {"of": about})
    for key, value in outcome.record.get("config", {}).items():
        yield from _mapping(key, value)
    for process in outcome.record["history"]:
        yield from _mapping("process", process)


def _mapping(name: str, value: Any) -> Iterator[str]:
    """Write a mapping in one line, nested ones in brackets; nothing for None."""
    if isinstance(value, dict):
        shown = ", ".join(f"{key} {_short(item)}" for key, item in value.items() if key != "traceback")
        yield f"  {name:<9} {shown}"
    elif value is not None:
        yield f"  {name:<9} {_short(value)}"


def _short(value: Any) -> str:
    if isinstance(value, dict):
        return "(" + ", ".join(f"{key} {_short(item)}" for key, item in value.items()) + ")"
    return f"{value:.6g}" if isinstance(value, float) else str(value)


def _as_dict(outcome: Outcome) -> dict[str, Any]:
    from olsrepro.store.evaluations import read_evaluations

    evaluations = list(read_evaluations(outcome.folder))
    return {
        "run": outcome.folder.name,
        "folder": str(outcome.folder),
        "state": outcome.state,
        "problem": outcome.problem,
        "record": outcome.record,
        "evaluations": [record for record in evaluations if not isinstance(record, str)],
        "unreadable": [line for line in evaluations if isinstance(line, str)],
    }
