"""Stand-ins: a few images in place of a data set of the paper, so that every table can be tried in seconds.

``digits@cub``, of scikit-learn's digits, replaces ``cub``; ``shapes@voc``, of drawn shapes, ``voc``. What is chosen by
a data set's name (its recipe, a method's values) is as for the set itself. A stand-in is nevertheless a data set of
its own, so that none of its runs can be taken for one of the paper's. No torch here.
"""

from __future__ import annotations

DIGITS, SHAPES = "digits@", "shapes@"
LEAST_SIDE = 8  # pixels: the digits' own
_SIDES = {"cifar10": 32, "cifar100": 32, "voc": 416}
_OTHER_SIDE = 224  # of the crops that the paper's larger sets are trained on


def stands_for(name: str) -> str:
    """Return the data set that a name means where defaults go by name: ``cub`` for ``digits@cub``, else itself."""
    return name.removeprefix(DIGITS).removeprefix(SHAPES)


def is_stand_in(name: str) -> bool:
    """Return whether a data set is a stand-in."""
    return name.startswith((DIGITS, SHAPES))


def is_of_digits(name: str) -> bool:
    """Return whether a data set is a stand-in made of digits, which are scaled to the size that a backbone needs."""
    return name.startswith(DIGITS)


def stand_in_of(name: str) -> str:
    """Return the name that a data set's stand-in has, if there is one: of shapes for a set of boxes, else of digits."""
    return f"{SHAPES if name == 'voc' else DIGITS}{name}"


def original_side(name: str) -> int:
    """Return the side in pixels of the images of the set that ``name`` replaces, as they enter a network."""
    return _SIDES.get(stands_for(name), _OTHER_SIDE)
