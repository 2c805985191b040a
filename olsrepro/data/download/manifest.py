"""Source of each data set: archives, checksums, licences, layout. No torch here."""

from __future__ import annotations

import os
from pathlib import Path

from olsrepro.checks import did_you_mean
from olsrepro.data.download.photo_sources import PHOTO_SOURCES
from olsrepro.data.download.source import Archive, LabelFile, Source
from olsrepro.data.stand_in import DIGITS, LEAST_SIDE
from olsrepro.settings import UserError

ROOT_VARIABLE = "OLSREPRO_DATA"


_CIFAR_URL = "https://www.cs.toronto.edu/~kriz"
_CIFAR_LICENCE = "no licence is stated by its author (A. Krizhevsky, 2009); fetched from him for your own use"

_DIGITS_LICENCE = "UCI Optical Recognition of Handwritten Digits, CC BY 4.0; inside scikit-learn"


def _cifar_archive(file: str, md5: str, folder: str) -> Archive:
    return Archive(file, md5, (f"{_CIFAR_URL}/{file}",), inside=folder)


def _stand_in(name: str, num_classes: int) -> Source:
    """Describe some of the digits' classes, over five so that a top-5 error can be made, and few of their images."""
    return Source(DIGITS + name, num_classes, 600, 200, LEAST_SIDE, _DIGITS_LICENCE)


# Sums of the archives and of all files: torchvision.datasets.cifar.
SOURCES = {
    source.name: source
    for source in (
        Source(
            name="cifar10",
            num_classes=10,
            train_size=50_000,
            test_size=10_000,
            image_size=32,
            licence=_CIFAR_LICENCE,
            archives=(
                _cifar_archive("cifar-10-python.tar.gz", "c58f30108f718f92721af3b95e74349a", "cifar-10-batches-py"),
            ),
            folder="cifar-10-batches-py",
            files=(
                ("data_batch_1", "c99cafc152244af753f735de768cd75f"),
                ("data_batch_2", "d4bba439e000b95fd0a9bffe97cbabec"),
                ("data_batch_3", "54ebc095f3ab1f0389bbae665268c751"),
                ("data_batch_4", "634d18415352ddfa80567beed471001a"),
                ("data_batch_5", "482c414d41f54cd18b22e5b47cb7c3cb"),
                ("test_batch", "40351d587109b95175f43aff81a1287e"),
                ("batches.meta", "5ff9c542aee3614f3951f8cda6e48888"),
            ),
        ),
        Source(
            name="cifar100",
            num_classes=100,
            train_size=50_000,
            test_size=10_000,
            image_size=32,
            licence=_CIFAR_LICENCE,
            archives=(
                _cifar_archive("cifar-100-python.tar.gz", "eb9058c3a382ffc7106e4002c42a8d85", "cifar-100-python"),
            ),
            folder="cifar-100-python",
            files=(
                ("train", "16019d7e3df5f24257cddd939b257f8d"),
                ("test", "f0ef6b0ae62326f3e7ffdfab6717acfc"),
                ("meta", "7973b15100ade9c7d40fb424638fde48"),
            ),
        ),
        Source(
            name="digits",
            num_classes=10,
            train_size=1437,
            test_size=360,
            image_size=8,
            licence=_DIGITS_LICENCE,
        ),
        *PHOTO_SOURCES,
        _stand_in("cifar10", 10),
        _stand_in("cifar100", 9),
        _stand_in("imagenet", 8),
        _stand_in("cub", 8),
        _stand_in("flowers", 7),
        _stand_in("cars", 7),
        _stand_in("aircraft", 6),
        Source(
            name="shapes@voc",
            num_classes=6,
            train_size=1000,
            test_size=80,
            image_size=128,
            licence="drawn by this package when it is first read",
            folder="shapes@voc",
            origin="olsrepro",
        ),
    )
}


# Peterson et al. 2019. The path's commit is the only one of this file; the SHA-256 is our own, of the file there.
_CIFAR10H = "jcpeterson/cifar-10h"
_CIFAR10H_PATH = "597cbc5f07266c9405b830ee4a53463539124c4f/data/cifar10h-probs.npy"

LABEL_FILES = {
    item.name: item
    for item in (
        LabelFile(
            name="cifar10h",
            dataset="cifar10",
            num_classes=10,
            test_size=10_000,
            licence="CC BY-NC-SA 4.0 (non-commercial; cite Peterson et al., ICCV 2019)",
            urls=(
                f"https://raw.githubusercontent.com/{_CIFAR10H}/{_CIFAR10H_PATH}",
                f"https://github.com/{_CIFAR10H}/raw/{_CIFAR10H_PATH}",
            ),
            sha256="436ae98620e00073f9d08585ac870573b588853e7af9f54eb1647408114af77d",
            place="cifar10h-probs.npy",
        ),
    )
}


def source_of(name: str) -> Source:
    """Look up where a data set comes from.

    Raises:
        UserError: no such data set; the message has the nearest names.
    """
    if name not in SOURCES:
        raise UserError(f"data set {name} is not known; {did_you_mean(name, SOURCES)}")
    return SOURCES[name]


def published(name: str) -> Source | LabelFile:
    """Look up what is fetched by this name: a data set, or a file of labels.

    Raises:
        UserError: no such name; the message has the nearest.
    """
    if name in LABEL_FILES:
        return LABEL_FILES[name]
    if name not in SOURCES:
        raise UserError(f"data set {name} is not known; {did_you_mean(name, [*SOURCES, *LABEL_FILES])}")
    return SOURCES[name]


def default_root() -> Path:
    """Return the root of all data sets: environment variable ``OLSREPRO_DATA``, else ``data`` in the current folder."""
    return Path(os.environ.get(ROOT_VARIABLE) or "data")
