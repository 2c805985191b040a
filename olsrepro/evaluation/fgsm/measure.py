"""Errors after the fast gradient sign method (Tables VIII and IX)."""

from __future__ import annotations

from torch import Tensor, nn

from olsrepro.evaluation.attack import LOSSES, fgsm
from olsrepro.evaluation.attack_measure import measure_attack
from olsrepro.evaluation.fgsm.settings import Settings
from olsrepro.evaluation.input_space import value_range
from olsrepro.evaluation.subject import Result, Subject


def measure(settings: Settings, subject: Subject) -> Result:
    """Attack the test images; values and errors as in :func:`measure_attack`."""

    def attack(network: nn.Module, inputs: Tensor, targets: Tensor, indices: Tensor) -> Tensor:
        return fgsm(
            network,
            inputs,
            targets,
            epsilon=settings.bound,
            loss=LOSSES[settings.loss],
            value_range=value_range(settings.input_space),
        )

    return measure_attack(settings, subject, attack)
