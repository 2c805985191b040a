"""Settings of DisturbLabel."""

from __future__ import annotations

from dataclasses import dataclass

from olsrepro.checks import check_range
from olsrepro.methods.settings import MethodSettings


@dataclass(frozen=True)
class Settings(MethodSettings):
    """DisturbLabel (Xie et al.): with probability ``alpha`` a label is redrawn from all classes, in each epoch."""

    name: str = "disturblabel"
    alpha: float = 0.1

    def __post_init__(self) -> None:
        check_range("alpha", self.alpha, 0, 1)
