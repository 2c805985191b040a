"""Config files of the user's own that would take minutes or a traceback to load."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from harmful_yaml import HARMFUL, as_bytes
from user_folder import refusal

from olsrepro.config.backbone import renamed
from olsrepro.config.compose import compose_many, compose_run
from olsrepro.config.locate import configs_folder
from olsrepro.settings import UserError


def file(folder: Path, name: str, text: str) -> Path:
    path = folder / name
    path.parent.mkdir(parents=True)
    path.write_bytes(as_bytes(text))
    return path


@pytest.mark.parametrize("what", HARMFUL)
def test_a_harmful_file_is_refused_when_it_is_chosen_in_one_line_that_names_it(tmp_path: Path, what: str) -> None:
    text, reason = HARMFUL[what]
    path = file(tmp_path, "method/mine.yaml", text)
    assert re.match(f"{re.escape(str(path))} can't be read: .*{reason}", refusal(["method=mine"], tmp_path))
    with pytest.raises(UserError, match=reason):
        compose_many([["method=mine"]], tmp_path)


def test_a_harmful_preset_is_refused_when_it_is_chosen_and_does_no_harm_to_other_runs(tmp_path: Path) -> None:
    text, reason = HARMFUL["aliases"]
    path = file(tmp_path, "preset/mine.yaml", f"# @package _global_\n{text}")
    assert re.match(f"{re.escape(str(path))} can't be read: {reason}", refusal(["preset=mine"], tmp_path))
    assert compose_run(["recipe.epochs=3"], tmp_path).recipe.epochs == 3


def test_a_harmful_backbone_of_the_users_does_no_harm_to_other_runs(tmp_path: Path) -> None:
    for what, (text, _) in HARMFUL.items():
        file(tmp_path / what, "backbone/mine.yaml", text)
        folders = [configs_folder(), (tmp_path / what).resolve()]
        assert renamed(compose_run([]).backbone, folders).name == "resnet8"


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("y: x\n" + "\n".join(f"y{at}: {f'${{method.y{at - 1}}}' * 10}" for at in range(9)), "has 90 interpolations"),
        ("alpha: '${'", "an interpolation in a config file can't be read (no viable alternative at input '${')"),
        ("defaults: [mine]", "method=mine: a config file builds on itself"),
        ("defaults: 5", "defaults must be a list"),
        ("defaults: [{ a: { b: c } }]", "Unsupported item value in defaults"),
        ("5", "mine.yaml can't be read: it holds no `key: value` lines"),
    ],
    ids=["interpolations", "open", "itself", "number", "mapping", "value"],
)
def test_what_a_file_refers_to_has_its_limits(text: str, told: str, tmp_path: Path) -> None:
    file(tmp_path, "method/mine.yaml", f"{text}\n")
    assert told in refusal(["method=mine"], tmp_path)


def test_aliases_within_reason_are_what_they_stand_for(tmp_path: Path) -> None:
    file(tmp_path, "method/mine.yaml", "name: ols\nalpha: &half 0.5\nhard_weight: *half\nsoft_weight: *half\n")
    assert compose_run(["method=mine"], tmp_path).as_dict()["method"]["alpha"] == 0.5
