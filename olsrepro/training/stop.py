"""Requests for a stop: signals ask for one at the next step instead of ending the process.

They are those that schedulers, terminals and users send: SIGTERM, SIGINT, SIGHUP, SIGUSR1 and SIGUSR2.
"""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Callable
from types import FrameType, TracebackType
from typing import Any

ONE_PRESS_S = 1.0
_NAMES = ("SIGTERM", "SIGINT", "SIGHUP", "SIGUSR1", "SIGUSR2")
_SIGNALS = [getattr(signal, name) for name in _NAMES if hasattr(signal, name)]


class StopRequest:
    """Flag that the signals set, as a context manager; a second SIGINT ends the process in Python's own way.

    One key press may arrive twice at once: from the terminal, and passed on by ``torchrun``.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self.requested = False
        self._clock = clock
        self._since: float | None = None
        self._before: dict[int, Any] = {}

    def __enter__(self) -> StopRequest:
        if threading.current_thread() is threading.main_thread():
            self._before = {number: signal.signal(number, self._ask) for number in _SIGNALS if not _is_nohup(number)}
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for number, handler in self._before.items():
            if handler is not None:  # None: it was set outside Python and can't be restored from here
                signal.signal(number, handler)

    def _ask(self, number: int, frame: FrameType | None) -> None:
        if number == signal.SIGINT and self.is_older_than(ONE_PRESS_S):
            raise KeyboardInterrupt
        self.requested = True
        self.is_older_than(0.0)

    def is_older_than(self, seconds: float) -> bool:
        """Return whether a stop was asked for more than so many seconds ago, as far as this object has heard of it."""
        if not self.requested:
            return False
        if self._since is None:
            self._since = self._clock()
        return self._clock() - self._since > seconds


def _is_nohup(number: int) -> bool:
    """Return whether a signal is SIGHUP under ``nohup``, which lets the run outlive its terminal."""
    return number == getattr(signal, "SIGHUP", None) and signal.getsignal(number) == signal.SIG_IGN
