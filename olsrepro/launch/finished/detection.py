"""A finished run of a detector as evaluations see it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import cast

import torch
from torch import Tensor

from olsrepro.config.run_config import RunConfig
from olsrepro.data.dataset import DetectionSet
from olsrepro.data.detection.letterbox import Placement
from olsrepro.data.detection.loader import test_batches
from olsrepro.data.objects import Objects
from olsrepro.detection.postprocess import Detections
from olsrepro.launch.finished.base import FinishedRun
from olsrepro.launch.reader import worker_count
from olsrepro.models.detector import Detector
from olsrepro.models.registry import build_detector
from olsrepro.store.record import Record
from olsrepro.training.detection.settings import KIND


class Finished(FinishedRun):
    """A finished detector, as a :class:`~olsrepro.evaluation.subject.DetectorSubject` for evaluations."""

    def __init__(self, config: RunConfig, folder: Path, record: Record, weights: str, device: torch.device) -> None:
        super().__init__(config, folder, record, weights, device)
        self.image_size = config.dataset.image_size

    @property
    def data(self) -> DetectionSet:
        """Data set that the run saw."""
        return cast(DetectionSet, self._dataset)

    def network(self) -> Detector:
        """Return the network with the chosen weights: evaluation mode, float32, on the device, no weight gradients."""
        state = self._state()
        with torch.random.fork_rng(devices=[]):
            network = build_detector(self._config.backbone, self._config.dataset.num_classes)
        self._files.fill(network, self._weights_file, state)
        return network.float().to(self.device).eval().requires_grad_(False)

    def test_objects(self) -> Objects:
        """Return the objects in the test images in order."""
        return self.data.test_objects

    def detection_test(self, size: int, flip: bool, batch_size: int) -> Iterator[tuple[Tensor, Sequence[Placement]]]:
        """Yield test images in order, letter-boxed: (B, 3, size, size) on the device, and their places in the box."""
        every = slice(0, len(self.data.test_paths))
        return test_batches(
            self.data,
            every,
            size=size,
            flip=flip,
            batch_size=batch_size,
            device=self.device,
            workers=worker_count(self._config.runtime),
        )

    def test_detections(self) -> list[Detections]:
        """Return the boxes in each test image that the run's own test of these weights kept."""
        stored = self._outputs(KIND.outputs, "boxes", "scores", "classes", "starts")
        every = Detections(stored["boxes"], stored["scores"], stored["classes"])
        return [every.at(rows) for rows in torch.arange(len(every)).tensor_split(stored["starts"][1:-1])]
