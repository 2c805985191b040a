"""`olsrepro methods` and `olsrepro explain`: what there is, and one method's card."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import command_line
import pytest

from olsrepro.cli import exit_codes
from olsrepro.cli.explain import _measured_run, uses
from olsrepro.cli.main import main
from olsrepro.cli.method_card import StepCost, Use, method_text
from olsrepro.cli.methods import needs_in_short
from olsrepro.config.method_file import MethodFile, method_file, read_method_file
from olsrepro.launch.measuring import facts as measuring
from olsrepro.methods.cards import Card, Needs, Reading, card
from olsrepro.methods.registry import method_names

SMALL = Card("small", "A small one", "L = `a`", Needs(), "As it stands.")


@pytest.fixture(autouse=True)
def _terminal_of_eighty(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")


def printed(*arguments: str, capsys: pytest.CaptureFixture[str]) -> str:
    assert main(list(arguments)) == exit_codes.DONE
    shown = capsys.readouterr()
    assert shown.err == ""
    return shown.out


def words(text: str) -> str:
    """A text without its line breaks and indents, and without the marks of switches."""
    return "".join(text.replace("`", "").split())


def section(text: str, head: str) -> str:
    """The lines below a heading, up to the next one."""
    found = re.search(rf"^{re.escape(head)}[^\n]*\n((?:(?:  [^\n]*)?\n)*)", f"{text}\n", re.M)
    assert found, head
    return found[1]


def test_every_method_is_listed_within_eighty_columns_of_a_terminal(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    text = printed("methods", capsys=capsys)
    assert max(map(len, text.splitlines())) <= 80
    assert [name for name in re.findall(r"^(\w+)", text, re.M) if name != "name"] == list(method_names())
    assert all(words(card(name).title)[:20] in words(text) for name in method_names())


@pytest.mark.parametrize(
    ("needs", "told"),
    [
        (Needs(), ""),
        (Needs("2: crops"), "2 views"),
        (Needs(heads="two", state="S", sync="S"), "heads, state, sync"),
        (Needs(teacher="t", sample_index="i"), "teacher"),
    ],
)
def test_needs_are_told_in_a_few_words(needs: Needs, told: str) -> None:
    assert needs_in_short(needs) == told


@pytest.mark.parametrize("name", method_names())
def test_a_card_has_everything_within_eighty_columns(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    text, told = printed("explain", name, "--no-measure", capsys=capsys), card(name)
    assert max(map(len, text.splitlines())) <= 80
    assert text.startswith(f"{name}: {told.title}\n")
    assert words(told.formula) in words(section(text, "formula"))
    assert words(told.paper_row) in words(section(text, "the paper's row"))
    assert all(words(item) in words(text) for item in (*told.pitfalls, *told.sources))
    assert all(words(reading.text) in words(text) for reading in told.readings)
    assert "one training step" not in text


@pytest.mark.parametrize("name", method_names())
def test_the_switches_of_a_card_are_those_of_the_config_file(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    text = section(printed("explain", name, "--no-measure", capsys=capsys), "switches")
    switches = method_file(name).switches
    assert [key for key in re.findall(r"^  (\w+)  ", text, re.M) if key in {item.key for item in switches}] == [
        item.key for item in switches
    ]
    assert all(words(item.default.source) in words(text) for item in switches)


def test_values_of_single_data_sets_stand_below_the_default(capsys: pytest.CaptureFixture[str]) -> None:
    text = section(printed("explain", "sce", "--no-measure", capsys=capsys), "switches")
    assert re.search(r"^  alpha +6\.0 .*?^    cifar10 +0\.1 .*?^  beta +0\.1 .*?^    cifar10 +1\.0 ", text, re.M | re.S)


def test_headings_stand_above_their_block() -> None:
    file = read_method_file("name: small\na: 1 # x\n\n# of both\nb: 2\nlonger: 3 # y\n\nc: 4\n")
    text = section(method_text(SMALL, file, [], None, 80), "switches")
    assert text.splitlines()[:5] == ["  a       1  x", "  of both", "  b       2", "  longer  3  y", "  c       4"]


def test_a_method_without_switches_and_experiments_says_so() -> None:
    text = method_text(SMALL, MethodFile(()), [], None, 80)
    assert section(text, "switches").strip() == section(text, "experiments").strip() == "none"
    assert not re.search(r"^(other readings|pitfalls|sources|what one)", text, re.M)


def test_what_a_method_does_not_need_is_told_in_one_line() -> None:
    text = section(method_text(SMALL, MethodFile(()), [], None, 80), "needs")
    assert text.split("\n")[:2] == [
        "  views  1",
        "  no heads of its own, no teacher, no sample index, no state, no synchronisation",
    ]


def test_a_reading_is_told_as_it_would_be_typed() -> None:
    made = Card(**{**vars(SMALL), "readings": (Reading(("a=1", "b=2"), "Other."),)})
    text = section(method_text(made, MethodFile(()), [], None, 80), "other readings")
    assert text.splitlines()[:2] == ["  method.a=1 method.b=2", "      Other."]


def test_a_narrow_terminal_cuts_nothing() -> None:
    uses_ = [Use("table6", "Table VI", {"variant": ["official_finegrained"]})]
    text = method_text(card("ols"), method_file("ols"), uses_, None, 40)
    prose = [line for line in text.splitlines() if line not in section(text, "formula")]
    assert max(map(len, prose)) <= 40
    assert "variant=official_finegrained" in words(text)
    assert all(words(item.default.source) in words(text) for item in method_file("ols").switches)


def test_measured_facts_have_their_labels_words_and_origin() -> None:
    cost = StepCost({"forward_passes": 2.0, "teacher": 1.0, "new_fact": 0.5}, "measured so")
    text = section(method_text(SMALL, MethodFile(()), [], cost, 80), "what one training step does")
    lines = [re.sub("  +", " ", line.strip()) for line in text.splitlines() if line]
    assert lines == [
        "forward passes in one training iteration 2",
        "trained teacher model yes",
        "new_fact 0.5",
        "measured so",
    ]


def test_a_step_is_measured_and_nothing_is_left_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    text = section(printed("explain", "hard", capsys=capsys), "what one training step does")
    assert re.search(r"forward passes in one training iteration +1$", text, re.M)
    assert re.search(r"^  trained teacher model +no$", text, re.M)
    assert "class-level" not in text
    assert "measured now" in text
    assert list(tmp_path.rglob("*.json")) == []


def test_a_record_in_the_store_is_told_and_nothing_measured_again(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    measured = {"forward_passes": 7.0}
    monkeypatch.setitem(measuring.MEASURES, "method", lambda config: measured)
    path = measuring.measure("method", _measured_run("ls"))
    monkeypatch.setattr(measuring, "method_facts", None)
    text = section(printed("explain", "ls", capsys=capsys), "what one training step does")
    assert re.search(r"forward passes in one training iteration +7$", text, re.M)
    assert path.parent.name in text
    assert "measured now" not in text


def test_the_record_is_the_one_that_the_table_of_methods_would_leave(tmp_path: Path) -> None:
    from olsrepro.experiments.files import load
    from olsrepro.experiments.request import parse_request
    from olsrepro.experiments.wanted import wanted_cells
    from olsrepro.store.facts import facts_id

    [run] = wanted_cells(load("table1"), parse_request([]))["label", "ols"]
    assert run.id == facts_id("method", _measured_run("ols"))


def test_the_experiments_of_a_method_are_told_with_the_switches_that_they_set() -> None:
    found = {use.experiment: use.switches for use in uses("ols")}
    assert found["table2"] == {}
    assert found["table6"] == {"variant": ["official_finegrained"]}
    assert found["figure7b"]["update_period"][:2] == ["12", "24"]
    assert "table5" not in found


def test_a_row_that_the_paper_quotes_is_no_use_of_a_method() -> None:
    assert {use.experiment: use.switches for use in uses("tfkd_reg")} == {
        "table6": {"alpha": ["0.95"], "multiplier": ["1.0"], "T": ["6.0", "40.0"]}
    }


def test_a_method_may_be_typed_as_people_write_it(capsys: pytest.CaptureFixture[str]) -> None:
    assert printed("explain", "TFKD-reg", "--no-measure", capsys=capsys).startswith("tfkd_reg: ")


@pytest.mark.parametrize(
    ("typed", "told"), [("disturb", "did you mean disturblabel"), ("xyzzy", "valid: arazo"), ("", "valid: arazo")]
)
def test_an_unknown_method_is_answered_in_one_line_with_the_nearest(
    typed: str, told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["explain", typed]) == exit_codes.USER_MISTAKE
    shown = capsys.readouterr()
    assert shown.out == ""
    command_line.assert_one_line(shown.err)
    assert f"method={typed} is not known; {told}" in shown.err


@pytest.mark.parametrize("arguments", [["methods"], ["explain", "byot_ols", "--no-measure"]], ids=" ".join)
def test_telling_without_measuring_loads_no_torch(arguments: list[str], tmp_path: Path) -> None:
    program = (
        f"import sys; from olsrepro.cli.main import main; assert main({arguments!r}) == 0\n"
        "assert not {'torch', 'numpy', 'scipy', 'timm'} & {name.partition('.')[0] for name in sys.modules}"
    )
    subprocess.run([sys.executable, "-W", "error", "-c", program], cwd=tmp_path, check=True, timeout=60)
