"""Tiny sets of photographs in the official layouts, as folders and as the archives that they come in."""

from __future__ import annotations

import io
import json
import tarfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from scipy.io import savemat

from olsrepro.data.datasets.settings import PhotoSettings, dataset_class

NAMES = ("imagenet", "cub", "flowers", "cars", "aircraft")
FOLDERS = {
    "imagenet": "imagenet",
    "cub": "CUB_200_2011",
    "flowers": "flowers-102",
    "cars": "stanford_cars",
    "aircraft": "fgvc-aircraft-2013b",
}
WNIDS = {"n01440764": "tench", "n02105855": "Shetland sheepdog", "n03710637": "maillot"}
BIRDS = ("001.Black_footed_Albatross", "002.Laysan_Albatross", "003.Sooty_Albatross")
CARS = ("AM General Hummer SUV 2000", "Acura RL Sedan 2012", "Ram C/V Cargo Van Minivan 2012")
VARIANTS = ("707-320", "BAE 146-200", "BAE 146-300", "DC-10")  # the middle two share a first word
CLASSES = 3  # of every set here; of Aircraft as its authors' lists count them

KINDS = ("wide", "tall", "small", "grey", "cmyk", "png", "large")
_SIDES = {"wide": (320, 240), "tall": (240, 330), "small": (90, 70), "large": (300, 300)}  # width, height in pixels
_MODES = {"grey": "L", "cmyk": "CMYK"}


@dataclass(frozen=True)
class Sizes:
    """How many classes and images a tiny set has."""

    num_classes: int
    train_size: int
    test_size: int


def write(root: Path, name: str, *, train: int = 4, test: int = 3, packaging: str = "car_ims") -> Sizes:
    """Write a tiny set below ``root``, of so many images a class (of a variant, for Aircraft).

    Flowers has ``train`` images a class in each of ``trnid`` and ``valid``; ``packaging`` is that of Cars.
    """
    folder = root / FOLDERS[name]
    if name == "cars":
        {"car_ims": _write_car_ims, "cars_train": _write_cars_train}[packaging](folder, train, test)
    else:
        {"imagenet": _write_imagenet, "cub": _write_cub, "flowers": _write_flowers, "aircraft": _write_aircraft}[name](
            folder, train, test
        )
    groups = len(VARIANTS) if name == "aircraft" else CLASSES
    return Sizes(CLASSES, groups * train, groups * test)


def settings(name: str, sizes: Sizes, **changes: Any) -> PhotoSettings:
    """The settings that a set of these sizes agrees with; the changes are fields, such as ``image_size=32``."""
    resize = "short_side" if name == "imagenet" else "square"
    values = {"name": name, "image_size": 224, "resize": resize, "resized_to": 256, **vars(sizes)} | changes
    made = dataset_class(name)(**values)
    assert isinstance(made, PhotoSettings)
    return made


@cache
def photograph(number: int, kind: str | None = None) -> bytes:
    """An image file with pixels of its own, of the kinds in turn or of one: JPEG, but for ``png``."""
    kind = kind or KINDS[number % len(KINDS)]
    coarse = np.random.default_rng(number).integers(0, 256, (6, 8, 3), dtype=np.uint8)
    image = Image.fromarray(coarse).resize(_SIDES.get(kind, (260, 200)), Image.Resampling.BICUBIC)
    file = io.BytesIO()
    image.convert(_MODES.get(kind, "RGB")).save(file, "PNG" if kind == "png" else "JPEG")
    return file.getvalue()


def truncate(path: Path) -> None:
    """Keep the first half of a file."""
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def photographs_in(folder: Path) -> list[Path]:
    """Every image file below a folder, sorted."""
    return sorted(path for path in folder.rglob("*") if path.suffix in (".jpg", ".JPEG"))


def pack(root: Path, name: str, into: Path, *, packaging: str = "car_ims") -> list[Path]:
    """The archives, and the loose files, that a set written below ``root`` comes in, of their official names."""
    into.mkdir(parents=True, exist_ok=True)
    folder = root / FOLDERS[name]
    if name == "imagenet":
        return _pack_imagenet(folder, into)
    if name == "cub":
        return [_tar(into / "CUB_200_2011.tgz", root, [FOLDERS[name]])]
    if name == "aircraft":
        return [_tar(into / "fgvc-aircraft-2013b.tar.gz", root, [FOLDERS[name]])]
    if name == "flowers":
        loose = [_copy(folder / file, into) for file in ("imagelabels.mat", "setid.mat")]
        return [_tar(into / "102flowers.tgz", folder, ["jpg"]), *loose]
    if packaging == "car_ims":
        return [_tar(into / "car_ims.tgz", folder, ["car_ims"]), _copy(folder / "cars_annos.mat", into)]
    parts = {"cars_train.tgz": "cars_train", "cars_test.tgz": "cars_test", "car_devkit.tgz": "devkit"}
    tars = [_tar(into / archive, folder, [part]) for archive, part in parts.items()]
    return [*tars, _copy(folder / "cars_test_annos_withlabels.mat", into)]


