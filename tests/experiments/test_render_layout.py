from __future__ import annotations

from dataclasses import replace

import pytest
from drawn_tables import CELLS, FACTS, TABLE, TOP1
from hypothesis import given
from hypothesis import strategies as st

from olsrepro.experiments.experiment import CellKey, Line, Printed
from olsrepro.experiments.render import fit
from olsrepro.experiments.render.cells import drawn_cell
from olsrepro.experiments.render.layout import BOLD, FAINT, MARK, PLAIN, Entry, Piece, TableLayout, layout
from olsrepro.experiments.table import Cell, Interval, Table


def text(entry: Entry) -> str:
    """An entry with its marks after a caret."""
    return "".join(f"^{piece.text}" if piece.style == MARK else piece.text for piece in entry)


def lines(table: Table, row: str, column: str, columns: str = "both") -> dict[str, str]:
    """What stands at a place, by source."""
    grid = layout(table, columns)
    labels = [line.label for line in (*table.rows, Line(*(table.average or ("", ""))))]
    label = next(line.label for line in (*table.rows, Line(*(table.average or ("", "")))) if line.key == row)
    block = grid.blocks[labels.index(label)]
    place = [line.key for line in table.columns].index(column)
    return {line.source: text(line.entries[place]) for line in block.lines if line.entries[place]}


def with_cell(key: CellKey, cell: Cell) -> Table:
    return replace(TABLE, cells={**CELLS, key: cell})


@pytest.mark.parametrize(
    ("row", "column", "shown"),
    [
        ("hard", "a1", ["25.31 ± .18 (3)", "25.24 ± .18 (3)", "+.07 [−.29, +.43] agrees"]),
        ("hard", "a5", ["7.20 ± .14 (2)", "7.05", "+.15 [−1.20, +1.50] agrees"]),
        ("hard", "b1", ["9.00 (1)", "9.00", ".00"]),
        ("ols", "a1", ["23.00 (1/3)^1,2", "24.00 ± .09 (3)", "−1.00"]),
        ("ols", "a5", ["6.10 ± .14 (2/3)^1"]),
        ("ols", "b1", ["—^1", "8.50 ± 1.02 (3?)"]),
        ("byot", "a1", ["—^3", "20.41 ± .10 (3)"]),
        ("byot", "a5", []),
    ],
)
def test_a_cell_prints_by_how_many_of_its_runs_are_finished(row: str, column: str, shown: list[str]) -> None:
    assert list(lines(TABLE, row, column).values()) == shown


def test_a_line_says_whose_numbers_it_shows_and_by_which_rule_ours_were_chosen() -> None:
    assert list(lines(TABLE, "hard", "a1")) == ["ours, best", "paper", "ours − paper"]
    last = replace(TABLE, select="last")
    assert next(iter(lines(last, "hard", "a1"))) == "ours, last"
    assert next(iter(lines(FACTS, "teacher", "kd"))) == "ours"


def test_a_quoted_row_has_the_papers_number_alone_also_where_only_ours_are_asked_for() -> None:
    assert lines(TABLE, "tfkd", "a1") == {"paper": "23.59^4"}
    assert lines(TABLE, "tfkd", "a1", "ours") == {"": "paper 23.59^4"}


def test_ours_alone_is_one_line_a_row() -> None:
    grid = layout(TABLE, "ours")
    assert [len(block.lines) for block in grid.blocks] == [1] * 5
    assert lines(TABLE, "hard", "a1", "ours") == {"": "25.31 ± .18 (3)"}
    assert not grid.has_sources


def test_a_row_of_nothing_but_missing_cells_keeps_its_line() -> None:
    empty = {key: Cell(TOP1, "missing", 3) for key in CELLS if key[0] == "byot"}
    table = replace(TABLE, cells={**CELLS, **empty})
    assert lines(table, "byot", "a1") == {"ours, best": "—"}


def test_the_mean_is_bold_and_only_an_sd_of_two_runs_is_faint() -> None:
    hard = layout(TABLE).blocks[0].lines[0].entries
    assert hard[0] == (Piece("25.31"), Piece(" ± .18"), Piece(" (3)"))
    assert hard[1] == (Piece("7.20", BOLD), Piece(" ± .14", FAINT), Piece(" (2)", PLAIN))


@pytest.mark.parametrize(
    ("limits", "word"),
    [((-0.1, 0.3), "agrees"), ((0.1, 0.3), "higher"), ((-0.3, -0.1), "lower"), ((0.0, 0.3), "agrees")],
)
def test_a_difference_is_told_in_a_word_too(limits: tuple[float, float], word: str) -> None:
    cell = replace(CELLS["hard", "a1"], difference=Interval(0.1, *limits))
    assert lines(with_cell(("hard", "a1"), cell), "hard", "a1")["ours − paper"].endswith(f"] {word}")


def test_facts_are_compared_exactly_and_have_no_number_of_runs() -> None:
    assert list(lines(FACTS, "teacher", "kd").values()) == ["yes", "yes", "agrees"]
    assert list(lines(FACTS, "teacher", "ols").values()) == ["yes", "no", "differs"]
    assert list(lines(FACTS, "forward", "ols").values()) == ["1", "2", "−1 differs"]
    assert list(lines(FACTS, "forward", "kd").values()) == ["—", "2"]


