"""The loop at a toy task: stopping and going on, what is refused, what is best, when it is saved."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors import safe_open
from torch import Tensor, nn

from olsrepro.data.batch import Batch
from olsrepro.data.dataset import ImageData
from olsrepro.data.noise.noisy_labels import NoisyLabels, noisy_targets
from olsrepro.data.noise.symmetric.settings import Settings as Symmetric
from olsrepro.methods.base import LabelMethod, MethodContext, StepOutput
from olsrepro.methods.registry import build_method, settings_class
from olsrepro.training.artifacts import Artifacts
from olsrepro.training.checkpoint import CheckpointFolder, State, load
from olsrepro.training.classification.task import ClassificationTask
from olsrepro.training.detection.settings import DetectionRecipe
from olsrepro.training.ensembles import EnsembleCollector
from olsrepro.training.learner import Learner
from olsrepro.training.optimizer import build_optimizer
from olsrepro.training.progress import Row, TrainingProgress
from olsrepro.training.recipe import RecipeSettings
from olsrepro.training.runtime import RuntimeSettings
from olsrepro.training.stop import StopRequest
from olsrepro.training.task import Asked, Evaluation, never
from olsrepro.training.trainer import TEST_GRACE_S, NonFinite, Trainer

CLASSES, EPOCHS, STEPS = 3, 3, 3
RECIPE = RecipeSettings(epochs=EPOCHS, batch_size=8, lr=0.1, milestones=[1, 2], padding=1)
HARD = settings_class("hard")()


def toy_data() -> ImageData:
    """20 training images in 3 steps, the last of 4; 7 test images."""
    random = torch.Generator().manual_seed(0)

    def part(count: int) -> tuple[Tensor, Tensor]:
        images = torch.randint(256, (count, 3, 4, 4), dtype=torch.uint8, generator=random)
        return images, torch.randint(CLASSES, (count,), generator=random)

    half = torch.full((3,), 0.5)
    return ImageData(*part(20), *part(7), half, half, ("a", "b", "c"))


DATA = toy_data()


def toy_labels() -> NoisyLabels:
    return noisy_targets(DATA.train_targets, CLASSES, Symmetric(rate=0.25), 0)


def toy_task(recipe: RecipeSettings = RECIPE) -> ClassificationTask:
    return ClassificationTask(DATA, toy_labels(), recipe, HARD, 0, torch.device("cpu"))


def toy_learner(method: LabelMethod | None = None, recipe: RecipeSettings = RECIPE) -> Learner:
    """A linear network with BatchNorm and Dropout, so that buffers and torch's generator count too."""
    with torch.random.fork_rng():
        torch.manual_seed(1)
        network = nn.Sequential(nn.Flatten(), nn.BatchNorm1d(48), nn.Dropout(0.3), nn.Linear(48, CLASSES))
    method = method if method is not None else build_method(HARD, MethodContext(CLASSES, 0))
    parameters = [*network.parameters(), *method.parameters()]
    optimizer = build_optimizer(parameters, recipe)
    return Learner(network, method, optimizer, network, network, recipe.rate_at)


def toy_trainer(
    folder: Path,
    *,
    method: LabelMethod | None = None,
    task: ClassificationTask | None = None,
    recipe: RecipeSettings = RECIPE,
    **changes: Any,
) -> Trainer:
    """A trainer that starts where the folder's last checkpoint is; ``changes`` are the runtime's or its own fields."""
    own = {
        key: changes.pop(key) for key in ("clock", "history", "observers", "checkpoints", "artifacts") if key in changes
    }
    torch.manual_seed(2)
    parts = {"artifacts": Artifacts(folder), "checkpoints": CheckpointFolder(folder), "stop": StopRequest()} | own
    task, runtime = task or toy_task(recipe), RuntimeSettings(device="cpu", **changes)
    collectors = [EnsembleCollector.of(runtime, recipe.epochs, seed=0)]
    trainer = Trainer(task, toy_learner(method, recipe), recipe, runtime, **parts, collectors=collectors)
    trainer.resume()
    return trainer


