"""The random numbers of photographs: addressed, uniform where they should be, torchvision's distributions."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from scipy.stats import ks_2samp, kstest
from torch import Tensor
from torchvision.transforms import RandomResizedCrop

from olsrepro.data.in_memory.loader import draw_epoch
from olsrepro.data.photos.draws import (
    ATTEMPTS,
    Attempt,
    DrawAddress,
    Fraction32,
    attempts,
    corners,
    flips,
    fractions,
    hole_centres,
    jitter_factors,
    jitter_orders,
    light_amounts,
    part_of,
)
from olsrepro.data.settings import AugmentSettings
from olsrepro.randomness import integers

MANY = torch.arange(4000)
HERE = DrawAddress(seed=0, epoch=3)
FROZEN: dict[str, list[object]] = {
    "parts": [(46, 99, 305, 338), (29, 101, 263, 294), (66, 121, 300, 286)],
    "orders": [0, 5, 5],
    "factors": [
        0.916127324,
        1.140989009,
        1.1191762323,
        1.2400816593,
        1.1322630231,
        0.902034318,
        0.7921850112,
        0.8083827868,
        0.8061105085,
    ],
    "light": [
        -0.1360002821,
        -0.0512464992,
        -0.0743285675,
        -0.052298836,
        -0.10770904,
        -0.0005669354,
        -0.0427275647,
        0.0856491131,
        -0.005546737,
    ],
}


@pytest.mark.parametrize("place", [HERE, DrawAddress(seed=5, epoch=0, view=2)], ids=str)
def test_windows_flips_and_holes_are_those_of_the_loader_in_memory(place: DrawAddress) -> None:
    augment = AugmentSettings(padding=4, flip=True, cutout=6)
    expected = draw_epoch(len(MANY), (32, 32), augment, place.seed, place.epoch, "cpu", view=place.view)
    assert [corner.y.below(9) for corner in corners(place, MANY)] == expected.crop_y.tolist()
    assert [corner.x.below(9) for corner in corners(place, MANY)] == expected.crop_x.tolist()
    assert torch.equal(flips(place, MANY), expected.flip)
    assert torch.equal(hole_centres(place, MANY, 32), torch.stack([expected.cutout_y, expected.cutout_x], 1))


@pytest.mark.parametrize("count", [1, 2, 33, 500, 2**31 - 1])
def test_an_integer_is_drawn_once_its_range_is_known(count: int) -> None:
    key = HERE.key("crop_y")
    assert [part.below(count) for part in fractions(key, MANY)] == integers(key, MANY, 0, count).tolist()


def test_draws_depend_on_seed_epoch_view_and_sample_alone() -> None:
    some = torch.tensor([17, 3, 900])
    everything = attempts(HERE, MANY[:1000])
    assert attempts(HERE, some) == [everything[index] for index in some]
    assert torch.equal(jitter_factors(HERE, some, 0.4), jitter_factors(HERE, MANY, 0.4)[some])
    assert torch.equal(light_amounts(HERE, some, 0.1), light_amounts(HERE, MANY, 0.1)[some])
    for other in (DrawAddress(1, 3), DrawAddress(0, 4), DrawAddress(0, 3, view=1)):
        assert attempts(other, some) != attempts(HERE, some)
        assert not torch.equal(light_amounts(other, some, 0.1), light_amounts(HERE, some, 0.1))


def test_draws_are_frozen() -> None:
    some = torch.arange(3)
    parts = [tuple(part_of(375, 500, tries)) for tries in attempts(HERE, some)]
    assert parts == FROZEN["parts"]
    assert jitter_orders(HERE, some).tolist() == FROZEN["orders"]
    assert jitter_factors(HERE, some, 0.4).flatten().tolist() == pytest.approx(FROZEN["factors"], abs=1e-9)
    assert light_amounts(HERE, some, 0.1).flatten().tolist() == pytest.approx(FROZEN["light"], abs=1e-9)


fraction = st.integers(0, 2**32 - 1).map(Fraction32)
share = st.floats(0, 1, exclude_max=True)
tries = st.lists(st.builds(Attempt, share, share, fraction, fraction), min_size=ATTEMPTS, max_size=ATTEMPTS)


@settings(max_examples=60, deadline=None)
@given(height=st.integers(1, 400), width=st.integers(1, 400), tried=tries)
def test_a_part_lies_inside_the_image(height: int, width: int, tried: list[Attempt]) -> None:
    top, left, part_height, part_width = part_of(height, width, tried)
    assert part_height >= 1
    assert part_width >= 1
    assert 0 <= top <= height - part_height
    assert 0 <= left <= width - part_width


@settings(max_examples=60, deadline=None)
@given(height=st.integers(60, 400), width=st.integers(60, 400), tried=tries)
def test_a_part_has_a_ratio_and_an_area_in_the_ranges(height: int, width: int, tried: list[Attempt]) -> None:
    _, _, part_height, part_width = part_of(height, width, tried)
    assert (part_width - 0.51) / (part_height + 0.51) <= 4 / 3
    assert (part_width + 0.51) / (part_height - 0.51) >= 3 / 4
    assert (part_width + 0.51) * (part_height + 0.51) >= 0.08 * height * width


@pytest.mark.parametrize("size", [(1, 1000), (1000, 1), (5, 90), (90, 5), (3, 7)], ids=str)
def test_where_no_try_fits_the_middle_is_taken_as_torchvision_does(size: tuple[int, int]) -> None:
    height, width = size
    never = [Attempt(1 - 2**-53, 0.5, Fraction32(0), Fraction32(0))] * ATTEMPTS
    full = Image.new("RGB", (width, height))
    middle = RandomResizedCrop.get_params(full, [1000.0, 1000.0], [3 / 4, 4 / 3])
    assert tuple(part_of(height, width, never)) == tuple(middle)


def test_the_first_try_that_fits_is_taken() -> None:
    too_wide = Attempt(0.99, 0.99, Fraction32(0), Fraction32(0))
    fits = Attempt(0.0, 0.5, Fraction32(2**32 - 1), Fraction32(0))
    side = round(math.sqrt(0.08 * 100 * 100))
    assert tuple(part_of(100, 100, [too_wide, fits])) == (100 - side, 0, side, side)


def test_parts_are_distributed_as_torchvisions() -> None:
    image = Image.new("RGB", (150, 110))
    ours = torch.tensor([part_of(110, 150, tried) for tried in attempts(HERE, MANY[:1000])])
    with torch.random.fork_rng():
        torch.manual_seed(0)
        drawn = [RandomResizedCrop.get_params(image, [0.08, 1.0], [3 / 4, 4 / 3]) for _ in range(1000)]
    theirs = torch.tensor(drawn)

    def shapes(boxes: Tensor) -> list[Tensor]:
        top, left, height, width = boxes.double().unbind(1)
        return [height * width, width / height, top, left]

    for mine, other in zip(shapes(ours), shapes(theirs), strict=True):
        assert ks_2samp(mine.numpy(), other.numpy()).pvalue > 0.001


def test_colours_are_jittered_uniformly_and_in_every_order() -> None:
    factors = jitter_factors(HERE, MANY, 0.4)
    assert factors.shape == (len(MANY), 3)
    for column in factors.unbind(1):
        assert kstest((column.numpy() - 0.6) / 0.8, "uniform").pvalue > 0.001
    assert (torch.bincount(jitter_orders(HERE, MANY)) / len(MANY) - 1 / 6).abs().max() < 0.02
    assert abs(torch.corrcoef(factors.T)[0, 1]) < 0.05


def test_light_is_normal_on_each_axis() -> None:
    amounts = light_amounts(HERE, MANY, 0.1)
    for column in amounts.unbind(1):
        assert kstest(column.numpy() / 0.1, "norm").pvalue > 0.001
    assert torch.corrcoef(amounts.T).fill_diagonal_(0).abs().max() < 0.05
