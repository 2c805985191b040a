"""What a user asks of a table beside its name."""

from __future__ import annotations

import pytest

from olsrepro.experiments.experiment import Experiment
from olsrepro.experiments.request import Request, parse_request
from olsrepro.settings import UserError

TABLE = Experiment(name="any", title="any", seeds=3, select="best")


def test_without_a_word_a_table_takes_its_own_preset_seeds_and_rule() -> None:
    request = parse_request([])
    assert request.preset_of(TABLE) == "paper"
    assert request.seeds_of(TABLE) == (0, 1, 2)
    assert request.select_of(TABLE) == "best"


def test_preset_seeds_and_rule_are_told_apart_from_overrides() -> None:
    request = parse_request(["recipe.epochs=5", "seeds=2", "preset=short", "select=last"])
    assert request == Request("short", (0, 1), "last", ("recipe.epochs=5",))


def test_preset_smoke_takes_one_seed_unless_told_otherwise() -> None:
    assert parse_request(["preset=smoke"]).seeds_of(TABLE) == (0,)
    assert parse_request(["preset=smoke", "seeds=2"]).seeds_of(TABLE) == (0, 1)


def test_measured_facts_need_one_measurement_whatever_the_seeds() -> None:
    measured = Experiment(name="any", title="any", seeds=0, measure="method")
    assert parse_request(["seeds=3"]).seeds_of(measured) == (0,)


def test_words_lead_to_the_same_request_again() -> None:
    typed = ["preset=short", "seeds=2", "select=last", "recipe.epochs=5"]
    assert parse_request(parse_request(typed).words()) == parse_request(typed)


def test_where_a_run_is_executed_changes_no_number() -> None:
    assert parse_request(["runtime.device=cpu", "recipe.lr=0.2"]).changes == ("recipe.lr=0.2",)


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("preset=papr", "preset=papr is not known; did you mean paper"),
        ("seeds=1000000000000", "at most 1,000"),
        (f"seeds={'1' * 5000}", "must be a number of seeds"),
        ("seeds=0", "seeds=0 must be a number of seeds, at least 1"),
        ("seeds=1,2", "seeds=1,2 must be a number of seeds"),
        ("select=bset", "select=bset is not known; did you mean best"),
        ("seed=3", "seed=3: a table takes seeds=N"),
    ],
)
def test_a_wrong_word_is_refused_with_what_is_right(line: str, told: str) -> None:
    with pytest.raises(UserError, match=told.replace("(", r"\(")):
        parse_request([line])


def test_a_word_given_twice_is_refused() -> None:
    with pytest.raises(UserError, match="seeds is given twice, seeds=1 and seeds=2"):
        parse_request(["seeds=1", "seeds=2"])


def test_rows_that_the_paper_does_not_have_are_asked_for_by_extra() -> None:
    assert not parse_request(["preset=smoke"]).extra
    request = parse_request(["extra=true"])
    assert request.extra
    assert request.words() == ("extra=true",)
    with pytest.raises(UserError, match=r"^extra=yes must be true or false"):
        parse_request(["extra=yes"])
