"""Errors after projected gradient descent (Tables VIII and IX)."""

from __future__ import annotations

from torch import Tensor, nn

from olsrepro.evaluation.attack import LOSSES, pgd, random_start
from olsrepro.evaluation.attack_measure import measure_attack
from olsrepro.evaluation.input_space import value_range
from olsrepro.evaluation.pgd.settings import Settings
from olsrepro.evaluation.subject import Result, Subject


def measure(settings: Settings, subject: Subject) -> Result:
    """Attack the test images; values and errors as in :func:`measure_attack`."""
    epsilon, limits = settings.bound, value_range(settings.input_space)

    def attack(network: nn.Module, inputs: Tensor, targets: Tensor, indices: Tensor) -> Tensor:
        start = None
        if settings.random_start:
            start = random_start(inputs, indices, epsilon=epsilon, seed=subject.seed, value_range=limits)
        return pgd(
            network,
            inputs,
            targets,
            epsilon=epsilon,
            step_size=settings.step,
            iterations=settings.iterations,
            start=start,
            stop_at_success=settings.stop_at_success,
            loss=LOSSES[settings.loss],
            value_range=limits,
        )

    return measure_attack(settings, subject, attack)
