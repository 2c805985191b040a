"""Writes tests/golden/paper_facts.yaml anew: `python tests/config/write_paper_facts.py PAPER.md`, the paper's text.

For every section and table that a comment cites: those of the numbers and words of the comment that its text has. The
text itself is not kept. A citation that the text does not bear out is printed.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

import yaml
from paper_citations import ROOT, citations, tokens


def parts(text: str) -> dict[str, str]:
    """Return the text by section, table (with its caption), caption and figure."""
    found: dict[str, str] = {}
    section, table, before = "abstract", "", ""
    for block in re.split(r"\n\s*\n", text.partition("## REFERENCES")[0]):
        if heading := re.match(r"#+ (?:([IV]+)\. [A-Z ]+$|([A-E])\. )", block, re.MULTILINE):
            section, table = heading[1] or f"{section.partition('-')[0]}-{heading[2]}", ""
        if start := re.match(r"(?:#+ |\s*\$.*)?TABLE\\? ?([IVX]+)\b", block):
            table = f"Table {start[1]}"
            found[table] = before if table == "Table XI" else ""  # the one table that stands above its caption
        elif table and not (block.isupper() or "\t" in block or found[table].count("\n") < 2):
            table = ""
        if figure := re.match(r"\s*Fig\. (\d)\.", block):
            found[f"caption of Figure {figure[1]}"] = block
        if table and "\t" not in block:
            found[f"caption of {table}"] = found.get(f"caption of {table}", "") + "\n" + block
        found[table or section] = found.get(table or section, "") + "\n" + block
        before = block
    return found


def main(paper: Path) -> None:
    """Write the facts, and print what the text does not bear out."""
    said = parts(paper.read_text())
    facts: dict[str, set[str]] = {}  # only what a comment has too
    for item in citations():
        for part in item.parts:
            facts.setdefault(part, set()).update((item.numbers or item.words) & tokens(said.get(part, "")))
    for item in citations():
        if not item.holds(facts):
            print(item.where, item.parts, sorted(item.numbers or item.words))
    lines = yaml.safe_dump({part: sorted(known) for part, known in sorted(facts.items())}, width=118)
    (ROOT / "tests/golden/paper_facts.yaml").write_text(
        "# Numbers and single words that the paper has where our comments cite it: tests/config/write_paper_facts.py\n"
        + lines
    )


if __name__ == "__main__":
    main(Path(sys.argv[1]))
