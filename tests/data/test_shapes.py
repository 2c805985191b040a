"""The drawn stand-in for PASCAL VOC: in VOC's layout, the same for ever, there in full or not at all."""

from __future__ import annotations

import hashlib
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torchvision.datasets import VOCDetection

from olsrepro.data.dataset import DetectionSet
from olsrepro.data.datasets import shapes
from olsrepro.data.datasets.formats import drawn_shapes as shape_images
from olsrepro.data.datasets.formats.drawn_shapes import SHAPES, Edges, draw, edges_of
from olsrepro.data.datasets.settings import VocSettings
from olsrepro.data.download.fetch import fetch
from olsrepro.data.download.manifest import SOURCES
from olsrepro.data.download.status import status
from olsrepro.data.registry import read_dataset
from olsrepro.data.stand_in import is_of_digits, is_stand_in, stand_in_of, stands_for
from olsrepro.settings import UserError

SOURCE = SOURCES["shapes@voc"]
SETTINGS = VocSettings("shapes@voc", SOURCE.num_classes, SOURCE.train_size, SOURCE.test_size, SOURCE.image_size)
TRAIN = SOURCE.train_size
FEW = replace(SETTINGS, train_size=5, test_size=2)
FROZEN, BRIGHTNESS = "e511d15a5a904b3c", 137.404


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("data sets")


@pytest.fixture(scope="module")
def data(root: Path) -> DetectionSet:
    return read_dataset(SETTINGS, root)


def test_it_stands_for_voc() -> None:
    assert (stand_in_of("voc"), stands_for("shapes@voc"), stands_for("voc")) == ("shapes@voc", "voc", "voc")
    assert is_stand_in("shapes@voc")
    assert not is_of_digits("shapes@voc")
    assert stand_in_of("cub") == "digits@cub"


def test_it_is_drawn_once_when_it_is_first_read(
    data: DetectionSet, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shape_images, "draw", None)
    again = read_dataset(SETTINGS, root)
    assert list(again.train_paths) == list(data.train_paths)
    assert torch.equal(again.test_objects.boxes, data.test_objects.boxes)


def test_objects_are_of_all_classes_small_and_large_few_and_many(data: DetectionSet) -> None:
    objects = data.train_objects
    counts = torch.bincount(objects.classes, minlength=6)
    assert data.class_names == tuple(sorted(SHAPES))
    assert counts.min() > counts.sum() / 10
    sides = objects.boxes[:, 2:] - objects.boxes[:, :2]
    assert (sides.amin(1) < 20).float().mean() > 0.05
    assert (sides.amin(1) > 40).float().mean() > 0.2
    assert set(objects.starts.diff().tolist()) == {0, 1, 2, 3, 4}  # none where the only one is difficult
    assert 0.005 < data.test_objects.difficult.float().mean() < 0.2


def test_some_objects_overlap_and_none_is_hidden(data: DetectionSet) -> None:
    def overlapping(image: int) -> bool:
        boxes = data.train_objects.of(image).boxes
        low = torch.maximum(boxes[:, None, :2], boxes[None, :, :2])
        high = torch.minimum(boxes[:, None, 2:], boxes[None, :, 2:])
        return bool(((high - low).clamp(min=0).prod(-1) > 0).sum() > len(boxes))

    assert 20 < sum(map(overlapping, range(200))) < 150


def test_images_have_sides_of_96_to_160_pixels(data: DetectionSet) -> None:
    sizes = []
    for path in data.train_paths:
        with Image.open(data.root / path) as image:
            sizes += image.size
    assert (min(sizes), max(sizes)) >= (96, 150)
    assert max(sizes) <= 160


