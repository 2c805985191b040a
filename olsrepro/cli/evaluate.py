"""Command `olsrepro evaluate`: evaluate finished runs by their ids."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from olsrepro.checks import did_you_mean
from olsrepro.cli import exit_codes
from olsrepro.cli.finished import finished_config
from olsrepro.settings import UserError

if TYPE_CHECKING:
    from olsrepro.config.run_config import RunConfig
    from olsrepro.evaluation.settings import EvaluationSettings

SUMMARY = "evaluate finished runs: calibration, attacks, ensembles, human labels, embeddings, detection"
DESCRIPTION = """\
Evaluates finished runs, named by their ids, and writes a record of each evaluation under its run; an evaluation that
has a record is not repeated. Tables and figures make the evaluations that they need by themselves."""

EPILOG = f"""\
Parameters are set by NAME.KEY=VALUE; weights=last evaluates the weights of the last epoch instead of the best one's;
runtime.KEY=VALUE sets folders and device. Run ids: `olsrepro show TABLE.ROW.COLUMN` lists the runs behind a cell.

examples:
  olsrepro evaluate 3f9c2a17b04d5e61-s0 ece kl_to_humans
  olsrepro evaluate 3f9c2a17b04d5e61-s0 fgsm pgd pgd.first=1000 pgd.epsilon=4/255 weights=last
  olsrepro evaluate 3f9c2a17b04d5e61-s0 detection detection.rule=eleven_point detection.sizes=[416]

{exit_codes.MEANINGS}"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of the command."""
    parser.add_argument("overrides", nargs="*", metavar="RUN|NAME|KEY=VALUE", help="runs, evaluations, parameters")


def run(arguments: argparse.Namespace) -> int:
    """Evaluate the runs and print the numbers; return the exit code."""
    from olsrepro.config.overrides import refuse_blanks
    from olsrepro.evaluation.registry import evaluation_names
    from olsrepro.store.identity import is_run_id

    refuse_blanks(arguments.overrides)
    words = [word for word in arguments.overrides if "=" not in word]
    lines = [word for word in arguments.overrides if "=" in word]
    names = [word for word in words if word in evaluation_names()]
    runs = [word for word in words if word not in names]
    for word in runs:
        if "," in word:
            raise UserError(f"{word}: separate names by blanks, not commas")
        if not is_run_id(word):
            raise UserError(
                f"{word} is neither a run id, such as 3f9c2a17b04d5e61-s0, nor an evaluation;"
                f" {did_you_mean(word, evaluation_names())}"
            )
    if not names or not runs:
        known = ", ".join(evaluation_names())
        raise UserError(f"name at least one run and one evaluation ({known}); see olsrepro evaluate --help")
    _refuse_idle(lines, names)
    settings = [_settings(name, lines) for name in names]
    configs = [finished_config(name, lines) for name in runs]
    for config in configs:
        for one in settings:
            _print(config, one)
    return exit_codes.DONE


def _settings(name: str, lines: Sequence[str]) -> EvaluationSettings:
    from olsrepro.evaluation.registry import read_settings, settings_class
    from olsrepro.experiments.measured import parameter_value

    values: dict[str, Any] = {}
    for line in lines:
        key, _, value = line.partition("=")
        group, _, parameter = key.partition(".")
        if key == "weights" and settings_class(name).of_weights:
            values.setdefault("weights", value)
        elif group == name:
            values[parameter] = parameter_value(key, value)
    return read_settings({**values, "name": name})


def _refuse_idle(lines: Sequence[str], names: Sequence[str]) -> None:
    """Refuse an override that has no effect, or is given twice (:class:`UserError`)."""
    from olsrepro.evaluation.registry import settings_class

    keys = [line.partition("=")[0] for line in lines]
    for line, key in zip(lines, keys, strict=True):
        group, _, parameter = key.partition(".")
        if group not in (*names, "weights", "runtime"):
            hint = did_you_mean(group, (*names, "weights", "runtime"))
            raise UserError(f"{line} has no effect: {group} is not one of the evaluations named; {hint}")
        if (group == "weights") == bool(parameter) or parameter == "name":
            raise UserError(f"{line}: {key} is no parameter; write NAME.KEY=VALUE, runtime.KEY=VALUE or weights=last")
        if keys.count(key) > 1:
            raise UserError(f"{key} is given twice; keep one of them")
        if key == "weights" and not any(settings_class(name).of_weights for name in names):
            raise UserError(f"{line} has no effect on {', '.join(names)}; leave it out")


def _print(config: RunConfig, settings: EvaluationSettings) -> None:
    from olsrepro.launch.finished.evaluate import evaluate
    from olsrepro.store.evaluations import read_evaluation
    from olsrepro.store.identity import run_id
    from olsrepro.training.tasks import task_kind

    path = evaluate(config, settings)
    record = read_evaluation(Path(config.runtime.runs_dir) / run_id(config), settings)
    assert record is not None, "it was written just now, or before"
    kind = task_kind(config.dataset.task)
    shown = {key: value for key, value in record["values"].items() if kind.shows(key, config.dataset.num_classes)}
    print(_told(record, shown))
    print(f"record: {path}")


def _told(record: dict[str, Any], shown: dict[str, float]) -> str:
    about = record["evaluation"]
    values = ", ".join(f"{key} {value:.6g}" for key, value in shown.items())
    return f"{record['of']} {about['name']} ({about['weights']} weights, {record['samples']} samples): {values}"
