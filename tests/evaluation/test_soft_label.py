"""The soft label of a class: golden numbers of Figure 1, groups, people's order against scipy and by hand."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from torch import Tensor
from toy_subject import ToySubject, toy_images

from olsrepro.data.labels.human_labels import HumanLabels
from olsrepro.evaluation import registry
from olsrepro.evaluation.soft_label.groups import groups
from olsrepro.evaluation.soft_label.likeness import all_above, class_mean, mean_ratio, rank_correlation
from olsrepro.evaluation.soft_label.measure import measure
from olsrepro.evaluation.soft_label.settings import Settings
from olsrepro.settings import UserError

GOLDEN = json.loads((Path(__file__).parents[1] / "golden/golden_evaluations.json").read_text())
CAT = GOLDEN["examples"]["figure_1_cat"]["expected"]
CIFAR10 = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")
ANIMALS, VEHICLES = tuple(CAT["animals_without_cat"]), tuple(CAT["not_animals"])
HUMAN_ROW = torch.tensor(CAT["human_mean_row"], dtype=torch.float64)


class Cifar10Subject(ToySubject):
    @property
    def class_names(self) -> tuple[str, ...]:
        return CIFAR10


def table_with(row: Tensor, target: int = 3) -> Tensor:
    table = torch.full((len(row), len(row)), 1 / len(row))
    table[target] = row
    return table


def people(labels: Tensor, rows: Tensor) -> HumanLabels:
    return HumanLabels(rows[labels].double(), "people of a test")


def test_the_groups_beside_the_cat_are_the_golden_ones() -> None:
    found = groups(CIFAR10, 3)
    assert found is not None
    assert (found.animals, found.vehicles, found.by) == (ANIMALS, VEHICLES, "class names")


def test_groups_follow_the_names_in_any_order_and_among_others() -> None:
    names = ("lamp", *reversed(CIFAR10))
    found = groups(names, names.index("ship"))
    assert found is not None
    assert {names[place] for place in found.animals} == {"bird", "cat", "deer", "dog", "frog", "horse"}
    assert {names[place] for place in found.vehicles} == {"airplane", "automobile", "truck"}


def test_ten_other_classes_are_grouped_by_cifar_10_s_order_and_no_other_number_is() -> None:
    found = groups([str(digit) for digit in range(10)], 3)
    assert found is not None
    assert (found.animals, found.vehicles) == (ANIMALS, VEHICLES)
    assert found.by == "the order of CIFAR-10's classes"
    assert groups([str(digit) for digit in range(9)], 3) is None


def test_the_human_row_has_the_golden_ratio_and_passes_the_strict_test() -> None:
    # The golden row is rounded to six places, the golden ratio is not.
    assert mean_ratio(HUMAN_ROW, ANIMALS, VEHICLES) == pytest.approx(CAT["human_animal_mean_over_other_mean"], rel=2e-4)
    assert min(HUMAN_ROW[list(ANIMALS)].tolist()) == CAT["human_min_animal"]
    assert max(HUMAN_ROW[list(VEHICLES)].tolist()) == CAT["human_max_other"]
    assert all_above(HUMAN_ROW, ANIMALS, VEHICLES)


def test_the_strict_test_asks_every_animal() -> None:
    row = HUMAN_ROW.clone()
    row[ANIMALS[0]] = CAT["human_max_other"]
    assert mean_ratio(row, ANIMALS, VEHICLES) > 1
    assert not all_above(row, ANIMALS, VEHICLES)


@pytest.mark.parametrize("kind", ["hard", "ls"])
def test_hard_labels_and_ls_tell_no_animal_from_a_vehicle(kind: str) -> None:
    row = torch.tensor(CAT[kind], dtype=torch.float32)
    assert mean_ratio(row, ANIMALS, VEHICLES) == pytest.approx(1.0, abs=1e-6)
    assert not all_above(row, ANIMALS, VEHICLES)
    assert rank_correlation(row, HUMAN_ROW, 3) is None


def test_the_ratio_stays_a_number_where_the_vehicles_get_nothing() -> None:
    row = torch.zeros(10)
    row[3], row[5] = 0.9, 0.1
    assert mean_ratio(row, ANIMALS, VEHICLES) == pytest.approx(0.02 / 1e-12, rel=1e-5)


def test_the_rank_correlation_is_one_minus_six_times_the_squared_rank_differences() -> None:
    # Ranks beside class 0 are 1 2 3 4 and 2 1 3 4: 1 - 6 * (1 + 1) / (4 * 15).
    row, human_row = torch.tensor([0.6, 0.01, 0.02, 0.12, 0.25]), torch.tensor([0.0, 0.2, 0.1, 0.3, 0.4])
    assert rank_correlation(row, human_row, 0) == pytest.approx(1 - 12 / 60, abs=1e-12)


def test_only_the_order_counts_and_ties_share_their_rank() -> None:
    assert rank_correlation(HUMAN_ROW.sqrt(), HUMAN_ROW, 3) == pytest.approx(1.0, abs=1e-12)
    assert rank_correlation(1 - HUMAN_ROW, HUMAN_ROW, 3) == pytest.approx(-1.0, abs=1e-12)
    # Mean ranks 1.5 1.5 3 and 1 2 3: the product-moment correlation of these is sqrt(3) / 2.
    row, human_row = torch.tensor([0.1, 0.1, 0.2, 0.6]), torch.tensor([0.1, 0.2, 0.3, 0.4])
    assert rank_correlation(row, human_row, 3) == pytest.approx(3**0.5 / 2, abs=1e-12)


def test_the_rank_correlation_of_a_single_other_class_is_not_defined() -> None:
    assert rank_correlation(torch.tensor([0.9, 0.1]), torch.tensor([0.8, 0.2]), 0) is None


def test_people_s_row_is_the_mean_over_the_samples_of_the_class() -> None:
    shares = torch.tensor([[0.9, 0.1], [0.2, 0.8], [0.7, 0.3]])
    mean = class_mean(shares, torch.tensor([0, 1, 0]), 0)
    assert mean.dtype == torch.float64
    assert mean.tolist() == pytest.approx([0.8, 0.2], abs=1e-7)


def test_a_run_on_cifar_10_is_measured_against_the_people() -> None:
    images, labels = toy_images(40, 10)
    rows = torch.full((10, 10), 0.1, dtype=torch.float64)
    rows[3] = HUMAN_ROW
    row = HUMAN_ROW.float().sqrt() / HUMAN_ROW.float().sqrt().sum()
    subject = Cifar10Subject(classes=10, test=(images, labels), table=table_with(row), people=people(labels, rows))
    result = measure(Settings(target=3), subject)
    assert result.values == {
        "target_label": float(row[3]),
        "animal_ratio": mean_ratio(row, ANIMALS, VEHICLES),
        "animals_above": 1.0,
        "human_rank": pytest.approx(1.0, abs=1e-12),
    }
    assert result.samples == 10
    assert result.detail["row"] == row.tolist()
    assert result.detail["class_names"] == list(CIFAR10)
    assert result.detail["human_row"] == pytest.approx(HUMAN_ROW.tolist(), abs=1e-12)
    assert result.detail["humans"] == "people of a test"
    assert (result.detail["animals"], result.detail["vehicles"]) == ([*ANIMALS], [*VEHICLES])
    assert json.loads(json.dumps(result.detail)) == result.detail


def test_without_people_the_label_is_measured_all_the_same_and_the_reason_told() -> None:
    result = measure(Settings(), Cifar10Subject(classes=10, table=torch.eye(10)))
    assert result.values == {"target_label": 1.0, "animal_ratio": 1.0, "animals_above": 0.0}
    assert result.detail["humans"].startswith("none: ")
    assert "human_row" not in result.detail


def test_a_stand_in_for_cifar_10_is_measured_by_the_order_of_its_classes() -> None:
    result = measure(Settings(), ToySubject(classes=10, table=table_with(HUMAN_ROW.float())))
    assert result.values["animal_ratio"] == pytest.approx(CAT["human_animal_mean_over_other_mean"], rel=2e-4)
    assert result.detail["groups"] == "by the order of CIFAR-10's classes"


def test_other_data_sets_show_their_label_without_animals() -> None:
    result = measure(Settings(target=1), ToySubject(classes=3, table=torch.tensor([[0.0] * 3, [0.1, 0.7, 0.2]] * 2)))
    assert result.values == {"target_label": pytest.approx(0.7, abs=1e-6)}
    assert result.detail["row"] == pytest.approx([0.1, 0.7, 0.2], abs=1e-6)
    assert result.detail["groups"].startswith("none: ")


def test_a_class_that_the_run_does_not_have_is_told_in_one_line() -> None:
    with pytest.raises(UserError, match=r"soft_label\.target=3 is not a class of toy-s0; choose target=0 to target=2"):
        measure(Settings(target=3), ToySubject(table=torch.eye(3)))


def test_a_run_that_keeps_no_labels_says_so_itself() -> None:
    with pytest.raises(UserError, match="no label table"):
        measure(Settings(), ToySubject())


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"target": -1}, r"soft_label\.target=-1 must be a whole number of at least 0"),
        ({"target": 1.5}, r"soft_label\.target=1\.5 must be a whole number"),
        ({"class": 3}, r"soft_label\.class=3: soft_label has no class"),
    ],
)
def test_a_parameter_out_of_its_range_is_refused(values: dict[str, object], message: str) -> None:
    with pytest.raises(UserError, match=message):
        registry.read_settings({"name": "soft_label"} | values)


def test_it_is_found_by_name_and_its_target_is_the_cat() -> None:
    assert registry.read_settings({"name": "soft_label"}) == Settings(name="soft_label", target=3)
    assert registry.measure(Settings(target=0), ToySubject(table=torch.eye(3))).values == {"target_label": 1.0}
