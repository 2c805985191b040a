"""PASCAL VOC's reader: what the annotations say, in VOC's terms; and what is refused, by its file's name."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
import voc_files
from PIL import Image
from rich.console import Console
from shape_runs import shape_run
from torchvision.datasets import VOCDetection
from torchvision.datasets.voc import DATASET_YEAR_DICT
from voc_files import Item

from olsrepro.data.dataset import DetectionSet, Geometry, Photographs
from olsrepro.data.datasets.formats.voc_annotations import read_annotation
from olsrepro.data.datasets.settings import VocSettings
from olsrepro.data.datasets.voc import CLASSES
from olsrepro.data.download.fetch import fetch
from olsrepro.data.download.manifest import SOURCES
from olsrepro.data.download.status import status
from olsrepro.data.objects import Annotated, Objects
from olsrepro.data.photos.check import readable
from olsrepro.data.registry import read_dataset
from olsrepro.launch.run import run
from olsrepro.settings import UserError

DOG, PERSON = CLASSES.index("dog"), CLASSES.index("person")
PLACES = {name: place for place, name in enumerate(CLASSES)}


@pytest.fixture
def data(tmp_path: Path) -> DetectionSet:
    return voc_files.small_voc(tmp_path)


def read(folder: Path, text: str) -> list[Annotated]:
    path = folder / "000001.xml"
    path.write_text(text)
    return read_annotation(path, PLACES).objects


def of(*items: Item, width: float = 100, height: float = 80) -> str:
    return voc_files.annotation(width, height, items)


def test_the_classes_are_the_twenty_in_the_alphabets_order() -> None:
    assert len(CLASSES) == 20
    assert list(CLASSES) == sorted(CLASSES)


def test_both_years_are_trained_on_and_2007_is_tested_on_in_the_order_of_the_lists(data: DetectionSet) -> None:
    train = [f"VOC2007/JPEGImages/{number:06d}.jpg" for number in range(4)]
    train += [f"VOC2012/JPEGImages/2012_{number:06d}.jpg" for number in range(3)]
    assert list(data.train_paths) == train
    assert list(data.test_paths) == [f"VOC2007/JPEGImages/{number:06d}.jpg" for number in range(7, 12)]
    assert all((data.root / path).is_file() for path in [*data.train_paths, *data.test_paths])
    assert (len(data.train_objects), len(data.test_objects)) == (7, 5)


def test_boxes_are_edges_from_0_so_that_their_differences_count_pixels(data: DetectionSet) -> None:
    second = data.train_objects.of(1)
    assert second.boxes.tolist() == [[3, 4, 21, 30], [39, 54, 80, 107]]
    assert second.classes.tolist() == [DOG, PERSON]
    assert (second.boxes.dtype, second.classes.dtype, second.difficult.dtype) == (
        torch.float32,
        torch.int64,
        torch.bool,
    )


def test_every_image_has_the_objects_of_its_own_file(data: DetectionSet) -> None:
    for first, objects, keeps in ((0, data.train_objects, False), (7, data.test_objects, True)):
        for place in range(len(objects)):
            items = [item for item in voc_files.items_of(first + place) if keeps or not item.difficult]
            own = objects.of(place)
            expected = [[x1 - 1, y1 - 1, x2, y2] for _, (x1, y1, x2, y2), _ in items]
            assert own.boxes.tolist() == expected
            assert own.classes.tolist() == [PLACES[item.name] for item in items]
            assert own.difficult.tolist() == [bool(item.difficult) for item in items]


def test_difficult_objects_are_left_out_of_training_and_marked_in_the_test(tmp_path: Path) -> None:
    data = voc_files.small_voc(tmp_path, 5, 0, 5)
    assert not data.train_objects.difficult.any()
    assert voc_files.items_of(4)[0].difficult
    assert len(data.train_objects.of(4).classes) == 0
    assert voc_files.items_of(9)[0].difficult
    assert data.test_objects.of(4).difficult.tolist() == [True, False]


def test_the_size_of_each_image_is_that_of_its_annotation(data: DetectionSet) -> None:
    stated = [voc_files.SIZES[number % 4] for number in range(12)]
    assert data.train_sizes.tolist() == [list(size) for size in stated[:7]]
    assert data.test_sizes.tolist() == [list(size) for size in stated[7:]]
    assert list(data.stated_sizes.items()) == list(zip([*data.train_paths, *data.test_paths], stated, strict=True))


def test_an_image_without_objects_stays(data: DetectionSet) -> None:
    assert voc_files.items_of(2) == []
    assert data.train_objects.of(2).boxes.shape == (0, 4)
    assert data.train_objects.of(2).starts.tolist() == [0, 0]


def test_fields_may_come_in_any_order_with_fractions_and_without_a_mark_of_difficulty(tmp_path: Path) -> None:
    text = (
        "<annotation><object><bndbox><xmax>20.5</xmax><ymin>1</ymin><xmin>4</xmin><ymax>9</ymax></bndbox>"
        "<name> cat\n</name></object><size><depth>3</depth><height>80</height><width>100</width></size></annotation>"
    )
    assert read(tmp_path, text) == [Annotated((3, 0, 20.5, 9), PLACES["cat"], False)]


def test_a_box_is_cut_at_the_images_border(tmp_path: Path) -> None:
    (found,) = read(tmp_path, of(Item("cow", (-3, 0, 105, 81))))
    assert found.box == (0, 0, 100, 80)


def test_a_box_of_one_pixel_is_one(tmp_path: Path) -> None:
    (found,) = read(tmp_path, of(Item("cow", (7, 9, 7, 9))))
    assert found.box == (6, 8, 7, 9)


REFUSED = {
    "an object of the unknown class 'dgo' (did you mean dog": of(Item("dgo", (1, 1, 5, 5))),
    "a dog whose box (9, 1, 8, 5) is empty": of(Item("dog", (9, 1, 8, 5))),
    "a dog whose box (1, 5, 8, 4) is empty": of(Item("dog", (1, 5, 8, 4))),
    "a dog whose box (101, 1, 120, 5) lies outside its 100 x 80 pixels": of(Item("dog", (101, 1, 120, 5))),
    "a dog whose box (1, -9, 5, 0) lies outside": of(Item("dog", (1, -9, 5, 0))),
    "a dog without xmin": of(Item("dog", (float("nan"), 1, 5, 5))),
    "a dog without ymax": of(Item("dog", (1, 1, 5, float("inf")))),
    "a dog without xmax": of(Item("dog", (1, 1, 5, 5))).replace("<xmax>5</xmax>", ""),
    "a dog with difficult=2": of(Item("dog", (1, 1, 5, 5), difficult=2)),
    "an image of 0 x 80 pixels": of(width=0),
    "the annotation of another image, 000002.jpg": of().replace("000001.jpg", "000002.jpg"),
    "the annotation of another image, C:\\a\\b.jpg": of().replace("000001.jpg", "C:\\a\\b.jpg"),
    "a size without height": "<annotation><size><width>3</width></size></annotation>",
    "no valid XML (": "<annotation><size>",
    "no valid XML (no element": "",
    "a document type": '<!DOCTYPE a [<!ENTITY e "5">]>' + of(),
}


@pytest.mark.parametrize("said", REFUSED, ids=str)
def test_what_is_no_annotation_is_refused_by_its_files_name(said: str, tmp_path: Path) -> None:
    with pytest.raises(UserError) as told:
        read(tmp_path, REFUSED[said])
    assert str(told.value).startswith(f"{tmp_path / '000001.xml'} has {said}")
    assert "\n" not in str(told.value)
    assert str(told.value).endswith("; put the published annotation there")


def test_nothing_in_a_file_expands_or_is_fetched(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("dog")
    nested = "".join(f'<!ENTITY e{n + 1} "{f"&e{n};" * 10}">' for n in range(9))
    laughs = f'<!DOCTYPE a [<!ENTITY e0 "ha">{nested}]><annotation>&e9;</annotation>'
    outside = f'<!DOCTYPE a [<!ENTITY e SYSTEM "{(tmp_path / "secret").as_uri()}">]><annotation>&e;</annotation>'
    began = time.process_time()
    for text in (laughs, outside, laughs.encode("utf-16").decode("utf-16")):
        with pytest.raises(UserError, match="a document type"):
            read(tmp_path, text)
    assert time.process_time() - began < 5
    (tmp_path / "000001.xml").write_bytes(laughs.encode("utf-16"))
    with pytest.raises(UserError, match="a document type"):
        read_annotation(tmp_path / "000001.xml", PLACES)


def test_a_file_of_megabytes_is_refused_unread(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"000001\.xml has more than 1,048,576 bytes"):
        read(tmp_path, of() + " " * (1 << 20))


def test_an_encoding_that_nobody_knows_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"000001\.xml has "):
        read(tmp_path, '<?xml version="1.0" encoding="klingon"?>' + of())


@pytest.mark.parametrize(
    ("file", "said"),
    [
        ("Annotations/000001.xml", "lacks 1 of the 12 annotations of"),
        ("JPEGImages/000009.jpg", "lacks 1 of the 12 photographs of"),
    ],
)
def test_missing_files_are_named(file: str, said: str, tmp_path: Path) -> None:
    settings = voc_files.write(tmp_path)
    (tmp_path / "VOCdevkit/VOC2007" / file).unlink()
    with pytest.raises(UserError, match=rf"{said}.*listed images: VOC2007/{file}; run `olsrepro data fetch voc`"):
        read_dataset(settings, tmp_path)


@pytest.mark.parametrize(
    ("listed", "said"),
    [
        (["../../etc/passwd"], "line 1: '../../etc/passwd' is not an image's id"),
        (["000001 -1"], "is not an image's id"),
        (["000001", "000001"], "line 2: 000001 is listed already"),
    ],
)
def test_a_list_of_other_things_is_refused(listed: list[str], said: str, tmp_path: Path) -> None:
    settings = voc_files.write(tmp_path)
    voc_files.put_list(tmp_path / "VOCdevkit/VOC2007", "trainval", listed)
    with pytest.raises(UserError, match=said):
        read_dataset(settings, tmp_path)


def test_an_image_for_training_and_testing_is_refused(tmp_path: Path) -> None:
    settings = voc_files.write(tmp_path)
    voc_files.put_list(tmp_path / "VOCdevkit/VOC2007", "test", ["000007", "000001"])
    image = "VOC2007/JPEGImages/000001.jpg"
    with pytest.raises(UserError, match=f"name images twice: {image} for training and again for testing; they are not"):
        read_dataset(settings, tmp_path)


# Photographs of another size than their annotations state


def looked_at(data: DetectionSet, folder: Path, *, skip: bool = False, workers: int = 0) -> list[str]:
    """What is said when a run looks at the photographs."""
    said: list[str] = []
    readable(data, folder / "cache", skip_unreadable=skip, workers=workers, say=said.append)
    return said


def refusal_of(data: DetectionSet, folder: Path, **options: Any) -> str:
    with pytest.raises(UserError) as told:
        looked_at(data, folder, **options)
    assert "\n" not in str(told.value)
    return str(told.value)


def turned(path: Path) -> None:
    with Image.open(path) as image:
        image.transpose(Image.Transpose.ROTATE_90).save(path)


def halved(path: Path) -> None:
    with Image.open(path) as image:
        image.resize((image.width // 2, image.height // 2)).save(path)


def turned_by_exif(path: Path) -> None:
    """Stored on its side, with EXIF data by which it is shown in the size that the annotation states."""
    with Image.open(path) as image:
        exif = image.getexif()
        exif[0x0112] = 6
        image.transpose(Image.Transpose.ROTATE_90).save(path, exif=exif)


@pytest.mark.parametrize(("change", "found"), [(turned, "110 x 80"), (halved, "40 x 55"), (turned_by_exif, "110 x 80")])
@pytest.mark.parametrize(("number", "options"), [(1, {}), (9, {"skip": True}), (9, {"workers": 2})])
def test_a_photograph_of_another_size_is_refused_with_both(
    change: Callable[[Path], None], found: str, number: int, options: dict[str, Any], tmp_path: Path
) -> None:
    data = voc_files.small_voc(tmp_path)
    path = data.root / f"VOC2007/JPEGImages/{number:06d}.jpg"
    change(path)
    assert refusal_of(data, tmp_path, **options) == (
        f"1 image of VOCdevkit can't be used with the annotations: {path} ({found} pixels as stored, the annotation"
        " states 80 x 110); put the published photographs and annotations there"
    )


def test_a_photograph_is_taken_as_it_is_stored_whatever_its_exif_data_say(tmp_path: Path) -> None:
    data = voc_files.small_voc(tmp_path)
    path = data.root / "VOC2007/JPEGImages/000001.jpg"
    turned_by_exif(path)
    turned(path)
    looked_at(data, tmp_path)


def test_an_annotation_that_changes_its_size_is_noticed_though_the_photographs_stay(tmp_path: Path) -> None:
    data = voc_files.small_voc(tmp_path)
    looked_at(data, tmp_path)
    assert looked_at(data, tmp_path) == []
    sizes = data.test_sizes.copy()
    sizes[0] = sizes[0, ::-1]
    other = replace(data, test_sizes=sizes)
    for _ in range(2):  # the second time it is remembered
        assert (
            "VOC2007/JPEGImages/000007.jpg (150 x 60 pixels as stored, the annotation states 60 x 150)"
            in refusal_of(other, tmp_path)
        )


def test_what_was_found_before_there_was_a_look_at_sizes_is_not_believed(tmp_path: Path) -> None:
    """It was remembered by paths, sizes of files and times alone, as it still is where nothing is annotated."""
    data = voc_files.small_voc(tmp_path)
    turned(data.root / data.train_paths[1])
    targets = torch.zeros(7, dtype=torch.int64), torch.zeros(5, dtype=torch.int64)
    constants = torch.zeros(3), torch.ones(3)
    unannotated = Photographs(
        data.root,
        data.train_paths,
        targets[0],
        data.test_paths,
        targets[1],
        *constants,
        ("a",),
        Geometry(8, "square", 8),
    )
    looked_at(unannotated, tmp_path)  # type: ignore[arg-type]
    assert looked_at(unannotated, tmp_path) == []  # type: ignore[arg-type]
    assert "110 x 80 pixels as stored" in refusal_of(data, tmp_path)


def test_a_run_is_refused_before_it_trains_on_a_photograph_of_another_size(tmp_path: Path) -> None:
    config = shape_run(tmp_path / "data", tmp_path / "runs")
    data = read_dataset(config.dataset, tmp_path / "data")
    path = data.root / data.test_paths[2]
    with Image.open(path) as image:
        image.resize((image.width + 1, image.height)).save(path)
    with pytest.raises(UserError, match=rf"1 image of VOCdevkit can't be used with the annotations: {path} \("):
        run(config, console=Console(quiet=True))
    assert not list((tmp_path / "runs").glob("*-s*/*"))


def test_no_folder_and_no_list_are_told(tmp_path: Path) -> None:
    settings = voc_files.write(tmp_path / "there")
    with pytest.raises(UserError, match="olsrepro data fetch voc"):
        read_dataset(settings, tmp_path)
    (tmp_path / "there/VOCdevkit/VOC2012/ImageSets/Main/trainval.txt").unlink()
    with pytest.raises(UserError, match=r"VOC2012.*trainval\.txt can't be read"):
        read_dataset(settings, tmp_path / "there")


def test_other_sizes_than_the_settings_say_are_told(tmp_path: Path) -> None:
    settings = voc_files.write(tmp_path)
    with pytest.raises(UserError, match=r"dataset\.name=voc was read with test_size 5 instead of 6"):
        read_dataset(replace(settings, test_size=6), tmp_path)


def test_torchvisions_reader_says_the_same(tmp_path: Path) -> None:
    data = voc_files.small_voc(tmp_path)
    theirs = VOCDetection(str(tmp_path), year="2007", image_set="test")
    for place, (image, tree) in enumerate(theirs):
        own, said = data.test_objects.of(place), tree["annotation"].get("object", [])
        assert (data.root / data.test_paths[place]).samefile(theirs.images[place])
        assert own.classes.tolist() == [PLACES[item["name"]] for item in said]
        edges = [[float(item["bndbox"][key]) for key in ("xmin", "ymin", "xmax", "ymax")] for item in said]
        assert own.boxes.tolist() == [[x1 - 1, y1 - 1, x2, y2] for x1, y1, x2, y2 in edges]
        assert not len(own.boxes) or (own.boxes[:, 2:].amax(0) <= torch.tensor(image.size)).all()


def test_objects_of_chosen_images_come_in_their_order() -> None:
    def one(value: float, label: int) -> Annotated:
        return Annotated((value, 0, value + 1, 1), label)

    objects = Objects.listed([[one(1, 0)], [], [one(2, 1), one(3, 2)], [one(4, 3)]])
    chosen = objects.chosen(torch.tensor([2, 3, 1, 2]))
    assert chosen.classes.tolist() == [1, 2, 3, 1, 2]
    assert chosen.boxes[:, 0].tolist() == [2, 3, 4, 2, 3]
    assert chosen.starts.tolist() == [0, 2, 3, 3, 5]
    assert chosen.owners.tolist() == [0, 0, 1, 3, 3]
    assert objects.of(-1).classes.tolist() == [3]
    assert len(objects.chosen(torch.tensor([], dtype=torch.int64)).classes) == 0
    with pytest.raises(IndexError):
        objects.of(4)


def test_unreadable_images_are_left_out_with_their_objects(tmp_path: Path) -> None:
    data = voc_files.small_voc(tmp_path)
    for path in (data.train_paths[1], data.test_paths[0]):
        (data.root / path).write_bytes(b"no image")
    with pytest.raises(UserError, match=r"2 images of VOCdevkit can't be decoded"):
        readable(data, tmp_path, skip_unreadable=False, workers=0, say=lambda _: None)
    kept = readable(data, tmp_path, skip_unreadable=True, workers=0, say=lambda _: None)
    assert list(kept.train_paths) == [path for place, path in enumerate(data.train_paths) if place != 1]
    assert torch.equal(kept.train_objects.of(2).boxes, data.train_objects.of(3).boxes)
    assert torch.equal(kept.test_objects.of(0).boxes, data.test_objects.of(1).boxes)
    assert (len(kept.train_objects), len(kept.test_objects)) == (6, 4)
    assert kept.unreadable == (data.train_paths[1], data.test_paths[0])


def test_sums_are_torchvisions_and_sizes_the_published_ones() -> None:
    theirs = {(item["filename"], item["md5"]) for item in map(DATASET_YEAR_DICT.__getitem__, ("2007", "2007-test"))}
    theirs.add((DATASET_YEAR_DICT["2012"]["filename"], DATASET_YEAR_DICT["2012"]["md5"]))
    source = SOURCES["voc"]
    assert {(archive.file, archive.md5) for archive in source.archives} == theirs
    assert (source.train_size, source.test_size) == (5_011 + 11_540, 4_952)


def test_it_is_fetched_from_its_three_archives(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = voc_files.write(tmp_path / "original")
    mirror = voc_files.pack(tmp_path / "original", tmp_path / "mirror")
    archives = tuple(
        replace(
            archive,
            urls=(path.as_uri(),),
            md5=hashlib.md5(path.read_bytes()).hexdigest(),
            images=tuple((folder, {"VOC2007": 9, "VOC2012": 3}[folder[:7]]) for folder, _ in archive.images),
        )
        for archive, path in zip(SOURCES["voc"].archives, mirror, strict=True)
    )
    monkeypatch.setitem(SOURCES, "voc", replace(SOURCES["voc"], archives=archives))

    def state(root: Path, *, check_sums: bool = False) -> str:
        return next(line.state for line in status(root, check_sums=check_sums) if line.name == "voc")

    root, said = tmp_path / "root", []
    assert state(root) == "missing"
    fetch("voc", root, say=said.append)
    assert said[0].startswith("voc: licence: PASCAL VOC")
    assert state(root, check_sums=True) == "verified"
    assert list(read_dataset(settings, root).train_paths) == list(
        read_dataset(settings, tmp_path / "original").train_paths
    )
    by_hand = tmp_path / "original"
    assert state(by_hand, check_sums=True) == "present"
    (by_hand / "VOCdevkit/VOC2007/ImageSets/Main/test.txt").unlink()
    assert state(by_hand) == "incomplete"


def test_the_size_of_a_test_can_be_another() -> None:
    settings = VocSettings("voc", 20, 10, 5, 416)
    assert replace(settings, input_size=320).resolved().image_size == 320
    assert replace(settings, input_size=416).resolved() == settings.resolved() == settings
    with pytest.raises(ValueError, match="input_size=0 must be a whole number"):
        VocSettings("voc", 20, 10, 5, 416, input_size=0)