def whole(table: Table) -> Table:
    """With a number in every cell that is not quoted."""
    full = {key: replace(cell, mean=20.0) for key, cell in CELLS.items() if cell.state != "quoted"}
    return replace(table, cells={**CELLS, **full, ("average", "a1"): Cell(TOP1, "complete", mean=1.5)})


def test_the_average_row_has_its_number_where_every_cell_under_it_has_one() -> None:
    assert lines(whole(TABLE), "average", "a1")["ours, best"] == "1.50"


@pytest.mark.parametrize("missing", ["a1", "b1"])
def test_the_average_row_has_no_number_over_a_missing_cell_of_its_column_or_its_baseline(missing: str) -> None:
    table = whole(TABLE)
    baseline = replace(table.experiment.average, baseline={"a1": "b1"})  # type: ignore[type-var]
    table = replace(table, experiment=replace(table.experiment, average=baseline))
    holed = replace(table, cells={**table.cells, ("byot", missing): Cell(TOP1, "missing", 3)})
    assert lines(table, "average", "a1")["ours, best"] == "1.50"
    assert lines(holed, "average", "a1")["ours, best"] == "—"
    cell = drawn_cell(holed, ("average", "a1"))
    assert cell is not None
    assert (cell.state, cell.mean) == ("missing", None)


def test_a_number_of_runs_that_the_paper_prints_needs_no_inference() -> None:
    printed = Cell(TOP1, "missing", 3, paper=Printed(20.0, 0.1, 5))
    assert lines(with_cell(("ols", "b1"), printed), "ols", "b1")["paper"] == "20.00 ± .10 (5)"
    table = replace(TABLE, experiment=replace(TABLE.experiment, paper_n_inferred=None))
    assert lines(table, "ols", "b1")["paper"] == "8.50 ± 1.02"


def test_groups_of_rows_are_headed_once_and_the_average_is_set_apart_from_the_last() -> None:
    assert [heading for heading, _ in layout(TABLE).headed_blocks()] == ["plain", None, "ours & theirs", None, ""]
    assert {heading for heading, _ in layout(FACTS).headed_blocks()} == {None}


def all_texts(grid: TableLayout) -> list[str]:
    return [text(entry) for line in grid.lines for entry in line.entries if entry]


@given(st.integers(1, 120))
def test_parting_columns_loses_no_number_and_keeps_to_the_room_where_it_can(room: int) -> None:
    grid = layout(TABLE)
    columns = fit.widths(grid, text).columns
    parts = fit.part_columns(grid, columns, room, 2)
    assert sorted(entry for part in parts for entry in all_texts(part)) == sorted(all_texts(grid))
    assert [head for part in parts for head in part.heads] == list(grid.heads)
    assert all(len(part.blocks) == len(grid.blocks) for part in parts)
    for part in parts:
        taken = sum(width + 2 for width in fit.widths(part, text).columns)
        assert taken <= room or len(part.heads) == 1


def test_parting_rows_keeps_the_lines_of_a_row_together_and_repeats_the_heading_of_their_group() -> None:
    parts = fit.part_rows(layout(TABLE), 6)
    assert [[block.lines[0].label for block in part.blocks] for part in parts] == [
        ["Hard Label", "Tf-KD_self"],
        ["OLS"],
        ["BYOT", "Average gain"],
    ]
    assert [next(part.headed_blocks())[0] for part in parts] == ["plain", "ours & theirs", "ours & theirs"]


@given(st.lists(st.integers(1, 20), max_size=12), st.integers(1, 60))
def test_slices_are_neighbours_that_fit_and_even_ones_are_as_few(sizes: list[int], room: int) -> None:
    greedy, even = fit.slices_within(sizes, room), fit.even_slices(sizes, room)
    assert len(greedy) == len(even)
    for slices in (greedy, even):
        assert [size for part in slices for size in sizes[part]] == sizes
        assert all(sum(sizes[part]) <= room or part.stop - part.start == 1 for part in slices)
    largest = [max(sum(sizes[part]) for part in slices) for slices in (even, greedy)]
    assert largest[0] <= largest[1]


def test_even_slices_leave_no_lonely_column() -> None:
    assert [part.stop - part.start for part in fit.even_slices([10] * 5, 40)] == [3, 2]


def test_a_long_label_goes_on_beside_the_next_lines_and_in_lines_of_its_own() -> None:
    rows = (Line("hard", "one two three four"), *TABLE.rows[1:])
    both = fit.wrap_labels(layout(replace(TABLE, rows=rows)), 9).blocks[0]
    assert [(line.label, line.source) for line in both.lines] == [
        ("one two", "ours, best"),
        ("three", "paper"),
        ("four", "ours − paper"),
    ]
    ours = fit.wrap_labels(layout(replace(TABLE, rows=rows), "ours"), 9).blocks[0]
    assert [line.label for line in ours.lines] == ["one two", "three", "four"]
    assert [any(line.entries) for line in ours.lines] == [True, False, False]


def test_headings_are_wrapped_between_words_and_a_word_is_never_broken() -> None:
    assert fit.wrapped("mean distance within", 8) == ["mean", "distance", "within"]
    assert fit.wrapped("ResNeXt29-2x64d", 4) == ["ResNeXt29-2x64d"]
    assert fit.spans(["a", "a", "", "b"]) == [("a", 2), ("", 1), ("b", 1)]
