"""The cards of the label methods: one each, true of its settings, readable."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import quick_composer

import olsrepro.methods as package
from olsrepro.data.settings import AugmentSettings
from olsrepro.methods.cards import NOTATION, Card, Needs, Reading, card, read_card
from olsrepro.methods.registry import method_names, settings_class
from olsrepro.methods.settings import MethodSettings
from olsrepro.settings import UserError

SHORT = "title: T\nformula: |\n  L = 1\nneeds: {}\npaper_row: R.\n"
READINGS = [
    pytest.param(name, reading.switches, id=f"{name}-{'-'.join(reading.switches)}")
    for name in method_names()
    for reading in card(name).readings
]


def composed(name: str, switches: tuple[str, ...] = ()) -> MethodSettings:
    lines = [f"method={name}", "backbone=resnet8", *(f"method.{switch}" for switch in switches)]
    return quick_composer.composed(*lines).method


def written(folder: Path, text: str) -> Path:
    (folder / "mine").mkdir()
    path = folder / "mine" / "card.yaml"
    path.write_text(text, encoding="utf-8")
    return path


def test_every_method_has_a_card_and_every_card_a_method() -> None:
    found = {path.parent.name for path in Path(package.__path__[0]).glob("*/card.yaml")}
    assert found == set(method_names())


@pytest.mark.parametrize("name", method_names())
def test_a_card_says_what_its_method_computes_and_where_that_is_from(name: str) -> None:
    read = card(name)
    assert read.name == name
    assert all((read.title, read.formula, read.paper_row, read.sources))
    assert "L" in read.formula.split()


@pytest.mark.parametrize(("name", "switches"), READINGS)
def test_a_reading_is_a_run_of_its_own(name: str, switches: tuple[str, ...]) -> None:
    assert composed(name, switches).identity() != composed(name).identity()


@pytest.mark.parametrize("name", method_names())
def test_every_switch_that_a_card_names_can_be_set(name: str) -> None:
    for named in card(name).switches():
        key, _, value = named.partition("=")
        owner, _, switch = key.rpartition(".")
        settings = settings_class(owner or name)
        assert switch in settings.__dataclass_fields__, named
        if value:
            composed(owner or name, (f"{switch}={value}",))


@pytest.mark.parametrize("name", method_names())
def test_a_card_agrees_with_the_settings_on_what_is_needed(name: str) -> None:
    needs, settings = card(name).needs, settings_class(name)
    views = 1 + len(settings().more_views(AugmentSettings()))
    assert needs.views.partition(":")[0] == str(views)
    assert bool(needs.heads) == settings.needs_stages
    assert bool(needs.teacher) == settings.wants_teacher
    assert needs.sample_index or not settings.needs_sample_index
    assert ("(K, K)" in needs.state) == settings.keeps_label_table


@pytest.mark.parametrize("name", method_names())
def test_a_card_is_plain_text_whose_formula_fits_a_terminal(name: str) -> None:
    read = card(name)
    assert all(text.isprintable() for text in read.texts() if text != read.formula)
    assert all(text.count("`") % 2 == 0 for text in read.texts())
    lines = [*read.formula.replace("`", "").splitlines(), *NOTATION.splitlines()]
    assert all(line.isprintable() and len(line) <= 78 for line in lines)


def test_what_a_card_leaves_out_is_nothing(tmp_path: Path) -> None:
    assert read_card(written(tmp_path, SHORT)) == Card("mine", "T", "L = 1", Needs(), "R.")


def test_a_card_is_read_in_full(tmp_path: Path) -> None:
    more = "readings:\n  - { set: [a=1, b=2], is: other }\npitfalls: [p `c`]\nsources: [s]\n"
    read = read_card(written(tmp_path, SHORT.replace("{}", "{ views: 1, sync: x }") + more))
    assert (read.needs, read.readings) == (Needs("1", sync="x"), (Reading(("a=1", "b=2"), "other"),))
    assert (read.pitfalls, read.sources) == (("p `c`",), ("s",))
    assert read.switches() == {"a=1", "b=2", "c"}


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"title: T": "titel: T"}, "titel is not a key of a card; did you mean title"),
        ({"needs: {}": "needs: { view: 2 }"}, "view is not a key of a card; did you mean views"),
        ({"formula: |\n  L = 1\n": ""}, "formula"),
        ({"needs: {}": "needs: {}\npitfalls: one"}, "pitfalls must be a list of texts"),
        ({"needs: {}": "needs: {}\npitfalls:\n  - so: it is"}, "quote one that has a colon"),
        ({"needs: {}": "needs: {}\nreadings: [{ set: [a=1] }]"}, "a reading has the keys set and is, not set"),
        ({"needs: {}": "needs: ["}, "flow"),
    ],
    ids=["key", "need", "missing", "no list", "a colon", "reading", "no yaml"],
)
def test_a_file_that_is_no_card_is_refused_with_its_path(change: dict[str, Any], told: str, tmp_path: Path) -> None:
    text = SHORT
    for old, new in change.items():
        text = text.replace(old, new)
    path = written(tmp_path, text)
    with pytest.raises(UserError, match=told) as refused:
        read_card(path)
    assert str(refused.value).startswith(f"{path}: ")
