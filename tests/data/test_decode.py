"""Image files become RGB pixels as torchvision makes them, and damaged ones are told by name."""

from __future__ import annotations

import io
import pickle
from pathlib import Path

import pytest
import torch
from photo_files import KINDS, photograph, truncate
from PIL import EpsImagePlugin, Image, WebPImagePlugin, features
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


def saved_as(format: str) -> bytes:
    content = io.BytesIO()
    Image.effect_noise((64, 48), 80).convert("RGB").save(content, format)
    return content.getvalue()


@pytest.mark.parametrize("format", decode.FORMATS)
def test_the_name_of_a_file_does_not_say_its_format(photo: Path, format: str) -> None:
    photo.write_bytes(saved_as(format))
    assert decoded(photo).size == check_decodes(photo) == (64, 48)


@pytest.mark.parametrize("read", [decoded, check_decodes], ids=["decoded", "checked"])
def test_no_program_is_started_for_an_image_in_postscript(
    photo: Path, read: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(EpsImagePlugin, "Ghostscript", lambda *_, **__: pytest.fail("Ghostscript was called"))
    photo.write_bytes(saved_as("EPS"))
    with pytest.raises(Unreadable, match="in one of the formats JPEG, PNG, BMP, GIF, WEBP"):
        read(photo)  # type: ignore[operator]


@pytest.mark.parametrize("format", ["TIFF", "PPM", "JPEG2000", *(["AVIF"] if features.check("avif") else [])])
def test_other_formats_of_pillow_are_no_photographs(photo: Path, format: str) -> None:
    photo.write_bytes(saved_as(format))
    with pytest.raises(Unreadable, match="in one of the formats"):
        decoded(photo)


@pytest.mark.parametrize(
    "raised", [RuntimeError("decoding of\ncolours"), KeyError(3), AssertionError(), RecursionError()]
)
def test_whatever_a_decoder_raises_its_file_is_unreadable(
    photo: Path, raised: Exception, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(self: object) -> None:
        raise raised

    monkeypatch.setattr(WebPImagePlugin.WebPImageFile, "load", fail)
    photo.write_bytes(saved_as("WEBP"))
    with pytest.raises(Unreadable) as told:
        check_decodes(photo)
    assert told.value.reason == (" ".join(str(raised).split()) or type(raised).__name__)


def test_a_lack_of_memory_is_not_the_images_fault(photo: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(self: object) -> None:
        raise MemoryError

    monkeypatch.setattr(WebPImagePlugin.WebPImageFile, "load", fail)
    photo.write_bytes(saved_as("WEBP"))
    with pytest.raises(MemoryError):
        decoded(photo)


def test_a_missing_file_is_told_with_the_systems_words(photo: Path) -> None:
    with pytest.raises(Unreadable, match=r"\(No such file or directory\)"):
        decoded(photo)


def test_the_error_can_be_sent_between_processes() -> None:
    sent = pickle.loads(pickle.dumps(Unreadable("here.jpg", "image file is truncated")))
    assert (sent.path, sent.reason) == ("here.jpg", "image file is truncated")
