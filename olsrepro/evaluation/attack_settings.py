"""Settings that all attacks share (no torch here)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from olsrepro.checks import check_choice, check_whole
from olsrepro.evaluation.settings import EvaluationSettings

INPUT_SPACES = ("pixel", "normalised")
IMAGES = ("all", "correct")
LOSSES = ("ce", "margin")
_HUGE_EXPONENT = re.compile(r"[eE][-+]?[\d_]{4,}")


@dataclass(frozen=True)
class AttackSettings(EvaluationSettings):
    """Base of every attack's settings.

    Args:
        epsilon: bound on the change of a value: a number in [0, 1] or a fraction of whole numbers such as ``8/255``.
        input_space: what is changed and bounded: ``pixel``, values in [0, 1] that are kept there, with the
            normalisation inside the network; or ``normalised``, the network's own inputs, with ``epsilon`` in
            their unit (one sd of the pixels) and no range to keep.
        images: ``all`` attacks and counts every image, misclassified ones too; ``correct`` only those that the network
            classifies correctly without an attack.
        loss: the loss to raise: ``ce``, or ``margin``, the largest other logit minus the true one, which doesn't
            saturate.
        first: how many test images, from the first; None or more than there are: all.
        keep: how many adversarial images, from the first, are kept beside the record.
        batch_size: images at a time; changes the memory that is needed, not the result.
    """

    epsilon: str | float = "8/255"
    input_space: str = "pixel"
    images: str = "all"
    loss: str = "ce"
    first: int | None = None
    keep: int = 0
    batch_size: int = 128

    def __post_init__(self) -> None:
        super().__post_init__()
        length("epsilon", self.epsilon)
        check_choice("input_space", self.input_space, INPUT_SPACES)
        check_choice("images", self.images, IMAGES)
        check_choice("loss", self.loss, LOSSES)
        if self.first is not None:
            check_whole("first", self.first, 1)
        check_whole("keep", self.keep, 0)
        check_whole("batch_size", self.batch_size, 1)

    @property
    def bound(self) -> float:
        """Value of ``epsilon`` as a number in [0, 1]."""
        return length("epsilon", self.epsilon)

    def identity(self) -> dict[str, Any]:
        """Return the parameters without ``batch_size``; ``8/255`` and the same number are equal."""
        parameters = super().identity()
        del parameters["batch_size"]
        return parameters | {"epsilon": self.bound}


def exact(value: str | float) -> Fraction:
    """Read a number without rounding it, unless its exponent has more digits than any float's (:class:`ValueError`)."""
    if isinstance(value, str) and _HUGE_EXPONENT.search(value):  # its digits would take minutes to write out
        raise ValueError(value)
    return Fraction(value)


def length(key: str, value: str | float) -> float:
    """Read a number in [0, 1] from a number, its digits or a fraction of whole numbers (``8/255``).

    Raises:
        ValueError: it is not a number, or out of range.
    """
    try:
        number = float(exact(str(value) if isinstance(value, bool) else value))
    except (ValueError, TypeError, OverflowError, ZeroDivisionError):
        raise ValueError(f"{key}={value} must be a number, or a fraction such as 8/255") from None
    if not 0 <= number <= 1:
        hint = f"; {value} of 255 levels is written {value}/255" if isinstance(value, int) and value > 1 else ""
        raise ValueError(f"{key}={value} must be in [0, 1]{hint}")
    return number
