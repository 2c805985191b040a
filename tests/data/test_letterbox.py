"""Letter-boxes: where an image lies in one, and the way of boxes there and back."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from torch import Tensor

from olsrepro.data.detection.letterbox import GREY, Placement, letterboxed, mirrored

WIDE, TALL, SQUARE = Placement(500, 375, 416), Placement(333, 500, 320), Placement(96, 96, 128)


def edges_of(bright: np.ndarray) -> list[int]:
    """x1, y1, x2, y2 of the pixels that are true."""
    rows, columns = np.flatnonzero(bright.any(1)), np.flatnonzero(bright.any(0))
    return [int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1]


def test_the_longer_side_touches_and_grey_is_on_both_sides_of_the_other() -> None:
    assert (WIDE.inner, WIDE.corner) == ((416, 312), (0, 52))
    assert (TALL.inner, TALL.corner) == ((213, 320), (53, 0))
    assert (SQUARE.inner, SQUARE.corner) == ((128, 128), (0, 0))
    assert Placement(1000, 2, 96).inner == (96, 1)


@given(st.integers(1, 3000), st.integers(1, 3000), st.sampled_from([96, 320, 416, 608]))
def test_the_longer_side_is_always_the_letter_boxs(width: int, height: int, side: int) -> None:
    inner = Placement(width, height, side).inner
    assert max(inner) == side
    assert min(inner) >= 1


def test_a_box_of_the_whole_image_is_the_part_that_is_not_grey() -> None:
    assert WIDE.placed(torch.tensor([[0.0, 0, 500, 375]])).tolist() == [[0, 52, 416, 364]]
    torch.testing.assert_close(
        WIDE.placed(torch.tensor([[125.0, 75, 250, 150]])), torch.tensor([[104, 114.4, 208, 176.8]])
    )


@pytest.mark.parametrize("is_mirrored", [False, True])
@pytest.mark.parametrize(("width", "height"), [(500, 375), (333, 500), (97, 211), (64, 64)])
def test_boxes_come_back_from_where_they_were_placed(width: int, height: int, is_mirrored: bool) -> None:
    corners = torch.rand(50, 2, 2, generator=torch.Generator().manual_seed(0)) * torch.tensor([width, height])
    boxes = torch.cat([corners.amin(1), corners.amax(1)], dim=1)
    placement = Placement(width, height, 416, is_mirrored)
    torch.testing.assert_close(placement.restored(placement.placed(boxes)), boxes, atol=1e-3, rtol=0)


def test_what_sticks_out_of_the_image_is_cut_off_when_it_comes_back() -> None:
    found = WIDE.restored(torch.tensor([[-5.0, 0, 450, 416], [10, 60, 20, 70]]))
    assert found[0].tolist() == [0, 0, 500, 375]
    assert (found[1] > 0).all()


def test_no_boxes_come_back_as_none() -> None:
    none = torch.empty(0, 4)
    assert WIDE.placed(none).shape == WIDE.restored(none).shape == (0, 4)


@pytest.mark.parametrize("is_mirrored", [False, True])
@pytest.mark.parametrize(("width", "height"), [(200, 120), (90, 160)])
def test_pixels_go_where_their_boxes_go(width: int, height: int, is_mirrored: bool) -> None:
    box = [20, 30, 60, 90]
    pixels = np.zeros((height, width, 3), dtype=np.uint8)
    pixels[box[1] : box[3], box[0] : box[2]] = 255
    placement = Placement(width, height, 320, is_mirrored)
    sheet = letterboxed(Image.fromarray(pixels), placement)
    found = torch.tensor(edges_of(sheet[0] > 190)).float()
    expected: Tensor = placement.placed(torch.tensor([box]).float())[0]
    assert (found - expected).abs().max() <= 1


def test_the_rest_is_grey_and_the_image_is_pillows() -> None:
    generator = np.random.default_rng(0)
    image = Image.fromarray(generator.integers(0, 256, (75, 100, 3), dtype=np.uint8))
    sheet = letterboxed(image, Placement(100, 75, 64))
    assert (sheet.dtype, sheet.shape, sheet.flags.c_contiguous) == (np.uint8, (3, 64, 64), True)
    expected = np.full((64, 64, 3), GREY, dtype=np.uint8)
    expected[8:56] = np.asarray(image.resize((64, 48), Image.Resampling.BILINEAR))
    assert np.array_equal(sheet, expected.transpose(2, 0, 1))
    turned = letterboxed(image, Placement(100, 75, 64, is_mirrored=True))
    assert np.array_equal(turned, sheet[:, :, ::-1])
    assert turned.flags.c_contiguous


def test_mirrored_twice_is_as_before() -> None:
    boxes = torch.tensor([[1.0, 2, 5, 9]])
    assert mirrored(boxes, 20).tolist() == [[15, 2, 19, 9]]
    assert torch.equal(mirrored(mirrored(boxes, 20), 20), boxes)
