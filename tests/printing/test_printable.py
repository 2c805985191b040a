"""What leaves for a terminal or a text document has no control characters but our own colours and line breaks."""

from __future__ import annotations

import ast
import io
import os
import pty
from pathlib import Path

import pytest
from filled_store import fill_store
from rich.progress import Progress
from rich.text import Text
from written_records import evaluation, failed_run, finished_run, put_record

import olsrepro
from olsrepro.cli import exit_codes
from olsrepro.cli.listing import listing
from olsrepro.cli.main import main
from olsrepro.experiments.files import load
from olsrepro.experiments.request import Request
from olsrepro.launchers.line_console import line_console
from olsrepro.printing.console import PrintableConsole
from olsrepro.printing.streams import printable_streams
from olsrepro.printing.text import printable, shortened

RUN = "0123456789abcdef-s0"
HOSTILE = "\x1b[31mred\x1b[0m\x1b]0;title\x07\x9b2J\x85\x00\r\b\x7f\u202eleft\u2066\u200f\u2028end"
HARMLESS = "red]0;titleleftend"


def assert_printable(text: str) -> None:
    assert text
    assert printable(text) == text
    assert not {*text.replace("\r\n", "\n")} & {*"\x1b\x07\x9b\x85\x00\r\b\x7f\u202e\u2066\u200f\u2028"}


def test_text_loses_its_control_characters_and_keeps_all_others() -> None:
    assert printable(HOSTILE) == HARMLESS
    assert printable("error at: '\x1b'); quote it") == "error at: ''); quote it"
    kept = "a\tb\nc\r\nπ ± 3.5 ¹² ── \udcff 中文 עברית"
    assert printable(kept) == kept


def test_a_value_that_is_too_long_to_read_is_cut_out_of_a_message() -> None:
    assert shortened(f"a={'1' * 5000}/255 is wrong") == f"a={'1' * 38}… (5,006 characters) …{'1' * 36}/255 is wrong"
    assert len(shortened("word " * 10_000)) < 3100
    usual = f"/{'folder/' * 30}file can't be read; valid: {', '.join(map(str, range(500)))}"
    assert shortened(usual) == usual


@pytest.mark.parametrize(
    "command",
    [
        ["table", "8", "--no-train", f"fgsm.epsilon={'1' * 5000}/255"],
        ["table", "8", "--no-train", "fgsm.epsilon=1e999999999"],
        ["table", "2", "--no-train", f"seeds={'1' * 5000}"],
        ["sweep", "method=ls", f"seed='{'1' * 5000}'", "method.eps=0.1,0.2"],
        ["train", f"noise.key={'k' * 5000}"],
        ["train", f"recipe.epochs={'1' * 4000}"],
        ["train", "--resume" * 700],
        ["data", "list", "--data-dir", "k" * 5000],
        ["table", "k" * 5000],
        ["show", "k" * 5000],
        ["train", "--dry-run", "--config-dir", "k" * 5000],
        ["table", "2", "--no-train", "--output", f"/tmp/{'k' * 5000}.md"],
    ],
    ids=lambda command: command[-1][:24],
)
def test_a_commands_answer_to_a_value_that_is_too_long_is_a_short_line(
    command: list[str], capfd: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OLSREPRO_RUNS", str(tmp_path))
    assert main(command) == exit_codes.USER_MISTAKE
    told = capfd.readouterr().err
    assert told.count("\n") == 1
    assert len(told) < 500


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A failed run, a finished one with an evaluation, and runs of a figure, all with texts that a terminal obeys."""
    root = tmp_path / f"runs{HOSTILE.replace(chr(0), '')}"
    error = {"kind": f"crash{HOSTILE}", "message": f"boom{HOSTILE}", "traceback": None, "at": f"now{HOSTILE}"}
    put_record(root / RUN, failed_run(RUN, error=error))
    other = RUN.replace("s0", "s1")
    training = finished_run(other)["training"] | {"device": f"cpu{HOSTILE}"}
    put_record(root / other, finished_run(other, training=training))
    put_record(root / other / "evaluations" / "ece-0", evaluation("ece-0", of=other, note=HOSTILE))
    monkeypatch.setenv("OLSREPRO_RUNS", str(root))
    return root


@pytest.mark.parametrize(
    "command",
    [
        ["status"],
        ["show", RUN],
        ["show", RUN.replace("s0", "s1")],
        ["show", HOSTILE],
        ["plan", "2"],
        ["train", f"preset={HOSTILE}"],
        [HOSTILE],
        *(["table", "2", "--no-train", "--format", name] for name in ("terminal", "markdown", "latex", "csv", "json")),
        ["figure", "4", "--no-train", "--format", "csv"],
    ],
    ids=" ".join,
)
@pytest.mark.usefixtures("store")
def test_a_command_prints_none_of_what_a_file_or_an_argument_holds(
    command: list[str], capfd: pytest.CaptureFixture[str]
) -> None:
    main(command)
    shown = capfd.readouterr()
    assert_printable(shown.out + shown.err)


def test_a_failed_run_shows_the_readable_rest(store: Path, capsys: pytest.CaptureFixture[str]) -> None:
    main(["show", RUN])
    assert "(crashred]0;title  left end): boomred]0;title  left end)" in capsys.readouterr().out


def test_a_table_and_a_document_hold_none_of_it(tmp_path: Path) -> None:
    experiment = load("table2")
    runs = fill_store(tmp_path, experiment, Request("paper"), lambda *_: 7.0)
    put_record(tmp_path / runs[0].id, failed_run(runs[0].id, runs[0].config, error=failure()))
    for name in ("table.md", "table.txt", "table.tex", "table.csv", "table.json"):
        path = tmp_path / name
        assert main(["table", "2", "--no-train", "--output", str(path), f"runtime.runs_dir={tmp_path}"]) == 0
        assert_printable(path.read_text())


def failure() -> dict[str, object]:
    return {"kind": HOSTILE, "message": f"boom {HOSTILE}", "traceback": None, "at": "now"}


def test_a_console_prints_its_own_colours_and_no_others() -> None:
    file = io.StringIO()
    console = PrintableConsole(file=file, force_terminal=True, color_system="standard", highlight=False, width=200)
    console.print(Text(HOSTILE, "bold"), HOSTILE)
    assert file.getvalue() == f"\x1b[1m{HARMLESS}\x1b[0m {HARMLESS}\n"


def test_a_progress_bar_moves_the_cursor_behind_printable_streams() -> None:
    main_end, end = pty.openpty()
    with os.fdopen(end, "w") as terminal, printable_streams():
        with Progress(console=PrintableConsole(file=terminal), transient=True) as bar:
            bar.add_task("training", total=1)
            bar.console.print(f"epoch 1{HOSTILE}", markup=False, highlight=False)
        terminal.flush()
        shown = b""
        while b"\x1b[?25h" not in shown:  # the cursor is shown again at the end
            shown += os.read(main_end, 65536)
    os.close(main_end)
    seen = shown.decode()
    assert "\x1b[?25l" in seen
    assert f"epoch 1{HARMLESS}" in seen
    assert "\x1b]0;" not in seen


def test_lines_and_listings_are_printable() -> None:
    said: list[str] = []
    line_console(said.append).print(f"a {HOSTILE}", markup=False)
    assert said == [f"a {HARMLESS}"]
    assert_printable(listing(("name", HOSTILE), [(HOSTILE, "b")]))


def test_no_other_console_is_made() -> None:
    root = Path(olsrepro.__file__).parent
    made = [
        path.relative_to(root).as_posix()
        for path in root.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "Console"
    ]
    assert made == []
