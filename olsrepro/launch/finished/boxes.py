"""Boxes that a finished run of a detector found in the first of its test images."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from olsrepro.config.run_config import RunConfig
from olsrepro.data.objects import Objects
from olsrepro.data.photos.decode import decoded
from olsrepro.detection.postprocess import Detections
from olsrepro.launch.finished.detection import Finished
from olsrepro.settings import UserError
from olsrepro.store.identity import run_id
from olsrepro.store.record import read_record

if TYPE_CHECKING:
    import numpy.typing as npt


@dataclass(frozen=True)
class Seen:
    """Test images (H, W, 3), uint8, with their objects and the detections in each."""

    images: list[npt.NDArray[np.uint8]]
    objects: Objects
    found: list[Detections]
    class_names: tuple[str, ...]
    record: dict[str, Any]


def found_boxes(config: RunConfig, count: int, least_score: float) -> Seen:
    """Return the first ``count`` test images with the boxes that the best epoch's test kept, if above the least score.

    Raises:
        UserError: the run is not a detector's, or the file of its boxes is gone.
    """
    if config.dataset.task != "detection":
        raise UserError(f"{run_id(config)} classifies images of dataset={config.dataset.name}; it has no boxes")
    folder = Path(config.runtime.runs_dir) / run_id(config)
    record = read_record(folder)
    assert record is not None, "the config is a finished run's"
    run = Finished(config, folder, record, "best", torch.device("cpu"))
    stored = run.test_detections()
    shown = min(count, len(run.data.test_paths))
    return Seen(
        [np.asarray(decoded(run.data.root / run.data.test_paths[at])) for at in range(shown)],
        run.data.test_objects.chosen(torch.arange(shown)),
        [one.at(one.scores > least_score) for one in stored[:shown]],
        run.class_names,
        record,
    )
