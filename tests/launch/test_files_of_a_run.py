"""Every file of a run says of itself which run it is of, and which values were in force; by the command itself."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml
from quick_composer import composed
from registry import TINY
from safetensors import safe_open
from safetensors.torch import save as to_safetensors

from olsrepro.cli import exit_codes
from olsrepro.cli.main import main
from olsrepro.config.restore import as_written, restored
from olsrepro.evaluation.registry import read_settings
from olsrepro.launch.finished.evaluate import evaluate
from olsrepro.models.pretrained import load_pretrained, read_weights
from olsrepro.models.registry import build_backbone
from olsrepro.store.identity import run_id
from olsrepro.store.record import read_record, write_record
from olsrepro.training import checkpoint

LINES = [*(line for line in TINY if "epochs" not in line), "recipe.epochs=2", "runtime.tensorboard=false"]
RUNS = {
    "ols": ["method=ols", "runtime.ensemble_sizes=[1]", "runtime.keep=grid"],
    "pairwise_confusion": ["method=pairwise_confusion", "method.variant=repo", "seed=2"],
    "smp": ["method=smp", "method.num_prototypes=3", "recipe.milestones=[1]"],
}
IN_FORCE: dict[str, dict[str, Any]] = {
    "ols": {"alpha": 0.5, "hard_weight": 0.5, "soft_weight": 0.5, "initial_labels": "uniform", "freeze_at": None},
    "pairwise_confusion": {"space": "probs", "norm": "pair", "pairs": "all", "lam": 10.0, "start": 0.0},
    "smp": {"start_epoch": 0.5},
}
SEEDS = {"ols": 0, "pairwise_confusion": 2, "smp": 0}


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store with a run of each method."""
    folder = tmp_path_factory.mktemp("files") / "runs"
    for lines in RUNS.values():
        assert main(["train", *LINES, *lines, f"runtime.runs_dir={folder}"]) == exit_codes.DONE
    return folder


@pytest.fixture(params=RUNS)
def method(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def name_of(method: str) -> str:
    return run_id(composed(*LINES, *RUNS[method]))


def record_of(folder: Path) -> dict[str, Any]:
    record = read_record(folder)
    assert record is not None
    return record


def test_the_weights_hold_the_runs_id_and_config(method: str, store: Path) -> None:
    folder = store / name_of(method)
    kept = sorted(folder.glob("epochs/*.pt"))
    assert len(kept) == (method == "ols")
    for path in (folder / "best.pt", folder / "last.pt", *kept):
        state = torch.load(path, weights_only=True)
        assert state["run_id"] == folder.name
        assert state["config"] == record_of(folder)["config"]
        assert state["config"]["method"].items() >= IN_FORCE[method].items()
        assert run_id(restored(state["config"], composed().runtime)) == folder.name


def test_files_of_tensors_hold_the_runs_id(method: str, store: Path) -> None:
    folder = store / name_of(method)
    files = sorted(folder.rglob("*.safetensors"))
    assert len(files) == (2 + 2 + 1 if method == "ols" else 2)
    for path in files:
        with safe_open(path, "pt") as opened:
            assert opened.metadata()["run_id"] == folder.name


def test_config_file_and_record_have_the_values_in_force(method: str, store: Path) -> None:
    folder = store / name_of(method)
    record, config = record_of(folder), yaml.safe_load((folder / "config.yaml").read_text())
    runtime = config.pop("runtime")
    assert (config, runtime) == (record["config"], record["runtime"])
    assert config["method"].items() >= IN_FORCE[method].items()
    assert config["noise"]["seed"] == record["noise"]["seed"] == SEEDS[method]


def test_the_canonical_form_in_the_record_is_what_it_was(method: str, store: Path) -> None:
    canonical = record_of(store / name_of(method))["canonical"]
    expected = {
        "ols": {},
        "pairwise_confusion": {"norm": "pair", "space": "probs", "start": 0.0},
        "smp": {"num_prototypes": 3},
    }
    assert canonical["method"] == {"name": method, "version": 1} | expected[method]
    assert canonical["noise"] == {"version": 1, "kind": "symmetric", "rate": 0.2}


def _text(value: Any) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)


