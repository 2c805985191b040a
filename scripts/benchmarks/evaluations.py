"""What evaluations take that read what a run has stored: 10 000 test images of 100 classes."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from olsrepro.data.labels.human_labels import HumanLabels
from olsrepro.evaluation.registry import measure, read_settings

from .amounts import amount_row

IMAGES, CLASSES, BOUND_S = 10_000, 100, 2.0


class Stored:
    """A run of which nothing but stored test logits, sums and human labels is there."""

    name, seed, epochs = "benchmark-s0", 0, 20

    def __init__(self) -> None:
        generator = torch.Generator().manual_seed(0)
        self._targets = torch.randint(CLASSES, (IMAGES,), generator=generator)
        self._logits = 3 * torch.randn(IMAGES, CLASSES, generator=generator)
        self._logits[torch.arange(IMAGES), self._targets] += 8
        self._people = (self._logits / 3).softmax(1).double()

    def test_logits(self) -> tuple[Tensor, Tensor]:
        return self._logits, self._targets

    def human_labels(self) -> HumanLabels:
        return HumanLabels(self._people, "drawn for this benchmark")

    def images(self, split: str) -> tuple[Tensor, Tensor]:
        return torch.empty(0), self._targets

    def probability_sums(self) -> dict[int, tuple[Tensor, list[int]]]:
        return {20: (20 * self._logits.softmax(1), list(range(1, 21)))}


def rows(rounds: int = 7) -> list[dict[str, Any]]:
    """Seconds of each, from stored logits or sums to its numbers."""
    subject: Any = Stored()
    wanted = {"ece": {}, "kl_to_humans": {}, "ensemble": {"size": 20}}
    settings = [read_settings({"name": name, **values}) for name, values in wanted.items()]
    return [
        amount_row(f"{one.name}_10000x100", _seconds(lambda one=one: measure(one, subject), rounds), BOUND_S, "s")
        for one in settings
    ]


def _seconds(call: Callable[[], object], rounds: int) -> list[float]:
    call()
    taken = []
    for _ in range(rounds):
        start = time.perf_counter()
        call()
        taken.append(time.perf_counter() - start)
    return taken
