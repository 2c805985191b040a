"""A run that starts from a file of weights: fetched where it is published, checked, and in the trunk before a step."""

from __future__ import annotations

import json
import signal
from pathlib import Path

import pytest
import torch
from outcome import differences, outcome
from processes import train
from registry import STEPS_PER_EPOCH, TINY
from rich.console import Console
from torch import Tensor, nn

from olsrepro.config.compose import compose_run
from olsrepro.config.run_config import RunConfig
from olsrepro.config.teacher import teacher_config
from olsrepro.files.checksum import sha256
from olsrepro.launch.build import learner_of
from olsrepro.launch.pretrained import pretrained_file
from olsrepro.launch.run import run
from olsrepro.models.published import PublishedWeights
from olsrepro.models.registry import build_backbone
from olsrepro.models.thin_resnet.settings import Settings as ThinResNet
from olsrepro.settings import UserError
from olsrepro.store.identity import run_id

CPU = torch.device("cpu")
FAST = [*(line for line in TINY if "epochs" not in line), "recipe.epochs=1", "runtime.tensorboard=false"]


@pytest.fixture
def weights(tmp_path: Path) -> Path:
    """A file of weights that fit the tiny backbone, at another number of classes."""
    torch.manual_seed(5)
    network = build_backbone(compose_run(TINY).backbone, 7)
    torch.save(network.state_dict(), path := tmp_path / "weights.pth")
    return path


