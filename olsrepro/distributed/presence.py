"""Presence of the ranks: how far each has come and why it failed, so that none waits for one that is gone.

Ranks say so in the store at which they meet. A rank that is slow is waited for as long as it lives; one that was killed
or stopped is silent; one that failed leaves a line.
"""

from __future__ import annotations

import atexit
import json
import math
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from queue import Empty, SimpleQueue
from typing import Any, Protocol

BEAT_S = 0.5
SHORTEST_SILENCE_S = 3.0
"""Shortest silence of a rank, in seconds, that counts as its end."""
ALIKE_S = 5.0
"""Seconds within which ranks that fail in the same way do so."""
UNKNOWN = -1
_LONGEST_PAUSE_S = 0.05


class KeyStore(Protocol):
    """Store of keys that all ranks reach, as ``torch.distributed`` opens it; its calls answer at once."""

    def set(self, key: str, value: str) -> None:
        """Write the value of a key."""

    def get(self, key: str) -> bytes:
        """Read the value of a key that is there."""

    def check(self, keys: list[str]) -> bool:
        """Return whether all keys are there."""

    def add(self, key: str, amount: int) -> int:
        """Add to a counter, which begins with 0, and return it."""


class RankLost(RuntimeError):
    """Another rank has failed, or was killed or stopped; the message says which one and, where it is known, why.

    Attributes:
        rank: its number; :data:`UNKNOWN` if it isn't known.
        failed: whether it failed by an error of its own.
    """

    def __init__(self, line: str, rank: int, *, failed: bool = False) -> None:
        super().__init__(line)
        self.rank = rank
        self.failed = failed


@dataclass(frozen=True)
class _Ending:
    """Entry of a rank that can't go on: a line, where it was, the rank at fault, whether it no longer waits."""

    line: str
    at: list[int]
    culprit: int
    left: bool = False


class Presence:
    """This rank among the others, while they work together.

    Args:
        store: where the ranks meet, for this object alone.
        rank, ranks: its number, and how many there are.
        silence_s: how long a rank may be silent before it counts as gone.
    """

    def __init__(self, store: KeyStore, rank: int, ranks: int, silence_s: float) -> None:
        self._rank, self._ranks = rank, ranks
        self._others = [other for other in range(ranks) if other != rank]
        self._silence_s = max(SHORTEST_SILENCE_S, silence_s)
        self._at = [0, 0]
        self._failures = 0
        self._ending: _Ending | None = None
        self._store = _Line(store, f"beat/{rank}", self._silence_s)
        self._store.set(f"host/{rank}", socket.gethostname())
        atexit.register(self.leave)  # a thread inside the store's C++ code must not see the interpreter end

    def count_exchange(self) -> None:
        """Count a message between ranks, so that it is known whether all of them failed at the same place."""
        self._at[1] += 1

    def arrive(self) -> None:
        """Wait until every rank has called this as often as this one, however long that takes.

        Raises:
            RankLost: a rank has failed or is silent.
        """
        self._at[0] += 1
        with self._store_watched():
            due = self._at[0] * self._ranks
            if self._store.add("arrived", 1) >= due:
                return
            listener, pause = _Listener(self._beats), 0.001
            while self._store.add("arrived") < due:
                self._refuse_lost(listener.silent(self._silence_s))
                time.sleep(pause)
                pause = min(2 * pause, _LONGEST_PAUSE_S)

    def fail(self, line: str) -> None:
        """Tell the others, once, that this rank can't go on because of an error of its own."""
        if self._ending is None:
            self._tell(_Ending(line, list(self._at), self._rank))

    def give_up(self, lost: RankLost) -> None:
        """Tell the others that this rank leaves because it lost one."""
        self._tell(_Ending(str(lost), list(self._at), lost.rank, left=True))

    def all_failed(self, line: str) -> bool:
        """Return whether every rank fails where this one does, within :data:`ALIKE_S` seconds; they are then in step.

        Otherwise the others know that this rank leaves.
        """
        self.fail(line)
        until = time.monotonic() + ALIKE_S
        with suppress(RuntimeError):
            while time.monotonic() < until:
                endings = [self._ending_of(other) for other in self._others]
                if any(ending is not None and (ending.left or ending.at != self._at) for ending in endings):
                    break
                if None not in endings:
                    self._wait_for_all(f"readers/{self._failures}")  # the store may end with the first one
                    self._failures, self._ending = self._failures + 1, None
                    return True
                time.sleep(_LONGEST_PAUSE_S)
            self._tell(_Ending(line, list(self._at), self._rank, left=True))
        return False

    def _wait_for_all(self, what: str) -> None:
        """Count this rank; the first one waits until all have been counted, or :data:`ALIKE_S` seconds."""
        counted, until = self._store.add(what, 1), time.monotonic() + ALIKE_S
        while self._rank == 0 and counted < self._ranks and time.monotonic() < until:
            time.sleep(_LONGEST_PAUSE_S)
            counted = self._store.add(what)

    def lost_rank(self) -> RankLost | None:
        """Return the rank that has failed or is gone, after listening for a moment; None if all of them live."""
        listener, until = _Listener(self._beats), time.monotonic() + SHORTEST_SILENCE_S
        try:
            with self._store_watched():
                while time.monotonic() < until:
                    self._refuse_lost({})
                    listener.silent(0.0)
                    time.sleep(BEAT_S / 2)
                self._refuse_lost(listener.silent(SHORTEST_SILENCE_S - 2 * BEAT_S))
        except RankLost as lost:
            return lost
        return None

    def leave(self) -> None:
        """End the signs of life; the first rank waits a moment for the others, since the store may end with it."""
        atexit.unregister(self.leave)
        if self._ending is None:
            with suppress(RuntimeError):
                self._wait_for_all("left")
        self._store.close()

    def _refuse_lost(self, silent: dict[int, float]) -> None:
        if self._store.add(f"failures/{self._failures}") > (self._ending is not None):
            self._refuse_failed()
        for other, seconds in silent.items():
            raise RankLost(
                f"{self._name(other)} is gone: it was killed or stopped, and has been silent for {seconds:.0f} seconds",
                other,
            )

    def _refuse_failed(self) -> None:
        endings = {other: ending for other in self._others if (ending := self._ending_of(other)) is not None}
        for other, ending in sorted(endings.items(), key=lambda item: item[1].culprit != item[0]):
            if ending.culprit == other:
                raise RankLost(f"{self._name(other)} failed: {ending.line}", other, failed=True)
            raise RankLost(ending.line, ending.culprit)

    def _name(self, other: int) -> str:
        host = self._store.get(f"host/{other}")
        return f"rank {other}" if host is None else f"rank {other} on {host.decode()}"

    def _ending_of(self, other: int) -> _Ending | None:
        told = self._store.get(f"failure/{self._failures}/{other}")
        return None if told is None else _Ending(**json.loads(told))

    def _tell(self, ending: _Ending) -> None:
        with suppress(RuntimeError):  # the store is gone, and with it whoever could read this
            self._store.set(f"failure/{self._failures}/{self._rank}", json.dumps(vars(ending)))
            if self._ending is None:
                self._store.add(f"failures/{self._failures}", 1)
        self._ending = ending

    @contextmanager
    def _store_watched(self) -> Iterator[None]:
        try:
            yield
        except RankLost:
            raise
        except RuntimeError:
            raise RankLost(
                "rank 0 is gone, or torchrun: killed or stopped, since the store where ranks meet no longer answers", 0
            ) from None

    def _beats(self) -> dict[int, int]:
        return {other: self._store.add(f"beat/{other}") for other in self._others}


