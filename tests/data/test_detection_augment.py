"""Flip, crop, translation and mix-up: objects stay whole, and every draw has an address."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from scipy import stats

from olsrepro.data.detection.draws import OWN, Change, changes
from olsrepro.data.detection.mixup import mixing, size_of
from olsrepro.data.detection.settings import DetectionAugment
from olsrepro.data.detection.transforms import Scene, changed, crop_window, flipped, shift_window
from olsrepro.data.photos.draws import DrawAddress
from olsrepro.randomness import address, uniform

ALL = DetectionAugment(flip=1, crop=1, translate=1)
PLACE = DrawAddress(3, 5)
WIDTH, HEIGHT = 80, 60
ALMOST = 1 - 2.0**-30
share = st.floats(0, ALMOST)


def scene(*boxes: tuple[int, int, int, int]) -> Scene:
    """White where objects are, grey elsewhere."""
    pixels = np.full((HEIGHT, WIDTH, 3), 90, dtype=np.uint8)
    for x1, y1, x2, y2 in boxes:
        pixels[y1:y2, x1:x2] = 255
    return Scene(Image.fromarray(pixels), torch.tensor(boxes, dtype=torch.float32).view(-1, 4))


def white(image: Image.Image) -> list[int]:
    bright = np.asarray(image)[:, :, 0] == 255
    rows, columns = np.flatnonzero(bright.any(1)), np.flatnonzero(bright.any(0))
    return [int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1]


ONE, TWO = scene((20, 10, 50, 40)), scene((20, 10, 30, 22), (44, 30, 50, 40))


def test_a_flip_mirrors_pixels_and_boxes() -> None:
    found = flipped(ONE)
    assert found.boxes.tolist() == [[30, 10, 60, 40]] == [white(found.image)]


def test_a_crop_cuts_all_four_sides_and_ends_at_the_objects() -> None:
    assert crop_window(TWO, (0, 0, 0, 0)) == (0, 0, WIDTH, HEIGHT)
    assert crop_window(TWO, (0.5, 0.5, 0.5, 0.5)) == (10, 5, 65, 50)
    assert crop_window(TWO, (ALMOST,) * 4) == (19, 9, 51, 41)


def test_a_translation_reaches_from_one_border_to_the_other_and_bares_black() -> None:
    assert shift_window(ONE, (0, 0)) == (20, 10, 100, 70)
    assert shift_window(ONE, (ALMOST, ALMOST)) == (-30, -20, 50, 40)
    found = changed(ONE, Change(shift=(0, ALMOST)))
    assert (found.image.size, found.boxes.tolist()) == ((WIDTH, HEIGHT), [[0, 30, 30, 60]])
    pixels = np.asarray(found.image)
    assert (pixels[:20] == 0).all()
    assert (pixels[:, 60:] == 0).all()
    assert (pixels[20:, :60] > 0).all()


@given(st.booleans(), st.tuples(share, share, share, share), st.tuples(share, share))
def test_pixels_and_boxes_stay_together_and_no_object_is_cut(
    is_mirrored: bool, cuts: tuple[float, float, float, float], shift: tuple[float, float]
) -> None:
    for before in (ONE, TWO, scene((0, 0, WIDTH, HEIGHT)), scene((0, 0, 1, 1))):
        after = changed(before, Change(is_mirrored, cuts, shift))
        hull = [*after.boxes[:, :2].amin(0).tolist(), *after.boxes[:, 2:].amax(0).tolist()]
        assert hull == white(after.image)
        assert torch.equal(_sizes(after), _sizes(before))


def _sizes(of: Scene) -> torch.Tensor:
    return of.boxes[:, 2:] - of.boxes[:, :2]


def test_fractions_of_pixels_stay_inside_too() -> None:
    boxes = torch.tensor([[20.6, 10.3, 50.2, 40.9]])
    for u in (0.0, 0.3, ALMOST):
        after = changed(Scene(ONE.image, boxes), Change(False, (u, u, u, u), (u, u)))
        assert (after.boxes[:, :2] >= 0).all()
        assert (after.boxes[:, 2:] <= torch.tensor(after.image.size)).all()
        torch.testing.assert_close(_sizes(after), boxes[:, 2:] - boxes[:, :2])


def test_without_objects_there_is_only_the_flip() -> None:
    empty = Scene(ONE.image, torch.empty(0, 4))
    after = changed(empty, Change(True, (0.5,) * 4, (0.5, 0.5)))
    assert after.image.size == ONE.image.size
    assert np.array_equal(np.asarray(after.image), np.asarray(ONE.image)[:, ::-1])
    assert after.boxes.shape == (0, 4)


def test_an_images_changes_do_not_depend_on_its_batch() -> None:
    samples = torch.arange(40)
    together = changes(DetectionAugment(), PLACE, samples)
    assert [changes(DetectionAugment(), PLACE, samples[n : n + 1])[0] for n in range(40)] == together
    assert changes(DetectionAugment(), DrawAddress(3, 6), samples) != together
    assert changes(DetectionAugment(), DrawAddress(4, 5), samples) != together
    assert changes(DetectionAugment(), DrawAddress(3, 5, 1), samples) != together


def test_numbers_are_drawn_at_addresses_of_their_own() -> None:
    samples = torch.tensor([7])
    (found,) = changes(ALL, PLACE, samples)

    def drawn(purpose: str) -> float:
        return float(uniform(address(3, purpose, 5), samples))

    assert found.cuts == tuple(drawn(f"cut_{side}") for side in ("left", "top", "right", "bottom"))
    assert found.shift == (drawn("shift_x"), drawn("shift_y"))
    assert len({*found.cuts, *found.shift}) == 6


@pytest.mark.parametrize("key", ["flip", "crop", "translate"])
def test_a_change_happens_as_often_as_its_chance_says(key: str) -> None:
    def often(chance: float) -> float:
        found = changes(replace(DetectionAugment(), **{key: chance}), PLACE, torch.arange(4000))
        happened = {"flip": lambda c: c.is_mirrored, "crop": lambda c: c.cuts, "translate": lambda c: c.shift}[key]
        return sum(bool(happened(change)) for change in found) / 4000

    assert (often(0), often(1)) == (0, 1)
    assert often(0.5) == pytest.approx(0.5, abs=0.03)
    assert often(0.2) == pytest.approx(0.2, abs=0.03)


def test_half_are_mixed_with_any_other_by_shares_of_a_beta() -> None:
    samples = torch.arange(6000)
    found = mixing(DetectionAugment(), PLACE, samples, 6000)
    assert len(found.rows) / 6000 == pytest.approx(0.5, abs=0.03)
    assert found.shares.dtype == torch.float32
    assert stats.kstest(found.shares.numpy(), stats.beta(1.5, 1.5).cdf).pvalue > 0.01
    assert stats.kstest(found.partners.numpy() / 6000, "uniform").pvalue > 0.01
    assert found.partners.max() < 6000


def test_a_mixture_is_the_same_in_any_batch() -> None:
    found = mixing(DetectionAugment(mixup=1), PLACE, torch.arange(20), 100)
    alone = mixing(DetectionAugment(mixup=1), PLACE, torch.tensor([13]), 100)
    assert (alone.partners[0], alone.shares[0]) == (found.partners[13], found.shares[13])
    assert len(mixing(DetectionAugment(mixup=0), PLACE, torch.arange(20), 100).rows) == 0


def test_a_size_holds_for_so_many_steps_and_all_come_up() -> None:
    augment = DetectionAugment(sizes=tuple(range(320, 609, 32)), size_every=10)
    drawn = [size_of(augment, 0, 0, step) for step in range(2000)]
    assert all(len(set(drawn[at : at + 10])) == 1 for at in range(0, 2000, 10))
    counts = {size: drawn.count(size) for size in augment.sizes}
    assert min(counts.values()) > 50
    assert drawn != [size_of(augment, 0, 1, step) for step in range(2000)]
    assert {size_of(DetectionAugment(sizes=(96,)), 0, 0, step) for step in range(30)} == {96}


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"crop": 1.5}, "crop=1.5 must be in"),
        ({"mixup_alpha": 0}, "mixup_alpha=0 must be above 0"),
        ({"size_every": 0}, "size_every=0"),
        ({"sizes": ()}, "sizes="),
        ({"sizes": (416, 400)}, "must be multiples of 32"),
    ],
)
def test_what_can_not_be_is_refused(values: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        DetectionAugment(**values)


def test_the_released_crop_cuts_on_the_left_and_above_alone_and_there_as_the_whole_one() -> None:
    samples = torch.arange(50)
    every = changes(DetectionAugment(crop=1.0), DrawAddress(0, 0, OWN), samples)
    released = changes(DetectionAugment(crop=1.0, crop_sides="released"), DrawAddress(0, 0, OWN), samples)
    assert [change.cuts[:2] for change in released] == [change.cuts[:2] for change in every]
    assert {change.cuts[2:] for change in released} == {(0.0, 0.0)}
