"""The files of ``configs/``: each has the fields of its settings, the defaults of the code, and says where from."""

from __future__ import annotations

import re
from dataclasses import asdict, fields
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml
from repeated_values import Stated, assert_same, defaults_of, file_of, stated_in

from olsrepro.config.compose import DEFAULT_PRESET
from olsrepro.config.locate import configs_folder
from olsrepro.config.overrides import GROUPS
from olsrepro.data.datasets.settings import dataset_class
from olsrepro.data.download.manifest import ROOT_VARIABLE, SOURCES
from olsrepro.data.noise.registry import noise_kinds
from olsrepro.data.noise.registry import settings_class as noise_class
from olsrepro.data.settings import DatasetSettings
from olsrepro.data.stand_in import stands_for
from olsrepro.methods.registry import method_names
from olsrepro.methods.registry import settings_class as method_class
from olsrepro.models.registry import families
from olsrepro.models.registry import settings_class as backbone_class
from olsrepro.settings import fact_names
from olsrepro.training.detection.settings import DetectionRecipe
from olsrepro.training.recipe import RecipeSettings
from olsrepro.training.runtime import RuntimeSettings
from olsrepro.training.schedule import scaled_milestones
from olsrepro.training.tasks import task_kind

CONFIGS = configs_folder()
FILES = sorted(str(path.relative_to(CONFIGS)) for path in CONFIGS.rglob("*.yaml"))
VALUE = re.compile(r"^(?P<indent> *)(?P<key>[\w.]+):(?P<value>[^#]*)(?:#(?P<comment>.*))?$")
UNSOURCED_KEYS = ("name", "family")
EXPERIMENTS = sorted(str(path.relative_to(CONFIGS)) for path in (CONFIGS / "experiment").glob("*.yaml"))
OF_VOC_ALONE = {"sizes", "loss_scale"}
"""What the recipe of VOC says and no default: of one size, and of batches that are not two added up."""
WORDS = ("title", "place", "kind", "sweep", "note")


def names(group: str) -> list[str]:
    return sorted(path.stem for path in (CONFIGS / group).glob("*.yaml"))


@cache
def read(path: str) -> dict[str, Any]:
    values: dict[str, Any] = yaml.safe_load((CONFIGS / path).read_text())
    return values


def field_names(settings: Any) -> set[str]:
    return {item.name for item in fields(settings)}


def without_source(text: str) -> list[str]:
    """Lines with a value and no comment: but for names, nulls, and what stands under a commented heading."""
    found, told_below = [], None
    for line in text.splitlines():
        match = VALUE.match(line)
        if match is None:
            continue
        indent, value, told = len(match["indent"]), match["value"].strip(), bool((match["comment"] or "").strip())
        told_below = told_below if told_below is not None and indent > told_below else None
        if not value:
            told_below = indent if told else told_below
        elif not (told or told_below is not None or value == "null" or match["key"] in UNSOURCED_KEYS):
            found.append(line)
    return found


def blocks_without_source(text: str) -> list[str]:
    """Keys of the first level without a comment on their line: but for words that say what an experiment is."""
    matches = [match for line in text.splitlines() if (match := VALUE.match(line)) and not match["indent"]]
    return [match["key"] for match in matches if match["key"] not in WORDS and not (match["comment"] or "").strip()]


def test_every_group_has_its_folder() -> None:
    assert {path.name for path in CONFIGS.iterdir() if path.is_dir()} == {*GROUPS, "experiment"}


@pytest.mark.parametrize("path", sorted(set(FILES) - set(EXPERIMENTS)))
def test_every_value_has_a_comment_that_says_where_it_is_from(path: str) -> None:
    assert without_source((CONFIGS / path).read_text()) == []


def test_a_value_without_a_comment_would_be_found() -> None:
    text = "name: a\nlr: 0.1 # paper\neps: 0.2\nnothing: null\nbare:\n  k: 1\ntold: # ours\n  k: 2\nlast: 3 #\n"
    assert without_source(text) == ["eps: 0.2", "  k: 1", "last: 3 #"]


