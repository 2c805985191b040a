"""Where runs lie: a folder each, named by its id; nothing in it is ever deleted or overwritten unasked."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from olsrepro.settings import UserError
from olsrepro.store.record import Record, read_record

_RUN = re.compile(r"[^.].*-s\d+")


class Store:
    """The folder of all runs.

    ``<root>/<run id>/`` is a run; ``<root>/.locks`` guards the taking of leases; ``<root>/aside/`` keeps what
    ``--fresh`` moved out of the way.
    """

    def __init__(self, root: Path) -> None:
        self.root = root

    @property
    def locks(self) -> Path:
        """Where the locks that guard leases lie."""
        return self.root / ".locks"

    def run_folder(self, run_id: str) -> Path:
        """The folder of a run, whether it exists or not."""
        return self.root / run_id

    def run_folders(self) -> list[Path]:
        """The folders of all runs that were ever started, by id; none where there is no store."""
        with suppress(FileNotFoundError, NotADirectoryError), os.scandir(self.root) as entries:
            names = (entry.name for entry in entries if _RUN.fullmatch(entry.name) and entry.is_dir())
            return [self.root / name for name in sorted(names)]
        return []

    def records(self) -> Iterator[tuple[Path, Record | str]]:
        """Each run's folder with its record, or with a line on why it can't be read; folders without one are left out.

        They are read one by one while they are asked for, so that a large store need not lie in memory.
        """
        for folder in self.run_folders():
            try:
                record = read_record(folder)
            except UserError as error:
                yield folder, str(error)
                continue
            if record is not None:
                yield folder, record

    def readable_records(self) -> Iterator[Record]:
        """The records that can be read."""
        return (record for _, record in self.records() if not isinstance(record, str))

    def move_aside(self, run_id: str) -> Path | None:
        """Move a run's folder to ``aside/<run id>.<n>``; where it now lies, None if there was none."""
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
