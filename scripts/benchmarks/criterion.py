"""What Online Label Smoothing costs beside plain label smoothing, on the CPU."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from olsrepro.losses import OnlineLabelSmoothing

from .pairs import paired, row


def rows(rounds: int = 30) -> list[dict[str, Any]]:
    """A step at K 100 and K 1000 against ``F.cross_entropy``, both with backward; a period's end against a step."""
    return [
        _step("ols_step_k100", 128, 100, bound=1.6, rounds=rounds, inner=50),
        _step("ols_step_k1000", 256, 1000, bound=2.8, rounds=rounds, inner=20),
        _update("ols_update_k1000", 256, 1000, bound=3.0, rounds=rounds),
    ]


def _step(name: str, batch: int, classes: int, *, bound: float, rounds: int, inner: int) -> dict[str, Any]:
    logits, target = _batch(batch, classes)
    ours = _ols_step(OnlineLabelSmoothing(classes), logits, target)
    baseline = _backward(lambda: F.cross_entropy(logits, target, label_smoothing=0.1), logits)
    return row(name, paired(ours, baseline, rounds=rounds, inner=inner), bound, "lower")


def _update(name: str, batch: int, classes: int, *, bound: float, rounds: int) -> dict[str, Any]:
    logits, target = _batch(batch, classes)
    ols = OnlineLabelSmoothing(classes)
    pairs = paired(ols.update, _ols_step(ols, logits, target), rounds=rounds, inner=5)
    return row(name, pairs, bound, "lower")


def _ols_step(ols: OnlineLabelSmoothing, logits: Tensor, target: Tensor) -> Callable[[], None]:
    return _backward(lambda: ols(logits, target), logits)


def _backward(loss: Callable[[], Tensor], logits: Tensor) -> Callable[[], None]:
    def step() -> None:
        logits.grad = None
        loss().backward()

    return step


def _batch(batch: int, classes: int) -> tuple[Tensor, Tensor]:
    """Logits that are right for most of their targets, as in the later part of a training."""
    generator = torch.Generator().manual_seed(0)
    target = torch.randint(classes, (batch,), generator=generator)
    logits = torch.randn(batch, classes, generator=generator)
    logits[torch.arange(batch), target] += 4
    return logits.requires_grad_(), target
