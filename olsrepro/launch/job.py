"""A run being executed: its config, its folder, and the console that shows its progress."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

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
        console: shows its progress.
        pace_s: shortest time in seconds between the lines of two epochs.
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
        """Path of its record, whether or not that exists."""
        return self.folder / NAME

    def is_finished(self) -> bool:
        """Return whether its record says that it is finished, and tell the user if so."""
        record = read_record(self.folder)
        if record is None or record["status"] != FINISHED:
            return False
        self.say(f"{self.run_id} is finished already; --fresh would train it again")
        return True

    def about(self) -> dict[str, Any]:
        """Return the run's id and its config, without how it is executed, as plain containers."""
        config = self.config.as_dict()
        del config["runtime"]
        return {"run_id": self.run_id, "config": config}

    def say(self, line: str) -> None:
        """Print a line for the user; of several ranks only the first one prints."""
        if is_first():
            self.console.print(line, markup=False, highlight=False)