class StopAfter:
    """Asks for a stop after a number of steps that this process has made."""

    def __init__(self, steps: int) -> None:
        self._left = steps
        self.trainer: Trainer | None = None

    def on_step(self, progress: TrainingProgress, steps: int) -> None:
        self._left -= 1
        if self._left == 0:
            self.trainer.stop.requested = True

    def on_epoch(self, row: Row) -> None:
        pass


def fit_until(folder: Path, steps: int, **changes: Any) -> bool:
    stopping = StopAfter(steps)
    trainer = toy_trainer(folder, observers=[stopping], **changes)
    stopping.trainer = trainer
    return trainer.fit()


def timeless(rows: Sequence[Row]) -> list[Row]:
    return [{key: value for key, value in row.items() if key not in ("seconds", "images_per_s")} for row in rows]


def curves(folder: Path) -> list[Row]:
    return timeless([json.loads(line) for line in (folder / "curves.jsonl").read_text().splitlines()])


def bits(value: Any) -> Any:
    """A state in which tensors have become bytes, so that ``==`` compares every bit."""
    if isinstance(value, Tensor):
        return str(value.dtype), tuple(value.shape), value.contiguous().numpy().tobytes()
    if isinstance(value, dict):
        return {key: bits(item) for key, item in value.items()}
    return [bits(item) for item in value] if isinstance(value, list | tuple) else value


def outcome(folder: Path) -> dict[str, Any]:
    """All that a training leaves, but times."""
    state = load(folder / "checkpoint.pt")
    state["progress"]["rows"] = timeless(state["progress"]["rows"])
    found = {"curves": curves(folder), "checkpoint": bits(state)}
    for name in ("best.pt", "last.pt"):
        found[name] = bits(load(folder / name))
    for path in sorted(folder.glob("*.safetensors")):
        with safe_open(path, "pt") as opened:
            found[path.name] = {key: bits(opened.get_tensor(key)) for key in opened.keys()}  # noqa: SIM118
    return found


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What a training leaves that nothing has stopped."""
    folder = tmp_path_factory.mktemp("whole")
    assert toy_trainer(folder, ensemble_sizes=[1, 2]).fit()
    return outcome(folder)


def position(folder: Path) -> tuple[int, int]:
    progress = load(folder / "checkpoint.pt")["progress"]
    return progress["epoch"], progress["step"]


class Loss(LabelMethod):
    """Hard labels; ``at`` is called with epoch and step (from 0) and the step's loss and returns what counts."""

    def __init__(self, at: Callable[[int, int, Tensor], Tensor] = lambda epoch, step, loss: loss) -> None:
        super().__init__()
        self.hard = build_method(HARD, MethodContext(CLASSES, 0))
        self.at, self.place = at, (-1, -1)

    def forward(self, network: nn.Module, batch: Batch) -> StepOutput:
        self.network = [network]
        self.place = (batch.epoch, self.place[1] + 1 if self.place[0] == batch.epoch else 0)
        output = self.hard(network, batch)
        return replace(output, loss=self.at(*self.place, output.loss))


class PoisonedWeight(Loss):
    """One weight becomes infinite after a step, when the step's loss has been taken."""

    def __init__(self, epoch: int, step: int, name: str) -> None:
        super().__init__()
        self._when, self._name = (epoch, step), name

    def after_step(self) -> None:
        if self.place == self._when:
            self.network[0].state_dict()[self._name].view(-1)[0] = torch.inf


class Scripted(ClassificationTask):
    """A task whose tests come out as written."""

    def __init__(self, objectives: Sequence[float]) -> None:
        super().__init__(DATA, toy_labels(), RECIPE, HARD, 0, torch.device("cpu"))
        self._objectives = iter(objectives)

    def evaluate(self, network: nn.Module, asked: Asked = never) -> Evaluation:
        return replace(super().evaluate(network, asked), objective=next(self._objectives))


