"""Reading sets of photographs: the official lists, splits, classes and orders, and what is said of a damaged copy."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import photo_files
import pytest
import torch
from scipy.io import loadmat, savemat

from olsrepro.data.dataset import Geometry, Photographs
from olsrepro.data.datasets.aircraft import first_word
from olsrepro.data.registry import read_dataset
from olsrepro.settings import UserError

SIZES = photo_files.Sizes(3, 12, 9)

# The official 100, in the order of variants.txt (Maji et al. 2013).
VARIANTS = """
707-320|727-200|737-200|737-300|737-400|737-500|737-600|737-700|737-800|737-900|747-100|747-200|747-300|747-400
757-200|757-300|767-200|767-300|767-400|777-200|777-300|A300B4|A310|A318|A319|A320|A321|A330-200|A330-300|A340-200
A340-300|A340-500|A340-600|A380|ATR-42|ATR-72|An-12|BAE 146-200|BAE 146-300|BAE-125|Beechcraft 1900|Boeing 717|C-130
C-47|CRJ-200|CRJ-700|CRJ-900|Cessna 172|Cessna 208|Cessna 525|Cessna 560|Challenger 600|DC-10|DC-3|DC-6|DC-8|DC-9-30
DH-82|DHC-1|DHC-6|DHC-8-100|DHC-8-300|DR-400|Dornier 328|E-170|E-190|E-195|EMB-120|ERJ 135|ERJ 145|Embraer Legacy 600
Eurofighter Typhoon|F-16A/B|F/A-18|Falcon 2000|Falcon 900|Fokker 100|Fokker 50|Fokker 70|Global Express|Gulfstream IV
Gulfstream V|Hawk T1|Il-76|L-1011|MD-11|MD-80|MD-87|MD-90|Metroliner|Model B200|PA-28|SR-20|Saab 2000|Saab 340
Spitfire|Tornado|Tu-134|Tu-154|Yak-42
""".strip().replace("\n", "|")


def read(root: Path, name: str, sizes: photo_files.Sizes = SIZES, **changes: Any) -> Photographs:
    data = read_dataset(photo_files.settings(name, sizes, **changes), root)
    assert isinstance(data, Photographs)
    return data


def refusal(root: Path, name: str, sizes: photo_files.Sizes = SIZES, **changes: Any) -> str:
    with pytest.raises(UserError) as raised:
        read(root, name, sizes, **changes)
    text = str(raised.value)
    assert "\n" not in text
    return text


def edit(path: Path, old: str, new: str) -> None:
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))


@pytest.mark.parametrize("name", photo_files.NAMES)
def test_every_set_has_imagenets_constants_and_the_geometry_of_its_settings(name: str, tmp_path: Path) -> None:
    sizes = photo_files.write(tmp_path, name)
    data = read(tmp_path, name, sizes, image_size=32, resized_to=40)
    torch.testing.assert_close(data.mean, torch.tensor([0.485, 0.456, 0.406]), rtol=0, atol=0)
    torch.testing.assert_close(data.std, torch.tensor([0.229, 0.224, 0.225]), rtol=0, atol=0)
    assert data.geometry == Geometry(32, "short_side" if name == "imagenet" else "square", 40)
    assert data.unreadable == ()


@pytest.mark.parametrize("name", photo_files.NAMES)
def test_a_set_that_is_not_there_names_the_command_the_place_and_the_variable(name: str, tmp_path: Path) -> None:
    told = refusal(tmp_path, name)
    for part in (f"olsrepro data fetch {name}", str(tmp_path / photo_files.FOLDERS[name]), "OLSREPRO_DATA"):
        assert part in told


@pytest.mark.parametrize("name", ["cub", "flowers", "cars", "aircraft"])
def test_listed_images_that_are_not_there_are_counted_and_the_first_three_named(name: str, tmp_path: Path) -> None:
    sizes = photo_files.write(tmp_path, name)
    data = read(tmp_path, name, sizes)
    gone = [data.train_paths[place] for place in (1, 4, 6)] + [data.test_paths[0]]
    for path in gone:
        (data.root / path).unlink()
    total = sizes.train_size + sizes.test_size
    assert f"{data.root} lacks 4 of the {total} images in its lists: {', '.join(gone[:3])} and 1 more" in refusal(
        tmp_path, name, sizes
    )


def put_first(root: Path, name: str, path: str, part: str = "train") -> None:
    """List ``path``, an image below the folder of the set's images, in the place of the first one of a part."""
    place, folder = {"train": 0, "test": -1}[part], root / photo_files.FOLDERS[name]
    if name == "cub":
        lines = (folder / "images.txt").read_text().splitlines()
        lines[place] = f"{lines[place].split()[0]} {path}"
        (folder / "images.txt").write_text("\n".join(lines))
    elif name == "aircraft":
        file = folder / "data" / f"images_variant_{'trainval' if part == 'train' else part}.txt"
        _, _, rest = file.read_text().partition(" ")
        file.write_text(f"{path.removesuffix('.jpg')} {rest}")
    else:
        found = loadmat(folder / "cars_annos.mat")
        found["annotations"]["relative_im_path"][0, place] = np.array([path])
        savemat(folder / "cars_annos.mat", {key: found[key] for key in ("annotations", "class_names")})


