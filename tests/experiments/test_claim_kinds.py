"""Claims on averages, slopes, bounds, equality and divergence."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import pytest
from scipy import stats

from olsrepro.experiments.claims.evidence import RunEnd
from olsrepro.experiments.claims.judge import judge
from olsrepro.experiments.experiment import CellKey, Claim, Experiment, Line, Printed
from olsrepro.experiments.statistics import Sample
from olsrepro.experiments.table import Verdict
from olsrepro.settings import UserError

AVERAGE = Claim("A", "", kind="average", better="ols", than=("hard",))
FALLS = Claim("S", "", kind="slope", better="ols", bound=-1)
RISES = replace(FALLS, bound=1)
ABOVE = Claim("O", "", kind="above", better="ols", bound=1.0)
NOT_ABOVE = Claim("N", "", kind="not_above", better="ols", than=("hard",), bound=2.0)
EQUIVALENT = Claim("E", "", kind="equivalent", better="ols", than=("hard",), bound=0.3)
DIVERGES = Claim("D", "", kind="diverges", better="ols", bound=90)
SAME = Claim("X", "", kind="same", better="ols", than=("hard",))
FACTS = Claim("F", "", kind="same", better="ols")
X = {"a": 1.0, "b": 2.0, "c": 4.0}


def experiment(claim: Claim, columns: str = "a", **more: object) -> Experiment:
    made = Experiment(
        "made_up",
        "A table for tests",
        rows={key: Line(key, key) for key in ("ols", "hard")},
        columns={key: Line(key, key, x=X[key]) for key in columns.split()},
        claims=(claim,),
    )
    return replace(made, **more)  # type: ignore[arg-type]


def row(key: str, *means: float, n: int = 3, sd: float = 0.1) -> dict[CellKey, Sample]:
    return {(key, column): Sample(mean, sd if n > 1 else None, n) for column, mean in zip(X, means, strict=False)}


def verdict(made: Experiment, ours: Mapping[CellKey, Sample], preset: str = "paper", **more: object) -> Verdict:
    return judge(made, ours, preset=preset, **more).verdicts[0]  # type: ignore[arg-type]


def words(found: Verdict) -> tuple[str, str]:
    return found.verdict, found.reason


def trend(made: Experiment, ours: Mapping[CellKey, Sample], **more: object) -> str:
    return verdict(made, ours, "short", **more).trend


@pytest.mark.parametrize(
    ("hard", "expected"), [((21.0, 19.5), "holds"), ((20.05, 20.05), "undecided"), ((19.0, 20.2), "fails")]
)
def test_an_average_is_judged_by_its_mean_gain_whatever_its_cells_do(hard: tuple[float, ...], expected: str) -> None:
    found = verdict(experiment(AVERAGE, "a b"), row("ols", 20.0, 20.0) | row("hard", *hard))
    assert words(found) == (expected, "")
    assert found.gain is not None
    assert found.gain.difference == pytest.approx(sum(hard) / 2 - 20)
    assert found.gain.high is not None
    assert found.gain.high - found.gain.difference == pytest.approx(stats.t.ppf(0.975, 8) * 0.1 / 2 * (4 / 3) ** 0.5)
    assert [item.verdict for item in found.comparisons] == ["", ""]


@pytest.mark.parametrize(
    ("stated", "ours", "expected"), [(1.0, 21.0, "reproduced"), (0.5, 21.0, "larger"), (1.5, 21.0, "smaller")]
)
def test_an_average_is_measured_by_the_gain_that_the_paper_states(stated: float, ours: float, expected: str) -> None:
    printed = {("ols", "a"): Printed(20.0, 0.1, 3), ("hard", "a"): Printed(21.0, 0.1, 3)}
    made = experiment(replace(AVERAGE, stated=stated), paper=printed)
    found = verdict(made, row("ols", 20.0) | row("hard", ours))
    assert (found.margin, found.paper) == (expected, f"holds, margin {expected}")


def test_an_average_far_below_the_stated_gain_is_excluded() -> None:
    printed = {("ols", "a"): Printed(20.0), ("hard", "a"): Printed(21.0)}
    ours = row("ols", 20.0) | row("hard", 20.02)
    assert words(verdict(experiment(AVERAGE, paper=printed), ours)) == ("fails", "gain excluded")
    assert words(verdict(experiment(replace(AVERAGE, stated=0.5), paper=printed), ours)) == ("undecided", "")


def test_an_average_needs_every_cell_and_two_runs_of_each() -> None:
    made = experiment(AVERAGE, "a b")
    assert words(verdict(made, row("ols", 20.0, 20.0) | row("hard", 21.0))) == ("", "1 of 4 cells missing")
    assert words(verdict(made, row("ols", 20.0, 20.0) | row("hard", 21.0, 21.0, n=1))) == ("", "n = 1")
    few = row("ols", 20.0, 20.0, n=2) | row("hard", 21.0, 21.0, n=2)
    assert words(verdict(made, few)) == ("", "n = 2, df 4")


@pytest.mark.parametrize(
    ("claim", "means", "expected"),
    [
        (FALLS, (21.0, 20.5, 20.0), "holds"),
        (FALLS, (20.0, 20.5, 21.0), "fails"),
        (FALLS, (20.0, 20.0, 20.0), "undecided"),
        (RISES, (20.0, 20.5, 21.0), "holds"),
        (RISES, (21.0, 20.5, 20.0), "fails"),
    ],
)
def test_a_slope_counts_by_its_sign(claim: Claim, means: tuple[float, ...], expected: str) -> None:
    found = verdict(experiment(claim, "a b c"), row("ols", *means))
    assert words(found) == (expected, "")


def test_a_slope_is_taken_over_x_or_its_logarithm() -> None:
    ours = row("ols", 20.0, 21.0, 22.0)
    plain, log2 = (verdict(experiment(replace(RISES, log2=item), "a b c"), ours).gain for item in (False, True))
    assert plain is not None
    assert log2 is not None
    assert plain.difference == pytest.approx(stats.linregress([1, 2, 4], [20, 21, 22]).slope)
    assert log2.difference == pytest.approx(1.0)
    assert log2.low == pytest.approx(1.0 - stats.t.ppf(0.975, 6) * 0.1 / 6**0.5)


def test_a_slope_may_run_down_the_rows() -> None:
    claim = replace(RISES, axis="column", better="a")
    made = experiment(claim)
    made = replace(made, rows={"ols": Line("ols", "", x=0.0), "hard": Line("hard", "", x=1.0)})
    assert verdict(made, row("ols", 20.0) | row("hard", 21.0)).verdict == "holds"


@pytest.mark.parametrize(("x", "log2"), [(None, False), (0.0, True)])
def test_a_slope_over_lines_without_a_usable_x_is_the_users_mistake(x: float | None, log2: bool) -> None:
    made = experiment(replace(FALLS, log2=log2), "a b")
    made = replace(made, columns={**made.columns, "b": Line("b", "b", x=x)})
    with pytest.raises(UserError, match=r"^made_up: claim S needs b to have a .*x.*; it has (None|0\.0)$"):
        judge(made, row("ols", 20.0, 21.0), preset="paper")


@pytest.mark.parametrize(("mean", "expected"), [(1.5, "holds"), (1.1, "undecided"), (0.5, "fails")])
def test_above_is_a_test_against_a_constant(mean: float, expected: str) -> None:
    assert words(verdict(experiment(ABOVE), row("ols", mean))) == (expected, "")


def test_above_needs_every_place_and_each_cells_own_spread() -> None:
    made = experiment(ABOVE, "a b")
    assert words(verdict(made, row("ols", 1.5, 1.01))) == ("undecided", "1 of 2")
    assert words(verdict(made, row("ols", 1.5, 0.5))) == ("fails", "1 of 2")
    assert words(verdict(made, row("ols", 1.5))) == ("", "1 of 2 cells missing")
    noisy = {("ols", "a"): Sample(1.5, 0.3, 3), ("ols", "b"): Sample(3.0, 0.01, 3), ("hard", "b"): Sample(3, 0.01, 9)}
    assert words(verdict(experiment(ABOVE, "a b"), noisy)) == ("undecided", "1 of 2")


def test_below_is_adjusted_over_the_places() -> None:
    """0.84 against 1 has p = .032 with 6 degrees of freedom: alone it fails, as the lowest of three it doesn't."""
    ours = row("ols", 0.84, 1.0, 1.0)
    assert verdict(experiment(replace(ABOVE, over=("a",)), "a b c"), ours).verdict == "fails"
    assert verdict(experiment(ABOVE, "a b c"), ours).verdict == "undecided"