@pytest.mark.parametrize("path", EXPERIMENTS)
def test_every_block_of_an_experiment_has_a_comment_that_says_where_it_is_from(path: str) -> None:
    assert blocks_without_source((CONFIGS / path).read_text()) == []


def test_a_block_without_a_comment_would_be_found() -> None:
    text = "title: a\nseeds: 3\nbase: [k=1] # ours\nrows:\n  a: { label: a }\nclaims: # paper\n  C1: 2\nn: #\n"
    assert blocks_without_source(text) == ["seeds", "rows", "n"]


def test_every_method_has_a_folder_and_a_file() -> None:
    assert names("method") == list(method_names())


@pytest.mark.parametrize("name", names("method"))
def test_a_methods_file_has_its_switches_and_their_defaults(name: str) -> None:
    values = dict(read(f"method/{name}.yaml"))
    implied = values.pop("by_dataset", {}).get("default", {})
    resolved = {key: implied.get(key) if value is None else value for key, value in values.items()}
    assert_same(Stated(f"configs/method/{name}.yaml", resolved), defaults_of(method_class(name)))


@pytest.mark.parametrize("name", names("method"))
def test_a_methods_table_by_data_set_names_known_sets_and_its_null_switches(name: str) -> None:
    values = read(f"method/{name}.yaml")
    for dataset, implied in values.get("by_dataset", {}).items():
        assert dataset in (*map(stands_for, names("dataset")), "default")
        assert all(values[key] is None for key in implied)


def test_the_cifar_recipe_is_the_dataclass_default() -> None:
    values = dict(read("recipe/cifar.yaml"))
    reference = values.pop("reference")
    assert values.pop("milestones") is None
    milestones = scaled_milestones(reference["milestones"], values["epochs"], reference["epochs"])
    filled_in = {"milestones": milestones, "start": None}  # by composing
    assert_same(Stated("configs/recipe/cifar.yaml", values | filled_in), defaults_of(RecipeSettings))


def test_the_recipe_of_voc_has_the_defaults_of_what_only_detectors_have() -> None:
    file, code = stated_in("recipe/voc.yaml"), defaults_of(DetectionRecipe)
    own = field_names(DetectionRecipe) - field_names(RecipeSettings) - OF_VOC_ALONE
    assert_same(file.only(own), code.only(own))
    assert all(file.values[key] != code.values[key] for key in OF_VOC_ALONE)


@pytest.mark.parametrize("name", names("recipe"))
def test_a_recipe_has_its_fields_and_a_reference_or_builds_on_one_that_has(name: str) -> None:
    values = read(f"recipe/{name}.yaml")
    if "defaults" in values:
        assert set(values["defaults"]) <= set(names("recipe"))
    else:
        kind = task_kind(values["task"]).recipe
        reference = {"reference"} if kind is RecipeSettings else set()  # a detector's rate has no milestones
        assert set(values) == field_names(kind) - {"start"} | reference  # composing fills start in
        assert not reference or set(values["reference"]) == {"epochs", "milestones"}


def test_every_data_set_has_a_recipe_of_its_name() -> None:
    assert set(names("dataset")) <= set(names("recipe"))


@pytest.mark.parametrize("name", names("runtime"))
def test_a_runtime_file_has_its_fields_and_their_defaults(name: str) -> None:
    code = defaults_of(RuntimeSettings)
    data, runs = (code.values[key] for key in ("data_dir", "runs_dir"))
    places = {"data_dir": f"${{oc.env:{ROOT_VARIABLE},{data}}}", "runs_dir": f"${{oc.env:OLSREPRO_RUNS,{runs}}}"}
    assert_same(stated_in(f"runtime/{name}.yaml"), Stated(code.file, {**code.values, **places}))


@pytest.mark.parametrize("name", names("noise"))
def test_a_noise_file_has_the_fields_of_its_kind_alone(name: str) -> None:
    values = read(f"noise/{name}.yaml")
    kind = noise_class(values["kind"])
    assert set(values) == field_names(kind)
    assert kind(**values).kind == values["kind"] == kind().kind


