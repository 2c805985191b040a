"""What a training keeps for ensembles over its epochs: sums and weights, after any stop, and what they take on disk."""

from __future__ import annotations

import io
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from rich.console import Console
from safetensors import safe_open
from torch import Tensor, nn

from olsrepro.config.compose import compose_run
from olsrepro.config.run_config import RunConfig
from olsrepro.data.dataset import ImageData
from olsrepro.data.noise.noisy_labels import noisy_targets
from olsrepro.data.noise.none.settings import Settings as NoNoise
from olsrepro.evaluation.ensemble_epochs import GRIDS, member_epochs
from olsrepro.files.atomic import StorageError
from olsrepro.launch.run import run
from olsrepro.methods.base import MethodContext
from olsrepro.methods.registry import build_method, settings_class
from olsrepro.store.cost import estimate
from olsrepro.store.identity import run_id
from olsrepro.training.artifacts import Artifacts
from olsrepro.training.checkpoint import CheckpointFolder, load
from olsrepro.training.classification.task import ClassificationTask
from olsrepro.training.ensembles import EnsembleCollector
from olsrepro.training.learner import Learner
from olsrepro.training.optimizer import build_optimizer
from olsrepro.training.progress import Row, TrainingProgress
from olsrepro.training.recipe import RecipeSettings
from olsrepro.training.runtime import RuntimeSettings
from olsrepro.training.stop import StopRequest
from olsrepro.training.task import Asked, Evaluation, never
from olsrepro.training.trainer import Trainer

CLASSES, EPOCHS, STEPS = 3, 6, 2
RECIPE = RecipeSettings(epochs=EPOCHS, batch_size=8, lr=0.1, milestones=[3], padding=1)
HARD = settings_class("hard")()
KEEPING: dict[str, Any] = {"ensemble_sizes": [2, 3], "keep": "grid"}
MEMBERS = {2: [3, 6], 3: [2, 4, 6]}


def toy_data() -> ImageData:
    """16 training images in 2 steps, 5 test images."""
    random = torch.Generator().manual_seed(0)

    def part(count: int) -> tuple[Tensor, Tensor]:
        images = torch.randint(256, (count, 3, 4, 4), dtype=torch.uint8, generator=random)
        return images, torch.randint(CLASSES, (count,), generator=random)

    half = torch.full((3,), 0.5)
    return ImageData(*part(16), *part(5), half, half, ("a", "b", "c"))


class TestsNoted(ClassificationTask):
    """Notes the test logits of each epoch."""

    __test__ = False

    def __init__(self) -> None:
        data = toy_data()
        labels = noisy_targets(data.train_targets, CLASSES, NoNoise(), 0)
        super().__init__(data, labels, RECIPE, HARD, 0, torch.device("cpu"))
        self.logits: list[Tensor] = []

    def evaluate(self, network: nn.Module, asked: Asked = never) -> Evaluation:
        found = super().evaluate(network, asked)
        self.logits.append(found.outputs["logits"])
        return found


class StopAfter:
    """Asks for a stop after a number of steps."""

    def __init__(self, stop: StopRequest, steps: int | None) -> None:
        self._stop, self._left = stop, steps

    def on_step(self, progress: TrainingProgress, steps: int) -> None:
        if self._left is not None:
            self._left -= 1
            self._stop.requested = self._left == 0

    def on_epoch(self, row: Row) -> None:
        pass