def test_above_has_a_trend_from_one_run() -> None:
    assert [trend(experiment(ABOVE), row("ols", mean, n=1)) for mean in (1.5, 0.5)] == ["for", "against"]
    assert words(verdict(experiment(ABOVE), row("ols", 1.5, n=1))) == ("", "n = 1")


@pytest.mark.parametrize(
    ("ols", "expected"),
    [
        (20.0, "holds"),
        (22.8, "holds"),
        (22.95, "undecided"),
        (23.05, "undecided"),
        (23.2, "undecided"),
        (23.25, "fails"),
    ],
)
def test_not_above_allows_less_than_its_bound(ols: float, expected: str) -> None:
    """It fails by a test of both sides, at 23.23; one of a single side would at 23.17."""
    found = verdict(experiment(NOT_ABOVE), row("ols", ols) | row("hard", 21.0))
    assert words(found) == (expected, "")
    assert found.comparisons[0].gain.difference == pytest.approx(21.0 - ols)


def test_not_above_fails_with_the_first_run_whose_loss_is_not_finite() -> None:
    ends = {("ols", "a"): [RunEnd(20.0, 10), RunEnd(None, 10)]}
    assert words(verdict(experiment(NOT_ABOVE), row("hard", 21.0), ends=ends)) == ("fails", "non-finite loss")
    sound = {("ols", "a"): [RunEnd(20.0, 10)], ("hard", "a"): [RunEnd(None, 10)]}
    assert verdict(experiment(NOT_ABOVE), row("ols", 20.0) | row("hard", 21.0), ends=sound).verdict == "holds"


