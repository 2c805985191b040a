"""Watchdog of a training: a thread whose stack has not moved for minutes hangs, and nothing in it can end it.

Samples of the stack are compared, not marks that the training would have to set everywhere: between two of them some
call has returned wherever anything goes on.
"""

from __future__ import annotations

import sys
import threading
import traceback
from collections.abc import Callable
from pathlib import Path
from types import CodeType, FrameType, TracebackType

from olsrepro.distributed.presence import Presence

SAMPLES = 60
_LONGEST_PAUSE_S = 5.0
_WAITS: frozenset[CodeType] = frozenset({Presence.arrive.__code__})  # for another rank, which has a watchdog too

Stack = tuple[tuple[CodeType, int], ...]


class Watchdog:
    """Watchdog of the thread that enters it, as a context manager.

    Args:
        minutes: how long its stack must not move, in at least :data:`SAMPLES` samples; 0: it is not watched.
        on_hang: called in another thread with the place, as text, and the stacks of all threads; must end the process.
    """

    def __init__(self, minutes: float, on_hang: Callable[[str, str], object]) -> None:
        self._pause_s = min(_LONGEST_PAUSE_S, 60 * minutes / SAMPLES)
        self._samples = round(60 * minutes / self._pause_s) if minutes else 0
        self._on_hang = on_hang
        self._ends = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="watchdog", daemon=True)

    def __enter__(self) -> Watchdog:
        self._watched = threading.get_ident()
        if self._samples:
            self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ends.set()
        if self._samples:
            self._thread.join()

    def _watch(self) -> None:
        before: Stack = ()
        alike = 0  # counted in samples: a process that was stopped as a whole takes none
        while not self._ends.wait(self._pause_s):
            stack = _stack(sys._current_frames().get(self._watched))
            alike = alike + 1 if stack == before and not _WAITS & {code for code, _ in stack} else 0
            before = stack
            if alike >= self._samples:
                self._on_hang(_place(stack), stacks())
                return


def stacks() -> str:
    """Return the stacks of all threads of this process, as text."""
    names = {thread.ident: thread.name for thread in threading.enumerate()}
    frames = sys._current_frames().items()
    return "\n".join(
        f"thread {names.get(ident, ident)}:\n{''.join(traceback.format_stack(frame))}" for ident, frame in frames
    )


def _stack(frame: FrameType | None) -> Stack:
    found = []
    while frame is not None:
        found.append((frame.f_code, frame.f_lasti))
        frame = frame.f_back
    return tuple(found)


def _place(stack: Stack) -> str:
    """Name the innermost function, and the innermost of this package that called it."""
    innermost = stack[0][0]
    own = next((code for code, _ in stack if "olsrepro" in code.co_filename), innermost)
    return _named(innermost) + ("" if own is innermost else f", called by {_named(own)}")


def _named(code: CodeType) -> str:
    return f"{code.co_name} ({Path(code.co_filename).name})"
