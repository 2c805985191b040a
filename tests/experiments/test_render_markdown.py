from __future__ import annotations

import re
from dataclasses import replace

from drawn_tables import TABLE

from olsrepro.experiments.experiment import Line
from olsrepro.experiments.render import render
from olsrepro.experiments.render.markdown import escape


def test_every_row_of_a_table_has_as_many_places_as_its_heading() -> None:
    tables = re.findall(r"(?:^\|.*\|\n)+", render([TABLE], "markdown"), re.M)
    counts = [{len(re.findall(r"(?<!\\)\|", line)) - 1 for line in table.splitlines()} for table in tables]
    assert counts == [{5}, {4}]


def test_a_heading_is_followed_by_its_rule() -> None:
    lines = render([TABLE], "markdown").splitlines()
    first = next(number for number, line in enumerate(lines) if line.startswith("|"))
    assert lines[first - 1] == ""
    assert lines[first + 1] == "| --- | --- | --- | --- | --- |"


def test_nothing_in_a_label_is_read_as_markup() -> None:
    rows = (Line("hard", "a|b *c* _d_ <i> `e` ~f~ \\g"), *TABLE.rows[1:])
    text = render([replace(TABLE, rows=rows)], "markdown")
    assert "| a\\|b \\*c\\* \\_d\\_ &lt;i&gt; \\`e\\` \\~f\\~ \\\\g | ours, best |" in text
    assert escape("25.31 ± .18 (3)") == "25.31 ± .18 (3)"


def test_foot_notes_are_a_list_whose_numbers_are_the_marks() -> None:
    text = render([TABLE], "markdown")
    assert "\n1. missing runs are trained by: olsrepro table 4 seeds=3 --yes\n2. " in text
    assert "23.00 (1/3)<sup>1,2</sup>" in text


def test_the_key_of_marks_is_bold_for_the_mean_and_italic_for_an_sd_of_two_runs() -> None:
    assert "| **7.20** *± .14* (2) |" in render([TABLE], "markdown")
