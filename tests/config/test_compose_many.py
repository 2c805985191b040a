"""Composing many runs at once comes to what composing each by itself comes to, without asking Hydra each time."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product
from pathlib import Path

import pytest
import user_folder
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from side_by_side import assert_same, names, outcome, refuse_hydra, sampled
from test_override_errors import FAULTY_FILES, MISTAKES

from olsrepro.config.compose import Composer, compose_many
from olsrepro.config.group_files import GroupFiles
from olsrepro.config.hydra_trees import HydraTrees
from olsrepro.config.locate import configs_folder
from olsrepro.config.merged_trees import MergedTrees
from olsrepro.config.overrides import GROUPS
from olsrepro.experiments.files import experiments
from olsrepro.settings import UserError

FAMILIES = {"thin_resnet": "resnet8", "cifar_resnet": "cifar_resnet18", "resnext29": "resnext29_2x64d"}
SAMPLE = 15


@pytest.fixture
def without_hydra(monkeypatch: pytest.MonkeyPatch) -> None:
    refuse_hydra(monkeypatch)


# --- every file and every combination ---------------------------------------------------------------------------------


@pytest.mark.parametrize("group", GROUPS)
def test_every_file_of_ours_is_merged_without_hydra(group: str) -> None:
    files = GroupFiles(configs_folder())
    for name in names(group):
        assert files.merged({group: name})


def rotation() -> list[dict[str, str]]:
    """Combinations in which every file of every group is chosen at least once."""
    known = {group: names(group) for group in GROUPS}
    count = max(map(len, known.values()))
    return [{group: found[i % len(found)] for group, found in known.items()} for i in range(count)]


@pytest.mark.parametrize("choices", rotation(), ids=lambda choices: " ".join(choices.values()))
def test_every_file_comes_to_hydras_tree(choices: dict[str, str], without_hydra: None) -> None:
    folders = [configs_folder()]
    assert repr(MergedTrees(folders).of_choices(choices)) == repr(HydraTrees(folders).of_choices(choices))


@pytest.mark.slow
@pytest.mark.parametrize("dataset", names("dataset"))
@pytest.mark.parametrize("family", FAMILIES)
def test_every_data_set_family_method_and_noise_compose_as_by_themselves(
    dataset: str, family: str, without_hydra: None
) -> None:
    for method, noise in product(names("method"), names("noise")):
        lines = [f"dataset={dataset}", f"backbone={FAMILIES[family]}", f"method={method}", f"noise={noise}"]
        assert_same(lines)


def experiment_combinations() -> list[tuple[str, ...]]:
    """Distinct group choices of all runs of all experiments, of groups that have these files."""
    known = {f"{group}={name}" for group in GROUPS for name in names(group)}
    found = {}
    for item in experiments():
        for cell in item.cells():
            lines = [line for line in item.lines_of(cell) if line.partition("=")[0] in GROUPS]
            if not item.rows[cell[0]].quoted and known.issuperset(lines):
                found[tuple(lines)] = None
    return list(found)


def stand_in(lines: Sequence[str]) -> list[str]:
    """The same under preset smoke, on the stand-in of its data set where there is one."""
    known = names("dataset")
    swapped = [line.replace("dataset=", "dataset=digits@") for line in lines]
    return [new if new.partition("=")[2] in known else old for new, old in zip(swapped, lines, strict=True)]


def test_the_experiments_choose_many_combinations() -> None:
    assert len(experiment_combinations()) > SAMPLE


def test_a_sample_of_the_experiments_runs_composes_as_by_itself(without_hydra: None) -> None:
    found = experiment_combinations()
    for lines in found[:: len(found) // SAMPLE]:
        assert_same([*lines, "preset=paper"])


@pytest.mark.slow
@pytest.mark.parametrize("preset", names("preset"))
def test_every_experiments_run_composes_as_by_itself(preset: str, without_hydra: None) -> None:
    for lines in experiment_combinations():
        chosen = stand_in(lines) if preset == "smoke" else lines
        assert_same([*chosen, f"preset={preset}"])


# --- values -----------------------------------------------------------------------------------------------------------

VALUES = [
    "method.alpha=0.3",
    "method.alpha=1",
    "method.alpha=null",
    "method.update_period=05",
    "method.variant='official_cifar' method.hard_weight=1e-1",
    "method=sce dataset=cifar10 method.alpha=6",
    "method=sce dataset=digits@cifar100 preset=smoke",
    "recipe.milestones=[2,3] recipe.epochs=9",
    "recipe.milestones=[] seed=7",
    "recipe.milestones=null recipe.epochs='20'",
    "recipe.milestones=[2,3] seed=1",
    "recipe.flip=True recipe.nesterov=false recipe.lr=1",
    "runtime.ensemble_sizes=[1,2] runtime.threads=2",
    "runtime.data_dir=${oc.env:HOME}/sets runtime.runs_dir='${oc.env:NOT_SET_ANYWHERE,fallback}'",
    "backbone=resnet20 backbone.depth=32 backbone.width=0.5",
    "noise=symmetric noise.rate=0.4 noise.seed=3 seed=3",
    "method='ls' method.eps=0.2 dataset=cifar100 preset=short",
    "preset=paper recipe.epochs=4 backbone.width=0.5",
    "dataset=digits@cub preset=paper backbone=cifar_resnet18 recipe.padding=8 recipe.cutout=16",
]


@pytest.mark.parametrize("lines", VALUES)
def test_values_are_set_as_by_itself(lines: str, without_hydra: None) -> None:
    assert_same(lines.split(" "))


def test_quoted_texts_are_set_as_by_itself(without_hydra: None) -> None:
    assert_same(["runtime.data_dir='a folder, of [mine]: it\\'s'", 'runtime.runs_dir="~/runs = $HOME"'])


@pytest.mark.parametrize(
    "lines",
    [
        ["recipe.lr=${recipe.gamma}", "recipe.gamma=0.2"],
        ["runtime.runs_dir=runs/${dataset.name}", "dataset=cifar10"],
        ["runtime.data_dir='a\\${b}'"],
    ],
)
def test_a_value_that_refers_to_others_is_left_to_hydra(lines: list[str]) -> None:
    assert outcome(lines)[0] != "refused"
    assert_same(lines)


def test_what_the_environment_says_now_counts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    compose_many([[]])
    monkeypatch.setenv("OLSREPRO_RUNS", str(tmp_path / "elsewhere"))
    assert compose_many([[]])[0].runtime.runs_dir == str(tmp_path / "elsewhere")


def test_runs_come_in_the_order_of_the_requests() -> None:
    requests = [[f"seed={seed}", f"method={method}"] for seed in (2, 0, 1) for method in ("ols", "ls")]
    told = [(config.seed, config.method.name) for config in compose_many(requests)]
    assert told == [(2, "ols"), (2, "ls"), (0, "ols"), (0, "ls"), (1, "ols"), (1, "ls")]


def test_two_runs_share_no_list() -> None:
    composer = Composer()
    first, second = composer.compose(["seed=1"]), composer.compose(["seed=1"])
    first.recipe.milestones.append(99)
    first.runtime.ensemble_sizes.append(99)
    assert composer.compose(["seed=1"]) == second
    assert second.recipe.milestones == [2, 3]


KEYS = {
    "dataset": ["cifar10", "cifar100", "digits", "digits@cub", "cub_"],
    "backbone": ["resnet8", "cifar_resnet34", "resnext29_32x4d"],
    "method": ["hard", "ols", "sce", "tfkd_reg"],
    "noise": ["none", "symmetric"],
    "preset": ["paper", "short", "smoke"],
    "recipe": ["digits", "cifar100"],
    "method.alpha": ["0.3", "1", "null", "high", "-1"],
    "recipe.epochs": ["4", "30", "'300'", "0", "1.5"],
    "recipe.milestones": ["[2,3]", "[]", "null", "[a]", "{a:1}"],
    "recipe.lr": ["0.1", "1e-2", "${recipe.gamma}", "???"],
    "recipe.batch_size": ["64", "2000"],
    "backbone.width": ["0.5", "1"],
    "backbone.depth": ["14", "21"],
    "noise.rate": ["0", "0.2"],
    "runtime.data_dir": ["here", "${oc.env:HOME}", "'${oc.env:NOT_SET_ANYWHERE}'", "null"],
    "seed": ["0", "3", "-1"],
}


OVERRIDES = st.lists(st.sampled_from(sorted(KEYS)), unique=True, max_size=5).flatmap(
    lambda keys: st.tuples(*(st.sampled_from([f"{key}={value}" for value in KEYS[key]]) for key in keys))
)
SLOW_HYDRA = {"deadline": None, "derandomize": True, "suppress_health_check": [HealthCheck.too_slow]}


@settings(max_examples=8, **SLOW_HYDRA)
@given(OVERRIDES)
def test_any_overrides_come_to_the_same_or_are_refused_alike(lines: tuple[str, ...]) -> None:
    assert_same(lines)


@pytest.mark.slow
@settings(max_examples=100, **SLOW_HYDRA)
@given(OVERRIDES)
def test_many_more_overrides_come_to_the_same_or_are_refused_alike(lines: tuple[str, ...]) -> None:
    assert_same(lines)


# --- mistakes ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("lines", sampled((lines,) for lines, _ in MISTAKES))
def test_a_mistake_is_told_in_the_same_words(lines: str) -> None:
    assert outcome(lines.split(" "))[0] == "refused"
    assert_same(lines.split(" "))


@pytest.mark.parametrize(("lines", "files"), sampled((lines, files) for lines, files, _ in FAULTY_FILES))
def test_a_mistake_in_a_users_file_is_told_in_the_same_words(lines: str, files: dict[str, str], tmp_path: Path) -> None:
    own = user_folder.write(tmp_path / "own", files)
    assert outcome(lines.split(" "), own)[0] == "refused"
    assert_same(lines.split(" "), own)


@pytest.mark.parametrize("line", ["recipe.epochs=???", "recipe.lr=${foo}", "method.alpha={a:1}"])
def test_a_value_that_hydra_refuses_is_refused_in_its_words(line: str) -> None:
    assert outcome([line])[0] == "refused"
    assert_same([line])


def test_the_first_wrong_request_is_told() -> None:
    with pytest.raises(UserError, match="did you mean ols"):
        compose_many([[], ["method=olss"], ["backbone=resnet21"]])


def test_a_config_dir_that_is_no_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="is not a folder"):
        compose_many([[]], tmp_path / "nowhere")