@pytest.mark.parametrize("name", ["cub", "cars", "aircraft"])
def test_lists_that_name_a_file_outside_of_the_folder_are_refused(name: str, tmp_path: Path) -> None:
    sizes = photo_files.write(tmp_path, name)
    (tmp_path / "secret.jpg").write_bytes(photo_files.photograph(0))
    up = {"cub": "../..", "cars": "..", "aircraft": "../../.."}[name]
    put_first(tmp_path, name, f"{up}/secret.jpg")
    told = refusal(tmp_path, name, sizes)
    assert told.startswith(f"the lists in {tmp_path / photo_files.FOLDERS[name]}")
    assert f"name files outside of it: {'' if name == 'cars' else 'images/'}{up}/secret.jpg; " in told
    assert told.endswith("they are not the published ones: unpack them again")


def test_a_list_that_names_a_file_by_its_absolute_path_is_refused(tmp_path: Path) -> None:
    sizes = photo_files.write(tmp_path, "cars")
    (tmp_path / "secret.jpg").write_bytes(photo_files.photograph(0))
    put_first(tmp_path, "cars", str(tmp_path / "secret.jpg"))
    assert f"name files outside of it: {tmp_path / 'secret.jpg'}; " in refusal(tmp_path, "cars", sizes)


@pytest.mark.parametrize(
    ("name", "of"), [("cub", "train"), ("cub", "test"), ("cars", "train"), ("cars", "test"), ("aircraft", "test")]
)
def test_lists_that_name_an_image_twice_are_refused_in_one_part_and_in_both(name: str, of: str, tmp_path: Path) -> None:
    sizes = photo_files.write(tmp_path, name)
    data = read(tmp_path, name, sizes)
    twice = (data.train_paths if of == "train" else data.test_paths)[1]
    put_first(tmp_path, name, twice.removeprefix("images/"))
    uses = {"train": "training and again for training", "test": "training and again for testing"}[of]
    assert f"name images twice: {twice} for {uses}; they are not the published ones" in refusal(tmp_path, name, sizes)


def test_another_spelling_of_a_path_is_the_same_image(tmp_path: Path) -> None:
    photo_files.write(tmp_path, "cub")
    second = read(tmp_path, "cub").train_paths[1].removeprefix("images/")
    put_first(tmp_path, "cub", f"./{second}")
    assert f"name images twice: images/./{second} for training and images/{second} for training" in refusal(
        tmp_path, "cub"
    )


def test_a_set_with_other_sizes_than_its_settings_is_refused(tmp_path: Path) -> None:
    photo_files.write(tmp_path, "cub", test=2)
    told = refusal(tmp_path, "cub")
    assert told.startswith("dataset.name=cub was read with test_size 6 instead of 9: ")
    assert "see `olsrepro data verify cub`), or its config has wrong facts" in told
    assert "num_classes 3 instead of 2" in refusal(tmp_path, "cub", photo_files.Sizes(2, 12, 6))


# ImageNet


def test_imagenet_is_its_folders_in_the_order_of_wnids_and_file_names(tmp_path: Path) -> None:
    photo_files.write(tmp_path, "imagenet")
    data = read(tmp_path, "imagenet")
    expected = sorted(photo_files.photographs_in(tmp_path / "imagenet" / "train"))
    assert [data.root / path for path in data.train_paths] == expected
    assert data.train_paths[1] == "train/n01440764/n01440764_13.JPEG"
    assert data.train_targets.tolist() == [0] * 4 + [1] * 4 + [2] * 4
    assert data.test_paths[3] == "val/n02105855/ILSVRC2012_val_00000002.JPEG"
    assert data.test_targets.tolist() == [0] * 3 + [1] * 3 + [2] * 3


