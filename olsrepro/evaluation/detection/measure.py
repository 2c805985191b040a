"""Mean average precision of a run's detector on its test images (Table X)."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from olsrepro.detection.postprocess import Detections, merged, strongest, suppressed
from olsrepro.evaluation.detection.average_precision import precisions
from olsrepro.evaluation.detection.matching import match
from olsrepro.evaluation.detection.passes import detect
from olsrepro.evaluation.detection.settings import RULES, Settings
from olsrepro.evaluation.subject import DetectorSubject, Result


def measure(settings: Settings, subject: DetectorSubject) -> Result:
    """Measure ``mAP`` in percent by the chosen rule; ``detail`` has it by every rule, and each class's precision.

    With ``keep``, ``tensors`` are the boxes, scores and classes of the first images; image i has the rows from
    ``starts[i]`` to ``starts[i + 1]``.
    """
    objects, names = subject.test_objects(), subject.class_names
    found = [suppressed(one, settings.nms_iou) for one in _pooled(settings, subject)]
    matches = match(found, objects, settings.iou)
    scores = {rule: precisions(matches, objects, len(names), rule) for rule in RULES}
    return Result(
        values={"mAP": scores[settings.rule].mean},
        samples=len(found),
        detail={
            "parameters": settings.identity(),
            "sizes": settings.sizes_at(subject.image_size),
            "mAP": {rule: one.mean for rule, one in scores.items()},
            "average_precision": dict(zip(names, scores[settings.rule].by_class, strict=True)),
            "objects": int((~objects.difficult).sum()),
            "detections": sum(map(len, found)),
        },
        tensors=_kept(found[: settings.keep]) if settings.keep else {},
    )


def _pooled(settings: Settings, subject: DetectorSubject) -> list[Detections]:
    """Pool the detections of all passes for each image, at most ``most``; cut after each pass to bound the memory."""
    network = subject.network()
    pooled: list[Detections] = []
    for size in settings.sizes_at(subject.image_size):
        for flip in (False, True)[: 1 + settings.flip]:
            batches = subject.detection_test(size, flip, settings.batch_size)
            found = (strongest(one, settings.most) for one in detect(network, batches, settings.score_threshold))
            if pooled:
                found = (merged(pair) for pair in zip(pooled, found, strict=True))
            pooled = [strongest(one, settings.most) for one in found]
    return pooled


def _kept(found: Sequence[Detections]) -> dict[str, Tensor]:
    all_found = merged(found)
    starts = torch.tensor([0, *map(len, found)]).cumsum(0)
    return {"boxes": all_found.boxes, "scores": all_found.scores, "classes": all_found.classes, "starts": starts}
