from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from xml.etree import ElementTree

import matplotlib
import numpy as np
import pytest
from matplotlib.figure import Figure
from matplotlib.image import imread
from picture_tables import NAMES, all_text

from olsrepro.files.atomic import StorageError
from olsrepro.report.bars import draw_bars
from olsrepro.report.curves import draw_curves
from olsrepro.report.embedding import draw_embedding
from olsrepro.report.figure_data import Axis, Bars, Curve, CurvePanel, Missing, Point, Scatter, Series, Words
from olsrepro.report.points import draw_points
from olsrepro.report.save import check_suffix, save
from olsrepro.settings import UserError

WORDS = Words(
    "A title " * 12, "preset: smoke · seeds: 0 · " * 6 + "\nrecipe.a_very_long_override_that_has_no_blank=" + "1" * 90
)
STAMPED = Words(WORDS.title, WORDS.caption, "smoke")


def points(words: Words = STAMPED) -> Figure:
    series = Series("OLS", (Point(1, 5.0, 0.1), Point(2, 4.0), Point(4, 4.5, 0.2)), (Point(2, 4.2),))
    names = ((1.0, "one epoch"), (2.0, "2"), (4.0, "4"))
    return draw_points([series, Series("LS", (Point(1, 6.0),))], Axis("period", names), "top-1 error (%)", words)


def curves() -> Figure:
    numbers = tuple(90.0 / epoch for epoch in range(1, 31))
    own = Curve("OLS", tuple(range(1, 31)), numbers, numbers, tuple(number + 2 for number in numbers))
    label = "error on the flipped training images against their wrong labels (%)"
    line = [CurvePanel(f"{rate} %", label, (own,)) for rate in (20, 40)]
    return draw_curves([line, line], STAMPED)


def bars() -> Figure:
    return draw_bars([[Bars("Hard Label", NAMES, [0.0] * 9 + [1.0], 9), Missing("OLS")]], STAMPED)


def embedding() -> Figure:
    draws = np.random.default_rng(0).normal(size=(500, 2))
    return draw_embedding([[Scatter("OLS", draws, np.arange(500) % 100, "intra/inter .7")] * 3] * 2, STAMPED)


KINDS = (points, curves, bars, embedding)
every_kind = pytest.mark.parametrize("draw", KINDS, ids=lambda draw: draw.__name__)


@every_kind
def test_a_drawing_has_the_same_bytes_each_time(draw: Callable[[], Figure], tmp_path: Path) -> None:
    first, second = tmp_path / "first.svg", tmp_path / "second.svg"
    save(draw(), first)
    save(draw(), second)
    assert first.read_bytes() == second.read_bytes()
    assert ElementTree.parse(first).getroot().tag.endswith("svg")
    assert b"<dc:date>" not in first.read_bytes()


@every_kind
def test_an_image_has_the_size_of_its_sheet_and_is_not_blank(draw: Callable[[], Figure], tmp_path: Path) -> None:
    figure = draw()
    save(figure, tmp_path / "a.png")
    pixels = imread(tmp_path / "a.png")
    width, height = figure.get_size_inches()
    assert pixels.shape[:2] == (pytest.approx(height * 300, abs=1), pytest.approx(width * 300, abs=1))
    assert (pixels[:, :, :3].min(axis=2) < 0.5).mean() > 0.005
    assert (pixels[:4] == 1).all()


@every_kind
def test_no_text_is_cut_and_none_is_too_small_to_read(draw: Callable[[], Figure], tmp_path: Path) -> None:
    figure = draw()
    save(figure, tmp_path / "a.png")
    sheet = figure.bbox
    for text in all_text(figure):
        box = text.get_window_extent()
        assert box.width == 0 or (box.x0 >= sheet.x0 and box.x1 <= sheet.x1 + 1), text
        assert box.height == 0 or (box.y0 >= sheet.y0 and box.y1 <= sheet.y1 + 1), text
        assert text.get_fontsize() >= 6


