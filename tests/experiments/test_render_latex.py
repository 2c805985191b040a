from __future__ import annotations

import re
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest
from drawn_tables import FACTS, SMOKE, TABLE
from hypothesis import given, settings
from hypothesis import strategies as st

from olsrepro.experiments.experiment import Experiment, Line, Printed
from olsrepro.experiments.files import load
from olsrepro.experiments.render import render
from olsrepro.experiments.render.latex import escape
from olsrepro.experiments.table import Cell, Interval, Table

needs_pdflatex = pytest.mark.skipif(
    shutil.which("kpsewhich") is None
    or subprocess.run(["kpsewhich", "booktabs.sty"], capture_output=True, check=False).returncode != 0,
    reason="LaTeX tables are compiled by pdflatex with booktabs: apt install texlive-latex-recommended",
)
ODD = '100 % _a_ & b # $c ^d ~e {f} \\g <h> |i| "j" `k\' --yes [l] *m* ± − — ν × é ☃'


def filled(experiment: Experiment) -> Table:
    """An experiment's table with as wide a number as there may be in every place."""
    cells = {
        cell: Cell(
            experiment.metric_of(cell),
            "complete",
            3,
            dict.fromkeys(range(3), 25.31),
            25.31,
            0.18,
            experiment.paper.get(cell, Printed(25.24, 0.18, 3)),
            Interval(-1.07, -12.29, 10.43),
            marks=(1,),
        )
        for cell in experiment.cells()
    }
    return Table(
        experiment,
        tuple(experiment.rows.values()),
        tuple(experiment.columns.values()),
        cells,
        None,
        preset="paper",
        select="best",
        seeds=(0, 1, 2),
        verdicts=TABLE.verdicts,
        footnotes=("olsrepro table 6 --yes recipe.batch_size=128 fills it",),
    )


def compiled(tables: list[Table], folder: Path, columns: str = "both") -> str:
    """What pdflatex says of a document of the plainest class that loads booktabs alone."""
    body = render(tables, "latex", columns)
    document = f"\\documentclass{{article}}\\usepackage{{booktabs}}\\begin{{document}}\n{body}\\end{{document}}\n"
    (folder / "page.tex").write_text(document, encoding="ascii")
    command = ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "page.tex"]
    done = subprocess.run(command, cwd=folder, capture_output=True, check=False, timeout=120)
    said = done.stdout.decode(errors="replace")
    assert done.returncode == 0, said[-2000:]
    return said


@needs_pdflatex
@pytest.mark.parametrize("columns", ["both", "ours"])
def test_tables_compile_with_booktabs_alone_and_nothing_leaves_the_page(columns: str, tmp_path: Path) -> None:
    tables = [TABLE, FACTS, SMOKE, *(filled(load(name)) for name in ("table2", "table4", "table6"))]
    said = compiled(tables, tmp_path, columns)
    assert "Overfull" not in said
    assert "Float too large" not in said
    assert (tmp_path / "page.pdf").stat().st_size > 0


@needs_pdflatex
def test_no_label_note_or_claim_breaks_the_page(tmp_path: Path) -> None:
    rows = (Line("hard", f"[1] {ODD}", group=f"*{ODD}"), Line("ols", f"*{ODD}"), *TABLE.rows[2:])
    columns = tuple(Line(column.key, ODD, group=ODD) for column in TABLE.columns)
    verdicts = tuple(replace(verdict, says=ODD, reason=ODD) for verdict in TABLE.verdicts)
    experiment = replace(TABLE.experiment, title=ODD, place=ODD, note=ODD)
    said = compiled(
        [
            replace(
                TABLE,
                experiment=experiment,
                rows=rows,
                columns=columns,
                verdicts=verdicts,
                overrides=(ODD,),
                footnotes=(ODD,) * 4,
            )
        ],
        tmp_path,
    )
    assert "Missing character" not in said


def unmarked(text: str) -> str:
    """Without the commands and escaped signs."""
    return re.sub(r"\\[A-Za-z]+|\\[^A-Za-z]", "", text)


