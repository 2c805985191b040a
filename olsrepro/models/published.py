"""Where a network's ImageNet weights are published; imports no torch."""

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
        """The file's name, such as ``resnet50-0676ba61.pth``: what a run id knows these weights by."""
        return PurePosixPath(self.url).name

    @property
    def checksum(self) -> str:
        """``sha256:`` and the digits that the file's name holds."""
        return f"sha256:{PurePosixPath(self.file).stem.rpartition('-')[2]}"
