"""Checkpoints: plain containers of tensors, numbers and strings, whole or absent, with one predecessor kept."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, cast

import torch

from olsrepro.checks import other_content
from olsrepro.files.atomic import keep_predecessor, replacing

State = dict[str, Any]
NAME = "checkpoint.pt"
INSIDE_EPOCH = "inside_epoch"
PREDECESSOR = "checkpoint.previous.pt"
_FOLDER = 0x10  # an attribute of ZIP members
_PLAIN = (torch.Tensor, torch.nn.Parameter, str, int, float, bool, type(None))


class CorruptCheckpoint(Exception):
    """A checkpoint file is torn or was altered."""


def save(path: Path, state: State) -> None:
    """Write a state atomically. torch stores it as a ZIP whose CRC-32 sums :func:`load` checks.

    Raises:
        TypeError: something in it is not a plain container, tensor, number or string, which a safe load would refuse.
        StorageError: the disk is full, or the folder can't be written to.
    """
    _refuse_foreign(state)
    written = io.BytesIO()  # torch would report a full disk as an error of its own archive
    torch.save(state, written)
    with replacing(path) as file:
        file.write(written.getbuffer())


def load(path: Path) -> State:
    """Read a state onto the CPU with ``weights_only=True``.

    Raises:
        CorruptCheckpoint: the file is torn, its sums don't fit, or it is not a mapping of plain values.
        OSError: the file can't be read, which says nothing about what is in it.
    """
    read = path.read_bytes()
    content = io.BytesIO(read)
    try:
        _check_sums(content)
        state: State = torch.load(content, map_location="cpu", weights_only=True)
        if not isinstance(state, Mapping):
            raise CorruptCheckpoint(f"holds a {type(state).__name__}, no state")
    except MemoryError:
        raise
    except CorruptCheckpoint as error:
        raise CorruptCheckpoint(f"{path.name}: {error}") from None
    except Exception as error:  # the two readers of archives have a dozen exceptions for a damaged one
        raise CorruptCheckpoint(f"{path.name}: it is {other_content(read) or 'damaged or no checkpoint'}") from error
    return state


def _check_sums(content: io.BytesIO) -> None:
    with zipfile.ZipFile(content) as archive:
        damaged = archive.testzip()
        for member in archive.infolist():
            if member.external_attr & _FOLDER:  # torch would read nothing and leave the tensor uninitialised
                damaged = member.filename
    if damaged is not None:
        raise CorruptCheckpoint(f"{damaged} is damaged")
    content.seek(0)


def _refuse_foreign(value: object, where: str = "state") -> None:
    """Refuse all but exact plain types: a safe load refuses subclasses too, such as that of ``torch.__version__``."""
    if isinstance(value, Mapping):
        for key, item in value.items():
            _refuse_foreign(key, f"{where}.{key}")
            _refuse_foreign(item, f"{where}.{key}")
    elif type(value) in (list, tuple):
        for at, item in enumerate(cast("list[object]", value)):
            _refuse_foreign(item, f"{where}[{at}]")
    elif type(value) not in _PLAIN:
        raise TypeError(f"{where} is a {type(value).__name__}, which a checkpoint can't hold")


class CheckpointFolder:
    """Two newest checkpoints of a run: ``checkpoint.pt`` and its predecessor.

    Inside an epoch the predecessor remains that of the epoch's beginning, from which any number of ranks can resume.
    ``guard`` is called before each is written, and raises if this process must not write any more.
    """

    def __init__(
        self, folder: Path, say: Callable[[str], None] = print, guard: Callable[[], object] = lambda: None
    ) -> None:
        self.folder = folder
        self._say = say
        self._guard = guard
        self._newest_is_passed_over = False
        self._newest_is_inside_epoch = False

    def save(self, state: State) -> None:
        """Write a new checkpoint; a whole one exists at every moment, and an unfit one never becomes the predecessor.

        ``state["inside_epoch"]``, if present, says whether it was taken before the end of an epoch.
        """
        self._guard()
        if self._newest_is_worth_keeping():
            keep_predecessor(self.folder / NAME, self.folder / PREDECESSOR)
        save(self.folder / NAME, state)
        self._newest_is_passed_over, self._newest_is_inside_epoch = False, state.get(INSIDE_EPOCH, False)

    def _newest_is_worth_keeping(self) -> bool:
        if self._newest_is_passed_over:
            return False
        return not self._newest_is_inside_epoch or not (self.folder / PREDECESSOR).exists()

    def newest(self, refusal: Callable[[State], str | None] = lambda state: None) -> State | None:
        """Return the newest whole checkpoint, None if there is none; each one that is passed over is reported.

        ``refusal`` returns the reason why a state can't be resumed from, or None.
        """
        passed_over = False
        for name in (NAME, PREDECESSOR):
            if not (self.folder / name).exists():
                continue
            state, reason = self._whole(name, refusal)
            if state is None:
                self._newest_is_passed_over |= name == NAME
                self._say(f"{reason}; trying the one before it")
                passed_over = True
                continue
            if passed_over:
                self._say(f"resuming from {name}")
            return state
        if passed_over:
            self._say("no whole checkpoint is left; starting from the beginning")
        return None

    def _whole(self, name: str, refusal: Callable[[State], str | None]) -> tuple[State | None, str | None]:
        """Return the state in a file, or None and the reason why it is passed over."""
        try:
            state = load(self.folder / name)
        except CorruptCheckpoint as error:
            return None, str(error)
        if name == NAME:
            self._newest_is_inside_epoch = state.get(INSIDE_EPOCH, False)
        if (reason := refusal(state)) is not None:
            return None, f"{name} {reason}"
        return state, None
