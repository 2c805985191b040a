"""Settings of symmetric cross entropy."""

from __future__ import annotations

from dataclasses import dataclass

from olsrepro.checks import check_choice, check_range, check_weights
from olsrepro.losses.switches import SCE_VARIANTS
from olsrepro.methods.settings import MethodSettings


@dataclass(frozen=True)
class Settings(MethodSettings):
    """Symmetric cross entropy (Wang et al.): ``alpha`` CE + ``beta`` reverse CE; both differ by data set on purpose."""

    name: str = "sce"
    alpha: float = 6.0
    beta: float = 0.1
    variant: str = "authors"

    def __post_init__(self) -> None:
        check_range("alpha", self.alpha, 0)
        check_range("beta", self.beta, 0)
        check_weights(alpha=self.alpha, beta=self.beta)
        check_choice("variant", self.variant, SCE_VARIANTS)
