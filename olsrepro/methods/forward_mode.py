"""One pass in forward mode over a network that has just made its own: derivatives of its outputs along a direction.

What convolutions and batch normalisation gave in the network's own pass is taken from there. The tangent of batch
normalisation in training takes its sums from the backward kernel; that of a convolution is one other convolution.
Torch's own rules, by which all else goes, take twice the time.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Mapping
from functools import cache
from typing import Any, NamedTuple

import torch
import torch.autograd.forward_ad as forward_ad
import torch.nn.functional as F
from torch import Tensor
from torch.overrides import TorchFunctionMode

_RANDOM = {
    "alpha_dropout",
    "bernoulli",
    "dropout",
    "feature_dropout",
    "multinomial",
    "normal",
    "rand",
    "randn",
    "uniform",
}
_SUFFIXES = ("_like", "_", "1d", "2d", "3d")


class _Normalised(NamedTuple):
    """What batch normalisation gives, and the statistics that it used."""

    output: Tensor
    mean: Tensor
    scale: Tensor


class OwnPass(TorchFunctionMode):
    """Inside, a network's pass is kept: what 2-d convolutions and batch normalisation give, in order and uncopied."""

    def __init__(self) -> None:
        super().__init__()
        self._convolutions: list[tuple[Tensor, int]] = []
        self._norms: list[tuple[_Normalised, int]] = []
        self._random = False

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        """Make the call and keep what it gives, with the version of the output, which changes in place raise."""
        kwargs = kwargs or {}
        if func is F.batch_norm and _is_training(*args, **kwargs):
            output, mean, scale = _normalised(*args, **kwargs)
            self._norms.append((_Normalised(output.detach(), mean.detach(), scale.detach()), output._version))
            return output
        result = func(*args, **kwargs)
        if func is F.conv2d:
            self._convolutions.append((result.detach(), result._version))
        self._random = self._random or _draws(func)
        return result

    def convolutions(self) -> Iterator[Tensor | None]:
        """One after another; None for what has been changed in place, and for all where another pass would differ."""
        for output, version in self._convolutions:
            yield None if self._random or output._version != version else output

    def norms(self) -> Iterator[_Normalised | None]:
        """Likewise."""
        for result, version in self._norms:
            yield None if self._random or result.output._version != version else result


def derivative(
    function: Callable[[dict[str, Tensor]], Tensor],
    at: Mapping[str, Tensor],
    along: Mapping[str, Tensor],
    own: OwnPass | None = None,
) -> Tensor:
    """The derivative of a function of parameters along a direction, without a graph.

    Args:
        function: of tensors by name; it calls a network.
        at: the parameters.
        along: the direction, by the same names.
        own: an earlier pass of the network over the same images, with the same parameters, in full precision.
    """
    _load_torchs_rules()
    with torch.no_grad(), forward_ad.dual_level():
        duals = {name: _dual(value, along[name]) for name, value in at.items()}
        with _Rules(own):
            result = function(duals)
        primal, tangent = _parts(result)
        return torch.zeros_like(primal) if tangent is None else tangent


@cache
def _load_torchs_rules() -> None:
    """The first dual number makes torch compile rules of its own, which warns of what torch itself deprecates."""
    with warnings.catch_warnings(), forward_ad.dual_level():
        warnings.simplefilter("ignore", FutureWarning)
        _dual(torch.zeros(1), torch.zeros(1))


class _Rules(TorchFunctionMode):
    """The rules that are quicker than torch's."""

    def __init__(self, own: OwnPass | None) -> None:
        super().__init__()
        own = OwnPass() if own is None else own
        self._convolutions, self._norms = own.convolutions(), own.norms()

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        """Convolution and batch normalisation by rules of ours, everything else as it is."""
        kwargs = kwargs or {}
        if func is F.conv2d:
            return _convolution(next(self._convolutions, None), *args, **kwargs)
        if func is F.batch_norm and _is_training(*args, **kwargs):
            return _batch_norm(next(self._norms, None), *args, **kwargs)
        return func(*args, **kwargs)


