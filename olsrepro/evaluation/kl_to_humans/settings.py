"""Settings of the divergence from human labels."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from olsrepro.checks import check_choice
from olsrepro.evaluation.settings import EvaluationSettings

LEVELS = ("image", "class")
SAMPLES = ("correct", "all")
AVERAGES = ("images", "batches")
BATCH_NORMS = ("running", "batch")


@dataclass(frozen=True)
class Settings(EvaluationSettings):
    """KL(human || model) in nats on the test set (Table XII).

    Attributes:
        level: ``image`` (the paper): each image's human labels against the network's probabilities; ``class`` (also in
            the authors' ``visualize.py``): each class's mean human labels against its soft label.
        samples: which images count: the ``correct`` ones (paper V-E), each run its own; or ``all``.
        average: over ``images`` (our reading), or an unweighted mean over ``batches`` of their means (authors' code).
        bn: batch norm by ``running`` statistics (our reading), or by those of each ``batch`` (authors' code, which
            never leaves training mode there).
    """

    needs_human_labels: ClassVar[bool] = True
    image_switches: ClassVar[dict[str, tuple[str, ...]]] = {
        "samples": SAMPLES,
        "average": AVERAGES,
        "bn": BATCH_NORMS,
    }

    name: str = "kl_to_humans"
    level: str = "image"
    samples: str = "correct"
    average: str = "images"
    bn: str = "running"

    def __post_init__(self) -> None:
        super().__post_init__()
        check_choice("level", self.level, LEVELS)
        for key, choices in self.image_switches.items():
            check_choice(key, value := getattr(self, key), choices)
            if self.level == "class" and value != choices[0]:
                raise ValueError(f"{key}={value} has no effect with level=class; leave it out, or use level=image")
