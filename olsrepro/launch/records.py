"""What a run leaves on record: its numbers and where they come from, or why there are none."""

from __future__ import annotations

import traceback
from collections.abc import Sequence
from typing import Any

import torch

from olsrepro.config.run_config import RunConfig
from olsrepro.data.dataset import Data, DetectionSet
from olsrepro.data.noise.noisy_labels import NoisyLabels
from olsrepro.files.atomic import StorageError
from olsrepro.files.checksum import sha256
from olsrepro.launch.inputs import Inputs, left_out
from olsrepro.launch.job import Job
from olsrepro.launch.provenance import is_bitwise, now, this_process
from olsrepro.settings import UserError
from olsrepro.store.identity import canonical
from olsrepro.store.record import FAILED, FINISHED, NAME, Record, errors, write_record
from olsrepro.training.artifacts import ENSEMBLE, LABEL_TABLES
from olsrepro.training.progress import Row
from olsrepro.training.task import NonFinite
from olsrepro.training.trainer import Trainer


def finished_record(job: Job, trainer: Trainer, inputs: Inputs) -> Record:
    """The record of a run whose last epoch is made."""
    progress = trainer.progress
    assert progress.best_epoch is not None
    return {
        **_identity(job),
        "status": FINISHED,
        "errors": errors(progress.rows, progress.best_epoch),
        **({} if inputs.labels is None else {"noise": _noise(job.config, inputs.labels)}),
        **({} if inputs.clean is None else {"clean_set": inputs.clean.tolist()}),
        **_unreadable(inputs.data),
        "training": _cost(progress.rows) | {"device": trainer.history[-1]["device"]},
        "files": {name: sha256(job.folder / name) for name in _files(job, trainer)},
        "bitwise": is_bitwise(trainer.history),
        "history": trainer.history,
        "finished": now(),
    }


def _unreadable(data: Data | DetectionSet) -> dict[str, list[str]]:
    """The images that were left out, where any were."""
    return {"unreadable": list(left_out(data))} if left_out(data) else {}


def _noise(config: RunConfig, labels: NoisyLabels) -> dict[str, Any]:
    """Describe what the labels were made of, and what they came to."""
    return config.noise.recorded(config.seed) | {
        "measured_rate": labels.rate,
        "flipped": int(labels.flipped.sum()),
        "labels_sha256": labels.sha256,
    }


def _files(job: Job, trainer: Trainer) -> list[str]:
    """The files that evaluations read, as far as they are what the record says.

    After a damaged checkpoint and a change of device, the epoch that ``best.pt`` is of may have come out otherwise.
    """
    if trainer.artifacts.epoch_of("best") == trainer.progress.best_epoch:
        which = ["best", "last"]
    else:
        job.say(f"the weights of the best epoch, {trainer.progress.best_epoch}, are lost; best.pt is of another")
        which = ["last"]
    tables = f"{LABEL_TABLES}/epoch_{job.config.recipe.epochs:04d}.safetensors"
    outputs = (f"{one}_{kind}.safetensors" for one in which for kind in ("logits", "detections"))
    names = [*(f"{one}.pt" for one in which), *outputs, tables, ENSEMBLE]
    return [name for name in names if (job.folder / name).is_file()]


def _cost(rows: Sequence[Row]) -> dict[str, Any]:
    seen = sum(row["images"] for row in rows)
    seconds = sum(row["seconds"] for row in rows)
    return {"images": seen, "seconds": round(seconds, 3), "images_per_s": round(seen / max(seconds, 1e-9), 1)}


def _identity(job: Job) -> Record:
    config = job.config.as_dict()
    runtime = config.pop("runtime")
    return {"run_id": job.run_id, "canonical": canonical(job.config), "config": config, "runtime": runtime}


def record_failure(job: Job, error: Exception, device: torch.device) -> str:
    """Leave a record of the failure if the disk still takes one; the line that tells of it."""
    line = str(error).splitlines()[0] if str(error) else type(error).__name__
    trace = "".join(traceback.format_exception(error)) if not isinstance(error, (UserError, NonFinite)) else None
    detail = {"kind": _kind(error), "message": line, "traceback": trace, "at": now()}
    process = this_process(job.config.runtime, device)
    try:
        write_record(job.folder, {**_identity(job), "status": FAILED, "error": detail, "history": [process]})
    except StorageError:
        return f"{job.run_id} failed: {line}"
    return f"{job.run_id} failed ({detail['kind']}): {line}\nrecord: {job.folder / NAME}"


def _kind(error: Exception) -> str:
    kinds: list[tuple[type[Exception], str]] = [
        (torch.cuda.OutOfMemoryError, "out of memory"),
        (MemoryError, "out of memory"),
        (NonFinite, "not finite"),
        (StorageError, "storage"),
        (UserError, "refused"),
    ]
    return next((name for cls, name in kinds if isinstance(error, cls)), "crash")
