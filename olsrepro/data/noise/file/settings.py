"""Settings of labels from a file (no torch here)."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from pathlib import Path
from typing import ClassVar

from olsrepro.data.noise.settings import NoiseSettings
from olsrepro.data.settings import DatasetSettings
from olsrepro.files import checksum
from olsrepro.settings import UserError

LABEL_FILE_ENDINGS = (".pt", ".npy", ".json")


@dataclass(frozen=True)
class Settings(NoiseSettings):
    """Labels that somebody else made.

    Args:
        path: of the file of labels: ``.pt``, ``.npy`` or ``.json``; no part of a run id.
        key: of the labels in a file that holds several arrays.
        sha256: of that file; composing a run fills it in, or compares it where it is given.
    """

    outside_id: ClassVar[frozenset[str]] = frozenset({"path"})

    kind: str = "file"
    path: str | None = None
    key: str | None = None
    sha256: str | None = None

    def __post_init__(self) -> None:
        if self.path is not None and Path(self.path).suffix not in LABEL_FILE_ENDINGS:
            raise ValueError(f"noise.path={self.path} must end in one of {', '.join(LABEL_FILE_ENDINGS)}")
        if self.sha256 is not None and not re.fullmatch("[0-9a-f]{64}", self.sha256):
            raise ValueError(f"noise.sha256={self.sha256} must be 64 hexadecimal digits, the letters small")

    def resolved(self, run_seed: int) -> NoiseSettings:
        """Return the whole path and the file's SHA-256, which the id covers in place of the path.

        Raises:
            UserError: the file can't be read, or its sum isn't the one that is given.
        """
        if self.path is None:  # said by check_fits: presets are compared by their groups' own values, which name none
            return self
        path = Path(self.path).expanduser().absolute()
        try:
            found = checksum.sha256(path)
        except OSError as error:
            raise UserError(f"noise.path={self.path} can't be read: {error.strerror}; name a file of labels") from None
        self.check_sum(found)
        return replace(self, path=str(path), sha256=found)

    def check_sum(self, found: str) -> None:
        """Refuse a file with another SHA-256 than the one that is known (:class:`UserError`)."""
        if self.sha256 not in (None, found):
            raise UserError(
                f"noise.path={self.path} is not the file of noise.sha256={self.sha256}: its SHA-256 is {found}"
            )

    def check_fits(self, dataset: DatasetSettings, method: str, *, has_clean_set: bool) -> None:
        """Refuse what every kind does, and a file that isn't named or isn't for so many images and classes."""
        from olsrepro.data.noise.file.labels import check_file  # loads torch, which reads such files

        super().check_fits(dataset, method, has_clean_set=has_clean_set)
        check_file(self, dataset.train_size, dataset.num_classes)

    def check_complete(self, missing: int) -> None:
        """Refuse a training set of which images were left out: the file has labels of them too."""
        if missing:
            raise UserError(
                f"noise.path={self.path} has labels for all training images, including {missing} that"
                f" {'is' if missing == 1 else 'are'} left out by dataset.skip_unreadable=true: put the original files"
                " in their places"
            )

    def file(self) -> Path:
        """Return where the file lies; none that is named raises :class:`UserError`."""
        if self.path is None:
            endings = ", ".join(LABEL_FILE_ENDINGS)
            raise UserError(f"noise.path=null must name the file of labels ({endings}): noise.path=labels.pt")
        return Path(self.path).expanduser()
