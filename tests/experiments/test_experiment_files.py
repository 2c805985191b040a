"""The files of ``configs/experiment``: readable, made of components that are there or awaited, sharing their runs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from paper_names import FILES, choices_of

from olsrepro.config.compose import compose_many
from olsrepro.config.locate import configs_folder
from olsrepro.config.overrides import ConfigFolders, parse_overrides
from olsrepro.experiments.awaited import AWAITED, missing_component
from olsrepro.experiments.experiment import Experiment
from olsrepro.experiments.files import experiments, load

FOLDER = configs_folder() / "experiment"

PRINTED_RUNS = {
    "table2": 165,
    "table7": 165,
    "table11": 27,
    "table3": 3,
    "figure3": 3,
    "figure4": 9,
    "figure5": 3,
    "table8": 6,
    "table12": 6,
    "figure1": 3,
    "table4": 16,
    "table9": 4,
    "table6": 192,
    "table10": 3,
    "figure7a": 10,
    "figure7b": 9,
    "ols_single": 6,
    "table1": 0,
    "table5": 0,
}
NEW_RUNS = dict.fromkeys(PRINTED_RUNS, 0) | {
    "table2": 165,
    "table7": 165,
    "table11": 18,
    "table8": 6,
    "table4": 16,
    "table6": 192,
    "table10": 3,
    "figure7a": 8,
    "figure7b": 8,
    "ols_single": 3,
}
NEW_RUNS_OF_THREE_SEEDS = NEW_RUNS | {"table8": 18, "table4": 48, "table10": 9, "figure7a": 24, "figure7b": 24}


def ordered() -> list[Experiment]:
    return [item for item in experiments() if item.order is not None]


def run_keys(experiment: Experiment, seeds: int) -> set[tuple[frozenset[str], int]]:
    cells = (cell for cell in experiment.cells() if not experiment.rows[cell[0]].quoted)
    return {(frozenset(experiment.lines_of(cell)), seed) for cell in cells for seed in range(seeds)}


def new_runs(seeds: int | None) -> dict[str, set[tuple[frozenset[str], int]]]:
    """Distinct runs that no experiment before wants, by experiment; the paper's seeds for None."""
    seen: set[tuple[frozenset[str], int]] = set()
    found = {}
    for experiment in ordered():
        wanted = run_keys(experiment, 0 if experiment.measure else seeds or experiment.seeds)
        found[experiment.name] = wanted - seen
        seen |= wanted
    return found


def test_every_table_and_figure_has_its_file() -> None:
    assert set(FILES) <= {path.stem for path in FOLDER.glob("*.yaml")}


@pytest.mark.parametrize("path", sorted(FOLDER.glob("*.yaml")), ids=lambda path: path.stem)
def test_no_key_is_given_twice_in_a_file(path: Path) -> None:
    def twice(node: yaml.Node) -> Iterator[str]:
        if isinstance(node, yaml.MappingNode):
            counts = Counter(key.value for key, _ in node.value)
            yield from (key for key, count in counts.items() if count > 1)
            for _, value in node.value:
                yield from twice(value)

    assert list(twice(yaml.compose(path.read_text()))) == []


@pytest.mark.parametrize("name", FILES)
def test_titles_labels_sentences_and_places_are_not_empty(name: str) -> None:
    experiment = load(name)
    assert experiment.title
    assert bool(experiment.place) == (name != "check")
    assert all(line.label for lines in (experiment.rows, experiment.columns) for line in lines.values())
    assert all(claim.says and not claim.says.endswith(".") for claim in experiment.claims)


@pytest.fixture(scope="session")
def folders(tmp_path_factory: pytest.TempPathFactory) -> ConfigFolders:
    """Our config folder, and one that has a file for everything that is not built yet."""
    root = tmp_path_factory.mktemp("awaited")
    for group, names in AWAITED.items():
        (root / group).mkdir()
        for name in names:
            (root / group / f"{name}.yaml").touch()
    return ConfigFolders([configs_folder(), root])


