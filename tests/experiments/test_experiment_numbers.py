"""The paper's numbers in the files of ``configs/experiment``, and what is run and measured to get ours."""

from __future__ import annotations

import pytest
from paper_names import (
    ATTACKS,
    BACKBONES,
    COLUMNS,
    COUNTED,
    DATASETS,
    DROP,
    FILES,
    METHODS,
    NUMBERED,
    SMALL_IMAGE_BACKBONES,
    cell_key,
    choices_of,
    golden,
    golden_cells,
    measured_cells,
)

from olsrepro.experiments.experiment import CellKey, Experiment
from olsrepro.experiments.files import experiments, load


def printed(experiment: Experiment) -> dict[CellKey, tuple[float, float | None, int | None]]:
    return {cell: (number.mean, number.sd, number.n) for cell, number in experiment.paper.items()}


@pytest.mark.parametrize("table", NUMBERED)
def test_a_tables_numbers_are_the_papers_and_no_others(table: str) -> None:
    cells = golden_cells(table)
    assert len(cells) == golden()["tables"][table]["cells"]
    expected = {cell_key(cell): (cell["mean"], cell["sd"], cell["n"]) for cell in cells}
    assert len(expected) == len(cells)
    assert printed(load(NUMBERED[table])) == expected


def test_all_632_numbers_of_376_cells_are_there() -> None:
    numbers = [number for name in NUMBERED.values() for number in load(name).paper.values()]
    assert len(numbers) == golden()["n_cells"] == 376
    assert sum(1 + (number.sd is not None) for number in numbers) == 632


def test_table_1_says_what_the_paper_says() -> None:
    rows = {"label": [0, 0, 0, 1], "teacher": [1, 0, 0, 0], "special_network": [0, 1, 0, 0]}
    rows["forward_passes"] = [2, 1, 2, 1]
    columns = ["vanilla_kd", "arch_self_kd", "data_self_kd", "ols"]
    found = {row: [load("table1").paper[row, column].mean for column in columns] for row in load("table1").rows}
    assert found == rows


def test_the_numbers_of_the_running_text_are_those_of_ols_single() -> None:
    expected = [(value["mean"], value["sd"], value["n"]) for value in golden()["text_values"]]
    found = printed(load("ols_single"))
    assert [found["ols_single", "resnet56"], found["ols", "resnet56"]] == expected
    assert len(found) == 2


def test_figures_and_checks_have_no_printed_numbers() -> None:
    assert [item.name for item in experiments() if item.place.startswith("Figure") and item.paper] == []
    assert load("check").paper == {}


@pytest.mark.parametrize("name", FILES)
def test_the_number_of_runs_is_inferred_where_an_sd_has_none_and_nowhere_else(name: str) -> None:
    experiment = load(name)
    unnumbered = [number for number in experiment.paper.values() if number.sd is not None and number.n is None]
    assert experiment.paper_n_inferred == (3 if unnumbered else None)
    if name in NUMBERED.values():
        assert {cell.get("n_inferred") for _, cell in measured_cells() if NUMBERED[cell["table"]] == name} == {
            experiment.paper_n_inferred
        }


def test_the_seeds_are_the_runs_that_the_paper_took() -> None:
    for name in FILES:
        experiment = load(name)
        counts = {number.n or experiment.paper_n_inferred for cell, number in experiment.paper.items() if number.sd}
        trained = name != "check" and not experiment.measure
        assert experiment.seeds == (counts.pop() if counts else 1 if trained else 3 if name == "check" else 0)


def test_a_cells_metric_is_the_papers_and_better_in_the_same_direction() -> None:
    for experiment, cell in measured_cells():
        metric = experiment.metric_of(cell_key(cell))
        assert metric.name == (COUNTED[cell["column"]] if cell["metric"] == "count" else cell["metric"])
        assert metric.better == (cell["better"] or "")


def test_the_average_row_compares_each_column_with_hard_labels_by_the_same_metric() -> None:
    experiment = load("table6")
    assert experiment.average is not None
    assert set(experiment.average.baseline) == set(experiment.columns)
    for cell in (cell for cell in golden_cells("VI") if cell.get("derived")):
        column = cell_key(cell)[1]
        baseline = experiment.average.baseline[column]
        assert baseline == COLUMNS["VI"][f"Hard Label {cell['metric'].removesuffix(DROP)}"]
        assert experiment.columns[column].metric == experiment.columns[baseline].metric


def test_a_cells_runs_are_of_the_papers_data_set_backbone_method_and_noise() -> None:
    for experiment, cell in measured_cells():
        choices = choices_of(experiment, cell_key(cell))
        assert choices["dataset"] == DATASETS[cell["dataset"]]
        if cell["table"] != "V":
            backbones = SMALL_IMAGE_BACKBONES if cell["table"] == "II" else BACKBONES
            assert choices["backbone"] == backbones[cell["backbone"]]
            assert choices["method"] == METHODS[cell["method"]]
            assert choices.get("recipe.cutout") == ("112" if "CutOut" in cell["method"] else None)
        assert float(choices.get("noise.rate", 0)) == cell.get("noise", 0)
        assert choices.get("noise") == ("symmetric" if cell.get("noise") else None)


def test_a_cells_evaluation_is_what_its_number_needs() -> None:
    by_metric = {"ece": {"name": "ece", "bins": 15}, "mAP": {"name": "detection"}}
    by_metric["kl_to_humans"] = {"name": "kl_to_humans"}
    for experiment, cell in measured_cells():
        expected: dict[str, object] = by_metric.get(cell["metric"], ATTACKS[cell.get("attack", "none")])
        if cell.get("models", 1) > 1:
            expected = {"name": "ensemble", "size": cell["models"]}
        assert experiment.evaluation_of(cell_key(cell)) == expected


def test_rows_of_table_4_that_the_paper_quotes_are_not_run() -> None:
    quoted = {
        cell_key(cell)[0]: cell["reported_elsewhere"] for cell in golden_cells("IV") if "reported_elsewhere" in cell
    }
    assert {row.key: row.quoted for row in load("table4").rows.values() if row.quoted} == quoted
    assert len(quoted) == 4
    assert all(not row.run for row in load("table4").rows.values() if row.quoted)
    assert all(not row.quoted for item in experiments() if item.name != "table4" for row in item.rows.values())


def test_fine_grained_runs_have_the_authors_constants() -> None:
    table = load("table6")
    for row in table.rows:
        tfkd = choices_of(table, (row, "tfkd_top1"))
        assert tfkd["method.alpha"] == "0.95"
        assert tfkd["method.multiplier"] == "1.0"
        assert tfkd["method.T"] == ("40.0" if tfkd["backbone"] == "mobilenetv2" else "6.0")
        assert choices_of(table, (row, "ols_top1"))["method.variant"] == "official_finegrained"
        plain = {"dataset", "backbone", "method"}
        from_drawn_weights = {"recipe.pretrained"} if tfkd["backbone"] == "san15" else set()
        assert set(choices_of(table, (row, "hard_top1"))) == plain | from_drawn_weights
