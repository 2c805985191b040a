"""What is read without Hydra or OmegaConf, plain override lines and typed values, is read as they read it."""

from __future__ import annotations

from typing import Any

import pytest
from hydra.core.override_parser.overrides_parser import OverridesParser
from hypothesis import given
from hypothesis import strategies as st
from omegaconf import OmegaConf
from side_by_side import names

from olsrepro.config.components import settings_class
from olsrepro.config.compose import Composer, compose_run
from olsrepro.config.fill import fill
from olsrepro.config.locate import configs_folder
from olsrepro.config.merged_trees import MergedTrees
from olsrepro.config.overrides import GROUPS, read_line
from olsrepro.experiments.files import experiments
from olsrepro.settings import UserError

ODD = (
    "true",
    "True",
    "FALSE",
    "null",
    "Null",
    "nan",
    "NaN",
    "inf",
    "0",
    "00",
    "01",
    "1.0",
    "1.",
    ".5",
    "1e3",
    "1_0",
    "_a",
)
WORDS = st.text("aTnulf019._e", min_size=1, max_size=6)


def by_hydra(line: str) -> tuple[str, Any]:
    override = OverridesParser.create().parse_override(line)
    return override.key_or_group, override.value()


@given(st.sampled_from(["seed", "method", "method.T", "recipe.lr"]), st.sampled_from(ODD) | WORDS)
def test_a_line_is_read_as_hydra_reads_it(key: str, value: str) -> None:
    line = f"{key}={value}"
    try:
        read = read_line(line)
    except UserError:  # Hydra's own refusal
        return
    assert repr(read) == repr(by_hydra(line))


def test_the_lines_of_all_experiments_are_read_as_hydra_reads_them() -> None:
    lines = {line for item in experiments() for cell in item.cells() for line in item.lines_of(cell)}
    assert {line: read_line(line) for line in lines} == {line: by_hydra(line) for line in lines}


@pytest.mark.parametrize("group", sorted({*GROUPS} - {"preset"}))
def test_the_values_of_every_file_of_ours_are_those_that_omegaconf_converts(group: str) -> None:
    trees = MergedTrees([configs_folder()])
    for name in names(group):
        given = trees.of_choices({group: name})[group]
        implied = {"milestones": []} | given.get("by_dataset", {}).get("default", {})
        node = {key: implied.get(key) if value is None else value for key, value in given.items()}
        node = {key: value for key, value in node.items() if key not in ("reference", "by_dataset")}
        cls = settings_class(group, node)
        converted = OmegaConf.to_container(OmegaConf.merge(OmegaConf.structured(cls), node))
        assert isinstance(converted, dict)
        assert repr(fill(group, node)) == repr(cls(**{str(key): value for key, value in converted.items()}))


@pytest.mark.parametrize("lines", [["noise=symmetric", "noise.seed=1"], ["noise=symmetric"], ["method=tfkd_self"]])
def test_runs_that_differ_in_their_seed_alone_are_as_by_themselves(lines: list[str]) -> None:
    composer = Composer()
    for seed in (0, 1, 2):
        own = [*lines, f"seed={seed}"]
        assert composer.compose(own) == compose_run(own)


def test_runs_that_differ_in_their_seed_alone_share_no_list() -> None:
    composer = Composer()
    first, second = (composer.compose([f"seed={seed}"]) for seed in (0, 1))
    first.recipe.milestones.append(-1)
    assert -1 not in second.recipe.milestones
    assert -1 not in composer.compose(["seed=2"]).recipe.milestones


def test_a_key_that_can_not_be_set_is_refused_beside_a_run_with_the_same_values() -> None:
    composer = Composer()
    params = composer.compose(["backbone=resnet8"]).backbone.params
    with pytest.raises(UserError, match="describes the backbone and can't be set"):
        composer.compose(["backbone=resnet8", f"backbone.params={params}"])