def test_half_of_those_trained_on_are_in_each_year_and_torchvision_reads_them(data: DetectionSet) -> None:
    years = [path.split("/")[0] for path in data.train_paths]
    assert years == ["VOC2007"] * (TRAIN // 2) + ["VOC2012"] * (TRAIN // 2)
    theirs = VOCDetection(str(data.root.parent), year="2012", image_set="trainval")
    assert len(theirs) == TRAIN // 2
    image, tree = theirs[0]
    assert [int(tree["annotation"]["size"][side]) for side in ("width", "height")] == list(image.size)
    assert tree["annotation"]["object"][0]["name"] in SHAPES


def test_the_drawings_are_frozen() -> None:
    """Sizes and objects to the pixel, whose colours may differ in the last bit between machines."""
    digest, brightness = hashlib.sha256(), []
    for number in range(1, 41):
        image, objects = draw(number)
        digest.update(repr((image.size, objects)).encode())
        brightness.append(np.asarray(image).mean())
    assert digest.hexdigest()[:16] == FROZEN
    assert np.mean(brightness) == pytest.approx(BRIGHTNESS, abs=0.01)


def test_boxes_are_the_edges_of_what_is_painted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shape_images, "_ground", lambda chance, width, height: np.zeros((height, width, 3)))
    for number in range(1, 60):
        image, objects = draw(number)
        painted = np.asarray(image).any(-1)
        outside = painted.copy()
        for item in objects:
            outside[item.edges.ymin - 1 : item.edges.ymax, item.edges.xmin - 1 : item.edges.xmax] = False
        assert not outside.any()
        last = objects[-1].edges  # over all others
        inside = painted[last.ymin - 1 : last.ymax, last.xmin - 1 : last.xmax]
        assert all(side.any() for side in (inside[0], inside[-1], inside[:, 0], inside[:, -1]))
        if len(objects) == 1:
            assert edges_of(painted) == last


def test_edges_count_from_1_and_their_last_pixels_are_inside() -> None:
    mask = np.zeros((9, 12), dtype=bool)
    mask[2:5, 3:10] = True
    assert edges_of(mask) == (4, 3, 10, 5)
    assert edges_of(mask).area == mask.sum()


def test_an_overlap_is_a_share_of_the_smaller_box() -> None:
    assert Edges(1, 1, 10, 10).overlap(Edges(6, 1, 7, 20)) == 20 / 40
    assert Edges(1, 1, 10, 10).overlap(Edges(11, 1, 12, 4)) == 0
    assert Edges(1, 1, 10, 10).overlap(Edges(3, 3, 4, 4)) == 1


def test_a_drawing_that_was_cut_short_is_never_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    drawn = draw

    def broken(number: int) -> object:
        if number == 6:
            raise KeyboardInterrupt
        return drawn(number)

    monkeypatch.setattr(shape_images, "draw", broken)
    with pytest.raises(KeyboardInterrupt):
        read_dataset(FEW, tmp_path)
    assert not [path for path in tmp_path.rglob("*") if path.is_file() and path.suffix != ".lock"]
    part = tmp_path / "shapes@voc" / f".v{shapes.VERSION}.part"
    part.mkdir(parents=True)
    (part / "left over").touch()
    monkeypatch.undo()
    assert len(read_dataset(FEW, tmp_path).train_paths) == 5
    assert not part.exists()


def test_other_drawings_lie_beside_the_old_ones(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    old = read_dataset(FEW, tmp_path)
    monkeypatch.setattr(shapes, "VERSION", shapes.VERSION + 1)
    new = read_dataset(FEW, tmp_path)
    assert new.root != old.root
    assert new.root.is_dir()
    assert old.root.is_dir()


def test_what_somebody_removed_is_told_with_the_remedy(tmp_path: Path) -> None:
    data = read_dataset(FEW, tmp_path)
    (data.root / data.train_paths[0]).unlink()
    with pytest.raises(UserError, match=r"remove .*shapes@voc.*, and it will be drawn again"):
        read_dataset(FEW, tmp_path)
    shutil.rmtree(data.root.parent)
    assert len(read_dataset(FEW, tmp_path).train_paths) == 5


def test_a_folder_that_can_not_be_written_is_told(tmp_path: Path) -> None:
    (tmp_path / "shapes@voc").write_text("a file")
    with pytest.raises(UserError, match=r"^shapes@voc can't be drawn into .*runtime\.data_dir"):
        read_dataset(FEW, tmp_path)


def test_it_needs_no_fetching(tmp_path: Path) -> None:
    said: list[str] = []
    fetch("shapes@voc", tmp_path, say=said.append)
    assert said == ["shapes@voc needs no fetching (drawn by this package when it is first read)"]
    (line,) = (line for line in status(tmp_path) if line.name == "shapes@voc")
    assert (line.state, line.place) == ("built in", "olsrepro")
