"""Docstrings of the package: a function's opens with a verb, any other with a noun, and each says something.

Ruff's D401 looks for verbs too, but takes many words for one that are none.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import pytest

import olsrepro

PACKAGE = Path(olsrepro.__file__).parent
NO_NOUN = {"The", "What", "How", "Which", "Of"}
NO_VERB = NO_NOUN | {"A", "An", "As", "Whether", "With", "Where", "All", "Every", "One", "Likewise"}
FEWEST_WORDS = 5
UNIT_OR_SHAPE = re.compile(r" in (bytes|percent|pixels)\b|\([A-Z],")
"""Enough in fewer words: ``Size in bytes.``, ``Class indices, int64 (N,).``"""


def kind_of(node: ast.AST) -> str | None:
    """What a node is, if it can have a docstring."""
    match node:
        case ast.Module():
            return "module"
        case ast.ClassDef():
            return "class"
        case ast.FunctionDef() | ast.AsyncFunctionDef():
            is_property = any(ast.unparse(decorator).endswith("property") for decorator in node.decorator_list)
            return "property" if is_property else "function"
    return None


def constants(body: list[ast.stmt]) -> Iterator[tuple[int, str]]:
    """Line and text of each string below an assignment."""
    for above, below in pairwise(body):
        match above, below:
            case ast.Assign() | ast.AnnAssign(), ast.Expr(value=ast.Constant(value=str(text))):
                yield below.lineno, text


def docstrings(tree: ast.Module) -> Iterator[tuple[int, str, str]]:
    """Line, kind and text of each docstring."""
    for node in ast.walk(tree):
        if (kind := kind_of(node)) is None:
            continue
        if text := ast.get_docstring(node):
            yield getattr(node, "lineno", 1), kind, text
        if kind in ("module", "class"):
            yield from ((line, "constant", text) for line, text in constants(node.body))


def problem(kind: str, text: str) -> str | None:
    """What is wrong with a docstring, if anything is."""
    words = text.split()
    opening = words[0].strip(",.:;")
    wanted, refused = ("verb", NO_VERB) if kind == "function" else ("noun", NO_NOUN)
    if opening in refused:
        return f"opens with `{opening}`, not with a {wanted}"
    if kind not in ("module", "constant") and len(words) < FEWEST_WORDS and not UNIT_OR_SHAPE.search(text):
        return f"has fewer than {FEWEST_WORDS} words, and no unit or shape"
    return None


def problems(source: str, name: str) -> list[str]:
    found = ((line, kind, text, problem(kind, text)) for line, kind, text in docstrings(ast.parse(source)))
    return [f"{name}:{line}: {kind} {wrong}: {text[:60]}" for line, kind, text, wrong in found if wrong]


def test_every_docstring_opens_with_its_kind_of_word_and_says_something() -> None:
    files = sorted(PACKAGE.rglob("*.py"))
    assert files
    found = [line for path in files for line in problems(path.read_text(), str(path.relative_to(PACKAGE.parent)))]
    assert not found, "\n" + "\n".join(found)


FUNCTION = "\ndef f():\n    '''{}'''"


@pytest.mark.parametrize(
    ("source", "wrong"),
    [
        ("'''What is measured.'''", "a.py:1: module opens with `What`, not with a noun: What is measured."),
        ("class Row:\n    '''The row of one epoch.'''", "a.py:1: class opens with `The`, not with a noun: The row"),
        ("WIDTH = 2\n'''How wide it is.'''", "a.py:2: constant opens with `How`, not with a noun: How wide it is."),
        ("class Row:\n    width = 2\n    '''Which width it has.'''", "a.py:3: constant opens with `Which`"),
        (
            FUNCTION.format("Whether it is there already."),
            "a.py:2: function opens with `Whether`, not with a verb",
        ),
        (FUNCTION.format("Likewise."), "a.py:2: function opens with `Likewise`, not with a verb: Likewise."),
        (
            "@cached_property" + FUNCTION.format("Of all the rows here."),
            "a.py:2: property opens with `Of`",
        ),
        (
            "async def f():\n    '''Read it here.'''",
            "a.py:1: function has fewer than 5 words, and no unit or shape",
        ),
        ("def f():\n    def g():\n        '''All images of one class.'''", "a.py:2: function opens with `All`"),
    ],
)
def test_it_names_file_line_kind_and_opening(source: str, wrong: str) -> None:
    (found,) = problems(source, "a.py")
    assert found.startswith(wrong)


@pytest.mark.parametrize(
    "source",
    [
        "'''Clean labels.'''",
        "WIDTH = 2\n'''Pixels.'''",
        "class Row:\n    '''A row of the curves.'''",
        FUNCTION.format("Return the labels of all images."),
        FUNCTION.format("Sum rows (N, K)."),
        "@property" + FUNCTION.format("Size in bytes."),
        "def f():\n    pass",
    ],
)
def test_a_docstring_that_says_enough_is_accepted(source: str) -> None:
    assert problems(source, "a.py") == []
