from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from matplotlib.collections import PathCollection
from matplotlib.colors import to_hex
from matplotlib.figure import Figure
from picture_tables import NAMES, key_of, panels

from olsrepro.report.embedding import colour_places, draw_embedding
from olsrepro.report.figure_data import Missing, Scatter, Words

RNG = np.random.default_rng(0)
WORDS = Words("A title")


def scatter(title: str, labels: Sequence[int], classes: Sequence[str] = (), scale: float = 1.0) -> Scatter:
    return Scatter(title, RNG.normal(size=(len(labels), 2)) * scale, np.array(labels), "intra/inter .731", classes)


def dots(figure: Figure, panel: int = 0) -> PathCollection:
    (found,) = panels(figure)[panel].collections
    assert isinstance(found, PathCollection)
    return found


def test_points_stand_where_they_are_in_the_colour_of_their_class() -> None:
    data = scatter("OLS", [0, 1, 1, 2])
    found = dots(draw_embedding([[data]], WORDS))
    np.testing.assert_array_equal(found.get_offsets(), data.points)
    first, second, third, fourth = map(to_hex, found.get_facecolors())
    assert second == third
    assert len({first, second, fourth}) == 3


def test_of_a_hundred_classes_each_ten_in_order_share_one_of_ten_colours() -> None:
    found = dots(draw_embedding([[scatter("OLS", range(100))]], WORDS))
    colours = list(map(to_hex, found.get_facecolors()))
    assert all(len(set(colours[ten : ten + 10])) == 1 for ten in range(0, 100, 10))
    assert len(set(colours)) == 10


@pytest.mark.parametrize(("classes", "colours"), [(1, 1), (10, 10), (11, 10), (90, 10), (100, 10), (196, 10)])
def test_no_more_than_ten_colours_are_given_in_the_order_of_the_classes(classes: int, colours: int) -> None:
    places = colour_places(classes)
    assert (len(places), sorted(places), set(places)) == (classes, places, set(range(colours)))


def test_a_panel_has_its_title_its_number_below_and_no_tick() -> None:
    (axes,) = panels(draw_embedding([[scatter("OLS, training images", [0, 1])]], WORDS))
    assert (axes.get_title(), axes.get_xlabel()) == ("OLS, training images", "intra/inter .731")
    assert (len(axes.get_xticks()), len(axes.get_yticks())) == (0, 0)


def test_panels_have_axes_of_their_own_and_a_missing_one_says_so() -> None:
    grid = [[scatter("a", [0, 1]), scatter("b", [0, 1], scale=100)], [Missing("c"), scatter("d", [1, 0])]]
    figure = draw_embedding(grid, WORDS)
    first, second, third, _ = panels(figure)
    assert [axes.get_title() for axes in panels(figure)] == ["a", "b", "c", "d"]
    assert first.get_ylim() != second.get_ylim()
    assert [text.get_text() for text in third.texts] == ["no run yet"]


def test_the_key_names_classes_or_the_first_and_last_of_those_that_share_a_colour() -> None:
    assert key_of(draw_embedding([[scatter("a", [0], NAMES)]], WORDS)) == list(NAMES)
    hundred = [f"c{place}" for place in range(100)]
    assert key_of(draw_embedding([[scatter("a", [0], hundred)]], WORDS))[:2] == ["c0 … c9", "c10 … c19"]


def test_all_classes_count_also_those_without_a_point() -> None:
    few, all_ = scatter("a", [0, 3], NAMES), scatter("a", [0, 9], NAMES)
    colours = [list(map(to_hex, dots(draw_embedding([[data]], WORDS)).get_facecolors())) for data in (few, all_)]
    assert colours[0][0] == colours[1][0]
    assert colours[0][1] != colours[1][1]


def test_points_are_an_image_inside_a_drawing_as_ten_thousand_circles_are_too_many() -> None:
    assert dots(draw_embedding([[scatter("a", [0])]], WORDS)).get_rasterized()


def test_no_panel_at_all_is_a_picture_too() -> None:
    assert key_of(draw_embedding([[Missing("a")]], WORDS)) == []


@pytest.mark.parametrize(
    ("points", "labels", "classes"),
    [
        (np.zeros((3, 3)), np.zeros(3, int), ()),
        (np.zeros((3, 2)), np.zeros(2, int), ()),
        (np.zeros((2, 2)), np.array([0, 2]), ("cat", "dog")),
        (np.zeros((2, 2)), np.array([0, -1]), ()),
    ],
)
def test_a_scatter_that_does_not_fit_is_refused(
    points: np.ndarray[tuple[int, int], np.dtype[np.float64]],
    labels: np.ndarray[tuple[int], np.dtype[np.int64]],
    classes: tuple[str, ...],
) -> None:
    with pytest.raises(ValueError, match="of OLS must be"):
        Scatter("OLS", points, labels, "", classes)
