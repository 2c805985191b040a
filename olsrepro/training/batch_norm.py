"""Source of batch normalisation's statistics, in any network: one rank, all ranks, or the running statistics."""

from __future__ import annotations

from functools import cache
from typing import TypeVar

import torch
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm

from olsrepro.distributed.ranks import rank_count
from olsrepro.methods.settings import MethodSettings
from olsrepro.settings import UserError

T = TypeVar("T", bound=nn.Module)


def apply_batch_norm(kind: str, module: T) -> T:
    """Return the module with its batch norms as ``recipe.batch_norm`` says; parameters, buffers and keys stay the same.

    Args:
        kind: ``local`` changes nothing. ``frozen``: running statistics normalise and never move, in training as in a
            test; scale and shift still learn. ``sync``: statistics of a step's images on all ranks; changes nothing
            on a single rank.
        module: a network, or a label method with heads; it is changed in place and returned, unless it is a single
            batch norm that becomes another.

    Raises:
        UserError: a batch norm without running statistics can't be frozen.
    """
    if kind == "frozen":
        return _frozen(module)
    return _shared(module) if kind == "sync" and rank_count() > 1 else module


def check_batch_norm(kind: str, method: MethodSettings, device: torch.device) -> None:
    """Refuse (:class:`UserError`) what torch can't do with statistics of several ranks.

    It takes them on CUDA devices only, and can't differentiate them in forward mode or twice.
    """
    if kind != "sync" or rank_count() == 1:
        return
    if device.type != "cuda":
        raise UserError(
            f"recipe.batch_norm=sync needs CUDA devices, but these {rank_count()} ranks train on {device.type}; set"
            " recipe.batch_norm=local"
        )
    if method.takes_meta_gradient:
        raise UserError(
            f"recipe.batch_norm=sync does not work with method={method.name}, whose meta-gradient torch can't take"
            " through statistics of several ranks; set recipe.batch_norm=local"
        )


class _Frozen(_BatchNorm):
    """A batch norm that stays in evaluation mode whatever mode is set; modules inside it, such as dropout, follow."""

    def train(self: T, mode: bool = True) -> T:
        super().train(mode)
        self.training = False
        return self


@cache
def _frozen_kind(kind: type[_BatchNorm]) -> type[_Frozen]:
    """Return the frozen form of a class of batch norms, with all that it does besides: timm's apply an activation."""
    return type(f"Frozen{kind.__name__}", (_Frozen, kind), {})


def _frozen(module: T) -> T:
    # Layers change their class, not their identity: methods and stages that hold a layer still hold it.
    for name, layer in module.named_modules():
        if not isinstance(layer, _BatchNorm) or isinstance(layer, _Frozen):
            continue
        if layer.running_mean is None:
            raise UserError(
                f"recipe.batch_norm=frozen needs running statistics, which {name or 'a batch norm'} does not keep;"
                " set recipe.batch_norm=local"
            )
        layer.__class__ = _frozen_kind(type(layer))  # type: ignore[arg-type]  # of a class mypy asks what an object has
        layer.train(layer.training)
    return module


def _shared(module: T) -> T:
    from timm.layers.norm_act import convert_sync_batchnorm  # slow to import; torch's own would lose activations

    converted: T = convert_sync_batchnorm(module)  # type: ignore[no-untyped-call,unused-ignore]
    return converted
