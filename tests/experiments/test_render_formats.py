"""What holds in every format; each has a test file of its own beside this one."""

from __future__ import annotations

import csv
import json
import subprocess
import sys
from dataclasses import replace
from io import StringIO

import pytest
from drawn_tables import CELLS, FACTS, FOLDER, GOLDEN, SMOKE, TABLE

from olsrepro.experiments.files import experiments
from olsrepro.experiments.render import FORMATS, render
from olsrepro.experiments.table import Cell, Table, Verdict
from olsrepro.settings import UserError

ON_TEST_SET = "every number of ours is chosen on the test set"
TEXTS = ("terminal", "markdown", "latex")


def plain(table: Table, format: str, columns: str = "both") -> str:
    """A rendering without the marks of LaTeX and Markdown and without line breaks."""
    text = render([table], format, columns, 200).replace("\\", "")
    return " ".join(text.split()).replace("$-$", "−").replace("$pm$", "±").replace("---", "—")


@pytest.mark.parametrize("name", GOLDEN)
def test_the_table_of_every_case_is_drawn_to_the_letter(name: str) -> None:
    assert render([TABLE], *GOLDEN[name]) == (FOLDER / name).read_bytes().decode()


@pytest.mark.parametrize("columns", ["both", "ours"])
@pytest.mark.parametrize("format", TEXTS)
def test_every_text_has_preset_seeds_rule_overrides_and_what_is_incomplete(format: str, columns: str) -> None:
    text = plain(TABLE, format, columns)
    for words in (
        "seeds",
        "0, 1, 2",
        "recipe.weight_decay=1e-4",
        "best test epoch, as in the paper (every number of ours is chosen on the test set)",
        "3 of 8 complete, 2 incomplete, 1 missing, 2 not available yet; 1 quoted from elsewhere",
        "(1/3)",
        "(2/3)",
        "missing runs are trained by: olsrepro table 4 seeds=3",
        "failed (NonFiniteLoss): loss is nan at step 12",
        "s_p=.294",
        "17 comparisons of top-1 error",
        "20cb36d, 3c083da+",
        "CPU, x86_64",
        "Table IV",
        "The paper's [57] is another paper.",
        "1 record was edited by hand",
    ):
        assert words.lower() in text.lower(), words


@pytest.mark.parametrize("format", TEXTS)
def test_every_text_has_each_claim_with_its_verdict_and_why(format: str) -> None:
    text = plain(TABLE, format)
    for claim, verdict in (("C4.1", "HOLDS"), ("C4.2", "FAILS"), ("C4.3", "undecided"), ("C4.4", "—"), ("C4.5", "—")):
        after = text.split(claim)[1].split("C4.")[0]
        assert verdict in after
    for words in (
        "2 of 2; mean gain +1.02 [+.61, +1.43]; margin reproduced; the paper's own numbers: holds, 2 of 2",
        "gain excluded; mean gain −.30 [−.50, −.10]",
        "preset short; trend against the claim",
        "3 of 10 cells missing",
    ):
        assert words in text


@pytest.mark.parametrize("format", FORMATS)
def test_a_smoke_table_can_not_be_mistaken_for_a_reproduction(format: str) -> None:
    text = plain(SMOKE, format)
    assert "smoke" in text
    if format != "csv":
        assert "proves that the machinery works, and says nothing about the paper" in text


@pytest.mark.parametrize(
    ("preset", "own", "words"),
    [
        ("paper", "paper", "paper"),
        ("short", "paper", "short (fewer epochs than the paper's: trends, no verdicts on the paper)"),
        ("short", "short", "short"),
        ("smoke", "short", "smoke (proves that the machinery works, and says nothing about the paper)"),
    ],
)
def test_a_preset_by_which_an_experiment_is_not_judged_says_what_its_numbers_are_worth(
    preset: str, own: str, words: str
) -> None:
    table = replace(TABLE, preset=preset, experiment=replace(TABLE.experiment, preset=own))
    assert json.loads(render([table], "json"))["caption"]["preset"] == words


@pytest.mark.parametrize("format", ["csv", "json"])
def test_data_formats_have_preset_seeds_rule_and_state(format: str) -> None:
    text = render([TABLE], format, "ours")
    for words in ("paper", "best", "incomplete", "missing", "unavailable", "quoted", "recipe.weight_decay=1e-4"):
        assert words in text, words
    assert text == render([TABLE], format, "both")


@pytest.mark.parametrize(
    ("select", "place", "source", "words"),
    [
        ("best", "Table IV", "paper", f"best test epoch, as in the paper ({ON_TEST_SET})"),
        ("best", "Table II", "code", f"best test epoch, as in the authors' code ({ON_TEST_SET})"),
        ("best", "Table X", "detector", f"best test epoch, as in the detector that the authors named ({ON_TEST_SET})"),
        ("best", "Table VIII", "ours", f"best test epoch, our reading ({ON_TEST_SET})"),
        ("best", "", "ours", f"best test epoch ({ON_TEST_SET})"),
        ("last", "Table IV", "paper", "last epoch (the paper: best test epoch)"),
        ("last", "Table II", "code", "last epoch (the authors' code: best test epoch)"),
        ("mean_of_last_ten", "", "ours", "mean of the last ten epochs"),
    ],
)
def test_the_selection_rule_is_told_in_words_with_its_source(select: str, place: str, source: str, words: str) -> None:
    table = replace(TABLE, select=select, experiment=replace(TABLE.experiment, place=place, select_source=source))
    caption = json.loads(render([table], "json"))["caption"]
    assert caption["selection"] == words


