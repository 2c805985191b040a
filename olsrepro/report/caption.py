"""Texts of a picture: those above its table's numbers, and its notes."""

from __future__ import annotations

from olsrepro.experiments.render.caption import head, title
from olsrepro.experiments.request import SMOKE
from olsrepro.experiments.table import Table
from olsrepro.report.figure_data import Words

_TOLD = ("preset", "overrides", "seeds", "selection", "cells", "data", "commits", "devices")
_BETWEEN = "\u00a0· "  # no line begins with the dot


def words(table: Table) -> Words:
    """Return the title, the caption and, for preset smoke, the stamp of a table's picture."""
    return Words(title(table), caption(table), SMOKE if table.preset == SMOKE else "")


def caption(table: Table) -> str:
    """Write preset, overrides, seeds, rule, cells, smoke data, commits and devices on one line, then the notes."""
    told = _BETWEEN.join(f"{key}: {text}" for key, text in head(table) if key in _TOLD)
    notes = " ".join(dict.fromkeys(note for note in (table.experiment.note, *table.notes) if note))
    return "\n".join(line for line in (told, notes) if line)
