"""Files that a training leaves beside its record, each written whole or not at all."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

from safetensors.torch import save as to_safetensors
from torch import Tensor, nn

from olsrepro.files.atomic import replacing, write_text
from olsrepro.training import checkpoint
from olsrepro.training.progress import Row
from olsrepro.training.task import Evaluation

CURVES = "curves.jsonl"
EPOCHS = "epochs"
LABEL_TABLES = "label_tables"
ENSEMBLE = "ensemble_sums.safetensors"


class Artifacts:
    """Writer of a run's curves, weights (``best.pt``, ``last.pt``, an ensemble's), test logits, label tables and sums.

    Args:
        folder: of the run.
        about: ``run_id`` and ``config`` of the run as plain containers, by which a copied file can be identified. Files
            of weights hold both, files of tensors have the id in their metadata.
    """

    def __init__(self, folder: Path, about: Mapping[str, Any] = MappingProxyType({})) -> None:
        self.folder = folder
        self._about = dict(about)
        self._metadata = {"run_id": about["run_id"]} if about else {}

    def curves(self, rows: Iterable[Row]) -> None:
        """Write all rows so far, one JSON object per line."""
        write_text(self.folder / CURVES, "".join(json.dumps(row) + "\n" for row in rows))

    def written_epochs(self) -> int:
        """Count the epochs that the curves have."""
        path = self.folder / CURVES
        return len(path.read_text().splitlines()) if path.exists() else 0

    def epoch_of(self, which: str) -> int:
        """Return the epoch, counted from 1, whose weights ``{which}.pt`` holds."""
        return int(checkpoint.load(self.folder / f"{which}.pt")["epoch"])

    def weights(self, which: str, network: nn.Module, epoch: int, evaluation: Evaluation) -> None:
        """Write ``{which}.pt`` (weights, epoch from 1, the test's numbers, the run) and the test's raw output."""
        self._weights(f"{which}.pt", network, epoch, evaluation)
        self._tensors(f"{which}_{evaluation.kind}.safetensors", dict(evaluation.outputs))

    def epoch_weights(self, network: nn.Module, epoch: int, evaluation: Evaluation) -> None:
        """Write ``epochs/epoch_0015.pt``, in the form of ``best.pt``, for an ensemble; epochs are counted from 1."""
        (self.folder / EPOCHS).mkdir(exist_ok=True)
        self._weights(f"{EPOCHS}/epoch_{epoch:04d}.pt", network, epoch, evaluation)

    def kept_epochs(self) -> list[int]:
        """List the epochs that :meth:`epoch_weights` has written files of, in rising order."""
        names = (re.fullmatch(r"epoch_(\d+)\.pt", path.name) for path in (self.folder / EPOCHS).glob("*.pt"))
        return sorted(int(name[1]) for name in names if name)

    def label_table(self, epoch: int, table: Tensor) -> None:
        """Write the soft labels in force after an epoch, counted from 1."""
        (self.folder / LABEL_TABLES).mkdir(exist_ok=True)
        self._tensors(f"{LABEL_TABLES}/epoch_{epoch:04d}.safetensors", {"soft_labels": table})

    def ensemble(self, sums: Mapping[int, Tensor], members: Mapping[int, list[int]]) -> None:
        """Write the sums of test probabilities by ensemble size; the file's metadata has the epochs in each."""
        names = {str(size): json.dumps(members[size]) for size in sums}
        self._tensors(ENSEMBLE, {str(size): total for size, total in sums.items()}, names)

    def _weights(self, name: str, network: nn.Module, epoch: int, evaluation: Evaluation) -> None:
        state = {"epoch": epoch, "weights": network.state_dict(), "test": evaluation.fields, **self._about}
        checkpoint.save(self.folder / name, state)

    def _tensors(self, name: str, tensors: dict[str, Tensor], facts: Mapping[str, str] = MappingProxyType({})) -> None:
        plain = {key: value.detach().cpu().contiguous() for key, value in tensors.items()}
        with replacing(self.folder / name) as file:
            file.write(to_safetensors(plain, {**self._metadata, **facts} or None))
