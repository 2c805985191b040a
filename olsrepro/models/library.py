"""Settings of the networks that timm and torchvision build; imports neither library, nor torch."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import ClassVar

from olsrepro.models.published import PublishedWeights
from olsrepro.models.settings import BackboneSettings

TORCHVISION = "https://download.pytorch.org/models"
TIMM = "https://github.com/huggingface/pytorch-image-models/releases/download/v0.1-weights"


@dataclass(frozen=True)
class LibrarySettings(BackboneSettings, ABC):
    """Settings of a backbone built from a library's layers; it halves the map five times."""

    min_image_size: ClassVar[int] = 32
    counted_at: ClassVar[int] = 224

    @abstractmethod
    def paper_weights(self) -> PublishedWeights | None:
        """Return the paper's initial weights of the network, or of a detector's trunk; None if none were published."""

    def weights(self) -> PublishedWeights | None:
        """Return :meth:`paper_weights`; None for a scaled network, which no published weights fit."""
        return self.paper_weights() if self.width == self.depth_factor == 1 else None
