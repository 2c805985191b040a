"""Forward-mode pass over a network that has just made its own pass: derivatives of its outputs along a direction.

The outputs of convolutions and batch normalisation are reused from the network's own pass. The tangent of batch
normalisation in training takes its sums from the backward kernel; that of a convolution is one more convolution.
Torch's own rules, used for everything else, would take twice the time.
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
    """Output of batch normalisation and the statistics that it used."""

    output: Tensor
    mean: Tensor
    scale: Tensor


class OwnPass(TorchFunctionMode):
    """Record of a network's pass: the outputs of 2-d convolutions and batch normalisation, in order, not copied."""

    def __init__(self) -> None:
        super().__init__()
        self._convolutions: list[tuple[Tensor, int]] = []
        self._norms: list[tuple[_Normalised, int]] = []
        self._random = False

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        """Make the call and keep its output with the tensor's version, which in-place changes increase."""
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
        """Yield the outputs of convolutions; None for one changed in place, and for all if the pass was random."""
        for output, version in self._convolutions:
            yield None if self._random or output._version != version else output

    def norms(self) -> Iterator[_Normalised | None]:
        """Yield the outputs of batch norms; None for one changed in place, and for all if the pass was random."""
        for result, version in self._norms:
            yield None if self._random or result.output._version != version else result


def derivative(
    function: Callable[[dict[str, Tensor]], Tensor],
    at: Mapping[str, Tensor],
    along: Mapping[str, Tensor],
    own: OwnPass | None = None,
) -> Tensor:
    """Compute the derivative of a function of parameters along a direction, without a graph.

    Args:
        function: takes tensors by name and calls a network.
        at: the parameters, by name.
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
    """Create a first dual number, for which torch compiles its rules and warns of functions it deprecates itself."""
    with warnings.catch_warnings(), forward_ad.dual_level():
        warnings.simplefilter("ignore", FutureWarning)
        _dual(torch.zeros(1), torch.zeros(1))


class _Rules(TorchFunctionMode):
    """Rules that are faster than torch's."""

    def __init__(self, own: OwnPass | None) -> None:
        super().__init__()
        own = OwnPass() if own is None else own
        self._convolutions, self._norms = own.convolutions(), own.norms()

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        """Apply our rules to convolution and batch normalisation, torch's to everything else."""
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
    """Convolve, with the tangent ``dy = dx * w + x * dw``: a convolution is linear in its image and its weights."""
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
    """Normalise by the statistics of the batch; running statistics are left unchanged."""
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
    """Return the tangent as ``own_slope * dx + slope * x + shift``, by channel, without the tangent of the bias.

    With x̂ = (x - mean) * scale it is ``w * scale * (dx - <dx> - x̂ <dx x̂>) + dw * x̂``, <> the mean over a channel.
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
    """Call the function beneath torch's batch normalisation, which also returns the statistics."""
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
    """Tell from its name whether a torch function draws random numbers."""
    name: str = getattr(func, "__name__", "")
    return name in _RANDOM or any(name.removesuffix(suffix) in _RANDOM for suffix in _SUFFIXES)