def test_imagenets_class_names_are_those_of_the_list_or_else_the_wnids(tmp_path: Path) -> None:
    photo_files.write(tmp_path, "imagenet")
    assert read(tmp_path, "imagenet").class_names == ("tench", "Shetland sheepdog", "maillot")
    (tmp_path / "imagenet" / "classes.json").unlink()
    assert read(tmp_path, "imagenet").class_names == tuple(photo_files.WNIDS)
    rows = [f"{wnid} {name}, another word\n" for wnid, name in photo_files.WNIDS.items()]
    (tmp_path / "imagenet" / "LOC_synset_mapping.txt").write_text("".join(rows))
    assert read(tmp_path, "imagenet").class_names == ("tench", "Shetland sheepdog", "maillot")


def test_imagenets_folder_may_be_a_link_and_other_files_may_lie_in_it(tmp_path: Path) -> None:
    photo_files.write(tmp_path / "elsewhere", "imagenet")
    (tmp_path / "imagenet").symlink_to(tmp_path / "elsewhere" / "imagenet")
    for file in (".unpacking/x", "train/.unfinished/x", "train/notes.txt", "val/n01440764/.DS_Store"):
        (tmp_path / "imagenet" / file).parent.mkdir(exist_ok=True)
        (tmp_path / "imagenet" / file).touch()
    assert len(read(tmp_path, "imagenet").train_paths) == 12


def test_imagenet_without_a_split_or_class_is_refused_by_name(tmp_path: Path) -> None:
    photo_files.write(tmp_path, "imagenet")
    folder = tmp_path / "imagenet"
    (folder / "val" / "n02105855").rename(folder / "val" / ".away")
    assert f"{folder / 'val'} has no folders for the classes n02105855" in refusal(tmp_path, "imagenet")
    (folder / "classes.json").unlink()
    assert f"{folder / 'val'} has no folders for the classes n02105855" in refusal(tmp_path, "imagenet")
    (folder / "train" / "n02105855").rename(folder / "train" / ".away")
    assert f"{folder / 'train'} has 2 class folders instead of 3" in refusal(tmp_path, "imagenet")
    (folder / "val").rename(folder / "validation")
    assert f"{folder / 'val'} can't be read: No such file" in refusal(tmp_path, "imagenet")


def test_imagenets_stray_and_empty_folders_are_refused_by_name(tmp_path: Path) -> None:
    photo_files.write(tmp_path, "imagenet")
    folder = tmp_path / "imagenet"
    (folder / "train" / "tench").mkdir()
    assert f"{folder / 'train'} has folders that are not classes: tench" in refusal(tmp_path, "imagenet")
    (folder / "train" / "tench").rename(folder / "train" / "n01440765")
    assert "has folders of classes that are not in the list: n01440765" in refusal(tmp_path, "imagenet")
    (folder / "classes.json").unlink()
    (folder / "val" / "n01440765").mkdir()
    told = refusal(tmp_path, "imagenet", photo_files.Sizes(4, 12, 9))
    assert f"{folder / 'train'} has empty folders: n01440765" in told


@pytest.mark.parametrize("content", [b'{"n0144', b'["n01440764"]', b'{"n01440764": 3}', b"[" * 10**5])
def test_a_damaged_list_of_imagenets_classes_is_refused(content: bytes, tmp_path: Path) -> None:
    photo_files.write(tmp_path, "imagenet")
    (tmp_path / "imagenet" / "classes.json").write_bytes(content)
    assert "classes.json: it" in refusal(tmp_path, "imagenet")


def test_other_classes_than_the_lists_are_refused(tmp_path: Path) -> None:
    photo_files.write(tmp_path, "imagenet")
    wnids = dict(zip(["n00000001", "n01440764", "n02105855"], "abc", strict=True))
    (tmp_path / "imagenet" / "classes.json").write_text(json.dumps(wnids))
    assert "has no folders for the classes n00000001" in refusal(tmp_path, "imagenet")


