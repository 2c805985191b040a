"""Settings of the hard-label method."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from olsrepro.methods.settings import MethodSettings


@dataclass(frozen=True)
class Settings(MethodSettings):
    """Cross entropy with the given labels (paper Eq. 1); no switches."""

    labels_classes: ClassVar[bool] = True

    name: str = "hard"
