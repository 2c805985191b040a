"""Which predictions answer for which objects: from the definition, by hand, and whoever comes later."""

from __future__ import annotations

import pytest
import torch
from raw_maps import Drawn, drawn_objects, held_places, places, raw_maps

from olsrepro.detection.assignment import Assignment, assign
from olsrepro.detection.grid import grid_of


def assigned(objects: Drawn, images: int, height: int = 64, width: int = 96) -> Assignment:
    grid = grid_of(raw_maps(images, 1, height, width))
    return assign(*objects, images=images, grid=grid)


def one_object(*boxes: list[float], owners: tuple[int, ...] = ()) -> Drawn:
    count = len(boxes)
    owner = torch.tensor(owners or [0] * count)
    return Drawn(torch.tensor(boxes), torch.zeros(count, dtype=torch.int64), torch.ones(count), owner)


@pytest.mark.parametrize("seed", range(6))
def test_places_are_held_as_the_definition_says(seed: int) -> None:
    objects = drawn_objects(40, images=2, classes=3, seed=seed)
    found = assigned(objects, images=2)
    keys = [place.key for place in places(raw_maps(2, 1))]
    held, scales = held_places(objects)
    assert 0 < len(held) < found.positive.numel()
    assert {key: held.get(key, -1) for key in keys} == dict(zip(keys, found.holders.flatten().tolist(), strict=True))
    assert {(number, scale) for number, scale in found.scales.nonzero().tolist()} == scales


@pytest.mark.parametrize("seed", range(3))
def test_the_positive_rows_are_the_held_places_each_once(seed: int) -> None:
    objects = drawn_objects(60, images=3, classes=3, seed=seed)
    found = assigned(objects, images=3)
    numbers, anchors = found.positive.nonzero(as_tuple=True)
    rows = torch.stack([objects.owners[numbers], found.places[numbers, anchors], numbers])
    images, at = (found.holders >= 0).nonzero(as_tuple=True)
    expected = torch.stack([images, at, found.holders[images, at]])
    assert sorted(rows.T.tolist()) == expected.T.tolist()


def test_an_object_like_an_anchor_is_given_to_it_and_to_others_near_enough() -> None:
    """30 x 61 around (40, 24), the middle of the cell at row 1, column 2 of stride 16; two others are near enough.

    Stride 16: 62 x 45 has 30 · 45 of 3 270 pixels in common, 0.413; 59 x 119 has 1 830 of 7 021, 0.261. Stride 8, where
    the middle is at (44, 28): 33 x 23 has 27.5 · 23 of 1 956.5, 0.323; 16 x 30 has 480 of 1 830, 0.262. Stride 32:
    116 x 90 has 1 830 of 10 440, 0.175.
    """
    found = assigned(one_object([25, -6.5, 55, 54.5]), images=1)
    assert found.positive.nonzero().tolist() == [[0, 2], [0, 3], [0, 4]]
    assert found.places[found.positive].tolist() == [
        2 * 96 + 3 * 12 + 5,
        *(3 * 96 + anchor * 24 + 1 * 6 + 2 for anchor in (0, 1)),
    ]
    assert found.scales.tolist() == [[True, True, False]]


def test_an_anchor_whose_overlap_is_the_threshold_itself_is_not_near() -> None:
    """12 x 12 around the middle of a cell: 120 of 154 pixels in common with 10 x 13, 144 of 480 with 16 x 30."""
    box = [14.0, 14, 26, 26]
    assert assigned(one_object(box), images=1).positive.nonzero().tolist() == [[0, 0]]
    grid = grid_of(raw_maps(1, 1))
    lower = assign(*one_object(box), images=1, grid=grid, near=0.2999)
    assert lower.positive.nonzero().tolist() == [[0, 0], [0, 1]]


def test_an_object_like_no_anchor_is_given_to_the_nearest() -> None:
    """3 x 3 pixels: IoU 9/130 with the smallest anchor around it."""
    found = assigned(one_object([18.0, 18, 21, 21]), images=1)
    assert found.positive.nonzero().tolist() == [[0, 0]]
    assert found.places[0, 0] == 2 * 12 + 2


def test_the_later_of_two_holds_a_place_that_both_want_and_the_earlier_keeps_its_scale() -> None:
    small, large = [18.0, 18, 21, 21], [18.0, 18, 22, 22]
    for first, second in ((small, large), (large, small)):
        found = assigned(one_object(first, second), images=1)
        assert found.positive.any(dim=1).tolist() == [False, True]
        assert found.holders[0, 2 * 12 + 2] == 1
        assert found.scales.tolist() == [[True, False, False]] * 2


def test_objects_of_different_images_never_want_one_place() -> None:
    box = [18.0, 18, 21, 21]
    found = assigned(one_object(box, box, owners=(1, 0)), images=2)
    assert found.positive.any(dim=1).all()
    assert found.holders[:, 2 * 12 + 2].tolist() == [1, 0]


def test_a_centre_on_the_last_edge_is_in_the_last_cell() -> None:
    found = assigned(one_object([92.0, 62, 100, 66]), images=1)
    assert found.places[0, 0] == 7 * 12 + 11


def test_no_object_holds_nothing() -> None:
    nobody = Drawn(
        torch.zeros(0, 4), torch.zeros(0, dtype=torch.int64), torch.zeros(0), torch.zeros(0, dtype=torch.int64)
    )
    found = assigned(nobody, images=2)
    assert (found.holders == -1).all()
    assert found.positive.shape == (0, 9)
