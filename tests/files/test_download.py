"""Downloads over a local web server: resumed, from the first good mirror, never a file with a wrong sum."""

from __future__ import annotations

import hashlib
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from http_files import Site, serving

from olsrepro.files import transfer
from olsrepro.files.download import download
from olsrepro.settings import UserError

CONTENT = bytes(range(251)) * 4001
CHECKSUM = f"md5:{hashlib.md5(CONTENT).hexdigest()}"


@pytest.fixture
def target(tmp_path: Path) -> Path:
    return tmp_path / "new folder" / "file.bin"


def part_of(target: Path) -> Path:
    return target.with_name(f"{target.name}.part")


def begin(target: Path, content: bytes) -> None:
    """Leave what an interrupted download leaves."""
    target.parent.mkdir(parents=True)
    part_of(target).write_bytes(content)


def test_fetches_a_file_and_reports_progress(target: Path) -> None:
    seen: list[tuple[int, int | None]] = []
    with serving(Site(CONTENT)) as site:
        assert download([site.url], target, checksum=CHECKSUM, progress=lambda *at: seen.append(at)) == target
    assert target.read_bytes() == CONTENT
    assert not part_of(target).exists()
    assert seen[-1] == (len(CONTENT), len(CONTENT))
    assert seen == sorted(seen)


def test_a_good_file_is_not_fetched_again(target: Path) -> None:
    with serving(Site(CONTENT)) as site:
        for _ in range(2):
            download([site.url], target, checksum=CHECKSUM)
    assert site.ranges == [None]


def test_sha256_serves_too(target: Path) -> None:
    with serving(Site(CONTENT)) as site:
        download([site.url], target, checksum=f"sha256:{hashlib.sha256(CONTENT).hexdigest()}")
    assert target.exists()


def test_goes_on_where_it_was_interrupted(target: Path) -> None:
    def interrupt(done: int, total: int | None) -> None:
        raise KeyboardInterrupt

    with serving(Site(CONTENT)) as site:
        with pytest.raises(KeyboardInterrupt):
            download([site.url], target, checksum=CHECKSUM, progress=interrupt)
        there = part_of(target).stat().st_size
        assert 0 < there < len(CONTENT)
        assert not target.exists()
        download([site.url], target, checksum=CHECKSUM)
    assert site.ranges == [None, f"bytes={there}-"]
    assert target.read_bytes() == CONTENT


def test_a_server_without_ranges_starts_again(target: Path) -> None:
    begin(target, CONTENT[:1000])
    with serving(Site(CONTENT, ranged=False)) as site:
        download([site.url], target, checksum=CHECKSUM)
    assert site.ranges == ["bytes=1000-"]
    assert target.read_bytes() == CONTENT


def test_a_complete_part_is_only_checked(target: Path) -> None:
    begin(target, CONTENT)
    with serving(Site(CONTENT)) as site:
        download([site.url], target, checksum=CHECKSUM)
    assert site.ranges == [f"bytes={len(CONTENT)}-"]
    assert target.read_bytes() == CONTENT


@pytest.mark.parametrize("junk", [b"junk" * 100, CONTENT + b"too long"])
def test_a_corrupt_part_is_fetched_from_the_start(junk: bytes, target: Path) -> None:
    begin(target, junk)
    with serving(Site(CONTENT)) as site:
        download([site.url], target, checksum=CHECKSUM)
    assert site.ranges == [f"bytes={len(junk)}-", None]
    assert target.read_bytes() == CONTENT


def test_a_corrupt_mirror_is_passed_over(target: Path) -> None:
    with serving(Site(CONTENT[::-1])) as bad, serving(Site(CONTENT)) as good:
        download([bad.url, good.url], target, checksum=CHECKSUM)
    assert (bad.ranges, good.ranges) == ([None], [None])
    assert target.read_bytes() == CONTENT


def test_a_cut_connection_is_completed_by_the_next_mirror(target: Path) -> None:
    with serving(Site(CONTENT, send_at_most=300_000)) as cut, serving(Site(CONTENT)) as good:
        download([cut.url, good.url], target, checksum=CHECKSUM)
    assert good.ranges == ["bytes=300000-"]
    assert target.read_bytes() == CONTENT


def test_where_all_fail_each_url_has_its_reason(target: Path) -> None:
    with (
        serving(Site(b"", status=404)) as gone,
        serving(Site(CONTENT[1:])) as other,
        serving(Site(CONTENT, send_at_most=5)) as cut,
    ):
        reasons = {
            gone.url: "HTTP 404",
            "ftp://example.org/file.bin": "unknown url type: ftp",
            "file:///no/such/file": "",
            other.url: f"{len(CONTENT) - 1} bytes, not the expected file (md5:",
            cut.url: "the connection ended after 5 of",
        }
        with pytest.raises(UserError) as raised:
            download(list(reasons), target, checksum=CHECKSUM)
    assert all(f"{url}: {reason}" in str(raised.value) for url, reason in reasons.items())
    assert "\n" not in str(raised.value)
    assert not target.exists()
    assert part_of(target).read_bytes() == CONTENT[:5]


def test_a_silent_server_is_given_up(target: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transfer, "STALL_S", 0.1)
    with serving(Site(CONTENT, wait=60)) as site, pytest.raises(UserError, match="timed out"):
        download([site.url], target, checksum=CHECKSUM)


def test_a_redirect_to_a_local_file_is_refused(target: Path, tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_bytes(CONTENT)
    with serving(Site(b"", status=302, location=secret.as_uri())) as site, pytest.raises(UserError, match="HTTP 302"):
        download([site.url], target, checksum=CHECKSUM)


def test_a_file_url(target: Path, tmp_path: Path) -> None:
    source = tmp_path / "a mirror.bin"
    source.write_bytes(CONTENT)
    begin(target, b"junk")
    download([source.as_uri()], target, checksum=CHECKSUM)
    assert target.read_bytes() == CONTENT


def test_two_threads_fetch_once(target: Path) -> None:
    with serving(Site(CONTENT, wait=0.2)) as site:
        threads = [
            threading.Thread(target=download, args=([site.url], target), kwargs={"checksum": CHECKSUM})
            for _ in range(2)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert site.ranges == [None]
    assert target.read_bytes() == CONTENT


def test_two_processes_fetch_once(target: Path) -> None:
    code = (
        "import sys, pathlib; from olsrepro.files.download import download;"
        "download([sys.argv[1]], pathlib.Path(sys.argv[2]), checksum=sys.argv[3])"
    )
    with serving(Site(CONTENT, wait=0.5)) as site:
        command = [sys.executable, "-c", code, site.url, str(target), CHECKSUM]
        processes = [subprocess.Popen(command) for _ in range(2)]
        assert [process.wait(timeout=60) for process in processes] == [0, 0]
    assert site.ranges == [None]
    assert target.read_bytes() == CONTENT
