"""CIFAR-10H: fetching its file, what is refused, and the published numbers of the real one."""

from __future__ import annotations

import hashlib
import io
import json
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
import torch
from torch import Tensor

from olsrepro.cli import exit_codes
from olsrepro.cli.main import main
from olsrepro.data.dataset import ImageData
from olsrepro.data.download.fetch import fetch
from olsrepro.data.download.manifest import LABEL_FILES
from olsrepro.data.download.status import FileStatus, status, verify
from olsrepro.data.labels.human_labels import HumanLabels, human_labels
from olsrepro.data.registry import read_dataset
from olsrepro.data.settings import DatasetSettings
from olsrepro.evaluation.kl_to_humans.divergence import class_divergence, class_means, divergence
from olsrepro.settings import UserError

FILE = "cifar10h-probs.npy"
GOLDEN = json.loads((Path(__file__).parents[1] / "golden/golden_evaluations.json").read_text())
CONSTANTS = GOLDEN["examples"]["cifar10h_constants"]["expected"]
IMAGES = 200

Shares = npt.NDArray[np.float64]


def data_of(targets: npt.NDArray[np.int64]) -> ImageData:
    images = np.zeros((len(targets), 3, 1, 1), dtype=np.uint8)
    return ImageData.from_arrays((images, targets), (images, targets), [0.5] * 3, [0.5] * 3, "abcdefghij")


TARGETS = np.random.default_rng(0).integers(0, 10, IMAGES)
DATA = data_of(TARGETS)


def people(agree: float = 0.99) -> Shares:
    """Rows for the tiny test set whose largest share is the label's in that part of them."""
    shares = np.full((IMAGES, 10), 0.02)
    chosen = TARGETS.copy()
    wrong = round(IMAGES * (1 - agree))
    chosen[:wrong] = (chosen[:wrong] + 1) % 10
    shares[np.arange(IMAGES), chosen] = 0.82
    return shares