@pytest.mark.parametrize("experiment", experiments(), ids=lambda item: item.name)
def test_every_override_parses_once_and_names_what_is_there_or_awaited(
    experiment: Experiment, folders: ConfigFolders
) -> None:
    for lines in {experiment.lines_of(cell) for cell in experiment.cells()}:
        overrides = parse_overrides(lines, folders)
        assert not {"preset", "runtime", "seed"} & {
            key.partition(".")[0] for key in overrides.choices | overrides.values
        }


@pytest.mark.parametrize("experiment", experiments(), ids=lambda item: item.name)
def test_every_run_of_components_that_are_there_composes(experiment: Experiment) -> None:
    available = {lines for cell in experiment.cells() if not missing_component(lines := experiment.lines_of(cell))}
    configs = compose_many([[*lines, f"preset={experiment.preset}"] for lines in available])
    assert {config.preset for config in configs} <= {experiment.preset, "custom"}


def test_every_run_names_its_data_set_backbone_and_method() -> None:
    for experiment in (load(name) for name in FILES if name != "table5"):
        for cell in (cell for cell in experiment.cells() if not experiment.rows[cell[0]].quoted):
            assert {"dataset", "backbone", "method"} <= set(choices_of(experiment, cell))


@pytest.mark.parametrize("name", ["table6", "table9", "table11"])
def test_columns_of_two_metrics_share_their_runs(name: str) -> None:
    table = load(name)
    stems = {key.rpartition("_")[0] for key in table.columns}
    for row in table.rows:
        for stem in stems:
            lines = {frozenset(table.lines_of((row, key))) for key in table.columns if key.rpartition("_")[0] == stem}
            assert len(lines) == 1


def test_figure_7a_runs_over_alpha_in_tenths_and_figure_7b_over_doubled_periods() -> None:
    alphas = [column.x for column in load("figure7a").columns.values()]
    periods = [column.x for column in load("figure7b").columns.values()]
    assert alphas == pytest.approx([tenth / 10 for tenth in range(1, 11)])
    assert periods == [12 * 2**power for power in range(9)]
    for name, key, plain in (("figure7a", "method.alpha", {0.5, 1.0}), ("figure7b", "method.update_period", {384})):
        for column in load(name).columns.values():
            value = choices_of(load(name), ("ols", column.key)).get(key)
            assert value is None if column.x in plain else float(value or 0) == column.x


def test_shared_points_of_figure_7_are_runs_of_table_8() -> None:
    table, alpha, period = load("table8"), load("figure7a"), load("figure7b")
    ols, hard = (set(table.lines_of((row, "clean"))) for row in ("ols", "hard"))
    assert set(alpha.lines_of(("ols", "alpha_0_5"))) == ols == set(period.lines_of(("ols", "epoch")))
    assert set(alpha.lines_of(("ols", "alpha_1"))) == hard


def test_the_two_sweeps_have_their_names() -> None:
    assert {item.name: item.sweep for item in experiments() if item.sweep and item.place} == {
        "figure7a": "alpha",
        "figure7b": "update_period",
    }


def test_experiments_come_in_an_order_in_which_each_run_is_new_once() -> None:
    assert [item.name for item in ordered()] == list(PRINTED_RUNS)
    assert load("check").order is None


def test_each_experiment_wants_as_many_runs_as_it_prints() -> None:
    found = {item.name: len(run_keys(item, 0 if item.measure else item.seeds)) for item in ordered()}
    assert found == PRINTED_RUNS


def test_584_runs_are_new_with_the_papers_seeds() -> None:
    found = {name: len(runs) for name, runs in new_runs(None).items()}
    assert found == NEW_RUNS
    assert sum(found.values()) == 584


def test_666_runs_are_new_with_three_seeds_everywhere() -> None:
    found = {name: len(runs) for name, runs in new_runs(3).items()}
    assert found == NEW_RUNS_OF_THREE_SEEDS
    assert sum(found.values()) == 666


def test_the_584_runs_divide_over_the_data_sets_as_counted() -> None:
    lines = [run for runs in new_runs(None).values() for run, _ in runs]
    found = Counter(line for run in lines for line in run if line.startswith("dataset="))
    fine_grained = {f"dataset={name}": 48 for name in ("cub", "flowers", "cars", "aircraft")}
    others = {"dataset=cifar100": 351, "dataset=cifar10": 22, "dataset=imagenet": 16, "dataset=voc": 3}
    assert found == others | fine_grained
