"""Help texts say what there is; mistakes before any command are answered in one line."""

from __future__ import annotations

import re
from pathlib import Path

import command_line
import pytest

import olsrepro
from olsrepro.cli import exit_codes
from olsrepro.cli.main import COMMANDS, main
from olsrepro.config.locate import configs_folder
from olsrepro.config.overrides import GROUPS, group_choices


def help_of(*command: str, capsys: pytest.CaptureFixture[str]) -> str:
    with pytest.raises(SystemExit) as stopped:
        main([*command, "--help"])
    assert stopped.value.code == 0
    shown = capsys.readouterr()
    assert shown.err == ""
    return shown.out


@pytest.mark.parametrize(
    "command",
    [(), *((name,) for name in COMMANDS), ("data", "list"), ("data", "fetch"), ("data", "verify")],
    ids=" ".join,
)
def test_every_command_has_a_help_within_the_width_of_a_page(
    command: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    text = help_of(*command, capsys=capsys)
    assert f"usage: {' '.join(('olsrepro', *command))}" in text
    assert max(map(len, text.splitlines())) <= 120


def test_the_first_help_names_commands_places_and_exit_codes(capsys: pytest.CaptureFixture[str]) -> None:
    text = help_of(capsys=capsys)
    for word in ("train", "data", "OLSREPRO_DATA", "OLSREPRO_RUNS", exit_codes.MEANINGS):
        assert word in text


def test_the_help_of_train_names_every_group_preset_option_and_exit_code(capsys: pytest.CaptureFixture[str]) -> None:
    text = help_of("train", capsys=capsys)
    assert re.findall(r"^  ([a-z]+)  +\S", text.partition("groups")[2].partition("and seed")[0], re.M) == list(GROUPS)
    for word in ("seed=N", "--fresh", "--dry-run", "--config-dir", exit_codes.MEANINGS):
        assert word in text
    presets = next(line for line in text.splitlines() if line.startswith("  preset "))
    assert all(name in presets for name in group_choices("preset", [configs_folder()]))


@pytest.mark.parametrize("command", [(), ("train",)], ids=["olsrepro", "train"])
def test_the_examples_in_a_help_are_understood(command: tuple[str, ...], capsys: pytest.CaptureFixture[str]) -> None:
    examples = re.findall(r"^  olsrepro train +(\S+=.*)$", help_of(*command, capsys=capsys), re.M)
    assert examples
    for example in examples:
        assert main(["train", *example.split(), "--dry-run"]) == exit_codes.DONE


def test_every_exit_code_has_a_meaning() -> None:
    codes = [value for name, value in vars(exit_codes).items() if name.isupper() and isinstance(value, int)]
    assert sorted(codes) == sorted(int(code) for code in re.findall(r"^  (\d+) ", exit_codes.MEANINGS, re.M))


def test_the_help_of_data_names_where_files_lie(capsys: pytest.CaptureFixture[str]) -> None:
    text = help_of("data", capsys=capsys)
    assert all(word in text for word in ("OLSREPRO_DATA", "list", "fetch", "verify", "--url"))


def test_the_version_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stopped:
        main(["--version"])
    assert stopped.value.code == 0
    assert capsys.readouterr().out == f"olsrepro {olsrepro.__version__}\n"


@pytest.mark.parametrize("group", GROUPS)
def test_a_question_mark_lists_the_choices_of_a_group(group: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["train", f"{group}=?"]) == exit_codes.USER_MISTAKE
    line = capsys.readouterr().err
    assert all(choice in line for choice in group_choices(group, [configs_folder()]))


@pytest.mark.parametrize(
    ("arguments", "parts"),
    [
        (["trian"], ["trian", "did you mean train", "olsrepro --help"]),
        (["train", "lr=0.1"], ["lr=0.1", "did you mean recipe.lr?"]),
        (["train", "epochs=5"], ["epochs=5", "did you mean recipe.epochs?"]),
        (["train", "device=cpu"], ["did you mean runtime.device?"]),
        (["train", "method", "=", "ols"], ["blanks around ="]),
        (["train", "method= ols"], ["method= ols", "blanks around ="]),
        (["train", "recipe.milestones=[1,", "2]"], ["blank after the comma"]),
        (["train", "method=", "ols"], ["blanks around ="]),
        (["table", "2", "preset", "=", "smoke"], ["blanks around ="]),
        (["table", "2", "preset=", "smoke"], ["blanks around ="]),
        (["table", "2,", "7"], ["2,", "by blanks, not commas, as in 2"]),
        (["figure", "1,3"], ["by blanks, not commas, as in 1 3"]),
        (["plan", "2", "seeds", "=3"], ["blanks around ="]),
        (["status", "preset=", "smoke"], ["blanks around ="]),
        (["sweep", "method=ols,", "hard"], ["blank after the comma", "key=1,2"]),
        (["sweep", "method", "=", "ols,hard"], ["blanks around ="]),
        (["evaluate", "3f9c2a17b04d5e61-s0", "pgd", "pgd.first", "=", "10"], ["blanks around ="]),
        (["evaluate", "3f9c2a17b04d5e61-s0", "ece,pgd"], ["ece,pgd", "by blanks, not commas"]),
        (["train", "dataset=cifar100", "backbone=resnet18"], ["resnet18", "did you mean cifar_resnet18?"]),
        (["--foo", "train"], ["--foo"]),
        (["train", "--foo"], ["--foo", "olsrepro train --help"]),
        (["train", "method=ols", "--foo", "seed=1"], ["--foo", "olsrepro train --help"]),
        (["train", "--config-dir"], ["--config-dir", "olsrepro train --help"]),
        (["train", "--fresh=yes"], ["--fresh"]),
        (["data"], ["ACTION", "olsrepro data --help"]),
        (["data", "lsit"], ["lsit", "list", "olsrepro data --help"]),
        (["data", "fetch"], ["NAME", "olsrepro data fetch --help"]),
        (["data", "fetch", "digits", "cifar10"], ["cifar10", "olsrepro data --help"]),
        (["data", "verify"], ["NAME", "cifar100", "cifar10h", "olsrepro data verify --help"]),
        (["explain"], ["ols", "tfkd_self", "olsrepro explain --help"]),
        (["train", "method=ols", "--resume"], ["--resume", "the same command without it resumes"]),
        (["table", "2", "--resume"], ["--resume", "the same command without it resumes"]),
        (["data", "verify", "digits", "--foo"], ["--foo", "olsrepro data --help"]),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else None,
)
def test_a_mistake_in_the_command_is_answered_in_one_line(
    arguments: list[str], parts: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(arguments) == exit_codes.USER_MISTAKE
    shown = capsys.readouterr()
    assert shown.out == ""
    command_line.assert_one_line(shown.err)
    assert all(part in shown.err for part in parts), shown.err


def test_the_command_alone_prints_its_help(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stopped:
        main([])
    assert stopped.value.code == 0
    assert capsys.readouterr().out == help_of(capsys=capsys)


@pytest.mark.parametrize("arguments", [["--foo"], ["train", "metod=ols"], ["train", "--foo"]], ids=" ".join)
def test_a_mistake_ends_the_process_with_2(arguments: list[str], tmp_path: Path) -> None:
    done = command_line.start(*arguments, cwd=tmp_path)
    assert done.code == exit_codes.USER_MISTAKE
    command_line.assert_one_line(done.err)
    assert done.out == ""
