"""Images that are read when they are asked for: from memory and from files, always as a test sees them."""

from __future__ import annotations

import warnings

import photo_files
import pytest
import torch

from olsrepro.data.dataset import Photographs
from olsrepro.data.image_source import PhotoImages, TensorImages, normalised_batches, split_of
from olsrepro.data.in_memory.loader import evaluation_batches
from olsrepro.data.photos import decode
from olsrepro.data.registry import read_dataset

MEAN, STD = torch.tensor([0.4, 0.5, 0.6]), torch.tensor([0.2, 0.3, 0.4])


@pytest.fixture(scope="module")
def birds(tmp_path_factory: pytest.TempPathFactory) -> Photographs:
    root = tmp_path_factory.mktemp("data")
    sizes = photo_files.write(root, "cub")
    data = read_dataset(photo_files.settings("cub", sizes, image_size=48, resized_to=56), root)
    assert isinstance(data, Photographs)
    return data


@pytest.mark.parametrize("split", ["train", "test"])
def test_photographs_are_given_in_the_order_asked_for_as_a_test_sees_them(birds: Photographs, split: str) -> None:
    images = split_of(birds, split)
    paths = {"train": birds.train_paths, "test": birds.test_paths}[split]
    targets = {"train": birds.train_targets, "test": birds.test_targets}[split]
    assert len(images) == len(paths)
    assert torch.equal(images.targets, targets)
    wanted = [5, 0, 5, 3]
    pixels = images.pixels(torch.tensor(wanted))
    assert (pixels.dtype, pixels.shape) == (torch.uint8, (4, 3, 48, 48))
    for found, place in zip(pixels, wanted, strict=True):
        expected = decode.test_pixels(decode.decoded(birds.root / paths[place]), birds.geometry)
        assert found.numpy().tolist() == expected.tolist()


def test_no_photographs_are_none(birds: Photographs) -> None:
    assert split_of(birds, "test").pixels(torch.empty(0, dtype=torch.int64)).shape == (0, 3, 48, 48)


def test_threads_that_decode_leave_the_warnings_as_they_were(birds: Photographs) -> None:
    before = list(warnings.filters)
    split_of(birds, "train").pixels(torch.arange(12))
    assert list(warnings.filters) == before


def test_a_photograph_that_is_gone_is_named(birds: Photographs) -> None:
    lost = PhotoImages(birds.root / "elsewhere", birds.test_paths, birds.test_targets, birds.geometry)
    with pytest.raises(decode.Unreadable, match="elsewhere"):
        lost.pixels(torch.tensor([0]))


def test_normalised_batches_are_bit_for_bit_those_of_the_runs_own_test() -> None:
    pixels = torch.randint(256, (11, 3, 6, 6), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    images = TensorImages(pixels, torch.arange(11))
    ours = list(normalised_batches(images, torch.arange(11), MEAN, STD, 4, "cpu"))
    theirs = [batch for batch, _ in evaluation_batches(pixels, images.targets, MEAN, STD, 4, "cpu")]
    assert [len(batch) for batch in ours] == [4, 4, 3]
    assert all(torch.equal(*pair) for pair in zip(ours, theirs, strict=True))


def test_a_chosen_part_is_normalised_in_its_own_order() -> None:
    images = TensorImages(torch.arange(5, dtype=torch.uint8)[:, None, None, None].expand(5, 3, 2, 2), torch.arange(5))
    (batch,) = normalised_batches(images, torch.tensor([4, 1]), torch.zeros(3), torch.ones(3), 9, "cpu")
    assert (255 * batch[:, 0, 0, 0]).round().tolist() == [4, 1]
