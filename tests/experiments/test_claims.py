"""Verdicts on claims of better and worse: each word, what forbids one, what presets and selection rules do to it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import pytest

from olsrepro.experiments.claims.judge import judge
from olsrepro.experiments.experiment import CellKey, Claim, Experiment, Line, Printed
from olsrepro.experiments.statistics import Sample, holm, pooled, pooled_difference
from olsrepro.experiments.table import Verdict
from olsrepro.settings import UserError

BEATS = Claim("C", "OLS beats hard labels", better="ols", than=("hard",))
BEST = Claim("B", "OLS is best", kind="best", better="ols", than=("hard", "ls"))


def experiment(*claims: Claim, rows: str = "ols hard ls", columns: str = "a", metric: str = "top1_err") -> Experiment:
    return Experiment(
        "made_up",
        "A table for tests",
        metric=metric,
        rows={key: Line(key, key) for key in rows.split()},
        columns={key: Line(key, key) for key in columns.split()},
        claims=claims,
    )


def samples(n: int = 3, sd: float = 0.1, column: str = "a", **means: float) -> dict[CellKey, Sample]:
    return {(row, column): Sample(mean, sd if n > 1 else None, n) for row, mean in means.items()}


def printed(n: int | None = 3, sd: float | None = 0.1, column: str = "a", **means: float) -> dict[CellKey, Printed]:
    return {(row, column): Printed(mean, sd, n) for row, mean in means.items()}


def verdict(made: Experiment, ours: Mapping[CellKey, Sample], preset: str = "paper", **more: object) -> Verdict:
    return judge(made, ours, preset=preset, **more).verdicts[0]  # type: ignore[arg-type]


def words(found: Verdict) -> tuple[str, str]:
    return found.verdict, found.reason


@pytest.mark.parametrize(
    ("ols", "expected"), [(20.0, "holds"), (20.95, "undecided"), (21.0, "undecided"), (22.0, "fails")]
)
def test_a_claim_holds_fails_or_is_undecided_by_its_gain(ols: float, expected: str) -> None:
    found = verdict(experiment(BEATS), samples(ols=ols, hard=21.0))
    assert words(found) == (expected, "")
    assert found.gain is not None
    assert found.gain.difference == pytest.approx(21.0 - ols)
    assert [item.verdict for item in found.comparisons] == [expected]


def test_a_comparison_carries_its_interval_and_all_its_p() -> None:
    ours = samples(ols=20.0, hard=20.3, ls=25.0)
    (pair,) = verdict(experiment(BEATS), ours).comparisons
    pool = pooled(ours.values())
    assert pool is not None
    expected = pooled_difference(ours["hard", "a"], ours["ols", "a"], pool)
    assert (pair.gain, pair.p_pooled, pair.p_holm) == (expected.interval, expected.p, expected.p)
    assert pair.p_welch == pytest.approx(0.0213, abs=1e-4)
    assert (pair.better, pair.worse, pair.paper_gain) == (("ols", "a"), ("hard", "a"), None)


@pytest.mark.parametrize(
    ("metric", "reverse", "expected"),
    [("top1_err", False, "fails"), ("top1_err", True, "holds"), ("mAP", False, "holds"), ("mAP", True, "fails"),
     ("train_err", False, "fails"), ("train_err", True, "holds")],
)  # fmt: skip
def test_more_is_better_where_the_metric_or_the_claim_says_so(metric: str, reverse: bool, expected: str) -> None:
    made = experiment(replace(BEATS, reverse=reverse), metric=metric)
    assert verdict(made, samples(ols=22.0, hard=21.0)).verdict == expected


def test_a_claim_on_columns_compares_columns() -> None:
    claim = Claim("C", "", axis="column", better="a", than=("b",))
    ours = samples(ols=20.0, hard=21.0) | samples(ols=22.0, hard=23.0, column="b")
    assert words(verdict(experiment(claim, rows="ols hard", columns="a b"), ours)) == ("holds", "2 of 2")


def test_one_run_gets_no_verdict() -> None:
    ours = samples(ols=10.0) | samples(n=1, hard=21.0)
    found = verdict(experiment(BEATS), ours)
    assert words(found) == ("", "n = 1")
    assert found.gain is not None
    assert (found.gain.difference, found.gain.low) == (11.0, None)
    assert found.comparisons[0].p_pooled is None


@pytest.mark.parametrize(
    ("others", "expected"), [(0, ("", "n = 2, df 2")), (5, ("", "n = 2, df 7")), (6, ("holds", ""))]
)
def test_two_runs_get_a_verdict_from_a_pool_of_8_degrees_of_freedom_on(others: int, expected: tuple[str, str]) -> None:
    rows = [f"row{index}" for index in range(others)]
    ours = samples(n=2, ols=10.0, hard=21.0) | samples(n=2, **dict.fromkeys(rows, 30.0))
    found = verdict(experiment(BEATS, rows=" ".join(["ols", "hard", *rows])), ours)
    assert words(found) == expected
    assert found.comparisons[0].p_pooled is not None


def test_three_runs_need_no_neighbours() -> None:
    assert verdict(experiment(BEATS), samples(ols=10.0, hard=21.0)).verdict == "holds"


def test_all_cells_of_a_claim_are_needed() -> None:
    ours = samples(ols=20.0, hard=21.0) | samples(ols=20.0, column="b")
    found = verdict(experiment(BEATS, columns="a b c d e"), ours)
    assert words(found) == ("", "7 of 10 cells missing")
    assert [item.verdict for item in found.comparisons] == ["holds"]
    assert (found.gain, found.trend) == (None, "")


def test_a_claim_without_a_pair_never_holds() -> None:
    assert words(verdict(experiment(replace(BEATS, than=())), samples(ols=20.0))) == ("", "nothing to compare")


def test_a_claim_on_every_place_leaves_out_what_the_paper_quotes() -> None:
    claim = Claim("C", "", axis="column", better="a", than=("b",))
    made = experiment(claim, rows="ols", columns="a b")
    made = replace(made, rows={**made.rows, "ls": Line("ls", "LS", quoted="elsewhere")})
    ours = samples(ols=20.0) | samples(ols=21.0, column="b")
    assert words(verdict(made, ours)) == ("holds", "")


def test_a_noisy_cell_may_not_borrow_calm_from_its_neighbours() -> None:
    calm = {f"row{index}": 30.0 for index in range(9)}
    ours = samples(ols=20.0, **calm) | samples(sd=1.0, hard=21.0)
    found = verdict(experiment(BEATS, rows=" ".join(["ols", "hard", *calm])), ours)
    assert words(found) == ("undecided", "vetoed")
    pair = found.comparisons[0]
    assert pair.p_holm is not None
    assert pair.p_welch is not None
    assert pair.p_holm < 0.05 < pair.p_welch


@pytest.mark.parametrize(("gain", "expected"), [(-0.05, "fails"), (0.02, "fails"), (0.03, "undecided")])
def test_a_gain_far_below_the_papers_is_excluded(gain: float, expected: str) -> None:
    """The paper gains 1.0; ours has an upper limit of gain + 0.23, to compare with a quarter of that."""
    made = replace(experiment(BEATS), paper=printed(ols=20.0, hard=21.0))
    found = verdict(made, samples(ols=20.0 - gain, hard=20.0))
    assert found.gain is not None
    assert found.gain.high == pytest.approx(gain + 0.2267, abs=1e-4)
    assert words(found) == (expected, "gain excluded" if expected == "fails" else "")


def test_a_small_but_certain_gain_holds_and_its_margin_is_smaller() -> None:
    made = replace(experiment(BEATS), paper=printed(ols=20.0, hard=22.0))
    found = verdict(made, samples(sd=0.01, ols=19.8, hard=20.0))
    assert (*words(found), found.margin) == ("holds", "", "smaller")


def test_nothing_is_excluded_where_the_paper_itself_gains_nothing() -> None:
    """The upper limit is just below 0, which Holm over two pairs forgives."""
    claim = replace(BEATS, than=("hard", "ls"))
    made = replace(experiment(claim), paper=printed(ols=20.0, hard=20.0, ls=20.0))
    found = verdict(made, samples(ols=20.205, hard=20.0, ls=20.205))
    assert found.comparisons[0].gain.high == pytest.approx(-0.0052, abs=1e-4)
    assert words(found) == ("undecided", "0 of 2")


def test_several_cells_hold_if_all_do_and_fail_if_one_does() -> None:
    made = experiment(BEATS, rows="ols hard", columns="a b")
    held, open_ = samples(ols=20.0, hard=21.0), samples(ols=20.0, hard=20.05, column="b")
    lost = samples(ols=21.0, hard=20.0, column="b")
    won = samples(ols=20.0, hard=21.0, column="b")
    found = [words(verdict(made, held | other)) for other in (won, open_, lost)]
    assert found == [("holds", "2 of 2"), ("undecided", "1 of 2"), ("fails", "1 of 2")]


def test_a_family_shares_one_holm_adjustment_and_a_claim_apart_has_its_own() -> None:
    ours = samples(ols=20.0, hard=20.24, ls=20.21)
    family = [replace(BEATS, family=True), Claim("D", "", better="ols", than=("ls",), family=True)]
    made = experiment(*family, BEATS, columns="a")
    alone = replace(BEATS, id="E")
    found = judge(replace(made, claims=(*family, alone)), ours, preset="paper")
    p = [item.comparisons[0].p_pooled for item in found.verdicts]
    adjusted = [item.comparisons[0].p_holm for item in found.verdicts]
    assert adjusted[:2] == holm([p[0], p[1]])  # type: ignore[list-item]
    assert adjusted[0] == 2 * p[0]  # type: ignore[operator]
    assert adjusted[2] == p[2]
    assert found.families == {"top1_err": 2}


def test_a_family_keeps_its_size_while_cells_are_missing() -> None:
    claim = Claim("C", "", better="ols", than=("hard", "ls"), family=True)
    found = judge(experiment(claim, columns="a b"), samples(ols=20.0, hard=21.0), preset="paper")
    (pair,) = found.verdicts[0].comparisons
    assert found.families == {"top1_err": 4}
    assert pair.p_pooled is not None
    assert pair.p_holm == pytest.approx(4 * pair.p_pooled)


def test_metrics_have_families_and_pools_of_their_own() -> None:
    made = experiment(replace(BEATS, family=True), columns="a b")
    made = replace(made, columns={"a": Line("a", "a"), "b": Line("b", "b", metric="ece")})
    ours = samples(ols=20.0, hard=21.0) | samples(ols=2.0, hard=3.0, sd=0.5, column="b")
    found = judge(made, ours, preset="paper")
    assert found.families == {"top1_err": 1, "ece": 1}
    assert [(pool.name, round(pool.sd, 3), pool.df) for pool in found.pools] == [("top1_err", 0.1, 4), ("ece", 0.5, 4)]


def test_pools_follow_what_the_experiment_pools_by() -> None:
    ours = samples(ols=20.0, hard=21.0) | samples(ols=2.0, hard=3.0, sd=0.5, column="b")
    made = replace(experiment(BEATS, columns="a b"), pool_by=("column",))
    found = judge(made, ours, preset="paper")
    assert [(pool.name, pool.df) for pool in found.pools] == [("top1_err, a", 4), ("top1_err, b", 4)]


def test_a_verdict_that_hangs_on_the_selected_epoch_is_undecided() -> None:
    made, close, apart = experiment(BEATS), samples(ols=20.0, hard=20.05), samples(ols=20.0, hard=21.0)
    assert words(verdict(made, apart, other=close)) == ("undecided", "selection")
    assert words(verdict(made, close, other=apart)) == ("undecided", "selection")
    assert words(verdict(made, apart, other=apart)) == ("holds", "")
    assert words(verdict(made, apart, other=samples(ols=20.0))) == ("holds", "")


@pytest.mark.parametrize("preset", ["short", "mini", "custom"])
@pytest.mark.parametrize(("hard", "trend"), [(21.0, "for"), (19.0, "against"), (20.0, "")])
def test_other_presets_give_a_trend_and_no_verdict(preset: str, hard: float, trend: str) -> None:
    found = verdict(experiment(BEATS), samples(ols=20.0, hard=hard), preset)
    assert (*words(found), found.trend, found.margin) == ("", f"preset {preset}", trend, "")
    assert [item.verdict for item in found.comparisons] == [""]


def test_one_run_is_enough_for_a_trend_but_a_missing_cell_is_not() -> None:
    made = experiment(BEATS)
    assert verdict(made, samples(n=1, ols=20.0, hard=21.0), "short").trend == "for"
    found = verdict(made, samples(n=1, ols=20.0), "short")
    assert (*words(found), found.trend) == ("", "1 of 2 cells missing", "")


def test_smoke_says_nothing_at_all() -> None:
    made = replace(experiment(BEATS), paper=printed(ols=20.0, hard=22.0))
    found = verdict(made, samples(ols=20.0, hard=21.0), "smoke")
    assert found == Verdict("C", BEATS.says, reason="preset smoke", paper="holds")


def test_an_experiment_of_ours_is_judged_under_its_own_preset() -> None:
    made = replace(experiment(BEATS), preset="mini")
    assert verdict(made, samples(ols=20.0, hard=21.0), "mini").verdict == "holds"
    assert verdict(made, samples(ols=20.0, hard=21.0), "paper").trend == "for"


@pytest.mark.parametrize(
    ("paper", "n_inferred", "expected"),
    [
        (printed(ols=20.0, hard=21.0), None, "holds"),
        (printed(ols=20.0, hard=20.1), None, "undecided"),
        (printed(sd=None, n=None, ols=20.0, hard=21.0), 3, "n = 1"),
        (printed(n=None, ols=20.0, hard=21.0), 3, "holds"),
        (printed(n=None, ols=20.0, hard=21.0), None, "n = 1"),
        (printed(ols=20.0), None, ""),
        ({}, None, ""),
    ],
    ids=["spread", "close", "no sd", "n inferred", "n unknown", "half", "nothing"],
)
def test_the_papers_own_numbers_are_judged_by_the_same_rule(
    paper: dict[CellKey, Printed], n_inferred: int | None, expected: str
) -> None:
    made = replace(experiment(BEATS), paper=paper, paper_n_inferred=n_inferred)
    assert verdict(made, {}).paper == expected


def test_the_paper_is_judged_whatever_our_preset_and_without_our_other_rule() -> None:
    made = replace(
        experiment(BEATS, columns="a b"), paper=printed(ols=20.0, hard=21.0) | printed(column="b", ols=1.0, hard=1.0)
    )
    assert verdict(made, samples(ols=20.0), "short").paper == "undecided, 1 of 2"


@pytest.mark.parametrize(
    ("hard", "sd", "expected"),
    [(21.0, 0.1, "reproduced"), (20.5, 0.1, "smaller"), (21.6, 0.1, "larger"), (21.0, 1.0, "too wide to tell")],
)
def test_the_margin_is_a_second_word(hard: float, sd: float, expected: str) -> None:
    made = replace(experiment(BEATS), paper=printed(ols=20.0, hard=21.0))
    assert verdict(made, samples(sd=sd, ols=20.0, hard=hard)).margin == expected


def test_the_margin_of_one_printed_run_is_judged_with_its_own_scatter() -> None:
    """Ours is 1.00 +- .23; beside one run of the paper's the interval is twice as wide: sqrt(1/3 + 1)."""
    ours = samples(ols=20.0, hard=21.0)
    close, far = (printed(sd=None, n=None, ols=20.0, hard=hard) for hard in (21.44, 21.47))
    words_ = [verdict(replace(experiment(BEATS), paper=paper), ours).margin for paper in (close, far)]
    assert words_ == ["reproduced", "smaller"]


