"""Weighted sum of values over windows; only weights and values are kept for the backward pass, no windows."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from olsrepro.models.san.windows import reflect_pad, shifted


def aggregate(weights: Tensor, values: Tensor, kernel: int) -> Tensor:
    """Compute ``y_c(i) = sum over j in N(i) of w_{c mod g}(i, j) value_c(j)``, in the dtype of the values.

    Half-precision values are summed in fp32. Source: SAN, ``lib/sa/functions/aggregation_refpad.py``.

    Args:
        weights: ``(B, g, k^2, H, W)``, a window read row by row.
        values: ``(B, C, H, W)`` with C a multiple of g and H, W more than k // 2; edges are reflected.
        kernel: k, odd.

    Returns:
        ``(B, C, H, W)``.
    """
    padded = reflect_pad(values, kernel // 2)
    if not torch.is_grad_enabled():
        return _window_sum(weights, padded, kernel)  # which torch can differentiate in forward mode
    summed: Tensor = _WindowSum.apply(weights, padded, kernel)
    return summed


class _WindowSum(torch.autograd.Function):
    """Window sum whose backward pass needs no stored windows."""

    @staticmethod
    def forward(ctx: Any, weights: Tensor, padded: Tensor, kernel: int) -> Tensor:
        ctx.save_for_backward(weights, padded)
        ctx.kernel = kernel
        return _window_sum(weights, padded, kernel)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, Tensor, None]:
        weights, padded = ctx.saved_tensors
        shares, grad = _by_share(padded, weights), _by_share(grad, weights)
        to_weights = [(grad * window).sum(1) for window in shifted(shares, ctx.kernel)]
        to_shares = torch.zeros_like(shares, dtype=_sum_dtype(weights, padded))
        for weight, window in zip(weights.unbind(2), shifted(to_shares, ctx.kernel), strict=True):
            window.addcmul_(weight.unsqueeze(1), grad)
        return torch.stack(to_weights, 2).to(weights.dtype), to_shares.flatten(1, 2).to(padded.dtype), None


def _window_sum(weights: Tensor, padded: Tensor, kernel: int) -> Tensor:
    """Sum over the offsets within the window, each one product of two views."""
    shares, (height, width) = _by_share(padded, weights), weights.shape[-2:]
    total = shares.new_zeros(*shares.shape[:3], height, width, dtype=_sum_dtype(weights, padded))
    for weight, window in zip(weights.unbind(2), shifted(shares, kernel), strict=True):
        total.addcmul_(weight.unsqueeze(1), window)
    return total.flatten(1, 2).to(padded.dtype)


def _by_share(features: Tensor, weights: Tensor) -> Tensor:
    """Split channels into (share, weight channel): ``(B, C, h, w) -> (B, C / g, g, h, w)``."""
    batch, _, height, width = features.shape
    return features.reshape(batch, -1, weights.shape[1], height, width)


def _sum_dtype(weights: Tensor, values: Tensor) -> torch.dtype:
    return torch.promote_types(torch.promote_types(weights.dtype, values.dtype), torch.float32)
