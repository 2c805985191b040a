"""The device loader against an image-by-image reference on Pillow and NumPy, bit for bit."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
import torch
from PIL import Image, ImageOps
from torch import Tensor

from olsrepro.data.batch import Batch
from olsrepro.data.in_memory.augment import augmented, cropped, flipped, zero_padded
from olsrepro.data.in_memory.loader import DeviceLoader, draw_epoch, evaluation_batches
from olsrepro.data.order import draw_order
from olsrepro.data.pixels import Normaliser
from olsrepro.data.settings import AugmentSettings
from olsrepro.randomness import address

COUNT, SIZE = 150, 12
MEAN = torch.tensor([125.3, 123.0, 113.9]) / 255
STD = torch.tensor([63.0, 62.1, 66.7]) / 255
IMAGES = torch.randint(1, 256, (COUNT, 3, SIZE, SIZE), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
TARGETS = torch.arange(COUNT) * 7 % 10
PLAIN = AugmentSettings(padding=0, flip=False)
FROZEN_DRAWS = {
    "crop_y": [8, 3, 7, 3, 3, 7],
    "crop_x": [2, 2, 5, 3, 7, 4],
    "flip": [0, 0, 0, 0, 0, 0],
    "cutout_y": [6, 28, 10, 18, 11, 0],
    "cutout_x": [15, 8, 15, 21, 27, 28],
}


def loader(
    augment: AugmentSettings = AugmentSettings(),  # noqa: B008
    *,
    batch_size: int = 32,
    seed: int = 0,
    channels_last: bool = False,
) -> DeviceLoader:
    return DeviceLoader(
        IMAGES,
        TARGETS,
        MEAN,
        STD,
        augment=augment,
        batch_size=batch_size,
        seed=seed,
        device="cpu",
        channels_last=channels_last,
    )


def addressed(seed: int, purpose: str, epoch: int, index: int, choices: int) -> int:
    """SplitMix64 in Python's integers, its upper 32 bits scaled down to ``0 .. choices - 1``."""
    mask = 2**64 - 1
    z = (address(seed, purpose, epoch) + index * 0x9E3779B97F4A7C15) & mask
    z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & mask
    z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & mask
    return ((z ^ (z >> 31)) >> 32) * choices >> 32


def reference_image(index: int, augment: AugmentSettings, seed: int, epoch: int) -> np.ndarray:
    """One training image as the definition says, one step after another."""
    image = Image.fromarray(IMAGES[index].permute(1, 2, 0).contiguous().numpy())
    padding = augment.padding
    image = ImageOps.expand(image, border=padding, fill=0)
    x = addressed(seed, "crop_x", epoch, index, 2 * padding + 1)
    y = addressed(seed, "crop_y", epoch, index, 2 * padding + 1)
    image = image.crop((x, y, x + SIZE, y + SIZE))
    if augment.flip and addressed(seed, "flip", epoch, index, 2):
        image = image.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    pixels = np.asarray(image, dtype=np.float32) / np.float32(255)
    normal = ((pixels - MEAN.numpy()) / STD.numpy()).transpose(2, 0, 1)
    if augment.cutout:
        cy = addressed(seed, "cutout_y", epoch, index, SIZE)
        cx = addressed(seed, "cutout_x", epoch, index, SIZE)
        half = augment.cutout // 2
        normal[:, max(0, cy - half) : cy + half, max(0, cx - half) : cx + half] = 0
    return normal


def by_sample(batches: list[Batch]) -> Tensor:
    """The images of an epoch in the order of the training set."""
    images = torch.cat([batch.images for batch in batches])
    return images[torch.cat([batch.indices for batch in batches]).argsort()]


