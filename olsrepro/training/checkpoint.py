"""Checkpoints: plain containers of tensors, numbers and strings, whole or absent, with one predecessor kept."""

from __future__ import annotations

import pickle
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

from olsrepro.files.atomic import keep_predecessor, replacing

State = dict[str, Any]
NAME = "checkpoint.pt"
PREDECESSOR = "checkpoint.previous.pt"


class CorruptCheckpoint(Exception):
    """A checkpoint file is torn or was altered."""


def save(path: Path, state: State) -> None:
    """Write a state atomically. torch stores it as a ZIP whose CRC-32 sums :func:`load` checks."""
    with replacing(path) as file:
        torch.save(state, file)


def load(path: Path) -> State:
    """Read a state onto the CPU with ``weights_only=True``.

    Raises:
        CorruptCheckpoint: the file is torn, its sums don't fit, or it holds more than plain containers.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            if (member := archive.testzip()) is not None:
                raise CorruptCheckpoint(f"{path.name}: {member} is damaged")
        state: State = torch.load(path, map_location="cpu", weights_only=True)
    except (zipfile.BadZipFile, EOFError, RuntimeError, pickle.UnpicklingError) as error:
        raise CorruptCheckpoint(f"{path.name}: {str(error).splitlines()[0]}") from error
    return state


class CheckpointFolder:
    """The two newest checkpoints of a run: ``checkpoint.pt`` and, until the next one is whole, its predecessor."""

    def __init__(self, folder: Path, say: Callable[[str], None] = print) -> None:
        self.folder = folder
        self._say = say

    def save(self, state: State) -> None:
        """Write a new checkpoint; at every moment a whole one stands under ``checkpoint.pt``."""
        keep_predecessor(self.folder / NAME, self.folder / PREDECESSOR)
        save(self.folder / NAME, state)

    def newest(self) -> State | None:
        """The newest whole checkpoint, None where there is none; a damaged one is named and its predecessor taken."""
        damaged = False
        for name in (NAME, PREDECESSOR):
            path = self.folder / name
            if not path.exists():
                continue
            try:
                state = load(path)
            except CorruptCheckpoint as error:
                self._say(f"{error}; trying the one before it")
                damaged = True
                continue
            if damaged:
                self._say(f"going on from {name}")
            return state
        if damaged:
            self._say("no whole checkpoint is left; starting from the beginning")
        return None
