"""Task kinds: properties of tasks for composing, planning and recording. No torch here."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass

from olsrepro.methods.settings import MethodSettings
from olsrepro.training.recipe import RecipeSettings
from olsrepro.training.runtime import RuntimeSettings


@dataclass(frozen=True)
class TaskKind(ABC):
    """A task by its name; each package ``olsrepro.training.<name>`` has one as ``settings.KIND``.

    Attributes:
        name: as data sets, backbones and evaluations name it.
        recipe: the settings class of its recipes.
        tested: numbers of a test in percent; a row of the curves has ``test_<name>``.
        outputs: the raw output of a test that a run keeps: ``{best,last}_<outputs>.safetensors``.
        scalars: keys of a row that TensorBoard shows.
        row_texts: (key, format) of a row, as an epoch's line has them.
        backbone_does, dataset_has: words for an error line.
        backbones, datasets: which ones to choose, for an error line.
    """

    name: str
    recipe: type[RecipeSettings]
    tested: tuple[str, ...]
    outputs: str
    scalars: tuple[str, ...]
    row_texts: tuple[tuple[str, str], ...]
    backbone_does: str
    dataset_has: str
    backbones: str
    datasets: str

    def shows(self, key: str, num_classes: int) -> bool:
        """Return whether a number of a test, or a row's key, says anything with so many classes."""
        return True

    def row_texts_of(self, num_classes: int) -> tuple[tuple[str, str], ...]:
        """Return the row's texts that say anything with so many classes."""
        return tuple(text for text in self.row_texts if self.shows(text[0], num_classes))

    @abstractmethod
    def output_bytes(self, num_classes: int) -> int:
        """Return the number of bytes that a run keeps of one test image."""

    @abstractmethod
    def check_parts(self, dataset: str, method: MethodSettings, runtime: RuntimeSettings) -> None:
        """Refuse (:class:`UserError`) a method or switches of the runtime that don't apply to the task.

        Args:
            dataset: name of the data set.
            method: the label method.
            runtime: how the run is executed.
        """