def published(content: object, root: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Write a file of NumPy's, whose sum the manifest then has."""
    buffer = io.BytesIO()
    np.save(buffer, np.asarray(content))
    root.mkdir(parents=True, exist_ok=True)
    path = root / FILE
    path.write_bytes(buffer.getvalue())
    digest = hashlib.sha256(buffer.getvalue()).hexdigest()
    monkeypatch.setitem(LABEL_FILES, "cifar10h", replace(LABEL_FILES["cifar10h"], sha256=digest))
    return path


def test_the_shares_are_those_of_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    published(people(), tmp_path, monkeypatch)
    labels = human_labels("cifar10", DATA, tmp_path)
    assert labels.shares.dtype == torch.float64
    assert torch.equal(labels.shares, torch.from_numpy(people()))
    assert labels.source.startswith("people: cifar10h")


def test_a_missing_file_names_the_command_that_fetches_it(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=rf"no {tmp_path}/{FILE}; run `olsrepro data fetch cifar10h`, or set OLSREPRO_"):
        human_labels("cifar10", DATA, tmp_path)


def refused(content: object, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    path = published(content, tmp_path, monkeypatch)
    with pytest.raises(UserError) as error:
        human_labels("cifar10", DATA, tmp_path)
    message = str(error.value)
    assert message.startswith(f"{path} is refused: ")
    assert message.endswith("; run `olsrepro data fetch cifar10h` to replace it")
    assert "\n" not in message
    return message


def test_another_shape_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "its shape is (199, 10) instead of (200, 10)" in refused(people()[1:], tmp_path, monkeypatch)


@pytest.mark.parametrize("number", [0.5, -0.02, float("nan")])
def test_rows_that_are_no_distributions_are_refused(
    number: float, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shares = people()
    shares[7, (TARGETS[7] + 1) % 10] = number
    shares[7, TARGETS[7]] = 0.86 if number < 0 else 0.82
    assert "its rows are not distributions" in refused(shares, tmp_path, monkeypatch)


@pytest.mark.parametrize("content", [np.zeros((IMAGES, 10), dtype=np.int64), [["a"] * 10] * IMAGES])
def test_what_holds_no_shares_is_refused(content: object, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "no array of floating-point numbers" in refused(content, tmp_path, monkeypatch)


def npy(header: str) -> bytes:
    return b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header.encode()


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"no array",
        b"\x93NUMPY\x01\x00",
        npy("(" * 99),
        npy(f"{{'descr': '<f8', 'fortran_order': False, 'shape': ({'9' * 30},)}}"),
        npy("{1: 2, b'': 3, 'shape': 00}"),
    ],
)
def test_a_file_that_is_no_array_is_refused(content: bytes, tmp_path: Path) -> None:
    (tmp_path / FILE).write_bytes(content)
    with pytest.raises(UserError, match="no array of floating-point numbers"):
        human_labels("cifar10", DATA, tmp_path)


def test_a_pickle_in_the_file_is_never_run(tmp_path: Path) -> None:
    np.save(tmp_path / FILE, np.array([{"a": 1}], dtype=object), allow_pickle=True)
    with pytest.raises(UserError, match="no array of floating-point numbers"):
        human_labels("cifar10", DATA, tmp_path)


def test_a_file_that_can_not_be_read_is_told(tmp_path: Path) -> None:
    (tmp_path / FILE).mkdir()
    with pytest.raises(UserError, match=rf"{FILE} can't be read: .*; OLSREPRO_DATA names the folder"):
        human_labels("cifar10", DATA, tmp_path)


def test_an_order_that_is_not_the_test_sets_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    message = refused(people()[::-1], tmp_path, monkeypatch)
    share = (people()[::-1].argmax(axis=1) == TARGETS).mean()
    assert f"for {share:.1%} of its rows instead of about 99 %, so they are not in the order" in message


def test_people_may_disagree_with_a_few_labels(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    published(people(agree=0.96), tmp_path, monkeypatch)
    assert human_labels("cifar10", DATA, tmp_path).shares.shape == (IMAGES, 10)
    assert "order" in refused(people(agree=0.9), tmp_path, monkeypatch)


def test_shares_that_fit_but_were_not_published_are_refused(tmp_path: Path) -> None:
    np.save(tmp_path / FILE, people())
    with pytest.raises(UserError, match=r"it is not the published file: SHA-256 [0-9a-f]{64}, expected 436ae98620e"):
        human_labels("cifar10", DATA, tmp_path)


def test_a_data_set_without_human_labels_is_told_which_have_them(tmp_path: Path) -> None:
    message = "^dataset=cifar100 has no human labels here; cifar10 has them, digits@cifar10 has stand-ins for them$"
    with pytest.raises(UserError, match=message):
        human_labels("cifar100", DATA, tmp_path)


def test_fetching_says_the_licence_first_and_leaves_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", "300")
    mirror = published(people(), tmp_path / "mirror", monkeypatch)
    command = ["data", "fetch", "cifar10h", "--url", mirror.as_uri()]
    assert main(command) == exit_codes.DONE
    first, second, third = capsys.readouterr().out.splitlines()
    assert first.startswith("cifar10h: licence: CC BY-NC-SA 4.0")
    assert mirror.as_uri() in second
    assert third == f"cifar10h is in {tmp_path}/data/{FILE}, its checksum right"
    assert (tmp_path / "data" / FILE).read_bytes() == mirror.read_bytes()
    assert main(["data", "verify", "cifar10h"]) == exit_codes.DONE
    assert capsys.readouterr().out.split()[:2] == ["ok", f"{tmp_path}/data/{FILE}"]
    assert main(command) == exit_codes.DONE
    assert "already" in capsys.readouterr().out


def test_a_mirror_with_another_file_is_refused_and_nothing_is_left(tmp_path: Path) -> None:
    (tmp_path / "other.npy").write_bytes(b"other")
    root = tmp_path / "root"
    with pytest.raises(UserError, match="not the expected file"):
        fetch("cifar10h", root, urls=[(tmp_path / "other.npy").as_uri()], say=lambda _: None)
    assert list(verify("cifar10h", root)) == [FileStatus(FILE, "missing")]


def test_a_wrong_file_is_replaced(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    mirror = published(people(), tmp_path / "mirror", monkeypatch)
    (tmp_path / FILE).write_text("wrong")
    assert list(verify("cifar10h", tmp_path)) == [FileStatus(FILE, "wrong")]
    fetch("cifar10h", tmp_path, urls=[mirror.as_uri()], say=lambda _: None)
    assert list(verify("cifar10h", tmp_path)) == [FileStatus(FILE, "ok")]


def test_it_is_listed_with_its_state_and_without_training_images(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", "300")
    states = []
    for content in (None, b"wrong"):
        if content:
            (tmp_path / FILE).write_bytes(content)
        states += [
            next(line.state for line in status(tmp_path, check_sums=c) if line.name == "cifar10h") for c in (0, 1)
        ]
    assert states == ["missing", "missing", "present", "wrong"]
    assert main(["data", "list"]) == exit_codes.DONE
    line = next(line for line in capsys.readouterr().out.splitlines() if line.startswith("cifar10h "))
    cells = re.split(r"\s{2,}", line.strip())
    assert cells == ["cifar10h", "10", "-", "10,000", "-", "missing", f"{tmp_path}/data/{FILE}"]


def test_a_misspelt_name_is_answered_with_it(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="cifar-10h is not known; did you mean cifar10h"):
        fetch("cifar-10h", tmp_path)


@pytest.fixture(scope="module")
def real(real_data: Path) -> tuple[HumanLabels, Tensor]:
    """The real labels and the real test targets."""
    if not (real_data / FILE).is_file() or not (real_data / "cifar-10-batches-py").is_dir():
        pytest.skip(f"the real CIFAR-10 files and {FILE}")
    data = read_dataset(DatasetSettings("cifar10", 10, 50_000, 10_000, 32), real_data)
    return human_labels("cifar10", data, real_data), data.test_targets


def test_the_real_files_constants_are_the_golden_ones(real: tuple[HumanLabels, Tensor]) -> None:
    shares, targets = real[0].shares, real[1]
    own = shares[torch.arange(10_000), targets]
    found = {
        "mean_entropy": -torch.xlogy(shares, shares).sum(1).mean(),
        "mean_probability_of_label": own.mean(),
        "argmax_equals_label_percent": 100 * (shares.argmax(1) == targets).double().mean(),
        "one_hot_rows_percent": 100 * (shares.amax(1) == 1).double().mean(),
        "zero_cells_percent": 100 * (shares == 0).double().mean(),
    }
    assert {key: float(value) for key, value in found.items()} == pytest.approx(
        {key: CONSTANTS[key] for key in found}, abs=1e-6
    )


@pytest.mark.parametrize("confidence", ["0.85", "0.88", "0.9", "0.91", "0.95", "0.99", "0.999", "0.9999"])
def test_a_predictor_that_spreads_the_rest_has_the_golden_divergence(
    confidence: str, real: tuple[HumanLabels, Tensor]
) -> None:
    shares, targets = real[0].shares, real[1]
    model = torch.full((10_000, 10), (1 - float(confidence)) / 9, dtype=torch.float64)
    model[torch.arange(10_000), targets] = float(confidence)
    expected = CONSTANTS[f"kl_label_{confidence}_rest_uniform"]
    assert float(divergence(shares, model.log()).mean()) == pytest.approx(expected, abs=1e-6)


def test_class_level_numbers_are_the_golden_ones(real: tuple[HumanLabels, Tensor]) -> None:
    shares, targets = real[0].shares, real[1]
    means = class_means(shares, targets)
    smoothed = 0.9 * torch.eye(10, dtype=torch.float64) + 0.01
    assert means[3].tolist() == pytest.approx(CONSTANTS["cat_row"], abs=1e-6)
    assert float(divergence(shares, means[targets].log()).mean()) == pytest.approx(
        CONSTANTS["kl_class_mean_of_human"], abs=1e-6
    )
    assert float(class_divergence(shares, targets, smoothed).mean()) == pytest.approx(
        CONSTANTS["class_level_kl_human_rows_to_ls_matrix"], abs=1e-6
    )
