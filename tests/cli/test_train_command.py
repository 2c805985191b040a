"""`olsrepro train` before anything is trained: dry runs, and refusals that leave nothing behind."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import command_line
import pytest
import yaml

from olsrepro.cli import exit_codes
from olsrepro.cli.main import main
from olsrepro.config.compose import compose_run
from olsrepro.config.run_config import RunConfig
from olsrepro.store.identity import run_id


def dry_run(*arguments: str, capsys: pytest.CaptureFixture[str]) -> tuple[dict[str, Any], list[str]]:
    """The config and the lines below it."""
    assert main(["train", *arguments, "--dry-run"]) == exit_codes.DONE
    shown = capsys.readouterr()
    assert shown.err == ""
    config, _, rest = shown.out.partition("\nrun id: ")
    return yaml.safe_load(config), rest.splitlines()


def test_a_dry_run_prints_the_config_the_run_id_and_the_cost(capsys: pytest.CaptureFixture[str]) -> None:
    lines = ["noise=symmetric", "recipe.epochs=5", "seed=3"]
    config, rest = dry_run(*lines, capsys=capsys)
    expected = compose_run(lines)
    assert config == expected.as_dict()
    assert list(config) == list(RunConfig.__dataclass_fields__)
    assert rest[0] == run_id(expected)
    assert [line.partition(":")[0] for line in rest[1:]] == ["cost", "disk", "time"]
    assert re.fullmatch(r"cost: 7,185 training images, 1,800 test images, \S+ multiply-adds", rest[1])


def test_a_dry_run_writes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    dry_run("dataset=cifar100", capsys=capsys)
    assert list(tmp_path.iterdir()) == []


def test_the_cost_of_a_network_that_no_config_counts_is_unknown(capsys: pytest.CaptureFixture[str]) -> None:
    _, rest = dry_run("backbone.depth=62", capsys=capsys)
    assert "unknown" in rest[1]


def test_options_may_stand_anywhere_among_overrides(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["train", "dataset=cifar10", "--dry-run", "method=ls", "--fresh", "seed=3"]) == exit_codes.DONE
    config = yaml.safe_load(capsys.readouterr().out.partition("\nrun id: ")[0])
    assert (config["dataset"]["name"], config["method"]["name"], config["seed"]) == ("cifar10", "ls", 3)


def test_a_dry_run_knows_a_users_own_groups(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "own" / "method").mkdir(parents=True)
    (tmp_path / "own" / "method" / "gentle.yaml").write_text("name: ols\nalpha: 0.9\n")
    config, _ = dry_run("--config-dir", str(tmp_path / "own"), "method=gentle", capsys=capsys)
    assert config["method"]["alpha"] == 0.9


@pytest.mark.parametrize(
    "line", ["recipe.lr=[", "+recipe.foo=1", "~recipe.epochs", "recipe.precision='a\nb'", "seed=1,2"]
)
def test_a_wrong_override_is_answered_with_2_and_one_line(line: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["train", line]) == exit_codes.USER_MISTAKE
    shown = capsys.readouterr()
    command_line.assert_one_line(shown.err)
    assert shown.out == ""


def test_a_wrong_value_ends_the_process_with_2(tmp_path: Path) -> None:
    done = command_line.start("train", "backbone.depth=21", cwd=tmp_path)
    assert (done.code, done.out) == (exit_codes.USER_MISTAKE, "")
    command_line.assert_one_line(done.err)
    assert "backbone.depth=21" in done.err
    assert list(tmp_path.iterdir()) == []


def test_missing_data_name_the_command_that_fetches_them_and_leave_no_run(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["train", "dataset=cifar100"]) == exit_codes.USER_MISTAKE
    shown = capsys.readouterr()
    command_line.assert_one_line(shown.err)
    assert "olsrepro data fetch cifar100" in shown.err
    assert "OLSREPRO_DATA" in shown.err
    assert list(tmp_path.rglob("*-s0")) == []
