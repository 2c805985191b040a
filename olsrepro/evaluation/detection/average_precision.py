"""Average precision of detections in falling order of their scores."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from olsrepro.data.objects import Objects
from olsrepro.detection.postprocess import Detections
from olsrepro.evaluation.detection.matching import Matches, match
from olsrepro.settings import UserError


@dataclass(frozen=True)
class Precisions:
    """Average precision in percent of each class; None for a class without objects that count."""

    by_class: tuple[float | None, ...]

    @property
    def mean(self) -> float:
        """Mean over the classes that have objects: the mAP in percent.

        Raises:
            UserError: no class has any.
        """
        known = [value for value in self.by_class if value is not None]
        if not known:
            raise UserError("no test image has an object that counts, so there is no average precision")
        return sum(known) / len(known)


def mean_average_precision(
    found: Sequence[Detections], objects: Objects, num_classes: int, *, rule: str = "all_point", least_iou: float = 0.5
) -> Precisions:
    """Score the detections in images against their objects, as VOC does; see :func:`match`.

    Args:
        found: the detections in each image, after non-maximum suppression.
        objects: of these images in the same order, on the CPU.
        num_classes: K.
        rule: one of ``all_point``, ``eleven_point``, ``coco_points``.
        least_iou: in [0, 1].
    """
    return precisions(match(found, objects, least_iou), objects, num_classes, rule)


def precisions(matches: Matches, objects: Objects, num_classes: int, rule: str) -> Precisions:
    """Score matches; objects marked as difficult are not among those to be found."""
    wanted = torch.bincount(objects.classes[~objects.difficult], minlength=num_classes).tolist()
    kept = ~matches.ignored
    classes, hits = matches.classes[kept], matches.hits[kept]
    return Precisions(
        tuple(
            100 * average_precision(hits[classes == one], count, rule) if count else None
            for one, count in enumerate(wanted)
        )
    )


def average_precision(hits: Tensor, positives: int, rule: str = "all_point") -> float:
    """Compute the average precision, in [0, 1], of detections of one class.

    Args:
        hits: bool (N,), in falling order of scores: whether each found an object of its own.
        positives: objects to be found, at least 1.
        rule: ``all_point``, the area under the envelope of precision over recall, which is the highest precision at
            that recall or beyond (VOC from 2010); ``eleven_point``, the envelope's mean at the recalls 0, 0.1, ..., 1
            (VOC 2007); ``coco_points``, at 0, 0.01, ..., 1 (COCO).
    """
    if not len(hits):
        return 0.0
    true = hits.long().cumsum(0)
    precision = true.double() / torch.arange(1, len(hits) + 1)
    envelope = precision.flip(0).cummax(0).values.flip(0)
    return _AREAS[rule](envelope, true, positives)


def _whole_area(envelope: Tensor, true: Tensor, positives: int) -> float:
    """Compute the area under the envelope; recall rises by 1 / positives at each hit."""
    return float(envelope[true.diff(prepend=true.new_zeros(1)) > 0].sum()) / positives


def _mean_at(points: int) -> Callable[[Tensor, Tensor, int], float]:
    def area(envelope: Tensor, true: Tensor, positives: int) -> float:
        # The recall true / positives is at least k / (points - 1), in whole numbers: 3 of 10 objects reach 0.3.
        at = torch.searchsorted(true * (points - 1), torch.arange(points) * positives)
        return float(torch.cat([envelope, envelope.new_zeros(1)])[at].sum()) / points

    return area


_AREAS: Mapping[str, Callable[[Tensor, Tensor, int], float]] = {
    "all_point": _whole_area,
    "eleven_point": _mean_at(11),
    "coco_points": _mean_at(101),
}