@pytest.mark.parametrize(
    "augment",
    [
        AugmentSettings(),
        AugmentSettings(padding=2, flip=True, cutout=6),
        AugmentSettings(padding=3, flip=False, cutout=5),
        AugmentSettings(padding=0, flip=True, cutout=24),
        PLAIN,
    ],
    ids=str,
)
@pytest.mark.parametrize(("seed", "epoch"), [(0, 0), (5, 3)])
def test_images_equal_the_reference(augment: AugmentSettings, seed: int, epoch: int) -> None:
    images = by_sample(list(loader(augment, seed=seed).epoch(epoch)))
    expected = np.stack([reference_image(index, augment, seed, epoch) for index in range(COUNT)])
    assert images.dtype == torch.float32
    assert torch.equal(images, torch.from_numpy(expected))


def test_normalisation_is_torchvisions() -> None:
    from torchvision.transforms import Compose, Normalize, ToTensor

    transform = Compose([ToTensor(), Normalize(MEAN.tolist(), STD.tolist())])
    every_value = torch.arange(256, dtype=torch.uint8).expand(3, 4, 256).contiguous()
    expected = transform(every_value.permute(1, 2, 0).contiguous().numpy())
    assert torch.equal(Normaliser(MEAN, STD, "cpu")(every_value[None])[0], expected)


def test_padding_is_black_before_normalising() -> None:
    draws = draw_epoch(COUNT, (SIZE, SIZE), AugmentSettings(padding=4, flip=False), 0, 0, "cpu")
    assert draws.crop_y is not None
    top = int((draws.crop_y == 0).nonzero()[0])
    image = by_sample(list(loader(AugmentSettings(padding=4, flip=False)).epoch(0)))[top]
    assert torch.equal(image[:, :4], ((0 - MEAN) / STD)[:, None, None].expand(3, 4, SIZE))


def test_crops_and_flips_of_single_pixels() -> None:
    padded = zero_padded(torch.arange(2 * 3 * 4, dtype=torch.uint8).view(2, 1, 3, 4), 1)
    assert padded.shape == (2, 1, 5, 6)
    crops = cropped(padded, (3, 4), torch.tensor([1, 0, 1]), torch.tensor([1, 0, 2]), torch.tensor([1, 2, 0]))
    assert crops[0, 0].tolist() == [[12, 13, 14, 15], [16, 17, 18, 19], [20, 21, 22, 23]]
    assert crops[1, 0].tolist() == [[0, 0, 0, 0], [1, 2, 3, 0], [5, 6, 7, 0]]
    assert crops[2, 0].tolist() == [[0, 16, 17, 18], [0, 20, 21, 22], [0, 0, 0, 0]]
    mirrored = flipped(crops, torch.tensor([True, False, True]))
    assert torch.equal(mirrored[0], crops[0].flip(-1))
    assert torch.equal(mirrored[1], crops[1])
    both = augmented(
        padded, (3, 4), torch.tensor([1]), torch.tensor([2]), torch.tensor([0]), flips=torch.tensor([True])
    )
    assert torch.equal(both[0], mirrored[2])


@pytest.mark.parametrize("batch_size", [1, 7, 128, 150, 400])
def test_no_draw_depends_on_the_batch_size(batch_size: int) -> None:
    augment = AugmentSettings(padding=2, flip=True, cutout=4)
    expected = list(loader(augment).epoch(1))
    batches = list(loader(augment, batch_size=batch_size).epoch(1))
    assert torch.equal(torch.cat([b.images for b in batches]), torch.cat([b.images for b in expected]))
    assert torch.equal(torch.cat([b.indices for b in batches]), torch.cat([b.indices for b in expected]))


@pytest.mark.parametrize("start", [0, 1, 3, 4, 5])
def test_a_later_start_gives_the_remaining_batches(start: int) -> None:
    every, rest = list(loader().epoch(2)), list(loader().epoch(2, start=start))
    assert len(rest) == 5 - start
    for batch, expected in zip(rest, every[start:], strict=True):
        assert torch.equal(batch.images, expected.images)
        assert torch.equal(batch.targets, expected.targets)
        assert torch.equal(batch.indices, expected.indices)


