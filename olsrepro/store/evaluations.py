"""Evaluations of runs: a folder each under the run, named by what was measured, with a record like the run's."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from olsrepro.evaluation.settings import EvaluationSettings
from olsrepro.settings import UserError
from olsrepro.store.record import NAME, OF_A_MEASUREMENT, Record, read_record
from olsrepro.store.shapes import EVALUATION, EVALUATIONS

if TYPE_CHECKING:
    from numpy.typing import NDArray

FORMAT = 1
FOLDER = "evaluations"
TENSORS = "tensors.safetensors"


def evaluation_id(settings: EvaluationSettings) -> str:
    """Return an evaluation's id in any run, such as ``ece-3f9c2a17b04d5e61``: its name and a hash of its parameters."""
    about = {"format": FORMAT, "version": settings.version, **_changed(settings)}
    text = json.dumps(about, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return f"{settings.name}-{hashlib.sha256(text.encode()).hexdigest()[:16]}"


def _changed(settings: EvaluationSettings) -> dict[str, Any]:
    """Return the parameters that differ from their defaults, so that one that is added later renames nothing."""
    defaults = type(settings)().identity()
    return {
        key: float(value) if isinstance(defaults.get(key), float) else value
        for key, value in settings.identity().items()
        if key not in defaults or value != defaults[key]
    }


def evaluation_folder(run_folder: Path, settings: EvaluationSettings) -> Path:
    """Return the folder of an evaluation of a run, whether it exists or not."""
    return run_folder / FOLDER / evaluation_id(settings)


def read_evaluation(run_folder: Path, settings: EvaluationSettings) -> Record | None:
    """Read the record of an evaluation of a run; None where there is none.

    Raises:
        UserError: it is damaged or was edited.
    """
    shape = EVALUATIONS.get(settings.name, EVALUATION)
    return read_record(evaluation_folder(run_folder, settings), shape, OF_A_MEASUREMENT)


def read_tensors(folder: Path) -> dict[str, NDArray[Any]]:
    """Read the tensors that an evaluation left in its folder.

    Raises:
        UserError: the file is gone or damaged.
    """
    from safetensors import SafetensorError
    from safetensors.numpy import load_file

    try:
        return load_file(folder / TENSORS)
    except (SafetensorError, OSError) as error:
        why = getattr(error, "strerror", None) or "it is damaged"
        raise UserError(f"{folder / TENSORS} can't be read ({why}); {OF_A_MEASUREMENT}") from None


def read_evaluations(run_folder: Path) -> Iterator[Record | str]:
    """Yield the record of each evaluation of a run, by id, or a line on why it can't be read."""
    for path in sorted((run_folder / FOLDER).glob(f"*/{NAME}")):
        try:
            record = read_record(path.parent, EVALUATION, OF_A_MEASUREMENT)
        except UserError as error:
            yield str(error)
            continue
        if record is not None:
            yield record
