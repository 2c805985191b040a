"""Pictures of boxes: true ones and found ones where they are, each kind by a line of its own."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from matplotlib.axes import Axes
from matplotlib.patches import Rectangle

from olsrepro.data.objects import Annotated, Objects
from olsrepro.detection.postprocess import Detections
from olsrepro.report.boxes import draw_boxes
from olsrepro.report.figure_data import Words
from olsrepro.report.save import save

NAMES = ("cat", "dog")
WORDS = Words("Boxes", "a caption")
IMAGES = [np.full((30 + 10 * place, 50, 3), 40 * place, dtype=np.uint8) for place in range(5)]
TRUTHS = Objects.listed(
    [[Annotated((5, 6, 25, 16), 1), Annotated((30, 2, 48, 20), 0, True)], [], [Annotated((0, 0, 50, 50), 0)], [], []]
)
NOTHING = Detections(torch.empty(0, 4), torch.empty(0), torch.empty(0, dtype=torch.int64))
FOUND = [
    Detections(torch.tensor([[4.0, 5, 26, 17], [1, 1, 9, 9]]), torch.tensor([0.25, 1.0]), torch.tensor([1, 0])),
    *[NOTHING] * 4,
]


def lines(axes: Axes) -> dict[str, list[tuple[float, ...]]]:
    """The boxes by the kind of their line, as x1, y1, x2, y2 of the image."""
    found: dict[str, list[tuple[float, ...]]] = {}
    for patch in axes.patches:
        assert isinstance(patch, Rectangle)
        x, y = patch.get_xy()
        box = (x + 0.5, y + 0.5, x + 0.5 + patch.get_width(), y + 0.5 + patch.get_height())
        found.setdefault(str(patch.get_linestyle()), []).append(box)
    return found


def test_boxes_are_where_they_are_and_each_kind_has_its_line() -> None:
    first, *_ = draw_boxes(IMAGES, TRUTHS, FOUND, NAMES, WORDS).axes
    assert lines(first) == {
        "-": [(5, 6, 25, 16)],
        ":": [(30, 2, 48, 20)],
        "--": [(4, 5, 26, 17), (1, 1, 9, 9)],
    }


def test_names_and_scores_stand_at_the_boxes() -> None:
    first, *_ = draw_boxes(IMAGES, TRUTHS, FOUND, NAMES, WORDS).axes
    assert [text.get_text() for text in first.texts] == ["dog", "cat", "dog .25", "cat 1.00"]


def test_images_stand_in_lines_of_four_and_are_shown_as_they_are() -> None:
    figure = draw_boxes(IMAGES, TRUTHS, FOUND, NAMES, WORDS)
    assert len(figure.axes) == 8
    for image, axes in zip(IMAGES, figure.axes, strict=False):
        assert np.array_equal(axes.images[0].get_array(), image)
    assert not any(axes.images for axes in figure.axes[5:])
    (key,) = figure.legends
    assert [text.get_text() for text in key.get_texts()] == ["true", "true, difficult", "found, with its score"]


@pytest.mark.parametrize("suffix", [".png", ".svg"])
def test_it_is_saved_the_same_again(suffix: str, tmp_path: Path) -> None:
    for name in ("one", "two"):
        save(
            draw_boxes(IMAGES[:1], TRUTHS.of(0), FOUND[:1], NAMES, replace(WORDS, stamp="SMOKE")),
            tmp_path / f"{name}{suffix}",
        )
    assert (tmp_path / f"one{suffix}").read_bytes() == (tmp_path / f"two{suffix}").read_bytes()


def test_numbers_that_differ_are_refused() -> None:
    with pytest.raises(ValueError, match="5 images, 5 truths, 4 detections"):
        draw_boxes(IMAGES, TRUTHS, FOUND[:4], NAMES, WORDS)
    with pytest.raises(ValueError, match="0 images"):
        draw_boxes([], Objects.listed([]), [], NAMES, WORDS)