def test_each_sample_comes_once_an_epoch_with_its_target() -> None:
    orders = []
    for epoch in range(3):
        batches = list(loader().epoch(epoch))
        assert [len(batch.targets) for batch in batches] == [32, 32, 32, 32, 22]
        assert {batch.epoch for batch in batches} == {epoch}
        indices = torch.cat([batch.indices for batch in batches])
        assert indices.sort().values.tolist() == list(range(COUNT))
        assert torch.equal(torch.cat([batch.targets for batch in batches]), TARGETS[indices])
        orders.append(indices)
    assert len(loader()) == 5
    assert all(not torch.equal(a, b) for a, b in pairwise(orders))


def test_a_chunk_boundary_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    expected = [batch.images for batch in loader(batch_size=10).epoch(0)]
    monkeypatch.setattr("olsrepro.data.in_memory.loader._CPU_CHUNK", 20)
    assert all(torch.equal(a.images, b) for a, b in zip(loader(batch_size=10).epoch(0), expected, strict=True))


def test_a_batch_is_its_users_to_change() -> None:
    expected = [batch.images.clone() for batch in loader().epoch(0)]
    for batch, image in zip(loader().epoch(0), expected, strict=True):
        assert torch.equal(batch.images, image)
        batch.images.zero_()
    assert torch.equal(next(loader().epoch(0)).images, expected[0])


def test_torchs_generator_is_left_alone() -> None:
    before = torch.get_rng_state()
    list(loader(AugmentSettings(cutout=4)).epoch(0))
    assert torch.equal(torch.get_rng_state(), before)


def test_channels_last_has_the_same_numbers() -> None:
    augment = AugmentSettings(cutout=4)
    for batch, expected in zip(loader(augment, channels_last=True).epoch(0), loader(augment).epoch(0), strict=True):
        assert batch.images.is_contiguous(memory_format=torch.channels_last)
        assert torch.equal(batch.images, expected.images)


def test_evaluation_batches_are_in_order() -> None:
    batches = list(evaluation_batches(IMAGES, TARGETS, MEAN, STD, 64, "cpu"))
    assert [len(targets) for _, targets in batches] == [64, 64, 22]
    expected = (IMAGES.float() / 255 - MEAN.view(3, 1, 1)) / STD.view(3, 1, 1)
    assert torch.equal(torch.cat([images for images, _ in batches]), expected)
    assert torch.equal(torch.cat([targets for _, targets in batches]), TARGETS)


def test_draws_are_frozen() -> None:
    draws = draw_epoch(6, (32, 32), AugmentSettings(cutout=8), 0, 0, "cpu")
    assert draw_order(6, 0, 0, "cpu").tolist() == [4, 3, 5, 2, 0, 1]
    found = [getattr(draws, name).int().tolist() for name in FROZEN_DRAWS]
    assert dict(zip(FROZEN_DRAWS, found, strict=True)) == FROZEN_DRAWS


def test_half_of_the_images_flip_and_offsets_are_uniform() -> None:
    draws = draw_epoch(50_000, (32, 32), AugmentSettings(), 0, 0, "cpu")
    assert draws.flip is not None
    assert draws.crop_y is not None
    assert abs(draws.flip.double().mean() - 0.5) < 0.01
    assert (torch.bincount(draws.crop_y) / 50_000 - 1 / 9).abs().max() < 0.01


@pytest.mark.cuda
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
def test_cuda_gives_the_batches_of_the_cpu_without_waiting() -> None:
    augment = AugmentSettings(padding=4, flip=True, cutout=6)
    settings = {"augment": augment, "batch_size": 32, "seed": 3}
    on_cpu = DeviceLoader(IMAGES, TARGETS, MEAN, STD, device="cpu", **settings)
    on_gpu = DeviceLoader(IMAGES, TARGETS, MEAN, STD, device="cuda", **settings)
    torch.cuda.set_sync_debug_mode("error")
    try:
        batches = list(on_gpu.epoch(1))
    finally:
        torch.cuda.set_sync_debug_mode("default")
    for batch, expected in zip(batches, on_cpu.epoch(1), strict=True):
        assert torch.equal(batch.indices.cpu(), expected.indices)
        assert torch.equal(batch.targets.cpu(), expected.targets)
        assert torch.equal(batch.images.cpu(), expected.images)
