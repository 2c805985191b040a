"""What the settings of all label methods share (no torch here)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, ClassVar

from olsrepro.data.settings import AugmentSettings, DatasetSettings, View
from olsrepro.settings import Component


@dataclass(frozen=True)
class OwnRecipe:
    """An optimiser and schedule that a method brings along instead of the recipe's.

    Attributes:
        learning_rates: one for each epoch.
        momentum, nesterov, weight_decay: of SGD.
    """

    learning_rates: tuple[float, ...]
    momentum: float
    nesterov: bool
    weight_decay: float

    def rate_at(self, position: float) -> float:
        """The rate at a place in the training, in epochs."""
        return self.learning_rates[int(position)]


@dataclass(frozen=True)
class CleanSet:
    """Training images with their true labels that a method wants aside.

    Attributes:
        size: how many, of all classes together.
        per_class: as many of each class, which ``size`` must divide into; else drawn from all.
        batch_size: how many come with each batch; None: as many as the batch has.
        in_training: whether steps train on them too.
    """

    size: int
    per_class: bool = True
    batch_size: int | None = None
    in_training: bool = False


@dataclass(frozen=True)
class RunContext:
    """What of a run the switches of its method may follow, where they are left at None.

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
    """Base of every method's settings. Fields carry the switch names of the method's card; ``name`` is the folder's.

    What a method needs it declares here, so that a run that cannot give it is refused when it is composed.
    """

    labels_classes: ClassVar[bool] = False
    """Whether it says what the label of a class is, whatever the image: then it can label detected objects."""
    keeps_label_table: ClassVar[bool] = False
    """Whether a (K, K) table of soft labels is written after each epoch."""
    needs_stages: ClassVar[bool] = False
    """Whether it taps the named stages of the backbone."""
    needs_pairs: ClassVar[bool] = False
    """Whether it pairs the halves of a batch, whose size must be even then."""
    needs_sample_index: ClassVar[bool] = False
    """Whether it remembers something of each training sample."""
    passes: ClassVar[float] = 1.0
    """Passes forward and back for each training image, roughly, as planning counts them; forward alone is a third."""
    takes_meta_gradient: ClassVar[bool] = False
    """Whether it differentiates through a step of the network, as torch can't with statistics of several ranks."""
    wants_teacher: ClassVar[bool] = False
    """Whether a trained network teaches."""
    follow_run: ClassVar[tuple[str, ...]] = ()
    """Switches that follow the run's recipe where they are left at None."""

    name: str = ""

    @property
    def is_tested_by_network(self) -> bool:
        """Whether a test calls the network alone, so that its weights give the test's numbers again."""
        return True

    @property
    def splits_steps(self) -> bool:
        """Whether a rank's share of a step's batch may come in parts, one after another."""
        return True

    @property
    def teacher_run(self) -> str | None:
        """The id of the run that teaches, where the settings name one."""
        return None

    def switches(self) -> dict[str, Any]:
        """The keyword arguments of the method's criterion; a switch left at None takes the criterion's own default."""
        return {key: value for key, value in asdict(self).items() if key != "name" and value is not None}

    def resolved_for(self, dataset: DatasetSettings) -> MethodSettings:
        """With a number in the place of each None that stands for one that depends on the data set's size."""
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
        """Refuse what the method can't do with a data set, so many epochs and these drops (:class:`ValueError`)."""

    def own_recipe(self, epochs: int) -> OwnRecipe | None:
        """The optimiser and schedule that it brings along; None: the recipe's."""
        return None

    def clean_set(self) -> CleanSet | None:
        """The clean images that it wants."""
        return None

    def first_view(self, augment: AugmentSettings) -> AugmentSettings:
        """What changes the images of a batch, from what the recipe says."""
        return augment

    def more_views(self, augment: AugmentSettings) -> tuple[View, ...]:
        """The views that a batch carries beside its images."""
        return ()

    def images_per_batch(self, batch_size: int) -> int:
        """Images in a batch, of the recipe's batch size."""
        return batch_size
