"""Settings of the fast gradient sign method."""

from __future__ import annotations

from dataclasses import dataclass

from olsrepro.evaluation.attack_settings import AttackSettings


@dataclass(frozen=True)
class Settings(AttackSettings):
    """One step of ``epsilon`` along the gradient's sign (Goodfellow et al. 2015).

    ``epsilon`` is 8/255 in pixel space: the paper (V-C) says a bound of 8 and no unit.
    """

    name: str = "fgsm"
