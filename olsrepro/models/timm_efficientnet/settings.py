"""Settings of EfficientNet-b7 (of the paper's Table VI)."""

from __future__ import annotations

from dataclasses import dataclass

from olsrepro.checks import check_choice, check_range
from olsrepro.models.library import TIMM, LibrarySettings
from olsrepro.models.published import PublishedWeights

MODELS = ("tf_efficientnet_b7", "efficientnet_b7")
"""Names in timm: the first pads like TensorFlow and has a BN epsilon of 1e-3, the second pads evenly and has 1e-5."""


@dataclass(frozen=True)
class Settings(LibrarySettings):
    """EfficientNet-b7, with the dropout, drop path and BN momentum of its training.

    ``dropout`` is of the pooled features, ``drop_path`` of the last block's residual, rising linearly from 0 in the
    first; ``bn_momentum`` is torch's, the new batch's share. A share outside [0, 1] raises :class:`ValueError`. Widths
    are rounded to multiples of 8 as in timm. Source: EfficientNet-PyTorch, ``utils.py``, which the authors name.
    """

    family: str = "timm_efficientnet"
    name: str = "efficientnet_b7"
    model: str = "tf_efficientnet_b7"
    dropout: float = 0.5
    drop_path: float = 0.2
    bn_momentum: float = 0.01

    def __post_init__(self) -> None:
        """Refuse a network that cannot be built (:class:`ValueError`)."""
        super().__post_init__()
        check_choice("backbone.model", self.model, MODELS)
        for key in ("dropout", "drop_path", "bn_momentum"):
            check_range(f"backbone.{key}", getattr(self, key), 0, 1)

    def paper_weights(self) -> PublishedWeights | None:
        """Return TensorFlow's weights without AdvProp, as in EfficientNet-PyTorch; which ones is our guess."""
        if self.model != "tf_efficientnet_b7":
            return None
        return PublishedWeights("timm", self.model, "aa_in1k", f"{TIMM}/tf_efficientnet_b7_aa-076e3472.pth")
