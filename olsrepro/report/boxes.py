"""Pictures of images with boxes around the objects in them: the true ones, and those that a detector found."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from olsrepro.report.figure_data import Words
from olsrepro.report.panels import PanelGrid, add_key, sheet
from olsrepro.report.style import PAGE, PALETTE, applied

if TYPE_CHECKING:
    import numpy as np
    from matplotlib.artist import Artist
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from numpy.typing import NDArray
    from torch import Tensor

    from olsrepro.data.objects import Objects

ACROSS = 4
_NAME_SIZE = 5.0
_MOST_FLAT, _MOST_TALL = 0.5, 1.5  # heights of a panel, relative to its width


class Found(Protocol):
    """Detections in one image, such as :class:`olsrepro.detection.postprocess.Detections`."""

    @property
    def boxes(self) -> Tensor:
        """Box edges in pixels of the image, float (N, 4)."""

    @property
    def scores(self) -> Tensor:
        """Scores in [0, 1], float (N,)."""

    @property
    def classes(self) -> Tensor:
        """Class indices, int64 (N,)."""


class _Stroke(NamedTuple):
    """Style of a kind of box: a line over a broader dark one, so that it shows on any background."""

    name: str
    colour: str
    line: str


_WIDTH = 0.9
_GROUND = "#000000"
_TRUE = _Stroke("true", "#FFFFFF", "-")
_DIFFICULT = _Stroke("true, difficult", "#FFFFFF", ":")
_FOUND = _Stroke("found, with its score", PALETTE[5], "--")


def draw_boxes(
    images: Sequence[NDArray[np.uint8]],
    truths: Objects,
    found: Sequence[Found],
    class_names: Sequence[str],
    words: Words,
    across: int = ACROSS,
) -> Figure:
    """Draw images in lines of ``across``, with true boxes (solid, difficult ones dotted) and found ones (dashed).

    Args:
        images: RGB, (H, W, 3), each of its own size.
        truths: the objects of each image, in its pixels.
        found: the detections in each image; the caller selects which scores to draw.
        class_names: one for each class.
        words: the texts around the picture.
        across: images in a line.

    Raises:
        ValueError: there is no image, or not as many truths or detections as images.
    """
    if not images or not len(images) == len(truths) == len(found):
        counts = f"{len(images)} images, {len(truths)} truths, {len(found)} detections"
        raise ValueError(f"{counts}: there must be an image, and as many truths and detections as images")
    across = min(across, len(images))
    tallest = max(image.shape[0] / image.shape[1] for image in images)
    strokes = (_TRUE, _DIFFICULT, _FOUND)
    height = PAGE / across * min(max(tallest, _MOST_FLAT), _MOST_TALL)
    key = tuple(stroke.name for stroke in strokes)
    plan = PanelGrid(words, PAGE, height, -(-len(images) // across), across, key, shares_y=False)
    with applied():
        figure, grid = sheet(plan)
        panels = [axes for line in grid for axes in line]
        for axes in panels:
            axes.set_axis_off()
        for place, axes in enumerate(panels[: len(images)]):
            axes.imshow(images[place], interpolation="nearest")
            _draw_truths(axes, truths.of(place), class_names)
            _draw_found(axes, found[place], class_names)
        add_key(figure, plan, [_handle(stroke) for stroke in strokes])
    return figure


def _draw_truths(axes: Axes, objects: Objects, class_names: Sequence[str]) -> None:
    for box, label, difficult in zip(
        objects.boxes.tolist(), objects.classes.tolist(), objects.difficult.tolist(), strict=True
    ):
        _draw(axes, box, class_names[label], _DIFFICULT if difficult else _TRUE, at_top=False)


def _draw_found(axes: Axes, found: Found, class_names: Sequence[str]) -> None:
    boxes, scores, labels = found.boxes.tolist(), found.scores.tolist(), found.classes.tolist()
    for score, box, label in sorted(
        zip(scores, boxes, labels, strict=True)
    ):  # the highest score is drawn over the others
        _draw(axes, box, f"{class_names[label]} {f'{score:.2f}'.lstrip('0')}", _FOUND, at_top=True)


def _draw(axes: Axes, box: Sequence[float], name: str, stroke: _Stroke, *, at_top: bool) -> None:
    """Draw a box and its name, inside its upper or its lower left corner."""
    from matplotlib.patches import Rectangle
    from matplotlib.patheffects import withStroke

    x1, y1, x2, y2 = (edge - 0.5 for edge in box)  # Matplotlib's pixels are around whole numbers
    axes.add_patch(Rectangle((x1, y1), x2 - x1, y2 - y1, fill=False, edgecolor=stroke.colour, **_lines(stroke)))
    axes.text(
        x1,
        y1 if at_top else y2,
        name,
        size=_NAME_SIZE,
        color=stroke.colour,
        va="top" if at_top else "bottom",
        clip_on=True,
        path_effects=[withStroke(linewidth=1.2, foreground=_GROUND)],
    )


def _handle(stroke: _Stroke) -> Artist:
    from matplotlib.lines import Line2D

    return Line2D([], [], color=stroke.colour, **_lines(stroke))


def _lines(stroke: _Stroke) -> dict[str, Any]:
    from matplotlib.patheffects import withStroke

    under = withStroke(linewidth=2 * _WIDTH, foreground=_GROUND)
    return {"linestyle": stroke.line, "linewidth": _WIDTH, "path_effects": [under]}
