"""Reading CIFAR: the arrays as they are published, and nothing from a file that isn't."""

from __future__ import annotations

import os
import pickle
import warnings
from pathlib import Path
from typing import Any

import cifar_files
import numpy as np
import pytest
import torch

from olsrepro.data.download.manifest import ROOT_VARIABLE, SOURCES
from olsrepro.data.registry import read_dataset
from olsrepro.data.settings import DatasetSettings
from olsrepro.settings import UserError

TINY = {
    "cifar10": DatasetSettings("cifar10", 10, 100, 20, 32),
    "cifar100": DatasetSettings("cifar100", 100, 20, 20, 32),
}
FULL = {
    "cifar10": DatasetSettings("cifar10", 10, 50_000, 10_000, 32),
    "cifar100": DatasetSettings("cifar100", 100, 50_000, 10_000, 32),
}


@pytest.mark.parametrize("protocol", [3, 4])
@pytest.mark.parametrize("name", ["cifar10", "cifar100"])
def test_files_in_torchvisions_layout(
    name: str, protocol: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    content = cifar_files.write(tmp_path, name, protocol)
    cifar_files.trust(monkeypatch, tmp_path, name)
    data = read_dataset(TINY[name], tmp_path)
    train, test, _, targets, _ = cifar_files.LAYOUT[name]
    images = np.concatenate([content[file]["data"] for file in train]).reshape(-1, 3, 32, 32)
    assert torch.equal(data.train_images, torch.from_numpy(images))
    assert data.train_targets.tolist() == [target for file in train for target in content[file][targets]]
    assert data.test_targets.tolist() == content[test[0]][targets]
    assert data.class_names[1] == "class 1"
    assert data.train_targets.dtype == torch.int64


def test_both_sets_have_the_constants_of_cifar10(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, settings in TINY.items():
        cifar_files.write(tmp_path, name)
        cifar_files.trust(monkeypatch, tmp_path, name)
        data = read_dataset(settings, tmp_path)
        assert torch.equal(data.mean, torch.tensor([125.3 / 255, 123.0 / 255, 113.9 / 255]))
        assert torch.equal(data.std, torch.tensor([63.0 / 255, 62.1 / 255, 66.7 / 255]))


def test_missing_files_name_the_command_and_the_place(tmp_path: Path) -> None:
    with pytest.raises(UserError) as raised:
        read_dataset(FULL["cifar100"], tmp_path)
    for part in ("olsrepro data fetch cifar100", str(tmp_path / "cifar-100-python"), ROOT_VARIABLE):
        assert part in str(raised.value)
    assert "\n" not in str(raised.value)


def test_truncated_file_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cifar_files.write(tmp_path, "cifar10")
    cifar_files.trust(monkeypatch, tmp_path, "cifar10")
    path = tmp_path / "cifar-10-batches-py" / "data_batch_3"
    path.write_bytes(path.read_bytes()[:-100])
    expected = dict(SOURCES["cifar10"].files)["data_batch_3"]
    with pytest.raises(UserError, match=f"data_batch_3 is not the published file: MD5 .*expected {expected}.*fetch"):
        read_dataset(TINY["cifar10"], tmp_path)


def test_a_broken_pickle_with_the_right_sum_is_a_users_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cifar_files.write(tmp_path, "cifar100")
    path = tmp_path / "cifar-100-python" / "train"
    path.write_bytes(path.read_bytes()[:-100])
    cifar_files.trust(monkeypatch, tmp_path, "cifar100")
    with pytest.raises(UserError, match=r"train is refused: it is no pickle of arrays, numbers and names$"):
        read_dataset(TINY["cifar100"], tmp_path)


def test_a_lack_of_memory_is_no_damage_to_a_pickle(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cifar_files.write(tmp_path, "cifar100")
    cifar_files.trust(monkeypatch, tmp_path, "cifar100")
    monkeypatch.setattr("olsrepro.data.datasets.cifar._dtype", out_of_memory)
    with pytest.raises(MemoryError):
        read_dataset(TINY["cifar100"], tmp_path)


def out_of_memory(*_: object, **__: object) -> None:
    raise MemoryError


class Malicious:
    """Unpickling it runs a command."""

    def __init__(self, command: str) -> None:
        self.command = command

    def __reduce__(self) -> tuple[Any, ...]:
        return os.system, (self.command,)


def test_a_malicious_pickle_runs_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cifar_files.write(tmp_path, "cifar100")
    marker = tmp_path / "marker"
    path = tmp_path / "cifar-100-python" / "train"
    path.write_bytes(pickle.dumps({"data": Malicious(f"touch {marker}"), "fine_labels": []}))
    cifar_files.trust(monkeypatch, tmp_path, "cifar100")
    with pytest.raises(UserError, match=r"train is refused: it asks for (posix|nt)\.system"):
        read_dataset(TINY["cifar100"], tmp_path)
    assert not marker.exists()


@pytest.mark.parametrize("name", ["cifar10", "cifar100"])
def test_published_files_read_as_torchvision_reads_them(name: str, real_data: Path) -> None:
    if not (real_data / SOURCES[name].folder).is_dir():
        pytest.skip(f"the real CIFAR files: no {SOURCES[name].folder}")
    from torchvision import datasets

    data = read_dataset(FULL[name], real_data)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torchvision unpickles with what NumPy 2.4 deprecates
        reader = {"cifar10": datasets.CIFAR10, "cifar100": datasets.CIFAR100}[name]
        train, test = reader(str(real_data), train=True), reader(str(real_data), train=False)
    for images, targets, theirs in (
        (data.train_images, data.train_targets, train),
        (data.test_images, data.test_targets, test),
    ):
        assert np.array_equal(images.permute(0, 2, 3, 1).numpy(), theirs.data)
        assert targets.tolist() == theirs.targets
    assert list(data.class_names) == train.classes


@pytest.mark.parametrize("name", ["cifar10", "cifar100"])
def test_sums_are_torchvisions(name: str) -> None:
    from torchvision import datasets

    theirs = {"cifar10": datasets.CIFAR10, "cifar100": datasets.CIFAR100}[name]
    source = SOURCES[name]
    files = dict([*theirs.train_list, *theirs.test_list])
    assert dict(source.files) == files | {theirs.meta["filename"]: theirs.meta["md5"]}
    (archive,) = source.archives
    assert (archive.md5, source.folder, archive.file) == (theirs.tgz_md5, theirs.base_folder, theirs.filename)
    assert archive.urls[0] == theirs.url
