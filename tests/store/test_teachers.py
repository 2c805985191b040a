"""The run that teaches: part of the run id, looked up in the store, refused where it can't."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from quick_composer import composed
from written_records import finished_run, put_record

from olsrepro.config.run_config import RunConfig
from olsrepro.settings import UserError
from olsrepro.store.identity import canonical, run_id, teacher_id
from olsrepro.store.record import FAILED
from olsrepro.store.teacher import teacher_record

NAMED = "0123456789abcdef-s4"


def taught(runs: Path, *lines: str) -> RunConfig:
    return composed("method=tfkd_self", *lines, f"runtime.runs_dir={runs}")


def hard(*lines: str) -> RunConfig:
    return composed("method=hard", *lines)


def put(runs: Path, name: str, config: RunConfig, **changes: Any) -> None:
    put_record(runs / name, finished_run(name, config) | changes)


def test_the_teachers_id_is_in_the_run_id() -> None:
    own, named = composed("method=tfkd_self"), composed("method=tfkd_self", f"method.teacher={NAMED}")
    assert teacher_id(own) == run_id(hard())
    assert teacher_id(named) == NAMED
    assert canonical(named)["method"]["teacher"] == NAMED
    assert run_id(own) != run_id(named)


def test_a_teacher_that_is_named_and_the_same_implied_are_one_run() -> None:
    typed = composed("method=tfkd_self", f"method.teacher={run_id(hard())}")
    assert run_id(typed) == run_id(composed("method=tfkd_self"))


def test_what_changes_the_teacher_changes_the_taught() -> None:
    assert teacher_id(composed("method=tfkd_self", "seed=2")) == run_id(hard("seed=2"))
    assert teacher_id(composed("method=tfkd_self", "recipe.lr=0.2")) == run_id(hard("recipe.lr=0.2"))


def test_methods_without_a_teacher_have_none() -> None:
    assert teacher_id(hard()) is None
    assert "teacher" not in canonical(hard())["method"]


def test_the_hard_run_that_is_not_there_yet_is_no_mistake(tmp_path: Path) -> None:
    assert teacher_record(taught(tmp_path)) is None


def test_a_finished_run_of_the_same_backbone_may_teach(tmp_path: Path) -> None:
    put(tmp_path, NAMED, composed("method=ls", "recipe.epochs=9", "seed=4"))
    record = teacher_record(taught(tmp_path, f"method.teacher={NAMED}"))
    assert record is not None
    assert record["run_id"] == NAMED


def test_a_named_run_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(
        UserError, match=f"^method.teacher={NAMED}: there is no finished run with this id in .*trains the hard run"
    ):
        teacher_record(taught(tmp_path, f"method.teacher={NAMED}"))


def test_a_hard_run_that_failed_is_trained_again_before_it_teaches(tmp_path: Path) -> None:
    put(tmp_path, run_id(hard()), hard(), status=FAILED, error={"kind": "out of memory", "message": "no room"})
    assert teacher_record(taught(tmp_path)) is None


def test_a_named_teacher_that_failed_is_refused_with_its_failure(tmp_path: Path) -> None:
    name, lines = NAMED, [f"method.teacher={NAMED}"]
    put(tmp_path, name, hard(), status=FAILED, error={"kind": "not finite", "message": "the loss of epoch 2"})
    with pytest.raises(
        UserError, match=rf"^method.teacher={name}: that run failed \(not finite: the loss of epoch 2\)"
    ):
        teacher_record(taught(tmp_path, *lines))


@pytest.mark.parametrize(("lines", "keys"), [("backbone=resnet14", "depth"), ("backbone.width=0.5", "width")])
def test_a_teacher_of_another_backbone_is_refused_with_what_differs(lines: str, keys: str, tmp_path: Path) -> None:
    put(tmp_path, NAMED, hard(lines))
    with pytest.raises(
        UserError, match=rf"^method.teacher={NAMED} has backbone=.* they differ in .*{keys}.*: name a run"
    ):
        teacher_record(taught(tmp_path, f"method.teacher={NAMED}"))


def test_a_teacher_of_other_classes_is_refused(tmp_path: Path) -> None:
    put(tmp_path, NAMED, hard("dataset=digits@cifar100"))
    with pytest.raises(UserError, match=r"was trained on 9 classes and dataset=digits has 10"):
        teacher_record(taught(tmp_path, f"method.teacher={NAMED}", "backbone.width=0.125"))


def test_a_teacher_whose_best_weights_are_lost_is_refused(tmp_path: Path) -> None:
    put(tmp_path, NAMED, hard(), files={"last.pt": "0"})
    with pytest.raises(UserError, match="weights of its best epoch are lost"):
        teacher_record(taught(tmp_path, f"method.teacher={NAMED}"))


@pytest.mark.parametrize("typed", ["hard", "0123", "0123456789ABCDEF-s0", "../runs"])
def test_what_is_no_run_id_is_refused_when_it_is_composed(typed: str) -> None:
    with pytest.raises(UserError, match=r"^method.teacher=.* must be the id of a finished run"):
        composed("method=tfkd_self", f"method.teacher={typed}")
