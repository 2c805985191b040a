"""Texts of YAML that no reader may load as they are, each with a key ``a``, and what is said about them."""

from __future__ import annotations


def bomb(levels: int) -> str:
    """Lists of ten aliases of lists of ten: 10 ** levels values."""
    lists = (f"a{at}: &a{at} [{', '.join([f'*a{at - 1}'] * 10)}]" for at in range(1, levels))
    return "\n".join(["a0: &a0 [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]", *lists, "a: 1"])


HARMFUL = {
    "aliases": (bomb(9), r"its aliases, such as \*a1, stand for more than 1,000 values"),
    "merged": (f"{bomb(3)}\nb: {{ <<: [*a2, *a2] }}", "stand for more than 1,000 values"),
    "cycle": ("a: &a [*a]", r"\*a stands inside of what it stands for"),
    "brackets": ("a: " + "[" * 600 + "]" * 600, "nested deeper than 32 levels"),
    "indents": ("\n".join(" " * at + "a:" for at in range(90)), "nested deeper than 32 levels"),
    "digits": ("a: " + "1" * 5000, "line 1, column 4: a number has 5,000 characters"),
    "sixtieths": ("a: 1" + ":11" * 5000, "a number has 15,001 characters"),
    "hexadecimal": ("a: 0x" + "f" * 5000, "a number has 5,002 characters"),
    "no digits": ("a: 0x_", "a value is not what its form or its tag says"),
    "tagged": ("a: !!bool maybe", "a value is not what its form or its tag says"),
    "foreign tag": ("a: !!python/object:os.system x", "line 1, column 4: could not determine a constructor"),
    "left open": ("a: [1", "while parsing a flow sequence, .*expected ',' or ']'"),
    "anchors": ("[&a 1, &a 2]", "found duplicate anchor"),
    "control character": ("a: \0", "it has a character that YAML does not allow"),
    "encoding": ("a: \udce9", "it is not text in UTF-8"),
}
"""Text and pattern of the reason, by what is wrong; lone surrogates are bytes that are no UTF-8."""


def as_bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")