def trainer_in(
    folder: Path, *, stop_after: int | None = None, seed: int = 0, artifacts: Artifacts | None = None, **runtime: Any
) -> Trainer:
    """A trainer that starts where the folder's last checkpoint is."""
    with torch.random.fork_rng():
        torch.manual_seed(1)
        network = nn.Sequential(nn.Flatten(), nn.BatchNorm1d(48), nn.Linear(48, CLASSES))
    method, stop = build_method(HARD, MethodContext(CLASSES, 0)), StopRequest()
    optimizer = build_optimizer(network.parameters(), RECIPE)
    trainer = Trainer(
        task=TestsNoted(),
        learner=Learner(network, method, optimizer, network, network, lambda _: RECIPE.lr),
        recipe=RECIPE,
        runtime=RuntimeSettings(device="cpu", **runtime),
        artifacts=artifacts or Artifacts(folder),
        checkpoints=CheckpointFolder(folder),
        stop=stop,
        observers=[StopAfter(stop, stop_after)],
        collectors=[EnsembleCollector.of(RuntimeSettings(**runtime), RECIPE.epochs, seed)],
    )
    trainer.resume()
    return trainer


def kept_in(folder: Path) -> dict[str, Any]:
    """Every kept file as bytes of tensors, so that ``==`` compares every bit."""
    found: dict[str, Any] = {}
    for path in sorted(folder.glob("epochs/*")):
        state = load(path)
        weights = {name: tensor.numpy().tobytes() for name, tensor in state["weights"].items()}
        found[path.name] = (state["epoch"], state["test"], weights)
    for size, (total, members) in sums_in(folder).items():
        found[f"sum over {size}"] = (members, total.numpy().tobytes())
    return found


