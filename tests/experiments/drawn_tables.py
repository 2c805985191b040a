"""Tables made by hand, in which everything occurs that a table may have.

Run as a program, it writes the golden texts of TABLE anew; read what changed before you keep it.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from olsrepro.experiments.experiment import AverageRow, Experiment, Line, Printed
from olsrepro.experiments.metrics import metric
from olsrepro.experiments.render import render
from olsrepro.experiments.table import Cell, Comparison, Interval, Pool, Table, Verdict

TOP1, TOP5 = metric("top1_err"), metric("top5_err")

ROWS = (
    Line("hard", "Hard Label", group="plain"),
    Line("tfkd", "Tf-KD_self", group="plain", quoted="Tf-KD [57]"),
    Line("ols", "OLS", group="ours & theirs"),
    Line("byot", "BYOT", group="ours & theirs"),
)
COLUMNS = (
    Line("a1", "top-1", group="R50 #1"),
    Line("a5", "top-5", group="R50 #1", metric="top5_err"),
    Line("b1", "top-1", group="SAN_15"),
)
CELLS = {
    # Complete; two runs of two; one run of one wanted.
    ("hard", "a1"): Cell(
        TOP1,
        "complete",
        3,
        {0: 25.13, 1: 25.31, 2: 25.49},
        25.31,
        0.18,
        Printed(25.24, 0.18, 3),
        Interval(0.07, -0.29, 0.43),
    ),
    ("hard", "a5"): Cell(
        TOP5, "complete", 2, {0: 7.1, 1: 7.3}, 7.2, 0.1414, Printed(7.05), Interval(0.15, -1.2, 1.5), bold=True
    ),
    ("hard", "b1"): Cell(TOP1, "complete", 1, {0: 9.004}, 9.004, None, Printed(9.0), Interval(0.004)),
    ("tfkd", "a1"): Cell(TOP1, "quoted", paper=Printed(23.59), marks=(4,)),
    # Incomplete with a failed run; incomplete with two; missing.
    ("ols", "a1"): Cell(
        TOP1, "incomplete", 3, {0: 23.0}, 23.0, None, Printed(24.0, 0.09, 3), Interval(-1.0), marks=(1, 2)
    ),
    ("ols", "a5"): Cell(TOP5, "incomplete", 3, {0: 6.0, 2: 6.2}, 6.1, 0.1414, bold=True, marks=(1,)),
    ("ols", "b1"): Cell(TOP1, "missing", 3, paper=Printed(8.5, 1.02), marks=(1,)),
    ("byot", "a1"): Cell(TOP1, "unavailable", 3, paper=Printed(20.41, 0.1, 3), marks=(3,)),
    ("byot", "b1"): Cell(TOP1, "unavailable", 3, marks=(3,)),
    ("average", "a1"): Cell(TOP1, "complete", 0, mean=1.5, paper=Printed(2.0)),
    ("average", "b1"): Cell(TOP1, "missing", 0),
}
FOOTNOTES = (
    "missing runs are trained by: olsrepro table 4 seeds=3 --yes",
    "3f9c2a17b04d5e61-s1 failed (NonFiniteLoss): loss is nan\nat step 12 in ~/runs_{a}^2",
    "not available yet: method=byot",
    "as Tf-KD [57] reports it; nothing to run",
)
GAIN = Interval(1.02, 0.61, 1.43)
VERDICTS = (
    Verdict(
        "C4.1",
        "OLS is below hard labels",
        "holds",
        "2 of 2",
        margin="reproduced",
        gain=GAIN,
        paper="holds, 2 of 2",
        comparisons=(
            Comparison(("ols", "a1"), ("hard", "a1"), GAIN, 0.001, 0.002, 0.01, 1.24, "holds"),
            Comparison(("ols", "b1"), ("hard", "b1"), GAIN, 0.001, 0.002, None, 0.5, "holds"),
        ),
    ),
    Verdict("C4.2", "OLS is below BYOT", "fails", "gain excluded", gain=Interval(-0.3, -0.5, -0.1)),
    Verdict("C4.3", "BYOT + OLS is below BYOT", "undecided", "1 of 2", paper="n = 1"),
    Verdict("C4.4", "more models help", "", "preset short", trend="against"),
    Verdict("C4.5", "100 % of cells_are_there", "", "3 of 10 cells missing"),
)

TABLE = Table(
    Experiment(
        "table4",
        "ImageNet errors of 4 methods",
        "Table IV",
        select_source="paper",
        note="The paper's [57] is another paper.",
        rows={row.key: row for row in ROWS},
        columns={column.key: column for column in COLUMNS},
        average=AverageRow("average", "Average gain", {"a1": "a1", "b1": "a1"}),
        paper_n_inferred=3,
    ),
    ROWS,
    COLUMNS,
    CELLS,
    ("average", "Average gain"),
    preset="paper",
    select="best",
    seeds=(0, 1, 2),
    overrides=("recipe.weight_decay=1e-4",),
    verdicts=VERDICTS,
    pools=(Pool("top-1", 0.294, 110), Pool("top-5", 0.1414, 2)),
    families={"top1_err": 17, "top5_err": 4},
    commits=("20cb36d", "3c083da+"),
    devices=("CPU, x86_64",),
    footnotes=FOOTNOTES,
    notes=("1 record was edited by hand and is not counted: runs/3f9c_x.",),
)

SMOKE = replace(TABLE, preset="smoke", select="last", seeds=(0,), overrides=(), verdicts=())

FACTS = Table(
    Experiment("table1", "OLS beside knowledge distillation", "Table I", seeds=0, measure="method"),
    (Line("teacher", "trained teacher"), Line("forward", "forward passes")),
    (Line("kd", "KD"), Line("ols", "OLS")),
    {
        ("teacher", "kd"): Cell(metric("teacher"), "complete", 1, {0: 1.0}, 1.0, None, Printed(1.0), Interval(0.0)),
        ("teacher", "ols"): Cell(metric("teacher"), "complete", 1, {0: 1.0}, 1.0, None, Printed(0.0), Interval(1.0)),
        ("forward", "kd"): Cell(metric("forward_passes"), "missing", 1, paper=Printed(2.0)),
        ("forward", "ols"): Cell(
            metric("forward_passes"), "complete", 1, {0: 1.0}, 1.0, None, Printed(2.0), Interval(-1.0)
        ),
    },
    None,
    preset="paper",
    select="best",
    seeds=(0,),
)

FOLDER = Path(__file__).parents[1] / "golden" / "render"
GOLDEN = {
    "table4.txt": ("terminal", "both", 120),
    "table4_ours.txt": ("terminal", "ours", 64),
    "table4.md": ("markdown", "both", None),
    "table4.tex": ("latex", "both", None),
    "table4.csv": ("csv", "both", None),
    "table4.json": ("json", "both", None),
}
"""How each golden text is drawn: format, columns, width."""

if __name__ == "__main__":
    for name, how in GOLDEN.items():
        (FOLDER / name).write_bytes(render([TABLE], *how).encode())