def test_the_paper_is_the_source_of_the_rule_for_imagenet_alone() -> None:
    chosen = [item for item in experiments() if item.place and item.select == "best"]
    assert {item.name for item in chosen if item.select_source == "paper"} == {"table4", "table9"}
    assert {item.name for item in chosen if item.select_source == "ours"} == {"table3", "table8"}


def test_a_quoted_cell_without_a_printed_number_is_not_counted() -> None:
    bare = {("tfkd", column): Cell(CELLS["hard", "a1"].metric, "quoted") for column in ("a5", "b1")}
    caption = json.loads(render([replace(TABLE, cells={**CELLS, **bare})], "json"))["caption"]
    assert caption["cells"] == "3 of 8 complete, 2 incomplete, 1 missing, 2 not available yet; 1 quoted from elsewhere"


def test_a_table_of_facts_has_no_rule_and_nothing_on_runs() -> None:
    text = plain(FACTS, "terminal")
    assert "selection none (nothing is trained)" in text
    assert "number of runs" not in text
    assert "Holm" not in text


@pytest.mark.parametrize(("count", "words"), [(3, "0, 1, 2"), (12, "0 to 11")])
def test_many_seeds_are_told_as_a_range(count: int, words: str) -> None:
    caption = json.loads(render([replace(TABLE, seeds=tuple(range(count)))], "json"))["caption"]
    assert caption["seeds"] == words


def test_the_key_explains_only_what_occurs() -> None:
    simple = replace(TABLE, cells={("hard", "b1"): CELLS["hard", "b1"]}, verdicts=())
    text = render([simple], "markdown")
    assert "(n) is the number of runs.\n" in text.lower()
    assert "[ ]" not in text
    assert "inferred" in render([TABLE], "markdown")
    assert "inferred" not in render([TABLE], "markdown", "ours")


def test_the_experiments_note_is_told_once() -> None:
    note = TABLE.experiment.note
    assert render([replace(TABLE, notes=(note,))], "markdown").count(note) == 1


def test_a_gain_has_the_decimals_of_the_metric_that_it_is_about() -> None:
    ratio = replace(TABLE.experiment, metric="kl_to_humans")
    verdict = Verdict("X", "less", "holds", gain=TABLE.verdicts[0].gain)
    text = render([replace(TABLE, experiment=ratio, verdicts=(verdict, TABLE.verdicts[0]))], "terminal", width=200)
    assert "mean gain +1.0200 [+.6100, +1.4300]" in text
    assert "mean gain +1.02 [+.61, +1.43]" in text


@pytest.mark.parametrize("format", TEXTS)
def test_several_tables_are_parted_by_a_blank_line(format: str) -> None:
    text = render([TABLE, FACTS], format, width=120)
    first, second = (render([table], format, width=120) for table in (TABLE, FACTS))
    assert text.startswith(f"{first}\n")
    assert text.endswith(f"\n{second}")


def test_several_tables_are_a_list_in_json_and_have_one_header_in_csv() -> None:
    objects = json.loads(render([TABLE, FACTS], "json"))
    assert [item["experiment"] for item in objects] == ["table4", "table1"]
    lines = list(csv.DictReader(StringIO(render([TABLE, FACTS], "csv"), newline="")))
    assert [line["experiment"] for line in lines] == ["table4"] * 11 + ["table1"] * 4


@pytest.mark.parametrize("format", FORMATS)
def test_every_format_ends_with_one_line_break(format: str) -> None:
    text = render([TABLE], format)
    assert text.endswith("\n")
    assert not text.endswith("\n\n")


@pytest.mark.parametrize(
    ("format", "columns", "words"),
    [("markdwon", "both", "format=markdwon.*did you mean markdown"), ("csv", "our", "columns=our.*did you mean ours")],
)
def test_a_misspelt_format_or_choice_of_columns_names_the_nearest(format: str, columns: str, words: str) -> None:
    with pytest.raises(UserError, match=words):
        render([TABLE], format, columns)


@pytest.mark.parametrize("format", FORMATS)
def test_no_format_loads_torch_or_scipy_and_only_the_terminals_loads_rich(format: str) -> None:
    program = (
        f"import sys; sys.path.insert(0, {str(FOLDER.parents[1] / 'experiments')!r})\n"
        f"from drawn_tables import TABLE, render; render([TABLE], {format!r})\n"
        "print(*sorted({name.partition('.')[0] for name in sys.modules}))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60)
    loaded = set(done.stdout.split())
    assert not loaded & {"torch", "scipy", "numpy", "sklearn", "hydra"}
    assert ("rich" in loaded) == (format == "terminal")