@pytest.fixture
def published(weights: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> PublishedWeights:
    """The same, as if a library published them for the tiny backbone."""
    site = tmp_path / "site" / f"resnet8-{sha256(weights)[:8]}.pth"
    site.parent.mkdir()
    site.write_bytes(weights.read_bytes())
    found = PublishedWeights("library", "resnet8", "V1", site.as_uri())
    monkeypatch.setattr(ThinResNet, "weights", lambda self: found)
    return found


def composed(*lines: str) -> RunConfig:
    return compose_run([*FAST, *lines])


def place(config: RunConfig, weights: PublishedWeights) -> Path:
    return Path(config.runtime.data_dir) / "weights" / weights.file


def refusal(config: RunConfig) -> str:
    with pytest.raises(UserError) as caught:
        pretrained_file(config, lambda line: None)
    message = str(caught.value)
    assert "\n" not in message
    return message


def test_drawn_weights_need_no_file() -> None:
    assert pretrained_file(composed(), pytest.fail) is None


def test_a_file_of_ones_own_is_taken_where_it_lies(weights: Path) -> None:
    assert pretrained_file(composed(f"recipe.pretrained={weights}"), pytest.fail) == weights


def test_a_published_file_is_fetched_once_and_that_is_said(published: PublishedWeights) -> None:
    config = composed("recipe.pretrained=true")
    told: list[str] = []
    path = pretrained_file(config, told.append)
    assert path == place(config, published)
    assert sha256(path)[:8] == published.checksum.removeprefix("sha256:")
    assert told == [f"fetching {published.file} from {published.url} to {path.parent}"]
    assert pretrained_file(config, pytest.fail) == path


def test_a_published_file_that_was_put_there_by_hand_is_taken(published: PublishedWeights, weights: Path) -> None:
    config = composed("recipe.pretrained=true")
    path = place(config, published)
    path.parent.mkdir(parents=True)
    weights.rename(path)
    assert pretrained_file(config, pytest.fail) == path


def test_a_damaged_copy_is_fetched_anew(published: PublishedWeights) -> None:
    config = composed("recipe.pretrained=true")
    path = place(config, published)
    path.parent.mkdir(parents=True)
    path.write_bytes(b"half of it")
    told: list[str] = []
    assert pretrained_file(config, told.append) == path
    assert sha256(path)[:8] == published.checksum.removeprefix("sha256:")
    assert len(told) == 1


def test_where_nothing_can_be_fetched_the_file_its_url_and_its_place_are_named(
    published: PublishedWeights, tmp_path: Path
) -> None:
    config = composed("recipe.pretrained=true")
    (tmp_path / "site" / published.file).unlink()
    folder = place(config, published).parent
    assert refusal(config).startswith(f"{published.file} could not be fetched ({published.url}: ")
    assert f"; put {published.url} into {folder}, or choose another start" in refusal(config)


def test_a_folder_that_cannot_be_made_is_refused(published: PublishedWeights, tmp_path: Path) -> None:
    config = composed("recipe.pretrained=true")
    (tmp_path / "data").write_text("a file")
    assert refusal(config).startswith(f"cannot write {place(config, published)}: ")


def test_a_file_that_has_changed_since_the_run_was_composed_is_refused(weights: Path) -> None:
    config = composed(f"recipe.pretrained={weights}")
    weights.write_bytes(b"something else")
    assert f"recipe.pretrained={weights} has changed: the run starts from {config.recipe.start}" in refusal(config)
    weights.unlink()
    assert f"recipe.pretrained={weights} can't be read" in refusal(config)


def test_nothing_is_begun_without_the_weights(weights: Path, tmp_path: Path) -> None:
    config = composed(f"recipe.pretrained={weights}")
    weights.unlink()
    with pytest.raises(UserError, match="can't be read"):
        run(config, console=Console(quiet=True))
    assert not list((tmp_path / "runs").glob("*-s*"))


def test_the_weights_of_another_network_are_refused_before_there_is_a_run(tmp_path: Path) -> None:
    torch.save(nn.Linear(2, 3).state_dict(), path := tmp_path / "other.pth")
    config = composed(f"recipe.pretrained={path}")
    with pytest.raises(UserError, match=rf"{path} holds the weights of another network: it lacks conv1\.weight"):
        run(config, console=Console(quiet=True))
    assert not list((tmp_path / "runs").glob("*-s*"))


def drawn_parts(config: RunConfig, start: Path | None) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
    """Trunk; head and all that the method adds."""
    learner = learner_of(config, CPU, weights=start)
    state = learner.network.state_dict()
    trunk = {key: value for key, value in state.items() if not key.startswith("fc.")}
    others = {key: value for key, value in state.items() if key not in trunk}
    return trunk, others | {f"method.{key}": value for key, value in learner.method.state_dict().items()}


@pytest.mark.parametrize("method", ["hard", "byot"])
def test_the_trunk_is_the_files_and_all_else_is_drawn_as_without_it(method: str, weights: Path) -> None:
    config = composed(f"method={method}")
    trunk, others = drawn_parts(config, weights)
    drawn_trunk, drawn_others = drawn_parts(config, None)
    stored = torch.load(weights, weights_only=True)
    assert differences(trunk, {key: value for key, value in stored.items() if not key.startswith("fc.")}) == []
    assert differences(trunk, drawn_trunk) != []
    assert differences(others, drawn_others) == []
    assert len(others) > (2 if method == "byot" else 1)


def test_a_run_trains_on_from_the_weights_and_its_record_names_them(
    published: PublishedWeights, weights: Path, tmp_path: Path
) -> None:
    """At a rate of 0 it leaves every weight as it came."""
    config = composed("recipe.pretrained=true", "recipe.lr=0", "method=hard")
    run(config, console=Console(quiet=True))
    folder = tmp_path / "runs" / run_id(config)
    recipe = json.loads((folder / "record.json").read_text())["config"]["recipe"]
    assert (recipe["pretrained"], recipe["start"]) == (True, published.file)
    last, stored = torch.load(folder / "last.pt", weights_only=True)["weights"], torch.load(weights, weights_only=True)
    learnt = [key for key in last if key.endswith("weight") and not key.startswith("fc.")]
    assert learnt
    assert all(torch.equal(last[key], stored[key]) for key in learnt)


def test_a_trained_teacher_starts_where_its_student_starts(weights: Path) -> None:
    config = composed(f"recipe.pretrained={weights}", "method=tfkd_self")
    teacher = teacher_config(config)
    assert teacher is not None
    assert teacher == composed(f"recipe.pretrained={weights}", "method=hard")


@pytest.mark.slow
def test_a_killed_run_goes_on_bitwise(weights: Path, tmp_path: Path) -> None:
    lines = [*TINY, f"recipe.pretrained={weights}"]
    kill = ("step", STEPS_PER_EPOCH + 7)
    assert train(lines, tmp_path / "killed", kill) == -signal.SIGKILL
    assert train(lines, tmp_path / "killed") == 0
    assert train(lines, tmp_path / "whole") == 0
    name = run_id(compose_run(lines))
    assert differences(outcome(tmp_path / "whole", name), outcome(tmp_path / "killed", name)) == []


def test_a_finished_run_needs_its_weights_no_more(weights: Path) -> None:
    config = composed(f"recipe.pretrained={weights}")
    run(config, console=Console(quiet=True))
    weights.unlink()
    run(config, console=Console(quiet=True))
