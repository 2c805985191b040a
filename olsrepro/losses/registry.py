"""Criteria by name, with switches by keyword."""

from __future__ import annotations

import inspect
from types import MappingProxyType
from typing import Any

from olsrepro.checks import check_choice, did_you_mean
from olsrepro.losses.bootstrap import HardBootstrap, SoftBootstrap
from olsrepro.losses.criterion import Criterion
from olsrepro.losses.disturb import DisturbLabel
from olsrepro.losses.online import OnlineLabelSmoothing
from olsrepro.losses.pairwise import PairwiseConfusion
from olsrepro.losses.plain import HardLabel, LabelSmoothing
from olsrepro.losses.symmetric import SymmetricCrossEntropy
from olsrepro.losses.teacher_free import TeacherFreeRegularization

_CRITERIA: MappingProxyType[str, type[Criterion]] = MappingProxyType(
    {
        "hard": HardLabel,
        "ls": LabelSmoothing,
        "bootsoft": SoftBootstrap,
        "boothard": HardBootstrap,
        "disturblabel": DisturbLabel,
        "sce": SymmetricCrossEntropy,
        "tfkd_reg": TeacherFreeRegularization,
        "ols": OnlineLabelSmoothing,
        "pairwise_confusion": PairwiseConfusion,
    }
)


def criterion_names() -> tuple[str, ...]:
    """Return the names that :func:`build_criterion` accepts."""
    return tuple(_CRITERIA)


def build_criterion(name: str, num_classes: int, **switches: Any) -> Criterion:
    """Build a criterion by its name, for K classes; switches left out take the criterion's defaults.

    Raises:
        ValueError: an unknown name or switch, or a value out of its range; the message has the nearest valid ones.
    """
    check_choice("criterion", name, _CRITERIA)
    cls = _CRITERIA[name]
    known = tuple(inspect.signature(cls).parameters)[1:]
    for switch in switches:
        if switch not in known:
            raise ValueError(f"criterion {name} has no switch {switch}; {_switches_of(switch, known)}")
    return cls(num_classes, **switches)


def _switches_of(switch: str, known: tuple[str, ...]) -> str:
    return did_you_mean(switch, known) if known else "it has none"
