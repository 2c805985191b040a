"""Files of scalars in TensorBoard's format, written by the calling thread.

TensorBoard's own writer has a thread, in which a full disk would print a traceback that nobody can catch.
"""

from __future__ import annotations

import itertools
import os
import socket
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

VERSION = "brain.Event:2"


class EventFile:
    """A new file in a folder, which is made with the first scalars and never held open.

    Args:
        folder: what TensorBoard is pointed at.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._path: Path | None = None

    def add(self, step: int, scalars: Mapping[str, float]) -> None:
        """Append a point of each scalar; with the first ones, what earlier files have from that step on is purged.

        Raises:
            OSError: the disk is full, or the folder can't be written.
        """
        from tensorboard.compat.proto.event_pb2 import Event, SessionLog  # imported late: TensorBoard is large
        from tensorboard.compat.proto.summary_pb2 import Summary

        now, events = time.time(), list[Event]()
        if self._path is None:
            self._folder.mkdir(parents=True, exist_ok=True)
            self._path = _unused(self._folder)
            start = SessionLog(status=SessionLog.START)
            events = [Event(wall_time=now, file_version=VERSION), Event(wall_time=now, step=step, session_log=start)]
        values = [Summary.Value(tag=tag, simple_value=value) for tag, value in scalars.items()]
        _append(self._path, [*events, Event(wall_time=now, step=step, summary=Summary(value=values))])


def _unused(folder: Path) -> Path:
    """Return a new name; TensorBoard reads files in the order of their names, which begin with the time."""
    stem = f"events.out.tfevents.{int(time.time()):010d}.{socket.gethostname()}.{os.getpid()}"
    paths = (folder / f"{stem}.{number}" for number in itertools.count())
    return next(path for path in paths if not path.exists())


def _append(path: Path, events: Sequence[Any]) -> None:
    from tensorboard.summary.writer.record_writer import RecordWriter

    with open(path, "ab") as file:
        writer = RecordWriter(file)
        for event in events:
            writer.write(event.SerializeToString())
