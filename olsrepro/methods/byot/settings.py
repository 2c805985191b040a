"""Settings of BYOT (Zhang et al., "Be Your Own Teacher", 2019)."""

from __future__ import annotations

from dataclasses import MISSING, dataclass, field, fields
from types import MappingProxyType
from typing import Any, ClassVar

from olsrepro.checks import check_choice, check_range
from olsrepro.methods.head_weights import EVALUATED, check_head_weights, shortest
from olsrepro.methods.settings import MethodSettings

SWITCHES_OF = MappingProxyType(
    {
        "logit_kd": ("alpha", "T"),
        "class_labels": ("hard_weights",),
        "journal": ("lam", "T"),
    }
)
"""Values of ``supervision`` and the switches that each of them has."""


@dataclass(frozen=True)
class Settings(MethodSettings):
    """BYOT: side heads after all stages but the last learn the label and, unless ``class_labels``, the deepest head.

    ``supervision``: ``logit_kd`` (luanyunteng/pytorch-be-your-own-teacher), ``class_labels`` (deep supervision, the
    authors' code), ``journal`` (ArchipLab-LinfengZhang/pytorch-self-distillation-final). A switch that it doesn't have
    must keep its default. ``hard_weights`` are those of the heads, deepest first; the last applies to every further
    head. ``eval``: the head that is tested, ``main`` (the deepest) or the ``ensemble`` of all.
    """

    needs_stages: ClassVar[bool] = True

    name: str = "byot"
    supervision: str = "logit_kd"
    alpha: float = 0.1
    T: float = 3.0
    lam: float = 0.3
    hard_weights: list[float] = field(default_factory=lambda: [1.5, 0.5])
    eval: str = "main"

    @property
    def is_tested_by_network(self) -> bool:
        """False for the ensemble: the side heads are not part of the network."""
        return self.eval == "main"

    def __post_init__(self) -> None:
        check_choice("supervision", self.supervision, SWITCHES_OF)
        check_choice("eval", self.eval, EVALUATED)
        check_range("alpha", self.alpha, 0, 1)
        check_range("T", self.T, 1e-6)
        check_range("lam", self.lam, 0, 1)
        check_head_weights("hard_weights", self.hard_weights)
        self._refuse_unused()

    def _refuse_unused(self) -> None:
        used = SWITCHES_OF[self.supervision]
        for key in ("alpha", "T", "lam", "hard_weights"):
            if key not in used and getattr(self, key) != _default(key):
                raise ValueError(
                    f"{key}={getattr(self, key)} has no meaning with supervision={self.supervision}, which has "
                    f"{' and '.join(used)}; leave it at {_default(key)}"
                )

    def identity(self) -> dict[str, Any]:
        """Return the switches that the supervision uses, head weights in their shortest form."""
        used = {key: getattr(self, key) for key in SWITCHES_OF[self.supervision]}
        if "hard_weights" in used:
            used["hard_weights"] = shortest(self.hard_weights)
        return {"supervision": self.supervision, "eval": self.eval} | used


def _default(key: str) -> Any:
    item = next(item for item in fields(Settings) if item.name == key)
    return item.default if item.default_factory is MISSING else item.default_factory()
