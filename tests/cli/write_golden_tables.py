"""Writes tests/golden/tables anew: `python tests/cli/write_golden_tables.py`, then look at the difference."""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path

TESTS = Path(__file__).resolve().parent.parent

if __name__ == "__main__":
    sys.path[:0] = [str(TESTS / "experiments"), str(TESTS / "cli")]
    from table_store import fill_table2

    from olsrepro.cli.main import main

    with tempfile.TemporaryDirectory() as root:
        os.environ |= {"OLSREPRO_RUNS": root, "COLUMNS": "120"}
        fill_table2(Path(root))
        for suffix in ("txt", "md", "tex"):
            main(["table", "2", "--no-train", "--overwrite", "--output", str(TESTS / f"golden/tables/table2.{suffix}")])
