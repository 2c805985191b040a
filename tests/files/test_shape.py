"""What values must be, said as data: what fits, and how what does not is named."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from olsrepro.files.plain_json import DEEPEST, parse
from olsrepro.files.shape import MAPPING, NUMBER, TEXT, WHOLE, Agreeing, Cases, Each, Having, ListOf, Maybe, Shape

RUN = Cases(
    "status",
    {
        "done": Having({"error": Having({"best": NUMBER, "note": Maybe(TEXT)}), "by": ListOf(TEXT, least=1)}),
        "failed": Having({"files": Each(WHOLE), "detail": MAPPING}),
    },
)
PAIRS = Agreeing(
    Having({"a": ListOf(WHOLE), "b": ListOf(WHOLE)}), "as many a as b", lambda v: len(v["a"]) == len(v["b"])
)


def done(**changes: Any) -> dict[str, Any]:
    return {"status": "done", "error": {"best": 1.5}, "by": ["me"], **changes}


def name_of(part: object) -> str:
    """Return a test's id for a part of its case, alike in every process."""
    return type(part).__name__ if isinstance(part, type(NUMBER) | Cases | Agreeing) else ascii(part)[:60]


@pytest.mark.parametrize(
    ("shape", "value"),
    [
        (RUN, done()),
        (RUN, done(error={"best": 1, "note": None, "later": [1]}, later={"a": 1})),
        (RUN, {"status": "failed", "files": {}, "detail": {}}),
        (PAIRS, {"a": [1], "b": [2]}),
        (TEXT, "größer"),
        (NUMBER, -0.0),
        (WHOLE, 0),
    ],
)
def test_what_has_everything_fits_whatever_it_has_beside(shape: Shape, value: Any) -> None:
    assert shape.fits(value)


@pytest.mark.parametrize(
    ("shape", "value", "fault"),
    [
        (RUN, [], "it must be a mapping"),
        (RUN, {}, "status must be done or failed"),
        (RUN, {"status": ["done"]}, "status must be done or failed"),
        (RUN, done(error=[]), "error must be a mapping"),
        (RUN, done(error={}), "error.best is missing"),
        (RUN, done(error={"best": "low"}), "error.best must be a number"),
        (RUN, done(error={"best": True}), "error.best must be a number"),
        (RUN, done(error={"best": 1, "note": 2}), "error.note must be text"),
        (RUN, done(by=[]), "by must be a list of at least 1"),
        (RUN, done(by=["a", 2]), "by[1] must be text"),
        (RUN, {"status": "failed", "files": {"a\n": 1.5}, "detail": {}}, "files.'a\\n' must be a whole number"),
        (RUN, {"status": "failed", "files": {}, "detail": None}, "detail must be a mapping"),
        (PAIRS, {"a": [1], "b": []}, "it must be as many a as b"),
        (PAIRS, {"a": [1]}, "b is missing"),
        (NUMBER, float("nan"), "it must be a number"),
        (NUMBER, float("inf"), "it must be a number"),
        (NUMBER, 10**400, "it must be a number"),
        (WHOLE, 10**400, "it must be a whole number"),
        (TEXT, "\ud800", "it must be text"),
    ],
    ids=name_of,
)
def test_what_does_not_fit_is_named_with_what_it_must_be(shape: Shape, value: Any, fault: str) -> None:
    assert not shape.fits(value)
    assert shape.fault(value) == fault


@pytest.mark.parametrize("text", ["", "{", "NaN", "[1, Infinity]", '{"a": -Infinity}', "[" * 10**5])
def test_what_is_no_json_is_one_kind_of_error(text: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - whatever it says
        parse(text.encode())


@pytest.mark.parametrize("content", [b"\xff", b'"\xed\xa0\x80"'])
def test_what_is_no_utf8_is_the_same_kind_of_error(content: bytes) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - whatever it says
        parse(content)


@pytest.mark.parametrize(("opening", "closing"), [("[", "]"), ('{"a":', "}")])
def test_nesting_is_followed_so_far_and_no_further(opening: str, closing: str) -> None:
    def nested(levels: int) -> bytes:
        return (opening * levels + "1" + closing * levels).encode()

    parse(nested(DEEPEST))
    with pytest.raises(ValueError, match="nested too deeply"):
        parse(nested(DEEPEST + 1))


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"[" + b"1" * 5000 + b"]", "^a number has too many digits$"),
        (b'{"a": 1,\n "b": }', "^it is no JSON from line 2, column 7 on$"),
        (b'"\xff"', "^it is not text in UTF-8$"),
        (b"[NaN]", "^NaN is no number of JSON$"),
    ],
    ids=["digits", "form", "encoding", "constant"],
)
def test_what_is_no_json_is_told_in_our_words(content: bytes, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        parse(content)


def test_a_byte_order_mark_is_no_part_of_json() -> None:
    assert parse(b"\xef\xbb\xbf[1]") == [1]


def test_many_brackets_side_by_side_are_no_nesting() -> None:
    assert len(parse(b"[" + b"[1]," * 1000 + b"[{}]]")) == 1001


PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=3),
    lambda inside: st.lists(inside, max_size=3) | st.dictionaries(st.sampled_from("abc"), inside, max_size=3),
)


@given(PLAIN, st.sampled_from([RUN, PAIRS, *RUN._shapes.values()]))
def test_a_value_either_fits_or_has_a_fault_that_can_be_printed(value: Any, shape: Shape) -> None:
    if not shape.fits(value):
        assert shape.fault(value).isprintable()
