"""Published ImageNet weights of a network and their address; imports no torch."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import PurePosixPath


@dataclass(frozen=True)
class PublishedWeights:
    """ImageNet weights under their library's own names: ``network`` and ``tag``, such as resnet50, IMAGENET1K_V1.

    ``url`` ends in the file's name, which holds the first eight digits of its SHA-256, as torch.hub reads them.
    """

    library: str
    network: str
    tag: str
    url: str

    @property
    def file(self) -> str:
        """Name of the file, such as ``resnet50-0676ba61.pth``, by which a run id identifies these weights."""
        return PurePosixPath(self.url).name

    @property
    def checksum(self) -> str:
        """Checksum ``sha256:`` followed by the digits in the file's name."""
        return f"sha256:{PurePosixPath(self.file).stem.rpartition('-')[2]}"
