"""Settings of symmetric noise (no torch here)."""

from __future__ import annotations

from dataclasses import dataclass

from olsrepro.checks import check_choice
from olsrepro.data.noise.drawn_settings import DrawnSettings
from olsrepro.settings import UserError

POOLS = ("all", "first_10", "all_but_last")


@dataclass(frozen=True)
class Settings(DrawnSettings):
    """Labels that are drawn uniformly over a pool of classes (paper Sec. V-B and other readings, one for each switch).

    Args:
        include_true: whether the true class is among those that a new label is drawn from.
        pool: the classes that a new label is drawn from: ``all``, ``first_10``, ``all_but_last``.
    """

    kind: str = "symmetric"
    include_true: bool = False
    pool: str = "all"

    def __post_init__(self) -> None:
        super().__post_init__()
        check_choice("noise.pool", self.pool, POOLS)

    def check_classes(self, num_classes: int, of: str = "the data set") -> None:
        """Refuse a number of classes of which the pool has only one."""
        size = self.pool_size(num_classes)
        if size < 2:
            raise UserError(
                f"noise.pool={self.pool} must have at least 2 classes to draw from; of {num_classes} it takes {size}"
            )

    def pool_size(self, num_classes: int) -> int:
        """Compute the number of classes in the pool, which are ``0 .. pool_size - 1``."""
        sizes = {"all": num_classes, "first_10": min(10, num_classes), "all_but_last": num_classes - 1}
        return sizes[self.pool]