def _interleaved(groups: int, each: int) -> Iterator[int]:
    """The group of each of ``groups · each`` items, round about, so that files aren't sorted by class."""
    return (number % groups for number in range(groups * each))


def _put(path: Path, number: int) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(photograph(number))


def _write_imagenet(folder: Path, train: int, test: int) -> None:
    wnids = list(WNIDS)
    for number, group in enumerate(_interleaved(CLASSES, train)):
        blank = " (copy)" if number == 0 else ""  # no official name has blanks; one of somebody's copy may
        _put(folder / "train" / wnids[group] / f"{wnids[group]}_{10 + number}{blank}.JPEG", number)
    for number, group in enumerate(_interleaved(CLASSES, test)):
        _put(folder / "val" / wnids[group] / f"ILSVRC2012_val_{number + 1:08d}.JPEG", 1000 + number)
    (folder / "classes.json").write_text(json.dumps(WNIDS))


def _write_cub(folder: Path, train: int, test: int) -> None:
    is_train = [1] * train + [0] * test
    rows = [(bird, place, flag) for bird in range(CLASSES) for place, flag in enumerate(is_train)]
    paths = [f"{BIRDS[bird]}/{BIRDS[bird][4:]}_{place:04d}_{100 + bird}.jpg" for bird, place, _ in rows]
    for number, path in enumerate(paths):
        _put(folder / "images" / path, number)
    lists: dict[str, Sequence[object]] = {
        "images.txt": paths,
        "image_class_labels.txt": [bird + 1 for bird, *_ in rows],
        "train_test_split.txt": [flag for *_, flag in rows],
        "classes.txt": BIRDS,
    }
    for file, values in lists.items():
        (folder / file).write_text("".join(f"{place} {value}\n" for place, value in enumerate(values, 1)))


def _write_flowers(folder: Path, train: int, test: int) -> None:
    count = CLASSES * (2 * train + test)
    labels = np.array([1 + group for group in _interleaved(CLASSES, 2 * train + test)])
    for number in range(count):
        _put(folder / "jpg" / f"image_{number + 1:05d}.jpg", number)
    ids = np.arange(count, 0, -1)  # falling, as no list of file names is
    parts = np.split(ids, [CLASSES * train, 2 * CLASSES * train])
    savemat(folder / "imagelabels.mat", {"labels": labels[None].astype(np.uint8)})
    names = ("trnid", "valid", "tstid")
    savemat(folder / "setid.mat", {name: part[None].astype(np.uint16) for name, part in zip(names, parts, strict=True)})


def _annotations(**columns: Sequence[Any]) -> np.ndarray[Any, Any]:
    """MATLAB's array of structures, 1 x N, with a box that nobody reads."""
    count = len(next(iter(columns.values())))
    boxes = {f"bbox_{side}": [1] * count for side in ("x1", "y1", "x2", "y2")}
    rows = np.empty((1, count), dtype=[(name, object) for name in (*boxes, *columns)])
    for name, values in (boxes | columns).items():
        rows[name][0] = values
    return rows


def _class_names() -> np.ndarray[Any, Any]:
    return np.array([CARS], dtype=object)


def _write_car_ims(folder: Path, train: int, test: int) -> None:
    groups = list(_interleaved(CLASSES, train + test))
    paths = [f"car_ims/{number:06d}.jpg" for number in range(1, len(groups) + 1)]
    for number, path in enumerate(paths):
        _put(folder / path, number)
    rows = _annotations(
        relative_im_path=paths,
        **{"class": [group + 1 for group in groups], "test": [int(n >= CLASSES * train) for n in range(len(groups))]},
    )
    savemat(folder / "cars_annos.mat", {"annotations": rows, "class_names": _class_names()})