def test_a_loss_that_the_paper_printed_is_reproduced_too() -> None:
    made = replace(experiment(BEATS), paper=printed(ols=21.0, hard=20.0))
    found = verdict(made, samples(ols=21.0, hard=20.0))
    assert (found.verdict, found.margin) == ("fails", "reproduced")


def test_a_gain_is_not_excluded_by_a_loss_that_the_paper_printed() -> None:
    """The loss of .20 has p = .04 alone and .08 beside another; a quarter of the paper's loss of .01 is above it."""
    paper = printed(ols=20.01, hard=20.0) | printed(column="b", ols=20.0, hard=21.0)
    ours = samples(ols=20.2, hard=20.0) | samples(column="b", ols=20.0, hard=20.0)
    found = verdict(replace(experiment(BEATS, columns="a b"), paper=paper), ours)
    assert [(item.verdict, item.reason) for item in found.comparisons] == [
        ("undecided", ""),
        ("fails", "gain excluded"),
    ]


def test_without_a_printed_margin_there_is_no_word_on_it() -> None:
    assert verdict(experiment(BEATS), samples(ols=20.0, hard=21.0)).margin == ""


def test_best_needs_every_rival_and_takes_the_largest_p() -> None:
    ours = samples(ols=20.0, hard=21.0, ls=20.23)
    found = verdict(experiment(BEST), ours)
    assert words(found) == ("holds", "")
    assert found.gain is not None
    assert found.gain.difference == pytest.approx(0.23)
    assert {item.p_holm for item in found.comparisons} == {found.comparisons[1].p_pooled}
    assert words(verdict(experiment(BEST), samples(ols=20.0, hard=21.0, ls=20.05))) == ("undecided", "")