def test_an_image_of_imagenet_in_two_folders_is_refused(tmp_path: Path) -> None:
    photo_files.write(tmp_path, "imagenet")
    folder, image = tmp_path / "imagenet", "ILSVRC2012_val_00000001.JPEG"
    (folder / "val" / "n02105855" / "ILSVRC2012_val_00000002.JPEG").rename(folder / "val" / "n02105855" / image)
    both = f"val/n01440764/{image} for testing and val/n02105855/{image} for testing"
    assert f"{folder} has images twice: {both}; remove what doesn't belong" in refusal(tmp_path, "imagenet")
    (folder / "val" / "n02105855" / image).rename(folder / "train" / "n02105855" / image)
    both = f"train/n02105855/{image} for training and val/n01440764/{image} for testing"
    assert f"{folder} has images twice: {both}; " in refusal(tmp_path, "imagenet")


def test_a_training_image_of_imagenet_in_the_folder_of_another_class_is_refused(tmp_path: Path) -> None:
    photo_files.write(tmp_path, "imagenet")
    folder = tmp_path / "imagenet"
    (folder / "train" / "n01440764" / "n01440764_13.JPEG").rename(folder / "train" / "n02105855" / "n01440764_13.JPEG")
    told = refusal(tmp_path, "imagenet")
    assert "of another class than their names say: train/n02105855/n01440764_13.JPEG; move them" in told


def test_images_of_imagenet_with_names_of_their_own_may_share_them(tmp_path: Path) -> None:
    photo_files.write(tmp_path, "imagenet")
    for place in ("train/n01440764", "train/n02105855", "val/n01440764"):
        first = min((tmp_path / "imagenet" / place).iterdir())
        first.rename(first.with_name("0001.jpg"))
    assert len(read(tmp_path, "imagenet").train_paths) == 12


# CUB


def test_cub_is_in_the_order_of_its_list_and_split_by_its_flags(tmp_path: Path) -> None:
    photo_files.write(tmp_path, "cub")
    data = read(tmp_path, "cub")
    assert data.class_names == photo_files.BIRDS
    assert data.train_paths[4] == "images/002.Laysan_Albatross/Laysan_Albatross_0000_101.jpg"
    assert data.test_paths[8] == "images/003.Sooty_Albatross/Sooty_Albatross_0006_102.jpg"
    for paths, targets in ((data.train_paths, data.train_targets), (data.test_paths, data.test_targets)):
        assert [photo_files.BIRDS.index(path.split("/")[1]) for path in paths] == targets.tolist()


def test_cubs_lists_need_not_be_in_one_order_and_images_may_have_blanks(tmp_path: Path) -> None:
    photo_files.write(tmp_path, "cub")
    before, folder = read(tmp_path, "cub"), tmp_path / "CUB_200_2011"
    for file in ("image_class_labels.txt", "train_test_split.txt"):
        (folder / file).write_text("".join(reversed((folder / file).read_text().splitlines(keepends=True))))
    (folder / before.train_paths[0]).rename(folder / "images" / "a bird.jpg")
    edit(folder / "images.txt", before.train_paths[0].removeprefix("images/"), "a bird.jpg")
    after = read(tmp_path, "cub")
    assert [*after.train_paths] == ["images/a bird.jpg", *list(before.train_paths)[1:]]
    assert [*after.test_paths] == [*before.test_paths]
    assert torch.equal(after.train_targets, before.train_targets)


@pytest.mark.parametrize(
    ("file", "old", "new", "told"),
    [
        ("images.txt", "2 001", "2001", "images.txt, line 2: '2001.Black_footed_Albatross/Black_footed_"),
        ("images.txt", "\n2 ", "\n1 ", "images.txt, line 2: 1 is listed already"),
        ("image_class_labels.txt", "3 1\n", "3 7\n", "image_class_labels.txt, line 3: '7' is not known"),
        ("image_class_labels.txt", "3 1\n", "3 1 1\n", "image_class_labels.txt, line 3: '1 1' is not known"),
        (
            "image_class_labels.txt",
            "3 1\n",
            "99 1\n",
            "image_class_labels.txt, line 3: 99 is not the number of an image",
        ),
        ("train_test_split.txt", "3 1\n", "3 2\n", "train_test_split.txt, line 3: '2' is not known"),
        ("train_test_split.txt", "3 1\n", "\n", "train_test_split.txt: it has no line for image 3"),
    ],
)
def test_a_damaged_list_of_cub_is_named_with_its_line(file: str, old: str, new: str, told: str, tmp_path: Path) -> None:
    photo_files.write(tmp_path, "cub")
    edit(tmp_path / "CUB_200_2011" / file, old, new)
    assert told in refusal(tmp_path, "cub")


