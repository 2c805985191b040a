"""Noise from a file of labels: the formats, what is refused, and what a run id and a record have of it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from quick_composer import composed

from olsrepro.data.noise.file.settings import Settings as NoiseFile
from olsrepro.data.noise.noisy_labels import labels_sha256, noisy_targets
from olsrepro.data.noise.settings import NoiseSettings
from olsrepro.launch.inputs.classification import noise_fields
from olsrepro.settings import UserError
from olsrepro.store.identity import canonical, run_id

TRUE = torch.arange(1000) % 10
GIVEN = torch.where(torch.arange(1000) % 5 == 0, (TRUE + 3) % 10, TRUE)


def human(path: Path, **changes: Any) -> None:
    """A file as CIFAR-N's are: NumPy arrays by name, saved by torch."""
    torch.save({"clean_label": TRUE.numpy(), "noisy_label": GIVEN.numpy(), "aggre_label": TRUE.numpy()} | changes, path)


def npy(path: Path) -> None:
    np.save(path, GIVEN.numpy())


DIGITS_TRUE, DIGITS_GIVEN = (labels.repeat(2)[:1437] for labels in (TRUE, GIVEN))
"""As many as the digits' training images, for runs that are composed."""


def fitting(path: Path) -> None:
    np.save(path, DIGITS_GIVEN.numpy())


def fitting_human(path: Path) -> None:
    given, true = DIGITS_GIVEN.numpy(), DIGITS_TRUE.numpy()
    human(path, clean_label=true, noisy_label=given, aggre_label=true)


def listed(path: Path) -> None:
    path.write_text(json.dumps(GIVEN.tolist()))


def named(path: Path) -> None:
    path.write_text(json.dumps({"mine": GIVEN.tolist()}))


FORMATS: dict[str, tuple[Callable[[Path], None], str | None]] = {
    "human.pt": (human, "noisy_label"),
    "tensors.pt": (lambda path: torch.save({"a": GIVEN, "b": TRUE}, path), "a"),
    "tensor.pt": (lambda path: torch.save(GIVEN.int(), path), None),
    "list.pt": (lambda path: torch.save(GIVEN.tolist(), path), None),
    "column.npy": (lambda path: np.save(path, GIVEN.numpy()[:, None]), None),
    "bytes.npy": (lambda path: np.save(path, GIVEN.numpy().astype(np.uint8)), None),
    "dividemix.json": (listed, None),
    "object.json": (named, "mine"),
}


def noise_of(path: Path, key: str | None = None) -> NoiseSettings:
    return NoiseFile(path=str(path), key=key).resolved(run_seed=0)


def refusal(path: Path, key: str | None = None) -> str:
    with pytest.raises(UserError) as refused:
        noisy_targets(TRUE, 10, noise_of(path, key), 0)
    assert str(refused.value).startswith(f"noise.path={path}")
    return str(refused.value)


@pytest.mark.parametrize("name", FORMATS)
def test_labels_are_read_from_every_format(name: str, tmp_path: Path) -> None:
    write, key = FORMATS[name]
    write(tmp_path / name)
    noisy = noisy_targets(TRUE, 10, noise_of(tmp_path / name, key), 0)
    assert torch.equal(noisy.targets, GIVEN)
    assert noisy.targets.dtype == torch.int64
    assert torch.equal(noisy.flipped, GIVEN != TRUE)
    assert (noisy.rate, noisy.sha256, noisy.warning) == (0.2, labels_sha256(GIVEN), None)


def test_arrays_that_an_older_numpy_pickled_are_read(tmp_path: Path) -> None:
    path = tmp_path / "old.pt"
    torch.save({"noisy_label": GIVEN.numpy()}, path, _use_new_zipfile_serialization=False)
    path.write_bytes(path.read_bytes().replace(b"numpy._core.multiarray", b"numpy.core.multiarray"))
    assert torch.equal(noisy_targets(TRUE, 10, noise_of(path, "noisy_label"), 0).targets, GIVEN)


def test_a_clean_set_keeps_its_true_labels(tmp_path: Path) -> None:
    npy(tmp_path / "labels.npy")
    noisy = noisy_targets(TRUE, 10, noise_of(tmp_path / "labels.npy"), 0, torch.tensor([0, 1]))
    assert noisy.targets[0] == TRUE[0] != GIVEN[0]
    assert torch.equal(noisy.targets[2:], GIVEN[2:])
    assert noisy.rate == 199 / 998


# --- what is refused --------------------------------------------------------------------------------------------------


def test_another_length_is_refused_with_the_numbers(tmp_path: Path) -> None:
    np.save(tmp_path / "short.npy", GIVEN.numpy()[:-1])
    assert "it has 999 labels, and the data set has 1000 training images" in refusal(tmp_path / "short.npy")


def test_true_labels_in_another_order_are_refused_with_the_numbers(tmp_path: Path) -> None:
    human(tmp_path / "human.pt", clean_label=TRUE.roll(1).numpy())
    told = refusal(tmp_path / "human.pt", "noisy_label")
    assert "differs from the data set's true labels at 1000 of 1000 images" in told
    assert "first at index 0 (9 instead of 0): its images are in another order" in told


