"""Leases that give a folder one writer: a file with host, pid, process start and a heartbeat.

On the same host a holder is dead if no such process runs (the start time tells a reused pid apart); on another if its
heartbeat stops for :data:`STALE_S` seconds of the reader's own clock, so that clocks never need to agree.
"""

from __future__ import annotations

import os
import socket
import threading
import time
import uuid
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from types import TracebackType

from filelock import FileLock

from olsrepro.files.atomic import StorageError, write_json
from olsrepro.files.plain_json import parse
from olsrepro.files.process import process_start
from olsrepro.files.shape import TEXT, WHOLE, Having, Maybe
from olsrepro.settings import UserError

HEARTBEAT_S = 15.0
STALE_S = 120.0
SILENT_S = 600.0
FILE_NAME = "lease.json"
_noted: dict[Path, tuple[Holder, float]] = {}  # holders on other hosts, by folder, and when they were first seen


class Held(UserError):
    """Refusal to write in a folder that another living process holds."""


@dataclass(frozen=True)
class Holder:
    """Writer of a folder: host, pid, start of the process (an opaque mark), a random token, the beats so far."""

    host: str
    pid: int
    started: str
    token: str
    beat: int = 0
    machine: str = ""

    @classmethod
    def of_this_process(cls) -> Holder:
        """Return the holder that this process would be."""
        started = process_start(os.getpid()) or ""
        return cls(socket.gethostname(), os.getpid(), started, uuid.uuid4().hex, machine=machine_mark())

    def is_of_this_machine(self) -> bool:
        """Return whether its pid means the same here: machines and containers may share a host's name."""
        return (self.host, self.machine) == (socket.gethostname(), machine_mark())


_HOLDER = Having(
    {"host": TEXT, "pid": WHOLE, "started": TEXT, "token": TEXT, "beat": Maybe(WHOLE), "machine": Maybe(TEXT)}
)


def machine_mark() -> str:
    """Return what tells machines and containers of one name apart: boot id and pid namespace (Linux; else empty)."""
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
        return f"{boot} {os.readlink('/proc/self/ns/pid')}"
    except OSError:
        return ""


def read_holder(folder: Path) -> Holder | None:
    """Read the holder that a folder's lease names; None without a lease. Fields of a later version are ignored.

    Raises:
        UserError: the file can't be read, or is no lease.
    """
    path = folder / FILE_NAME
    try:
        found = parse(path.read_bytes())
    except FileNotFoundError:
        return None
    except OSError as error:
        raise UserError(f"{path} can't be read ({error.strerror}); check it, then remove it") from None
    except ValueError:
        found = None
    if not _HOLDER.fits(found):
        raise UserError(f"{path} is not a lease that olsrepro wrote; check it, then remove it")
    known = {field.name for field in fields(Holder)}
    return Holder(**{key: value for key, value in found.items() if key in known and value is not None})


def is_alive(
    folder: Path,
    holder: Holder,
    *,
    sleep: Callable[[float], None] = time.sleep,
    clock: Callable[[], float] = time.monotonic,
) -> bool:
    """Return whether the holder still runs; on another host, watch its heartbeat for up to :data:`STALE_S` seconds.

    The beats of the folders beside it are noted meanwhile, so that the runs of a dead host cost one wait together.
    """
    if holder.is_of_this_machine():
        return process_start(holder.pid) == holder.started
    until = _unchanged_since(folder, holder, clock()) + STALE_S
    _note_neighbours(folder, clock())
    while clock() < until:
        sleep(1.0)
        now = read_holder(folder)
        if now is None:
            return False
        if now != holder:
            return True
    return False


def seems_alive(folder: Path, holder: Holder) -> bool:
    """Return at once, for display, whether a holder seems to run; :func:`is_alive` makes sure, and may take long.

    On another host its lease must have been renewed within :data:`SILENT_S` seconds, by clocks that roughly agree.
    """
    if holder.is_of_this_machine():
        return process_start(holder.pid) == holder.started
    try:
        return time.time() - (folder / FILE_NAME).stat().st_mtime < SILENT_S
    except OSError:
        return False


def refuse_held(folder: Path) -> None:
    """Refuse a folder that a living process of this machine holds (:class:`Held`); for others it would take long."""
    holder = read_holder(folder)
    if holder is not None and holder.is_of_this_machine() and is_alive(folder, holder):
        raise _held_by(folder, holder)


def _held_by(folder: Path, holder: Holder) -> Held:
    return Held(
        f"{folder} is being written by pid {holder.pid} on {holder.host}; leave it to that process: once it has ended,"
        " the same command finds the run finished or resumes it; runtime.wait_for_held=true waits for that"
    )


