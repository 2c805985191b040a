"""Batch of a training step."""

from __future__ import annotations

from dataclasses import dataclass, replace

from torch import Tensor

from olsrepro.data.shard import rows_of_part


@dataclass(frozen=True)
class Batch:
    """Augmented, normalised training images with their targets, all on one device.

    Attributes:
        images: float32 (B, 3, H, W).
        targets: int64 (B,), the given labels (noisy ones, where there is label noise).
        indices: int64 (B,), places of the samples in the training set.
        epoch: 0-based.
        clean_images, clean_targets: float32 (M, 3, H, W) and int64 (M,), of a clean set, for a method that wants one.
        more_views: further images (B, 3, H, W) for the same samples, in the order in which the method asked for them.
        step_size: images of the whole step, on all ranks and in all passes; None: these are all.
    """

    images: Tensor
    targets: Tensor
    indices: Tensor
    epoch: int
    more_views: tuple[Tensor, ...] = ()
    clean_images: Tensor | None = None
    clean_targets: Tensor | None = None
    step_size: int | None = None

    @property
    def share(self) -> float:
        """Share of the step's images in this part; the step's mean loss is the sum of the parts' times their shares."""
        return 1.0 if self.step_size is None else len(self.targets) / self.step_size

    def parts(self, count: int, *, in_pairs: bool = False) -> tuple[Batch, ...]:
        """Split the batch into ``count`` parts, which keep the size of the whole step; in pairs, as ranks' shards."""
        if count == 1:
            return (self,)
        clean = 0 if self.clean_targets is None else len(self.clean_targets)
        return tuple(
            self._rows(
                rows_of_part(len(self.targets), part, count, in_pairs=in_pairs),
                rows_of_part(clean, part, count, in_pairs=in_pairs),
            )
            for part in range(count)
        )

    def _rows(self, rows: Tensor, clean: Tensor) -> Batch:
        rows, clean = rows.to(self.targets.device), clean.to(self.targets.device)
        return replace(
            self,
            images=self.images[rows],
            targets=self.targets[rows],
            indices=self.indices[rows],
            more_views=tuple(view[rows] for view in self.more_views),
            clean_images=None if self.clean_images is None else self.clean_images[clean],
            clean_targets=None if self.clean_targets is None else self.clean_targets[clean],
            step_size=self.step_size or len(self.targets),
        )
