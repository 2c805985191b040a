"""Soft label of one class after the last epoch, and how it rates the other classes (Figure 1)."""

from __future__ import annotations

from typing import Any

from torch import Tensor

from olsrepro.evaluation.soft_label.groups import groups
from olsrepro.evaluation.soft_label.likeness import all_above, class_mean, mean_ratio, rank_correlation
from olsrepro.evaluation.soft_label.settings import Settings
from olsrepro.evaluation.subject import Result, Subject
from olsrepro.settings import UserError


def measure(settings: Settings, subject: Subject) -> Result:
    """Measure a class's soft label: the label is in ``detail``, its numbers in ``values``; ``samples`` is K.

    Values: ``target_label``; with CIFAR-10's groups (see :func:`groups`) ``animal_ratio`` and ``animals_above``, 1 or
    0; where people labelled the test images ``human_rank``, if it is defined.

    Raises:
        UserError: the run keeps no labels of classes, or has no class ``target``.
    """
    table, target = subject.label_table().cpu(), settings.target
    if target >= len(table):
        raise UserError(
            f"soft_label.target={target} is not a class of {subject.name}; choose target=0 to target={len(table) - 1}"
        )
    row = table[target]
    values: dict[str, float] = {"target_label": float(row[target])}
    detail: dict[str, Any] = {"target": target, "class_names": list(subject.class_names), "row": row.tolist()}
    for more_values, more_detail in (_of_groups(row, target, subject), _of_people(row, target, subject)):
        values |= more_values
        detail |= more_detail
    return Result(values=values, samples=len(row), detail=detail)


def _of_groups(row: Tensor, target: int, subject: Subject) -> tuple[dict[str, float], dict[str, Any]]:
    found = groups(subject.class_names, target)
    if found is None:
        return {}, {"groups": "none: animals and vehicles are CIFAR-10's"}
    values = {
        "animal_ratio": mean_ratio(row, found.animals, found.vehicles),
        "animals_above": float(all_above(row, found.animals, found.vehicles)),
    }
    return values, {"animals": [*found.animals], "vehicles": [*found.vehicles], "groups": f"by {found.by}"}


def _of_people(row: Tensor, target: int, subject: Subject) -> tuple[dict[str, float], dict[str, Any]]:
    """Compare with human labels; without them the detail says why, and the label is shown all the same."""
    try:
        people = subject.human_labels()
    except UserError as error:
        return {}, {"humans": f"none: {error}"}
    human_row = class_mean(people.shares, subject.images("test").targets, target)
    correlation = rank_correlation(row, human_row, target)
    values = {} if correlation is None else {"human_rank": correlation}
    return values, {"humans": people.source, "human_row": human_row.tolist()}
