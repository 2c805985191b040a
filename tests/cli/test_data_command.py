"""`olsrepro data`: what is listed, fetched and verified, and what is said where nothing is there."""

from __future__ import annotations

import hashlib
import re
import subprocess
import sys
import tarfile
from dataclasses import replace
from pathlib import Path

import cifar_files
import command_line
import photo_archives
import pytest
from http_files import Site, serving

from olsrepro.cli import exit_codes
from olsrepro.cli.main import main
from olsrepro.data.download.manifest import SOURCES


@pytest.fixture(autouse=True)
def _wide_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "300")


def row(name: str, text: str) -> list[str]:
    line = next(line for line in text.splitlines() if line.split()[:1] == [name])
    return re.split(r"\s{2,}", line.strip())


def test_the_list_has_every_data_set_its_sizes_and_its_state(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["data", "list"]) == exit_codes.DONE
    text = capsys.readouterr().out
    place = str(tmp_path / "data" / "cifar-100-python")
    assert row("cifar100", text) == ["cifar100", "100", "50,000", "10,000", "32", "missing", place]
    assert row("digits", text) == ["digits", "10", "1,437", "360", "8", "built in", "scikit-learn"]
    assert {line.split()[0] for line in text.splitlines() if line.strip()} >= set(SOURCES)
    assert not (tmp_path / "data").exists()


def test_the_list_of_another_folder(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = tmp_path / "my [red] sets"
    (folder / "cifar-100-python").mkdir(parents=True)
    for file in ("train", "test", "meta"):
        (folder / "cifar-100-python" / file).write_text("")
    assert main(["data", "list", "--data-dir", str(folder)]) == exit_codes.DONE
    assert row("cifar100", capsys.readouterr().out)[-2:] == ["present", str(folder / "cifar-100-python")]


def test_a_place_is_never_cut(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    main(["data", "list", "--data-dir", str(tmp_path / ("long" * 30))])
    text = capsys.readouterr().out
    assert "…" not in text
    assert text.count("long") >= 2


def test_digits_need_no_fetching_and_no_verifying(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["data", "fetch", "digits"]) == exit_codes.DONE
    assert "digits needs no fetching" in capsys.readouterr().out
    assert main(["data", "verify", "digits"]) == exit_codes.DONE
    assert "nothing to verify" in capsys.readouterr().out
    assert not (tmp_path / "data").exists()


@pytest.mark.parametrize("action", ["fetch", "verify"])
def test_an_unknown_data_set_is_answered_with_2_and_the_nearest(
    action: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["data", action, "cifar-100"]) == exit_codes.USER_MISTAKE
    shown = capsys.readouterr()
    command_line.assert_one_line(shown.err)
    assert "cifar-100 is not known; did you mean cifar100" in shown.err


def test_verifying_what_is_not_there_ends_with_2_and_names_the_command_that_fetches_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["data", "verify", "cifar100"]) == exit_codes.USER_MISTAKE
    shown = capsys.readouterr()
    folder = tmp_path / "data" / "cifar-100-python"
    assert shown.out.split() == ["missing", f"{folder}/train", "missing", f"{folder}/test", "missing", f"{folder}/meta"]
    command_line.assert_one_line(shown.err)
    assert "olsrepro data fetch cifar100" in shown.err


def test_verifying_names_a_wrong_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "data" / "cifar-100-python").mkdir(parents=True)
    (tmp_path / "data" / "cifar-100-python" / "train").write_text("not it")
    assert main(["data", "verify", "cifar100"]) == exit_codes.USER_MISTAKE
    assert capsys.readouterr().out.split()[:2] == ["wrong", f"{tmp_path}/data/cifar-100-python/train"]


def test_a_mirror_that_has_not_got_it_is_told_in_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    url = (tmp_path / "no such.tar.gz").as_uri()
    assert main(["data", "fetch", "cifar100", "--url", url]) == exit_codes.USER_MISTAKE
    shown = capsys.readouterr()
    command_line.assert_one_line(shown.err)
    assert "licence" in shown.out
    assert "olsrepro data fetch cifar100` again, with --url of a mirror, or after putting the file into" in shown.err