def _write_cars_train(folder: Path, train: int, test: int) -> None:
    (folder / "devkit").mkdir(parents=True)
    savemat(folder / "devkit" / "cars_meta.mat", {"class_names": _class_names()})
    places = {
        "cars_train": (train, folder / "devkit" / "cars_train_annos.mat"),
        "cars_test": (test, folder / "cars_test_annos_withlabels.mat"),
    }
    for part, (each, file) in places.items():
        groups = list(_interleaved(CLASSES, each))
        names = [f"{number:05d}.jpg" for number in range(1, len(groups) + 1)]
        for number, name in enumerate(names):
            _put(folder / part / name, number + 1000 * (part == "cars_test"))
        savemat(file, {"annotations": _annotations(**{"class": [group + 1 for group in groups], "fname": names})})


def _write_aircraft(folder: Path, train: int, test: int) -> None:
    data = folder / "data"
    first = 1025794
    for file, each in (("images_variant_trainval.txt", train), ("images_variant_test.txt", test)):
        groups = list(_interleaved(len(VARIANTS), each))
        ids = [first + 7 * number for number in range(len(groups))]
        for number in ids:
            _put(data / "images" / f"{number}.jpg", number)
        (data / file).write_text("".join(f"{n:07d} {VARIANTS[group]}\n" for n, group in zip(ids, groups, strict=True)))
        first += 7 * len(groups)
    (data / "variants.txt").write_text("".join(f"{variant}\n" for variant in VARIANTS))


def _tar(archive: Path, folder: Path, members: Sequence[str]) -> Path:
    with tarfile.open(archive, "w" if archive.suffix == ".tar" else "w:gz") as file:
        for member in members:
            file.add(folder / member, member)
    return archive


def _copy(path: Path, into: Path) -> Path:
    (into / path.name).write_bytes(path.read_bytes())
    return into / path.name


def _pack_imagenet(folder: Path, into: Path) -> list[Path]:
    """The training tar of one tar a class, the flat validation tar, and the devkit that says what is in it."""
    inner = {wnid: sorted(path.name for path in (folder / "train" / wnid).iterdir()) for wnid in WNIDS}
    with tarfile.open(into / "ILSVRC2012_img_train.tar", "w") as file:
        for wnid, members in inner.items():
            _add(file, f"{wnid}.tar", _tar(into / f"{wnid}.tar", folder / "train" / wnid, members).read_bytes())
            (into / f"{wnid}.tar").unlink()
    val = sorted((folder / "val").rglob("*.JPEG"), key=lambda path: path.name)
    with tarfile.open(into / "ILSVRC2012_img_val.tar", "w") as file:
        for path in val:
            file.add(path, path.name)
    devkit = _devkit(into / "ILSVRC2012_devkit_t12.tar.gz", [path.parent.name for path in val])
    return [into / "ILSVRC2012_img_train.tar", into / "ILSVRC2012_img_val.tar", devkit]


def _devkit(archive: Path, val_wnids: Sequence[str]) -> Path:
    """Its classes' numbers fall where their wnids rise; the last synset is no leaf, so it is no class."""
    wnids = [*WNIDS, "n00001740"]
    numbers = [len(WNIDS) - place for place in range(len(WNIDS))] + [len(WNIDS) + 1]
    fields = ["ILSVRC2012_ID", "WNID", "words", "gloss", "num_children", "children", "wordnet_height"]
    synsets = np.empty((len(wnids), 1), dtype=[(name, object) for name in fields])
    for place, (wnid, number) in enumerate(sorted(zip(wnids, numbers, strict=True), key=lambda pair: pair[1])):
        is_leaf = wnid in WNIDS
        words = f"{WNIDS[wnid]}, another word for it" if is_leaf else "entity"
        synsets[place, 0] = (number, wnid, words, "a gloss", 0 if is_leaf else 2, [] if is_leaf else [1, 2], 0)
    meta = io.BytesIO()
    savemat(meta, {"synsets": synsets})
    number_of = dict(zip(wnids, numbers, strict=True))
    truth = "".join(f"{number_of[wnid]}\n" for wnid in val_wnids)
    with tarfile.open(archive, "w:gz") as file:
        _add(file, "ILSVRC2012_devkit_t12/data/meta.mat", meta.getvalue())
        _add(file, "ILSVRC2012_devkit_t12/data/ILSVRC2012_validation_ground_truth.txt", truth.encode())
    return archive


def _add(file: tarfile.TarFile, name: str, content: bytes) -> None:
    item = tarfile.TarInfo(name)
    item.size = len(content)
    file.addfile(item, io.BytesIO(content))
