"""Settings of data set and augmentation (no torch here)."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar

from olsrepro.checks import check_choice, check_range
from olsrepro.settings import Component, fact


@dataclass(frozen=True)
class DatasetSettings(Component):
    """Data set, and facts about it that planning reads: sizes in images, ``image_size`` in pixels (square).

    ``sample_index`` tells whether a sample has the same index in every epoch, so that something can be kept for it.
    """

    task: ClassVar[str] = "classification"
    """Task of its labels: ``classification``, one class per image, or ``detection``, boxes of objects."""
    crops: ClassVar[tuple[str, ...]] = ("pad",)
    """Kinds of crops that its images can be given; see :class:`AugmentSettings`."""
    is_in_memory: ClassVar[bool] = True
    """Whether all of its pixels are read at once; else its photographs are read as they are needed."""

    name: str
    num_classes: int = fact()
    train_size: int = fact()
    test_size: int = fact()
    image_size: int = fact()
    sample_index: bool = fact(True)

    @property
    def skips_unreadable(self) -> bool:
        """Whether images that can't be decoded are left out, and recorded, instead of ending the run."""
        return False

    def resolved(self) -> DatasetSettings:
        """Return the settings with the facts that their switches imply."""
        return self

    outside_id: ClassVar[frozenset[str]] = frozenset()


CROPS = ("pad", "window", "resized", "centre")


@dataclass(frozen=True)
class AugmentSettings(Component):
    """Augmentation of a training image.

    Args:
        padding: pixels of black on each side before a random crop of the image's own size; 0 crops nothing.
        flip: whether half of the images are mirrored left to right.
        cutout: side in pixels of one square hole (CutOut, DeVries & Taylor 2017); 0 cuts nothing.
        crop: ``pad``, of images in memory: ``padding``. Of photographs: a random ``window`` of the data set's resized
            image; ``resized``, a random part of the original, of 8 to 100 % of its area, at the input's size; or the
            ``centre``, as in a test.
        colour_jitter: brightness, contrast and saturation are each changed by a factor of 1 +- this, in random order.
        light_noise: standard deviation of noise along the colours' principal axes (Krizhevsky et al. 2012).
    """

    padding: int = 4
    flip: bool = True
    cutout: int = 0
    crop: str = "pad"
    colour_jitter: float = 0.0
    light_noise: float = 0.0

    def __post_init__(self) -> None:
        check_range("padding", self.padding, 0)
        check_range("cutout", self.cutout, 0)
        check_choice("crop", self.crop, CROPS)
        check_range("colour_jitter", self.colour_jitter, 0, 1)
        check_range("light_noise", self.light_noise, 0)
        if self.crop != "pad" and self.padding:
            raise ValueError(f"padding={self.padding} has no effect with crop={self.crop}; set padding=0")

    def uncropped(self) -> AugmentSettings:
        """Return the same augmentation without a random crop."""
        return replace(self, padding=0) if self.crop == "pad" else replace(self, crop="centre")


VIEWS_OF = ("sample", "classmate")


@dataclass(frozen=True)
class View:
    """A further image for each sample of a batch.

    Attributes:
        augment: its augmentation.
        of: ``sample``, another draw of the same image, or ``classmate``, another sample's image of the given class.
    """

    augment: AugmentSettings
    of: str = "sample"

    def __post_init__(self) -> None:
        check_choice("of", self.of, VIEWS_OF)