def test_every_kind_of_noise_has_a_file_of_its_name() -> None:
    assert all(read(f"noise/{kind}.yaml")["kind"] == kind for kind in noise_kinds())


def test_every_data_set_is_in_the_manifest_and_has_a_file() -> None:
    assert set(names("dataset")) == set(SOURCES)


@pytest.mark.parametrize("name", names("dataset"))
def test_a_data_sets_facts_are_the_manifests(name: str) -> None:
    file, kind = stated_in(f"dataset/{name}.yaml"), dataset_class(name)
    assert set(file.values) == field_names(kind) - {"sample_index"}  # true where nothing is said
    facts = set(file.values) & field_names(DatasetSettings)
    manifest = Stated("olsrepro/data/download/manifest.py", {key: getattr(SOURCES[name], key) for key in facts})
    assert_same(file.only(facts), manifest)


@pytest.mark.parametrize("name", names("dataset"))
def test_a_data_sets_switches_have_the_defaults_of_the_code_and_its_facts_are_what_these_lead_to(name: str) -> None:
    file, kind = stated_in(f"dataset/{name}.yaml"), dataset_class(name)
    switches = field_names(kind) - fact_names(kind) - {"name"}
    assert_same(file.only(switches), defaults_of(kind).only(switches))
    assert_same(file, Stated(file_of(kind), asdict(kind(**file.values).resolved())).only(file.values))


@pytest.mark.parametrize("name", names("backbone"))
def test_a_backbones_file_has_its_familys_fields_and_builds_them(name: str) -> None:
    values = read(f"backbone/{name}.yaml")
    assert values["name"] == name
    assert set(values) == field_names(backbone_class(values["family"]))
    made = backbone_class(values["family"])(**values)
    assert (made.width, made.depth_factor) == (1, 1)


@pytest.mark.parametrize("family", families())
def test_a_familys_defaults_are_the_backbone_that_it_is_named_for(family: str) -> None:
    code = defaults_of(backbone_class(family))
    file = stated_in(f"backbone/{code.values['name']}.yaml")
    switches = field_names(backbone_class(family)) - fact_names(backbone_class(family))  # facts are counted
    assert_same(file.only(switches), code.only(switches))


def test_every_backbone_family_has_a_file() -> None:
    assert {read(f"backbone/{name}.yaml")["family"] for name in names("backbone")} == set(families())


def test_no_two_backbone_files_have_one_structure() -> None:
    labels = ("name", "params", "macs")
    structures = [
        {k: v for k, v in read(f"backbone/{name}.yaml").items() if k not in labels} for name in names("backbone")
    ]
    assert all(structures.count(structure) == 1 for structure in structures)


def test_the_default_preset_is_the_one_that_composing_assumes() -> None:
    (chosen,) = [item["preset"] for item in read("config.yaml")["defaults"] if "preset" in item]
    assumed = Stated("olsrepro/config/compose.py", {"preset": DEFAULT_PRESET})
    assert_same(Stated("configs/config.yaml", {"preset": chosen}), assumed)


def test_the_root_chooses_every_group_and_sets_the_seed_alone() -> None:
    root = read("config.yaml")
    chosen = [key for item in root["defaults"] if isinstance(item, dict) for key in item]
    assert sorted(chosen) == sorted(GROUPS)
    assert set(root) == {"defaults", "seed"}
    assert chosen.index("preset") == len(chosen) - 1


@pytest.mark.parametrize("name", names("preset"))
def test_a_preset_sets_nothing_but_recipe_width_and_depth_factor(name: str) -> None:
    text = Path(CONFIGS / "preset" / f"{name}.yaml").read_text()
    assert text.startswith("# @package _global_\n")
    values = yaml.safe_load(text)
    assert set(values) <= {"recipe", "backbone"}
    assert set(values.get("recipe", {})) <= field_names(RecipeSettings)
    assert set(values.get("backbone", {})) <= {"width", "depth_factor"}


def test_preset_paper_changes_nothing() -> None:
    assert read("preset/paper.yaml") == {}
