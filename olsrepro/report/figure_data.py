"""Data that pictures are drawn from, without Matplotlib."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


@dataclass(frozen=True)
class Words:
    """Texts around a picture, and across it.

    Attributes:
        title: one sentence, above it.
        caption: below it, with the facts that go with every number.
        stamp: a word across it, for pictures that must not be taken for results; empty for none.
    """

    title: str
    caption: str = ""
    stamp: str = ""


@dataclass(frozen=True)
class Missing:
    """A panel that has nothing to show yet."""

    title: str


@dataclass(frozen=True)
class Point:
    """A mean at a place of a numerical axis; sd is None where there is none."""

    x: float
    mean: float
    sd: float | None = None


@dataclass(frozen=True)
class Series:
    """Our points and the paper's along one axis, both by rising x; an empty series keeps its colour for later."""

    name: str
    points: tuple[Point, ...]
    printed: tuple[Point, ...] = ()


@dataclass(frozen=True)
class Axis:
    """A numerical axis: its label, and the names of the places that have one."""

    label: str = ""
    names: tuple[tuple[float, str], ...] = ()


@dataclass(frozen=True)
class Curve:
    """Mean, least and greatest over the seeds at each epoch, all of equal length.

    Epochs count from 1; a curve without any is not drawn, but keeps its colour for later.

    Raises:
        ValueError: lengths differ.
    """

    name: str
    epochs: tuple[int, ...] = ()
    mean: tuple[float, ...] = ()
    low: tuple[float, ...] = ()
    high: tuple[float, ...] = ()

    def __post_init__(self) -> None:
        if len({len(self.epochs), len(self.mean), len(self.low), len(self.high)}) > 1:
            raise ValueError(f"curve {self.name} must have as many means, least and greatest values as epochs")


@dataclass(frozen=True)
class CurvePanel:
    """Curves that share a pair of axes."""

    title: str
    y_label: str
    curves: tuple[Curve, ...]

    @property
    def drawn(self) -> tuple[Curve, ...]:
        """Curves that have at least one epoch."""
        return tuple(curve for curve in self.curves if curve.epochs)


@dataclass(frozen=True)
class Bars:
    """Label of one class, as a bar for each class.

    Attributes:
        title: what kind of label it is.
        names: of the classes.
        values: a probability for each class.
        target: the index of the class whose label it is.

    Raises:
        ValueError: names and values differ in number, or the target is none of them.
    """

    title: str
    names: Sequence[str]
    values: Sequence[float]
    target: int

    def __post_init__(self) -> None:
        if len(self.names) != len(self.values):
            raise ValueError(f"bars of {self.title} must have a value for each of {len(self.names)} names")
        if not 0 <= self.target < len(self.names):
            raise ValueError(f"target={self.target} must be at least 0 and below {len(self.names)}")


@dataclass(frozen=True)
class Scatter:
    """Embedded samples as points in a plane.

    Attributes:
        title: what they are.
        points: (N, 2), one for each sample.
        labels: (N,) classes, from 0.
        number: a text under the panel, such as ``intra/inter .731``; distances in the picture can't be compared.
        classes: names of all classes, also of those without a sample; empty: as many as the labels show, unnamed.

    Raises:
        ValueError: shapes do not fit, or a label has no class.
    """

    title: str
    points: NDArray[np.floating]
    labels: NDArray[np.integer]
    number: str = ""
    classes: Sequence[str] = ()

    def __post_init__(self) -> None:
        count = len(self.labels)
        if self.points.shape != (count, 2) or self.labels.shape != (count,):
            shapes = f"{self.points.shape} and {self.labels.shape}"
            raise ValueError(f"points and labels of {self.title} must be (N, 2) and (N,), not {shapes}")
        if count and not 0 <= self.labels.min() <= self.labels.max() < self.num_classes:
            raise ValueError(f"labels of {self.title} must be at least 0 and below {self.num_classes}")

    @property
    def num_classes(self) -> int:
        """Number of classes, by their names if there are any, else by the labels."""
        return len(self.classes) or (int(self.labels.max()) + 1 if len(self.labels) else 0)