def test_a_list_that_is_missing_or_no_text_is_named(tmp_path: Path) -> None:
    photo_files.write(tmp_path, "cub")
    path = tmp_path / "CUB_200_2011" / "classes.txt"
    path.write_bytes(b"1 \xff\xfe\n")
    assert f"{path}: it is not text" in refusal(tmp_path, "cub")
    path.unlink()
    assert f"{path} can't be read: No such file" in refusal(tmp_path, "cub")


# Flowers


def flowers_with(root: Path, train: int, test: int, **lists: list[int]) -> Path:
    """Rewrite ``setid.mat`` of a tiny set with these ids in the place of its own."""
    photo_files.write(root, "flowers", train=train, test=test)
    ids = {"trnid": [1], "valid": [2], "tstid": [3]} | lists
    path = root / "flowers-102" / "setid.mat"
    savemat(path, {name: np.array([values], dtype=np.uint16) for name, values in ids.items()})
    return path


def test_flowers_are_in_the_order_of_the_official_ids_with_labels_from_1(tmp_path: Path) -> None:
    flowers_with(tmp_path, 1, 1, trnid=[7, 2, 9], valid=[1, 5], tstid=[8, 3])
    data = read(tmp_path, "flowers", photo_files.Sizes(3, 3, 2))
    assert [*data.train_paths] == ["jpg/image_00007.jpg", "jpg/image_00002.jpg", "jpg/image_00009.jpg"]
    assert data.train_targets.tolist() == [0, 1, 2]  # the labels of images 1, 2, 3, ... are 1, 2, 3, 1, 2, 3, ...
    assert [*data.test_paths] == ["jpg/image_00008.jpg", "jpg/image_00003.jpg"]
    assert data.test_targets.tolist() == [1, 2]
    assert data.class_names == ("1", "2", "3")


def test_flowers_with_its_validation_images_has_them_after_the_others(tmp_path: Path) -> None:
    flowers_with(tmp_path, 1, 1, trnid=[7, 2, 9], valid=[1, 5], tstid=[8, 3])
    both = read(tmp_path, "flowers", photo_files.Sizes(3, 5, 2), train="trnid+valid")
    assert [*both.train_paths][3:] == ["jpg/image_00001.jpg", "jpg/image_00005.jpg"]
    assert both.train_targets.tolist() == [0, 1, 2, 0, 1]


@pytest.mark.parametrize(("train", "size"), [("trnid", 1020), ("trnid+valid", 2040)])
def test_flowers_has_1020_training_images_or_2040(train: str, size: int) -> None:
    sizes = photo_files.Sizes(102, 1020, 6149)
    assert photo_files.settings("flowers", sizes, train=train).resolved().train_size == size


@pytest.mark.parametrize(
    ("lists", "train", "told"),
    [
        ({"trnid": [7, 2, 7]}, "trnid", "jpg/image_00007.jpg for training and again for training"),
        ({"trnid": [7, 2, 8]}, "trnid", "jpg/image_00008.jpg for training and again for testing"),
        ({"trnid": [7, 2, 1]}, "trnid+valid", "jpg/image_00001.jpg for training and again for training"),
    ],
)
def test_a_flower_that_is_listed_twice_is_refused(
    lists: dict[str, list[int]], train: str, told: str, tmp_path: Path
) -> None:
    flowers_with(tmp_path, 1, 1, **{"valid": [1, 5], "tstid": [8, 3]} | lists)
    assert f"name images twice: {told}; " in refusal(tmp_path, "flowers", train=train)


@pytest.mark.parametrize(("wrong", "told"), [(0, "0 isn't a"), (10, "10 isn't a")])
def test_an_id_of_no_flower_is_refused(wrong: int, told: str, tmp_path: Path) -> None:
    path = flowers_with(tmp_path, 1, 1, trnid=[7, wrong])
    assert f"{path}: {told} whole number from 1 to 9" in refusal(tmp_path, "flowers")


