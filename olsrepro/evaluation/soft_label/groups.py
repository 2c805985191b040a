"""CIFAR-10's animals and vehicles among the classes of a data set."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

VEHICLES = ("airplane", "automobile", "ship", "truck")
_CIFAR10 = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")


@dataclass(frozen=True)
class Groups:
    """Class indices of both groups without the target itself, and ``by``: how the groups were identified."""

    animals: tuple[int, ...]
    vehicles: tuple[int, ...]
    by: str


def groups(class_names: Sequence[str], target: int) -> Groups | None:
    """Return the animals and the vehicles other than a target, by CIFAR-10's names in any order.

    Ten classes with other names are taken in CIFAR-10's order, so that a stand-in for it can be measured; for any other
    number of classes the result is None.
    """
    if set(_CIFAR10) <= set(class_names):
        return _beside(target, [class_names.index(name) for name in _CIFAR10], "class names")
    if len(class_names) == len(_CIFAR10):
        return _beside(target, range(len(_CIFAR10)), "the order of CIFAR-10's classes")
    return None


def _beside(target: int, places: Sequence[int], by: str) -> Groups:
    """Return the groups where ``places`` are the indices of CIFAR-10's classes, in its order."""
    others = [(name, place) for name, place in zip(_CIFAR10, places, strict=True) if place != target]
    return Groups(
        animals=tuple(place for name, place in others if name not in VEHICLES),
        vehicles=tuple(place for name, place in others if name in VEHICLES),
        by=by,
    )
