"""The loss of a detector: term by term from the definition, worked out by hand, and what must not change it."""

from __future__ import annotations

import math

import pytest
import torch
import torch.nn.functional as F
from raw_maps import Drawn, drawn_objects, held_places, overlap_of, places, raw_maps
from torch import Tensor

from olsrepro.detection.assignment import assign
from olsrepro.detection.boxes import ciou
from olsrepro.detection.decoding import predictions
from olsrepro.detection.grid import grid_of
from olsrepro.detection.loss import DetectionLoss, detection_loss, focal_losses

CLASSES = 4


def smooth(classes: Tensor) -> Tensor:
    return 0.9 * F.one_hot(classes, CLASSES) + 0.1 / CLASSES


def loss_of(maps: list[Tensor], objects: Drawn) -> DetectionLoss:
    assignment = assign(*objects, images=len(maps[0]), grid=grid_of(maps))
    return detection_loss(maps, assignment, lambda classes: smooth(classes).to(maps[0].dtype))


def slow_loss(maps: list[Tensor], objects: Drawn) -> tuple[Tensor, Tensor, Tensor]:
    """From the definition: place by place, with gradients."""
    held, scales = held_places(objects)
    image_area = 64 * maps[0].shape[2] * maps[0].shape[3]
    decoded = predictions(maps).boxes().flatten(0, 1)
    box, objectness, classification = (maps[0].new_zeros(()) for _ in range(3))
    for place, predicted in zip(places(maps), decoded, strict=True):
        number, share = held.get(place.key), torch.sigmoid(place.raw[4])
        if number is not None:
            truth, weight = objects.boxes[number].to(maps[0].dtype), objects.weights[number]
            width, height = (truth[2:] - truth[:2]).tolist()
            box = box + weight * (1 - ciou(predicted[None], truth[None])[0]) * (2 - width * height / image_area)
            objectness = objectness - weight * (1 - share) ** 2 * share.log()
            target, chance = smooth(objects.classes[number]), torch.sigmoid(place.raw[5:])
            terms = target * chance.log() + (1 - target) * (1 - chance).log()
            classification = classification - weight * terms.sum()
        elif not any(
            overlap_of(predicted.tolist(), objects.boxes[other].tolist()) >= 0.5
            for other in range(len(objects.boxes))
            if objects.owners[other] == place.image and (other, place.scale) in scales
        ):
            objectness = objectness - share**2 * (1 - share).log()
    images = len(maps[0])
    return box / images, objectness / images, classification / images


@pytest.mark.parametrize("seed", range(3))
def test_every_term_and_every_gradient_are_those_of_the_definition(seed: int) -> None:
    objects = drawn_objects(14, images=2, classes=CLASSES, seed=seed)
    ours, slow = ([one.double().requires_grad_() for one in raw_maps(2, CLASSES, seed=seed)] for _ in range(2))
    loss, expected = loss_of(ours, objects), slow_loss(slow, objects)
    for value, wanted in zip((loss.box, loss.objectness, loss.classification), expected, strict=True):
        torch.testing.assert_close(value, wanted, rtol=1e-5, atol=1e-6)
    loss.total.backward()
    torch.stack(expected).sum().backward()
    for one, other in zip(ours, slow, strict=True):
        torch.testing.assert_close(one.grad, other.grad, rtol=1e-4, atol=1e-6)


def test_an_empty_place_whose_box_lies_on_an_object_is_left_alone() -> None:
    """The place is the one right of the object's cell, in which the object ends."""
    maps = [torch.zeros(1, 3 * (5 + CLASSES), side, side) for side in (8, 4, 2)]
    objects = Drawn(torch.tensor([[18.5, 13.5, 28.5, 26.5]]), torch.tensor([0]), torch.ones(1), torch.tensor([0]))
    before = loss_of(maps, objects).objectness
    maps[0][0, 0, 2, 3] = -20.0
    after = loss_of(maps, objects).objectness
    assert (before - after).item() == pytest.approx(0.25 * math.log(2), abs=1e-4)


@pytest.mark.parametrize(("bottom", "cost"), [(28.125, 0.0), (28.126, 0.25 * math.log(2))])
def test_an_empty_place_whose_overlap_is_the_limit_itself_is_left_alone(bottom: float, cost: float) -> None:
    """The object of 16 x 16.25 pixels is given to 16 x 30 alone; 130 of its 260 are those of 10 x 13 around it."""
    maps = [torch.zeros(1, 3 * (5 + CLASSES), side, side) for side in (8, 4, 2)]
    box = torch.tensor([[12.0, 11.875, 28.0, bottom]])
    objects = Drawn(box, torch.tensor([0]), torch.ones(1), torch.tensor([0]))
    assignment = assign(*objects, images=1, grid=grid_of(maps), near=0.9)
    before, after = [], []
    for found, logit in ((before, 0.0), (after, -20.0)):
        maps[0][0, 4, 2, 2] = logit
        found.append(detection_loss(maps, assignment, smooth).objectness.item())
    assert before[0] - after[0] == pytest.approx(cost, abs=1e-4)