def test_a_damaged_mat_file_is_named(tmp_path: Path) -> None:
    photo_files.write(tmp_path, "flowers")
    path = tmp_path / "flowers-102" / "setid.mat"
    savemat(path, {"trnid": [1, 2]})
    assert f"{path}: it has no tstid" in refusal(tmp_path, "flowers")
    photo_files.truncate(path)
    assert f"{path}: it is not a MATLAB file; it is not the published list" in refusal(tmp_path, "flowers")
    path.write_bytes(b"<!DOCTYPE html>")
    assert f"{path}: it is a web page, not a MATLAB file; " in refusal(tmp_path, "flowers")
    path.unlink()
    assert f"{path} can't be read: No such file" in refusal(tmp_path, "flowers")


# Cars


def test_cars_of_the_authors_packaging_are_split_by_the_test_flag(tmp_path: Path) -> None:
    photo_files.write(tmp_path, "cars")
    data = read(tmp_path, "cars")
    assert [*data.train_paths] == [f"car_ims/{number:06d}.jpg" for number in range(1, 13)]
    assert [*data.test_paths] == [f"car_ims/{number:06d}.jpg" for number in range(13, 22)]
    assert data.train_targets.tolist() == [0, 1, 2] * 4
    assert data.test_targets.tolist() == [0, 1, 2] * 3
    assert data.class_names == photo_files.CARS


def test_cars_of_torchvisions_packaging_are_two_folders(tmp_path: Path) -> None:
    photo_files.write(tmp_path, "cars", packaging="cars_train")
    data = read(tmp_path, "cars", packaging="cars_train")
    assert [*data.train_paths] == [f"cars_train/{number:05d}.jpg" for number in range(1, 13)]
    assert [*data.test_paths] == [f"cars_test/{number:05d}.jpg" for number in range(1, 10)]
    assert data.test_targets.tolist() == [0, 1, 2] * 3
    assert data.class_names == photo_files.CARS


def test_both_packagings_may_lie_side_by_side(tmp_path: Path) -> None:
    for packaging in ("car_ims", "cars_train"):
        photo_files.write(tmp_path, "cars", packaging=packaging)
    assert read(tmp_path, "cars").train_paths[0] == "car_ims/000001.jpg"
    assert read(tmp_path, "cars", packaging="cars_train").train_paths[0] == "cars_train/00001.jpg"


@pytest.mark.parametrize(("there", "asked"), [("car_ims", "cars_train"), ("cars_train", "car_ims")])
def test_where_the_other_packaging_is_there_the_switch_is_told(there: str, asked: str, tmp_path: Path) -> None:
    photo_files.write(tmp_path, "cars", packaging=there)
    assert refusal(tmp_path, "cars", packaging=asked).endswith(f"set dataset.packaging={there}")


def test_annotations_without_a_field_or_with_an_unknown_class_are_refused(tmp_path: Path) -> None:
    photo_files.write(tmp_path, "cars")
    path = tmp_path / "stanford_cars" / "cars_annos.mat"
    rows = np.zeros((1, 2), dtype=[("relative_im_path", object), ("class", object), ("test", object)])
    rows["class"] = [[1, 4]]
    rows["relative_im_path"] = "car_ims/000001.jpg"
    names = np.array([photo_files.CARS], dtype=object)
    savemat(path, {"annotations": rows, "class_names": names})
    assert f"{path}: 4 isn't a whole number from 1 to 3" in refusal(tmp_path, "cars")
    nameless = np.zeros((1, 2), dtype=[("class", object), ("test", object)])
    savemat(path, {"annotations": nameless, "class_names": names})
    assert f"{path}: its annotations have no relative_im_path" in refusal(tmp_path, "cars")


# Aircraft


def test_the_authors_90_are_the_first_words_of_the_official_100() -> None:
    words = [first_word(variant) for variant in VARIANTS.split("|")]
    labels = list(dict.fromkeys(words))
    assert (len(words), len(labels)) == (100, 90)
    merged = {place: words.count(word) for place, word in enumerate(labels) if words.count(word) > 1}
    assert merged == {37: 2, 46: 4, 64: 2, 69: 2, 70: 3, 72: 2, 84: 2}  # as counted in the authors' lists
    assert [labels[place] for place in merged] == ["BAE", "Cessna", "ERJ", "Falcon", "Fokker", "Gulfstream", "Saab"]