@pytest.fixture
def archive(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> bytes:
    """A tiny CIFAR-100 archive, whose sums the manifest has."""
    cifar_files.write(tmp_path / "mirror", "cifar100")
    path = tmp_path / "archive.tar.gz"
    with tarfile.open(path, "w:gz") as tar:
        tar.add(tmp_path / "mirror" / "cifar-100-python", "cifar-100-python")
    archives = (replace(SOURCES["cifar100"].archives[0], md5=hashlib.md5(path.read_bytes()).hexdigest()),)
    cifar_files.trust(monkeypatch, tmp_path / "mirror", "cifar100", archives=archives)
    return path.read_bytes()


PAGE = b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 24\r\n\r\n<html>Sign in!</html>  \n"


def test_a_mirror_that_sends_a_page_costs_no_more_than_a_line(
    archive: bytes, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    part = tmp_path / "data" / "cifar-100-python.tar.gz.part"
    part.parent.mkdir()
    part.write_bytes(archive[:100])
    with serving(Site(b"", answer=lambda _: PAGE)) as bad:
        assert main(["data", "fetch", "cifar100", "--url", bad.url]) == exit_codes.USER_MISTAKE
        shown = capsys.readouterr()
        command_line.assert_one_line(shown.err)
        assert f"{bad.url}: an HTML page of 24 bytes instead of the file" in shown.err
        assert part.read_bytes() == archive[:100]
        with serving(Site(archive)) as good:
            assert main(["data", "fetch", "cifar100", "--url", bad.url, "--url", good.url]) == exit_codes.DONE
    assert good.ranges == ["bytes=100-"]
    assert capsys.readouterr().out.splitlines()[-1].startswith("cifar100 is in ")


@pytest.mark.parametrize("command", ["data list", "train --dry-run"])
def test_a_reader_that_leaves_early_is_no_error(command: str, tmp_path: Path) -> None:
    line = f"{sys.executable} -m olsrepro {command} | true; exit ${{PIPESTATUS[0]}}"
    done = subprocess.run(["bash", "-c", line], cwd=tmp_path, capture_output=True, text=True, check=False, timeout=120)
    assert (done.returncode, done.stderr) == (exit_codes.DONE, "")


@pytest.mark.parametrize("name", ["imagenet", "cars"])
def test_what_can_not_be_fetched_is_answered_with_2_and_one_line(
    name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["data", "fetch", name]) == exit_codes.USER_MISTAKE
    shown = capsys.readouterr()
    command_line.assert_one_line(shown.err)
    assert shown.out.startswith(f"{name}: licence: ")
    assert f"into {tmp_path}/data" in shown.err


def test_verifying_a_copy_put_there_by_hand_counts_its_images_and_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    photo_archives.publish(monkeypatch, tmp_path, "aircraft")
    root = tmp_path / "original"
    assert main(["data", "verify", "aircraft", "--data-dir", str(root)]) == exit_codes.DONE
    first, *_, last = capsys.readouterr().out.splitlines()
    assert first == f"no sum   {root}/fgvc-aircraft-2013b/data/images: 28 images, as published"
    assert last.startswith("aircraft: copied by hand")


@pytest.mark.parametrize(
    ("name", "images"), [("aircraft", "fgvc-aircraft-2013b/data/images"), ("imagenet", "imagenet")]
)
def test_what_systems_leave_beside_images_is_not_counted(
    name: str, images: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    photo_archives.publish(monkeypatch, tmp_path, name)
    root = tmp_path / "original"
    commands = [["data", "list", "--data-dir", str(root)], ["data", "verify", name, "--data-dir", str(root)]]
    before = [told(command, capsys) for command in commands]
    assert "images, as published" in before[1]
    for photograph in [*(root / images).rglob("*.jp*g"), *(root / images).rglob("*.JPEG")]:
        photograph.with_name(f"._{photograph.name}").write_bytes(b"AppleDouble")
        for folder in ("@eaDir", ".cache"):
            (photograph.parent / folder).mkdir(exist_ok=True)
            (photograph.parent / folder / photograph.name).write_bytes(b"preview")
    assert [told(command, capsys) for command in commands] == before


def test_a_class_that_is_not_there_is_not_made_up_for_by_a_systems_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    photo_archives.publish(monkeypatch, tmp_path, "imagenet")
    root = tmp_path / "original"
    listing = ["data", "list", "--data-dir", str(root)]
    assert "present" in row("imagenet", told(listing, capsys))
    lost = min((root / "imagenet/train").iterdir())
    lost.rename(lost.with_name("lost+found"))
    assert "incomplete" in row("imagenet", told(listing, capsys))


def told(command: list[str], capsys: pytest.CaptureFixture[str]) -> str:
    assert main(command) == exit_codes.DONE
    return capsys.readouterr().out


def test_of_a_list_of_our_own_only_what_differs_is_shown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    photo_archives.publish(monkeypatch, tmp_path, "aircraft", urls=True)
    assert main(["data", "fetch", "aircraft"]) == exit_codes.DONE
    capsys.readouterr()
    assert main(["data", "verify", "aircraft"]) == exit_codes.DONE
    assert capsys.readouterr().out == "aircraft: every file is as published (31)\n"
    lost = tmp_path / "data/fgvc-aircraft-2013b/data/variants.txt"
    lost.unlink()
    assert main(["data", "verify", "aircraft"]) == exit_codes.USER_MISTAKE
    shown = capsys.readouterr()
    assert shown.out == f"missing  {lost}\n"
    command_line.assert_one_line(shown.err)
