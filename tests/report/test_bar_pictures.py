from __future__ import annotations

import pytest
from matplotlib.axes import Axes
from matplotlib.colors import to_hex
from matplotlib.patches import Rectangle
from picture_tables import NAMES, panels, texts

from olsrepro.report.bars import draw_bars
from olsrepro.report.figure_data import Bars, Missing, Words

HARD = Bars("Hard Label", NAMES, [0.0] * 3 + [1.0] + [0.0] * 6, 3)
LS = Bars("LS", NAMES, [0.01] * 3 + [0.91] + [0.01] * 6, 3)
WORDS = Words("A title", "preset: short")


def drawn(bars: Bars | Missing) -> Axes:
    (axes,) = panels(draw_bars([[bars]], WORDS))
    return axes


def rectangles(axes: Axes) -> list[Rectangle]:
    return [item for item in axes.patches if isinstance(item, Rectangle)]


def faces(axes: Axes) -> list[str]:
    return [to_hex(item.get_facecolor()) for item in rectangles(axes)]


def test_bars_are_as_high_as_the_labels_on_a_logarithmic_axis() -> None:
    axes = drawn(LS)
    assert [item.get_height() for item in rectangles(axes)] == LS.values
    assert axes.get_yscale() == "log"


def test_zero_is_drawn_at_the_floor_as_a_hollow_bar_that_can_be_seen_and_the_caption_says_so() -> None:
    axes = drawn(HARD)
    heights = [item.get_height() for item in rectangles(axes)]
    assert heights == [1e-4] * 3 + [1.0] + [1e-4] * 6
    assert [face == "#ffffff" for face in faces(axes)] == [height < 1 for height in heights]
    assert axes.get_ylim()[0] < 1e-4
    assert "drawn at 0.0001" in " ".join(texts(draw_bars([[HARD]], WORDS)))


def test_what_is_below_the_floor_is_drawn_as_zero_is() -> None:
    tiny = Bars("OLS", ("cat", "truck"), [0.99999, 1e-5], 0)
    assert rectangles(drawn(tiny))[1].get_height() == 1e-4
    assert faces(drawn(tiny))[1] == "#ffffff"


def test_labels_that_are_all_above_the_floor_need_no_word_on_it() -> None:
    assert "0.0001" not in " ".join(texts(draw_bars([[LS]], WORDS)))


def test_the_target_alone_has_another_colour_and_a_bold_name() -> None:
    axes = drawn(LS)
    own = faces(axes)
    assert len(set(own)) == 2
    assert own.count(own[3]) == 1
    assert [label.get_text() for label in axes.get_xticklabels()] == list(NAMES)
    assert [label.get_fontweight() for label in axes.get_xticklabels()].index("bold") == 3


def test_there_is_a_panel_for_each_kind_of_label_and_a_missing_one_says_so() -> None:
    figure = draw_bars([[HARD, LS, Missing("OLS")]], WORDS)
    assert [axes.get_title() for axes in panels(figure)] == ["Hard Label", "LS", "OLS"]
    assert [[text.get_text() for text in axes.texts] for axes in panels(figure)] == [[], [], ["no run yet"]]
    assert len({axes.get_ylim() for axes in panels(figure)}) == 1


def test_of_many_classes_the_target_alone_is_named() -> None:
    many = Bars("LS", [f"class {place}" for place in range(100)], [0.01] * 100, 42)
    assert [label.get_text() for label in drawn(many).get_xticklabels()] == ["class 42"]


@pytest.mark.parametrize(
    ("values", "target", "says"),
    [([0.1], 0, "a value for each of 2 names"), ([0.1, 0.9], 2, "target=2"), ([0.1, 0.9], -1, "target=-1")],
)
def test_bars_that_do_not_fit_are_refused(values: list[float], target: int, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        Bars("OLS", ("cat", "dog"), values, target)
