"""Cards of the label methods: what each computes, needs and is mistaken for, read from ``<name>/card.yaml``.

A card says what the code alone does not. Switches and defaults are in ``configs/method/<name>.yaml``, costs are
measured. In a card's text a switch is in backticks; a switch of another method is prefixed with that method's name.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields
from functools import cache
from pathlib import Path
from typing import Any, TypeVar

import olsrepro.methods as package
from olsrepro.checks import did_you_mean
from olsrepro.files import plain_yaml
from olsrepro.settings import UserError

T = TypeVar("T")
NOTATION = """\
z (B, K): logits; y: given class, e_y: its one-hot row
p = softmax(z), p_T = softmax(z/T); sg(·): without gradient
CE(q, z) = mean over the batch of −Σ_k q_k log p_k; CE(y, z) = CE(e_y, z)
KL(q ‖ z) = mean over the batch of Σ_k q_k log(q_k/p_k)"""
_QUOTED = re.compile(r"`([^`]+)`")


@dataclass(frozen=True)
class Needs:
    """Needs of a method besides a network and a batch; an empty text means "nothing".

    Attributes:
        views: number of views of an image, and which.
        heads: heads in addition to the network's own.
        teacher: another network that it learns from.
        sample_index: what it needs the sample indices for.
        state: what a checkpoint holds for it.
        sync: what ranks exchange, and when.
    """

    views: str = "1"
    heads: str = ""
    teacher: str = ""
    sample_index: str = ""
    state: str = ""
    sync: str = ""


@dataclass(frozen=True)
class Reading:
    """Alternative reading of the method: ``key=value`` of the switches that select it, and what it is."""

    switches: tuple[str, ...]
    text: str


@dataclass(frozen=True)
class Card:
    """Description of a label method for its readers.

    Attributes:
        name: the method's name.
        title: its full name.
        formula: its loss, plain text in the notation of :data:`NOTATION`, one or more lines.
        needs: what it needs from the trainer.
        paper_row: how the paper's row is reproduced, and on which evidence.
        readings: the alternatives, each selected by switches.
        pitfalls: known problems and common misconceptions.
        sources: papers, code, issues.
    """

    name: str
    title: str
    formula: str
    needs: Needs
    paper_row: str
    readings: tuple[Reading, ...] = ()
    pitfalls: tuple[str, ...] = ()
    sources: tuple[str, ...] = ()

    def texts(self) -> Iterator[str]:
        """Yield all of its texts, one by one."""
        yield from (self.title, self.formula, self.paper_row, *self.pitfalls, *self.sources)
        yield from (str(value) for value in vars(self.needs).values())
        for reading in self.readings:
            yield from (*(f"`{switch}`" for switch in reading.switches), reading.text)

    def switches(self) -> set[str]:
        """Return the switches named in its text: ``key``, ``key=value``, or ``method.key=value`` of another method."""
        return {found for text in self.texts() for found in _QUOTED.findall(text)}


@cache
def card(name: str) -> Card:
    """Return the card of a registered method.

    Raises:
        FileNotFoundError: the method has no card.
        UserError: its file is not a valid card; the message names file and key.
    """
    return read_card(Path(package.__path__[0]) / name / "card.yaml")


def read_card(path: Path) -> Card:
    """Read the card of the method named by the file's folder; :class:`UserError` if the file is not a valid card."""
    try:
        return _card(path.parent.name, plain_yaml.read(path))
    except (TypeError, ValueError, AttributeError, KeyError) as error:
        raise UserError(f"{path}: {' '.join(str(error).split())}") from None


def _card(name: str, tree: Mapping[str, Any]) -> Card:
    parts = {
        "name": name,
        "formula": str(tree["formula"]).rstrip("\n"),
        "needs": _filled(Needs, {key: str(value) for key, value in tree["needs"].items()}),
        "readings": tuple(_reading(node) for node in tree.get("readings", ())),
        "pitfalls": _texts(tree, "pitfalls"),
        "sources": _texts(tree, "sources"),
    }
    return _filled(Card, {**tree, **parts})


def _reading(node: Mapping[str, Any]) -> Reading:
    if set(node) != {"set", "is"}:
        raise ValueError(f"a reading has the keys set and is, not {', '.join(map(str, node))}")
    return Reading(tuple(map(str, node["set"])), str(node["is"]))


def _texts(tree: Mapping[str, Any], key: str) -> tuple[str, ...]:
    """Read a list of texts; an unquoted colon, which turns a text into a mapping, is a mistake in the file."""
    items = tree.get(key, ())
    if isinstance(items, str) or not all(isinstance(item, str) for item in items):
        raise ValueError(f"{key} must be a list of texts; quote one that has a colon")
    return tuple(items)


def _filled(cls: type[T], node: Mapping[str, Any]) -> T:
    known = [item.name for item in fields(cls)]  # type: ignore[arg-type]
    for key in node:
        if key not in known:
            raise ValueError(f"{key} is not a key of a card; {did_you_mean(str(key), known)}")
    return cls(**node)
