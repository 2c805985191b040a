"""Settings of OLS-Single: one other sample's prediction as the soft label (paper V-E)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from olsrepro.checks import check_choice, check_range
from olsrepro.data.settings import AugmentSettings, DatasetSettings, View
from olsrepro.methods.settings import MethodSettings

SOURCES = ("previous_epoch", "same_batch", "extra_forward")

_BYTES_PER_PROBABILITY = 2  # half precision
_BUFFERS = 2
_LARGEST_STORE = 2**30


@dataclass(frozen=True)
class Settings(MethodSettings):
    """OLS-Single: the soft label of a sample is the network's prediction for another one of its class, its partner.

    The paper has one sentence on it (V-E) and its authors released no code; all the switches are our guesses.

    Args:
        source: source of the partner's prediction: ``previous_epoch``, the training prediction of the previous epoch
            for any sample of the set; ``same_batch``, this step's prediction for a sample of the batch;
            ``extra_forward``, a second image, run through the network without gradient.
        alpha: weight of the given label; the soft label has ``1 - alpha``.
        correct_only: only a correct prediction may be a soft label, as in OLS.
        exclude_self: a sample is its own partner only if its class has no other candidate (and never with
            ``same_batch``).
    """

    needs_sample_index: ClassVar[bool] = True

    name: str = "ols_single"
    source: str = "previous_epoch"
    alpha: float = 0.5
    correct_only: bool = True
    exclude_self: bool = True

    def __post_init__(self) -> None:
        check_choice("source", self.source, SOURCES)
        check_range("alpha", self.alpha, 0, 1)
        if self.source == "extra_forward" and not self.exclude_self:
            raise ValueError(
                "exclude_self=false must be true with source=extra_forward, whose second image is always another "
                "sample's; use source=previous_epoch or same_batch"
            )

    @property
    def keeps_store(self) -> bool:
        """Whether predictions of the whole training set are stored; not if the soft label has no weight."""
        return self.source == "previous_epoch" and self.alpha < 1

    def check_run(self, dataset: DatasetSettings, epochs: int, milestones: Sequence[int]) -> None:
        """Refuse a data set whose predictions exceed 1 GiB, such as full-size ImageNet (:class:`ValueError`)."""
        size = store_bytes(dataset.train_size, dataset.num_classes)
        if self.keeps_store and size > _LARGEST_STORE:
            raise ValueError(
                f"method.source={self.source} must be same_batch or extra_forward with dataset={dataset.name}: it would"
                f" keep {size / 2**30:.1f} GiB of predictions, and more than 1 GiB is refused"
            )

    def more_views(self, augment: AugmentSettings) -> tuple[View, ...]:
        """Return the partner's image, for ``extra_forward`` with a soft label of weight above 0."""
        return (View(augment, of="classmate"),) if self.source == "extra_forward" and self.alpha < 1 else ()


def store_bytes(train_size: int, num_classes: int) -> int:
    """Return the bytes of the predictions that ``source=previous_epoch`` stores: two buffers (N, K), half precision."""
    return train_size * num_classes * _BYTES_PER_PROBABILITY * _BUFFERS
