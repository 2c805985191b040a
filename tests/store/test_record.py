"""What a record says about a run's errors, and which files are taken for one."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from olsrepro.settings import UserError
from olsrepro.store.record import FINISHED, NAME, errors, read_record, write_record


def curve(*top1: float) -> list[dict[str, float]]:
    """Rows with these top-1 errors; the top-5 error tells the epoch: its number over 10."""
    return [
        {"epoch": epoch, "test_top1_err": error, "test_top5_err": epoch / 10} for epoch, error in enumerate(top1, 1)
    ]


def test_errors_of_a_long_run_are_of_the_last_epoch_the_best_and_the_last_ten() -> None:
    rows = curve(90, 2, *range(50, 40, -1))
    assert errors(rows, best_epoch=2) == {
        "last": {"top1_err": 41, "top5_err": 1.2, "epoch": 12},
        "best": {"top1_err": 2, "top5_err": 0.2, "epoch": 2},
        "mean_of_last_ten": {
            "top1_err": pytest.approx(45.5),
            "top5_err": pytest.approx(0.75),
            "epochs": 10,
        },
    }


def test_a_short_run_has_the_mean_of_what_there_is_and_says_of_how_many() -> None:
    mean = errors(curve(30, 20, 40), best_epoch=2)["mean_of_last_ten"]
    assert mean == {"top1_err": pytest.approx(30), "top5_err": pytest.approx(0.2), "epochs": 3}


def test_a_run_of_one_epoch_is_its_own_last_best_and_mean() -> None:
    found = errors(curve(30), best_epoch=1)
    assert found["last"] == found["best"] == {"top1_err": 30, "top5_err": 0.1, "epoch": 1}
    assert found["mean_of_last_ten"] == {"top1_err": 30, "top5_err": 0.1, "epochs": 1}


def test_the_top5_error_of_the_best_is_that_of_its_epoch_not_the_lowest() -> None:
    assert errors(curve(30, 10, 20), best_epoch=2)["best"]["top5_err"] == 0.2


def test_a_record_comes_back_as_it_was_written_with_its_schema(tmp_path: Path) -> None:
    path = write_record(tmp_path, {"status": FINISHED, "errors": {"last": 1.5}})
    assert path == tmp_path / NAME
    assert read_record(tmp_path) == {"schema": 1, "status": FINISHED, "errors": {"last": 1.5}}


def test_without_a_record_there_is_none(tmp_path: Path) -> None:
    (tmp_path / "a file").touch()
    assert read_record(tmp_path) is None
    assert read_record(tmp_path / "no folder") is None
    assert read_record(tmp_path / "a file") is None


@pytest.mark.parametrize("content", [b"", b'{"schema": 1, ', b"\xff\xfe"])
def test_a_damaged_record_is_named_and_left(content: bytes, tmp_path: Path) -> None:
    (tmp_path / NAME).write_bytes(content)
    with pytest.raises(UserError, match=f"^{tmp_path / NAME} is damaged; .*--fresh$"):
        read_record(tmp_path)
    assert (tmp_path / NAME).read_bytes() == content


@pytest.mark.parametrize("value", [{"schema": 2, "status": FINISHED}, {"status": FINISHED}, [1], "text"])
def test_a_record_of_another_schema_is_refused(value: object, tmp_path: Path) -> None:
    (tmp_path / NAME).write_text(json.dumps(value))
    with pytest.raises(UserError, match=r"is not of schema 1; .*--fresh$"):
        read_record(tmp_path)


def test_a_number_that_is_not_finite_enters_no_record(tmp_path: Path) -> None:
    write_record(tmp_path, {"status": FINISHED})
    with pytest.raises(ValueError, match="not JSON compliant"):
        write_record(tmp_path, {"loss": float("nan")})
    assert read_record(tmp_path) == {"schema": 1, "status": FINISHED}
