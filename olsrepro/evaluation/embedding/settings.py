"""Settings of the embedding of penultimate features (Figure 3)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from olsrepro.checks import check_choice, check_flag, check_range, check_whole
from olsrepro.evaluation.settings import EvaluationSettings

SPLITS = ("train", "test")


@dataclass(frozen=True)
class Settings(EvaluationSettings):
    """Images that are embedded, and options of their picture (paper III-B, Figure 3).

    Args:
        split: ``train`` (paper, caption) or ``test``; images without augmentation in both.
        per_class: images of each class, the first in the order of the set. The paper does not say: 10 000 points on
            CIFAR-100 are near the 10 368 features that OnlineLabelSmoothing, ``cifar/scripts``, can dump.
        perplexity: of t-SNE; the paper does not say, 30 is scikit-learn's default.
        tsne: whether the picture is made, which takes minutes for 10 000 points; the numbers don't need it.
    """

    name: str = "embedding"
    split: str = "train"
    per_class: int = 100
    perplexity: float = 30.0
    tsne: bool = True

    def __post_init__(self) -> None:
        super().__post_init__()
        check_choice("split", self.split, SPLITS)
        check_whole("per_class", self.per_class, 2)
        check_range("perplexity", self.perplexity, 1)
        check_flag("tsne", self.tsne)

    def identity(self) -> dict[str, Any]:
        """Return the parameters; 30 and 30.0 are the same perplexity."""
        return super().identity() | {"perplexity": float(self.perplexity)}
