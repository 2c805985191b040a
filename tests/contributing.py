"""CONTRIBUTING.md as its readers follow it: files below a caption with their path, commands, paths in the text."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[1]
TEXT = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
BLOCK = re.compile(r"^```\w+\n.*?^```$", re.M | re.S)
CAPTION = re.compile(
    r"^\*\*`(?P<path>[^`]+)`\*\*(?: is (?P<empty>empty)|(?:, in `(?P<table>\w+)`)?\n\n```\w+\n(?P<block>.*?)^```$)",
    re.M | re.S,
)


@dataclass(frozen=True)
class Edit:
    """A file to write, or, with ``table``, lines to add at the end of that dictionary in a file that is there."""

    path: str
    text: str
    table: str | None = None

    def make(self, root: Path) -> None:
        """Make it in a copy of the repository."""
        path = root / self.path
        path.parent.mkdir(exist_ok=True)
        path.write_text(self.text if self.table is None else self._added_to(path.read_text()), encoding="utf-8")

    def _added_to(self, text: str) -> str:
        dictionary = re.compile(rf"^{self.table}\b[^\n]*{{\n.*?(?=^}})", re.M | re.S)
        return dictionary.sub(lambda found: found[0] + self.text, text, count=1)


def section(title: str) -> str:
    """Return the text below a heading, up to the next one of its level."""
    return TEXT.partition(f"\n## {title}\n")[2].partition("\n## ")[0]


def edits(text: str) -> list[Edit]:
    """Return the edits that the captions of a text ask for, in its order."""
    return [Edit(found["path"], found["block"] or "", found["table"]) for found in CAPTION.finditer(text)]


def commands(text: str) -> list[list[str]]:
    """Return the commands in a text's shell blocks, word by word."""
    blocks = re.findall(r"^```bash\n(.*?)^```$", text, re.M | re.S)
    return [line.split() for block in blocks for line in block.splitlines()]


def paths() -> list[str]:
    """Return the paths that the text names outside of its blocks, but for those with a name to fill in."""
    return sorted(set(re.findall(r"(?<!\*)`([\w./-]+/[\w./-]*)`", BLOCK.sub("", TEXT))))