def test_an_image_without_objects_pays_for_its_empty_places_alone() -> None:
    maps = [torch.zeros(2, 3 * (5 + CLASSES), side, side) for side in (8, 4, 2)]
    loss = loss_of(maps, drawn_objects(0, images=2, classes=CLASSES))
    assert loss.box == loss.classification == 0
    assert loss.objectness.item() == pytest.approx(3 * (64 + 16 + 4) * 0.25 * math.log(2), rel=1e-5)
    assert len(loss.classes) == 0


def test_a_perfect_box_of_a_right_class_costs_next_to_nothing() -> None:
    maps = [torch.full((1, 3 * 6, side, side), -20.0) for side in (8, 4, 2)]
    maps[0][0, :4, 2, 2] = 0.0
    maps[0][0, 4:6, 2, 2] = 20.0
    objects = Drawn(torch.tensor([[15.0, 13.5, 25, 26.5]]), torch.tensor([0]), torch.ones(1), torch.tensor([0]))
    assignment = assign(*objects, images=1, grid=grid_of(maps), near=0.9)
    loss = detection_loss(maps, assignment, lambda classes: F.one_hot(classes, 1).float())
    assert loss.total.item() == pytest.approx(0, abs=1e-5)
    assert loss.correct.sum() == loss.positive.sum() == 1


@pytest.mark.parametrize(
    ("logit", "is_object", "expected"),
    [
        (0.0, True, 0.25 * math.log(2)),
        (0.0, False, 0.25 * math.log(2)),
        (math.log(3), True, 0.0625 * math.log(4 / 3)),
        (math.log(3), False, 0.5625 * math.log(4)),
        (-200.0, True, 200.0),
        (200.0, True, 0.0),
    ],
)
def test_focal_losses_worked_out_by_hand(logit: float, is_object: bool, expected: float) -> None:
    value = focal_losses(torch.tensor([logit]), torch.tensor([is_object]))
    assert value.item() == pytest.approx(expected, rel=1e-5)


def test_a_mixed_object_pays_by_its_weight() -> None:
    maps = raw_maps(1, CLASSES)
    whole = drawn_objects(1, images=1, classes=CLASSES, seed=3)
    full, quarter = (loss_of(maps, whole._replace(weights=torch.tensor([weight]))) for weight in (1.0, 0.25))
    assert quarter.box.item() == pytest.approx(0.25 * full.box.item(), rel=1e-5)
    assert quarter.classification.item() == pytest.approx(0.25 * full.classification.item(), rel=1e-5)
    assert 0 < full.objectness - quarter.objectness < full.objectness


def test_a_batch_costs_the_mean_of_its_images() -> None:
    maps, objects = raw_maps(2, CLASSES), drawn_objects(20, images=2, classes=CLASSES)
    parts = []
    for image in range(2):
        mine = objects.owners == image
        alone = Drawn(*(part[mine] for part in objects))._replace(
            owners=torch.zeros(int(mine.sum()), dtype=torch.int64)
        )
        parts.append(loss_of([one[image : image + 1] for one in maps], alone).total)
    torch.testing.assert_close(loss_of(maps, objects).total, torch.stack(parts).mean())


def test_many_objects_are_compared_in_parts_without_a_difference(monkeypatch: pytest.MonkeyPatch) -> None:
    maps, objects = raw_maps(2, CLASSES), drawn_objects(50, images=2, classes=CLASSES)
    whole = loss_of(maps, objects).objectness
    monkeypatch.setattr("olsrepro.detection.loss._AT_A_TIME", 7)
    assert torch.equal(loss_of(maps, objects).objectness, whole)


def test_what_is_said_of_the_classes_comes_with_the_loss() -> None:
    maps, objects = raw_maps(2, CLASSES), drawn_objects(12, images=2, classes=CLASSES)
    assignment = assign(*objects, images=2, grid=grid_of(maps))
    loss = detection_loss(maps, assignment, smooth)
    said = predictions(maps)
    held = [(i, p) for i, p in (assignment.holders >= 0).nonzero().tolist()]
    right = sum(int(said.class_logits[i, p].argmax() == objects.classes[assignment.holders[i, p]]) for i, p in held)
    assert loss.class_logits.shape == (12 * 9, CLASSES)
    assert not loss.class_logits.requires_grad
    assert int(loss.positive.sum()) == len(held)
    assert int(loss.correct.sum()) == right > 0
    assert torch.equal(
        loss.class_logits[loss.positive],
        said.class_logits[objects.owners.repeat_interleave(9), assignment.places.flatten()][loss.positive],
    )


def test_half_maps_are_computed_in_single_precision() -> None:
    maps = [one.bfloat16() for one in raw_maps(2, CLASSES)]
    objects = drawn_objects(12, images=2, classes=CLASSES)
    loss = loss_of_half(maps, objects)
    torch.testing.assert_close(loss.total, loss_of([one.float() for one in maps], objects).total)
    assert loss.total.dtype == torch.float32


def loss_of_half(maps: list[Tensor], objects: Drawn) -> DetectionLoss:
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assignment = assign(*objects, images=len(maps[0]), grid=grid_of(maps))
        return detection_loss(maps, assignment, smooth)
