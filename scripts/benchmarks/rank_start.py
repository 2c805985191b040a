"""What a run on two ranks takes longer to start than one in a single process."""

from __future__ import annotations

import tempfile
from typing import Any

from .amounts import amount_row, python_process

ROUNDS = 5
BOUND_S = 10.0
TRAIN = ("-m", "olsrepro", "train", "preset=smoke", "recipe.epochs=1", "runtime.device=cpu", "runtime.threads=1")
TORCHRUN = ("-m", "torch.distributed.run", "--nproc-per-node", "2")


def rows() -> list[dict[str, Any]]:
    return [amount_row("start_of_2_ranks", [_seconds(*TORCHRUN) - _seconds() for _ in range(ROUNDS)], BOUND_S, "s")]


def _seconds(*launcher: str) -> float:
    with tempfile.TemporaryDirectory() as folder:
        return python_process(*launcher, *TRAIN, environment={"OLSREPRO_RUNS": folder})[0]
