"""Where a number comes from, and whether the processes behind it computed alike."""

from __future__ import annotations

import json
import re
import shlex
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

import olsrepro
from olsrepro.launch.provenance import is_bitwise, now, sources_sha256, this_process
from olsrepro.training.checkpoint import load, save
from olsrepro.training.runtime import RuntimeSettings

CPU = torch.device("cpu")


def entry(runtime: RuntimeSettings | None = None) -> dict[str, Any]:
    return this_process(runtime or RuntimeSettings(), CPU)


@pytest.fixture
def checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., str]:
    """A repository with one commit that the package seems to lie in; git's commands in it."""
    root = tmp_path / "checkout"
    (root / "olsrepro").mkdir(parents=True)
    module = root / "olsrepro" / "__init__.py"
    module.write_text("one = 1\n")
    monkeypatch.setattr(olsrepro, "__file__", str(module))
    for name in ("GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE"):
        monkeypatch.delenv(name, raising=False)

    def git(*arguments: str) -> str:
        identity = ["-c", "user.name=t", "-c", "user.email=t@example.com", "-c", "commit.gpgsign=false"]
        command = ["git", "-C", str(root), *identity, *arguments]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()

    git("init", "-q")
    git("add", ".")
    git("commit", "-q", "-m", "first")
    return git


def test_the_time_is_utc_to_the_second() -> None:
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\+00:00", now())


def test_an_entry_tells_how_this_process_computes() -> None:
    found = entry(RuntimeSettings(channels_last=True, deterministic=False))
    assert (found["channels_last"], found["deterministic"], found["compile"]) == (True, False, False)
    assert found["torch"] == torch.__version__
    assert found["threads"] == torch.get_num_threads()
    assert found["device"].startswith("cpu: ")
    assert found["cuda"] is None
    assert found["olsrepro"] == olsrepro.__version__


def test_an_entry_fits_into_json_and_into_a_checkpoint(tmp_path: Path) -> None:
    found = entry()
    assert json.loads(json.dumps(found)) == found
    save(tmp_path / "file.pt", {"history": [found]})
    assert load(tmp_path / "file.pt") == {"history": [found]}


def test_the_command_can_be_given_again(monkeypatch: pytest.MonkeyPatch) -> None:
    arguments = ["train", "runtime.ensemble_sizes=[6, 10]", "method=ols"]
    monkeypatch.setattr(sys, "argv", ["/somewhere/bin/olsrepro", *arguments])
    assert shlex.split(entry()["command"]) == ["olsrepro", *arguments]


def test_a_clean_checkout_is_its_commit(checkout: Callable[..., str]) -> None:
    assert entry()["code"] == {"commit": checkout("rev-parse", "HEAD"), "dirty": None}


def test_changes_that_are_not_committed_have_a_mark_of_their_own(checkout: Callable[..., str]) -> None:
    module, commit = Path(olsrepro.__file__), checkout("rev-parse", "HEAD")
    marks = []
    for text in ("one = 2\n", "one = 3\n"):
        module.write_text(text)
        marks.append(entry()["code"])
    module.write_text("one = 1\n")
    module.with_name("new.py").touch()
    marks.append(entry()["code"])
    assert {mark["commit"] for mark in marks} == {commit}
    assert len({mark["dirty"] for mark in marks} - {None}) == 3


def test_changes_in_another_encoding_are_marked_too(checkout: Callable[..., str]) -> None:
    module = Path(olsrepro.__file__)
    marks = []
    for content in (b"# \xe4\n", b"# \xe5\n"):
        module.write_bytes(content)
        marks.append(entry()["code"]["dirty"])
    assert None not in marks
    assert marks[0] != marks[1]


def test_an_installed_package_has_no_commit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(olsrepro, "__file__", str(tmp_path / "site-packages" / "olsrepro" / "__init__.py"))
    assert entry()["code"] == {"commit": None, "dirty": None}


def test_without_git_there_is_no_commit(checkout: Callable[..., str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    assert entry()["code"] == {"commit": None, "dirty": None}


def test_processes_that_computed_alike_are_bitwise() -> None:
    first = entry()
    assert is_bitwise([])
    assert is_bitwise([first])
    assert is_bitwise([first, first | {"host": "elsewhere", "started": "later", "command": "another"}])


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("torch", "0.1"),
        ("device", "cuda: other"),
        ("threads", 99),
        ("channels_last", True),
        ("compile", True),
        ("deterministic", False),
    ],
)
def test_what_moves_bits_is_noticed(key: str, value: object) -> None:
    assert not is_bitwise([entry(), entry() | {key: value}, entry()])


def test_the_sum_of_the_sources_follows_what_is_in_them_and_where(checkout: Callable[..., str]) -> None:
    package = Path(olsrepro.__file__).parent
    sums = [sources_sha256()]
    (package / "more.py").write_text("two = 2\n")
    sums.append(sources_sha256())
    (package / "more.py").write_text("two = 3\n")
    sums.append(sources_sha256())
    (package / "more.py").rename(package / "other.py")
    sums.append(sources_sha256())
    assert len(set(sums)) == 4
    (package / "notes.txt").write_text("")
    assert sources_sha256() == sums[-1]
