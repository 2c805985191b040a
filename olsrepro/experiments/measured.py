"""Evaluations that cells show, as their lines name them, of the weights that the selection rule means."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from olsrepro.evaluation.registry import read_settings
from olsrepro.evaluation.settings import EvaluationSettings
from olsrepro.experiments.experiment import OTHER_RULE, CellKey, Experiment
from olsrepro.experiments.request import Request
from olsrepro.files import plain_yaml
from olsrepro.printing.text import shortened
from olsrepro.settings import UserError

WEIGHTS_OF = {"best": "best", "last": "last", "mean_of_last_ten": "last"}
"""Weights to evaluate for each selection rule; a mean over epochs has none of its own, so the last epoch's are used."""


def evaluations_of(experiment: Experiment, cell: CellKey, request: Request) -> dict[str, EvaluationSettings]:
    """Return the evaluations that a cell needs, by selection rule; both rules where verdicts look at both.

    Raises:
        UserError: a parameter is unknown, or its value is out of range.
    """
    named = experiment.evaluation_of(cell)
    if not named:
        return {}
    settings = read_settings(named := {**named, **_typed(request, str(named["name"]))})
    select = request.select_of(experiment)
    rules = [select, *([OTHER_RULE[select]] if _is_judged_twice(experiment, request) else [])]
    if "weights" in named:
        return dict.fromkeys(rules, settings)
    return {rule: replace(settings, weights=WEIGHTS_OF[rule]) for rule in rules}


def _is_judged_twice(experiment: Experiment, request: Request) -> bool:
    """Return whether verdicts, which need two runs per cell, look at the other selection rule too."""
    several = len(request.seeds_of(experiment)) > 1
    return several and experiment.select == "best" and request.select_of(experiment) in OTHER_RULE


def _typed(request: Request, name: str) -> Mapping[str, Any]:
    """Return the parameters of an evaluation that the user typed, such as ``fgsm.epsilon=4/255``."""
    pairs = (line.partition("=") for line in request.evaluation_lines)
    return {key.partition(".")[2]: parameter_value(key, value) for key, _, value in pairs if key.startswith(f"{name}.")}


def parameter_value(key: str, text: str) -> Any:
    """Read a typed value as YAML; :class:`UserError` where it is not valid."""
    try:
        return plain_yaml.parse(text)
    except ValueError as error:
        raise UserError(f"{key}={shortened(text)} can't be read: {error}") from None


def refuse_idle_parameters(experiment: Experiment, request: Request) -> None:
    """Refuse parameters of evaluations that an experiment does not use: they have no effect (:class:`UserError`)."""
    used = {str(named["name"]) for cell in experiment.cells() if (named := experiment.evaluation_of(cell))}
    for line in request.evaluation_lines:
        name = line.partition(".")[0]
        if name not in used:
            raise UserError(f"{line}: {experiment.name} does not use {name}; {_whose(used)}")


def _whose(used: set[str]) -> str:
    return f"it takes parameters of {', '.join(sorted(used))}" if used else "it uses no evaluation"
