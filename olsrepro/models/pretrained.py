"""Loading of weights from a file, ours or the library's, into all of a network but its classifier."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file
from torch import Tensor

from olsrepro.checks import other_content
from olsrepro.models.backbone import Backbone
from olsrepro.models.detector import Detector
from olsrepro.settings import UserError

NESTED_UNDER = ("state_dict", "model", "weights")
"""Keys that checkpoints nest weights under: in SAN's and many others, in some, in a run's ``best.pt``, ``last.pt``."""
WRAPPER = "module."
"""Prefix that torch's parallel wrappers add to every key."""

_COUNTER = "num_batches_tracked"
_TOLD = 3
_LOOKED_AT = 512  # bytes
_DEEPEST = 8  # levels of nesting; a mapping may hold itself


def load_pretrained(network: Backbone | Detector, path: Path) -> None:
    """Copy the weights of a file to all of a network but its classifier, which keeps its initial weights.

    The classifier keeps them even if its shape is the file's, as in the authors' fine-grained code. Keys are those of
    our state dict or of the library that the network's layers come from; batch norms' counters may be missing. A
    classifier's file fills a detector's trunk, and the rest of the detector keeps its initial weights; a detector's
    own file fills all but the last layer of each head. Everything is checked before anything is copied.

    Args:
        network: on any device; the file's tensors are converted to its dtypes.
        path: a safetensors file, or one of ``torch.save`` (with tensors and plain values only, as no other is safe to
            read), in which the weights may be nested under one of :data:`NESTED_UNDER`.

    Raises:
        UserError: the file can't be read, holds no weights, or holds those of another network.
    """
    found = read_weights(path)
    ours = network.state_dict()
    names = min(network.weight_names(), key=lambda naming: len(_missing(naming, found)))
    if differences := _differences(ours, names, found):
        raise UserError(f"{path} holds the weights of another network: {'; '.join(differences)}")
    with torch.no_grad():
        for key, name in names.items():
            if name in found:
                ours[key].copy_(found[name])


def read_weights(path: Path) -> dict[str, Tensor]:
    """Read the tensors of a file by their keys, on the CPU, without the nesting or prefix of checkpoints and wrappers.

    Raises:
        UserError: the file can't be read or holds no tensors.
    """
    weights = _unwrapped(_content(path))
    if not weights:
        raise UserError(f"{path} holds no weights, neither at its top level nor under {', '.join(NESTED_UNDER)}")
    return weights


def _content(path: Path) -> Any:
    try:
        start = _start(path)
        is_safetensors = start[8:9] == b"{"  # a length of eight bytes, then JSON; torch's formats differ here
        return load_file(path) if is_safetensors else torch.load(path, map_location="cpu", weights_only=True)
    except OSError as error:
        raise UserError(f"{path} can't be read: {error.strerror or error}") from None
    except MemoryError:
        raise
    except Exception:  # a damaged pickle can raise anything
        found = other_content(start) or "damaged or not a file of weights"
        raise UserError(
            f"{path} is {found}: use a safetensors file, or one of torch.save with only tensors and plain values"
        ) from None


def _start(path: Path) -> bytes:
    with open(path, "rb") as file:
        return file.read(_LOOKED_AT)


def _unwrapped(content: Any, levels: int = _DEEPEST) -> dict[str, Tensor]:
    if not isinstance(content, Mapping):
        return {}
    nested = next((content[key] for key in NESTED_UNDER if isinstance(content.get(key), Mapping)), None)
    if nested is not None:
        return _unwrapped(nested, levels - 1) if levels else {}
    tensors = {key: value for key, value in content.items() if isinstance(key, str) and isinstance(value, Tensor)}
    if all(key.startswith(WRAPPER) for key in tensors):
        return {key.removeprefix(WRAPPER): value for key, value in tensors.items()}
    return tensors


def _differences(ours: Mapping[str, Tensor], names: Mapping[str, str], found: Mapping[str, Tensor]) -> list[str]:
    """List the differences between a file's weights and the network's, as clauses; empty if they fit."""
    missing, strange = _missing(names, found), _strange(names, found)
    misshapen = [
        f"{name} is {tuple(found[name].shape)} there and {tuple(ours[key].shape)} here"
        for key, name in names.items()
        if name in found and found[name].shape != ours[key].shape
    ]
    clauses = {"it lacks ": missing, "it also has ": strange, "": misshapen}
    return [what + _first(items) for what, items in clauses.items() if items]


def _missing(names: Mapping[str, str], found: Mapping[str, Tensor]) -> list[str]:
    return [name for name in names.values() if name not in found and not name.endswith(_COUNTER)]


def _strange(names: Mapping[str, str], found: Mapping[str, Tensor]) -> list[str]:
    """List the file's tensors that the filled parts don't have, as of a deeper network; heads are separate parts."""
    known, parts = set(names.values()), {name.partition(".")[0] for name in names.values()}
    return [key for key in found if key.partition(".")[0] in parts and key not in known and not key.endswith(_COUNTER)]


def _first(items: Sequence[str]) -> str:
    more = f" and {len(items) - _TOLD} more" if len(items) > _TOLD else ""
    return ", ".join(items[:_TOLD]) + more
