from __future__ import annotations

from itertools import pairwise

import pytest
from matplotlib.axes import Axes
from matplotlib.colors import to_hex
from matplotlib.container import ErrorbarContainer
from picture_tables import key_of, panels

from olsrepro.report.figure_data import Axis, Point, Series, Words
from olsrepro.report.points import draw_points, is_geometric

PERIODS = (12.0, 24.0, 48.0, 384.0)
WORDS = Words("A title")
OLS = Series(
    "OLS",
    tuple(Point(x, 5 + x / 1000, 0.1) for x in PERIODS),
    tuple(Point(x, 4.5) for x in PERIODS[:2]),
)
LS = Series("LS", (Point(12.0, 7.0), Point(24.0, 6.0, 0.5)))
STEPS = Axis("update period", ((12, "12"), (24, "24"), (48, "48"), (384, "one epoch")))


def drawn(*series: Series, axis: Axis = STEPS) -> Axes:
    (axes,) = panels(draw_points(series, axis, "top-1 error (%)", WORDS))
    return axes


def bars(container: ErrorbarContainer) -> list[tuple[float, float]]:
    """(lower, upper) end of each bar that is there."""
    (lines,) = container.lines[2]
    ends = [segment[:, 1] for segment in lines.get_segments() if len(segment)]
    return [(float(low), float(high)) for low, high in ends if low == low]


def containers(axes: Axes) -> list[ErrorbarContainer]:
    return [item for item in axes.containers if isinstance(item, ErrorbarContainer)]


def test_ours_is_a_solid_line_with_filled_markers_through_the_means() -> None:
    line = containers(drawn(OLS))[0].lines[0]
    assert line is not None
    assert list(line.get_xdata()) == list(PERIODS)
    assert list(line.get_ydata()) == [5 + x / 1000 for x in PERIODS]
    assert line.get_linestyle() == "-"
    assert line.get_markerfacecolor() == line.get_color()


def test_the_papers_numbers_are_hollow_markers_of_the_same_colour_without_a_line() -> None:
    ours, printed = (item.lines[0] for item in containers(drawn(OLS)))
    assert ours is not None
    assert printed is not None
    assert (list(printed.get_xdata()), list(printed.get_ydata())) == ([12.0, 24.0], [4.5, 4.5])
    assert printed.get_linestyle() == "None"
    assert to_hex(printed.get_markerfacecolor()) == "#ffffff"
    assert (printed.get_marker(), printed.get_color()) == (ours.get_marker(), ours.get_color())


def test_a_bar_is_one_sd_to_either_side_and_one_run_has_none() -> None:
    assert bars(containers(drawn(LS))[0]) == [(pytest.approx(5.5), pytest.approx(6.5))]
    single = Series("OLS", (Point(12.0, 7.0), Point(24.0, 6.0)))
    assert not containers(drawn(single))[0].has_yerr


def test_series_differ_in_colour_and_in_marker() -> None:
    first, second = (item.lines[0] for item in containers(drawn(Series("OLS", OLS.points), LS)))
    assert first is not None
    assert second is not None
    assert first.get_color() != second.get_color()
    assert first.get_marker() != second.get_marker()


def test_a_series_without_a_point_keeps_its_colour_and_is_not_in_the_key() -> None:
    figure = draw_points([Series("hard", ()), LS], STEPS, "", WORDS)
    (own,) = containers(panels(figure)[0])
    (_, second) = containers(drawn(Series("OLS", OLS.points), LS))
    assert own.lines[0] is not None
    assert second.lines[0] is not None
    assert own.lines[0].get_color() == second.lines[0].get_color()
    assert key_of(figure) == ["LS"]


def test_the_key_names_ours_and_the_papers() -> None:
    assert key_of(draw_points([OLS, LS], STEPS, "", WORDS)) == ["OLS", "OLS (paper)", "LS"]


def test_doubled_places_stand_at_equal_distances() -> None:
    axes = drawn(OLS)
    places = [float(axes.transData.transform((x, 5.0))[0]) for x in (12, 24, 48, 96)]
    first, second, third = (right - left for left, right in pairwise(places))
    assert axes.get_xscale() == "log"
    assert first == pytest.approx(second) == pytest.approx(third)


def test_other_places_are_linear() -> None:
    tenths = Series("OLS", tuple(Point(x / 10, 5.0) for x in range(1, 11)))
    assert drawn(tenths, axis=Axis("alpha")).get_xscale() == "linear"


@pytest.mark.parametrize(
    ("places", "is_so"),
    [
        ({12, 24, 48}, True),
        ({12.0, 24.0, 3072.0}, True),
        ({0.1, 0.2, 0.4}, True),
        ({0.1, 0.2, 0.3}, False),
        ({0.0, 1.0, 2.0}, False),
        ({1.0, 2.0}, False),
        (set(), False),
    ],
    ids=str,
)
def test_three_places_or_more_that_are_doubled_are_geometric(places: set[float], is_so: bool) -> None:
    assert is_geometric(places) is is_so


def test_places_bear_their_names_and_an_axis_its_label() -> None:
    axes = drawn(OLS)
    assert [label.get_text() for label in axes.get_xticklabels()] == ["12", "24", "48", "one\nepoch"]
    assert list(axes.get_xticks()) == list(PERIODS)
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("update period", "top-1 error (%)")


def test_places_that_are_too_many_for_names_have_numbers() -> None:
    many = Series("OLS", tuple(Point(x / 20, 5.0) for x in range(21)))
    names = tuple((x / 20, f"{x}/20") for x in range(21))
    assert not any("/20" in label.get_text() for label in drawn(many, axis=Axis("alpha", names)).get_xticklabels())


def test_a_picture_without_a_point_says_so() -> None:
    figure = draw_points([Series("OLS", ())], STEPS, "top-1 error (%)", WORDS)
    assert [text.get_text() for text in panels(figure)[0].texts] == ["no run yet"]
    assert key_of(figure) == []