def test_best_adjusts_over_places_and_not_over_rivals() -> None:
    claim = replace(BEST, over=("a", "b"))
    ours = samples(ols=20.0, hard=21.0, ls=20.2) | samples(column="b", ols=20.0, hard=21.0, ls=21.0)
    found = verdict(experiment(claim, columns="a b"), ours)
    p = [item.p_pooled for item in found.comparisons]
    assert [item.p_holm for item in found.comparisons][:2] == [p[1], p[1]]
    assert found.comparisons[2].p_holm == pytest.approx(2 * max(p[2], p[3]))  # type: ignore[type-var,operator]


def test_best_fails_where_one_rival_is_better_and_not_on_a_tie() -> None:
    assert words(verdict(experiment(BEST), samples(ols=20.0, hard=21.0, ls=19.0))) == ("fails", "")
    assert words(verdict(experiment(BEST), samples(ols=20.0, hard=21.0, ls=20.0))) == ("undecided", "")


def test_best_is_lost_to_a_rival_only_by_a_p_adjusted_over_all_rivals() -> None:
    found = verdict(experiment(BEST), samples(ols=20.21, hard=21.0, ls=20.0))
    assert found.comparisons[1].p_pooled is not None
    assert 0.025 < found.comparisons[1].p_pooled < 0.05
    assert words(found) == ("undecided", "")