def test_show_and_a_dry_run_have_the_values_in_force(
    method: str, store: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    name = name_of(method)
    assert main(["show", name, f"runtime.runs_dir={store}"]) == exit_codes.DONE
    shown = next(line for line in capsys.readouterr().out.splitlines() if line.startswith("  method "))
    told = dict(part.split(" ", 1) for part in shown.removeprefix("  method ").strip().split(", "))
    assert told.items() >= {key: _text(value) for key, value in IN_FORCE[method].items()}.items()
    assert main(["train", *LINES, *RUNS[method], "--dry-run"]) == exit_codes.DONE
    config, _, rest = capsys.readouterr().out.partition("\nrun id: ")
    assert yaml.safe_load(config)["method"] == record_of(store / name)["config"]["method"]
    assert rest.splitlines()[0] == name


def test_a_method_that_was_copied_from_the_config_file_trains_nothing_again(
    method: str, store: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = yaml.safe_load((store / name_of(method) / "config.yaml").read_text())
    values = [f"method.{key}={json.dumps(value)}" for key, value in config["method"].items() if key != "name"]
    others = [line for line in (*LINES, *RUNS[method]) if not line.startswith("method.")]
    assert main(["train", *others, *values, f"runtime.runs_dir={store}"]) == exit_codes.DONE
    assert f"{name_of(method)} is finished already" in capsys.readouterr().out


def test_tensors_of_an_evaluation_hold_the_runs_id(store: Path) -> None:
    config = composed(*LINES, *RUNS["ols"], f"runtime.runs_dir={store}")
    path = evaluate(config, read_settings({"name": "embedding", "per_class": 5, "tsne": False}))
    with safe_open(path.parent / "tensors.safetensors", "pt") as opened:
        assert opened.metadata() == {"run_id": run_id(config)}


def test_weights_with_and_without_the_runs_id_are_the_same_start(store: Path, tmp_path: Path) -> None:
    best = store / name_of("ols") / "best.pt"
    state = checkpoint.load(best)
    checkpoint.save(tmp_path / "old.pt", {key: state[key] for key in ("epoch", "weights", "test")})
    new, old = read_weights(best), read_weights(tmp_path / "old.pt")
    assert new.keys() == old.keys() == state["weights"].keys()
    network = build_backbone(composed(*LINES, *RUNS["ols"]).backbone, 10)
    load_pretrained(network, best)
    trunk = {key: value for key, value in network.state_dict().items() if not key.startswith("fc.")}
    assert all(torch.equal(value, state["weights"][key]) for key, value in trunk.items())


@pytest.mark.parametrize("start_epoch", [None, 0.5])
def test_a_record_from_before_is_measured_under_its_own_id(
    start_epoch: float | None, store: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """It has null where nothing was typed; a typed value had an id of its own, also the one that null stands for."""
    record = record_of(store / name_of("smp"))
    record["config"]["method"]["start_epoch"], record["config"]["noise"]["seed"] = start_epoch, None
    record["run_id"] = run_id(as_written(record["config"], composed().runtime))
    assert (record["run_id"] == name_of("smp")) == (start_epoch is None)
    shutil.copytree(store / name_of("smp"), tmp_path / record["run_id"])
    write_record(tmp_path / record["run_id"], {key: value for key, value in record.items() if key != "digest"})
    assert main(["evaluate", record["run_id"], "ece", f"runtime.runs_dir={tmp_path}"]) == exit_codes.DONE
    assert capsys.readouterr().out.startswith(f"{record['run_id']} ece (")


def no_torch_file(path: Path) -> None:
    path.write_bytes(b"PK and more")


def no_weights(path: Path) -> None:
    checkpoint.save(path, {"epoch": 2})


def other_weights(path: Path) -> None:
    checkpoint.save(path, {"weights": {"fc.weight": torch.zeros(1)}})


@pytest.mark.parametrize("damage", [no_torch_file, no_weights, other_weights])
def test_damaged_weights_of_an_epoch_are_named(
    damage: Callable[[Path], None], store: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / name_of("ols")
    shutil.copytree(store / folder.name, folder)
    (kept,) = folder.glob("epochs/*.pt")
    damage(kept)
    command = ["evaluate", folder.name, "ensemble", "ensemble.size=1", "ensemble.average=logits"]
    assert main([*command, f"runtime.runs_dir={tmp_path}"]) == exit_codes.USER_MISTAKE
    shown = capsys.readouterr().err
    assert f"{kept} can't be read (" in shown
    assert shown.count("\n") == 1


@pytest.mark.parametrize("content", [b"no tensors", to_safetensors({"1": torch.zeros(2, 2)})], ids=["junk", "unnamed"])
def test_damaged_sums_of_an_ensemble_are_named(
    content: bytes, store: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / name_of("ols")
    shutil.copytree(store / folder.name, folder)
    sums = folder / "ensemble_sums.safetensors"
    sums.write_bytes(content)
    record = {key: value for key, value in record_of(folder).items() if key != "digest"}
    del record["files"][sums.name]  # as in records of old
    write_record(folder, record)
    command = ["evaluate", folder.name, "ensemble", "ensemble.size=1", f"runtime.runs_dir={tmp_path}"]
    assert main(command) == exit_codes.USER_MISTAKE
    shown = capsys.readouterr().err
    assert f"{sums} can't be read (" in shown
    assert shown.count("\n") == 1


def test_a_record_of_another_run_than_its_config_makes_is_refused(
    store: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / name_of("ols")
    shutil.copytree(store / folder.name, folder)
    record = {key: value for key, value in record_of(folder).items() if key != "digest"}
    record["config"]["recipe"]["epochs"] = 1
    record["config"]["recipe"]["milestones"] = []
    write_record(folder, record)
    assert main(["evaluate", folder.name, "ece", f"runtime.runs_dir={tmp_path}"]) == exit_codes.USER_MISTAKE
    assert f"olsrepro: {folder.name} has a config that is the run " in capsys.readouterr().err
