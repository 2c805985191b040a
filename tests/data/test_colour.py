"""Jitter and light of many images at once against the definition, one image and one change after another."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from small_photographs import MEAN, STD
from torch import Tensor

from olsrepro.data.photos import finish as photo_finish
from olsrepro.data.photos.colour import (
    EIGENVALUES,
    EIGENVECTORS,
    ORDERS,
    colour_map,
    jitter_weights,
    light_offsets,
    mean_greys,
    recoloured_,
)
from olsrepro.data.photos.finish import Finisher
from olsrepro.data.photos.jobs import PixelBatch
from olsrepro.data.pixels import Normaliser, cut_out_

COUNT = 12
IMAGES = torch.randint(0, 256, (COUNT, 3, 10, 14), dtype=torch.uint8, generator=torch.Generator().manual_seed(1))
GENERATOR = torch.Generator().manual_seed(2)
FACTORS = 0.6 + 0.8 * torch.rand(COUNT, 3, dtype=torch.float64, generator=GENERATOR)
AMOUNTS = 0.1 * torch.randn(COUNT, 3, dtype=torch.float64, generator=GENERATOR)
EACH_ORDER = torch.arange(COUNT) % 6


def colours(factors: Tensor = FACTORS, orders: Tensor = EACH_ORDER, amounts: Tensor = AMOUNTS) -> Tensor:
    return colour_map(jitter_weights(factors, orders), mean_greys(IMAGES.numpy()), light_offsets(amounts))


def grey(image: Tensor) -> Tensor:
    return 0.299 * image[0] + 0.587 * image[1] + 0.114 * image[2]


def reference(index: int) -> Tensor:
    """One image in float64: each change blends it with what it stands for; then light; then the normalisation."""
    image = IMAGES[index].double() / 255
    for change in ORDERS[EACH_ORDER[index]]:
        other = [torch.zeros_like(image), grey(image).mean().expand_as(image), grey(image).expand_as(image)][change]
        image = FACTORS[index, change] * image + (1 - FACTORS[index, change]) * other
    for axis in range(3):
        for channel in range(3):
            image[channel] += EIGENVECTORS[channel][axis] * EIGENVALUES[axis] * AMOUNTS[index, axis]
    return (image - MEAN.double()[:, None, None]) / STD.double()[:, None, None]


def test_images_equal_the_reference_in_every_order_of_changes() -> None:
    found = recoloured_(IMAGES.float(), colours(), MEAN, STD)
    expected = torch.stack([reference(index) for index in range(COUNT)])
    assert found.dtype == torch.float32
    torch.testing.assert_close(found.double(), expected, rtol=0, atol=2e-6)


def test_colours_may_leave_the_range_of_pixels() -> None:
    bright = torch.full((COUNT, 3), 1.4, dtype=torch.float64)
    found = recoloured_(IMAGES.float(), colours(bright, amounts=torch.zeros_like(AMOUNTS)), MEAN, STD)
    assert (found * STD[:, None, None] + MEAN[:, None, None]).max() > 1.2


def test_with_nothing_to_change_it_is_the_normalisation() -> None:
    found = recoloured_(IMAGES.float(), colours(torch.ones_like(FACTORS), amounts=torch.zeros_like(AMOUNTS)), MEAN, STD)
    torch.testing.assert_close(found, Normaliser(MEAN, STD, "cpu")(IMAGES), rtol=0, atol=1e-6)


def test_no_factor_of_zero_is_a_special_case() -> None:
    found = jitter_weights(torch.zeros(6, 3, dtype=torch.float64), torch.arange(6))
    for weights, order in zip(found, ORDERS, strict=True):
        first_dark = order.index(0) < 2  # black first or second: a later change has only black to blend with
        assert weights.abs().sum() == (0 if first_dark or order[2] == 0 else 1)


def test_the_mean_grey_is_exact() -> None:
    expected = torch.stack([grey(image.double()).mean() for image in IMAGES]) / 255
    torch.testing.assert_close(mean_greys(IMAGES.numpy()), expected, rtol=0, atol=1e-15)
    assert mean_greys(np.empty((0, 3, 4, 4), dtype=np.uint8)).shape == (0,)


def test_light_moves_along_the_axes_of_colour() -> None:
    offsets = light_offsets(torch.eye(3, dtype=torch.float64))
    expected = np.array(EIGENVECTORS) @ np.diag(EIGENVALUES)
    np.testing.assert_allclose(offsets.numpy(), expected.T, rtol=0, atol=1e-15)


def test_an_image_is_the_same_in_any_batch() -> None:
    whole = recoloured_(IMAGES.float(), colours(), MEAN, STD)
    for index in range(COUNT):
        alone = recoloured_(IMAGES[index : index + 1].float(), colours()[index : index + 1], MEAN, STD)
        assert torch.equal(alone[0], whole[index])


@pytest.mark.parametrize("channels_last", [False, True])
@pytest.mark.parametrize("at_once", [1, 1000, 10**9])
def test_a_sheet_is_finished_alike_however_much_at_once(
    at_once: int, channels_last: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(photo_finish, "_CPU_CHUNK", at_once)
    holes = torch.stack([torch.arange(COUNT) % 10, torch.arange(COUNT)], dim=1)
    finish = Finisher(MEAN, STD, torch.device("cpu"), channels_last=channels_last)
    found = finish(PixelBatch(IMAGES, colours(), holes), cutout=4)
    expected = cut_out_(recoloured_(IMAGES.float(), colours(), MEAN, STD), holes[:, 0], holes[:, 1], 4)
    assert torch.equal(found, expected)
    assert found.is_contiguous(memory_format=torch.channels_last if channels_last else torch.contiguous_format)


def test_without_changes_of_colour_a_sheet_is_normalised_bit_for_bit() -> None:
    finish = Finisher(MEAN, STD, torch.device("cpu"))
    assert torch.equal(finish(PixelBatch(IMAGES)), Normaliser(MEAN, STD, "cpu")(IMAGES))