def test_aircraft_of_the_authors_merge_variants_of_one_first_word(tmp_path: Path) -> None:
    sizes = photo_files.write(tmp_path, "aircraft")
    data = read(tmp_path, "aircraft", sizes)
    assert data.class_names == ("707-320", "BAE", "DC-10")
    assert data.train_targets.tolist() == [0, 1, 1, 2] * 4
    assert data.test_targets.tolist() == [0, 1, 1, 2] * 3
    assert [*data.train_paths][:2] == ["images/1025794.jpg", "images/1025801.jpg"]
    assert data.root == tmp_path / "fgvc-aircraft-2013b" / "data"


def test_aircraft_of_the_official_labels_are_their_variants(tmp_path: Path) -> None:
    sizes = photo_files.write(tmp_path, "aircraft")
    data = read(tmp_path, "aircraft", sizes, labels="official_100", num_classes=4)
    assert data.class_names == photo_files.VARIANTS
    assert data.train_targets.tolist() == [0, 1, 2, 3] * 4


@pytest.mark.parametrize(("labels", "count"), [("authors_90", 90), ("official_100", 100)])
def test_aircraft_has_90_classes_or_100(labels: str, count: int) -> None:
    sizes = photo_files.Sizes(90, 6667, 3333)
    assert photo_files.settings("aircraft", sizes, labels=labels).resolved().num_classes == count


def test_an_aircraft_of_no_variant_is_named_with_its_line(tmp_path: Path) -> None:
    sizes = photo_files.write(tmp_path, "aircraft")
    path = tmp_path / "fgvc-aircraft-2013b" / "data" / "images_variant_trainval.txt"
    edit(path, "BAE 146-300", "BAE 146-900")
    assert f"{path}, line 3: 'BAE 146-900' is not known" in refusal(tmp_path, "aircraft", sizes)


def test_a_byte_order_mark_before_a_list_is_no_part_of_its_first_entry(tmp_path: Path) -> None:
    photo_files.write(tmp_path, "cub")
    before = read(tmp_path, "cub")
    for path in (tmp_path / "CUB_200_2011").glob("*.txt"):
        path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes())
    assert [*read(tmp_path, "cub").train_paths] == [*before.train_paths]


def test_a_lack_of_memory_is_no_damage_to_a_mat_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def out_of_memory(*_: object, **__: object) -> None:
        raise MemoryError

    photo_files.write(tmp_path, "flowers")
    monkeypatch.setattr("scipy.io.loadmat", out_of_memory)
    with pytest.raises(MemoryError):
        read(tmp_path, "flowers")


def test_a_byte_order_mark_before_the_names_of_classes_is_no_part_of_them(tmp_path: Path) -> None:
    sizes = photo_files.write(tmp_path, "imagenet")
    names = {wnid: f"name of {wnid}" for wnid in photo_files.WNIDS}
    (tmp_path / "imagenet/classes.json").write_bytes(b"\xef\xbb\xbf" + json.dumps(names).encode())
    assert read(tmp_path, "imagenet", sizes).class_names == tuple(names[wnid] for wnid in sorted(names))
    (tmp_path / "imagenet/classes.json").write_bytes(b"{'single': 'quotes'}")
    why = "it can't be read (it is no JSON from line 1, column 2 on); it is not the published list"
    assert f"classes.json: {why}" in refusal(tmp_path, "imagenet", sizes)


@pytest.mark.parametrize("named", ["._a.jpg", "__MACOSX/a.jpg", ".hidden/a.jpg", "Thumbs.db"])
def test_lists_that_name_what_systems_leave_beside_images_are_refused(named: str, tmp_path: Path) -> None:
    sizes = photo_files.write(tmp_path, "cub")
    put_first(tmp_path, "cub", named)
    told = f"name files that are no images: images/{named}; they are not the published ones"
    assert told in refusal(tmp_path, "cub", sizes)


def test_what_systems_leave_beside_images_is_passed_over(tmp_path: Path) -> None:
    sizes = photo_files.write(tmp_path, "imagenet")
    before = read(tmp_path, "imagenet", sizes)
    train = before.root / "train"
    for name in ("__MACOSX", "lost+found", "@eaDir", ".cache"):
        (train / name).mkdir()
    first = before.root / before.train_paths[0]
    first.with_name(f"._{first.name}").write_bytes(b"AppleDouble")
    (first.parent / "@eaDir").mkdir()
    assert [*read(tmp_path, "imagenet", sizes).train_paths] == [*before.train_paths]
