"""A finished run of a detector as evaluations see it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cached_property
from pathlib import Path

import torch
from torch import Tensor

from olsrepro.config.run_config import RunConfig
from olsrepro.data.dataset import DetectionSet
from olsrepro.data.datasets.settings import VocSettings
from olsrepro.data.detection.letterbox import Placement
from olsrepro.data.detection.loader import test_batches
from olsrepro.data.objects import Objects
from olsrepro.data.photos.check import without_unreadable
from olsrepro.data.registry import read_dataset
from olsrepro.detection.postprocess import Detections
from olsrepro.launch.finished.files import RunFiles
from olsrepro.launch.inputs import worker_count
from olsrepro.models.detector import Detector
from olsrepro.models.registry import build_detector
from olsrepro.store.record import Record
from olsrepro.training import checkpoint


class FinishedDetector:
    """A run with its weights ``best`` or ``last``, as ``DetectorSubject`` says.

    Args:
        config: of the run.
        folder: where it lies.
        record: of the run, which is finished.
        weights: ``best`` or ``last``.
        device: where it is measured.
    """

    def __init__(self, config: RunConfig, folder: Path, record: Record, weights: str, device: torch.device) -> None:
        self.name = folder.name
        self.image_size = config.dataset.image_size
        self.device = device
        self._config = config
        self._files = RunFiles(folder, record)
        self._left_out = tuple(record.get("unreadable", ()))
        self._weights = weights

    @cached_property
    def data(self) -> DetectionSet:
        """The data set that the run saw."""
        settings = self._config.dataset
        assert isinstance(settings, VocSettings), "other data sets have no objects"
        data = read_dataset(settings, Path(self._config.runtime.data_dir))
        return without_unreadable(data, dict.fromkeys(self._left_out, "the run could not decode it"))

    @property
    def class_names(self) -> tuple[str, ...]:
        """Of the data set."""
        return self.data.class_names

    def network(self) -> Detector:
        """The network with the chosen weights: evaluation mode, float32, on the device, no weight takes a gradient."""
        state = checkpoint.load(self._files.checked(f"{self._weights}.pt"))["weights"]
        with torch.random.fork_rng(devices=[]):
            network = build_detector(self._config.backbone, self._config.dataset.num_classes)
        network.load_state_dict(state)
        return network.float().to(self.device).eval().requires_grad_(False)

    def test_objects(self) -> Objects:
        """The objects in the test images in order."""
        return self.data.test_objects

    def detection_test(self, size: int, flip: bool, batch_size: int) -> Iterator[tuple[Tensor, Sequence[Placement]]]:
        """The test images in order, letter-boxed, and where each lies in its box."""
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
        """The boxes that the run's own test of these weights kept, of each test image."""
        self._files.checked(f"{self._weights}.pt")  # where these weights are lost, the boxes are of another epoch too
        stored = self._files.tensors(f"{self._weights}_detections.safetensors")
        every = Detections(stored["boxes"], stored["scores"], stored["classes"])
        return [every.at(rows) for rows in torch.arange(len(every)).tensor_split(stored["starts"][1:-1])]