def test_two_swapped_images_are_enough(tmp_path: Path) -> None:
    human(tmp_path / "human.pt", clean_label=TRUE[torch.tensor([0, 2, 1, *range(3, 1000)])].numpy())
    assert "at 2 of 1000 images, first at index 1 (2 instead of 1)" in refusal(tmp_path / "human.pt", "noisy_label")


def test_labels_without_true_ones_that_look_shuffled_warn(tmp_path: Path) -> None:
    shuffled = GIVEN[torch.randperm(1000, generator=torch.Generator().manual_seed(0))]
    np.save(tmp_path / "shuffled.npy", shuffled.numpy())
    warning = noisy_targets(TRUE, 10, noise_of(tmp_path / "shuffled.npy"), 0).warning
    assert warning is not None
    assert "10.0% would be in a random order" in warning


@pytest.mark.parametrize(("wrong", "told"), [(10, "label 10 at index 4"), (-1, "label -1 at index 4")])
def test_a_class_that_the_data_set_lacks_is_refused(wrong: int, told: str, tmp_path: Path) -> None:
    labels = GIVEN.clone()
    labels[4] = wrong
    np.save(tmp_path / "labels.npy", labels.numpy())
    assert f"{told} is not in 0 .. 9" in refusal(tmp_path / "labels.npy")


def test_a_key_is_asked_for_where_there_are_several(tmp_path: Path) -> None:
    human(tmp_path / "human.pt")
    assert "valid: aggre_label, clean_label, noisy_label" in refusal(tmp_path / "human.pt")
    assert "noise.key=nosy_label; did you mean noisy_label" in refusal(tmp_path / "human.pt", "nosy_label")


def test_a_key_is_refused_where_there_is_one_array(tmp_path: Path) -> None:
    npy(tmp_path / "labels.npy")
    assert "leave noise.key=a out" in refusal(tmp_path / "labels.npy", "a")


class Mischief:
    """Unpickled, it would run what it names."""

    def __reduce__(self) -> tuple[Any, tuple[str]]:
        return exec, ("raise SystemExit",)


def test_a_file_that_would_run_code_is_not_run(tmp_path: Path) -> None:
    torch.save({"noisy_label": Mischief()}, tmp_path / "bad.pt")
    assert "it is no .pt file of plain numbers" in refusal(tmp_path / "bad.pt", "noisy_label")
    np.save(tmp_path / "bad.npy", np.array([Mischief()], dtype=object), allow_pickle=True)
    assert "it is no .npy file of plain numbers" in refusal(tmp_path / "bad.npy")


