"""Training loop, one for all tasks, methods, data sets, devices and numbers of ranks; it resumes after any step."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Protocol

import torch
from torch import Tensor, nn

from olsrepro.distributed.gradients import running_statistics, share_running_statistics, sum_gradients
from olsrepro.distributed.news import Agreement, any_rank, for_first, from_first
from olsrepro.distributed.ranks import arrive, is_first, rank, rank_count
from olsrepro.training.artifacts import Artifacts
from olsrepro.training.checkpoint import CheckpointFolder, State
from olsrepro.training.learner import Learner
from olsrepro.training.progress import Row, TrainingProgress
from olsrepro.training.random_state import load_random_state, random_state
from olsrepro.training.recipe import RecipeSettings
from olsrepro.training.runtime import RuntimeSettings
from olsrepro.training.stop import StopRequest
from olsrepro.training.task import Evaluation, NonFinite, StoppedInTest, Task

TEST_GRACE_S = 5.0
"""Seconds after which a stop ends a test; a shorter one is finished, and its epoch with it."""


class Observer(Protocol):
    """Observer of a training, such as a progress bar or TensorBoard."""

    def on_step(self, progress: TrainingProgress, steps: int) -> None:
        """Observe that a step was made, in an epoch of ``steps``."""

    def on_epoch(self, row: Row) -> None:
        """Observe that an epoch was finished, tested and written to files."""


class Collector(Protocol):
    """Collector of results from the tests of a training, written at its end, such as an ensemble's sums."""

    @property
    def name(self) -> str:
        """Key of its state in a checkpoint."""

    def add(self, epoch: int, evaluation: Evaluation) -> None:
        """Collect results of an epoch's test; epochs are counted from 1."""

    def write(
        self, artifacts: Artifacts, epoch: int, network: nn.Module, evaluation: Evaluation, *, last: bool
    ) -> None:
        """Write its files of an epoch; ``last`` says whether it is the training's last."""

    def state_dict(self) -> dict[str, Any]:
        """Return its state, for a checkpoint."""

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Resume from a state taken with :meth:`state_dict`."""


@dataclass
class Trainer:
    """Training of a learner at a task, with checkpoints and artifacts; after :meth:`resume` it continues bit for bit.

    ``history`` is kept in the checkpoint untouched: one entry for each process that worked on the run. Each rank has a
    trainer and makes the same calls; only the first rank's reads and writes files.
    """

    task: Task
    learner: Learner
    recipe: RecipeSettings
    runtime: RuntimeSettings
    artifacts: Artifacts
    checkpoints: CheckpointFolder
    stop: StopRequest
    observers: Sequence[Observer] = ()
    collectors: Sequence[Collector] = ()
    history: list[dict[str, Any]] = field(default_factory=list)
    clock: Callable[[], float] = time.monotonic

    def __post_init__(self) -> None:
        self.progress = TrainingProgress()
        self.device = next(self.learner.network.parameters()).device
        self._statistics = running_statistics(self.learner.network, self.learner.method)
        self._agreement = Agreement()
        self._last_checkpoint = self.clock()
        self._began = self.clock()

    def resume(self) -> bool:
        """Load the newest checkpoint that can be resumed from, if there is one; return whether there was."""
        refusal = partial(_unfit, [collector.name for collector in self.collectors])
        state = from_first(self.checkpoints.newest(refusal) if is_first() else None)
        if state is None:
            return False
        self.learner.load_state_dict(state["learner"])
        for collector in self.collectors:
            collector.load_state_dict(state[collector.name])
        self.progress = TrainingProgress.from_state(state["progress"])
        self.history[:0] = state["history"]
        self._load_own(state["ranks"])
        return True

    def _load_own(self, states: Sequence[State]) -> None:
        """Load this rank's own state; if another number of ranks wrote it, as much of it as can be shared out."""
        method, at = self.learner.method, rank()
        if len(states) == rank_count():
            method.load_state_dict(states[at]["method"])
            self.task.counters.load_state_dict(states[at]["counters"])
        else:
            method.load_state_dict(method.state_of_rank(at, [state["method"] for state in states]))
        if at < len(states):
            load_random_state(states[at]["random"], self.device)

    def fit(self) -> bool:
        """Train to the last epoch; False if a stop was asked for and a checkpoint written instead.

        Raises:
            NonFinite: a loss or a weight is not finite; the last checkpoint is from before.
        """
        self.learner.network.train()
        self.learner.method.train()
        try:
            return self._fit()
        except StoppedInTest:
            if self.progress.untested is not None:
                self.checkpoint()
            return False

    def _fit(self) -> bool:
        if from_first(is_first() and self._lacks_files()):
            self._write_down(self._evaluate())
        while self.progress.epoch < self.recipe.epochs:
            if self.progress.untested is None and not self._train_epoch():
                return False
            self._finish_epoch()
            if any_rank(self.stop.requested) and self.progress.epoch < self.recipe.epochs:
                return False
        return True

    def _lacks_files(self) -> bool:
        """Return whether a file of the last finished epoch is missing or damaged, while its weights are still here."""
        epoch, artifacts = self.progress.epoch, self.artifacts
        if epoch == 0 or self.progress.step > 0:
            return False
        due = [which for which, of in (("best", self.progress.best_epoch), ("last", self.recipe.epochs)) if of == epoch]
        has_table = self.learner.method.label_table() is None or artifacts.has_label_table(epoch)
        has_weights = all(artifacts.has_weights(which, epoch) for which in due)
        return artifacts.written_epochs() < epoch or not (has_weights and has_table)

    def _train_epoch(self) -> bool:
        progress, steps = self.progress, self.task.steps_per_epoch()
        self._began = self.clock() - progress.seconds
        for parts in self.task.batches(progress.epoch, progress.step):
            self.learner.set_learning_rate(progress.epoch + progress.step / steps)
            self._step(parts)
            progress.step += 1
            progress.seconds = self.clock() - self._began
            for observer in self.observers:
                observer.on_step(progress, steps)
            stops, is_due = self._agreement.on(self.stop.requested, is_first() and self._time_is_due())
            if progress.step < steps and (stops or is_due or self._step_is_due()):
                self.checkpoint()
                if stops:
                    return False
        self._agreement.forget()
        return True

    def _step(self, parts: Sequence[Any]) -> None:
        """Make one step of the optimiser, on this rank's parts of a batch, one after another."""
        learner = self.learner
        learner.optimizer.zero_grad(set_to_none=True)
        for batch in parts:
            with torch.autocast(self.device.type, torch.bfloat16, enabled=self.recipe.precision == "bf16"):
                output = self.task.loss(learner.method, learner.forward, batch)
            (output.loss if batch.step_size is None else output.loss * batch.share).backward()
            self.task.counters.add(self.progress.step, batch, output)
        sum_gradients(learner.optimised())
        share_running_statistics(self._statistics)
        learner.step()

    def _finish_epoch(self) -> None:
        if self.progress.untested is None:
            self._finish_steps()
        evaluation = self._evaluate()
        row = self._row(evaluation)
        self.task.counters.reset()
        self.progress.finish_epoch(row, evaluation.objective)
        for collector in self.collectors:
            collector.add(self.progress.epoch, evaluation)
        self.checkpoint()
        self._write_down(evaluation)

    def _finish_steps(self) -> None:
        """Do what comes between an epoch's last step and its test."""
        self._refuse_non_finite()
        self.learner.method.end_epoch()
        self.progress.untested = self.task.end_epoch(self.progress.epoch, self.learner.method, self.learner.tested)
        self.progress.seconds = self.clock() - self._began  # with the method's own passes, without the test

    def _evaluate(self) -> Evaluation:
        with torch.autocast(self.device.type, torch.bfloat16, enabled=self.recipe.precision == "bf16"):
            return self.task.evaluate(self.learner.tested, lambda: self.stop.is_older_than(TEST_GRACE_S))

    def _row(self, evaluation: Evaluation) -> Row:
        images = self.task.images_seen()
        return {
            "epoch": self.progress.epoch + 1,
            "lr": self.learner.learning_rate(self.progress.epoch),
            "images": images,
            **self.task.training_fields(),
            **evaluation.fields,
            **(self.progress.untested or {}),
            "seconds": round(self.progress.seconds, 3),
            "images_per_s": round(images / max(self.progress.seconds, 1e-9), 1),
        }

    def _write_down(self, evaluation: Evaluation) -> None:
        """Write the finished epoch's files after its checkpoint, curves last: :meth:`fit` sees what a kill left out."""
        if is_first():
            self._write_artifacts(evaluation)
            for observer in self.observers:
                observer.on_epoch(self.progress.rows[-1])
            self.artifacts.curves(self.progress.rows)
        arrive()

    def _write_artifacts(self, evaluation: Evaluation) -> None:
        epoch, network = self.progress.epoch, self.learner.kept
        if epoch == self.progress.best_epoch:
            self.artifacts.weights("best", network, epoch, evaluation)
        if (table := self.learner.method.label_table()) is not None:
            self.artifacts.label_table(epoch, table)
        if epoch == self.recipe.epochs:
            self.artifacts.weights("last", network, epoch, evaluation)
        for collector in self.collectors:
            collector.write(self.artifacts, epoch, network, evaluation, last=epoch == self.recipe.epochs)

    def checkpoint(self) -> None:
        """Write a checkpoint of everything that the next step depends on, unless something in it is not finite."""
        self._refuse_non_finite()
        ranks = for_first(self._own_state())
        if is_first():
            state = {
                "learner": self.learner.state_dict(),
                "ranks": ranks,
                **{collector.name: collector.state_dict() for collector in self.collectors},
                "progress": self.progress.state_dict(),
                "history": self.history,
                "inside_epoch": self.progress.step > 0,
            }
            self.checkpoints.save(state)
        arrive()
        self._agreement.forget()
        self._last_checkpoint = self.clock()

    def _own_state(self) -> State:
        """Return the state that differs between ranks: of the method, the counters and the random generators."""
        own = {"method": self.learner.method.state_dict(), "counters": self.task.counters.state_dict()}
        own["random"] = random_state(self.device)
        return own if rank_count() == 1 else _on_cpu(own)

    def _step_is_due(self) -> bool:
        every = self.runtime.checkpoint_steps
        return every is not None and self.progress.step % every == 0

    def _time_is_due(self) -> bool:
        return self.clock() - self._last_checkpoint >= 60 * self.runtime.checkpoint_minutes

    def _refuse_non_finite(self) -> None:
        epoch, step = self.progress.epoch, self.task.counters.first_bad_step()
        if step is not None:
            made_of = self.task.files_of(epoch, step)
            raise NonFinite(f"the loss of epoch {epoch + 1}, step {step + 1} is not finite; its samples: {made_of}")
        if any_rank(not self.learner.is_finite()):
            raise NonFinite(f"a weight is not finite after epoch {epoch + 1}, step {self.progress.step}")


def _unfit(collectors: Sequence[str], state: State) -> str | None:
    """Return why these ranks can't resume from a state, or None: inside an epoch each rank's own part is needed."""
    if not state.keys() >= {"learner", "progress", "history", *collectors}:
        return "holds no state of a training"
    if "ranks" not in state:
        return "was written by an earlier version of olsrepro"
    ranks = len(state["ranks"])
    if not state["inside_epoch"] or ranks == rank_count():
        return None
    return f"was written inside an epoch by {ranks} rank{'s' * (ranks > 1)}, not by {rank_count()}"


def _on_cpu(value: Any) -> Any:
    if isinstance(value, Tensor):
        return value.detach().cpu()
    if isinstance(value, dict):
        return {key: _on_cpu(item) for key, item in value.items()}
    return [_on_cpu(item) for item in value] if isinstance(value, list | tuple) else value
