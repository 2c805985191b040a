"""Look-up of the finished run that teaches another, refused where it can't."""

from __future__ import annotations

from pathlib import Path

from olsrepro.config.run_config import RunConfig
from olsrepro.settings import UserError
from olsrepro.store.identity import canonical, teacher_id
from olsrepro.store.record import FAILED, Record, read_record

WEIGHTS = "best.pt"


def teacher_folder(config: RunConfig) -> Path | None:
    """Return the teacher run's folder, whether it exists or not; None where the method wants no teacher."""
    name = teacher_id(config)
    return None if name is None else Path(config.runtime.runs_dir) / name


def teacher_record(config: RunConfig) -> Record | None:
    """Read the teacher run's record; None without a teacher, or where it is the hard run, (again) to be trained.

    Raises:
        UserError: it failed, it has another backbone or other classes, its best weights are gone, or it was named and
            there is no such run.
    """
    folder = teacher_folder(config)
    if folder is None:
        return None
    record = read_record(folder)
    if record is None:
        _refuse_missing(config, folder)
        return None
    if record["status"] == FAILED and config.method.teacher_run is None:
        return None
    _refuse_failed(record, folder)
    _refuse_misfit(config, record, folder.name)
    return record


def _refuse_missing(config: RunConfig, folder: Path) -> None:
    if config.method.teacher_run is not None:
        raise UserError(
            f"method.teacher={folder.name}: there is no finished run with this id in {folder.parent}; `olsrepro show"
            " TABLE.ROW.COLUMN` names those behind a cell, method.teacher=null trains the hard run"
        )


def _refuse_failed(record: Record, folder: Path) -> None:
    if record["status"] == FAILED:
        raise UserError(
            f"method.teacher={folder.name}: that run failed ({record['error']['kind']}: {record['error']['message']});"
            " train it again with --fresh, or name another finished run"
        )
    if WEIGHTS not in record["files"]:
        raise UserError(
            f"method.teacher={folder.name}: the weights of its best epoch are lost; train it again with --fresh"
        )


def _refuse_misfit(config: RunConfig, record: Record, name: str) -> None:
    theirs, ours = record["canonical"]["backbone"], canonical(config)["backbone"]
    if theirs != ours:
        keys = [key for key in theirs.keys() | ours.keys() if theirs.get(key) != ours.get(key)]
        raise UserError(
            f"method.teacher={name} has backbone={record['config']['backbone']['name']} and this run"
            f" backbone={config.backbone.name}; they differ in {', '.join(sorted(keys))}: name a run with the same"
            " backbone"
        )
    classes = record["config"]["dataset"]["num_classes"]
    if classes != config.dataset.num_classes:
        raise UserError(
            f"method.teacher={name} was trained on {classes} classes and dataset={config.dataset.name} has"
            f" {config.dataset.num_classes}: name a run on the same data set"
        )
