"""Average precision: golden values, hand-made cases, VOC's rule detection by detection, scikit-learn's staircase."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from sklearn.metrics import average_precision_score
from voc_reference import area_of, judged, mean_at_recalls

from olsrepro.data.objects import Annotated, Objects
from olsrepro.detection.postprocess import Detections
from olsrepro.evaluation.detection.average_precision import Precisions, average_precision, mean_average_precision
from olsrepro.evaluation.detection.matching import match
from olsrepro.settings import UserError

GOLDEN = json.loads((Path(__file__).parents[1] / "golden/golden_evaluations.json").read_text())["examples"]
BOX = (10.0, 10.0, 20.0, 20.0)


def detections(*rows: tuple[tuple[float, ...], float, int]) -> Detections:
    boxes, scores, classes = zip(*rows, strict=True) if rows else ((), (), ())
    return Detections(
        torch.tensor(boxes, dtype=torch.float32).view(-1, 4),
        torch.tensor(scores, dtype=torch.float32),
        torch.tensor(classes, dtype=torch.int64),
    )


def drawn(images: int, classes: int, seed: int) -> tuple[list[Detections], Objects]:
    """Objects at whole edges, a fifth of them difficult; detections near some of them, and some anywhere."""
    generator = torch.Generator().manual_seed(seed)

    def whole(low: int, high: int) -> int:
        return int(torch.randint(low, high, (1,), generator=generator))

    truth, found = [], []
    for _ in range(images):
        objects, rows = [], []
        for _ in range(whole(0, 5)):
            x, y, label = whole(0, 40), whole(0, 40), whole(0, classes)
            box = (x, y, x + whole(8, 20), y + whole(8, 20))
            objects.append(Annotated(box, label, is_difficult=whole(0, 5) == 0))
            for _ in range(whole(0, 4)):
                moved = tuple(float(edge + whole(-3, 4)) for edge in box)
                rows.append((moved, whole(1, 1000) / 1000, label if whole(0, 4) else whole(0, classes)))
        rows += [((5.0, 5.0, 5.0 + whole(4, 40), 5.0 + whole(4, 40)), whole(1, 1000) / 1000, whole(0, classes))]
        truth.append(objects)
        found.append(detections(*rows))
    return found, Objects.listed(truth)


def outcome(found: list[Detections], objects: Objects) -> tuple[list[bool], list[bool]]:
    matches = match(found, objects)
    return matches.hits.tolist(), matches.ignored.tolist()


def test_the_golden_values_by_every_rule() -> None:
    example = GOLDEN["voc_average_precision"]
    hits = torch.tensor(example["inputs"]["detections_by_falling_confidence_tp"], dtype=torch.bool)
    for rule, key in (("all_point", "all_point"), ("eleven_point", "11_point"), ("coco_points", "101_point_coco")):
        value = average_precision(hits, example["inputs"]["positives"], rule)
        assert value == pytest.approx(example["expected"][f"ap_{key}"], abs=5e-7)


@pytest.mark.parametrize("seed", range(4))
def test_precisions_are_those_of_the_development_kit(seed: int) -> None:
    found, objects = drawn(images=40, classes=3, seed=seed)
    for least in (0.5, 0.7):
        judgements = [judged(found, objects, label, least) for label in range(3)]
        assert any(0 < sum(right) < len(right) for right, _ in judgements)
        for rule, area in (
            ("all_point", area_of),
            ("eleven_point", lambda *args: mean_at_recalls(*args, points=11)),
            ("coco_points", lambda *args: mean_at_recalls(*args, points=101)),
        ):
            scores = mean_average_precision(found, objects, 3, rule=rule, least_iou=least)
            assert scores.by_class == pytest.approx([100 * area(*one) for one in judgements])


def test_without_the_envelope_it_is_scikit_learn_s() -> None:
    """Its staircase is the area where precision only falls, so that the envelope changes nothing."""
    hits = torch.tensor([True, True, True, False, True, False, False, True, False])
    falling = [1, 1, 1, 4 / 5, 5 / 8]
    assert average_precision(hits, 5) == pytest.approx(sum(falling) / 5)
    assert average_precision(hits, 5) == pytest.approx(average_precision_score(hits.numpy(), range(9, 0, -1)))


@pytest.mark.parametrize("rule", ["all_point", "eleven_point", "coco_points"])
def test_all_found_and_nothing_else_is_one_and_nothing_found_is_zero(rule: str) -> None:
    assert average_precision(torch.ones(30, dtype=torch.bool), 30, rule) == pytest.approx(1)
    assert average_precision(torch.zeros(30, dtype=torch.bool), 30, rule) == 0
    assert average_precision(torch.zeros(0, dtype=torch.bool), 30, rule) == 0


def test_three_of_ten_objects_reach_the_recall_of_three_tenths() -> None:
    """In floating point 3 / 10 is less than three times 0.1."""
    assert average_precision(torch.tensor([True] * 3), 10, "eleven_point") == pytest.approx(4 / 11)


def test_the_highest_score_finds_an_object_and_every_other_is_wrong() -> None:
    objects = Objects.listed([[Annotated(BOX, 0)]])
    found = detections((BOX, 0.5, 0), ((10.0, 10.0, 20.0, 19.0), 0.9, 0))
    assert outcome([found], objects) == ([True, False], [False, False])


def test_a_second_detection_does_not_turn_to_the_object_beside() -> None:
    """VOC looks at the object that is overlapped most, whoever has found it."""
    near = (13.0, 10.0, 23.0, 20.0)
    objects = Objects.listed([[Annotated(BOX, 0), Annotated(near, 0)]])
    found = detections((BOX, 0.9, 0), ((11.0, 10.0, 21.0, 20.0), 0.8, 0))
    assert outcome([found], objects) == ([True, False], [False, False])


def test_a_difficult_object_makes_nothing_right_or_wrong_however_often_it_is_found() -> None:
    objects = Objects.listed([[Annotated(BOX, 0, is_difficult=True), Annotated((40.0, 40.0, 50.0, 50.0), 0)]])
    found = detections((BOX, 0.9, 0), (BOX, 0.8, 0), ((40.0, 40.0, 50.0, 50.0), 0.7, 0))
    assert outcome([found], objects) == ([False, False, True], [True, True, False])
    assert mean_average_precision([found], objects, 1).mean == pytest.approx(100)


@pytest.mark.parametrize(("right", "is_found"), [(20.0, False), (20.5, True)])
def test_an_overlap_of_exactly_the_limit_is_too_little(right: float, is_found: bool) -> None:
    """10 of 20 pixels across; then 10.5 of 20."""
    objects = Objects.listed([[Annotated((10.0, 10.0, 30.0, 20.0), 0)]])
    assert outcome([detections(((10.0, 10.0, right, 20.0), 0.9, 0))], objects)[0] == [is_found]


def test_another_class_and_another_image_are_not_found() -> None:
    objects = Objects.listed([[Annotated(BOX, 0)], []])
    assert outcome([detections((BOX, 0.9, 1)), detections((BOX, 0.9, 0))], objects)[0] == [False, False]


def test_of_equal_scores_the_earlier_image_comes_first() -> None:
    objects = Objects.listed([[], [Annotated(BOX, 0)]])
    found = [detections((BOX, 0.5, 0)), detections((BOX, 0.5, 0))]
    assert outcome(found, objects)[0] == [False, True]
    assert mean_average_precision(found, objects, 1).mean == pytest.approx(50)


def test_a_class_of_no_object_that_counts_is_not_in_the_mean() -> None:
    objects = Objects.listed([[Annotated(BOX, 0), Annotated(BOX, 2, is_difficult=True)]])
    scores = mean_average_precision([detections((BOX, 0.9, 0), (BOX, 0.8, 1))], objects, 4)
    assert scores.by_class == (pytest.approx(100), None, None, None)
    assert scores.mean == pytest.approx(100)


def test_a_class_that_is_never_found_counts_as_zero() -> None:
    objects = Objects.listed([[Annotated(BOX, 0), Annotated(BOX, 1)]])
    assert mean_average_precision([detections((BOX, 0.9, 0))], objects, 2).mean == pytest.approx(50)
    assert mean_average_precision([detections()], objects, 2).mean == 0


def test_no_object_at_all_has_no_mean() -> None:
    with pytest.raises(UserError, match="no test image has an object that counts"):
        _ = Precisions((None, None)).mean