@every_kind
def test_title_key_panels_and_caption_do_not_overlap(draw: Callable[[], Figure], tmp_path: Path) -> None:
    figure = draw()
    save(figure, tmp_path / "a.png")
    title, caption = (text.get_window_extent() for text in figure.texts[:2])
    tight = [axes.get_tightbbox() for axes in figure.axes]
    tops, bottoms = ([getattr(box, side) for box in tight if box is not None] for side in ("y1", "y0"))
    keys = [legend.get_window_extent() for legend in figure.legends]
    assert min(bottoms) >= caption.y1
    assert max(tops) <= min([title.y0, *(box.y0 for box in keys)])
    assert all(box.y1 <= title.y0 and box.x0 >= 0 and box.x1 <= figure.bbox.x1 for box in keys)


def test_a_stamp_is_seen_in_the_image(tmp_path: Path) -> None:
    images = []
    for name, words in (("plain.png", WORDS), ("stamped.png", STAMPED)):
        save(points(words), tmp_path / name)
        images.append(imread(tmp_path / name)[:, :, :3])
    assert (np.abs(images[0] - images[1]).max(axis=2) > 0.1).mean() > 0.02


def test_nothing_is_left_in_matplotlibs_global_state(tmp_path: Path) -> None:
    before = dict(matplotlib.rcParams.copy())
    for draw in KINDS:
        save(draw(), tmp_path / "a.svg")
    assert dict(matplotlib.rcParams.copy()) == before


def test_a_users_own_matplotlibrc_changes_no_picture(tmp_path: Path) -> None:
    save(points(), tmp_path / "first.svg")
    with matplotlib.rc_context(
        {"lines.linewidth": 9, "axes.facecolor": "red", "savefig.bbox": "tight", "svg.hashsalt": "x"}
    ):
        save(points(), tmp_path / "second.svg")
    assert (tmp_path / "first.svg").read_bytes() == (tmp_path / "second.svg").read_bytes()


def test_pyplot_is_never_loaded_and_matplotlib_only_for_drawing(tmp_path: Path) -> None:
    program = (
        "import sys, pkgutil, importlib, olsrepro.report as room\n"
        "for item in pkgutil.iter_modules(room.__path__): importlib.import_module(f'olsrepro.report.{item.name}')\n"
        "assert not {'matplotlib', 'numpy', 'torch'} & set(sys.modules)\n"
        "from pathlib import Path\nfrom olsrepro.report.bars import draw_bars\nfrom olsrepro.report.save import save\n"
        "from olsrepro.report.figure_data import Bars, Words\n"
        "save(draw_bars([[Bars('a', ['b'], [1.0], 0)]], Words('c')), Path('a.png'))\n"
        "assert 'matplotlib.figure' in sys.modules and 'matplotlib.pyplot' not in sys.modules\n"
    )
    done = subprocess.run([sys.executable, "-c", program], cwd=tmp_path, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr


def test_a_picture_is_there_in_full_or_not_at_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a.svg"
    path.write_text("before")
    figure = points()

    def fails(*arguments: object, **named: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(figure, "savefig", fails)
    with pytest.raises(StorageError, match="no space left"):
        save(figure, path)
    assert [(item.name, item.read_text()) for item in tmp_path.iterdir()] == [("a.svg", "before")]


def test_a_folder_is_made_for_it(tmp_path: Path) -> None:
    save(points(), tmp_path / "figures" / "a.png")
    assert (tmp_path / "figures" / "a.png").stat().st_size > 10_000


@pytest.mark.parametrize("name", ["a.pgn", "a.gif", "a"])
def test_another_suffix_is_refused_with_those_that_there_are(name: str, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"must end with a picture's suffix; .*\.png"):
        check_suffix(tmp_path / name)
    with pytest.raises(UserError):
        save(Figure(), tmp_path / name)
    assert list(tmp_path.iterdir()) == []


def test_a_pdf_has_the_same_bytes_for_the_same_picture(tmp_path: Path) -> None:
    save(points(), tmp_path / "first.pdf")
    save(points(), tmp_path / "second.pdf")
    assert (tmp_path / "first.pdf").read_bytes().startswith(b"%PDF")
    assert (tmp_path / "first.pdf").read_bytes() == (tmp_path / "second.pdf").read_bytes()