def _convolution(
    own: Tensor | None,
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: Any = 1,
    padding: Any = 0,
    dilation: Any = 1,
    groups: int = 1,
) -> Tensor:
    """A convolution is linear in its image and in its weights: ``dy = dx * w + x * dw``."""
    (x, dx), (w, dw), (b, db) = _parts(input), _parts(weight), _optional_parts(bias)
    how = (stride, padding, dilation, groups)
    y = F.conv2d(x, w, b, *how) if own is None else own
    if dx is None and dw is None:
        return y if db is None else _dual(y, db.view(-1, 1, 1).expand_as(y).clone())
    if dx is None or dw is None:
        return _dual(y, F.conv2d(x if dx is None else dx, w if dw is None else dw, db, *how))
    if groups == 1:
        return _dual(y, F.conv2d(torch.cat([dx, x], 1), torch.cat([w, dw], 1), db, *how))
    return _dual(y, F.conv2d(dx, w, db, *how).add_(F.conv2d(x, dw, None, *how)))


def _batch_norm(
    own: _Normalised | None,
    input: Tensor,
    running_mean: Tensor | None,
    running_var: Tensor | None,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    training: bool = True,
    momentum: float = 0.1,
    eps: float = 1e-5,
) -> Tensor:
    """By the statistics of the batch; running ones are left alone."""
    (x, dx), (w, dw), (b, db) = _parts(input), _optional_parts(weight), _optional_parts(bias)
    y, mean, scale = own or torch.native_batch_norm(x, w, b, None, None, True, momentum, eps)
    own_slope, slope, shift = _affine(x, dx, w, dw, mean, scale, eps)
    shift = shift if db is None else shift + db
    shape = (-1, *(1 for _ in x.shape[2:]))
    dy = torch.addcmul(shift.view(shape), x, slope.view(shape))
    return _dual(y, dy if dx is None else dy.addcmul_(dx, own_slope.view(shape)))


def _affine(
    x: Tensor, dx: Tensor | None, w: Tensor | None, dw: Tensor | None, mean: Tensor, scale: Tensor, eps: float
) -> tuple[Tensor, Tensor, Tensor]:
    """The tangent as ``own_slope * dx + slope * x + shift``, by channel, but for the shift's own tangent.

    With x̂ = (x - mean) * scale it is ``w * scale * (dx - <dx> - x̂ <dx x̂>) + dw * x̂``, <> the mean of a channel.
    """
    own_slope = scale if w is None else w * scale
    of_normal, shift = torch.zeros_like(scale), torch.zeros_like(scale)
    if dx is not None:
        sums = torch.ops.aten.native_batch_norm_backward
        _, along, total = sums(dx, x, w, None, None, mean, scale, True, eps, (False, True, True))
        count = x.numel() // x.shape[1]
        of_normal, shift = -own_slope * along / count, -own_slope * total / count
    of_normal = of_normal if dw is None else of_normal + dw
    slope = of_normal * scale
    return own_slope, slope, shift - slope * mean


def _normalised(
    input: Tensor,
    running_mean: Tensor | None,
    running_var: Tensor | None,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    training: bool = True,
    momentum: float = 0.1,
    eps: float = 1e-5,
) -> _Normalised:
    """The function below torch's batch normalisation, which also gives the statistics."""
    return _Normalised(
        *torch.native_batch_norm(input, weight, bias, running_mean, running_var, training, momentum, eps)
    )


def _is_training(
    input: Tensor,
    running_mean: Tensor | None,
    running_var: Tensor | None,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    training: bool = False,
    momentum: float = 0.1,
    eps: float = 1e-5,
) -> bool:
    return training


def _parts(tensor: Tensor) -> tuple[Tensor, Tensor | None]:
    primal, tangent = forward_ad.unpack_dual(tensor)  # type: ignore[no-untyped-call]
    return primal, tangent


def _optional_parts(tensor: Tensor | None) -> tuple[Tensor | None, Tensor | None]:
    return (None, None) if tensor is None else _parts(tensor)


def _dual(primal: Tensor, tangent: Tensor) -> Tensor:
    dual: Tensor = forward_ad.make_dual(primal, tangent)  # type: ignore[no-untyped-call]
    return dual


def _draws(func: Any) -> bool:
    """Whether a function of torch draws random numbers, to tell by its name."""
    name: str = getattr(func, "__name__", "")
    return name in _RANDOM or any(name.removesuffix(suffix) in _RANDOM for suffix in _SUFFIXES)
