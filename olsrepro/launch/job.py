"""A run being executed: its config, where it lies, and where its progress is told."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from rich.console import Console

from olsrepro.config.run_config import RunConfig
from olsrepro.distributed.ranks import is_first
from olsrepro.store.folder import Store
from olsrepro.store.identity import run_id
from olsrepro.store.record import FINISHED, NAME, read_record


@dataclass
class Job:
    """A run being executed.

    Attributes:
        config: of the run.
        console: where its progress is told.
        pace_s: an epoch's line is told at most every so many seconds.
    """

    config: RunConfig
    console: Console
    pace_s: float = 0.0

    def __post_init__(self) -> None:
        self.run_id = run_id(self.config)
        self.store = Store(Path(self.config.runtime.runs_dir))
        self.folder = self.store.run_folder(self.run_id)

    @property
    def record(self) -> Path:
        """Path of its record, whether it is there or not."""
        return self.folder / NAME

    def is_finished(self) -> bool:
        """Return whether its record says that it is finished, and tell the user if so."""
        record = read_record(self.folder)
        if record is None or record["status"] != FINISHED:
            return False
        self.say(f"{self.run_id} is finished already; --fresh would train it anew")
        return True

    def say(self, line: str) -> None:
        """Tell the user a line; of several ranks the first one speaks."""
        if is_first():
            self.console.print(line, markup=False, highlight=False)
