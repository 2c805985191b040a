"""The loop: one for every task, method, data set and device. It can stop after any step and go on bitwise."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import torch
from torch import nn

from olsrepro.evaluation.ensemble_epochs import members_by_size
from olsrepro.evaluation.ensemble_sums import EnsembleSums
from olsrepro.methods.base import LabelMethod
from olsrepro.training.artifacts import Artifacts
from olsrepro.training.checkpoint import CheckpointFolder, State
from olsrepro.training.progress import Progress, Row
from olsrepro.training.settings import RecipeSettings, RuntimeSettings
from olsrepro.training.stop import StopRequest
from olsrepro.training.task import Evaluation, Task


class NonFinite(Exception):
    """A loss or a weight is no longer finite; no checkpoint holds that state."""


class Observer(Protocol):
    """Somebody who watches a training: a progress bar, TensorBoard."""

    def on_step(self, progress: Progress, steps: int) -> None:
        """A step of an epoch of ``steps`` was made."""

    def on_epoch(self, row: Row) -> None:
        """An epoch was finished, tested and written down."""


@dataclass
class Learner:
    """What learns: the network, its label method and the optimiser.

    ``forward`` is what a training step calls and ``tested`` what a test calls: what the method makes of the network, or
    a compiled or wrapped form of it. The checkpoint is always of the network and the method themselves.
    ``learning_rate`` is a function of the 0-based epoch.
    """

    network: nn.Module
    method: LabelMethod
    optimizer: torch.optim.Optimizer
    forward: nn.Module
    tested: nn.Module
    learning_rate: Callable[[int], float]

    def state_dict(self) -> State:
        """Weights, the method's state and the optimiser's."""
        return {
            "network": self.network.state_dict(),
            "method": self.method.state_dict(),
            "optimizer": self.optimizer.state_dict(),
        }

    def load_state_dict(self, state: State) -> None:
        """Go on from a state taken with :meth:`state_dict`."""
        self.network.load_state_dict(state["network"])
        self.method.load_state_dict(state["method"])
        self.optimizer.load_state_dict(state["optimizer"])

    def is_finite(self) -> bool:
        """Whether every weight and buffer of the network and every weight of the method is finite (one device read)."""
        tensors = [*self.network.state_dict().values(), *self.method.parameters()]
        floating = [t.detach() for t in tensors if t.is_floating_point() and t.numel()]
        return bool(torch.stack([tensor.abs().amax().float() for tensor in floating]).isfinite().all())


@dataclass
class Trainer:
    """Trains a learner at a task, writing checkpoints and artifacts; :meth:`fit` goes on from the last checkpoint.

    ``history`` is kept in the checkpoint untouched: one entry for each process that worked at the run. ``seed`` is the
    run's, which draws the epochs of an ensemble.
    """

    task: Task
    learner: Learner
    recipe: RecipeSettings
    runtime: RuntimeSettings
    artifacts: Artifacts
    checkpoints: CheckpointFolder
    stop: StopRequest
    observers: Sequence[Observer] = ()
    history: list[dict[str, Any]] = field(default_factory=list)
    seed: int = 0
    clock: Callable[[], float] = time.monotonic

    def __post_init__(self) -> None:
        self.progress = Progress()
        sizes, grid = self.runtime.ensemble_sizes, self.runtime.ensemble_grid
        self.ensemble = EnsembleSums(members_by_size(sizes, grid, self.recipe.epochs, self.seed))
        self.device = next(self.learner.network.parameters()).device
        self._last_checkpoint = self.clock()
        self._began = self.clock()

    @property
    def written_epochs(self) -> int:
        """Finished epochs whose files are written; one less than finished after a kill between checkpoint and files."""
        return min(self.artifacts.written_epochs(), self.progress.epoch)

    def resume(self) -> bool:
        """Load the newest whole checkpoint, if there is one; whether there was."""
        state = self.checkpoints.newest()
        if state is None:
            return False
        self.learner.load_state_dict(state["learner"])
        self.task.counters.load_state_dict(state["counters"])
        self.ensemble.load_state_dict(state["ensemble"])
        self.progress = Progress.from_state(state["progress"])
        self.history[:0] = state["history"]
        _load_random_state(state["random"], self.device)
        return True

    def fit(self) -> bool:
        """Train to the last epoch; False if a stop was asked for and a checkpoint written instead.

        Raises:
            NonFinite: a loss or a weight is not finite; the last checkpoint is from before.
        """
        self.learner.network.train()
        self.learner.method.train()
        if self.progress.step == 0 and self.written_epochs < self.progress.epoch:
            self._write_down(self._evaluate())
        while self.progress.epoch < self.recipe.epochs:
            if not self._train_epoch():
                return False
            self._finish_epoch()
            if self.stop.requested and self.progress.epoch < self.recipe.epochs:
                return False
        return True

    def _train_epoch(self) -> bool:
        progress, steps = self.progress, self.task.steps_per_epoch()
        self._set_learning_rate()
        self._began = self.clock() - progress.seconds
        for batch in self.task.batches(progress.epoch, progress.step):
            self._step(batch)
            progress.step += 1
            progress.seconds = self.clock() - self._began
            for observer in self.observers:
                observer.on_step(progress, steps)
            if progress.step < steps and (self.stop.requested or self._checkpoint_is_due()):
                self.checkpoint()
                if self.stop.requested:
                    return False
        return True

    def _step(self, batch: Any) -> None:
        learner = self.learner
        learner.optimizer.zero_grad(set_to_none=True)
        with torch.autocast(self.device.type, torch.bfloat16, enabled=self.recipe.precision == "bf16"):
            output = learner.method(learner.forward, batch)
        output.loss.backward()
        learner.optimizer.step()
        learner.method.after_step()
        self.task.counters.add(self.progress.step, batch, output)

    def _finish_epoch(self) -> None:
        self._refuse_non_finite()
        self.learner.method.end_epoch()
        from_method = self.task.end_epoch(self.progress.epoch, self.learner.method, self.learner.tested)
        self.progress.seconds = self.clock() - self._began  # with the method's own passes; the test is no training
        evaluation = self._evaluate()
        row = self._row(evaluation, from_method)
        self.task.counters.reset()
        self.progress.finish_epoch(row, evaluation.objective)
        self.ensemble.add(self.progress.epoch, evaluation.logits)
        self.checkpoint()
        self._write_down(evaluation)

    def _evaluate(self) -> Evaluation:
        with torch.autocast(self.device.type, torch.bfloat16, enabled=self.recipe.precision == "bf16"):
            return self.task.evaluate(self.learner.tested)

    def _row(self, evaluation: Evaluation, from_method: dict[str, Any]) -> Row:
        images = self.task.images_seen()
        return {
            "epoch": self.progress.epoch + 1,
            "lr": self.learner.learning_rate(self.progress.epoch),
            "images": images,
            **self.task.training_fields(),
            **evaluation.fields,
            **from_method,
            "seconds": round(self.progress.seconds, 3),
            "images_per_s": round(images / max(self.progress.seconds, 1e-9), 1),
        }

    def _write_down(self, evaluation: Evaluation) -> None:
        """The finished epoch's files after its checkpoint, the curves last: :meth:`fit` sees what a kill left out."""
        self._write_artifacts(evaluation)
        for observer in self.observers:
            observer.on_epoch(self.progress.rows[-1])
        self.artifacts.curves(self.progress.rows)

    def _write_artifacts(self, evaluation: Evaluation) -> None:
        epoch, network = self.progress.epoch, self.learner.network
        if epoch == self.progress.best_epoch:
            self.artifacts.weights("best", network, epoch, evaluation)
        if self.runtime.keep == "grid" and epoch in self.ensemble.epochs:
            self.artifacts.epoch_weights(network, epoch, evaluation)
        if (table := self.learner.method.label_table()) is not None:
            self.artifacts.label_table(epoch, table)
        if epoch == self.recipe.epochs:
            self.artifacts.weights("last", network, epoch, evaluation)
            if sums := self.ensemble.complete():
                self.artifacts.ensemble(sums, self.ensemble.members)

    def checkpoint(self) -> None:
        """Write a checkpoint of everything that the next step depends on, unless something in it is not finite."""
        self._refuse_non_finite()
        self.checkpoints.save(
            {
                "learner": self.learner.state_dict(),
                "counters": self.task.counters.state_dict(),
                "ensemble": self.ensemble.state_dict(),
                "progress": self.progress.state_dict(),
                "history": self.history,
                "random": _random_state(self.device),
            }
        )
        self._last_checkpoint = self.clock()

    def _checkpoint_is_due(self) -> bool:
        every = self.runtime.checkpoint_steps
        if every is not None and self.progress.step % every == 0:
            return True
        return self.clock() - self._last_checkpoint >= 60 * self.runtime.checkpoint_minutes

    def _refuse_non_finite(self) -> None:
        epoch, step = self.progress.epoch, self.task.counters.first_bad_step()
        if step is not None:
            samples = self.task.samples_of(epoch, step)
            shown = ", ".join(map(str, samples[:16])) + (", …" if len(samples) > 16 else "")
            raise NonFinite(f"the loss of epoch {epoch + 1}, step {step + 1} is not finite; its samples: {shown}")
        if not self.learner.is_finite():
            raise NonFinite(f"a weight is not finite after epoch {epoch + 1}, step {self.progress.step}")

    def _set_learning_rate(self) -> None:
        for group in self.learner.optimizer.param_groups:
            group["lr"] = self.learner.learning_rate(self.progress.epoch)


def _random_state(device: torch.device) -> dict[str, Any]:
    """State of the generators that dropout and the like draw from; data, noise and labels draw by address."""
    cuda = torch.cuda.get_rng_state(device) if device.type == "cuda" else None
    return {"cpu": torch.get_rng_state(), "cuda": cuda}


def _load_random_state(state: dict[str, Any], device: torch.device) -> None:
    torch.set_rng_state(state["cpu"])
    if device.type == "cuda" and state["cuda"] is not None:
        torch.cuda.set_rng_state(state["cuda"], device)