class Saves(CheckpointFolder):
    """Notes the place of each checkpoint."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.places: list[tuple[int, int]] = []

    def save(self, state: State) -> None:
        super().save(state)
        self.places.append((state["progress"]["epoch"], state["progress"]["step"]))


def test_an_uninterrupted_training_leaves_a_row_an_epoch(whole: dict[str, Any]) -> None:
    rows = whole["curves"]
    assert [row["epoch"] for row in rows] == [1, 2, 3]
    assert all(row["n_kept"] + row["n_flipped"] == 20 for row in rows)
    assert all((row["n_flipped"], row["n_test"]) == (5, 7) for row in rows)


def test_a_training_is_the_plain_loop(whole: dict[str, Any]) -> None:
    task, learner = toy_task(), toy_learner()
    torch.manual_seed(2)
    losses = []
    for epoch in range(EPOCHS):
        learner.optimizer.param_groups[0]["lr"] = 0.1 * 0.1**epoch
        for (batch,) in task.batches(epoch, 0):
            learner.optimizer.zero_grad()
            loss = nn.functional.cross_entropy(learner.network(batch.images), batch.targets)
            loss.backward()
            learner.optimizer.step()
            losses.append(float(loss.detach()) * len(batch.targets))
    assert bits(dict(learner.network.state_dict())) == whole["last.pt"]["weights"]
    assert sum(losses[-STEPS:]) / 20 == pytest.approx(whole["curves"][-1]["train_loss"])


@pytest.mark.parametrize("steps", range(1, EPOCHS * STEPS))
def test_going_on_from_any_step_gives_the_same_bits(steps: int, tmp_path: Path, whole: dict[str, Any]) -> None:
    assert fit_until(tmp_path, steps, ensemble_sizes=[1, 2]) is False
    assert position(tmp_path) == divmod(steps, STEPS)
    assert toy_trainer(tmp_path, ensemble_sizes=[1, 2]).fit()
    assert outcome(tmp_path) == whole


def test_stopping_after_every_step_gives_the_same_bits(tmp_path: Path, whole: dict[str, Any]) -> None:
    stops = 0
    while not fit_until(tmp_path, 1, ensemble_sizes=[1, 2]):
        stops += 1
        assert stops < EPOCHS * STEPS
    assert stops == EPOCHS * STEPS - 1
    assert outcome(tmp_path) == whole


def test_a_stop_in_the_last_step_of_all_finishes_the_training(tmp_path: Path) -> None:
    assert fit_until(tmp_path, EPOCHS * STEPS) is True
    assert position(tmp_path) == (EPOCHS, 0)
    assert (tmp_path / "last.pt").exists()


class LongTest(ClassificationTask):
    """A task during whose ``number``-th test a stop is asked for, which the test sees after its first batch."""

    def __init__(self, number: int) -> None:
        super().__init__(DATA, toy_labels(), RECIPE, HARD, 0, torch.device("cpu"))
        self.number = number

    def evaluate(self, network: nn.Module, asked: Asked = never) -> Evaluation:
        self.number -= 1
        return super().evaluate(network, never if self.number else lambda: True)


@pytest.mark.parametrize("number", [1, 2, EPOCHS])
def test_a_stop_in_a_long_test_gives_it_up_and_the_training_goes_on_with_that_test_to_the_same_bits(
    number: int, tmp_path: Path, whole: dict[str, Any]
) -> None:
    assert toy_trainer(tmp_path, task=LongTest(number), ensemble_sizes=[1, 2]).fit() is False
    assert position(tmp_path) == (number - 1, STEPS)
    assert toy_trainer(tmp_path, ensemble_sizes=[1, 2]).fit() is True
    assert outcome(tmp_path) == whole


def test_a_test_sees_a_stop_only_once_it_is_older_than_the_grace() -> None:
    now = 0.0
    stop = StopRequest(clock=lambda: now)
    assert not stop.is_older_than(0.0)
    stop.requested = True
    assert not stop.is_older_than(TEST_GRACE_S)
    now = TEST_GRACE_S
    assert not stop.is_older_than(TEST_GRACE_S)
    now += 0.1
    assert stop.is_older_than(TEST_GRACE_S)


def test_a_finished_training_does_nothing_more(tmp_path: Path, whole: dict[str, Any]) -> None:
    toy_trainer(tmp_path, ensemble_sizes=[1, 2]).fit()
    before = {path.name: path.stat().st_mtime_ns for path in tmp_path.iterdir()}
    assert toy_trainer(tmp_path, ensemble_sizes=[1, 2]).fit() is True
    assert {path.name: path.stat().st_mtime_ns for path in tmp_path.iterdir()} == before
    assert outcome(tmp_path) == whole


@pytest.mark.parametrize("name", ["checkpoint.pt", "checkpoint.previous.pt"])
def test_a_torn_checkpoint_costs_steps_and_no_bits(
    name: str, tmp_path: Path, whole: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    assert fit_until(tmp_path, 5, ensemble_sizes=[1, 2], checkpoint_steps=1) is False
    content = (tmp_path / name).read_bytes()
    (tmp_path / name).write_bytes(content[: len(content) // 2])
    assert toy_trainer(tmp_path, ensemble_sizes=[1, 2]).fit()
    assert outcome(tmp_path) == whole
    assert ("resuming from checkpoint.previous.pt" in capsys.readouterr().out) == (name == "checkpoint.pt")


def test_the_history_keeps_every_process(tmp_path: Path) -> None:
    for name in ("first", "second"):
        assert fit_until(tmp_path, 1, history=[{"host": name}]) is False
    assert toy_trainer(tmp_path, history=[{"host": "third"}]).history == [
        {"host": "first"},
        {"host": "second"},
        {"host": "third"},
    ]


@pytest.mark.parametrize("value", [torch.nan, torch.inf])
@pytest.mark.parametrize("step", [0, 1, 2])
def test_a_loss_that_is_not_finite_is_told_with_its_samples_and_saved_nowhere(
    step: int, value: float, tmp_path: Path
) -> None:
    method = Loss(lambda epoch, at, loss: loss * value if (epoch, at) == (1, step) else loss)
    samples = [int(index) for index in list(toy_task().batches(1, 0))[step][0].indices]
    told = f"the loss of epoch 2, step {step + 1} is not finite; its samples: {', '.join(map(str, samples))}"
    with pytest.raises(NonFinite, match=f"^{re.escape(told)}$"):
        toy_trainer(tmp_path, method=method).fit()
    assert position(tmp_path) == (1, 0)
    assert len(curves(tmp_path)) == 1
    assert all(weights.isfinite().all() for weights in load(tmp_path / "checkpoint.pt")["learner"]["network"].values())


def test_many_samples_are_cut_short(tmp_path: Path) -> None:
    recipe = replace(RECIPE, batch_size=20)
    method = Loss(lambda epoch, step, loss: loss * torch.nan)
    with pytest.raises(NonFinite, match=r"samples: (\d+, ){16}…$"):
        toy_trainer(tmp_path, method=method, recipe=recipe).fit()
    assert list(tmp_path.iterdir()) == []


def test_no_checkpoint_inside_an_epoch_is_made_of_a_loss_that_is_not_finite(tmp_path: Path) -> None:
    method = Loss(lambda epoch, step, loss: loss * torch.nan if (epoch, step) == (1, 1) else loss)
    with pytest.raises(NonFinite, match="epoch 2, step 2"):
        toy_trainer(tmp_path, method=method, checkpoint_steps=1).fit()
    assert position(tmp_path) == (1, 1)


def test_a_stop_after_a_loss_that_is_not_finite_is_no_checkpoint(tmp_path: Path) -> None:
    method = Loss(lambda epoch, step, loss: loss * torch.nan)
    with pytest.raises(NonFinite):
        fit_until(tmp_path, 1, method=method)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["3.weight", "3.bias", "1.running_var"])
@pytest.mark.parametrize("step", [1, 2])
def test_a_weight_that_became_infinite_enters_no_file(step: int, name: str, tmp_path: Path) -> None:
    method = PoisonedWeight(1, step, name)
    with pytest.raises(NonFinite, match=rf"^a weight is not finite after epoch 2, step {step + 1}$"):
        toy_trainer(tmp_path, method=method, checkpoint_steps=1).fit()
    assert position(tmp_path) == (1, step)
    for file in ("checkpoint.pt", "checkpoint.previous.pt"):
        network = load(tmp_path / file)["learner"]["network"]
        assert all(value.isfinite().all() for value in network.values())
    assert load(tmp_path / "best.pt")["epoch"] == 1


def test_a_weight_of_the_method_itself_that_became_infinite_is_refused_too(tmp_path: Path) -> None:
    method = Loss()
    method.head = nn.Linear(2, 2)
    with torch.no_grad():
        method.head.weight[0, 0] = torch.nan
    with pytest.raises(NonFinite, match="a weight is not finite"):
        toy_trainer(tmp_path, method=method, checkpoint_steps=1).fit()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(("objectives", "best"), [((3.0, 1.0, 1.0), 2), ((1.0, 1.0, 1.0), 1), ((3.0, 2.0, 1.0), 3)])
def test_the_best_weights_are_of_the_first_epoch_with_the_lowest_objective(
    objectives: tuple[float, ...], best: int, tmp_path: Path
) -> None:
    trainer = toy_trainer(tmp_path, task=Scripted(objectives))
    assert trainer.fit()
    assert trainer.progress.best_epoch == best
    assert load(tmp_path / "best.pt")["epoch"] == best
    assert load(tmp_path / "last.pt")["epoch"] == EPOCHS


def test_the_best_of_an_earlier_process_is_not_forgotten(tmp_path: Path) -> None:
    assert fit_until(tmp_path, STEPS, task=Scripted([1.0])) is False
    trainer = toy_trainer(tmp_path, task=Scripted([1.0, 2.0]))
    assert trainer.fit()
    assert trainer.progress.best_epoch == load(tmp_path / "best.pt")["epoch"] == 1


def test_the_last_weights_and_their_test_are_those_of_the_end(tmp_path: Path) -> None:
    trainer = toy_trainer(tmp_path)
    trainer.fit()
    last = load(tmp_path / "last.pt")
    assert bits(last["weights"]) == bits(dict(trainer.learner.network.state_dict()))
    assert last["test"].items() <= curves(tmp_path)[-1].items()
    network = trainer.learner.network.eval()
    scaled = (DATA.test_images / 255 - 0.5) / 0.5
    with safe_open(tmp_path / "last_logits.safetensors", "pt") as opened:
        torch.testing.assert_close(opened.get_tensor("logits"), network(scaled).detach())


def test_each_epoch_is_trained_at_its_rate_and_the_rows_tell_it(tmp_path: Path) -> None:
    rates: list[float] = []

    class Rates:
        def on_step(self, progress: TrainingProgress, steps: int) -> None:
            rates.append(trainer.learner.optimizer.param_groups[0]["lr"])

        def on_epoch(self, row: Row) -> None:
            rates.append(row["lr"])

    trainer = toy_trainer(tmp_path, observers=[Rates()])
    trainer.fit()
    expected = [rate for rate in (0.1, 0.01, 0.001) for _ in range(STEPS + 1)]
    assert rates == pytest.approx(expected)


def test_the_rate_moves_inside_an_epoch_and_goes_on_from_any_step(tmp_path: Path) -> None:
    """A line up to 0.1 over an epoch and a third, then half a cosine; the second process begins in the warm-up."""
    recipe = DetectionRecipe(epochs=EPOCHS, batch_size=8, lr=0.1, final_lr=0.02, warmup_epochs=4 / 3)
    rates: list[float] = []

    class Rates(StopAfter):
        def on_step(self, progress: TrainingProgress, steps: int) -> None:
            assert self.trainer is not None
            rates.append(self.trainer.learner.optimizer.param_groups[0]["lr"])
            super().on_step(progress, steps)

    for seen in (Rates(2), Rates(99)):
        seen.trainer = toy_trainer(tmp_path, recipe=recipe, observers=[seen])
        seen.trainer.fit()
    line = [0.1 * step / 4 for step in range(4)]
    cosine = [0.02 + 0.04 * (1 + math.cos(math.pi * step / 5)) for step in range(5)]
    assert rates == pytest.approx([*line, *cosine])


def test_going_on_at_a_milestone_takes_the_new_rate(tmp_path: Path) -> None:
    assert fit_until(tmp_path, STEPS) is False
    trainer = toy_trainer(tmp_path)
    trainer.stop.requested = True
    trainer.fit()
    assert trainer.learner.optimizer.param_groups[0]["lr"] == pytest.approx(0.01)


def test_checkpoints_are_made_at_each_epochs_end(tmp_path: Path) -> None:
    saves = Saves(tmp_path)
    toy_trainer(tmp_path, checkpoints=saves).fit()
    assert saves.places == [(1, 0), (2, 0), (3, 0)]


def test_checkpoints_are_made_after_so_many_steps_of_an_epoch(tmp_path: Path) -> None:
    saves = Saves(tmp_path)
    toy_trainer(tmp_path, checkpoints=saves, checkpoint_steps=2).fit()
    assert saves.places == [(0, 2), (1, 0), (1, 2), (2, 0), (2, 2), (3, 0)]


def test_checkpoints_are_made_after_so_many_minutes_since_the_last(tmp_path: Path) -> None:
    seconds = [0.0]

    class Slow:
        """Every step takes 25 seconds."""

        def on_step(self, progress: TrainingProgress, steps: int) -> None:
            seconds[0] += 25

        def on_epoch(self, row: Row) -> None:
            pass

    saves, recipe = Saves(tmp_path), replace(RECIPE, batch_size=2, epochs=1)
    toy_trainer(
        tmp_path, recipe=recipe, checkpoints=saves, observers=[Slow()], clock=lambda: seconds[0], checkpoint_minutes=1.0
    ).fit()
    assert saves.places == [(0, 3), (0, 6), (0, 9), (1, 0)]


def test_seconds_are_summed_over_the_processes_of_an_epoch(tmp_path: Path) -> None:
    for start in (100.0, 500.0, 900.0):
        now = iter(start + 2.0 * tick for tick in range(100))
        finished = fit_until(tmp_path, 1, clock=lambda now=now: next(now), recipe=replace(RECIPE, epochs=1))
    assert finished
    (row,) = [json.loads(line) for line in (tmp_path / "curves.jsonl").read_text().splitlines()]
    assert row["seconds"] == 10.0  # two seconds between two looks at the clock, in the process that worked last
    assert row["images_per_s"] == pytest.approx(20 / 10, abs=0.06)


def test_observers_see_every_step_and_each_epoch_after_its_checkpoint(tmp_path: Path) -> None:
    seen: list[Any] = []

    class Watching:
        def on_step(self, progress: TrainingProgress, steps: int) -> None:
            seen.append((progress.epoch, progress.step, steps))

        def on_epoch(self, row: Row) -> None:
            seen.append((row["epoch"], *position(tmp_path)))

    toy_trainer(tmp_path, observers=[Watching()], recipe=replace(RECIPE, epochs=2)).fit()
    assert seen == [(0, 1, 3), (0, 2, 3), (0, 3, 3), (1, 1, 0), (1, 1, 3), (1, 2, 3), (1, 3, 3), (2, 2, 0)]


def test_a_process_killed_before_an_epochs_checkpoint_makes_the_epoch_again(
    tmp_path: Path, whole: dict[str, Any]
) -> None:
    class Killed(CheckpointFolder):
        def save(self, state: State) -> None:
            if state["progress"]["epoch"] == 2:
                raise KeyboardInterrupt
            super().save(state)

    with pytest.raises(KeyboardInterrupt):
        toy_trainer(tmp_path, checkpoints=Killed(tmp_path), ensemble_sizes=[1, 2]).fit()
    assert len(curves(tmp_path)) == 1
    assert position(tmp_path) == (1, 0)
    assert toy_trainer(tmp_path, ensemble_sizes=[1, 2]).fit()
    assert outcome(tmp_path) == whole


def test_what_a_kill_between_checkpoint_and_files_left_out_is_written_from_the_checkpoint(
    tmp_path: Path, whole: dict[str, Any]
) -> None:
    class Killed(Artifacts):
        def weights(self, which: str, network: nn.Module, epoch: int, evaluation: Evaluation) -> None:
            if epoch == 3:
                raise KeyboardInterrupt
            super().weights(which, network, epoch, evaluation)

    with pytest.raises(KeyboardInterrupt):
        toy_trainer(tmp_path, artifacts=Killed(tmp_path), ensemble_sizes=[1, 2]).fit()
    assert position(tmp_path) == (3, 0)
    assert len(curves(tmp_path)) == 2
    assert toy_trainer(tmp_path, ensemble_sizes=[1, 2]).fit()
    assert outcome(tmp_path) == whole


def test_an_ensemble_asked_for_too_late_is_not_written(tmp_path: Path) -> None:
    assert fit_until(tmp_path, 2 * STEPS) is False
    assert toy_trainer(tmp_path, ensemble_sizes=[1, 2, 3]).fit()
    with safe_open(tmp_path / "ensemble_sums.safetensors", "pt") as opened:
        assert opened.metadata() == {"1": "[3]"}
        torch.testing.assert_close(opened.get_tensor("1").sum(1), torch.ones(7))


def test_methods_hear_of_every_step_and_of_each_epochs_end_before_its_test(tmp_path: Path) -> None:
    heard: list[str] = []

    class Listening(Loss):
        def after_step(self) -> None:
            heard.append("step")

        def end_epoch(self) -> None:
            heard.append("end")

        def label_table(self) -> Tensor:
            return torch.full((CLASSES, CLASSES), float(heard.count("end")))

    class Testing(ClassificationTask):
        def evaluate(self, network: nn.Module, asked: Asked = never) -> Evaluation:
            heard.append("test")
            return super().evaluate(network, asked)

    task = Testing(DATA, toy_labels(), RECIPE, HARD, 0, torch.device("cpu"))
    toy_trainer(tmp_path, method=Listening(), task=task).fit()
    assert heard == ["step", "step", "step", "end", "test"] * EPOCHS
    for epoch in (1, 2, 3):
        with safe_open(tmp_path / "label_tables" / f"epoch_{epoch:04d}.safetensors", "pt") as opened:
            assert float(opened.get_tensor("soft_labels")[0, 0]) == epoch


def test_the_test_leaves_the_network_in_training_mode_and_unchanged() -> None:
    task, learner = toy_task(), toy_learner()
    learner.network.train()
    before = bits(dict(learner.network.state_dict()))
    first, second = task.evaluate(learner.network), task.evaluate(learner.network)
    assert learner.network.training
    assert bits(dict(learner.network.state_dict())) == before
    assert torch.equal(first.outputs["logits"], second.outputs["logits"])
    assert first.fields["n_test"] == 7
    assert first.objective == first.fields["test_top1_err"]
