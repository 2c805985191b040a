"""Texts around a table's numbers: title, head, notes, claims. The same in every text format."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

from olsrepro.experiments.metrics import METRICS
from olsrepro.experiments.render.cells import drawn_cells, inferred_n
from olsrepro.experiments.render.number_text import interval_text, spread_text
from olsrepro.experiments.table import COMPLETE, INCOMPLETE, MISSING, QUOTED, UNAVAILABLE, Table, Verdict

SELECTION_WORDS = {
    "best": "best test epoch",
    "last": "last epoch",
    "mean_of_last_ten": "mean of the last ten epochs",
}
SOURCE_WORDS = {
    "paper": "the paper",
    "code": "the authors' code",
    "detector": "the detector that the authors named",
    "ours": "our reading",
}
PRESET_WORDS = {
    "smoke": " (proves that the machinery works, and says nothing about the paper)",
    "short": " (fewer epochs than the paper's: trends, no verdicts on the paper)",
    "mini": " (a CPU-sized recipe: trends, no verdicts on the paper)",
    "custom": " (no preset's recipe: trends, no verdicts on the paper)",
}
VERDICT_WORDS = {"holds": "HOLDS", "fails": "FAILS", "undecided": "undecided", "": "—"}
_STATE_WORDS = {INCOMPLETE: "incomplete", MISSING: "missing", UNAVAILABLE: "not available yet"}
_MANY = 8


@dataclass(frozen=True)
class ClaimText:
    """A claim and its verdict in words.

    Attributes:
        id: such as ``C2.1``.
        verdict: ``HOLDS``, ``FAILS``, ``undecided`` or a dash.
        says: its statement.
        details: reason, gain, and the verdict on the paper's own numbers; may be empty.
    """

    id: str
    verdict: str
    says: str
    details: str


def title(table: Table) -> str:
    """Return the title, as in ``Table II: what it shows``."""
    place = table.experiment.place
    return f"{place}: {table.experiment.title}" if place else table.experiment.title


def head(table: Table) -> tuple[tuple[str, str], ...]:
    """List (name, text) pairs that a reader must see before any number, always with preset, seeds, rule and cells."""
    return tuple((key, text) for key, text in _head(table) if text)


def _head(table: Table) -> Iterator[tuple[str, str]]:
    yield "preset", preset_text(table)
    yield "overrides", ", ".join(table.overrides)
    yield "seeds", seeds_text(table.seeds)
    yield "selection", selection_text(table)
    yield "cells", cells_text(table)
    yield "metric", "; ".join(_metric_texts(table))
    yield "pooled sd", "; ".join(_pool_texts(table))
    yield "Holm", "; ".join(f"{size} comparisons of {_label(name)}" for name, size in table.families.items())
    yield "data", ", ".join(table.datasets)
    yield "commits", ", ".join(table.commits)
    yield "devices", ", ".join(table.devices)


def preset_text(table: Table) -> str:
    """Return the preset, with what its numbers are worth unless the experiment is judged under it."""
    is_own = table.preset == table.experiment.preset
    return table.preset if is_own else table.preset + PRESET_WORDS.get(table.preset, "")


def seeds_text(seeds: tuple[int, ...]) -> str:
    """Return seeds as in ``0, 1, 2``; a long run of consecutive ones as in ``0 to 9``."""
    if len(seeds) > _MANY and seeds == tuple(range(seeds[0], seeds[-1] + 1)):
        return f"{seeds[0]} to {seeds[-1]}"
    return ", ".join(str(seed) for seed in seeds) or "none"


def selection_text(table: Table) -> str:
    """Describe the selection rule and its source; facts that are measured without training have none."""
    if table.experiment.measure:
        return "none (nothing is trained)"
    words = SELECTION_WORDS[table.select] + _source_text(table)
    return f"{words} (every number of ours is chosen on the test set)" if table.select == "best" else words


def _source_text(table: Table) -> str:
    """Say who selects so, or how the experiment selects by default; nothing where the paper prints no such thing."""
    experiment = table.experiment
    source = SOURCE_WORDS[experiment.select_source]
    if not experiment.place:
        return ""
    if table.select != experiment.select:
        return f" ({source}: {SELECTION_WORDS[experiment.select]})"
    return f", {source}" if experiment.select_source == "ours" else f", as in {source}"


def cells_text(table: Table) -> str:
    """Count the complete cells, and the others by state."""
    average = table.average[0] if table.average else None
    cells = [cell for row, _, cell in drawn_cells(table) if row.key != average]
    states = Counter(cell.state for cell in cells if cell.state != QUOTED or cell.paper is not None)
    wanted = states.total() - states[QUOTED]
    others = (f"{states[state]} {word}" for state, word in _STATE_WORDS.items() if states[state])
    quoted = f"; {states[QUOTED]} quoted from elsewhere" if states[QUOTED] else ""
    return ", ".join([f"{states[COMPLETE]} of {wanted} complete", *others]) + quoted


def _metric_texts(table: Table) -> list[str]:
    metrics = {cell.metric.name: cell.metric for _, _, cell in drawn_cells(table)}.values()
    return [f"{item.label}, {item.better} is better" if item.better else item.label for item in metrics]


def _pool_texts(table: Table) -> Iterator[str]:
    for pool in table.pools:
        name = f"{pool.name}: " if len(table.pools) > 1 else ""
        yield f"{name}s_p={spread_text(pool.sd, 3)}, ν={pool.df}"


def _label(metric: str) -> str:
    return METRICS[metric].label if metric in METRICS else metric


def footnotes(table: Table) -> tuple[str, ...]:
    """Return the footnotes, each on one line and printable, because one may quote the error of a failed run."""
    return tuple("".join(filter(str.isprintable, " ".join(text.split()))) for text in table.footnotes)


def notes(table: Table, columns: str) -> tuple[str, ...]:
    """List the sentences under the table: how to read its columns, the experiment's own note, and the table's."""
    own = (table.experiment.note,) if table.experiment.note and table.experiment.note not in table.notes else ()
    reading = "; ".join(words for words, occurs in _signs(table, columns == "both") if occurs)
    return (*([f"{reading[0].upper()}{reading[1:]}."] if reading else []), *own, *table.notes)


def _signs(table: Table, both: bool) -> Iterator[tuple[str, bool]]:
    """Yield (how to read a sign, whether it occurs)."""
    cells = [cell for _, _, cell in drawn_cells(table)]
    differences = [cell.difference for cell in cells] if both else []
    intervals = [*differences, *(verdict.gain for verdict in table.verdicts)]
    yield "± is the sample sd", any(cell.sd is not None for cell in cells)
    yield "(n) is the number of runs", not table.experiment.measure and any(cell.n for cell in cells)
    yield "(n/N) of N wanted", any(0 < cell.n < cell.wanted for cell in cells)
    yield "(n?) is not stated by the paper, but inferred", both and any(inferred_n(table, cell) for cell in cells)
    yield "an sd of two runs says little", any(cell.n == 2 and cell.sd is not None for cell in cells)
    yield "[ ] is a 95 % interval", any(item is not None and item.low is not None for item in intervals)
    yield "bold is what can't be told from the best of its kind", any(cell.bold for cell in cells)


def claim_texts(table: Table) -> tuple[ClaimText, ...]:
    """Return the claims in words, in their order."""
    return tuple(
        ClaimText(item.claim, VERDICT_WORDS[item.verdict], item.says, "; ".join(_details(table, item)))
        for item in table.verdicts
    )


def _details(table: Table, verdict: Verdict) -> Iterator[str]:
    if verdict.reason:
        yield verdict.reason
    if verdict.trend:
        yield f"trend {verdict.trend} the claim"
    if verdict.gain is not None:
        yield f"mean gain {interval_text(verdict.gain, _decimals(table, verdict))}"
    if verdict.margin:
        yield f"margin {verdict.margin}"
    if verdict.paper:
        yield f"the paper's own numbers: {verdict.paper}"


def _decimals(table: Table, verdict: Verdict) -> int:
    """Return the number of decimals of the metric that the claim is about."""
    compared = (table.cells.get(comparison.better) for comparison in verdict.comparisons)
    cell = next((cell for cell in compared if cell is not None), None)
    return cell.metric.decimals if cell else METRICS[table.experiment.metric].decimals
