"""Settings of the data sets whose images are separate files (no torch here)."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar

from olsrepro.checks import check_choice, check_whole
from olsrepro.data.settings import DatasetSettings
from olsrepro.settings import fact

RESIZES = ("square", "short_side")
AIRCRAFT_LABELS = {"authors_90": 90, "official_100": 100}
FLOWERS_TRAIN_SIZES = {"trnid": 1020, "trnid+valid": 2040}
CARS_PACKAGINGS = ("car_ims", "cars_train")


@dataclass(frozen=True)
class ImageFileSettings(DatasetSettings):
    """A data set whose images lie in files of their own.

    Args:
        input_size: pixels of a side as they enter the network; None: the data set's own.
        skip_unreadable: whether images that can't be decoded are left out, and recorded, instead of ending the run.
    """

    is_in_memory: ClassVar[bool] = False

    input_size: int | None = None
    skip_unreadable: bool = False

    def __post_init__(self) -> None:
        if self.input_size is not None:
            check_whole("input_size", self.input_size, 1)

    @property
    def skips_unreadable(self) -> bool:
        """Whether images that can't be decoded are left out, and recorded, instead of ending the run."""
        return self.skip_unreadable


@dataclass(frozen=True)
class PhotoSettings(ImageFileSettings):
    """Photographs of one class each.

    A test, and training except with ``recipe.crop=resized``, first resizes an image: to ``resized_to`` pixels on both
    sides (``resize=square``), or on its shorter one (``short_side``); then it takes ``image_size`` pixels square.
    ``input_size`` None is the paper's 224; ``resized_to`` follows it.
    """

    crops: ClassVar[tuple[str, ...]] = ("window", "resized", "centre")

    resize: str = fact("square")
    resized_to: int = fact(256)

    def __post_init__(self) -> None:
        super().__post_init__()
        check_choice("resize", self.resize, RESIZES)

    def resolved(self) -> PhotoSettings:
        """Return the settings with the sizes that ``input_size`` implies; the set's own size, typed, is the default."""
        size = self.input_size or self.image_size
        if size == self.image_size:
            return replace(self, input_size=None)
        return replace(self, image_size=size, resized_to=round(self.resized_to * size / self.image_size))


@dataclass(frozen=True)
class FlowersSettings(PhotoSettings):
    """Flowers-102. ``train``: the official training images (``trnid``, the authors' list), or those for validation too.

    The paper's Table V counts both, ``trnid+valid``; its errors fit ``trnid``.
    """

    train: str = "trnid"

    def __post_init__(self) -> None:
        super().__post_init__()
        check_choice("train", self.train, FLOWERS_TRAIN_SIZES)

    def resolved(self) -> PhotoSettings:
        """Return the settings with the size of the training set that ``train`` names."""
        return replace(super().resolved(), train_size=FLOWERS_TRAIN_SIZES[self.train])


@dataclass(frozen=True)
class AircraftSettings(PhotoSettings):
    """FGVC-Aircraft. ``labels``: the authors' 90, which merge variants with one first word, or the ``official_100``."""

    labels: str = "authors_90"

    def __post_init__(self) -> None:
        super().__post_init__()
        check_choice("labels", self.labels, AIRCRAFT_LABELS)

    def resolved(self) -> PhotoSettings:
        """Return the settings with the number of classes that ``labels`` names."""
        return replace(super().resolved(), num_classes=AIRCRAFT_LABELS[self.labels])


@dataclass(frozen=True)
class CarsSettings(PhotoSettings):
    """Stanford Cars. ``packaging``: ``car_ims``, the authors': one folder and list; or torchvision's ``cars_train``."""

    packaging: str = "car_ims"

    def __post_init__(self) -> None:
        super().__post_init__()
        check_choice("packaging", self.packaging, CARS_PACKAGINGS)


@dataclass(frozen=True)
class VocSettings(ImageFileSettings):
    """PASCAL VOC, or shapes in its layout; ``image_size`` is the side of the letter-box that a run is tested in."""

    task: ClassVar[str] = "detection"

    def resolved(self) -> VocSettings:
        """Return the settings with the image size that ``input_size`` says; the set's own, typed, is the default."""
        if self.input_size in (None, self.image_size):
            return replace(self, input_size=None)
        return replace(self, image_size=self.input_size)


SETTINGS: dict[str, type[DatasetSettings]] = {
    "imagenet": PhotoSettings,
    "cub": PhotoSettings,
    "flowers": FlowersSettings,
    "cars": CarsSettings,
    "aircraft": AircraftSettings,
    "voc": VocSettings,
    "shapes@voc": VocSettings,
}
"""Settings class by the name of the data set; any other has a plain :class:`DatasetSettings`."""


def dataset_class(name: str) -> type[DatasetSettings]:
    """Return the settings class of a data set."""
    return SETTINGS.get(name, DatasetSettings)
