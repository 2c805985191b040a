"""Two ranks on two cores against one with two threads, at one global batch."""

from __future__ import annotations

import multiprocessing as mp
import os
import socket
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from .pairs import paired, row

ROUNDS = 12
STEPS = 8
IMAGES = 128 * STEPS
BOUND = 0.85


def rows() -> list[dict[str, Any]]:
    with ExitStack() as stack:
        one = stack.enter_context(_trainers(ranks=1, threads=2))
        two = stack.enter_context(_trainers(ranks=2, threads=1))
        pairs = paired(one, two, rounds=ROUNDS)  # seconds of one rank over those of two: how much faster two are
    return [row("ranks_speedup_resnet20", pairs, BOUND, "higher")]


@contextmanager
def _trainers(*, ranks: int, threads: int) -> Iterator[Callable[[], object]]:
    """Processes that train together; calling it has them make an epoch of :data:`STEPS` steps."""
    context, port = mp.get_context("spawn"), _free_port()
    ends = [context.Pipe() for _ in range(ranks)]
    processes = [
        context.Process(target=_work, args=(rank, ranks, threads, port, theirs), daemon=True)
        for rank, (_, theirs) in enumerate(ends)
    ]
    for process in processes:
        process.start()
    ours = [end for end, _ in ends]

    def epoch() -> None:
        for end in ours:
            end.send("epoch")
        for end in ours:
            end.recv()

    epoch()  # they are ready
    yield epoch
    for end in ours:
        end.send("stop")
    for process in processes:
        process.join(timeout=60)


def _work(rank: int, ranks: int, threads: int, port: int, orders: Connection) -> None:
    told = {"RANK": rank, "WORLD_SIZE": ranks, "LOCAL_RANK": rank, "LOCAL_WORLD_SIZE": ranks, "MASTER_PORT": port}
    os.environ |= {key: str(value) for key, value in told.items()} | {"MASTER_ADDR": "127.0.0.1"}
    import torch

    from olsrepro.distributed.ranks import join, leave
    from olsrepro.training.memory import spare_page_faults

    torch.set_num_threads(threads)
    spare_page_faults()
    join(cuda=False, timeout_s=60)
    with tempfile.TemporaryDirectory() as folder:
        from .training import trainer_of

        trainer = trainer_of("resnet20", Path(folder), IMAGES)
        trainer.learner.method.train()
        while orders.recv() == "epoch":
            trainer.progress.step = 0
            trainer._train_epoch()
            orders.send("done")
    leave()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]