class _Line:
    """Line to the store that gives up on an answer after ``patience_s`` seconds, and carries this rank's beats.

    A store that another process holds may stop with it; a call of its own would then never return.
    """

    def __init__(self, store: KeyStore, beat: str, patience_s: float) -> None:
        self._store, self._beat, self._patience_s = store, beat, patience_s
        self._asked: SimpleQueue[tuple[Callable[[], Any], SimpleQueue[Any]] | None] = SimpleQueue()
        self._thread = threading.Thread(target=self._serve, name="signs of life", daemon=True)
        self._thread.start()

    def set(self, key: str, value: str) -> None:
        """Write the value of a key."""
        self._answer(lambda: self._store.set(key, value))

    def get(self, key: str) -> bytes | None:
        """Read a value; None if there is none."""
        found: bytes | None = self._answer(lambda: self._store.get(key) if self._store.check([key]) else None)
        return found

    def add(self, key: str, amount: int = 0) -> int:
        """Add to a counter, which begins with 0, and return it."""
        count: int = self._answer(lambda: self._store.add(key, amount))
        return count

    def close(self) -> None:
        """End the beats; a call that never returns is left behind."""
        self._asked.put(None)
        self._thread.join(timeout=1.0)

    def _answer(self, call: Callable[[], Any]) -> Any:
        answer: SimpleQueue[Any] = SimpleQueue()
        self._asked.put((call, answer))
        try:
            result = answer.get(timeout=self._patience_s)
        except Empty:
            raise RuntimeError("no answer") from None
        if isinstance(result, RuntimeError):
            raise result
        return result

    def _serve(self) -> None:
        due = time.monotonic()
        while True:
            if time.monotonic() >= due:
                due = time.monotonic() + BEAT_S
                try:
                    self._store.add(self._beat, 1)
                except RuntimeError:  # the store is gone, and with it whoever could hear this
                    due = math.inf
            try:
                asked = self._asked.get(timeout=min(BEAT_S, max(0.0, due - time.monotonic())))
            except Empty:
                continue
            if asked is None:
                return
            call, answer = asked
            try:
                answer.put(call())
            except RuntimeError as error:
                answer.put(error)


class _Listener:
    """Listener to the beats of the others: since when each has been silent."""

    def __init__(self, beats: Callable[[], dict[int, int]]) -> None:
        self._beats = beats
        self._heard: dict[int, tuple[int, float]] = {}
        self._next = time.monotonic() + BEAT_S

    def silent(self, longer_than_s: float) -> dict[int, float]:
        """Return the ranks that have been silent for longer, with the seconds; listens at most once in a beat."""
        now = time.monotonic()
        if now < self._next:
            return {}
        self._next = now + BEAT_S
        for other, beat in self._beats().items():
            if other not in self._heard or self._heard[other][0] != beat:
                self._heard[other] = beat, now
        return {other: now - since for other, (_, since) in self._heard.items() if now - since > longer_than_s}
