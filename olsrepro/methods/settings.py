"""Base of the settings of all label methods (no torch here)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, ClassVar

from olsrepro.data.settings import AugmentSettings, DatasetSettings, View
from olsrepro.settings import Component


@dataclass(frozen=True)
class OwnRecipe:
    """Optimiser and schedule that a method uses instead of the recipe's.

    Attributes:
        learning_rates: one per epoch.
        momentum, nesterov, weight_decay: parameters of SGD.
    """

    learning_rates: tuple[float, ...]
    momentum: float
    nesterov: bool
    weight_decay: float

    def rate_at(self, position: float) -> float:
        """Return the learning rate at a position in the training, in epochs."""
        return self.learning_rates[int(position)]


@dataclass(frozen=True)
class CleanSet:
    """Training images with their true labels that are set aside for a method.

    Attributes:
        size: number of images, of all classes together.
        per_class: equally many of each class, so that ``size`` must be a multiple of K; else drawn from all.
        batch_size: number that comes with each batch; None: as many as the batch has.
        in_training: whether steps train on them too.
    """

    size: int
    per_class: bool = True
    batch_size: int | None = None
    in_training: bool = False


@dataclass(frozen=True)
class RunContext:
    """Parts of a run that the switches of its method may follow, where they are left at None.

    Attributes:
        dataset: of the run.
        epochs, milestones, batch_size: of its recipe.
    """

    dataset: DatasetSettings
    epochs: int
    milestones: Sequence[int]
    batch_size: int


@dataclass(frozen=True)
class MethodSettings(Component):
    """Base of every method's settings. Fields have the switch names of the method's card; ``name`` is the folder's.

    A method declares its needs here, so that a run that cannot meet them is refused when it is composed.
    """

    labels_classes: ClassVar[bool] = False
    """Whether its label of a class is the same for every image, so that it can label detected objects."""
    keeps_label_table: ClassVar[bool] = False
    """Whether a (K, K) table of soft labels is written after each epoch."""
    needs_stages: ClassVar[bool] = False
    """Whether it taps the named stages of the backbone."""
    needs_pairs: ClassVar[bool] = False
    """Whether it pairs the halves of a batch, so that the batch size must be even."""
    needs_sample_index: ClassVar[bool] = False
    """Whether it keeps state for each training sample."""
    passes: ClassVar[float] = 1.0
    """Approximate passes forward and back per training image, as planning counts them; forward alone is a third."""
    takes_meta_gradient: ClassVar[bool] = False
    """Whether it differentiates through a step of the network, which torch can't with statistics of several ranks."""
    wants_teacher: ClassVar[bool] = False
    """Whether it learns from a trained network."""
    follow_run: ClassVar[tuple[str, ...]] = ()
    """Switches that follow the run's recipe where they are left at None."""

    name: str = ""

    @property
    def is_tested_by_network(self) -> bool:
        """Whether a test calls the network alone, so that its weights reproduce the test's results."""
        return True

    @property
    def splits_steps(self) -> bool:
        """Whether a rank's share of a step's batch may be split into parts, one after another."""
        return True

    @property
    def teacher_run(self) -> str | None:
        """Id of the teacher's run, if the settings name one."""
        return None

    def switches(self) -> dict[str, Any]:
        """Return the keyword arguments of the criterion, without the switches left at None, which take its defaults."""
        return {key: value for key, value in asdict(self).items() if key != "name" and value is not None}

    def resolved_for(self, dataset: DatasetSettings) -> MethodSettings:
        """Return the settings with each None that depends on the data set's size replaced by a number."""
        return self

    def in_force(self, context: RunContext) -> MethodSettings:
        """Return the settings with the value in force in the place of each None that a variant or the run fills.

        The run id is the same. Where None is the value in force, or no value may stand beside others, it stays.
        """
        return self

    def shortest(self, context: RunContext) -> MethodSettings:
        """Return the settings with None for each switch of ``follow_run`` that has the value None stands for."""
        settings = self
        for key in self.follow_run:
            if getattr(settings, key) is not None:
                left_out: dict[str, Any] = {key: None}
                shorter = replace(settings, **left_out)
                settings = shorter if shorter._does_the_same_as(settings, context) else settings
        return settings

    def _does_the_same_as(self, other: MethodSettings, context: RunContext) -> bool:
        try:
            self.check_run(context.dataset, context.epochs, context.milestones)
        except ValueError:  # the recipe has nothing that the switch could follow
            return False
        return self.in_force(context) == other.in_force(context)

    def check_run(self, dataset: DatasetSettings, epochs: int, milestones: Sequence[int]) -> None:
        """Refuse a data set, number of epochs or milestones that the method can't work with (:class:`ValueError`)."""

    def own_recipe(self, epochs: int) -> OwnRecipe | None:
        """Return the optimiser and schedule that it uses instead of the recipe's; None: the recipe's."""
        return None

    def clean_set(self) -> CleanSet | None:
        """Return the clean set that it needs; None if it needs none."""
        return None

    def first_view(self, augment: AugmentSettings) -> AugmentSettings:
        """Return the augmentation of the images of a batch, given the recipe's."""
        return augment

    def more_views(self, augment: AugmentSettings) -> tuple[View, ...]:
        """Return the views that a batch has in addition to its images."""
        return ()

    def images_per_batch(self, batch_size: int) -> int:
        """Return the number of images in a batch, given the recipe's batch size."""
        return batch_size
