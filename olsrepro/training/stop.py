"""Requests for a stop: SIGTERM, SIGINT and SIGUSR1 ask for one at the next step instead of ending the process."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Callable
from types import FrameType, TracebackType
from typing import Any

ONE_PRESS_S = 1.0
_SIGNALS = [getattr(signal, name) for name in ("SIGTERM", "SIGINT", "SIGUSR1") if hasattr(signal, name)]


class StopRequest:
    """Flag that the signals set, as a context manager; a second SIGINT ends the process in Python's own way.

    One key press may arrive twice at once: from the terminal, and passed on by ``torchrun``.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self.requested = False
        self._clock = clock
        self._since = 0.0
        self._before: dict[int, Any] = {}

    def __enter__(self) -> StopRequest:
        if threading.current_thread() is threading.main_thread():
            self._before = {number: signal.signal(number, self._ask) for number in _SIGNALS}
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for number, handler in self._before.items():
            if handler is not None:  # None: it was set outside Python and can't be restored from here
                signal.signal(number, handler)

    def _ask(self, number: int, frame: FrameType | None) -> None:
        if self.requested and number == signal.SIGINT and self._clock() - self._since > ONE_PRESS_S:
            raise KeyboardInterrupt
        if not self.requested:
            self._since = self._clock()
        self.requested = True
