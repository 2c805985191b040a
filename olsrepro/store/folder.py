"""Folders of runs, each named by its id; nothing in them is ever deleted or overwritten unasked."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path

from olsrepro.settings import UserError
from olsrepro.store.record import Record, read_record

_RUN = re.compile(r"[^.].*-s\d+")


class Store:
    """Folder of all runs.

    ``<root>/<run id>/`` is a run; ``<root>/.locks`` guards the taking of leases; ``<root>/aside/`` keeps what
    ``--fresh`` moved out of the way.
    """

    def __init__(self, root: Path) -> None:
        self.root = root

    @property
    def locks(self) -> Path:
        """Folder of the locks that guard leases."""
        return self.root / ".locks"

    def run_folder(self, run_id: str) -> Path:
        """Return the folder of a run, whether it exists or not."""
        return self.root / run_id

    def run_ids(self) -> list[str]:
        """List the ids of all runs that were ever started, in order; none where there is no store.

        Raises:
            UserError: the store can't be read.
        """
        try:
            with os.scandir(self.root) as entries:
                return sorted(entry.name for entry in entries if _RUN.fullmatch(entry.name) and _is_folder(entry))
        except (FileNotFoundError, NotADirectoryError):
            return []
        except OSError as error:
            raise UserError(f"{self.root} can't be read as a store of runs: {error.strerror}") from None

    def records(self) -> Iterator[tuple[Path, Record | str]]:
        """Yield each run's folder with its record, or a line on why it can't be read; skip folders without one.

        They are read one by one, on demand, so that a large store need not fit in memory.
        """
        for folder in map(self.run_folder, self.run_ids()):
            try:
                record = read_record(folder)
            except UserError as error:
                yield folder, str(error)
                continue
            if record is not None:
                yield folder, record

    def readable_records(self) -> Iterator[Record]:
        """Yield the records that can be read."""
        return (record for _, record in self.records() if not isinstance(record, str))

    def move_aside(self, run_id: str) -> Path | None:
        """Move a run's folder to ``aside/<run id>.<n>``; return its new path, None if there was none."""
        folder = self.run_folder(run_id)
        if not folder.exists():
            return None
        aside = self.root / "aside"
        aside.mkdir(parents=True, exist_ok=True)
        number = 1
        while (target := aside / f"{run_id}.{number}").exists():
            number += 1
        folder.rename(target)
        return target


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:  # a link that leads in a circle
        return False
