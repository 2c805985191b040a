"""Records of runs: their numbers and where these come from, or why there are none."""

from __future__ import annotations

import traceback
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

import torch

from olsrepro.files.atomic import StorageError
from olsrepro.files.checksum import sha256
from olsrepro.launch.errors import Hangs
from olsrepro.launch.inputs.base import Inputs
from olsrepro.launch.job import Job
from olsrepro.launch.provenance import is_bitwise, now, this_process
from olsrepro.printing.text import shortened
from olsrepro.settings import UserError
from olsrepro.store.identity import canonical
from olsrepro.store.record import FAILED, FINISHED, NAME, Record, errors, write_record
from olsrepro.training.artifacts import ENSEMBLE, label_table_name
from olsrepro.training.progress import Row
from olsrepro.training.task import NonFinite
from olsrepro.training.task_kind import TaskKind
from olsrepro.training.tasks import task_kind
from olsrepro.training.trainer import Trainer


def finished_record(job: Job, trainer: Trainer, inputs: Inputs) -> Record:
    """Return the record of a run whose last epoch is done."""
    progress = trainer.progress
    assert progress.best_epoch is not None
    return {
        **_identity(job),
        "status": FINISHED,
        "errors": errors(progress.rows, progress.best_epoch, _kind_of_task(job).tested),
        **inputs.record_fields(job.config),
        "training": _cost(progress.rows) | {"device": trainer.history[-1]["device"]},
        "files": {name: sha256(job.folder / name) for name in _files(job, trainer)},
        "bitwise": is_bitwise(trainer.history),
        "history": trainer.history,
        "finished": now(),
    }


def _files(job: Job, trainer: Trainer) -> list[str]:
    """List the files that evaluations read, as far as they are whole and what the record says; report the others.

    After a damaged checkpoint and a change of device, the epoch in ``best.pt`` may have turned out differently.
    """
    artifacts, epochs = trainer.artifacts, job.config.recipe.epochs
    due = {"best": trainer.progress.best_epoch, "last": epochs}
    found = {which: artifacts.epoch_of(which) for which in due}
    kept = [which for which, epoch in due.items() if found[which] == epoch]
    for which in (which for which in due if which not in kept):
        why = "is missing or damaged" if found[which] is None else "is another epoch's"
        job.say(f"the weights of the {which} epoch, {due[which]}, are lost; {which}.pt {why}")
    outputs = [f"{which}_{_kind_of_task(job).outputs}.safetensors" for which in kept]
    written = [name for name in (label_table_name(epochs), ENSEMBLE) if (job.folder / name).is_file()]
    whole = [name for name in (*outputs, *written) if artifacts.has_tensors(name)]
    for name in (name for name in (*outputs, *written) if name not in whole):
        job.say(f"{name} is missing or damaged; the record leaves it out")
    return [*(f"{which}.pt" for which in kept), *whole]


def _kind_of_task(job: Job) -> TaskKind:
    return task_kind(job.config.dataset.task)


def _cost(rows: Sequence[Row]) -> dict[str, Any]:
    seen = sum(row["images"] for row in rows)
    seconds = sum(row["seconds"] for row in rows)
    return {"images": seen, "seconds": round(seconds, 3), "images_per_s": round(seen / max(seconds, 1e-9), 1)}


def _identity(job: Job) -> Record:
    return {**job.about(), "canonical": canonical(job.config), "runtime": asdict(job.config.runtime)}


def record_failure(job: Job, error: Exception, device: torch.device) -> str:
    """Write a record of the failure if the disk still takes one; return a line about the failure."""
    line = shortened(str(error).splitlines()[0] if str(error) else type(error).__name__)
    detail = {"kind": _kind(error), "message": line, "traceback": _trace(error), "at": now()}
    process = this_process(job.config.runtime, device)
    try:
        write_record(job.folder, {**_identity(job), "status": FAILED, "error": detail, "history": [process]})
    except StorageError:
        return f"{job.run_id} failed: {line}"
    return f"{job.run_id} failed ({detail['kind']}): {line}\nrecord: {job.folder / NAME}"


# Torch's CPU allocator and threads have only a RuntimeError for a lack of memory.
_MEMORY_WORDS = ("can't allocate memory", "can't start new thread")


def _trace(error: Exception) -> str | None:
    if isinstance(error, Hangs):
        return error.stacks
    return None if isinstance(error, (UserError, NonFinite)) else "".join(traceback.format_exception(error))


def _kind(error: Exception) -> str:
    if isinstance(error, RuntimeError) and any(words in str(error) for words in _MEMORY_WORDS):
        return "out of memory"
    kinds: list[tuple[type[Exception], str]] = [
        (torch.cuda.OutOfMemoryError, "out of memory"),
        (MemoryError, "out of memory"),
        (NonFinite, "not finite"),
        (Hangs, "hung"),
        (StorageError, "storage"),
        (UserError, "refused"),
    ]
    return next((name for cls, name in kinds if isinstance(error, cls)), "crash")
