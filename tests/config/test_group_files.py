"""Files of a user's own, and what ours may come to look like: merged as Hydra merges them, or left to Hydra."""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Sequence
from pathlib import Path

import pytest
import user_folder
from omegaconf import DictConfig
from side_by_side import assert_same, names, refuse_hydra, sampled

from olsrepro.config import merged_trees
from olsrepro.config.compose import compose_many
from olsrepro.config.group_files import GroupFiles, NeedsHydra, is_closed
from olsrepro.config.locate import configs_folder


@pytest.fixture
def without_hydra(monkeypatch: pytest.MonkeyPatch) -> None:
    refuse_hydra(monkeypatch)


@pytest.fixture
def ours(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of our configs, for files that ours may come to look like."""
    folder = tmp_path / "configs"
    shutil.copytree(configs_folder(), folder)
    monkeypatch.setattr("olsrepro.config.compose.configs_folder", lambda: folder)
    return folder


@pytest.mark.parametrize(
    ("values", "closed"),
    [
        ("$5", True),
        ("${oc.env:A,b}/c", True),
        (["${oc.env:A}", None, 1.5], True),
        ("${a}", False),
        ("${oc.env:A,${b}}", False),
        ({"a": ["x", "${b}"]}, False),
        ("???", False),
    ],
)
def test_values_are_closed_if_they_refer_to_the_environment_alone(values: object, closed: bool) -> None:
    assert is_closed(values) == closed


OWN_FILES = {
    "method/gentle.yaml": "defaults: [ols]\nalpha: 0.9\n",
    "recipe/linked.yaml": "defaults: [digits]\nbatch_size: ${recipe.epochs}\n",
    "noise/follows.yaml": "kind: symmetric\nrate: 0.25\nseed: ${seed}\n",
    "noise/partial.yaml": "kind: symmetric\nrate: 0.25\n",
    "preset/eight.yaml": "# @package _global_\nrecipe:\n  epochs: 8\n",
    "dataset/tiny.yaml": user_folder.TINY_SET,
    "backbone/deep.yaml": "defaults: [resnet20]\ndepth: 62\n",
    "runtime/placed.yaml": "defaults: [default]\ndata_dir: ${oc.env:HOME}/${dataset.name}\n",
}


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The user's folder."""
    return user_folder.write(tmp_path_factory.mktemp("own"), OWN_FILES)


@pytest.mark.parametrize(
    "lines",
    [
        "method=gentle method.alpha=0.8 seed=4",
        "recipe=linked recipe.epochs=16",
        "noise=follows seed=5",
        "noise=partial noise.rate=0.5",
        "noise=partial noise.seed=5",
        "preset=eight recipe.lr=0.1",
        "dataset=tiny recipe=digits preset=paper recipe.batch_size=20",
        "backbone=deep",
        "runtime=placed dataset=cifar10",
    ],
)
def test_a_users_own_files_compose_as_by_themselves(lines: str, own: Path) -> None:
    assert_same(lines.split(" "), own)


def test_a_users_own_combination_asks_hydra_once(own: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[list[str]] = []
    real = merged_trees.compose_by_hydra

    def counted(lines: Iterable[str], folders: Sequence[Path]) -> DictConfig:
        asked.append(list(lines))
        return real(lines, folders)

    monkeypatch.setattr(merged_trees, "compose_by_hydra", counted)
    requests = [["method=gentle", f"seed={seed}", f"method.alpha=0.{seed}"] for seed in range(6)]
    assert len(compose_many(requests, own)) == len(requests)
    assert asked == [["method=gentle"], ["method=gentle", "preset=smoke"]]


def test_files_that_build_on_others_merge_in_order(ours: Path, without_hydra: None) -> None:
    files = {
        "recipe/low.yaml": "defaults: [digits, _self_]\nlr: 0.01\nreference:\n  epochs: 20\n",
        "recipe/middle.yaml": "defaults: [low]\nmilestones: [1]\n",
        "recipe/high.yaml": "lr: 7.0\npadding: 2\ndefaults:\n  - _self_\n  - middle\n",
        "preset/tiny.yaml": "# @package _global_\ndefaults: [smoke]\nrecipe:\n  lr: 0.5\nbackbone:\n  width: 0.25\n",
    }
    user_folder.write(ours, files)
    for lines in (["recipe=low"], ["recipe=middle"], ["recipe=high"], ["preset=tiny"]):
        assert_same(lines)
    assert compose_many([["recipe=high", "preset=paper"]])[0].recipe.lr == 0.01


BEYOND = {
    "recipe/moved.yaml": "# @package recipe\ndefaults: [digits]\nlr: 0.02\n",
    "recipe/other.yaml": "defaults:\n  - /recipe/digits@_here_\n  - _self_\nlr: 0.02\n",
    "recipe/linked.yaml": "defaults: [digits]\nlr: ${recipe.gamma}\n",
    "recipe/optional.yaml": "defaults:\n  - digits\n  - optional /noise@recipe.none: nowhere\n",
    "recipe/twice.yaml": "defaults: [digits, digits]\n",
    "recipe/missing.yaml": "defaults: [digits]\nlr: ???\n",
    "recipe/torn.yaml": "lr: [\n",
    "recipe/listed.yaml": "- lr\n",
    "recipe/doubled.yaml": "lr: 1\nlr: 2\n",
    "recipe/flat.yaml": "defaults: [digits]\nreference: 5\n",
    "preset/mixed.yaml": "# @package _global_\nrecipe: null\n",
    "preset/late.yaml": "# a word first\n# @package _global_\nrecipe:\n  epochs: 3\n",
    "preset/foreign.yaml": "# @package _global_\ndefaults:\n  - override /noise: symmetric\n",
}


def test_what_is_beyond_the_merge_is_left_to_hydra(ours: Path) -> None:
    user_folder.write(ours, BEYOND)
    for path in map(Path, BEYOND):
        with pytest.raises(NeedsHydra):
            GroupFiles(ours).merged({path.parent.name: path.stem})


@pytest.mark.parametrize("path", sampled((path,) for path in BEYOND))
def test_what_is_beyond_the_merge_composes_as_by_itself(path: str, ours: Path) -> None:
    user_folder.write(ours, BEYOND)
    assert_same([f"{Path(path).parent.name}={Path(path).stem}"])


def test_a_file_that_builds_on_itself_is_not_merged_for_ever(ours: Path) -> None:
    user_folder.write(ours, {"recipe/first.yaml": "defaults: [second]\n", "recipe/second.yaml": "defaults: [first]\n"})
    with pytest.raises(NeedsHydra):
        GroupFiles(ours).merged({"recipe": "first"})


@pytest.mark.parametrize(
    "root",
    [
        "defaults:\n  - noise: symmetric\n  - preset: short\n  - dataset: digits\n  - backbone: resnet8\n"
        "  - recipe: ${dataset}\n  - method: ls\n  - runtime: default\n  - _self_\nseed: 4\n",
        "defaults:\n  - _self_\n  - recipe: digits\n  - dataset: cifar10\n  - backbone: resnet14\n  - method: hard\n"
        "  - noise: none\n  - runtime: default\n  - preset: smoke\nseed: 2\nrecipe:\n  lr: 3.0\n  epochs: 77\n",
        "defaults:\n  - recipe: ${dataset}\n  - dataset: digits\n  - backbone: resnet8\n  - method: ols\n"
        "  - noise: none\n  - runtime: default\n  - preset: smoke\n  - _self_\nseed: 2\n",
        "defaults:\n  - dataset: digits\n  - backbone: resnet8\n  - method: ols\n  - recipe: ${dataset}\n"
        "  - noise: none\n  - runtime: default\n  - preset: smoke\n  - _self_\nseed: 2\nnosie: 3\n",
    ],
)
def test_another_root_composes_as_by_itself(root: str, ours: Path) -> None:
    (ours / "config.yaml").write_text(root)
    for lines in ([], ["dataset=cifar100", "noise=symmetric", "preset=paper"]):
        assert_same(lines)


def test_a_file_that_was_changed_is_read_anew(ours: Path) -> None:
    assert compose_many([["method=ls"]])[0].method.eps == 0.1
    (ours / "method" / "ls.yaml").write_text("name: ls\neps: 0.25\nspread: all\n")
    assert compose_many([["method=ls"]])[0].method.eps == 0.25


def test_a_file_that_was_added_is_found(ours: Path) -> None:
    compose_many([[]])
    (ours / "method" / "ls_strong.yaml").write_text("defaults: [ls]\neps: 0.5\n")
    assert compose_many([["method=ls_strong"]])[0].method.eps == 0.5


def test_no_file_is_parsed_twice_for_many_runs(ours: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    parsed: list[Path] = []
    real = Path.read_text

    def counted(path: Path, **how: str) -> str:
        parsed.append(path)
        return real(path, **how)

    monkeypatch.setattr(Path, "read_text", counted)
    compose_many([f"method={method}", f"seed={seed}"] for method in names("method") for seed in range(9))
    assert len(parsed) == len(set(parsed)) > len(names("method"))
