"""Criteria: pure losses ``(logits (B, K), target (B,)) -> scalar`` that need torch and nothing else.

Names load on first use, so that the rules of criteria can be read without torch.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from olsrepro.losses.bootstrap import HardBootstrap, SoftBootstrap
    from olsrepro.losses.criterion import Criterion
    from olsrepro.losses.disturb import DisturbLabel
    from olsrepro.losses.label_table import LabelTable
    from olsrepro.losses.online import OnlineLabelSmoothing
    from olsrepro.losses.pairwise import PairwiseConfusion
    from olsrepro.losses.plain import HardLabel, LabelSmoothing
    from olsrepro.losses.registry import build_criterion, criterion_names
    from olsrepro.losses.self_distillation import SelfDistillation
    from olsrepro.losses.symmetric import SymmetricCrossEntropy
    from olsrepro.losses.teacher_free import TeacherFreeRegularization

__all__ = [
    "Criterion",
    "DisturbLabel",
    "HardBootstrap",
    "HardLabel",
    "LabelSmoothing",
    "LabelTable",
    "OnlineLabelSmoothing",
    "PairwiseConfusion",
    "SelfDistillation",
    "SoftBootstrap",
    "SymmetricCrossEntropy",
    "TeacherFreeRegularization",
    "build_criterion",
    "criterion_names",
]

_HOMES = {
    "Criterion": "criterion",
    "DisturbLabel": "disturb",
    "HardBootstrap": "bootstrap",
    "HardLabel": "plain",
    "LabelSmoothing": "plain",
    "LabelTable": "label_table",
    "OnlineLabelSmoothing": "online",
    "PairwiseConfusion": "pairwise",
    "SelfDistillation": "self_distillation",
    "SoftBootstrap": "bootstrap",
    "SymmetricCrossEntropy": "symmetric",
    "TeacherFreeRegularization": "teacher_free",
    "build_criterion": "registry",
    "criterion_names": "registry",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
