"""Command `olsrepro explain`: print the card of a label method."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from typing import TYPE_CHECKING

from olsrepro.cli import exit_codes
from olsrepro.settings import UserError

if TYPE_CHECKING:
    from olsrepro.cli.method_card import StepCost, Use
    from olsrepro.config.run_config import RunConfig
    from olsrepro.experiments.experiment import Experiment

SUMMARY = "explain a label method: formula, switches, cost, pitfalls"
DESCRIPTION = """\
Explains a label method: its formula; its switches with their defaults (per data set where they differ) and the source
of each; how we read the paper's row, and which other readings there are; what the method needs from the trainer; what
one training step does, measured now or taken from the store; its pitfalls; and the experiments that use it."""
EPILOG = """\
examples:
  olsrepro methods                      list all label methods
  olsrepro explain ols
  olsrepro explain sce --no-measure"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of the command."""
    parser.add_argument("method", nargs="?", metavar="METHOD", help="a label method, as listed by `olsrepro methods`")
    parser.add_argument("--no-measure", action="store_true", help="leave out the section on one training step")


def run(arguments: argparse.Namespace) -> int:
    """Print the card; return the exit code."""
    from olsrepro.cli.method_card import method_text
    from olsrepro.config.method_file import method_file
    from olsrepro.methods.cards import card
    from olsrepro.methods.registry import method_names, settings_class
    from olsrepro.printing.width import text_width

    if arguments.method is None:
        raise UserError(f"name a label method: {', '.join(method_names())}; see olsrepro explain --help")
    name = arguments.method.lower().replace("-", "_")
    settings_class(name)
    cost = None if arguments.no_measure else _cost(name)
    print(method_text(card(name), method_file(name), uses(name), cost, text_width()))
    return exit_codes.DONE


def uses(name: str) -> list[Use]:
    """Return the experiments that use a method, in the order of ``all``, with the switches that they set."""
    from olsrepro.cli.method_card import Use
    from olsrepro.experiments.files import experiments

    found = []
    for experiment in experiments():
        lines = [line for line in _cell_lines(experiment) if f"method={name}" in line]
        if lines:
            found.append(Use(experiment.name, experiment.place, _settings(lines)))
    return found


def _cell_lines(experiment: Experiment) -> list[tuple[str, ...]]:
    """Return the overrides of every cell that trains or measures something."""
    return [experiment.lines_of(cell) for cell in experiment.cells() if not experiment.rows[cell[0]].quoted]


def _settings(cells: list[tuple[str, ...]]) -> dict[str, list[str]]:
    """Collect the values of each ``method.key`` over the cells, in their order."""
    values: dict[str, dict[str, None]] = {}
    for line in (line for lines in cells for line in lines if line.startswith("method.")):
        key, _, value = line.removeprefix("method.").partition("=")
        values.setdefault(key, {})[value] = None
    return {key: list(found) for key, found in values.items()}


def _cost(name: str) -> StepCost:
    """Read the cost of a step from the store; where it has no record, measure it now and write none."""
    from pathlib import Path

    from olsrepro.store.facts import facts_folder, facts_id, read_facts

    config = _measured_run(name)
    folder = facts_folder(Path(config.runtime.runs_dir), facts_id("method", config))
    record = read_facts(folder)
    if record is not None:
        return _told(record["facts"], f"from {folder.name} in the store, measured on {record['finished']}")

    from olsrepro.launch.measuring.facts import method_facts

    return _told(method_facts(config), f"measured now, {config.backbone.name} on {config.dataset.name}")


def _told(facts: Mapping[str, float], origin: str) -> StepCost:
    """Drop the level of the labels: some methods' labels are a sample's own only once the network has learnt."""
    from olsrepro.cli.method_card import StepCost

    kept = {key: value for key, value in facts.items() if key != "class_level"}
    return StepCost(kept, f"of a step in the last epoch: {origin}")


def _measured_run(name: str) -> RunConfig:
    """Compose the run that the table of measured methods would measure, so that both share one record."""
    from olsrepro.config.compose import compose_run
    from olsrepro.experiments.files import experiments

    base = next(item.base for item in experiments() if item.measure == "method")
    return compose_run([*base, f"method={name}"])
