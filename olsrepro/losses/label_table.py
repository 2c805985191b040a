"""Class-level label table: one soft label per class, learnt from the predictions of the previous period."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, ClassVar

import torch
import torch.distributed as dist
from torch import Tensor

from olsrepro.checks import check_choice, check_whole
from olsrepro.losses.criterion import check_targets
from olsrepro.losses.online_rules import EMPTY_CLASS, INITIAL_LABELS
from olsrepro.losses.rank_local import RankLocal

_TABLE_BLOCK = 2**20
_COPY_BLOCK = 2**17
_SMOOTHED_EPS = 0.1


class LabelTable(RankLocal):
    """Soft labels of K classes and the statistics that become the next ones (paper Eq. 5 and 6, Algorithm 1).

    Online Label Smoothing, its combination with BYOT and the detection task share it. All state is in tensors that are
    changed in place and keep their dtypes under ``half()`` and similar calls: 2 K² + K numbers, and no other K x K
    tensor is ever held. The soft labels are a buffer; the statistics are this rank's alone, so that inside a wrapped
    module, such as a model under ``DistributedDataParallel``, no other rank's replace them. Only :meth:`update`
    communicates, and nothing waits for the device.

    Args:
        num_classes: K.
        initial_labels: the labels of the first period: ``uniform`` 1/K; ``zeros``; ``identity_over_k``, 1/K on the
            diagonal (Algorithm 1 read literally); ``smoothed``, 0.9 on the diagonal and the rest evenly beside it
            (ankandrew/online-label-smoothing-pt); ``hard_only``, uniform, but the caller leaves them out of the loss.
        empty_class: row of a class without a counted prediction: ``uniform``, ``zeros``, or ``keep`` the old one.
        freeze_at: a row whose largest entry is at least this keeps its value, unless its class is empty
            (authors' code, fine-grained/solver.py: 0.88); None freezes no row.

    Attributes:
        soft_labels: (K, K) fp32, row y is the soft label of class y.
        sums: (K, K) float64, sum of the predictions counted for each class in this period.
        counts: (K,) int64, number of predictions in each sum.
        period: number of periods that have ended; part of the ``state_dict``.

    Raises:
        ValueError: a switch is out of its range, or there are fewer than two classes.
    """

    counted_apart: ClassVar[tuple[str, ...]] = ("sums", "counts")

    soft_labels: Tensor
    sums: Tensor
    counts: Tensor

    def __init__(
        self,
        num_classes: int,
        initial_labels: str = "uniform",
        empty_class: str = "uniform",
        freeze_at: float | None = None,
    ) -> None:
        super().__init__()
        check_whole("num_classes", num_classes, 2)
        check_choice("initial_labels", initial_labels, INITIAL_LABELS)
        check_choice("empty_class", empty_class, EMPTY_CLASS)
        self.num_classes = num_classes
        self.empty_class = empty_class
        self.freeze_at = freeze_at
        self.period = 0
        self.register_buffer("soft_labels", _initial(num_classes, initial_labels))
        self.sums = torch.zeros(num_classes, num_classes, dtype=torch.float64)
        self.counts = torch.zeros(num_classes, dtype=torch.int64)

    def labels(self, target: Tensor) -> Tensor:
        """Return the current soft labels of classes (B,) int64, as a new (B, K) fp32 tensor.

        Raises:
            ValueError: a target outside 0..K-1.
        """
        check_targets(target, self.num_classes)
        return self.soft_labels.index_select(0, target)

    def observe(self, target: Tensor, predictions: Tensor, correct: Tensor | None = None) -> None:
        """Count predictions for the labels of the next period.

        Args:
            target: (B,) int64 classes; all samples of a class count, however often it occurs.
            predictions: (B, K) predicted probabilities, floating; treated as constants.
            correct: (B,) bool (or int64 of 0 and 1), the samples that count; None counts all of them.

        Raises:
            ValueError: shapes other than these, or a target outside 0..K-1; nothing has been counted then.
        """
        check_targets(target, self.num_classes)
        if predictions.shape != (len(target), self.num_classes):
            expected = (len(target), self.num_classes)
            raise ValueError(f"predictions must have shape {expected}, got {tuple(predictions.shape)}")
        if correct is not None and correct.shape != target.shape:
            raise ValueError(f"correct must have shape {tuple(target.shape)}, got {tuple(correct.shape)}")
        self.count(target, predictions, correct)

    def count(self, target: Tensor, predictions: Tensor, correct: Tensor | None) -> None:
        """Count predictions as :meth:`observe` does, of a batch that has been checked already."""
        self._follow_labels()
        counted = torch.ones_like(target) if correct is None else correct.long()
        self._add(target, predictions, counted.unsqueeze(1))
        self.counts.index_add_(0, target, counted)

    def _follow_labels(self) -> None:
        """Move the statistics to the soft labels' device: FSDP moves parameters and buffers, and nothing else."""
        if self.sums.device != self.soft_labels.device:
            self.sums, self.counts = (one.to(self.soft_labels.device) for one in (self.sums, self.counts))

    def _add(self, target: Tensor, predictions: Tensor, share: Tensor) -> None:
        step = _block_rows(predictions)
        if step >= len(target):
            self.sums.index_add_(0, target, (predictions.detach() * share).double())
            return
        for parts in zip(*(torch.split(one, step) for one in (target, predictions, share)), strict=True):
            self._add(*parts)

    @torch.no_grad()
    def update(self) -> None:
        """End the period: sum the statistics over all ranks, turn them into the new soft labels, reset them to zero.

        Every rank must call it if ``torch.distributed`` is initialised. Rows are divided by their counts, not by their
        sums, so predictions needn't sum to 1. A class whose sum isn't finite, after a diverged batch, counts as empty.
        """
        self._follow_labels()
        _add_over_ranks(self.counts)
        step = max(1, _TABLE_BLOCK // self.num_classes)
        for start in range(0, self.num_classes, step):
            rows = slice(start, start + step)
            _add_over_ranks(self.sums[rows])
            self._roll_over(self.soft_labels[rows], self.sums[rows], self.counts[rows, None])
        self.sums.zero_()
        self.counts.zero_()
        self.period += 1

    def _roll_over(self, labels: Tensor, sums: Tensor, counts: Tensor) -> None:
        """Overwrite ``labels`` with the mean predictions, row by row; ``sums`` is used as scratch space."""
        empty = (counts == 0) | ~sums.sum(1, keepdim=True).isfinite()
        sums.nan_to_num_(0.0, 0.0, 0.0).div_(counts.double().masked_fill(empty, torch.inf))
        if self.empty_class == "uniform":
            sums.add_(empty.double() / self.num_classes)
        kept = self._kept_rows(labels, empty)
        labels.copy_(sums if kept is None else torch.where(kept, labels, sums))

    def _kept_rows(self, labels: Tensor, empty: Tensor) -> Tensor | None:
        frozen = None if self.freeze_at is None else ~empty & (labels.amax(1, keepdim=True) >= self.freeze_at)
        if self.empty_class != "keep":
            return frozen
        return empty if frozen is None else empty | frozen

    def get_extra_state(self) -> dict[str, int]:
        """Return the state that is not a tensor: the period."""
        return {"period": self.period}

    def set_extra_state(self, state: dict[str, int]) -> None:
        """Restore the period that :meth:`get_extra_state` returned."""
        self.period = state["period"]

    def extra_repr(self) -> str:
        """Return the rules, for ``print``."""
        return f"num_classes={self.num_classes}, empty_class={self.empty_class}, freeze_at={self.freeze_at}"

    def _load_from_state_dict(self, state_dict: Mapping[str, Any], prefix: str, *arguments: Any) -> None:
        # torch would load what fits, the period, and refuse the rest.
        labels = state_dict.get(f"{prefix}soft_labels", self.soft_labels)
        if len(labels) != self.num_classes:
            errors: list[str] = arguments[-1]
            errors.append(
                f"{prefix}soft_labels has {len(labels)} classes, this table {self.num_classes}: make it with"
                f" num_classes={len(labels)}; nothing of it was loaded"
            )
            return
        super()._load_from_state_dict(state_dict, prefix, *arguments)

    # torch calls this both to move a module's tensors and to change their dtype, which must not happen.
    def _apply(self, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> Any:
        def moved(buffer: Tensor) -> Tensor:
            result = fn(buffer)
            return result if result.dtype == buffer.dtype else buffer.to(result.device)

        return super()._apply(moved, recurse)


def _initial(num_classes: int, initial_labels: str) -> Tensor:
    if initial_labels in ("uniform", "hard_only"):
        return torch.full((num_classes, num_classes), 1 / num_classes, dtype=torch.float32)
    off_diagonal, diagonal = {
        "zeros": (0.0, 0.0),
        "identity_over_k": (0.0, 1 / num_classes),
        "smoothed": (_SMOOTHED_EPS / (num_classes - 1), 1 - _SMOOTHED_EPS),
    }[initial_labels]
    return torch.full((num_classes, num_classes), off_diagonal, dtype=torch.float32).fill_diagonal_(diagonal)


def _add_over_ranks(tensor: Tensor) -> None:
    if dist.is_available() and dist.is_initialized() and dist.get_world_size() > 1:
        dist.all_reduce(tensor)


def _block_rows(predictions: Tensor) -> int:
    """Return the rows to add at once: on the CPU, page faults in a large float64 copy cost more than the arithmetic."""
    batch, classes = predictions.shape
    return max(1, _COPY_BLOCK // classes) if predictions.device.type == "cpu" else batch
