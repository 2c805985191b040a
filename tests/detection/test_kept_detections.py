"""From predictions to boxes with scores: which are candidates, which are pooled, which are suppressed."""

from __future__ import annotations

import math

import pytest
import torch
from raw_maps import overlap_of, places, raw_maps

from olsrepro.detection.postprocess import Detections, candidates, merged, strongest, suppressed


def drawn(count: int, classes: int, seed: int, span: float = 60.0) -> Detections:
    generator = torch.Generator().manual_seed(seed)
    corners = span * torch.rand(count, 2, generator=generator) - span / 2
    sides = 1 + span * torch.rand(count, 2, generator=generator)
    scores = torch.rand(count, generator=generator)
    return Detections(
        torch.cat([corners, corners + sides], 1), scores, torch.randint(classes, (count,), generator=generator)
    )


def greedy(found: Detections, iou: float) -> list[int]:
    """From the definition: the places of those that stay, by falling scores."""
    kept: list[int] = []
    boxes = found.boxes.tolist()
    for at in sorted(range(len(found)), key=lambda at: -found.scores[at].item()):
        same = [other for other in kept if found.classes[other] == found.classes[at]]
        if all(overlap_of(boxes[at], boxes[other]) <= iou for other in same):
            kept.append(at)
    return kept


def test_candidates_are_all_boxes_above_the_threshold_with_their_best_class() -> None:
    maps = raw_maps(2, classes=3)
    found = candidates(maps, threshold=0.4)
    for image, one in enumerate(found):
        expected = []
        for place in places(maps):
            best = place.raw[5:].max().item()
            score = 1 / (1 + math.exp(-place.raw[4].item())) / (1 + math.exp(-best))
            if place.image == image and score > 0.4:
                expected.append((*place.box(), score, int(place.raw[5:].argmax())))
        rows = torch.cat([one.boxes, one.scores[:, None], one.classes[:, None]], dim=1)
        torch.testing.assert_close(rows, torch.tensor(expected), rtol=1e-4, atol=1e-4)
        assert 10 < len(one) < 200


def test_a_score_at_the_threshold_is_no_candidate() -> None:
    maps = [torch.zeros(1, 21, side, side) for side in (8, 4, 2)]
    assert len(candidates(maps, threshold=0.25)[0]) == 0
    assert len(candidates(maps, threshold=0.2499)[0]) == 3 * 84


def test_an_image_without_candidates_has_none() -> None:
    maps = raw_maps(3, classes=2)
    for one in maps:
        one[1] = -20
    assert [len(found) > 0 for found in candidates(maps, threshold=0.005)] == [True, False, True]


@pytest.mark.parametrize(("count", "classes"), [(60, 3), (200, 1), (1100, 2)])
def test_suppression_is_greedy_class_by_class(count: int, classes: int) -> None:
    """Boxes left of and above 0 are among them; torchvision takes another way for more than a thousand."""
    found = drawn(count, classes, seed=count)
    expected = found.at(torch.tensor(greedy(found, 0.45)))
    kept = suppressed(found, 0.45)
    assert torch.equal(kept.boxes, expected.boxes)
    assert torch.equal(kept.scores, expected.scores)
    assert torch.equal(kept.classes, expected.classes)
    assert len(kept) < count


def test_equal_boxes_of_two_classes_both_stay_and_of_one_class_the_first() -> None:
    box = torch.tensor([[0.0, 0, 10, 10]]).repeat(3, 1)
    found = Detections(box, torch.tensor([0.5, 0.5, 0.9]), torch.tensor([1, 1, 0]))
    kept = suppressed(found, 0.45)
    assert kept.classes.tolist() == [0, 1]
    assert kept.scores.tolist() == pytest.approx([0.9, 0.5])


@pytest.mark.parametrize("tenths", range(1, 10))
def test_a_box_whose_overlap_is_the_limit_itself_stays(tenths: int) -> None:
    boxes = torch.tensor([[0.0, 0, 10, 1], [0, 0, tenths, 1]])
    found = Detections(boxes, torch.tensor([0.9, 0.8]), torch.tensor([0, 0]))
    assert len(suppressed(found, tenths / 10)) == 2
    assert len(suppressed(found, tenths / 10 - 1e-6)) == 1


def test_suppressing_nothing_leaves_nothing() -> None:
    assert len(suppressed(drawn(0, 3, seed=0), 0.45)) == 0


def test_passes_are_pooled_before_any_is_suppressed() -> None:
    first, second = drawn(30, 2, seed=1), drawn(20, 2, seed=2)
    pooled = merged([first, second])
    assert len(pooled) == 50
    assert torch.equal(pooled.boxes[30:], second.boxes)
    assert len(suppressed(pooled, 0.45)) < len(suppressed(first, 0.45)) + len(suppressed(second, 0.45))


def test_the_strongest_of_pooled_passes_are_the_strongest_of_each_pooled() -> None:
    first, second = drawn(30, 2, seed=1), drawn(20, 2, seed=2)
    at_once, in_turn = strongest(merged([first, second]), 12), strongest(merged([strongest(first, 12), second]), 12)
    assert torch.equal(at_once.boxes, in_turn.boxes)
    assert at_once.scores.tolist() == sorted(merged([first, second]).scores.tolist(), reverse=True)[:12]


def test_of_equal_scores_the_earlier_comes_first_in_however_long_a_list() -> None:
    count = 600
    boxes = torch.arange(count)[:, None] * 20.0 + torch.tensor([0.0, 0, 10, 10])
    found = Detections(boxes, torch.tensor([0.5, 0.9]).repeat(count // 2), torch.zeros(count, dtype=torch.int64))
    order = [*range(1, count, 2), *range(0, count, 2)]
    assert torch.equal(strongest(found, 400).boxes, boxes[order[:400]])
    assert torch.equal(suppressed(found, 0.45).boxes, boxes[order])


def test_boxes_of_no_area_are_left_out_when_boxes_are_moved() -> None:
    found = drawn(3, 2, seed=0)
    moved = found.moved(torch.tensor([[0.0, 0, 1, 1], [2, 2, 2, 5], [0, 0, 3, 3]]))
    assert torch.equal(moved.scores, found.scores[[0, 2]])