def sums_in(folder: Path) -> dict[int, tuple[Tensor, list[int]]]:
    path = folder / "ensemble_sums.safetensors"
    if not path.exists():
        return {}
    with safe_open(path, "pt") as opened:
        members = {int(size): json.loads(epochs) for size, epochs in opened.metadata().items()}
        return {size: (opened.get_tensor(str(size)), epochs) for size, epochs in members.items()}


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a training that nothing has stopped."""
    folder = tmp_path_factory.mktemp("whole")
    assert trainer_in(folder, **KEEPING).fit()
    return folder


def test_the_weights_of_every_member_epoch_are_kept_and_of_no_other(whole: Path) -> None:
    names = [path.name for path in sorted((whole / "epochs").iterdir())]
    assert names == ["epoch_0002.pt", "epoch_0003.pt", "epoch_0004.pt", "epoch_0006.pt"]
    assert Artifacts(whole).kept_epochs() == [2, 3, 4, 6]


def test_kept_weights_are_those_that_the_epoch_was_tested_with(tmp_path: Path) -> None:
    trainer = trainer_in(tmp_path, **KEEPING)
    assert trainer.fit()
    network, task = trainer.learner.network, TestsNoted()
    for epoch in (2, 3, 4, 6):
        state = load(tmp_path / "epochs" / f"epoch_{epoch:04d}.pt")
        network.load_state_dict(state["weights"])
        found = task.evaluate(network)
        assert torch.equal(found.outputs["logits"], trainer.task.logits[epoch - 1])
        assert (state["epoch"], state["test"]) == (epoch, found.fields)


def test_weights_give_the_sums_that_were_kept_beside_them(whole: Path) -> None:
    network, task = trainer_in(whole).learner.network, TestsNoted()
    sums = sums_in(whole)
    assert {size: epochs for size, (_, epochs) in sums.items()} == MEMBERS
    for total, epochs in sums.values():
        again = torch.zeros_like(total)
        for epoch in epochs:
            network.load_state_dict(load(whole / "epochs" / f"epoch_{epoch:04d}.pt")["weights"])
            again += task.evaluate(network).outputs["logits"].softmax(1)
        torch.testing.assert_close(total, again)


@pytest.mark.parametrize("steps", range(1, EPOCHS * STEPS))
def test_a_stop_after_any_step_changes_no_kept_file(steps: int, tmp_path: Path, whole: Path) -> None:
    assert trainer_in(tmp_path, stop_after=steps, **KEEPING).fit() is False
    assert trainer_in(tmp_path, **KEEPING).fit()
    assert kept_in(tmp_path) == kept_in(whole)


def test_weights_that_a_kill_left_out_are_written_from_the_checkpoint(tmp_path: Path, whole: Path) -> None:
    class Killed(Artifacts):
        def epoch_weights(self, network: nn.Module, epoch: int, evaluation: Evaluation) -> None:
            if epoch == 4:
                raise KeyboardInterrupt
            super().epoch_weights(network, epoch, evaluation)

    with pytest.raises(KeyboardInterrupt):
        trainer_in(tmp_path, artifacts=Killed(tmp_path), **KEEPING).fit()
    assert Artifacts(tmp_path).kept_epochs() == [2, 3]
    assert trainer_in(tmp_path, **KEEPING).fit()
    assert kept_in(tmp_path) == kept_in(whole)


def test_a_full_disk_leaves_no_torn_weights(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    artifacts, network = Artifacts(tmp_path), nn.Linear(2, 3)
    test = Evaluation(
        {"test_top1_err": 50.0},
        50.0,
        {"logits": torch.zeros(2, 3), "targets": torch.zeros(2, dtype=torch.int64)},
        kind="logits",
    )
    artifacts.epoch_weights(network, 15, test)
    before = (tmp_path / "epochs/epoch_0015.pt").read_bytes()

    def refuse(descriptor: int) -> None:
        raise OSError(28, "full")

    monkeypatch.setattr("os.fsync", refuse)
    for epoch in (15, 20):
        with pytest.raises(StorageError, match="no space left"):
            artifacts.epoch_weights(network, epoch, test)
    assert [path.name for path in (tmp_path / "epochs").iterdir()] == ["epoch_0015.pt"]
    assert (tmp_path / "epochs/epoch_0015.pt").read_bytes() == before


def test_a_stranger_among_kept_weights_is_no_epoch(tmp_path: Path) -> None:
    assert Artifacts(tmp_path).kept_epochs() == []
    (tmp_path / "epochs").mkdir()
    for name in ("epoch_0015.pt", "epoch_12345.pt", "epoch_best.pt", ".epoch_0020.pt.77.part", "notes.txt"):
        (tmp_path / "epochs" / name).touch()
    assert Artifacts(tmp_path).kept_epochs() == [15, 12345]


def test_without_the_switch_sums_alone_are_kept(tmp_path: Path, whole: Path) -> None:
    assert trainer_in(tmp_path, ensemble_sizes=[2, 3]).fit()
    assert not (tmp_path / "epochs").exists()
    assert kept_in(tmp_path) == {name: part for name, part in kept_in(whole).items() if name.startswith("sum")}


def test_without_a_size_the_switch_keeps_nothing(tmp_path: Path) -> None:
    assert trainer_in(tmp_path, keep="grid").fit()
    assert not (tmp_path / "epochs").exists()
    assert sums_in(tmp_path) == {}


def test_weights_asked_for_in_the_middle_are_kept_from_there_on(tmp_path: Path) -> None:
    assert trainer_in(tmp_path, stop_after=3 * STEPS, ensemble_sizes=[3]).fit() is False
    assert trainer_in(tmp_path, ensemble_sizes=[3], keep="grid").fit()
    assert Artifacts(tmp_path).kept_epochs() == [4, 6]
    assert sums_in(tmp_path)[3][1] == [2, 4, 6]


@pytest.mark.parametrize("grid", GRIDS)
def test_each_grid_keeps_its_own_epochs(grid: str, tmp_path: Path) -> None:
    expected = member_epochs(grid, EPOCHS, 2, seed=5)
    assert trainer_in(tmp_path, seed=5, ensemble_sizes=[2], ensemble_grid=grid, keep="grid").fit()
    assert Artifacts(tmp_path).kept_epochs() == expected
    assert sums_in(tmp_path)[2][1] == expected


def test_more_models_than_epochs_keep_every_epoch_once(tmp_path: Path) -> None:
    assert trainer_in(tmp_path, ensemble_sizes=[20], keep="grid").fit()
    assert sums_in(tmp_path)[20][1] == Artifacts(tmp_path).kept_epochs() == [1, 2, 3, 4, 5, 6]
    torch.testing.assert_close(sums_in(tmp_path)[20][0].sum(1), torch.full((5,), 6.0))


SMOKE = ["dataset=digits", "backbone=resnet8", "method=hard", "preset=smoke"]


@pytest.fixture(scope="module")
def smoke() -> RunConfig:
    return compose_run(SMOKE)


def with_runtime(config: RunConfig, **changes: Any) -> RunConfig:
    return replace(config, runtime=replace(config.runtime, **changes))


def disk(config: RunConfig) -> float:
    found = estimate(config, {}).disk_bytes
    assert found is not None
    return found


def test_a_run_draws_its_epochs_by_its_own_seed(smoke: RunConfig, tmp_path: Path) -> None:
    seed = next(
        seed for seed in range(1, 99) if member_epochs("random", 4, 2, seed) != member_epochs("random", 4, 2, 0)
    )
    runtime = {"ensemble_sizes": [2], "ensemble_grid": "random", "keep": "grid", "tensorboard": False, "threads": 1}
    config = with_runtime(replace(smoke, seed=seed), runs_dir=str(tmp_path), **runtime)
    record = run(config, console=Console(file=io.StringIO()))
    assert Artifacts(record.parent).kept_epochs() == member_epochs("random", 4, 2, seed)


def test_a_preset_with_fewer_epochs_than_models_is_not_refused() -> None:
    config = compose_run([*SMOKE, "runtime.ensemble_sizes=[6,20]", "runtime.keep=grid"])
    assert config.recipe.epochs == 4
    assert config.runtime.ensemble_sizes == [6, 20]


def test_sums_take_their_place_in_the_artifact_and_in_both_checkpoints(smoke: RunConfig) -> None:
    one_sum = smoke.dataset.test_size * smoke.dataset.num_classes * 4
    assert disk(with_runtime(smoke, ensemble_sizes=[2, 3])) - disk(smoke) == pytest.approx(3 * 2 * one_sum)
    assert disk(with_runtime(smoke, keep="grid")) == disk(smoke)


@pytest.mark.parametrize("grid", ["grid_end", "grid_start", "random"])
def test_kept_weights_are_counted_once_for_each_epoch(grid: str, smoke: RunConfig) -> None:
    recipe = replace(smoke.recipe, epochs=40)
    sums = with_runtime(replace(smoke, recipe=recipe), ensemble_sizes=[1, 3], ensemble_grid=grid)
    weights = smoke.backbone.params * smoke.backbone.width**2 * smoke.backbone.depth_factor * 4
    assert disk(with_runtime(sums, keep="grid")) - disk(sums) == pytest.approx(3 * weights)  # the first is among them


def test_the_papers_run_takes_32_weights() -> None:
    config = compose_run(["dataset=cifar100", "backbone=resnet56", "preset=paper"])
    sums = with_runtime(config, ensemble_sizes=[6, 10, 15, 20])
    assert disk(with_runtime(sums, keep="grid")) - disk(sums) == pytest.approx(32 * config.backbone.params * 4)
    assert disk(sums) - disk(config) == 3 * 4 * 10_000 * 100 * 4


def test_what_is_kept_is_no_part_of_the_run_id(smoke: RunConfig) -> None:
    changed = with_runtime(smoke, ensemble_sizes=[2], ensemble_grid="random", keep="grid")
    assert run_id(changed) == run_id(smoke)


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ({"ensemble_grid": "grid_midd"}, "ensemble_grid=grid_midd is not known; did you mean grid_mid"),
        ({"keep": "all"}, "keep=all is not known; valid: grid, sums"),
        ({"ensemble_sizes": [0]}, "ensemble_sizes=0 must be at least 1"),
    ],
)
def test_a_runtime_that_keeps_what_is_not_known_is_refused(wrong: dict[str, Any], told: str) -> None:
    with pytest.raises(ValueError, match=f"^{told}"):
        RuntimeSettings(**wrong)
