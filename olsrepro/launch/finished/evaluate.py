"""Evaluations of finished runs: each is made once and leaves a record under its run."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, cast

import torch
from safetensors.torch import save as to_safetensors

from olsrepro.config.run_config import RunConfig
from olsrepro.data.dataset import LabelledImages
from olsrepro.data.labels.human_labels import human_labels
from olsrepro.data.registry import read_dataset
from olsrepro.evaluation.registry import measure
from olsrepro.evaluation.settings import EvaluationSettings
from olsrepro.evaluation.subject import DetectorSubject, Result, Subject
from olsrepro.files.atomic import replacing
from olsrepro.launch.finished.base import finished_class
from olsrepro.launch.provenance import now, this_process
from olsrepro.settings import UserError
from olsrepro.store.evaluations import TENSORS, evaluation_folder, evaluation_id, read_evaluation
from olsrepro.store.identity import run_id
from olsrepro.store.record import FINISHED, NAME, Record, read_record, write_record
from olsrepro.training.device import prepare_device

Wish = tuple[RunConfig, EvaluationSettings]


def evaluate(config: RunConfig, settings: EvaluationSettings, say: Callable[[str], None] | None = None) -> Path:
    """Measure a finished run, unless that was done before; return the record's path.

    Args:
        config: of the run.
        settings: of the evaluation.
        say: called with a line on what is measured; None: nothing is said.

    Raises:
        UserError: the run is not finished, or lacks what the evaluation needs.
    """
    folder = Path(config.runtime.runs_dir) / run_id(config)
    target = evaluation_folder(folder, settings)
    if read_evaluation(folder, settings) is not None:
        return target / NAME
    record = _finished(folder)
    _refuse_other_task(config, settings)
    device = prepare_device(config.runtime)
    if say is not None:
        say(f"{settings.name} of {folder.name} ({settings.weights})")
    run = finished_class(config.dataset.task)(config, folder, record, settings.weights, device)
    result = measure(settings, cast("Subject | DetectorSubject", run))
    _refuse_infinite(settings, folder, result)
    target.mkdir(parents=True, exist_ok=True)
    return write_record(target, _record(config, settings, result, target, device))


def _refuse_other_task(config: RunConfig, settings: EvaluationSettings) -> None:
    if settings.task != config.dataset.task:
        raise UserError(
            f"evaluation={settings.name} measures runs of {settings.task}, but {run_id(config)} is a run of"
            f" {config.dataset.task}"
        )


def evaluate_many(wishes: Sequence[Wish], say: Callable[[str], None]) -> list[str]:
    """Make evaluations in order; return a line on each that could not be made, which ``say`` gets at once."""
    problems = []
    for config, settings in wishes:
        try:
            evaluate(config, settings, say)
        except UserError as error:
            problems.append(f"{run_id(config)}: {error}")
            say(problems[-1])
    return problems


def refuse_unready(wishes: Sequence[Wish]) -> None:
    """Refuse evaluations whose data are missing, before anything is trained.

    Raises:
        UserError: the labels of people that one needs, or the data set that they are of, are missing.
    """
    asked = [config for config, settings in wishes if settings.needs_human_labels]
    for config in {(config.dataset.name, config.runtime.data_dir): config for config in asked}.values():
        root = Path(config.runtime.data_dir)
        human_labels(config.dataset.name, cast(LabelledImages, read_dataset(config.dataset, root)), root)


def _finished(folder: Path) -> Record:
    record = read_record(folder)
    if record is None or record["status"] != FINISHED:
        raise UserError(f"{folder.name} is not finished, so nothing can be measured of it")
    return record


def _refuse_infinite(settings: EvaluationSettings, folder: Path, result: Result) -> None:
    bad = [name for name, value in result.values.items() if not math.isfinite(value)]
    if bad:
        raise UserError(f"{settings.name} of {folder.name}: {', '.join(bad)} is not finite; nothing was recorded")


def _record(
    config: RunConfig, settings: EvaluationSettings, result: Result, folder: Path, device: torch.device
) -> dict[str, Any]:
    if result.tensors:
        plain = {key: tensor.detach().cpu().contiguous() for key, tensor in result.tensors.items()}
        with replacing(folder / TENSORS) as file:
            file.write(to_safetensors(plain, {"run_id": run_id(config)}))
    return {
        "run_id": evaluation_id(settings),
        "status": FINISHED,
        "of": run_id(config),
        "evaluation": {"name": settings.name, "version": settings.version, "weights": settings.weights}
        | settings.identity(),
        "values": dict(result.values),
        "samples": result.samples,
        "detail": dict(result.detail),
        "files": [TENSORS] if result.tensors else [],
        "history": [this_process(config.runtime, device)],
        "finished": now(),
    }
