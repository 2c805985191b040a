"""CSV and JSON: what comes out is read back by other people's readers."""

from __future__ import annotations

import csv
import json
import re
from dataclasses import asdict, replace
from io import StringIO

from drawn_tables import CELLS, FOOTNOTES, TABLE, VERDICTS

from olsrepro.experiments.render import json as json_format
from olsrepro.experiments.render import render
from olsrepro.experiments.table import Cell


def csv_lines() -> dict[tuple[str, str], dict[str, str]]:
    lines = csv.DictReader(StringIO(render([TABLE], "csv"), newline=""), strict=True)
    return {(line["row"], line["column"]): line for line in lines}


def test_csv_has_a_line_for_every_cell_with_lines_ended_as_rfc_4180_says() -> None:
    assert list(csv_lines()) == list(CELLS)
    text = render([TABLE], "csv")
    assert text.count("\n") == text.count("\r\n") == len(CELLS) + 1


def test_csv_numbers_are_those_of_the_cell_unrounded() -> None:
    for key, line in csv_lines().items():
        cell = CELLS[key]
        if key[0] != "average":
            assert float(line["mean"] or "nan") == cell.mean or cell.mean is None
            assert line["sd"] == ("" if cell.sd is None else repr(cell.sd))
            assert (int(line["n"]), int(line["wanted"]), line["state"]) == (cell.n, cell.wanted, cell.state)
    line = csv_lines()["hard", "a1"]
    assert line["values"] == "0=25.13 1=25.31 2=25.49"
    assert (line["difference"], line["difference_low"], line["difference_high"]) == ("0.07", "-0.29", "0.43")
    assert line["difference_word"] == "agrees"


def test_csv_has_what_no_number_is_without_in_every_line() -> None:
    for line in csv_lines().values():
        assert (line["experiment"], line["preset"], line["select"], line["seeds"]) == (
            "table4",
            "paper",
            "best",
            "0 1 2",
        )
        assert (line["commits"], line["devices"]) == ("20cb36d 3c083da+", "CPU, x86_64")


def test_csv_has_the_texts_of_a_cells_foot_notes_and_the_number_of_runs_that_is_inferred() -> None:
    lines = csv_lines()
    assert lines["byot", "a1"]["footnotes"] == FOOTNOTES[2]
    assert lines["ols", "a1"]["footnotes"] == f"{FOOTNOTES[0]} | {' '.join(FOOTNOTES[1].split())}"
    inferred = {key: line["paper_n_inferred"] for key, line in lines.items() if line["paper_n_inferred"]}
    assert inferred == {("ols", "b1"): "3"}
    assert lines["tfkd", "a1"]["quoted"] == "Tf-KD [57]"


def test_an_average_over_a_missing_cell_has_no_number_in_csv_and_json() -> None:
    assert CELLS["average", "a1"].mean is not None
    assert csv_lines()["average", "a1"]["mean"] == ""
    cells = {(cell["row"], cell["column"]): cell for cell in json.loads(render([TABLE], "json"))["cells"]}
    assert cells["average", "a1"]["mean"] is None
    assert cells["average", "a1"]["paper"]["mean"] == 2.0


def test_json_has_the_whole_model() -> None:
    table = json.loads(render([TABLE], "json"))
    assert table["schema"] == 1
    assert (table["experiment"], table["place"], table["preset"], table["select"]) == (
        "table4",
        "Table IV",
        "paper",
        "best",
    )
    assert (table["seeds"], table["complete"]) == ([0, 1, 2], False)
    assert [row["key"] for row in table["rows"]] == ["hard", "tfkd", "ols", "byot"]
    assert table["pools"] == [asdict(pool) for pool in TABLE.pools]
    assert table["families"] == {"top1_err": 17, "top5_err": 4}
    assert table["footnotes"] == list(FOOTNOTES)
    cell = next(cell for cell in table["cells"] if (cell["row"], cell["column"]) == ("hard", "a1"))
    assert cell["values"] == {"0": 25.13, "1": 25.31, "2": 25.49}
    assert cell["paper"] == {"mean": 25.24, "sd": 0.18, "n": 3, "n_inferred": None}


def test_json_has_every_verdict_with_its_comparisons() -> None:
    verdicts = json.loads(render([TABLE], "json"))["verdicts"]
    assert [item["verdict"] for item in verdicts] == [verdict.verdict for verdict in VERDICTS]
    first = verdicts[0]["comparisons"][0]
    assert (first["better"], first["worse"]) == (["ols", "a1"], ["hard", "a1"])
    assert first["gain"] == {"difference": 1.02, "low": 0.61, "high": 1.43}
    assert (first["p_pooled"], first["p_holm"], first["p_welch"], first["paper_gain"]) == (0.001, 0.002, 0.01, 1.24)


def test_every_key_of_json_is_documented_and_every_documented_one_is_there() -> None:
    table = json.loads(render([TABLE], "json"))
    documented = {key.strip("`") for key in re.findall(r"[\w`]+", json_format.__doc__ or "")}
    cell, verdict = table["cells"][0], table["verdicts"][0]
    inner = (table["rows"][0], table["metrics"]["top1_err"], cell, cell["paper"], cell["difference"], verdict)
    keys = {key for part in (table, *inner, verdict["comparisons"][0], table["pools"][0]) for key in part}
    assert keys <= documented
    told = {key for line in (json_format.__doc__ or "").splitlines() for key in re.findall(r"``(\w+)``", line)}
    assert told <= keys


def test_json_takes_whatever_text_there_is() -> None:
    odd = replace(TABLE, footnotes=('"\\\n\t\x00é', *FOOTNOTES[1:]))
    assert json.loads(render([odd], "json"))["footnotes"][0] == '"\\\n\t\x00é'


def test_a_cell_that_the_table_lacks_has_no_line() -> None:
    lone = replace(TABLE, cells={("hard", "a1"): Cell(CELLS["hard", "a1"].metric, "missing", 3)}, average=None)
    assert len(json.loads(render([lone], "json"))["cells"]) == 1
    assert render([lone], "csv").count("\r\n") == 2
