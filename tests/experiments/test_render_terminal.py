from __future__ import annotations

import re
from dataclasses import replace

import pytest
from drawn_tables import TABLE
from hypothesis import given, settings
from hypothesis import strategies as st

from olsrepro.experiments.experiment import Line
from olsrepro.experiments.render import render

NUMBERS = (
    "25.31 ± .18 (3)",
    "+.07 [−.29, +.43] agrees",
    "+.15 [−1.20, +1.50] agrees",
    "*6.10* ± .14 (2/3)¹",
    "8.50 ± 1.02 (3?)",
    "23.59⁴",
)


@settings(max_examples=15, deadline=None)
@given(st.integers(20, 140))
def test_no_number_is_cut_or_broken_whatever_the_width(width: int) -> None:
    text = render([TABLE], "terminal", width=width)
    for number in NUMBERS:
        assert number in text
    assert "…" not in text


@pytest.mark.parametrize("width", [60, 80, 100, 120])
@pytest.mark.parametrize("columns", ["both", "ours"])
def test_lines_keep_to_the_width_but_foot_notes_which_can_be_copied(columns: str, width: int) -> None:
    text = render([TABLE], "terminal", columns, width)
    long = [line for line in text.splitlines() if len(line) > width]
    assert all(line.startswith(("¹", "²", "³", "⁴")) for line in long)


def test_a_narrow_terminal_gets_several_tables_below_each_other() -> None:
    rules = [render([TABLE], "terminal", width=width).count("───\n") for width in (120, 90, 60)]
    assert rules == [1, 2, 3]


def test_without_colours_there_is_no_escape_and_bold_is_shown_by_asterisks() -> None:
    text = render([TABLE], "terminal", width=120)
    assert "\x1b" not in text
    assert "*7.20* ± .14 (2)" in text


def test_with_colours_the_verdicts_the_best_and_an_sd_of_two_runs_are_told_apart() -> None:
    text = render([TABLE], "terminal", width=120, color=True)
    assert "\x1b[1m7.20\x1b[0m\x1b[90m ± .14\x1b[0m (2)" in text
    assert re.search(r"\x1b\[32mHOLDS *\x1b\[0m", text)
    assert re.search(r"\x1b\[31mFAILS *\x1b\[0m", text)
    assert re.search(r"\x1b\[33mundecided *\x1b\[0m", text)


def test_colours_change_nothing_else_than_the_marks_of_bold() -> None:
    coloured = re.sub(r"\x1b\[[0-9;]*m", "", render([TABLE], "terminal", width=200, color=True))
    bare = render([TABLE], "terminal", width=200)
    assert coloured.split() == bare.replace("*", "").split()


def test_the_terminals_width_is_taken_where_none_is_given(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "64")
    assert render([TABLE], "terminal", "ours") == render([TABLE], "terminal", "ours", 64)


def test_what_looks_like_richs_markup_is_shown_as_it_stands() -> None:
    rows = (Line("hard", "[bold]Hard[/] :smile:"), *TABLE.rows[1:])
    text = render([replace(TABLE, rows=rows, footnotes=("[red]a", "b", "c", "d"))], "terminal", width=200)
    assert "[bold]Hard[/] :smile:" in text
    assert "¹ [red]a" in text


def test_a_foot_note_has_no_control_characters() -> None:
    text = render([replace(TABLE, footnotes=("a\x1b[31m\r\nb", "b", "c", "d"))], "terminal", width=200)
    assert "¹ a[31m b\n" in text
