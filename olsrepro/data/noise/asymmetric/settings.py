"""Settings of asymmetric noise (no torch here)."""

from __future__ import annotations

from dataclasses import dataclass

from olsrepro.checks import check_choice
from olsrepro.data.noise.drawn_settings import DrawnSettings
from olsrepro.settings import UserError

CIFAR10 = (0, 1, 0, 5, 7, 3, 6, 7, 8, 1)
"""By class of CIFAR-10: truck shows automobile, bird airplane, deer horse, cat dog and dog cat; five show themselves.

Patrini et al. 2017, as in the authors' code and in those of SCE and DivideMix."""

MAPS = ("pairs", "cifar10")


@dataclass(frozen=True)
class Settings(DrawnSettings):
    """Labels that show one other class, which follows from the true one.

    A drawn label of a class that ``map`` leaves where it is stays true: with ``cifar10`` the measured rate is ``rate``
    times the share of the five classes that it moves, half of a balanced data set.

    Args:
        map: what a drawn label shows: ``pairs``, class c shows c + 1 mod K ("pair flip", Han et al. 2018), or
            ``cifar10``, a class of CIFAR-10 that looks like it (Patrini et al. 2017).
    """

    kind: str = "asymmetric"
    map: str = "pairs"

    def __post_init__(self) -> None:
        super().__post_init__()
        check_choice("noise.map", self.map, MAPS)

    def check_classes(self, num_classes: int, of: str = "the data set") -> None:
        """Refuse a number of classes that the map isn't of."""
        if self.map == "cifar10" and num_classes != len(CIFAR10):
            raise UserError(
                f"noise.map=cifar10 maps the {len(CIFAR10)} classes of CIFAR-10, and {of} has {num_classes}: set"
                " noise.map=pairs"
            )
        if num_classes < 2:
            raise UserError(f"noise.map={self.map} needs at least 2 classes, and {of} has {num_classes}")

    def class_map(self, num_classes: int) -> tuple[int, ...]:
        """Return the class that a drawn label shows, by true class (K,)."""
        return CIFAR10 if self.map == "cifar10" else tuple((true + 1) % num_classes for true in range(num_classes))
