"""Raw maps to predictions: place by place from the definition, worked out by hand, finite whatever comes."""

from __future__ import annotations

import pytest
import torch
from raw_maps import places, raw_maps

from olsrepro.detection.anchors import ANCHORS, STRIDES
from olsrepro.detection.decoding import predictions
from olsrepro.models.detector import ANCHORS as OF_EACH_CELL
from olsrepro.models.detector import Detector


def test_the_anchors_are_the_detector_s() -> None:
    assert Detector.strides == STRIDES
    assert [len(of_scale) for of_scale in ANCHORS] == [OF_EACH_CELL] * 3


def test_every_prediction_stands_where_the_definition_says() -> None:
    maps = raw_maps(images=2, classes=4)
    said, expected = predictions(maps), list(places(maps))
    per_image = len(expected) // 2
    assert said.raw.shape == (2, per_image, 4) == (2, 3 * (8 * 12 + 4 * 6 + 2 * 3), 4)
    raw = torch.stack([place.raw for place in expected]).view(2, per_image, 9)
    assert torch.equal(said.raw, raw[..., :4])
    assert torch.equal(said.objectness, raw[..., 4])
    assert torch.equal(said.class_logits, raw[..., 5:])
    boxes = torch.tensor([place.box() for place in expected]).view(2, per_image, 4)
    torch.testing.assert_close(said.boxes(), boxes, rtol=1e-5, atol=1e-4)
    assert said.grid.place_scales.tolist() == [place.scale for place in expected[:per_image]]
    assert (said.grid.height, said.grid.width) == (64, 96)


def test_a_box_worked_out_by_hand() -> None:
    """At stride 16, second anchor (62, 45), row 1, column 2: the middle of the cell, twice as wide, half as high."""
    maps = [torch.zeros(1, 18, side, side) for side in (8, 4, 2)]
    maps[1][0, 6 + 2, 1, 2], maps[1][0, 6 + 3, 1, 2] = torch.tensor([2.0, 0.5]).log()
    place = 3 * 64 + 16 + 4 + 2
    expected = torch.tensor([40 - 62, 24 - 11.25, 40 + 62, 24 + 11.25])
    torch.testing.assert_close(predictions(maps).boxes()[0, place], expected)


def test_some_boxes_are_the_same_as_all_of_them() -> None:
    said = predictions(raw_maps(images=2, classes=1))
    images, at = torch.tensor([1, 0, 1]), torch.tensor([300, 5, 377])
    assert torch.equal(said.boxes_at(images, at), said.boxes()[images, at])


@pytest.mark.parametrize("value", [1e4, -1e4, float("inf"), float("-inf")])
def test_no_raw_box_however_large_is_infinite(value: float) -> None:
    maps = [torch.full_like(one, value, requires_grad=True) for one in raw_maps(images=1, classes=1)]
    boxes = predictions(maps).boxes()
    assert boxes.isfinite().all()
    assert ((boxes[..., 2:] - boxes[..., :2]).prod(-1) ** 2).isfinite().all()


def test_half_types_become_single_and_double_stays() -> None:
    maps = raw_maps(images=1, classes=2)
    for given, wanted in (
        (torch.bfloat16, torch.float32),
        (torch.float32, torch.float32),
        (torch.float64, torch.float64),
    ):
        said = predictions([one.to(given) for one in maps])
        assert said.objectness.dtype == said.class_logits.dtype == said.boxes().dtype == wanted


def test_a_grid_that_a_test_made_first_serves_training() -> None:
    with torch.inference_mode():
        predictions(raw_maps(images=1, classes=2, height=192, width=32)).boxes()
    maps = [one.requires_grad_() for one in raw_maps(images=1, classes=2, height=192, width=32)]
    predictions(maps).boxes().sum().backward()
    assert all(one.grad is not None for one in maps)
