"""Stand-ins: a few digits in the place of a data set of the paper, so that every table can be tried in seconds.

``digits@cub`` stands for ``cub``: what goes by a data set's name (its recipe, a method's values) is as for ``cub``. It
is a data set of its own all the same, so that none of its runs can be taken for one of the paper's. No torch here.
"""

from __future__ import annotations

MARK = "digits@"
LEAST_SIDE = 8  # pixels: the digits' own
_SIDES = {"cifar10": 32, "cifar100": 32}
_OTHER_SIDE = 224  # of the crops that the paper's larger sets are trained on


def stands_for(name: str) -> str:
    """The data set that a name means where defaults go by name: ``cub`` for ``digits@cub``, any other for itself."""
    return name.removeprefix(MARK)


def is_stand_in(name: str) -> bool:
    """Whether a data set is a stand-in."""
    return name.startswith(MARK)


def original_side(name: str) -> int:
    """Side in pixels of the images of the set that ``name`` stands for, as they enter a network."""
    return _SIDES.get(stands_for(name), _OTHER_SIDE)
