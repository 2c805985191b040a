from __future__ import annotations

from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st

from olsrepro.report.text_fit import shortened, text_width, wrapped

WIDTH, SIZE = 0.8, 7.0
TEXTS = st.text("abcW. ", max_size=60)


@settings(max_examples=60, deadline=None)
@given(TEXTS)
def test_lines_fit_and_say_every_letter_in_order(text: str) -> None:
    lines = wrapped(text, WIDTH, SIZE)
    assert all(text_width(line, SIZE) <= WIDTH for line in lines)
    assert "".join(lines).replace(" ", "") == text.replace(" ", "")


@settings(max_examples=60, deadline=None)
@given(TEXTS)
def test_no_line_could_take_the_next_ones_first_word(text: str) -> None:
    words = [word for word in text.split(" ") if text_width(word, SIZE) <= WIDTH]
    lines = wrapped(" ".join(words), WIDTH, SIZE)
    assert " ".join(lines) == " ".join(word for word in words if word)
    for line, following in pairwise(lines):
        assert text_width(f"{line} {following.split(' ')[0]}", SIZE) > WIDTH


def test_bold_type_is_wider_and_larger_type_in_proportion() -> None:
    assert text_width("label", SIZE, "bold") > text_width("label", SIZE)
    assert abs(text_width("label", 2 * SIZE) - 2 * text_width("label", SIZE)) < 1e-6


def test_a_hard_blank_holds_two_words_together() -> None:
    assert wrapped("aaa bbb\u00a0·", text_width("aaa bbb", SIZE), SIZE) == ["aaa", "bbb\u00a0·"]


def test_a_text_that_is_too_long_ends_in_an_ellipsis_where_the_room_ends() -> None:
    assert shortened("truck", WIDTH, SIZE) == "truck"
    short = shortened("a name that nobody has room for", WIDTH, SIZE)
    assert short.endswith("…")
    assert short[:-1] == "a name that nobody has room for"[: len(short) - 1].rstrip()
    assert text_width(short, SIZE) <= WIDTH
