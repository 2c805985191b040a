"""Settings of soft bootstrapping."""

from __future__ import annotations

from dataclasses import dataclass

from olsrepro.checks import check_range
from olsrepro.methods.settings import MethodSettings


@dataclass(frozen=True)
class Settings(MethodSettings):
    """Soft bootstrapping (Reed et al.): the target is ``beta`` of the label and the rest the network's prediction."""

    name: str = "bootsoft"
    beta: float = 0.95
    detach: bool = False
    clamp: float = 1e-7

    def __post_init__(self) -> None:
        check_range("beta", self.beta, 0, 1)
        check_range("clamp", self.clamp, 0, 0.5)
