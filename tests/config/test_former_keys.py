"""Config files and records of before each kind of noise had keys of its own: they are read as they were meant."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import user_folder

from olsrepro.config.compose import compose_many, compose_run
from olsrepro.config.former_keys import FORMER
from olsrepro.config.restore import restored
from olsrepro.settings import UserError
from olsrepro.store.identity import run_id

FROZEN = json.loads((Path(__file__).parents[1] / "golden" / "defaults.json").read_text())["noise"]
KEYS = ("kind", "rate", "seed", "selection", "include_true", "pool", "scope", "path", "key", "sha256")
LINES = ["", "noise=symmetric noise.rate=0.2", "noise=sce", "noise=arazo_code seed=3", "noise=l2rw_code"]


def former_record(**noise: Any) -> dict[str, Any]:
    """A run's config as its record had it, with all ten keys of noise."""
    described = compose_run([]).as_dict()
    return described | {"noise": FORMER["noise"] | noise}


def restored_noise(record: dict[str, Any]) -> Any:
    return restored(record, compose_run([]).runtime).noise


def test_the_former_defaults_are_those_that_are_frozen() -> None:
    assert FORMER["noise"] | {"kind": "none", "version": 1} == FROZEN | {"path": None}
    assert {"kind", *FORMER["noise"]} == set(KEYS)


@pytest.mark.parametrize("lines", LINES)
def test_a_record_with_the_keys_of_all_kinds_is_the_run_that_it_was(lines: str) -> None:
    config = compose_run(lines.split())
    described = config.as_dict()
    record = described | {"noise": FORMER["noise"] | described["noise"]}
    assert set(record["noise"]) == set(KEYS)
    again = restored(record, config.runtime)
    assert again == config
    assert run_id(again) == run_id(config)


def test_a_record_of_labels_from_a_file_is_read_without_the_file() -> None:
    noise = restored_noise(former_record(kind="file", path="/gone/labels.pt", key="a", sha256="0" * 64))
    assert (noise.path, noise.key, noise.sha256) == ("/gone/labels.pt", "a", "0" * 64)


@pytest.mark.parametrize(
    ("noise", "told"),
    [
        ({"kind": "symmetric", "rate": 0.2, "path": "a.pt"}, "noise.path=a.pt: noise.kind=symmetric has no path; file"),
        ({"kind": "none", "include_true": True}, "noise.include_true=true: noise.kind=none has no include_true"),
        ({"kind": "file", "rate": 0.2}, "noise.rate=0.2: noise.kind=file has no rate"),
        ({"kind": "symmetric", "map": None}, "noise.map=null: noise.kind=symmetric has no map"),
        ({"kind": "symetric"}, "noise.kind=symetric is not known; did you mean symmetric"),
    ],
)
def test_a_key_that_said_something_is_refused(noise: dict[str, Any], told: str) -> None:
    with pytest.raises(UserError) as refused:
        restored_noise(former_record(**noise))
    assert str(refused.value).startswith(told)


IDLE = "path: null\nkey: null\nsha256: null\n"


def test_a_users_file_with_idle_keys_goes_on_working(tmp_path: Path) -> None:
    files = {"noise/mine.yaml": f"kind: symmetric\nrate: 0.25\n{IDLE}", "noise/clean.yaml": "kind: none\nrate: 0.0\n"}
    own = user_folder.write(tmp_path / "own", files)
    mine, clean = compose_many([["noise=mine"], ["noise=clean"]], own)
    assert mine.noise == compose_run(["noise=symmetric", "noise.rate=0.25"]).noise
    assert clean.noise == compose_run([]).noise


def test_an_idle_key_of_a_users_file_can_not_be_set(tmp_path: Path) -> None:
    own = user_folder.write(tmp_path / "own", {"noise/mine.yaml": f"kind: symmetric\nrate: 0.25\n{IDLE}"})
    told = "noise.path=a.npy: noise.kind=symmetric has no path; file has it"
    assert told in user_folder.refusal(["noise=mine", "noise.path=a.npy"], own)


def test_a_users_file_must_name_the_kind(tmp_path: Path) -> None:
    own = user_folder.write(tmp_path / "own", {"noise/mine.yaml": "rate: 0.25\n"})
    assert user_folder.refusal(["noise=mine"], own) == "noise.kind is missing from the config file of this noise"