@pytest.mark.parametrize("name", ["a.pt", "a.npy", "a.json"])
def test_a_damaged_file_is_refused(name: str, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(b"\x80\x02nothing of the kind")
    assert "file of plain numbers" in refusal(tmp_path / name)


@pytest.mark.parametrize("content", ["[1.5, 2]", "[[1], [2, 3]]", '["a"]', "null", "[true]"])
def test_what_is_no_list_of_whole_numbers_is_refused(content: str, tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text(content)
    assert "whole numbers" in refusal(tmp_path / "a.json")


def test_a_file_that_changed_after_composing_is_refused(tmp_path: Path) -> None:
    npy(tmp_path / "labels.npy")
    noise = noise_of(tmp_path / "labels.npy")
    np.save(tmp_path / "labels.npy", TRUE.numpy())
    with pytest.raises(UserError, match=r"is not the file of noise\.sha256="):
        noisy_targets(TRUE, 10, noise, 0)


def test_a_file_that_went_after_composing_is_refused(tmp_path: Path) -> None:
    npy(tmp_path / "labels.npy")
    noise = noise_of(tmp_path / "labels.npy")
    (tmp_path / "labels.npy").unlink()
    with pytest.raises(UserError, match="it can't be read: No such file"):
        noisy_targets(TRUE, 10, noise, 0)


# --- composing, run id, record ----------------------------------------------------------------------------------------


def test_composing_fills_in_the_sum_and_the_whole_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    fitting(tmp_path / "labels.npy")
    noise = composed("noise=file", "noise.path=labels.npy").noise
    found = hashlib.sha256((tmp_path / "labels.npy").read_bytes()).hexdigest()
    assert noise == NoiseFile(path=str(tmp_path / "labels.npy"), sha256=found)


def test_the_id_covers_the_files_content_and_not_its_place(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    for path in (tmp_path / "a.npy", tmp_path / "elsewhere" / "b.npy"):
        fitting(path)
    np.save(tmp_path / "other.npy", DIGITS_TRUE.numpy())
    places = ("a.npy", "elsewhere/b.npy", "other.npy")
    configs = [composed("noise=file", f"noise.path={tmp_path / place}") for place in places]
    ids = [run_id(config) for config in configs]
    assert ids[0] == ids[1] != ids[2]
    assert canonical(configs[0])["noise"] == {
        "version": 1,
        "kind": "file",
        "sha256": configs[0].noise.sha256,
    }


def test_another_key_is_another_run(tmp_path: Path) -> None:
    fitting_human(tmp_path / "human.pt")
    keys = ("noisy_label", "aggre_label")
    configs = [composed("noise=file", f"noise.path={tmp_path / 'human.pt'}", f"noise.key={key}") for key in keys]
    assert run_id(configs[0]) != run_id(configs[1])


def test_cifar100n_is_its_file_by_the_key_of_the_hundred_classes(tmp_path: Path) -> None:
    fitting_human(tmp_path / "human.pt")
    line = f"noise.path={tmp_path / 'human.pt'}"
    typed = composed("noise=file", line, "noise.key=noisy_label")
    assert composed("noise=cifar100n", line).noise == typed.noise
    assert composed("noise=cifar100n", line, "method.alpha=0.3").preset == "smoke"


@pytest.mark.parametrize(
    ("lines", "told"),
    [
        ("noise=file noise.path=nowhere.npy", "noise.path=nowhere.npy can't be read: No such file"),
        ("noise=file noise.path=labels.txt", "noise.path=labels.txt must end in one of .pt, .npy, .json"),
        ("noise=file noise.path=a.npy noise.sha256=12", "noise.sha256=12 must be 64 hexadecimal digits"),
        (
            "noise=file noise.path=a.npy noise.pool=first_10",
            "noise.pool=first_10: noise.kind=file has no pool; symmetric has it",
        ),
        (
            "noise=symmetric noise.path=a.npy",
            "noise.path=a.npy: noise.kind=symmetric has no path; file has it: choose another with noise=…",
        ),
    ],
)
def test_a_mistake_with_a_file_is_refused_when_composing(
    lines: str, told: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UserError) as refused:
        composed(*lines.split(" "))
    assert told in str(refused.value)


def test_a_sum_that_is_given_is_compared_when_composing(tmp_path: Path) -> None:
    fitting(tmp_path / "labels.npy")
    right = noise_of(tmp_path / "labels.npy").sha256
    lines = ["noise=file", f"noise.path={tmp_path / 'labels.npy'}"]
    assert composed(*lines, f"noise.sha256='{right}'").noise.sha256 == right
    with pytest.raises(UserError, match=f"is not the file of noise.sha256={'b' * 64}: its SHA-256 is {right}"):
        composed(*lines, f"noise.sha256={'b' * 64}")


def test_a_file_must_be_named() -> None:
    with pytest.raises(UserError, match=r"noise.path=null must name the file of labels \(.pt, .npy, .json\)"):
        noisy_targets(TRUE, 10, NoiseFile().resolved(0), 0)


def test_the_record_has_the_files_sum_and_the_measured_rate(tmp_path: Path) -> None:
    fitting(tmp_path / "labels.npy")
    config = composed("noise=file", f"noise.path={tmp_path / 'labels.npy'}", "seed=3")
    record = noise_fields(config, noisy_targets(DIGITS_TRUE, 10, config.noise, 3))
    assert record == {
        "kind": "file",
        "path": str(tmp_path / "labels.npy"),
        "key": None,
        "sha256": hashlib.sha256((tmp_path / "labels.npy").read_bytes()).hexdigest(),
        "labels_sha256": labels_sha256(DIGITS_GIVEN),
        "measured_rate": 288 / 1437,
        "flipped": 288,
    }


def test_a_resolved_file_is_resolved_to_itself(tmp_path: Path) -> None:
    npy(tmp_path / "labels.npy")
    noise = noise_of(tmp_path / "labels.npy")
    assert noise.resolved(7) == noise.resolved(1) == noise


@pytest.mark.parametrize(
    ("labels", "told"),
    [
        (DIGITS_GIVEN[:-1], "it has 1436 labels, and the data set has 1437 training images"),
        (DIGITS_GIVEN + 5, "is not in 0 .. 9"),
    ],
)
def test_a_file_that_does_not_fit_is_refused_when_composing(labels: torch.Tensor, told: str, tmp_path: Path) -> None:
    np.save(tmp_path / "labels.npy", labels.numpy())
    with pytest.raises(UserError, match=told):
        composed("noise=file", f"noise.path={tmp_path / 'labels.npy'}")


@pytest.mark.parametrize("ending", ["pt", "npy", "json"])
def test_a_pointer_or_a_web_page_in_a_files_place_is_told_as_such(ending: str, tmp_path: Path) -> None:
    path = tmp_path / f"labels.{ending}"
    path.write_bytes(b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n")
    assert "it is a Git LFS pointer (run `git lfs pull`), no" in refusal(path)
    path.write_bytes(b"\n<!DOCTYPE html>\n<html></html>")
    assert refusal(path).endswith(f"it is a web page, no .{ending} file of plain numbers")


def test_only_the_first_of_many_keys_are_named(tmp_path: Path) -> None:
    path = tmp_path / "labels.json"
    path.write_text(json.dumps({f"key{number:04d}": [1] for number in range(3000)}))
    for key in (None, "other"):
        told = refusal(path, key)
        assert told.endswith("key0019 and 2980 more")
        assert len(told) < 1000
