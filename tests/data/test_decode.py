"""Image files become RGB pixels as torchvision makes them, and damaged ones are told by name."""

from __future__ import annotations

import pickle
from pathlib import Path

import pytest
import torch
from photo_files import KINDS, photograph, truncate
from PIL import Image
from small_photographs import resize_of
from torchvision import transforms

from olsrepro.data.dataset import Geometry
from olsrepro.data.photos import decode
from olsrepro.data.photos.decode import Unreadable, check_decodes, decoded
from olsrepro.settings import UserError

GEOMETRIES = [
    Geometry(224, "square", 256),
    Geometry(224, "short_side", 256),
    Geometry(31, "square", 40),
    Geometry(32, "short_side", 45),
]


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    return tmp_path / "a photo.JPEG"


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_file_is_decoded_as_rgb(photo: Path, kind: str) -> None:
    photo.write_bytes(photograph(3, kind))
    image = decoded(photo)
    with Image.open(photo) as reference:
        assert image.mode == "RGB"
        assert image.tobytes() == reference.convert("RGB").tobytes()


def test_a_palette_with_transparent_colours_is_decoded_without_a_warning(photo: Path) -> None:
    palette = Image.new("P", (20, 10), 1)
    palette.putpalette([0, 0, 0, 200, 100, 50])
    palette.save(photo, "PNG", transparency=b"\x00\x80")
    assert decoded(photo).getpixel((3, 3)) == (200, 100, 50)


@pytest.mark.parametrize("geometry", GEOMETRIES, ids=str)
@pytest.mark.parametrize("kind", ["wide", "tall", "small", "grey"])
def test_a_test_sees_torchvisions_pixels(photo: Path, kind: str, geometry: Geometry) -> None:
    photo.write_bytes(photograph(5, kind))
    image = decoded(photo)
    transform = transforms.Compose(
        [resize_of(geometry), transforms.CenterCrop(geometry.side), transforms.PILToTensor()]
    )
    pixels = decode.test_pixels(image, geometry)
    assert pixels.flags.c_contiguous
    assert torch.equal(torch.from_numpy(pixels), transform(image))


@pytest.mark.parametrize("read", [decoded, check_decodes], ids=["decoded", "checked"])
@pytest.mark.parametrize("kind", KINDS)
def test_a_truncated_file_is_told(photo: Path, kind: str, read: object) -> None:
    photo.write_bytes(photograph(7, kind))
    assert check_decodes(photo) == decoded(photo).size
    truncate(photo)
    with pytest.raises(Unreadable) as told:
        read(photo)  # type: ignore[operator]
    assert told.value.path == str(photo)
    assert isinstance(told.value, UserError)
    assert str(told.value).startswith(f"{photo} can't be decoded (")
    assert "dataset.skip_unreadable=true" in str(told.value)


def test_a_jpeg_that_lacks_its_last_bytes_is_found_without_decoding_it_in_full(photo: Path) -> None:
    photo.write_bytes(photograph(9, "wide")[:-40])
    with pytest.raises(Unreadable, match="truncated"):
        check_decodes(photo)


@pytest.mark.parametrize("content", [b"", b"<html>not found</html>", b"\x89PNG\r\n\x1a\n" + bytes(40)])
def test_what_is_no_image_is_told(photo: Path, content: bytes) -> None:
    photo.write_bytes(content)
    with pytest.raises(Unreadable, match=r"a photo\.JPEG can't be decoded"):
        decoded(photo)


def test_a_missing_file_is_told_with_the_systems_words(photo: Path) -> None:
    with pytest.raises(Unreadable, match=r"\(No such file or directory\)"):
        decoded(photo)


def test_the_error_can_be_sent_between_processes() -> None:
    sent = pickle.loads(pickle.dumps(Unreadable("here.jpg", "image file is truncated")))
    assert (sent.path, sent.reason) == ("here.jpg", "image file is truncated")
