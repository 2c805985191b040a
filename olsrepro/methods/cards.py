"""The cards of the label methods: what each computes, needs and is mistaken for, read from ``<name>/card.yaml``.

A card says what no code says by itself. Switches and defaults stand in ``configs/method/<name>.yaml``, costs are
measured. In a card's text a switch stands in backticks; one of another method has that method's name before it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields
from functools import cache
from pathlib import Path
from typing import Any, TypeVar

import yaml  # type: ignore[import-untyped,unused-ignore]  # omegaconf brings it

import olsrepro.methods as package
from olsrepro.checks import did_you_mean

T = TypeVar("T")
NOTATION = """\
z (B, K): logits; y: given class, e_y: its one-hot row
p = softmax(z), p_T = softmax(z/T); sg(·): without gradient
CE(q, z) = mean over the batch of −Σ_k q_k log p_k; CE(y, z) = CE(e_y, z)
KL(q ‖ z) = mean over the batch of Σ_k q_k log(q_k/p_k)"""
_QUOTED = re.compile(r"`([^`]+)`")


@dataclass(frozen=True)
class Needs:
    """What a method needs beside a network and a batch; an empty text is "nothing".

    Attributes:
        views: how many views of an image, and which.
        heads: beside the network's own.
        teacher: another network that it learns from.
        sample_index: what it needs the samples' own numbers for.
        state: what a checkpoint holds of it.
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
    """Another reading of the method: ``key=value`` of the switches that take it, and what it is."""

    switches: tuple[str, ...]
    text: str


@dataclass(frozen=True)
class Card:
    """A label method for its readers.

    Attributes:
        name: the method's.
        title: what it is called in full.
        formula: its loss, plain text in the words of :data:`NOTATION`, one or more lines.
        needs: what it needs of the trainer.
        paper_row: how the paper's row is taken, and by whose word.
        readings: the others, each a switch away.
        pitfalls: what goes wrong with it, and what is easily believed of it.
        sources: papers, code, threads.
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
        """All of its text, piece by piece."""
        yield from (self.title, self.formula, self.paper_row, *self.pitfalls, *self.sources)
        yield from (str(value) for value in vars(self.needs).values())
        for reading in self.readings:
            yield from (*(f"`{switch}`" for switch in reading.switches), reading.text)

    def switches(self) -> set[str]:
        """The switches that its text names: ``key``, ``key=value``, or ``method.key=value`` of another method."""
        return {found for text in self.texts() for found in _QUOTED.findall(text)}


@cache
def card(name: str) -> Card:
    """The card of a method of the registry.

    Raises:
        FileNotFoundError: it has none.
        ValueError: its file is no card; the message names file and key.
    """
    return read_card(Path(package.__path__[0]) / name / "card.yaml")


def read_card(path: Path) -> Card:
    """The card in a file, of the method that its folder is named for; :class:`ValueError` if it is none."""
    try:
        return _card(path.parent.name, yaml.safe_load(path.read_text(encoding="utf-8")))
    except (yaml.YAMLError, TypeError, ValueError, AttributeError, KeyError) as error:
        raise ValueError(f"{path}: {' '.join(str(error).split())}") from None


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
    """A list of texts; a colon that makes a mapping of one is a mistake in the file."""
    items = tree.get(key, ())
    if isinstance(items, str) or not all(isinstance(item, str) for item in items):
        raise ValueError(f"{key} must be a list of texts; quote one that has a colon")
    return tuple(items)


def _filled(cls: type[T], node: Mapping[str, Any]) -> T:
    known = [item.name for item in fields(cls)]  # type: ignore[arg-type]
    for key in node:
        if key not in known:
            raise ValueError(f"{key} is no key of a card; {did_you_mean(str(key), known)}")
    return cls(**node)
