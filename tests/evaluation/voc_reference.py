"""Average precision as VOC's development kit computes it, detection by detection; written for these tests."""

from __future__ import annotations

from collections.abc import Sequence

from olsrepro.data.objects import Annotated, Objects
from olsrepro.detection.postprocess import Detections


def annotated(objects: Objects, image: int) -> list[Annotated]:
    one = objects.of(image)
    rows = zip(one.boxes.tolist(), one.classes.tolist(), one.difficult.tolist(), strict=True)
    return [Annotated(tuple(box), label, difficult) for box, label, difficult in rows]


def inclusive_overlap(a: Sequence[float], b: Sequence[float]) -> float:
    """IoU of pixel corners xmin, ymin, xmax, ymax, both ends inside: hence the "+1"."""
    a, b = ([box[0] + 1, box[1] + 1, box[2], box[3]] for box in (a, b))
    width = min(a[2], b[2]) - max(a[0], b[0]) + 1
    height = min(a[3], b[3]) - max(a[1], b[1]) + 1
    if width <= 0 or height <= 0:
        return 0.0
    areas = [(box[2] - box[0] + 1) * (box[3] - box[1] + 1) for box in (a, b)]
    return width * height / (sum(areas) - width * height)


def judged(found: Sequence[Detections], objects: Objects, label: int, least: float) -> tuple[list[bool], int]:
    """Right or wrong of each detection of a class by falling score, without the ignored; and how many objects count."""
    truths = [[one for one in annotated(objects, image) if one.label == label] for image in range(len(objects))]
    taken = [[False] * len(of_image) for of_image in truths]
    rows = [
        (score, image, box)
        for image, one in enumerate(found)
        for score, box, said in zip(one.scores.tolist(), one.boxes.tolist(), one.classes.tolist(), strict=True)
        if said == label
    ]
    right = []
    for _, image, box in sorted(rows, key=lambda row: -row[0]):
        best, at = -1.0, -1
        for number, truth in enumerate(truths[image]):
            value = inclusive_overlap(box, truth.box)
            if value > best:
                best, at = value, number
        if best > least:
            if truths[image][at].is_difficult:
                continue
            right.append(not taken[image][at])
            taken[image][at] = True
        else:
            right.append(False)
    return right, sum(not one.is_difficult for of_image in truths for one in of_image)


def area_of(right: Sequence[bool], positives: int) -> float:
    """Under the envelope: each hit raises recall by 1 / positives, at the best precision from there on."""
    precision = [sum(right[: end + 1]) / (end + 1) for end in range(len(right))]
    return sum(max(precision[at:]) for at, hit in enumerate(right) if hit) / positives


def mean_at_recalls(right: Sequence[bool], positives: int, points: int) -> float:
    counts = [sum(right[: end + 1]) for end in range(len(right))]
    reached = [
        max([count / (end + 1) for end, count in enumerate(counts) if count * (points - 1) >= point * positives] or [0])
        for point in range(points)
    ]
    return sum(reached) / points
