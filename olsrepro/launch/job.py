"""A run being executed: its config, where it lies, and whom it tells about it."""

from __future__ import annotations

import sys
from dataclasses import dataclass, field
from typing import Any

from rich.console import Console

from olsrepro.config.run_config import RunConfig
from olsrepro.distributed.ranks import is_first
from olsrepro.store.folder import Store
from olsrepro.store.identity import run_id


@dataclass
class Job:
    """A run being executed: its config, where it lies, and whom it tells about it."""

    config: RunConfig
    store: Store
    console: Console = field(default_factory=lambda: Console(file=sys.stdout, highlight=False, soft_wrap=True))
    pace_s: float = 0.0

    def __post_init__(self) -> None:
        self.run_id = run_id(self.config)
        self.folder = self.store.run_folder(self.run_id)

    def about(self) -> dict[str, Any]:
        """Return the run's id and its config, without how it is executed, as plain containers."""
        config = self.config.as_dict()
        del config["runtime"]
        return {"run_id": self.run_id, "config": config}

    def say(self, line: str) -> None:
        """Tell the user a line; of several ranks the first one speaks."""
        if is_first():
            self.console.print(line, markup=False, highlight=False)
