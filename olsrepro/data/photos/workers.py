"""Jobs done in order by persistent processes, with torch's ``DataLoader`` as the pool."""

from __future__ import annotations

import multiprocessing as mp
import os
import re
import signal
import threading
import warnings
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from functools import cache, partial
from typing import Any, TypeVar
from weakref import ReferenceType, ref

import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from olsrepro.data.photos import notice
from olsrepro.data.photos.decode import Unreadable
from olsrepro.files.process import process_state
from olsrepro.settings import UserError

T = TypeVar("T")
Job = Callable[[], T]
"""Work for a worker: something that can be pickled and needs nothing else, so that a worker has no state."""


_pools: list[ReferenceType[_Pool]] = []  # a list may grow while another thread copies it


class Workers:
    """Worker processes, started by the first job and kept; with none, jobs are done in this process.

    Passes may be nested or left early; each has processes to itself.

    Args:
        count: number of processes.
        pinned: whether tensors come in page-locked memory, which CUDA copies without waiting.
    """

    def __init__(self, count: int, *, pinned: bool = False) -> None:
        self._count = count
        self._pinned = pinned
        self._idle: list[_Pool] = []

    def in_order(self, jobs: Iterable[Job[T]]) -> Iterator[T]:
        """Yield what the jobs return, in their order; a few are done ahead.

        Raises:
            Unreadable: a job met an image that can't be decoded.
            UserError: a process died.
        """
        if self._count == 0:
            yield from (job() for job in jobs)
            return
        pool = self._idle.pop() if self._idle else _Pool(self._count, self._pinned)
        try:
            yield from pool.results(jobs)
        except GeneratorExit:  # left early, which its processes survive
            self._idle.append(pool)
            raise
        self._idle.append(pool)


@cache
def workers_of(count: int, *, pinned: bool) -> Workers:
    """Return the workers of this process, which all its loaders share."""
    return Workers(count, pinned=pinned)


def worker_states() -> list[str]:
    """Describe each worker process of this one: its number, its state, and the file that it reads or read last."""
    return [f"process {pid} ({process_state(pid)}) at {path}" for pool in _living() for pid, path in pool.notes()]


def kill_stopped_workers() -> None:
    """Kill the worker processes of this one that are stopped: they would outlive it, while others end with it."""
    for pid in [pid for pool in _living() for pid, _ in pool.notes() if process_state(pid) == "stopped"]:
        with suppress(OSError):
            os.kill(pid, signal.SIGKILL)


def _living() -> list[_Pool]:
    return [pool for made in list(_pools) if (pool := made()) is not None]


class _Pool:
    """Processes of one pass at a time."""

    def __init__(self, count: int, pinned: bool) -> None:
        self._jobs = _Jobs()
        self._notices = notice.blank(count)
        _pools.append(ref(self))
        with _unadvised():
            self._loader: DataLoader[Any] = DataLoader(
                _Does(),
                batch_size=None,
                sampler=self._jobs,
                num_workers=count,
                collate_fn=_as_it_is,
                pin_memory=pinned,
                persistent_workers=True,
                worker_init_fn=partial(_begin, self._notices),
                multiprocessing_context=_context(),
                generator=torch.Generator(),  # else each pass would draw from the run's
            )

    def results(self, jobs: Iterable[Job[T]]) -> Iterator[T]:
        self._jobs.jobs = jobs
        try:
            with _unadvised():
                results = iter(self._loader)
            for result in results:
                if isinstance(result, Unreadable):
                    raise result
                yield result
        except RuntimeError as error:
            if "DataLoader worker" not in str(error):
                raise
            raise UserError(self._death(str(error))) from None

    def notes(self) -> list[tuple[int, str]]:
        """Return each process that has begun to read, with the file that it reads or read last."""
        told = (notice.text_of(row).partition(" ") for row in self._notices)
        return [(int(pid), path) for pid, _, path in told if pid]

    def _death(self, message: str) -> str:
        told = [notice.text_of(row) for row in self._notices]
        dead = re.findall(r"\d+", message)
        files = [path for pid, _, path in (text.partition(" ") for text in told) if pid in dead]
        return (
            f"a process that reads images died while it read {', '.join(files) or 'its first file'} "
            "(killed for lack of memory, or of space in /dev/shm? set runtime.workers lower)"
        )


@contextmanager
def _unadvised() -> Iterator[None]:
    """Silence the warning of more processes than cores: their number is the user's choice (``runtime.workers``)."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "This DataLoader will create")
        yield


class _Jobs:
    """Jobs of the current pass; the loader asks for them again in each."""

    def __init__(self) -> None:
        self.jobs: Iterable[Job[Any]] = ()

    def __iter__(self) -> Iterator[Job[Any]]:
        return iter(self.jobs)


class _Does(Dataset[Any]):
    """Data set that answers each job with what it returns, or with the error of an image that it could not read."""

    def __getitem__(self, job: Job[Any]) -> Any:
        try:
            return job()
        except Unreadable as error:  # raised in the worker, it would come as text
            return error


def _as_it_is(result: T) -> T:
    return result


def _context() -> mp.context.BaseContext:
    """Choose fresh processes, forked from a server that has imported this package and nothing else.

    A fork of the trainer itself would copy locks that its other threads (heartbeat, ranks, CUDA) hold, and Python 3.12
    warns of it; ``spawn`` would import torch once for each worker.
    """
    if "forkserver" not in mp.get_all_start_methods():
        return mp.get_context("spawn")
    context = mp.get_context("forkserver")
    context.set_forkserver_preload(["olsrepro.data.photos.jobs"])
    return context


def _begin(notices: Tensor, worker: int) -> None:
    notice.leave_in(notices[worker])
    for name in ("SIGINT", "SIGHUP", "SIGUSR1", "SIGUSR2"):  # for the trainer, which ends its workers
        if hasattr(signal, name):
            signal.signal(getattr(signal, name), signal.SIG_IGN)
    if hasattr(signal, "sigwaitinfo"):
        signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM])
        threading.Thread(target=_end_when_parent_says, daemon=True).start()
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_when_parent_says() -> None:
    """End this process at a SIGTERM of the trainer; one that is sent to all processes of a run is for the trainer."""
    parent = mp.parent_process()
    while parent is not None and signal.sigwaitinfo([signal.SIGTERM]).si_pid != parent.pid:
        pass
    os._exit(0)


def _end_with_parent() -> None:
    """End this process once the trainer is gone: torch watches only the process that it was forked from, the server."""
    parent = mp.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)
