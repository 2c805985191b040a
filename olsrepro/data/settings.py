"""Settings of data set, label noise and augmentation (no torch here)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from olsrepro.settings import Component, check_choice, check_range, fact

NOISE_KINDS = ("none", "symmetric")


@dataclass(frozen=True)
class DatasetSettings(Component):
    """Which data set, and facts about it that planning reads: sizes in images, ``image_size`` in pixels (square).

    ``sample_index`` tells whether a sample has the same index in every epoch, so that something can be kept of it.
    """

    name: str
    num_classes: int = fact()
    train_size: int = fact()
    test_size: int = fact()
    image_size: int = fact()
    sample_index: bool = fact(True)

    labels: ClassVar[frozenset[str]] = frozenset()


@dataclass(frozen=True)
class NoiseSettings(Component):
    """Label noise of the training set, drawn once before training (paper Sec. V-B).

    Args:
        kind: ``none``, or ``symmetric``: wrong classes alone, uniformly.
        rate: share of the training labels that are made wrong, in [0, 1]; an exact count.
        seed: what the flips are drawn from; None follows the seed of the run.
    """

    kind: str = "none"
    rate: float = 0.0
    seed: int | None = None

    def __post_init__(self) -> None:
        check_choice("noise.kind", self.kind, NOISE_KINDS)
        check_range("noise.rate", self.rate, 0, 1)
        if self.seed is not None:
            check_range("noise.seed", self.seed, 0)
        if self.kind == "none" and self.rate > 0:
            raise ValueError(f"noise.rate={self.rate:g} has no effect with noise.kind=none; use noise=symmetric")

    def resolved(self, run_seed: int) -> NoiseSettings:
        """The same noise in the one form that a run id covers: no noise is the default, the run's own seed is None."""
        if self.kind == "none" or self.rate == 0:
            return NoiseSettings()
        return NoiseSettings(self.kind, self.rate, None if self.seed == run_seed else self.seed)


@dataclass(frozen=True)
class AugmentSettings(Component):
    """What changes a training image.

    Args:
        padding: pixels of black on each side before a random crop of the image's own size; 0 crops nothing.
        flip: whether half of the images are mirrored left to right.
        cutout: side in pixels of one square hole (CutOut, DeVries & Taylor 2017); 0 cuts nothing.
    """

    padding: int = 4
    flip: bool = True
    cutout: int = 0

    def __post_init__(self) -> None:
        check_range("padding", self.padding, 0)
        check_range("cutout", self.cutout, 0)


VIEWS_OF = ("sample", "classmate")


@dataclass(frozen=True)
class View:
    """A further image for each sample of a batch.

    Attributes:
        augment: what changes it.
        of: ``sample``, another draw of the same image, or ``classmate``, another sample's image of the given class.
    """

    augment: AugmentSettings
    of: str = "sample"

    def __post_init__(self) -> None:
        check_choice("of", self.of, VIEWS_OF)