def test_best_is_vetoed_by_one_noisy_rival() -> None:
    calm = {f"row{index}": 30.0 for index in range(9)}
    ours = samples(ols=20.0, ls=22.0, **calm) | samples(sd=1.0, hard=21.0)
    found = verdict(experiment(BEST, rows=" ".join(["ols", "hard", "ls", *calm])), ours)
    assert words(found) == ("undecided", "")
    assert [item.reason for item in found.comparisons] == ["vetoed", ""]


def test_best_has_no_verdict_beside_a_single_run() -> None:
    ours = samples(ols=20.0, hard=21.0) | samples(n=1, ls=22.0)
    assert words(verdict(experiment(BEST), ours)) == ("", "n = 1")


@pytest.mark.parametrize(
    ("bound", "means", "expected"),
    [
        (1, {"hard": 21.0, "ls": 19.0, "sce": 19.0}, "holds"),
        (2, {"hard": 21.0, "ls": 19.0, "sce": 19.0}, "fails"),
        (2, {"hard": 21.0, "ls": 20.0, "sce": 19.0}, "undecided"),
        (2, {"hard": 21.0, "ls": 21.0, "sce": 19.0}, "holds"),
        (3, {"hard": 21.0, "ls": 21.0, "sce": 20.0}, "undecided"),
    ],
)
def test_most_needs_as_many_rivals_beaten_as_it_says(bound: int, means: dict[str, float], expected: str) -> None:
    claim = Claim("M", "", kind="most", better="ols", than=("hard", "ls", "sce"), bound=bound)
    found = verdict(experiment(claim, rows="ols hard ls sce"), samples(ols=20.0, **means))
    assert words(found) == (expected, "")
    assert found.gain is not None
    assert found.gain.difference == pytest.approx(sorted(means.values(), reverse=True)[bound - 1] - 20.0)


@pytest.mark.parametrize("bound", [0, 2.5, 4])
def test_most_of_more_rivals_than_there_are_is_the_users_mistake(bound: float) -> None:
    claim = Claim("M", "", kind="most", better="ols", than=("hard", "ls", "sce"), bound=bound)
    with pytest.raises(UserError, match=rf"^made_up: claim M has bound={bound:g}; with 3 rivals it must be 1 to 3$"):
        verdict(experiment(claim, rows="ols hard ls sce"), samples(ols=20.0, hard=21.0, ls=21.0, sce=21.0))


def test_most_pays_for_the_choice_among_its_rivals() -> None:
    """That u of m are beaten has p = (m - u + 1) p_(u)."""
    claim = Claim("M", "", kind="most", better="ols", than=("hard", "ls", "sce"), bound=2)
    found = verdict(experiment(claim, rows="ols hard ls sce"), samples(ols=20.0, hard=20.3, ls=20.2, sce=20.1))
    assert found.comparisons[1].p_pooled is not None
    assert found.comparisons[1].p_holm == pytest.approx(2 * found.comparisons[1].p_pooled)
