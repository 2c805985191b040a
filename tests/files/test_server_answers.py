"""What a server may answer beside the file or its rest: nothing that has arrived is lost, and a line says what came."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path

import pytest
from http_files import Site, serving

from olsrepro.files import transfer
from olsrepro.files.atomic import StorageError
from olsrepro.files.download import download
from olsrepro.settings import UserError

CONTENT = bytes(range(251)) * 4001
CHECKSUM = f"md5:{hashlib.md5(CONTENT).hexdigest()}"
ALL, ARRIVED = len(CONTENT), 600_000
PAGE = b"<!DOCTYPE html><html><body>Log in to see the file, or contact us.</body></html>"

Answer = Callable[[int], bytes]


@pytest.fixture(autouse=True)
def _short_stall(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transfer, "STALL_S", 0.5)


@pytest.fixture
def target(tmp_path: Path) -> Path:
    return tmp_path / "file.bin"


@pytest.fixture
def part(target: Path) -> Path:
    """What an interrupted download left: the first 600 kB."""
    path = target.with_name("file.bin.part")
    path.write_bytes(CONTENT[:ARRIVED])
    return path


def reply(status: int, body: bytes = b"", **headers: object) -> bytes:
    """An answer with these headers and no others."""
    lines = [f"HTTP/1.1 {status} Said", *(f"{name.replace('_', '-')}: {value}" for name, value in headers.items())]
    return "\r\n".join([*lines, "", ""]).encode() + body


def ranged(begin: int, body: bytes, said: str = "", **headers: object) -> bytes:
    """The rest from a byte on, or what says so."""
    about = said or f"bytes {begin}-{begin + len(body) - 1}/{ALL}"
    return reply(206, body, **{"Content_Range": about, "Content_Length": len(body), **headers})


JUNK = b"#" * (ALL - ARRIVED)
USELESS: dict[str, tuple[Answer, str]] = {
    "a page": (
        lambda _: reply(200, PAGE, Content_Type="text/html; charset=utf-8", Content_Length=len(PAGE)),
        f"an HTML page of {len(PAGE)} bytes instead of the file",
    ),
    "a page without length": (lambda _: reply(200, PAGE, Content_Type="text/html"), "an HTML page instead of the file"),
    "a page as the rest": (
        lambda begin: ranged(begin, PAGE, f"bytes {begin}-{ALL - 1}/{ALL}", Content_Type="text/html"),
        "an HTML page",
    ),
    "a text": (
        lambda _: reply(200, b"gone away", Content_Type="text/plain", Content_Length=9),
        "9 bytes of text/plain, not the expected file (md5:",
    ),
    "a text without length": (
        lambda _: reply(200, b"gone away", Content_Type="text/plain"),
        "9 bytes of text/plain, which may not be all, are not the expected file",
    ),
    "a whole other file": (
        lambda _: reply(200, CONTENT[::-1], Content_Length=ALL),
        f"{ALL} bytes, not the expected file (md5:",
    ),
    "nothing": (lambda _: reply(200, Content_Length=0), "an empty answer"),
    "nothing without length": (lambda _: reply(200), "an empty answer"),
    "no content": (lambda _: reply(204), "an empty answer"),
    "an empty rest": (lambda begin: ranged(begin, b"", f"bytes {begin}-{ALL - 1}/{ALL}"), "an empty answer"),
    "a rest from elsewhere": (
        lambda _: ranged(5, CONTENT[5:]),
        f"asked for the file, got bytes 5-{ALL - 1}/{ALL}",
    ),
    "an unnamed part": (lambda _: reply(206, CONTENT[ARRIVED:]), "asked for the file, got an unnamed part"),
    "an impossible part": (
        lambda begin: ranged(begin, CONTENT[begin:], f"bytes {begin}-5/3"),
        "-5/3",
    ),
    "a part beyond the end": (
        lambda begin: ranged(begin, CONTENT[begin:], f"bytes {begin}-{ALL}/{ALL}"),
        f"-{ALL}/{ALL}",
    ),
    "another rest": (
        lambda begin: ranged(begin, JUNK) if begin else reply(200, JUNK, Content_Length=len(JUNK)),
        f"{len(JUNK)} bytes, not the expected file",
    ),
    "the whole, cut": (
        lambda _: reply(200, CONTENT[:300_000], Content_Length=ALL),
        f"the connection ended after 300000 of {ALL} bytes",
    ),
    "the whole, cut without length": (
        lambda _: reply(200, CONTENT[:300_000]),
        "300000 bytes, which may not be all, are not the expected file",
    ),
    "a length that is too small": (
        lambda _: reply(200, CONTENT, Content_Length=10),
        "10 bytes, not the expected file",
    ),
    "a broken chunk": (
        lambda _: reply(200, b"5\r\nab", Transfer_Encoding="chunked"),
        "the connection ended after 2 bytes",
    ),
    "not found": (lambda _: reply(404), "HTTP 404 Said"),
    "too busy": (lambda _: reply(503), "HTTP 503 Said"),
    "not changed": (lambda _: reply(304), "HTTP 304 Said"),
    "no HTTP": (lambda _: b"hello\r\nthere\r\n\r\n", "hello"),
    "no word": (lambda _: b"", "Remote end closed connection"),
}


@pytest.mark.parametrize("name", USELESS)
def test_a_useless_answer_costs_nothing_that_has_arrived_and_is_told_in_one_line(
    name: str, target: Path, part: Path
) -> None:
    answer, told = USELESS[name]
    with serving(Site(b"", answer=answer)) as site, pytest.raises(UserError) as raised:
        download([site.url], target, checksum=CHECKSUM)
    assert f"{site.url}: " in str(raised.value)
    assert told in str(raised.value)
    assert str(raised.value).isprintable()
    assert part.read_bytes() == CONTENT[:ARRIVED]
    assert [path.name for path in target.parent.iterdir() if not path.name.startswith(".")] == ["file.bin.part"]


@pytest.mark.parametrize("name", USELESS)
def test_the_next_mirror_goes_on_after_a_useless_answer(name: str, target: Path, part: Path) -> None:
    with serving(Site(b"", answer=USELESS[name][0])) as bad, serving(Site(CONTENT)) as good:
        download([bad.url, good.url], target, checksum=CHECKSUM)
    assert good.ranges == [f"bytes={ARRIVED}-"]
    assert target.read_bytes() == CONTENT
    assert not part.exists()


@pytest.mark.parametrize("name", USELESS)
def test_a_mirror_that_lies_about_the_whole_file_is_passed_over(name: str, target: Path) -> None:
    with serving(Site(b"", answer=USELESS[name][0])) as bad, serving(Site(CONTENT)) as good:
        download([bad.url, good.url], target, checksum=CHECKSUM)
    assert target.read_bytes() == CONTENT
    assert not list(target.parent.glob("*.part*"))


@pytest.mark.parametrize(
    "rest",
    [
        lambda begin: reply(206, CONTENT[begin:]),
        lambda begin: ranged(5, CONTENT[5:]),
        lambda begin: ranged(begin, CONTENT[begin:], "nonsense"),
        lambda begin: ranged(begin, JUNK),
        lambda begin: reply(200, Content_Length=0),
        lambda begin: reply(416, Content_Range=f"bytes */{ARRIVED}"),
    ],
    ids=["unnamed", "elsewhere", "nonsense", "junk", "empty", "nothing missing"],
)
def test_a_server_that_can_not_give_the_rest_is_asked_for_the_whole(rest: Answer, target: Path, part: Path) -> None:
    def answer(begin: int) -> bytes:
        return rest(begin) if begin else reply(200, CONTENT, Content_Length=ALL)

    with serving(Site(b"", answer=answer)) as site:
        download([site.url], target, checksum=CHECKSUM)
    assert site.ranges == [f"bytes={ARRIVED}-", None]
    assert target.read_bytes() == CONTENT
    assert not part.exists()


@pytest.mark.parametrize(
    "answer",
    [
        lambda begin: reply(200, CONTENT[begin:], Content_Range=f"bytes {begin}-{ALL - 1}/{ALL}"),
        lambda begin: ranged(begin, CONTENT[begin:], f"bytes {begin}-{ALL - 1}/*"),
        lambda begin: ranged(begin, CONTENT[begin:], Content_Length="nonsense"),
        lambda begin: ranged(begin, CONTENT[begin:], Content_Length=10**30),
        lambda begin: ranged(0, CONTENT),
        lambda begin: reply(200, CONTENT, Content_Length="-5"),
        lambda begin: reply(200, CONTENT, Content_Length="nonsense"),
        lambda begin: reply(200, CONTENT, Content_Length=10**15),
        lambda begin: reply(200, CONTENT, Content_Type="text/html"),
        lambda begin: reply(203, CONTENT),
    ],
    ids=[
        "a status of a whole file",
        "no total",
        "a length that is no number",
        "too great a length",
        "from the start",
        "a whole of a negative length",
        "a whole of a length that is no number",
        "a whole of too great a length",
        "a whole that is called a page",
        "another status",
    ],
)
def test_an_odd_answer_that_brings_the_right_bytes_is_taken(answer: Answer, target: Path, part: Path) -> None:
    with serving(Site(b"", answer=answer)) as site:
        download([site.url], target, checksum=CHECKSUM)
    assert site.ranges == [f"bytes={ARRIVED}-"]
    assert target.read_bytes() == CONTENT
    assert not part.exists()


def test_a_server_that_sends_less_than_was_asked_for_is_asked_again(target: Path, part: Path) -> None:
    with serving(Site(b"", answer=lambda begin: ranged(begin, CONTENT[begin : begin + 150_000]))) as site:
        download([site.url], target, checksum=CHECKSUM)
    assert site.ranges == ["bytes=600000-", "bytes=750000-", "bytes=900000-"]
    assert target.read_bytes() == CONTENT


def test_a_server_that_sends_hardly_anything_is_not_asked_for_ever(target: Path, part: Path) -> None:
    site = Site(b"", answer=lambda begin: ranged(begin, CONTENT[begin : begin + 10]))
    with serving(site), pytest.raises(UserError, match=f"it sent no more after 600010 of {ALL} bytes"):
        download([site.url], target, checksum=CHECKSUM)
    assert part.read_bytes() == CONTENT[: ARRIVED + 10]


@pytest.mark.parametrize("length", [{}, {"Content_Length": ALL - ARRIVED}])
def test_a_rest_that_breaks_off_is_kept(length: dict[str, object], target: Path, part: Path) -> None:
    stated = {"Content_Range": f"bytes {ARRIVED}-{ALL - 1}/{ALL}", **length}
    site = Site(b"", answer=lambda begin: reply(206, CONTENT[begin:800_000], **stated))
    with serving(site), pytest.raises(UserError, match=f"the connection ended after 800000 of {ALL} bytes"):
        download([site.url], target, checksum=CHECKSUM)
    assert part.read_bytes() == CONTENT[:800_000]


@pytest.mark.parametrize("length", [{}, {"Content_Length": ALL}])
def test_a_whole_file_that_breaks_off_takes_the_place_of_a_shorter_part(
    length: dict[str, object], target: Path, part: Path
) -> None:
    cut = Site(b"", answer=lambda _: reply(200, CONTENT[:800_000], **length))
    with serving(cut), serving(Site(CONTENT)) as good:
        download([cut.url, good.url], target, checksum=CHECKSUM)
    assert good.ranges == ["bytes=800000-"]
    assert target.read_bytes() == CONTENT


def test_a_connection_without_length_that_drops_is_completed_by_the_next_mirror(target: Path) -> None:
    with serving(Site(b"", answer=lambda _: reply(200, CONTENT[:300_000]))) as cut, serving(Site(CONTENT)) as good:
        download([cut.url, good.url], target, checksum=CHECKSUM)
    assert good.ranges == ["bytes=300000-"]
    assert target.read_bytes() == CONTENT


def test_a_stalled_body_is_given_up_and_what_came_of_it_is_kept(target: Path) -> None:
    site = Site(b"", answer=lambda _: reply(200, CONTENT[:1000], Content_Length=ALL), hold=60)
    with serving(site), pytest.raises(UserError, match=rf"timed out, with no byte for 0\.5 s after 1000 of {ALL} byt"):
        download([site.url], target, checksum=CHECKSUM)
    assert target.with_name("file.bin.part").read_bytes() == CONTENT[:1000]


def test_a_connection_that_is_held_open_after_the_last_byte_is_not_waited_for(
    target: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(transfer, "STALL_S", 600.0)
    with serving(Site(b"", answer=lambda _: reply(200, CONTENT, Content_Length=ALL), hold=600)) as site:
        download([site.url], target, checksum=CHECKSUM)
    assert target.read_bytes() == CONTENT


def test_a_redirect_to_a_page_names_the_page(target: Path, part: Path) -> None:
    page = Site(b"", answer=USELESS["a page"][0])
    with serving(page), serving(Site(b"", status=302, location=page.url)) as site, pytest.raises(UserError) as raised:
        download([site.url], target, checksum=CHECKSUM)
    assert f"{site.url}: an HTML page of {len(PAGE)} bytes from {page.url} instead of the file" in str(raised.value)
    assert part.read_bytes() == CONTENT[:ARRIVED]


def test_a_redirect_to_itself_is_told_in_one_line(target: Path) -> None:
    with serving(Site(b"", status=302)) as site:
        site.location = site.url
        with pytest.raises(UserError, match="HTTP 302") as raised:
            download([site.url], target, checksum=CHECKSUM)
    assert str(raised.value).isprintable()


def test_the_new_file_of_a_process_that_was_killed_is_gone_on_with(target: Path, part: Path) -> None:
    target.with_name("file.bin.part.new").write_bytes(CONTENT[:900_000])
    with serving(Site(CONTENT)) as site:
        download([site.url], target, checksum=CHECKSUM)
    assert site.ranges == ["bytes=900000-"]
    assert [path.name for path in target.parent.iterdir() if not path.name.startswith(".")] == ["file.bin"]


def test_a_folder_that_can_not_be_written_is_told_before_any_server_is_asked(tmp_path: Path) -> None:
    (tmp_path / "a file").touch()
    with serving(Site(CONTENT)) as site, pytest.raises(StorageError, match=r"^cannot write .*file\.bin: "):
        download([site.url], tmp_path / "a file" / "file.bin", checksum=CHECKSUM)
    assert site.ranges == []


def test_a_right_file_in_a_folder_that_can_not_be_written_is_enough(
    target: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied")

    target.write_bytes(CONTENT)
    monkeypatch.setattr("filelock.FileLock.acquire", refuse)
    assert download([], target, checksum=CHECKSUM) == target