@settings(max_examples=40, deadline=None)
@given(st.text())
def test_whatever_text_is_escaped_to_printable_ascii_with_balanced_braces_and_no_bare_sign(text: str) -> None:
    out = escape(text)
    assert out.isascii()
    assert out == "" or out.isprintable()
    rest = re.sub(r"\$[^$]*\$", "", unmarked(out))
    assert not set(rest) & set("%_&#^\\")
    assert rest.replace("{}", "").count("{") == rest.replace("{}", "").count("}") == 0


@pytest.mark.parametrize(
    ("text", "escaped"),
    [
        ("25.31 ± .18", r"25.31 $\pm$ .18"),
        ("ours − paper", r"ours $-$ paper"),
        ("—", "---"),
        ("--yes", "-{}-yes"),
        ("a_b 5 % & #1 ^ ~", r"a\_b 5 \% \& \#1 \textasciicircum{} \textasciitilde{}"),
        ("{C:\\x} $", r"\{C:\textbackslash{}x\} \$"),
        ("KL(human || model) <1>", r"KL(human $|$$|$ model) $<$1$>$"),
        ("ν α", r"$\nu$ $\alpha$"),
        ("é", "e"),
        ("☃", "[U+2603]"),
    ],
)
def test_a_sign_that_means_something_to_latex_is_escaped(text: str, escaped: str) -> None:
    assert escape(text) == escaped


@pytest.mark.parametrize("columns", ["both", "ours"])
def test_a_drawn_table_is_ascii_has_balanced_braces_and_environments(columns: str) -> None:
    text = render([TABLE, FACTS], "latex", columns)
    assert text.isascii()
    bare = text.replace(r"\{", "").replace(r"\}", "")
    assert bare.count("{") == bare.count("}")
    for name in ("table", "tabular"):
        assert text.count(f"\\begin{{{name}}}") == text.count(f"\\end{{{name}}}") > 0


def test_every_row_of_a_tabular_has_as_many_places_as_its_columns() -> None:
    text = render([TABLE, FACTS], "latex")
    for columns, body in re.findall(r"\\begin\{tabular\}\{@\{\}(l+)@\{\}\}\n(.*?)\\end\{tabular\}", text, re.S):
        rows = [line for line in body.splitlines() if line.endswith(r"\\") and "multicolumn" not in line]
        assert {len(re.findall(r"(?<!\\)&", row)) + 1 for row in rows} == {len(columns)}


def test_a_row_that_starts_with_a_bracket_is_no_argument_of_the_row_above() -> None:
    rows = (Line("hard", "[1] first"), *TABLE.rows[1:])
    assert "\n{}[1] first & " in render([replace(TABLE, rows=rows)], "latex")


def test_marks_are_superscripts_the_best_is_bold_and_an_sd_of_two_runs_is_italic() -> None:
    text = render([TABLE], "latex")
    assert r"23.00 (1/3)\textsuperscript{1,2}" in text
    assert r"\textbf{7.20}\textit{ $\pm$ .14} (2)" in text


def test_each_table_has_one_number_and_each_of_its_floats_the_preset() -> None:
    table = filled(load("table6"))
    text = render([replace(table, preset="smoke"), TABLE], "latex")
    floats = re.findall(r"\\begin\{table\}.*?\\end\{table\}", text, re.S)
    assert len(floats) > 2
    assert text.count(r"\caption[") == 2
    assert all("smoke" in item for item in floats[:-1])
    assert text.count(r"\clearpage") == 1


def test_a_wider_page_takes_more_columns() -> None:
    text = render([TABLE], "latex", width=140)
    assert text.count(r"\begin{tabular}") == 1
    assert r"\multicolumn{2}{c}{R50 \#1} & \multicolumn{1}{c}{SAN\_15}" in text
    assert r"\cmidrule(lr){3-4}" in text


def test_no_cell_is_lost_where_a_table_is_parted() -> None:
    text = render([filled(load("table6"))], "latex")
    assert text.count("25.31 $\\pm$ .18 (3)") == 16 * 8
