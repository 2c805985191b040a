"""Where runs lie: a folder each, named by its id; nothing in it is ever deleted or overwritten unasked."""

from __future__ import annotations

from pathlib import Path


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
