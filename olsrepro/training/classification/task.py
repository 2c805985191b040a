"""Task of classifying images with one label each."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict
from typing import Any

import torch
from torch import Tensor, nn

from olsrepro.data.batch import Batch
from olsrepro.data.dataset import LabelledImages
from olsrepro.data.labels.clean_set import CleanBatches
from olsrepro.data.loaders import Loader, ReaderOptions, test_pass, training_loader
from olsrepro.data.noise.noisy_labels import NoisyLabels
from olsrepro.data.shard import Shard
from olsrepro.distributed.gather import gathered
from olsrepro.distributed.ranks import rank, rank_count
from olsrepro.evaluation.classification import classify, predicted
from olsrepro.methods.base import LabelMethod, StepOutput
from olsrepro.methods.settings import CleanSet, MethodSettings
from olsrepro.training.classification.settings import KIND
from olsrepro.training.counters import EpochCounters
from olsrepro.training.recipe import RecipeSettings
from olsrepro.training.task import Asked, Evaluation, never, refuse_stopped, shortened, until

EVALUATION_BATCH = 500


class ClassificationTask:
    """Classification of images with one label each, tested by top-1 and top-5 error.

    Args:
        data: training and test set.
        labels: given ones of the training set.
        recipe: has batch size and augmentation.
        method: says which views and clean images it wants.
        seed: of the run.
        device: where batches are made.
        channels_last: memory format of images.
        clean: samples of the method's clean set.
        reader: how photographs are read.
        accumulate: number of parts that each rank's share of a batch is split into.
    """

    def __init__(
        self,
        data: LabelledImages,
        labels: NoisyLabels,
        recipe: RecipeSettings,
        method: MethodSettings,
        seed: int,
        device: torch.device,
        *,
        channels_last: bool = False,
        clean: Tensor | None = None,
        reader: ReaderOptions | None = None,
        accumulate: int = 1,
    ) -> None:
        wanted, batch_size = method.clean_set(), method.images_per_batch(recipe.batch_size)
        together = wanted is not None and wanted.in_training
        reader = reader or ReaderOptions()
        shard = Shard(rank(), rank_count(), in_pairs=method.needs_pairs)
        self._loader = training_loader(
            data,
            labels.targets,
            reader,
            augment=method.first_view(recipe.augment),
            batch_size=batch_size,
            seed=seed,
            device=device,
            channels_last=channels_last,
            more_views=method.more_views(recipe.augment),
            held_out=None if together else clean,
            clean=_clean_batches(clean, wanted, batch_size, seed, device),
            shard=shard,
        )
        self._test_batches = test_pass(
            data,
            shard.of_samples(len(data.test_targets)),
            reader,
            batch_size=EVALUATION_BATCH,
            device=device,
            channels_last=channels_last,
        )
        self._recipe = recipe
        self._given = labels.targets.to(device)
        self._data = data
        self._accumulate = accumulate
        self._in_pairs = method.needs_pairs
        self.counters = EpochCounters(data.train_targets.to(device))

    def steps_per_epoch(self) -> int:
        """Return the number of optimiser steps in an epoch."""
        return len(self._loader)

    def batches(self, epoch: int, start: int) -> Iterator[Sequence[Batch]]:
        """Yield this rank's share of each batch of an epoch, in parts, from step ``start`` on."""
        for batch in self._loader.epoch(epoch, start):
            yield batch.parts(self._accumulate, in_pairs=self._in_pairs)

    def loss(self, method: LabelMethod, network: nn.Module, batch: Batch) -> StepOutput:
        """Return the method's loss of a batch, with the logits."""
        output: StepOutput = method(network, batch)
        return output

    def images_seen(self) -> int:
        """Count the images trained on in this epoch so far, on all ranks."""
        return self.counters.images()

    def training_fields(self) -> dict[str, Any]:
        """Return mean loss, error against the given labels, and the exact counts behind it."""
        counts = self.counters.read()
        numbers = asdict(counts)
        return {"train_loss": numbers.pop("mean_loss"), "train_err": counts.train_err} | {
            f"n_{key}" if not key.startswith("hit") else key: value for key, value in numbers.items()
        }

    @torch.no_grad()
    def evaluate(self, network: nn.Module, asked: Asked = never) -> Evaluation:
        """Measure top-1 and top-5 error on the test set in evaluation mode, each image once, ranks sharing them.

        Raises:
            StoppedInTest: a stop was asked for on any rank; on all ranks.
        """
        network.eval()
        parts = [network(images).float() for images, _ in until(asked, self._test_batches())]
        network.train()
        refuse_stopped(asked)
        logits = gathered(torch.cat(parts))
        result = classify(logits, self._data.test_targets.to(logits.device))
        fields = {
            "test_top1_err": result.top1_err,
            "test_top5_err": result.top5_err,
            "test_loss": result.loss,
            "n_test": result.count,
            "hit_test": result.hits,
        }
        return Evaluation(
            fields, result.top1_err, {"logits": logits.cpu(), "targets": self._data.test_targets}, KIND.outputs
        )

    def training_set(self) -> LoadedTrainingSet:
        """Return all images that steps train on."""
        return LoadedTrainingSet(self._loader)

    def end_epoch(self, epoch: int, method: LabelMethod, network: nn.Module) -> dict[str, Any]:
        """Count again with predictions made after the steps, if any; return the row's fields from the method."""
        predictions = method.predictions()
        if predictions is None and self._recipe.train_error == "eval":
            predictions = predicted_classes(
                network, self.training_set().batches(epoch, augmented=False), len(self._given)
            )
        if predictions is not None:
            self.counters.count_instead(predictions, self._given)
        fields = {f"method_{key}": value for key, value in method.epoch_facts().items()}
        if (corrected := method.corrected_labels()) is not None:
            fields["label_accuracy"] = 100 * self.counters.share_true(corrected)
        return fields

    def files_of(self, epoch: int, step: int) -> str:
        """Name the samples of one batch by their files, or by their indices where they have none."""
        return shortened(self._data.sample_names(self._loader.samples_of(epoch, step)))


class LoadedTrainingSet:
    """Training set of a loader, as a ``methods.base.TrainingSet``."""

    def __init__(self, loader: Loader) -> None:
        self._loader = loader

    def batches(self, epoch: int, *, augmented: bool) -> Iterator[Batch]:
        """Yield every image that steps train on, once, by rising sample index."""
        return self._loader.whole(epoch, augmented=augmented)


@torch.no_grad()
def predicted_classes(network: nn.Module, batches: Iterator[Batch], count: int) -> Tensor:
    """Return predicted classes (N,) by sample index in evaluation mode, -1 for samples that no batch has."""
    network.eval()
    found: Tensor | None = None
    for batch in batches:
        guess = predicted(network(batch.images))
        found = torch.full((count,), -1, device=guess.device) if found is None else found
        found[batch.indices] = guess
    network.train()
    assert found is not None
    return found


def _clean_batches(
    clean: Tensor | None, wanted: CleanSet | None, batch_size: int, seed: int, device: torch.device
) -> CleanBatches | None:
    if clean is None or wanted is None:
        return None
    return CleanBatches(clean.to(device), wanted.batch_size or batch_size, seed)
