"""Layers of a library's network in named stages, with the interface of a backbone."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from itertools import chain

from torch import Tensor, nn

from olsrepro.models.backbone import Backbone
from olsrepro.models.weight_names import own_names


class StagedTrunk(nn.Module):
    """Stem and named stages, all of them layers of a library's network, with the weights it has drawn.

    Args:
        library: the network that the layers were taken from; its own head is not used.
        stem: layers before the first stage.
        stages: stages by name, first to last.
    """

    stages: tuple[str, ...]
    """Names of the stages, first to last."""
    stage_channels: dict[str, int]
    """Channels of each stage's map."""
    library_keys: dict[str, str]
    """Keys of the library's state dict by our keys, for stem and stages."""

    def __init__(self, library: nn.Module, *, stem: nn.Module, stages: Mapping[str, nn.Module]) -> None:
        super().__init__()
        self.stem = stem
        for name, stage in stages.items():
            self.add_module(name, stage)
        self.library_keys = _same_tensors(self, library)
        self.stages = tuple(stages)
        self.stage_channels = {name: _out_channels(stage) for name, stage in stages.items()}

    def weight_names(self) -> list[dict[str, str]]:
        """List the names that a file may use, by our keys: the library's, then ours."""
        return [self.library_keys, own_names(self)]

    def stage_features(self, images: Tensor) -> dict[str, Tensor]:
        """Return the maps ``(B, stage_channels[name], h, w)`` of images ``(B, 3, H, W)``, in order of ``stages``."""
        features = self.stem(images)
        maps: dict[str, Tensor] = {}
        for name in self.stages:
            maps[name] = features = getattr(self, name)(features)
        return maps


class StagedNetwork(StagedTrunk, Backbone):
    """Trunk, dropout and a linear classifier.

    The trunk is drawn before the classifier: for a given seed it doesn't depend on the number of classes.

    Args:
        library: the network that the layers were taken from.
        stem: layers before the first stage.
        stages: stages by name, first to last; the last one's map is pooled.
        num_classes: K.
        initialise: draws a layer as the library does; applied to the classifier and to every module added later.
        dropout: share of the pooled features dropped in training.
    """

    def __init__(
        self,
        library: nn.Module,
        *,
        stem: nn.Module,
        stages: Mapping[str, nn.Module],
        num_classes: int,
        initialise: Callable[[nn.Module], None],
        dropout: float = 0.0,
    ) -> None:
        super().__init__(library, stem=stem, stages=stages)
        self._initialise = initialise
        self.dropout = nn.Dropout(dropout)
        self.fc = nn.Linear(self.stage_channels[self.stages[-1]], num_classes)
        self.initialise(self.fc)

    def initialise(self, module: nn.Module) -> None:
        """Draw every layer in ``module`` as the library does."""
        module.apply(self._initialise)

    def classify(self, pooled: Tensor) -> Tensor:
        """Return the logits ``(B, K)`` of pooled features ``(B, C)``, some of which are dropped in training."""
        logits: Tensor = self.fc(self.dropout(pooled))
        return logits


def stages_by_stride(rows: Iterable[nn.Module], strides: Iterable[int], head: nn.Module) -> dict[str, nn.Module]:
    """Group rows of blocks into ``stage1``, ``stage2``, ...: halving the map begins a stage, ``head`` ends the last.

    Keys are ``stage<number>.<row in it>.<block in it>``, so that more or fewer blocks in a row change no other key.
    """
    stages: list[nn.Sequential] = []
    for row, stride in zip(rows, strides, strict=True):
        if stride > 1 or not stages:
            stages.append(nn.Sequential())
        stages[-1].append(row)
    stages[-1].append(head)
    return {f"stage{number}": stage for number, stage in enumerate(stages, start=1)}


def _same_tensors(network: nn.Module, library: nn.Module) -> dict[str, str]:
    theirs = {id(tensor): key for key, tensor in _tensors(library)}
    return {key: theirs[id(tensor)] for key, tensor in _tensors(network)}


def _tensors(network: nn.Module) -> Iterable[tuple[str, Tensor]]:
    return chain(network.named_parameters(), network.named_buffers())


def _out_channels(stage: nn.Module) -> int:
    """Return the features of the last batch norm, on which these stages end except for activations and sums."""
    return [module.num_features for module in stage.modules() if isinstance(module, nn.BatchNorm2d)][-1]