def _unchanged_since(folder: Path, holder: Holder, now: float) -> float:
    """Return when this process first saw a holder with these beats: ``now``, unless it was noted before."""
    if folder not in _noted or _noted[folder][0] != holder:
        _noted[folder] = holder, now
    return _noted[folder][1]


def _note_neighbours(folder: Path, now: float) -> None:
    for path in folder.parent.glob(f"*/{FILE_NAME}"):
        with suppress(OSError, UserError):
            holder = read_holder(path.parent)
            if holder is not None and not holder.is_of_this_machine():
                _unchanged_since(path.parent, holder, now)


class Lease:
    """Right to write in a folder, as a context manager; a thread renews it while it is held.

    Args:
        folder: the folder; made if it is missing.
        locks: folder of the short-lived lock that guards the taking itself.
        say: called with a line when a lease is watched, or taken over from a dead holder.
        prepare: called once nobody else can write any more and before the lease is written (to move the folder aside).
        heartbeat_s: seconds between beats.

    Raises:
        Held: a living writer holds it; the message has its host and pid.
        UserError: the folder can't be written, or its lease is damaged.
    """

    def __init__(
        self,
        folder: Path,
        locks: Path,
        say: Callable[[str], None] = print,
        *,
        prepare: Callable[[], object] = lambda: None,
        heartbeat_s: float = HEARTBEAT_S,
    ) -> None:
        self.folder = folder
        self.holder = Holder.of_this_process()
        self.lost = False
        self._guard = FileLock(locks / f"{folder.name}.lock")
        self._say = say
        self._prepare = prepare
        self._heartbeat_s = heartbeat_s
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._keep_beating, name="lease", daemon=True)

    def __enter__(self) -> Lease:
        try:
            self._take()
        except OSError as error:
            raise UserError(f"cannot write in {self.folder.parent}: {error.strerror or error}") from error
        self._thread.start()
        return self

    def _take(self) -> None:
        Path(self._guard.lock_file).parent.mkdir(parents=True, exist_ok=True)
        before = self._refuse_if_held()
        with self._guard:
            now = read_holder(self.folder)
            if now != before and now is not None:
                raise _held_by(self.folder, now)
            self._prepare()
            self.folder.mkdir(parents=True, exist_ok=True)
            write_json(self.folder / FILE_NAME, asdict(self.holder))

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.release()

    def release(self) -> None:
        """Give the lease back; nothing may be written after."""
        self._stop.set()
        self._thread.join()
        with suppress(OSError, UserError), self._guard:  # a lease left behind is a dead one once this process ends
            if self._is_ours():
                (self.folder / FILE_NAME).unlink(missing_ok=True)

    def refuse_if_lost(self) -> None:
        """Refuse to go on writing once the heartbeat has seen that the lease is lost.

        Raises:
            Held: another process has taken it.
            StorageError: the folder is gone, and its lease with it.
        """
        if not self.lost:
            return
        if not self.folder.exists():
            raise StorageError(
                f"{self.folder} is gone: it was moved or deleted, or its disk is no longer mounted; put it back and"
                " repeat the command, which resumes from its last checkpoint"
            )
        raise Held(f"{self.folder} was taken over by another process; this one stops without writing")

    def look(self) -> None:
        """Read the file now, then :meth:`refuse_if_lost`: before a write, after a sleep that no heartbeat saw."""
        self.lost = self.lost or not self._is_ours()
        self.refuse_if_lost()

    def _refuse_if_held(self) -> Holder | None:
        """Return the dead holder seen, if any. The guard is not held: a living holder needs it for its heartbeat."""
        holder = read_holder(self.folder)
        if holder is None:
            return None
        if not holder.is_of_this_machine():
            self._say(f"{self.folder.name} is leased by {holder.host}; watching its heartbeat for up to {STALE_S:g} s")
        if is_alive(self.folder, holder):
            raise _held_by(self.folder, holder)
        self._say(f"{self.folder.name}: taking over from pid {holder.pid} on {holder.host}, which is gone")
        return holder

    def _is_ours(self) -> bool:
        holder = read_holder(self.folder)
        return holder is not None and holder.token == self.holder.token

    def _keep_beating(self) -> None:
        beat = 0
        while not self._stop.wait(self._heartbeat_s):
            beat += 1
            try:
                with self._guard:
                    if not self._is_ours():
                        self.lost = True
                        return
                    write_json(self.folder / FILE_NAME, asdict(self.holder) | {"beat": beat})
            except (OSError, UserError):
                continue  # a full disk or a hiccup of the network must not end the run; the next beat tries again
