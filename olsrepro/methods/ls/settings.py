"""Settings of label smoothing."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from olsrepro.checks import check_choice, check_range
from olsrepro.losses.switches import SPREADS
from olsrepro.methods.settings import MethodSettings


@dataclass(frozen=True)
class Settings(MethodSettings):
    """Label smoothing (paper Eq. 2): ``eps`` is spread over ``all`` classes or over the ``others`` only."""

    labels_classes: ClassVar[bool] = True

    name: str = "ls"
    eps: float = 0.1
    spread: str = "all"

    def __post_init__(self) -> None:
        check_range("eps", self.eps, 0, 1)
        check_choice("spread", self.spread, SPREADS)