@pytest.mark.parametrize(
    ("hard", "expected"), [(20.0, "holds"), (20.1, "holds"), (20.15, "undecided"), (20.5, "undecided"), (20.6, "fails")]
)
@pytest.mark.parametrize("sign", [1, -1])
def test_equivalence_needs_both_one_sided_tests(hard: float, expected: str, sign: int) -> None:
    found = verdict(experiment(EQUIVALENT), row("ols", 20.0) | row("hard", 20 + sign * (hard - 20)))
    assert words(found) == (expected, "")


def test_equivalence_to_several_is_as_good_as_the_worst() -> None:
    made = experiment(replace(EQUIVALENT, axis="column", better="a", than=("b", "c"), over=("ols",)), "a b c")
    found = [words(verdict(made, row("ols", 20.0, 20.0, mean))) for mean in (20.0, 20.3, 21.0)]
    assert found == [("holds", "2 of 2"), ("undecided", "1 of 2"), ("fails", "1 of 2")]
    assert [trend(made, row("ols", 20.0, 20.0, mean)) for mean in (20.29, 19.69)] == ["for", "against"]


def test_inequivalence_is_adjusted_over_the_pairs() -> None:
    claim = replace(EQUIVALENT, axis="column", better="a", over=("ols",))
    ours = row("ols", 20.0, 20.52, 20.0)
    for than, expected in ((("b",), "fails"), (("b", "c"), "undecided")):
        assert verdict(experiment(replace(claim, than=than), "a b c"), ours).verdict == expected


def test_equivalence_is_vetoed_by_a_cells_own_spread() -> None:
    ours = {("ols", "a"): Sample(20.0, 0.01, 3), ("hard", "a"): Sample(20.0, 0.3, 3)}
    calm = {("ols", "b"): Sample(20.0, 0.01, 20), ("hard", "b"): Sample(20.0, 0.01, 20)}
    claim = replace(EQUIVALENT, over=("a",))
    assert words(verdict(experiment(claim, "a b"), ours | calm)) == ("undecided", "vetoed")
    assert words(verdict(experiment(claim, "a b"), {("ols", "a"): Sample(20.0, 0.01, 3)})) == (
        "",
        "1 of 2 cells missing",
    )
    assert words(verdict(experiment(EQUIVALENT), row("ols", 20.0) | row("hard", 20.0, n=1))) == ("", "n = 1")


