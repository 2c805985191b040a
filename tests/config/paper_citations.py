"""Comments in configs/ and cards that cite the paper: which section or table they name, and what they say it has."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import yaml

ROOT = Path(__file__).resolve().parents[2]
_SECTION = r"(?:III-[AB]|V-[A-E]|introduction|conclusion|abstract|caption|[IVX]+\b)"
_PART = rf"(?:(?:Sec\. )?{_SECTION}|Tables? [IVX]+\b|Fig(?:ures?|\.) \d[ab]?(?:(?: to | and )\d)?|Eq\. \d|Algorithm 1)"
_PARTS = rf"{_PART}(?:(?:, | and ){_PART})*"
_CITED = re.compile(rf"\bpaper(?:'s)?,? (?P<parts>{_PARTS})(?P<says>(?:[^;).]|\.(?! ))*)")
_BARE = re.compile(r"^paper(?P<parts>)(?P<says>(?:[:,][^;]*)?)(?=;|$)")  # the file's own place
_OPENING = re.compile(rf"^(?P<parts>{_PARTS})(?P<says>(?:[:,][^;]*)?)(?=;|$)")  # of a claim
_PLACES = {"introduction": "I", "conclusion": "VI", "Algorithm 1": "III-B", "Eq. 1": "III-A", "Eq. 2": "III-A"}
_PLACES |= {f"Eq. {number}": "III-B" for number in range(3, 9)}
_TOKEN = re.compile(r"[A-Za-z]*\d[\w.]*\w|\d|[A-Za-z]{4,}")
_EMPTY_WORDS = frozenset(
    re.findall(
        r"\w+",
        "paper table tables method methods from with that this they each both other only which where says have their"
        " true false null also than over some into",
    )
)


@dataclass(frozen=True)
class Citation:
    """A place of the paper that a comment names.

    Attributes:
        where: file and line.
        parts: sections and tables, such as ``V-A`` or ``Table V``; a caption as ``caption of Table V``.
        numbers: those of the value and of the comment's words on the citation; each must stand in one of the parts.
        words: of these, one must stand there if there is no number.
    """

    where: str
    parts: tuple[str, ...]
    numbers: frozenset[str]
    words: frozenset[str]

    def holds(self, facts: Mapping[str, Collection[str]]) -> bool:
        """Return whether the parts have every number, or, without numbers, one of the words."""
        known: set[str] = set().union(*(facts.get(part, set()) for part in self.parts))
        return self.numbers <= known if self.numbers else bool(self.words & known)


def tokens(text: str) -> frozenset[str]:
    """Return numbers, names that have digits, and words of four letters or more, in lower case."""
    plain = re.sub(r"(?<=[A-Za-z])-(?=\d)|(?<=\d)(?:st|nd|rd|th)\b", "", text.replace("_", " ")).lower()
    found = (re.sub(r"^0(?=\.)|(?<=\.\d)0+$", "", item) for item in _TOKEN.findall(plain))
    return frozenset("3" if item == "three" else item for item in found) - _EMPTY_WORDS


def with_digits(text: str) -> frozenset[str]:
    """Return the tokens that have a digit."""
    return frozenset(item for item in tokens(text) if any(map(str.isdigit, item)))


def in_config(path: Path) -> list[Citation]:
    """List the citations of one config file."""
    return list(_of_config(path))


def citations() -> list[Citation]:
    """List the citations of every comment in configs/ and of the methods' cards."""
    found = [item for path in sorted((ROOT / "configs").rglob("*.yaml")) for item in _of_config(path)]
    return found + [item for path in sorted(ROOT.glob("olsrepro/methods/*/card.yaml")) for item in _of_card(path)]


def _of_config(path: Path) -> Iterator[Citation]:
    lines = path.read_text().splitlines()
    place, in_claims = "", False
    for number, line in enumerate(lines, 1):
        place = line.removeprefix("place: ") if line.startswith("place: ") else place
        in_claims = line.startswith("claims:") or (in_claims and line[:1] in ("", " "))
        content, _, comment = line.partition("# ")
        key, _, value = content.strip().partition(":")
        for match in _matches(comment, in_claims):
            nested = "" if value.strip() else " ".join(lines[number : number + 3])
            words = tokens(f"{'' if in_claims or '_' in key else key} {value} {comment} {nested}")
            says = match["says"].partition(". In E epochs")[0]
            is_of_value = match.start() == 0 or not says
            numbers = with_digits(says) | (
                _numbers(value) - set(re.findall(r"\d+", says)) if is_of_value else frozenset()
            )
            yield Citation(f"{path.parent.name}/{path.name}:{number}", _parts(match["parts"], place), numbers, words)


def _matches(comment: str, in_claims: bool) -> list[re.Match[str]]:
    found = list(_CITED.finditer(comment))
    first = _BARE.match(comment) or (_OPENING.match(comment) if in_claims else None)
    return found or ([first] if first else [])


def _of_card(path: Path) -> Iterator[Citation]:
    words = tokens(path.read_text())
    for number, line in enumerate(path.read_text().splitlines(), 1):
        for match in _CITED.finditer(line):
            where = f"{path.parent.name}/{path.name}:{number}"
            yield Citation(where, _parts(match["parts"], ""), with_digits(match["says"]), words)


def _numbers(value: str) -> frozenset[str]:
    """Return the numbers of a value that is a number or a list of numbers."""
    parsed = yaml.safe_load(value) if re.fullmatch(r"[\s\d.,e\[\]+-]+", value) else None
    items = parsed if isinstance(parsed, list) else [parsed]
    texts = (f"{item:f}".rstrip("0").rstrip(".") if isinstance(item, float) else str(item) for item in items if item)
    return tokens(" ".join(texts))


def _parts(text: str, place: str) -> tuple[str, ...]:
    """Return the sections, tables and captions that a text names; the place of the file if it names none."""
    names = [item.removeprefix("Sec. ").replace("Tables", "Table") for item in re.findall(_PART, text)] or [place]
    are_tables = "Table" in names[0]
    found: list[str] = []
    for item in names:
        if figures := re.findall(r"\d", item) if item.startswith("Fig") else []:
            found += [f"caption of Figure {number}" for number in figures]
        elif item == "caption":
            found.append(f"caption of {place.partition('(')[0]}")
        elif item == place and item.startswith("Section "):
            found.append(item.removeprefix("Section "))
        else:
            found.append(f"Table {item}" if are_tables and re.fullmatch("[IVX]+", item) else _PLACES.get(item, item))
    return tuple(found)