def ends(*errors: float | None, classes: int = 10) -> dict[CellKey, list[RunEnd]]:
    return {("ols", "a"): [RunEnd(error, classes) for error in errors]}


@pytest.mark.parametrize(
    ("errors", "expected"),
    [
        ((81.1, None, 5.0), ("holds", "2 of 3 seeds")),
        ((81.0, 81.1, 5.0), ("fails", "1 of 3 seeds")),
        ((None, 5.0), ("undecided", "1 of 2 seeds")),
        ((None, None, None), ("holds", "3 of 3 seeds")),
        ((5.0, 5.0, 5.0), ("fails", "0 of 3 seeds")),
        ((None,), ("", "n = 1")),
        ((), ("", "1 of 1 cells missing")),
    ],
)
def test_a_run_diverges_above_90_percent_of_chance_or_without_a_number(
    errors: tuple[float | None, ...], expected: tuple[str, str]
) -> None:
    assert words(verdict(experiment(DIVERGES), {}, ends=ends(*errors))) == expected


def test_chance_depends_on_the_number_of_classes() -> None:
    """90 % of guessing is 45 % of two classes and 89.1 % of a hundred."""
    found = [
        verdict(experiment(DIVERGES), {}, ends=ends(error, error, classes=classes)).verdict
        for error, classes in ((46.0, 2), (46.0, 100), (89.2, 100))
    ]
    assert found == ["holds", "fails", "holds"]


def test_divergence_has_a_trend() -> None:
    assert [trend(experiment(DIVERGES), {}, ends=ends(error)) for error in (None, 5.0)] == ["for", "against"]


def test_equality_bit_for_bit_is_seed_by_seed() -> None:
    made, hard = experiment(SAME), {0: 0.1 + 0.2, 1: 5.0, 7: 9.0}
    same = {("ols", "a"): {0: 0.1 + 0.2, 1: 5.0, 2: 6.0}, ("hard", "a"): hard}
    almost = {("ols", "a"): {0: 0.3, 1: 5.0}, ("hard", "a"): hard}
    apart = {("ols", "a"): {3: 1.0}, ("hard", "a"): hard}
    found = [words(verdict(made, {}, values=values)) for values in (same, almost, apart)]
    assert found == [("holds", "2 of 2 seeds"), ("fails", "1 of 2 seeds"), ("", "1 of 1 pairs have no seed in common")]
    assert trend(made, {}, values=same) == "for"


@pytest.mark.parametrize(
    ("value", "expected"),
    [(5.004, ("holds", "2 of 2 cells")), (5.006, ("fails", "1 of 2 cells")), (None, ("", "1 of 2 cells missing"))],
)
def test_measured_facts_equal_the_printed_ones_as_printed(value: float | None, expected: tuple[str, str]) -> None:
    made = experiment(FACTS, "a b c", paper={("ols", "a"): Printed(1.0), ("ols", "b"): Printed(5.0)})
    ours = {("ols", "a"): Sample(1.0)} | ({} if value is None else {("ols", "b"): Sample(value)})
    found = verdict(made, ours)
    assert words(found) == expected
    assert found.paper == ""


def test_whole_counts_are_equal_or_not() -> None:
    """One and a half forward passes are neither one nor two."""
    for printed, expected in ((1.0, "fails"), (2.0, "fails")):
        made = experiment(FACTS, metric="forward_passes", paper={("ols", "a"): Printed(printed)})
        assert verdict(made, {("ols", "a"): Sample(1.5)}).verdict == expected
    assert words(verdict(experiment(FACTS), {("ols", "a"): Sample(1.5)})) == ("", "nothing printed")


@pytest.mark.parametrize("claim", [AVERAGE, FALLS, ABOVE, NOT_ABOVE, EQUIVALENT, DIVERGES, SAME, FACTS])
def test_every_kind_says_nothing_of_an_empty_table_and_nothing_from_smoke(claim: Claim) -> None:
    made = experiment(claim, "a b")
    empty = verdict(made, {})
    assert (empty.verdict, empty.trend, empty.paper, empty.comparisons) == ("", "", "", ())
    assert empty.reason
    full = row("ols", 2.0, 1.0) | row("hard", 2.0, 1.0)
    assert verdict(made, full, "smoke") == Verdict(claim.id, claim.says, reason="preset smoke")
